/**
 * Lots in the database: the same commands in the same batches end as in memory; recall and lists name what is there; alerts tell of lots
 * that are too old, about to expire, or lacking, and close when they are no longer so.
 */
import { sql } from 'drizzle-orm';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Command, CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import { DAY_MS } from '#core/lots.ts';
import type { Instant, Policy } from '#core/model.ts';
import type { State } from '#core/state.ts';
import type { Database } from '#db/client.ts';
import { runDoctor } from '#db/doctor.ts';
import { findLots, listLots, readLotHolders, readLotMovements, readLotShipments } from '#db/lot-reports.ts';
import { opening } from '#test/support/arbitraries.ts';
import { BRAND_POLICY, NOW, orderOf, seedBrand, command as tell } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { command } from '#test/support/factory.ts';
import { LOT_WORLD } from '#test/support/lot-brand.ts';
import { take } from '#test/support/memory-store.ts';
import { decidePending } from '#workers/allocate.ts';
import { tellLots } from '#workers/lot-alerts.ts';

let store: TestDatabase;
beforeEach(async () => {
  store = await createTestDatabase();
});
afterEach(() => store.drop());

const AT = NOW;
const day = (days: number): Instant => AT + days * DAY_MS;

const POLICY: Omit<Policy, 'version'> = {
  ...BRAND_POLICY,
  programs: BRAND_POLICY.programs.map((each) => (each.id === 'wholesale' ? { ...each, minimumLifeDays: 60 } : each)),
};

async function run(db: Database, bodies: readonly CommandBody[], now: Instant = AT): Promise<void> {
  for (const body of bodies) await tell(db, body, now);
  await decidePending(db, { now: () => now });
  const [parked] = await db.rows<{ reason: string }>(sql`select reason from parked limit 1`);
  expect(parked?.reason).toBeUndefined();
}

const receive = (quantity: number, lot?: string, expires?: number): CommandBody => ({
  kind: 'receive',
  sku: 'A',
  location: 'main',
  disposition: 'sellable',
  quantity,
  ...(lot === undefined ? {} : { lot, expiresAt: expires === undefined ? null : day(expires) }),
});

const expectWhole = async (db: Database): Promise<void> => {
  const report = await runDoctor(db);
  expect(report.checks.flatMap(({ examples }) => examples)).toEqual([]);
};

const alerts = (db: Database) =>
  db.rows<{ code: string; title: string; next_step: string; state: string; touches: object }>(
    sql`select code, title, next_step, state, touches from alert where code like 'lot-%' order by code, id`,
  );

