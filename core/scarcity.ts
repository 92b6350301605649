/**
 * Too little for all: how a stock is split among demands, in whole units.
 *
 * | function        | rule                                                       | used for                              |
 * | splitScarce     | tiers, minimums, weighted max-min, largest remainder       | one run over open order lines         |
 * | largestRemainder| Hare: quota, then the largest remainders                   | ratios, and the rounding of the above |
 * | fairShares      | weighted max-min, rounded by Webster's divisors            | what listings show of the shared pool |
 * | cutInProportion | in proportion to the wants, Webster (proportion.ts)        | pools that supply cannot cover        |
 *
 * Largest remainders keep each share within a unit of its exact part, but one more unit of stock can lower a share (the Alabama
 * paradox). So `splitScarce` is computed from scratch each time, never carried on from the last answer, and ties are broken by
 * (remainder, priority, id), never by who came first. Where a number stays in the world between two computations, as protection
 * and published numbers do, a divisor method is used: there one more unit lowers nobody.
 *
 * Guarantees: exact (no floating point decides a unit), the same for any order of the demands, never more than the stock, never
 * more than a demand. Without packs and all-or-nothing the shares sum to min(stock, demand).
 */
import { assert } from './errors.ts';
import { cutInProportion } from './proportion.ts';

export type Demand = {
  readonly id: string;
  /** Tier: a lower one is served before a higher one sees a unit. */
  readonly priority: number;
  /** Units wanted. */
  readonly quantity: number;
  /** Units that the others of its tier may not push it below; absent: none. */
  readonly minimum?: number;
  /** Above 0, read to six decimals; absent: 1. */
  readonly weight?: number;
  /** It takes whole packs of so many units; absent: 1. */
  readonly pack?: number;
  /** It takes all that it wants or nothing. */
  readonly isAllOrNothing?: boolean;
};

/** A claim inside one tier; `least` and `most` are whole packs. */
type Claim = { readonly least: number; readonly most: number; readonly weight: bigint; readonly pack: number };

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const sumOfBig = (numbers: readonly bigint[]): bigint => numbers.reduce((a, b) => a + b, 0n);

const WEIGHT_SCALE = 1_000_000;

/** Weights as whole numbers, so that shares are exact fractions. */
function wholeWeight(weight: number): bigint {
  assert(Number.isFinite(weight) && weight >= 0, `a weight is ${weight}`);
  return BigInt(Math.round(weight * WEIGHT_SCALE));
}

/**
 * Rounds the exact parts `total * weight / sum of weights` to whole packs that sum to `total` where the packs allow it: down first,
 * then one pack each by the largest remainder (as a part of its pack), ties by position; what packs leave goes on in that order.
 */
function roundParts(total: number, claims: readonly Claim[]): number[] {
  const weights = sumOfBig(claims.map((claim) => claim.weight));
  if (weights === 0n || total <= 0) return claims.map(() => 0);
  const parts = claims.map(({ weight, pack, most }, index) => {
    // In units times the sum of weights: whole numbers.
    const exact = BigInt(total) * weight;
    const step = BigInt(pack) * weights;
    const packs = exact / step;
    return { index, units: Math.min(most, Number(packs) * pack), rest: exact % step, pack, most };
  });
  let left = total - sumOf(parts.map(({ units }) => units));
  const turns = parts.toSorted((a, b) => {
    const [x, y] = [a.rest * BigInt(b.pack), b.rest * BigInt(a.pack)];
    if (x === y) return a.index - b.index;
    return y > x ? 1 : -1;
  });
  for (let hasGiven = true; hasGiven && left > 0; ) {
    hasGiven = false;
    for (const part of turns) {
      if (part.pack > left || part.units + part.pack > part.most) continue;
      part.units += part.pack;
      left -= part.pack;
      hasGiven = true;
    }
  }
  return parts.map(({ units }) => units);
}

/** Hare's largest remainders: `total` units by ratio, ties by position. No unit is lost while any weight is above 0. */
export function largestRemainder(total: number, weights: readonly number[]): number[] {
  const claims = weights.map((weight) => ({ least: 0, most: total, weight: wholeWeight(weight), pack: 1 }));
  return roundParts(total, claims);
}

/**
 * Who is served by the level alone: the others stand at their least or at their most. Each turn fixes the side that weighs more
 * (the fixing method for a continuous knapsack), so that it ends after as many turns as there are claims.
 */
function levelOf(
  stock: number,
  claims: readonly Claim[],
): { readonly fixed: Map<number, number>; readonly left: number } {
  const fixed = new Map<number, number>();
  let left = stock;
  let open = claims.map((claim, index) => ({ claim, index }));
  for (;;) {
    const weights = sumOfBig(open.map(({ claim }) => claim.weight));
    const rest = BigInt(left);
    const above = open.filter(({ claim }) => rest * claim.weight > BigInt(claim.most) * weights);
    const below = open.filter(({ claim }) => rest * claim.weight < BigInt(claim.least) * weights);
    if (above.length + below.length === 0) return { fixed, left };
    const over = sumOfBig(above.map(({ claim }) => rest * claim.weight - BigInt(claim.most) * weights));
    const under = sumOfBig(below.map(({ claim }) => BigInt(claim.least) * weights - rest * claim.weight));
    const isBelow = under > over;
    for (const { claim, index } of isBelow ? below : above) {
      const units = isBelow ? claim.least : claim.most;
      fixed.set(index, units);
      left -= units;
    }
    open = open.filter(({ index }) => !fixed.has(index));
  }
}

