/** What nothing else tells: each look opens, changes and closes its alerts by what stands in the tables. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Policy } from '#core/model.ts';
import { raiseAlert, resolveAlert } from '#db/alerts.ts';
import { applyConfiguration, readStored } from '#db/configuration.ts';
import { BRAND_POLICY, orderOf } from '#test/support/brand.ts';
import { expectSupply } from '#test/support/factory.ts';
import {
  DAY,
  HOUR,
  MINUTE,
  openWatchBench,
  order,
  receive,
  SETTINGS,
  type WatchBench,
} from '#test/support/watch-bench.ts';
import { checkAlerts } from '#workers/alert-checks.ts';
import { ordersOf, sayTouches } from '#workers/alert-words.ts';
import { tellLowPools } from '#workers/low-pools.ts';

let bench: WatchBench;
let store: WatchBench['store'];
let clock: WatchBench['clock'];
let context: WatchBench['context'];
let seed: WatchBench['seed'];
let decide: WatchBench['decide'];
let look: WatchBench['look'];
let alerts: WatchBench['alerts'];
let titles: WatchBench['titles'];
beforeEach(async () => {
  bench = await openWatchBench();
  ({ store, clock, context, seed, decide, look, alerts, titles } = bench);
});
afterEach(() => bench.close());

describe('oversold orders', () => {
  const shipBy = (dueAt: number) => ({ obligations: [{ kind: 'ship' as const, dueAt }] });

  it('are one alert per item, by number, with pages and the earliest promise; closed when they are covered', async () => {
    await seed();
    const [late, soon] = [clock.now + 3 * DAY, clock.now + DAY];
    await decide(
      receive('A', 5),
      order(orderOf('1', { A: 4 })),
      order(orderOf('2', { A: 3 }, shipBy(late))),
      order(orderOf('3', { A: 1 }, shipBy(soon)), 'fake:b'),
    );
    await look();
    const [alert] = await alerts({ code: 'oversold' });
    expect(alert).toMatchObject({
      severity: 'critical',
      title: 'A: 3 units promised to orders are not there',
      cause: '2 orders wait for 3 units that nothing covers',
      nextStep: 'allot reconfirm A --simulate',
      deadline: soon,
      isPromised: true,
    });
    expect(ordersOf(alert?.touches ?? {})).toEqual([
      { order: '#3', channel: 'fake:b', units: 1, shipBy: soon, link: 'https://shop.example/fake:b/orders/3' },
      { order: '#2', channel: 'fake:a', units: 2, shipBy: late, link: 'https://shop.example/fake:a/orders/2' },
    ]);
    await decide(receive('A', 2));
    await look();
    expect(await alerts({ code: 'oversold' })).toMatchObject([
      { title: 'A: 1 unit promised to orders is not there', cause: '1 order waits for 1 unit that nothing covers' },
    ]);
    await decide(receive('A', 1));
    await look();
    expect(await alerts({ code: 'oversold' })).toEqual([]);
    expect(await alerts({ code: 'oversold', isAll: true })).toMatchObject([
      { state: 'closed', proof: expect.stringContaining('every order line of the item is covered') },
    ]);
  });

  it('leave out what the tolerance of a program covers', async () => {
    await seed({
      programs: BRAND_POLICY.programs.map((one) => (one.id === 'dtc' ? { ...one, backorder: { units: 2 } } : one)),
    });
    await decide(order(orderOf('1', { A: 2 })));
    await look();
    expect(await alerts({ code: 'oversold' })).toEqual([]);
    await decide(order(orderOf('2', { A: 3 })));
    await look();
    expect(await titles({ code: 'oversold' })).toEqual(['A: 3 units promised to orders are not there']);
  });

  it('tell of a place that lost promised units', async () => {
    await seed();
    await decide(receive('A', 5), order(orderOf('1', { A: 5 })));
    await decide({
      kind: 'count',
      sku: 'A',
      location: 'main',
      quantity: 3,
      disposition: 'sellable',
      asOf: clock.now,
    });
    await look();
    expect(await alerts({ code: 'oversold' })).toMatchObject([{ cause: 'main has 2 fewer than are promised there' }]);
  });
});

describe('a phantom stock-out', () => {
  const observed = (state: string, sellable: number, ago = 0) =>
    store.db.rows(sql`
      insert into listing_sync (listing_id, acked_quantity, acked_at, observed_sellable, observed_state, observed_at)
      select l.id, t.quantity, to_timestamp(${clock.now - HOUR} / 1000.0), ${sellable}, ${state}, to_timestamp(${clock.now - ago} / 1000.0)
      from listing l join target t on t.listing_id = l.id where l.sku = 'A' and l.channel_id = 'fake:a'
      on conflict (listing_id) do update set observed_state = excluded.observed_state, observed_sellable = excluded.observed_sellable,
        observed_at = excluded.observed_at`);
  const acked = () =>
    store.db.rows(
      sql`update target set acked_version = version, behind_since = to_timestamp(${clock.now - HOUR} / 1000.0)`,
    );

  it.each([
    ['untracked', 0, 'fake:a: the platform does not track stock of 1 listing that should show 5 units', false],
    ['notBuyable', 5, 'fake:a: the platform does not sell 1 listing that should show 5 units', false],
    ['missing', 0, 'fake:a: the platform no longer has 1 listing that should show 5 units', false],
    ['tracked', 0, 'fake:a: the platform shows 0 of 1 listing that should show 5 units', true],
  ])('by a listing that is %s, showing %s', async (state, sellable, title, mending) => {
    await seed();
    await decide(receive('A', 5));
    await acked();
    await observed(state, sellable);
    await look();
    expect(await alerts({ code: 'phantom-stock-out' })).toMatchObject([{ title, mending, touches: { skus: ['A'] } }]);
    await observed('tracked', 5);
    await look();
    expect(await alerts({ code: 'phantom-stock-out' })).toEqual([]);
  });

  it('by a platform that refuses the number', async () => {
    await seed();
    await decide(receive('A', 5));
    await store.db.rows(sql`
      insert into listing_sync (listing_id, acked_quantity, failures, blocked_until, blocked_reason)
      select id, 0, 3, now(), 'the item is archived' from listing where sku = 'A' and channel_id = 'fake:a'`);
    clock.now += HOUR;
    await look();
    expect(await alerts({ code: 'phantom-stock-out' })).toMatchObject([
      { channel: 'fake:a', cause: 'refused: the item is archived' },
    ]);
  });

  it('is none while a number is on its way, just written, or not read since', async () => {
    await seed();
    await decide(receive('A', 5));
    await acked();
    await observed('tracked', 0, 2 * HOUR);
    await look();
    expect(await alerts({ code: 'phantom-stock-out' })).toEqual([]);
    await observed('tracked', 0);
    await store.db.rows(sql`update listing_sync set acked_at = to_timestamp(${clock.now} / 1000.0)`);
    await look();
    expect(await alerts({ code: 'phantom-stock-out' })).toEqual([]);
  });

  it('of the policy names the rule that keeps all back, and is none where there is no stock', async () => {
    const channels = BRAND_POLICY.channels.map((rule) => (rule.channel === 'fake:a' ? { ...rule, buffer: 5 } : rule));
    await seed({ channels });
    await decide(receive('A', 5));
    await look();
    const [held, ...others] = await alerts({ code: 'held-back' });
    expect(others).toEqual([]);
    expect(held).toMatchObject({
      severity: 'info',
      channel: 'fake:a',
      title: 'fake:a: 1 listing shows 0 because of buffer, with 5 units there',
      nextStep: 'allot explain A --channel fake:a',
    });
    await decide(receive('A', 1));
    clock.now += 10 * MINUTE;
    await look();
    expect(await alerts({ code: 'held-back' })).toEqual([]);
  });
});

describe('a silent channel', () => {
  const read = (ago: number) =>
    store.db.rows(sql`
      insert into channel_health (channel_id, reconciled_at, last_error)
      select id, to_timestamp(${clock.now - ago} / 1000.0), 'no connection' from channel
      on conflict (channel_id) do update set reconciled_at = excluded.reconciled_at`);
  const polled = (ago: number) =>
    store.db.rows(sql`
      insert into channel_cursor (channel_id, feed, advanced_at) select id, 'orders', to_timestamp(${clock.now - ago} / 1000.0) from channel
      on conflict (channel_id, feed) do update set advanced_at = excluded.advanced_at`);

  it('is told when it was not read, or its feed stands; not by a daemon that has only begun', async () => {
    await seed();
    await read(HOUR);
    await polled(0);
    await look({ startedAt: clock.now });
    expect(await alerts({ code: 'channel-silent' })).toEqual([]);
    await look();
    expect(await alerts({ code: 'channel-silent' })).toMatchObject([
      { channel: 'fake:a', cause: 'no connection' },
      { channel: 'fake:b' },
    ]);
    await read(0);
    await look();
    expect(await alerts({ code: 'channel-silent' })).toEqual([]);
    await polled(HOUR);
    await look();
    expect(await alerts({ code: 'channel-silent' })).toHaveLength(2);
  });

  it('is not told twice where its credential is refused', async () => {
    await seed();
    await read(HOUR);
    await raiseAlert(store.db, {
      fingerprint: 'credential-refused fake:a',
      code: 'credential-refused',
      severity: 'critical',
      title: 'refused',
      channelId: 'fake:a',
      touches: {},
      cause: '401',
      nextStep: 'renew it',
    });
    await look();
    expect((await alerts({ code: 'channel-silent' })).map(({ channel }) => channel)).toEqual(['fake:b']);
  });
});

it('parked input is one alert per channel and cause, and closed when none lies there', async () => {
  await seed();
  const at = clock.now - 5 * MINUTE;
  await store.db.rows(sql`
    insert into parked (source, source_id, channel_id, order_id, code, reason, fix, parked_at)
    select 'inbox', n, 'fake:a', 'fake:a/' || n, 'unmapped-listing', 'listing gone', 'map it', to_timestamp(${at} / 1000.0)
    from generate_series(1, 3) n`);
  await look();
  const [alert, ...others] = await alerts({ code: 'input-parked' });
  expect(others).toEqual([]);
  expect(alert).toMatchObject({
    title: 'fake:a: 3 inputs could not be taken (unmapped-listing)',
    cause: 'listing gone',
    nextStep: 'allot parked list --code unmapped-listing --channel fake:a',
  });
  await resolveAlert(store.db, { id: alert?.id ?? 0, by: 'operator:kim' });
  await checkAlerts(context, SETTINGS, 0);
  expect(await alerts({ code: 'input-parked' })).toMatchObject([{ state: 'open', reopened: 1 }]);
  await store.db.rows(sql`update parked set state = 'retried'`);
  await look();
  expect(await alerts({ code: 'input-parked' })).toEqual([]);
});

it('one process looks for all, once a minute', async () => {
  await seed();
  clock.now += MINUTE;
  await decide(order(orderOf('1', { A: 1 })));
  await Promise.all([1, 2, 3].map(() => checkAlerts(context, SETTINGS, 0)));
  expect(await alerts({ code: 'oversold' })).toMatchObject([{ count: 1 }]);
  await decide(receive('A', 1));
  await checkAlerts(context, SETTINGS, 0);
  expect(await alerts({ code: 'oversold' })).toHaveLength(1);
  await look();
  expect(await alerts({ code: 'oversold' })).toEqual([]);
});

describe('said to be mended', () => {
  const by = 'operator:kim';

  it('a low pool names who answers for its program', async () => {
    const programs = BRAND_POLICY.programs.map((program) =>
      program.id === 'wholesale' ? { ...program, owner: 'Ana of sales' } : program,
    );
    await seed({ programs });
    await store.db.rows(sql`
      insert into low_pool (sku, program, units, remaining, missing, moves)
      values ('A', 'wholesale', 40, 2, 8, '[]'), ('B', 'dtc', 40, 2, 8, '[]')`);
    await tellLowPools(store.db);
    const told = await alerts({ code: 'pool-low' });
    expect(new Map(told.map(({ touches }) => [touches.program, touches.owner]))).toEqual(
      new Map([
        ['dtc', undefined],
        ['wholesale', 'Ana of sales'],
      ]),
    );
    expect(
      told.map(sayTouches).filter((text) => text.includes('program wholesale (owner: Ana of sales)')),
    ).toHaveLength(1);
  });

  it('a low pool is read again at the next sweep', async () => {
    await seed();
    await store.db.rows(sql`
      insert into low_pool (sku, program, units, remaining, missing, moves) values ('A', 'wholesale', 40, 2, 8, '[]')`);
    await tellLowPools(store.db);
    const [alert] = await alerts({ code: 'pool-low' });
    await resolveAlert(store.db, { id: alert?.id ?? 0, by });
    await tellLowPools(store.db);
    expect(await alerts({ code: 'pool-low' })).toMatchObject([{ id: alert?.id, state: 'open', reopened: 1 }]);
    await resolveAlert(store.db, { id: alert?.id ?? 0, by });
    await store.db.rows(sql`delete from low_pool`);
    await tellLowPools(store.db);
    expect(await alerts({ code: 'pool-low' })).toEqual([]);
  });

  it('a late supply is read again at once', async () => {
    await seed();
    const dueAt = clock.now + HOUR;
    await decide(expectSupply('PO-1', 5, dueAt, { sku: 'A' }));
    clock.now += 2 * HOUR;
    await decide({ kind: 'review', sku: 'A' });
    const [alert] = await alerts({ code: 'supply-late' });
    expect(alert).toMatchObject({ touches: { ref: 'PO-1', units: 5 } });
    await resolveAlert(store.db, { id: alert?.id ?? 0, by });
    await look();
    expect(await alerts({ code: 'supply-late' })).toMatchObject([{ id: alert?.id, state: 'open', reopened: 1 }]);
  });
});

describe('programs to be reviewed', () => {
  const reviewed = (dtc: object, wholesale: object = {}) => ({
    programs: BRAND_POLICY.programs.map((program) => ({ ...program, ...(program.id === 'dtc' ? dtc : wholesale) })),
  });
  const apply = async (over: Partial<Policy>) => {
    const { locations, channels } = await readStored(store.db);
    const policy = { ...BRAND_POLICY, ...over };
    await applyConfiguration(store.db, { locations, channels, policy, author: 'kim', reason: 'reviewed' });
  };

  it('are an alert from the end of the day on, with the owner; a later day in the policy in force closes it', async () => {
    await seed(reviewed({ reviewBy: '2027-01-31', owner: 'Ana' }, { reviewBy: '2027-02-28' }));
    clock.now = Date.UTC(2027, 0, 31, 23, 58);
    await look();
    expect(await titles({ code: 'program-review-due' })).toEqual([]);
    await look();
    const [alert, ...others] = await alerts({ code: 'program-review-due' });
    expect(others).toEqual([]);
    expect(alert).toMatchObject({
      severity: 'warning',
      title: 'dtc: its rules were to be looked at again by 2027-01-31',
      cause: 'the day has passed; Ana answers for this program',
      nextStep: expect.stringContaining('write its next reviewBy in allot.yaml, then: allot policy apply allot.yaml'),
      touches: { program: 'dtc', owner: 'Ana', reviewBy: '2027-01-31' },
      count: 1,
    });
    await look();
    expect(await alerts({ code: 'program-review-due' })).toMatchObject([{ id: alert?.id, count: 1 }]);
    await resolveAlert(store.db, { id: alert?.id ?? 0, by: 'kim' });
    await look();
    expect(await alerts({ code: 'program-review-due' })).toMatchObject([{ id: alert?.id, state: 'open', reopened: 1 }]);
    await apply(reviewed({ reviewBy: '2027-06-30', owner: 'Ana' }, { reviewBy: '2027-01-30' }));
    await look();
    expect(await alerts({ code: 'program-review-due' })).toMatchObject([
      {
        title: 'wholesale: its rules were to be looked at again by 2027-01-30',
        cause: expect.stringContaining('names nobody'),
      },
    ]);
    expect(await alerts({ code: 'program-review-due', isAll: true })).toContainEqual(
      expect.objectContaining({ id: alert?.id, state: 'closed', proof: expect.stringContaining('a later day') }),
    );
    await apply({});
    await look();
    expect(await titles({ code: 'program-review-due' })).toEqual([]);
  });
});
