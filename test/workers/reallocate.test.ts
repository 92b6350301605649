/** Reallocations on a real database: each step, who may take it, two people at once, and the end that comes by itself. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rejected } from '#core/errors.ts';
import type { Policy } from '#core/model.ts';
import { DAY_MS } from '#core/reallocation-guards.ts';
import type { Database } from '#db/client.ts';
import { runDoctor } from '#db/doctor.ts';
import { endDue } from '#db/reallocations.ts';
import { BRAND_POLICY, command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';
import { lowPoolAlert, tellLowPools } from '#workers/low-pools.ts';
import { type AskedReallocation, apply, approve, close, giveBack, propose, view } from '#workers/reallocate.ts';

const NOW = Date.now();
const HOUR_MS = 3_600_000;

let store: TestDatabase;
let db: Database;

/** 100 of A, 50 protected for wholesale; its channel is fake:b, that of dtc fake:a. */
beforeEach(async () => {
  store = await createTestDatabase();
  db = store.db;
  await seed(store, {});
});
afterEach(() => store.drop());

async function seed(to: TestDatabase, over: Partial<Policy>): Promise<void> {
  const pools = [{ program: 'wholesale', sku: 'A', units: 50, refill: 'never' as const }];
  await seedBrand(to.db, { skus: ['A', 'B'], policy: { ...BRAND_POLICY, pools, ...over } });
  await command(to.db, { kind: 'receive', sku: 'A', location: 'main', quantity: 100, disposition: 'sellable' }, NOW);
  await decidePending(to.db, { now: () => NOW });
}

const by = (actor: string, now = NOW) => ({ actor, now });
const asked = (units: number, over: Partial<AskedReallocation> = {}): AskedReallocation => ({
  sku: 'A',
  from: 'wholesale',
  to: 'dtc',
  units,
  until: NOW + 7 * DAY_MS,
  reason: 'flash sale',
  ...over,
});

const proposed = async (units: number, over: Partial<AskedReallocation> = {}): Promise<number> =>
  (await propose(db, asked(units, over), by('kim'))).row.id;

const shown = async () =>
  Object.fromEntries(
    (
      await db.rows<{ channel: string; quantity: number }>(sql`
        select l.channel_id as channel, t.quantity from target t join listing l on l.id = t.listing_id where l.sku = 'A'`)
    ).map(({ channel, quantity }) => [channel, quantity]),
  );
const stateOf = async (id: number) => (await view(db, id, NOW)).row.state;
const trail = async () =>
  (await db.rows<{ said: string }>(sql`select actor || ': ' || action as said from audit order by id`)).map(
    ({ said }) => said,
  );
const isHealthy = async () => {
  const report = await runDoctor(db);
  expect(report.checks.flatMap(({ examples }) => examples)).toEqual([]);
};

/** What a step is refused with. */
async function refusal(step: Promise<unknown>): Promise<Rejected> {
  const error = await step.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Rejected) return error;
  throw new Error(`was not refused: ${String(error)}`);
}

