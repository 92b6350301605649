import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { importListings } from '#db/import-listings.ts';
import { openPipeline, type Pipeline } from '#test/support/pipeline.ts';
import { reconcileChannel } from '#workers/reconcile.ts';

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

const HOUR_MS = 3_600_000;

/** Reconciles that count the walks over the catalogue. */
async function open() {
  const p = await openPipeline({ partners: { 'fake:a': {} }, skus: ['A'] });
  pipeline = p;
  const channel = p.context.channels.get('fake:a');
  if (channel === undefined) throw new Error('no such channel');
  let walks = 0;
  const discoverListings: typeof channel.connection.discoverListings = (cursor, signal) => {
    walks += 1;
    return channel.connection.discoverListings(cursor, signal);
  };
  const channels = new Map([['fake:a', { ...channel, connection: { ...channel.connection, discoverListings } }]]);
  const reconcile = async (): Promise<number> => {
    const before = walks;
    await reconcileChannel({ ...p.context, channels }, 'fake:a', new AbortController().signal);
    return walks - before;
  };
  return { p, reconcile };
}

test('the catalogue is walked at first, when a scan meets what was never discovered, and once an hour', async () => {
  const { p, reconcile } = await open();
  expect(await reconcile()).toBe(1);
  expect(await reconcile()).toBe(0);
  await p.control('fake:a').seed({ listings: [{ sku: 'NEW', shown: 0 }] });
  expect(await reconcile()).toBe(1);
  expect(await p.store.db.rows(sql`select 1 from listing where sku_hint = 'NEW'`)).toHaveLength(1);
  // Known, though it stands for nothing yet.
  expect(await reconcile()).toBe(0);
  p.clock.now += 2 * HOUR_MS;
  expect(await reconcile()).toBe(1);
});

test('listings that a file named are discovered at the next reconcile', async () => {
  const { p, reconcile } = await open();
  expect(await reconcile()).toBe(1);
  const row = { channel: 'fake:a', listingRef: 'new', locationRef: 'x', sku: 'A', pack: 1, locations: null, title: '' };
  await p.store.db.transaction((tx) =>
    importListings(tx, [{ ...row, line: 2 }], { actor: 'test', now: p.context.now() }),
  );
  expect(await reconcile()).toBe(1);
  expect(await reconcile()).toBe(0);
});
