import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '#db/client.ts';
import { outcomesOf } from '#db/commands.ts';
import { dropParked, listParked, retryWaiting } from '#db/parked.ts';
import { BRAND_POLICY, command, NOW, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

const now = () => NOW;

async function targets(db: Database, sku: string): Promise<Record<string, number>> {
  const rows = await db.rows<{ channel_id: string; quantity: number }>(sql`
    select l.channel_id, t.quantity from target t join listing l on l.id = t.listing_id where l.sku = ${sku}`);
  return Object.fromEntries(rows.map((row) => [row.channel_id, row.quantity]));
}

describe('decidePending', () => {
  let store: TestDatabase;
  beforeAll(async () => {
    store = await createTestDatabase();
    await seedBrand(store.db, { skus: ['A', 'B', 'C', 'D', 'E'] });
  });
  afterAll(() => store.drop());

  test('a receipt, an order and its cancellation move every channel, and each balance is the sum of its ledger', async () => {
    const { db } = store;
    await command(db, { kind: 'receive', sku: 'A', location: 'main', quantity: 10, disposition: 'sellable' });
    await decidePending(db, { now });
    expect(await targets(db, 'A')).toEqual({ 'fake:a': 10, 'fake:b': 10 });
    await command(db, { kind: 'order-state', channel: 'fake:a', order: orderOf('1', { A: 4 }) });
    await decidePending(db, { now });
    expect(await targets(db, 'A')).toEqual({ 'fake:a': 6, 'fake:b': 6 });
    const cancelled = orderOf('1', { A: 4 }, { version: 2 });
    await command(db, {
      kind: 'order-state',
      channel: 'fake:a',
      order: { ...cancelled, lines: cancelled.lines.map((l) => ({ ...l, cancelled: 4 })) },
    });
    await decidePending(db, { now });
    expect(await targets(db, 'A')).toEqual({ 'fake:a': 10, 'fake:b': 10 });
    const [sums] = await db.rows<{ stock: number; balance: number; promised: number; allocated: number }>(sql`
      select (select sum(delta) from stock_entry where sku = 'A')::int as stock,
        (select quantity from stock_balance where sku = 'A') as balance,
        (select sum(delta) from promise_entry where sku = 'A')::int as promised,
        (select sum(allocated) from promise_balance where sku = 'A')::int as allocated`);
    expect(sums).toEqual({ stock: 10, balance: 10, promised: 0, allocated: 0 });
  });

  test('a route sends an order to its program; of what orders say of themselves only what a route names is kept', async () => {
    const own = await createTestDatabase();
    try {
      const { db } = own;
      const policy = { ...BRAND_POLICY, routes: [{ id: 'trade', program: 'wholesale', tag: 'trade' }] };
      await seedBrand(db, { skus: ['A'], policy });
      await command(db, { kind: 'receive', sku: 'A', location: 'main', quantity: 9, disposition: 'sellable' });
      const attributes = { tags: ['gift', 'trade'], customer: 'customer-77' };
      await command(db, { kind: 'order-state', channel: 'fake:a', order: orderOf('1', { A: 4 }, { attributes }) });
      await command(db, { kind: 'order-state', channel: 'fake:a', order: orderOf('2', { A: 1 }) });
      await decidePending(db, { now });
      const orders = await db.rows(
        sql`select id, program, route, state->'attributes' as attributes from sales_order order by id`,
      );
      expect(orders).toEqual([
        { id: 'fake:a/1', program: 'wholesale', route: 'trade', attributes: { tags: ['trade'] } },
        { id: 'fake:a/2', program: 'dtc', route: null, attributes: null },
      ]);
      const bodies = await db.rows<{ body: string }>(sql`select body::text as body from command`);
      expect(bodies.map(({ body }) => body).join()).not.toMatch(/customer-77|gift/);
    } finally {
      await own.drop();
    }
  });

  test('the same state twice changes nothing the second time', async () => {
    const { db } = store;
    await command(db, { kind: 'receive', sku: 'B', location: 'main', quantity: 5, disposition: 'sellable' });
    const first = await command(db, { kind: 'order-state', channel: 'fake:a', order: orderOf('2', { B: 2 }) });
    const again = await command(db, { kind: 'order-state', channel: 'fake:a', order: orderOf('2', { B: 2 }) });
    await decidePending(db, { now });
    const outcomes = await outcomesOf(db, [...first, ...again]);
    expect(outcomes.map((outcome) => outcome.state)).toEqual(['applied', 'unchanged']);
    expect(await targets(db, 'B')).toEqual({ 'fake:a': 3, 'fake:b': 3 });
  });

  test('an unmapped listing parks the order and its later states, and mapping lets both go in sequence', async () => {
    const { db } = store;
    await command(db, { kind: 'receive', sku: 'C', location: 'main', quantity: 9, disposition: 'sellable' });
    const placed = orderOf('3', { X: 2 });
    const ids = await command(db, { kind: 'order-state', channel: 'fake:a', order: placed });
    await decidePending(db, { now });
    const later = await command(db, { kind: 'order-state', channel: 'fake:a', order: { ...placed, version: 2 } });
    await decidePending(db, { now });
    expect((await outcomesOf(db, [...ids, ...later])).map((outcome) => outcome.state)).toEqual(['parked', 'parked']);
    await db.rows(sql`insert into listing (channel_id, listing_ref, sku) values ('fake:a', 'ref-X', 'C')`);
    await db.transaction((tx) => retryWaiting(tx, ['listing fake:a'], 'test'));
    await decidePending(db, { now });
    expect((await outcomesOf(db, [...ids, ...later])).map((outcome) => outcome.state)).toEqual(['applied', 'applied']);
    expect((await targets(db, 'C'))['fake:b']).toBe(7);
  });

  test('what stood behind a dropped state of its order goes on', async () => {
    const { db } = store;
    const broken = orderOf('drop', { Y: 1 });
    await command(db, { kind: 'order-state', channel: 'fake:a', order: broken });
    const mended = await command(db, {
      kind: 'order-state',
      channel: 'fake:a',
      order: orderOf('drop', { C: 1 }, { version: 2 }),
    });
    await decidePending(db, { now });
    expect((await outcomesOf(db, mended)).map(({ state }) => state)).toEqual(['parked']);
    const first = (await listParked(db, 10)).find(({ code }) => code === 'unmapped-listing');
    await db.transaction((tx) => dropParked(tx, [first?.id ?? 0], 'test', 'the platform corrected it'));
    await decidePending(db, { now });
    expect((await outcomesOf(db, mended)).map(({ state }) => state)).toEqual(['applied']);
    expect(await listParked(db, 10)).toEqual([]);
  });

  test('400 orders at once for the last 100 units: exactly 100 are allocated, 300 are explicit shortages', async () => {
    const { db, url } = store;
    await command(db, { kind: 'receive', sku: 'D', location: 'main', quantity: 100, disposition: 'sellable' });
    for (let n = 0; n < 400; n += 1) {
      await command(db, {
        kind: 'order-state',
        channel: n % 2 === 0 ? 'fake:a' : 'fake:b',
        order: orderOf(`d${n}`, { D: 1 }),
      });
    }
    const { openDatabase } = await import('#db/client.ts');
    const other = openDatabase(url);
    await Promise.all([db, db, other, other].map((one) => decidePending(one, { now, batchMax: 7 })));
    await decidePending(db, { now });
    await other.close();
    const [row] = await db.rows<{ allocated: number; short: number; open: number }>(sql`
      select sum(allocated)::int as allocated, sum(short)::int as short,
        (select count(*) from shortage where sku = 'D' and closed_at is null)::int as open
      from order_line where sku = 'D'`);
    expect(row).toEqual({ allocated: 100, short: 300, open: 300 });
    expect(await targets(db, 'D')).toEqual({ 'fake:a': 0, 'fake:b': 0 });
    await command(db, { kind: 'receive', sku: 'D', location: 'main', quantity: 250, disposition: 'sellable' });
    await decidePending(db, { now });
    const [after] = await db.rows<{ wholesale: number; dtc: number }>(sql`
      select sum(l.short) filter (where o.program = 'wholesale')::int as wholesale, sum(l.short) filter (where o.program = 'dtc')::int as dtc
      from order_line l join sales_order o on o.id = l.order_id where l.sku = 'D'`);
    expect(after?.wholesale).toBe(0);
    expect(after?.dtc).toBe(50);
  });

  test('a command that the database refuses is parked alone; those beside it are decided', async () => {
    const { db } = store;
    const good = await command(db, {
      kind: 'receive',
      sku: 'E',
      location: 'main',
      quantity: 1,
      disposition: 'sellable',
    });
    // Beyond the column's range: core takes any whole number to a thousand million, three of them overflow the balance.
    const big = {
      kind: 'receive',
      sku: 'E',
      location: 'main',
      quantity: 1_000_000_000,
      disposition: 'sellable',
    } as const;
    const ids = [...good, ...(await command(db, big)), ...(await command(db, big)), ...(await command(db, big))];
    const last = await command(db, {
      kind: 'receive',
      sku: 'B',
      location: 'main',
      quantity: 1,
      disposition: 'sellable',
    });
    await decidePending(db, { now });
    const states = (await outcomesOf(db, [...ids, ...last])).map((outcome) => outcome.state);
    expect(states).toEqual(['applied', 'applied', 'applied', 'parked', 'applied']);
  });
});
