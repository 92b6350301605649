import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import {
  conversionMovesNothing,
  endedHoldsLeaveNoTrace,
  heldIsASum,
  holdIsAllOrNothing,
  holdTakesNobodysOwn,
} from './hold-laws.ts';

describe('holds, among anything else that happens', () => {
  it('I1, I2: what is held is the sum of its entries, and no hold takes what is not there', () => {
    fc.assert(heldIsASum(CORE), { numRuns: RUNS });
  });
  it("I5: a hold and its end leave every other program's own units alone", () => {
    fc.assert(holdTakesNobodysOwn(CORE), { numRuns: RUNS });
  });
  it('a conversion frees nothing on its way: the same units, and no number moves', () => {
    fc.assert(conversionMovesNothing(CORE), { numRuns: RUNS });
  });
  it('all that can be promised can be held, and one more is refused with that number', () => {
    fc.assert(holdIsAllOrNothing(CORE), { numRuns: RUNS });
  });
  it('once all have ended, it is as if no hold had ever been', () => {
    fc.assert(endedHoldsLeaveNoTrace(CORE), { numRuns: RUNS });
  });
});
