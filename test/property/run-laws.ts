/** Registers the laws of one group as tests. */
import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { RUNS } from '../support/arbitraries.ts';
import { CORE } from './core-under-test.ts';
import { LAWS } from './laws.ts';

/** A run takes about a millisecond, ten on a busy machine; never less time than any test has. */
const TIMEOUT_MS = Math.max(120_000, RUNS * 10);

export function runLaws(group: keyof typeof LAWS): void {
  describe(`laws: ${group}`, () => {
    for (const { id, says, of } of LAWS[group]) {
      it(`${id}: ${says}`, { timeout: TIMEOUT_MS }, async () => {
        await fc.assert(of(CORE), { numRuns: RUNS });
      });
    }
  });
}
