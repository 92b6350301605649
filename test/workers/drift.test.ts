/** Drift with its cause: found by scan and light scan, won by whom the channel says, stopped, resumed, told, and ended by a read. */
import { sql } from 'drizzle-orm';
import { afterEach, describe, expect, test } from 'vitest';
import type { DriftRule } from '#core/model.ts';
import { listAlerts } from '#db/alert-list.ts';
import { resumeListings } from '#db/drift.ts';
import { command } from '#test/support/brand.ts';
import { openPipeline, type Partner, type Pipeline, sellable } from '#test/support/pipeline.ts';
import { quoted } from '#workers/alert-words.ts';
import { decidePending } from '#workers/allocate.ts';
import { lightScan, lookPaceOf } from '#workers/light-scan.ts';
import { pushChannel } from '#workers/push.ts';
import { reconcileChannel } from '#workers/reconcile.ts';

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

const never = new AbortController().signal;

async function open(
  partners: Readonly<Record<string, Partner>> = { 'fake:a': {} },
  wins?: DriftRule,
): Promise<Pipeline> {
  const p = await openPipeline({ partners, skus: ['A'] });
  pipeline = p;
  if (wins !== undefined)
    await p.store.db.rows(sql`
      update policy set body = body || ${JSON.stringify({ drift: [{ channel: 'fake:a', ...wins }] })}::jsonb`);
  await command(p.store.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 10, disposition: 'sellable' });
  await p.quiet();
  return p;
}

const edit = (p: Pipeline, shown: number, channel = 'fake:a') =>
  p.control(channel).editLevels({ levels: [{ sku: 'A', shown }] });

/** So long after all that was written and found that a look means something. The database has a clock of its own. */
async function later(p: Pipeline): Promise<void> {
  const before = sql`make_interval(mins => 10)`;
  await p.store.db.rows(
    sql`update listing_sync set acked_at = acked_at - ${before}, written_at = written_at - ${before}`,
  );
  await p.store.db.rows(sql`update overwrite set at = at - 2 * ${before}`);
}

/** Decides and pushes; a listing that is stopped stays behind, so the pipeline is never quiet. */
async function settle(p: Pipeline): Promise<void> {
  for (let rounds = 0; rounds < 4; rounds += 1) {
    await decidePending(p.store.db, { now: p.context.now });
    for (const id of p.controls.keys()) await pushChannel(p.context, id, never);
    p.clock.now += 5000;
  }
}

const PACE = lookPaceOf({ pollMs: 60_000, reconcileMs: 300_000 });
const look = (p: Pipeline) => lightScan(p.context, 'fake:a', PACE, never);
const push = (p: Pipeline) => pushChannel(p.context, 'fake:a', never);

const drifts = (p: Pipeline) =>
  p.store.db.rows<{ cause: string; ended: boolean; proof: string | null }>(
    sql`select cause, ended_at is not null as ended, proof from drift order by id`,
  );
const alerts = (p: Pipeline) =>
  p.store.db.rows<{ fingerprint: string; proof: string | null; count: number }>(
    sql`select fingerprint, proof, count from alert where code = 'drift' order by id`,
  );
const stops = async (p: Pipeline) =>
  (
    await p.store.db.rows<{ because: string }>(
      sql`select stopped_because as because from listing_sync where stopped_because is not null`,
    )
  ).map(({ because }) => because);

describe('the light scan', () => {
  test('finds a raised number, push writes ours, and the next look proves it', async () => {
    const p = await open();
    await edit(p, 25);
    await later(p);
    await look(p);
    expect(await drifts(p)).toEqual([{ cause: 'manualEdit', ended: false, proof: null }]);
    await p.quiet();
    expect(await sellable(p, 'fake:a')).toEqual({ A: 10 });
    await later(p);
    await look(p);
    expect(await drifts(p)).toEqual([
      { cause: 'manualEdit', ended: true, proof: expect.stringContaining('it shows 10') },
    ]);
    // Mended at once: nobody has to know.
    expect(await alerts(p)).toEqual([]);
  });

  test('tells of a listing that the platform no longer tracks, once, and closes that by a read', async () => {
    const p = await open();
    await p.store.db.rows(sql`select 1`);
    const channel = p.context.channels.get('fake:a');
    if (channel === undefined) throw new Error('no such channel');
    const observe: typeof channel.connection.observe = async (keys, signal) =>
      (await channel.connection.observe(keys, signal)).map((seen) => ({ ...seen, state: 'untracked' as const }));
    const untracked = new Map([['fake:a', { ...channel, connection: { ...channel.connection, observe } }]]);
    await later(p);
    for (let looks = 0; looks < 2; looks += 1)
      await lightScan({ ...p.context, channels: untracked }, 'fake:a', PACE, never);
    expect(await alerts(p)).toEqual([
      { fingerprint: 'drift fake:a untracked', proof: null, count: expect.any(Number) },
    ]);
    await look(p);
    expect(await alerts(p)).toMatchObject([{ proof: expect.stringContaining('it shows 10') }]);
  });
});

