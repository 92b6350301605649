/**
 * How much of an item is protected for whom, and what is left for all. Who may draw how much of it: draw.ts.
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
import { allTaken, type DrawnRows, drawnOf, filled, withDrawn } from './drawn.ts';
import { cutByLife } from './lot-life.ts';
import type { FreeLots } from './lots.ts';
import type { Instant, LocationId, Move, Policy, PoolRule, Program, ProgramId, Sku } from './model.ts';
import { movedUnits, rulesWithMoves } from './moves.ts';
import { areCovered, cutAtPlaces, type FreeAt, NO_PLACE_SHARES, type PlaceShare } from './place-pools.ts';
import { areFixed, isFixed, unitsOfRules } from './pool-units.ts';
import { cutInProportion, sumOf } from './proportion.ts';
import { withOne } from './rows.ts';
import { placeRulesFor, poolRulesFor, type RuledPool } from './rules.ts';

/**
 * Free units per location: sellable less allocated less held; negative where more is promised than there is. Of an item with lots
 * those that are expired are left out, and `lots` says which there are: who may use them hangs on the program.
 */
export type FreeByLocation = {
  get(location: LocationId): number | undefined;
  forEach(visit: (units: number, location: LocationId) => void): void;
  /** The sum over all locations, where it is at hand. */
  readonly net?: number;
  readonly lots?: FreeLots;
};

function netOf(free: FreeByLocation): number {
  let net = 0;
  free.forEach((units) => {
    net += units;
  });
  return net;
}

/** What pools look at of an item. */
export type PooledItem = {
  readonly sku: Sku;
  readonly groups: readonly string[];
  readonly drawn: DrawnRows;
  /** Reallocations in force. */
  readonly moves?: readonly Move[];
};

