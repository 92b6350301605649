/** The figures of a whole run: what came in, how long numbers took, and what was sold although it was known better. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Instant } from '#core/model.ts';
import {
  readIngested,
  readParkedCounts,
  readPropagation,
  readShortUnits,
  readSoldAfterKnown,
  readTargets,
} from '#db/measures.ts';
import { command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['MUG', 'TIN'] });
});
afterEach(() => store.drop());

const decideAll = () => decidePending(store.db, { now: Date.now });
const receive = (sku: string, quantity: number) =>
  command(store.db, { kind: 'receive', sku, location: 'main', quantity, disposition: 'sellable' });
const order = (channel: string, ref: string, units: Readonly<Record<string, number>>) =>
  command(store.db, { kind: 'order-state', channel, order: orderOf(ref, units) });

const acknowledge = async (channel: string, sku: string, version: number, at: Instant) => {
  await store.db.rows(sql`
    insert into push_ack (listing_id, version, acked_at)
    select id, ${version}, to_timestamp(${at} / 1000.0) from listing where channel_id = ${channel} and sku = ${sku}`);
};

describe('what came in', () => {
  it('is counted per channel, and what is parked apart', async () => {
    await receive('MUG', 10);
    await order('fake:a', '1', { MUG: 3, TIN: 1 });
    await order('fake:a', '2', { MUG: 1 });
    await order('fake:b', '1', { MUG: 2 });
    await order('fake:b', '2', { GONE: 2 });
    await decideAll();
    expect((await readIngested(store.db)).toSorted((x, y) => (x.channel < y.channel ? -1 : 1))).toEqual([
      { channel: 'fake:a', orders: 2, lines: 3, units: 5 },
      { channel: 'fake:b', orders: 1, lines: 1, units: 2 },
    ]);
    expect(await readParkedCounts(store.db)).toEqual([{ channel: 'fake:b', count: 1 }]);
    expect((await readTargets(store.db)).filter(({ sku }) => sku === 'MUG').map(({ quantity }) => quantity)).toEqual([
      4, 4,
    ]);
    expect(await readShortUnits(store.db)).toEqual([
      { orderId: 'fake:a/1', lineRef: 'line-TIN', sku: 'TIN', short: 1 },
    ]);
  });
});

describe('propagation', () => {
  beforeEach(async () => {
    await receive('MUG', 10);
    await receive('TIN', 10);
    await decideAll();
    await order('fake:a', '1', { MUG: 1, TIN: 1 });
    await decideAll();
  });

  it('ends with the last other channel, by the number of that order or a newer one', async () => {
    await acknowledge('fake:b', 'MUG', 1, 1000);
    await acknowledge('fake:b', 'MUG', 3, 5000);
    await acknowledge('fake:b', 'TIN', 2, 4000);
    await acknowledge('fake:a', 'MUG', 2, 9000);
    expect(await readPropagation(store.db)).toEqual([{ orderId: 'fake:a/1', acknowledgedAt: 5000 }]);
  });

  it('has not ended while one of them has not acknowledged', async () => {
    await acknowledge('fake:b', 'MUG', 2, 5000);
    expect(await readPropagation(store.db)).toEqual([{ orderId: 'fake:a/1', acknowledgedAt: null }]);
  });

  it('says nothing of an order that changed no other number', async () => {
    await store.db.rows(sql`delete from target_entry where version = 2`);
    expect(await readPropagation(store.db)).toEqual([]);
  });
});

describe('sold after it was known', () => {
  const pushed = async (version: number, at: Instant, compareWith: number | null = null) => {
    await store.db.rows(sql`
      with attempt as (
        insert into push_attempt (channel_id, lane, owner, lease_until, state, idempotency_key, wire, created_at)
        values ('fake:b', 'direct', 'test', now(), 'done', ${`key ${version}`}, '', to_timestamp(${at} / 1000.0)) returning id)
      insert into push_attempt_item (attempt_id, position, listing_id, version, quantity, wire_quantity, compare_with, sold_baseline, outcome)
      select attempt.id, 0, l.id, ${version}, 0, 0, ${compareWith}, 0, 'applied' from attempt, listing l where l.channel_id = 'fake:b' and l.sku = 'MUG'`);
  };
  /** The order's event lay in the inbox from `at` on. */
  const heard = async (orderId: string, at: Instant) => {
    await store.db.rows(sql`
      with heard as (
        insert into inbox_key (channel_id, key, topic, source, received_at)
        values ('fake:a', ${orderId}, 'test', 'webhook', to_timestamp(${at} / 1000.0)) returning inbox_id)
      update command set inbox_id = heard.inbox_id from heard where order_id = ${orderId}`);
  };

  /** Ten mugs; nine are sold on a at 2000, then three on b at 4000, by the number of version 1. */
  beforeEach(async () => {
    await receive('MUG', 10);
    await decideAll();
    await order('fake:a', '1', { MUG: 9 });
    await decideAll();
    await order('fake:b', '1', { MUG: 3 });
    await decideAll();
  });
  const found = async () =>
    readSoldAfterKnown(
      store.db,
      (await readShortUnits(store.db)).map((line) => ({ ...line, placedAt: 4000 })),
    );

  it('counts a line whose number was sent when an order that it ignores was in the inbox', async () => {
    await heard('fake:a/1', 2000);
    await pushed(1, 3000);
    expect(await found()).toEqual([{ orderId: 'fake:b/1', lineRef: 'line-MUG', sku: 'MUG', short: 2 }]);
  });

  it('does not count one whose number lowered what was shown: without it more would have been for sale', async () => {
    await heard('fake:a/1', 2000);
    await pushed(1, 3000, 5);
    expect(await found()).toEqual([]);
  });

  it('does not count one whose number was sent before anybody could know', async () => {
    await heard('fake:a/1', 2000);
    await pushed(1, 1500);
    expect(await found()).toEqual([]);
  });

  it('does not count one whose number includes that order', async () => {
    await heard('fake:a/1', 2000);
    await pushed(2, 3000);
    expect(await found()).toEqual([]);
  });

  it('goes by the number in force at the sale, not by a later one', async () => {
    await heard('fake:a/1', 2000);
    await pushed(2, 3000);
    await pushed(1, 5000);
    expect(await found()).toEqual([]);
  });
});
