/**
 * `npm test`: every test, by vitest, ending in one line that a machine can read: `12 passed, 0 failed` (`, 1 skipped` where any is).
 *
 * Further arguments go to vitest: `npm test -- test/core`, `npm test -- --project core -t allocate`. The counts come from vitest's
 * own JSON results. A test file that cannot be loaded, an error outside every test and a vitest that dies each count as one failure
 * and are named in a line above, so `0 failed` and exit 0 always go together.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules', '.bin');

/** The part of vitest's JSON results (jest's shape) that is read here. */
const resultsSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  testResults: z.array(
    z.object({ name: z.string(), status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) }),
  ),
});

type Tally = {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly notes: readonly string[];
};

/** Exit code of vitest; 128 + n when it was ended by signal n. */
function runVitest(resultsFile: string, args: readonly string[]): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${resultsFile}`];
  const env = { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}` };
  const child = spawn(join(BIN, 'vitest'), ['run', ...reporters, ...args], { cwd: ROOT, env, stdio: 'inherit' });
  // vitest ends its workers and its global setup by itself; the tally still has to be told after that.
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  process.on('SIGTERM', forward);
  process.on('SIGINT', () => undefined);
  child.on('error', (error) => {
    console.error(`cannot start vitest: ${error.message}. Run: npm ci`);
    resolve(127);
  });
  child.on('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  return promise;
}

/** Null when vitest left no results behind, or broken ones (it died while it wrote them). */
async function readTally(resultsFile: string): Promise<Tally | null> {
  let results: z.infer<typeof resultsSchema>;
  try {
    results = resultsSchema.parse(JSON.parse(await readFile(resultsFile, 'utf8')));
  } catch (error) {
    console.error(`no results: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
  const unloaded = results.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.every((one) => one.status !== 'failed'),
  );
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + unloaded.length,
    skipped: results.numPendingTests + results.numTodoTests,
    notes: unloaded.map(({ name }) => `failed outside its tests: ${relative(ROOT, name)}`),
  };
}

/** Makes the tally agree with the exit code: what failed beside the tests is one failure more, and is named. */
function judge(tally: Tally | null, exitCode: number): Tally {
  if (tally === null) {
    return { passed: 0, failed: 1, skipped: 0, notes: [`vitest ended without results (exit ${exitCode}): see above`] };
  }
  if (exitCode === 0 || tally.failed > 0) return tally;
  const note = `vitest ended with exit ${exitCode} although no test failed (an error outside every test, or no test found): see above`;
  return { ...tally, failed: 1, notes: [...tally.notes, note] };
}

async function test(args: readonly string[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'allot-test-'));
  try {
    const resultsFile = join(folder, 'results.json');
    const exitCode = await runVitest(resultsFile, args);
    const { passed, failed, skipped, notes } = judge(await readTally(resultsFile), exitCode);
    for (const note of notes) console.log(note);
    console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
    return failed > 0 ? exitCode || 1 : 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await test(process.argv.slice(2));