describe('who wins', () => {
  test('the platform: stock takes the difference, and every channel shows what follows', async () => {
    const p = await open({ 'fake:a': {}, 'fake:b': {} }, { up: 'platform', down: 'allot' });
    await edit(p, 14);
    await later(p);
    await look(p);
    await p.quiet();
    expect([await sellable(p, 'fake:a'), await sellable(p, 'fake:b')]).toEqual([{ A: 14 }, { A: 14 }]);
    const entries = await p.store.db.rows(sql`select delta, kind from stock_entry where delta = 4`);
    expect(entries).toHaveLength(1);
  });

  test('ask: nothing is written until a person says so', async () => {
    const p = await open({ 'fake:a': {} }, { up: 'ask', down: 'ask' });
    await edit(p, 14);
    await later(p);
    await look(p);
    await p.quiet();
    await command(p.store.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 1, disposition: 'sellable' });
    await decidePending(p.store.db, { now: p.context.now });
    await push(p);
    expect(await sellable(p, 'fake:a')).toEqual({ A: 14 });
    expect(await stops(p)).toEqual(['ask']);
    expect(await alerts(p)).toMatchObject([{ fingerprint: 'drift fake:a manualEdit', proof: null }]);
    const [listing] = await p.store.db.rows<{ ref: string }>(sql`select listing_ref as ref from listing`);
    const by = { actor: 'test', now: p.context.now() };
    const name = { channelId: 'fake:a', listingRef: listing?.ref ?? '' };
    expect(await p.store.db.transaction((tx) => resumeListings(tx, name, by))).toMatchObject([
      { sku: 'A', stopped: 'ask' },
    ]);
    await p.quiet();
    expect(await sellable(p, 'fake:a')).toEqual({ A: 11 });
    expect(await stops(p)).toEqual([]);
  });
});

describe('a war with a second writer', () => {
  test('trips the breaker after three overwrites and alerts once; the listing is lowered still, never raised', async () => {
    const p = await open();
    for (const shown of [25, 31, 40]) {
      await edit(p, shown);
      await later(p);
      await reconcileChannel(p.context, 'fake:a', never);
      await p.quiet();
    }
    expect(await stops(p)).toEqual(['secondWriter']);
    expect(await sellable(p, 'fake:a')).toEqual({ A: 10 });
    for (const shown of [10, 50]) {
      await edit(p, shown);
      await later(p);
      await look(p);
      await look(p);
      expect(await alerts(p)).toMatchObject([{ fingerprint: 'drift fake:a secondWriter', proof: null }]);
    }
    await command(p.store.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 90, disposition: 'sellable' });
    await decidePending(p.store.db, { now: p.context.now });
    await later(p);
    await look(p);
    await push(p);
    expect((await sellable(p, 'fake:a'))['A']).toBe(50);
    // Whoever is called out reads what is the matter, what allot still does, and the command.
    const [alert] = await listAlerts(p.store.db, { code: 'drift' }, 10);
    const [{ ref } = { ref: '' }] = await p.store.db.rows<{ ref: string }>(
      sql`select listing_ref as ref from listing where sku = 'A'`,
    );
    expect(alert).toMatchObject({
      severity: 'error',
      mending: false,
      title: 'fake:a: 1 listing(s) show another number than they should (secondWriter), 1 stopped',
      touches: { listings: 1, skus: ['A'], stopped: 1 },
      cause: expect.stringContaining(
        '1 stopped, since another program writes there too: allot still lowers what shows more than may be sold, and raises nothing until it is resumed',
      ),
      nextStep: `switch the other program off, then: allot listings resume fake:a ${quoted(ref)}`,
    });
  });
});

