/**
 * Who may draw how much of an item: own pools, the shared pool, draw order.
 *
 * | a pool protects             | against                                          | is cut, where supply is too small      |
 * | core                        | everybody                                        | with the other core pools, in proportion |
 * | prioritised                 | programs of the same or a lower priority         | after these, the lowest priority first |
 * | core, for `emergency`       | everybody; no program draws from it              | as core                                |
 *
 * Pools of one place (place-pools.ts) stand beside those of the item and come first within their tier: these count on what is left.
 * Guarantees I5: a program's remaining protected units are subtracted before anybody else's share is looked at, but for those that
 * its own rule opens to programs before it. A cut is exact (ties by program id), and what one program draws or gives back never
 * lowers what is left to another. Protections that are a part of the supply are parts of what there was when the pool was filled
 * (now free, and taken since), so that no draw moves them.
 */
import { type Drawn, NOTHING_DRAWN, rowKey } from './drawn.ts';
import { assert } from './errors.ts';
import { cutByLife, lifeRoom } from './lot-life.ts';
import { drawLots, type FreeLots, usableAt } from './lots.ts';
import type { Allocation, Instant, LocationId, Move, Policy, PoolRule, Program, ProgramId, Sku } from './model.ts';
import { movedUnits, rulesWithMoves } from './moves.ts';
import {
  areCovered,
  cutAtPlaces,
  type FreeAt,
  NO_PLACE_SHARES,
  type PlaceShare,
  type Protection,
  promiseInRooms,
  type Rooms,
  roomsOf,
} from './place-pools.ts';
import { cutInProportion, sumOf } from './proportion.ts';
import { placeRulesFor, poolBordersAfter, poolRulesFor, type RuledPool } from './rules.ts';

/**
 * Free units per location: sellable less allocated less held; negative where more is promised than there is. Of an item with lots
 * those that are expired are left out, and `lots` says which there are: who may use them hangs on the program.
 */
export type FreeByLocation = {
  get(location: LocationId): number | undefined;
  forEach(visit: (units: number, location: LocationId) => void): void;
  readonly lots?: FreeLots;
};

/** What counts from the moment that a pool was filled; a fixed number of units does not. */
const countsFromFill = (rule: PoolRule): boolean =>
  rule.percent !== undefined || rule.parts !== undefined || rule.limit !== undefined;

/**
 * Programs whose pool counts from a fill and has not seen one: a rule that came into force where much was sold before begins with
 * what is there now.
 */
export const unfilledPools = (policy: Policy, item: PooledItem, now: Instant): ProgramId[] =>
  hasFilledPools(policy)
    ? poolRulesFor(policy, item, now)
        .filter(({ program, rule }) => countsFromFill(rule) && item.drawn.get(program)?.isFilled !== true)
        .map(({ program }) => program)
    : [];

const COUNTING = new WeakMap<Policy, boolean>();

/** Whether any pool of the policy counts from a fill: asked for every item of every batch. */
function hasFilledPools(policy: Policy): boolean {
  const known = COUNTING.get(policy) ?? policy.pools.some(countsFromFill);
  COUNTING.set(policy, known);
  return known;
}

/** What pools look at of an item. */
export type PooledItem = {
  readonly sku: Sku;
  readonly groups: readonly string[];
  /** By program; of pools of one place, by `drawnKey` (drawn.ts), and then of `consumed` alone. */
  readonly drawn: ReadonlyMap<string, Drawn>;
  /** Reallocations in force. */
  readonly moves?: readonly Move[];
};

export type PoolShare = {
  readonly program: ProgramId;
  readonly priority: number;
  readonly rule: PoolRule;
  /** What a percent or part is one of: the supply when the pool was filled. */
  readonly supply: number;
  /** Units protected by the rule as it stands now and by the moves in force, and how many of them are drawn. */
  readonly units: number;
  readonly consumed: number;
  /** Units still protected, after the cut where supply is too small. */
  readonly remaining: number;
  /** What its limit leaves to the program; null without one. */
  readonly limitLeft: number | null;
  /** What its program asks for, of an item with lots. */
  readonly minimumLifeDays?: number;
  /** Less is left of it than it protects, since no more lots live long enough. */
  readonly isCutByLife?: true;
};

