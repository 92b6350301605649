/** The restock rule, the levels it is given, and the plain play that chooses them. */
import { describe, expect, it } from 'vitest';
import {
  chooseLevels,
  choosePools,
  createRestock,
  LEAD_DAYS,
  levelsAt,
  measureDemand,
  playRoughly,
  REVIEW_DAYS,
} from '#scripts/demo/restock.ts';
import { DAY_MS, type StreamOrder } from '#scripts/demo/stream.ts';
import { makeOrderStream } from '#scripts/demo/synthetic.ts';

const order = (day: number, units: number, channel: StreamOrder['channel'] = 'shopify:main'): StreamOrder => ({
  kind: 'order',
  at: day * DAY_MS + 1,
  ref: `${day}`,
  channel,
  customer: null,
  lines: [{ sku: 'MUG', units }],
});

describe('the restock rule', () => {
  it('orders up to the level at each review, and the goods come after the lead time', () => {
    const restock = createRestock(new Map([['MUG', 100]]));
    const free = new Map([['MUG', 30]]);
    const arrived = new Map<number, number>();
    for (let day = 0; day <= REVIEW_DAYS + LEAD_DAYS; day += 1) {
      for (const { units } of restock.night(day, free)) arrived.set(day, units);
    }
    expect([...arrived]).toEqual([[REVIEW_DAYS + LEAD_DAYS, 70]]);
  });

  it('orders what is owed on top, and nothing where the shelf is full', () => {
    expect(LEAD_DAYS).toBeLessThan(REVIEW_DAYS);
    const restock = createRestock(new Map(Object.entries({ MUG: 10, TIN: 10 })));
    const free = new Map(Object.entries({ MUG: -5, TIN: 12 }));
    const arrived = [...Array(REVIEW_DAYS + LEAD_DAYS + 1).keys()].flatMap((day) => restock.night(day, free));
    expect(arrived.map(({ sku, units }) => [sku, units])).toEqual([['MUG', 15]]);
  });
});

describe('demand', () => {
  it('is measured per calendar day, days without an order included', () => {
    const demand = measureDemand([order(0, 8), order(3, 8, 'edi:department-store')]);
    expect(demand.get('MUG')).toEqual({ mean: 4, deviation: 4, wholesale: 2 * REVIEW_DAYS });
  });

  it('makes levels of at least one unit', () => {
    const demand = new Map([['MUG', { mean: 0.01, deviation: 0.1, wholesale: 0 }]]);
    expect(levelsAt(demand, -1, 10).get('MUG')).toBe(1);
  });
});

describe('the plain play', () => {
  const pool = () => 4;

  it('keeps the pool from all but wholesale, and the buffer from the market', () => {
    const levels = new Map([['MUG', 10]]);
    expect(playRoughly([order(0, 6)], levels, pool).fill).toBe(1);
    expect(playRoughly([order(0, 7)], levels, pool).fill).toBe(0);
    expect(playRoughly([order(0, 6, 'amazon:uk')], levels, pool).fill).toBe(0);
    expect(playRoughly([order(0, 10, 'edi:department-store')], levels, pool)).toEqual({ fill: 1, stockouts: 1 });
  });

  it.each([null, 60])('chooses levels that leave scarcity and sell most of what is offered, of %s orders', (limit) => {
    const { events } = makeOrderStream({ seed: 1, limit });
    const demand = measureDemand(events);
    const pools = choosePools(events, demand);
    expect(pools.own.size).toBeGreaterThan(0);
    const { rough } = chooseLevels(events, demand, (sku) => pools.own.get(sku) ?? pools.every);
    expect(rough.fill).toBeGreaterThan(0.93);
    expect(rough.stockouts).toBeGreaterThan(0.15);
  });
});
