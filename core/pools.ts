/**
 * Who may draw how much of an item: own pools, the shared pool, draw order.
 *
 * | a pool protects             | against                                          | is cut, where supply is too small      |
 * | core                        | everybody                                        | with the other core pools, in proportion |
 * | prioritised                 | programs of the same or a lower priority         | after these, the lowest priority first |
 * | core, for `emergency`       | everybody; no program draws from it              | as core                                |
 *
 * Guarantees I5: a program's remaining protected units are subtracted before anybody else's share is looked at, but for those that
 * its own rule opens to programs before it. A cut is exact (ties by program id), and what one program draws or gives back never
 * lowers what is left to another. Protections that are a part of the supply are parts of what there was when the pool was filled
 * (now free, and taken since), so that no draw moves them.
 */
import { assert } from './errors.ts';
import { cutByLife, lifeRoom } from './lot-life.ts';
import { drawLots, type FreeLots, usableAt } from './lots.ts';
import type { Allocation, Instant, LocationId, Move, Policy, PoolRule, Program, ProgramId, Sku } from './model.ts';
import { movedUnits, rulesWithMoves, UNRULED } from './moves.ts';
import { cutInProportion } from './proportion.ts';
import { poolBordersAfter, poolRulesFor, type RuledPool, scopeOf } from './rules.ts';

/**
 * Free units per location: sellable less allocated less held; negative where more is promised than there is. Of an item with lots
 * those that are expired are left out, and `lots` says which there are: who may use them hangs on the program.
 */
export type FreeByLocation = {
  get(location: LocationId): number | undefined;
  forEach(visit: (units: number, location: LocationId) => void): void;
  readonly lots?: FreeLots;
};

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

/** What counts from the moment that a pool was filled; a fixed number of units does not. */
const countsFromFill = (rule: PoolRule): boolean =>
  rule.percent !== undefined || rule.parts !== undefined || rule.limit !== undefined;

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
  readonly drawn: ReadonlyMap<ProgramId, Drawn>;
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
};

export type Pools = { readonly free: number; readonly own: readonly PoolShare[]; readonly shared: number };

