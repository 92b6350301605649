/** What cannot be taken or sent: parked with reason, age and owner, told by cause, and tried again by itself once its cause is gone. */
import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { Rejected, Transient } from '#core/errors.ts';
import { SCHEDULES } from '#core/retry.ts';
import { insertInbox } from '#db/inbox.ts';
import { dropParked, listParked, retryParked, takeParked } from '#db/parked.ts';
import { command, orderOf } from '#test/support/brand.ts';
import { openPipeline, type Pipeline, type PipelineOptions, sellable } from '#test/support/pipeline.ts';
import { checkAlerts } from '#workers/alert-checks.ts';
import { decidePending } from '#workers/allocate.ts';
import type { OpenChannel, WorkerContext } from '#workers/context.ts';
import { takeInbox } from '#workers/intake.ts';
import { pushChannel } from '#workers/push.ts';
import { sweepOnce } from '#workers/sweep.ts';

const never = new AbortController().signal;
const CHANNEL = 'fake:a';
const HOUR_MS = 3_600_000;

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

async function open(options: Partial<PipelineOptions> = {}): Promise<Pipeline> {
  pipeline = await openPipeline({ partners: { [CHANNEL]: {} }, skus: ['A', 'B'], ...options });
  return pipeline;
}

const sweep = (context: WorkerContext) =>
  sweepOnce(context, { ring: () => Promise.resolve() }, { pollMs: HOUR_MS, reconcileMs: HOUR_MS });

/** The same workers, with another line to the platform. */
function withLine(p: Pipeline, over: Partial<OpenChannel['connection']>, reader?: string): WorkerContext {
  const channel = p.context.channels.get(CHANNEL);
  if (channel === undefined) throw new Error('no channel');
  const spoilt = { ...channel, connection: { ...channel.connection, ...over }, reader: reader ?? channel.reader };
  return { ...p.context, channels: new Map([[CHANNEL, spoilt]]) };
}

const INTERVALS = { pollMs: HOUR_MS, reconcileMs: HOUR_MS };

/** The look for alerts, which one process takes once a minute. */
async function lookForAlerts(p: Pipeline): Promise<void> {
  p.clock.now += 5 * 60_000;
  await checkAlerts(p.context, { intervals: INTERVALS, rates: {} as never }, 0);
}

const parked = (p: Pipeline) => listParked(p.store.db, 100);
const alerts = (p: Pipeline) =>
  p.store.db.rows<{ title: string; severity: string; state: string; next: string }>(
    sql`select title, severity, state, next_step as next from alert where code = 'input-parked' order by id`,
  );

async function receive(p: Pipeline, sku: string, quantity: number): Promise<void> {
  await command(p.store.db, { kind: 'receive', sku, location: 'main', quantity, disposition: 'sellable' });
  await decidePending(p.store.db, { now: p.context.now });
}

/** Pushes A's number to a platform that refuses it, until it is parked; B's went out before. */
async function parkNumber(p: Pipeline): Promise<WorkerContext> {
  await receive(p, 'B', 4);
  await p.quiet();
  const refusing = withLine(p, {
    send: (_prepared, count) =>
      Promise.resolve(
        Array.from({ length: count }, () => ({ kind: 'rejected', reason: 'not stocked', fix: 'stock it' })),
      ),
  });
  await receive(p, 'A', 3);
  for (let n = 0; n < (SCHEDULES.rejected.triesMax ?? 0); n += 1) {
    await pushChannel(refusing, CHANNEL, never);
    p.clock.now += HOUR_MS;
  }
  return refusing;
}

