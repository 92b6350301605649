/**
 * A platform that shows minutes later what it accepted: Amazon's sandbox behind the whole pipeline. What it accepted shows when the
 * test says so, or when the pipeline's clock moves.
 */
import { sql } from 'drizzle-orm';
import { afterEach, describe, expect, test } from 'vitest';
import { connector } from '#connectors/amazon/index.ts';
import { type AmazonSandbox, startAmazonSandbox } from '#connectors/amazon/sandbox/start.ts';
import { createSandboxControl } from '#connectors/sandbox/control.ts';
import { createRandom } from '#connectors/sandbox/faults.ts';
import { SECRETS, SETTINGS } from '#test/connectors/amazon/bench.ts';
import { command } from '#test/support/brand.ts';
import { openPipeline, type PartnerOpener, type Pipeline, sellable } from '#test/support/pipeline.ts';
import { decidePending } from '#workers/allocate.ts';
import { pollChannel } from '#workers/intake.ts';
import { pushChannel } from '#workers/push.ts';
import { reconcileChannel } from '#workers/reconcile.ts';

const never = new AbortController().signal;
const SETTLE_S = 12;
const SPEED_UP = 1_000_000;

let pipeline: Pipeline | undefined;
afterEach(async () => {
  await pipeline?.close();
  pipeline = undefined;
});

async function open(skus: readonly string[] = ['A']): Promise<{ p: Pipeline; sandbox: AmazonSandbox }> {
  const started = Promise.withResolvers<AmazonSandbox>();
  const amazon: PartnerOpener = async (all) => {
    const sandbox = await startAmazonSandbox({
      speedUp: SPEED_UP,
      searchLagMs: 0,
      pendingMs: 3_600_000,
      applyDelayMs: 3_600_000,
    });
    started.resolve(sandbox);
    const control = createSandboxControl(sandbox.url);
    const seeded = await control.seed({ listings: all.map((sku) => ({ sku, shown: 0 })) });
    const settings = { ...SETTINGS, endpoint: sandbox.url, speedUp: SPEED_UP, settle: SETTLE_S, pollOverlap: 600 };
    const onClock = () => sandbox.shelf.applyAccepted();
    return { connector, settings, secrets: SECRETS, control, seeded, onClock, close: () => sandbox.close() };
  };
  const p = await openPipeline({ partners: { 'amazon:uk': amazon, 'fake:b': {} }, skus });
  pipeline = p;
  return { p, sandbox: await started.promise };
}

const receive = (p: Pipeline, sku: string, quantity: number) =>
  command(p.store.db, { kind: 'receive', sku, location: 'main', quantity, disposition: 'sellable' });

const lose = (p: Pipeline, sku: string, units: number) =>
  command(p.store.db, {
    kind: 'adjust',
    sku,
    location: 'main',
    disposition: 'sellable',
    delta: -units,
    reason: 'damaged',
  });

/** What a push makes of it now, without a poll and without a moment passing. */
async function pushNow(p: Pipeline): Promise<void> {
  await decidePending(p.store.db, { now: p.context.now });
  await pushChannel(p.context, 'amazon:uk', never);
}

const observedCommands = (p: Pipeline) => p.store.db.rows(sql`select 1 from command where kind = 'observed'`);
const shownAt = async (p: Pipeline, sku = 'A') => (await sellable(p, 'amazon:uk'))[sku];

describe('between an accepted write and the moment it shows', () => {
  test('a raise that does not show yet is not taken for sales: the next raise waits, and all of it is shown', async () => {
    const { p, sandbox } = await open();
    await receive(p, 'A', 10);
    await p.quiet();
    await receive(p, 'A', 5);
    await pushNow(p);
    await receive(p, 'A', 5);
    p.rung.length = 0;
    await pushNow(p);
    expect(await observedCommands(p)).toEqual([]);
    // It ends, and rings for the end of the wait: it does not go round.
    expect(p.rung).toEqual([{ topic: 'push', key: 'amazon:uk' }]);
    sandbox.shelf.applyAccepted();
    expect(await shownAt(p)).toBe(15);
    p.clock.now += SETTLE_S * 1000;
    await pushNow(p);
    sandbox.shelf.applyAccepted();
    expect(await shownAt(p)).toBe(20);
    await p.quiet();
    expect(await observedCommands(p)).toEqual([]);
    expect(await sellable(p, 'fake:b')).toEqual({ A: 20 });
  });

  test('a raise is not written on the number from before a lowering: units sold after it are not given back', async () => {
    const { p, sandbox } = await open();
    await receive(p, 'A', 10);
    await p.quiet();
    await lose(p, 'A', 6);
    await pushNow(p);
    await receive(p, 'A', 5);
    await pushNow(p);
    // The lowering shows, and two of its four are sold.
    sandbox.shelf.applyAccepted(1);
    await p.control('amazon:uk').placeOrder({ lines: [{ sku: 'A', quantity: 2 }] });
    await pushNow(p);
    sandbox.shelf.applyAccepted();
    expect(await shownAt(p), 'nine there were, two are sold').toBeLessThanOrEqual(7);
    await p.quiet();
    expect(await sellable(p, 'amazon:uk')).toEqual({ A: 7 });
    expect(await sellable(p, 'fake:b')).toEqual({ A: 7 });
  });

  test('a lowering goes out at once', async () => {
    const { p, sandbox } = await open();
    await receive(p, 'A', 10);
    await p.quiet();
    await receive(p, 'A', 5);
    await pushNow(p);
    await lose(p, 'A', 12);
    await pushNow(p);
    sandbox.shelf.applyAccepted();
    expect(await shownAt(p)).toBe(3);
  });

  test('reconcile finds no drift in it, and its look waits', async () => {
    const { p, sandbox } = await open();
    await receive(p, 'A', 10);
    await p.quiet();
    await receive(p, 'A', 5);
    await pushNow(p);
    // Longer ago than a page takes to be read, and not settled yet.
    p.clock.now += 5000;
    await p.store.db.rows(sql`update listing_sync set acked_at = now() - interval '5 seconds'`);
    const before = await p.store.db.rows(sql`select read_due_at from listing_sync order by listing_id`);
    await reconcileChannel(p.context, 'amazon:uk', never);
    expect(await p.store.db.rows(sql`select code from alert`)).toEqual([]);
    expect(await p.store.db.rows(sql`select read_due_at from listing_sync order by listing_id`)).toEqual(before);
    // A webhook of a level asks too: it waits as well.
    await p.store.db.rows(sql`update listing_sync set read_due_at = to_timestamp(0)`);
    await pushNow(p);
    expect(await observedCommands(p)).toEqual([]);
    sandbox.shelf.applyAccepted();
    await p.quiet();
    expect(await shownAt(p)).toBe(15);
    expect(await observedCommands(p)).toEqual([]);
  });

  test('more than a push holds: all of it is sent, and each number once', async () => {
    const skus = Array.from({ length: 45 }, (_, n) => `S${String(n).padStart(2, '0')}`);
    const { p, sandbox } = await open(skus);
    for (const [n, sku] of skus.entries()) await receive(p, sku, n + 1);
    await pushNow(p);
    sandbox.shelf.applyAccepted();
    expect(await sellable(p, 'amazon:uk')).toEqual(Object.fromEntries(skus.map((sku, n) => [sku, n + 1])));
    const attempts = await p.store.db.rows(
      sql`select count(*)::int as attempts, (select count(*)::int from push_attempt_item) as items from push_attempt`,
    );
    expect(attempts).toEqual([{ attempts: 3, items: 45 }]);
  });
});

