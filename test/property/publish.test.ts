import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import {
  everyTargetExplainsItself,
  fairPartsAreShownOnce,
  moreSupplyNeverShowsLess,
  rulesNeverRaise,
} from './publish-laws.ts';

describe('the published number', () => {
  it('is recomputed by its explanation, step by step, and never exceeds what is free', () => {
    fc.assert(everyTargetExplainsItself(CORE), { numRuns: RUNS });
  });
  it('is never below 0, whole packs, and never falls when the promise grows', () => {
    fc.assert(rulesNeverRaise(CORE), { numRuns: RUNS });
  });
  it('never falls anywhere when one more unit is received', () => {
    fc.assert(moreSupplyNeverShowsLess(CORE), { numRuns: RUNS });
  });
  it('splits the shared pool fairly where it is asked for: no unit of it is shown twice', () => {
    fc.assert(fairPartsAreShownOnce(CORE), { numRuns: RUNS });
  });
});
