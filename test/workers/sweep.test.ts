import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { channelHealth, noteThrottled, throttledUntil } from '#db/health.ts';
import type { Intervals } from '#db/unfinished.ts';
import { command, holdOf } from '#test/support/brand.ts';
import { openPipeline, type Pipeline } from '#test/support/pipeline.ts';
import { decidePending } from '#workers/allocate.ts';
import { pollChannel, receive } from '#workers/intake.ts';
import type { Bell } from '#workers/queues.ts';
import { apply, propose, view } from '#workers/reallocate.ts';
import { sweepOnce } from '#workers/sweep.ts';

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

async function open(): Promise<Pipeline> {
  pipeline = await openPipeline({ partners: { 'fake:a': {}, 'fake:b': {} }, skus: ['A'] });
  return pipeline;
}

const HOUR_MS = 3_600_000;

/** What a sweep rings for, with every bell lost before: the outbox is emptied, and nothing else tells of the work. */
async function bellsOf(
  p: Pipeline,
  intervals: Intervals = { pollMs: HOUR_MS, reconcileMs: HOUR_MS },
): Promise<string[]> {
  await p.store.db.rows(sql`delete from outbox`);
  const rung: Bell[] = [];
  await sweepOnce(p.context, { ring: async (bells) => void rung.push(...bells) }, intervals);
  return rung.map(({ topic, key }) => `${topic} ${key}`.trim()).sort((x, y) => (x < y ? -1 : 1));
}

const quietly = async (p: Pipeline) => {
  await p.quiet();
  await p.store.db.rows(
    sql`insert into channel_health (channel_id, reconciled_at) select id, now() from channel on conflict (channel_id) do update set reconciled_at = now()`,
  );
};

test('nothing waits: nothing is rung', async () => {
  const p = await open();
  await quietly(p);
  expect(await bellsOf(p)).toEqual([]);
});

test('each kind of unfinished work is found from its table alone', async () => {
  const p = await open();
  await quietly(p);
  const { db } = p.store;
  await receive(p.context, [
    {
      channelId: 'fake:a',
      key: 'k1',
      topic: 'orders/changed',
      source: 'webhook',
      assurance: 'signed',
      rawBody: Buffer.from('{'),
    },
  ]);
  expect(await bellsOf(p)).toEqual(['intake']);
  await db.rows(sql`update inbox_key set state = 'dropped' where state = 'pending'`);

  await command(db, { kind: 'receive', sku: 'A', location: 'main', quantity: 5, disposition: 'sellable' });
  expect(await bellsOf(p)).toEqual(['allocate']);
  await decidePending(db, { now: p.context.now });
  expect(await bellsOf(p)).toEqual(['push fake:a', 'push fake:b']);
  await quietly(p);

  await db.rows(
    sql`update listing_sync set read_due_at = to_timestamp(0) where listing_id = (select min(id) from listing)`,
  );
  expect(await bellsOf(p)).toEqual(['push fake:a']);
  await quietly(p);

  for (const [state, bell] of [
    ['open', 'push fake:b'],
    ['ticket', 'collect fake:b'],
  ] as const) {
    await db.rows(sql`
      insert into push_attempt (channel_id, lane, owner, lease_until, collect_at, idempotency_key, wire, state)
      values ('fake:b', 'direct', 'dead', now() - interval '1 s', now() - interval '1 s', ${state}, '', ${state})`);
    expect(await bellsOf(p)).toEqual([bell]);
    await db.rows(sql`update push_attempt set state = 'done' where state = ${state}`);
  }

  await db.rows(sql`update item set next_review_at = to_timestamp(0)`);
  expect(await bellsOf(p)).toEqual(['allocate']);
  await decidePending(db, { now: p.context.now });

  p.clock.now += HOUR_MS;
  expect(await bellsOf(p, { pollMs: 0, reconcileMs: 0 })).toEqual([
    'poll fake:a',
    'poll fake:b',
    'reconcile fake:a',
    'reconcile fake:b',
  ]);
});

test('a channel with intervals of its own is polled and reconciled by these', async () => {
  const p = await open();
  await quietly(p);
  p.clock.now += HOUR_MS / 2;
  const usual = { pollMs: HOUR_MS, reconcileMs: HOUR_MS };
  expect(await bellsOf(p, { ...usual, channels: [{ id: 'fake:b', ...usual, pollMs: 1000 }] })).toEqual(['poll fake:b']);
  const slow = { id: 'fake:a', pollMs: HOUR_MS, reconcileMs: 1000 };
  expect(await bellsOf(p, { pollMs: 1000, reconcileMs: HOUR_MS, channels: [slow] })).toEqual([
    'poll fake:b',
    'reconcile fake:a',
  ]);
});

test('what a platform refuses until later is not rung for before, each operation by itself', async () => {
  const p = await open();
  const { db } = p.store;
  await quietly(p);
  await command(db, { kind: 'receive', sku: 'A', location: 'main', quantity: 5, disposition: 'sellable' });
  await decidePending(db, { now: p.context.now });
  const asked = { pollMs: 0, reconcileMs: 0 };
  p.clock.now += HOUR_MS;
  const later = p.clock.now + 60_000;
  await noteThrottled(db, 'fake:a', later, 'push');
  await noteThrottled(db, 'fake:a', later, 'poll');
  await noteThrottled(db, 'fake:b', later, 'reconcile');
  const others = ['poll fake:b', 'push fake:b', 'reconcile fake:a'];
  expect(await bellsOf(p, asked)).toEqual(others);
  p.clock.now = later;
  const all = [...others, 'poll fake:a', 'push fake:a', 'reconcile fake:b'].sort();
  expect(await bellsOf(p, asked)).toEqual(all);
});

