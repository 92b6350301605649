import { describe, expect, it } from 'vitest';
import {
  BUCKETS_PER_DOUBLING,
  FAST_MS,
  type FadedSales,
  latencyFigures,
  SLOW_MS,
  salesRate,
} from '#core/sales-measures.ts';

/** As the database counts them (db/sales-measures.ts). */
const bucketOf = (ms: number): number => Math.ceil(BUCKETS_PER_DOUBLING * Math.log2(Math.max(1, ms)));

const AT = Date.UTC(2026, 5, 1);

describe('latency figures', () => {
  const figures = (times: readonly number[]) =>
    latencyFigures(
      [...Map.groupBy(times.map(bucketOf), (bucket) => bucket)].map(([bucket, { length }]) => ({
        bucket,
        count: length,
      })),
    );

  it('are the nearest ranks, at most 9 % too long and never too short', () => {
    const times = Array.from({ length: 1000 }, (_, n) => (n + 1) * 40);
    const found = figures(times);
    expect(found?.samples).toBe(1000);
    for (const [shown, exact] of [
      [found?.p50Ms, 20_000],
      [found?.p95Ms, 38_000],
      [found?.p99Ms, 39_600],
    ] as const) {
      expect(shown).toBeGreaterThanOrEqual(exact);
      expect(shown).toBeLessThan(exact * 1.1);
    }
  });
  it('are those of the one sample there is, and none without one', () => {
    expect(figures([0])).toEqual({ samples: 1, p50Ms: 1, p95Ms: 1, p99Ms: 1 });
    expect(figures([])).toBeNull();
  });
  it('tell the slow one in a hundred from the hundredth on', () => {
    const fast = Array.from({ length: 99 }, () => 1000);
    expect(figures([...fast, 60_000])?.p99Ms).toBeLessThan(1100);
    expect(figures([...fast, 60_000, 60_000])?.p99Ms).toBeGreaterThanOrEqual(60_000);
  });
});

/** `orders` of `size` units, all at `AT`. */
const sold = (orders: number, size = 1): FadedSales => ({
  at: AT,
  fastUnits: orders * size,
  fastSquares: orders * size ** 2,
  slowUnits: orders * size,
  slowSquares: orders * size ** 2,
});

describe('the rate of sales', () => {
  it('is the steady one for a sale now and then, and the fast one from three orders on', () => {
    expect(salesRate([sold(2)], AT)).toEqual({ unitsPerHour: 2 / 72, unitsPerOrder: 1 });
    expect(salesRate([sold(3)], AT)).toEqual({ unitsPerHour: 3, unitsPerOrder: 1 });
    expect(salesRate([sold(1, 30)], AT)).toEqual({ unitsPerHour: 30 / 72, unitsPerOrder: 30 });
  });
  it('adds up over listings and fades with time', () => {
    expect(salesRate([sold(2), sold(2)], AT).unitsPerHour).toBe(4);
    expect(salesRate([sold(40)], AT + FAST_MS).unitsPerHour).toBeCloseTo(40 / Math.E, 6);
    expect(salesRate([sold(40)], AT + SLOW_MS).unitsPerHour).toBeCloseTo(40 / 72 / Math.E, 6);
    expect(salesRate([sold(40)], AT + 5000 * SLOW_MS).unitsPerHour).toBe(0);
    expect(salesRate([], AT)).toEqual({ unitsPerHour: 0, unitsPerOrder: 1 });
  });
  it('ends at the true rate of steady sales', () => {
    // One unit a minute for two weeks, each faded to the end.
    let [fast, slow] = [0, 0];
    for (let minute = 0; minute < 14 * 1440; minute++) {
      fast += Math.exp((-minute * 60_000) / FAST_MS);
      slow += Math.exp((-minute * 60_000) / SLOW_MS);
    }
    const row = { at: AT, fastUnits: fast, fastSquares: fast, slowUnits: slow, slowSquares: slow };
    expect(salesRate([row], AT).unitsPerHour).toBeCloseTo(60, -1);
  });
});
