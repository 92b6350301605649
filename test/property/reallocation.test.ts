import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import { bystandersKeepTheirs, endsRestore, lowPoolsAreMended, movesConserve } from './reallocation-laws.ts';

describe('reallocations', () => {
  it('pools and shared are all that is free, and no pool is below what was drawn', () => {
    fc.assert(movesConserve(CORE), { numRuns: RUNS });
  });
  it('I5 across moves: only the donor loses by a move, only the receiver by its end', () => {
    fc.assert(bystandersKeepTheirs(CORE), { numRuns: RUNS });
  });
  it('moves that end with nothing drawn leave no trace', () => {
    fc.assert(endsRestore(CORE), { numRuns: RUNS });
  });
  it('the moves that a low pool is told with can be made, and mend it', () => {
    fc.assert(lowPoolsAreMended(CORE), { numRuns: RUNS });
  });
});
