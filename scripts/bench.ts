/**
 * `npm run bench -- NAME [--rounds N] [--only VARIANT...] [--json]`: how fast a part of allot is, on this machine. Without a name: the list.
 *
 * A bench is one line of BENCHES and one file in scripts/bench/. The last line of standard output with --json is its report. A number
 * belongs to the machine that it was measured on, so no bench fails for being slow: the report says what is wanted and whether it was
 * reached. Exits 2 when there is nothing to run.
 */
import { availableParallelism, cpus } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';

type BenchOptions = { readonly rounds: number; readonly only: readonly string[] };
/** What a bench answers: the table is for people, the rest for machines. */
type BenchReport = { readonly table: readonly Readonly<Record<string, string | number>>[]; readonly verdict: string };
type RunBench = (options: BenchOptions) => BenchReport | Promise<BenchReport>;
/** Loaded when it is asked for: what one bench imports is no weight on another. */
type Bench = { readonly says: string; readonly load: () => Promise<RunBench> };

const BENCHES: Readonly<Record<string, Bench>> = {
  core: {
    says: 'order lines decided per second and core, on 10,000 items',
    load: async () => (await import('./bench/core.ts')).benchCore,
  },
  console: {
    says: 'server time of each page of the console, at 100,000 items on three channels',
    load: async () => (await import('./bench/console.ts')).benchConsole,
  },
};

const ROUNDS = 15;

async function bench(
  name: string | undefined,
  options: { rounds: number; only?: string[]; json?: true },
): Promise<void> {
  const chosen = name === undefined ? undefined : BENCHES[name];
  if (chosen === undefined) {
    const list = Object.entries(BENCHES).map(([id, { says }]) => `  ${id}  ${says}`);
    throw new Error(`name a bench:\n${list.join('\n')}`);
  }
  const run = await chosen.load();
  const machine = { node: process.version, processor: cpus()[0]?.model ?? 'unknown', cores: availableParallelism() };
  const { table, verdict, ...report } = await run({ rounds: options.rounds, only: options.only ?? [] });
  if (options.json === true) console.log(JSON.stringify({ schema: 'bench', bench: name, machine, ...report }));
  else {
    console.table(table);
    console.log(`${verdict} (Node ${machine.node}, ${machine.processor})`);
  }
}

function readRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000) return rounds;
  throw new InvalidArgumentError('give a whole number from 1 to 1000');
}

await new Command('bench')
  .description('Measure a part of allot on this machine.')
  .argument('[name]', 'which; without it, the list')
  .option('--rounds <n>', 'measured rounds; the median counts', readRounds, ROUNDS)
  .option('--only <variant...>', 'only these variants')
  .option('--json', 'print the report as one line of JSON')
  .addHelpText('after', '\nExample:\n  npm run bench -- core --json')
  .action(bench)
  .parseAsync()
  .catch((error: unknown) => {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 2;
  });
