/** Sales measured from facts: how long until the other channels acknowledge, and how many there are an hour. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Instant } from '#core/model.ts';
import { FAST_MS, SLOW_MS } from '#core/sales-measures.ts';
import { readSales } from '#db/exposures.ts';
import { addSales, claimMeasure, countLatency, readLatency, writeLatencyFigures } from '#db/sales-measures.ts';
import { command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

let store: TestDatabase;
/** When the sales of a test happen: both channels were live long before. */
let soldAt: Instant;
const HOUR_MS = 3_600_000;

beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['MUG', 'TIN', 'SET'] });
  soldAt = Date.now() - HOUR_MS;
  await store.db.rows(
    sql`update channel set known_since = now() - interval '1 day', mode_changed_at = now() - interval '1 day'`,
  );
  await store.db.rows(sql`update sales_measure set acked_at = now() - interval '1 day' where name = 'latency'`);
  for (const sku of ['MUG', 'TIN'])
    await command(store.db, { kind: 'receive', sku, location: 'main', quantity: 100, disposition: 'sellable' }, soldAt);
  await decideAll();
});
afterEach(() => store.drop());

const decideAll = () => decidePending(store.db, { now: () => soldAt });
const sell = async (channel: string, ref: string, units: Readonly<Record<string, number>>, at = soldAt) => {
  await command(
    store.db,
    { kind: 'order-state', channel, order: orderOf(ref, units, { placedAt: at, modifiedAt: at }) },
    at,
  );
  await decideAll();
};
const acknowledge = (channel: string, sku: string, version: number, at: Instant) =>
  store.db.rows(sql`
    insert into push_ack (listing_id, version, acked_at)
    select id, ${version}, to_timestamp(${at} / 1000.0) from listing where channel_id = ${channel} and sku = ${sku}`);

const measure = async () => {
  await store.db.transaction((tx) => countLatency(tx, Date.now()));
  await store.db.transaction((tx) => writeLatencyFigures(tx, Date.now()));
  return (await readLatency(store.db)).filter(({ since }) => since === 'sold');
};
/** Up to 9 % too long. */
const about = (ms: number) => expect.toSatisfy((shown: number) => shown >= ms && shown < ms * 1.1, `about ${ms}`);

describe('latency', () => {
  it('is from a sale to the first acknowledgement of its number or a newer one by the other channel', async () => {
    await sell('fake:a', '1', { MUG: 1 });
    await acknowledge('fake:b', 'MUG', 1, soldAt + 1000);
    await acknowledge('fake:b', 'MUG', 2, soldAt + 8000);
    // Shown again when it was read later; and the seller's own number.
    await acknowledge('fake:b', 'MUG', 2, soldAt + 60_000);
    await acknowledge('fake:a', 'MUG', 2, soldAt + 90_000);
    expect(await measure()).toEqual([
      { channel: 'fake:b', since: 'sold', samples: 1, p50Ms: about(8000), p95Ms: about(8000), p99Ms: about(8000) },
    ]);
  });

  it('counts each sale that one acknowledgement tells of, and each acknowledgement once', async () => {
    await sell('fake:a', '1', { MUG: 1 });
    await sell('fake:a', '2', { MUG: 2 }, soldAt + 4000);
    await acknowledge('fake:b', 'MUG', 3, soldAt + 20_000);
    expect(await measure()).toMatchObject([{ samples: 2, p50Ms: about(16_000), p99Ms: about(20_000) }]);
    expect(await measure()).toMatchObject([{ samples: 2 }]);
    await sell('fake:b', '1', { TIN: 1 });
    await acknowledge('fake:a', 'TIN', 2, soldAt + 30_000);
    expect(await measure()).toMatchObject([
      { channel: 'fake:a', samples: 1 },
      { channel: 'fake:b', samples: 2 },
    ]);
  });

  it('is not of what raised a number, what its own channel sold, nor what was sold before either channel was there', async () => {
    await command(
      store.db,
      { kind: 'receive', sku: 'MUG', location: 'main', quantity: 5, disposition: 'sellable' },
      soldAt,
    );
    await decideAll();
    await acknowledge('fake:b', 'MUG', 2, soldAt + 1000);
    await sell('fake:b', '1', { MUG: 1 });
    await acknowledge('fake:b', 'MUG', 3, soldAt + 2000);
    await sell('fake:a', '1', { MUG: 1 }, soldAt - 25 * HOUR_MS);
    await acknowledge('fake:b', 'MUG', 4, soldAt + 3000);
    expect(await measure()).toEqual([]);
    await store.db.rows(sql`update channel set mode_changed_at = now() where id = 'fake:b'`);
    await sell('fake:a', '2', { MUG: 1 });
    await acknowledge('fake:b', 'MUG', 5, soldAt + 4000);
    expect(await measure()).toEqual([]);
  });

  it('is of another listing of its own channel and of a kit too', async () => {
    await store.db.rows(sql`
      insert into listing (channel_id, listing_ref, sku, pack, mapped_at) values ('fake:a', 'six', 'MUG', 6, now())`);
    await store.db.rows(sql`insert into item_component (kit, sku, quantity) values ('SET', 'TIN', 2)`);
    await command(store.db, { kind: 'review', sku: 'MUG' }, soldAt);
    await command(store.db, { kind: 'review', sku: 'SET' }, soldAt);
    await decideAll();
    await sell('fake:a', '1', { MUG: 5, TIN: 4 });
    await store.db.rows(sql`
      insert into push_ack (listing_id, version, acked_at)
      select id, 2, to_timestamp(${soldAt + 12_000} / 1000.0) from listing where listing_ref = 'six' or (channel_id = 'fake:b' and sku = 'SET')`);
    expect(await measure()).toMatchObject([
      { channel: 'fake:a', samples: 1, p99Ms: about(12_000) },
      { channel: 'fake:b', samples: 1 },
    ]);
  });

  it('forgets what is older than seven days', async () => {
    await sell('fake:a', '1', { MUG: 1 });
    await acknowledge('fake:b', 'MUG', 2, soldAt + 8000);
    expect(await measure()).toHaveLength(1);
    await store.db.rows(sql`update latency_hour set hour = hour - interval '8 days'`);
    expect(await measure()).toEqual([]);
  });
});

