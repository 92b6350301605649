/** How much a light scan takes on: within a period each listing is looked at where the budget allows; where not, the round is told as it is. */
import { describe, expect, it } from 'vitest';
import { LOOKS_PER_MINUTE_UNKNOWN, type LookTerms, paceOf, planLooks } from '#core/looks.ts';

const MINUTE = 60_000;
const terms = (over: Partial<LookTerms> = {}): LookTerms => ({
  listings: 1000,
  everyMs: 30_000,
  periodMs: 15 * MINUTE,
  perMinute: 3000,
  ...over,
});

/** The greatest age that a listing reaches when the scans take the oldest, and the worthy ones are always the same. */
function oldestSeen({ listings, everyMs, ...rest }: LookTerms): number {
  const { byAge } = planLooks({ listings, everyMs, ...rest });
  const seenAt = Array.from({ length: listings }, () => 0);
  let oldest = 0;
  let next = 0;
  for (let scan = 1; scan <= 4 * Math.ceil(listings / byAge); scan += 1) {
    for (let taken = 0; taken < byAge; taken += 1) {
      const index = (next + taken) % listings;
      oldest = Math.max(oldest, scan * everyMs - (seenAt[index] ?? 0));
      seenAt[index] = scan * everyMs;
    }
    next = (next + byAge) % listings;
  }
  return oldest;
}

describe('the plan of a light scan', () => {
  it('takes a small channel whole, and nothing of an empty one', () => {
    expect(planLooks(terms({ listings: 100 }))).toEqual({ byAge: 100, byValue: 0, roundMs: 30_000, isCovered: true });
    expect(planLooks(terms({ listings: 0 }))).toEqual({ byAge: 0, byValue: 0, roundMs: 0, isCovered: true });
  });

  it('follows the size of the catalogue: half by age, half by what is at stake', () => {
    expect(planLooks(terms({ listings: 1000 }))).toMatchObject({ byAge: 50, byValue: 50, isCovered: true });
    expect(planLooks(terms({ listings: 20_000 }))).toMatchObject({ byAge: 667, byValue: 667, isCovered: true });
  });

  it('gives up what goes by value before what goes by age, and says how long a round takes when the budget is too small', () => {
    expect(planLooks(terms({ listings: 30_000 }))).toMatchObject({ byAge: 1000, byValue: 500, isCovered: true });
    const large = planLooks(terms({ listings: 100_000 }));
    expect(large).toEqual({ byAge: 1125, byValue: 375, roundMs: 89 * 30_000, isCovered: false });
    expect(planLooks(terms({ listings: 50, perMinute: 1 }))).toEqual({
      byAge: 1,
      byValue: 0,
      roundMs: 50 * 30_000,
      isCovered: false,
    });
  });

  it('keeps its word for every size: within a period and one scan where covered, within its round where not', () => {
    for (const listings of [1, 99, 101, 250, 999, 1000, 1001, 4321])
      for (const perMinute of [10, 200, 3000])
        for (const [everyMs, periodMs] of [
          [30_000, 15 * MINUTE],
          [30_000, 100_000],
          [MINUTE, MINUTE],
        ] as const) {
          const asked = { listings, perMinute, everyMs, periodMs };
          const { byAge, byValue, roundMs, isCovered } = planLooks(asked);
          expect(byAge + byValue).toBeLessThanOrEqual(Math.max(1, (perMinute * everyMs) / MINUTE));
          expect(byAge + byValue).toBeLessThanOrEqual(listings);
          expect(oldestSeen(asked)).toBeLessThanOrEqual(roundMs);
          expect(isCovered).toBe(roundMs <= periodMs);
        }
  });
});

describe('the pace', () => {
  it('is what the platform is said to allow, less where it refused that, and grows back', () => {
    expect(paceOf({ declared: null, before: null, cutAt: null })).toBe(LOOKS_PER_MINUTE_UNKNOWN);
    expect(paceOf({ declared: 3000, before: null, cutAt: null })).toBe(3000);
    expect(paceOf({ declared: 3000, before: 3000, cutAt: 400 })).toBe(400);
    expect(paceOf({ declared: 3000, before: 400, cutAt: null })).toBeCloseTo(600);
    expect(paceOf({ declared: 3000, before: 2900, cutAt: null })).toBe(3000);
    expect(paceOf({ declared: 3000, before: 3000, cutAt: 0 })).toBe(1);
  });
});
