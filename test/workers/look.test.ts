import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { Credential, Rejected, Throttled } from '#core/errors.ts';
import { saveDiscovered } from '#db/catalogue.ts';
import { listingsByRef } from '#db/push.ts';
import { command } from '#test/support/brand.ts';
import { openPipeline, type Pipeline, sellable } from '#test/support/pipeline.ts';
import { decidePending } from '#workers/allocate.ts';
import { pushChannel } from '#workers/push.ts';
import { reconcileChannel } from '#workers/reconcile.ts';

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

test('one listing that its connector refuses is put off alone, with the reason and the fix; the others get their numbers', async () => {
  const p = await openPipeline({ partners: { 'fake:a': {} }, skus: ['A', 'B', 'C'] });
  pipeline = p;
  const channel = p.context.channels.get('fake:a');
  if (channel === undefined) throw new Error('no such channel');
  await p.store.db.rows(sql`update listing set listing_ref = 'made-up' where sku = 'B'`);
  const observe: typeof channel.connection.observe = async (keys, signal) => {
    const strange = keys.find(({ listingRef }) => listingRef === 'made-up');
    if (strange !== undefined) throw new Rejected('listing made-up is none of this platform', { fix: 'unmap it' });
    return channel.connection.observe(keys, signal);
  };
  const channels = new Map([['fake:a', { ...channel, connection: { ...channel.connection, observe } }]]);
  for (const sku of ['A', 'B', 'C'])
    await command(p.store.db, { kind: 'receive', sku, location: 'main', quantity: 5, disposition: 'sellable' });
  await decidePending(p.store.db, { now: p.context.now });
  await pushChannel({ ...p.context, channels }, 'fake:a', new AbortController().signal);
  expect(await sellable(p, 'fake:a')).toEqual({ A: 5, B: 0, C: 5 });
  const put = await p.store.db.rows(sql`
    select l.sku, s.blocked_reason as reason, s.blocked_fix as fix, s.failures
    from listing_sync s join listing l on l.id = s.listing_id where s.blocked_reason is not null`);
  expect(put).toEqual([{ sku: 'B', reason: 'listing made-up is none of this platform', fix: 'unmap it', failures: 1 }]);
});

test('one listing that its connector refuses to put into bytes is put off alone; the others of its batch get their numbers', async () => {
  const skus = ['A', 'B', 'C', 'D', 'E'];
  const p = await openPipeline({ partners: { 'fake:a': {} }, skus });
  pipeline = p;
  const channel = p.context.channels.get('fake:a');
  if (channel === undefined) throw new Error('no such channel');
  await p.store.db.rows(sql`update listing set data = '{"fulfilledBy": "AMAZON"}' where sku = 'D'`);
  const prepare: typeof channel.connection.prepare = (items, ...rest) => {
    const strange = items.find(({ listing }) => listing.data['fulfilledBy'] === 'AMAZON');
    if (strange !== undefined) throw new Rejected('a quantity would strand its stock', { fix: 'unmap it' });
    return channel.connection.prepare(items, ...rest);
  };
  const channels = new Map([['fake:a', { ...channel, connection: { ...channel.connection, prepare } }]]);
  for (const sku of skus)
    await command(p.store.db, { kind: 'receive', sku, location: 'main', quantity: 5, disposition: 'sellable' });
  await decidePending(p.store.db, { now: p.context.now });
  await pushChannel({ ...p.context, channels }, 'fake:a', new AbortController().signal);
  expect(await sellable(p, 'fake:a')).toEqual({ A: 5, B: 5, C: 5, D: 0, E: 5 });
  const put = await p.store.db.rows(sql`
    select l.sku, s.blocked_reason as reason, s.blocked_fix as fix, s.failures
    from listing_sync s join listing l on l.id = s.listing_id where s.blocked_reason is not null`);
  expect(put).toEqual([{ sku: 'D', reason: 'a quantity would strand its stock', fix: 'unmap it', failures: 1 }]);
  // Nothing of what was refused is left behind, and each of the others was sent once.
  const attempts = await p.store.db.rows(sql`
    select count(*)::int as items, count(distinct listing_id)::int as listings from push_attempt_item`);
  expect(attempts).toEqual([{ items: 4, listings: 4 }]);
});