describe('rates', () => {
  const add = (now: Instant) => store.db.transaction((tx) => addSales(tx, now));
  const of = async (sku: string) =>
    (await readSales(store.db, [sku])).map(({ channel, fastUnits, fastSquares, slowUnits }) => ({
      channel,
      fastUnits,
      fastSquares,
      slowUnits,
    }));

  it('are the units of each order, faded by its age, once', async () => {
    await sell('fake:a', '1', { MUG: 3 });
    await sell('fake:a', '2', { MUG: 1 }, soldAt + HOUR_MS);
    const now = soldAt + HOUR_MS;
    expect(await add(now)).toEqual(['MUG']);
    expect(await of('MUG')).toEqual([
      {
        channel: 'fake:a',
        fastUnits: expect.closeTo(3 / Math.E + 1, 6),
        fastSquares: expect.closeTo(9 / Math.E + 1, 6),
        slowUnits: expect.closeTo(3 * Math.exp(-HOUR_MS / SLOW_MS) + 1, 6),
      },
    ]);
    expect(await add(now)).toEqual([]);
    await sell('fake:b', '1', { MUG: 2 }, now + FAST_MS);
    await sell('fake:a', '3', { MUG: 1 }, now + FAST_MS);
    expect(await add(now + FAST_MS)).toEqual(['MUG']);
    expect(await of('MUG')).toMatchObject([
      { channel: 'fake:a', fastUnits: expect.closeTo((3 / Math.E + 1) / Math.E + 1, 6) },
      { channel: 'fake:b', fastUnits: 2, fastSquares: 4 },
    ]);
  });

  it('count an order once however often it is told, and what was long ago for nothing', async () => {
    await sell('fake:a', '1', { MUG: 3 }, soldAt);
    await command(
      store.db,
      {
        kind: 'order-state',
        channel: 'fake:a',
        order: orderOf('1', { MUG: 3 }, { version: 2, placedAt: soldAt, modifiedAt: soldAt + 5 }),
      },
      soldAt,
    );
    await decideAll();
    await sell('fake:a', 'old', { TIN: 3 }, soldAt - 400 * 24 * HOUR_MS);
    await add(soldAt);
    expect(await of('MUG')).toMatchObject([{ fastUnits: 3 }]);
    expect((await of('TIN'))[0]?.slowUnits).toBeLessThan(1e-9);
  });

  it("are a kit's components'", async () => {
    await store.db.rows(
      sql`insert into item_component (kit, sku, quantity) values ('SET', 'MUG', 1), ('SET', 'TIN', 2)`,
    );
    await command(store.db, { kind: 'review', sku: 'SET' }, soldAt);
    await decideAll();
    await sell('fake:a', '1', { SET: 4 });
    expect(await add(soldAt)).toEqual(['MUG', 'TIN']);
    expect(await of('TIN')).toMatchObject([{ fastUnits: 8, fastSquares: 64 }]);
  });
});

describe('a measure', () => {
  it('is taken by one at a time, and not again before it is due', async () => {
    const at = { now: Date.now(), everyMs: 10_000 };
    await store.db.transaction(async (tx) => {
      expect(await claimMeasure(tx, 'latency', at)).toEqual({ position: 0 });
      expect(await store.db.transaction((other) => claimMeasure(other, 'latency', at))).toBeNull();
      await countLatency(tx, at.now);
    });
    const claim = (now: Instant) => store.db.transaction((tx) => claimMeasure(tx, 'latency', { ...at, now }));
    expect(await claim(at.now + 9000)).toBeNull();
    expect(await claim(at.now + 10_000)).not.toBeNull();
  });
});
