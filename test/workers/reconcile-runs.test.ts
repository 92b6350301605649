/** Runs of reconcile: kept with who started them and what they found; asked for before the bell; a dry run changes nothing. */
import { sql } from 'drizzle-orm';
import { afterEach, describe, expect, test } from 'vitest';
import { Transient } from '#core/errors.ts';
import {
  askRun,
  beginRun,
  endRun,
  furthestApart,
  listRuns,
  noteRun,
  purgeRuns,
  readDifferences,
  readRun,
} from '#db/reconcile-runs.ts';
import { findUnfinished } from '#db/unfinished.ts';
import { command } from '#test/support/brand.ts';
import { openPipeline, type Pipeline } from '#test/support/pipeline.ts';
import { lightScan } from '#workers/light-scan.ts';
import { dryRunChannel, reconcileChannel } from '#workers/reconcile.ts';

const never = new AbortController().signal;
const CHANNEL = 'fake:a';

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

/** Ten units of A, acknowledged so long ago that a look means something. */
async function open(): Promise<Pipeline> {
  const p = await openPipeline({ partners: { [CHANNEL]: {} }, skus: ['A'] });
  pipeline = p;
  await command(p.store.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 10, disposition: 'sellable' });
  await p.quiet();
  await p.store.db.rows(
    sql`update listing_sync set acked_at = acked_at - interval '1 hour', written_at = written_at - interval '1 hour'`,
  );
  return p;
}

const edit = (p: Pipeline, shown: number) => p.control(CHANNEL).editLevels({ levels: [{ sku: 'A', shown }] });
const runs = (p: Pipeline) => listRuns(p.store.db, { withLight: true, limit: 10 });
const ask = (p: Pipeline, isDryRun: boolean, actor = 'operator:kim') =>
  p.store.db.transaction((tx) => askRun(tx, { channelId: CHANNEL, isDryRun, actor, now: p.clock.now }));
const drifts = (p: Pipeline) => p.store.db.rows(sql`select id from drift`);

const counts = { compared: 1, differing: 1, causes: { manualEdit: 1 }, healed: 0 };
const difference = (listingId: number) => ({
  listingId,
  cause: 'manualEdit' as const,
  remedy: 'write' as const,
  shows: 10 + listingId,
  wants: 10,
  because: ['so it is'],
});

test('a whole look is kept with what it found and told; the next one with what it healed', async () => {
  const p = await open();
  await edit(p, 25);
  await reconcileChannel(p.context, CHANNEL, never);
  const [first] = await runs(p);
  expect(first).toMatchObject({
    channel: CHANNEL,
    mode: 'full',
    isDryRun: false,
    state: 'done',
    actor: 'timer',
    compared: 1,
    differing: 1,
    causes: { manualEdit: 1 },
    healed: 0,
    openAfter: 1,
    error: null,
  });
  expect(await readDifferences(p.store.db, first?.id ?? 0)).toMatchObject([
    { cause: 'manualEdit', shows: 25, wants: 10, sku: 'A', remedy: 'write', because: [expect.stringContaining('25')] },
  ]);
  await edit(p, 10);
  await lightScan(p.context, CHANNEL, { everyMs: 30_000, periodMs: 900_000 }, never);
  expect((await runs(p))[0]).toMatchObject({ mode: 'light', differing: 0, healed: 1, openAfter: 0, compared: 1 });
  expect(await listRuns(p.store.db, { withLight: false, limit: 10 })).toHaveLength(1);
});

describe('a run that is asked for', () => {
  test('is a row before it is a bell, is joined by whoever asks again, and is taken under the name of whoever asked', async () => {
    const p = await open();
    const first = await ask(p, false);
    expect(first.isNew).toBe(true);
    expect(await ask(p, false, 'operator:lee')).toEqual({ id: first.id, isNew: false });
    const found = await findUnfinished(p.store.db, p.clock.now, { pollMs: 1e9, reconcileMs: 1e9 });
    expect(found).toContainEqual({ topic: 'reconcile', key: CHANNEL });
    await reconcileChannel(p.context, CHANNEL, never);
    expect(await readRun(p.store.db, first.id)).toMatchObject({ state: 'done', actor: 'operator:kim', compared: 1 });
    await reconcileChannel(p.context, CHANNEL, never);
    expect((await runs(p)).map(({ actor }) => actor)).toEqual(['timer', 'operator:kim']);
  });

  test('as a dry run tells what differs and changes nothing', async () => {
    const p = await open();
    await edit(p, 25);
    const before = await p.store.db.rows(sql`select * from listing_sync`);
    const { id } = await ask(p, true);
    const found = await findUnfinished(p.store.db, p.clock.now, { pollMs: 1e9, reconcileMs: 1e9 });
    expect(found).toContainEqual({ topic: 'dryrun', key: CHANNEL });
    await dryRunChannel(p.context, CHANNEL, never);
    expect(await readRun(p.store.db, id)).toMatchObject({ state: 'done', isDryRun: true, differing: 1, healed: 0 });
    expect(await readDifferences(p.store.db, id)).toHaveLength(1);
    expect(await drifts(p)).toEqual([]);
    expect(await p.store.db.rows(sql`select * from listing_sync`)).toEqual(before);
    expect(await p.store.db.rows(sql`select 1 from alert`)).toEqual([]);
    // A bell that comes twice finds nothing to do.
    await dryRunChannel(p.context, CHANNEL, never);
    expect(await runs(p)).toHaveLength(1);
  });
});

