/**
 * What an import says of every row of its file: Create, Update with the changed fields, Unchanged, or Skipped with the reason.
 *
 * A dry run is the same import in a transaction that is rolled back; a second run of the same file is all Unchanged.
 */
import type { Instant } from '#core/model.ts';

export type Verdict = 'create' | 'update' | 'unchanged' | 'skipped';

type Value = string | number | null;
export type Change = { readonly field: string; readonly from: Value; readonly to: Value };

export type Judged = {
  /** Line of the file, the header being line 1. */
  readonly line: number;
  readonly key: string;
  readonly verdict: Verdict;
  readonly changes: readonly Change[];
  /**
   * Why a row was skipped, and what mends it; of an unchanged one why it was left alone, where that is not its content; of another
   * how it was taken, where that is not as it stands.
   */
  readonly reason: string | null;
  readonly fix: string | null;
};

export type ImportReport = {
  readonly rows: readonly Judged[];
  readonly counts: Readonly<Record<Verdict, number>>;
  /** Commands that the import wrote and that are still to be decided. */
  readonly commandIds: readonly number[];
  /** Parked input that waited for what the import brought. */
  readonly retried: number;
};

export type ImportOptions = {
  readonly actor: string;
  readonly now: Instant;
  /** How far ahead renewals are held, and how long after their day. */
  readonly spans?: { readonly horizonMs: number; readonly keepMs: number };
};

export const judge = (line: number, key: string, verdict: Verdict, changes: readonly Change[] = []): Judged => ({
  line,
  key,
  verdict,
  changes,
  reason: null,
  fix: null,
});

export const leaveAlone = (line: number, key: string, reason: string): Judged => ({
  ...judge(line, key, 'unchanged'),
  reason,
});

export const skip = (line: number, key: string, reason: string, fix: string): Judged => ({
  line,
  key,
  verdict: 'skipped',
  changes: [],
  reason,
  fix,
});

/** `update` with the fields that differ, or `unchanged` where none does. */
export const compare = (line: number, key: string, changes: readonly Change[]): Judged =>
  judge(line, key, changes.length === 0 ? 'unchanged' : 'update', changes);

/** The change of one field, or nothing; `to` null means that the file does not say. */
export const changeOf = (field: string, from: Value, to: Value): Change[] =>
  to === null || to === from ? [] : [{ field, from, to }];

export function makeReport(
  rows: readonly Judged[],
  made: { readonly commandIds?: readonly number[]; readonly retried?: number } = {},
): ImportReport {
  const counts = { create: 0, update: 0, unchanged: 0, skipped: 0 };
  for (const row of rows) counts[row.verdict] += 1;
  const sorted = rows.toSorted((a, b) => a.line - b.line);
  return { rows: sorted, counts, commandIds: made.commandIds ?? [], retried: made.retried ?? 0 };
}

/** Takes the first row of each key; the later ones are skipped, since a file that says two things says neither. */
export function splitRepeats<Row extends { readonly line: number }>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): { readonly first: Row[]; readonly repeats: Judged[] } {
  const byKey = new Map<string, Row>();
  const repeats: Judged[] = [];
  for (const row of rows) {
    const key = keyOf(row);
    const before = byKey.get(key);
    if (before === undefined) byKey.set(key, row);
    else repeats.push(skip(row.line, key, `${key} stands on line ${before.line} already`, 'keep one of the two lines'));
  }
  return { first: [...byKey.values()], repeats };
}
