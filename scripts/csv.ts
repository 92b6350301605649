/**
 * Reads a CSV file with one header row into named cells, and tells every fault by line and column with its mend.
 *
 * Guarantees: `,`, `;` and tab, with or without BOM, LF or CRLF; leading zeros stay; a row with a fault is told and left out, and the
 * rest goes on; a file whose header does not fit is refused as a whole. UTF-8 only.
 */
import { CsvError, parse } from 'csv-parse/sync';
import type { Instant } from '#core/model.ts';
import { isAmount, isCurrency } from '#core/money.ts';
import { suggest } from '#workers/did-you-mean.ts';
import { type Parsed, parseDay, parseDue, parseInstant, parseWhole } from './arguments.ts';
import { Failure } from './io.ts';

export type CsvColumns = {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** How each is written: what help tells, in the order of the columns. */
  readonly says: Readonly<Record<string, string>>;
};

export const columnsOf = (
  required: Readonly<Record<string, string>>,
  optional: Readonly<Record<string, string>> = {},
): CsvColumns => ({
  required: Object.keys(required),
  optional: Object.keys(optional),
  says: { ...required, ...optional },
});

/** What parts several values of one cell, and the pairs of a cell. */
export const SEPARATORS = { values: '|', pairs: ';' } as const;

/** A row that cannot be read; `reason` names the column. */
export type CsvFault = { readonly line: number; readonly key: string; readonly reason: string; readonly fix: string };

export type CsvRow = {
  readonly line: number;
  /** The cell, without spaces around it; null where it is empty or the column is missing. */
  readonly text: (column: string) => string | null;
  /** The readers below note a fault and answer a stand-in: the row is left out then. */
  readonly need: (column: string) => string;
  /** A key that counts to the letter: spaces and invisible signs are refused, never trimmed away. */
  readonly exact: (column: string) => string;
  readonly whole: (column: string, least: number) => number | null;
  readonly needWhole: (column: string, least: number) => number;
  readonly instant: (column: string) => Instant | null;
  /** A day (its first moment in UTC), or a moment with its zone. */
  readonly day: (column: string) => Instant | null;
  /** A moment, or a day by its end in UTC; a stand-in where the cell is empty, which is noted. */
  readonly needDue: (column: string) => Instant;
  readonly oneOf: <Word extends string>(column: string, words: readonly Word[]) => Word | null;
  /** An exact amount with the currency of the other column, or null there; `none` takes it away; null where the amount is empty. */
  readonly money: (amount: string, currency: string) => CsvMoney | 'none' | null;
  /** Several values: `ONE|OTHER`; null where the cell is empty. */
  readonly values: (column: string) => string[] | null;
  /** Names of groups, each once and sorted. */
  readonly groups: (column: string) => string[] | null;
  /** `NAME:2;OTHER:1`, each name once, from `least`; empty for `none`. */
  readonly pairs: (column: string, least: number) => { readonly name: string; readonly quantity: number }[] | null;
};

/** `currency` null: the one that is known already. */
export type CsvMoney = { readonly amount: string; readonly currency: string | null };

export type CsvResult<Row> = {
  readonly rows: readonly Row[];
  readonly faults: readonly CsvFault[];
  readonly unread: readonly string[];
};

const BYTES_MAX = 64 * 1024 * 1024;
const DELIMITERS = [',', ';', '\t'] as const;

type Raw = { readonly record: readonly string[]; readonly info: { readonly lines: number } };

export function readCsv<Row>(
  file: { readonly name: string; readonly bytes: Uint8Array },
  columns: CsvColumns,
  read: (row: CsvRow) => Row,
): CsvResult<Row> {
  const records = parseRecords(file.name, decode(file));
  const [head, ...body] = records;
  if (head === undefined)
    throw new Failure(`${file.name} is empty`, {
      mend: `its first row must name the columns: ${columns.required.join(',')}`,
    });
  const places = placeColumns(file.name, head.record, columns);
  const rows: Row[] = [];
  const faults: CsvFault[] = [];
  for (const { record, info } of body) {
    const found: CsvFault[] = [];
    const key = record[0]?.trim() ?? '';
    if (record.length !== head.record.length) {
      const reason = `the row has ${record.length} cells, and the header ${head.record.length}`;
      faults.push({
        line: info.lines,
        key,
        reason,
        fix: 'put cells that hold the delimiter in quotes, and give each column its cell',
      });
      continue;
    }
    const row = read(
      openRow({
        record,
        places,
        line: info.lines,
        note: (reason, fix) => found.push({ line: info.lines, key, reason, fix }),
      }),
    );
    if (found.length === 0) rows.push(row);
    else faults.push(...found.slice(0, 1));
  }
  const known = [...columns.required, ...columns.optional];
  return { rows, faults, unread: head.record.map(nameOf).filter((name) => name !== '' && !known.includes(name)) };
}