describe('a reallocation', () => {
  test('below the limits is proposed with its preview and applied, and moves every number at once', async () => {
    const { row, judgement } = await propose(db, asked(10), by('kim'));
    expect(row).toMatchObject({
      state: 'proposed',
      proposer: 'kim',
      reason: 'flash sale',
      from: 'wholesale',
      to: 'dtc',
    });
    expect(row.preview.harm).toEqual([
      'wholesale keeps 40 of 50 protected units, and could be promised 90 instead of 100',
      'fake:b shows 90 instead of 100 of ref-A',
    ]);
    expect(judgement).toEqual({ refused: [], waits: null, approval: [] });
    expect(await shown()).toEqual({ 'fake:a': 50, 'fake:b': 100 });
    expect((await apply(db, row.id, by('kim'))).row).toMatchObject({
      state: 'applied',
      appliedBy: 'kim',
      appliedAt: NOW,
    });
    expect(await shown()).toEqual({ 'fake:a': 60, 'fake:b': 90 });
    expect(await trail()).toEqual(['kim: propose reallocation', 'kim: apply reallocation']);
    const [applied] = await db.rows<{ detail: object }>(sql`select detail from audit order by id desc limit 1`);
    expect(applied?.detail).toMatchObject({
      reason: 'flash sale',
      before: { from: 50, to: 0 },
      after: { from: 40, to: 10 },
    });
    await isHealthy();
  });

  test('above a limit needs a second person, who is not the proposer', async () => {
    const id = await proposed(11);
    const alone = await refusal(apply(db, id, by('kim')));
    expect(alone.message).toBe('11 units are above 20 % of the pool of wholesale (10 of 50) in one move');
    expect(alone).toMatchObject({ field: 'perMovePercent', value: '11' });
    expect(alone.fix).toBe(`move at most 10, or let a second person: allot reallocate approve ${id}`);
    expect((await refusal(approve(db, id, by('kim')))).message).toBe(
      `kim proposed reallocation ${id}, and nobody approves a proposal of their own`,
    );
    await approve(db, id, by('lee'));
    expect((await refusal(approve(db, id, by('ray')))).message).toContain('approved already, by lee');
    await apply(db, id, by('kim'));
    expect(await shown()).toEqual({ 'fake:a': 61, 'fake:b': 89 });
    expect(await trail()).toEqual([
      'kim: propose reallocation',
      'lee: approve reallocation',
      'kim: apply reallocation',
    ]);
  });

  test('is refused with the largest number possible when it is proposed, and nothing is kept of it', async () => {
    await command(db, { kind: 'order-state', channel: 'fake:b', order: orderOf('1', { A: 45 }) }, NOW);
    await decidePending(db, { now: () => NOW });
    const refused = await refusal(propose(db, asked(6), by('kim')));
    expect(refused.message).toContain('has 5 units of A to give (50 protected, 45 drawn, 5 left), not 6');
    expect(refused.fix).toBe('move at most 5');
    expect(await db.rows(sql`select from reallocation`)).toEqual([]);
    expect(await db.rows(sql`select from parked`)).toEqual([]);
  });

  test('names the orders and dates that would wait longer', async () => {
    const programs = BRAND_POLICY.programs.map((each) =>
      each.id === 'wholesale' ? { ...each, locations: ['north'], drawOrder: 'ownOnly' as const } : each,
    );
    const own = await createTestDatabase();
    try {
      await seed(own, { programs });
      await own.db.rows(sql`insert into location (id, master) values ('north', 'allot')`);
      const obligations = [{ kind: 'ship' as const, dueAt: Date.parse('2026-12-24T00:00:00Z') }];
      await command(
        own.db,
        { kind: 'order-state', channel: 'fake:b', order: orderOf('1', { A: 45 }, { obligations }) },
        NOW,
      );
      await decidePending(own.db, { now: () => NOW });
      const { row } = await propose(own.db, asked(10), by('kim'));
      expect(row.preview.waiting).toMatchObject([
        { orderId: 'fake:b/1', dueAt: obligations[0]?.dueAt, short: 45, gets: { before: 45, after: 40 } },
      ]);
      expect(row.preview.harm.join()).toContain(', due 2026-12-24 and 45 short on');
    } finally {
      await own.drop();
    }
  });

  test('is refused when what was there at the proposal is gone at the application', async () => {
    const id = await proposed(10);
    await command(db, { kind: 'order-state', channel: 'fake:b', order: orderOf('1', { A: 45 }) }, NOW);
    await decidePending(db, { now: () => NOW });
    expect((await refusal(apply(db, id, by('kim')))).fix).toBe('move at most 5');
    expect(await stateOf(id)).toBe('proposed');
    expect(await db.rows(sql`select from command where state in ('pending', 'parked')`)).toEqual([]);
    await isHealthy();
  });

  test.each([
    ['an unknown item', asked(1, { sku: 'Z' }), 'SKU Z is not an item'],
    ['an unknown program', asked(1, { to: 'retail' }), 'no program is called retail'],
    ['an end that has passed', asked(1, { until: NOW - 1 }), 'has passed'],
    ['an end too far', asked(1, { until: NOW + 31 * DAY_MS }), 'more than 30 days away'],
    ['no reason', asked(1, { reason: '  ' }), 'needs a reason'],
  ])('%s is refused', async (_, request, says) => {
    expect((await refusal(propose(db, request, by('kim')))).message).toContain(says);
  });

  test('of two people at once one wins, and the other is told', async () => {
    const id = await proposed(10);
    const both = await Promise.allSettled([apply(db, id, by('kim')), apply(db, id, by('lee'))]);
    const won = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value.row.appliedBy] : []));
    const lost = both.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
    expect(won).toHaveLength(1);
    expect(lost).toEqual([expect.stringContaining(`reallocation ${id} is applied already, by ${won[0]}`)]);
    expect(await shown()).toEqual({ 'fake:a': 60, 'fake:b': 90 });
    expect(await db.rows(sql`select from command where kind = 'reallocate'`)).toHaveLength(1);
  });

  test('of one donor and item waits for the one before, and counts with it over the day', async () => {
    await apply(db, await proposed(10), by('kim'));
    const second = await proposed(10);
    const early = await refusal(apply(db, second, by('kim', NOW + HOUR_MS - 1)));
    expect(early).toMatchObject({
      field: 'cooldown',
      fix: `apply it from ${new Date(NOW + HOUR_MS).toISOString()} on`,
    });
    await apply(db, second, by('kim', NOW + HOUR_MS));
    const third = await proposed(6);
    const beyond = await refusal(apply(db, third, by('kim', NOW + 3 * HOUR_MS)));
    expect(beyond.message).toBe('26 units within 24 hours are above 50 % of the pool of wholesale (25 of 50)');
    // A day after the first, that one counts no more.
    await apply(db, third, by('kim', NOW + DAY_MS));
  });

  test('is rejected by others and withdrawn by its proposer, with a trail', async () => {
    const [first, second] = [await proposed(5), await proposed(6)];
    const end = { why: 'no stock to spare', now: NOW };
    expect((await refusal(close(db, first, { ...end, actor: 'kim', as: 'rejected' }))).fix).toContain('withdraw');
    expect((await refusal(close(db, first, { ...end, actor: 'lee', as: 'withdrawn' }))).fix).toContain('reject');
    await close(db, first, { ...end, actor: 'lee', as: 'rejected' });
    await close(db, second, { ...end, actor: 'kim', as: 'withdrawn' });
    expect([await stateOf(first), await stateOf(second)]).toEqual(['rejected', 'withdrawn']);
    expect((await refusal(apply(db, first, by('kim')))).message).toContain('is rejected already, by lee');
    expect(await trail()).toContain('lee: reject reallocation');
    expect(await shown()).toEqual({ 'fake:a': 50, 'fake:b': 100 });
  });

  test('is given back by hand, with what was drawn told', async () => {
    const id = await proposed(10);
    expect((await refusal(giveBack(db, id, { ...by('kim'), why: null }))).fix).toContain('withdraw');
    await apply(db, id, by('kim'));
    await command(db, { kind: 'order-state', channel: 'fake:a', order: orderOf('1', { A: 7 }) }, NOW);
    await decidePending(db, { now: () => NOW });
    const { row } = await giveBack(db, id, { ...by('lee'), why: 'the sale is over' });
    expect(row).toMatchObject({
      state: 'returned',
      closedBy: 'lee',
      closeReason: 'the sale is over',
      returned: 3,
      spent: 7,
    });
    expect(await shown()).toEqual({ 'fake:a': 50, 'fake:b': 93 });
    await isHealthy();
  });
});

