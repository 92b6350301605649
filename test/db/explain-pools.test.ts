/** Pools, shortages and orders, told from the ledgers for any moment. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { explainListings, explainOrder } from '#db/explain.ts';
import { explainOrderAt } from '#db/explain-past.ts';
import { explainPools, isOfKit } from '#db/explain-pools.ts';
import { explainShortages, explainShortagesAt } from '#db/explain-shortages.ts';
import { BRAND_POLICY, command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

// The policy of the tests is stored when they run: moments lie after it.
const T0 = Date.now() + 60_000;
const at = (minutes: number) => T0 + minutes * 60_000;

const POLICY = {
  ...BRAND_POLICY,
  pools: [{ program: 'wholesale', sku: '*', percent: 50, refill: 'receipt' as const }],
  routes: [{ id: 'trade', program: 'wholesale', tag: 'trade' }],
};

let store: TestDatabase;
const decided = async (
  minutes: number,
  ...[body]: Parameters<typeof command> extends [unknown, infer B, ...unknown[]] ? [B] : never
) => {
  await command(store.db, body, at(minutes));
  await decidePending(store.db, { now: () => at(minutes) });
};

beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['A'], policy: POLICY });
  await decided(0, { kind: 'receive', sku: 'A', location: 'main', quantity: 10, disposition: 'sellable' });
  await decided(1, { kind: 'order-state', channel: 'fake:a', order: orderOf('1', { A: 4 }) });
  await decided(2, { kind: 'order-state', channel: 'fake:b', order: orderOf('2', { A: 3 }) });
  await decided(3, { kind: 'receive', sku: 'A', location: 'main', quantity: 5, disposition: 'sellable' });
});
afterEach(() => store.drop());

const poolsAt = async (minutes: number) => {
  const pools = await explainPools(store.db, 'A', at(minutes));
  if (pools === null || isOfKit(pools)) throw new Error('no policy, or a kit');
  return Object.fromEntries(
    pools.pools.map(({ program, units, consumed, remaining, promise }) => [
      program,
      [units, consumed, remaining, promise.own + promise.shared],
    ]),
  );
};

describe('explainPools', () => {
  test('tells each moment as it was, a percent being one of what there was when the pool was filled', async () => {
    expect(await poolsAt(0)).toEqual({ wholesale: [5, 0, 5, 10], dtc: [0, 0, 0, 5] });
    expect(await poolsAt(1)).toEqual({ wholesale: [5, 0, 5, 6], dtc: [0, 0, 0, 1] });
    expect(await poolsAt(2)).toEqual({ wholesale: [5, 3, 2, 3], dtc: [0, 0, 0, 1] });
    // Filled anew: half of the 8 that are free now.
    expect(await poolsAt(3)).toEqual({ wholesale: [4, 0, 4, 8], dtc: [0, 0, 0, 4] });
    expect(await explainPools(store.db, 'A', 0)).toBeNull();
    expect(await explainPools(store.db, 'none', at(9))).toBeNull();
  });

  test('the emergency pool is of nobody: it has no priority', async () => {
    const pools = [{ program: 'emergency', sku: 'A', units: 2, refill: 'never' as const }];
    await using other = await createTestDatabase();
    await seedBrand(other.db, { skus: ['A'], policy: { ...BRAND_POLICY, pools } });
    const told = await explainPools(other.db, 'A', at(0));
    if (told === null || isOfKit(told)) throw new Error('no policy, or a kit');
    expect(told.pools.map(({ program, priority }) => [program, priority])).toEqual([
      ['wholesale', 1],
      ['dtc', 2],
      ['emergency', null],
    ]);
  });

  test('agrees with what the numbers of the moment were made of', async () => {
    for (const minutes of [0, 1, 2, 3]) {
      const pools = await explainPools(store.db, 'A', at(minutes));
      if (pools === null || isOfKit(pools)) throw new Error('no policy, or a kit');
      // A number that stays the same keeps the inputs that it was first made of.
      const listings = await explainListings(store.db, { sku: 'A', at: at(minutes) });
      const fresh = listings.filter(({ decidedAt }) => decidedAt === at(minutes));
      expect(fresh.length).toBeGreaterThan(0);
      for (const { inputs } of fresh) {
        const pool = pools.pools.find(({ program }) => program === inputs?.program);
        expect([pools.free, pool?.promise]).toEqual([
          inputs?.free,
          { own: inputs?.fromOwn, shared: inputs?.fromShared },
        ]);
      }
    }
  });
});

describe('a kit', () => {
  /** A BOX takes two of A and one LID. */
  beforeEach(async () => {
    await store.db.rows(sql`insert into item (sku) values ('LID'), ('BOX')`);
    await store.db.rows(sql`insert into item_component (kit, sku, quantity) values ('BOX', 'A', 2), ('BOX', 'LID', 1)`);
    await store.db.rows(sql`
      insert into listing (channel_id, listing_ref, sku, mapped_at)
      values ('fake:a', 'ref-BOX', 'BOX', now()), ('fake:b', 'ref-BOX', 'BOX', now())`);
    await decided(4, { kind: 'receive', sku: 'LID', location: 'main', quantity: 3, disposition: 'sellable' });
  });

  test('is told by the sets that each program may take, the component that limits it, and the pools of all', async () => {
    const kit = await explainPools(store.db, 'BOX', at(4));
    if (kit === null || !isOfKit(kit)) throw new Error('no kit');
    // Of 8 A, 4 are the wholesale's; of 3 LID, half of them rounded down.
    expect(kit.programs).toMatchObject([
      { program: 'wholesale', sets: 3, limitedBy: 'LID', components: [{ promise: 8 }, { promise: 3 }] },
      { program: 'dtc', sets: 2, limitedBy: 'A', components: [{ promise: 4 }, { promise: 2 }] },
    ]);
    expect(kit.pools.map(({ sku, free }) => [sku, free])).toEqual([
      ['A', 8],
      ['LID', 3],
    ]);
    const shown = await store.db.rows(sql`
      select t.quantity from target t join listing l on l.id = t.listing_id where l.sku = 'BOX' order by l.channel_id`);
    expect(shown).toEqual([{ quantity: 2 }, { quantity: 3 }]);
    expect(await explainPools(store.db, 'BOX', 0)).toBeNull();
  });

  test('a program whose lines come from one place may take what the best place has whole', async () => {
    await store.db.rows(sql`insert into location (id, master) values ('store', 'allot')`);
    const programs = POLICY.programs.map((one) => ({ ...one, locations: ['main', 'store'], completeness: 'onePlace' }));
    await store.db.rows(sql`update policy set body = body || ${JSON.stringify({ programs, pools: [] })}::jsonb`);
    await decided(5, { kind: 'receive', sku: 'LID', location: 'store', quantity: 9, disposition: 'sellable' });
    const kit = await explainPools(store.db, 'BOX', at(5));
    expect(kit !== null && isOfKit(kit) ? kit.programs : null).toMatchObject([
      { sets: 3, limitedBy: 'A', places: [{ location: 'main', sets: 3 }] },
      { sets: 3 },
    ]);
  });

  test('its lines wait for sets', async () => {
    await decided(5, { kind: 'order-state', channel: 'fake:a', order: orderOf('5', { BOX: 5 }) });
    expect(await explainShortages(store.db, 'BOX', at(6))).toMatchObject([
      { orderId: 'fake:a/5', quantity: 3, promise: 0, closed: null },
    ]);
  });

  test('has no pool that could be low: what was stored of it goes with its next decision', async () => {
    await store.db.rows(sql`
      insert into low_pool (sku, program, location, units, remaining, missing, moves) values ('BOX', 'wholesale', '', 24, 0, 8, '[]')`);
    const fixed = [{ program: 'wholesale', sku: '*', units: 24, refill: 'never' }];
    await store.db.rows(sql`update policy set body = body || ${JSON.stringify({ pools: fixed })}::jsonb`);
    await decided(5, { kind: 'receive', sku: 'LID', location: 'main', quantity: 1, disposition: 'sellable' });
    expect(await store.db.rows(sql`select sku, program, remaining from low_pool`)).toEqual([
      { sku: 'LID', program: 'wholesale', remaining: 4 },
    ]);
  });
});

