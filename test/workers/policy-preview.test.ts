/** What a preview says is what comes, for any policy: the numbers of every channel, the waiting lines, the pools. */
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PoolRule } from '#core/model.ts';
import { applyConfiguration, type Configuration, readStored } from '#db/configuration.ts';
import { BRAND_POLICY, command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';
import { previewPolicy } from '#workers/policy-preview.ts';
import { finishReviews } from '#workers/policy-review.ts';

let store: TestDatabase;
const SKUS = ['A', 'B', 'C', 'D'];
const soon = () => Date.now() + 60_000;

beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: SKUS });
  for (const [n, sku] of SKUS.entries())
    await command(store.db, { kind: 'receive', sku, location: 'main', quantity: 10 * n + 5, disposition: 'sellable' });
  await decidePending(store.db, { now: Date.now });
});
afterEach(() => store.drop());

const configurationOf = (policy: Partial<Configuration['policy']>): Configuration => ({
  locations: [{ id: 'main', master: 'allot', sells: true }],
  channels: ['fake:a', 'fake:b'].map((id, n) => ({ id, connector: 'fake', program: n === 0 ? 'dtc' : 'wholesale' })),
  policy: { ...BRAND_POLICY, ...policy },
  author: 'kim',
  reason: 'test',
});

const preview = async (wanted: Configuration) =>
  previewPolicy(store.db, await readStored(store.db), wanted, { now: Date.now() });

async function apply(wanted: Configuration): Promise<void> {
  await applyConfiguration(store.db, wanted);
  const signal = new AbortController().signal;
  await finishReviews(store.db, { now: soon, signal, onProgress: () => undefined });
}

type Shown = { readonly channel: string; readonly sku: string; readonly quantity: number };
const shown = () =>
  store.db.rows<Shown>(sql`
    select l.channel_id as channel, l.sku, t.quantity from target t join listing l on l.id = t.listing_id order by l.channel_id, l.sku`);

const pool = fc.record({
  program: fc.constantFrom('dtc', 'wholesale'),
  sku: fc.constantFrom('*', ...SKUS),
  units: fc.nat(40),
  refill: fc.constant('never' as const),
});
const policies = fc.record({
  pools: fc.uniqueArray(pool, { selector: ({ program, sku }) => `${program} ${sku}`, maxLength: 4 }),
  channels: fc
    .tuple(fc.nat(100), fc.nat(9), fc.option(fc.nat(30)))
    .map(([sharePercent, buffer, cap]) =>
      BRAND_POLICY.channels.map((rule) => ({ ...rule, sharePercent, buffer, cap })),
    ),
});

test('of any policy after any other, channel by channel', async () => {
  await fc.assert(
    fc.asyncProperty(policies, async (policy) => {
      const wanted = configurationOf(policy);
      const said = await preview(wanted);
      const before = await shown();
      await apply(wanted);
      const after = await shown();
      for (const channel of ['fake:a', 'fake:b']) {
        const own = (rows: readonly Shown[]) => rows.filter((row) => row.channel === channel);
        const changes = own(after).map(({ quantity }, n) => quantity - (own(before)[n]?.quantity ?? 0));
        const told = said.channels.find((one) => one.channel === channel);
        expect([told?.up ?? 0, told?.down ?? 0]).toEqual([
          changes.filter((change) => change > 0).length,
          changes.filter((change) => change < 0).length,
        ]);
        expect([told?.unitsUp ?? 0, told?.unitsDown ?? 0]).toEqual([
          changes.reduce((sum, change) => sum + Math.max(0, change), 0),
          changes.reduce((sum, change) => sum + Math.max(0, -change), 0),
        ]);
      }
    }),
    { numRuns: 12 },
  );
});

const POOL_OF_A: PoolRule = { program: 'wholesale', sku: 'A', units: 5, refill: 'never' };

test('units that waiting lines would be given, and pools with their programs', async () => {
  await apply(configurationOf({ pools: [POOL_OF_A] }));
  await command(store.db, { kind: 'order-state', channel: 'fake:a', order: orderOf('1', { A: 3 }) });
  await decidePending(store.db, { now: Date.now });
  const said = await preview(configurationOf({ pools: [] }));
  expect(said).toMatchObject({ items: 1, unitsToWaiting: 3, poolsAboveSupply: { items: 0 } });
  expect(said.programs).toEqual([
    { program: 'dtc', promiseBefore: 0, promiseAfter: 5, protectedBefore: 0, protectedAfter: 0 },
    { program: 'wholesale', promiseBefore: 5, promiseAfter: 5, protectedBefore: 5, protectedAfter: 0 },
  ]);
  expect(await store.db.rows(sql`select 1 from order_line where short = 3`)).toHaveLength(1);
});

