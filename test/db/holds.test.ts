/** Holds in the database: what a batch loads of them, many at once, and what the migration makes of rows put in by hand. */
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runDoctor } from '#db/doctor.ts';
import { countHolds, listHolds } from '#db/holds.ts';
import { migrate } from '#db/migrate.ts';
import { command, holdOf, NOW, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

const HOUR_MS = 3_600_000;
const now = () => NOW;
let store: TestDatabase;
let endsAt: number;

beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['A', 'B'] });
  await command(store.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 20, disposition: 'sellable' });
  // Commands are recorded by the clock of the database.
  endsAt = Date.now() + 24 * HOUR_MS;
});
afterEach(() => store.drop());

const reviewAt = async (sku: string) =>
  (await store.db.rows<{ at: number | null }>(sql`select next_review_at as at from item where sku = ${sku}`))[0]?.at;

test('the next review is the next end of any live hold, named by the batch or not', async () => {
  const { db } = store;
  const [first = 0] = await command(db, holdOf({ expiresAt: endsAt }));
  await command(db, holdOf({ expiresAt: endsAt + HOUR_MS, ref: 'two' }));
  await decidePending(db, { now });
  expect(await reviewAt('A')).toBe(endsAt);
  // A batch that names the second alone knows when the first ends.
  await command(db, holdOf({ expiresAt: endsAt + 2 * HOUR_MS, ref: 'two' }));
  await decidePending(db, { now });
  expect(await reviewAt('A')).toBe(endsAt);
  await command(db, { kind: 'release-hold', sku: 'A', hold: first, reason: 'test', isDue: false });
  await decidePending(db, { now });
  expect(await reviewAt('A')).toBe(endsAt + 2 * HOUR_MS);
  // One that names none.
  await command(db, { kind: 'order-state', channel: 'fake:a', order: orderOf('1', { A: 1 }) });
  await decidePending(db, { now });
  expect(await reviewAt('A')).toBe(endsAt + 2 * HOUR_MS);
  expect(await countHolds(db, endsAt)).toEqual({ count: 1, units: 2, endingSoon: 1, nextEndAt: endsAt + 2 * HOUR_MS });
});

test('many at once, by several deciders, hold no more than there is, and one ref makes one hold', async () => {
  const { db } = store;
  await Promise.all(
    Array.from({ length: 30 }, (_, n) =>
      command(
        db,
        n % 3 === 0
          ? holdOf({ expiresAt: endsAt, ref: 'one', quantity: 2 + (n % 2) })
          : holdOf({ expiresAt: endsAt, quantity: 3 }),
      ),
    ),
  );
  await Promise.all([1, 2, 3].map(() => decidePending(db, { now, batchMax: 4 })));
  const holds = await listHolds(db, { sku: 'A' }, 100);
  const units = holds.reduce((sum, hold) => sum + hold.units, 0);
  expect(units).toBeGreaterThan(17);
  expect(units).toBeLessThanOrEqual(20);
  expect(holds.filter(({ ref }) => ref === 'one').length).toBeLessThanOrEqual(1);
  const [parked] = await db.rows<{ codes: string[] }>(sql`select array_agg(distinct code) as codes from parked`);
  expect(parked?.codes).toEqual(['hold-too-many']);
  expect((await runDoctor(db)).checks.flatMap(({ examples }) => examples)).toEqual([]);
});

test('a row that was put in by hand ends with the migration, and its item is decided again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'allot-migrations-'));
  const before = await createTestDatabase({ empty: true });
  const project = join(import.meta.dirname, '../../db/migrations');
  const copy = (isWanted: (name: string) => boolean) => {
    for (const name of readdirSync(project)) if (isWanted(name)) copyFileSync(join(project, name), join(folder, name));
  };
  copy((name) => name < '0006');
  await migrate(before.db, { folder });
  await before.db.script(`insert into location (id, master) values ('main', 'allot'); insert into item (sku) values ('A'), ('B');
    insert into hold (sku, location, quantity, owner, reason, expires_at) values ('A', 'main', 2, 'ann', 'launch', now() + interval '1 day')`);
  copy(() => true);
  await migrate(before.db, { folder });
  expect(await before.db.rows(sql`select id, state, units, parts from hold`)).toEqual([
    { id: -1, state: 'released', units: 0, parts: [] },
  ]);
  expect(await before.db.rows(sql`select sku from item where next_review_at is not null`)).toEqual([{ sku: 'A' }]);
  rmSync(folder, { recursive: true });
  await before.drop();
});
