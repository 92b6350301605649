/**
 * Our estimate of Amazon's token buckets: one per operation, at the published rate, corrected by what Amazon answers.
 *
 * Amazon tells no remaining count, only sometimes the rate (x-amzn-RateLimit-Limit), so the estimate may be wrong either way, and
 * another process may draw on the same bucket: Amazon's own 429 stands behind it. Never waits: it says when a call may go out.
 */
import type { Instant } from '#core/model.ts';
import { retryAtOf } from '../http.ts';

/** Calls per second and burst, from the usage plans of the models (facts/amazon.md section 4). */
const USAGE_PLANS = {
  searchOrders: { ratePerS: 0.0056, burst: 20 },
  getOrder: { ratePerS: 0.5, burst: 30 },
  patchListingsItem: { ratePerS: 5, burst: 5 },
  getListingsItem: { ratePerS: 5, burst: 10 },
  searchListingsItems: { ratePerS: 5, burst: 5 },
} as const satisfies Readonly<Record<string, { readonly ratePerS: number; readonly burst: number }>>;

export type Operation = keyof typeof USAGE_PLANS;

/** The part of the rate that we use: clocks differ, and people call the same application too. */
const SHARE = 0.9;
/** A wait doubles with each 429 in a row, this often at most. */
const DOUBLINGS_MAX = 3;
/** How far ahead `slotFor` spreads what has to wait. */
const SPREAD_MS_MAX = 60_000;

export type Buckets = {
  /** Takes a token; the moment at which there will be one when there is none now. */
  take(operation: Operation, now: Instant): Instant | null;
  /** Null when a token is there (it is not taken), else a moment of its own for each caller, spread by the rate. */
  slotFor(operation: Operation, now: Instant): Instant | null;
  /** What an answer that was not a 429 tells. */
  learn(operation: Operation, headers: Headers): void;
  /** Amazon answered 429: the moment from which to try again. */
  refuse(operation: Operation, headers: Headers, now: Instant): Instant;
};

type Bucket = {
  readonly burst: number;
  ratePerMs: number;
  tokens: number;
  at: Instant;
  pausedUntil: Instant;
  slotsUntil: Instant;
  refusals: number;
};

/** At a sandbox's speed-up a bucket holds at least what one second gives, or calls side by side would meet an empty one. */
const capacityOf = (bucket: Bucket): number => Math.max(bucket.burst, bucket.ratePerMs * 1000);

function refill(bucket: Bucket, now: Instant): number {
  const gained = bucket.ratePerMs * SHARE * Math.max(0, now - bucket.at);
  bucket.tokens = Math.min(capacityOf(bucket), bucket.tokens + gained);
  bucket.at = Math.max(bucket.at, now);
  return bucket.tokens;
}

/** The moment of the next token, null when one is there. */
function nextToken(bucket: Bucket, now: Instant): Instant | null {
  const tokens = refill(bucket, now);
  if (bucket.pausedUntil > now) return bucket.pausedUntil;
  return tokens >= 1 ? null : now + Math.ceil((1 - tokens) / (bucket.ratePerMs * SHARE));
}

function readRate(bucket: Bucket, headers: Headers): void {
  const ratePerS = Number(headers.get('x-amzn-ratelimit-limit') ?? 0);
  if (Number.isFinite(ratePerS) && ratePerS > 0) bucket.ratePerMs = ratePerS / 1000;
}

export function openBuckets(speedUp: number): Buckets {
  const buckets = new Map<Operation, Bucket>();

  const bucketOf = (operation: Operation, now: Instant): Bucket => {
    const known = buckets.get(operation);
    if (known !== undefined) return known;
    const { ratePerS, burst } = USAGE_PLANS[operation];
    const ratePerMs = (ratePerS * speedUp) / 1000;
    const state = { tokens: Math.max(burst, ratePerMs * 1000), at: now, pausedUntil: 0, slotsUntil: 0, refusals: 0 };
    const bucket: Bucket = { burst, ratePerMs, ...state };
    buckets.set(operation, bucket);
    return bucket;
  };

  return {
    take(operation, now) {
      const bucket = bucketOf(operation, now);
      const wait = nextToken(bucket, now);
      if (wait === null) bucket.tokens -= 1;
      return wait;
    },
    slotFor(operation, now) {
      const bucket = bucketOf(operation, now);
      const first = nextToken(bucket, now);
      if (first === null) return null;
      const after = bucket.slotsUntil + 1 / (bucket.ratePerMs * SHARE);
      bucket.slotsUntil = after > now + SPREAD_MS_MAX ? first : Math.max(first, after);
      return Math.ceil(bucket.slotsUntil);
    },
    learn(operation, headers) {
      const bucket = buckets.get(operation);
      if (bucket === undefined) return;
      bucket.refusals = 0;
      readRate(bucket, headers);
    },
    refuse(operation, headers, now) {
      const bucket = bucketOf(operation, now);
      readRate(bucket, headers);
      const waitMs = Math.ceil(2 ** Math.min(DOUBLINGS_MAX, bucket.refusals) / bucket.ratePerMs);
      bucket.refusals += 1;
      bucket.at = now;
      bucket.pausedUntil = headers.has('retry-after') ? retryAtOf(headers, now) : now + Math.min(3_600_000, waitMs);
      // The pause is the wait for the next token: it is there when the pause ends.
      bucket.tokens = 1;
      return bucket.pausedUntil;
    },
  };
}
