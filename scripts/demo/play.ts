/**
 * Plays the stream, day by day: buyers order, cancel and give back at their time of day, each when there is room in the closed loop
 * (or at its place in time, with a fixed pace); what the warehouse does at night is night.ts.
 */
import type { ChannelId } from '#core/model.ts';
import { type Amount, command, controlOf, type PlayOptions, type Run } from './acts.ts';
import { LOCATION } from './brand.ts';
import { type Bought, type Match, totalsOf } from './buyers.ts';
import { playNight } from './night.ts';
import {
  DAY_MS,
  type StreamAdjustment,
  type StreamCredit,
  type StreamEvent,
  type StreamOrder,
  splitDays,
} from './stream.ts';
import type { StockMove } from './undersold.ts';

export type Play = {
  readonly day: () => string;
  readonly ordersDone: () => number;
  readonly offered: ReadonlyMap<ChannelId, Amount>;
  readonly moves: readonly StockMove[];
  readonly adjustments: { wanted: number; done: number };
  readonly returned: () => number;
  run(): Promise<void>;
};

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

export function preparePlay(options: PlayOptions): Play {
  const run: Run = {
    ...options,
    offered: new Map(),
    moves: [],
    adjustments: { wanted: 0, done: 0 },
    quarantine: new Map(),
    answersReadTo: new Map(),
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
