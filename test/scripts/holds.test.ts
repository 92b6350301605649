/** `allot hold`, `allot order place --hold` and `allot import renewals` on a real database: what they say, write, and refuse. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runDoctor } from '#db/doctor.ts';
import { BRAND_POLICY, seedBrand } from '#test/support/brand.ts';
import { runAllot } from '#test/support/command-line.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

const DAY_MS = 86_400_000;

let store: TestDatabase;
let folder: string;

/** Twenty of MUG, of which wholesale has five for itself. */
beforeEach(async () => {
  store = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'allot-cli-'));
  const pools = [{ program: 'wholesale', sku: 'MUG', units: 5, refill: 'never' as const }];
  await seedBrand(store.db, { skus: ['MUG', 'CUP'], policy: { ...BRAND_POLICY, pools }, mode: 'shadow' });
  await allot('receive MUG 20 --location main');
});
afterEach(async () => {
  // Whatever was held, converted or let go: the books agree.
  const broken = (await runDoctor(store.db)).checks.flatMap(({ examples }) => examples);
  if (broken.length > 0) throw new Error(broken.join('; '));
  rmSync(folder, { recursive: true });
  await store.drop();
});

const splitLine = (line: string): string[] => [...line.matchAll(/"([^"]*)"|\S+/g)].map((match) => match[1] ?? match[0]);
const allot = (line: string) =>
  runAllot(splitLine(line), { env: { DATABASE_URL: store.url, USER: 'kim' }, cwd: folder });
const json = async (line: string) => (await allot(`${line} --json`)).document();
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const holdIdOf = (document: Readonly<Record<string, unknown>>) => (document.hold as { id: number }).id;
const shown = async (channel: string) => (await json(`explain MUG --channel ${channel}`)).quantity;

const FAIR = 'hold place MUG 4 --program dtc --owner kim --reason "fair in Lyon" --for 2d';