describe('a brand with lots', () => {
  beforeEach(() => seedBrand(store.db, { skus: ['A', 'B'], policy: POLICY }));

  test('what is told of a lot: where it lies, who has it, who was shipped it, also of another lot than was allocated', async () => {
    const { db } = store;
    await run(db, [receive(10, 'L8', 90), receive(4, 'L7', 20), receive(3)]);
    await run(db, [
      { kind: 'order-state', channel: 'fake:a', order: orderOf('1', { A: 5 }) },
      { kind: 'order-state', channel: 'fake:b', order: orderOf('2', { A: 6 }) },
      { kind: 'order-state', channel: 'fake:a', order: orderOf('3', { A: 1 }) },
    ]);
    const rows = await listLots(db, { sku: 'A' }, 50);
    expect(rows.map(({ lot, onHand, allocated }) => [lot, onHand, allocated])).toEqual([
      ['L7', 4, 4],
      ['L8', 10, 6],
      [null, 3, 2],
    ]);
    expect(await listLots(db, { expiresBy: day(30) }, 50)).toMatchObject([{ lot: 'L7' }]);
    await run(db, [{ kind: 'ship', orderId: 'fake:a/1', lines: [{ lineRef: 'line-A', quantity: 2, lot: 'L8' }] }]);
    await run(db, [{ kind: 'ship', orderId: 'fake:b/2', lines: null }]);
    const of = { sku: 'A', lot: 'L8' };
    expect(await findLots(db, 'L8')).toMatchObject([{ sku: 'A', expiresAt: day(90) }]);
    expect(await readLotShipments(db, of)).toMatchObject([
      { orderId: 'fake:a/1', units: 2, location: 'main', displayRef: '#1' },
      { orderId: 'fake:b/2', units: 6 },
    ]);
    expect(await readLotHolders(db, { sku: 'A', lot: 'L7' })).toMatchObject([
      { orderId: 'fake:a/1', lineRef: 'line-A', channel: 'fake:a', units: 2 },
    ]);
    expect((await readLotMovements(db, of, 10)).map(({ kind, delta }) => [kind, delta])).toEqual([
      ['ship', -6],
      ['ship', -2],
      ['receive', 10],
    ]);
    await expectWhole(db);
  });

  test('alerts tell of promised units that aged, of lots about to expire and of lacking ones, and close', async () => {
    const { db } = store;
    await run(db, [receive(4, 'L7', 70), receive(2, 'L8', 300)]);
    await run(db, [{ kind: 'order-state', channel: 'fake:b', order: orderOf('2', { A: 3 }) }]);
    await tellLots(db, AT);
    expect(await alerts(db)).toEqual([]);
    await tellLots(db, day(50));
    expect(await alerts(db)).toMatchObject([
      {
        code: 'lot-aged',
        title: 'A: 3 units of lot L7 are promised to wholesale and have become too old for that',
        next_step: 'allot reconfirm A',
        touches: { orders: ['fake:b/2'], units: 3 },
      },
      { code: 'lot-expiring', title: expect.stringContaining('A: 4 units of lot L7 expire on ') },
    ]);
    await run(
      db,
      [{ kind: 'adjust', sku: 'A', location: 'main', disposition: 'sellable', delta: -2, lot: 'L7', reason: 'broken' }],
      day(50),
    );
    await tellLots(db, day(50));
    expect((await alerts(db)).map(({ code }) => code)).toEqual(['lot-aged', 'lot-expiring', 'lot-lacking']);
    await run(db, [{ kind: 'reconfirm', sku: 'A', by: 'priority', segments: [], others: 'gain' }], day(50));
    await run(
      db,
      [{ kind: 'inspect', sku: 'A', location: 'main', from: 'sellable', to: 'scrap', quantity: 2, lot: 'L7' }],
      day(50),
    );
    await tellLots(db, day(50));
    expect((await alerts(db)).map(({ code, state }) => [code, state])).toEqual([
      ['lot-aged', 'closed'],
      ['lot-expiring', 'closed'],
      ['lot-lacking', 'closed'],
    ]);
    expect(await readLotHolders(db, { sku: 'A', lot: 'L8' })).toMatchObject([{ orderId: 'fake:b/2', units: 2 }]);
    await expectWhole(db);
  });

  test('time alone takes a lot from a number: the review is due when it is too old', async () => {
    const { db } = store;
    await run(db, [receive(4, 'L7', 70)]);
    const number = async () =>
      (
        await db.rows<{ quantity: number }>(sql`
        select t.quantity from target t join listing l on l.id = t.listing_id where l.channel_id = 'fake:b' and l.sku = 'A'`)
      )[0]?.quantity;
    expect(await number()).toBe(4);
    const [due] = await db.rows<{ at: number }>(sql`select next_review_at as at from item where sku = 'A'`);
    expect(due?.at).toBe(day(10) + 1);
    await run(db, [{ kind: 'review', sku: 'A' }], due?.at);
    expect(await number()).toBe(0);
  });

  test('doctor finds a row of a lot that is not the sum of its entries', async () => {
    const { db } = store;
    await run(db, [receive(4, 'L7', 70)]);
    await expectWhole(db);
    await db.rows(sql`update lot_balance set quantity = 5, allocated = 1`);
    await db.rows(sql`update item set has_lots = false`);
    const examples = (await runDoctor(db)).checks.flatMap((check) => check.examples).join('\n');
    expect(examples).toContain(
      'lot L7 of A at main, sellable: 5 there, 1 allocated, 0 held by its row; 4, 0, 0 by its entries',
    );
    expect(examples).toContain('lot L7 of A at main: 1 allocated and 0 held; its order lines have 0');
    expect(examples).toContain('A has lots, and is not marked so');
  });
});

async function seed(db: Database, state: State): Promise<void> {
  const json = (value: unknown) => sql`${JSON.stringify(value)}::json`;
  const { version, ...body } = state.policy;
  await db.rows(
    sql`insert into location (id, master) select id, 'allot' from json_to_recordset(${json(state.locations)}) as r(id text)`,
  );
  await db.rows(sql`
    insert into channel (id, connector, program, mode) select id, 'fake', program, 'live'
    from json_to_recordset(${json(state.channels)}) as r(id text, program text)`);
  await db.rows(
    sql`insert into policy (version, body, author, reason) values (${version}, ${JSON.stringify(body)}::jsonb, 't', 't')`,
  );
  await db.rows(sql`insert into policy_current (version) values (${version})`);
  await db.rows(sql`insert into item (sku) select sku from json_to_recordset(${json(state.items)}) as r(sku text)`);
  await db.rows(sql`
    insert into listing (id, channel_id, listing_ref, sku, pack, mapped_at) overriding system value
    select id, channel, "listingRef", sku, pack, now()
    from json_to_recordset(${json(state.items.flatMap((each) => each.listings))})
      as r(id bigint, channel text, "listingRef" text, sku text, pack int)`);
}

