/**
 * The database beside the in-memory core: the same commands in the same batches end in the same lines, balances and numbers, with
 * kits, packs, several places and every completeness. What is loaded and locked is then enough, and what is written is all.
 */
import { sql } from 'drizzle-orm';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Command, CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { Completeness, Policy } from '#core/model.ts';
import type { State } from '#core/state.ts';
import type { Database } from '#db/client.ts';
import { undecidedSkus } from '#db/commands.ts';
import { runDoctor } from '#db/doctor.ts';
import { lockAndLoad } from '#db/state.ts';
import { opening } from '#test/support/arbitraries.ts';
import { NOW } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import {
  channelRule,
  command,
  lineState,
  oneLineOrder,
  orderState,
  policy,
  program,
  receive,
} from '#test/support/factory.ts';
import { kitBody, kitBrand, kitRunBody } from '#test/support/kit-brand.ts';
import { take } from '#test/support/memory-store.ts';
import { decidePending } from '#workers/allocate.ts';

/** BOX is stored as a kit of a kit: a SET and one more TEA. */
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
  await db.rows(
    sql`insert into item_component (kit, sku, quantity) values ('SET', 'TEA', 2), ('SET', 'CUP', 1), ('BOX', 'SET', 1), ('BOX', 'TEA', 1)`,
  );
  await db.rows(sql`
    insert into listing (id, channel_id, listing_ref, sku, pack, locations, mapped_at) overriding system value
    select id, channel, "listingRef", sku, pack, array(select json_array_elements_text(locations)), now()
    from json_to_recordset(${json(state.items.flatMap((each) => each.listings))})
      as r(id bigint, channel text, "listingRef" text, sku text, pack int, locations json)`);
}

/** Commands as the database will number and date them, so that both decide the same. */
async function add(db: Database, bodies: readonly CommandBody[]): Promise<Command[]> {
  const rows = await db.rows<{ id: number; recorded_at: number }>(sql`
    insert into command (kind, body, actor, order_id, sku, channel_id, listing_refs, occurred_at)
    select body->>'kind', body, 'test', case when body->>'kind' = 'order-state' then (body->>'channel') || '/' || (body->'order'->>'orderRef')
        else body->>'orderId' end, body->>'sku', body->>'channel',
      array(select distinct l->>'listingRef' from jsonb_array_elements(body->'order'->'lines') l), ${new Date(NOW).toISOString()}::timestamptz
    from jsonb_array_elements(${JSON.stringify(bodies)}::jsonb) with ordinality as b(body, n) order by n
    returning id, recorded_at`);
  return rows.map((row, index) =>
    command(row.id, bodies[index] ?? { kind: 'review', sku: 'TEA' }, { occurredAt: NOW, recordedAt: row.recorded_at }),
  );
}

/** Those that nobody parks: in the database a parked one would hold back the later ones of its order. */
function takeable(brand: State, bodies: readonly CommandBody[]): CommandBody[] {
  let state = brand;
  return bodies.filter((body, index) => {
    const step = take(decide, state, { commands: [command(index + 1, body)], now: NOW });
    if (step.facts.outcomes.some(({ kind }) => kind === 'parked')) return false;
    state = step.state;
    return true;
  });
}

const byKey = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort();

const inMemory = (state: State) => ({
  lines: byKey(
    state.orders.flatMap((order) =>
      order.lines.map((line) => [
        order.id,
        line.lineRef,
        line.shipped,
        line.short,
        byKey(line.allocations.map(partOf)),
        line.components ?? null,
      ]),
    ),
  ),
  stock: byKey(
    state.items.flatMap((each) =>
      each.balances.flatMap((row) =>
        row.quantity === 0 ? [] : [[each.sku, row.location, row.disposition, row.quantity]],
      ),
    ),
  ),
  shown: byKey(
    state.items.flatMap((each) => each.listings.map((l) => [l.id, l.target?.quantity ?? 0, l.ownSold, l.ownOpen])),
  ),
});

