import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import {
  arrivalOrderIsForgotten,
  joinIsASemilattice,
  repetitionWritesNothing,
  totalsConvergeInScarcity,
} from './order-laws.ts';

describe('orders as states', () => {
  it('joinOrder is commutative, associative and idempotent', () => {
    fc.assert(joinIsASemilattice(CORE), { numRuns: RUNS });
  });
  it('any arrival order or duplication of one order’s states ends in one final state', () => {
    fc.assert(arrivalOrderIsForgotten(CORE), { numRuns: RUNS });
  });
  it('in scarcity the totals still do', () => {
    fc.assert(totalsConvergeInScarcity(CORE), { numRuns: RUNS });
  });
  it('a repetition is unchanged and writes nothing', () => {
    fc.assert(repetitionWritesNothing(CORE), { numRuns: RUNS });
  });
});
