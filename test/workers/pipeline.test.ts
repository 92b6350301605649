import { sql } from 'drizzle-orm';
import { afterEach, describe, expect, test } from 'vitest';
import { command } from '#test/support/brand.ts';
import { openPipeline, type Partner, type Pipeline, type PipelineOptions, sellable } from '#test/support/pipeline.ts';
import { decidePending } from '#workers/allocate.ts';
import { pushChannel } from '#workers/push.ts';
import { reconcileChannel } from '#workers/reconcile.ts';

const never = new AbortController().signal;

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

async function open(options: PipelineOptions): Promise<Pipeline> {
  pipeline = await openPipeline(options);
  return pipeline;
}

const receive = (p: Pipeline, sku: string, quantity: number) =>
  command(p.store.db, { kind: 'receive', sku, location: 'main', quantity, disposition: 'sellable' });

const lose = (p: Pipeline, units: number) =>
  command(p.store.db, {
    kind: 'adjust',
    sku: 'A',
    location: 'main',
    disposition: 'sellable',
    delta: -units,
    reason: 'damaged',
  });

/** Every write a platform could have noticed: numbers set, subscriptions made. */
async function writesOf(p: Pipeline, channel: string): Promise<number> {
  const { entries } = await p.control(channel).log();
  return entries.filter((entry) => entry.kind === 'applied' && entry.by !== 'edit').length;
}

const KINDS: readonly (readonly [string, Partner])[] = [
  ['sellable with compare-and-set', { basis: 'sellable', compareAndSet: true }],
  ['sellable without protection', { basis: 'sellable', compareAndSet: false }],
  ['sellable without protection, by ticket', { basis: 'sellable', compareAndSet: false, ticket: true }],
  ['on hand less own open orders', { basis: 'onHandLessOwnOpen', compareAndSet: false }],
  [
    'on hand less own open orders, all or nothing',
    { basis: 'onHandLessOwnOpen', compareAndSet: true, batch: 'allOrNothing' },
  ],
];

describe.each(KINDS)('a platform of basis %s', (_name, partner) => {
  test("follows receipts, its own sales, the other channel's sales, cancels and shipments", async () => {
    const p = await open({ partners: { 'fake:a': partner, 'fake:b': {} }, skus: ['A', 'B'] });
    await receive(p, 'A', 10);
    await p.quiet();
    expect(await sellable(p, 'fake:a')).toEqual({ A: 10, B: 0 });
    const own = await p.control('fake:a').placeOrder({ lines: [{ sku: 'A', quantity: 3 }] });
    await p.control('fake:b').placeOrder({ lines: [{ sku: 'A', quantity: 2 }] });
    await p.quiet();
    expect((await sellable(p, 'fake:a'))['A']).toBe(5);
    expect((await sellable(p, 'fake:b'))['A']).toBe(5);
    await p.control('fake:a').fulfilOrder(own.orderRef ?? '', { lines: [{ sku: 'A', quantity: 1 }] });
    await p.control('fake:a').cancelOrder(own.orderRef ?? '', { restock: true, lines: [{ sku: 'A', quantity: 2 }] });
    await p.quiet();
    expect((await sellable(p, 'fake:a'))['A']).toBe(7);
    expect((await sellable(p, 'fake:b'))['A']).toBe(7);
  });

  test('a sale that is not known yet is not overwritten by a raise', async () => {
    const p = await open({ partners: { 'fake:a': partner, 'fake:b': {} }, skus: ['A'] });
    await receive(p, 'A', 10);
    await p.quiet();
    await p.control('fake:a').placeOrder({ lines: [{ sku: 'A', quantity: 4 }] });
    // More arrives, and push runs before the order is known: no poll in between.
    await receive(p, 'A', 5);
    await decidePending(p.store.db, { now: p.context.now });
    await pushChannel(p.context, 'fake:a', never);
    expect((await sellable(p, 'fake:a'))['A']).toBeLessThanOrEqual(11);
    await p.quiet();
    expect((await sellable(p, 'fake:a'))['A']).toBe(11);
  });

  test('a number typed in by hand is found by reconcile and mended', async () => {
    const p = await open({ partners: { 'fake:a': partner }, skus: ['A'] });
    await receive(p, 'A', 10);
    await p.quiet();
    for (const shown of [25, 3]) {
      await p.control('fake:a').editLevels({ levels: [{ sku: 'A', shown }] });
      p.clock.now += 60_000;
      await p.store.db.rows(sql`update listing_sync set acked_at = now() - interval '1 minute'`);
      await reconcileChannel(p.context, 'fake:a', never);
      await p.quiet();
      // A fall looks like sales whose orders are late: it is believed for a while, then taken for an edit.
      p.clock.now += 120_000;
      await p.store.db.rows(sql`update item set next_review_at = null`);
      await command(p.store.db, { kind: 'review', sku: 'A' });
      await p.quiet();
      expect((await sellable(p, 'fake:a'))['A']).toBe(10);
    }
  });

  test('timeouts after applying, 5xx and throttling end in the right number', async () => {
    const p = await open({ partners: { 'fake:a': partner }, skus: ['A', 'B', 'C'] });
    await p.control('fake:a').setFaults({ seed: 7, timeoutAfterApply: 0.3, error5xx: 0.2, throttle: 0.2 });
    for (const [n, sku] of ['A', 'B', 'C', 'A', 'B'].entries()) {
      await receive(p, sku, n + 1);
      await p.context.db.rows(sql`select 1`);
    }
    await p.quiet();
    await p.control('fake:a').setFaults({});
    await p.quiet();
    expect(await sellable(p, 'fake:a')).toEqual({ A: 5, B: 7, C: 3 });
  });
});

