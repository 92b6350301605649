/** The buffer from measured latency: published quantiles, what it says, and when a new measure counts. */
import { describe, expect, it, test } from 'vitest';
import {
  canTakeUnits,
  type Exposure,
  isMaterial,
  latencyBuffer,
  sayLatencyBuffer,
  smallestBuffer,
} from '#core/latency-buffer.ts';
import type { LatencyBuffer } from '#core/model.ts';
import { policy, pool, program } from '../support/factory.ts';

/**
 * P(X <= x) as printed in the "Cumulative Poisson Distribution Table" of statistics courses (scribd.com/document/96601458): of each mean
 * the last row whose rest is above 0.5 %, and the first whose rest is not.
 */
const PUBLISHED = [
  { mean: 0.5, above: [2, 0.9856], first: [3, 0.9982] },
  { mean: 1, above: [3, 0.981], first: [4, 0.9963] },
  { mean: 2, above: [5, 0.9834], first: [6, 0.9955] },
  { mean: 3, above: [7, 0.9881], first: [8, 0.9962] },
  { mean: 3.5, above: [8, 0.9901], first: [9, 0.9967] },
  { mean: 4.5, above: [10, 0.9933], first: [11, 0.9976] },
] as const;

describe('the smallest buffer', () => {
  test.each(PUBLISHED)(
    'of a mean of $mean is where the published table leaves at most 0.5 %',
    ({ mean, above, first }) => {
      expect(1 - above[1]).toBeGreaterThan(0.005);
      expect(1 - first[1]).toBeLessThanOrEqual(0.005);
      expect(above[0] + 1).toBe(first[0]);
      expect(smallestBuffer(mean, 1, 0.005, 1000)).toBe(first[0]);
    },
  );

  // Summed with sixty decimal digits.
  test.each([
    { mean: 0.005, chance: 0.005, units: 0 },
    { mean: 0.005, chance: 0.001, units: 1 },
    { mean: 20, chance: 0.01, units: 31 },
    { mean: 100, chance: 0.005, units: 127 },
    { mean: 1000, chance: 0.001, units: 1099 },
    { mean: 5000, chance: 0.05, units: 5117 },
  ])('of a mean of $mean at $chance is $units, however many terms it takes', ({ mean, chance, units }) => {
    expect(smallestBuffer(mean, 1, chance, 10_000)).toBe(units);
  });

  it('is larger where orders take several units at once, and never above its bound', () => {
    expect(smallestBuffer(4, 1, 0.005, 1000)).toBe(10);
    expect(smallestBuffer(4, 5, 0.005, 1000)).toBeGreaterThan(15);
    expect(smallestBuffer(4, 5, 0.005, 12)).toBe(12);
    expect(smallestBuffer(0, 1, 0.005, 12)).toBe(0);
  });
});

const RULE: LatencyBuffer = { oversellPercent: 0.5, atLeast: 1, atMost: 20 };
const exposed = (over: Partial<Exposure> = {}): Exposure => ({
  unitsPerHour: 60,
  unitsPerOrder: 1,
  latencyMs: 60_000,
  samples: 400,
  ...over,
});

describe('the buffer of a rule', () => {
  it('is what others sell within the time, within its bounds, and its least while nothing is measured', () => {
    expect(latencyBuffer(RULE, exposed()).units).toBe(4);
    expect(latencyBuffer(RULE, exposed({ latencyMs: 3_600_000 })).units).toBe(20);
    expect(latencyBuffer(RULE, exposed({ unitsPerHour: 0 })).units).toBe(1);
    expect(latencyBuffer(RULE, null).units).toBe(1);
  });

  it('counts a kit in whole sets of its component', () => {
    const component = { sku: 'LID', quantity: 3 };
    expect(latencyBuffer(RULE, exposed({ component })).units).toBe(2);
    expect(latencyBuffer({ ...RULE, atMost: 1 }, exposed({ component })).units).toBe(1);
  });

  it('is told with its inputs in words', () => {
    expect(sayLatencyBuffer(latencyBuffer(RULE, exposed({ unitsPerHour: 2.14, latencyMs: 38_000 })))).toBe(
      'other listings sell 2.14 an hour; 99 % of sales are acknowledged here within 38 s (400 measured); ' +
        'chance of overselling meanwhile at most 0.5 %; at least 1, at most 20',
    );
    expect(
      sayLatencyBuffer(
        latencyBuffer(
          RULE,
          exposed({
            unitsPerOrder: 1.5,
            samples: null,
            latencyMs: 300_000,
            component: { sku: 'LID', quantity: 2 },
          }),
        ),
      ),
    ).toContain(
      'other listings sell 60 an hour of LID, 2 in a set, 1.5 to an order; sales are taken to be acknowledged here within 5 min (fewer than 20 measured)',
    );
    expect(sayLatencyBuffer(latencyBuffer(RULE, null))).toContain('nothing is measured yet; at least 1');
  });
});

describe('what others sell', () => {
  const rules = policy({
    programs: [program('dtc'), program('edi', { drawOrder: 'ownOnly' }), program('club', { drawOrder: 'ownOnly' })],
    pools: [pool('edi', 10), pool('club', 10, { protects: 'prioritised' })],
  });
  it.each([
    ['dtc', 'dtc', true],
    ['edi', 'edi', true],
    ['edi', 'dtc', false],
    ['dtc', 'edi', false],
    ['dtc', 'club', true],
    ['club', 'edi', false],
    ['gone', 'dtc', true],
  ])('of %s may be units that %s shows: %s', (seller, shown, isSo) => {
    expect(canTakeUnits(rules, seller, shown)).toBe(isSo);
  });
});

describe('a new measure', () => {
  it('counts at once where the buffer rises, and falls only when a quarter more sales would let it', () => {
    const before = exposed();
    expect(isMaterial(RULE, before, exposed({ unitsPerHour: 66 }))).toBe(true);
    expect(isMaterial(RULE, before, exposed({ unitsPerHour: 61 }))).toBe(false);
    // Four units are needed from 0.672 sales a minute on.
    expect(latencyBuffer(RULE, exposed({ unitsPerHour: 40 })).units).toBe(3);
    expect(isMaterial(RULE, before, exposed({ unitsPerHour: 40 }))).toBe(false);
    expect(isMaterial(RULE, before, exposed({ unitsPerHour: 32 }))).toBe(true);
  });

  it('of an item that had none counts where it asks for more than the least', () => {
    expect(isMaterial(RULE, null, exposed({ unitsPerHour: 1 }))).toBe(false);
    expect(isMaterial(RULE, null, exposed())).toBe(true);
  });
});
