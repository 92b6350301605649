/** Pools of one place in the database: loaded as they were written, told at any moment, low ones as alerts, and looked after by doctor. */
import { readFile } from 'node:fs/promises';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rowKey } from '#core/drawn.ts';
import { runDoctor } from '#db/doctor.ts';
import { explainListings, explainOrder } from '#db/explain.ts';
import { explainPools, isOfKit } from '#db/explain-pools.ts';
import { listLowPools } from '#db/low-pools.ts';
import { loadToPreview } from '#db/state.ts';
import { BRAND_POLICY, command, holdOf, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';
import { tellLowPools } from '#workers/low-pools.ts';

// The policy of the tests is stored when they run: moments lie after it.
const T0 = Date.now() + 60_000;
const at = (minutes: number) => T0 + minutes * 60_000;

const POLICY = {
  ...BRAND_POLICY,
  programs: BRAND_POLICY.programs.map((program) => ({ ...program, locations: ['main', 'store'] })),
  pools: [
    { program: 'wholesale', sku: 'A', units: 3, refill: 'never' as const },
    { program: 'wholesale', sku: '*', location: 'store', units: 4, refill: 'receipt' as const },
  ],
};

let store: TestDatabase;

async function decided(minutes: number, body: Parameters<typeof command>[1]): Promise<void> {
  await command(store.db, body, at(minutes));
  await decidePending(store.db, { now: () => at(minutes) });
}
const receive = (location: string, quantity: number) =>
  ({ kind: 'receive', sku: 'A', location, quantity, disposition: 'sellable' }) as const;
const buy = (channel: string, ref: string, ordered: number, version = 1) =>
  ({
    kind: 'order-state',
    channel,
    order: orderOf(ref, { A: ordered }, { version, modifiedAt: at(version) }),
  }) as const;

/** Five at each place. The web takes what it may; wholesale takes four at the store, holds one of its own, and gives two back. */
beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['A'], policy: POLICY });
  await store.db.rows(sql`insert into location (id, master) values ('store', 'allot')`);
  await decided(0, receive('main', 5));
  await decided(1, receive('store', 5));
  await decided(2, buy('fake:a', '1', 9));
  await decided(3, buy('fake:b', '2', 4));
  await decided(4, holdOf({ program: 'wholesale', quantity: 1, expiresAt: at(9000) }));
  await decided(5, buy('fake:b', '2', 2, 2));
});
afterEach(() => store.drop());

const poolsAt = async (minutes: number) => {
  const told = await explainPools(store.db, 'A', at(minutes));
  if (told === null || isOfKit(told)) throw new Error('no policy, or a kit');
  const [wholesale, dtc] = told.pools;
  return {
    own: [wholesale?.units, wholesale?.consumed, wholesale?.remaining],
    store: wholesale?.places?.map(({ units, consumed, remaining }) => [units, consumed, remaining]),
    may: [wholesale, dtc].map((pool) => (pool?.promise.own ?? 0) + (pool?.promise.shared ?? 0)),
    shared: told.shared,
  };
};

const loaded = () =>
  store.db.transaction((tx) => loadToPreview(tx, ['A'], { ...POLICY, version: 1 })).then(({ items }) => items[0]);

