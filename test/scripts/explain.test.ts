/**
 * `allot explain`: both numbers of an order's line, what it has and what it could be given, recomputed from the JSON alone; an item and
 * its shortages as they are, and as they were.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LineExplained } from '#core/line-explanation.ts';
import { BRAND_POLICY, command, orderOf, seedBrand } from '#test/support/brand.ts';
import { runAllot } from '#test/support/command-line.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { lineByHand } from '#test/support/promise-by-hand.ts';
import { decidePending } from '#workers/allocate.ts';

const POLICY = {
  ...BRAND_POLICY,
  programs: BRAND_POLICY.programs.map((program) =>
    program.id === 'dtc'
      ? { ...program, pickTags: { zone: 'B', stagingArea: 'dock 2', colour: 'red', label: 'GIFT' } }
      : { ...program, completeness: 'shipComplete' as const },
  ),
  pools: [{ program: 'emergency', sku: 'A', units: 5, refill: 'never' as const, because: 'for the warranty desk' }],
};

let store: TestDatabase;
let folder: string;

beforeEach(async () => {
  store = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'allot-cli-'));
  await seedBrand(store.db, { skus: ['A', 'B'], policy: POLICY });
  await decided({ kind: 'receive', sku: 'A', location: 'main', quantity: 100, disposition: 'sellable' });
  await decided({ kind: 'receive', sku: 'B', location: 'main', quantity: 7, disposition: 'sellable' });
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await store.drop();
});

async function decided(body: Parameters<typeof command>[1]): Promise<void> {
  await command(store.db, body, Date.now());
  await decidePending(store.db, { now: Date.now });
}

const allot = (line: string) =>
  runAllot(line.split(' '), { env: { DATABASE_URL: store.url, USER: 'kim' }, cwd: folder });

type Told = {
  readonly lines: readonly {
    readonly lineRef: string;
    readonly allocated: number;
    readonly short: number;
    readonly says: string;
    readonly explained: LineExplained;
  }[];
  readonly history: readonly {
    readonly lineRef: string;
    readonly delta: number;
    readonly location: string;
    readonly pool: string;
    readonly cause: string;
    readonly commandId: number;
    readonly at: string;
  }[];
};

const explained = async (line: string): Promise<Told> => (await allot(`${line} --json`)).document() as unknown as Told;

/** Both numbers of each line, from the document alone. */
function recompute({ lines, history }: Told) {
  return lines.map(({ lineRef, explained: why }) => ({
    lineRef,
    allocated: history.filter((entry) => entry.lineRef === lineRef).reduce((units, { delta }) => units + delta, 0),
    mayTake: lineByHand(why),
  }));
}

describe('explain --order', () => {
  test('tells who keeps the free units, by which rule, and how the warehouse marks it', async () => {
    await decided({ kind: 'order-state', channel: 'fake:a', order: orderOf('1', { A: 50 }) });
    await decided({ kind: 'order-state', channel: 'fake:a', order: orderOf('2', { A: 50, B: 3 }) });
    const told = await explained('explain --order fake:a/2');
    expect(told.lines).toMatchObject([
      { allocated: 45, short: 5, explained: { mayTake: 0 } },
      { allocated: 3, short: 0, explained: { mayTake: 4 } },
    ]);
    expect(recompute(told)).toEqual(
      told.lines.map(({ lineRef, allocated, explained: why }) => ({ lineRef, allocated, mayTake: why.mayTake })),
    );
    expect(told.lines[0]?.says).toMatch(
      /^45 of 50 allocated \(45 shared at main\); 5 short since .*: dtc may give it no more now: 100 sellable at its places, 95 allocated to orders, 0 held; 5 of 5 free units are protected for other programs \(emergency 5: rule for item A, for the warranty desk\); its program sells nothing beyond stock$/,
    );
    expect(told.history[0]).toMatchObject({
      location: 'main',
      pool: 'shared',
      cause: 'order-state',
      commandId: expect.any(Number),
      at: expect.stringMatching(/Z$/),
    });
    const text = (await allot('explain --order fake:a/2')).out;
    expect(text).toContain('pick tags: zone B, staging area dock 2, colour red, label GIFT');
    expect(text).toContain('line line-A (A): 5 short, 0 units could be given, by policy 1');
  });

  test('tells an order that ships complete by the lines that lack, then and now', async () => {
    await decided({ kind: 'order-state', channel: 'fake:b', order: orderOf('3', { A: 60, B: 10 }) });
    const then = new Date().toISOString();
    const told = await explained('explain --order fake:b/3');
    expect(told.lines.map(({ allocated, explained: why }) => [allocated, why.mayTake])).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(recompute(told)).toMatchObject([
      { allocated: 0, mayTake: 0 },
      { allocated: 0, mayTake: 0 },
    ]);
    const lacks = 'shipComplete: the order takes all that its lines want, or nothing; line line-B (B) lacks 3 of 10';
    expect(told.lines[0]?.says).toContain(lacks);
    await decided({ kind: 'receive', sku: 'B', location: 'main', quantity: 5, disposition: 'sellable' });
    expect((await explained('explain --order fake:b/3')).lines.map(({ allocated }) => allocated)).toEqual([60, 10]);
    const past = await explained(`explain --order fake:b/3 --at ${then}`);
    expect(past.lines).toMatchObject([
      { allocated: 0, short: 60, explained: { mayTake: 0, policyVersion: 1 } },
      { allocated: 0, short: 10 },
    ]);
    expect(recompute(past)).toMatchObject([{ mayTake: 0 }, { mayTake: 0 }]);
    expect((await allot(`explain --order fake:b/3 --at ${then}`)).out).toContain(lacks);
  });

  test('at a past moment says that back-orders are told of now alone, where a line was short that may have some', async () => {
    await decided({ kind: 'order-state', channel: 'fake:a', order: orderOf('5', { B: 9 }) });
    const at = () => `explain --order fake:a/5 --at ${new Date().toISOString()}`;
    const line = at();
    expect((await allot(`${line} --json`)).document().notTold).toBeNull();
    await store.db.rows(sql`update policy set body = jsonb_set(body, '{programs,0,backorder}', '{"units": 5}')`);
    expect((await allot(`${line} --json`)).document().notTold).toContain(
      'back-orders are told as they stand now alone',
    );
    expect((await allot(line)).out).toMatch(
      /back-orders are told as they stand now alone: allot explain --order fake:a\/5\n$/,
    );
    await decided({ kind: 'receive', sku: 'B', location: 'main', quantity: 5, disposition: 'sellable' });
    expect((await allot(at())).out).not.toContain('back-orders');
  });

  test('tells a program that is gone from the policy', async () => {
    await decided({ kind: 'order-state', channel: 'fake:a', order: orderOf('4', { B: 9 }) });
    await store.db.rows(sql`update sales_order set program = 'gone'`);
    const told = await explained('explain --order fake:a/4');
    expect(told.lines).toMatchObject([
      { explained: null, says: expect.stringContaining('program gone is not in the policy') },
    ]);
  });
});

