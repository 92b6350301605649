/** `allot reconfirm` on a real database: what it shows, whom it asks, what it writes, and what explain says of it afterwards. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addCommands } from '#db/commands.ts';
import { runDoctor } from '#db/doctor.ts';
import { readTimeline } from '#db/timeline.ts';
import { seedBrand } from '#test/support/brand.ts';
import { type Around, runAllot } from '#test/support/command-line.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decideApart } from '#workers/decide-apart.ts';

let store: TestDatabase;

beforeEach(async () => {
  store = await createTestDatabase();
  await seedBrand(store.db, { skus: ['MUG', 'CUP'], mode: 'shadow' });
  await allot('receive MUG 10 --location main');
  await allot('order place --channel fake:a --line MUG=6 --ref shop');
  await allot('order place --channel fake:b --line MUG=4 --ref po');
  // Damage is found: 10 promised, 7 there.
  await allot('inspect MUG 3 --location main --from sellable --to damaged');
});
afterEach(() => store.drop());

const allot = (line: string, around: Around = {}) =>
  runAllot(line.split(' '), { env: { DATABASE_URL: store.url, USER: 'kim' }, ...around });
const json = async (line: string) => (await allot(`${line} --json`)).document();
const allocated = async () =>
  Object.fromEntries(
    (
      await store.db.rows<{ id: string; allocated: number; short: number }>(
        sql`select order_id as id, allocated, short from order_line order by 1`,
      )
    ).map(({ id, allocated: units, short }) => [id, [units, short]]),
  );
const openDeficits = () =>
  store.db.rows<{ sku: string; quantity: number }>(sql`
  select sku, quantity from shortage where location is not null and closed_at is null`);

describe('allot reconfirm', () => {
  test('--simulate tells who would gain and lose, and writes nothing', async () => {
    const before =
      await store.db.rows(sql`select (select count(*) from command) as commands, (select count(*) from batch) as batches,
      (select count(*) from promise_entry) as entries, (select count(*) from outbox) as bells`);
    const said = await allot('reconfirm MUG --simulate --strategy wholesale=fill --strategy fake:a=gain');
    expect(said).toMatchObject({ exitCode: 0 });
    expect(said.out).toContain(
      'Simulation: nothing was written.\n\nMUG: 7 there, 10 promised before, 7 after\nDeficit: 3 before, 0 after\n',
    );
    expect(said.out).toMatch(/ORDER +LINE +PROGRAM +STRATEGY +TAKES +WANTED +BEFORE +AFTER +CHANGE\n/);
    expect(said.out).toMatch(/fake:b\/po +MUG +wholesale +fill +parts +4 +4 +1 +-3\n/);
    expect(said.out).toMatch(/channel fake:a +gain +1 +6 +6 +6 +0 +0\n/);
    expect(said.out).toContain('Loses: fake:b/po line MUG -3');
    expect(await allocated()).toEqual({ 'fake:a/shop': [6, 0], 'fake:b/po': [4, 0] });
    expect(
      await store.db.rows(sql`select (select count(*) from command) as commands, (select count(*) from batch) as batches,
      (select count(*) from promise_entry) as entries, (select count(*) from outbox) as bells`),
    ).toEqual(before);
  });

  test('--yes does it: the ledger balances, the deficit ends, and explain names the cause', async () => {
    expect(await openDeficits()).toEqual([{ sku: 'MUG', quantity: 3 }]);
    const done = await json('reconfirm --deficits --yes');
    expect(done).toMatchObject({
      schema: 'allot.reconfirm/1',
      ok: true,
      mode: 'active',
      reports: [
        {
          sku: 'MUG',
          deficitBefore: 3,
          deficitAfter: 0,
          lines: [
            { orderId: 'fake:b/po', before: 4, after: 4, placedAt: expect.stringMatching(/Z$/) },
            { orderId: 'fake:a/shop', before: 6, after: 3, change: -3, strategy: 'redistribute' },
          ],
        },
      ],
    });
    expect(await allocated()).toEqual({ 'fake:a/shop': [3, 3], 'fake:b/po': [4, 0] });
    expect(await openDeficits()).toEqual([]);
    expect((await runDoctor(store.db)).checks.filter(({ violations }) => (violations ?? 0) > 0)).toEqual([]);
    const text = (await allot('explain --order fake:a/shop')).out;
    expect(text).toMatch(/release.*-3.*reconfirm as redistribute \(others\) by operator:kim, policy 1/);
    expect((await json('reconfirm --deficits')).reports).toEqual([]);
    expect((await allot('reconfirm --deficits')).out).toBe('No place lacks units that it promised.\n');
    // New supply serves the line that lost, by the ordinary turn.
    await allot('receive MUG 3 --location main');
    expect(await allocated()).toMatchObject({ 'fake:a/shop': [6, 0] });
  });

  test.each([
    ['--others win --strategy fake:a=fill', 'fill', 'channel fake:a'],
    ['--strategy fake:a=win --strategy fake:a/shop=lose', 'lose', 'order fake:a/shop'],
    ['--strategy wholesale=win --strategy dtc=improve', 'improve', 'program dtc'],
  ])('%s: the trail of the order tells %s, by %s', async (given, strategy, segment) => {
    expect((await allot(`reconfirm MUG --yes ${given}`)).exitCode).toBe(0);
    const { history } = (await json('explain --order fake:a/shop')) as {
      history: { kind: string; reconfirm: unknown }[];
    };
    expect(history.map(({ reconfirm }) => reconfirm)).toEqual([null, { strategy, segment }]);
    const said = `reconfirm as ${strategy} (${segment}) by operator:kim`;
    expect((await allot('explain --order fake:a/shop')).out).toContain(said);
    expect(await readTimeline(store.db, 'MUG', 100)).toContainEqual(
      expect.objectContaining({ kind: 'release', orderId: 'fake:a/shop', reconfirm: { strategy, segment } }),
    );
  });

  test('takes nothing without a word: it asks, shows whom it takes from, and does nothing on a no', async () => {
    const refused = await allot('reconfirm MUG');
    expect(refused).toMatchObject({ exitCode: 2, out: '' });
    expect(refused.err).toContain('this takes 3 units from 1 line of 1 order, and nobody can be asked');
    expect(refused.err).toContain('give --yes');
    const asked: string[] = [];
    const ask = (answer: boolean) => (question: string) => {
      asked.push(question);
      return Promise.resolve(answer);
    };
    const no = await allot('reconfirm MUG', { ask: ask(false) });
    expect(no).toMatchObject({ exitCode: 130, out: '' });
    expect(no.err).toContain('Loses: fake:a/shop line MUG -3');
    expect(await allocated()).toMatchObject({ 'fake:a/shop': [6, 0] });
    expect(await allot('reconfirm MUG', { ask: ask(true) })).toMatchObject({ exitCode: 0 });
    expect(asked).toEqual(['Take 3 units from 1 line of 1 order?', 'Take 3 units from 1 line of 1 order?']);
    expect(await allocated()).toMatchObject({ 'fake:a/shop': [3, 3] });
    // Nobody loses: nobody is asked.
    expect(await allot('reconfirm MUG --others gain')).toMatchObject({ exitCode: 0 });
  });

  test('does nothing where somebody would lose more than was shown', async () => {
    const ask = async () => {
      await allot('inspect MUG 2 --location main --from sellable --to damaged');
      return true;
    };
    const said = await allot('reconfirm MUG', { ask });
    expect(said).toMatchObject({ exitCode: 1, out: '' });
    expect(said.err).toContain('the books of MUG have moved');
    expect(await allocated()).toEqual({ 'fake:a/shop': [6, 0], 'fake:b/po': [4, 0] });
    expect(await store.db.rows(sql`select 1 from command where kind = 'reconfirm'`)).toEqual([]);
  });

  test('value at risk is the order where it is given, and a word that cannot be kept exits 3', async () => {
    const byValue = await json(
      'reconfirm MUG --simulate --by valueAtRisk --margin dtc=20 --margin wholesale=9.5 --chargeback fake:b=2',
    );
    expect(byValue.reports).toMatchObject([
      {
        by: 'valueAtRisk',
        lines: [
          { orderId: 'fake:a/shop', after: 6 },
          { orderId: 'fake:b/po', after: 1, valueAtRisk: 6 },
        ],
      },
    ]);
    const won = await allot('reconfirm MUG --simulate --strategy dtc=win --strategy fake:b/po=gain');
    expect(won.exitCode).toBe(3);
    expect(won.out).toContain('Exception: fake:b/po line MUG (gain) must keep 4 and has 1');
  });

  test('a deficit that no line can end exits 3, and says what to do', async () => {
    await allot('receive CUP 4 --location main');
    await runAllot([...'hold place CUP 4 --program dtc --owner kim --for 2d --reason'.split(' '), 'a fair'], {
      env: { DATABASE_URL: store.url, USER: 'kim' },
    });
    await allot('inspect CUP 1 --location main --from sellable --to damaged');
    await allot('order place --channel fake:a --line CUP=1 --ref waits');
    const said = await allot('reconfirm CUP --yes');
    expect(said.exitCode).toBe(3);
    expect(said.out).toContain(
      'Deficit: 1 before, 1 after\n1 unit is still missing, which no line can give: it is held (allot hold list --sku CUP)',
    );
    expect(await json('reconfirm CUP --simulate')).toMatchObject({ ok: false, reports: [{ deficitAfter: 1 }] });
  });

  test.each([
    ['reconfirm', 2, 'name SKUs, or take all'],
    ['reconfirm MUG --deficits', 2, 'name SKUs, or take all'],
    ['reconfirm POT', 1, 'POT is not an item'],
    ['reconfirm MUG --strategy dtc=flee', 2, 'is no strategy'],
    ['reconfirm MUG --strategy dtc', 2, 'is not NAME=STRATEGY'],
    ['reconfirm MUG --margin dtc=1,50', 2, 'is no amount'],
    ['reconfirm MUG --strategy nobody=win', 1, 'no program is called nobody'],
    ['reconfirm MUG --strategy dtc=win --strategy dtc=lose', 1, 'program dtc is given twice'],
  ])('%s exits %i', async (line, exitCode, what) => {
    const said = await allot(line);
    expect(said).toMatchObject({ exitCode, out: '' });
    expect(said.err).toContain(what);
    expect(await store.db.rows(sql`select 1 from command where kind = 'reconfirm'`)).toEqual([]);
  });
});

test('a run that waits among the commands is decided by the daemon too, with all open lines loaded', async () => {
  const body = { kind: 'reconfirm', sku: 'MUG', by: 'priority', segments: [], others: 'redistribute' } as const;
  await store.db.transaction((tx) =>
    addCommands(tx, [{ body, actor: 'test', occurredAt: Date.now(), channelId: null, inboxId: null }]),
  );
  await allot('receive CUP 1 --location main');
  expect(await allocated()).toEqual({ 'fake:a/shop': [3, 3], 'fake:b/po': [4, 0] });
});

test('what is decided apart is written whole, or not at all', async () => {
  const body = { kind: 'receive', sku: 'CUP', location: 'main', quantity: 5, disposition: 'sellable' } as const;
  const command = { body, actor: 'test', occurredAt: Date.now(), channelId: null, inboxId: null };
  const no = await decideApart(store.db, [command], Date.now(), () => false);
  expect(no).toMatchObject({ isWritten: false, facts: { stock: [{ delta: 5 }] } });
  expect(await store.db.rows(sql`select 1 from stock_balance where sku = 'CUP'`)).toEqual([]);
  expect(await decideApart(store.db, [command], Date.now(), () => true)).toMatchObject({ isWritten: true });
  expect(await store.db.rows(sql`select quantity from stock_balance where sku = 'CUP'`)).toEqual([{ quantity: 5 }]);
  const ship = { ...command, body: { kind: 'ship', orderId: 'fake:a/shop', lines: null } as const };
  await expect(decideApart(store.db, [ship], Date.now(), () => true)).rejects.toThrow(/waits for its turn/);
});

describe('orders that want all or nothing, and kits', () => {
  beforeEach(async () => {
    await store.db.rows(sql`insert into item (sku) values ('SET')`);
    await store.db.rows(
      sql`insert into item_component (kit, sku, quantity) values ('SET', 'CUP', 1), ('SET', 'MUG', 1)`,
    );
    await store.db.rows(sql`
      insert into listing (channel_id, listing_ref, sku, mapped_at) select id, 'ref-SET', 'SET', now() from channel`);
    await store.db.rows(sql`update policy set body = jsonb_set(body, '{programs,1,completeness}', '"shipComplete"')`);
    await allot('receive MUG 20 --location main');
    await allot('receive CUP 63 --location main');
    await allot('order place --channel fake:b --line CUP=50 --line MUG=2 --ref big');
    await allot('order place --channel fake:a --line CUP=10 --ref small');
    await allot('order place --channel fake:a --line SET=3 --ref set');
  });
  const held = async () =>
    Object.fromEntries(
      (
        await store.db.rows<{ line: string; allocated: number }>(
          sql`select order_id || ' ' || line_ref as line, allocated from order_line where order_id <> all('{fake:a/shop,fake:b/po}')`,
        )
      ).map(({ line, allocated: units }) => [line, units]),
    );

  test('give up or keep all: shown with what goes with them, agreed to, written whole, and the deficit ends', async () => {
    await allot('inspect CUP 23 --location main --from sellable --to damaged');
    expect(await held()).toMatchObject({
      'fake:b/big CUP': 50,
      'fake:b/big MUG': 2,
      'fake:a/small CUP': 10,
      'fake:a/set SET': 3,
    });
    const shown = await allot('reconfirm CUP --simulate --strategy wholesale=win --strategy fake:a/none=gain');
    expect(shown.exitCode).toBe(3);
    expect(shown.out).toContain('Deficit: 23 before, 0 after\nNo open line of CUP is of: order fake:a/none\n');
    expect(shown.out).toMatch(/fake:b\/big +CUP +wholesale +win +all or nothing +50 +50 +0 +-50\n/);
    expect(shown.out).toMatch(/fake:a\/set +SET +dtc +redistribute +sets of SET +3 +3 +3 +0\n/);
    expect(shown.out).toContain(
      'Lines of other items, of orders that hold all or nothing:\n  fake:b/big line MUG: -2 MUG',
    );
    expect((await allot('reconfirm CUP')).err).toContain('this takes 52 units from 2 lines of 1 order');
    expect(await allot('reconfirm CUP --yes')).toMatchObject({ exitCode: 0 });
    expect(await held()).toEqual({
      'fake:b/big CUP': 0,
      'fake:b/big MUG': 0,
      'fake:a/small CUP': 10,
      'fake:a/set SET': 3,
    });
    expect(await openDeficits()).toEqual([]);
    expect((await runDoctor(store.db)).checks.filter(({ violations }) => (violations ?? 0) > 0)).toEqual([]);
    // Whole again as soon as all of it is there.
    await allot('receive CUP 23 --location main');
    expect(await held()).toMatchObject({ 'fake:b/big CUP': 50, 'fake:b/big MUG': 2 });
  });

  test('a waiting order wins from others, with its other items; a kit gives up whole sets', async () => {
    await allot('order place --channel fake:b --line CUP=2 --line MUG=1 --ref late');
    expect(await held()).toMatchObject({ 'fake:b/late CUP': 0, 'fake:b/late MUG': 0 });
    const won = await json('reconfirm CUP --yes --strategy fake:b/late=win --strategy fake:a/small=gain');
    expect(won).toMatchObject({
      ok: true,
      reports: [{ unmatched: [], beside: [{ orderId: 'fake:b/late', sku: 'MUG', change: 1 }] }],
    });
    expect(await held()).toEqual({
      'fake:b/big CUP': 50,
      'fake:b/big MUG': 2,
      'fake:b/late CUP': 2,
      'fake:b/late MUG': 1,
      'fake:a/small CUP': 10,
      'fake:a/set SET': 1,
    });
    expect((await runDoctor(store.db)).checks.filter(({ violations }) => (violations ?? 0) > 0)).toEqual([]);
  });
});
