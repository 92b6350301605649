import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import {
  lostAnswerHoldsNothingBack,
  manualEditIsHealed,
  ownOpenOrdersAreNotGivenBack,
  platformEndsAtTarget,
  unseenSaleIsNeverUndone,
} from './wire-laws.ts';

describe('the push plan, against a platform that sells by itself', () => {
  it('after quiet every platform shows the target, and the loop ends', () => {
    fc.assert(platformEndsAtTarget(CORE), { numRuns: RUNS });
  });
  it('where the platform compares, the decrement of an unseen order is never overwritten', () => {
    fc.assert(unseenSaleIsNeverUndone(CORE), { numRuns: RUNS });
  });
  it('where the platform subtracts its own open orders, an unheard order is never given back', () => {
    fc.assert(ownOpenOrdersAreNotGivenBack(CORE), { numRuns: RUNS });
  });
  it('a write without an answer is found out by reading, and holds nothing back', () => {
    fc.assert(lostAnswerHoldsNothingBack(CORE), { numRuns: RUNS });
  });
  it('a manual edit is healed once its time is over', () => {
    fc.assert(manualEditIsHealed(CORE), { numRuns: RUNS });
  });
});
