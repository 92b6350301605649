/** Who stops an embedded server last: a session that is leaving is not one that stays. */
import { sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { openDatabase, type Queries } from '#db/client.ts';
import { hasOtherSessions } from '#db/sessions.ts';
import { createTestDatabase } from '#test/support/database.ts';

const ASKER = 'asker';

async function connectOther(url: string) {
  const other = openDatabase(url, { max: 1, applicationName: 'other' });
  await other.rows(sql`select 1`);
  return other;
}

test('a session that ends after the first look is not counted', async () => {
  await using store = await createTestDatabase({ applicationName: ASKER, max: 1 });
  const other = await connectOther(store.url);
  const found: number[] = [];
  const db: Queries = {
    ...store.db,
    rows: async <Row extends object>(query: Parameters<Queries['rows']>[0]) => {
      const rows = await store.db.rows<Row>(query);
      found.push(rows.length);
      if (found.length === 1) await other.close();
      return rows;
    },
  };
  expect(await hasOtherSessions(db, ASKER, 20_000)).toBe(false);
  expect([found.at(0), found.at(-1)]).toEqual([1, 0]);
});

test('a session that stays is', async () => {
  await using store = await createTestDatabase({ applicationName: ASKER, max: 1 });
  const other = await connectOther(store.url);
  expect(await hasOtherSessions(store.db, ASKER, 0)).toBe(true);
  await other.close();
});
