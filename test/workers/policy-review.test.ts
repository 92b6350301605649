/** After a new policy, items whose numbers fall are decided before those that rise or stay, whoever applied it, and all are decided. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Policy } from '#core/model.ts';
import { applyConfiguration } from '#db/configuration.ts';
import { countReviewsLeft, readUnsorted, reviewDue, writeTurns } from '#db/reviews.ts';
import { BRAND_POLICY, command, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';
import { finishReviews, reviewItems } from '#workers/policy-review.ts';

let store: TestDatabase;
const SKUS = ['A', 'B', 'C', 'D', 'E', 'F'];
const signal = new AbortController().signal;
/** After whatever `now()` of the database marked. */
const soon = () => Date.now() + 60_000;

const ruled = (caps: Readonly<Record<string, number>>): Omit<Policy, 'version'> => {
  const [base, ...others] = BRAND_POLICY.channels;
  if (base === undefined) throw new Error('the brand has no channel');
  const own = Object.entries(caps).map(([sku, cap]) => ({ ...base, sku, cap }));
  return { ...BRAND_POLICY, channels: [base, ...own, ...others] };
};

const apply = (policy: Omit<Policy, 'version'>) =>
  applyConfiguration(store.db, {
    locations: [{ id: 'main', master: 'allot', sells: true }],
    channels: ['fake:a', 'fake:b'].map((id, n) => ({ id, connector: 'fake', program: n === 0 ? 'dtc' : 'wholesale' })),
    policy,
    author: 'kim',
    reason: 'test',
  });

const reviewed = async () =>
  (
    await store.db.rows<{ sku: string }>(
      sql`select sku from command where kind = 'review' and actor = 'sweep' order by id`,
    )
  ).map(({ sku }) => sku);
const turns = async () =>
  (
    await store.db.rows<{ sku: string; turn: number }>(sql`
      select sku, review_turn as turn from item where next_review_at is not null order by sku`)
  ).map(({ sku, turn }) => `${sku} ${turn}`);

beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: SKUS });
  for (const sku of SKUS)
    await command(store.db, { kind: 'receive', sku, location: 'main', quantity: 10, disposition: 'sellable' });
  await apply(ruled({ A: 2, B: 2, C: 9, D: 9, E: 5, F: 5 }));
  await finishReviews(store.db, { now: soon, signal, onProgress: () => undefined });
  await store.db.rows(sql`delete from command where kind = 'review'`);
});
afterEach(() => store.drop());

/** A and B rise, C and D fall, E and F stay: one that stays is not marked. */
const CHANGED = ruled({ A: 7, B: 7, C: 3, D: 3, E: 5, F: 5 });

test('those that fall come first', async () => {
  expect(await apply(CHANGED)).toMatchObject({ itemsToReview: 4 });
  expect(await turns()).toEqual(['A 1', 'B 1', 'C 1', 'D 1']);
  await reviewItems(store.db, soon());
  const order = await reviewed();
  expect(order.slice(0, 2).sort()).toEqual(['C', 'D']);
  expect(order.slice(2).sort()).toEqual(['A', 'B']);
  await decidePending(store.db, { now: Date.now });
  expect(await turns()).toEqual([]);
});

test('none that rises is handed over while one is unsorted or falls', async () => {
  await apply(CHANGED);
  await store.db.transaction((tx) => writeTurns(tx, ['C'], ['A']));
  expect(await turns()).toEqual(['A 2', 'B 1', 'C 0', 'D 1']);
  expect(await reviewDue(store.db, soon(), 10)).toBe(1);
  expect(await reviewDue(store.db, soon(), 10)).toBe(0);
  expect(await reviewed()).toEqual(['C']);
  expect(await store.db.transaction((tx) => readUnsorted(tx, soon(), 10))).toEqual(['B', 'D']);
});

test('a newer policy sorts anew what an older one had sorted', async () => {
  await apply(CHANGED);
  await store.db.transaction((tx) => writeTurns(tx, ['C', 'D'], ['A', 'B']));
  await apply(ruled({ A: 1, B: 7, C: 3, D: 3, E: 5, F: 5 }));
  expect(await turns()).toEqual(['A 1', 'B 2', 'C 0', 'D 0']);
  await reviewItems(store.db, soon());
  expect((await reviewed()).slice(-1)).toEqual(['B']);
});

test('an item that an order decides meanwhile has had its turn', async () => {
  await apply(CHANGED);
  await command(store.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 1, disposition: 'sellable' });
  await decidePending(store.db, { now: Date.now });
  expect(await turns()).toEqual(['B 1', 'C 1', 'D 1']);
});

test('waiting decides all of it, and tells how much is left', async () => {
  await apply(CHANGED);
  const told: number[] = [];
  await finishReviews(store.db, {
    now: soon,
    signal,
    onProgress: ({ items, commands }) => told.push(items + commands),
  });
  expect(told.at(-1)).toBe(0);
  expect(await countReviewsLeft(store.db, soon())).toEqual({ items: 0, unsorted: 0, commands: 0 });
  const shown = await store.db.rows<{ sku: string; quantity: number }>(sql`
    select l.sku, t.quantity from target t join listing l on l.id = t.listing_id where l.channel_id = 'fake:a' order by l.sku`);
  expect(shown.map(({ quantity }) => quantity)).toEqual([7, 7, 3, 3, 5, 5]);
});
