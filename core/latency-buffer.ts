/**
 * The buffer of a listing from what other listings sell and how long until its channel knows: the smallest number of units that keeps
 * the chance of overselling within that time at or below what the policy allows.
 *
 * While a sale elsewhere is on its way to a channel, the channel shows units that are gone. If it sells all that it shows meanwhile,
 * it oversells when others sold more than its buffer. Orders come by Poisson, their sizes are geometric with the mean and the variance
 * that were measured (Polya-Aeppli); where every order takes one unit that is Poisson itself.
 *
 * Guarantees: pure; a buffer recomputes from its inputs; it never falls with more sales, more time or a smaller chance, one unit
 * less would not do, and it stays within its rule's bounds.
 */
import type { LatencyBuffer, Policy, ProgramId, Sku } from './model.ts';
import { rulesOf } from './rules.ts';

const HOUR_MS = 3_600_000;

/** What a listing's number is exposed to. */
export type Exposure = {
  /** What other listings sell of the item, of the same channel too (of a kit: of the component below). */
  readonly unitsPerHour: number;
  /** Mean size of an order, weighted by its units: 1 where each takes one. */
  readonly unitsPerOrder: number;
  /** Of all sales elsewhere 99 % are acknowledged by the listing's channel within this time. */
  readonly latencyMs: number;
  /** Sales that the time was measured from; null: too few, it is `LATENCY_UNMEASURED_MS`. */
  readonly samples: number | null;
  /** Of a kit: the component that asks for most, and how many of it are in one set. */
  readonly component?: { readonly sku: Sku; readonly quantity: number };
};

/** With fewer sales than this their 99 % are a guess, and the time below counts. */
export const LATENCY_SAMPLES_MIN = 20;
export const LATENCY_UNMEASURED_MS = 300_000;

/** What a buffer was reckoned from, with its result. `exposure` null: nothing is measured yet, the least that the rule says counts. */
export type LatencyBufferInputs = LatencyBuffer & { readonly exposure: Exposure | null; readonly units: number };

/** Whether units that one program sells may be units that the other shows: not where either has a closed pool, and draws of nothing else. */
export function canTakeUnits(policy: Policy, seller: ProgramId, shown: ProgramId): boolean {
  const isApart = (id: ProgramId): boolean =>
    rulesOf(policy).programs.get(id)?.drawOrder === 'ownOnly' &&
    !policy.pools.some(({ program, protects }) => program === id && protects === 'prioritised');
  return seller === shown || !(isApart(seller) || isApart(shown));
}

/** Larger than this a partial sum is scaled down, so that it never overflows. */
const SCALE_ABOVE = 1e200;

/**
 * The smallest b, at most `atMost`, such that orders of `mean` units in all come to more than b with a chance of at most `chance`.
 * Panjer's recursion for geometric sizes in its linear form: every term is positive, so nothing cancels.
 */
export function smallestBuffer(mean: number, unitsPerOrder: number, chance: number, atMost: number): number {
  if (mean <= 0) return 0;
  const ratio = Math.max(0, (unitsPerOrder - 1) / (unitsPerOrder + 1));
  const orders = mean * (1 - ratio);
  // All in units of e^logScale: e^-orders alone is 0 for a computer from some 745 orders on.
  let logScale = -orders;
  let [term, sum, weighted, convolved] = [1, 1, 0, 0];
  for (let units = 0; units < atMost; units++) {
    if (1 - Math.exp(Math.log(sum) + logScale) <= chance) return units;
    convolved = (1 - ratio) * term + ratio * convolved;
    weighted = ratio * weighted + convolved;
    term = (orders / (units + 1)) * weighted;
    sum += term;
    if (sum <= SCALE_ABOVE) continue;
    [term, sum, weighted, convolved] = [term, sum, weighted, convolved].map((each) => each / SCALE_ABOVE) as [
      number,
      number,
      number,
      number,
    ];
    logScale += Math.log(SCALE_ABOVE);
  }
  return atMost;
}

/** Units of the listing's item, of a kit whole sets, `factor` times the sales that were measured. */
function unitsFor(rule: LatencyBuffer, exposure: Exposure | null, factor = 1): number {
  if (exposure === null) return rule.atLeast;
  const { unitsPerHour, unitsPerOrder, latencyMs, component } = exposure;
  const inOne = component?.quantity ?? 1;
  const mean = (factor * unitsPerHour * latencyMs) / HOUR_MS;
  const units = smallestBuffer(mean, unitsPerOrder, rule.oversellPercent / 100, rule.atMost * inOne);
  return Math.min(rule.atMost, Math.max(rule.atLeast, Math.ceil(units / inOne)));
}

export const latencyBuffer = (rule: LatencyBuffer, exposure: Exposure | null): LatencyBufferInputs => ({
  ...rule,
  exposure,
  units: unitsFor(rule, exposure),
});

/** Sales must fall by a fifth below the point where a buffer rose before it falls again. */
const FALLS_BELOW = 1.25;

/**
 * Whether a new measure takes the place of the one that the number is made with: at once where the buffer rises, and where it falls
 * only when it would at a quarter more sales too, so that numbers do not flutter.
 */
export function isMaterial(rule: LatencyBuffer, before: Exposure | null, now: Exposure): boolean {
  const units = unitsFor(rule, before);
  return unitsFor(rule, now) > units || unitsFor(rule, now, FALLS_BELOW) < units;
}

/** Three figures are enough for a person. */
const figure = (value: number): string => String(Number(value.toPrecision(3)));

export function sayTime(ms: number): string {
  if (ms < 1000) return `${figure(ms)} ms`;
  if (ms < 120_000) return `${figure(ms / 1000)} s`;
  return ms < 2 * HOUR_MS ? `${figure(ms / 60_000)} min` : `${figure(ms / HOUR_MS)} h`;
}

export function sayLatencyBuffer({ exposure, oversellPercent, atLeast, atMost }: LatencyBufferInputs): string {
  const bounds = `at least ${atLeast}, at most ${atMost}`;
  if (exposure === null) return `from measured latency: nothing is measured yet; ${bounds}`;
  const { unitsPerHour, unitsPerOrder, latencyMs, samples, component } = exposure;
  const sizes = unitsPerOrder > 1 ? `, ${figure(unitsPerOrder)} to an order` : '';
  const what = component === undefined ? '' : ` of ${component.sku}, ${component.quantity} in a set`;
  const time =
    samples === null
      ? `sales are taken to be acknowledged here within ${sayTime(latencyMs)} (fewer than ${LATENCY_SAMPLES_MIN} measured)`
      : `99 % of sales are acknowledged here within ${sayTime(latencyMs)} (${samples} measured)`;
  return (
    `other listings sell ${figure(unitsPerHour)} an hour${what}${sizes}; ${time}; ` +
    `chance of overselling meanwhile at most ${oversellPercent} %; ${bounds}`
  );
}