describe('the end', () => {
  test('comes by itself: the sweep writes the command, once, and units go back', async () => {
    const id = await proposed(10, { until: NOW + HOUR_MS });
    await apply(db, id, by('kim'));
    await endDue(db, NOW + HOUR_MS - 1, 100);
    await decidePending(db, { now: () => NOW });
    expect(await stateOf(id)).toBe('applied');
    await Promise.all([endDue(db, NOW + HOUR_MS, 100), endDue(db, NOW + HOUR_MS, 100)]);
    expect(await db.rows(sql`select from command where kind = 'end-reallocation'`)).toHaveLength(1);
    await decidePending(db, { now: () => NOW + HOUR_MS });
    expect((await view(db, id, NOW)).row).toMatchObject({
      state: 'expired',
      closedBy: 'sweep',
      returned: 10,
      spent: 0,
    });
    expect(await shown()).toEqual({ 'fake:a': 50, 'fake:b': 100 });
    expect(await trail()).toContain('sweep: expire reallocation');
    await isHealthy();
  });

  test('of a request that nobody applied is its end, too', async () => {
    const id = await proposed(10, { until: NOW + HOUR_MS });
    await endDue(db, NOW + HOUR_MS, 100);
    expect((await view(db, id, NOW)).row).toMatchObject({
      state: 'expired',
      closeReason: 'nobody applied it before its end',
    });
    expect(await db.rows(sql`select from command where kind = 'end-reallocation'`)).toEqual([]);
  });
});