test('a run whose platform does not answer has failed, with what it said, and leaves the count so far', async () => {
  const p = await open();
  const channel = p.context.channels.get(CHANNEL);
  if (channel === undefined) throw new Error('no such channel');
  const scan = async () => {
    throw new Transient('the shop is closed for repairs');
  };
  const channels = new Map([[CHANNEL, { ...channel, connection: { ...channel.connection, scan } }]]);
  await reconcileChannel({ ...p.context, channels }, CHANNEL, never);
  expect((await runs(p))[0]).toMatchObject({
    state: 'failed',
    compared: null,
    error: 'the shop is closed for repairs',
  });
  const { id } = await ask(p, true);
  const defect = async () => {
    throw new Error('it is ours');
  };
  const broken = new Map([[CHANNEL, { ...channel, connection: { ...channel.connection, scan: defect } }]]);
  await dryRunChannel({ ...p.context, channels: broken }, CHANNEL, never);
  expect(await readRun(p.store.db, id)).toMatchObject({ state: 'failed', error: 'it is ours' });
});

test('a run that nothing is heard of is lost once another begins; one that goes on is not', async () => {
  const p = await open();
  const { db } = p.store;
  const start = { channelId: CHANNEL, mode: 'full', isDryRun: false, actor: 'operator:kim' } as const;
  const lost = await beginRun(db, { ...start, now: p.clock.now });
  const going = await beginRun(db, { ...start, now: p.clock.now });
  p.clock.now += 11 * 60_000;
  await noteRun(db, going, { counts, found: [], now: p.clock.now });
  await reconcileChannel(p.context, CHANNEL, never);
  expect(await readRun(db, lost)).toMatchObject({
    state: 'failed',
    error: expect.stringContaining('its process ended'),
  });
  expect(await readRun(db, going)).toMatchObject({ state: 'running' });
});

test('is bounded: of one run so many differences, light ones for two days, whole ones for thirty, what they found for seven', async () => {
  const p = await open();
  const { db } = p.store;
  await db.rows(sql`
    insert into listing (channel_id, listing_ref) select ${CHANNEL}, 'x-' || n from generate_series(1, 300) n`);
  const ids = (await db.rows<{ id: number }>(sql`select id from listing order by id`)).map(({ id }) => id);
  const make = async (mode: 'full' | 'light', days: number) => {
    const now = Date.now() - days * 86_400_000;
    const id = await beginRun(db, { channelId: CHANNEL, mode, isDryRun: false, actor: 'timer', now });
    const found = ids.map(difference);
    await noteRun(db, id, { counts: { ...counts, differing: found.length }, found, now });
    await endRun(db, id, {
      counts: { ...counts, differing: found.length },
      furthest: furthestApart(found),
      alerted: 0,
      openAfter: 0,
      error: null,
      now,
    });
    return id;
  };
  const [old, light, week, young] = [
    await make('full', 31),
    await make('light', 3),
    await make('full', 8),
    await make('light', 1),
  ];
  const kept = await readDifferences(db, young);
  expect(kept).toHaveLength(200);
  expect(kept.map(({ listingId }) => listingId)).toEqual(ids.toReversed().slice(0, 200));
  await purgeRuns(db);
  expect((await runs(p)).map(({ id }) => id)).toEqual([young, week]);
  expect([old, light].map((id) => id < week)).toEqual([true, true]);
  expect(await readDifferences(db, week)).toEqual([]);
  expect(await readDifferences(db, young)).toHaveLength(200);
});
