import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inWhole, sayUnits, sizeOf } from '#core/units.ts';
import { RUNS } from '../support/arbitraries.ts';

const SIZES = new Map([
  ['inner', 6],
  ['case', 12],
]);

describe('units of measure', () => {
  it('know each without being told, and nothing that they were not told', () => {
    expect([sizeOf(SIZES, 'each'), sizeOf(SIZES, 'case'), sizeOf(SIZES, 'pallet')]).toEqual([1, 12, undefined]);
    expect(sayUnits(SIZES)).toBe('each, case (12), inner (6)');
  });
  it('convert exactly or not at all', () => {
    expect([inWhole(36, 12), inWhole(30, 12), inWhole(0, 12)]).toEqual([3, null, 0]);
    const whole = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(whole, fc.integer({ min: 1, max: 144 }), (units, size) => {
        const count = inWhole(units, size);
        expect(count === null ? units % size > 0 : count * size === units).toBe(true);
        expect(inWhole(units * size, size)).toBe(units);
      }),
      { numRuns: RUNS },
    );
  });
});
