/** Notes of rate limits that several processes share, on a real PostgreSQL. */
import { afterEach, expect, it } from 'vitest';
import { newBucket, takeTokens } from '#connectors/amazon/buckets.ts';
import { type Database, openDatabase } from '#db/client.ts';
import { openSharedRates } from '#db/rates.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

let store: TestDatabase | undefined;
let other: Database | undefined;
afterEach(async () => {
  await other?.close();
  await store?.drop();
  [other, store] = [undefined, undefined];
});

/** Two processes: each has its own connection, and its own memory of the notes. */
async function openTwo() {
  store = await createTestDatabase();
  other = openDatabase(store.url, { max: 2 });
  return [openSharedRates(store.db), openSharedRates(other)] as const;
}

const increase = (note: string | null) => {
  const next = Number(note ?? 0) + 1;
  return { note: String(next), answer: next };
};

it('loses no change of either process', async () => {
  const [a, b] = await openTwo();
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? a : b).change('counter', increase)),
  );
  expect(new Set(answers).size).toBe(60);
  expect(await b.change('counter', increase)).toBe(61);
});

it('keeps each key apart', async () => {
  const [a, b] = await openTwo();
  await a.change('one', increase);
  expect(await b.change('other', increase)).toBe(1);
});

it('gives two processes never more tokens than the bucket has', async () => {
  const processes = await openTwo();
  const now = 1_000_000;
  const take = (n: number) =>
    processes[n % 2 === 0 ? 0 : 1].change('bucket', (note) => {
      const found = note === null ? newBucket('getOrder', 1, now) : JSON.parse(note);
      const { bucket, granted } = takeTokens(found, 4, now);
      return { note: JSON.stringify(bucket), answer: granted };
    });
  const granted = await Promise.all(Array.from({ length: 40 }, (_, n) => take(n)));
  expect(granted.reduce((sum, tokens) => sum + tokens, 0)).toBe(30);
});

it('begins anew when the note was lost with a crash of the server', async () => {
  const [a, b] = await openTwo();
  await a.change('counter', increase);
  await a.change('counter', increase);
  await store?.db.script('truncate rate_bucket');
  expect(await b.change('counter', increase)).toBe(1);
  expect(await a.change('counter', increase)).toBeGreaterThan(1);
});
