/**
 * How results look: one versioned JSON document with `--json`, else text and tables without frames, so that a pipe reads them too.
 *
 * Guarantees: nothing but the result reaches standard output; colours only on a terminal, never with NO_COLOR, `--no-color` or
 * TERM=dumb; an unknown value is a dash, never 0; instants are ISO with their zone in JSON, ages in text.
 */
import { styleText } from 'node:util';
import type { Instant } from '#core/model.ts';
import type { Io } from './io.ts';

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green';

export type Output = {
  readonly isJson: boolean;
  /** The result: `document` with --json, else what `text` answers. Once per command. */
  readonly show: (document: object, text: () => string) => void;
  readonly paint: (style: Style, text: string) => string;
  readonly table: (columns: readonly Column[], rows: readonly (readonly Cell[])[]) => string;
  readonly age: (at: Instant | null) => string;
};

export type Column = { readonly title: string; readonly isNumber?: boolean };
export type Cell = string | number | null | undefined;

export function openOutput(io: Io, options: { readonly json: boolean; readonly color: boolean }): Output {
  const hasColor =
    options.color && io.isTerminal && !options.json && (io.env.NO_COLOR ?? '') === '' && io.env.TERM !== 'dumb';
  const paint: Output['paint'] = (style, text) => (hasColor ? styleText(style, text, { validateStream: false }) : text);
  const width = io.isTerminal ? io.width : Number.POSITIVE_INFINITY;
  return {
    isJson: options.json,
    show: (document, text) => io.write(options.json ? writeJson(document, io.isTerminal) : endLine(text())),
    paint,
    table: (columns, rows) => drawTable(columns, rows, { width, head: (line) => paint('bold', line) }),
    age: (at) => (at === null ? '-' : `${sayDuration(io.now() - at)} ago`),
  };
}

const endLine = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

/** Keys that hold instants (epoch milliseconds inside, ISO outside). */
const INSTANT_KEY = /(At|Since|Until|^at|^since|^until|^asOf|^deadline|^shipBy)$/;

export function writeJson(document: object, isIndented: boolean): string {
  const replace = (key: string, value: unknown): unknown =>
    typeof value === 'number' && INSTANT_KEY.test(key) ? new Date(value).toISOString() : value;
  return `${JSON.stringify(document, replace, isIndented ? 2 : undefined)}\n`;
}

const sayCell = (cell: Cell): string =>
  cell === null || cell === undefined || cell === '' ? '-' : String(cell).replace(/\s+/g, ' ');

function drawTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  look: { readonly width: number; readonly head: (line: string) => string },
): string {
  const cells = rows.map((row) => columns.map((_, index) => sayCell(row[index])));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string => {
    const padded = row.map((cell, index) => {
      const to = widths[index] ?? 0;
      return columns[index]?.isNumber ? cell.padStart(to) : cell.padEnd(to);
    });
    const text = padded.join('  ').trimEnd();
    return text.length > look.width ? `${text.slice(0, Math.max(0, look.width - 1))}…` : text;
  };
  return [look.head(line(columns.map(({ title }) => title))), ...cells.map(line), ''].join('\n');
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/** In its two largest units: `4 min`, `2 h 5 min`. */
export function sayDuration(ms: number): string {
  let left = Math.max(0, ms);
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    if (parts.length === 2 || (parts.length === 1 && count === 0)) break;
  }
  return parts.join(' ') || '0 s';
}

/** Columns of two: names and what they say. */
export function sayPairs(pairs: readonly (readonly [string, Cell])[]): string {
  const to = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(to)}  ${sayCell(value)}`).join('\n');
}

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
