/** What the simulated days show together, and whether that is what allot promises. */
import type { DayResult } from './day.ts';
import type { DriftTally } from './drift-watch.ts';
import { ORDERS } from './traffic.ts';

/** Oversold units are fewer than the naive connector's by so much. */
export const FEWER_OVERSOLD = 0.95;
/** Of demand. */
export const UNDERSOLD_MAX = 0.01;
/** Shares of fewer days than this say nothing. */
export const DAYS_FOR_SHARES = 20;

export type SimReport = {
  readonly seeds: number;
  readonly failures: number;
  readonly ordersPerDay: number;
  readonly demandUnits: number;
  readonly oversoldUnits: number;
  readonly oversoldUnitsNaive: number;
  readonly oversoldAfterKnown: number;
  readonly undersoldUnits: number;
  readonly undersoldUnitsNaive: number;
  readonly drift: DriftTally;
  readonly alertsClosedWithoutProof: number;
  readonly lostCommands: number;
  /** Of days: with their seed; of the sums: without. */
  readonly broken: readonly { readonly seed: number | null; readonly says: string }[];
};

const total = (days: readonly DayResult[], figure: (day: DayResult) => number): number =>
  days.reduce((sum, day) => sum + figure(day), 0);

const percent = (part: number): string => `${(100 * part).toFixed(2)} %`;

export function reportOf(days: readonly DayResult[]): SimReport {
  const demandUnits = total(days, (day) => day.demandUnits);
  const oversoldUnits = total(days, (day) => day.allot.oversold);
  const oversoldUnitsNaive = total(days, (day) => day.naive.oversold);
  const undersoldUnits = total(days, (day) => day.allot.undersold);
  const ofDays = days.flatMap(({ seed, broken }) => broken.map((says) => ({ seed, says })));
  const ofSums: string[] = [];
  if (days.length >= DAYS_FOR_SHARES) {
    if (oversoldUnits > (1 - FEWER_OVERSOLD) * oversoldUnitsNaive)
      ofSums.push(
        `${oversoldUnits} units were oversold, and ${oversoldUnitsNaive} by the naive connector: less than ${percent(FEWER_OVERSOLD)} fewer`,
      );
    if (undersoldUnits > UNDERSOLD_MAX * demandUnits)
      ofSums.push(
        `${undersoldUnits} units were refused without need: more than ${percent(UNDERSOLD_MAX)} of ${demandUnits}`,
      );
  }
  return {
    seeds: days.length,
    failures: new Set(ofDays.map(({ seed }) => seed)).size + ofSums.length,
    ordersPerDay: ORDERS,
    demandUnits,
    oversoldUnits,
    oversoldUnitsNaive,
    oversoldAfterKnown: total(days, (day) => day.allot.oversoldAfterKnown),
    undersoldUnits,
    undersoldUnitsNaive: total(days, (day) => day.naive.undersold),
    drift: {
      healed: total(days, ({ drift }) => drift.healed),
      alerted: total(days, ({ drift }) => drift.alerted),
      open: total(days, ({ drift }) => drift.open),
    },
    alertsClosedWithoutProof: total(days, ({ alerts }) => alerts.closedWithoutProof),
    lostCommands: total(days, (day) => day.lostCommands),
    broken: [...ofDays, ...ofSums.map((says) => ({ seed: null, says }))],
  };
}

const units = (count: number): string => count.toLocaleString('en-US');

export function sayReport(report: SimReport): string {
  const { oversoldUnits, oversoldUnitsNaive, undersoldUnits, demandUnits, drift } = report;
  const fewer = oversoldUnitsNaive === 0 ? 0 : 1 - oversoldUnits / oversoldUnitsNaive;
  return [
    `${report.seeds} days of ${report.ordersPerDay} orders, ${units(demandUnits)} units wanted`,
    `oversold        ${units(oversoldUnits)} units; the naive connector ${units(oversoldUnitsNaive)} (${percent(fewer)} fewer)`,
    `  after known   ${units(report.oversoldAfterKnown)}`,
    `undersold       ${units(undersoldUnits)} units, ${percent(undersoldUnits / Math.max(1, demandUnits))} of what was wanted; naive ${units(report.undersoldUnitsNaive)}`,
    `drift           ${units(drift.healed)} healed, ${units(drift.alerted)} alerted, ${units(drift.open)} open beyond their time`,
    `alerts closed without proof ${report.alertsClosedWithoutProof}, lost commands ${report.lostCommands}`,
    ...report.broken.map(({ seed, says }) =>
      seed === null ? `FAIL  ${says}` : `FAIL  seed ${seed}: ${says}   (npm run sim -- --seed ${seed})`,
    ),
  ].join('\n');
}

export type CurvePoint = {
  readonly buffer: number;
  readonly oversoldUnits: number;
  readonly undersoldUnits: number;
  readonly demandUnits: number;
};

export const curveOf = (days: readonly DayResult[]): CurvePoint[] =>
  [...Map.groupBy(days, ({ buffer }) => buffer)].map(([buffer, group]) => ({
    buffer,
    oversoldUnits: total(group, (day) => day.allot.oversold),
    undersoldUnits: total(group, (day) => day.allot.undersold),
    demandUnits: total(group, (day) => day.demandUnits),
  }));

const BAR = 40;

/** Undersold against oversold, a row per buffer. */
export function drawCurve(points: readonly CurvePoint[]): string {
  const most = Math.max(1, ...points.flatMap(({ oversoldUnits, undersoldUnits }) => [oversoldUnits, undersoldUnits]));
  const bar = (count: number, sign: string): string => sign.repeat(Math.ceil((BAR * count) / most));
  return [
    'buffer  oversold                undersold',
    ...points.flatMap(({ buffer, oversoldUnits, undersoldUnits, demandUnits }) => [
      `${String(buffer).padStart(6)}  ${units(oversoldUnits).padStart(8)}  ${bar(oversoldUnits, '#')}`,
      `        ${units(undersoldUnits).padStart(8)}  ${bar(undersoldUnits, '-')} ${percent(undersoldUnits / Math.max(1, demandUnits))}`,
    ]),
    '# oversold   - refused without need',
  ].join('\n');
}
