/**
 * Plays the stream, day by day: buyers order, cancel and give back at their time of day; at night the warehouse ships what is a day
 * old, looks at what came back, and takes in what the restock rule ordered.
 *
 * A day waits for room in the closed loop (or for its place in time, with a fixed pace). A night begins when allot holds all of the
 * day, since the warehouse ships what allot has allocated; where goods came in it ends when every platform shows them, since in the
 * data nobody orders between 20:00 and 06:00. No number rises in the other nights, and nobody waits for them.
 */
import type { SandboxControl } from '#connectors/sandbox/control.ts';
import type { CommandBody } from '#core/command.ts';
import type { ChannelId } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { addCommands } from '#db/commands.ts';
import { readAllocated } from '#db/pace.ts';
import { LOCATION } from './brand.ts';
import { type Bought, type Buyers, type Match, totalsOf } from './buyers.ts';
import type { Pace } from './pace.ts';
import type { Restock } from './restock.ts';
import {
  DAY_MS,
  type StreamAdjustment,
  type StreamCredit,
  type StreamEvent,
  type StreamOrder,
  splitDays,
} from './stream.ts';
import type { StockMove } from './undersold.ts';

export type Amount = { orders: number; lines: number; units: number };

export type Play = {
  readonly day: () => string;
  readonly ordersDone: () => number;
  readonly offered: ReadonlyMap<ChannelId, Amount>;
  readonly moves: readonly StockMove[];
  readonly adjustments: { wanted: number; done: number };
  readonly returned: () => number;
  run(): Promise<void>;
};

export type PlayOptions = {
  readonly db: Database;
  readonly controls: ReadonlyMap<string, SandboxControl>;
  readonly events: readonly StreamEvent[];
  readonly buyers: Buyers;
  readonly restock: Restock;
  readonly pace: Pace;
  readonly outstandingMax: number;
  /** Orders per second; null for the closed loop. */
  readonly ordersPerSecond: number | null;
  /** Called after the n-th order was offered (from 1): where faults strike. */
  readonly afterOrder: (n: number) => Promise<void>;
  readonly signal: AbortSignal;
};

const SHIPMENTS_AT_ONCE = 8;
/** Night falls at 21:00, after the day's last order. */
const NIGHT_MS = 21 * 3_600_000;

type Run = PlayOptions & {
  readonly offered: Map<ChannelId, Amount>;
  readonly moves: StockMove[];
  readonly adjustments: { wanted: number; done: number };
  /** Returned units by SKU that wait for the night's inspection. */
  readonly quarantine: Map<string, number>;
  readonly startedAt: number;
  day: number;
  orders: number;
  returned: number;
};

function controlOf(run: Run, channel: string): SandboxControl {
  const control = run.controls.get(channel);
  if (control === undefined) throw new Error(`there is no sandbox for ${channel}`);
  return control;
}

/** Sends commands as a warehouse would, and tells the oracle's diary of them. */
async function command(run: Run, bodies: readonly (CommandBody & { readonly sku: string })[]): Promise<void> {
  if (bodies.length === 0) return;
  const at = Date.now();
  const ids = await run.db.transaction((tx) =>
    addCommands(
      tx,
      bodies.map((body) => ({ body, actor: 'demo', occurredAt: at, channelId: null, inboxId: null })),
    ),
  );
  run.moves.push(...bodies.map((body) => ({ at, body })));
  run.pace.watchCommands(ids, [...new Set(bodies.map(({ sku }) => sku))]);
}

async function keepPace(run: Run): Promise<void> {
  if (run.ordersPerSecond === null) return run.pace.room(run.outstandingMax);
  const dueAt = run.startedAt + (run.orders / run.ordersPerSecond) * 1000;
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, Math.max(0, dueAt - performance.now()));
  return promise;
}

async function placeOrder(run: Run, order: StreamOrder): Promise<void> {
  await keepPace(run);
  const lines = order.lines.map(({ sku, units }) => ({ sku, quantity: units }));
  const amount = run.offered.get(order.channel) ?? { orders: 0, lines: 0, units: 0 };
  run.offered.set(order.channel, amount);
  amount.orders += 1;
  amount.lines += lines.length;
  amount.units += lines.reduce((sum, line) => sum + line.quantity, 0);
  const answer = await controlOf(run, order.channel).placeOrder({ orderId: order.ref, lines });
  run.orders += 1;
  if (answer.orderRef !== null) {
    const accepted = answer.lines
      .filter((line) => line.accepted)
      .map(({ sku, quantity }) => ({ sku, units: quantity }));
    watch(run, run.buyers.buy(order, answer.orderRef, accepted));
  }
  await run.afterOrder(run.orders);
}

const watch = (run: Run, order: Bought): void => run.pace.watchOrder(totalsOf(order), [...order.lines.keys()]);

async function credit(run: Run, given: StreamCredit): Promise<void> {
  for (const match of run.buyers.match(given)) {
    if (match.kind === 'cancel') await cancel(run, match);
    else await giveBack(run, match);
  }
}

