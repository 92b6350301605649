/** The light scan of a catalogue that one look does not take whole: by age and by what is at stake, at the platform's pace, told when that is too slow. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ChannelConnection } from '#connectors/connector.ts';
import { Throttled } from '#core/errors.ts';
import { listAlerts } from '#db/alert-list.ts';
import { listingsToLookAt, oldestLook, readLookState } from '#db/looks.ts';
import { command } from '#test/support/brand.ts';
import { openPipeline, type Pipeline } from '#test/support/pipeline.ts';
import { decidePending } from '#workers/allocate.ts';
import { lightScan } from '#workers/light-scan.ts';

const CHANNEL = 'fake:a';
const SKUS = Array.from({ length: 130 }, (_, index) => `S${String(index).padStart(3, '0')}`);
const PACE = { everyMs: 30_000, periodMs: 60_000 };
const never = new AbortController().signal;

let p: Pipeline;
let looked: number[];
beforeEach(async () => {
  p = await openPipeline({ partners: { [CHANNEL]: {} }, skus: SKUS });
  looked = [];
  for (const sku of SKUS)
    await command(p.store.db, { kind: 'receive', sku, location: 'main', quantity: 1, disposition: 'sellable' });
  await decidePending(p.store.db, { now: p.context.now });
  await p.store.db.rows(sql`delete from listing_sync`);
});
afterEach(() => p.close());

const channelOf = () => {
  const channel = p.context.channels.get(CHANNEL);
  if (channel === undefined) throw new Error('no such channel');
  return channel;
};
const scan = async (over: Partial<ChannelConnection> = {}) => {
  const channel = channelOf();
  const observe: ChannelConnection['observe'] = async (keys, signal) => {
    const seen =
      over.observe === undefined ? await channel.connection.observe(keys, signal) : await over.observe(keys, signal);
    looked.push(keys.length);
    return seen;
  };
  const capabilities = { ...channel.capabilities, observeMax: 20 };
  const connection = { ...channel.connection, ...over, observe };
  p.clock.now += PACE.everyMs;
  const channels = new Map([[CHANNEL, { ...channel, capabilities, connection }]]);
  await lightScan({ ...p.context, channels }, CHANNEL, PACE, never);
};
const total = () => looked.reduce((sum, one) => sum + one, 0);
const neverLooked = async () =>
  (
    await p.store.db.rows<{ n: number }>(sql`
      select count(*)::int as n from listing l left join listing_sync s on s.listing_id = l.id where s.observed_at is null`)
  )[0]?.n;
const alerts = () => listAlerts(p.store.db, { code: 'light-scan-slow' }, 10);

describe('a round', () => {
  test('is over within the period, one call of the platform after the other', async () => {
    await scan();
    expect(total()).toBe(100);
    expect(Math.max(...looked)).toBe(20);
    expect(await oldestLook(p.store.db, CHANNEL)).toBeNull();
    await scan();
    expect(await neverLooked()).toBe(0);
    expect(await oldestLook(p.store.db, CHANNEL)).not.toBeNull();
    expect(await alerts()).toEqual([]);
    expect(await readLookState(p.store.db, CHANNEL)).toMatchObject({
      listings: 130,
      byAge: 65,
      byValue: 35,
      roundMs: 60_000,
      read: 100,
      isCut: false,
    });
  });

  test('that the budget makes longer than the period is told, and closed when it fits', async () => {
    await scan({ looksPerMinute: () => 60 });
    expect(total()).toBe(30);
    expect(await alerts()).toMatchObject([
      {
        severity: 'warning',
        title: 'fake:a: to look at each of 130 listings once takes 3 min, not 1 min',
        cause: expect.stringContaining('about 60 listings a minute'),
        nextStep: 'allot channels show fake:a',
      },
    ]);
    await scan({ looksPerMinute: () => 6000 });
    await scan({ looksPerMinute: () => 6000 });
    await scan({ looksPerMinute: () => 6000 });
    expect(await alerts()).toEqual([]);
  });

  test('goes at the pace that the platform lets it have, and keeps what was read before "slow down"', async () => {
    const channel = channelOf();
    let calls = 0;
    const observe: ChannelConnection['observe'] = async (keys, signal) => {
      calls += 1;
      if (calls > 2) throw new Throttled('slow down', p.clock.now + 1000);
      return channel.connection.observe(keys, signal);
    };
    await scan({ observe, looksPerMinute: () => 400 });
    expect(await neverLooked()).toBe(90);
    expect(await readLookState(p.store.db, CHANNEL)).toMatchObject({ read: 40, isCut: true });
    looked = [];
    await scan({ looksPerMinute: () => 400 });
    // 40 in half a minute were let through.
    expect(await readLookState(p.store.db, CHANNEL)).toMatchObject({ perMinute: 80, byAge: 30, byValue: 10, read: 40 });
    expect(await alerts()).toHaveLength(1);
  });
});

test('beside the oldest go those with most at stake: units by what they are worth, a kit by its parts', async () => {
  const { db } = p.store;
  const now = p.clock.now;
  await db.rows(sql`
    insert into listing_sync (listing_id, observed_at) select id, to_timestamp(${now - 20_000} / 1000.0) from listing
    on conflict (listing_id) do update set observed_at = excluded.observed_at`);
  await db.rows(sql`update listing_sync s set observed_at = to_timestamp(${now - 25_000} / 1000.0) from listing l
    where l.id = s.listing_id and l.sku in ('S100', 'S101')`);
  await db.rows(sql`update item set unit_value = 500, currency = 'EUR' where sku = 'S050'`);
  await db.rows(sql`update item set unit_value = 3, currency = 'EUR' where sku = 'S060'`);
  await db.rows(sql`insert into item_component (kit, sku, quantity) values ('S051', 'S060', 100)`);
  const chosen = await listingsToLookAt(db, CHANNEL, { now, periodMs: 60_000, byAge: 2, byValue: 2 });
  expect(chosen.map(({ sku }) => sku).sort()).toEqual(['S050', 'S051', 'S100', 'S101']);
});
