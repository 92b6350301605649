/**
 * `npm run bench -- core`: order lines that `decide` takes per second, facts and new targets included, on one core.
 *
 * Measured on recorded batches (core-load.ts), replayed back to back after a warm-up; the median of the rounds counts. Processor time
 * is what "per core" means here: it leaves out what other processes took, and counts the garbage collector's own threads. Beside it,
 * in the same round, a hand-written loop that only adds and subtracts on typed arrays: the ratio is free of the machine's moods.
 */
import { decide } from '#core/decide.ts';
import { keepFactsYoung } from '#workers/young-facts.ts';
import { asOneBatch, BATCH_COMMANDS, type Batch, CHANNELS, ITEMS, NOW, openBrand, recordLoad } from './core-load.ts';

/** Order lines per second and core that every variant should reach. */
const WANTED = 200_000;
const BATCHES = 20;
const WARM_UP_ROUNDS = 3;
/** The limit is run so often that it is long enough to be measured. */
const LIMIT_TURNS = 20;

type Variant = { readonly id: string; readonly says: string; readonly load: () => readonly Batch[] };

const VARIANTS: readonly Variant[] = [
  {
    id: 'spread',
    says: 'orders over all items, in batches as the daemon makes them',
    load: () => recordLoad({ batches: BATCHES, hot: 0 }),
  },
  {
    id: 'hot',
    says: 'nine lines in ten name one of ten items',
    load: () => recordLoad({ batches: BATCHES, hot: 90 }),
  },
  {
    id: 'whole',
    says: 'the spread orders as one batch on the whole brand',
    load: () => asOneBatch(recordLoad({ batches: BATCHES, hot: 0 })),
  },
];

type Span = { readonly wallMs: number; readonly cpuMs: number };

function measure(run: () => void): Span {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  run();
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs, cpuMs: (user + system) / 1000 };
}

/** What of the load a loop needs that knows nothing but numbers. */
type Numbers = { readonly batches: readonly { readonly refs: readonly string[]; readonly wanted: Int32Array }[] };

function numbersOf(batches: readonly Batch[]): Numbers {
  return {
    batches: batches.map(({ commands }) => {
      const lines = commands.flatMap(({ body }) => (body.kind === 'order-state' ? body.order.lines : []));
      return {
        refs: lines.map((line) => line.listingRef ?? ''),
        wanted: Int32Array.from(lines, (line) => line.ordered - line.cancelled - line.shipped),
      };
    }),
  };
}

/** The least that any engine has to do: look the listing up, subtract, note an entry, and once a batch a number per touched listing. */
class Limit {
  readonly #listingOf = new Map<string, number>();
  readonly #free = new Int32Array(ITEMS).fill(1_000_000_000);
  readonly #touched = new Uint8Array(ITEMS);
  readonly #shown = new Int32Array(ITEMS * CHANNELS.length);
  readonly #entries = new Int32Array(1 << 20);

  constructor() {
    for (const { listingRef, listing } of openBrand().listingRefs) this.#listingOf.set(listingRef, listing - 1);
  }

  run({ batches }: Numbers): void {
    for (const { refs, wanted } of batches) {
      const touched: number[] = [];
      for (let line = 0; line < wanted.length; line++) {
        const item = Math.floor((this.#listingOf.get(refs[line] ?? '') ?? 0) / CHANNELS.length);
        const units = Math.min(wanted[line] ?? 0, this.#free[item] ?? 0);
        this.#free[item] = (this.#free[item] ?? 0) - units;
        this.#entries[line] = units;
        if (this.#touched[item] === 0) touched.push(item);
        this.#touched[item] = 1;
      }
      for (const item of touched) {
        this.#touched[item] = 0;
        for (let channel = 0; channel < CHANNELS.length; channel++) {
          this.#shown[item * CHANNELS.length + channel] = Math.max(0, (this.#free[item] ?? 0) - channel);
        }
      }
    }
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Everything that was decided, so that a faster core cannot be one that decides less. */
function countFacts(batches: readonly Batch[]) {
  const all = batches.map(({ state, commands }) => decide(state, commands, NOW));
  const count = (rowsOf: (facts: (typeof all)[number]) => readonly unknown[]): number =>
    all.reduce((sum, facts) => sum + rowsOf(facts).length, 0);
  const parked = count((facts) => facts.outcomes.filter(({ kind }) => kind === 'parked'));
  if (parked > 0) throw new Error(`${parked} commands of the load were parked: the load does not fit the core`);
  return { entries: count((facts) => [...facts.stock, ...facts.promises]), targets: count((facts) => facts.targets) };
}

function measureVariant({ id, says, load }: Variant, rounds: number) {
  const batches = load();
  const lines = batches.reduce((sum, batch) => sum + batch.lines, 0);
  const facts = countFacts(batches);
  const numbers = numbersOf(batches);
  const limit = new Limit();
  const spans: { core: Span; limitMs: number }[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const core = measure(() => {
      for (const { state, commands } of batches) decide(state, commands, NOW);
    });
    const bare = measure(() => {
      for (let turn = 0; turn < LIMIT_TURNS; turn++) limit.run(numbers);
    });
    if (round >= 0) spans.push({ core, limitMs: bare.cpuMs / LIMIT_TURNS });
  }
  const cpuMs = median(spans.map(({ core }) => core.cpuMs));
  const wallMs = median(spans.map(({ core }) => core.wallMs));
  const limitMs = median(spans.map((span) => span.limitMs));
  return {
    id,
    says,
    lines,
    ...facts,
    linesPerSecond: Math.round(lines / (cpuMs / 1000)),
    linesPerSecondByTheClock: Math.round(lines / (wallMs / 1000)),
    limitPerSecond: Math.round(lines / (limitMs / 1000)),
    timesTheLimit: Number((cpuMs / limitMs).toFixed(1)),
  };
}

export function benchCore({ rounds, only }: { readonly rounds: number; readonly only: readonly string[] }) {
  // As the daemon runs.
  keepFactsYoung();
  const known = VARIANTS.map(({ id }) => id);
  const unknown = only.filter((id) => !known.includes(id));
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  const chosen = VARIANTS.filter(({ id }) => only.length === 0 || only.includes(id));
  const variants = chosen.map((variant) => measureVariant(variant, rounds));
  const missed = variants.filter(({ linesPerSecond }) => linesPerSecond < WANTED).map(({ id }) => id);
  const reached = missed.length === 0;
  return {
    items: ITEMS,
    commandsPerBatch: BATCH_COMMANDS,
    rounds,
    wanted: WANTED,
    reached,
    variants,
    table: variants.map(({ id, lines, entries, targets, linesPerSecond, timesTheLimit }) => ({
      variant: id,
      lines,
      entries,
      targets,
      'lines/s/core': linesPerSecond,
      'times the limit': timesTheLimit,
    })),
    verdict: `${reached ? 'reached' : `not reached by ${missed.join(', ')}`}: ${WANTED.toLocaleString('en')} order lines per second and core`,
  };
}