describe('a lowering whose answer was lost, though it applied', () => {
  test('is not taken for unseen sales: nothing is held back for it', async () => {
    const p = await open({ partners: { 'fake:a': {}, 'fake:b': {} }, skus: ['A'] });
    await receive(p, 'A', 10);
    await p.quiet();
    await p.control('fake:a').setFaults({ seed: 1, timeoutAfterApply: 1 });
    await lose(p, 6);
    await decidePending(p.store.db, { now: p.context.now });
    await pushChannel(p.context, 'fake:a', never);
    await p.control('fake:a').setFaults({});
    await p.quiet();
    expect((await sellable(p, 'fake:a'))['A']).toBe(4);
    const observed = await p.store.db.rows(sql`select 1 from command where kind = 'observed'`);
    expect(observed).toHaveLength(0);
  });
});

describe('a lowering whose answer was lost, refused since a sale had come first', () => {
  test('is not taken for applied, though the number is what it would have made: the sale is not put back on sale', async () => {
    const p = await open({ partners: { 'fake:a': {}, 'fake:b': {} }, skus: ['A'] });
    await receive(p, 'A', 13);
    await p.quiet();
    await p.control('fake:a').setFaults({ seed: 1, timeoutAfterApply: 1 });
    await lose(p, 1);
    await decidePending(p.store.db, { now: p.context.now });
    await p.control('fake:a').placeOrder({ lines: [{ sku: 'A', quantity: 1 }] });
    await pushChannel(p.context, 'fake:a', never);
    await p.control('fake:a').setFaults({});
    p.clock.now += 2000;
    p.rung.length = 0;
    await pushChannel(p.context, 'fake:a', never);
    expect(p.rung, 'it looks again soon').toEqual([{ topic: 'push', key: 'fake:a' }]);
    const bells = await p.store.db.rows(sql`select 1 from outbox where topic = 'poll' and key = 'fake:a'`);
    expect(bells, 'its orders are asked for').toHaveLength(1);
    await p.quiet();
    expect([await sellable(p, 'fake:a'), await sellable(p, 'fake:b')]).toEqual([{ A: 11 }, { A: 11 }]);
  });
});

describe('no write leaves', () => {
  const cases: readonly (readonly [string, Pick<PipelineOptions, 'mode' | 'readOnly'>])[] = [
    ['in shadow', { mode: 'shadow' }],
    ['when paused', { mode: 'paused' }],
    ['when allot is read-only, though the channel is live', { mode: 'live', readOnly: true }],
  ];
  test.each(cases)('%s', async (_name, at) => {
    const p = await open({
      partners: { 'fake:a': {}, 'fake:b': { basis: 'onHandLessOwnOpen', ticket: true } },
      skus: ['A'],
      ...at,
    });
    await receive(p, 'A', 10);
    await p.quiet();
    for (const channel of ['fake:a', 'fake:b']) {
      await reconcileChannel(p.context, channel, never);
      await pushChannel(p.context, channel, never);
      expect(await writesOf(p, channel)).toBe(0);
      expect((await sellable(p, channel))['A']).toBe(0);
    }
    const [targets] = await p.store.db.rows<{ wanted: number; attempts: number }>(sql`
      select (select count(*) from target where quantity = 10)::int as wanted, (select count(*) from push_attempt)::int as attempts`);
    // It computed all the same; it only sent nothing.
    expect(targets).toEqual({ wanted: 2, attempts: 0 });
  });

  test('after a pause, though it was live before', async () => {
    const p = await open({ partners: { 'fake:a': {} }, skus: ['A'] });
    await receive(p, 'A', 4);
    await p.quiet();
    const before = await writesOf(p, 'fake:a');
    await p.store.db.rows(sql`update channel set mode = 'paused'`);
    await receive(p, 'A', 4);
    await p.quiet();
    expect(await writesOf(p, 'fake:a')).toBe(before);
    expect((await sellable(p, 'fake:a'))['A']).toBe(4);
  });
});

describe('an attempt whose worker died', () => {
  test('is never repeated blindly: the platform is read, and the number ends right', async () => {
    const p = await open({ partners: { 'fake:a': { compareAndSet: false } }, skus: ['A'] });
    await receive(p, 'A', 6);
    await p.quiet();
    await p.store.db.rows(sql`
      with a as (insert into push_attempt (channel_id, lane, owner, lease_until, idempotency_key, wire)
        values ('fake:a', 'direct', 'dead', now() - interval '1 minute', 'k', '{}') returning id)
      insert into push_attempt_item (attempt_id, position, listing_id, version, quantity, wire_quantity, sold_baseline)
      select a.id, 0, t.listing_id, t.version, t.quantity, t.quantity, 0 from a, target t`);
    await receive(p, 'A', 1);
    await p.quiet();
    expect((await sellable(p, 'fake:a'))['A']).toBe(7);
    const [item] = await p.store.db.rows<{ outcome: string }>(sql`
      select i.outcome from push_attempt_item i join push_attempt a on a.id = i.attempt_id where a.idempotency_key = 'k'`);
    expect(item?.outcome).toBe('unknown');
  });
});
