/** The gate in the workers: from what scans find, live by a share of the items, and back by itself. */
import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import type { GateRule } from '#core/model.ts';
import { openAttempt } from '#db/attempts.ts';
import { readAgreement, readDiffering, readGate } from '#db/gates.ts';
import { setLive, setMode } from '#db/modes.ts';
import { command } from '#test/support/brand.ts';
import { openPipeline, type Pipeline, type PipelineOptions, sellable } from '#test/support/pipeline.ts';
import { decidePending } from '#workers/allocate.ts';
import { pushChannel } from '#workers/push.ts';
import { reconcileChannel } from '#workers/reconcile.ts';
import { sweepOnce } from '#workers/sweep.ts';

const never = new AbortController().signal;
const CHANNEL = 'fake:a';
const DAY_MS = 86_400_000;
const SKUS = Array.from({ length: 40 }, (_, n) => `S${n}`);
const RULE: GateRule = { channel: CHANNEL, cleanDays: 2, agreement: 95, ramp: [50, 100], stepDays: 1, fallBack: 90 };

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

async function open(rule: GateRule | null, options: Partial<PipelineOptions> = {}): Promise<Pipeline> {
  const p = await openPipeline({ partners: { [CHANNEL]: {} }, skus: SKUS, mode: 'shadow', ...options });
  pipeline = p;
  if (rule !== null)
    await p.store.db.rows(sql`update policy set body = body || ${JSON.stringify({ gates: [rule] })}::jsonb`);
  await receive(p, 10);
  await show(p, 10);
  p.clock.now += 120_000;
  return p;
}

async function receive(p: Pipeline, quantity: number): Promise<void> {
  for (const sku of SKUS)
    await command(p.store.db, { kind: 'receive', sku, location: 'main', quantity, disposition: 'sellable' });
  await decidePending(p.store.db, { now: p.context.now });
}

/** Somebody else sets the numbers there. */
const show = (p: Pipeline, shown: number, skus: readonly string[] = SKUS) =>
  p.control(CHANNEL).editLevels({ levels: skus.map((sku) => ({ sku, shown })) });

async function reconcile(p: Pipeline): Promise<void> {
  await p.store.db.rows(
    sql`update listing_sync set acked_at = acked_at - interval '1 hour', written_at = written_at - interval '1 hour'`,
  );
  await reconcileChannel(p.context, CHANNEL, never);
}

const gate = (p: Pipeline) => readGate(p.store.db, CHANNEL);

/** Scans on each of so many days, and comes to the morning after. */
async function days(p: Pipeline, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await reconcile(p);
    p.clock.now += DAY_MS;
  }
}

const written = async (p: Pipeline): Promise<string[]> =>
  (
    await p.store.db.rows<{ sku: string }>(sql`
      select distinct l.sku from push_attempt_item i join listing l on l.id = i.listing_id order by l.sku`)
  ).map(({ sku }) => sku);

const withinShare = async (p: Pipeline, share: number): Promise<string[]> =>
  (
    await p.store.db.rows<{ sku: string }>(
      sql`select sku from listing where channel_id = ${CHANNEL} and ramp_place < ${share * 100} order by sku`,
    )
  ).map(({ sku }) => sku);

test('in shadow each scan tells how far the numbers agree, by cause and units, and which listings differ most', async () => {
  const p = await open(null);
  await show(p, 14, ['S1']);
  await show(p, 0, ['S2']);
  await reconcile(p);
  await reconcile(p);
  const [day, ...more] = await readAgreement(p.store.db, CHANNEL, 10);
  expect(more).toEqual([]);
  expect(day).toMatchObject({
    mode: 'shadow',
    scans: 2,
    compared: 80,
    agreed: 76,
    moving: 0,
    units: 28,
    causes: { showsMore: 2, soldOutThere: 2 },
    lastCompared: 40,
    lastAgreed: 38,
  });
  expect(await readDiffering(p.store.db, CHANNEL, 5)).toMatchObject([
    { sku: 'S2', should: 10, shows: 0, isWritten: false },
    { sku: 'S1', should: 10, shows: 14 },
  ]);
  // Decided a moment ago: whoever writes there cannot have told it yet.
  await receive(p, 1);
  await reconcile(p);
  expect((await readAgreement(p.store.db, CHANNEL, 10))[0]).toMatchObject({ scans: 3, compared: 80, moving: 40 });
  expect(await gate(p)).toMatchObject({ mode: 'shadow', rule: null });
});