describe('explain --at', () => {
  const moment = () => new Date().toISOString();

  test('heads an item by what it had then, and says that nothing moved its number since it was decided', async () => {
    const then = moment();
    await decided({ kind: 'order-state', channel: 'fake:a', order: orderOf('1', { A: 97 }) });
    const later = moment();
    expect((await allot('explain A')).out).toContain('A: 100 on hand, 95 allocated, 0 held, 5 to promise, 2 short\n');
    const text = (await allot(`explain A --channel fake:a --at ${then}`)).out;
    expect(text).toContain(`A at ${then}: 100 on hand, 0 allocated, 0 held, 100 to promise\n`);
    expect(text).toMatch(
      /should show 95 units \(version 1, decided \S+Z, policy 1; nothing moved its number between then and \S+Z\)\n/,
    );
    expect(text).not.toContain('sent:');
    const document = (await allot(`explain A --at ${later} --json`)).document();
    expect(document).toMatchObject({
      item: { sku: 'A', at: later, onHand: 100, allocated: 95, atp: 5, short: 2 },
      listings: [{ quantity: 0 }, { quantity: 0 }],
    });
    expect((await allot(`explain A --pools --at ${then}`)).out).toContain(`A at ${then}: 100 free`);
  });

  test('tells what was short then', async () => {
    await decided({ kind: 'order-state', channel: 'fake:a', order: orderOf('1', { B: 9 }) });
    const then = moment();
    await decided({ kind: 'receive', sku: 'B', location: 'main', quantity: 5, disposition: 'sellable' });
    expect((await allot('explain B --shortages')).out).toBe('B: nothing is short.\n');
    expect((await allot(`explain B --shortages --at ${then}`)).out).toMatch(/^TURN.*\n1 +fake:a\/1 line line-B +2 /);
    expect((await allot(`explain B --shortages --at ${moment()}`)).out).toMatch(/^B at \S+Z: nothing is short\.\n$/);
  });

  test('tells since when in words that a machine reads', async () => {
    await decided({ kind: 'order-state', channel: 'fake:a', order: orderOf('1', { B: 9 }) });
    const told = (await allot(`explain B --shortages --at ${moment()} --json`)).document();
    expect(told).toMatchObject({
      at: expect.stringMatching(/Z$/),
      shortages: [{ orderId: 'fake:a/1', quantity: 2, since: expect.stringMatching(/^\d{4}-.*Z$/) }],
    });
  });

  test.each(['explain A', 'explain A --pools', 'explain A --shortages', 'explain --order fake:a/1'])(
    '%s refuses a moment that is still to come',
    async (line) => {
      const said = await allot(`${line} --at ${new Date(Date.now() + 3_600_000).toISOString()}`);
      expect(said).toMatchObject({ exitCode: 2, out: '' });
      expect(said.err).toContain('is still to come');
      expect(said.err).toContain('allot promise');
    },
  );
});
