/** Laws of the buffer from measured latency. */
import * as fc from 'fast-check';
import type { Exposure } from '#core/latency-buffer.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const MOST = 400;
const HOUR_MS = 3_600_000;
const meanArb = fc.double({ min: 0.001, max: 60, noNaN: true });
const sizeArb = fc.double({ min: 1, max: 12, noNaN: true });
const chanceArb = fc.constantFrom(0.0001, 0.001, 0.005, 0.01, 0.05, 0.3);

/** The logarithm of n!. */
const logFactorial = (n: number): number => {
  let sum = 0;
  for (let i = 2; i <= n; i++) sum += Math.log(i);
  return sum;
};

/**
 * The chance of more than `units`, by another way than the core's recursion: over the number of orders, and of that many geometric sizes
 * in all (a negative binomial).
 */
function chanceOfMore(units: number, mean: number, unitsPerOrder: number): number {
  const ratio = (unitsPerOrder - 1) / (unitsPerOrder + 1);
  const orders = mean * (1 - ratio);
  let below = Math.exp(-orders);
  for (let n = 1; n <= units; n++) {
    const ofOrders = n * Math.log(orders) - orders - logFactorial(n);
    for (let total = n; total <= units; total++) {
      if (ratio === 0 && total > n) break;
      const ways = logFactorial(total - 1) - logFactorial(n - 1) - logFactorial(total - n);
      const sizes = n * Math.log(1 - ratio) + (total === n ? 0 : (total - n) * Math.log(ratio));
      below += Math.exp(ofOrders + ways + sizes);
    }
  }
  return 1 - below;
}

/** Enough, and one less is not. The other sum is short by rounding alone. */
const DUST = 1e-9;

export const bufferIsTheSmallest = (core: Core) =>
  fc.property(
    meanArb.map((mean) => mean / 4),
    sizeArb.map((size) => 1 + (size - 1) / 4),
    chanceArb,
    (mean, size, chance) => {
      const units = core.smallestBuffer(mean, size, chance, MOST);
      expect(Number.isInteger(units) && units >= 0).toBe(true);
      fc.pre(units <= 60);
      expect(chanceOfMore(units, mean, size)).toBeLessThanOrEqual(chance + DUST);
      if (units > 0) expect(chanceOfMore(units - 1, mean, size)).toBeGreaterThanOrEqual(chance - DUST);
    },
  );

export const bufferGrowsWithExposure = (core: Core) =>
  fc.property(meanArb, fc.double({ min: 1, max: 3, noNaN: true }), sizeArb, chanceArb, (mean, more, size, chance) => {
    const units = core.smallestBuffer(mean, size, chance, MOST);
    expect(core.smallestBuffer(mean * more, size, chance, MOST), 'more sales').toBeGreaterThanOrEqual(units);
    expect(core.smallestBuffer(mean, size, chance / more, MOST), 'smaller chance').toBeGreaterThanOrEqual(units);
    expect(core.smallestBuffer(mean, size, chance, 7), 'its bound').toBe(Math.min(7, units));
  });

const exposureArb: fc.Arbitrary<Exposure> = fc
  .record({
    mean: fc.double({ min: 0, max: 40, noNaN: true }),
    unitsPerOrder: sizeArb,
    latencyMs: fc.integer({ min: 1, max: HOUR_MS }),
    samples: fc.option(fc.integer({ min: 20, max: 5000 })),
    component: fc.option(fc.record({ sku: fc.constant('PART'), quantity: fc.integer({ min: 1, max: 6 }) }), {
      nil: undefined,
    }),
  })
  .map(({ component, mean, ...rest }) => {
    const exposure = { ...rest, unitsPerHour: (mean * HOUR_MS) / rest.latencyMs };
    return component === undefined ? exposure : { ...exposure, component };
  });

const ruleArb = fc
  .record({ oversellPercent: fc.constantFrom(0.1, 0.5, 5), atLeast: fc.nat(10), more: fc.nat(60) })
  .map(({ oversellPercent, atLeast, more }) => ({ oversellPercent, atLeast, atMost: atLeast + more }));

/** Within its rule, more with more time, and a measure that takes another's place is not taken back by the next one like it. */
export const bufferKeepsItsRule = (core: Core) =>
  fc.property(ruleArb, exposureArb, fc.integer({ min: 0, max: 600_000 }), (rule, exposure, moreMs) => {
    const { units, ...inputs } = core.latencyBuffer(rule, exposure);
    expect(units).toBeGreaterThanOrEqual(rule.atLeast);
    expect(units).toBeLessThanOrEqual(rule.atMost);
    expect(core.latencyBuffer(inputs, inputs.exposure).units, 'recomputed from its inputs').toBe(units);
    const later = { ...exposure, latencyMs: exposure.latencyMs + moreMs };
    expect(core.latencyBuffer(rule, later).units).toBeGreaterThanOrEqual(units);
    expect(core.latencyBuffer(rule, null).units).toBe(rule.atLeast);
    const isRise = core.latencyBuffer(rule, later).units > units;
    if (isRise) expect(core.isMaterial(rule, exposure, later), 'a rise counts at once').toBe(true);
    const wobbled = { ...exposure, unitsPerHour: exposure.unitsPerHour * 0.85 };
    expect(core.isMaterial(rule, exposure, wobbled), 'a seventh less is no news').toBe(false);
  });
