/**
 * What changes from one policy to another, rule by rule, in words that a planner reads.
 *
 * Guarantees: pure; walks entries by their keys, so that a field nobody named here is still told, by its own name; the order of
 * entries is no change, the order of a list inside an entry (a program's locations) is.
 */
import type { Instant } from './model.ts';

type Fields = Readonly<Record<string, unknown>>;

export type FieldChange = {
  readonly field: string;
  /** Undefined: not given. */
  readonly from: unknown;
  readonly to: unknown;
  readonly says: string;
};

export type PolicyChange = {
  readonly kind: 'added' | 'removed' | 'changed';
  /** Where in the policy: `pools`. */
  readonly section: string;
  /** What it is about: `pool of wholesale for MUG`. */
  readonly entry: string;
  readonly fields: readonly FieldChange[];
  /** The whole change as one line. */
  readonly says: string;
};

/** What an entry of a section is told by; these fields do not change, they name another entry. */
type Naming = { readonly by: readonly string[]; readonly name: (entry: Fields) => string };

const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none'));

const scopeOf = ({ sku, group }: Fields): string => {
  if (typeof group === 'string') return `group ${group}`;
  return sku === '*' || sku === undefined ? 'every item' : textOf(sku);
};

const placeOf = ({ location }: Fields): string => (location === undefined ? '' : ` at ${textOf(location)}`);

const NAMINGS: Readonly<Record<string, Naming>> = {
  locations: { by: ['id'], name: ({ id }) => `location ${textOf(id)}` },
  programs: { by: ['id'], name: ({ id }) => `program ${textOf(id)}` },
  pools: {
    by: ['program', 'sku', 'group', 'location'],
    name: (entry) => `pool of ${textOf(entry.program)} for ${scopeOf(entry)}${placeOf(entry)}`,
  },
  channels: { by: ['channel', 'sku', 'group'], name: (entry) => `${textOf(entry.channel)} for ${scopeOf(entry)}` },
  gates: { by: ['channel'], name: ({ channel }) => `gate of ${textOf(channel)}` },
  routes: { by: ['id'], name: ({ id }) => `route ${textOf(id)}` },
  drift: { by: ['channel'], name: ({ channel }) => `who wins drift of ${textOf(channel)}` },
};

const namingOf = (section: string): Naming =>
  NAMINGS[section] ?? {
    by: ['id', 'channel', 'program', 'sku', 'group', 'location'],
    name: (entry) => `${section} ${textOf(entry.id ?? entry.channel ?? entry.program ?? scopeOf(entry))}`,
  };

type Word = { readonly says: string; readonly unit?: '%' | 'units' | 'ms' | 'instant' | 'days' };

/** Fields that read better by another name, or that need their unit. */
const WORDS: Readonly<Record<string, Word>> = {
  drawOrder: { says: 'draw order' },
  sells: { says: 'sold from' },
  master: { says: 'stock master' },
  units: { says: 'protected units' },
  percent: { says: 'protected part', unit: '%' },
  parts: { says: 'protected parts of the rest' },
  minimum: { says: 'protected at least', unit: 'units' },
  maximum: { says: 'protected at most', unit: 'units' },
  limit: { says: 'draws at most', unit: 'units' },
  sharePercent: { says: 'share', unit: '%' },
  fairShare: { says: 'fair share of the shared pool' },
  because: { says: 'reckoned by' },
  weight: { says: 'weight of its fair share' },
  safetyStock: { says: 'safety stock', unit: 'units' },
  safetyStockPercent: { says: 'safety stock on top', unit: '%' },
  isSafetyStockPlanned: { says: 'planned safety stock' },
  buffer: { says: 'buffer', unit: 'units' },
  bufferPercent: { says: 'buffer on top', unit: '%' },
  latencyBuffer: { says: 'buffer from measured latency' },
  oversellPercent: { says: 'chance of overselling at most', unit: '%' },
  atLeast: { says: 'at least', unit: 'units' },
  atMost: { says: 'at most', unit: 'units' },
  hideAtOrBelow: { says: 'shows 0 at or below' },
  cap: { says: 'cap', unit: 'units' },
  below: { says: 'below the minimum' },
  activeFrom: { says: 'active from', unit: 'instant' },
  activeUntil: { says: 'active until', unit: 'instant' },
  at: { says: 'at', unit: 'instant' },
  reviewBy: { says: 'review by' },
  pickTags: { says: 'pick tags' },
  minimumLifeDays: { says: 'minimum remaining life of lots', unit: 'days' },
  expiringWithinDays: { says: 'told when they expire within', unit: 'days' },
  up: { says: 'where it shows more' },
  down: { says: 'where it shows less' },
  inFlightMs: { says: 'time in flight', unit: 'ms' },
  cooldownMs: { says: 'cooldown', unit: 'ms' },
  approveAbove: { says: 'approval above', unit: 'units' },
  perMovePercent: { says: 'of a pool per move', unit: '%' },
  cleanDays: { says: 'clean days before it goes live' },
  stepDays: { says: 'clean days before the next step' },
  agreement: { says: 'agreement of a clean day', unit: '%' },
  ramp: { says: 'ramp', unit: '%' },
  fallBack: { says: 'falls back below', unit: '%' },
  perDayPercent: { says: 'of a pool per day', unit: '%' },
};