export type Pools = {
  readonly free: number;
  readonly own: readonly PoolShare[];
  /** Pools of one place, beside the program's own. */
  readonly placed: readonly PlaceShare[];
  readonly shared: number;
};

/** Where a part of the rest is large enough to be any share: the cut is then an apportionment by parts. */
const apportion = (total: number, parts: readonly number[]): number[] =>
  cutInProportion(
    total,
    parts.map((part) => part * Math.max(1, total)),
  );

/** The percent of a protection that its release curve leaves standing at a moment. */
function standingPercent(rule: PoolRule, now: Instant): number {
  const points = rule.release ?? [];
  const next = points.findIndex(({ at }) => at > now);
  const after = next < 0 ? undefined : points[next];
  const before = points[next < 0 ? points.length - 1 : next - 1];
  if (before === undefined) return 100;
  if (after === undefined) return before.percent;
  return before.percent + ((after.percent - before.percent) * (now - before.at)) / (after.at - before.at);
}

/** Rounds up, so that a release never frees a unit before its time; floating dust is no unit. */
const unitsStanding = (units: number, rule: PoolRule, now: Instant): number =>
  rule.release === undefined ? units : Math.max(0, Math.ceil((units * standingPercent(rule, now)) / 100 - 1e-9));

const clamp = (units: number, rule: PoolRule): number =>
  Math.min(rule.maximum ?? Number.MAX_SAFE_INTEGER, Math.max(rule.minimum ?? 0, units));

/** A number of units, whatever there is and whenever it is. */
const isFixed = ({ rule }: RuledPool): boolean =>
  rule.percent === undefined &&
  rule.parts === undefined &&
  rule.minimum === undefined &&
  rule.maximum === undefined &&
  rule.release === undefined;

/** Units that each rule protects now, before anything is drawn of them. */
function unitsOfRules(rules: readonly RuledPool[], supplies: readonly number[], now: Instant): number[] {
  const firm = rules.map(({ rule }, index) => {
    if (rule.percent !== undefined) return Math.floor(((supplies[index] ?? 0) * rule.percent) / 100);
    return rule.units ?? 0;
  });
  const parts = rules.map(({ rule }) => rule.parts ?? 0);
  const hasParts = parts.some((part) => part > 0);
  const firmTotal = sumOf(firm);
  return rules.map(({ rule }, index) => {
    // Pools that were filled at different moments are parts of different supplies.
    const rest = Math.max(0, (supplies[index] ?? 0) - firmTotal);
    const units = hasParts && rule.parts !== undefined ? (apportion(rest, parts)[index] ?? 0) : (firm[index] ?? 0);
    return unitsStanding(clamp(units, rule), rule, now);
  });
}

type Share = PoolShare | PlaceShare;

const isPlaced = (share: Share): share is PlaceShare => 'location' in share;

/**
 * Cuts the protections to what there is: core pools first, then the prioritised, the highest priority before the next. `at`: what
 * there is of it at each place, where pools of places are among them.
 */
function cutPools<Any extends Share>(total: number, shares: readonly Any[], at: FreeAt): readonly Any[] {
  // Every share stands at what its rule leaves: most often there is enough for all.
  let wanted = 0;
  let hasPlaces = false;
  for (const share of shares) {
    wanted += share.remaining;
    if (isPlaced(share)) hasPlaces = true;
  }
  if (wanted <= total && !hasPlaces) return shares;
  const placed = hasPlaces ? (shares as readonly Share[]).filter(isPlaced) : NO_PLACE_SHARES;
  if (wanted <= total && areCovered(placed, at)) return shares;
  const tierOf = ({ rule, priority }: Share): number => (rule.protects === 'prioritised' ? priority : -1);
  const tiers = [...new Set(shares.map(tierOf))].sort((a, b) => a - b);
  const remaining = new Map<Share, number>();
  const leftAt = new Map(placed.map(({ location }) => [location, at(location)]));
  let left = total;
  for (const tier of tiers) {
    const there = placed.filter((share) => tierOf(share) === tier);
    for (const [share, units] of cutAtPlaces(left, leftAt, there)) {
      remaining.set(share, units);
      left -= units;
    }
    const members = shares.filter((share) => !isPlaced(share) && tierOf(share) === tier);
    const cut = cutInProportion(
      left,
      members.map(({ units }) => units),
      members.map(({ consumed }) => consumed),
      // Lower than its units where lots leave less to it: its turns stay those of its units, so that no draw moves another.
      members.map((share) => share.consumed + share.remaining),
    );
    members.forEach((share, index) => {
      remaining.set(share, cut[index] ?? 0);
    });
    left -= sumOf(cut);
  }
  return shares.map((share) => ({ ...share, remaining: remaining.get(share) ?? 0 }));
}

