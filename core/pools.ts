/**
 * Who may draw how much of an item: own pools, the shared pool, draw order.
 *
 * Guarantees I5: a program's remaining protected units are subtracted before anybody else's share is looked at. When there is
 * less than all protections together, each is cut in proportion (ties by program id), the sum is exact, and what one program
 * draws or gives back never lowers what is left to another.
 */
import { assert } from './errors.ts';
import type { Allocation, LocationId, Move, Policy, PoolRule, Program, ProgramId, Sku } from './model.ts';
import { movedUnits } from './moves.ts';

/** Free units per location: sellable less allocated less held; negative where more is promised than there is. */
export type FreeByLocation = ReadonlyMap<LocationId, number>;

export type PoolShare = {
  readonly program: ProgramId;
  /** Units of the rule and of the moves in force, and how many of them are drawn. */
  readonly units: number;
  readonly consumed: number;
  /** Units still protected, after the cut where supply is too small. */
  readonly remaining: number;
};

export type Pools = { readonly free: number; readonly own: readonly PoolShare[]; readonly shared: number };

/** The rule of a program for an item: the item's own before `*`. */
export function poolRuleFor(policy: Policy, program: ProgramId, sku: Sku): PoolRule | undefined {
  const rules = policy.pools.filter((rule) => rule.program === program);
  return rules.find((rule) => rule.sku === sku) ?? rules.find((rule) => rule.sku === '*');
}

/** A want at a rate, rounded half up: the units whose turn in `cutInProportion` comes at that rate or before. */
const unitsOf = (want: number, taken: number, rate: number): number =>
  Math.max(0, Math.min(want, Math.floor(want * rate + 0.5)) - taken);

const unitsAt = (rate: number, wants: readonly number[], taken: readonly number[]): number[] =>
  wants.map((want, i) => unitsOf(want, taken[i] ?? 0, rate));

/** The sum of `unitsAt`, without the list: the hot part of a cut. */
function totalAt(rate: number, wants: readonly number[], taken: readonly number[]): number {
  let total = 0;
  for (let i = 0; i < wants.length; i++) total += unitsOf(wants[i] ?? 0, taken[i] ?? 0, rate);
  return total;
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Enough halvings that only units of equal turn are left to hand out one by one. */
const HALVINGS = 40;

/**
 * Hands out `total` whole units in proportion to `wants`, on top of what each has already `taken`, never above a want; answers the
 * units on top. Unit after unit goes to the greatest want / (2 x units had + 1), ties by position (Webster's divisors).
 *
 * Largest remainders would not do: there one more unit can lower a share (the Alabama paradox), and a share that is drawn down
 * would be filled again from the others'. Here no draw from one share moves another (I5).
 */
export function cutInProportion(total: number, wants: readonly number[], taken: readonly number[] = []): number[] {
  const gaps = unitsAt(1, wants, taken);
  if (sumOf(gaps) <= total) return gaps;
  if (total <= 0) return wants.map(() => 0);
  let [low, high] = [0, 1];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (totalAt(middle, wants, taken) <= total) low = middle;
    else high = middle;
  }
  const shares = unitsAt(low, wants, taken);
  const turnOf = (i: number): number =>
    (shares[i] ?? 0) < (gaps[i] ?? 0) ? (wants[i] ?? 0) / (2 * ((taken[i] ?? 0) + (shares[i] ?? 0)) + 1) : 0;
  for (let left = total - sumOf(shares); left > 0; left--) {
    let next = 0;
    for (let i = 1; i < wants.length; i++) if (turnOf(i) > turnOf(next)) next = i;
    shares[next] = (shares[next] ?? 0) + 1;
  }
  return shares;
}

export function poolsOf(
  policy: Policy,
  sku: Sku,
  free: FreeByLocation,
  consumed: ReadonlyMap<ProgramId, number>,
  moves: readonly Move[] = [],
): Pools {
  const total = Math.max(
    0,
    [...free.values()].reduce((a, b) => a + b, 0),
  );
  const programs = [...policy.programs].sort((a, b) => (a.id < b.id ? -1 : 1));
  const wants = programs.map((program) => {
    const units = Math.max(0, (poolRuleFor(policy, program.id, sku)?.units ?? 0) + movedUnits(moves, program.id));
    return { program: program.id, units, consumed: consumed.get(program.id) ?? 0 };
  });
  const units = wants.map((want) => want.units);
  const cut = cutInProportion(
    total,
    units,
    wants.map((want) => want.consumed),
  );
  const own = wants.map((want, index) => ({ ...want, remaining: cut[index] ?? 0 }));
  return { free: total, own, shared: total - sumOf(cut) };
}

/** A place that lacks promised units takes them from the program's others: a deficit is not sold a second time next door. */
const freeAt = (program: Program, free: FreeByLocation): number =>
  Math.max(0, sumOf(program.locations.map((location) => free.get(location) ?? 0)));

/** What a program may be promised now, by its draw order and its places. */
export function promisableTo(program: Program, pools: Pools, free: FreeByLocation): { own: number; shared: number } {
  const reach = Math.min(freeAt(program, free), pools.free);
  const ownPool = pools.own.find((share) => share.program === program.id)?.remaining ?? 0;
  const sharedPool = program.drawOrder === 'ownOnly' ? 0 : pools.shared;
  if (program.drawOrder === 'sharedThenOwn') {
    const shared = Math.min(sharedPool, reach);
    return { own: Math.min(ownPool, reach - shared), shared };
  }
  const own = Math.min(ownPool, reach);
  return { own, shared: Math.min(sharedPool, reach - own) };
}

/** Draws up to `wanted` units: pool by draw order, place by the program's preference. The sum may be less than wanted. */
export function draw(program: Program, wanted: number, pools: Pools, free: FreeByLocation): Allocation[] {
  const may = promisableTo(program, pools, free);
  const turns: readonly ('own' | 'shared')[] =
    program.drawOrder === 'sharedThenOwn' ? ['shared', 'own'] : ['own', 'shared'];
  const left = new Map(program.locations.map((location) => [location, Math.max(0, free.get(location) ?? 0)]));
  const drawn: Allocation[] = [];
  let open = wanted;
  for (const pool of turns) {
    let units = Math.min(open, may[pool]);
    open -= units;
    for (const location of program.locations) {
      const quantity = Math.min(units, left.get(location) ?? 0);
      if (quantity === 0) continue;
      drawn.push({ location, program: program.id, pool, quantity });
      left.set(location, (left.get(location) ?? 0) - quantity);
      units -= quantity;
    }
    assert(units === 0, `draw found pool units without a place: ${units} of ${program.id}`);
  }
  return drawn;
}
