/** Imports and mappings on a real database: what each row is judged, what is written, and that a second run writes nothing. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type Discovered,
  findListings,
  listListings,
  lockListings,
  saveDiscovered,
  writeMappings,
} from '#db/catalogue.ts';
import type { Queries } from '#db/client.ts';
import { type ItemRow, importItems } from '#db/import-items.ts';
import { importListings, type ListingRow } from '#db/import-listings.ts';
import { importOrders, type OrderRow } from '#db/import-orders.ts';
import type { ImportOptions, ImportReport } from '#db/import-report.ts';
import { importStock, type StockRow } from '#db/import-stock.ts';
import { listParked } from '#db/parked.ts';
import { command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

const NOW = Date.now();
const BY: ImportOptions = { actor: 'test', now: NOW };

let store: TestDatabase;

beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['A', 'B'] });
});
afterEach(() => store.drop());

const decide = () => decidePending(store.db, { now: () => NOW });

type Import<Row> = (tx: Queries, rows: readonly Row[], options: ImportOptions) => Promise<ImportReport>;
const run = <Row>(what: Import<Row>, rows: readonly Row[]) => store.db.transaction((tx) => what(tx, rows, BY));
const verdicts = (report: ImportReport) => report.rows.map((row) => row.verdict);
const count = async (table: string): Promise<number> => {
  const [row] = await store.db.rows<{ n: number }>(sql`select count(*) as n from ${sql.identifier(table)}`);
  return row?.n ?? -1;
};

describe('importItems', () => {
  const item = (line: number, sku: string, over: Partial<ItemRow> = {}): ItemRow => ({
    line,
    sku,
    title: null,
    lifecycle: null,
    identifiers: [],
    ...over,
  });
  const barcode = (...values: string[]) => [{ kind: 'barcode', values }];

  test('creates, updates with the changed fields, and is all Unchanged the second time', async () => {
    const rows = [
      item(2, 'A', { title: 'Mug' }),
      item(3, '00123', { title: 'Cup', identifiers: barcode('4006381333931', '12') }),
      item(4, 'B'),
    ];
    const first = await run(importItems, rows);
    expect(first.rows[0]).toMatchObject({ verdict: 'update', changes: [{ field: 'title', from: '', to: 'Mug' }] });
    expect(verdicts(first)).toEqual(['update', 'create', 'unchanged']);
    const second = await run(importItems, rows);
    expect(second.counts).toEqual({ create: 0, update: 0, unchanged: 3, skipped: 0 });
    expect(await store.db.rows(sql`select sku, title from item where sku = '00123'`)).toEqual([
      { sku: '00123', title: 'Cup' },
    ]);
  });

  test('an identifier belongs to one item; a later value of a kind takes the place of the earlier', async () => {
    await run(importItems, [item(2, 'A', { identifiers: barcode('1') })]);
    const report = await run(importItems, [
      item(2, 'B', { identifiers: barcode('1') }),
      item(3, 'A', { identifiers: barcode('2') }),
    ]);
    expect(report.rows[0]).toMatchObject({ verdict: 'skipped', reason: 'barcode 1 belongs to SKU A' });
    expect(report.rows[1]).toMatchObject({ verdict: 'update', changes: [{ field: 'barcode', from: '1', to: '2' }] });
    expect(await store.db.rows(sql`select kind, value, sku from item_identifier`)).toEqual([
      { kind: 'barcode', value: '2', sku: 'A' },
    ]);
  });

  test('a SKU or an identifier that stands twice in the file is taken once', async () => {
    const twice = [
      item(2, 'C', { identifiers: barcode('9') }),
      item(3, 'C'),
      item(4, 'D', { identifiers: barcode('9') }),
    ];
    const report = await run(importItems, twice);
    expect(verdicts(report)).toEqual(['create', 'skipped', 'skipped']);
    expect(report.rows[1]?.reason).toBe('C stands on line 2 already');
  });

  test('a new item lets go what waited for it, and the same import rolled back leaves nothing', async () => {
    await command(store.db, { kind: 'receive', sku: 'C', location: 'main', quantity: 1, disposition: 'sellable' }, NOW);
    await decide();
    const dry = store.db.transaction(async (tx) => {
      const report = await importItems(tx, [item(2, 'C')], BY);
      throw Object.assign(new Error('dry run'), { report });
    });
    await expect(dry).rejects.toMatchObject({ report: { counts: { create: 1 }, retried: 1 } });
    expect(await listParked(store.db, 10)).toHaveLength(1);
    expect((await run(importItems, [item(2, 'C')])).retried).toBe(1);
    await decide();
    expect(await listParked(store.db, 10)).toEqual([]);
    expect(await store.db.rows(sql`select quantity from stock_balance where sku = 'C'`)).toEqual([{ quantity: 1 }]);
  });
});

describe('importListings and mappings', () => {
  const listing = (line: number, listingRef: string, over: Partial<ListingRow> = {}): ListingRow => ({
    line,
    channel: 'fake:a',
    listingRef,
    locationRef: '',
    sku: null,
    pack: null,
    locations: null,
    title: null,
    ...over,
  });

  test('judges each row, names what is unknown, and writes nothing the second time', async () => {
    const rows = [
      listing(2, 'new', { sku: 'A', pack: 6, locations: ['main'], title: 'Six mugs' }),
      listing(3, 'ref-A', { sku: 'B' }),
      listing(4, 'ref-B', { sku: 'B' }),
      listing(5, 'x', { channel: 'shopify:typo' }),
      listing(6, 'y', { sku: 'a' }),
      listing(7, 'z', { locations: ['moon'] }),
      listing(8, 'w', { locations: ['main', 'main'] }),
    ];
    const first = await run(importListings, rows);
    const skipped = ['skipped', 'skipped', 'skipped', 'skipped'];
    expect(verdicts(first)).toEqual(['create', 'update', 'unchanged', ...skipped]);
    expect(first.rows[1]?.changes).toEqual([{ field: 'sku', from: 'A', to: 'B' }]);
    expect(first.rows.slice(3).map((row) => row.reason)).toEqual([
      'channel shopify:typo is not known',
      'SKU a is not an item',
      'location moon is not known',
      'location main is named twice',
    ]);
    expect(first.commandIds).toHaveLength(3);
    const second = await run(importListings, rows);
    expect(verdicts(second)).toEqual(['unchanged', 'unchanged', 'unchanged', ...skipped]);
    expect(second.commandIds).toEqual([]);
  });

  test('a mapping reviews both items, frees the old number, and lets the waiting order go on', async () => {
    await command(
      store.db,
      { kind: 'receive', sku: 'A', location: 'main', quantity: 12, disposition: 'sellable' },
      NOW,
    );
    const lines = orderOf('1', { A: 2 }).lines.map((line) => ({ ...line, listingRef: 'six' }));
    const order = orderOf('1', {}, { lines });
    await command(store.db, { kind: 'order-state', channel: 'fake:a', order }, NOW);
    await decide();
    expect(await listParked(store.db, 10)).toMatchObject([{ code: 'unmapped-listing', waits_for: 'listing fake:a' }]);
    const report = await run(importListings, [listing(2, 'six', { sku: 'A', pack: 6 })]);
    expect(report.retried).toBe(1);
    await decide();
    expect(await listParked(store.db, 10)).toEqual([]);
    expect(await store.db.rows(sql`select ordered, allocated, short from order_line`)).toEqual([
      { ordered: 12, allocated: 12, short: 0 },
    ]);
  });

  test('unmapping leaves the listing, reviews its item and is in the trail', async () => {
    const name = { channel: 'fake:a', listingRef: 'ref-A', locationRef: null };
    await store.db.transaction(async (tx) => {
      const [found] = await lockListings(tx, [name], []);
      if (found === undefined) throw new Error('ref-A is gone');
      await writeMappings(tx, [{ ...found, from: found.sku, sku: null }], BY);
    });
    expect(await findListings(store.db, [name])).toMatchObject([{ sku: null, listingRef: 'ref-A' }]);
    expect(await listListings(store.db, { unmapped: true })).toHaveLength(1);
    expect(await store.db.rows(sql`select action, subject, detail from audit`)).toEqual([
      { action: 'unmap listing', subject: 'fake:a ref-A', detail: { from: 'A', to: null, pack: 1 } },
    ]);
    expect(await store.db.rows(sql`select kind, sku from command`)).toEqual([{ kind: 'review', sku: 'A' }]);
  });

  test('pages in order of id', async () => {
    const first = await listListings(store.db, { channel: 'fake:b', limit: 1 });
    const second = await listListings(store.db, { channel: 'fake:b', limit: 1, after: first[0]?.id ?? 0 });
    expect([first, second].map((page) => page.map((one) => one.sku))).toEqual([['A'], ['B']]);
  });
});

describe('saveDiscovered', () => {
  const found = (listingRef: string, sku: string | null, over: Partial<Discovered> = {}): Discovered => ({
    listingRef,
    locationRef: '',
    data: { inventoryItemId: listingRef },
    sku,
    title: listingRef,
    state: 'tracked',
    ...over,
  });
  const discover = (listings: readonly Discovered[], autoMap = false) =>
    store.db.transaction((tx) => saveDiscovered(tx, 'fake:a', listings, autoMap ? { autoMap: BY } : {}));
  const skuOf = async (listingRef: string) =>
    (await findListings(store.db, [{ channel: 'fake:a', listingRef, locationRef: null }])).map((one) => one.sku);

  beforeEach(() => store.db.script(`delete from listing`));

  test('adds unmapped, refreshes what the platform says, and writes nothing for what is the same', async () => {
    expect(await discover([found('1', 'A'), found('2', null)])).toEqual({ added: 2, changed: 0, mapped: 0 });
    expect(await discover([found('1', 'A', { state: 'untracked' }), found('2', null)])).toEqual({
      added: 0,
      changed: 1,
      mapped: 0,
    });
    expect(await skuOf('1')).toEqual([null]);
  });

  test('maps only when asked, by equal SKU, where the hint is the only one of its channel', async () => {
    const both = [
      found('1', 'A'),
      found('1', 'A', { locationRef: 'L2' }),
      found('2', 'b'),
      found('3', 'B'),
      found('4', 'B'),
    ];
    expect(await discover(both, true)).toEqual({ added: 5, changed: 0, mapped: 2 });
    expect(await skuOf('1')).toEqual(['A', 'A']);
    expect([...(await skuOf('2')), ...(await skuOf('3')), ...(await skuOf('4'))]).toEqual([null, null, null]);
  });

  test('never maps again what a person has unmapped', async () => {
    await discover([found('1', 'A')], true);
    await store.db.transaction(async (tx) => {
      const listings = await lockListings(tx, [{ channel: 'fake:a', listingRef: '1', locationRef: null }], []);
      await writeMappings(
        tx,
        listings.map((one) => ({ ...one, from: one.sku, sku: null })),
        BY,
      );
    });
    expect(await discover([found('1', 'A')], true)).toMatchObject({ mapped: 0 });
    expect(await skuOf('1')).toEqual([null]);
  });
});

describe('importStock', () => {
  const row = (line: number, sku: string, quantity: number, over: Partial<StockRow> = {}): StockRow => ({
    line,
    sku,
    location: 'main',
    disposition: 'sellable',
    quantity,
    asOf: null,
    ...over,
  });
  const onHand = () =>
    store.db.rows<{ sku: string; quantity: number }>(sql`select sku, quantity from stock_balance order by sku`);

  test('counts what differs and leaves the rest alone', async () => {
    await run(importStock, [row(2, 'A', 5)]);
    await decide();
    const again = await run(importStock, [row(2, 'A', 5), row(3, 'B', 0)]);
    expect(verdicts(again)).toEqual(['unchanged', 'create']);
    await decide();
    const third = await run(importStock, [row(2, 'A', 7), row(3, 'B', 0)]);
    expect(third.rows[0]).toMatchObject({ verdict: 'update', changes: [{ field: 'qty', from: 5, to: 7 }] });
    expect(third.rows[1]?.verdict).toBe('unchanged');
    expect(third.commandIds).toHaveLength(1);
    expect(await onHand()).toEqual([
      { sku: 'A', quantity: 5 },
      { sku: 'B', quantity: 0 },
    ]);
  });

  test('a count with a moment is compared with the books of that moment, and not taken twice', async () => {
    await command(
      store.db,
      { kind: 'receive', sku: 'A', location: 'main', quantity: 3, disposition: 'sellable' },
      NOW - 1000,
    );
    await decide();
    const file = [row(2, 'A', 10, { asOf: NOW - 5000 })];
    expect((await run(importStock, file)).rows[0]).toMatchObject({
      verdict: 'update',
      changes: [{ field: 'qty', from: 0, to: 10 }],
    });
    await decide();
    expect(await onHand()).toEqual([{ sku: 'A', quantity: 13 }]);
    expect(verdicts(await run(importStock, file))).toEqual(['unchanged']);
    const older = await run(importStock, [
      row(2, 'A', 9, { asOf: NOW - 9000 }),
      row(3, 'B', 1, { asOf: NOW + 3_600_000 }),
    ]);
    expect(verdicts(older)).toEqual(['skipped', 'skipped']);
    expect(older.rows[1]?.reason).toContain('has not come yet');
  });

  test('unknown SKUs and places are named', async () => {
    const report = await run(importStock, [row(2, 'Z', 1), row(3, 'A', 1, { location: 'moon' })]);
    expect(report.rows.map((one) => one.reason)).toEqual(['SKU Z is not an item', 'location moon is not known']);
    expect(await count('command')).toBe(0);
  });
});

describe('importOrders', () => {
  const row = (
    line: number,
    orderRef: string,
    sku: string,
    over: Partial<OrderRow> & { ordered: number },
  ): OrderRow => ({
    line,
    channel: 'fake:a',
    orderRef,
    lineRef: sku,
    sku,
    cancelled: 0,
    shipped: 0,
    returned: 0,
    placedAt: NOW - 1000,
    version: 1,
    ...over,
  });

  test('takes orders whole, and knows them again', async () => {
    const file = [row(2, '1', 'A', { ordered: 2 }), row(3, '1', 'B', { ordered: 1 }), row(4, '2', 'A', { ordered: 1 })];
    const first = await run(importOrders, file);
    expect(verdicts(first)).toEqual(['create', 'create', 'create']);
    expect(first.commandIds).toHaveLength(2);
    await decide();
    expect(verdicts(await run(importOrders, file))).toEqual(['unchanged', 'unchanged', 'unchanged']);
    const cancelled = await run(importOrders, [
      row(2, '1', 'A', { ordered: 2, version: 2, cancelled: 1 }),
      row(3, '1', 'B', { ordered: 1, version: 2 }),
    ]);
    expect(cancelled.rows[0]?.changes).toEqual([
      { field: 'version', from: 1, to: 2 },
      { field: 'cancelled', from: 0, to: 1 },
    ]);
    await decide();
    expect(
      await store.db.rows(sql`select cancelled from order_line where order_id = 'fake:a/1' and line_ref = 'A'`),
    ).toEqual([{ cancelled: 1 }]);
  });

  test('one bad row holds its whole order back, and no other', async () => {
    const report = await run(importOrders, [
      row(2, '1', 'A', { ordered: 1 }),
      row(3, '1', 'Z', { ordered: 1 }),
      row(4, '2', 'A', { ordered: 1 }),
    ]);
    expect(verdicts(report)).toEqual(['skipped', 'skipped', 'create']);
    expect(report.rows[0]?.reason).toBe('line 3 of the same order is refused');
    expect(report.rows[1]?.reason).toBe('fake:a has no listing of SKU Z');
  });

  test.each<[string, OrderRow[], RegExp]>([
    [
      'a channel that is not configured',
      [row(2, '1', 'A', { ordered: 1, channel: 'fake:z' })],
      /channel fake:z is not known/,
    ],
    [
      'a line that stands twice',
      [row(2, '1', 'A', { ordered: 1 }), row(3, '1', 'A', { ordered: 2 })],
      /stands on line 2 already/,
    ],
    [
      'rows that disagree on the version',
      [row(2, '1', 'A', { ordered: 1 }), row(3, '1', 'B', { ordered: 1, version: 2 })],
      /differs from line 2/,
    ],
    ['totals beyond what was ordered', [row(2, '1', 'A', { ordered: 1, cancelled: 1, shipped: 1 })], /more than qty 1/],
  ])('refuses %s', async (_name, file, reason) => {
    const report = await run(importOrders, file);
    expect(report.counts.skipped).toBe(file.length);
    expect(report.rows.map((one) => one.reason).join('; ')).toMatch(reason);
    expect(await count('command')).toBe(0);
  });
});
