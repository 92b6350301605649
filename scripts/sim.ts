/**
 * `npm run sim [-- --seeds N] [--json]`: simulated days of three channels with faults, played by the production core and by a naive
 * connector on the same recorded traffic (scripts/sim/). `--seed N` plays one day and tells its story; `--curve` shows what keeping
 * units back costs and saves.
 *
 * Progress goes to standard error. The last line of standard output with --json is the report. Exits 0 only when nothing that allot
 * promises was broken, 1 when something was, 2 when it could not be played.
 */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import type { Keep } from './sim/brand.ts';
import { curveAsks, curveOf, drawCurve } from './sim/curve.ts';
import { playDay } from './sim/day.ts';
import { playDays } from './sim/lanes.ts';
import { reportOf, sayReport } from './sim/report.ts';
import type { Told } from './sim/world.ts';

const SEEDS = 200;
const CURVE_SEEDS = 20;
const SAY_EVERY_MS = 10_000;

type Options = {
  readonly seeds?: number;
  readonly from: number;
  readonly seed?: number;
  readonly jobs: number;
  readonly buffer: number;
  readonly target?: number;
  readonly kits?: true;
  readonly curve?: true;
  readonly naive?: true;
  readonly json?: true;
};

const note = (text: string): void => void process.stderr.write(`${text}\n`);

function sayProgress(all: number): (done: number) => void {
  const startedAt = performance.now();
  let saidAt = startedAt;
  return (done) => {
    const now = performance.now();
    if (now - saidAt < SAY_EVERY_MS) return;
    saidAt = now;
    const left = Math.ceil(((now - startedAt) * (all - done)) / done / 1000);
    note(`${done} of ${all} days, about ${left} s left`);
  };
}

const sayStory = (story: readonly Told[]): string =>
  story.map(({ at, says }) => `${new Date(at).toISOString().slice(8, 23).replace('T', ' ')}  ${says}`).join('\n');

const keepOf = ({ buffer, target }: Options): Keep =>
  target === undefined ? { kind: 'units', units: buffer } : { kind: 'target', oversellPercent: target };

function tellDay(options: Options): boolean {
  const { seed = 0, naive, json } = options;
  const { result, story, naiveStory } = playDay(seed, { keep: keepOf(options), kits: options.kits === true });
  const report = reportOf([result]);
  if (json === true) console.log(JSON.stringify({ schema: 'allot.sim/1', seed, ...report }));
  else console.log(`${sayStory(naive === true ? naiveStory : story)}\n\n${sayReport(report)}`);
  return report.failures === 0;
}

const seedsFrom = (from: number, count: number): number[] => Array.from({ length: count }, (_, index) => from + index);

async function playCurve({ seeds = CURVE_SEEDS, from, kits, jobs, json }: Options): Promise<boolean> {
  const asks = curveAsks(seedsFrom(from, seeds), kits === true);
  const curve = curveOf(await playDays(asks, { lanes: jobs, onDay: sayProgress(asks.length) }));
  console.log(json === true ? JSON.stringify({ schema: 'allot.sim-curve/1', from, ...curve }) : drawCurve(curve));
  return true;
}

async function playAll(options: Options): Promise<boolean> {
  const { seeds = SEEDS, from, jobs, json } = options;
  const asks = seedsFrom(from, seeds).map((seed) => ({ seed, keep: keepOf(options), kits: options.kits === true }));
  const report = reportOf(await playDays(asks, { lanes: jobs, onDay: sayProgress(seeds) }));
  console.log(json === true ? JSON.stringify({ schema: 'allot.sim/1', ...report }) : sayReport(report));
  return report.failures === 0;
}

/** A whole number between two. */
const between =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`give a whole number from ${min} to ${max}`);
  };

const chance = (text: string): number => {
  const value = Number(text);
  if (value > 0 && value < 100) return value;
  throw new InvalidArgumentError('give a percentage above 0 and below 100');
};

await new Command('sim')
  .description('Simulate days of three channels with faults, and compare with a naive connector on the same traffic.')
  .option(
    '--seeds <n>',
    `days, one seed each (default ${SEEDS}; with --curve ${CURVE_SEEDS} per point)`,
    between(1, 1_000_000),
  )
  .option('--from <n>', 'the first of the seeds', between(0, 2 ** 30), 1)
  .option('--seed <n>', 'one day, with its story', between(0, 2 ** 31 - 1))
  .option('--naive', 'with --seed: the story of the naive connector')
  .option(
    '--curve',
    'oversold against undersold units over targets of the latency-derived buffer, and over fixed buffers',
  )
  .option('--buffer <units>', 'what both keep back on the channels that share stock', between(0, 1000), 0)
  .option('--target <percent>', 'instead: the chance of overselling that their latency-derived buffer allows', chance)
  .option('--kits', 'on every third day many want sets, out of the stock of their components')
  .option('--jobs <n>', 'processes side by side', between(1, 256), availableParallelism())
  .option('--json', 'the report as one line of JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run sim -- --seeds 200 --json\n  npm run sim -- --seed 17\n  npm run sim -- --curve',
  )
  .action(async (options: Options) => {
    const playThem = options.seed === undefined ? playAll : tellDay;
    process.exitCode = (await (options.curve === true ? playCurve : playThem)(options)) ? 0 : 1;
  })
  .parseAsync()
  .catch((error: unknown) => {
    console.error(`sim: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 2;
  });
