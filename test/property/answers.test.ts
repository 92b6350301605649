import * as fc from 'fast-check';
import { it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { answersHold } from './answer-laws.ts';
import { CORE } from './core-under-test.ts';

it('an answer adds up, is given once, and promises no more than is there', () => {
  fc.assert(answersHold(CORE), { numRuns: RUNS });
});