test('after its clean days it goes live for a share of its items, then for all; what is beyond the share is as in shadow', async () => {
  const p = await open(RULE);
  await days(p, 3);
  expect(await gate(p)).toMatchObject({ mode: 'shadow' });
  await reconcile(p);
  expect(await gate(p)).toMatchObject({ mode: 'live', share: 50 });
  const half = await withinShare(p, 50);
  expect(half.length).toBeGreaterThan(8);
  expect(half.length).toBeLessThan(32);
  await receive(p, 1);
  await p.quiet();
  const shown = await sellable(p, CHANNEL);
  expect(
    Object.keys(shown)
      .filter((sku) => shown[sku] === 11)
      .sort(),
  ).toEqual(half);
  expect(Object.values(shown).filter((units) => units === 10)).toHaveLength(SKUS.length - half.length);
  expect(await written(p)).toEqual(half);
  // One clean day more: all of it. Those that were written to stay among them.
  p.clock.now += DAY_MS;
  await days(p, 1);
  await reconcile(p);
  expect(await gate(p)).toMatchObject({ mode: 'live', share: 100 });
  await p.quiet();
  expect(Object.values(await sellable(p, CHANNEL)).every((units) => units === 11)).toBe(true);
  const trail = await p.store.db.rows(
    sql`select action, detail->>'share' as share from audit where actor = 'gate' order by id`,
  );
  expect(trail).toEqual([
    { action: 'gate: open', share: '50' },
    { action: 'gate: widen', share: '100' },
  ]);
});

test('one scan that differs is mended; two in a row take it back to shadow, with an alert, and it stays there', async () => {
  const p = await open(RULE);
  await setMode(p.store.db, [CHANNEL], 'live', 'ann');
  await receive(p, 1);
  await p.quiet();
  const diverge = async () => {
    await show(p, 99, SKUS.slice(0, 10));
    await reconcile(p);
  };
  await diverge();
  expect(await gate(p)).toMatchObject({ mode: 'live', divergingScans: 1 });
  await p.quiet();
  await reconcile(p);
  expect(await gate(p)).toMatchObject({ mode: 'live', divergingScans: 0 });
  await diverge();
  await p.quiet();
  await diverge();
  expect(await gate(p)).toMatchObject({ mode: 'shadow', fellBack: true, fellBackWhy: expect.stringContaining('90 %') });
  const told = () =>
    p.store.db.rows(sql`select code, severity, state from alert where code in ('gate-fell-back') order by id`);
  expect(await told()).toEqual([{ code: 'gate-fell-back', severity: 'critical', state: 'open' }]);
  const before = (await p.control(CHANNEL).log()).entries.filter(({ kind }) => kind === 'applied').length;
  await pushChannel(p.context, CHANNEL, never);
  expect((await p.control(CHANNEL).log()).entries.filter(({ kind }) => kind === 'applied')).toHaveLength(before);
  // Clean days alone do not open it again: a person does.
  await show(p, 11);
  p.clock.now += DAY_MS;
  await days(p, 5);
  expect(await gate(p)).toMatchObject({ mode: 'shadow', fellBack: true });
  await setLive(p.store.db, [CHANNEL], 50, 'ann');
  expect(await gate(p)).toMatchObject({ mode: 'live', share: 50, fellBack: false });
  expect(await told()).toMatchObject([{ state: 'closed' }]);
});

test('sales whose orders are late are no divergence', async () => {
  const p = await open(RULE);
  await setMode(p.store.db, [CHANNEL], 'live', 'ann');
  await receive(p, 1);
  await p.quiet();
  await show(p, 5, SKUS.slice(0, 20));
  await reconcile(p);
  await reconcile(p);
  expect(await gate(p)).toMatchObject({ mode: 'live', divergingScans: 0 });
  expect((await readAgreement(p.store.db, CHANNEL, 1))[0]).toMatchObject({ causes: { lateOrder: 40 } });
});

