/**
 * The lots of one item in the working books of a batch: what there is and what is promised of each, by place. Written through
 * `postStock` and `postPromise` alone (books.ts), so that lots, balances and entries cannot part (I2).
 *
 * What has no lot is never kept: it is the balance of the place less that of its lots. It may fall below 0, as a place may.
 */
import { freeWith } from './lot-free.ts';
import { byFefo, isExpired, livesOf, type PlaceLots } from './lots.ts';
import type { Disposition, Instant, LocationId, Lot, LotCode, Policy } from './model.ts';
import type { FreeByLocation } from './pools.ts';
import type { ItemLots, LotBalance } from './state.ts';

export type LotBook = {
  readonly lots: Map<LotCode, Lot>;
  /** Key: `lotKey`. Rows are replaced, never changed. */
  readonly balances: Map<string, LotBalance>;
  /** Lots that the batch made or changed. */
  readonly changed: Set<LotCode>;
};

type At = Pick<LotBalance, 'lot' | 'location' | 'disposition'>;

const lotKey = ({ lot, location, disposition }: At): string => `${location} ${disposition} ${lot}`;

export function openLots(state: ItemLots | undefined): LotBook | null {
  if (state === undefined) return null;
  return {
    lots: new Map(state.lots.map((lot) => [lot.code, lot])),
    balances: new Map(state.balances.map((row) => [lotKey(row), row])),
    changed: new Set(),
  };
}

export const noLots = (): LotBook => ({ lots: new Map(), balances: new Map(), changed: new Set() });

/** A copy to plan on, or to come back to. */
export const copyLots = (book: LotBook | null): LotBook | null =>
  book === null ? null : { lots: new Map(book.lots), balances: new Map(book.balances), changed: new Set(book.changed) };

const NOTHING = { quantity: 0, allocated: 0, held: 0, countedAsOf: null };

export const lotAt = (book: LotBook, at: At): LotBalance => book.balances.get(lotKey(at)) ?? { ...at, ...NOTHING };

type LotChange = Partial<Pick<LotBalance, 'quantity' | 'allocated' | 'held'>>;

export function changeLot(book: LotBook, at: At, { quantity = 0, allocated = 0, held = 0 }: LotChange): void {
  const row = lotAt(book, { lot: at.lot, location: at.location, disposition: at.disposition });
  book.balances.set(lotKey(at), {
    ...row,
    quantity: row.quantity + quantity,
    allocated: row.allocated + allocated,
    held: row.held + held,
  });
}

export function noteLotCount(book: LotBook, at: At, countedAsOf: Instant): void {
  book.balances.set(lotKey(at), { ...lotAt(book, at), countedAsOf });
}

/** What there is and what is promised of all lots and none: of a place's goods that may be sold, or of another disposition. */
export type PlaceTotal = { readonly onHand: number; readonly promised: number };

type Row = { readonly lot: Lot; readonly quantity: number; readonly free: number };

/** Lots at a place, as they go. */
function rowsAt(book: LotBook, location: LocationId, disposition: Disposition): Row[] {
  const rows: Row[] = [];
  for (const row of book.balances.values()) {
    if (row.location !== location || row.disposition !== disposition) continue;
    const lot = book.lots.get(row.lot);
    if (lot !== undefined) rows.push({ lot, quantity: row.quantity, free: row.quantity - row.allocated - row.held });
  }
  return rows.sort((a, b) => byFefo(a.lot, b.lot));
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Lots at a place and what they leave of its total. */
function restAt(rows: readonly Row[], total: PlaceTotal): { readonly quantity: number; readonly free: number } {
  return {
    quantity: total.onHand - sumOf(rows.map((row) => row.quantity)),
    free: total.onHand - total.promised - sumOf(rows.map((row) => row.free)),
  };
}

/** What is free at a place, lot by lot. */
export function placeLots(book: LotBook, location: LocationId, total: PlaceTotal, now: Instant): PlaceLots {
  const rows = rowsAt(book, location, 'sellable');
  const free = rows.filter((row) => row.free > 0).map(({ lot, free: units }) => ({ lot, units }));
  const expired = free.filter(({ lot }) => isExpired(lot, now));
  return {
    net: total.onHand - total.promised - sumOf(expired.map(({ units }) => units)),
    lots: free.filter((each) => !expired.includes(each)),
    expired,
    unlotted: Math.max(0, restAt(rows, total).free),
  };
}

/** Units of a lot (or of none) that leave. */
export type LeavingPart = { readonly lot: LotCode | undefined; readonly units: number };

/**
 * Which goods leave where nobody said of which lot: those without a lot first, then as they expire; what nobody was promised before
 * what somebody was. More than there is leaves from what has no lot.
 */
export function leavingParts(
  book: LotBook,
  { location, disposition }: Pick<At, 'location' | 'disposition'>,
  total: PlaceTotal,
  units: number,
): LeavingPart[] {
  const rows = rowsAt(book, location, disposition);
  const inTurn = [
    { lot: undefined, ...restAt(rows, total) },
    ...rows.map(({ lot, quantity, free }) => ({ lot: lot.code, quantity, free })),
  ];
  const taken = inTurn.map(() => 0);
  let open = units;
  for (const what of ['free', 'quantity'] as const) {
    inTurn.forEach((part, index) => {
      const before = taken[index] ?? 0;
      const some = Math.min(open, Math.max(0, Math.min(part[what], part.quantity) - before));
      taken[index] = before + some;
      open -= some;
    });
  }
  taken[0] = (taken[0] ?? 0) + open;
  return inTurn.flatMap(({ lot }, index) => {
    const some = taken[index] ?? 0;
    return some === 0 ? [] : [{ lot, units: some }];
  });
}

/** Units that lots, or what has none, lack of what was promised of them at a place. */
export function lackingLots(book: LotBook, location: LocationId, total: PlaceTotal): LeavingPart[] {
  const rows = rowsAt(book, location, 'sellable');
  const parts = [
    ...rows.map(({ lot, free }) => ({ lot: lot.code, free })),
    { lot: undefined, free: restAt(rows, total).free },
  ];
  return parts.flatMap(({ lot, free }) => (free < 0 ? [{ lot, units: -free }] : []));
}

/** Lots of which anything is there or promised. */
export function standingLots(book: LotBook): Lot[] {
  const codes = new Set<LotCode>();
  for (const { lot, quantity, allocated, held } of book.balances.values()) {
    if (quantity !== 0 || allocated !== 0 || held !== 0) codes.add(lot);
  }
  return [...book.lots.values()].filter(({ code }) => codes.has(code));
}

/** What is free of an item at places, as pools look at it: by place, with the lots behind the numbers. */
export function freeByLot(
  book: LotBook,
  places: readonly { readonly location: LocationId; readonly total: PlaceTotal }[],
  policy: Policy,
  now: Instant,
): FreeByLocation {
  const at = new Map<LocationId, PlaceLots>();
  for (const { location, total } of places) at.set(location, placeLots(book, location, total, now));
  return freeWith({ now, lives: livesOf(policy), places: at });
}