describe('explainShortages', () => {
  test('names the turn and what is in the way, and at a place what took the goods away', async () => {
    await decided(4, { kind: 'order-state', channel: 'fake:a', order: orderOf('3', { A: 6 }) });
    expect(await explainShortages(store.db, 'A', at(5))).toMatchObject([
      { orderId: 'fake:a/3', quantity: 2, turn: 1, program: 'dtc', promise: 0, closed: 4, causes: [] },
    ]);
    const found = {
      kind: 'inspect',
      sku: 'A',
      location: 'main',
      from: 'sellable',
      to: 'damaged',
      quantity: 14,
    } as const;
    await decided(5, found);
    const [place, line] = await explainShortages(store.db, 'A', at(6));
    expect(place).toMatchObject({
      place: 'main',
      turn: null,
      quantity: 10,
      causes: [{ kind: 'inspect', delta: -14, actor: 'test' }],
    });
    expect(line).toMatchObject({ orderId: 'fake:a/3', turn: 1 });
  });
});

describe('explainShortagesAt', () => {
  test('tells what was short then, whoever has been served, cancelled or shipped since', async () => {
    await decided(4, { kind: 'order-state', channel: 'fake:a', order: orderOf('3', { A: 6 }) });
    await decided(5, { kind: 'order-state', channel: 'fake:a', order: orderOf('4', { A: 2 }) });
    await decided(6, { kind: 'order-state', channel: 'fake:b', order: orderOf('5', { A: 9 }) });
    const then = [
      { orderId: 'fake:b/5', program: 'wholesale', quantity: 5, turn: 1, promise: 0, closed: 0 },
      { orderId: 'fake:a/3', program: 'dtc', quantity: 2, turn: 2, promise: 0 },
      { orderId: 'fake:a/4', program: 'dtc', quantity: 2, turn: 3 },
    ];
    const read = (minutes: number) => explainShortagesAt(store.db, 'A', at(minutes));
    expect(await read(6)).toMatchObject(then);
    expect(await explainShortages(store.db, 'A', at(6))).toMatchObject(then);
    await decided(7, { kind: 'receive', sku: 'A', location: 'main', quantity: 5, disposition: 'sellable' });
    const gone = orderOf('4', { A: 2 }, { version: 2 });
    const cancelled = { ...gone, lines: gone.lines.map((line) => ({ ...line, cancelled: 2 })) };
    await decided(8, { kind: 'order-state', channel: 'fake:a', order: cancelled });
    await decided(9, { kind: 'receive', sku: 'A', location: 'main', quantity: 20, disposition: 'sellable' });
    expect(await explainShortages(store.db, 'A', at(9))).toEqual([]);
    expect(await read(9)).toEqual([]);
    expect(await read(6)).toMatchObject(then);
    expect((await read(8))?.map(({ orderId }) => orderId)).toEqual(['fake:a/3']);
    expect((await read(4))?.map(({ orderId, quantity }) => [orderId, quantity])).toEqual([['fake:a/3', 2]]);
  });

  test('tells a place that lacked promised units, with what had taken them away by then', async () => {
    const found = { kind: 'inspect', sku: 'A', location: 'main', from: 'sellable', to: 'damaged' } as const;
    await decided(4, { ...found, quantity: 12 });
    await decided(5, { kind: 'receive', sku: 'A', location: 'main', quantity: 20, disposition: 'sellable' });
    await decided(6, { ...found, quantity: 1 });
    expect(await explainShortagesAt(store.db, 'A', at(4))).toMatchObject([
      { place: 'main', quantity: 4, turn: null, causes: [{ kind: 'inspect', delta: -12 }] },
    ]);
    expect(await explainShortagesAt(store.db, 'A', at(6))).toEqual([]);
  });
});

