/**
 * Pools of one place: units of an item at one location that nobody but their program may draw there, beside its pool of the item.
 *
 * | what there is is cut       | tier by tier: core, then prioritised, the highest priority before the next                      |
 * | within a tier              | pools of a place to what is left at it, then to what is left of the item; pools of the item last |
 * | a program may draw         | at a place: its pool there, then units that no pool of a place keeps there from its own item pool |
 * |                            | and the shared pool, by its draw order (the pool of a place counts as own)                        |
 *
 * Guarantees: what pools of places, pools of the item and the shared pool have left is together what is free; no draw of one program
 * lowers what another has at a place, but for prioritised pools, which are open to programs before theirs (I5). Pure.
 */
import { cutInProportion, cutWithin, sumOf } from './cut.ts';
import type { LocationId, PoolRule, Program, ProgramId } from './model.ts';

/** A program's pool of one place, as `PoolShare` is its pool of the item. */
export type PlaceShare = {
  readonly program: ProgramId;
  readonly location: LocationId;
  readonly priority: number;
  readonly rule: PoolRule;
  readonly units: number;
  readonly consumed: number;
  readonly remaining: number;
};

/** Units that are kept for a program; `location`: at that place alone. */
export type Protection = { readonly program: ProgramId; readonly units: number; readonly location?: LocationId };

export const NO_PLACE_SHARES: readonly PlaceShare[] = [];

type Free = { get(location: LocationId): number | undefined };

// ---- the cut -----------------------------------------------------------------------------------------------------------------

/** Whether every place has what its pools protect there. */
export function areCovered(placed: readonly PlaceShare[], free: Free): boolean {
  const wanted = new Map<LocationId, number>();
  for (const { location, remaining } of placed) wanted.set(location, (wanted.get(location) ?? 0) + remaining);
  for (const [location, units] of wanted) if (units > 0 && units > (free.get(location) ?? 0)) return false;
  return true;
}

/**
 * What pools of one tier keep: at each place in proportion to what they protect there; then all of them within `total`, for where a
 * place lacks what it promised, others stand in for it. Takes from `left` what it gives at each place.
 */
export function cutAtPlaces(
  total: number,
  left: Map<LocationId, number>,
  members: readonly PlaceShare[],
): Map<PlaceShare, number> {
  const there = new Map<PlaceShare, number>();
  for (const [location, shares] of Map.groupBy(members, (share) => share.location)) {
    const cut = cutInProportion(
      left.get(location) ?? 0,
      shares.map(({ units }) => units),
      shares.map(({ consumed }) => consumed),
    );
    shares.forEach((share, index) => {
      there.set(share, cut[index] ?? 0);
    });
  }
  const kept = cutWithin(
    total,
    members.map(({ units }) => units),
    members.map(({ consumed }) => consumed),
    members.map((share) => there.get(share) ?? 0),
  );
  members.forEach((share, index) => {
    const units = kept[index] ?? 0;
    there.set(share, units);
    left.set(share.location, (left.get(share.location) ?? 0) - units);
  });
  return there;
}

/** Units that pools of places still protect, at one place or in all. */
export function keptAt(placed: readonly PlaceShare[], location?: LocationId): number {
  let units = 0;
  for (const share of placed) if (location === undefined || share.location === location) units += share.remaining;
  return units;
}

// ---- what a program may draw -------------------------------------------------------------------------------------------------

/** For each place of a program, in its order: what its own pool has there, and what no pool keeps from it. */
export type Rooms = { readonly own: readonly number[]; readonly open: readonly number[] };

/** `isOpen`: a pool that gives way to the program. A place that lacks promised units has less than nothing open. */
export function roomsOf(
  { id, locations }: Program,
  placed: readonly PlaceShare[],
  free: Free,
  isOpen: (share: PlaceShare) => boolean,
): Rooms {
  const at = (location: LocationId, isCounted: (share: PlaceShare) => boolean): number =>
    keptAt(
      placed.filter((share) => share.location === location && isCounted(share)),
      location,
    );
  return {
    own: locations.map((location) => at(location, ({ program }) => program === id)),
    open: locations.map(
      (location) => (free.get(location) ?? 0) - at(location, (share) => share.program === id || !isOpen(share)),
    ),
  };
}

/** What the pools have for a program, wherever it lies: its own pool of the item, and all it may take of what is not its own. */
export type Budget = { readonly own: number; readonly shared: number; readonly atMost: number };

/** `placed`: the part of `own` that comes from pools of one place. */
export type PromiseBesidePlaces = { readonly own: number; readonly shared: number; readonly placed: number };

/** What a program may be promised by its draw order: pools of a place at their places alone, the others where room is open. */
export function promiseInRooms(rooms: Rooms, budget: Budget, isSharedFirst: boolean): PromiseBesidePlaces {
  const kept = sumOf(rooms.own);
  const net = sumOf(rooms.open);
  let reach = Math.max(0, Math.min(net + kept, budget.atMost));
  let room = Math.max(0, net);
  const take = (units: number, isInRoom: boolean): number => {
    const taken = Math.min(units, reach, isInRoom ? room : units);
    reach -= taken;
    if (isInRoom) room -= taken;
    return taken;
  };
  const before = isSharedFirst ? take(budget.shared, true) : 0;
  const placed = take(kept, false);
  const own = placed + take(budget.own, true);
  return { own, shared: isSharedFirst ? before : take(budget.shared, true), placed };
}
