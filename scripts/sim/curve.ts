/**
 * What keeping units back costs and saves: oversold against undersold units over targets of the latency-derived buffer, over fixed
 * buffers, and the naive connector's over the same fixed buffers (it measures nothing that a target could be kept by).
 */
import { type Keep, NOTHING_KEPT } from './brand.ts';
import type { DayResult } from './day.ts';
import type { Ask } from './lanes.ts';
import { percent, total, units } from './report.ts';
import type { Figures } from './world.ts';

/** Chances of overselling within the latency, percent. */
const TARGETS = [20, 10, 5, 2, 1, 0.5, 0.1];
const BUFFERS = [0, 1, 2, 3, 5];

const KEEPS: readonly Keep[] = [
  ...TARGETS.map((oversellPercent): Keep => ({ kind: 'target', oversellPercent })),
  ...BUFFERS.map((buffer): Keep => ({ kind: 'units', units: buffer })),
];

export const curveAsks = (seeds: readonly number[], kits: boolean): Ask[] =>
  KEEPS.flatMap((keep) => seeds.map((seed) => ({ seed, keep, kits })));

export type CurvePoint = {
  readonly oversoldUnits: number;
  /** Of these, out of a number that somebody else wrote: no buffer of ours is in it. */
  readonly oversoldByEdit: number;
  readonly undersoldUnits: number;
};

export type SimCurve = {
  readonly seeds: number;
  readonly demandUnits: number;
  /** `target`: chance of overselling that is allowed, percent. */
  readonly curve: readonly (CurvePoint & { readonly target: number })[];
  /** Units kept back, whatever sells. */
  readonly fixed: readonly (CurvePoint & { readonly buffer: number })[];
  readonly naive: readonly (CurvePoint & { readonly buffer: number })[];
};

function pointOf(days: readonly DayResult[], figures: (day: DayResult) => Figures): CurvePoint {
  return {
    oversoldUnits: total(days, (day) => figures(day).oversold),
    oversoldByEdit: total(days, (day) => figures(day).oversoldByEdit),
    undersoldUnits: total(days, (day) => figures(day).undersold),
  };
}

export function curveOf(days: readonly DayResult[]): SimCurve {
  const daysOf = (keep: Keep): readonly DayResult[] =>
    days.filter((day) => JSON.stringify(day.keep) === JSON.stringify(keep));
  const targets = KEEPS.flatMap((keep) => (keep.kind === 'target' ? [{ keep, target: keep.oversellPercent }] : []));
  const buffers = KEEPS.flatMap((keep) => (keep.kind === 'units' ? [{ keep, buffer: keep.units }] : []));
  const first = daysOf(NOTHING_KEPT);
  return {
    seeds: first.length,
    demandUnits: total(first, (day) => day.demandUnits),
    curve: targets.map(({ keep, target }) => ({ target, ...pointOf(daysOf(keep), ({ allot }) => allot) })),
    fixed: buffers.map(({ keep, buffer }) => ({ buffer, ...pointOf(daysOf(keep), ({ allot }) => allot) })),
    naive: buffers.map(({ keep, buffer }) => ({ buffer, ...pointOf(daysOf(keep), ({ naive }) => naive) })),
  };
}

type Mark = CurvePoint & { readonly sign: string; readonly name: string };

function marksOf({ curve, fixed, naive }: SimCurve): Mark[] {
  const letter = (index: number, from: string): string => String.fromCharCode(from.charCodeAt(0) + index);
  return [
    ...curve.map((point, at) => ({ ...point, sign: letter(at, 'a'), name: `allot, chance at most ${point.target} %` })),
    ...fixed.map((point, at) => ({ ...point, sign: letter(at, 'A'), name: `allot, ${point.buffer} kept back` })),
    ...naive.map((point, at) => ({ ...point, sign: letter(at, '1'), name: `naive, ${point.buffer} kept back` })),
  ];
}

const [WIDTH, HEIGHT] = [64, 18];

/** Both axes are logarithmic, or the naive connector would hide all others; what is 0 stands on the axis. */
function plane(marks: readonly Mark[], demandUnits: number): string[] {
  const scale = (numbers: readonly number[], steps: number) => {
    const logs = numbers.filter((number) => number > 0).map(Math.log);
    const [low, high] = [Math.min(...logs), Math.max(...logs)];
    const place = (number: number): number =>
      number <= 0 ? 0 : Math.round(((Math.log(number) - low) / (high - low || 1)) * (steps - 1));
    return { place, at: (step: number): number => Math.exp(low + ((high - low) * step) / (steps - 1)) };
  };
  const across = scale(
    marks.map((mark) => mark.undersoldUnits),
    WIDTH,
  );
  const up = scale(
    marks.map((mark) => mark.oversoldUnits),
    HEIGHT,
  );
  const grid = Array.from({ length: HEIGHT }, () => Array.from({ length: WIDTH }, () => ' '));
  for (const { sign, oversoldUnits, undersoldUnits } of marks) {
    const [row, column] = [grid[up.place(oversoldUnits)], across.place(undersoldUnits)];
    if (row !== undefined) row[column] = row[column] === ' ' ? sign : '*';
  }
  const rows = grid.map((row, at) => {
    const label = at % 4 === 1 || at === HEIGHT - 1 ? units(Math.round(up.at(at))) : '';
    return `${label.padStart(9)} |${row.join('').trimEnd()}`;
  });
  const ticks = Array.from({ length: 5 }, (_, at) => percent(across.at((at * (WIDTH - 1)) / 4) / demandUnits));
  return [
    'oversold units',
    ...rows.reverse(),
    `${' '.repeat(9)} +${'-'.repeat(WIDTH)}`,
    `${' '.repeat(11)}${ticks.map((tick) => tick.padEnd(WIDTH / 4 - 1)).join(' ')}`.trimEnd(),
    `${' '.repeat(11)}undersold, of what was wanted`,
  ];
}

export function drawCurve(all: SimCurve): string {
  const { seeds, demandUnits } = all;
  const marks = marksOf(all);
  const table = marks.map(({ sign, name, oversoldUnits, oversoldByEdit, undersoldUnits }) => {
    const under = `${units(undersoldUnits).padStart(8)} ${percent(undersoldUnits / Math.max(1, demandUnits)).padStart(8)}`;
    return `${sign}  ${name.padEnd(30)}${units(oversoldUnits).padStart(9)}${units(oversoldByEdit).padStart(11)}${under}`;
  });
  return [
    `${seeds} days, ${units(demandUnits)} units wanted`,
    `   ${' '.repeat(30)} oversold    by edit  undersold`,
    ...table,
    'by edit: of the oversold, out of a number that somebody else wrote',
    '',
    ...plane(marks, demandUnits),
  ].join('\n');
}
