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
import { type FreeLots, usableAt } from './lots.ts';
import type { LocationId, PoolRule, Program, ProgramId } from './model.ts';
import { cutInProportion, sumOf } from './proportion.ts';

/** A program's pool of one place, as `PoolShare` is its pool of the item. */
export type PlaceShare = {
  readonly program: ProgramId;
  readonly location: LocationId;
  readonly priority: number;
  readonly rule: PoolRule;
  /** What a percent or part is one of: what was free at the place when the pool was filled, and came since; 0 for a fixed number. */
  readonly supply: number;
  readonly units: number;
  readonly consumed: number;
  readonly remaining: number;
  /** What its program asks for, of an item with lots. */
  readonly minimumLifeDays?: number;
};

/** Units that are kept for a program; `location`: at that place alone; `rule`: in words, where an order's line is explained. */
export type Protection = {
  readonly program: ProgramId;
  readonly units: number;
  readonly location?: LocationId;
  readonly rule?: string;
};

export const NO_PLACE_SHARES: readonly PlaceShare[] = [];

type Free = { get(location: LocationId): number | undefined; readonly lots?: FreeLots };

/** What there is at a place: of lots, of those that live long enough. */
export type FreeAt = { get(location: LocationId): number | undefined };

// ---- the cut -----------------------------------------------------------------------------------------------------------------

/** Whether every place has what its pools protect there. */
export function areCovered(placed: readonly PlaceShare[], at: FreeAt): boolean {
  const wanted = new Map<LocationId, number>();
  for (const { location, remaining } of placed) wanted.set(location, (wanted.get(location) ?? 0) + remaining);
  for (const [location, units] of wanted) if (units > 0 && units > (at.get(location) ?? 0)) return false;
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
  const cut = (units: number, shares: readonly PlaceShare[], most: (share: PlaceShare) => number): number[] =>
    cutInProportion(
      units,
      shares.map((share) => share.units),
      shares.map(({ consumed }) => consumed),
      // Its turns stay those of its units, so that no draw moves another.
      shares.map((share) => share.consumed + most(share)),
    );
  for (const [location, shares] of Map.groupBy(members, (share) => share.location)) {
    const units = cut(left.get(location) ?? 0, shares, ({ remaining }) => remaining);
    shares.forEach((share, index) => {
      there.set(share, units[index] ?? 0);
    });
  }
  const kept = cut(total, members, (share) => there.get(share) ?? 0);
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

/** For each place of a program, in its order: what its own pool has there, what is open to it beside, and what pools keep from it. */
export type Rooms = {
  readonly own: readonly number[];
  readonly open: readonly number[];
  readonly kept: readonly number[];
};

/** `isOpen`: a pool that gives way to the program. A place that lacks promised units has less than nothing open. */
export function roomsOf(
  program: Program,
  placed: readonly PlaceShare[],
  free: Free,
  isOpen: (share: PlaceShare) => boolean,
): Rooms {
  const rows = program.locations.map((location) => {
    const there = placed.filter((share) => share.location === location);
    const own = keptAt(there.filter((share) => share.program === program.id));
    const closed = there.filter((share) => share.program === program.id || !isOpen(share));
    const usable = free.lots === undefined ? (free.get(location) ?? 0) : usableAt(free.lots, location, program);
    const open = free.lots === undefined ? usable - keptAt(closed) : openOfLots(program, location, closed, free.lots);
    return { own, open, kept: usable - own - open };
  });
  return {
    own: rows.map(({ own }) => own),
    open: rows.map(({ open }) => open),
    kept: rows.map(({ kept }) => kept),
  };
}

/** Of units that live so long, those stay that are kept for who asks for so long a life: for every life up to the program's own. */
function openOfLots(
  { minimumLifeDays = 0 }: Program,
  location: LocationId,
  closed: readonly PlaceShare[],
  lots: FreeLots,
): number {
  const lives = [...lots.lives.filter((days) => days < minimumLifeDays), 0, minimumLifeDays];
  const rooms = lives.map(
    (days) =>
      usableAt(lots, location, { minimumLifeDays: days }) -
      keptAt(closed.filter((share) => (share.minimumLifeDays ?? 0) >= days)),
  );
  return Math.min(...rooms);
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
