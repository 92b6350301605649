/**
 * What is measured of sales: how long until a channel acknowledges them, and how many there are an hour.
 *
 * A time is counted in a bucket, eight to a doubling, and told by the bucket's upper end: at most 9 % too long, never too short. A rate
 * is an exponentially weighted mean, since that is one row per listing that forgets by itself. Of two the greater counts: three days
 * are steady for what sells once a week, one hour follows a flash sale; from three orders on alone, so that a single sale of a slow
 * item does not move its numbers everywhere. Pure.
 */
import type { Instant } from './model.ts';

/** Bucket n holds what took longer than 2^((n-1)/8) ms, up to 2^(n/8). */
export const BUCKETS_PER_DOUBLING = 8;
const upperEnd = (bucket: number): number => Math.round(2 ** (bucket / BUCKETS_PER_DOUBLING));

export type BucketCount = { readonly bucket: number; readonly count: number };

export type LatencyFigures = {
  readonly samples: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
};

/** Nearest rank; null without a sample. */
export function latencyFigures(counts: readonly BucketCount[]): LatencyFigures | null {
  const sorted = [...counts].sort((a, b) => a.bucket - b.bucket);
  const samples = sorted.reduce((sum, { count }) => sum + count, 0);
  if (samples === 0) return null;
  const at = (percent: number): number => {
    let left = Math.ceil((samples * percent) / 100);
    const found = sorted.find(({ count }) => {
      left -= count;
      return left <= 0;
    });
    return upperEnd(found?.bucket ?? 0);
  };
  return { samples, p50Ms: at(50), p95Ms: at(95), p99Ms: at(99) };
}

const HOUR_MS = 3_600_000;
/** The mean life of a sale in the two rates. */
export const FAST_MS = HOUR_MS;
export const SLOW_MS = 72 * HOUR_MS;
const FAST_ORDERS_MIN = 3;

/** Sold units, and squares of the units of each order, both faded with age as of `at`. */
export type FadedSales = {
  readonly at: Instant;
  readonly fastUnits: number;
  readonly fastSquares: number;
  readonly slowUnits: number;
  readonly slowSquares: number;
};

export type SalesRate = { readonly unitsPerHour: number; readonly unitsPerOrder: number };

type Sums = { units: number; squares: number };

const rateOf = ({ units, squares }: Sums, lifeMs: number): SalesRate =>
  units <= 0
    ? { unitsPerHour: 0, unitsPerOrder: 1 }
    : { unitsPerHour: (units * HOUR_MS) / lifeMs, unitsPerOrder: Math.max(1, squares / units) };

export function salesRate(sales: readonly FadedSales[], now: Instant): SalesRate {
  const fast: Sums = { units: 0, squares: 0 };
  const slow: Sums = { units: 0, squares: 0 };
  for (const row of sales) {
    const age = Math.max(0, now - row.at);
    const [inFast, inSlow] = [Math.exp(-age / FAST_MS), Math.exp(-age / SLOW_MS)];
    fast.units += row.fastUnits * inFast;
    fast.squares += row.fastSquares * inFast;
    slow.units += row.slowUnits * inSlow;
    slow.squares += row.slowSquares * inSlow;
  }
  const steady = rateOf(slow, SLOW_MS);
  const burst = rateOf(fast, FAST_MS);
  // Kish's effective number of orders: of equal weights it is their count.
  const orders = fast.squares <= 0 ? 0 : fast.units ** 2 / fast.squares;
  return orders >= FAST_ORDERS_MIN && burst.unitsPerHour > steady.unitsPerHour ? burst : steady;
}