const UNITS_MS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** As the file has it: `10m`. */
export function durationWords(ms: number): string {
  const [unit = 'ms', size = 1] = UNITS_MS.find(([, length]) => ms % length === 0) ?? [];
  return `${ms / size}${unit}`;
}

const isBlock = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `sharePercent` as `share percent`. */
const wordOf = (field: string): string =>
  WORDS[field]?.says ?? field.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const instantWords = (at: Instant): string => new Date(at).toISOString().replace(/:00\.000Z$/, 'Z');

function sayValue(field: string, value: unknown): string {
  if (value === undefined || value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map((one) => sayValue(field, one)).join(', ');
  if (isBlock(value))
    return `(${Object.entries(value)
      .map(([key, one]) => `${wordOf(key)} ${sayValue(key, one)}`)
      .join(', ')})`;
  if (typeof value !== 'number') return textOf(value);
  const unit = WORDS[field]?.unit;
  if (unit === 'ms') return durationWords(value);
  if (unit === 'instant') return instantWords(value);
  if (unit === 'days') return `${value} ${value === 1 ? 'day' : 'days'}`;
  if (unit === undefined) return String(value);
  return unit === '%' ? `${value} %` : `${value} ${value === 1 ? 'unit' : 'units'}`;
}

const isSame = (a: unknown, b: unknown): boolean => formOf(a) === formOf(b);

/** One text per value, whatever the order of its keys. */
function formOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formOf).join()}]`;
  if (!isBlock(value)) return JSON.stringify(value) ?? 'undefined';
  const keys = Object.keys(value).filter((key) => value[key] !== undefined);
  return `{${keys
    .sort()
    .map((key) => `${key}:${formOf(value[key])}`)
    .join()}}`;
}

/** Nested blocks (a second rule set, pick tags) are told field by field, under their name. */
function fieldChanges(before: Fields, after: Fields, without: readonly string[], under = ''): FieldChange[] {
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (field) => !without.includes(field),
  );
  return fields.flatMap((field): FieldChange[] => {
    const [from, to] = [before[field], after[field]];
    if (isSame(from, to)) return [];
    const path = under === '' ? field : `${under}.${field}`;
    if (isBlock(from) && isBlock(to)) return fieldChanges(from, to, [], path);
    const name = path.split('.').map(wordOf).join(': ');
    return [{ field: path, from, to, says: `${name} from ${sayValue(field, from)} to ${sayValue(field, to)}` }];
  });
}

/** What was and what is: one of them undefined where an entry is new or gone; `among`: its key has several. */
type Paired = { readonly was?: Fields; readonly is?: Fields; readonly among: boolean };

const PERIOD = ['activeFrom', 'activeUntil'];

/**
 * Entries of one key (pools of two seasons) are told apart by their time: first those of the same time, then of the same start, then of
 * the same end. What is left is one that moved, where there is one on each side; else some are gone, and others new.
 */
function pairsOfKey(before: readonly Fields[], after: readonly Fields[]): Paired[] {
  const among = before.length > 1 || after.length > 1;
  const old = [...before];
  let next = after;
  const pairs: Paired[] = [];
  for (const fields of [PERIOD, ...PERIOD.map((field) => [field])]) {
    next = next.filter((is) => {
      const at = old.findIndex((entry) => fields.every((field) => entry[field] === is[field]));
      const [was] = at < 0 ? [] : old.splice(at, 1);
      if (was !== undefined) pairs.push({ was, is, among });
      return was === undefined;
    });
  }
  const [was, is] = [old[0], next[0]];
  if (was !== undefined && is !== undefined && old.length === 1 && next.length === 1)
    return [...pairs, { was, is, among }];
  return [...pairs, ...old.map((gone) => ({ was: gone, among })), ...next.map((added) => ({ is: added, among }))];
}

function pairsOf(before: unknown, after: unknown, { by }: Naming): Paired[] {
  const keyOf = (entry: Fields): string => JSON.stringify(by.map((field) => entry[field] ?? null));
  const [old, next] = [before, after].map((entries) =>
    Map.groupBy(Array.isArray(entries) ? entries.filter(isBlock) : [], keyOf),
  ) as [Map<string, Fields[]>, Map<string, Fields[]>];
  return [...new Set([...old.keys(), ...next.keys()])].flatMap((key) =>
    pairsOfKey(old.get(key) ?? [], next.get(key) ?? []),
  );
}

/** Which of several it is. */
function periodOf({ activeFrom, activeUntil }: Fields): string {
  const from = typeof activeFrom === 'number' ? ` from ${instantWords(activeFrom)}` : '';
  return typeof activeUntil === 'number' ? `${from} until ${instantWords(activeUntil)}` : from;
}

function sayWhole(entry: Fields, without: readonly string[]): string {
  const told = Object.entries(entry).filter(([field, value]) => !without.includes(field) && value !== undefined);
  return told.map(([field, value]) => `${wordOf(field)} ${sayValue(field, value)}`).join(', ');
}

function changesOfList(section: string, before: unknown, after: unknown): PolicyChange[] {
  const naming = namingOf(section);
  return pairsOf(before, after, naming).flatMap(({ was, is, among }): PolicyChange[] => {
    const named = naming.name(is ?? was ?? {});
    // The time stands among the fields of what is new or gone.
    const entry = among && was !== undefined && is !== undefined ? `${named}${periodOf(was)}` : named;
    if (was === undefined) {
      const says = `new: ${entry} (${sayWhole(is ?? {}, naming.by)})`;
      return [{ kind: 'added', section, entry, fields: [], says }];
    }
    if (is === undefined) {
      return [{ kind: 'removed', section, entry, fields: [], says: `gone: ${entry} (${sayWhole(was, naming.by)})` }];
    }
    const fields = fieldChanges(was, is, naming.by);
    if (fields.length === 0) return [];
    return [
      { kind: 'changed', section, entry, fields, says: `${entry}: ${fields.map(({ says }) => says).join(', ')}` },
    ];
  });
}

/** `before` null: nothing was in force. Sections in the order of the newer one, then what it no longer has. */
export function changesOfPolicy(before: Fields | null, after: Fields): PolicyChange[] {
  const sections = [...new Set([...Object.keys(after), ...Object.keys(before ?? {})])].filter(
    (key) => key !== 'version',
  );
  return sections.flatMap((section): PolicyChange[] => {
    const [was, is] = [before?.[section], after[section]];
    if (isSame(was, is)) return [];
    if (Array.isArray(was) || Array.isArray(is)) return changesOfList(section, was, is);
    const change = { section, entry: wordOf(section) };
    if (isBlock(was) && isBlock(is)) {
      const fields = fieldChanges(was, is, []);
      return [
        { ...change, kind: 'changed', fields, says: `${change.entry}: ${fields.map(({ says }) => says).join(', ')}` },
      ];
    }
    if (was === undefined)
      return [{ ...change, kind: 'added', fields: [], says: `new: ${change.entry} ${sayValue(section, is)}` }];
    if (is === undefined)
      return [{ ...change, kind: 'removed', fields: [], says: `gone: ${change.entry} ${sayValue(section, was)}` }];
    const says = `${change.entry} from ${sayValue(section, was)} to ${sayValue(section, is)}`;
    return [{ ...change, kind: 'changed', fields: [{ field: section, from: was, to: is, says }], says }];
  });
}

/** The first of them and how many more, in one line. */
export function summaryOf(changes: readonly PolicyChange[]): string {
  const [first] = changes;
  if (first === undefined) return 'nothing';
  return changes.length === 1 ? first.says : `${first.says}; and ${changes.length - 1} more`;
}