/** One tier without all-or-nothing: minimums in order, then weighted max-min above them. */
function splitClaims(stock: number, claims: readonly Claim[]): number[] {
  if (sumOf(claims.map((claim) => claim.least)) >= stock) {
    let left = stock;
    return claims.map(({ least, pack }) => {
      const units = Math.floor(Math.min(least, left) / pack) * pack;
      left -= units;
      return units;
    });
  }
  if (sumOf(claims.map((claim) => claim.most)) <= stock) return claims.map((claim) => claim.most);
  const { fixed, left } = levelOf(stock, claims);
  const open = claims.flatMap((claim, index) => (fixed.has(index) ? [] : [{ claim, index }]));
  const rounded = roundParts(
    left,
    open.map(({ claim }) => claim),
  );
  const shares = new Map([...fixed, ...open.map(({ index }, turn) => [index, rounded[turn] ?? 0] as const)]);
  return claims.map((_, index) => shares.get(index) ?? 0);
}

function claimOf({ quantity, minimum = 0, weight = 1, pack = 1 }: Demand): Claim {
  assert([quantity, minimum, pack].every(Number.isSafeInteger) && pack > 0, 'a demand is in whole units');
  const most = Math.floor(Math.max(0, quantity) / pack) * pack;
  const units = wholeWeight(weight);
  assert(units > 0n, 'a demand has a weight above 0');
  return { least: Math.min(most, Math.ceil(minimum / pack) * pack), most, weight: units, pack };
}

const NOTHING: Claim = { least: 0, most: 0, weight: 1n, pack: 1 };

/**
 * One tier, its demands in order of id. Of the all-or-nothing demands that would get a part only, the one that lacks most is
 * refused (ties: the last id) and the rest is split anew, until each is whole; what is left then serves those refused, in order.
 */
function splitTier(stock: number, demands: readonly Demand[]): number[] {
  const claims = demands.map(claimOf);
  const refused = new Set<number>();
  for (;;) {
    const shares = splitClaims(
      stock,
      claims.map((claim, index) => (refused.has(index) ? NOTHING : claim)),
    );
    let worst: { index: number; lack: number } | null = null;
    for (const [index, { isAllOrNothing, quantity }] of demands.entries()) {
      const lack = isAllOrNothing === true && !refused.has(index) ? quantity - (shares[index] ?? 0) : 0;
      if (lack > 0 && (worst === null || lack >= worst.lack)) worst = { index, lack };
    }
    if (worst !== null) {
      refused.add(worst.index);
      continue;
    }
    let left = stock - sumOf(shares);
    return shares.map((share, index) => {
      const whole = claims[index]?.most ?? 0;
      if (!refused.has(index) || whole !== demands[index]?.quantity || whole > left) return share;
      left -= whole;
      return whole;
    });
  }
}

/** Shares in the order of the demands; ids are unique. `stock` below 0 counts as 0. */
export function splitScarce(stock: number, demands: readonly Demand[]): number[] {
  const turns = demands
    .map((demand, index) => ({ demand, index }))
    .sort((a, b) => a.demand.priority - b.demand.priority || (a.demand.id < b.demand.id ? -1 : 1));
  const shares = demands.map(() => 0);
  let left = Math.max(0, stock);
  for (const tier of Map.groupBy(turns, ({ demand }) => demand.priority).values()) {
    const given = splitTier(
      left,
      tier.map(({ demand }) => demand),
    );
    tier.forEach(({ index }, turn) => {
      shares[index] = given[turn] ?? 0;
    });
    left -= sumOf(given);
  }
  return shares;
}

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));

/**
 * Weighted max-min of `stock` among claims, unit after unit to the greatest weight / (2 x units had + 1) of those who want more,
 * ties by position: one more unit lowers nobody. Sums to min(stock, claims). By `cutInProportion`, which hands out by these turns:
 * whoever reaches its claim leaves, and the rest is cut anew among the others.
 */
export function fairShares(
  stock: number,
  claims: readonly { readonly quantity: number; readonly weight: number }[],
): number[] {
  const weights = claims.map(({ weight }) => Number(wholeWeight(weight)));
  const divisor = weights.reduce(commonDivisor, 0) || 1;
  const shares = claims.map(() => 0);
  let open = claims.flatMap(({ quantity }, index) => (quantity > 0 && (weights[index] ?? 0) > 0 ? [index] : []));
  let left = Math.max(0, stock);
  while (open.length > 0 && left > 0) {
    // Each could take all that is left, so that proportion alone decides.
    const cut = cutInProportion(
      left,
      open.map((index) => ((weights[index] ?? 0) / divisor) * left),
    );
    const parts = open.map((index, turn) => ({ index, units: cut[turn] ?? 0, most: claims[index]?.quantity ?? 0 }));
    const sated = parts.filter(({ units, most }) => units >= most);
    for (const { index, units, most } of sated.length > 0 ? sated : parts) {
      shares[index] = Math.min(units, most);
      left -= shares[index] ?? 0;
    }
    if (sated.length === 0) break;
    open = parts.flatMap(({ index, units, most }) => (units >= most ? [] : [index]));
  }
  return shares;
}
