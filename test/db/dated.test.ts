/** Dated supply and demand in the database: stored as decided, told when late, closed when it is not, summed by doctor. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CommandBody } from '#core/command.ts';
import { runDoctor } from '#db/doctor.ts';
import { reviewDue } from '#db/reviews.ts';
import { BRAND_POLICY, command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

const DAY_MS = 86_400_000;
const NOW = Date.parse('2026-03-02T10:00:00Z');
const DUE = NOW + 5 * DAY_MS;

const backorder = { supply: 20 };
const POLICY = {
  ...BRAND_POLICY,
  programs: BRAND_POLICY.programs.map((program) => (program.id === 'dtc' ? { ...program, backorder } : program)),
};

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['A', 'B'], policy: POLICY });
});
afterEach(() => store.drop());

const supply = (over: Partial<Extract<CommandBody, { kind: 'expect-supply' }>> = {}): CommandBody => ({
  kind: 'expect-supply',
  sku: 'A',
  ref: 'PO-1',
  location: 'main',
  supplyKind: 'purchaseOrder',
  quantity: 30,
  dueAt: DUE,
  state: 'open',
  ...over,
});
const goods = (quantity: number, over: { readonly sku?: string; readonly supply?: string } = {}): CommandBody => ({
  kind: 'receive',
  sku: 'A',
  location: 'main',
  quantity,
  disposition: 'sellable',
  ...over,
});

async function take(bodies: readonly CommandBody[], now = NOW): Promise<void> {
  for (const body of bodies) await command(store.db, body, now);
  await decidePending(store.db, { now: () => now });
}
const sweep = async (now: number) => {
  await reviewDue(store.db, now, 100);
  await decidePending(store.db, { now: () => now });
};
const numberOf = async (sku = 'A') => {
  const [row] = await store.db.rows<{ quantity: number }>(sql`
    select t.quantity from target t join listing l on l.id = t.listing_id where l.channel_id = 'fake:a' and l.sku = ${sku}`);
  return row?.quantity;
};
const alerts = () =>
  store.db.rows<{
    state: string;
    title: string;
    touches: object;
    next_step: string;
    count: number;
    proof: string | null;
  }>(sql`select state, title, touches, next_step, count, proof from alert where code = 'supply-late' order by id`);

describe('dated supply', () => {
  test('is sold against to its limit, counts down as it comes, and is expected no more', async () => {
    await take([goods(5), supply()]);
    expect(await numberOf()).toBe(25);
    await take([{ kind: 'order-state', channel: 'fake:a', order: orderOf('1', { A: 12 }) }]);
    expect(await numberOf()).toBe(13);
    await take([goods(18, { supply: 'PO-1' })]);
    expect(await numberOf()).toBe(11 + 12);
    await take([goods(12, { supply: 'PO-1' })]);
    expect(await numberOf()).toBe(23);
    const [row] = await store.db.rows(sql`select quantity, received, state, is_late from dated_supply`);
    expect(row).toEqual({ quantity: 30, received: 30, state: 'open', is_late: false });
  });

  test('a restock date is stored with its number, and a new date makes a new version', async () => {
    await take([goods(5), supply()]);
    await take([supply({ dueAt: DUE + DAY_MS })]);
    const [row] = await store.db.rows(sql`
      select t.quantity, t.version, t.dated_version, t.restock_at from target t join listing l on l.id = t.listing_id
      where l.channel_id = 'fake:a' and l.sku = 'A'`);
    expect(row).toEqual({ quantity: 25, version: 2, dated_version: 2, restock_at: DUE + DAY_MS });
    await take([goods(1)]);
    await take([supply({ state: 'cancelled' })]);
    const [gone] = await store.db.rows(sql`
      select t.quantity, t.version, t.dated_version, t.restock_at from target t join listing l on l.id = t.listing_id
      where l.channel_id = 'fake:a' and l.sku = 'A'`);
    expect(gone).toEqual({ quantity: 6, version: 4, dated_version: 4, restock_at: null });
  });

  test('closed rows are found again by the command that names them', async () => {
    await take([supply({ quantity: 10 }), goods(10, { supply: 'PO-1' })]);
    await take([supply({ quantity: 15 })]);
    expect(await numberOf()).toBe(10 + 5);
    await take([supply({ quantity: 15, state: 'cancelled' })]);
    await take([supply({ quantity: 15, state: 'cancelled' })]);
    expect(await numberOf()).toBe(10);
    const states = await store.db.rows<{ state: string }>(sql`select state from command order by id desc limit 2`);
    expect(states.map(({ state }) => state)).toEqual(['unchanged', 'applied']);
  });

  test('that is late stops counting at its moment by the sweep alone, and one alert tells of all its items', async () => {
    await take([goods(5), supply(), supply({ sku: 'B', quantity: 4 })]);
    await sweep(DUE - 1);
    expect([await numberOf(), await alerts()]).toEqual([25, []]);
    await sweep(DUE);
    expect(await numberOf()).toBe(5);
    expect(await alerts()).toMatchObject([
      {
        state: 'open',
        title: `PO-1 is late: 34 units of 2 items were due ${new Date(DUE).toISOString()} at main`,
        touches: { ref: 'PO-1', units: 34, skus: ['A', 'B'], locations: ['main'] },
        next_step: expect.stringContaining('allot supply receive PO-1 A'),
      },
    ]);
    await take([goods(1)], DUE);
    expect(await alerts()).toMatchObject([{ count: 1 }]);
  });

  test.each<[string, readonly CommandBody[]]>([
    ['received', [goods(30, { supply: 'PO-1' })]],
    ['moved', [supply({ dueAt: DUE + DAY_MS })]],
    ['cancelled', [supply({ state: 'cancelled' })]],
  ])('the alert stays while an item of it is late, and closes when all is %s', async (_, bodies) => {
    await take([supply(), supply({ sku: 'B' })]);
    await sweep(DUE);
    await take([supply({ sku: 'B', state: 'cancelled' })], DUE);
    expect(await alerts()).toMatchObject([{ state: 'open', touches: { skus: ['A'] } }]);
    await take(bodies, DUE);
    expect(await alerts()).toMatchObject([
      { state: 'closed', proof: expect.stringContaining('nothing of it is late') },
    ]);
  });

  test('two batches that end the lateness of one ref at once close its alert', async () => {
    await take([supply(), supply({ sku: 'B' })]);
    await sweep(DUE);
    await command(store.db, supply({ state: 'cancelled' }), DUE);
    await command(store.db, supply({ sku: 'B', state: 'cancelled' }), DUE);
    const one = () => decidePending(store.db, { now: () => DUE, batchMax: 1 });
    await Promise.all([one(), one()]);
    expect(await alerts()).toMatchObject([{ state: 'closed' }]);
  });
});

describe('doctor', () => {
  const demand: CommandBody = {
    kind: 'expect-demand',
    sku: 'A',
    ref: 'B-1',
    program: 'wholesale',
    quantity: 3,
    dueAt: DUE,
    state: 'open',
  };
  const healthy = () =>
    take([
      supply({ quantity: 9 }),
      goods(4, { supply: 'PO-1' }),
      demand,
      supply(),
      goods(2, { supply: 'PO-1' }),
      goods(1, { supply: 'PO-9' }),
      { ...demand, quantity: 5 },
    ]);
  const violations = async () => (await runDoctor(store.db)).checks.flatMap((check) => check.examples);

  test('finds nothing where expected and received are what the commands say', async () => {
    await healthy();
    expect(await violations()).toEqual([]);
  });
  test.each<[string, string, RegExp]>([
    ['received', 'update dated_supply set received = 7', /PO-1 of A: 7 received by its row, 6 by its receipts/],
    ['expected', 'update dated_supply set quantity = 31', /PO-1 of A: .*not what was last said/],
    ['a state', `update dated_supply set state = 'cancelled'`, /PO-1 of A: .*not what was last said/],
    ['demand', 'update dated_demand set quantity = 4', /B-1 of A: .*not what was last said/],
    ['a lost row', 'delete from dated_demand', /B-1 of A: .*not what was last said/],
    [
      'a row from nowhere',
      `insert into dated_supply (sku, ref, location, kind, quantity, due_at, state, batch_id)
      values ('B', 'X', 'main', 'transfer', 1, now(), 'open', 1)`,
      /X of B: .*not what was last said/,
    ],
    [
      'a receipt that was dropped',
      `update command set state = 'dropped' where body->>'supply' = 'PO-1'`,
      /6 received by its row, 0 by/,
    ],
  ])('finds %s that no command wrote', async (_, damage, example) => {
    await healthy();
    await store.db.script(damage);
    expect((await runDoctor(store.db)).violations.I2).toBeGreaterThan(0);
    expect((await violations()).some((each) => example.test(each))).toBe(true);
  });
});
