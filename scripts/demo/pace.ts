/**
 * The closed loop: what the demo did is outstanding until allot holds it and every channel has acknowledged numbers that include it.
 * Patient channels take their numbers only now and then, and oversell nothing by an old one: the day does not wait for them. Ignored
 * ones nobody waits for.
 *
 * | stage          | seen in allot's tables                                     | outstanding | next     |
 * | unheard        | its order is not held with these totals; or undecided      | yes         | held     |
 * | held           | some of its listings are behind: their versions are kept   | yes         | patient  |
 * | patient        | of these, only listings on patient channels are left       | no          | (gone)   |
 * | acknowledged   | none is behind, or all reached the kept versions           | no          | (gone)   |
 * | late           | not acknowledged within the limit                          | no          | (gone)   |
 *
 * Guarantees: one look at a time, three cheap reads each; what is late is given up and counted, so that a fault never stops the demo.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { ChannelId, ListingId, OrderId, Sku } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { outcomesOf } from '#db/commands.ts';
import { type OrderTotals, readBehind, readOrderTotals } from '#db/pace.ts';

type Watched = {
  readonly skus: readonly Sku[];
  readonly since: number;
  /** What must be in allot first. */
  readonly order: OrderTotals | null;
  readonly commandIds: readonly number[];
  /** By listing, the version to wait for; null until allot holds it. */
  behind: Map<ListingId, Wait> | null;
};
type Wait = { readonly channel: ChannelId; readonly version: number };

export type Pace = {
  readonly outstanding: () => number;
  /** Given up so far. */
  readonly late: () => number;
  /** `skus`: those whose numbers it changed. What was watched of the order before is still waited for. */
  watchOrder(totals: OrderTotals, skus: readonly Sku[]): void;
  watchCommands(ids: readonly number[], skus: readonly Sku[]): void;
  /** Resolves when fewer than `max` are outstanding (and not too many patient), or when it is closed. */
  room(max: number): Promise<void>;
  /** Resolves when allot holds all of it, acknowledged or not, or when it is closed. */
  heard(): Promise<void>;
  /** Resolves when every channel that is not ignored has acknowledged all of it, or when it is closed. */
  acknowledged(): Promise<void>;
  close(): Promise<void>;
};

export type PaceOptions = {
  readonly db: Database;
  readonly limitMs: () => number;
  readonly patient?: ReadonlySet<ChannelId>;
  readonly ignored?: ReadonlySet<ChannelId>;
  readonly now?: () => number;
};

/** Of the issue: also with those that only wait for patient channels. */
const WATCHED_MAX = 200;

const LOOK_EVERY_MS = 20;
/** Looking may cost a sixth of the time, however much there is to look at: what it takes is taken from allot. */
const REST_SHARE = 5;

/** Asks allot about all of them, and strikes off what it has heard of and acknowledged. */
async function look(db: Database, all: readonly Watched[], ignored: ReadonlySet<ChannelId>): Promise<void> {
  const unheard = all.filter(({ behind }) => behind === null);
  const orderIds = unheard.flatMap(({ order }) => order?.id ?? []);
  const commandIds = unheard.flatMap((one) => one.commandIds);
  const [totals, outcomes] = await Promise.all([readOrderTotals(db, orderIds), outcomesOf(db, commandIds)]);
  // Read after what was heard: an order and the targets that follow from it are committed together.
  const behind = (await readBehind(db)).filter(({ channel }) => !ignored.has(channel));
  const bySku = Map.groupBy(behind, ({ sku }) => sku);
  const acknowledged = new Map(behind.map((target) => [target.listingId, target.acknowledged]));
  for (const { behind: waits } of all) {
    for (const [listing, { version }] of waits ?? [])
      if (version <= (acknowledged.get(listing) ?? Number.POSITIVE_INFINITY)) waits?.delete(listing);
  }
  for (const one of findHeard(unheard, totals, outcomes)) {
    const targets = one.skus.flatMap((sku) => bySku.get(sku) ?? []);
    one.behind = new Map(targets.map(({ listingId, channel, version }) => [listingId, { channel, version }]));
  }
}

/** Runs `turn` again and again, one at a time, until it is stopped or fails. */
function repeat(turn: () => Promise<void>, onFault: (error: unknown) => void): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      await turn();
      await wait(Math.max(LOOK_EVERY_MS, REST_SHARE * (performance.now() - startedAt)));
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

export function startPace({
  db,
  limitMs,
  patient = new Set(),
  ignored = new Set(),
  now = Date.now,
}: PaceOptions): Pace {
  const watched = new Map<string, Watched>();
  const waiting: { readonly isMet: () => boolean; readonly done: PromiseWithResolvers<void> }[] = [];
  const state: { late: number; isClosed: boolean; fault: Error | null } = { late: 0, isClosed: false, fault: null };

  const release = (): void => {
    for (const one of waiting.splice(0)) {
      if (state.fault !== null) one.done.reject(state.fault);
      else if (state.isClosed || one.isMet()) one.done.resolve();
      else waiting.push(one);
    }
  };
  const turn = async (): Promise<void> => {
    const all = [...watched];
    if (all.length > 0)
      await look(
        db,
        all.map(([, one]) => one),
        ignored,
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
  const until = (isMet: () => boolean): Promise<void> => {
    const done = Promise.withResolvers<void>();
    waiting.push({ isMet, done });
    release();
    return done.promise;
  };
  const watch = (key: string, one: Omit<Watched, 'since' | 'behind'>): void => {
    const before = watched.get(key)?.skus ?? [];
    watched.set(key, { ...one, skus: [...new Set([...before, ...one.skus])], since: now(), behind: null });
  };
  const isOutstanding = ({ behind }: Watched): boolean =>
    behind === null || [...behind.values()].some(({ channel }) => !patient.has(channel));
  const outstanding = (): number => [...watched.values()].filter(isOutstanding).length;
  return {
    outstanding,
    late: () => state.late,
    watchOrder: (order, skus) => watch(order.id, { skus, order, commandIds: [] }),
    watchCommands: (commandIds, skus) => {
      if (commandIds.length > 0) watch(`commands ${commandIds[0]}`, { skus, order: null, commandIds });
    },
    room: (max) => until(() => outstanding() < max && watched.size < Math.max(max, WATCHED_MAX)),
    heard: () => until(() => [...watched.values()].every(({ behind }) => behind !== null)),
    acknowledged: () => until(() => watched.size === 0),
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
