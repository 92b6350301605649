/** Doctor against planted damage: a healthy history finds nothing; each kind of damage is found under its own invariant. */
import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addCommands } from '#db/commands.ts';
import { type InvariantId, type PlatformReading, runDoctor } from '#db/doctor.ts';
import { insertInbox, markTaken } from '#db/inbox.ts';
import { retryParked } from '#db/parked.ts';
import { sealingKey } from '#db/seal.ts';
import { BRAND_POLICY, command, holdOf, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

const KEY = sealingKey(randomBytes(32).toString('base64'));
const NOW = Date.now();
const now = () => NOW;

let store: TestDatabase;

/** Twenty of A and three of B; A has ten protected for wholesale. Orders fill, fall short, ship and are parked. */
beforeEach(async () => {
  store = await createTestDatabase();
  const { db } = store;
  const pools = [{ program: 'wholesale', sku: 'A', units: 10, refill: 'never' as const }];
  await seedBrand(db, { skus: ['A', 'B'], policy: { ...BRAND_POLICY, pools } });
  for (const [sku, quantity] of [
    ['A', 20],
    ['B', 3],
  ] as const) {
    await command(db, { kind: 'receive', sku, location: 'main', quantity, disposition: 'sellable' }, NOW);
  }
  await takeOrder('web-1', orderOf('1', { A: 4, B: 5 }));
  await command(db, { kind: 'order-state', channel: 'fake:b', order: orderOf('2', { A: 3 }) }, NOW);
  await command(db, { kind: 'ship', orderId: 'fake:b/2', lines: null }, NOW);
  await command(db, { kind: 'order-state', channel: 'fake:a', order: orderOf('3', { C: 1 }) }, NOW);
  await decidePending(db, { now });
  await holdAndConvert();
  await command(db, { kind: 'order-state', channel: 'fake:a', order: orderOf('4', { A: 1 }) }, NOW);
  await decidePending(db, { now });
});

/** Four of A are held for wholesale, of its own pool: two go into an order, one stays, one is given back. */
async function holdAndConvert(): Promise<void> {
  const { db } = store;
  const asked = { program: 'wholesale', expiresAt: Date.now() + 86_400_000, ref: 'fair' };
  const [hold = 0] = await command(db, holdOf({ ...asked, quantity: 4 }), NOW);
  await decidePending(db, { now });
  const order = orderOf('5', { A: 2 }, { origin: 'operator' });
  await command(db, { kind: 'order-state', channel: 'fake:b', order, holds: [{ hold, rest: 'keep' }] }, NOW);
  await command(db, holdOf({ ...asked, quantity: 3 }), NOW);
  await decidePending(db, { now });
}
afterEach(() => store.drop());

async function takeOrder(key: string, order: ReturnType<typeof orderOf>): Promise<void> {
  const rawBody = Buffer.from(JSON.stringify(order));
  await insertInbox(
    store.db,
    [{ channelId: 'fake:a', key, topic: 'allot/order-state', source: 'poll', assurance: 'signed', rawBody }],
    KEY,
  );
  await store.db.transaction(async (tx) => {
    const [entry] = await tx.rows<{ inbox_id: number }>(sql`select inbox_id from inbox_key where key = ${key}`);
    const inboxId = entry?.inbox_id ?? 0;
    const body = { kind: 'order-state' as const, channel: 'fake:a', order };
    await addCommands(tx, [{ body, actor: 'fake:a', occurredAt: NOW, channelId: 'fake:a', inboxId }]);
    await markTaken(tx, [inboxId]);
  });
}

const doctor = () => runDoctor(store.db, { sealingKeyIds: [KEY.id] });

async function brokenBy(damage: string): Promise<InvariantId[]> {
  await store.db.script(damage);
  const report = await doctor();
  expect(report.ok).toBe(false);
  const broken = report.checks.filter((check) => (check.violations ?? 0) > 0);
  for (const check of broken) expect(check.examples.length).toBeGreaterThan(0);
  return broken.map((check) => check.id);
}

describe('a healthy history', () => {
  test('breaks nothing, and says that the platforms were not read', async () => {
    const report = await doctor();
    expect(report.checks.flatMap((check) => check.examples)).toEqual([]);
    expect(report).toMatchObject({ ok: true, skipped: { I8: 'the platforms were not read' } });
    expect(report.violations).toEqual({ I1: 0, I2: 0, I3: 0, I4: 0, I5: 0, I6: 0, I7: 0, I8: null, I9: 0, I10: 0 });
  });

  test('stays whole when a parked command is retried and stands in two batches', async () => {
    const [parked] = await store.db.rows<{ id: number; attempts: number }>(
      sql`select id, attempts from parked where state = 'parked'`,
    );
    await store.db.transaction((tx) => retryParked(tx, [parked?.id ?? 0], 'test'));
    await decidePending(store.db, { now });
    const [again] = await store.db.rows<{ attempts: number }>(sql`select attempts from parked where state = 'parked'`);
    expect(again?.attempts).toBe((parked?.attempts ?? 0) + 1);
    expect(await doctor()).toMatchObject({ ok: true });
  });

  test('counts an open shortage of a place as told', async () => {
    await command(
      store.db,
      { kind: 'count', sku: 'A', location: 'main', disposition: 'sellable', quantity: 2, asOf: NOW },
      NOW,
    );
    await decidePending(store.db, { now });
    const [place] = await store.db.rows<{ quantity: number }>(
      sql`select quantity from shortage where location = 'main' and closed_at is null`,
    );
    expect(place?.quantity).toBe(6);
    expect(await doctor()).toMatchObject({ ok: true });
  });
});

const WORKER = `insert into worker (id, roles) values ('w', '{sweep}');`;
const ATTEMPT = (version: number) => `with a as (
  insert into push_attempt (channel_id, lane, owner, lease_until, state, idempotency_key, wire, sent_at)
  values ('fake:a', 'fast', 'w', now(), 'done', 'k', '', now()) returning id)
  insert into push_attempt_item (attempt_id, position, listing_id, version, quantity, wire_quantity, sold_baseline, outcome)
  select a.id, 0, (select min(id) from listing), ${version}, 1, 1, 0, 'applied' from a;`;

const DAMAGE: readonly (readonly [string, InvariantId, string])[] = [
  [
    'a place is promised beyond its stock without a shortage',
    'I1',
    `update stock_balance set quantity = 1 where sku = 'A'`,
  ],
  ['a hold takes what is allocated', 'I1', `update promise_balance set held = 12 where sku = 'A' and pool = 'own'`],
  [
    'a shortage of a place is closed too early',
    'I1',
    `update stock_balance set quantity = 4 where sku = 'A';
    insert into shortage (key, sku, location, quantity, closed_at) values ('place main A', 'A', 'main', 1, now())`,
  ],
  ['a stock entry is lost', 'I2', `delete from stock_entry where sku = 'B'`],
  ['a balance is written by hand', 'I2', `update stock_balance set quantity = quantity + 1 where sku = 'A'`],
  [
    'a promise balance is written by hand',
    'I2',
    `update promise_balance set allocated = allocated - 1 where sku = 'A' and program = 'dtc'`,
  ],
  [
    'a held balance is written by hand',
    'I2',
    `update promise_balance set held = held + 1 where sku = 'A' and pool = 'own'`,
  ],
  ['a hold keeps more than its entries', 'I2', `update hold set units = units + 1`],
  ['a hold keeps other units than it drew', 'I2', `update hold set parts = jsonb_set(parts, '{0,pool}', '"shared"')`],
  ['a hold is deleted', 'I2', `delete from hold`],
  ['an entry of a hold is lost', 'I2', `delete from promise_entry where kind = 'unhold'`],
  [
    'a conversion allocates what was not held',
    'I2',
    `update promise_entry set delta = delta + 1 where kind = 'allocate' and hold_id is not null`,
  ],
  ['a pool balance is written by hand', 'I2', `update pool_balance set consumed = consumed + 1`],
  [
    'a line holds more than its promise',
    'I2',
    `update order_line set allocations = jsonb_set(allocations, '{0,quantity}', '9') where allocated > 0`,
  ],
  [
    'an event is known twice',
    'I3',
    `alter table inbox_key drop constraint inbox_key_channel_id_key_key;
    insert into inbox_key (channel_id, key, topic, source, state) select channel_id, key, 'bell', source, state from inbox_key`,
  ],
  [
    'a command of one entry is applied twice',
    'I3',
    `insert into command (kind, body, actor, order_id, channel_id, inbox_id, occurred_at, state, batch_id)
    select kind, body, actor, order_id, channel_id, inbox_id, occurred_at, state, batch_id from command where inbox_id is not null`,
  ],
  [
    'a command stands in two batches',
    'I3',
    `insert into batch (decided_at, policy_version, core_version, command_ids)
    select decided_at, policy_version, core_version, command_ids[1:1] from batch order by id limit 1`,
  ],
  [
    'a command has entries in two batches',
    'I3',
    `update stock_entry set batch_id = 99, command_id = (select min(command_id) from stock_entry) where sku = 'B'`,
  ],
  [
    'an open unit is nowhere',
    'I4',
    `alter table order_line drop constraint order_line_check; update order_line set short = short - 1 where short > 0`,
  ],
  ['an order line is deleted', 'I4', `delete from order_line where sku = 'B'`],
  [
    'fewer units are in the books than were ordered',
    'I4',
    `update sales_order set state = jsonb_set(state, '{lines,0,ordered}', '7') where id = 'fake:a/1'`,
  ],
  [
    'a shortage is closed while units are missing',
    'I4',
    `update shortage set closed_at = now() where order_id is not null`,
  ],
  ["another program's own pool is drawn", 'I5', `update sales_order set program = 'dtc' where id = 'fake:b/2'`],
  [
    'a shared draw counts as an own one',
    'I5',
    `update promise_entry set consumed = delta where pool = 'shared' and kind = 'allocate'`,
  ],
  ["a hold draws another program's own pool", 'I5', `update hold set program = 'dtc'`],
  [
    'a conversion counts its units as drawn twice',
    'I5',
    `update promise_entry set consumed = consumed + 1 where kind = 'allocate' and hold_id is not null`,
  ],
  ['a pool has less than nothing drawn', 'I5', `update pool_balance set consumed = -1`],
  [
    'a shared draw left less than is protected',
    'I5',
    `update promise_balance set allocated = 12 where sku = 'A' and program = 'dtc'`,
  ],
  ['an older version is sent after a newer', 'I6', ATTEMPT(5) + ATTEMPT(4)],
  ['an older version is sent two attempts after a newer', 'I6', ATTEMPT(5) + ATTEMPT(3) + ATTEMPT(4)],
  ['a version that never was is acknowledged', 'I6', `update target set acked_version = version + 1`],
  [
    'a payload is gone before it was taken',
    'I7',
    `delete from inbox_raw; update inbox_key set state = 'pending', received_at = now() - interval '90 days'`,
  ],
  ['a payload is gone before its time', 'I7', `delete from inbox_raw`],
  ['a payload is known to no key', 'I7', `delete from inbox_key`],
  ['a whole order came to no command', 'I7', `delete from command where inbox_id is not null`],
  ['an entry is parked without a word', 'I7', `update inbox_key set state = 'parked'`],
  ['a command is dropped without a word', 'I7', `update command set state = 'dropped' where state = 'parked'`],
  ['a command was applied by no batch', 'I7', `update command set batch_id = null where kind = 'ship'`],
  [
    'a command is left undecided',
    'I9',
    `${WORKER} insert into command (kind, body, actor, occurred_at, recorded_at)
    values ('review', '{}', 'test', now(), now() - interval '1 hour')`,
  ],
  [
    'an entry is left unread',
    'I9',
    `${WORKER} update inbox_key set state = 'pending', received_at = now() - interval '1 hour'`,
  ],
  [
    'a bell is left unrung',
    'I9',
    `${WORKER} insert into outbox (topic, recorded_at) values ('push', now() - interval '1 hour')`,
  ],
  [
    'an attempt is left without a lease',
    'I9',
    `${WORKER} insert into push_attempt (channel_id, lane, owner, lease_until, idempotency_key, wire)
    values ('fake:a', 'fast', 'gone', now() - interval '1 hour', 'k', '')`,
  ],
  ['a review is left undone', 'I9', `${WORKER} update item set next_review_at = now() - interval '1 hour'`],
  ['an expired hold still holds', 'I9', `${WORKER} update hold set expires_at = now() - interval '1 hour'`],
  ['a payload outlives its purge', 'I9', `update inbox_raw set purge_on = current_date - 3`],
  [
    'a payload lies open',
    'I10',
    `update inbox_raw set sealed = convert_to('{"orderRef": "1", "lines": [], "note": "open"}', 'UTF8')`,
  ],
  ['a payload is too short to be sealed', 'I10', `update inbox_raw set sealed = '\\x0001'`],
  ['a payload is sealed with a key that is lost', 'I10', `update inbox_raw set key_id = '0123456789ab'`],
  [
    'a command holds an e-mail address',
    'I10',
    `update command set body = body || '{"note": "ann.lee@example.org"}' where kind = 'receive'`,
  ],
  ['an order holds an e-mail address', 'I10', `update sales_order set state = state || '{"by": "ann@example.co.uk"}'`],
  ['a parked reason holds an e-mail address', 'I10', `update parked set reason = 'from ann@example.com'`],
];

describe('planted damage', () => {
  test.each(DAMAGE)('%s: %s', async (_name, id, damage) => {
    expect(await brokenBy(damage)).toContain(id);
  });

  test('of ledgers that nobody may have worked on is not called growth: no daemon ever lived', async () => {
    await store.db.script(`insert into outbox (topic, recorded_at) values ('push', now() - interval '1 hour')`);
    expect((await doctor()).violations.I9).toBe(0);
  });

  test('more than five of a kind are counted, and five are shown', async () => {
    await store.db.script(`${WORKER} insert into outbox (topic, key, recorded_at)
      select 'push', 'c' || n, now() - interval '1 hour' from generate_series(1, 12) n`);
    const check = (await doctor()).checks.find(({ id }) => id === 'I9');
    expect(check).toMatchObject({ violations: 12 });
    expect(check?.examples).toHaveLength(5);
  });
});

describe('I8, what the platforms show', () => {
  const listings = () =>
    store.db.rows<{ channel: string; listingRef: string; quantity: number }>(sql`
      select l.channel_id as channel, l.listing_ref as "listingRef", t.quantity from listing l join target t on t.listing_id = l.id`);

  async function readingOf(channel: string, off: number): Promise<PlatformReading> {
    const shown = (await listings())
      .filter((listing) => listing.channel === channel)
      .map((listing, index) => ({
        ...listing,
        locationRef: '',
        state: 'tracked',
        sellable: listing.quantity + (index === 0 ? off : 0),
      }));
    return { channel, fault: null, shown };
  }
  const judge = (readings: readonly PlatformReading[]) => runDoctor(store.db, { readPlatforms: async () => readings });

  test('holds when every platform shows its target', async () => {
    const report = await judge([await readingOf('fake:a', 0), await readingOf('fake:b', 0)]);
    expect(report.violations.I8).toBe(0);
    expect(report.skipped).toEqual({});
  });

  test('finds the listing that shows another number, and the one that was not read', async () => {
    expect((await judge([await readingOf('fake:a', 1), await readingOf('fake:b', 0)])).violations.I8).toBe(1);
    expect(
      (await judge([await readingOf('fake:a', 0), { channel: 'fake:b', fault: null, shown: [] }])).violations.I8,
    ).toBe(2);
  });

  test('judges a channel that nobody can read by what it acknowledged last', async () => {
    await store.db.script(`insert into listing_sync (listing_id, acked_quantity)
      select t.listing_id, t.quantity from target t join listing l on l.id = t.listing_id where l.channel_id = 'fake:b'`);
    expect((await judge([await readingOf('fake:a', 0)])).violations.I8).toBe(0);
    await store.db.script(`update listing_sync set acked_quantity = acked_quantity + 1`);
    expect((await judge([await readingOf('fake:a', 0)])).violations.I8).toBe(2);
  });

  test('is unknown, not green, where a platform could not be read; channels that are not live are left out', async () => {
    const fault = { channel: 'fake:b', fault: 'time-out', shown: [] };
    const report = await judge([await readingOf('fake:a', 0), fault]);
    expect(report).toMatchObject({
      ok: true,
      violations: { I8: null },
      skipped: { I8: 'could not be read: fake:b: time-out' },
    });
    await store.db.script(`update channel set mode = 'shadow'`);
    expect((await judge([await readingOf('fake:a', 5), await readingOf('fake:b', 5)])).violations.I8).toBe(0);
  });
});
