/** The stored breaker: one for all processes, one probe for all who ask, told while it is open. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OPENS_AT } from '#core/breaker.ts';
import { readBreaker, stepBreaker } from '#db/breakers.ts';
import { openDatabase } from '#db/client.ts';
import { channelHealth, channelRest } from '#db/health.ts';
import { seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

const CHANNEL = 'fake:a';
const NOW = Date.parse('2026-03-02T10:00:00Z');

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['A'] });
});
afterEach(() => store.drop());

const step = (event: 'answered' | 'failed' | 'asked', now: number, db = store.db) =>
  stepBreaker(db, CHANNEL, { event, now, random: 0.5, ...(event === 'failed' ? { why: 'no connection' } : {}) });

async function open(): Promise<void> {
  for (let n = 0; n < OPENS_AT; n += 1) await step('failed', NOW);
}

const alerts = () =>
  store.db.rows<{ state: string; cause: string; proof: string | null }>(
    sql`select state, cause, proof from alert where code = 'breaker-open'`,
  );

test('failures of several processes count together, and each reads the same breaker', async () => {
  const other = openDatabase(store.url, { max: 2 });
  try {
    await Promise.all(Array.from({ length: OPENS_AT }, (_, n) => step('failed', NOW, n % 2 === 0 ? store.db : other)));
    expect(await readBreaker(other, CHANNEL)).toMatchObject({ state: 'open', trips: 1, lastError: 'no connection' });
    expect((await channelRest(other, CHANNEL, 'poll')).breaker).toMatchObject({ state: 'open', retryAt: NOW + 1000 });
    expect((await channelHealth(other, CHANNEL))?.breaker).toMatchObject({ state: 'open', openedAt: NOW });
    expect((await channelHealth(other, 'fake:b'))?.breaker).toBeNull();
  } finally {
    await other.close();
  }
});

test('of many who ask at once, one is the probe', async () => {
  await open();
  const other = openDatabase(store.url, { max: 4 });
  try {
    const asked = await Promise.all(
      Array.from({ length: 12 }, (_, n) => step('asked', NOW + 1000, n % 2 === 0 ? store.db : other)),
    );
    expect(asked.filter(({ before, after }) => before !== after)).toHaveLength(1);
    expect(await readBreaker(store.db, CHANNEL)).toMatchObject({ state: 'halfOpen' });
  } finally {
    await other.close();
  }
});

test('an alert stands while it is open, and closes with what proved it', async () => {
  await open();
  expect(await alerts()).toMatchObject([{ state: 'open', cause: 'no connection' }]);
  await step('asked', NOW + 1000);
  await step('failed', NOW + 1100);
  expect(await alerts()).toMatchObject([{ state: 'open' }]);
  await step('asked', NOW + 60_000);
  await step('answered', NOW + 60_100);
  expect(await alerts()).toMatchObject([
    { state: 'closed', proof: expect.stringContaining('2026-03-02T10:01:00.100Z') },
  ]);
});
