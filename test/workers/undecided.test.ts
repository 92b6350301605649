/** A number waits for undecided input that touches its item: by the age of the input, whatever else held the number up. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dueListings, type PushCandidate } from '#db/push.ts';
import { command, orderOf } from '#test/support/brand.ts';
import { openPipeline, type Pipeline, sellable } from '#test/support/pipeline.ts';
import { decidePending } from '#workers/allocate.ts';
import { pushChannel } from '#workers/push.ts';
import { openPatience } from '#workers/undecided.ts';

const CHANNEL = 'fake:a';
const HOUR_MS = 3_600_000;

let p: Pipeline;
beforeEach(async () => {
  p = await openPipeline({ partners: { [CHANNEL]: { compareAndSet: true } }, skus: ['A', 'B'] });
  await move('A', 10);
  await move('B', 10);
  await p.quiet();
});
afterEach(() => p.close());

const decide = () => decidePending(p.store.db, { now: p.context.now });
const move = (sku: string, delta: number) =>
  command(p.store.db, { kind: 'adjust', sku, location: 'main', disposition: 'sellable', delta, reason: 'test' });
/** An order of A that lies undecided, as if it had just come, however long the test takes. */
async function bringOrder(): Promise<void> {
  const [listing] = await p.store.db.rows<{ ref: string }>(sql`select listing_ref as ref from listing where sku = 'A'`);
  const order = orderOf('1', { A: 1 });
  const lines = order.lines.map((line) => ({ ...line, listingRef: listing?.ref ?? '' }));
  await command(p.store.db, { kind: 'order-state', channel: CHANNEL, order: { ...order, lines } });
  await refresh();
}
const refresh = () =>
  p.store.db.rows(sql`update command set recorded_at = clock_timestamp() + interval '1 hour' where state = 'pending'`);
const age = () =>
  p.store.db.rows(
    sql`update command set recorded_at = clock_timestamp() - interval '1 minute' where state = 'pending'`,
  );
const push = (signal: AbortSignal) => pushChannel(p.context, CHANNEL, signal);
const due = (): Promise<PushCandidate[]> =>
  dueListings(p.store.db, CHANNEL, { now: p.clock.now, settledBefore: p.clock.now, max: 10 });
const skusOf = (candidates: readonly PushCandidate[]) => candidates.map(({ sku }) => sku);

test('a number that has been behind for an hour still waits for fresh input, and only for that of its item', async () => {
  await move('A', -3);
  await move('B', -3);
  await decide();
  await p.store.db.rows(sql`update target set behind_since = behind_since - interval '1 hour'`);
  p.clock.now += HOUR_MS;
  await bringOrder();
  const stopping = new AbortController();
  const pushing = push(stopping.signal);
  await expect.poll(() => sellable(p, CHANNEL)).toEqual({ A: 10, B: 7 });
  await decide();
  await pushing;
  // The order is not the platform's own, so the first compare is stale: it is read, and written after a moment.
  await p.quiet();
  expect(await sellable(p, CHANNEL)).toEqual({ A: 6, B: 7 });
});

test('input that is stuck holds up nobody', async () => {
  await move('A', -3);
  await decide();
  await bringOrder();
  await age();
  await push(new AbortController().signal);
  expect(await sellable(p, CHANNEL)).toEqual({ A: 7, B: 10 });
});

test('an event that nobody has read yet holds up every number while it is fresh', async () => {
  await move('A', -3);
  await decide();
  await p.store.db.rows(
    sql`insert into inbox_key (channel_id, key, topic, source, received_at)
      values (${CHANNEL}, 'k', 'orders/changed', 'webhook', now() + interval '1 hour')`,
  );
  const patience = openPatience(p.context.now);
  expect(skusOf(await patience.ready(p.store.db, await due()))).toEqual([]);
  await p.store.db.rows(sql`update inbox_key set received_at = now() - interval '1 minute' where key = 'k'`);
  expect(skusOf(await patience.ready(p.store.db, await due()))).toEqual(['A']);
});

test('orders that never end do not silence a number, and the next one has its own patience; a decrease has less', async () => {
  await move('A', -3);
  await move('B', 3);
  await decide();
  await bringOrder();
  await move('B', 1);
  await refresh();
  const patience = openPatience(p.context.now);
  const ready = async () => skusOf(await patience.ready(p.store.db, await due())).sort();
  expect(await ready()).toEqual([]);
  p.clock.now += 1000;
  expect(await ready()).toEqual(['A']);
  p.clock.now += 1000;
  expect(await ready()).toEqual(['A', 'B']);
  patience.sent((await due()).map(({ listingId }) => listingId));
  expect(await ready()).toEqual([]);
});

test('a document of all listings waits for all of them together, within the same patience', async () => {
  await move('A', -3);
  await decide();
  await bringOrder();
  const patience = openPatience(p.context.now);
  const areReady = async () => patience.areReady(p.store.db, await due());
  expect(await areReady()).toBe(false);
  p.clock.now += 2000;
  expect(await areReady()).toBe(true);
  patience.sent([]);
  expect(await areReady()).toBe(false);
  await decide();
  expect(await areReady()).toBe(true);
});
