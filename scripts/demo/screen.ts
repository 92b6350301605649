/**
 * What a person sees while the demo runs, on stderr: on a terminal a table that is redrawn twice a second, elsewhere a line every ten.
 *
 * Guarantees: at most one drawing at a time; what the platforms show is read from them, not from allot's tables; the terminal is left
 * as it was.
 */
import type { Database } from '#db/client.ts';
import { readSkuTable, type SkuFigures } from '#db/status.ts';
import { CHANNELS } from './brand.ts';
import { type Controls, type Levels, readLevels } from './settle.ts';

export type Progress = {
  readonly day: string;
  readonly done: number;
  readonly total: number;
  readonly ordersPerSecond: number;
  readonly leftS: number | null;
  readonly outstanding: number;
};

export type Screen = { stop(): Promise<void> };

export type ScreenOptions = {
  readonly db: Database;
  readonly controls: Controls;
  /** The most interesting first. */
  readonly skus: readonly string[];
  readonly progress: () => Progress;
  readonly stream: NodeJS.WriteStream;
};

const DRAW_EVERY_MS = 500;
const LINE_EVERY_MS = 10_000;
/** Reading all levels of a large catalogue takes its time: it may cost a twentieth of ours. */
const LEVELS_SHARE = 20;
const HEAD_ROWS = 3;

export function sayProgress({ day, done, total, ordersPerSecond, leftS, outstanding }: Progress): string {
  const left = leftS === null ? '' : `, ${Math.round(leftS)} s left`;
  return `${day}  ${done} of ${total} orders, ${ordersPerSecond.toFixed(1)} a second${left}, ${outstanding} outstanding`;
}

/** `shows` is what a buyer finds there. */
export function drawTable(
  rows: readonly SkuFigures[],
  levels: Levels,
  size: { readonly columns: number; readonly rows: number },
): string[] {
  const shown = new Map(
    [...levels].map(([channel, all]) => [channel, new Map(all.map(({ sku, sellable }) => [sku, sellable]))]),
  );
  const cells = rows.map(({ sku, onHand, allocated, atp, channels }) => [
    sku,
    String(onHand),
    String(allocated),
    String(atp),
    ...CHANNELS.map(({ id }) => `${channels[id]?.shouldShow ?? '-'} / ${shown.get(id)?.get(sku) ?? '-'}`),
  ]);
  const head = ['SKU', 'on hand', 'allocated', 'ATP', ...CHANNELS.map(({ id }) => id)];
  const all = [head, ...cells].slice(0, Math.max(1, size.rows));
  const widths = head.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  return all.map((row) => line(row).slice(0, size.columns));
}

function startLines({ progress, stream }: ScreenOptions): Screen {
  const timer = setInterval(() => stream.write(`${sayProgress(progress())}\n`), LINE_EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
    },
  };
}

const CLEAR_TO_END = '\u001b[J';
const upBy = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}A\r`);

function startTable({ db, controls, skus, progress, stream }: ScreenOptions): Screen {
  let drawn = 0;
  let levels: Levels = new Map();
  let nextLevelsAt = 0;
  let drawing: Promise<void> | null = null;
  const draw = async (): Promise<void> => {
    const [columns, rows] = [Math.max(20, stream.columns), Math.max(5, stream.rows - HEAD_ROWS)];
    const startedAt = performance.now();
    if (startedAt >= nextLevelsAt) {
      levels = await readLevels(controls);
      nextLevelsAt = performance.now() + (performance.now() - startedAt) * LEVELS_SHARE;
    }
    const table = await readSkuTable(db, { skus: skus.slice(0, rows) });
    const lines = [
      sayProgress(progress()).slice(0, columns),
      'each channel: should show / shows'.slice(0, columns),
      ...drawTable(table, levels, { columns, rows }),
    ];
    stream.write(`${upBy(drawn)}${CLEAR_TO_END}${lines.join('\n')}\n`);
    drawn = lines.length;
  };
  const timer = setInterval(() => {
    // A drawing that fails is no reason to end a demo: the run itself meets the same fault and tells it.
    drawing ??= draw()
      .catch((error: unknown) => void stream.write(`the table cannot be drawn: ${String(error)}\n`))
      .finally(() => {
        drawing = null;
      });
  }, DRAW_EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await drawing;
    },
  };
}

export const startScreen = (options: ScreenOptions): Screen =>
  options.stream.isTTY ? startTable(options) : startLines(options);
