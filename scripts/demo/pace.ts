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
  /** Resolves when fewer than `max` are outstanding. */
  room(max: number): Promise<void>;
  close(): Promise<void>;
};

export type PaceOptions = {
  readonly db: Database;
  readonly limitMs: () => number;
  readonly now?: () => number;
};

const LOOK_EVERY_MS = 20;

export function startPace({ db, limitMs, now = Date.now }: PaceOptions): Pace {
  const watched = new Map<string, Watched>();
  const waiting: { readonly max: number; readonly done: PromiseWithResolvers<void> }[] = [];
  let late = 0;
  let isClosed = false;
  let fault: unknown;

  const release = (): void => {
    for (const one of waiting.splice(0)) {
      if (fault !== undefined) one.done.reject(fault);
      else if (watched.size < one.max) one.done.resolve();
      else waiting.push(one);
    }
  };

  const look = async (): Promise<void> => {
    const all = [...watched];
    const unheard = all.filter(([, one]) => one.behind === null);
    const [totals, outcomes] = await Promise.all([
      readOrderTotals(
        db,
        unheard.flatMap(([, { order }]) => order?.id ?? []),
      ),
      outcomesOf(
        db,
        unheard.flatMap(([, { commandIds }]) => commandIds),
      ),
    ]);
    const heard = findHeard(
      unheard.map(([, one]) => one),
      totals,
      outcomes,
    );
    const behind = Map.groupBy(await readBehind(db, [...new Set(heard.flatMap(({ skus }) => skus))]), (one) => one.sku);
    for (const one of heard) {
      one.behind = new Map(
        one.skus.flatMap((sku) => (behind.get(sku) ?? []).map(({ listingId, version }) => [listingId, version])),
      );
    }
    const held = all.filter(([, one]) => one.behind !== null && !heard.includes(one));
    const acked = await readAcknowledged(db, [
      ...new Set(held.flatMap(([, one]) => [...(one.behind ?? [])].map(([id]) => id))),
    ]);
    const ackedOf = new Map(acked.map(({ listingId, version }) => [listingId, version]));
    for (const [key, one] of all) {
      for (const [listing, version] of one.behind ?? [])
        if ((ackedOf.get(listing) ?? 0) >= version) one.behind?.delete(listing);
      const isLate = now() - one.since > limitMs();
      if (isLate) late += 1;
      // A newer watch of the same order may stand there by now.
      if ((isLate || one.behind?.size === 0) && watched.get(key) === one) watched.delete(key);
    }
  };

  const run = async (): Promise<void> => {
    while (!isClosed) {
      if (watched.size > 0) await look();
      release();
      await wait(LOOK_EVERY_MS);
    }
  };
  const running = run().catch((error: unknown) => {
    fault = error;
    release();
  });

  return {
    outstanding: () => watched.size,
    late: () => late,
    watchOrder(order, skus) {
      watched.set(order.id, { skus, since: now(), order, commandIds: [], behind: null });
    },
    watchCommands(commandIds, skus) {
      if (commandIds.length === 0) return;
      watched.set(`commands ${commandIds[0]}`, { skus, since: now(), order: null, commandIds, behind: null });
    },
    room(max) {
      if (fault === undefined && watched.size < max) return Promise.resolve();
      const done = Promise.withResolvers<void>();
      waiting.push({ max, done });
      if (fault !== undefined) release();
      return done.promise;
    },
    async close() {
      isClosed = true;
      await running;
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
