/**
 * `npm run prove [-- --runs N] [--only ID...] [--seed N] [--json]`: every law of the core (test/property/laws.ts), 100,000 runs each.
 * `npm run prove -- --planted [--json]`: that the laws notice a core that is broken on purpose (test/property/planted-bugs.ts).
 *
 * Progress goes to standard error. The last line of standard output with --json is `{properties: [{id, runs, counterexamples}], seed,
 * ok}`, with the shrunk `counterexample` where there is one, or `{planted: [{id, caught, by}], ok}`. Exits 0 only when ok: every law
 * that was asked for made all its runs and none found a counterexample; every bug was caught. 1 when not, 2 when there is nothing to run.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { type PlantedResult, provePlanted } from './prove/planted.ts';
import { type Progress, type PropertyResult, proveProperties } from './prove/properties.ts';
import type { Catalogue } from './prove/prover.ts';

const RUNS = 100_000;
const SAY_EVERY_MS = 10_000;

type Options = {
  readonly runs: number;
  readonly only?: readonly string[];
  readonly seed: number;
  readonly jobs: number;
  readonly planted?: true;
  readonly break?: string;
  readonly json?: true;
};

const note = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** Those that are named, or all; a name that there is not is an error, never nothing to do. */
function chosen<T extends { readonly id: string }>(
  all: readonly T[],
  only: readonly string[] | undefined,
): readonly T[] {
  const unknown = (only ?? []).filter((id) => !all.some((each) => each.id === id));
  const known = all.map(({ id }) => id).join(', ');
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}; there are: ${known}`);
  return all.filter(({ id }) => only === undefined || only.includes(id));
}

const count = (value: number): string => value.toLocaleString('en');

/** A line when a law is done, and one now and then between. */
function sayProgress(runs: number): Progress {
  const startedAt = performance.now();
  let saidAt = startedAt;
  return (results, done) => {
    const now = performance.now();
    if (done !== null) {
      const { id, counterexamples, counterexample } = done;
      note(
        counterexamples === 0
          ? `ok    ${id}: ${count(done.runs)} runs`
          : `FAIL  ${id}: ${counterexample?.message}\n      ${counterexample?.values}\n      again: npm run prove -- --only ${id} --seed ${counterexample?.seed}`,
      );
    } else if (now - saidAt < SAY_EVERY_MS) return;
    saidAt = now;
    const made = results.reduce((sum, each) => sum + each.runs, 0);
    const all = results.length * runs;
    const seconds = (now - startedAt) / 1000;
    const left = Math.ceil((seconds * (all - made)) / made / 60);
    note(`      ${count(made)} of ${count(all)} runs, ${Math.round(seconds)} s, about ${left} min left`);
  };
}

const isProved = ({ runs, counterexamples }: PropertyResult, asked: number): boolean =>
  counterexamples === 0 && runs === asked;

async function proveLaws({ runs, only, seed, jobs, break: bug, json }: Options): Promise<boolean> {
  const choose = ({ laws }: Catalogue) => chosen(laws, only).map(({ id }) => id);
  const onProgress = sayProgress(runs);
  const properties = await proveProperties({ runs, seed, lanes: jobs, bug: bug ?? null, choose, onProgress });
  const ok = properties.length > 0 && properties.every((each) => isProved(each, runs));
  if (json === true) console.log(JSON.stringify({ properties, seed, ok }));
  else
    console.log(
      `${properties.filter((each) => isProved(each, runs)).length} of ${properties.length} laws held, seed ${seed}`,
    );
  return ok;
}

const sayPlanted = ({ id, says, caught, by, saw }: PlantedResult): void =>
  note(caught ? `ok    ${id}: ${says}: caught by ${by}` : `FAIL  ${id}: ${says}: ${saw}`);

async function proveBugs({ only, jobs, json }: Options): Promise<boolean> {
  const choose = (catalogue: Catalogue) => [...chosen(catalogue.planted, only)];
  const planted = await provePlanted({ lanes: jobs, choose, onResult: sayPlanted });
  const ok = planted.length > 0 && planted.every(({ caught }) => caught);
  if (json === true) console.log(JSON.stringify({ planted, ok }));
  else console.log(`${planted.filter(({ caught }) => caught).length} of ${planted.length} planted bugs were caught`);
  return ok;
}

/** A whole number between two. */
const between =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`give a whole number from ${min} to ${max}`);
  };

await new Command('prove')
  .description('Run the laws of the core many times; or, with --planted, show that they notice a broken core.')
  .option('--runs <n>', 'runs of each law', between(1, 100_000_000), RUNS)
  .option('--only <id...>', 'only these laws, or with --planted only these bugs')
  .option(
    '--seed <n>',
    'the same runs again; a new one each time',
    between(-(2 ** 31), 2 ** 31 - 1),
    randomInt(2 ** 31),
  )
  .option('--jobs <n>', 'processes side by side', between(1, 256), availableParallelism())
  .option('--planted', 'the planted bugs instead of the core as it is')
  .option('--break <bug>', 'with this bug planted: what a counterexample looks like')
  .option('--json', 'the report as one line of JSON')
  .addHelpText('after', '\nExample:\n  npm run prove -- --only I1 I4 --runs 10000')
  .action(async (options: Options) => {
    const ok = await (options.planted === true ? proveBugs(options) : proveLaws(options));
    process.exitCode = ok ? 0 : 1;
  })
  .parseAsync()
  .catch((error: unknown) => {
    console.error(`prove: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 2;
  });
