/** `importStock` of a file that names lots: a place is counted whole, by its lots; what cannot be taken is told row by row. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DAY_MS } from '#core/lots.ts';
import { runDoctor } from '#db/doctor.ts';
import type { ImportReport } from '#db/import-report.ts';
import { importStock, type StockRow } from '#db/import-stock.ts';
import { listLots } from '#db/lot-reports.ts';
import { command, NOW, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['A', 'B'] });
});
afterEach(async () => {
  const broken = (await runDoctor(store.db)).checks.flatMap(({ examples }) => examples);
  if (broken.length > 0) throw new Error(broken.join('; '));
  await store.drop();
});

/** Commands are recorded by the clock of the database. */
const AT = Date.now() - 3_600_000;
const expires = (days: number): number => NOW + days * DAY_MS;

const row = (line: number, quantity: number, over: Partial<StockRow> = {}): StockRow => ({
  line,
  sku: 'A',
  location: 'main',
  disposition: 'sellable',
  quantity,
  asOf: null,
  ...over,
});

async function run(rows: readonly StockRow[], now = AT): Promise<ImportReport> {
  const report = await store.db.transaction((tx) => importStock(tx, rows, { actor: 'test', now }));
  await decidePending(store.db, { now: () => now });
  return report;
}

const verdicts = ({ rows }: ImportReport) => rows.map(({ line, verdict }) => [line, verdict]);
const reasons = ({ rows }: ImportReport) => rows.map(({ line, reason }) => [line, reason]);
const stock = async (sku = 'A') =>
  Object.fromEntries((await listLots(store.db, { sku }, 50)).map(({ lot, onHand }) => [lot ?? '-', onHand]));

test('rows of a place that name lots are one count of it; what they do not name is gone, and told', async () => {
  await command(
    store.db,
    { kind: 'receive', sku: 'A', location: 'main', disposition: 'sellable', quantity: 10 },
    AT - 1000,
  );
  await decidePending(store.db, { now: () => AT });
  const file = [
    row(2, 4, { lot: 'L7', expiry: expires(20) }),
    row(3, 5, { lot: 'L8', expiry: 'never' }),
    row(4, 3, { sku: 'B' }),
  ];
  const first = await run(file);
  expect(verdicts(first)).toEqual([
    [2, 'create'],
    [3, 'create'],
    [4, 'create'],
  ]);
  expect(first.rows[0]?.changes).toEqual([{ field: 'without a lot', from: 10, to: 0 }]);
  expect(await stock()).toEqual({ L7: 4, L8: 5 });
  expect(verdicts(await run(file, AT + 1000))).toEqual([
    [2, 'unchanged'],
    [3, 'unchanged'],
    [4, 'unchanged'],
  ]);
  const later = await run([row(2, 6, { lot: 'L8' }), row(3, 1)], AT + 2000);
  expect(later.rows).toMatchObject([
    {
      verdict: 'update',
      changes: [
        { field: 'qty', from: 5, to: 6 },
        { field: 'lot L7', from: 4, to: 0 },
      ],
    },
    { verdict: 'update', changes: [{ field: 'qty', from: 0, to: 1 }] },
  ]);
  expect(await stock()).toEqual({ L8: 6, '-': 1 });
});

test('a row that cannot be taken takes its place with it, and no other', async () => {
  await run([row(2, 4, { lot: 'L7', expiry: expires(20) })]);
  const report = await run(
    [
      row(2, 5, { lot: 'L7', expiry: expires(21) }),
      row(3, 5, { lot: 'L8', expiry: expires(90) }),
      row(4, 5, { sku: 'B', lot: 'L1' }),
    ],
    AT + 1000,
  );
  expect(reasons(report)).toEqual([
    [2, expect.stringMatching(/^lot L7 expires 2026-\d\d-\d\d, not /)],
    [3, 'line 2 of the same place cannot be taken'],
    [4, 'lot L1 is new, and its expiry is not said'],
  ]);
  expect(await stock()).toEqual({ L7: 4 });
  const others = await run(
    [
      row(2, 5, { lot: 'L7' }),
      row(3, 5, { lot: 'L7' }),
      row(4, 5, { sku: 'B', expiry: expires(9) }),
      row(5, 5, { sku: 'C', lot: 'L1', expiry: 'never' }),
    ],
    AT + 2000,
  );
  expect(reasons(others)).toEqual([
    [2, null],
    [3, 'A main sellable lot L7 stands on line 2 already'],
    [4, 'expiry without a lot'],
    [5, 'SKU C is not an item'],
  ]);
  expect(await stock()).toEqual({ L7: 5 });
});

test('a count as of an earlier moment is judged by what was there then; one older than the last is skipped', async () => {
  await run([row(2, 4, { lot: 'L7', expiry: expires(20), asOf: AT - 5000 })]);
  await command(
    store.db,
    { kind: 'adjust', sku: 'A', location: 'main', disposition: 'sellable', delta: -1, lot: 'L7', reason: 'lost' },
    AT - 1000,
  );
  await decidePending(store.db, { now: () => AT });
  const same = await run([row(2, 4, { lot: 'L7', asOf: AT - 2000 })]);
  expect(same.rows).toMatchObject([{ verdict: 'update', changes: [{ field: 'as_of' }] }]);
  expect(await stock()).toEqual({ L7: 3 });
  expect(reasons(await run([row(2, 9, { lot: 'L7', asOf: AT - 3000 })]))).toEqual([
    [2, expect.stringContaining('it was counted as of')],
  ]);
  expect(
    reasons(await run([row(2, 9, { lot: 'L7', asOf: AT }), row(3, 9, { lot: 'L8', expiry: 'never', asOf: AT - 1 })])),
  ).toEqual([
    [2, 'line 3 of the same place cannot be taken'],
    [3, 'its as_of is another than that of its place'],
  ]);
});