describe('a pool of a place', () => {
  test('keeps its units from an order of another program, and its parts say whose they were', async () => {
    const lines = (await explainOrder(store.db, 'fake:a/1'))?.lines;
    // Ten less three and four.
    expect(lines).toMatchObject([{ short: 6, allocations: [{ location: 'main', pool: 'shared', quantity: 3 }] }]);
    const own = (await explainOrder(store.db, 'fake:b/2'))?.lines;
    expect(own).toMatchObject([{ allocations: [{ location: 'store', pool: 'place', quantity: 2 }] }]);
  });

  test('is loaded as it was decided, beside what its program took in all', async () => {
    const rows = (await loaded())?.drawn ?? [];
    expect(rows.map((row) => [rowKey(row), row.consumed, row.taken])).toEqual([
      ['dtc', 0, 3],
      ['wholesale', 1, 3],
      ['wholesale store', 2, 0],
    ]);
  });

  test('is told as it was at each moment', async () => {
    expect(await poolsAt(1)).toEqual({ own: [3, 0, 3], store: [[4, 0, 4]], may: [10, 3], shared: 3 });
    expect(await poolsAt(2)).toEqual({ own: [3, 0, 3], store: [[4, 0, 4]], may: [7, 0], shared: 0 });
    expect(await poolsAt(3)).toEqual({ own: [3, 0, 3], store: [[4, 4, 0]], may: [3, 0], shared: 0 });
    expect(await poolsAt(4)).toEqual({ own: [3, 1, 2], store: [[4, 4, 0]], may: [2, 0], shared: 0 });
    expect(await poolsAt(5)).toEqual({ own: [3, 1, 2], store: [[4, 2, 2]], may: [4, 0], shared: 0 });
    await decided(6, receive('main', 1));
    expect((await poolsAt(6)).store).toEqual([[4, 2, 2]]);
    // What comes to the store begins its pool anew.
    await decided(7, receive('store', 2));
    expect((await poolsAt(7)).store).toEqual([[4, 0, 4]]);
    expect((await poolsAt(5)).store).toEqual([[4, 2, 2]]);
    expect((await loaded())?.drawn.find((row) => row.location === 'store')).toMatchObject({ consumed: 0 });
  });

  test('explains the numbers that it lowers and makes, now and then', async () => {
    const [web, wholesale] = await explainListings(store.db, { sku: 'A', at: at(1) });
    expect(web?.steps.find(({ id }) => id === 'protected')?.says).toBe(
      '7 of 10 free units are protected for other programs (wholesale 3, wholesale 4 at store)',
    );
    expect(wholesale?.steps.find(({ id }) => id === 'drawOrder')?.says).toContain(
      '4 from its own pools of one place (store: 4 protected, 0 drawn, 4 left; rule for all items at store)',
    );
    expect([web?.quantity, wholesale?.quantity]).toEqual([3, 10]);
  });

  test('that is low is an alert with its place, beside that of the item, and closes by itself', async () => {
    const alerts = () =>
      store.db.rows(sql`select title, cause from alert where code = 'pool-low' and state <> 'closed' order by title`);
    await decided(6, buy('fake:b', '3', 4));
    expect(await listLowPools(store.db)).toEqual([
      { sku: 'A', program: 'wholesale', units: 3, remaining: 0, missing: 1, moves: [] },
      {
        sku: 'A',
        program: 'wholesale',
        location: 'store',
        units: 4,
        remaining: 0,
        missing: 1,
        moves: [],
        liftedBy: 'receipt',
      },
    ]);
    await tellLowPools(store.db);
    await tellLowPools(store.db);
    expect(await alerts()).toMatchObject([
      {
        title: 'A: the pool of wholesale at store has 0 of 4 protected units left',
        cause: 'at least 1 more unit lifts it to its threshold: receive them at store',
      },
      { title: 'A: the pool of wholesale has 0 of 3 protected units left' },
    ]);
    await decided(7, receive('store', 9));
    await tellLowPools(store.db);
    expect(await alerts()).toMatchObject([{ title: 'A: the pool of wholesale has 0 of 3 protected units left' }]);
  });
});