test('a platform that has been silent for an hour takes a channel back on its ramp alone', async () => {
  const p = await open(RULE);
  const sweep = () => sweepOnce(p.context, { ring: () => Promise.resolve() }, { pollMs: DAY_MS, reconcileMs: DAY_MS });
  await p.store.db.rows(sql`
    insert into channel_breaker (channel_id, state, trips, opened_at, retry_at)
    values (${CHANNEL}, 'open', 9, to_timestamp(${p.clock.now - 3_600_001} / 1000.0), to_timestamp(${p.clock.now + 9000} / 1000.0))`);
  await setLive(p.store.db, [CHANNEL], 100, 'ann');
  await sweep();
  expect(await gate(p)).toMatchObject({ mode: 'live' });
  await setLive(p.store.db, [CHANNEL], 50, 'ann');
  await sweep();
  expect(await gate(p)).toMatchObject({ mode: 'shadow', fellBackWhy: expect.stringContaining('not answered') });
});

test('a daemon that is read-only lets nothing go live', async () => {
  const p = await open(RULE, { readOnly: true });
  await days(p, 4);
  expect(await gate(p)).toMatchObject({ mode: 'shadow' });
});

test('mode and share are checked in the transaction that stores the bytes, and cannot change before it ends', async () => {
  const p = await open(null);
  const { db } = p.store;
  const rows = await db.rows<{ listingId: number; version: number; sku: string }>(sql`
    select l.id as "listingId", t.version, l.sku from listing l join target t on t.listing_id = l.id where l.channel_id = ${CHANNEL} order by l.id`);
  const planned = rows.map(({ listingId, version }) => ({
    listingId,
    version,
    quantity: 10,
    wireQuantity: 10,
    compareWith: null,
    soldBaseline: 0,
  }));
  const attempt = (over: Partial<{ idempotencyKey: string }> = {}) => ({
    channelId: CHANNEL,
    lane: 'set',
    owner: 'test',
    leaseMs: 30_000,
    idempotencyKey: 'k',
    ...over,
  });
  expect(await db.transaction((tx) => openAttempt(tx, attempt(), planned, () => 'x'))).toBeNull();
  await setLive(db, [CHANNEL], 25, 'ann');
  const order: string[] = [];
  const opened = await db.transaction(async (tx) => {
    const made = await openAttempt(tx, attempt(), planned, () => 'x');
    const moded = setMode(db, [CHANNEL], 'shadow', 'ann').then(() => order.push('shadow'));
    // It waits for us: another session sees it wait.
    for (let waits = 0; waits === 0; ) {
      const [row] = await db.rows<{ n: number }>(
        sql`select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      );
      waits = row?.n ?? 0;
    }
    order.push('stored');
    return { made, moded };
  });
  await opened.moded;
  expect(order).toEqual(['stored', 'shadow']);
  const of = new Map(rows.map(({ listingId, sku }) => [listingId, sku]));
  expect(opened.made?.items.map(({ listingId }) => of.get(listingId)).sort()).toEqual(await withinShare(p, 25));
});

test('a share only grows, whatever it was: an item that is within a share is within every larger one', async () => {
  const p = await open(null);
  let before: string[] = [];
  for (const share of [1, 5, 20, 50, 80, 100]) {
    const now = await withinShare(p, share);
    expect(before.filter((sku) => !now.includes(sku))).toEqual([]);
    before = now;
  }
  expect(before).toHaveLength(SKUS.length);
  const [spread] = await p.store.db.rows<{ low: number; high: number }>(sql`
    select count(*) filter (where place < 2500)::int as low, count(*) filter (where place >= 7500)::int as high
    from (select ramp_place('SKU-' || n) as place from generate_series(1, 4000) n) s`);
  expect(spread?.low).toBeGreaterThan(900);
  expect(spread?.high).toBeGreaterThan(900);
});
