/** Kits and units from a file: what each row is judged, what it reaches, and what is refused. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ItemRow, importItems } from '#db/import-items.ts';
import type { Pair } from '#db/import-kits.ts';
import { importOrders, type OrderRow } from '#db/import-orders.ts';
import type { ImportReport } from '#db/import-report.ts';
import { importStock } from '#db/import-stock.ts';
import { importSupply } from '#db/import-supply.ts';
import { command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

const NOW = Date.now();
const BY = { actor: 'test', now: NOW };

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['TEA', 'CUP', 'SET'] });
});
afterEach(() => store.drop());

const pairs = (text: string): Pair[] =>
  text.split(';').flatMap((part) => {
    const [name = '', quantity = ''] = part.split(':');
    return name === '' ? [] : [{ name, quantity: Number(quantity) }];
  });
let line = 1;
const row = (sku: string, over: Partial<ItemRow> = {}): ItemRow => {
  line += 1;
  return { line, sku, title: null, lifecycle: null, identifiers: [], ...over };
};
const kit = (sku: string, components: string): ItemRow => row(sku, { components: pairs(components) });
const load = (...rows: ItemRow[]): Promise<ImportReport> => store.db.transaction((tx) => importItems(tx, rows, BY));
const said = (report: ImportReport) =>
  report.rows.map(({ key, verdict, reason }) => [key, verdict, ...(reason === null ? [] : [reason])]);
const decide = () => decidePending(store.db, { now: () => NOW });
const shown = async (sku: string): Promise<number | undefined> => {
  const [found] = await store.db.rows<{ quantity: number }>(sql`
    select t.quantity from target t join listing l on l.id = t.listing_id where l.sku = ${sku} and l.channel_id = 'fake:a'`);
  return found?.quantity;
};

describe('components', () => {
  test('are created, updated with what changed, unchanged the second time, and taken away', async () => {
    const first = await load(kit('SET', 'TEA:2;CUP:1'), kit('BOX', 'SET:1;TEA:1'));
    expect(said(first)).toEqual([
      ['SET', 'update'],
      ['BOX', 'create'],
    ]);
    expect(first.rows[0]?.changes).toEqual([{ field: 'components', from: null, to: 'CUP:1;TEA:2' }]);
    expect((await load(kit('SET', 'CUP:1;TEA:2'), kit('BOX', 'TEA:1;SET:1'))).counts).toMatchObject({ unchanged: 2 });
    expect((await load(kit('SET', 'CUP:3'))).rows[0]?.changes).toEqual([
      { field: 'components', from: 'CUP:1;TEA:2', to: 'CUP:3' },
    ]);
    const flat = await store.db.rows(sql`select kit, sku, quantity from kit_parts(array['BOX', 'SET'])`);
    expect(flat).toEqual([
      { kit: 'BOX', sku: 'CUP', quantity: 3 },
      { kit: 'BOX', sku: 'TEA', quantity: 1 },
      { kit: 'SET', sku: 'CUP', quantity: 3 },
    ]);
    expect((await load(kit('SET', ''))).rows[0]?.changes).toEqual([{ field: 'components', from: 'CUP:3', to: 'none' }]);
    // An empty cell says nothing.
    expect((await load(row('BOX'))).counts).toMatchObject({ unchanged: 1 });
  });

  test('a change decides the kit and every kit above it again', async () => {
    await load(kit('SET', 'TEA:2;CUP:1'), kit('BOX', 'SET:1;TEA:1'));
    await store.db.rows(sql`update item set next_review_at = null`);
    await load(kit('SET', 'TEA:1'));
    expect(await store.db.rows(sql`select sku from item where next_review_at is not null order by sku`)).toEqual([
      { sku: 'BOX' },
      { sku: 'SET' },
    ]);
  });

  test('of a kit that holds itself, at any depth and across the file, are refused with the way', async () => {
    const report = await load(kit('A', 'B:1'), kit('B', 'C:1'), kit('C', 'A:2'), kit('TEA', 'TEA:1'));
    expect(said(report)).toEqual([
      ['A', 'skipped', 'component B is refused in this file'],
      ['B', 'skipped', 'component C is refused in this file'],
      ['C', 'skipped', 'a kit cannot hold itself: C -> A -> B -> C'],
      ['TEA', 'skipped', 'a kit cannot hold itself: TEA -> TEA'],
    ]);
    await load(row('C'), kit('B', 'C:1'), kit('A', 'B:1'));
    expect(said(await load(kit('C', 'TEA:1;A:1')))).toEqual([
      ['C', 'skipped', 'a kit cannot hold itself: C -> A -> B -> C'],
    ]);
  });

  test('that are no items are refused, and with them what builds on the row', async () => {
    const report = await load(kit('BOX', 'SETT:1'), kit('CRATE', 'BOX:4'), kit('SET', 'TEA:1'));
    expect(said(report)).toEqual([
      ['BOX', 'skipped', 'component SETT is not an item'],
      ['CRATE', 'skipped', 'component BOX is refused in this file'],
      ['SET', 'update'],
    ]);
    expect(report.rows[0]?.line).toBeLessThan(report.rows[1]?.line ?? 0);
  });

  test('of an item with goods of its own are refused', async () => {
    await command(store.db, { kind: 'receive', sku: 'SET', location: 'main', quantity: 4, disposition: 'sellable' });
    await decide();
    expect(said(await load(kit('SET', 'TEA:2')))).toEqual([
      ['SET', 'skipped', 'it has goods of its own (4 on hand), and a kit has none'],
    ]);
  });

  test('of absurd size are refused before a number overflows', async () => {
    await load(kit('SET', 'TEA:100000'));
    expect(said(await load(kit('BOX', 'SET:100000')))[0]?.[2]).toContain('one set of BOX would take more than 1000000');
  });

  test('changed while a line is open: it keeps what it holds, and the number follows the new ones', async () => {
    const { db } = store;
    await load(kit('SET', 'TEA:2;CUP:1'));
    await command(db, { kind: 'receive', sku: 'TEA', location: 'main', quantity: 10, disposition: 'sellable' });
    await command(db, { kind: 'receive', sku: 'CUP', location: 'main', quantity: 10, disposition: 'sellable' });
    await command(db, { kind: 'order-state', channel: 'fake:a', order: orderOf('1', { SET: 2 }) });
    await decide();
    expect(await shown('SET')).toBe(3);
    await load(kit('SET', 'CUP:4'));
    await command(db, { kind: 'review', sku: 'SET' });
    await decide();
    expect(await shown('SET')).toBe(2);
    const [kept] = await db.rows<{ allocated: number; parts: number }>(sql`
      select allocated, (select sum((a->>'quantity')::int)::int from jsonb_array_elements(allocations) a) as parts from order_line`);
    expect(kept).toEqual({ allocated: 2, parts: 6 });
    const order = orderOf('1', { SET: 2 }, { version: 2 });
    await command(db, {
      kind: 'order-state',
      channel: 'fake:a',
      order: { ...order, lines: order.lines.map((each) => ({ ...each, cancelled: 2 })) },
    });
    await decide();
    expect([await shown('SET'), await shown('TEA'), await shown('CUP')]).toEqual([2, 10, 10]);
  });
});

describe('goods of a kit', () => {
  const skipped = {
    verdict: 'skipped',
    reason: 'BOX is a kit and has no stock of its own',
    fix: 'import its components: one set is 1 CUP, 3 TEA',
  };
  const countPending = async () => (await store.db.rows(sql`select from command where state = 'pending'`)).length;
  beforeEach(() => load(kit('SET', 'TEA:2;CUP:1'), kit('BOX', 'SET:1;TEA:1')));

  test('are no stock: its row is skipped, by lots too, and those of its components are counted', async () => {
    const stock = { location: 'main', disposition: 'sellable', quantity: 5, asOf: null } as const;
    const report = await store.db.transaction((tx) =>
      importStock(
        tx,
        [
          { ...stock, line: 2, sku: 'BOX' },
          { ...stock, line: 3, sku: 'CUP' },
          { ...stock, line: 4, sku: 'BOX', disposition: 'damaged', lot: 'L1', expiry: 'never' },
        ],
        BY,
      ),
    );
    expect(report.rows).toMatchObject([{ line: 2, ...skipped }, { verdict: 'create' }, { line: 4, ...skipped }]);
    expect(await countPending()).toBe(1);
  });

  test('do not come in: its row is skipped, to expect and to cancel', async () => {
    const supply = { location: 'main', quantity: 5, dueAt: NOW, kind: null } as const;
    const report = await store.db.transaction((tx) =>
      importSupply(
        tx,
        [
          { ...supply, line: 2, ref: 'PO-1', sku: 'BOX', state: 'open' },
          { ...supply, line: 3, ref: 'PO-1', sku: 'CUP', state: 'open' },
          { ...supply, line: 4, ref: 'PO-2', sku: 'BOX', state: 'cancelled' },
        ],
        BY,
      ),
    );
    expect(report.rows).toMatchObject([{ line: 2, ...skipped }, { verdict: 'create' }, { line: 4, ...skipped }]);
    expect(await countPending()).toBe(1);
  });
});

describe('units', () => {
  test('are created, changed and unchanged; a wrong name is refused', async () => {
    const units = (text: string) => row('TEA', { units: pairs(text) });
    expect((await load(units('inner:6;case:12'))).rows[0]?.changes).toEqual([
      { field: 'units', from: null, to: 'case:12;inner:6' },
    ]);
    expect((await load(units('case:12;inner:6'))).counts).toMatchObject({ unchanged: 1 });
    expect(said(await load(units('each:2')))).toEqual([['TEA', 'skipped', 'unit each is 1 for every item']]);
    expect(said(await load(units('Big Case:2')))).toEqual([['TEA', 'skipped', 'unit Big Case is no name of a unit']]);
  });

  test('counts and orders of a file speak in them, exactly or not at all', async () => {
    const { db } = store;
    await load(row('TEA', { units: pairs('case:12;inner:6') }));
    const stock = { line: 2, sku: 'TEA', location: 'main', disposition: 'sellable', asOf: null } as const;
    const counted = await db.transaction((tx) =>
      importStock(
        tx,
        [
          { ...stock, quantity: 3, unit: 'case' },
          { ...stock, line: 3, sku: 'CUP', quantity: 1, unit: 'case' },
        ],
        BY,
      ),
    );
    expect(said(counted)).toEqual([
      ['TEA main sellable', 'create'],
      ['CUP main sellable', 'skipped', 'SKU CUP does not come by the case'],
    ]);
    await decide();
    expect(await shown('TEA')).toBe(36);
    await db.rows(sql`update listing set pack = 4 where sku = 'TEA' and channel_id = 'fake:a'`);
    const order = (ref: string, ordered: number, unit: string): OrderRow => ({
      line: 2,
      channel: 'fake:a',
      orderRef: ref,
      lineRef: '1',
      sku: 'TEA',
      unit,
      ordered,
      cancelled: 0,
      shipped: 0,
      returned: 0,
      placedAt: NOW,
      version: 1,
    });
    const take = (one: OrderRow) => db.transaction((tx) => importOrders(tx, [one], BY));
    expect(said(await take(order('1', 1, 'case')))).toEqual([['fake:a/1 line 1', 'create']]);
    expect(said(await take(order('2', 1, 'inner')))[0]?.[2]).toContain('packs of 4');
    await decide();
    const lines = await db.rows(sql`select order_id, ordered, allocated from order_line`);
    expect(lines).toEqual([{ order_id: 'fake:a/1', ordered: 12, allocated: 12 }]);
  });
});
