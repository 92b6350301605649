/** Golden values of protection levels: R and scipy for the normal helpers, stockpyl, RevPy, Talluri and van Ryzin (facts/planning 1.1, 1.7). */
import { describe, expect, it } from 'vitest';
import {
  compileEmsrb,
  emsrB,
  type FareClass,
  littlewood,
  littlewoodPoisson,
  nestedLimits,
  normalCdf,
  normalLoss,
  normalQuantile,
} from '#core/protection.ts';

const classesOf = (margins: readonly number[], means: readonly number[], deviations: readonly number[]): FareClass[] =>
  margins.map((margin, index) => ({ margin, mean: means[index] ?? 0, deviation: deviations[index] ?? 0 }));

/** RevPy, tests/test_revpy.py at ab15084; the data are of Fiig et al. 2010. */
const REVPY = classesOf(
  [1200, 1000, 800, 600, 400, 200],
  [31.2, 10.9, 14.8, 19.9, 26.9, 36.3],
  [11.2, 6.6, 7.7, 8.9, 10.4, 12],
);

describe('the normal distribution', () => {
  it.each([
    [0.9, 1.2815515655446004],
    [0.95, 1.6448536269514722],
    [0.975, 1.959963984540054],
    [0.98, 2.0537489106318225],
    [0.99, 2.3263478740408408],
    [0.995, 2.5758293035489004],
    [0.999, 3.090232306167813],
    [0.5, 0],
    [1e-20, -9.262340089798409],
  ])('has the quantile of %d as R and scipy have it', (p, z) => {
    expect(Math.abs(normalQuantile(p) - z)).toBeLessThan(1e-12);
    expect(Math.abs(normalCdf(z) / p - 1)).toBeLessThan(1e-12);
  });
  it('has both ends, and refuses what is no probability', () => {
    expect([normalQuantile(0), normalQuantile(1)]).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
    expect(() => normalQuantile(1.1)).toThrow(/probability/);
    expect(() => normalQuantile(Number.NaN)).toThrow(/probability/);
  });
  it.each([
    [0, 0.398942, 1e-6],
    [0.5, 0.197797, 1e-6],
    [1, 0.083315, 1e-6],
    [1.28, 0.047499, 1e-6],
    [2, 0.008491, 1e-6],
    [3, 0.000382, 1e-6],
    // stockpyl, tests/test_loss_functions.py at 0bae176.
    [-1.4, 1.436668142708465, 1e-12],
    [0.3, 0.26676124211721, 1e-12],
    [3.1, 0.0002672490952231408, 1e-15],
    // Where 1 - CDF would answer a number below 0.
    [8, 7.55e-17, 1e-19],
  ])('has the unit loss of %d', (k, loss, within) => {
    expect(Math.abs(normalLoss(k) - loss)).toBeLessThan(within);
  });
});

describe("Littlewood's rule", () => {
  it('keeps the quantile of the critical ratio', () => {
    expect(littlewood(1050, 567, { mean: 17.3, deviation: 5.8 })).toBeCloseTo(16.717484, 6);
    expect(littlewood(2, 1, { mean: 20, deviation: 5 })).toBe(20);
  });
  it('keeps nothing against a class that leaves as much', () => {
    expect(littlewood(5, 5, { mean: 20, deviation: 5 })).toBe(0);
    expect(littlewood(10, 9.9, { mean: 1, deviation: 5 })).toBe(0);
    expect(() => littlewood(5, 0, { mean: 20, deviation: 5 })).toThrow(/margin/);
  });
  it('counts whole units of Poisson demand', () => {
    // R: mean 20; a ratio of 0.5 keeps 20, of 0.3 keeps 22.
    expect([littlewoodPoisson(2, 1, 20), littlewoodPoisson(10, 3, 20)]).toEqual([20, 22]);
    expect([littlewoodPoisson(1, 1, 20), littlewoodPoisson(2, 1, 0)]).toEqual([0, 0]);
  });
});

describe('EMSR-b', () => {
  it('gives the protections and limits of RevPy', () => {
    const protections = emsrB(REVPY);
    [0, 20.364878, 35.404703, 54.338987, 80.073517, 117.435845].forEach((units, index) => {
      expect(protections[index]).toBeCloseTo(units, 6);
    });
    expect(protections.map(Math.floor)).toEqual([0, 20, 35, 54, 80, 117]);
    const limits = nestedLimits(100, protections);
    expect(limits).toEqual([100, 80, 65, 46, 20, 0]);
    expect(limits.map((units, index) => units - (limits[index + 1] ?? 0))).toEqual([20, 15, 19, 26, 20, 0]);
  });
  it('gives table 2.1 of Talluri and van Ryzin', () => {
    const protections = emsrB(classesOf([1050, 567, 534, 520], [17.3, 45.1, 39.6, 34], [5.8, 15, 13.2, 11.3]));
    [0, 16.717484, 50.944186, 83.154839].forEach((units, index) => {
      expect(protections[index]).toBeCloseTo(units, 6);
    });
  });
  it('protects nothing where there is no demand: the best class may have everything (RevPy)', () => {
    const protections = emsrB(classesOf([1200, 1000, 800], [0, 0, 0], [0, 0, 0]));
    expect(protections).toEqual([0, 0, 0]);
    expect(nestedLimits(100, protections)).toEqual([100, 100, 100]);
  });
  it('protects the mean of a demand that is certain', () => {
    expect(emsrB(classesOf([3, 2, 1], [10, 5, 9], [0, 0, 0]))).toEqual([0, 10, 15]);
  });
});

describe('compileEmsrb', () => {
  const programs = ['dtc', 'amazon', 'wholesale', 'outlet', 'b2b', 'clearance'];
  const classes = REVPY.map((each, index) => ({ ...each, program: programs[index] ?? '' }));

  it('makes own pools that add up to the nested protections, whatever the order of the file', () => {
    const pools = compileEmsrb(classes.toReversed());
    expect(pools.map(({ program, units }) => [program, units])).toEqual([
      ['dtc', 20],
      ['amazon', 15],
      ['wholesale', 19],
      ['outlet', 26],
      ['b2b', 37],
      ['clearance', 0],
    ]);
    expect(compileEmsrb(classes)).toEqual(pools);
  });
  it('says how likely the protected units do not suffice', () => {
    const [best] = compileEmsrb(classes);
    // Rounded down from 20.36, where the chance is 1000 / 1200.
    expect(best?.chanceBeyond).toBeGreaterThan(1000 / 1200);
    expect(best?.chanceBeyond).toBeLessThan(0.85);
    expect(best?.unitsBeyond).toBeGreaterThan(31.2 - 20);
    const certain = compileEmsrb([
      { program: 'a', margin: 2, mean: 10, deviation: 0 },
      { program: 'b', margin: 1, mean: 4, deviation: 0 },
    ]);
    expect(certain).toEqual([
      { program: 'a', units: 10, chanceBeyond: 0, unitsBeyond: 0 },
      { program: 'b', units: 0, chanceBeyond: 1, unitsBeyond: 4 },
    ]);
  });
});
