import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import {
  balancesAreSums,
  deficitIsTold,
  noLineVanishes,
  ownSalesAreSums,
  promiseNeverExceedsStock,
} from './books-laws.ts';
import { CORE } from './core-under-test.ts';

describe('the books, under any sequence of commands', () => {
  it('I1: what is promised is there, or a deficit says how much is missing', () => {
    fc.assert(deficitIsTold(CORE), { numRuns: RUNS });
  });
  it('I2: balances, order lines and the inputs of the published number are the sums of the entries', () => {
    fc.assert(balancesAreSums(CORE), { numRuns: RUNS });
  });
  it('I2: own sales of a listing are the sums of its order lines', () => {
    fc.assert(ownSalesAreSums(CORE), { numRuns: RUNS });
  });
  it('I4: ordered less cancelled less shipped is allocated or short, and no accepted line is lost', () => {
    fc.assert(noLineVanishes(CORE), { numRuns: RUNS });
  });
  it('a promise alone never makes a deficit', () => {
    fc.assert(promiseNeverExceedsStock(CORE), { numRuns: RUNS });
  });
});