describe('a hold by hand', () => {
  test('is placed, listed, shown, named in the explanation and counted in status', async () => {
    const said = await allot(FAIR);
    expect(said).toMatchObject({ exitCode: 0 });
    expect(said.out).toMatch(/^Held: hold \d+: 4 MUG for dtc \(4 shared at main\), until 2\d{3}-.*Z\n$/);
    await allot('hold place MUG 2 --program dtc --owner ann --reason "press" --for 3h');
    const listed = await json('hold list --sku MUG');
    expect(listed).toMatchObject({
      schema: 'allot.holds/1',
      holds: [
        { owner: 'ann', units: 2, expiresAt: expect.stringMatching(/Z$/), endedAt: null },
        { owner: 'kim', units: 4, kind: 'draft' },
      ],
    });
    expect(await json('hold list --ending 1d')).toMatchObject({ holds: [{ owner: 'ann' }] });
    expect((await allot('hold list --owner kim')).out).toMatch(
      /MUG\s+dtc\s+draft\s+4\s+in 1 d 23 h\s+kim\s+fair in Lyon/,
    );
    expect(await json('status')).toMatchObject({ holds: { count: 2, units: 6, endingSoon: 1 } });
    expect((await allot('status')).out).toContain('holds       2, 6 units, 1 end within a day');
    const explained = await json('explain MUG --channel fake:a');
    expect(explained).toMatchObject({ quantity: 9 });
    expect((explained.steps as { id: string }[]).find(({ id }) => id === 'held')).toMatchObject({
      change: -6,
      says: '6 held: 2 holds, most by kim (4)',
    });
    expect(await json('explain MUG')).toMatchObject({ item: { held: 6, atp: 14 } });
  });

  test('is named in the explanation of the past as it was then', async () => {
    const id = holdIdOf(await json(FAIR));
    const [batch] = await store.db.rows<{ at: number }>(
      sql`select decided_at as at from batch order by id desc limit 1`,
    );
    await allot(`hold release ${id} --reason over`);
    const past = await json(`explain MUG --channel fake:a --at ${new Date(batch?.at ?? 0).toISOString()}`);
    expect((past.steps as { id: string; says: string }[]).find((step) => step.id === 'held')?.says).toContain(
      '1 hold, most by kim (4)',
    );
    expect((await allot('explain MUG --channel fake:a')).out).not.toContain('most by kim');
  });

  test('with a ref is changed, not made twice', async () => {
    const id = holdIdOf(await json(`${FAIR} --ref fair`));
    expect(holdIdOf(await json('hold place MUG 6 --program dtc --owner kim --reason more --for 2d --ref fair'))).toBe(
      id,
    );
    expect(await json('hold list --ref fair')).toMatchObject({ holds: [{ id, units: 6, reason: 'more' }] });
  });

  test('is extended and let go, with its history', async () => {
    const id = holdIdOf(await json(FAIR));
    expect(await json(`hold extend ${id} --until ${new Date(Date.now() + 9 * DAY_MS).toISOString()}`)).toMatchObject({
      ok: true,
    });
    expect((await allot(`hold release ${id} --reason "they did not want them"`)).out).toMatch(
      /^Released: hold \d+: 0 MUG for dtc, until /,
    );
    const history = await allot(`hold show ${id}`);
    expect(history.out).toMatch(/unhold\s+-4\s+shared at main\s+release-hold by operator:kim: they did not want them/);
    expect(await json('hold list')).toMatchObject({ holds: [] });
    expect(await json('hold list --all')).toMatchObject({
      holds: [{ id, state: 'released', endedAt: expect.any(String) }],
    });
    const again = await allot(`hold release ${id} --reason twice`);
    expect(again).toMatchObject({ exitCode: 1 });
    expect(again.err).toContain(`hold ${id} of MUG by kim is released already`);
    expect(await shown('fake:a')).toBe(15);
  });

  test.each([
    [
      'hold place MUG 16 --program dtc --owner k --reason r --for 2d',
      1,
      'can be promised 15 of MUG now, not 16: 20 sellable at main, 0 allocated, 0 held, 5 of 20 free protected',
    ],
    ['hold place MUG 1 --program dct --owner k --reason r --for 2d', 1, 'program dct is not in the policy'],
    ['hold place MUG 1 --program dtc --owner k --reason r --for 2d --location moon', 1, 'location moon is not known'],
    ['hold place POT 1 --program dtc --owner k --reason r --for 2d', 1, 'SKU POT is not an item'],
    ['hold place MUG 1 --program dtc --owner k@example.org --reason r --for 2d', 2, '--owner holds an e-mail address'],
    ['hold place MUG 1 --program dtc --owner k --reason r', 2, 'say once when the hold ends'],
    [
      'hold place MUG 1 --program dtc --owner k --reason r --for 2d --until 2027-01-01T00:00:00Z',
      2,
      'say once when the hold ends',
    ],
    ['hold place MUG 1 --program dtc --owner k --reason r --for 500d', 2, 'no time from 1m to 400d'],
    [
      'hold place MUG 1 --program dtc --owner k --reason r --until 2020-01-01T00:00:00Z',
      1,
      'the end 2020-01-01T00:00:00.000Z has passed',
    ],
    ['hold show 999', 1, 'there is no hold 999'],
    ['hold release 999 --reason r', 1, 'there is no hold 999'],
    ['order place --channel fake:a --hold 999', 1, 'there is no hold 999'],
    ['order place --channel fake:a', 2, 'the order has no line'],
  ])('%s exits %i and says why', async (line, exitCode, what) => {
    const said = await allot(line);
    expect(said.exitCode).toBe(exitCode);
    expect(said.err).toContain(what);
    await store.db.rows(sql`update command set state = 'dropped' where state = 'parked'`);
    await store.db.rows(sql`update parked set state = 'dropped' where state = 'parked'`);
  });
});

describe('an order that names holds', () => {
  test('takes all that is held when it names no line', async () => {
    const id = holdIdOf(await json(FAIR));
    await allot('order place --channel fake:a --line MUG=11');
    expect(await shown('fake:a')).toBe(0);
    const said = await allot(`order place --channel fake:a --hold ${id} --ref fair`);
    expect(said.out).toBe('Placed fake:a/fair\n  MUG: 4 ordered, 4 allocated, 0 short\n');
    expect(await json(`hold show ${id}`)).toMatchObject({
      hold: { state: 'converted', units: 0, quantity: 4 },
      history: [
        { kind: 'hold' },
        { kind: 'unhold', units: -4 },
        { kind: 'allocate', units: 4, orderId: 'fake:a/fair' },
      ],
    });
    expect((await allot(`order place --channel fake:a --hold ${id}`)).err).toContain(
      `hold ${id} of MUG is converted already`,
    );
  });

  test('leaves the rest held, or lets it go', async () => {
    const [first, second] = [holdIdOf(await json(FAIR)), holdIdOf(await json(`${FAIR} --ref two`))];
    await allot(`order place --channel fake:a --hold ${first} --line MUG=3`);
    expect(await json('hold list')).toMatchObject({
      holds: [
        { id: first, units: 1 },
        { id: second, units: 4 },
      ],
    });
    await allot(`order place --channel fake:a --hold ${first} --hold ${second} --line MUG=3 --release-rest`);
    expect(await json('hold list')).toMatchObject({ holds: [] });
    expect(await shown('fake:a')).toBe(9);
  });

  test('of another program is refused with the order', async () => {
    const id = holdIdOf(await json(FAIR));
    const said = await allot(`order place --channel fake:b --hold ${id} --ref x`);
    expect(said).toMatchObject({ exitCode: 1 });
    expect(said.err).toContain('is of program dtc, and order fake:b/x of wholesale');
    await allot('parked drop 1 --reason test --yes');
  });
});

