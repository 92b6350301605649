/** `allot reallocate` on a real database: what it says, what it keeps, how it ends. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DAY_MS } from '#core/reallocation-guards.ts';
import { BRAND_POLICY, seedBrand } from '#test/support/brand.ts';
import { runAllot } from '#test/support/command-line.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

let store: TestDatabase;

/** 100 of MUG, 50 protected for wholesale on fake:b, 20 for emergencies. */
beforeEach(async () => {
  store = await createTestDatabase();
  const pools = [
    { program: 'wholesale', sku: 'MUG', units: 50, refill: 'never' as const },
    { program: 'emergency', sku: 'MUG', units: 20, refill: 'never' as const },
  ];
  await seedBrand(store.db, { skus: ['MUG'], policy: { ...BRAND_POLICY, pools }, mode: 'shadow' });
  await allot('receive MUG 100 --location main');
});
afterEach(() => store.drop());

const splitLine = (line: string): string[] => [...line.matchAll(/"([^"]*)"|\S+/g)].map((match) => match[1] ?? match[0]);
const allotAs = (login: Record<string, string>, line: string) =>
  runAllot(splitLine(line), { env: { DATABASE_URL: store.url, ...login } });
const allot = (line: string) => allotAs({ USER: 'kim' }, line);
const lee = (line: string) => allotAs({ USER: 'lee' }, line);
const json = async (line: string) => (await allot(`${line} --json`)).document();

const propose = (units: number, more = '') =>
  allot(`reallocate propose MUG ${units} --from wholesale --to dtc --reason "flash sale" --until 7d ${more}`);

