/** What the simulated days show together, and whether that is what allot promises. */
import { CAUSES, type DriftCause } from '#core/drift.ts';
import type { DayResult } from './day.ts';
import { type CauseTally, type DriftTally, noCauses } from './drift-watch.ts';
import { ORDERS } from './traffic.ts';

/** Oversold units are fewer than the naive connector's by so much. */
export const FEWER_OVERSOLD = 0.95;
/** Of demand. */
export const UNDERSOLD_MAX = 0.01;
/** Shares of fewer days than this say nothing. */
export const DAYS_FOR_SHARES = 20;
/** In so many days every cause of drift happens, the rarest too. */
export const DAYS_FOR_CAUSES = 100;

export type SimReport = {
  readonly seeds: number;
  readonly failures: number;
  readonly ordersPerDay: number;
  readonly demandUnits: number;
  readonly oversoldUnits: number;
  readonly oversoldUnitsNaive: number;
  readonly oversoldAfterKnown: number;
  /** Of `oversoldUnits`: out of a number that somebody else wrote. */
  readonly oversoldByEdit: number;
  /** Of `oversoldUnits`: out of a number that our own write, which showed late, had put back over sales. */
  readonly oversoldByLateWrite: number;
  readonly undersoldUnits: number;
  readonly undersoldUnitsNaive: number;
  /** Of the faults that were made; by kind below. */
  readonly drift: DriftTally;
  readonly faults: Readonly<Record<string, DriftTally>>;
  /** By what allot told of a listing that drifts. */
  readonly causes: Readonly<Record<DriftCause, CauseTally>>;
  readonly alertsClosed: number;
  readonly alertsClosedWithoutProof: number;
  readonly commands: number;
  readonly lostCommands: number;
  /** Of days: with their seed; of the sums: without. */
  readonly broken: readonly { readonly seed: number | null; readonly says: string }[];
};

export const total = (days: readonly DayResult[], figure: (day: DayResult) => number): number =>
  days.reduce((sum, day) => sum + figure(day), 0);

export const percent = (part: number): string => `${(100 * part).toFixed(2)} %`;

const ENDS = ['healed', 'alerted', 'open'] as const;

function sumFaults(days: readonly DayResult[]): Record<string, DriftTally> {
  const kinds = [...new Set(days.flatMap(({ faults }) => Object.keys(faults)))].sort();
  const sumOf = (kind: string, end: keyof DriftTally): number => total(days, ({ faults }) => faults[kind]?.[end] ?? 0);
  return Object.fromEntries(
    kinds.map((kind) => [
      kind,
      { healed: sumOf(kind, 'healed'), alerted: sumOf(kind, 'alerted'), open: sumOf(kind, 'open') },
    ]),
  );
}

function sumCauses(days: readonly DayResult[]): Record<DriftCause, CauseTally> {
  const sums = noCauses();
  for (const { causes } of days)
    for (const cause of CAUSES)
      for (const figure of ['told', ...ENDS] as const) sums[cause][figure] += causes[cause][figure];
  return sums;
}

/** What only many days can show. */
function brokenSums(report: Omit<SimReport, 'failures' | 'broken'>): string[] {
  const { seeds, oversoldUnits, oversoldUnitsNaive, undersoldUnits, demandUnits, causes } = report;
  const broken: string[] = [];
  if (seeds >= DAYS_FOR_SHARES && oversoldUnits > (1 - FEWER_OVERSOLD) * oversoldUnitsNaive)
    broken.push(
      `${oversoldUnits} units were oversold, and ${oversoldUnitsNaive} by the naive connector: less than ${percent(FEWER_OVERSOLD)} fewer`,
    );
  if (seeds >= DAYS_FOR_SHARES && undersoldUnits > UNDERSOLD_MAX * demandUnits)
    broken.push(
      `${undersoldUnits} units were refused without need: more than ${percent(UNDERSOLD_MAX)} of ${demandUnits}`,
    );
  const untold = CAUSES.filter((cause) => causes[cause].told === 0);
  if (seeds >= DAYS_FOR_CAUSES && untold.length > 0)
    broken.push(`no drift was told to be by ${untold.join(', ')}: it never happened, or it is not known any more`);
  return broken;
}

