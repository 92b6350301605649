/** Free units of an item with lots, as pools look at them: by place, with the lots behind the numbers. */
import { type FreeLots, lessDrawn, plusComing } from './lots.ts';
import type { Allocation, LocationId } from './model.ts';
import type { FreeByLocation } from './pools.ts';

/** The free units of a place are those of its lots that are not expired. */
export function freeWith(lots: FreeLots): FreeByLocation {
  const free = new Map<LocationId, number>();
  for (const [location, { net }] of lots.places) free.set(location, net);
  return Object.assign(free, { lots });
}

/** Free units to play forward on. */
export type WritableFree = Map<LocationId, number> & { lots?: FreeLots };

export function copyFree(free: FreeByLocation): WritableFree {
  const copy: WritableFree = new Map();
  free.forEach((units, location) => {
    copy.set(location, units);
  });
  if (free.lots !== undefined) copy.lots = free.lots;
  return copy;
}

export function takePromised(free: WritableFree, part: Allocation): void {
  free.set(part.location, (free.get(part.location) ?? 0) - part.quantity);
  if (free.lots !== undefined) free.lots = lessDrawn(free.lots, part);
}

/** Goods that come where nobody sells from change nothing. */
export function addArrived(free: WritableFree, location: LocationId, units: number): void {
  const before = free.get(location);
  if (before === undefined) return;
  free.set(location, before + units);
  if (free.lots !== undefined) free.lots = plusComing(free.lots, location, units);
}
