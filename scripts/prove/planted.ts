/** Each planted bug against the law that must catch it, and the sound core against the same runs. */
import { type Catalogue, Prover } from './prover.ts';

/** The law must see the bug in this many runs, and in one stream of them, so that no bug is missed on one day in a thousand. */
const RUNS = 5_000;
const SEED = 20_260_301;

export type PlantedResult = {
  readonly id: string;
  readonly says: string;
  readonly caught: boolean;
  /** The law that caught it; null when none did. */
  readonly by: string | null;
  /** What the law saw, or why the bug proves nothing. */
  readonly saw: string;
};

type Options = {
  readonly lanes: number;
  readonly choose: (catalogue: Catalogue) => Catalogue['planted'];
  readonly onResult: (result: PlantedResult) => void;
};

async function tryBug(bug: Catalogue['planted'][number], sound: Prover): Promise<PlantedResult> {
  const { id, says, law } = bug;
  const missed = (saw: string): PlantedResult => ({ id, says, caught: false, by: null, saw });
  const broken = new Prover(id);
  try {
    await broken.ready();
    const ask = { id: law, runs: RUNS, seed: SEED };
    const { counterexample, runs } = await broken.prove(ask);
    if (counterexample === null) return missed(`${law} held for ${runs} runs`);
    if (runs === 0) return missed(counterexample.message);
    const control = await sound.prove({ ...ask, runs });
    if (control.counterexample !== null) return missed(`the sound core fails ${law} too`);
    return { id, says, caught: true, by: law, saw: counterexample.message };
  } catch (error) {
    return missed(error instanceof Error ? error.message : String(error));
  } finally {
    broken.stop();
  }
}

export async function provePlanted({ lanes, choose, onResult }: Options): Promise<readonly PlantedResult[]> {
  const first = new Prover(null);
  try {
    const bugs = choose(await first.ready());
    const waiting = [...bugs];
    const results = new Map<string, PlantedResult>();
    await Promise.all(
      Array.from({ length: Math.min(lanes, bugs.length) }, async (_, lane) => {
        const sound = lane === 0 ? first : new Prover(null);
        try {
          if (lane > 0) await sound.ready();
          for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
            const result = await tryBug(bug, sound);
            results.set(bug.id, result);
            onResult(result);
          }
        } finally {
          sound.stop();
        }
      }),
    );
    return bugs.flatMap(({ id }) => results.get(id) ?? []);
  } finally {
    first.stop();
  }
}
