/**
 * What was drawn of an item, pool by pool: of each program in all, and of its pools of one place.
 *
 * Guarantees: the sums of the promise entries, and the only way to add them up (books, replay and projection go by it). Pure.
 */
import type { Allocation, LocationId, ProgramId } from './model.ts';

/** What one program has drawn of an item. */
export type Drawn = {
  /** Of its own pool, since that was last filled. */
  readonly consumed: number;
  /** Of any pool, over all time: allocated less released. */
  readonly taken: number;
  /** The same when its pool was last filled, and then of all programs together; 0 before the first time. */
  readonly takenAtFill: number;
  readonly allTakenAtFill: number;
  /** Its pool has been filled: a part of the supply, or a limit, has a moment to count from. */
  readonly isFilled: boolean;
};

export const NOTHING_DRAWN: Drawn = { consumed: 0, taken: 0, takenAtFill: 0, allTakenAtFill: 0, isFilled: false };

/**
 * `location`: of the program's pool of that place, where `consumed` is what was drawn of it, and `taken` what all programs took at the
 * place since it was filled (0 before the first time); absent: of the program in all.
 */
export type DrawnRow = { readonly program: ProgramId; readonly location?: LocationId } & Drawn;

/** What is drawn of an item; rows are replaced, never changed. They are few, and a book is opened for every item of a batch: no map. */
export type DrawnRows = readonly DrawnRow[];

/** By this, rows stand in order. No id has a space in it. */
export const rowKey = ({ program, location }: Pick<DrawnRow, 'program' | 'location'>): string =>
  location === undefined ? program : `${program} ${location}`;

/** What a program drew in all; `location`: of its pool of that place. */
export function drawnOf(rows: DrawnRows, program: ProgramId, location?: LocationId): Drawn {
  for (const row of rows) if (row.program === program && row.location === location) return row;
  return NOTHING_DRAWN;
}

export function withDrawn(rows: DrawnRows, row: DrawnRow): DrawnRows {
  if (rows.length === 0) return [row];
  const at = rows.findIndex(({ program, location }) => program === row.program && location === row.location);
  if (at >= 0) return rows.with(at, row);
  const key = rowKey(row);
  const next = rows.findIndex((other) => rowKey(other) > key);
  return rows.toSpliced(next < 0 ? rows.length : next, 0, row);
}

/** Units that a part counts as drawn from its pool: the shared pool counts none. */
export const consumedBy = ({ pool, quantity }: Pick<Allocation, 'pool' | 'quantity'>): number =>
  pool === 'shared' ? 0 : quantity;

/** Of these, what its pool still has drawn: units drawn before it was filled anew are not protected twice. */
export function stillDrawn(rows: DrawnRows, { program, location, pool, quantity }: Allocation): number {
  if (pool === 'shared') return 0;
  const { consumed } = pool === 'place' ? drawnOf(rows, program, location) : drawnOf(rows, program);
  return Math.min(quantity, Math.max(0, consumed));
}

/** What is drawn once a pool of a program (of one place) is filled now: what was drawn before is nothing to it. */
export function filled(rows: DrawnRows, program: ProgramId, location?: LocationId): DrawnRow {
  const { consumed, taken } = drawnOf(rows, program, location);
  if (location !== undefined) {
    return { ...NOTHING_DRAWN, program, location, consumed: Math.min(0, consumed), isFilled: true };
  }
  return {
    program,
    consumed: Math.min(0, consumed),
    taken,
    takenAtFill: taken,
    allTakenAtFill: allTaken(rows),
    isFilled: true,
  };
}

/** By all programs. */
export function allTaken(rows: DrawnRows): number {
  let units = 0;
  for (const { taken, location } of rows) if (location === undefined) units += taken;
  return units;
}

/** What of a promise entry is drawn, or given back (state.ts). */
type Drawing = Pick<Allocation, 'program' | 'location' | 'pool'> & {
  readonly kind: string;
  readonly delta: number;
  readonly consumed: number;
  readonly held?: number;
};

/** What an entry takes of what is free at its place; below 0 where it gives back. What is shipped was taken before. */
const takenBy = ({ kind, delta, held = 0 }: Drawing): number => held + (kind === 'ship' ? 0 : delta);

/**
 * What is drawn after an entry. Whatever a fill protects is a part of the supply of that moment, so a refill keeps what was taken by
 * then. A pool of one place has a row of its own for what is drawn of it; what is taken is the program's, of whatever pool.
 */
export function drawnAfter(rows: DrawnRows, entry: Drawing): DrawnRows {
  const after = takenAtPlace(rows, entry);
  return entry.pool === 'place' ? drawnAtPlace(after, entry) : drawnOfItem(after, entry, entry.consumed);
}

function drawnOfItem(rows: DrawnRows, entry: Drawing, units: number): DrawnRows {
  const { program, kind } = entry;
  const before = drawnOf(rows, program);
  const consumed = before.consumed + units;
  if (kind === 'refill') return withDrawn(rows, { ...filled(rows, program), consumed });
  const taken = before.taken + takenBy(entry);
  const { takenAtFill, allTakenAtFill, isFilled } = before;
  return withDrawn(rows, { program, consumed, taken, takenAtFill, allTakenAtFill, isFilled });
}

function drawnAtPlace(rows: DrawnRows, entry: Drawing): DrawnRows {
  const { program, consumed, kind, location } = entry;
  const before = drawnOf(rows, program, location);
  const row = { ...before, program, location, consumed: before.consumed + consumed };
  if (kind === 'refill') return withDrawn(rows, { ...filled(rows, program, location), consumed: row.consumed });
  return drawnOfItem(consumed === 0 ? rows : withDrawn(rows, row), entry, 0);
}

/** Pools of the place that were filled count what anybody takes there. */
function takenAtPlace(rows: DrawnRows, entry: Drawing): DrawnRows {
  let after = rows;
  for (const row of rows) {
    if (!row.isFilled || row.location !== entry.location) continue;
    const units = takenBy(entry);
    if (units !== 0) after = withDrawn(after, { ...row, taken: row.taken + units });
  }
  return after;
}