test('a platform that lets us read little at a time is read to the end, and holds up no lowering meanwhile', async () => {
  const skus = ['A', 'B', 'C', 'D', 'E'];
  const p = await openPipeline({ partners: { 'fake:a': { compareAndSet: false } }, skus });
  pipeline = p;
  const channel = p.context.channels.get('fake:a');
  if (channel === undefined) throw new Error('no such channel');
  let reads = 9;
  const observe: typeof channel.connection.observe = async (keys, signal) => {
    if (reads === 0) throw new Throttled('slow down', p.clock.now + 1000);
    reads -= 1;
    return channel.connection.observe(keys, signal);
  };
  const capabilities = { ...channel.capabilities, observeMax: 2 };
  const channels = new Map([['fake:a', { ...channel, capabilities, connection: { ...channel.connection, observe } }]]);
  const push = () => pushChannel({ ...p.context, channels }, 'fake:a', new AbortController().signal);
  const receive = (sku: string, quantity: number) =>
    command(p.store.db, { kind: 'receive', sku, location: 'main', quantity, disposition: 'sellable' });
  await receive('E', 9);
  await decidePending(p.store.db, { now: p.context.now });
  await push();
  for (const sku of skus.slice(0, 4)) await receive(sku, 5);
  const delta = { disposition: 'sellable', delta: -2, reason: 'damaged' } as const;
  await command(p.store.db, { kind: 'adjust', sku: 'E', location: 'main', ...delta });
  await decidePending(p.store.db, { now: p.context.now });
  reads = 0;
  await push();
  expect(await sellable(p, 'fake:a')).toEqual({ A: 0, B: 0, C: 0, D: 0, E: 7 });
  for (const shown of [2, 4]) {
    // Not before the platform's time, and then as far as it goes.
    reads = 1;
    await push();
    expect(reads).toBe(1);
    p.clock.now += 1000;
    await push();
    expect(Object.values(await sellable(p, 'fake:a')).filter((units) => units === 5)).toHaveLength(shown);
  }
});

test('a look that the platform refuses for want of budget holds up no number that needs none', async () => {
  const p = await openPipeline({ partners: { 'fake:a': { compareAndSet: false } }, skus: ['A', 'B'] });
  pipeline = p;
  const channel = p.context.channels.get('fake:a');
  if (channel === undefined) throw new Error('no such channel');
  const receive = (sku: string, quantity: number) =>
    command(p.store.db, { kind: 'receive', sku, location: 'main', quantity, disposition: 'sellable' });
  await receive('A', 5);
  await receive('B', 5);
  await p.quiet();
  const observe = async (): Promise<never> => {
    throw new Throttled('the bucket is empty', p.clock.now + 60_000);
  };
  const channels = new Map([['fake:a', { ...channel, connection: { ...channel.connection, observe } }]]);
  const push = async () => {
    await decidePending(p.store.db, { now: p.context.now });
    await pushChannel({ ...p.context, channels }, 'fake:a', new AbortController().signal);
  };
  await receive('B', 4);
  await push();
  expect(p.rung.at(-1)).toEqual({ topic: 'push', key: 'fake:a' });
  await command(p.store.db, {
    kind: 'adjust',
    sku: 'A',
    location: 'main',
    disposition: 'sellable',
    delta: -2,
    reason: 'damaged',
  });
  await push();
  expect(await sellable(p, 'fake:a')).toEqual({ A: 3, B: 5 });
  await p.quiet();
  expect(await sellable(p, 'fake:a')).toEqual({ A: 3, B: 9 });
});

