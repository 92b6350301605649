/**
 * The closed loop: what the demo did is outstanding until allot holds it and every channel has acknowledged numbers that include it.
 *
 * | outstanding    | seen in allot's tables                                   | next     |
 * | unheard        | its order is not held with these totals; or undecided    | unheard  |
 * | held           | some of its listings are behind: their versions are kept | held     |
 * | acknowledged   | none is behind, or all reached the kept versions         | (gone)   |
 * | late           | not acknowledged within the limit                        | (gone)   |
 *
 * Guarantees: one look at a time, two cheap reads each; what is late is given up and counted, so that a fault never stops the demo.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { ListingId, OrderId, Sku } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { outcomesOf } from '#db/commands.ts';
import { type OrderTotals, readAcknowledged, readBehind, readOrderTotals } from '#db/pace.ts';

type Watched = {
  readonly skus: readonly Sku[];
  readonly since: number;
  /** What must be in allot first. */
  readonly order: OrderTotals | null;
  readonly commandIds: readonly number[];
  /** Null until it is. */
  behind: Map<ListingId, number> | null;
};

export type Pace = {
  readonly outstanding: () => number;
  /** Given up so far. */
  readonly late: () => number;
  watchOrder(totals: OrderTotals, skus: readonly Sku[]): void;
  watchCommands(ids: readonly number[], skus: readonly Sku[]): void;
  /** Resolves when fewer than `max` are outstanding, or when it is closed. */
  room(max: number): Promise<void>;
  close(): Promise<void>;
};

export type PaceOptions = {
  readonly db: Database;
  readonly limitMs: () => number;
  readonly now?: () => number;
};

const LOOK_EVERY_MS = 20;

/** Asks allot about all of them, and strikes off what it has heard of and acknowledged. */
async function look(db: Database, all: readonly Watched[]): Promise<void> {
  const unheard = all.filter(({ behind }) => behind === null);
  const orderIds = unheard.flatMap(({ order }) => order?.id ?? []);
  const commandIds = unheard.flatMap((one) => one.commandIds);
  const [totals, outcomes] = await Promise.all([readOrderTotals(db, orderIds), outcomesOf(db, commandIds)]);
  const heard = findHeard(unheard, totals, outcomes);
  const held = all.filter((one) => one.behind !== null);
  const skus = new Set(heard.flatMap((one) => one.skus));
  const behind = Map.groupBy(await readBehind(db, [...skus]), ({ sku }) => sku);
  for (const one of heard) {
    const targets = one.skus.flatMap((sku) => behind.get(sku) ?? []);
    one.behind = new Map(targets.map(({ listingId, version }) => [listingId, version]));
  }
  const listings = new Set(held.flatMap((one) => [...(one.behind ?? [])].map(([listing]) => listing)));
  for (const { listingId, version } of await readAcknowledged(db, [...listings])) {
    for (const { behind: waits } of held)
      if (version >= (waits?.get(listingId) ?? Number.POSITIVE_INFINITY)) waits?.delete(listingId);
  }
}

/** Runs `turn` every 20 ms, one at a time, until it is stopped or fails. */
function repeat(turn: () => Promise<void>, onFault: (error: unknown) => void): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await turn();
      await wait(LOOK_EVERY_MS);
    }
  };
  const running = run().catch(onFault);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

export function startPace({ db, limitMs, now = Date.now }: PaceOptions): Pace {
  const watched = new Map<string, Watched>();
  const waiting: { readonly max: number; readonly done: PromiseWithResolvers<void> }[] = [];
  const state: { late: number; isClosed: boolean; fault: Error | null } = { late: 0, isClosed: false, fault: null };

  const release = (): void => {
    for (const one of waiting.splice(0)) {
      if (state.fault !== null) one.done.reject(state.fault);
      else if (state.isClosed || watched.size < one.max) one.done.resolve();
      else waiting.push(one);
    }
  };
  const turn = async (): Promise<void> => {
    const all = [...watched];
    if (all.length > 0)
      await look(
        db,
        all.map(([, one]) => one),
      );
    for (const [key, one] of all) {
      // A newer watch of the same order may stand there by now.
      if (watched.get(key) !== one) continue;
      const isLate = now() - one.since > limitMs();
      if (isLate || one.behind?.size === 0) watched.delete(key);
      if (isLate) state.late += 1;
    }
    release();
  };
  const loop = repeat(turn, (error) => {
    state.fault = error instanceof Error ? error : new Error(String(error));
    release();
  });
  const watch = (key: string, one: Omit<Watched, 'since' | 'behind'>): void => {
    watched.set(key, { ...one, since: now(), behind: null });
  };
  return {
    outstanding: () => watched.size,
    late: () => state.late,
    watchOrder: (order, skus) => watch(order.id, { skus, order, commandIds: [] }),
    watchCommands: (commandIds, skus) => {
      if (commandIds.length > 0) watch(`commands ${commandIds[0]}`, { skus, order: null, commandIds });
    },
    room(max) {
      const done = Promise.withResolvers<void>();
      waiting.push({ max, done });
      release();
      return done.promise;
    },
    async close() {
      state.isClosed = true;
      await loop.stop();
      release();
    },
  };
}

type Outcomes = Awaited<ReturnType<typeof outcomesOf>>;

/** Those that allot has heard of: the order with all its totals, the commands decided. */
function findHeard(unheard: readonly Watched[], totals: readonly OrderTotals[], outcomes: Outcomes): Watched[] {
  const held = new Map<OrderId, OrderTotals>(totals.map((one) => [one.id, one]));
  const decided = new Set(outcomes.filter(({ state }) => state !== 'pending').map(({ id }) => id));
  return unheard.filter(({ order, commandIds }) => {
    if (order === null) return commandIds.every((id) => decided.has(id));
    const has = held.get(order.id);
    return (
      has !== undefined &&
      has.ordered >= order.ordered &&
      has.cancelled >= order.cancelled &&
      has.shipped >= order.shipped
    );
  });
}