test('a number that is refused again and again is parked, told, taken by a person, and freed by the platform itself', async () => {
  const p = await open({ partners: { [CHANNEL]: { compareAndSet: false } } });
  await parkNumber(p);
  const [row, ...more] = await parked(p);
  expect(more).toEqual([]);
  expect(row).toMatchObject({
    source: 'listing',
    code: 'push-rejected',
    reason: 'not stocked',
    fix: 'stock it',
    attempts: 6,
  });
  expect(await sellable(p, CHANNEL)).toMatchObject({ B: 4 });
  await p.store.db.transaction((tx) => takeParked(tx, [row?.id ?? 0], 'warehouse'));
  await lookForAlerts(p);
  const title = expect.stringContaining('fake:a: 1 input could not be sent (push-rejected)');
  expect(await alerts(p)).toMatchObject([{ title, state: 'open' }]);
  // It cannot be dropped: the newest number is wanted as long as it is mapped.
  await expect(p.store.db.transaction((tx) => dropParked(tx, [row?.id ?? 0], 'ann', 'why'))).rejects.toMatchObject({
    fix: expect.stringContaining('allot listings unmap fake:a'),
  });
  await p.quiet();
  expect(await sellable(p, CHANNEL)).toEqual({ A: 3, B: 4 });
  expect(await parked(p)).toEqual([]);
  await lookForAlerts(p);
  expect(await alerts(p)).toMatchObject([{ state: 'closed' }]);
});

test('retried by hand it goes out at once, and refused once more it is parked at once, with its age and owner', async () => {
  const p = await open({ partners: { [CHANNEL]: { compareAndSet: false } } });
  const refusing = await parkNumber(p);
  const [row] = await parked(p);
  await p.store.db.transaction((tx) => takeParked(tx, [row?.id ?? 0], 'warehouse'));
  p.clock.now -= HOUR_MS;
  expect(await p.store.db.transaction((tx) => retryParked(tx, [row?.id ?? 0], 'ann'))).toBe(1);
  expect(await parked(p)).toEqual([]);
  await pushChannel(refusing, CHANNEL, never);
  const [again] = await parked(p);
  expect(again).toMatchObject({ code: 'push-rejected', owner: 'warehouse', first_parked_at: row?.first_parked_at });
  expect(again?.id).not.toBe(row?.id);
});

test('what could not be read is read again, once, when another version, dialect or key reads it', async () => {
  const p = await open();
  const entry = {
    channelId: CHANNEL,
    key: 'e1',
    topic: 'orders/changed',
    source: 'webhook',
    assurance: 'signed',
  } as const;
  await insertInbox(p.store.db, [{ ...entry, rawBody: Buffer.from('{"half') }], p.context.sealingKeys[0]);
  await takeInbox(p.context, never);
  expect(await parked(p)).toMatchObject([{ code: 'unreadable-input', attempts: 1 }]);
  await sweep(p.context);
  expect(await parked(p)).toHaveLength(1);
  // Another reader, that fails as well: it tries once, not at every sweep.
  const other = withLine(p, { parse: () => Promise.reject(new Rejected('still half')) }, 'other');
  await sweep(other);
  expect(await parked(p)).toEqual([]);
  await takeInbox(other, never);
  expect(await parked(p)).toMatchObject([{ attempts: 2, reason: 'still half' }]);
  await sweep(other);
  expect(await parked(p)).toHaveLength(1);
  const better = withLine(p, { parse: () => Promise.resolve({ orders: [], refs: [], levels: [] }) }, 'better');
  await sweep(better);
  await takeInbox(better, never);
  expect(await parked(p)).toEqual([]);
  expect(await p.store.db.rows(sql`select state from inbox_key`)).toEqual([{ state: 'taken' }]);
});

test('input of a channel that is gone waits for it, and goes on when a policy has it again', async () => {
  const p = await open();
  const body = Buffer.from(JSON.stringify(orderOf('9', {})));
  const entry = {
    channelId: CHANNEL,
    key: 'e1',
    topic: 'allot/order-state',
    source: 'poll',
    assurance: 'signed',
  } as const;
  await insertInbox(p.store.db, [{ ...entry, rawBody: body }], p.context.sealingKeys[0]);
  await takeInbox({ ...p.context, channels: new Map() }, never);
  expect(await parked(p)).toMatchObject([{ code: 'unknown-channel' }]);
  await sweep(p.context);
  expect(await parked(p)).toHaveLength(1);
  await p.store.db.rows(
    sql`insert into policy (version, body, author, reason) select 2, body, 'test', 'test' from policy`,
  );
  await p.store.db.rows(sql`update policy_current set version = 2`);
  await sweep(p.context);
  expect(await parked(p)).toEqual([]);
});