test('what was put off is tried again as soon as the platform says something else of it', async () => {
  const p = await openPipeline({ partners: { 'fake:a': {} }, skus: ['A'] });
  pipeline = p;
  const { db } = p.store;
  const [listing] = await db.rows<{ id: number; listing_ref: string; location_ref: string }>(
    sql`select id, listing_ref, location_ref from listing`,
  );
  await db.rows(sql`
    insert into listing_sync (listing_id, blocked_until, blocked_reason, failures)
    values (${listing?.id ?? 0}, now() + interval '1 hour', 'no inventory item', 7)`);
  await db.rows(sql`delete from outbox`);
  const found = {
    listingRef: listing?.listing_ref ?? '',
    locationRef: listing?.location_ref ?? '',
    data: { inventoryItemId: '7' },
    sku: 'A',
    title: 'A',
    state: 'tracked' as const,
  };
  await db.transaction((tx) => saveDiscovered(tx, 'fake:a', [found]));
  expect(await db.rows(sql`select blocked_until from listing_sync`)).toEqual([{ blocked_until: null }]);
  expect(await db.rows(sql`select topic, key from outbox`)).toEqual([{ topic: 'push', key: 'fake:a' }]);
});

test('a listing is found by its reference and by any id in its data, at the location that is named alone', async () => {
  const p = await openPipeline({ partners: { 'fake:a': {}, 'fake:b': {} }, skus: ['A', 'B'] });
  pipeline = p;
  await decidePending(p.store.db, { now: p.context.now });
  await command(p.store.db, { kind: 'review', sku: 'A' });
  await decidePending(p.store.db, { now: p.context.now });
  await p.store.db.rows(
    sql`update listing set listing_ref = 'variant', location_ref = 'here', data = '{"item": "7"}' where sku = 'A'`,
  );
  const find = async (listingRef: string, locationRef: string) =>
    (await listingsByRef(p.store.db, 'fake:a', [{ listingRef, locationRef }])).map(({ sku }) => sku);
  expect([await find('variant', 'here'), await find('7', 'here')]).toEqual([['A'], ['A']]);
  expect([await find('7', 'there'), await find('item', 'here'), await find('8', 'here')]).toEqual([[], [], []]);
});

const openAlerts = (p: Pipeline) =>
  p.store.db.rows<{ code: string }>(sql`select code from alert where state <> 'closed' order by code`);

test('alerts of refused pushes and credentials close with the proof that it is over, and not before', async () => {
  const p = await openPipeline({ partners: { 'fake:a': {} }, skus: ['A'] });
  pipeline = p;
  const channel = p.context.channels.get('fake:a');
  if (channel === undefined) throw new Error('no such channel');
  const never = new AbortController().signal;
  await command(p.store.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 5, disposition: 'sellable' });
  await decidePending(p.store.db, { now: p.context.now });
  const failing = (error: Error) => {
    const send = async () => {
      throw error;
    };
    const channels = new Map([['fake:a', { ...channel, connection: { ...channel.connection, send } }]]);
    return pushChannel({ ...p.context, channels }, 'fake:a', never);
  };
  await failing(new Rejected('the item is archived', { fix: 'bring it back' }));
  await reconcileChannel(p.context, 'fake:a', never);
  expect(await openAlerts(p)).toEqual([{ code: 'push-rejected' }]);
  await p.store.db.rows(sql`update listing_sync set blocked_until = null`);
  await failing(new Credential('the token was revoked'));
  expect(await openAlerts(p)).toEqual([{ code: 'credential-refused' }, { code: 'push-rejected' }]);
  await p.store.db.rows(sql`update channel set mode = 'live'`);
  await p.store.db.rows(sql`update listing_sync set blocked_until = null`);
  await p.quiet();
  await reconcileChannel(p.context, 'fake:a', never);
  expect(await openAlerts(p)).toEqual([]);
  const proofs = await p.store.db.rows(sql`select 1 from alert where proof is null`);
  expect(proofs).toEqual([]);
});
