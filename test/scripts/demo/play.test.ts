/** The closed loop and the play of days and nights, against three sandboxes and the workers, each round of them called by hand. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTargets } from '#db/measures.ts';
import { readOrderTotals, readUnfinished } from '#db/pace.ts';
import type { PlayOptions } from '#scripts/demo/acts.ts';
import { openBuyers } from '#scripts/demo/buyers.ts';
import { type Pace, startPace } from '#scripts/demo/pace.ts';
import { preparePlay } from '#scripts/demo/play.ts';
import { createRestock, LEAD_DAYS, REVIEW_DAYS } from '#scripts/demo/restock.ts';
import { findDrift, readLevels, settle } from '#scripts/demo/settle.ts';
import { DAY_MS, type StreamEvent, type StreamOrder } from '#scripts/demo/stream.ts';
import { command } from '#test/support/brand.ts';
import { openPipeline, type Pipeline } from '#test/support/pipeline.ts';
import { decidePending } from '#workers/allocate.ts';
import { pollChannel } from '#workers/intake.ts';
import { pushChannel } from '#workers/push.ts';

const never = new AbortController().signal;
const HOUR_MS = 3_600_000;

let pipeline: Pipeline;
let pace: Pace;
beforeEach(async () => {
  pipeline = await openPipeline({
    partners: {
      'shopify:main': {},
      'edi:department-store': { basis: 'onHandLessOwnOpen', batch: 'allOrNothing' },
      'edi:dropship-mall': {},
      'amazon:uk': { compareAndSet: false },
    },
    skus: ['MUG', 'TIN'],
  });
});
afterEach(async () => {
  await pace.close();
  await pipeline.close();
});

async function fill(quantity: number): Promise<void> {
  for (const sku of ['MUG', 'TIN']) {
    await command(pipeline.store.db, { kind: 'receive', sku, location: 'main', quantity, disposition: 'sellable' });
  }
  await pipeline.quiet();
}

/** Runs rounds of the workers until `work` is done. */
async function whileWorking<Result>(work: Promise<Result>): Promise<Result> {
  const working = new AbortController();
  const rounds = async (): Promise<void> => {
    while (!working.signal.aborted) await pipeline.quiet();
  };
  const [result] = await Promise.all([work.finally(() => working.abort()), rounds()]);
  return result;
}

const order = (
  ref: string,
  at: number,
  channel: StreamOrder['channel'],
  units: Readonly<Record<string, number>>,
): StreamOrder => ({
  kind: 'order',
  at,
  ref,
  channel,
  customer: 'ann',
  lines: Object.entries(units).map(([sku, quantity]) => ({ sku, units: quantity })),
});

const prepare = (events: readonly StreamEvent[], over: Partial<PlayOptions> = {}) =>
  preparePlay({
    db: pipeline.store.db,
    controls: pipeline.controls,
    events,
    buyers: openBuyers(
      new Map([
        ['MUG', 10],
        ['TIN', 10],
      ]),
    ),
    restock: createRestock(new Map()),
    pace,
    outstandingMax: 2,
    ordersPerSecond: null,
    afterOrder: async () => undefined,
    signal: never,
    ...over,
  });

