/**
 * Our estimate of Amazon's token buckets: one per operation, at the published rate, corrected by what Amazon answers.
 *
 * A bucket is a note that all processes share (context.rates): its arithmetic is pure, here; where it lies is the caller's. Amazon
 * tells no remaining count, only sometimes the rate (x-amzn-RateLimit-Limit), so the estimate may be wrong either way: Amazon's own
 * 429 stands behind it. Never waits: it says when a call may go out. One round trip pays for a whole push.
 */
import { z } from 'zod';
import type { Instant } from '#core/model.ts';
import type { SharedRates } from '../connector.ts';
import { retryAtOf } from '../http.ts';

/** Calls per second and burst, from the usage plans of the models (facts/amazon.md section 4). */
export const USAGE_PLANS = {
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
/** How far ahead waiting calls are spread; the number that a listing gets meanwhile waits as long, so not far. */
const SPREAD_MS_MAX = 20_000;
/** Waiting calls come due so many at a time, or as many as the bucket holds: each lump is one push. */
const LUMP_MAX = 20;

const bucketSchema = z.strictObject({
  /** The rate it was opened with: with another (another speed-up) it begins anew. */
  plannedPerMs: z.number().positive(),
  burst: z.number(),
  ratePerMs: z.number().positive(),
  tokens: z.number(),
  at: z.number(),
  pausedUntil: z.number(),
  /** Up to where waiting calls have moments. */
  slotsUntil: z.number(),
  refusals: z.int(),
});

export type Bucket = Readonly<z.infer<typeof bucketSchema>>;

export function newBucket(operation: Operation, speedUp: number, now: Instant): Bucket {
  const { ratePerS, burst } = USAGE_PLANS[operation];
  const ratePerMs = (ratePerS * speedUp) / 1000;
  const state = { tokens: Math.max(burst, ratePerMs * 1000), at: now, pausedUntil: 0, slotsUntil: 0, refusals: 0 };
  return { plannedPerMs: ratePerMs, burst, ratePerMs, ...state };
}

/** At a sandbox's speed-up a bucket holds at least what one second gives, or calls side by side would meet an empty one. */
const capacityOf = ({ burst, ratePerMs }: Bucket): number => Math.max(burst, ratePerMs * 1000);

const usedPerMs = ({ ratePerMs }: Bucket): number => ratePerMs * SHARE;

function refill(bucket: Bucket, now: Instant): Bucket {
  const gained = usedPerMs(bucket) * Math.max(0, now - bucket.at);
  return {
    ...bucket,
    tokens: Math.min(capacityOf(bucket), bucket.tokens + gained),
    at: Math.max(bucket.at, now),
  };
}

/** From when a token is there. */
function nextAt(bucket: Bucket, now: Instant): Instant {
  if (bucket.pausedUntil > now) return bucket.pausedUntil;
  return bucket.tokens >= 1 ? now : now + Math.ceil((1 - bucket.tokens) / usedPerMs(bucket));
}

/** As many tokens as there are, `count` at most; `nextAt` is from when there is another one. */
export function takeTokens(found: Bucket, count: number, now: Instant) {
  const bucket = refill(found, now);
  const granted = bucket.pausedUntil > now ? 0 : Math.min(count, Math.floor(bucket.tokens));
  const left = { ...bucket, tokens: bucket.tokens - granted };
  return { bucket: left, granted, nextAt: nextAt(left, now) };
}

/** Moments for calls that have to wait, spread by the rate, in lumps. */
export function spread(found: Bucket, count: number, now: Instant): { bucket: Bucket; moments: readonly Instant[] } {
  const bucket = refill(found, now);
  const stepMs = 1 / usedPerMs(bucket);
  const lumpMs = stepMs * Math.min(LUMP_MAX, Math.max(1, Math.floor(capacityOf(bucket))));
  const first = nextAt(bucket, now);
  const moments: Instant[] = [];
  let slot = Math.max(bucket.slotsUntil, first - stepMs);
  for (let n = 0; n < count; n += 1) {
    slot = slot + stepMs > now + SPREAD_MS_MAX ? first : slot + stepMs;
    moments.push(Math.max(now + 1, Math.ceil(Math.ceil(slot / lumpMs) * lumpMs)));
  }
  return { bucket: { ...bucket, slotsUntil: slot }, moments };
}

function rateIn(headers: Headers): number | null {
  const ratePerS = Number(headers.get('x-amzn-ratelimit-limit') ?? 0);
  return Number.isFinite(ratePerS) && ratePerS > 0 ? ratePerS / 1000 : null;
}

/** What an answer that was no 429 tells; the same bucket when that is nothing new. */
export function learn(bucket: Bucket, headers: Headers, now: Instant): Bucket {
  const ratePerMs = rateIn(headers) ?? bucket.ratePerMs;
  // In a pause it is the answer to a call from before the refusal.
  const refusals = bucket.pausedUntil > now ? bucket.refusals : 0;
  return ratePerMs === bucket.ratePerMs && refusals === bucket.refusals ? bucket : { ...bucket, ratePerMs, refusals };
}

/** Amazon answered 429: no call before `until`. A second one within the pause tells nothing new. */
export function refuse(found: Bucket, headers: Headers, now: Instant): { bucket: Bucket; until: Instant } {
  if (found.pausedUntil > now) return { bucket: found, until: found.pausedUntil };
  const bucket = { ...found, ratePerMs: rateIn(headers) ?? found.ratePerMs };
  const waitMs = Math.ceil(2 ** Math.min(DOUBLINGS_MAX, bucket.refusals) / bucket.ratePerMs);
  const until = headers.has('retry-after') ? retryAtOf(headers, now) : now + Math.min(3_600_000, waitMs);
  // The pause is the wait for the next token: it is there when the pause ends.
  return {
    bucket: { ...bucket, tokens: 1, at: until, pausedUntil: until, refusals: bucket.refusals + 1 },
    until,
  };
}

export type Buckets = {
  /** A token for each of `count` calls, as far as there are; moments for the others. */
  pay(operation: Operation, count: number, now: Instant): Promise<{ granted: number; moments: readonly Instant[] }>;
  /** One token; the moment at which there will be one when there is none now. */
  take(operation: Operation, now: Instant): Promise<Instant | null>;
  /** Moments for calls that have to wait although they were paid for. */
  putOff(operation: Operation, count: number, now: Instant): Promise<readonly Instant[]>;
  learn(operation: Operation, headers: Headers, now: Instant): Promise<void>;
  refuse(operation: Operation, headers: Headers, now: Instant): Promise<Instant>;
};

function readNote(note: string | null): Bucket | null {
  if (note === null) return null;
  return bucketSchema.safeParse(JSON.parse(note)).data ?? null;
}

/** `account` names seller, region and application: whoever shares these shares the buckets. */
export function openBuckets(rates: SharedRates, account: () => string, speedUp: number): Buckets {
  /** As this process last saw them: what is nothing new is not written. */
  const seen = new Map<Operation, Bucket>();

  async function change<Answer extends { readonly bucket: Bucket }>(
    operation: Operation,
    now: Instant,
    next: (bucket: Bucket) => Answer,
  ): Promise<Answer> {
    const fresh = newBucket(operation, speedUp, now);
    const answer = await rates.change(`amazon ${account()} ${operation}`, (note) => {
      const found = readNote(note);
      const made = next(found?.plannedPerMs === fresh.plannedPerMs ? found : fresh);
      return { note: JSON.stringify(made.bucket), answer: made };
    });
    seen.set(operation, answer.bucket);
    return answer;
  }

  return {
    pay: (operation, count, now) =>
      change(operation, now, (bucket) => {
        const taken = takeTokens(bucket, count, now);
        return { granted: taken.granted, ...spread(taken.bucket, count - taken.granted, now) };
      }),
    async take(operation, now) {
      const taken = await change(operation, now, (bucket) => takeTokens(bucket, 1, now));
      return taken.granted === 1 ? null : taken.nextAt;
    },
    putOff: async (operation, count, now) =>
      (await change(operation, now, (bucket) => spread(bucket, count, now))).moments,
    async learn(operation, headers, now) {
      const known = seen.get(operation);
      if (known !== undefined && learn(known, headers, now) === known) return;
      await change(operation, now, (bucket) => ({ bucket: learn(bucket, headers, now) }));
    },
    refuse: async (operation, headers, now) =>
      (await change(operation, now, (bucket) => refuse(bucket, headers, now))).until,
  };
}
