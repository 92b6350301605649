import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import {
  neverMoreThanThereIs,
  protectionOutranksRuns,
  runKnowsNoOrder,
  strategiesKeepTheirWord,
  turnsAreKept,
} from './reconfirm-laws.ts';

describe('a re-confirmation, after any story', () => {
  it('promises at no place more than there is', () => {
    fc.assert(neverMoreThanThereIs(CORE), { numRuns: RUNS });
  });
  it('keeps the word of each strategy', () => {
    fc.assert(strategiesKeepTheirWord(CORE), { numRuns: RUNS });
  });
  it('serves the strategies in turn', () => {
    fc.assert(turnsAreKept(CORE), { numRuns: RUNS });
  });
  it('takes no protection from who gave nothing up', () => {
    fc.assert(protectionOutranksRuns(CORE), { numRuns: RUNS });
  });
  it('is the same in any order, and takes nothing from who keeps what it has', () => {
    fc.assert(runKnowsNoOrder(CORE), { numRuns: RUNS });
  });
});