export type PoolShare = {
  readonly program: ProgramId;
  readonly priority: number;
  readonly rule: PoolRule;
  /** What a percent or part is one of: the supply when the pool was filled; 0 where all pools of the item are fixed. */
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

/** What counts from the moment that a pool was filled; a fixed number of units does not. */
const countsFromFill = (rule: PoolRule): boolean =>
  rule.percent !== undefined || rule.parts !== undefined || rule.limit !== undefined;

/** A pool that is filled: of one place, or of the item. */
export type Filled = { readonly program: ProgramId; readonly location?: LocationId };

/**
 * Pools that count from a fill and have not seen one: a rule that came into force where much was sold before begins with what is there
 * now.
 */
export const unfilledPools = (policy: Policy, item: PooledItem, now: Instant): Filled[] => {
  const isUnfilled = ({ program, rule }: RuledPool, location?: LocationId): boolean =>
    countsFromFill(rule) && !drawnOf(item.drawn, program, location).isFilled;
  return [
    ...poolRulesFor(policy, item, now).flatMap((own) => (isUnfilled(own) ? [{ program: own.program }] : [])),
    ...placeRulesFor(policy, item, now).flatMap((placed) => {
      const { program, location } = placed;
      return isUnfilled(placed, location) ? [{ program, location }] : [];
    }),
  ];
};

/** Pools that a receipt at a place fills anew: of the item, and of that place, where their rule says so and anything was taken since. */
export function filledByReceipt(policy: Policy, item: PooledItem, location: LocationId, now: Instant): Filled[] {
  const takenByAll = allTaken(item.drawn);
  const own = poolRulesFor(policy, item, now).flatMap(({ program, rule }) => {
    const { consumed, taken, takenAtFill, allTakenAtFill } = drawnOf(item.drawn, program);
    const isFull = consumed <= 0 && taken === takenAtFill && takenByAll === allTakenAtFill;
    return rule.refill !== 'receipt' || isFull ? [] : [{ program }];
  });
  const placed = placeRulesFor(policy, item, now).flatMap(({ program, location: place, rule }) => {
    const { consumed, taken } = drawnOf(item.drawn, program, location);
    const isFull = consumed <= 0 && taken === 0;
    return rule.refill !== 'receipt' || place !== location || isFull ? [] : [{ program, location }];
  });
  return [...own, ...placed];
}

/** What is drawn of an item once these pools of it are filled. */
export function drawnOnceFilled({ drawn }: PooledItem, pools: readonly Filled[]): DrawnRows {
  let rows = drawn;
  for (const { program, location } of pools) rows = withDrawn(rows, filled(drawn, program, location));
  return rows;
}

/** Whether any pool of the policy counts from a fill: without one no item is looked at. */
export const hasFilledPools = (policy: Policy): boolean => policy.pools.some(countsFromFill);

export type Share = PoolShare | PlaceShare;

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
  const leftAt = new Map(placed.map(({ location }) => [location, at.get(location) ?? 0]));
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
function placeSharesOf(policy: Policy, item: PooledItem, free: FreeByLocation, now: Instant): readonly PlaceShare[] {
  const rules = placeRulesFor(policy, item, now);
  if (rules.length === 0) return NO_PLACE_SHARES;
  const shares = rules.map(({ program, location, priority, rule }): PlaceShare => {
    const { consumed, taken } = drawnOf(item.drawn, program, location);
    const supply = isFixed(rule) ? 0 : Math.max(0, (free.get(location) ?? 0) + taken);
    const units = rule.units ?? 0;
    return { program, location, priority, rule, supply, units, consumed, remaining: Math.max(0, units - consumed) };
  });
  if (areFixed(rules)) return shares;
  const standing = new Map<PlaceShare, number>();
  for (const [, there] of Map.groupBy(shares, ({ location }) => location)) {
    const units = unitsOfRules(
      there,
      there.map(({ supply }) => supply),
      now,
    );
    there.forEach((share, index) => {
      standing.set(share, units[index] ?? 0);
    });
  }
  return shares.map((share) => {
    const units = standing.get(share) ?? 0;
    return { ...share, units, remaining: Math.max(0, units - share.consumed) };
  });
}

const NO_MOVES: readonly Move[] = [];
const NO_SHARES: readonly PoolShare[] = [];

/** What there was when each pool was filled: what is free now, and what was taken since. */
function suppliesAtFill(rules: readonly RuledPool[], { drawn }: PooledItem, net: number): number[] {
  const gross = net + allTaken(drawn);
  return rules.map(({ program }) => Math.max(0, gross - drawnOf(drawn, program).allTakenAtFill));
}

/** The item's pools, before they are cut to the `net` units that are free. */
function sharesOf(rules: readonly RuledPool[], item: PooledItem, net: number, now: Instant): PoolShare[] {
  // Fixed units, as most pools have, are a part of no supply.
  const supplies = areFixed(rules) ? null : suppliesAtFill(rules, item, net);
  const units = supplies === null ? null : unitsOfRules(rules, supplies, now);
  const { drawn, moves = NO_MOVES } = item;
  let shares: PoolShare[] = [];
  let index = 0;
  for (const { program, priority, rule } of rules) {
    const { consumed, taken, takenAtFill } = drawnOf(drawn, program);
    const limitLeft = rule.limit === undefined ? null : Math.max(0, rule.limit - (taken - takenAtFill));
    const ruled = (units === null ? rule.units : units[index]) ?? 0;
    const protects = moves.length === 0 ? ruled : Math.max(0, ruled + movedUnits(moves, program));
    const remaining = Math.max(0, protects - consumed);
    const supply = supplies?.[index] ?? 0;
    index++;
    shares = withOne(shares, { program, priority, rule, supply, units: protects, consumed, remaining, limitLeft });
  }
  return shares;
}

/** Pools of an item at a moment; only programs that a rule protects or limits, or that received units, are among them, by id. */
export function poolsOf(policy: Policy, item: PooledItem, free: FreeByLocation, now: Instant): Pools {
  const net = free.net ?? netOf(free);
  const total = Math.max(0, net);
  const rules = rulesWithMoves(policy, poolRulesFor(policy, item, now), item.moves ?? NO_MOVES);
  const placed = placeSharesOf(policy, item, free, now);
  if (rules.length === 0 && placed.length === 0) return { free: total, own: NO_SHARES, placed, shared: total };
  const shares = sharesOf(rules, item, net, now);
  if (placed.length > 0) return poolsBesidePlaces(policy, total, [...shares, ...placed], free);
  const own = isEnough(total, shares, free) ? shares : cutToFree(policy, total, shares, free);
  let shared = total;
  for (const { remaining } of own) shared -= remaining;
  return { free: total, own, placed, shared };
}

/** Most often there is enough for all, and nothing to cut. */
function isEnough(total: number, shares: readonly PoolShare[], { lots }: FreeByLocation): boolean {
  let left = total;
  for (const { remaining } of shares) left -= remaining;
  return left >= 0 && lots === undefined;
}

/** The same where places have pools, too: all are cut together. */
function poolsBesidePlaces(policy: Policy, total: number, shares: readonly Share[], free: FreeByLocation): Pools {
  const cut = cutToFree(policy, total, shares, free);
  const placed = cut.filter(isPlaced);
  const own = cut.filter((share): share is PoolShare => !isPlaced(share));
  return { free: total, own, placed, shared: total - sumOf(cut.map(({ remaining }) => remaining)) };
}

function cutToFree<Any extends Share>(
  policy: Policy,
  total: number,
  shares: readonly Any[],
  free: FreeByLocation,
): readonly Any[] {
  const { lots } = free;
  if (lots === undefined) return cutPools(total, shares, free);
  return cutByLife(policy, { total, shares, at: free }, lots, cutPools);
}

export function shareOf(program: Program, { own }: Pools): PoolShare | undefined {
  for (const share of own) if (share.program === program.id) return share;
  return undefined;
}
