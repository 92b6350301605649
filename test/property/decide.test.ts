import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import { batchingChangesNothing, factsReplay, isDeterministic, parkedLeavesNoTrace } from './decide-laws.ts';

describe('decide, as a function', () => {
  it('is deterministic to the byte and does not touch its input', () => {
    fc.assert(isDeterministic(CORE), { numRuns: RUNS });
  });
  it('gives the same orders, balances and targets in one batch and in many', () => {
    fc.assert(batchingChangesNothing(CORE), { numRuns: RUNS });
  });
  it('parks a refused command without a trace, and with it only the later commands of its order', () => {
    fc.assert(parkedLeavesNoTrace(CORE), { numRuns: RUNS });
  });
  it('leaves facts from which the state is rebuilt', () => {
    fc.assert(factsReplay(CORE), { numRuns: RUNS });
  });
});