describe('Amazon beside another channel', () => {
  test('orders by poll, PENDING ones reserved, sales seen late, cancels and shipments: both show what is there', async () => {
    const { p, sandbox } = await open(['A', 'B']);
    const amazon = p.control('amazon:uk');
    await receive(p, 'A', 20);
    await receive(p, 'B', 4);
    await p.quiet();
    // PENDING, and it counts.
    const first = await amazon.placeOrder({ lines: [{ sku: 'A', quantity: 3 }] });
    await p.quiet();
    expect(await sellable(p, 'fake:b')).toEqual({ A: 17, B: 4 });
    // The other channel sells; before Amazon shows the lowering, two more are sold there, whose decrement it then overwrites.
    await p.control('fake:b').placeOrder({ lines: [{ sku: 'A', quantity: 5 }] });
    await pollChannel(p.context, 'fake:b', never);
    await pushNow(p);
    const second = await amazon.placeOrder({ lines: [{ sku: 'A', quantity: 2 }] });
    sandbox.shelf.applyAccepted();
    expect(await shownAt(p)).toBe(12);
    await p.quiet();
    expect(await sellable(p, 'amazon:uk')).toEqual({ A: 10, B: 4 });
    expect(await sellable(p, 'fake:b')).toEqual({ A: 10, B: 4 });
    await amazon.fulfilOrder(first.orderRef ?? '');
    await amazon.cancelOrder(second.orderRef ?? '', { restock: true });
    await p.quiet();
    expect(await sellable(p, 'amazon:uk')).toEqual({ A: 12, B: 4 });
    expect(await sellable(p, 'fake:b')).toEqual({ A: 12, B: 4 });
  });

  test('under faults and with orders listed late, all is right at the end', async () => {
    const { p } = await open(['A', 'B', 'C']);
    const [amazon, other] = [p.control('amazon:uk'), p.control('fake:b')];
    const random = createRandom(11);
    const skus = ['A', 'B', 'C'] as const;
    const left: Record<string, number> = { A: 60, B: 60, C: 60 };
    for (const sku of skus) await receive(p, sku, 60);
    await p.quiet();
    await amazon.setFaults({
      seed: 3,
      throttle: 0.1,
      error5xx: 0.1,
      timeoutAfterApply: 0.1,
      timeoutBeforeApply: 0.05,
      lateApply: 0.1,
      indexLagMs: 200,
    });
    for (let n = 0; n < 30; n += 1) {
      const sku = skus[Math.floor(random() * 3)] ?? 'A';
      const control = random() < 0.5 ? amazon : other;
      const { lines } = await control.placeOrder({ lines: [{ sku, quantity: 1 + Math.floor(random() * 2) }] });
      for (const line of lines) if (line.accepted) left[sku] = (left[sku] ?? 0) - line.quantity;
      for (const channel of ['amazon:uk', 'fake:b']) await pollChannel(p.context, channel, never);
      await pushNow(p);
      await pushChannel(p.context, 'fake:b', never);
      p.clock.now += 2000;
    }
    await amazon.setFaults({});
    const atRest = async () => {
      p.clock.now += 120_000;
      for (const channel of ['amazon:uk', 'fake:b']) await reconcileChannel(p.context, channel, never);
      await p.store.db.rows(sql`update item set next_review_at = null`);
      for (const sku of skus) await command(p.store.db, { kind: 'review', sku });
      await p.quiet();
      return [await sellable(p, 'amazon:uk'), await sellable(p, 'fake:b')];
    };
    await expect.poll(atRest, { timeout: 30_000, interval: 50 }).toEqual([left, left]);
  });
});
