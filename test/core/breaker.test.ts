import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Breaker, type BreakerEvent, CLOSED, nextBreaker, OPENS_AT, PROBE_MS, restMs } from '#core/breaker.ts';

const NOW = 1_000_000;
const at = (now: number, random = 0.5) => ({ now, random });
const fail = (breaker: Breaker, times: number, now = NOW): Breaker =>
  Array.from({ length: times }).reduce<Breaker>((one) => nextBreaker(one, 'failed', at(now)), breaker);

test('it opens at so many failures in a row, and an answer between begins anew', () => {
  const nearly = fail(CLOSED, OPENS_AT - 1);
  expect(nearly).toMatchObject({ state: 'closed', failures: OPENS_AT - 1 });
  expect(fail(nextBreaker(nearly, 'answered', at(NOW)), OPENS_AT - 1).state).toBe('closed');
  expect(fail(nearly, 1)).toEqual({ state: 'open', failures: 0, trips: 1, openedAt: NOW, retryAt: NOW + 1000 });
});

test('open, nobody calls before its time; then one probes, and the others rest', () => {
  const open = fail(CLOSED, OPENS_AT);
  expect(nextBreaker(open, 'asked', at(NOW + 999))).toBe(open);
  expect(restMs(open, NOW)).toBe(1000);
  const probing = nextBreaker(open, 'asked', at(NOW + 1000));
  expect(probing).toMatchObject({ state: 'halfOpen', retryAt: NOW + 1000 + PROBE_MS });
  expect(nextBreaker(probing, 'asked', at(NOW + 1001))).toBe(probing);
  expect(nextBreaker(probing, 'answered', at(NOW + 1002))).toBe(CLOSED);
  // Whoever probed was never heard of again.
  expect(nextBreaker(probing, 'asked', at(NOW + 1000 + PROBE_MS))).not.toBe(probing);
});

test('a probe that fails opens it for longer, and it stays known since when', () => {
  let breaker = fail(CLOSED, OPENS_AT);
  const waits: number[] = [];
  for (let n = 0; n < 6; n += 1) {
    const now = breaker.retryAt ?? 0;
    waits.push(now - (n === 0 ? NOW : 0));
    breaker = nextBreaker(nextBreaker(breaker, 'asked', at(now)), 'failed', at(now));
    waits.push((breaker.retryAt ?? 0) - now);
  }
  expect(breaker).toMatchObject({ state: 'open', trips: 7, openedAt: NOW });
  expect(waits.filter((_, n) => n % 2 === 1)).toEqual([2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

test('calls that were under way when it opened: an answer closes it, a failure changes nothing', () => {
  const open = fail(CLOSED, OPENS_AT);
  expect(nextBreaker(open, 'failed', at(NOW + 5))).toBe(open);
  expect(nextBreaker(open, 'answered', at(NOW + 5))).toBe(CLOSED);
});

test('whatever happens: it is never shut for ever, and never open without a moment to try', () => {
  const events = fc.array(fc.tuple(fc.constantFrom<BreakerEvent>('answered', 'failed', 'asked'), fc.nat(40_000)));
  fc.assert(
    fc.property(events, fc.double({ min: 0, max: 0.999_999, noNaN: true }), (steps, random) => {
      let [breaker, now]: [Breaker, number] = [CLOSED, NOW];
      for (const [event, ms] of steps) {
        now += ms;
        breaker = nextBreaker(breaker, event, { now, random });
        const isClosed = breaker.state === 'closed';
        expect(breaker.failures).toBeLessThan(OPENS_AT);
        expect(isClosed ? 0 : (breaker.retryAt ?? Number.NaN) - now).toBeLessThanOrEqual(PROBE_MS);
        expect(breaker.openedAt === null).toBe(isClosed);
      }
    }),
  );
});