type Part = { location: string; program: string; pool: string; quantity: number; sku?: string };
const partOf = (part: Part) => [part.sku ?? null, part.location, part.program, part.pool, part.quantity];

async function inDatabase(db: Database): Promise<ReturnType<typeof inMemory>> {
  const lines = await db.rows<{
    order_id: string;
    line_ref: string;
    shipped: number;
    short: number;
    allocations: Part[];
    components: unknown;
  }>(sql`select order_id, line_ref, shipped, short, allocations, components from order_line`);
  const stock = await db.rows<{ sku: string; location: string; disposition: string; quantity: number }>(
    sql`select sku, location, disposition, quantity from stock_balance where quantity <> 0`,
  );
  const shown = await db.rows<{ id: number; quantity: number; sold: number; open: number }>(sql`
    select l.id, coalesce(t.quantity, 0) as quantity, coalesce(t.own_sold, 0) as sold, coalesce(t.own_open, 0) as open
    from listing l left join target t on t.listing_id = l.id`);
  return {
    lines: byKey(
      lines.map((l) => [l.order_id, l.line_ref, l.shipped, l.short, byKey(l.allocations.map(partOf)), l.components]),
    ),
    stock: byKey(stock.map((row) => [row.sku, row.location, row.disposition, row.quantity])),
    shown: byKey(shown.map((row) => [row.id, row.quantity, row.sold, row.open])),
  };
}

const rules = (dtc: Completeness, wholesale: Completeness): Policy =>
  policy({
    programs: [
      program('dtc', { locations: ['north', 'south'], completeness: dtc }),
      program('wholesale', { priority: 2, locations: ['south', 'north'], completeness: wholesale }),
    ],
    pools: [],
    channels: [channelRule('shop:main', 'dtc'), channelRule('market:eu', 'wholesale')],
  });

describe.each([
  ['split', 'shipComplete', 11],
  ['fillOrKill', 'onePlace', 12],
  ['shipComplete', 'split', 13],
] as const)('kits with %s and %s', (dtc, wholesale, random) => {
  let store: TestDatabase;
  const brand = kitBrand(rules(dtc, wholesale));
  beforeAll(async () => {
    store = await createTestDatabase();
    await seed(store.db, brand);
  });
  afterAll(() => store.drop());

  test('what the database decides is what the core decides on the whole state', async () => {
    const { db } = store;
    const body = fc.oneof({ weight: 6, arbitrary: kitBody }, { weight: 1, arbitrary: kitRunBody });
    const bodies = takeable(brand, [...opening, ...fc.sample(body, { seed: random, numRuns: 90 })]);
    expect(bodies.filter(({ kind }) => kind === 'reconfirm').length).toBeGreaterThan(5);
    let state = brand;
    for (let at = 0; at < bodies.length; at += 3) {
      const commands = await add(db, bodies.slice(at, at + 3));
      await decidePending(db, { now: () => NOW });
      state = take(decide, state, { commands, now: NOW }).state;
      expect(await inDatabase(db), `after command ${commands.at(-1)?.id}`).toEqual(inMemory(state));
    }
    const report = await runDoctor(db);
    expect(report.checks.flatMap((check) => check.examples)).toEqual([]);
    expect(
      state.orders.some((order) => order.lines.some((line) => line.components !== undefined && line.short > 0)),
    ).toBe(true);
  });
});

test('deciders at once, on orders of kits and their components, promise nothing twice', async () => {
  const store = await createTestDatabase();
  try {
    const { db } = store;
    const brand = kitBrand(rules('split', 'shipComplete'));
    await seed(db, brand);
    await add(db, takeable(brand, [...opening, ...fc.sample(kitBody, { seed: 21, numRuns: 120 })]));
    const decideAll = () => decidePending(db, { now: () => NOW, batchMax: 3 });
    await Promise.all([decideAll(), decideAll(), decideAll(), decideAll()]);
    await decideAll();
    const [left] = await db.rows<{ pending: number; defects: number }>(sql`
      select (select count(*) from command where state = 'pending')::int as pending,
        (select count(*) from parked where code = 'defect')::int as defects`);
    expect(left).toEqual({ pending: 0, defects: 0 });
    expect((await runDoctor(db)).checks.flatMap((check) => check.examples)).toEqual([]);
  } finally {
    await store.drop();
  }
});

