/**
 * Every law, so many runs each, in pieces over the lanes: a slow law does not keep one core busy while the others idle.
 *
 * Guarantees: each piece has a seed of its own that follows from the first; a law is proved only when all its runs were made.
 */
import { type Catalogue, type Counterexample, Prover } from './prover.ts';

const RUNS_PER_PIECE = 2_000;

export type PropertyResult = {
  readonly id: string;
  /** Runs that were made; fewer than asked where a counterexample ended them. */
  readonly runs: number;
  readonly counterexamples: number;
  /** The first that was found. */
  readonly counterexample?: Counterexample;
};

export type Progress = (results: readonly PropertyResult[], done: PropertyResult | null) => void;

type Options = {
  readonly runs: number;
  readonly seed: number;
  readonly lanes: number;
  readonly bug: string | null;
  readonly choose: (catalogue: Catalogue) => readonly string[];
  readonly onProgress: Progress;
};

/** The first piece has the seed itself, so that a counterexample's seed finds it again. Murmur's mixer: near seeds, far streams. */
export function seedOfPiece(seed: number, piece: number): number {
  if (piece === 0) return seed;
  let mixed = (seed + Math.imul(piece, 0x9e37_79b9)) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) | 0;
}

type Tally = PropertyResult & { readonly asked: number };

export async function proveProperties(options: Options): Promise<readonly PropertyResult[]> {
  const first = new Prover(options.bug);
  try {
    const ids = options.choose(await first.ready());
    const pieces = Math.ceil(options.runs / RUNS_PER_PIECE);
    const waiting = ids.flatMap((id) => Array.from({ length: pieces }, (_, piece) => ({ id, piece })));
    const tallies = new Map(ids.map((id): [string, Tally] => [id, { id, runs: 0, asked: 0, counterexamples: 0 }]));
    await Promise.all(
      Array.from({ length: Math.min(options.lanes, waiting.length) }, async (_, lane) => {
        const prover = lane === 0 ? first : new Prover(options.bug);
        try {
          if (lane > 0) await prover.ready();
          await runLane(prover, { waiting, tallies, options });
        } finally {
          prover.stop();
        }
      }),
    );
    return resultsOf(tallies);
  } finally {
    first.stop();
  }
}

const resultsOf = (tallies: ReadonlyMap<string, Tally>): readonly PropertyResult[] =>
  [...tallies.values()].map(({ asked: _, ...result }) => result);

type Work = {
  readonly waiting: { readonly id: string; readonly piece: number }[];
  readonly tallies: Map<string, Tally>;
  readonly options: Options;
};

async function runLane(prover: Prover, { waiting, tallies, options }: Work): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { id, piece } = next;
    const known = tallies.get(id);
    if (known === undefined || known.counterexamples > 0) continue;
    const runs = Math.min(RUNS_PER_PIECE, options.runs - piece * RUNS_PER_PIECE);
    const proof = await prover.prove({ id, runs, seed: seedOfPiece(options.seed, piece) });
    const before = tallies.get(id) ?? known;
    const found = proof.counterexample;
    const counterexample = before.counterexample ?? found ?? undefined;
    const after: Tally = {
      id,
      runs: before.runs + proof.runs,
      asked: before.asked + runs,
      counterexamples: before.counterexamples + (found === null ? 0 : 1),
      ...(counterexample === undefined ? {} : { counterexample }),
    };
    tallies.set(id, after);
    const isDone = after.asked === options.runs || (found !== null && before.counterexamples === 0);
    options.onProgress(resultsOf(tallies), isDone ? after : null);
  }
}