/** Of pools of one place, before they are cut. */
function placeSharesOf(policy: Policy, item: PooledItem, now: Instant): readonly PlaceShare[] {
  const rules = placeRulesFor(policy, item, now);
  if (rules.length === 0) return NO_PLACE_SHARES;
  return rules.map(({ program, location, priority, rule }) => {
    const units = unitsStanding(rule.units ?? 0, rule, now);
    const consumed = item.drawn.get(rowKey({ program, location }))?.consumed ?? 0;
    return { program, location, priority, rule, units, consumed, remaining: Math.max(0, units - consumed) };
  });
}

/** Pools of an item at a moment; only programs that a rule protects or limits, or that received units, are among them, by id. */
export function poolsOf(policy: Policy, item: PooledItem, free: FreeByLocation, now: Instant): Pools {
  let net = 0;
  free.forEach((units) => {
    net += units;
  });
  const total = Math.max(0, net);
  const moves = item.moves ?? [];
  const rules = rulesWithMoves(policy, poolRulesFor(policy, item, now), moves);
  const there = placeSharesOf(policy, item, now);
  if (rules.length === 0 && there.length === 0) return { free: total, own: [], placed: there, shared: total };
  let allTaken = 0;
  for (const { taken } of item.drawn.values()) allTaken += taken;
  const drawnBy = (program: ProgramId): Drawn => item.drawn.get(program) ?? NOTHING_DRAWN;
  const supplyOf = (drawn: Drawn): number => Math.max(0, net + allTaken - drawn.allTakenAtFill);
  const units = rules.every(isFixed)
    ? null
    : unitsOfRules(
        rules,
        rules.map(({ program }) => supplyOf(drawnBy(program))),
        now,
      );
  const shares = rules.map(({ program, priority, rule }, index): PoolShare => {
    const drawn = drawnBy(program);
    const { consumed, taken, takenAtFill } = drawn;
    const limitLeft = rule.limit === undefined ? null : Math.max(0, rule.limit - (taken - takenAtFill));
    const ruled = (units === null ? rule.units : units[index]) ?? 0;
    const protects = moves.length === 0 ? ruled : Math.max(0, ruled + movedUnits(moves, program));
    const remaining = Math.max(0, protects - consumed);
    return { program, priority, rule, supply: supplyOf(drawn), units: protects, consumed, remaining, limitLeft };
  });
  if (there.length > 0) return poolsBesidePlaces(policy, total, [...shares, ...there], free);
  const at = (location: LocationId): number => free.get(location) ?? 0;
  const own =
    free.lots === undefined
      ? cutPools(total, shares, at)
      : cutByLife(policy, { total, shares, at }, free.lots, cutPools);
  let shared = total;
  for (const { remaining } of own) shared -= remaining;
  return { free: total, own, placed: there, shared };
}

/** The same where places have pools, too: all are cut together. */
function poolsBesidePlaces(policy: Policy, total: number, shares: readonly Share[], free: FreeByLocation): Pools {
  const at = (location: LocationId): number => free.get(location) ?? 0;
  const { lots } = free;
  const cut =
    lots === undefined ? cutPools(total, shares, at) : cutByLife(policy, { total, shares, at }, lots, cutPools);
  const placed = cut.filter(isPlaced);
  const own = cut.filter((share): share is PoolShare => !isPlaced(share));
  return { free: total, own, placed, shared: total - sumOf(cut.map(({ remaining }) => remaining)) };
}

/** A protected amount that falls by its curve is looked at again when a unit is due, but not more often than this. */
const RELEASE_STEP_MS = 10 * 60_000;