function decode({ name, bytes }: { readonly name: string; readonly bytes: Uint8Array }): string {
  if (bytes.length > BYTES_MAX) {
    throw new Failure(`${name} is larger than ${BYTES_MAX / 1024 / 1024} MB`, {
      mend: 'split it, each part with the header row',
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Failure(`${name} is not UTF-8 text`, { mend: 'save it as "CSV UTF-8" and import it again' });
  }
}

/** What divides the header row: names hold neither of the candidates. */
function delimiterOf(text: string): string {
  const [head = ''] = text.split(/\r?\n/, 1);
  const counts = DELIMITERS.map((delimiter) => ({ delimiter, count: head.split(delimiter).length }));
  return counts.reduce((best, one) => (one.count > best.count ? one : best)).delimiter;
}

function parseRecords(name: string, text: string): Raw[] {
  try {
    const options = {
      delimiter: delimiterOf(text),
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
    } as const;
    return parse(text, options) as unknown as Raw[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new Failure(`${name} cannot be read as CSV`, {
      why: error.message,
      mend: 'look at the quotes on that line: a quote inside a quoted cell is written twice',
    });
  }
}

const nameOf = (title: string): string =>
  title
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_');

function placeColumns(
  file: string,
  head: readonly string[],
  { required, optional }: CsvColumns,
): ReadonlyMap<string, number> {
  const names = head.map(nameOf);
  const twice = names.find((name, index) => name !== '' && names.indexOf(name) !== index);
  if (twice !== undefined) throw new Failure(`${file} has two columns "${twice}"`, { mend: 'keep one of them' });
  const missing = required.filter((name) => !names.includes(name));
  if (missing.length > 0) {
    throw new Failure(`${file} has no column "${missing.join('", "')}"`, {
      why: `its columns are ${names.join(', ')}; needed are ${required.join(', ')}, and there may be ${optional.join(', ')}`,
      mend: `name the columns in the first row. ${suggest(missing[0] ?? '', names)}`,
    });
  }
  return new Map(names.map((name, index) => [name, index]));
}

type Opened = {
  readonly record: readonly string[];
  readonly places: ReadonlyMap<string, number>;
  readonly line: number;
  readonly note: (reason: string, fix: string) => void;
};

/** Signs that look like a space or like nothing: no-break, zero-width, byte order mark. */
const INVISIBLE = /[\u00a0\u200b-\u200f\u2028\u2029\u202f\u2060\ufeff]|\p{Cc}/u;

/** A name may hold a colon itself: the last one counts. */
function parsePairs(value: string, least: number) {
  const pairs: { name: string; quantity: number }[] = [];
  const example = `write NAME:${least}${SEPARATORS.pairs}OTHER:${least + 1}, or none`;
  for (const part of value === 'none' ? [] : value.split(SEPARATORS.pairs)) {
    const at = part.lastIndexOf(':');
    const name = part.slice(0, at).trim();
    if (at < 1 || name === '')
      return { pairs, fault: `has "${part.trim()}", which is no name and number`, hint: example };
    if (pairs.some((pair) => pair.name === name)) return { pairs, fault: `names ${name} twice`, hint: 'name it once' };
    const parsed = parseWhole(part.slice(at + 1).trim(), least);
    if (!('value' in parsed)) return { pairs, fault: `of ${name}: ${parsed.fault}`, hint: parsed.hint };
    pairs.push({ name, quantity: parsed.value });
  }
  return { pairs, fault: undefined, hint: '' };
}

/** What no name of a group holds: it would be taken for one that parts several. */
const OF_NO_GROUP = /[;,]/;

function parseGroups(raw: string) {
  const groups = raw.split(SEPARATORS.values).filter((part) => part.trim() !== '');
  const example = `write gifts${SEPARATORS.values}seasonal for two`;
  const mixed = groups.find((group) => OF_NO_GROUP.test(group));
  if (mixed !== undefined) {
    const hint = `part groups with "${SEPARATORS.values}": ${example}`;
    return { groups, fault: `has "${mixed.trim()}", and no group has ";" or "," in its name`, hint };
  }
  const spaced = groups.find((group) => group !== group.trim());
  if (spaced !== undefined) {
    const hint = `take it away, rules name groups to the letter: ${example}`;
    return { groups, fault: `has ${JSON.stringify(spaced)}, with a space at its start or end`, hint };
  }
  return { groups: [...new Set(groups)].sort(), fault: undefined, hint: '' };
}

function moneyFault({ amount, currency }: CsvMoney, column: string, currencyColumn: string) {
  if (!isAmount(amount))
    return {
      reason: `${column} "${amount}" is no amount`,
      fix: 'write it like 12.50: a point, four decimals at most, no separators',
    };
  if (currency === null || isCurrency(currency)) return null;
  return {
    reason: `${currencyColumn} "${currency}" is no currency`,
    fix: 'write its code as ISO 4217 has it: EUR, USD, GBP',
  };
}

type Cells = Pick<Opened, 'note'> & {
  readonly rawOf: (column: string) => string;
  readonly textOf: (column: string) => string | null;
};

/** Cells of more than one value, or of one out of few. */
function listReaders({ rawOf, textOf, note }: Cells): Pick<CsvRow, 'money' | 'values' | 'groups' | 'pairs' | 'oneOf'> {
  return {
    money: (column, currencyColumn) => {
      const amount = textOf(column);
      if (amount === null || amount === 'none') return amount;
      const currency = textOf(currencyColumn);
      const fault = moneyFault({ amount, currency }, column, currencyColumn);
      if (fault !== null) note(fault.reason, fault.fix);
      return { amount, currency };
    },
    values: (column) => {
      const parts = textOf(column)
        ?.split(SEPARATORS.values)
        .map((part) => part.trim());
      return parts?.filter((part) => part !== '') ?? null;
    },
    groups: (column) => {
      if (textOf(column) === null) return null;
      const { groups, fault, hint } = parseGroups(rawOf(column));
      if (fault !== undefined) note(`${column} ${fault}`, hint);
      return groups;
    },
    pairs: (column, least) => {
      const value = textOf(column);
      if (value === null) return null;
      const { pairs, fault, hint } = parsePairs(value, least);
      if (fault !== undefined) note(`${column} ${fault}`, hint);
      return pairs;
    },
    oneOf: (column, words) => {
      const value = textOf(column);
      const found = words.find((word) => word === value);
      if (value !== null && found === undefined) note(`${column} is "${value}"`, suggest(value, words));
      return found ?? null;
    },
  };
}

function openRow({ record, places, line, note }: Opened): CsvRow {
  const rawOf = (column: string): string => record[places.get(column) ?? -1] ?? '';
  const textOf = (column: string): string | null => rawOf(column).trim() || null;
  const need = (column: string): string => {
    const value = textOf(column);
    if (value === null) note(`${column} is empty`, `fill it in, or take the row out`);
    return value ?? '';
  };
  const whole = (column: string, least: number): number | null => {
    const value = textOf(column);
    if (value === null) return null;
    const parsed = parseWhole(value, least);
    if ('value' in parsed) return parsed.value;
    note(`${column} ${parsed.fault}`, parsed.hint);
    return null;
  };
  const moment = (column: string, readText: (text: string) => Parsed<Instant>): Instant | null => {
    const value = textOf(column);
    if (value === null) return null;
    const parsed = readText(value);
    if ('value' in parsed) return parsed.value;
    note(`${column} ${parsed.fault}`, parsed.hint);
    return null;
  };
  return {
    line,
    text: textOf,
    need,
    exact: (column) => {
      const raw = rawOf(column);
      const shown = JSON.stringify(raw);
      if (raw !== raw.trim() && raw.trim() !== '')
        note(`${column} ${shown} has a space at its start or end`, 'take it away: SKUs count to the letter');
      else if (INVISIBLE.test(raw))
        note(`${column} ${shown} holds an invisible sign`, 'type it anew: it was copied from a page or a spreadsheet');
      else if (/^\d+([.,]\d+)?E[+-]?\d+$/i.test(raw))
        note(`${column} ${shown} was bent by a spreadsheet`, 'set the column to text and export the file again');
      return need(column);
    },
    whole,
    needWhole: (column, least) => (textOf(column) === null ? Number(need(column)) : (whole(column, least) ?? 0)),
    instant: (column) => moment(column, parseInstant),
    day: (column) => moment(column, parseDay),
    needDue: (column) => {
      need(column);
      return moment(column, parseDue) ?? 0;
    },
    ...listReaders({ rawOf, textOf, note }),
  };
}
