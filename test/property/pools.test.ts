import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import { cutSumsExactly, drawMovesNoOtherShare, protectionHolds, shortsAreServedInTurn } from './pool-laws.ts';

describe('pools', () => {
  it('I5: no command of another program lowers what a program has of its own', () => {
    fc.assert(protectionHolds(CORE), { numRuns: RUNS });
  });
  it('the proportional cut sums exactly, never exceeds a want, and one more unit lowers nobody', () => {
    fc.assert(cutSumsExactly(CORE), { numRuns: RUNS });
  });
  it('drawing from one share moves no other', () => {
    fc.assert(drawMovesNoOtherShare(CORE), { numRuns: RUNS });
  });
  it('lines that wait are served by priority, then by who came first', () => {
    fc.assert(shortsAreServedInTurn(CORE), { numRuns: RUNS });
  });
});
