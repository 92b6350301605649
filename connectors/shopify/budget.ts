/**
 * What is known of the shop's cost bucket: asks before sending, learns from every answer.
 *
 * The bucket itself is Shopify's and is shared by all processes of the app; this is the last reading of it, refilled by its rate.
 * Guarantees: never waits (a call that the bucket cannot pay throws Throttled with the moment it can; the worker snoozes), and
 * leaves a share of the bucket to writes, so that reading cannot starve them. It may be wrong either way: Shopify's own THROTTLED
 * stands behind it.
 */
import { Throttled } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { Call, Cost } from './faults.ts';

/** The part of a full bucket that reads leave alone. */
const WRITE_SHARE = 0.2;

/** Where Shopify names no rate. */
const WAIT_MS_UNKNOWN = 1_000;

/** Points of an operation that has not been sent yet: a mutation, or a small query. */
const COST_UNKNOWN = 10;

/** Nothing was asked of Shopify, so the second that it wants after a refusal of its own is not due. */
const WAIT_MS_MIN = 50;

const refilledAt = (points: number, rate: number, now: Instant): Instant =>
  now + Math.ceil(Math.max(WAIT_MS_MIN, rate > 0 ? (points / rate) * 1_000 : WAIT_MS_UNKNOWN));

export type Budget = {
  /** Throws Throttled when the bucket cannot pay. */
  admit(call: Call): void;
  learn(operation: string, cost: Cost | null, now: Instant): void;
  /** Points a second, as Shopify told it last; null before it did. */
  restoreRate(): number | null;
};

type Reading = { readonly maximum: number; readonly rate: number; available: number; at: Instant };

export function openBudget(): Budget {
  const costs = new Map<string, number>();
  let reading: Reading | null = null;

  const refill = (known: Reading, now: Instant): number => {
    known.available = Math.min(known.maximum, known.available + (known.rate * Math.max(0, now - known.at)) / 1_000);
    known.at = now;
    return known.available;
  };

  return {
    admit(call) {
      if (reading === null) return;
      const cost = costs.get(call.operation) ?? COST_UNKNOWN;
      const left = call.kind === 'read' ? reading.maximum * WRITE_SHARE : 0;
      const needed = Math.min(reading.maximum, cost + left);
      const available = refill(reading, call.now);
      if (available < needed) {
        const why = `${call.operation} waits for the cost bucket of ${call.shop}: needs ${Math.ceil(needed)}, holds ${Math.floor(available)}`;
        throw new Throttled(why, refilledAt(needed - available, reading.rate, call.now));
      }
      reading.available -= cost;
    },
    restoreRate: () => reading?.rate ?? null,
    learn(operation, cost, now) {
      if (cost === null) return;
      costs.set(operation, cost.requestedQueryCost);
      const { maximumAvailable, currentlyAvailable, restoreRate } = cost.throttleStatus;
      reading = { maximum: maximumAvailable, rate: restoreRate, available: currentlyAvailable, at: now };
    },
  };
}
