/** `allot lots`, lots in commands on goods, and in explanations, on a real database: what they say, write, and refuse. */
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
const dayIn = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);

let store: TestDatabase;
let folder: string;

beforeEach(async () => {
  store = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'allot-lots-'));
  const programs = BRAND_POLICY.programs.map((each) =>
    each.id === 'wholesale' ? { ...each, minimumLifeDays: 60 } : each,
  );
  await seedBrand(store.db, { skus: ['OAT', 'CUP'], policy: { ...BRAND_POLICY, programs }, mode: 'shadow' });
});
afterEach(async () => {
  const broken = (await runDoctor(store.db)).checks.flatMap(({ examples }) => examples);
  if (broken.length > 0) throw new Error(broken.join('; '));
  rmSync(folder, { recursive: true });
  await store.drop();
});

const splitLine = (line: string): string[] => [...line.matchAll(/"([^"]*)"|\S+/g)].map((match) => match[1] ?? match[0]);
const allot = (line: string) =>
  runAllot(splitLine(line), { env: { DATABASE_URL: store.url, USER: 'kim' }, cwd: folder });
const json = async (line: string) => (await allot(`${line} --json`)).document();
const stock = async () =>
  Object.fromEntries(
    ((await json('lots OAT')) as { lots: { lot: string | null; disposition: string; onHand: number }[] }).lots.map(
      ({ lot, disposition, onHand }) => [`${lot ?? '-'} ${disposition}`, onHand],
    ),
  );

const order = (ref: string, units: number, channel = 'fake:a') =>
  allot(`order place --channel ${channel} --ref ${ref} --line OAT=${units}`);

