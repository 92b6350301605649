/**
 * `npm run bench -- core`: order lines that `decide` takes per second, facts and new targets included, on one core.
 *
 * Measured on recorded batches (core-load.ts), replayed back to back after a warm-up; the median of the rounds counts. Processor time
 * is what "per core" means here: it leaves out what other processes took, and counts the garbage collector's own threads. Beside it,
 * in the same round, a hand-written loop that only adds and subtracts on typed arrays: the ratio is free of the machine's moods.
 */
import { decide } from '#core/decide.ts';
import {
  BATCH_COMMANDS,
  type Batch,
  CHANNELS,
  ITEMS,
  type LoadOptions,
  NOW,
  openBrand,
  recordLoad,
} from './core-load.ts';

/** Order lines per second and core that issue 4 asks for, on the spread load. */
const WANTED = 200_000;
const BATCHES = 20;
const WARM_UP_ROUNDS = 3;

const VARIANTS = [
  { id: 'spread', says: 'orders over all items', hot: 0, isWhole: false },
  { id: 'hot', says: 'nine lines in ten name one of ten items', hot: 90, isWhole: false },
  { id: 'whole', says: 'each batch is handed all items, not only those it touches', hot: 0, isWhole: true },
] as const satisfies readonly (Omit<LoadOptions, 'batches'> & { readonly id: string; readonly says: string })[];

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

function measureVariant(variant: (typeof VARIANTS)[number], rounds: number) {
  const batches = recordLoad({ batches: BATCHES, hot: variant.hot, isWhole: variant.isWhole });
  const lines = batches.reduce((sum, batch) => sum + batch.lines, 0);
  const facts = countFacts(batches);
  const numbers = numbersOf(batches);
  const limit = new Limit();
  // Repeated until it is long enough to be measured at all.
  const limitTurns = 20;
  const spans: { core: Span; limitMs: number }[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const core = measure(() => {
      for (const { state, commands } of batches) decide(state, commands, NOW);
    });
    const bare = measure(() => {
      for (let turn = 0; turn < limitTurns; turn++) limit.run(numbers);
    });
    if (round >= 0) spans.push({ core, limitMs: bare.cpuMs / limitTurns });
  }
  const cpuMs = median(spans.map(({ core }) => core.cpuMs));
  const limitMs = median(spans.map(({ limitMs: each }) => each));
  return {
    id: variant.id,
    says: variant.says,
    lines,
    ...facts,
    linesPerSecond: Math.round(lines / (cpuMs / 1000)),
    linesPerSecondByTheClock: Math.round(lines / (median(spans.map(({ core }) => core.wallMs)) / 1000)),
    limitPerSecond: Math.round(lines / (limitMs / 1000)),
    ofLimit: Number((limitMs / cpuMs).toFixed(4)),
  };
}

export function benchCore({ rounds, only }: { readonly rounds: number; readonly only: readonly string[] }) {
  const chosen = VARIANTS.filter(({ id }) => only.length === 0 || only.includes(id));
  const variants = chosen.map((variant) => measureVariant(variant, rounds));
  const spread = variants.find(({ id }) => id === 'spread');
  return {
    items: ITEMS,
    commandsPerBatch: BATCH_COMMANDS,
    batches: BATCHES,
    rounds,
    wanted: WANTED,
    isReached: spread === undefined ? null : spread.linesPerSecond >= WANTED,
    variants,
  };
}
