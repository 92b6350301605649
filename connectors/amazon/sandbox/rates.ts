/**
 * Amazon's token buckets, per operation, as its usage plans say (facts/amazon.md section 4), `speedUp` times as fast.
 *
 * A bucket holds its burst, and at a speed-up at least what one second gives. The rate is told in x-amzn-RateLimit-Limit with every
 * answer but a 429; a 429 carries neither that nor Retry-After, as at Amazon.
 */
import type { ApiResponse } from '../../sandbox/platform.ts';

const PLANS = {
  searchOrders: [0.0056, 20],
  getOrder: [0.5, 30],
  patchListingsItem: [5, 5],
  getListingsItem: [5, 10],
  searchListingsItems: [5, 5],
} as const;

export type Operation = keyof typeof PLANS;

export type Rates = {
  /** False when the bucket is empty. */
  admit(operation: Operation): boolean;
  header(operation: Operation): Readonly<Record<string, string>>;
};

export const apiErrors = (status: number, code: string, message: string, details = ''): ApiResponse => ({
  status,
  body: JSON.stringify({ errors: [{ code, message, details }] }),
});

export const quotaExceeded = (): ApiResponse =>
  apiErrors(429, 'QuotaExceeded', 'You exceeded your quota for the requested resource.');

export function openRates(speedUp: number, now: () => number): Rates {
  const buckets = new Map<Operation, { tokens: number; at: number }>();
  const rateOf = (operation: Operation): number => PLANS[operation][0] * speedUp;
  return {
    admit(operation) {
      const ratePerS = rateOf(operation);
      const capacity = Math.max(PLANS[operation][1], ratePerS);
      const bucket = buckets.get(operation) ?? { tokens: capacity, at: now() };
      bucket.tokens = Math.min(capacity, bucket.tokens + (ratePerS * Math.max(0, now() - bucket.at)) / 1000);
      bucket.at = now();
      buckets.set(operation, bucket);
      if (bucket.tokens < 1) return false;
      bucket.tokens -= 1;
      return true;
    },
    header: (operation) => ({ 'x-amzn-RateLimit-Limit': String(rateOf(operation)) }),
  };
}