async function cancel(run: Run, match: Match): Promise<void> {
  const { order, line, units } = match;
  const lines = [{ sku: line.sku, quantity: units }];
  await controlOf(run, order.channel).cancelOrder(order.orderRef, { restock: true, lines });
  run.buyers.cancel(match);
  watch(run, order);
}

async function giveBack(run: Run, match: Match): Promise<void> {
  const { line, units } = match;
  run.buyers.giveBack(match);
  run.returned += units;
  run.quarantine.set(line.sku, (run.quarantine.get(line.sku) ?? 0) + units);
  await command(run, [{ kind: 'return', sku: line.sku, location: LOCATION, quantity: units }]);
}

/** Nobody can lose what is not there, and what is promised is on a packing table, not on the shelf. */
async function adjust(run: Run, { sku, units, reason }: StreamAdjustment): Promise<void> {
  const done = Math.min(units, Math.max(0, run.buyers.free.get(sku) ?? 0));
  run.adjustments.wanted += units;
  run.adjustments.done += done;
  if (done === 0) return;
  run.buyers.move(sku, -done);
  await command(run, [{ kind: 'adjust', sku, location: LOCATION, disposition: 'sellable', delta: -done, reason }]);
}

async function playDay(run: Run, events: readonly StreamEvent[]): Promise<void> {
  for (const event of events) {
    if (run.signal.aborted) return;
    if (event.kind === 'order') await placeOrder(run, event);
    else if (event.kind === 'credit') await credit(run, event);
    else await adjust(run, event);
  }
}

/** By what allot has allocated, as a warehouse is told: a short line waits for goods. */
async function shipDue(run: Run): Promise<void> {
  const due = new Map(run.buyers.openSince(run.day * DAY_MS + NIGHT_MS - DAY_MS).map((order) => [order.id, order]));
  const parcels = Map.groupBy(await readAllocated(run.db, [...due.keys()]), ({ orderId }) => orderId);
  const queue = [...parcels];
  const ship = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [id, lines] = next;
      const order = due.get(id);
      if (order !== undefined) await shipOrder(run, order, lines);
    }
  };
  await Promise.all(Array.from({ length: SHIPMENTS_AT_ONCE }, ship));
}

/** Never more than is open: a cancellation may be on its way to allot. */
async function shipOrder(
  run: Run,
  order: Bought,
  allocated: readonly { readonly sku: string; readonly units: number }[],
): Promise<void> {
  const lines = allocated.flatMap(({ sku, units }) => {
    const line = order.lines.get(sku);
    const open = line === undefined ? 0 : line.units - line.cancelled - line.shipped;
    const quantity = Math.min(units, open);
    return quantity > 0 ? [{ sku, quantity }] : [];
  });
  if (lines.length === 0) return;
  await controlOf(run, order.channel).fulfilOrder(order.orderRef, { lines });
  for (const { sku, quantity } of lines) run.buyers.ship(order, sku, quantity);
  watch(run, order);
}

async function inspectReturns(run: Run): Promise<void> {
  const waiting = [...run.quarantine];
  run.quarantine.clear();
  for (const [sku, quantity] of waiting) run.buyers.move(sku, quantity);
  await command(
    run,
    waiting.map(([sku, quantity]) => ({
      kind: 'inspect',
      sku,
      location: LOCATION,
      from: 'quarantine',
      to: 'sellable',
      quantity,
    })),
  );
}

async function playNight(run: Run): Promise<void> {
  await run.pace.heard();
  const arrived = run.restock.night(run.day, run.buyers.free);
  for (const { sku, units } of arrived) run.buyers.move(sku, units);
  await inspectReturns(run);
  await command(
    run,
    arrived.map(({ sku, units }) => ({
      kind: 'receive',
      sku,
      location: LOCATION,
      quantity: units,
      disposition: 'sellable',
    })),
  );
  await shipDue(run);
  if (arrived.length > 0) await run.pace.room(1);
}

export function preparePlay(options: PlayOptions): Play {
  const run: Run = {
    ...options,
    offered: new Map(),
    moves: [],
    adjustments: { wanted: 0, done: 0 },
    quarantine: new Map(),
    startedAt: performance.now(),
    day: 0,
    orders: 0,
    returned: 0,
  };
  return {
    day: () => new Date(run.day * DAY_MS).toISOString().slice(0, 10),
    ordersDone: () => run.orders,
    offered: run.offered,
    moves: run.moves,
    adjustments: run.adjustments,
    returned: () => run.returned,
    async run() {
      const days = splitDays(options.events);
      const numbers = [...days.keys()];
      const last = Math.max(...numbers);
      for (let day = Math.min(...numbers); day <= last && !options.signal.aborted; day += 1) {
        run.day = day;
        await playDay(run, days.get(day) ?? []);
        if (day < last) await playNight(run);
      }
    },
  };
}