async function add(db: Database, commands: readonly Command[]): Promise<void> {
  await db.rows(sql`
    insert into command (id, kind, body, actor, order_id, sku, channel_id, listing_refs, occurred_at, recorded_at) overriding system value
    select id, body->>'kind', body, 'test', case when body->>'kind' = 'order-state' then (body->>'channel') || '/' || (body->'order'->>'orderRef')
        else body->>'orderId' end, body->>'sku', body->>'channel',
      array(select distinct l->>'listingRef' from jsonb_array_elements(body->'order'->'lines') l), to_timestamp("occurredAt" / 1000.0),
      to_timestamp("recordedAt" / 1000.0)
    from jsonb_to_recordset(${JSON.stringify(commands)}::jsonb) as r(id bigint, body jsonb, "occurredAt" int8, "recordedAt" int8) order by id`);
}

const LATER = Date.UTC(2026, 2, 1, 1);

/** Everything of lots that must be the same in both. */
async function lotsIn(db: Database): Promise<unknown> {
  const rows = await db.rows(sql`
    select sku, lot, location, disposition, quantity, allocated, held from lot_balance
    where quantity <> 0 or allocated <> 0 or held <> 0 order by sku, lot, location, disposition`);
  const numbers = await db.rows(sql`select listing_id as id, quantity from target where version > 0 order by 1`);
  const lines = await db.rows(
    sql`select order_id as "orderId", line_ref as "lineRef", allocations, short from order_line order by order_id, line_ref`,
  );
  return { rows, numbers, lines };
}

function lotsOf(state: State): unknown {
  const text = (value: unknown) => JSON.stringify(value);
  const rows = state.items
    .flatMap(({ sku, lots }) =>
      (lots?.balances ?? [])
        .filter((row) => row.quantity !== 0 || row.allocated !== 0 || row.held !== 0)
        .map(({ lot, location, disposition, quantity, allocated, held }) => ({
          sku,
          lot,
          location,
          disposition,
          quantity,
          allocated,
          held,
        })),
    )
    .sort((a, b) =>
      text([a.sku, a.lot, a.location, a.disposition]) < text([b.sku, b.lot, b.location, b.disposition]) ? -1 : 1,
    );
  const numbers = state.items
    .flatMap(({ listings }) => listings)
    .flatMap(({ id, target }) => (target === null ? [] : [{ id, quantity: target.quantity }]))
    .sort((a, b) => a.id - b.id);
  const lines = state.orders
    .flatMap((order) =>
      order.lines.map(({ lineRef, allocations, short }) => ({ orderId: order.id, lineRef, allocations, short })),
    )
    .sort((a, b) => (text([a.orderId, a.lineRef]) < text([b.orderId, b.lineRef]) ? -1 : 1));
  return { rows, numbers, lines };
}

test('the database beside the in-memory core, with lots', { timeout: 120_000 }, async () => {
  const samples = fc.sample(fc.tuple(LOT_WORLD.brand, fc.array(LOT_WORLD.body, { minLength: 25, maxLength: 25 })), {
    numRuns: 6,
    seed: 41,
  });
  for (const [brand, drawn] of samples) {
    const own = await createTestDatabase();
    const { db } = own;
    try {
      await seed(db, brand);
      let state = brand;
      let id = 0;
      for (const bodies of [opening, ...drawn.map((body) => [body])]) {
        const commands = bodies.map((body) => command(++id, body, { occurredAt: LATER, recordedAt: LATER }));
        // In the database a parked one would hold back the later ones of its order.
        const step = take(decide, state, { commands, now: LATER });
        if (step.facts.outcomes.some(({ kind }) => kind === 'parked')) continue;
        await add(db, commands);
        await decidePending(db, { now: () => LATER });
        state = step.state;
      }
      expect(await lotsIn(db)).toEqual(lotsOf(state));
      await expectWhole(db);
    } finally {
      await own.drop();
    }
  }
});