describe('explainOrderAt', () => {
  test('shows nothing that was decided later', async () => {
    const more = orderOf('1', { A: 7 }, { version: 2, attributes: { tags: ['trade'] } });
    await decided(4, { kind: 'order-state', channel: 'fake:a', order: more });
    const read = (minutes: number) => explainOrderAt(store.db, 'fake:a/1', at(minutes));
    expect(await read(0)).toMatchObject({ lines: [], history: [] });
    expect(await read(1)).toMatchObject({
      program: 'dtc',
      route: null,
      lines: [{ ordered: 4, allocations: [{ pool: 'shared', quantity: 4 }] }],
    });
    expect((await read(4))?.lines).toMatchObject([{ ordered: 7, allocations: [{ pool: 'shared', quantity: 7 }] }]);
    expect(await explainOrderAt(store.db, 'fake:a/none', at(4))).toBeNull();
  });

  test('tells the route, and how the warehouse marks what it picks', async () => {
    await store.db.rows(sql`update policy set body = jsonb_set(body, '{programs,1,pickTags}', '{"zone": "B"}')`);
    await decided(5, {
      kind: 'order-state',
      channel: 'fake:a',
      order: orderOf('9', { A: 1 }, { attributes: { tags: ['trade'] } }),
    });
    expect(await explainOrder(store.db, 'fake:a/9')).toMatchObject({
      program: 'wholesale',
      route: 'trade',
      pickTags: { zone: 'B' },
    });
    expect(await explainOrder(store.db, 'fake:a/1')).toMatchObject({ program: 'dtc', route: null, pickTags: null });
  });
});
