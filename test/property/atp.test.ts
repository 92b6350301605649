import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import {
  atpIsFreeWithoutDates,
  atpIsSuffixMinimum,
  lateSupplyCountsForNothing,
  lessSupplyNeverRaisesAtp,
  promiseAddsUp,
} from './atp-laws.ts';
import { CORE } from './core-under-test.ts';

describe('ATP', () => {
  it('is what may be promised now where nothing is dated', () => {
    fc.assert(atpIsFreeWithoutDates(CORE), { numRuns: RUNS });
  });
  it('is the lowest balance from the day on', () => {
    fc.assert(atpIsSuffixMinimum(CORE), { numRuns: RUNS });
  });
  it('never rises by taking supply away', () => {
    fc.assert(lessSupplyNeverRaisesAtp(CORE), { numRuns: RUNS });
  });
  it('counts late supply for nothing, and tells of it', () => {
    fc.assert(lateSupplyCountsForNothing(CORE), { numRuns: RUNS });
  });
  it('bounds what is promised by a date, part by part', () => {
    fc.assert(promiseAddsUp(CORE), { numRuns: RUNS });
  });
});