describe('a pool that is a part of what is at its place', () => {
  const HALF = {
    ...POLICY,
    pools: [{ program: 'wholesale', sku: '*', location: 'store', percent: 50, refill: 'receipt' as const }],
  };
  const row = async () => (await loaded())?.drawn.find(({ location }) => location === 'store');

  beforeEach(async () => {
    await store.drop();
    store = await createTestDatabase();
    await seedBrand(store.db, { skus: ['A'], policy: HALF });
    await store.db.rows(sql`insert into location (id, master) values ('store', 'allot')`);
    await decided(0, receive('store', 10));
    await decided(1, buy('fake:a', '1', 3));
    await decided(2, buy('fake:b', '2', 4));
  });

  test('counts what anybody took there since it was filled; loaded as decided, told as it was', async () => {
    expect(await row()).toMatchObject({ consumed: 4, taken: 7, isFilled: true });
    await decided(3, receive('store', 5));
    expect(await row()).toMatchObject({ consumed: 0, taken: 0, isFilled: true });
    await decided(4, buy('fake:a', '3', 2));
    expect(await row()).toMatchObject({ consumed: 0, taken: 2, isFilled: true });
    // Ten; then eight are free, of which half were and are kept, whoever takes the others.
    expect((await poolsAt(0)).store).toEqual([[5, 0, 5]]);
    expect((await poolsAt(2)).store).toEqual([[5, 4, 1]]);
    expect((await poolsAt(3)).store).toEqual([[4, 0, 4]]);
    expect((await poolsAt(4)).store).toEqual([[4, 0, 4]]);
    expect((await runDoctor(store.db)).violations).toMatchObject({ I1: 0, I2: 0, I4: 0, I5: 0 });
  });

  test('doctor finds a count that no entry has', async () => {
    await store.db.script(`update pool_balance set taken = 6 where location = 'store'`);
    expect((await runDoctor(store.db)).violations.I2).toBeGreaterThan(0);
  });

  test('rows of before it was counted are counted by the migration', async () => {
    await store.db.script(`update pool_balance set taken = 0, is_filled = false where location = 'store'`);
    await store.db.script(
      await readFile(new URL('../../db/migrations/0024_filled_places.sql', import.meta.url), 'utf8'),
    );
    expect(await row()).toMatchObject({ consumed: 4, taken: 7, isFilled: true });
  });
});

describe('doctor', () => {
  const broken = async (damage: string) => {
    await store.db.script(damage);
    return (await runDoctor(store.db)).violations;
  };

  test('finds a story with pools of places healthy', async () => {
    await decided(6, receive('store', 2));
    await decided(7, buy('fake:a', '9', 1));
    expect((await runDoctor(store.db)).violations).toMatchObject({ I1: 0, I2: 0, I4: 0, I5: 0 });
  });

  test.each([
    [
      'drawn units of the place that no entry has',
      'I2',
      `update pool_balance set consumed = 1 where location = 'store'`,
    ],
    ['a row of the place that is gone', 'I2', `delete from pool_balance where location = 'store'`],
    ['less than nothing drawn', 'I5', `update pool_balance set consumed = -1 where location = 'store'`],
    [
      'units of the place drawn by another program',
      'I5',
      `update sales_order set program = 'dtc' where id = 'fake:b/2'`,
    ],
    ['units of the place that do not count', 'I5', `update promise_entry set consumed = 0 where pool = 'place'`],
  ] as const)('finds %s', async (_, id, damage) => {
    expect((await broken(damage))[id]).toBeGreaterThan(0);
  });

  test('does not judge what lots leave: what lives too short for the pool’s program is anybody’s', async () => {
    const programs = POLICY.programs.map((each) => (each.id === 'wholesale' ? { ...each, minimumLifeDays: 60 } : each));
    await store.drop();
    store = await createTestDatabase();
    await seedBrand(store.db, { skus: ['A'], policy: { ...POLICY, programs } });
    await store.db.rows(sql`insert into location (id, master) values ('store', 'allot')`);
    await decided(0, { ...receive('store', 5), lot: 'L', expiresAt: at(20 * 24 * 60) });
    await decided(1, buy('fake:a', '1', 3));
    expect((await loaded())?.drawn).toMatchObject([{ program: 'dtc', taken: 3 }]);
    expect((await runDoctor(store.db)).violations.I5).toBe(0);
  });

  test('finds that a draw left less at a place than is protected there', async () => {
    await decided(6, receive('store', 20));
    // The web takes all it may: six stay at the store, four for its own pool and two for that of the item.
    await decided(7, buy('fake:a', '9', 20));
    expect((await runDoctor(store.db)).violations.I5).toBe(0);
    const damage = `update promise_balance set allocated = allocated + 3 where program = 'dtc' and location = 'store'`;
    expect((await broken(damage)).I5).toBeGreaterThan(0);
  });
});