function sumOf(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

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

/** Cuts the protections to what there is: core pools first, then the prioritised, the highest priority before the next. */
function cutPools(total: number, shares: readonly PoolShare[]): readonly PoolShare[] {
  // Every share stands at what its rule leaves: most often there is enough for all.
  let wanted = 0;
  for (const { remaining } of shares) wanted += remaining;
  if (wanted <= total) return shares;
  const tierOf = (share: PoolShare): number => (share.rule.protects === 'prioritised' ? share.priority : -1);
  const tiers = [...new Set(shares.map(tierOf))].sort((a, b) => a - b);
  const remaining = new Map<PoolShare, number>();
  let left = total;
  for (const tier of tiers) {
    const members = shares.filter((share) => tierOf(share) === tier);
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

/** Pools of an item at a moment; only programs that a rule protects or limits, or that received units, are among them, by id. */
export function poolsOf(policy: Policy, item: PooledItem, free: FreeByLocation, now: Instant): Pools {
  let net = 0;
  free.forEach((units) => {
    net += units;
  });
  const total = Math.max(0, net);
  const moves = item.moves ?? [];
  const rules = rulesWithMoves(policy, poolRulesFor(policy, item, now), moves);
  if (rules.length === 0) return { free: total, own: [], shared: total };
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
  const own =
    free.lots === undefined ? cutPools(total, shares) : cutByLife(policy, { total, shares }, free.lots, cutPools);
  let shared = total;
  for (const { remaining } of own) shared -= remaining;
  return { free: total, own, shared };
}

type SaidShare = Pick<PoolShare, 'rule' | 'supply' | 'units'>;

const SAID = new WeakMap<PoolRule, string>();

/** A pool's rule in the words of a planner: what it applies to, and how its units come about. */
export function sayPoolRule(share: SaidShare): string {
  const { percent, parts, release } = share.rule;
  if (percent !== undefined || parts !== undefined || release !== undefined) return wordsOf(share);
  // Words without a number of the moment are the same each time.
  const said = SAID.get(share.rule) ?? wordsOf(share);
  SAID.set(share.rule, said);
  return said;
}

function wordsOf({ rule, supply, units }: SaidShare): string {
  const amounts = [
    ...(rule.percent === undefined ? [] : [`${rule.percent} % of ${supply}`]),
    ...(rule.parts === undefined ? [] : [`${rule.parts} parts of what others leave of ${supply}`]),
    ...(rule.minimum === undefined ? [] : [`at least ${rule.minimum}`]),
    ...(rule.maximum === undefined ? [] : [`at most ${rule.maximum}`]),
    ...(rule.release === undefined ? [] : [`${units} still stand by its release curve`]),
    ...(rule.because === undefined ? [] : [rule.because]),
    ...(rule.protects === 'prioritised' ? ['only against lower priorities'] : []),
  ];
  return [rule === UNRULED ? 'no rule of its own' : `rule for ${scopeOf(rule)}`, ...amounts].join(', ');
}

/** A protected amount that falls by its curve is looked at again when a unit is due, but not more often than this. */
const RELEASE_STEP_MS = 10 * 60_000;

/** When time alone changes the pools of an item next: a rule begins or ends, or a release frees a unit. */
export function nextPoolChange(policy: Policy, item: PooledItem, pools: Pools, now: Instant): Instant | null {
  const moments = poolBordersAfter(policy, item, now);
  for (const { rule, units } of pools.own) {
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
export function protectedFrom(
  program: Program,
  pools: Pools,
): { readonly program: ProgramId; readonly units: number }[] {
  const shares = pools.own.filter(
    (share) => share.remaining > 0 && share.program !== program.id && !isOpenTo(program, share),
  );
  return shares.map((share) => ({ program: share.program, units: share.remaining }));
}

const isOpenTo = (program: Program, share: PoolShare): boolean =>
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
    pools.own.filter((share) => !isOpenTo(program, share)),
    lots,
  );

/** What a program may be promised now, by its draw order, its limit and its places. */
export function promisableTo(program: Program, pools: Pools, free: FreeByLocation): { own: number; shared: number } {
  const share = pools.own.find((one) => one.program === program.id);
  const reach = Math.min(freeAt(program, free), pools.free, share?.limitLeft ?? Number.MAX_SAFE_INTEGER);
  const ownPool = share?.remaining ?? 0;
  let opened = 0;
  for (const one of pools.own) if (isOpenTo(program, one)) opened += one.remaining;
  const openPool = program.drawOrder === 'ownOnly' ? 0 : pools.shared + opened;
  const sharedPool = free.lots === undefined ? openPool : Math.min(openPool, lifeRoomOf(program, pools, free.lots));
  if (program.drawOrder === 'sharedThenOwn') {
    const shared = Math.min(sharedPool, reach);
    return { own: Math.min(ownPool, reach - shared), shared };
  }
  const own = Math.min(ownPool, reach);
  return { own, shared: Math.min(sharedPool, reach - own) };
}

const OWN_FIRST = ['own', 'shared'] as const;
const SHARED_FIRST = ['shared', 'own'] as const;

/** Draws up to `wanted` units: pool by draw order, place by the program's preference. The sum may be less than wanted. */
export function draw(program: Program, wanted: number, pools: Pools, free: FreeByLocation): Allocation[] {
  const may = promisableTo(program, pools, free);
  const { lots } = free;
  const left = program.locations.map((location) =>
    Math.max(0, lots === undefined ? (free.get(location) ?? 0) : usableAt(lots, location, program)),
  );
  const drawn: Allocation[] = [];
  let open = wanted;
  for (const pool of program.drawOrder === 'sharedThenOwn' ? SHARED_FIRST : OWN_FIRST) {
    let units = Math.min(open, may[pool]);
    open -= units;
    program.locations.forEach((location, index) => {
      const quantity = Math.min(units, left[index] ?? 0);
      if (quantity === 0) return;
      drawn.push({ location, program: program.id, pool, quantity });
      left[index] = (left[index] ?? 0) - quantity;
      units -= quantity;
    });
    assert(units === 0, `draw found pool units without a place: ${units} of ${program.id}`);
  }
  return lots === undefined ? drawn : drawLots(lots, program, drawn);
}