describe('doctor', () => {
  test.each([
    ['a request that says applied and moved nothing', `update reallocation set state = 'applied', applied_at = now()`],
    ['a move whose request was changed', `update reallocation set units = 4 where id = 1`],
    ['a move whose request is gone', `delete from reallocation where id = 1`],
  ])('finds %s', async (_, damage) => {
    await apply(db, await proposed(5), by('kim'));
    await proposed(6);
    await isHealthy();
    await db.script(damage);
    expect((await runDoctor(db)).violations.I5).toBeGreaterThan(0);
  });
});

describe('a low pool', () => {
  const open = () =>
    db.rows<{ title: string; next_step: string; touches: { moves: string[] } }>(
      sql`select title, next_step, touches from alert where code = 'pool-low' and state <> 'closed'`,
    );
  const order = async (units: number, channel = 'fake:b') => {
    await command(db, { kind: 'order-state', channel, order: orderOf(`${units}`, { A: units }) }, NOW);
    await decidePending(db, { now: () => NOW });
  };

  test('is an alert with the command that mends it, and the alert closes when it is mended', async () => {
    await tellLowPools(db);
    expect(await open()).toEqual([]);
    await order(40);
    await tellLowPools(db);
    // 10 of 50 are left; 4 more make 14 of 54.
    const mend =
      'allot reallocate propose A 4 --from shared --to wholesale --until 7d --reason "the pool of wholesale is low"';
    expect(await open()).toMatchObject([
      {
        title: 'A: the pool of wholesale has 10 of 50 protected units left',
        next_step: mend,
        touches: { moves: [mend] },
      },
    ]);
    await tellLowPools(db);
    expect(await db.rows(sql`select count from alert`)).toEqual([{ count: 1 }]);
    await apply(db, await proposed(4, { from: 'shared', to: 'wholesale' }), by('kim'));
    await tellLowPools(db);
    expect(await open()).toEqual([]);
    expect(await db.rows(sql`select proof from alert`)).toEqual([{ proof: expect.stringContaining('threshold') }]);
  });

  test('that goes on falling changes its alert, and no more than are looked at are open', async () => {
    await order(40);
    await tellLowPools(db);
    await order(3);
    await tellLowPools(db);
    expect(await open()).toMatchObject([{ title: 'A: the pool of wholesale has 7 of 50 protected units left' }]);
    await db.rows(sql`insert into low_pool (sku, program, units, remaining, missing, moves)
      select 'X' || n, 'wholesale', 50, 0, n, '[]' from generate_series(1, 150) n`);
    await tellLowPools(db);
    expect(await open()).toHaveLength(100);
    expect((await open()).map(({ title }) => title)).toContain(
      'X150: the pool of wholesale has 0 of 50 protected units left',
    );
  });

  test('that nobody can mend says so, and quotes a SKU that needs it', () => {
    const low = { sku: 'MUG "L"', program: 'dtc', units: 8, remaining: 1, missing: 2, moves: [] };
    expect(lowPoolAlert(low)).toMatchObject({
      cause: '2 more units lift it to its threshold, and other pools can spare none',
      nextStep: 'allot explain "MUG \\"L\\""',
    });
    expect(lowPoolAlert({ ...low, moves: [{ from: 'shared', units: 1 }] }).nextStep).toContain(
      'propose "MUG \\"L\\"" 1 --from shared',
    );
  });
});

test('policy has its own limits', async () => {
  const own = await createTestDatabase();
  try {
    await seed(own, { reallocation: { approveAbove: 2, perMovePercent: 100, perDayPercent: 100, cooldownMs: 1 } });
    const { row, judgement } = await propose(own.db, asked(3), by('kim'));
    expect(judgement?.approval.map(({ guard }) => guard)).toEqual(['approveAbove']);
    expect((await refusal(apply(own.db, row.id, by('kim')))).fix).toContain('move at most 2');
  } finally {
    await own.drop();
  }
});