test('a stopped listing is lowered also where the platform subtracts its own open orders from the number', async () => {
  const p = await open({ 'fake:a': { basis: 'onHandLessOwnOpen', compareAndSet: false } });
  await p.control('fake:a').placeOrder({ lines: [{ sku: 'A', quantity: 4 }] });
  await p.quiet();
  expect(await sellable(p, 'fake:a')).toEqual({ A: 6 });
  // 4 of the number are its own open orders. The last is the least above it: more on the wire than can be bought there.
  for (const shown of [25, 31, 40, 12]) {
    await edit(p, shown);
    await later(p);
    await look(p);
    await p.quiet();
  }
  expect(await stops(p)).toEqual(['secondWriter']);
  expect(await sellable(p, 'fake:a')).toEqual({ A: 6 });
});

test('a listing that is found lower long after another was is own stock that seems wrong too', async () => {
  const p = await open({ 'fake:a': {}, 'fake:b': {} });
  const believedNoMore = async (channel: string) => {
    await edit(p, 3, channel);
    await later(p);
    await lightScan(p.context, channel, PACE, never);
    await p.quiet();
    p.clock.now += 20 * 60_000;
    await p.store.db.rows(sql`update item set next_review_at = null`);
    await command(p.store.db, { kind: 'review', sku: 'A' });
    await settle(p);
  };
  await believedNoMore('fake:a');
  expect(await stops(p)).toEqual([]);
  expect((await sellable(p, 'fake:a'))['A']).toBe(10);
  await believedNoMore('fake:b');
  expect(await stops(p)).toEqual(['ownStock']);
  expect((await sellable(p, 'fake:b'))['A']).toBe(3);
});

test('own stock that seems wrong is counted: until then nothing is raised, and the count resumes it', async () => {
  const p = await open({ 'fake:a': {}, 'fake:b': {} });
  await edit(p, 3);
  await edit(p, 3, 'fake:b');
  await later(p);
  for (const id of ['fake:a', 'fake:b']) await lightScan(p.context, id, PACE, never);
  await p.quiet();
  p.clock.now += 20 * 60_000;
  await p.store.db.rows(sql`update item set next_review_at = null`);
  await command(p.store.db, { kind: 'review', sku: 'A' });
  await settle(p);
  expect(await stops(p)).toContain('ownStock');
  expect((await sellable(p, 'fake:a'))['A']).toBe(3);
  // Counts are dated by the clock of the machine, which the test's has left behind.
  const asOf = Date.now();
  await p.store.db.rows(sql`update listing_sync set stopped_at = now() - interval '1 minute'`);
  await command(p.store.db, { kind: 'count', sku: 'A', location: 'main', disposition: 'sellable', quantity: 4, asOf });
  await decidePending(p.store.db, { now: p.context.now });
  await later(p);
  for (const id of ['fake:a', 'fake:b']) await lightScan(p.context, id, PACE, never);
  await settle(p);
  expect(await stops(p)).toEqual([]);
  expect([await sellable(p, 'fake:a'), await sellable(p, 'fake:b')]).toEqual([{ A: 4 }, { A: 4 }]);
});

test("a kit's listing that waits for a count goes on once each of its components was counted", async () => {
  const p = await openPipeline({ partners: { 'fake:a': {} }, skus: ['A', 'B', 'SET'] });
  pipeline = p;
  await p.store.db.rows(sql`insert into item_component (kit, sku, quantity) values ('SET', 'A', 2), ('SET', 'B', 1)`);
  for (const sku of ['A', 'B'])
    await command(p.store.db, { kind: 'receive', sku, location: 'main', quantity: 10, disposition: 'sellable' });
  await p.quiet();
  await p.store.db.rows(sql`
    update listing_sync set stopped_because = 'ownStock', stopped_at = now() - interval '1 minute'
    where listing_id = (select id from listing where sku = 'SET')`);
  const count = async (sku: string): Promise<string[]> => {
    const asOf = Date.now();
    await command(p.store.db, { kind: 'count', sku, location: 'main', disposition: 'sellable', quantity: 10, asOf });
    await decidePending(p.store.db, { now: p.context.now });
    await look(p);
    return stops(p);
  };
  expect(await count('A')).toEqual(['ownStock']);
  expect(await count('B')).toEqual([]);
});
