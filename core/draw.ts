/**
 * What a program may be promised of an item and what a draw takes: by draw order, limit, places and lots.
 *
 * | draw order    | first                                 | then                                   |
 * | ownOnly       | its own pools                         |                                        |
 * | ownThenShared | its own pools                         | shared, and pools that are open to it  |
 * | sharedThenOwn | shared, and pools that are open to it | its own pools                          |
 *
 * Its own pool of one place counts as own, and comes first among them. Guarantees: a draw takes what was promised (`promisableTo`), to
 * the unit; beyond its own pools nobody takes what is protected from it (I5). Pure.
 */
import { assert } from './errors.ts';
import { lifeRoom, type PlaceTurn, sparedAt } from './lot-life.ts';
import { drawLots, type FreeLots, usableAt } from './lots.ts';
import type { Allocation, LocationId, PoolKind, Program } from './model.ts';
import { type Protection, promiseInRooms, type Rooms, roomsOf } from './place-pools.ts';
import { type FreeByLocation, type Pools, type Share, shareOf } from './pools.ts';
import { sumOf } from './proportion.ts';
import { withOne } from './rows.ts';

/** What is left of others' protections that the program may not touch. */
export function protectedFrom(program: Program, { own, placed }: Pools): Protection[] {
  let kept: Protection[] = [];
  for (const share of own) {
    if (isKeptFrom(program, share)) kept = withOne(kept, { program: share.program, units: share.remaining });
  }
  for (const share of placed) {
    const { program: owner, location, remaining: units } = share;
    if (isKeptFrom(program, share)) kept = withOne(kept, { program: owner, location, units });
  }
  return kept;
}

const isKeptFrom = (program: Program, share: Share): boolean =>
  share.remaining > 0 && share.program !== program.id && !isOpenTo(program, share);

const isOpenTo = (program: Program, share: Share): boolean =>
  share.rule.protects === 'prioritised' && share.priority > program.priority;

/** Free units of a place that the program may use. */
const usableFor = (program: Program, location: LocationId, free: FreeByLocation): number =>
  free.lots === undefined ? (free.get(location) ?? 0) : usableAt(free.lots, location, program);

/** A place that lacks promised units takes them from the program's others: a deficit is not sold a second time next door. */
function freeAt(program: Program, free: FreeByLocation): number {
  let units = 0;
  for (const location of program.locations) units += usableFor(program, location, free);
  return Math.max(0, units);
}

const sharesClosedTo = (program: Program, { own, placed }: Pools): Share[] =>
  [...own, ...placed].filter((share) => !isOpenTo(program, share));

/** What each place of a program has beyond pools of that place. */
const openAt = (program: Program, free: FreeByLocation, rooms: Rooms | null): number[] =>
  program.locations.map((place, at) => Math.max(0, rooms?.open[at] ?? usableFor(program, place, free)));

/**
 * What a program may take of lots beyond its own pool: all but what is still protected of those that live so long, and of those that
 * live longer where its places have no others.
 */
export function lifeRoomOf(program: Program, pools: Pools, free: FreeByLocation, lots: FreeLots): number {
  const shares = sharesClosedTo(program, pools);
  const room = lifeRoom(program, shares, lots);
  const rooms = pools.placed.length === 0 ? null : roomsFor(program, pools, free);
  const open = openAt(program, free, rooms);
  const turns = program.locations.map(
    (location, at): PlaceTurn => ({ location, open: open[at] ?? 0, gone: rooms?.own[at] ?? 0 }),
  );
  const spared = sparedAt(program, shares, lots, turns);
  if (spared === null) return room;
  const own = Math.min(shareOf(program, pools)?.remaining ?? 0, sumOf(open));
  return Math.min(room, Math.max(0, sumOf(spared) - own));
}

/**
 * Units that a draw may take from each place of a program beyond pools of the place, in turn: of an item with lots, every place gives
 * first what nobody protects for a longer life, then what is left. `drawn`: what the same draw has taken already.
 */