test('a poll that was told to slow down asks nothing before its time, whoever rings for it', async () => {
  const p = await open();
  const calls = async () => (await p.control('fake:a').stats()).apiCalls;
  await p.control('fake:a').setFaults({ seed: 1, throttle: 1 });
  await pollChannel(p.context, 'fake:a', new AbortController().signal);
  await p.control('fake:a').setFaults({});
  const before = await calls();
  await pollChannel(p.context, 'fake:a', new AbortController().signal);
  expect(await calls()).toBe(before);
  // A push is another operation: it goes on.
  expect(await channelHealth(p.store.db, 'fake:a')).toMatchObject({
    mode: 'live',
    throttledUntil: null,
    looksThrottledUntil: null,
  });
  p.clock.now = (await throttledUntil(p.store.db, 'fake:a', 'poll')) ?? 0;
  await pollChannel(p.context, 'fake:a', new AbortController().signal);
  expect(await calls()).toBeGreaterThan(before);
});

test('a hold past its end stops counting, and the units are shown again', async () => {
  const p = await open();
  await command(p.store.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 5, disposition: 'sellable' });
  const expiresAt = p.clock.now + HOUR_MS;
  await command(p.store.db, holdOf({ expiresAt }));
  await quietly(p);
  expect((await p.control('fake:a').levels())[0]?.sellable).toBe(3);
  expect(await p.store.db.rows(sql`select next_review_at as at from item`)).toEqual([{ at: expiresAt }]);
  p.clock.now = expiresAt - 1;
  expect(await bellsOf(p)).toEqual([]);
  p.clock.now = expiresAt;
  expect(await bellsOf(p)).toEqual(['allocate']);
  // Not decided yet: asked to end once, not at every sweep.
  await bellsOf(p);
  const due = sql`select actor, body from command where kind = 'release-hold'`;
  expect(await p.store.db.rows(due)).toMatchObject([{ actor: 'sweep', body: { isDue: true } }]);
  await quietly(p);
  expect((await p.control('fake:a').levels())[0]?.sellable).toBe(5);
  expect(await p.store.db.rows(sql`select state, units from hold`)).toEqual([{ state: 'expired', units: 0 }]);
  expect(await bellsOf(p)).toEqual([]);
});

test('a hold that was extended while its end was on the way stays, and ends at its new time', async () => {
  const p = await open();
  const { db } = p.store;
  await command(db, { kind: 'receive', sku: 'A', location: 'main', quantity: 5, disposition: 'sellable' });
  const expiresAt = p.clock.now + HOUR_MS;
  const [hold = 0] = await command(db, holdOf({ expiresAt }));
  await quietly(p);
  await command(db, { kind: 'extend-hold', sku: 'A', hold, expiresAt: expiresAt + HOUR_MS });
  p.clock.now = expiresAt;
  await bellsOf(p);
  await quietly(p);
  expect(await db.rows(sql`select state, is_ending from hold`)).toEqual([{ state: 'held', is_ending: false }]);
  p.clock.now = expiresAt + HOUR_MS;
  await bellsOf(p);
  await quietly(p);
  expect(await db.rows(sql`select state from hold`)).toEqual([{ state: 'expired' }]);
});

test('input that parked while its listing was being mapped goes on by itself', async () => {
  const p = await open();
  const { db } = p.store;
  await command(db, { kind: 'receive', sku: 'A', location: 'main', quantity: 5, disposition: 'sellable' });
  await db.rows(sql`update listing set sku = null where channel_id = 'fake:a'`);
  await p.control('fake:a').editLevels({ levels: [{ sku: 'A', shown: 5 }] });
  await p.control('fake:a').placeOrder({ lines: [{ sku: 'A', quantity: 2 }] });
  await p.quiet();
  expect(await db.rows(sql`select 1 from parked where state = 'parked' and code = 'unmapped-listing'`)).toHaveLength(1);
  // Mapped behind the back of everything that would have let it go.
  await db.rows(sql`update listing set sku = 'A' where channel_id = 'fake:a'`);
  await bellsOf(p);
  await p.quiet();
  expect(await db.rows(sql`select 1 from parked where state = 'parked'`)).toHaveLength(0);
  expect((await p.control('fake:b').levels())[0]?.sellable).toBe(3);
});

test('a reallocation ends by itself, without a person and without a bell', async () => {
  const p = await open();
  const { db } = p.store;
  const now = Date.now();
  p.clock.now = now;
  await command(db, { kind: 'receive', sku: 'A', location: 'main', quantity: 5, disposition: 'sellable' }, now);
  await decidePending(db, { now: p.context.now });
  const asked = { sku: 'A', from: 'shared', to: 'dtc', units: 1, until: now + HOUR_MS, reason: 'a launch' };
  const { row } = await propose(db, asked, { actor: 'kim', now });
  await apply(db, row.id, { actor: 'kim', now });
  await quietly(p);
  p.clock.now = now + HOUR_MS;
  expect(await bellsOf(p)).toContain('allocate');
  await decidePending(db, { now: p.context.now });
  expect((await view(db, row.id, p.clock.now)).row).toMatchObject({ state: 'expired', closedBy: 'sweep', returned: 1 });
});
