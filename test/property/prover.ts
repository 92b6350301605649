/**
 * A worker of `npm run prove`: a process of its own, since a bug is planted in the core as it is loaded.
 *
 * Speaks by IPC: says which laws there are, then answers each `Ask` with a `Proof`, one at a time. `prover.ts BUG` plants that bug.
 */
import * as fc from 'fast-check';
import { plantBug } from './plant-bug.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';

type Ask = { readonly id: string; readonly runs: number; readonly seed: number };

const [bugId] = process.argv.slice(2);
if (bugId !== undefined) {
  const bug = PLANTED_BUGS.find(({ id }) => id === bugId);
  if (bug === undefined) throw new Error(`no planted bug is called ${bugId}`);
  plantBug(bug);
}

// Loaded after the bug.
const { ALL_LAWS } = await import('./laws.ts');
const { CORE } = await import('./core-under-test.ts');

const tell = (message: object): void => {
  process.send?.(message);
};

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Never throws: a law that cannot be run is not proved. */
async function prove({ id, runs, seed }: Ask) {
  try {
    const law = ALL_LAWS.find((each) => each.id === id);
    if (law === undefined) throw new Error(`there is no law ${id}`);
    const result = await fc.check(law.of(CORE), { numRuns: runs, seed });
    if (!result.failed) return { id, runs: result.numRuns, counterexample: null };
    const { counterexample, counterexamplePath: path, errorInstance } = result;
    const values = counterexample === null ? null : fc.stringify(counterexample);
    return { id, runs: result.numRuns, counterexample: { seed, path, values, message: wordsOf(errorInstance) } };
  } catch (error) {
    return { id, runs: 0, counterexample: { seed, path: null, values: null, message: wordsOf(error) } };
  }
}

process.on('message', (ask: Ask) => {
  void prove(ask).then((proof) => tell({ kind: 'proof', ...proof }));
});
const planted = PLANTED_BUGS.map(({ id, says, law }) => ({ id, says, law }));
tell({ kind: 'ready', laws: ALL_LAWS.map(({ id, says }) => ({ id, says })), planted });