describe('lots on the command line', () => {
  test('come in with their expiry, are listed with who may still have them, and explain a number', async () => {
    const said = await allot(`receive OAT 8 --location main --lot L8 --expires ${dayIn(90)}`);
    expect(said.out).toMatch(/^Received 8 OAT of lot L8 at main\. OAT: 8 on hand/);
    await allot(`receive OAT 4 --location main --lot L7 --expires ${dayIn(20)}`);
    const untold = await allot('receive OAT 2 --location main');
    expect(untold.err).toContain('note: OAT has lots, and these units are of none');
    expect((await allot('receive OAT 1 --location main --lot L9')).err).toContain('when it expires is not said');
    const listed = await allot('lots OAT');
    expect(listed.out).toMatch(/OAT\s+L7\s+main\s+sellable\s+4\s+0\s+0\s+20\d\d-\d\d-\d\d\s+(19|20)\s+dtc\n/);
    expect(listed.out).toMatch(/OAT\s+L8\s+main\s+sellable\s+8\s+0\s+0\s+20\d\d-\d\d-\d\d\s+(89|90)\s+all\n/);
    expect(listed.out).toMatch(/OAT\s+-\s+main\s+sellable\s+2\s+0\s+0\s+not known\s+-\s+dtc\n/);
    expect(await json('lots list --expiring 30d')).toMatchObject({
      schema: 'allot.lots/1',
      lots: [{ lot: 'L7', programs: ['dtc'] }],
    });
    await allot('adjust OAT 1 --location main --reason found --lot L8');
    const explained = await json('explain OAT --channel fake:b');
    expect(explained).toMatchObject({ quantity: 9 });
    const life = (explained.steps as { id: string; says: string }[]).find(({ id }) => id === 'life');
    expect(life?.says).toMatch(
      /^15 free, 4 of them expire too soon for the 60 days that wholesale asks for \(lot L7, 20\d\d-\d\d-\d\d: 4\), 2 of them have no lot/,
    );
    expect((await allot('explain OAT')).out).toContain('MAY HAVE IT');
    expect((await allot('explain OAT --pools')).exitCode).toBe(0);
  });

  test('a lot is shown with who has it, and recalled in one command', async () => {
    await allot(`receive OAT 8 --location main --lot L8 --expires ${dayIn(90)}`);
    await allot(`receive OAT 4 --location main --lot L7 --expires ${dayIn(20)}`);
    await order('1', 3);
    await order('2', 2, 'fake:b');
    await allot('ship fake:a/1 --line OAT --quantity 1 --lot L8');
    expect((await allot('ship fake:a/1 --lot L8')).exitCode).toBe(2);
    expect(await json('lots show L7')).toMatchObject({
      schema: 'allot.lot/1',
      sku: 'OAT',
      holders: [{ orderId: 'fake:a/1' }],
      places: [{ location: 'main', programs: ['dtc'] }],
    });
    const recalled = await allot('lots recall L8');
    expect(recalled.out).toContain('Lot L8 of OAT: 7 there, 2 of them promised, 1 shipped in 1 order.');
    expect(recalled.out).toMatch(/Who is promised units of it[\s\S]*fake:b\/2 line \S+\s+wholesale\s+main\s+2/);
    expect(recalled.out).toMatch(/Who was shipped units of it[\s\S]*fake:a\/1\s+\S+\s+main\s+1/);
    expect(recalled.err).toContain('--quarantine --reason TEXT');
    expect((await allot('lots recall L8 --quarantine')).exitCode).toBe(2);
    const moved = await allot('lots recall L8 --quarantine --reason "glass found"');
    expect(moved.err).toContain('next: allot reconfirm OAT');
    expect(await stock()).toMatchObject({ 'L8 quarantine': 7 });
    expect(await store.db.rows(sql`select body->>'reason' as reason from command where kind = 'inspect'`)).toEqual([
      { reason: 'glass found' },
    ]);
    // Promised of what is in quarantine now: nothing of it is left to ship.
    await allot('reconfirm OAT --others gain --yes');
    expect(await json('explain --order fake:b/2')).toMatchObject({ lines: [{ allocated: 0, short: 2 }] });
  });

  test('an unknown lot, one of several items, and a correction of an expiry', async () => {
    expect((await allot('lots show L7')).err).toContain('there is no lot L7');
    await allot(`receive OAT 4 --location main --lot L7 --expires ${dayIn(20)}`);
    await allot('receive CUP 1 --location main --lot L7 --expires never');
    expect((await allot('lots show L7')).err).toContain('2 items have a lot L7: CUP, OAT');
    expect((await allot(`lots set L7 --sku OAT --expires ${dayIn(90)} --reason "misread label"`)).out).toContain(
      `Corrected: lot L7 of OAT expires ${dayIn(90)}.`,
    );
    expect(await json('explain OAT --channel fake:b')).toMatchObject({ quantity: 4 });
    expect((await allot('receive OAT 1 --location main --expires never')).err).toContain('no lot that it is of');
    expect((await allot('receive OAT 1 --location main --lot L7 --expires tomorrow')).exitCode).toBe(2);
  });

  test('goods move, are counted and come back by lot; a file counts a place by its lots', async () => {
    await allot('receive OAT 5 --location main --lot L7 --expires never');
    await allot('return OAT 2 --location main --lot L7');
    await allot('inspect OAT 1 --location main --from quarantine --to damaged --lot L7');
    await allot('count OAT 9 --location main --as-of now --lot L8 --expires never');
    expect(await stock()).toEqual({ 'L7 sellable': 5, 'L7 quarantine': 1, 'L7 damaged': 1, 'L8 sellable': 9 });
    writeFileSync(
      join(folder, 'stock.csv'),
      `sku,location,qty,lot,expiry\nOAT,main,3,L8,\nOAT,main,4,L9,${dayIn(30)}\n`,
    );
    expect((await allot('import stock stock.csv --dry-run')).out).toContain('lot L7');
    expect((await allot('import stock stock.csv')).exitCode).toBe(0);
    expect(await stock()).toMatchObject({ 'L8 sellable': 3, 'L9 sellable': 4, 'L7 quarantine': 1 });
    expect(Object.keys(await stock())).not.toContain('L7 sellable');
    writeFileSync(join(folder, 'bent.csv'), 'sku,location,qty,lot,expiry\nOAT,main,3,L8,31.03.2027\n');
    expect((await allot('import stock bent.csv')).out).toContain('expiry');
  });
});
