/** Free units of an item with lots, as pools look at them: by place, with the lots behind the numbers. */
import { type LotBook, type PlaceTotal, placeLots } from './lot-book.ts';
import { type FreeLots, lessDrawn, livesOf, type PlaceLots, plusComing } from './lots.ts';
import type { Allocation, Instant, LocationId, Policy } from './model.ts';
import type { FreeByLocation } from './pools.ts';

/** The free units of a place are those of its lots that are not expired. */
export function freeWith(lots: FreeLots): FreeByLocation {
  const free = new Map<LocationId, number>();
  for (const [location, { net }] of lots.places) free.set(location, net);
  return Object.assign(free, { lots });
}

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

/** What is free once these units are promised; `free` itself is left as it was. */
export function lessPromised(free: FreeByLocation, drawn: readonly Allocation[]): FreeByLocation {
  if (free.lots !== undefined) return freeWith(lessDrawn(free.lots, drawn));
  const less = new Map(free);
  for (const { location, quantity } of drawn) less.set(location, (less.get(location) ?? 0) - quantity);
  return less;
}

/** What is free once goods came; goods that come where nobody sells from change nothing. */
export function plusArrived(free: FreeByLocation, location: LocationId, units: number): FreeByLocation {
  if (free.lots !== undefined) return freeWith(plusComing(free.lots, location, units));
  const before = free.get(location);
  return before === undefined ? free : new Map(free).set(location, before + units);
}
