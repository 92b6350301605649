/** `allot supply`, `demand`, `promise` and the lines of an order that waits, on a real database. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BRAND_POLICY, seedBrand } from '#test/support/brand.ts';
import { runAllot } from '#test/support/command-line.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

const POLICY = {
  ...BRAND_POLICY,
  programs: BRAND_POLICY.programs.map((program) =>
    program.id === 'dtc' ? { ...program, backorder: { supply: 20 } } : { ...program, leadTimeDays: 2 },
  ),
  routes: [{ id: 'boutique', program: 'wholesale', customer: '7781' }],
};

let store: TestDatabase;
let folder: string;

beforeEach(async () => {
  store = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'allot-cli-'));
  await seedBrand(store.db, { skus: ['MUG', 'CUP'], mode: 'shadow', policy: POLICY });
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await store.drop();
});

const allot = (line: string) =>
  runAllot(line.split(' '), { env: { DATABASE_URL: store.url, USER: 'kim' }, cwd: folder });
const json = async (line: string) => (await allot(`${line} --json`)).document();
const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

describe('supply', () => {
  test('is expected, listed, received in part, and cancelled', async () => {
    const due = day(9);
    expect(await allot(`supply expect PO-1 MUG 30 --location main --due ${due}`)).toMatchObject({
      exitCode: 0,
      out: `Expected 30 MUG of PO-1 at main, due ${due}.\n`,
    });
    expect((await allot(`supply expect PO-1 MUG 30 --location main --due ${due}`)).out).toBe('Nothing to change.\n');
    expect(await json('explain MUG --channel fake:a')).toMatchObject({
      quantity: 20,
      inputs: { backorder: { rule: 'supply', units: 20, restockAt: `${due}T23:59:59.999Z`, from: [{ ref: 'PO-1' }] } },
    });
    expect((await allot('supply receive PO-1 MUG 12')).out).toBe('Received 12 MUG of PO-1 at main.\n');
    expect(await json('supply list')).toMatchObject({
      schema: 'allot.supply/1',
      supply: [{ ref: 'PO-1', quantity: 30, received: 12, left: 18, isLate: false, dueAt: `${due}T23:59:59.999Z` }],
    });
    expect((await allot('supply list')).out).toMatch(/PO-1\s+MUG\s+main\s+purchaseOrder\s+30\s+12\s+18\s+expected/);
    expect((await allot('supply cancel PO-1')).out).toBe('Cancelled PO-1: 1 item, 18 units.\n');
    expect((await allot('supply list')).out).toBe('Nothing is expected.\n');
    expect((await allot('supply list --all')).out).toContain('cancelled');
    expect(await json('explain MUG --channel fake:a')).toMatchObject({ quantity: 12 });
    expect((await allot('doctor')).exitCode).toBe(0);
  });

  test('that is late is told', async () => {
    await allot(`supply expect PO-1 MUG 30 --location main --due ${day(-3)}`);
    expect((await allot('supply list --late')).out).toContain('late');
    expect((await allot('status')).out).toContain('PO-1 is late: 30 units of MUG');
    expect(await json('explain MUG --channel fake:a')).toMatchObject({ quantity: 0 });
  });

  test('more than was expected is taken, and told: it may be the same receipt twice', async () => {
    await allot(`supply expect PO-1 MUG 30 --location main --due ${day(9)}`);
    expect((await allot('supply receive PO-1 MUG 30')).err).toBe('');
    const said = await allot('supply receive PO-1 MUG 30');
    expect(said).toMatchObject({ exitCode: 0, out: 'Received 30 MUG of PO-1 at main.\n' });
    expect(said.err).toContain('30 of these are more than was expected of PO-1: 30 expected, 60 received.');
    expect(said.err).toContain('allot adjust MUG -30 --location main');
  });

  test('a plain receipt may name it', async () => {
    await allot(`supply expect PO-1 MUG 30 --location main --due ${day(9)}`);
    await allot('receive MUG 30 --location main --supply PO-1');
    expect(await json('supply list --all')).toMatchObject({ supply: [{ received: 30, left: 0 }] });
    expect(await allot('receive MUG 30 --location main --supply PO-2')).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('supply PO-2 of MUG is not expected'),
    });
  });

  test.each([
    ['supply cancel PO-9', 'no supply PO-9 is expected'],
    ['supply receive PO-9 MUG 3', 'no supply PO-9 of MUG is expected'],
    [`supply expect PO-1 MUG 1 --location moon --due ${day(1)}`, 'location moon is not known'],
    [`demand expect B MUG 1 --program dtcc --due ${day(1)}`, 'program dtcc is not in the policy'],
    ['demand cancel B', 'no demand B is expected'],
    [`promise POT 1 --program dtc --by ${day(1)}`, 'SKU POT is not an item'],
  ])('%s exits 1 with a mend', async (line, what) => {
    const said = await allot(line);
    expect(said.exitCode).toBe(1);
    expect(said.err).toContain(what);
    expect(said.err).toMatch(/mend: \w/);
  });
});

describe('import supply', () => {
  const write = (text: string) => writeFileSync(join(folder, 'supply.csv'), text);

  test('a dry run writes nothing; then Create, Unchanged, Update; what is skipped is told', async () => {
    write(`ref,sku,location,qty,due,kind\nPO-1,MUG,main,30,${day(9)},\nTR-2,CUP,main,5,${day(3)},transfer\n`);
    expect(await json('import supply supply.csv --dry-run')).toMatchObject({ counts: { create: 2 }, dryRun: true });
    expect(await store.db.rows(sql`select 1 from dated_supply`)).toEqual([]);
    expect(await json('import supply supply.csv')).toMatchObject({ counts: { create: 2 }, decided: { applied: 2 } });
    expect(await json('import supply supply.csv')).toMatchObject({ counts: { unchanged: 2 }, decided: { applied: 0 } });
    await allot('supply receive PO-1 MUG 4');
    write(
      `ref,sku,location,qty,due,state\nPO-1,MUG,main,40,${day(12)},\nTR-2,CUP,main,5,${day(3)},cancelled\nPO-1,MUG,main,1,${day(1)},\n` +
        `PO-3,POT,main,1,${day(1)},\nPO-3,MUG,moon,1,${day(1)},\nPO-4,MUG,main,1,2026-02-30,\nPO-5,MUG,main,1,${day(1)},cancelled\nPO-6,MUG,main,0,${day(1)},\n`,
    );
    const said = await allot('import supply supply.csv');
    expect(said.exitCode).toBe(1);
    for (const part of [
      'Create 0, Update 2, Unchanged 0, Skipped 6',
      'Update line 2 PO-1 MUG: qty 30 -> 40, due',
      'state open -> cancelled',
      'stands on line 2 already',
      'SKU POT is not an item',
      'location moon is not known',
      'due "2026-02-30',
      'was never expected',
      'qty "0" is out of range',
    ]) {
      expect(said.out).toContain(part);
    }
    expect(await json('supply list --ref PO-1')).toMatchObject({ supply: [{ quantity: 40, received: 4 }] });
    expect(await json('supply list --ref TR-2 --all')).toMatchObject({ supply: [{ kind: 'transfer', left: 0 }] });
  });
});

describe('promise', () => {
  beforeEach(async () => {
    await allot('receive MUG 10 --location main');
    await allot(`supply expect PO-1 MUG 30 --location main --due ${day(9)}`);
    await allot(`demand expect SALE MUG 4 --program dtc --due ${day(5)}`);
  });

  test('answers yes, partly or no, when and from what, and reserves nothing', async () => {
    expect((await allot(`promise MUG 6 --program dtc --by ${day(1)}`)).out).toBe(
      `Yes: 6 of 6 MUG for dtc by ${day(1)}: 6 from what all share.\nNothing is reserved.\n`,
    );
    const partly = await json(`promise MUG 20 --program dtc --by ${day(1)}`);
    expect(partly).toMatchObject({
      schema: 'allot.promise/1',
      sku: 'MUG',
      asked: 20,
      answer: 'partly',
      byDate: { quantity: 6, from: [{ kind: 'shared', quantity: 6 }] },
      whole: {
        at: `${day(9)}T23:59:59.999Z`,
        from: [{ quantity: 6 }, { kind: 'purchaseOrder', ref: 'PO-1', quantity: 14 }],
      },
      late: [],
    });
    expect((await allot(`promise MUG 20 --program dtc --by ${day(1)}`)).out).toContain(
      `All of it: ${day(9)}, 6 from what all share, 14 of PO-1 due ${day(9)} at main.`,
    );
    expect((await allot(`promise CUP 99 --program dtc --by ${day(20)}`)).out).toContain('nothing in sight brings that');
    expect(await json('explain MUG --channel fake:b')).toMatchObject({ quantity: 10 });
  });

  test('sells no more of what comes than the backorder limit of the program leaves, and says so', async () => {
    expect((await allot(`promise MUG 30 --program dtc --by ${day(20)}`)).out).toBe(
      [
        `Partly: 26 of 30 MUG for dtc by ${day(20)}: 6 from what all share, 20 of PO-1 due ${day(9)} at main.`,
        'All of it: the backorder limit does not allow that.',
        'Capped by the backorder limit: dtc may sell 20 MUG of what is to come.',
        'Nothing is reserved.\n',
      ].join('\n'),
    );
    await allot('order place --channel fake:a --line MUG=15 --ref 1');
    expect(await json(`promise MUG 30 --program dtc --by ${day(20)}`)).toMatchObject({
      answer: 'partly',
      byDate: { quantity: 15, from: [{ ref: 'PO-1', quantity: 15 }] },
      whole: null,
      cappedBy: [{ sku: 'MUG', limit: 20, short: 5, left: 15 }],
    });
    expect((await allot(`promise MUG 30 --program dtc --by ${day(20)}`)).out).toContain(
      'dtc may sell 20 MUG of what is to come, less 5 that are short already.',
    );
  });

  test('a route sends a customer to another program, whose lead time then counts', async () => {
    const said = await allot(`promise MUG 6 --program dtc --customer 7781 --by ${day(1)}`);
    expect(said.out).toContain('Orders of customer 7781 go to program wholesale, by route boutique.');
    expect(said.out).toContain('No: none MUG for wholesale');
    expect(said.out).toContain('2 days of lead time are counted.');
    expect(await json(`promise MUG 6 --program dtc --customer 1 --by ${day(1)}`)).toMatchObject({
      program: 'dtc',
      route: null,
    });
  });

  test('of a kit whole sets are promised, as many as its components allow by then', async () => {
    await store.db.script(`insert into item (sku) values ('SET');
      insert into item_component values ('SET', 'MUG', 2), ('SET', 'CUP', 1)`);
    await allot('receive CUP 5 --location main');
    const said = await json(`promise SET 4 --program dtc --by ${day(1)}`);
    expect(said).toMatchObject({
      answer: 'partly',
      byDate: {
        quantity: 3,
        from: [
          { sku: 'CUP', quantity: 3 },
          { sku: 'MUG', quantity: 6 },
        ],
      },
      whole: { at: `${day(9)}T23:59:59.999Z` },
    });
    expect((await allot(`promise SET 4 --program dtc --by ${day(9)}`)).out).toContain(
      `4 CUP from what all share, 6 MUG from what all share, 2 MUG of PO-1 due ${day(9)} at main`,
    );
    expect(await json(`promise SET 6 --program dtc --by ${day(9)}`)).toMatchObject({ answer: 'partly', whole: null });
  });

  test('supply due beyond the horizon is told and not looked at, and so is a day beyond it', async () => {
    const near = await json(`promise MUG 6 --program dtc --by ${day(1)}`);
    expect(near.horizon).toMatchObject({ days: 180, isBefore: false, supplyBeyond: [] });
    const beyond = `Not looked at: supply and demand due after ${day(180)}, 180 days from now`;
    const far = (await allot(`promise MUG 99 --program dtc --by ${day(200)}`)).out;
    expect(far).toContain(`\n${beyond}.\nNothing is reserved.\n`);
    await allot(`supply expect PO-9 MUG 50 --location main --due ${day(190)}`);
    await store.db.script("insert into location (id, master) values ('depot', 'allot')");
    expect((await allot(`supply expect PO-8 MUG 70 --location depot --due ${day(190)}`)).exitCode).toBe(0);
    const said = (await allot(`promise MUG 20 --program dtc --by ${day(1)}`)).out;
    expect(said).toContain(`${beyond}: 50 of PO-9 due ${day(190)}.\n`);
    expect(await json(`promise MUG 99 --program dtc --by ${day(200)}`)).toMatchObject({
      answer: 'partly',
      byDate: { quantity: 26 },
      horizon: {
        at: expect.stringMatching(/Z$/),
        isBefore: true,
        supplyBeyond: [{ sku: 'MUG', ref: 'PO-9', quantity: 50 }],
      },
    });
  });

  test('late supply is told and not counted', async () => {
    await allot(`supply expect PO-1 MUG 30 --location main --due ${day(-1)}`);
    const said = await allot(`promise MUG 20 --program dtc --by ${day(20)}`);
    expect(said.out).toContain(`Not counted: 30 of PO-1 were due ${day(-1)} and have not come.`);
    expect(said.out).toContain('Partly: 6 of 20');
  });

  test.each([
    [`promise MUG 6 --program dtcc --by ${day(1)}`, 'no program is called dtcc'],
    [`promise MUG 6 --program dtc --by ${day(-2)}`, 'has passed'],
    ['promise MUG 6 --program dtc --by tomorrow', 'is no day and no moment: write a day like 2026-11-23, or a moment'],
    ['promise MUG 6 --program dtc --by 2026-13-01', 'not in the calendar'],
  ])('%s exits 2', async (line, what) => {
    const said = await allot(line);
    expect(said.exitCode).toBe(2);
    expect(said.err).toContain(what);
  });
});

describe('an order that waits', () => {
  test('tells a back-order, with its date and source, from a shortage', async () => {
    await allot('receive MUG 3 --location main');
    await allot(`supply expect PO-1 MUG 30 --location main --due ${day(9)}`);
    await allot('order place --channel fake:a --line MUG=12 --line CUP=2 --ref 1');
    const sayings = async () => {
      const { lines } = (await json('explain --order fake:a/1')) as { lines: { sku: string; says: string }[] };
      return Object.fromEntries(lines.map(({ sku, says }) => [sku, says]));
    };
    const says = await sayings();
    expect(says.MUG).toBe(`3 of 12 allocated (3 shared at main); 9 back-ordered, expected ${day(9)} from PO-1`);
    expect(says.CUP).toMatch(
      /^0 of 2 allocated; 2 short since .*: dtc may give it no more now: 0 sellable at its places/,
    );
    await allot('order place --channel fake:a --line MUG=14 --ref 2');
    const { lines } = (await json('explain --order fake:a/2')) as { lines: { says: string; backorder: unknown }[] };
    expect(lines[0]?.says).toMatch(/^0 of 14 allocated; 11 back-ordered, expected .* from PO-1; 3 short since/);
    expect(lines[0]?.backorder).toMatchObject({ units: 11, expected: [{ ref: 'PO-1', quantity: 14 }] });
    await allot('order place --channel fake:b --line MUG=4 --ref 3');
    const other = (await json('explain --order fake:b/3')) as { lines: { says: string }[] };
    expect(other.lines[0]?.says).toMatch(
      /^0 of 4 allocated; 4 short since .*, expected .* from PO-1: wholesale may give it no more now: 3 sellable/,
    );
  });
});