/** When time alone changes the pools of an item next: a rule begins or ends, or a release frees a unit. */
export function nextPoolChange(policy: Policy, item: PooledItem, pools: Pools, now: Instant): Instant | null {
  const moments = poolBordersAfter(policy, item, now);
  for (const { rule, units } of [...pools.own, ...pools.placed]) {
    const points = rule.release ?? [];
    const next = points.findIndex(({ at }) => at > now);
    const [before, after] = [points[next - 1], points[next]];
    if (after === undefined) continue;
    moments.push(after.at);
    const percentPerMs = before === undefined ? 0 : Math.abs(after.percent - before.percent) / (after.at - before.at);
    const whole = (units * 100) / Math.max(1e-9, standingPercent(rule, now));
    const unitsPerMs = (whole * percentPerMs) / 100;
    if (unitsPerMs > 0) moments.push(now + Math.max(RELEASE_STEP_MS, Math.ceil(1 / unitsPerMs)));
  }
  return moments.length === 0 ? null : Math.min(...moments);
}

/** What is left of others' protections that the program may not touch. */
export function protectedFrom(program: Program, pools: Pools): Protection[] {
  const isClosed = (share: PoolShare | PlaceShare): boolean =>
    share.remaining > 0 && share.program !== program.id && !isOpenTo(program, share);
  const shares = pools.own
    .filter(isClosed)
    .map((share): Protection => ({ program: share.program, units: share.remaining }));
  if (pools.placed.length === 0) return shares;
  const there = pools.placed
    .filter(isClosed)
    .map(({ program: id, location, remaining }) => ({ program: id, location, units: remaining }));
  return [...shares, ...there];
}

const isOpenTo = (program: Program, share: PoolShare | PlaceShare): boolean =>
  share.rule.protects === 'prioritised' && share.priority > program.priority;

/** A place that lacks promised units takes them from the program's others: a deficit is not sold a second time next door. */
function freeAt(program: Program, free: FreeByLocation): number {
  let units = 0;
  const { lots } = free;
  for (const location of program.locations) {
    units += lots === undefined ? (free.get(location) ?? 0) : usableAt(lots, location, program);
  }
  return Math.max(0, units);
}

/** What a program may take of lots beyond its own pool: all but what is still protected of those that live so long. */
export const lifeRoomOf = (program: Program, pools: Pools, lots: FreeLots): number =>
  lifeRoom(
    program,
    [...pools.own, ...pools.placed].filter((share) => !isOpenTo(program, share)),
    lots,
  );

/** What a program may be promised now; `placed`: the part of `own` that its pools of one place give, where it has any. */
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
  const share = pools.own.find((one) => one.program === program.id);
  const atMost = Math.min(pools.free, share?.limitLeft ?? Number.MAX_SAFE_INTEGER);
  const ownPool = share?.remaining ?? 0;
  const openPool = program.drawOrder === 'ownOnly' ? 0 : openUnitsTo(program, pools);
  const sharedPool = free.lots === undefined ? openPool : Math.min(openPool, lifeRoomOf(program, pools, free.lots));
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

/** Draws up to `wanted` units: pool by draw order, place by the program's preference. The sum may be less than wanted. */
export function draw(program: Program, wanted: number, pools: Pools, free: FreeByLocation): Allocation[] {
  const { own, shared, placed = 0 } = promisableTo(program, pools, free);
  const may = { place: placed, own: own - placed, shared };
  const { lots } = free;
  const rooms = pools.placed.length === 0 ? null : roomsFor(program, pools, free);
  const usable = (location: LocationId): number =>
    lots === undefined ? (free.get(location) ?? 0) : usableAt(lots, location, program);
  const left = program.locations.map((location, index) => Math.max(0, rooms?.open[index] ?? usable(location)));
  const drawn: Allocation[] = [];
  let open = wanted;
  for (const pool of program.drawOrder === 'sharedThenOwn' ? SHARED_FIRST : OWN_FIRST) {
    if (may[pool] === 0) continue;
    let units = Math.min(open, may[pool]);
    open -= units;
    const there = pool === 'place' ? [...(rooms?.own ?? [])] : left;
    program.locations.forEach((location, index) => {
      const quantity = Math.min(units, there[index] ?? 0);
      if (quantity === 0) return;
      drawn.push({ location, program: program.id, pool, quantity });
      there[index] = (there[index] ?? 0) - quantity;
      units -= quantity;
    });
    assert(units === 0, `draw found pool units without a place: ${units} of ${program.id}`);
  }
  return lots === undefined ? drawn : drawLots(lots, program, drawn);
}
