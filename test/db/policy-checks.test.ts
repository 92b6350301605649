/** What of a policy the items decide, asked a page at a time: each item is counted once, and kits not at all. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RuledScope, readRuledScopes } from '#db/policy-checks.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

let store: TestDatabase;

beforeEach(async () => {
  store = await createTestDatabase();
});
afterEach(() => store.drop());

test('items to which the same names apply are counted together, over any number of pages', async () => {
  await store.db.rows(sql`
    insert into item (sku, groups)
    select 'I' || n, case n % 3 when 0 then '{a,x}' when 1 then '{b,x,a}' else '{x}' end::text[] from generate_series(1, 12000) as n`);
  await store.db.rows(sql`insert into item_component (kit, sku, quantity) values ('I3', 'I2', 1)`);
  const pages: (readonly RuledScope[])[] = [];
  for await (const page of readRuledScopes(store.db, { skus: ['I1', 'I2', 'I2'], groups: ['b', 'a', 'none'] }))
    pages.push(page);
  expect(pages).toHaveLength(2);
  const counted = Map.groupBy(
    pages.flat(),
    ({ groups, sku }) => `${/^I[12]$/.test(sku) ? `${sku} ` : ''}${groups.join()}`,
  );
  const sums = [...counted].map(([key, rows]) => [key, rows.reduce((sum, { items }) => sum + items, 0)]);
  expect(Object.fromEntries(sums)).toEqual({ 'I1 a,b': 1, 'I2 ': 1, a: 3999, 'a,b': 3999 });
});

test('nothing named is nothing asked', async () => {
  await store.db.rows(sql`insert into item (sku, groups) values ('A', '{a}')`);
  for await (const page of readRuledScopes(store.db, { skus: [], groups: [] })) expect(page).toEqual([]);
});
