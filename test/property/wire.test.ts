import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import {
  latePlatformEndsAtTarget,
  lostAnswerHoldsNothingBack,
  loweringNeverWaits,
  manualEditIsHealed,
  ownOpenOrdersAreNotGivenBack,
  ownWriteIsNoSale,
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
  it('a platform that shows late what it accepted ends at the target', () => {
    fc.assert(latePlatformEndsAtTarget(CORE), { numRuns: RUNS });
  });
  it('a write of ours that does not show yet is no sale, and nothing is raised on the number before it', () => {
    fc.assert(ownWriteIsNoSale(CORE), { numRuns: RUNS });
  });
  it('a lowering waits for no look, and for no earlier write to show', () => {
    fc.assert(loweringNeverWaits(CORE), { numRuns: RUNS });
  });
});
