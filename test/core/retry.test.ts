import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backOffMs, boundMs, isSpent, type RetryClass, SCHEDULES } from '#core/retry.ts';

const CLASSES = Object.keys(SCHEDULES) as RetryClass[];
const anyClass = fc.constantFrom(...CLASSES);
const anyRandom = fc.double({ min: 0, max: 0.999_999, noNaN: true });

test('full jitter: from 0 to a bound that doubles with each failure, up to its cap', () => {
  fc.assert(
    fc.property(anyClass, fc.integer({ min: 0, max: 1000 }), anyRandom, (of, failures, random) => {
      const wait = backOffMs(of, failures, random);
      const bound = Math.min(SCHEDULES[of].capMs, SCHEDULES[of].firstMs * 2 ** Math.min(failures, 30));
      expect(boundMs(of, failures)).toBe(bound);
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThan(bound);
      expect(Number.isSafeInteger(wait)).toBe(true);
    }),
  );
  expect([0, 1, 2, 3, 20].map((n) => boundMs('transient', n))).toEqual([500, 1000, 2000, 4000, 60_000]);
  // The whole of the range, not its upper half: that is what keeps those that failed together apart.
  expect(backOffMs('transient', 20, 0)).toBe(0);
  expect(backOffMs('transient', 20, 0.5)).toBe(30_000);
});

test('what is nobody’s own failure is never spent; the rest is, after its tries', () => {
  expect(CLASSES.filter((of) => isSpent(of, 1_000_000))).toEqual([
    'input',
    'uncertain',
    'stale',
    'mapping',
    'rejected',
  ]);
  expect([5, 6].map((n) => isSpent('rejected', n))).toEqual([false, true]);
});
