/**
 * How many units to keep for those who pay more: Littlewood's rule for two classes, EMSR-b for several (Belobaba), over normal
 * demand. The units are margins here: what a unit leaves on a channel, less returns and penalties; the horizon is the time to the
 * next receipt, so that a protection decays by itself as that comes nearer and the demand until then shrinks.
 *
 * Guarantees: pure; protections are nested (a class may be protected with those above it, never against them), never below 0 and
 * never falling; no demand at all protects nothing. Formulas and vectors: facts/planning 1.1 and 1.7.
 */
import { assert } from './errors.ts';
import type { ProgramId } from './model.ts';

const polynomial = (x: number, coefficients: readonly number[]): number =>
  coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);

// Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988): about 16 digits.
const CENTRE = [
  [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
    33430.57558358813, 2509.0809287301227,
  ],
  [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852854,
  ],
] as const;
const NEAR = [
  [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
] as const;
const FAR = [
  [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
  ],
  [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 1.8463183175100548e-5,
    1.421511758316446e-7, 2.0442631033899397e-15,
  ],
] as const;

const ratio = (x: number, [above, below]: readonly [readonly number[], readonly number[]]): number =>
  polynomial(x, above) / polynomial(x, below);

/** z with P(Z <= z) = p; 0 and 1 answer the infinities. */
export function normalQuantile(p: number): number {
  assert(p >= 0 && p <= 1, `a probability is ${p}`);
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(0.180625 - q * q, CENTRE);
  const tail = q < 0 ? p : 1 - p;
  if (tail === 0) return q < 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const r = Math.sqrt(-Math.log(tail));
  const z = r <= 5 ? ratio(r - 1.6, NEAR) : ratio(r - 5, FAR);
  return q < 0 ? -z : z;
}

const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/** From here the continued fraction is the better one; both are good to 1e-13 around it. */
const TAIL_FROM = 3;
const FRACTIONS = 150;

/** P(Z > x) for x >= 0, never as 1 less something near 1: the far tail keeps its digits. */
function upperTail(x: number): number {
  if (x >= TAIL_FROM) {
    let fraction = x;
    for (let n = FRACTIONS; n > 0; n--) fraction = x + n / fraction;
    return density(x) / fraction;
  }
  // Marsaglia, Evaluating the Normal Distribution, Journal of Statistical Software 11 (2004).
  let [term, sum] = [x, x];
  for (let n = 3; sum + term !== sum; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 - density(x) * sum;
}

/** P(Z <= x). */
export const normalCdf = (x: number): number => (x < 0 ? upperTail(-x) : 1 - upperTail(x));

/** The unit normal loss: E[(Z - k)+]. */
export const normalLoss = (k: number): number => density(k) - k * normalCdf(-k);

/** Units of a horizon. */
export type NormalDemand = { readonly mean: number; readonly deviation: number };

/** y with P(D > y) = low / high: units to keep for the class that leaves `high` against the one that leaves `low`. Never below 0. */
export function littlewood(high: number, low: number, { mean, deviation }: NormalDemand): number {
  if (low >= high) return 0;
  assert(low > 0, `the lower margin is ${low}: against nothing everything would be kept`);
  return Math.max(0, mean + deviation * normalQuantile(1 - low / high));
}

/** The same for few units (Poisson demand): the least whole y with P(D > y) <= low / high. */
export function littlewoodPoisson(high: number, low: number, mean: number): number {
  if (low >= high) return 0;
  assert(low > 0, `the lower margin is ${low}: against nothing everything would be kept`);
  let chance = Math.exp(-mean);
  let atMost = chance;
  let units = 0;
  while (1 - atMost > low / high && chance > 0) {
    units += 1;
    chance *= mean / units;
    atMost += chance;
  }
  return units;
}

export type FareClass = NormalDemand & { readonly margin: number };

/** Those of the best margin and all next ones as one class: its mean margin and its demand. */
function joined(classes: readonly FareClass[]): FareClass {
  const mean = classes.reduce((sum, each) => sum + each.mean, 0);
  const worth = classes.reduce((sum, each) => sum + each.mean * each.margin, 0);
  return {
    margin: mean === 0 ? 0 : worth / mean,
    mean,
    deviation: Math.hypot(...classes.map((each) => each.deviation)),
  };
}

/**
 * EMSR-b over classes in falling order of margin: the j-th answer is what the j-th class must leave to those above it, so the first
 * is 0. Exact; who sells whole units rounds down.
 */
export function emsrB(classes: readonly FareClass[]): number[] {
  let highest = 0;
  return classes.map((each, index) => {
    if (index === 0) return 0;
    const above = joined(classes.slice(0, index));
    highest = Math.max(highest, littlewood(above.margin, each.margin, above));
    return highest;
  });
}

/** What each class may sell of `capacity` at most, those below it included: capacity less what it must leave, whole units. */
export const nestedLimits = (capacity: number, protections: readonly number[]): number[] =>
  protections.map((units) => Math.max(0, capacity - Math.floor(units)));

export type EmsrbClass = FareClass & { readonly program: ProgramId };

export type EmsrbPool = {
  readonly program: ProgramId;
  /** Protected for it, whole units; the last class has 0. */
  readonly units: number;
  /** Chance that it and those above it want more than is protected for them all, and how many units more on the mean. */
  readonly chanceBeyond: number;
  readonly unitsBeyond: number;
};

/**
 * Nested protections as own pools: each class gets what its protection adds to that of those above it, so the pools of the best
 * classes together are their protection, rounded down once. Where supply does not cover all pools, pools.ts cuts them in
 * proportion; the nest itself would serve the best class first. In falling order of margin, ties by program id.
 */
export function compileEmsrb(classes: readonly EmsrbClass[]): EmsrbPool[] {
  const sorted = classes.toSorted((a, b) => b.margin - a.margin || (a.program < b.program ? -1 : 1));
  const floors = emsrB(sorted).map(Math.floor);
  return sorted.map(({ program }, index) => {
    const kept = floors[index + 1] ?? floors[index] ?? 0;
    const { mean, deviation } = joined(sorted.slice(0, index + 1));
    const k = (kept - mean) / deviation;
    const isCertain = deviation === 0;
    return {
      program,
      units: kept - (floors[index] ?? 0),
      chanceBeyond: isCertain ? Number(mean > kept) : normalCdf(-k),
      unitsBeyond: isCertain ? Math.max(0, mean - kept) : deviation * normalLoss(k),
    };
  });
}
