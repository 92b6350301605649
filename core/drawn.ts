/**
 * What was drawn of an item, pool by pool: of each program in all, and of its pools of one place.
 *
 * Guarantees: the sums of the promise entries, and the only way to add them up (books, replay and projection go by it). Pure.
 */
import type { Allocation, LocationId, ProgramId } from './model.ts';
import { sumOf } from './proportion.ts';
import { withRow } from './rows.ts';

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

/** No id has a space in it. */
const keyOfPlace = (program: ProgramId, location: LocationId): string => `${program} ${location}`;

/** Under which key the drawn units of a part's pool are counted. */
export const drawnKey = ({ program, location, pool }: Pick<Allocation, 'program' | 'location' | 'pool'>): string =>
  pool === 'place' ? keyOfPlace(program, location) : program;

/** The same of a row: of a place where it names one. */
export const rowKey = (row: { readonly program: ProgramId; readonly location?: LocationId }): string =>
  row.location === undefined ? row.program : keyOfPlace(row.program, row.location);

/** Whose pool a key stands for. */
export function poolOfKey(key: string): { readonly program: ProgramId; readonly location?: LocationId } {
  const space = key.indexOf(' ');
  return space < 0 ? { program: key } : { program: key.slice(0, space), location: key.slice(space + 1) };
}

/** Units that a part counts as drawn from its pool: the shared pool counts none. */
export const consumedBy = ({ pool, quantity }: Pick<Allocation, 'pool' | 'quantity'>): number =>
  pool === 'shared' ? 0 : quantity;

/** Of these, what its pool still has drawn: units drawn before it was filled anew are not protected twice. */
export const stillDrawn = (drawn: ReadonlyMap<string, { readonly consumed: number }>, part: Allocation): number =>
  part.pool === 'shared' ? 0 : Math.min(part.quantity, Math.max(0, drawn.get(drawnKey(part))?.consumed ?? 0));

/** Every program's drawn units once a pool of it is filled now: what was drawn before is nothing to it. */
export function filled(drawn: ReadonlyMap<ProgramId, Drawn>, program: ProgramId): Drawn {
  const before = drawn.get(program) ?? NOTHING_DRAWN;
  const allTaken = sumOf([...drawn.values()].map(({ taken }) => taken));
  return {
    consumed: Math.min(0, before.consumed),
    taken: before.taken,
    takenAtFill: before.taken,
    allTakenAtFill: allTaken,
    isFilled: true,
  };
}

/** What of a promise entry is drawn, or given back (state.ts). */
type Drawing = Pick<Allocation, 'program' | 'location' | 'pool'> & {
  readonly kind: string;
  readonly delta: number;
  readonly consumed: number;
  readonly held?: number;
};

/**
 * What is drawn after an entry. Whatever a fill protects is a part of the supply of that moment, so a refill keeps what was taken by
 * then. A pool of one place has a row of its own for what is drawn of it; what is taken is the program's, of whatever pool.
 */
export function drawnAfter(drawn: ReadonlyMap<string, Drawn>, entry: Drawing): ReadonlyMap<string, Drawn> {
  return entry.pool === 'place' ? drawnAtPlace(drawn, entry) : drawnOfItem(drawn, entry, entry.consumed);
}

function drawnOfItem(drawn: ReadonlyMap<string, Drawn>, entry: Drawing, units: number): ReadonlyMap<string, Drawn> {
  const { program, kind, delta, held = 0 } = entry;
  const before = drawn.get(program) ?? NOTHING_DRAWN;
  const consumed = before.consumed + units;
  if (kind === 'refill') return withRow(drawn, program, { ...filled(drawn, program), consumed });
  return withRow(drawn, program, { ...before, consumed, taken: before.taken + held + (kind === 'ship' ? 0 : delta) });
}

function drawnAtPlace(drawn: ReadonlyMap<string, Drawn>, entry: Drawing): ReadonlyMap<string, Drawn> {
  const { consumed, kind } = entry;
  const key = drawnKey(entry);
  const before = drawn.get(key) ?? NOTHING_DRAWN;
  const after = consumed === 0 ? drawn : withRow(drawn, key, { ...before, consumed: before.consumed + consumed });
  return kind === 'refill' ? after : drawnOfItem(after, entry, 0);
}