test('hundreds who want all or nothing do not hide whoever takes what there is', async () => {
  const store = await createTestDatabase();
  try {
    const { db } = store;
    await seed(db, kitBrand(rules('split', 'shipComplete')));
    const whole = Array.from({ length: 305 }, (_, index) =>
      oneLineOrder(`w${index}`, { listingRef: 'ref-2', ordered: 100 }, { channel: 'market:eu', placedAt: NOW - 1 }),
    );
    const last = oneLineOrder('last', { listingRef: 'ref-1', ordered: 4 }, { placedAt: NOW });
    // Lower numbers are served first: those who want all are before the last in every list.
    await db.rows(sql`update policy set body = jsonb_set(body, '{programs,1,priority}', '0')`);
    for (const bodies of [whole, [last], [receive(3, { location: 'north' })]]) {
      await add(db, bodies);
      await decidePending(db, { now: () => NOW });
    }
    expect(await db.rows(sql`select order_id, allocated from order_line where allocated > 0`)).toEqual([
      { order_id: 'shop:main/last', allocated: 3 },
    ]);
  } finally {
    await store.drop();
  }
});

describe('what a decision locks and loads', () => {
  let store: TestDatabase;
  beforeAll(async () => {
    store = await createTestDatabase();
    await seed(store.db, kitBrand(rules('split', 'shipComplete')));
  });
  afterAll(() => store.drop());
  const loaded = async (body: CommandBody): Promise<string[]> => {
    const state = await store.db.transaction((tx) => lockAndLoad(tx, [command(1, body)]));
    return state.items.map((each) => each.sku);
  };

  test('of a component: the kits that hold it, at any depth, and their other components', async () => {
    expect(await loaded(receive(1, { sku: 'CUP', location: 'north' }))).toEqual(['BOX', 'CUP', 'SET', 'TEA']);
  });

  test('kits of kits are read as what is stocked', async () => {
    const state = await store.db.transaction((tx) => lockAndLoad(tx, [command(1, { kind: 'review', sku: 'BOX' })]));
    expect(state.items.find((each) => each.sku === 'BOX')?.components).toEqual([
      { sku: 'CUP', quantity: 1 },
      { sku: 'TEA', quantity: 3 },
    ]);
  });

  test('of an item that a whole order waits for: the other items of that order', async () => {
    const { db } = store;
    await db.rows(sql`delete from item_component`);
    expect(await loaded(receive(1, { sku: 'CUP', location: 'north' }))).toEqual(['CUP']);
    const lines = [
      lineState('1', { listingRef: 'ref-2', ordered: 1 }),
      lineState('2', { listingRef: 'ref-cup', ordered: 1 }),
    ];
    await db.rows(
      sql`insert into listing (id, channel_id, listing_ref, sku, mapped_at) overriding system value values (99, 'market:eu', 'ref-cup', 'CUP', now())`,
    );
    await add(db, [{ kind: 'order-state', channel: 'market:eu', order: orderState('1', lines) }]);
    await decidePending(db, { now: () => NOW });
    expect(await loaded(receive(1, { sku: 'CUP', location: 'north' }))).toEqual(['CUP', 'TEA']);
  });

  test('a number of a kit waits for undecided input of its components and of kits beside it', async () => {
    const { db } = store;
    await db.rows(sql`insert into item_component (kit, sku, quantity) values ('SET', 'TEA', 2), ('BOX', 'TEA', 1)`);
    expect([...(await undecidedSkus(db, ['SET', 'CUP'], 60_000))]).toEqual([]);
    await add(db, [oneLineOrder('9', { listingRef: 'ref-4', ordered: 1 }, { channel: 'market:eu' })]);
    expect([...(await undecidedSkus(db, ['SET', 'CUP', 'TEA', 'BOX'], 60_000))].sort()).toEqual(['BOX', 'SET', 'TEA']);
  });
});
