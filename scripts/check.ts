/**
 * `npm run check`: types, format, lint, import rules, dead code and the pure tests, in under a minute and a half on two cores.
 *
 * Prints one line per step with its time, and the whole output of a step that failed. Every step runs, whatever the others do.
 * Properties run fewer times here than in `npm test` (PROPERTY_RUNS says otherwise): this is the look before each commit.
 * Exits 1 when any failed. `npm run check -- lint types` runs the named steps alone.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';

type Step = { readonly name: string; readonly command: string; readonly args: readonly string[] };
type Result = { readonly name: string; readonly isOk: boolean; readonly seconds: number; readonly output: string };

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules', '.bin');
const PROPERTY_RUNS = '150';
const FOLDERS = ['core', 'connectors', 'db', 'workers', 'scripts', 'test'];

/** Longest first, so that two lanes end together. */
const STEPS: readonly Step[] = [
  { name: 'core tests', command: 'vitest', args: ['run', '--project', 'core'] },
  { name: 'types', command: 'tsc', args: ['--noEmit', '-p', '.'] },
  { name: 'dead code', command: 'knip', args: ['--no-progress', '--no-config-hints'] },
  { name: 'lint', command: 'oxlint', args: ['--type-aware'] },
  { name: 'imports', command: 'depcruise', args: ['--config', '.dependency-cruiser.mjs', ...FOLDERS] },
  { name: 'format', command: 'biome', args: ['ci', '--colors=off', '--error-on-warnings', '.'] },
];

/** Standard output and error of the step in the order they came. */
function runStep({ name, command, args }: Step): Promise<Result> {
  const startedAt = performance.now();
  const { promise, resolve } = Promise.withResolvers<Result>();
  // The tools are `#!/usr/bin/env node` scripts: with .bin first they run on the project's Node, however this one was started.
  const PATH = `${BIN}${delimiter}${process.env.PATH ?? ''}`;
  const env = { PROPERTY_RUNS, ...process.env, PATH, NO_COLOR: '1' };
  const child = spawn(join(BIN, command), args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  const end = (isOk: boolean, last = '') => {
    const seconds = (performance.now() - startedAt) / 1000;
    resolve({ name, isOk, seconds, output: Buffer.concat(chunks).toString('utf8') + last });
  };
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.on('error', (error) => end(false, `cannot start ${command}: ${error.message}. Run: npm ci`));
  child.on('close', (code, signal) => end(code === 0, signal === null ? '' : `${command} was ended by ${signal}\n`));
  return promise;
}

function printResult({ name, isOk, seconds, output }: Result): void {
  console.log(`${isOk ? 'ok  ' : 'FAIL'} ${name.padEnd(12)} ${seconds.toFixed(1).padStart(5)} s`);
  if (!isOk) console.log(`\n${output.trimEnd()}\n`);
}

async function runLane(waiting: Step[], results: Result[]): Promise<void> {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const result = await runStep(step);
    printResult(result);
    results.push(result);
  }
}

function chooseSteps(names: readonly string[]): readonly Step[] {
  const known = STEPS.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`no step is called ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  return names.length === 0 ? STEPS : STEPS.filter(({ name }) => names.includes(name));
}

async function check(names: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  const steps = chooseSteps(names);
  const waiting = [...steps];
  const results: Result[] = [];
  const lanes = Math.min(2, availableParallelism());
  await Promise.all(Array.from({ length: lanes }, () => runLane(waiting, results)));
  const failed = results.filter(({ isOk }) => !isOk).map(({ name }) => name);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const verdict = failed.length === 0 ? `all ${steps.length} steps passed` : `failed: ${failed.join(', ')}`;
  console.log(`${verdict} (${seconds} s)`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await check(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 2;
});