test('what nobody may draw is told with the pools; a pool above the supply names the item and who is cut', async () => {
  const said = await preview(
    configurationOf({
      pools: [
        { ...POOL_OF_A, units: 4 },
        { ...POOL_OF_A, program: 'emergency', units: 4 },
      ],
    }),
  );
  expect(said.programs.find(({ program }) => program === 'emergency')).toEqual({
    program: 'emergency',
    promiseBefore: 0,
    promiseAfter: 0,
    protectedBefore: 0,
    protectedAfter: 3,
  });
  expect(said.poolsAboveSupply).toEqual({
    items: 1,
    itemsOfChange: 1,
    itemsWithNothing: 0,
    largest: [
      {
        sku: 'A',
        free: 5,
        isOfChange: true,
        pools: [
          { program: 'emergency', units: 4, remaining: 3, at: 'pool of emergency for item A', most: 3 },
          { program: 'wholesale', units: 4, remaining: 2, at: 'pool of wholesale for item A', most: 2 },
        ],
      },
    ],
    largestWithNothing: [],
  });
});

test('a pool that is cut already is not of the change; one for goods that are to come is told apart', async () => {
  const cut = { ...POOL_OF_A, units: 90 };
  await apply(configurationOf({ pools: [cut] }));
  await store.db.rows(sql`insert into item (sku) values ('NEW')`);
  const other = { ...POOL_OF_A, sku: 'NEW', units: 7 };
  const more = { ...BRAND_POLICY.channels[0], sku: '*', buffer: 1 } as (typeof BRAND_POLICY.channels)[number];
  const said = await preview(
    configurationOf({ pools: [cut, other], channels: [more, ...BRAND_POLICY.channels.slice(1)] }),
  );
  expect(said.poolsAboveSupply).toMatchObject({
    items: 1,
    itemsOfChange: 0,
    largest: [{ sku: 'A', isOfChange: false }],
    itemsWithNothing: 1,
    largestWithNothing: [{ sku: 'NEW', free: 0, isOfChange: true, pools: [{ units: 7, remaining: 0, most: 0 }] }],
  });
});

/** D is a kit of one A and two B from now on. */
async function makeKit(): Promise<void> {
  await store.db.rows(sql`insert into item_component (kit, sku, quantity) values ('D', 'A', 1), ('D', 'B', 2)`);
  await store.db.rows(sql`delete from stock_balance where sku = 'D'`);
  await command(store.db, { kind: 'review', sku: 'A' });
  await decidePending(store.db, { now: Date.now });
}

test('a kit changes with its component, and is counted once, whether the change reaches it itself or not', async () => {
  await makeKit();
  const shownOf = async () =>
    (await shown()).filter(({ channel }) => channel === 'fake:a').map(({ quantity }) => quantity);
  expect(await shownOf()).toEqual([5, 15, 25, 5]);
  const ofA = configurationOf({ pools: [{ ...POOL_OF_A, units: 4 }] });
  const said = await preview(ofA);
  expect(said.items).toBe(1);
  expect(said.channels[0]).toMatchObject({
    channel: 'fake:a',
    listings: 2,
    down: 2,
    unitsDown: 8,
    largest: [
      { sku: 'A', from: 5, to: 1 },
      { sku: 'D', from: 5, to: 1 },
    ],
  });
  const ofAll = configurationOf({ pools: [{ ...POOL_OF_A, sku: '*', units: 4 }] });
  const all = await preview(ofAll);
  expect(all.items).toBe(4);
  expect(all.channels[0]).toMatchObject({ listings: 4, down: 4, unitsDown: 16 });
  expect(all.poolsAboveSupply).toMatchObject({ items: 0, itemsWithNothing: 0 });
  await apply(ofA);
  expect(await shownOf()).toEqual([1, 15, 25, 1]);
});

test('an aborted preview is none', async () => {
  const wanted = configurationOf({ inFlightMs: 5 });
  const options = { now: Date.now(), signal: AbortSignal.abort() };
  await expect(previewPolicy(store.db, await readStored(store.db), wanted, options)).rejects.toThrow('aborted');
});
