/**
 * The night: buyers hear what allot answered, goods that were ordered come in, what came back is looked at, and what is a day old
 * leaves.
 *
 * It begins when allot holds all of the day, since the warehouse ships what allot has allocated. Where goods came in it ends when
 * every platform that sells by its number shows them, since in the data nobody orders between 20:00 and 06:00; in the other nights no
 * number rises, and nobody waits for them.
 */
import type { LogAnswer } from '#connectors/sandbox/control.ts';
import { orderIdOf } from '#core/command.ts';
import { readAllocated } from '#db/pace.ts';
import { command, controlOf, type Run, send } from './acts.ts';
import { CHANNELS, channelNamed, LOCATION } from './brand.ts';
import { type Bought, openUnits, totalsOf } from './buyers.ts';
import { DAY_MS } from './stream.ts';

const SHIPMENTS_AT_ONCE = 8;
/** Night falls at 21:00, after the day's last order. */
const NIGHT_MS = 21 * 3_600_000;

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

type Allocated = { readonly lineRef: string; readonly sku: string; readonly units: number };

/** Never more than is open: a cancellation may be on its way to allot. What leaves was promised before: it moves no number. */
async function shipOrder(run: Run, order: Bought, allocated: readonly Allocated[]): Promise<void> {
  const parcel = allocated.flatMap(({ lineRef, sku, units }) => {
    const line = order.lines.get(sku);
    const quantity = Math.min(units, line === undefined ? 0 : openUnits(line));
    return quantity > 0 ? [{ lineRef, sku, quantity }] : [];
  });
  if (parcel.length === 0) return;
  if (channelNamed(order.channel).shippedBy === 'warehouse') {
    const lines = parcel.map(({ lineRef, quantity }) => ({ lineRef, quantity }));
    await send(run, [{ kind: 'ship', orderId: order.id, lines }], Date.now());
  }
  const lines = parcel.map(({ sku, quantity }) => ({ sku, quantity }));
  await controlOf(run, order.channel).fulfilOrder(order.orderRef, { lines });
  for (const { sku, quantity } of lines) run.buyers.ship(order, sku, quantity);
  run.pace.watchOrder(totalsOf(order), []);
}

/** What the buyers have heard since the last night of allot's answers to their orders. */
async function hearAnswers(run: Run): Promise<void> {
  for (const { id } of CHANNELS.filter(({ isAnswered }) => isAnswered)) {
    const control = controlOf(run, id);
    for (let after: number | null = run.answersReadTo.get(id) ?? 0; after !== null; ) {
      const page: LogAnswer = await control.log(after);
      for (const entry of page.entries) {
        run.answersReadTo.set(id, entry.n);
        if (entry.kind !== 'answer') continue;
        const refused = entry.lines.filter((line) => line.refused > 0);
        for (const line of refused) run.buyers.refuse(orderIdOf(id, entry.orderRef), line.sku, line.refused);
      }
      after = page.next;
    }
  }
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

export async function playNight(run: Run): Promise<void> {
  await run.pace.heard();
  await hearAnswers(run);
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
  if (arrived.length > 0) await run.pace.acknowledged();
}