describe('the play', () => {
  const balanceOf = async (sku: string) => {
    const targets = await readTargets(pipeline.store.db);
    return Object.fromEntries(
      targets.filter((one) => one.sku === sku).map(({ channel, quantity }) => [channel, quantity]),
    );
  };

  it('sells, cancels, loses, ships and takes back, and every platform ends at what is left', async () => {
    pace = startPace({ db: pipeline.store.db, limitMs: () => 60_000 });
    await fill(10);
    const play = prepare([
      order('1', 8 * HOUR_MS, 'shopify:main', { MUG: 3, TIN: 50 }),
      order('2', 9 * HOUR_MS, 'edi:department-store', { MUG: 2 }),
      order('3', 10 * HOUR_MS, 'amazon:uk', { MUG: 6 }),
      { kind: 'credit', at: 11 * HOUR_MS, ref: 'C1', customer: 'ann', sku: 'MUG', units: 1 },
      { kind: 'adjust', at: 12 * HOUR_MS, sku: 'TIN', units: 4, reason: 'damaged' },
      order('4', 2 * DAY_MS, 'amazon:uk', { TIN: 1 }),
      { kind: 'credit', at: 3 * DAY_MS, ref: 'C2', customer: 'ann', sku: 'MUG', units: 1 },
      order('5', 4 * DAY_MS, 'shopify:main', { TIN: 1 }),
    ]);
    await whileWorking(play.run());
    expect(play.offered.get('shopify:main')).toEqual({ orders: 2, lines: 3, units: 54 });
    expect(pace.late()).toBe(0);
    expect(play.returned()).toBe(1);
    expect(play.adjustments).toEqual({ wanted: 4, done: 4 });
    const settled = await whileWorking(settle(pipeline.store.db, pipeline.controls, never));
    expect(settled).toMatchObject({ isSettled: true, missing: 0 });
    // 10 less 3 sold there (1 cancelled, since a retailer cannot), 2 wholesale (1 came back whole); the market wanted 6 and saw 5.
    const all = (units: number) => Object.fromEntries([...pipeline.controls.keys()].map((id) => [id, units]));
    expect(await balanceOf('MUG')).toEqual(all(7));
    expect(await balanceOf('TIN')).toEqual(all(4));
    const shipped = await pipeline.store.db.rows(sql`select order_id from command where kind = 'ship'`);
    expect(shipped).toEqual([{ order_id: expect.stringMatching('edi:department-store/') }]);
  });

  it('takes in at night what the restock rule ordered', async () => {
    pace = startPace({ db: pipeline.store.db, limitMs: () => 60_000 });
    await fill(10);
    const last = (REVIEW_DAYS + LEAD_DAYS + 1) * DAY_MS;
    const play = prepare([order('1', 0, 'shopify:main', { MUG: 8 }), order('2', last, 'shopify:main', { MUG: 9 })], {
      restock: createRestock(new Map([['MUG', 12]])),
    });
    await whileWorking(play.run());
    expect(play.moves.map(({ body }) => body.kind)).toEqual(['receive']);
    await pipeline.quiet();
    expect((await balanceOf('MUG'))['amazon:uk']).toBe(3);
  });

  it('keeps to a pace of its own when told to, and calls after each order', async () => {
    pace = startPace({ db: pipeline.store.db, limitMs: () => 60_000 });
    await fill(10);
    const seen: number[] = [];
    const orders = [1, 2, 3].map((n) => order(String(n), n * HOUR_MS, 'shopify:main', { MUG: 1 }));
    const play = prepare(orders, { ordersPerSecond: 1000, afterOrder: async (n) => void seen.push(n) });
    // Nobody works meanwhile: a closed loop of two would wait for ever.
    await play.run();
    expect(seen).toEqual([1, 2, 3]);
    expect(pace.outstanding()).toBe(3);
    await whileWorking(pace.acknowledged());
  });
});

