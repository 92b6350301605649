import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import { countRuleHolds, everyMovementIsInTheLedger } from './count-laws.ts';

describe('the count rule', () => {
  it('the balance is the last count and what moved after it, in any arrival order', () => {
    fc.assert(countRuleHolds(CORE), { numRuns: RUNS });
  });
  it('a late movement is written with its compensation, so that the ledger tells both', () => {
    fc.assert(everyMovementIsInTheLedger(CORE), { numRuns: RUNS });
  });
});