test('a command that names what no policy knew goes on under the next policy', async () => {
  const p = await open();
  await command(p.store.db, { kind: 'receive', sku: 'A', location: 'annex', quantity: 2, disposition: 'sellable' });
  await decidePending(p.store.db, { now: p.context.now });
  expect(await parked(p)).toMatchObject([{ code: 'unknown-location' }]);
  await sweep(p.context);
  expect(await parked(p)).toHaveLength(1);
  await p.store.db.rows(sql`insert into location (id, master) values ('annex', 'allot')`);
  await p.store.db.rows(
    sql`insert into policy (version, body, author, reason) select 2, body, 'test', 'test' from policy`,
  );
  await p.store.db.rows(sql`update policy_current set version = 2`);
  await sweep(p.context);
  await decidePending(p.store.db, { now: p.context.now });
  expect(await parked(p)).toEqual([]);
  expect(await p.store.db.rows(sql`select quantity from stock_balance where location = 'annex'`)).toEqual([
    { quantity: 2 },
  ]);
});

test('an order that its platform does not give is asked for ever later, then parked, and asked for again now and then', async () => {
  const p = await open();
  const body = Buffer.from('4711');
  const entry = {
    channelId: CHANNEL,
    key: 'e1',
    topic: 'allot/order-ref',
    source: 'poll',
    assurance: 'signed',
  } as const;
  await insertInbox(p.store.db, [{ ...entry, rawBody: body }], p.context.sealingKeys[0]);
  const failing = withLine(p, { hydrate: () => Promise.reject(new Transient('502')) });
  const waits: number[] = [];
  for (let n = 1; n < (SCHEDULES.input.triesMax ?? 0); n += 1) {
    await p.store.db.rows(sql`update inbox_key set retry_at = null`);
    await takeInbox(failing, never);
    const [row] = await p.store.db.rows<{ at: number }>(sql`select retry_at as at from inbox_key`);
    waits.push((row?.at ?? 0) - p.clock.now);
  }
  expect(waits.slice(0, 4).map((ms) => Math.round(ms / 1000))).toEqual([2, 4, 8, 16]);
  expect(Math.max(...waits)).toBeLessThanOrEqual(SCHEDULES.input.capMs);
  expect(await parked(p)).toEqual([]);
  await p.store.db.rows(sql`update inbox_key set retry_at = null`);
  await takeInbox(failing, never);
  const [row] = await parked(p);
  expect(row).toMatchObject({ code: 'platform-fails', reason: expect.stringContaining('asked 12 times: 502') });
  await sweep(p.context);
  expect(await parked(p)).toHaveLength(1);
  p.clock.now = row?.retry_at ?? 0;
  await sweep(p.context);
  expect(await p.store.db.rows(sql`select state from inbox_key`)).toEqual([{ state: 'pending' }]);
});

test('an alert tells how old the oldest is, by steps, and how much is nobody’s', async () => {
  const p = await open();
  await command(p.store.db, { kind: 'receive', sku: 'POT', location: 'main', quantity: 2, disposition: 'sellable' });
  await decidePending(p.store.db, { now: p.context.now });
  await lookForAlerts(p);
  expect(await alerts(p)).toMatchObject([
    { title: 'allot: 1 input could not be taken (unknown-sku)', next: 'allot parked list --code unknown-sku' },
  ]);
  const touches = () => p.store.db.rows(sql`select touches from alert where code = 'input-parked'`);
  expect(await touches()).toEqual([{ touches: { inputs: 1, unowned: 1 } }]);
  const [row] = await parked(p);
  await p.store.db.transaction((tx) => takeParked(tx, [row?.id ?? 0], 'warehouse'));
  p.clock.now += 25 * HOUR_MS;
  await lookForAlerts(p);
  expect(await alerts(p)).toMatchObject([
    { title: 'allot: 1 input could not be taken (unknown-sku), the oldest for more than a day' },
  ]);
  expect(await touches()).toEqual([{ touches: { inputs: 1, unowned: 0, age: 'a day' } }]);
});
