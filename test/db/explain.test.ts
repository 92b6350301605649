/** What `allot explain` and `allot status` read, after real decisions: numbers that recompute, unknowns that stay unknown. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { explainListings, explainOrder } from '#db/explain.ts';
import { explainListingsNow } from '#db/explain-now.ts';
import { readSkuTable, readStatus } from '#db/status.ts';
import { BRAND_POLICY, command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

const NOW = Date.now();
const EARLIER = NOW - 60_000;

let store: TestDatabase;

beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['A', 'B'] });
  await command(
    store.db,
    { kind: 'receive', sku: 'A', location: 'main', quantity: 10, disposition: 'sellable' },
    EARLIER,
  );
  await decidePending(store.db, { now: () => EARLIER });
  await command(store.db, { kind: 'order-state', channel: 'fake:a', order: orderOf('1', { A: 4, B: 2 }) }, NOW);
  await decidePending(store.db, { now: () => NOW });
});
afterEach(() => store.drop());

describe('explainListings', () => {
  test('gives one explanation per channel, whose steps end in the stored quantity', async () => {
    const all = await explainListings(store.db, { sku: 'A' });
    expect(all.map((one) => [one.channel, one.quantity])).toEqual([
      ['fake:a', 6],
      ['fake:b', 6],
    ]);
    for (const one of all) {
      expect(one.steps.at(-1)?.result).toBe(one.quantity);
      expect(one.steps.reduce((sum, step) => sum + step.change, 0)).toBe(one.quantity);
      expect(one).toMatchObject({ acknowledged: null, observed: null, inFlightVersion: null, unit: 'units' });
    }
  });

  test('tells should show, sent and shows apart', async () => {
    await store.db.script(`insert into listing_sync (listing_id, acked_quantity, acked_at, observed_sellable, shown, observed_state, observed_at)
      select id, 9, now(), 8, 8, 'tracked', now() from listing where channel_id = 'fake:a' and sku = 'A'`);
    const [one] = await explainListings(store.db, { sku: 'A', channel: 'fake:a' });
    expect(one).toMatchObject({
      quantity: 6,
      acknowledged: { quantity: 9 },
      observed: { sellable: 8, state: 'tracked' },
    });
  });

  test('goes back to what was decided by a moment', async () => {
    const at = async (moment: number) =>
      (await explainListings(store.db, { sku: 'A', channel: 'fake:a', at: moment }))[0];
    expect(await at(NOW - 1)).toMatchObject({ quantity: 10, targetVersion: 1, decidedAt: EARLIER });
    expect(await at(NOW)).toMatchObject({ quantity: 6, targetVersion: 2, decidedAt: NOW });
    expect(await at(EARLIER - 1)).toMatchObject({
      quantity: null,
      steps: [],
      why: expect.stringContaining('no number was decided by'),
    });
  });

  test('says why there is no number, and answers nothing for an item without listing', async () => {
    await store.db.script(
      `insert into item (sku) values ('N'); insert into listing (channel_id, listing_ref, sku) values ('fake:a', 'n', 'N')`,
    );
    expect(await explainListings(store.db, { sku: 'N' })).toMatchObject([
      { quantity: null, why: expect.stringContaining('no rule in the policy') },
    ]);
    expect(await explainListings(store.db, { sku: 'none' })).toEqual([]);
  });
});

describe('explainListingsNow', () => {
  const now = async (channel = 'fake:a') => {
    const [one] = await explainListingsNow(store.db, { sku: 'A', channel }, NOW + 1);
    if (one === undefined) throw new Error('no listing');
    return one;
  };
  const apply = (version: number, channels: readonly object[]) =>
    store.db.rows(sql`
      with made as (insert into policy (version, body, author, reason)
        values (${version}, ${JSON.stringify({ ...BRAND_POLICY, channels })}::jsonb, 'test', 'test') returning version)
      update policy_current set version = made.version from made`);
  const [shop, partner] = BRAND_POLICY.channels;

  test('explains by what stands now, where the number that was stored did not change', async () => {
    await apply(2, [{ ...shop, cap: 3 }, { ...partner }]);
    await command(store.db, { kind: 'review', sku: 'A' }, NOW);
    await decidePending(store.db, { now: () => NOW });
    await apply(3, [{ ...shop, cap: 3, safetyStock: 1 }, { ...partner }]);
    await command(store.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 5, disposition: 'sellable' }, NOW);
    await decidePending(store.db, { now: () => NOW });
    const [stale] = await explainListings(store.db, { sku: 'A', channel: 'fake:a' });
    expect(stale).toMatchObject({
      quantity: 3,
      explainedAt: null,
      inputs: { free: 6, policyVersion: 2, safetyStock: 0 },
    });
    const live = await now();
    expect(live).toMatchObject({
      quantity: 3,
      targetVersion: 3,
      decidedAt: NOW,
      stored: { quantity: 3, policyVersion: 2 },
      explainedAt: NOW + 1,
      why: null,
      inputs: { free: 11, policyVersion: 3, safetyStock: 1 },
    });
    expect(live.steps.map(({ id, result }) => [id, result]).slice(0, 2)).toEqual([
      ['supply', 15],
      ['committed', 11],
    ]);
    expect(live.steps.at(-1)?.result).toBe(3);
    expect(await now('fake:b')).toMatchObject({ quantity: 11, stored: { quantity: 11, policyVersion: 3 }, why: null });
    const written =
      await store.db.rows(sql`select version, quantity from target_entry e join listing l on l.id = e.listing_id
      where l.sku = 'A' and l.channel_id = 'fake:a' order by version`);
    expect(written.length).toBe(3);
  });

  test('says so where what stands makes another number than the stored one, or none is stored', async () => {
    await store.db.rows(sql`update stock_balance set quantity = 9 where sku = 'A'`);
    expect(await now()).toMatchObject({
      quantity: 5,
      stored: { quantity: 6 },
      why: expect.stringMatching(/^the number that is sent is still 6 \(version 2\): what stands now makes 5/),
    });
    await store.db.rows(sql`delete from target`);
    expect(await now()).toMatchObject({
      quantity: 5,
      stored: null,
      targetVersion: null,
      why: expect.stringMatching(/^no number is decided yet: what stands now makes 5/),
    });
  });

  test('keeps the stored number of a channel that no rule shows, and has none without a policy', async () => {
    await apply(2, [{ ...partner }]);
    expect(await now()).toMatchObject({
      quantity: 6,
      explainedAt: null,
      inputs: { policyVersion: 1 },
      why: expect.stringContaining('policy 2 has no rule for fake:a'),
    });
    await store.db.rows(sql`delete from policy_current`);
    expect(await now()).toMatchObject({ quantity: 6, explainedAt: null, why: null });
  });
});

test('explainOrder tells why a line has what it has, and when it got it', async () => {
  const order = await explainOrder(store.db, 'fake:a/1');
  expect(order?.lines).toMatchObject([
    { lineRef: 'line-A', ordered: 4, allocated: 4, short: 0, shortSince: null, sellableNow: 10, allocatedNow: 4 },
    {
      lineRef: 'line-B',
      ordered: 2,
      allocated: 0,
      short: 2,
      shortSince: expect.any(Number),
      sellableNow: 0,
      heldNow: 0,
    },
  ]);
  expect(order?.history).toMatchObject([
    {
      lineRef: 'line-A',
      kind: 'allocate',
      delta: 4,
      pool: 'shared',
      cause: 'order-state',
      actor: 'test',
      policyVersion: 1,
      at: NOW,
    },
  ]);
  expect(await explainOrder(store.db, 'fake:a/none')).toBeNull();
});

describe('readStatus', () => {
  test('tells channels, queues, parked input, alerts and shortages', async () => {
    await command(store.db, { kind: 'order-state', channel: 'fake:a', order: orderOf('2', { Z: 1 }) }, NOW);
    await decidePending(store.db, { now: () => NOW });
    await store.db.script(`
      insert into alert (fingerprint, code, severity, title, cause, next_step) values ('f', 'push-rejected', 'error', 't', 'c', 'n');
      insert into inbox_key (channel_id, key, topic, source) values ('fake:a', 'k', 'bell', 'webhook');
      insert into push_attempt (channel_id, lane, owner, lease_until, idempotency_key, wire) values ('fake:b', 'fast', 'w', now(), 'k', '');
      update target t set acked_version = version from listing l where l.id = t.listing_id and l.channel_id = 'fake:b';
      insert into worker (id, roles) values ('w', '{sweep}')`);
    const status = await readStatus(store.db, NOW);
    expect(status).toMatchObject({
      policyVersion: 1,
      inbox: { count: 1, oldestAt: expect.any(Number) },
      commands: { count: 0, oldestAt: null },
      parked: [{ channel: 'fake:a', code: 'unmapped-listing', count: 1 }],
      alerts: [{ severity: 'error', code: 'push-rejected', nextStep: 'n' }],
      shortages: { count: 1, units: 2 },
      workers: [{ id: 'w', roles: ['sweep'] }],
    });
    expect(status.channels).toMatchObject([
      {
        id: 'fake:a',
        mode: 'live',
        listings: 2,
        unmapped: 0,
        behind: 2,
        behindSince: expect.any(Number),
        openAttempts: 0,
        lastOkAt: null,
      },
      { id: 'fake:b', behind: 0, behindSince: null, openAttempts: 1 },
    ]);
  });

  test('tells an empty database from a broken one', async () => {
    const empty = await createTestDatabase();
    const status = await readStatus(empty.db, NOW);
    expect(status).toMatchObject({
      policyVersion: null,
      channels: [],
      inbox: { count: 0, oldestAt: null },
      shortages: { count: 0, units: 0 },
    });
    await empty.drop();
  });
});

test('readSkuTable shows on hand, allocated, promise and each channel, unknown as null', async () => {
  await store.db.script(`insert into stock_balance (sku, location, disposition, quantity) values ('A', 'main', 'quarantine', 2);
    update promise_balance set held = 1 where sku = 'A'`);
  const [a, b] = await readSkuTable(store.db, { limit: 10 });
  expect(a).toEqual({
    sku: 'A',
    onHand: 12,
    allocated: 4,
    held: 1,
    atp: 5,
    short: 0,
    channels: {
      'fake:a': { shouldShow: 6, sent: null, shows: null },
      'fake:b': { shouldShow: 6, sent: null, shows: null },
    },
  });
  expect(b).toMatchObject({ sku: 'B', onHand: 0, short: 2 });
  expect((await readSkuTable(store.db, { skus: ['B'] })).map((row) => row.sku)).toEqual(['B']);
  await store.db.rows(sql`delete from listing`);
  expect((await readSkuTable(store.db, { skus: ['A'] }))[0]?.channels).toEqual({});
});