describe('the closed loop', () => {
  it('lets go an order when all channels have acknowledged it, and not before', async () => {
    pace = startPace({ db: pipeline.store.db, limitMs: () => 60_000 });
    await fill(10);
    const { orderRef } = await pipeline.control('shopify:main').placeOrder({ lines: [{ sku: 'MUG', quantity: 2 }] });
    const id = `shopify:main/${orderRef}`;
    pace.watchOrder({ id, ordered: 2, cancelled: 0, shipped: 0 }, ['MUG']);
    expect(pace.outstanding()).toBe(1);
    await whileWorking(pace.acknowledged());
    expect(await readOrderTotals(pipeline.store.db, [id])).toEqual([{ id, ordered: 2, cancelled: 0, shipped: 0 }]);
    expect((await readUnfinished(pipeline.store.db)).behind).toBe(0);
    const levels = await readLevels(pipeline.controls);
    expect([...findDrift(await readTargets(pipeline.store.db), levels).values()]).toEqual([0, 0, 0, 0]);
  });

  it('tells what allot has heard from what is acknowledged, and forgets nothing of an order that is watched again', async () => {
    pace = startPace({ db: pipeline.store.db, limitMs: () => 60_000 });
    await fill(10);
    const { orderRef } = await pipeline.control('shopify:main').placeOrder({ lines: [{ sku: 'MUG', quantity: 2 }] });
    const totals = { id: `shopify:main/${orderRef}`, ordered: 2, cancelled: 0, shipped: 0 };
    pace.watchOrder(totals, ['MUG']);
    await pollChannel(pipeline.context, 'shopify:main', never);
    await decidePending(pipeline.store.db, { now: pipeline.context.now });
    await pace.heard();
    expect(pace.outstanding()).toBe(1);
    pace.watchOrder(totals, []);
    await pace.heard();
    expect(pace.outstanding()).toBe(1);
    await whileWorking(pace.acknowledged());
    expect((await readUnfinished(pipeline.store.db)).behind).toBe(0);
  });

  it('has room while only patient channels are behind, and waits for them where it is told to', async () => {
    const ignored = new Set(['edi:department-store']);
    const others = [...pipeline.controls.keys()].filter((id) => id !== 'shopify:main' && !ignored.has(id));
    pace = startPace({ db: pipeline.store.db, limitMs: () => 60_000, patient: new Set(others), ignored });
    await fill(10);
    const { orderRef } = await pipeline.control('shopify:main').placeOrder({ lines: [{ sku: 'MUG', quantity: 2 }] });
    pace.watchOrder({ id: `shopify:main/${orderRef}`, ordered: 2, cancelled: 0, shipped: 0 }, ['MUG']);
    await pollChannel(pipeline.context, 'shopify:main', never);
    await decidePending(pipeline.store.db, { now: pipeline.context.now });
    await pushChannel(pipeline.context, 'shopify:main', never);
    await pace.room(1);
    expect(pace.outstanding()).toBe(0);
    expect((await readUnfinished(pipeline.store.db)).behind).toBe(others.length + ignored.size);
    for (const id of others) await pushChannel(pipeline.context, id, never);
    await pace.acknowledged();
    expect((await readUnfinished(pipeline.store.db)).behind).toBe(ignored.size);
  });

  it('gives up what takes too long, and counts it', async () => {
    let now = 1000;
    pace = startPace({ db: pipeline.store.db, limitMs: () => 500, now: () => now });
    pace.watchOrder({ id: 'shopify:main/never', ordered: 1, cancelled: 0, shipped: 0 }, ['MUG']);
    const room = pace.room(1);
    now += 501;
    await room;
    expect(pace.late()).toBe(1);
  });

  it('lets everybody go when it is closed', async () => {
    pace = startPace({ db: pipeline.store.db, limitMs: () => 60_000 });
    pace.watchOrder({ id: 'shopify:main/never', ordered: 1, cancelled: 0, shipped: 0 }, ['MUG']);
    const [room, acknowledged] = [pace.room(1), pace.acknowledged()];
    await pace.close();
    await Promise.all([room, acknowledged]);
    await pace.room(1);
    expect(pace.outstanding()).toBe(1);
  });

  it('sees a platform that does not show what it should', async () => {
    pace = startPace({ db: pipeline.store.db, limitMs: () => 60_000 });
    await fill(10);
    await pipeline.control('amazon:uk').editLevels({ levels: [{ sku: 'TIN', shown: 9 }] });
    const drift = findDrift(await readTargets(pipeline.store.db), await readLevels(pipeline.controls));
    expect(Object.fromEntries(drift)).toMatchObject({ 'shopify:main': 0, 'amazon:uk': 1 });
  });
});
