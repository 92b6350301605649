import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import {
  fairSharesGoUnitByUnit,
  fairSharesSumAndGrow,
  splitIsMaxMin,
  splitIsMonotone,
  splitKeepsTiersAndMinimums,
  splitKnowsNoOrder,
  splitSumsExactly,
} from './scarcity-laws.ts';

describe('a scarce stock', () => {
  it('is split to the last unit, and nobody gets more than it wants', () => {
    fc.assert(splitSumsExactly(CORE), { numRuns: RUNS });
  });
  it('is split the same way for any order of the demands', () => {
    fc.assert(splitKnowsNoOrder(CORE), { numRuns: RUNS });
  });
  it('serves lower tiers first and keeps minimums', () => {
    fc.assert(splitKeepsTiersAndMinimums(CORE), { numRuns: RUNS });
  });
  it('leaves nobody poorer than the level, by weight', () => {
    fc.assert(splitIsMaxMin(CORE), { numRuns: RUNS });
  });
  it('gives nobody less of one unit more, where weights are equal', () => {
    fc.assert(splitIsMonotone(CORE), { numRuns: RUNS });
  });
});

describe('fair shares', () => {
  it('sum to the stock or the claims, and one more unit lowers nobody', () => {
    fc.assert(fairSharesSumAndGrow(CORE), { numRuns: RUNS });
  });
  it('are what handing out unit by unit gives', () => {
    fc.assert(fairSharesGoUnitByUnit(CORE), { numRuns: RUNS });
  });
});
