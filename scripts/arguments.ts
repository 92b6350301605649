/** Parsers of single arguments: each refuses with what is wrong and how to write it (exit 2, through commander). */
import { InvalidArgumentError } from 'commander';
import type { Instant } from '#core/model.ts';

export type Parsed<Value> = { readonly value: Value } | { readonly fault: string; readonly hint: string };

const ZONED = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:?\d{2})$/;
const UNZONED = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?$/;

/** ISO with a zone: a local time without one is another moment on another machine (facts/more-channels 3.4, item 12). */
export function parseInstant(text: string): Parsed<Instant> {
  const [, year, month, day, time, zone] = ZONED.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined || time === undefined || zone === undefined) {
    const plain = text.replace(' ', 'T');
    if (UNZONED.test(text))
      return { fault: `"${text}" has no time zone`, hint: `write ${plain}Z for UTC, or ${plain}+01:00` };
    return { fault: `"${text}" is no moment`, hint: 'write it like 2026-11-23T08:30:00Z or 2026-11-23T08:30+01:00' };
  }
  const isDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  const value = Date.parse(
    `${year}-${month}-${day}T${time}${zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone}`,
  );
  if (!isDay || Number.isNaN(value))
    return { fault: `"${text}" is not in the calendar`, hint: 'check day, month and hour' };
  return { value };
}

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;

/** A day stands for its moment `time`. */
function parseDayAt(text: string, time: string): Parsed<Instant> {
  if (DAY.test(text)) return parseInstant(`${text}T${time}`);
  const parsed = parseInstant(text);
  if ('value' in parsed || ZONED.test(text) || UNZONED.test(text)) return parsed;
  const hint = 'write a day like 2026-11-23, or a moment with its zone like 2026-11-23T08:30+01:00';
  return { fault: `"${text}" is no day and no moment`, hint };
}

/** A day of a calendar is its first moment in UTC; a moment needs its zone. */
export const parseDay = (text: string): Parsed<Instant> => parseDayAt(text, '00:00:00Z');

const SPAN_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const SPAN_MAX_DAYS = 400;

/** For commander: a time to come, `90m`, `2h`, `35d`, `6w`, in milliseconds. */
export function takeSpan(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  const span = Number(digits ?? Number.NaN) * (SPAN_MS[unit] ?? 0);
  if (span > 0 && span <= SPAN_MAX_DAYS * (SPAN_MS.d ?? 0)) return span;
  throw new InvalidArgumentError(
    `"${text}" is no time from 1m to ${SPAN_MAX_DAYS}d: write it like 90m, 2h, 35d or 6w.`,
  );
}

/** For commander: ids, once each. */
export function collectIds(text: string, before: readonly number[] = []): readonly number[] {
  const id = take(parseWhole(text, 1));
  if (before.includes(id)) throw new InvalidArgumentError(`${id} is given twice.`);
  return [...before, id];
}

const UNITS_MAX = 1_000_000_000;

/** Spreadsheets bend numbers in few ways (facts/more-channels 3.4, items 10 and 11): each is told by its name. */
export function parseWhole(text: string, least: number): Parsed<number> {
  const hint = `write a whole number${least > Number.NEGATIVE_INFINITY && least > -UNITS_MAX ? ` from ${least}` : ''}, digits only`;
  if (/^[+-]?\d+$/.test(text)) {
    const value = Number(text);
    if (value >= least && Math.abs(value) <= UNITS_MAX) return { value };
    return { fault: `"${text}" is out of range`, hint: `write a whole number from ${least} to 1000000000` };
  }
  if (/^[+-]?\d+([.,]\d+)?E[+-]?\d+$/i.test(text)) {
    return {
      fault: `"${text}" was bent by a spreadsheet`,
      hint: 'set the column to plain numbers and export the file again',
    };
  }
  if (/^[+-]?\d{1,3}([.,]\d{3})+$/.test(text)) {
    return { fault: `"${text}" has a thousands separator or decimals, nobody can tell which`, hint };
  }
  if (/^[+-]?\d+,\d+$/.test(text)) return { fault: `"${text}" has a decimal comma`, hint };
  if (/^[+-]?\d+\.\d+$/.test(text)) return { fault: `"${text}" has decimals`, hint };
  return { fault: `"${text}" is not a whole number`, hint };
}

function take<Value>(parsed: Parsed<Value>): Value {
  if ('value' in parsed) return parsed.value;
  throw new InvalidArgumentError(`${parsed.fault}: ${parsed.hint}.`);
}

/** For commander: a whole number from `least`. */
export const wholeFrom =
  (least: number) =>
  (text: string): number =>
    take(parseWhole(text, least));

export const takeDelta = (text: string): number => {
  const value = take(parseWhole(text, -UNITS_MAX));
  if (value === 0) throw new InvalidArgumentError('0 changes nothing.');
  return value;
};

/** A moment, or `now`. */
export const takeInstant = (text: string): Instant | 'now' => (text === 'now' ? 'now' : take(parseInstant(text)));

/** A moment, or a time from now. */
export type End = { readonly at: Instant } | { readonly inMs: number };

const HOUR_MS = 3_600_000;

/** `2026-12-01T08:00:00Z`, or days or hours from now: `7d`, `36h`. */
export function takeEnd(text: string): End {
  const [, digits, unit] = /^(\d{1,4})([dh])$/.exec(text) ?? [];
  if (digits === undefined) {
    const parsed = parseInstant(text);
    if ('value' in parsed) return { at: parsed.value };
    throw new InvalidArgumentError(`${parsed.fault}: ${parsed.hint}, or a time from now such as 7d or 36h.`);
  }
  return { inMs: Number(digits) * (unit === 'd' ? 24 : 1) * HOUR_MS };
}

/** A day by its end in UTC, so that all of it counts; or a moment with its zone. */
export const parseDue = (text: string): Parsed<Instant> => parseDayAt(text, '23:59:59.999Z');

/** For commander: see `parseDue`. */
export const takeDue = (text: string): Instant => take(parseDue(text));

/** Three cases of an item, or five of its base units (`unit` null). */
export type SkuLine = { readonly sku: string; readonly quantity: number; readonly unit: string | null };

/** `SKU=N`, or `SKU=N UNIT`, repeatable; a SKU may hold `=` itself. */
export function collectSkuLines(text: string, before: readonly SkuLine[] = []): readonly SkuLine[] {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError(`"${text}" is not SKU=N, for example MUG-RED=2 or "MUG-RED=3 case".`);
  const [, number = '', unit = null] = /^(\S*?)(?:[ :]([a-z][a-z0-9_-]*))?$/.exec(text.slice(at + 1).trim()) ?? [];
  const line = { sku: text.slice(0, at), quantity: take(parseWhole(number, 1)), unit };
  if (before.some(({ sku }) => sku === line.sku)) throw new InvalidArgumentError(`SKU ${line.sku} is given twice.`);
  return [...before, line];
}

export const collectText = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

/** For commander: the day (or moment) from which nobody is promised any of a lot; or that it never expires. */
export const takeExpiry = (text: string): Instant | 'never' => (text === 'never' ? 'never' : take(parseDay(text)));