function openInTurn(
  program: Program,
  pools: Pools,
  free: FreeByLocation,
  { rooms, drawn }: { readonly rooms: Rooms | null; readonly drawn: readonly Allocation[] },
): number[] {
  const open = openAt(program, free, rooms);
  if (free.lots === undefined) return open;
  const turns = program.locations.map((location, at): PlaceTurn => {
    const gone = sumOf(drawn.flatMap((part) => (part.location === location ? [part.quantity] : [])));
    return { location, open: open[at] ?? 0, gone };
  });
  const spared = sparedAt(program, sharesClosedTo(program, pools), free.lots, turns);
  return spared === null ? open : [...spared, ...open.map((units, at) => units - (spared[at] ?? 0))];
}

/** What a program may be promised now; `placed`: the part of `own` that its pools of one place give. */
export type Promised = { readonly own: number; readonly shared: number; readonly placed?: number };

/** Units that stand open to a program beyond its own pools: what is shared, and protections that its priority goes before. */
export function openUnitsTo(program: Program, pools: Pools): number {
  let units = pools.shared;
  for (const one of pools.own) if (isOpenTo(program, one)) units += one.remaining;
  for (const one of pools.placed) if (isOpenTo(program, one)) units += one.remaining;
  return units;
}

/** What a program may be promised now, by its draw order, its limit and its places. */
export function promisableTo(program: Program, pools: Pools, free: FreeByLocation): Promised {
  const share = shareOf(program, pools);
  const atMost = Math.min(pools.free, share?.limitLeft ?? Number.MAX_SAFE_INTEGER);
  const ownPool = share?.remaining ?? 0;
  const openPool = program.drawOrder === 'ownOnly' ? 0 : openUnitsTo(program, pools);
  const sharedPool =
    free.lots === undefined ? openPool : Math.min(openPool, lifeRoomOf(program, pools, free, free.lots));
  const isSharedFirst = program.drawOrder === 'sharedThenOwn';
  if (pools.placed.length > 0) {
    const budget = { own: ownPool, shared: sharedPool, atMost };
    return promiseInRooms(roomsFor(program, pools, free), budget, isSharedFirst);
  }
  const reach = Math.min(freeAt(program, free), atMost);
  if (isSharedFirst) {
    const shared = Math.min(sharedPool, reach);
    return { own: Math.min(ownPool, reach - shared), shared };
  }
  const own = Math.min(ownPool, reach);
  return { own, shared: Math.min(sharedPool, reach - own) };
}

/** Place by place of a program: what its own pools have there, what is open to it, and what is kept from it. */
export const roomsFor = (program: Program, pools: Pools, free: FreeByLocation): Rooms =>
  roomsOf(program, pools.placed, free, (share) => isOpenTo(program, share));

const OWN_FIRST = ['place', 'own', 'shared'] as const;
const SHARED_FIRST = ['shared', 'place', 'own'] as const;

/** What is promised out of a pool. */
function unitsIn({ own, shared, placed = 0 }: Promised, pool: PoolKind): number {
  if (pool === 'shared') return shared;
  return pool === 'place' ? placed : own - placed;
}

/** Draws up to `wanted` units: pool by draw order, place by the program's preference (`openInTurn`). The sum may be less than wanted. */
export function draw(program: Program, wanted: number, pools: Pools, free: FreeByLocation): Allocation[] {
  const promised = promisableTo(program, pools, free);
  const { id, locations } = program;
  const rooms = pools.placed.length === 0 ? null : roomsFor(program, pools, free);
  let drawn: Allocation[] = [];
  let left = wanted;
  let open: number[] | null = null;
  for (const pool of program.drawOrder === 'sharedThenOwn' ? SHARED_FIRST : OWN_FIRST) {
    let units = Math.min(left, unitsIn(promised, pool));
    if (units === 0) continue;
    left -= units;
    if (pool !== 'place') open ??= openInTurn(program, pools, free, { rooms, drawn });
    const there = pool === 'place' ? [...(rooms?.own ?? [])] : (open ?? []);
    for (let at = 0; at < there.length; at++) {
      const quantity = Math.min(units, there[at] ?? 0);
      if (quantity === 0) continue;
      const location = locations[at % locations.length] ?? '';
      drawn = withOne(drawn, { location, program: id, pool, quantity });
      there[at] = (there[at] ?? 0) - quantity;
      units -= quantity;
    }
    assert(units === 0, `draw found pool units without a place: ${units} of ${id}`);
  }
  return free.lots === undefined ? drawn : drawLots(free.lots, program, drawn);
}
