/** `allot hold` and `allot order place --hold` on a real database: what they say, write, and refuse. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type HoldBench, openHoldBench } from '#test/support/hold-bench.ts';

const DAY_MS = 86_400_000;

let bench: HoldBench;
let store: HoldBench['store'];
let allot: HoldBench['allot'];
let json: HoldBench['json'];

beforeEach(async () => {
  bench = await openHoldBench();
  ({ store, allot, json } = bench);
});
afterEach(() => bench.close());

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