export function reportOf(days: readonly DayResult[]): SimReport {
  const ofDays = days.flatMap(({ seed, broken }) => broken.map((says) => ({ seed, says })));
  const figures = {
    seeds: days.length,
    ordersPerDay: ORDERS,
    demandUnits: total(days, (day) => day.demandUnits),
    oversoldUnits: total(days, (day) => day.allot.oversold),
    oversoldUnitsNaive: total(days, (day) => day.naive.oversold),
    oversoldAfterKnown: total(days, (day) => day.allot.oversoldAfterKnown),
    oversoldByEdit: total(days, (day) => day.allot.oversoldByEdit),
    oversoldByLateWrite: total(days, (day) => day.allot.oversoldByLateWrite),
    undersoldUnits: total(days, (day) => day.allot.undersold),
    undersoldUnitsNaive: total(days, (day) => day.naive.undersold),
    drift: {
      healed: total(days, ({ drift }) => drift.healed),
      alerted: total(days, ({ drift }) => drift.alerted),
      open: total(days, ({ drift }) => drift.open),
    },
    faults: sumFaults(days),
    causes: sumCauses(days),
    alertsClosed: total(days, ({ alerts }) => alerts.closed),
    alertsClosedWithoutProof: total(days, ({ alerts }) => alerts.closedWithoutProof),
    commands: total(days, (day) => day.commands),
    lostCommands: total(days, (day) => day.lostCommands),
  };
  const ofSums = brokenSums(figures).map((says) => ({ seed: null, says }));
  const failures = new Set(ofDays.map(({ seed }) => seed)).size + ofSums.length;
  return { ...figures, failures, broken: [...ofDays, ...ofSums] };
}

export const units = (count: number): string => count.toLocaleString('en-US');

const sayTally = ({ healed, alerted, open }: DriftTally): string =>
  [healed, alerted, open].map((count) => units(count).padStart(9)).join('');

export function sayReport(report: SimReport): string {
  const { oversoldUnits, oversoldUnitsNaive, undersoldUnits, demandUnits, drift } = report;
  const fewer = oversoldUnitsNaive === 0 ? 0 : 1 - oversoldUnits / oversoldUnitsNaive;
  return [
    `${report.seeds} days of ${report.ordersPerDay} orders, ${units(demandUnits)} units wanted`,
    `oversold        ${units(oversoldUnits)} units; the naive connector ${units(oversoldUnitsNaive)} (${percent(fewer)} fewer)`,
    `  after known   ${units(report.oversoldAfterKnown)}`,
    `  by edit       ${units(report.oversoldByEdit)}, out of a number that somebody else wrote`,
    `  by late write ${units(report.oversoldByLateWrite)}, put back on sale by a write of ours that showed after them`,
    `undersold       ${units(undersoldUnits)} units, ${percent(undersoldUnits / Math.max(1, demandUnits))} of what was wanted; naive ${units(report.undersoldUnitsNaive)}`,
    `drift              told   healed  alerted     open beyond their time`,
    `  faults made          ${sayTally(drift)}`,
    ...Object.entries(report.faults).map(([kind, tally]) => `    ${kind.padEnd(19)}${sayTally(tally)}`),
    ...CAUSES.map(
      (cause) =>
        `  ${cause.padEnd(14)}${units(report.causes[cause].told).padStart(8)}${sayTally(report.causes[cause])}`,
    ),
    `alerts          ${units(report.alertsClosed)} closed, ${report.alertsClosedWithoutProof} without proof`,
    `commands        ${units(report.commands)}, ${report.lostCommands} lost`,
    ...report.broken.map(({ seed, says }) =>
      seed === null ? `FAIL  ${says}` : `FAIL  seed ${seed}: ${says}   (npm run sim -- --seed ${seed})`,
    ),
  ].join('\n');
}
