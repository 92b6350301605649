/** Looks at the platform that are asked for: by reconcile, and by webhooks that may name one listing many times. */
import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { askForReads } from '#db/push.ts';
import { seedBrand } from '#test/support/brand.ts';
import { createTestDatabase } from '#test/support/database.ts';

it('takes a listing that is named twice in one go, and keeps the earlier moment', async () => {
  await using store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['MUG'] });
  const [listing] = await store.db.rows<{ id: number }>(sql`select id from listing order by id limit 1`);
  const id = listing?.id ?? 0;
  await askForReads(store.db, [id, id], 5000);
  await askForReads(store.db, [id], 9000);
  expect(await store.db.rows(sql`select listing_id as id, read_due_at as at from listing_sync`)).toEqual([
    { id, at: 5000 },
  ]);
});