describe('renewals from a file', () => {
  const day = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
  const RENEWALS = () =>
    [
      'sku,quantity,date,subscription,program',
      `MUG,2,${day(10)},S-1,dtc`,
      `MUG,3,${day(20)},S-2,wholesale`,
      `MUG,1,${day(60)},S-3,dtc`,
      `MUG,1,${day(-9)},S-4,dtc`,
    ].join('\n');

  test('a dry run writes nothing; the run holds those within the horizon; the second run is all Unchanged', async () => {
    write('renewals.csv', RENEWALS());
    const dry = await allot('import renewals renewals.csv --dry-run');
    expect(dry).toMatchObject({ exitCode: 0 });
    expect(dry.out).toBe(
      [
        'Create 2, Update 0, Unchanged 2, Skipped 0. Dry run: nothing was written.',
        'Left alone 1 row: it renews after the horizon: import the file again when it comes near',
        'Left alone 1 row: its time to be held has passed',
        '',
      ].join('\n'),
    );
    expect(await store.db.rows(sql`select 1 from hold union all select 1 from command where kind = 'hold'`)).toEqual(
      [],
    );
    expect(await json('import renewals renewals.csv')).toMatchObject({
      ok: true,
      counts: { create: 2, update: 0, unchanged: 2, skipped: 0 },
      decided: { applied: 2 },
    });
    expect(await json('hold list --kind subscription')).toMatchObject({
      holds: [
        {
          program: 'dtc',
          units: 2,
          owner: 'subscriptions',
          expiresAt: `${day(13)}T00:00:00.000Z`,
          ref: `renewal S-1 ${day(10)}`,
        },
        { program: 'wholesale', units: 3, parts: [{ pool: 'own' }] },
      ],
    });
    expect(await json('import renewals renewals.csv')).toMatchObject({
      ok: true,
      counts: { create: 0, update: 0, unchanged: 4, skipped: 0 },
      decided: { applied: 0 },
    });
  });

  test('what changed is told by field, 0 lets go, what has ended stays ended, and the spans are given', async () => {
    write('renewals.csv', RENEWALS());
    await allot('import renewals renewals.csv');
    write('renewals.csv', RENEWALS().replace('MUG,2', 'MUG,5').replace('MUG,3', 'MUG,0'));
    const changed = await allot('import renewals renewals.csv --keep 5d --horizon 90d');
    expect(changed.out).toContain('Create 1, Update 2, Unchanged 1, Skipped 0');
    expect(changed.out).toContain(
      `MUG S-1 ${day(10)}: quantity 2 -> 5, held_until ${day(13)}T00:00:00.000Z -> ${day(15)}T00:00:00.000Z`,
    );
    expect(changed.out).toContain(`MUG S-2 ${day(20)}: quantity 3 -> 0`);
    expect(await json('hold list')).toMatchObject({ holds: [{ units: 5 }, { units: 1 }] });
    expect((await allot('import renewals renewals.csv --keep 5d --horizon 90d')).out).toContain(
      'Left alone 1 row: its hold is released already',
    );
  });

  test('what cannot be held is told by line, the earliest are served first, and nothing is parked', async () => {
    write(
      'renewals.csv',
      [
        'sku,quantity,date,subscription,program',
        `MUG,9,${day(9)},S-2,dtc`,
        `MUG,10,${day(3)},S-1,dtc`,
        `POT,1,${day(3)},S-1,dtc`,
        `MUG,1,${day(3)},S-5,dct`,
        `MUG,1,soon,S-6,dtc`,
        `MUG,1,${day(9)},ann@example.org,dtc`,
      ].join('\n'),
    );
    for (const flags of [' --dry-run', '', '']) {
      const said = await allot(`import renewals renewals.csv${flags}`);
      expect(said).toMatchObject({ exitCode: 1 });
      for (const part of [
        'Skipped 5',
        `Skipped line 2 MUG S-2 ${day(9)}: dtc can be promised 5 of MUG now, not 9`,
        'line 4 POT S-1',
        'line 5 MUG S-5',
        'line 6 MUG: date "soon" is no day and no moment',
        'line 7 MUG',
      ])
        expect(said.out).toContain(part);
    }
    expect(await json('hold list')).toMatchObject({ holds: [{ units: 10 }] });
    expect(await store.db.rows(sql`select 1 from parked`)).toEqual([]);
    expect(await store.db.rows(sql`select 1 from command where kind = 'hold' and state <> 'applied'`)).toEqual([]);
  });
});