describe('propose', () => {
  test('shows who would lose what, and moves nothing', async () => {
    const said = await propose(10);
    expect(said.exitCode).toBe(0);
    expect(said.out).toMatch(
      /^Proposed reallocation 1: 10 of MUG from the pool of wholesale to the pool of dtc until 2\d{3}-/,
    );
    expect(said.out).toContain(`PROGRAM    PROTECTED  LEFT      COULD BE PROMISED
dtc        0 -> 10    0 -> 10   30 -> 40
wholesale  50 -> 40   50 -> 40  80 -> 70
CHANNEL  LISTING  SHOWS
fake:a   ref-MUG  30 -> 40
fake:b   ref-MUG  80 -> 70
harm:
  wholesale keeps 40 of 50 protected units, and could be promised 70 instead of 80
  fake:b shows 70 instead of 80 of ref-MUG
`);
    expect(said.err).toBe('next: allot reallocate apply 1\n');
    expect(await json('explain MUG --channel fake:a')).toMatchObject({ quantity: 30, reallocations: [] });
  });

  test('below the limits applies at once when asked to, and explain names it', async () => {
    expect((await propose(10, '--apply')).out).toContain('Applied: it is in force.');
    expect(await json('explain MUG --channel fake:a')).toMatchObject({
      quantity: 40,
      reallocations: [{ id: 1, reason: 'flash sale', proposer: 'operator:kim', approver: null }],
    });
    const text = (await allot('explain MUG --channel fake:a')).out;
    expect(text).toMatch(/10 left; no rule of its own\).*; reallocation 1 moved 10 from wholesale to dtc until 2/);
    expect(text).toMatch(/\nreallocation 1, until 2\S+Z: flash sale \(operator:kim\)\n$/);
  });

  test('above a limit stays proposed even when asked to apply, and says what to do', async () => {
    const said = await propose(11, '--apply');
    expect(said.exitCode).toBe(1);
    expect(said.out).toContain(`Not applied: it stays as proposed.
needs a second person:
  11 units are above 20 % of the pool of wholesale (10 of 50) in one move
    move at most 10, or let a second person: allot reallocate approve 1`);
    expect(said.err).toBe('next: allot reallocate approve 1 (a second person)\n');
  });

  test('beyond what the donor has exits 1 with the largest number possible', async () => {
    const said = await propose(51);
    expect(said).toMatchObject({ exitCode: 1, out: '' });
    expect(said.err).toContain(
      'the pool of wholesale has 50 units of MUG to give (50 protected, 0 drawn, 50 left), not 51',
    );
    expect(said.err).toContain('mend: move at most 50');
  });

  test('tells dated demand that would lack units by it, and what ATP loses by date', async () => {
    const due = new Date(Date.now() + 3 * DAY_MS).toISOString().slice(0, 10);
    await allot(`demand expect BL-1 MUG 75 --program wholesale --due ${due}`);
    const said = (await propose(10)).out;
    expect(said).toContain(`demand BL-1 of wholesale, 75 due ${due}, would lack 5 on that date because of the move\n`);
    expect(said).toMatch(/ATP of wholesale falls from 5 to 0 on 2\d{3}-/);
    expect((await json('reallocate show 1')).preview).toMatchObject({
      demands: [{ ref: 'BL-1', program: 'wholesale', quantity: 75, gets: { before: 75, after: 70 } }],
      atp: [{ program: 'dtc' }, { program: 'wholesale', days: [{ atp: { before: 5, after: 0 } }] }],
    });
    // As it was kept before dates were told.
    await store.db.rows(sql`update reallocation set preview = preview - 'demands' - 'atp'`);
    expect((await json('reallocate show 1')).preview).toMatchObject({ demands: [], atp: [] });
  });

  test('reaches the pool that no order may draw from', async () => {
    const one = await json('reallocate propose MUG 4 --from emergency --to dtc --reason recall --until 36h --apply');
    expect(one).toMatchObject({
      schema: 'allot.reallocation/1',
      ok: true,
      state: 'applied',
      from: 'emergency',
      proposer: 'operator:kim',
    });
    expect((await json('explain MUG --channel fake:a')).quantity).toBe(34);
  });

  test.each([
    ['--until tomorrow', 'a time from now such as 7d or 36h'],
    ['--until 2026-12-01T08:00', 'no time zone'],
    ['--until 31d', 'more than 30 days away'],
    ['--until 0d', 'has passed'],
  ])('%s is refused', async (until, says) => {
    const said = await allot(`reallocate propose MUG 1 --from wholesale --to dtc --reason x ${until}`);
    expect(said.exitCode).toBeGreaterThan(0);
    expect(said.err).toContain(says);
  });

  test('warns of what the receiver could not be promised, for it lies where it does not draw', async () => {
    await store.db.rows(sql`insert into location (id, master) values ('depot', 'allot'), ('kiosk', 'allot')`);
    await store.db.rows(sql`update policy set body = jsonb_set(body, '{programs,0,locations}', '["depot", "kiosk"]')`);
    const none = await propose(10);
    expect(none.out).toContain('dtc        0 -> 10    0 -> 10   0\n');
    expect(none.out).toMatch(
      /\nwarning: dtc could be promised none of the 10 units of MUG: no unit it may have is free where it draws \(depot, kiosk\)\n$/,
    );
    await allot('receive MUG 4 --location depot');
    expect((await json('reallocate show 1')).warning).toMatchObject({ units: 10, places: ['depot', 'kiosk'] });
    expect((await propose(7)).out).toContain(
      'warning: dtc could be promised only 4 of the 7 units of MUG: 4 that it may have are free where it draws (depot, kiosk)\n',
    );
    await allot('reallocate withdraw 1');
    expect((await json('reallocate show 1')).warning).toBeNull();
    const other = 'reallocate propose MUG 7 --from wholesale --to shared --reason "flash sale" --until 7d';
    expect(await json(other)).toMatchObject({ ok: true, warning: null });
  });

  test('warns of what the limit of the receiver leaves out', async () => {
    const limit = { program: 'dtc', sku: 'MUG', limit: 3, refill: 'never' };
    await store.db.rows(sql`
      update policy set body = jsonb_set(body, '{pools}', body->'pools' || ${JSON.stringify([limit])}::jsonb)`);
    expect((await propose(10)).out).toContain(
      'warning: dtc could be promised only 3 of the 10 units of MUG: its limit, or what others protect, leaves it no more\n',
    );
  });

  test('teaches in its help: states, pools, limits', async () => {
    const { out, exitCode } = await allot('reallocate propose --help');
    expect(exitCode).toBe(0);
    for (const word of ['Examples:', 'approve', 'shared', 'emergency', '20 %', '50 %', '30 days', 'their own login'])
      expect(out).toContain(word);
  });
});

describe('the steps', () => {
  test('a second person approves, it is applied, and given back by hand', async () => {
    await propose(40);
    expect((await allot('reallocate apply 1')).err).toContain('mend: move at most 10, or let a second person');
    expect((await lee('reallocate approve 1')).out).toContain('Approved reallocation 1: 40 of MUG');
    expect((await allot('reallocate apply 1')).out).toContain('It is in force.');
    expect((await lee('reallocate apply 1')).err).toContain('reallocation 1 is applied already, by operator:kim');
    expect((await allot('reallocate return 1 --reason "it is over"')).out).toBe(
      'Reallocation 1 is over: 40 of 40 units went back, 0 were drawn.\n',
    );
    const shown = (await allot('reallocate show 1')).out;
    expect(shown).toMatch(/state {6}returned\n/);
    expect(shown).toMatch(/approved {3}by operator:lee at 2/);
    expect(shown).toContain('came back  40 units; 0 were drawn meanwhile');
  });

  test('nobody approves a proposal of their own: not in the name of another, nor of nobody, nor written in capitals', async () => {
    await propose(40);
    const own = await allot('reallocate approve 1');
    expect(own).toMatchObject({ exitCode: 1, out: '' });
    expect(own.err).toContain('operator:kim proposed reallocation 1, and nobody approves a proposal of their own');
    expect(own.err).toContain('mend: ask another person, under their own login: allot reallocate approve 1\n');
    for (const step of [
      'approve 1',
      'propose MUG 1 --from wholesale --to dtc --reason x --until 7d',
      'apply 1',
      'return 1',
      'reject 1 --reason x',
      'withdraw 1',
    ])
      expect((await allot(`reallocate ${step} --as lee`)).err).toContain("unknown option '--as'");
    expect((await allotAs({ USER: 'Kim' }, 'reallocate approve 1')).err).toContain('a proposal of their own');
    for (const login of [{}, { USER: '' }])
      expect((await allotAs(login, 'reallocate approve 1')).err).toContain('nobody is logged in by name');
    expect((await json('reallocate show 1')).state).toBe('proposed');
    await allotAs({}, 'reallocate propose MUG 40 --from wholesale --to dtc --reason x --until 7d');
    expect((await allot('reallocate approve 2')).err).toContain('propose it again under the login of a person');
  });

  test('expire ends a move before its time, as return does', async () => {
    await propose(10, '--apply');
    expect((await allot('reallocate expire 1 --reason "it is over"')).out).toBe(
      'Reallocation 1 is over: 10 of 10 units went back, 0 were drawn.\n',
    );
    expect((await json('reallocate show 1')).state).toBe('returned');
    expect((await allot('reallocate --help')).out).toContain('return|expire');
  });

  test('what was proposed is rejected or withdrawn', async () => {
    await propose(1);
    await propose(2);
    expect((await lee('reallocate reject 1 --reason no')).out).toBe('Rejected reallocation 1; nothing moved.\n');
    expect((await allot('reallocate withdraw 2')).out).toBe('Withdrew reallocation 2; nothing moved.\n');
    expect((await allot('reallocate withdraw 9')).err).toContain('there is no reallocation 9');
  });

  test('list shows the newest first, by state and item', async () => {
    expect((await allot('reallocate list')).out).toBe('No reallocation.\n');
    await propose(1);
    await propose(2, '--apply');
    const all = (await json('reallocate list')).reallocations as { id: number; proposedAt: string }[];
    expect(all.map(({ id }) => id)).toEqual([2, 1]);
    expect(all[0]?.proposedAt).toMatch(/Z$/);
    expect((await allot('reallocate list --state applied --sku MUG')).out).toMatch(
      /2 +applied +MUG +2 +wholesale +dtc +2.*flash sale/,
    );
    expect((await allot('reallocate list --sku CUP')).out).toBe('No reallocation.\n');
  });

  test('low names the pools below their threshold, and the moves that mend them', async () => {
    expect((await allot('reallocate low')).out).toBe('No pool is low.\n');
    await allot('order place --channel fake:b --line MUG=40');
    const mend =
      'allot reallocate propose MUG 4 --from shared --to wholesale --until 7d --reason "the pool of wholesale is low"';
    expect((await json('reallocate low')).pools).toEqual([
      {
        sku: 'MUG',
        program: 'wholesale',
        units: 50,
        remaining: 10,
        missing: 4,
        moves: [{ from: 'shared', units: 4 }],
        mend: [mend],
      },
    ]);
    expect((await allot('reallocate low')).out).toContain(mend);
    expect((await allot(`${mend.slice('allot '.length)} --apply`)).exitCode).toBe(0);
    expect((await allot('reallocate low')).out).toBe('No pool is low.\n');
  });
});
