/** `allot import renewals` on a real database: what is held, of single items and of boxes, what it says, and what it refuses. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BRAND_POLICY } from '#test/support/brand.ts';
import { type HoldBench, openHoldBench } from '#test/support/hold-bench.ts';

const DAY_MS = 86_400_000;

let bench: HoldBench;
let store: HoldBench['store'];
let allot: HoldBench['allot'];
let json: HoldBench['json'];
let write: HoldBench['write'];

beforeEach(async () => {
  bench = await openHoldBench();
  ({ store, allot, json, write } = bench);
});
afterEach(() => bench.close());

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

describe('renewals of a box, which is a kit', () => {
  const day = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
  const HEAD = 'sku,quantity,date,subscription,program';
  const renew = (...rows: readonly string[]) => write('renewals.csv', [HEAD, ...rows].join('\n'));
  const held = async () => {
    const { holds } = (await json('hold list --kind subscription')) as {
      holds: { id: number; sku: string; units: number; ref: string; parts: { location: string }[] }[];
    };
    return holds.toSorted((a, b) => a.id - b.id);
  };
  const figures = async () =>
    (await held()).map(({ sku, units, parts }) => [sku, units, ...new Set(parts.map(({ location }) => location))]);

  /** A BOX takes two of MUG and a CUP: of ten boxes that MUG gives, CUP gives eight; five MUG are the wholesale's. */
  beforeEach(async () => {
    await store.db.rows(sql`insert into item (sku) values ('BOX')`);
    await store.db.rows(
      sql`insert into item_component (kit, sku, quantity) values ('BOX', 'MUG', 2), ('BOX', 'CUP', 1)`,
    );
    await store.db.rows(sql`
      insert into listing (channel_id, listing_ref, sku, mapped_at) values ('fake:a', 'ref-BOX', 'BOX', now())`);
    await allot('receive CUP 8 --location main');
  });

  test('is held as its components under one ref, once, and told so', async () => {
    renew(`BOX,3,${day(10)},S-1,dtc`, `MUG,1,${day(10)},S-1,dtc`, `CUP,1,${day(60)},S-2,dtc`);
    const dry = await allot('import renewals renewals.csv --dry-run');
    expect(dry.out).toBe(
      [
        'Create 2, Update 0, Unchanged 1, Skipped 0. Dry run: nothing was written.',
        'Taken 1 row: held as what BOX is made of: 1 CUP, 2 MUG each',
        'Left alone 1 row: it renews after the horizon: import the file again when it comes near',
        '',
      ].join('\n'),
    );
    expect(await held()).toEqual([]);
    expect(await json('import renewals renewals.csv')).toMatchObject({
      ok: true,
      counts: { create: 2, unchanged: 1 },
      rows: [{ key: `BOX S-1 ${day(10)}`, reason: 'held as what BOX is made of: 1 CUP, 2 MUG each' }, {}, {}],
      decided: { applied: 3 },
    });
    expect(await json(`hold list --ref "renewal S-1 ${day(10)} of BOX"`)).toMatchObject({
      holds: [
        { sku: 'CUP', units: 3, reason: `renewal of S-1 on ${day(10)}: for 3 BOX` },
        { sku: 'MUG', units: 6 },
      ],
    });
    expect(await figures()).toEqual([
      ['CUP', 3, 'main'],
      ['MUG', 6, 'main'],
      ['MUG', 1, 'main'],
    ]);
    expect(await json('import renewals renewals.csv')).toMatchObject({
      ok: true,
      counts: { create: 0, update: 0, unchanged: 3 },
      decided: { applied: 0 },
    });
    expect(await store.db.rows(sql`select count(*)::int as n from command where kind = 'hold'`)).toEqual([{ n: 3 }]);
  });

  test('is converted by the order of the kit that names its holds', async () => {
    renew(`BOX,3,${day(10)},S-1,dtc`);
    await allot('import renewals renewals.csv');
    const named = (await held()).map(({ id }) => `--hold ${id}`).join(' ');
    // All else is sold: the boxes come out of what was held.
    await allot('order place --channel fake:a --line MUG=9');
    const said = await allot(`order place --channel fake:a --line BOX=3 ${named} --ref renewal`);
    expect(said.out).toBe('Placed fake:a/renewal\n  BOX: 3 ordered, 3 allocated, 0 short\n');
    expect(await held()).toEqual([]);
    expect((await allot('import renewals renewals.csv')).out).toContain(
      'Left alone 1 row: its hold of CUP is converted already',
    );
  });

  test('is held whole or not at all: a component that is missing leaves nothing held, and later rows have the rest', async () => {
    renew(`BOX,5,${day(3)},S-1,dtc`, `BOX,4,${day(4)},S-2,dtc`, `BOX,2,${day(5)},S-3,dtc`, `MUG,1,${day(6)},S-4,dtc`);
    for (const flags of [' --dry-run', '']) {
      const said = await allot(`import renewals renewals.csv${flags}`);
      expect(said).toMatchObject({ exitCode: 1 });
      expect(said.out).toContain(
        `Skipped line 3 BOX S-2 ${day(4)}: 4 of BOX cannot be held: dtc can be promised 3 of CUP now, not 4`,
      );
      expect(said.out).toContain('mend: see how many sets it may take: allot explain BOX --pools');
    }
    expect(await figures()).toEqual([
      ['CUP', 5, 'main'],
      ['MUG', 10, 'main'],
      ['CUP', 2, 'main'],
      ['MUG', 4, 'main'],
      ['MUG', 1, 'main'],
    ]);
    // MUG lacks where CUP is there: what was held of CUP first is let go with it.
    renew(`BOX,1,${day(7)},S-5,dtc`);
    expect((await allot('import renewals renewals.csv')).out).toContain('dtc can be promised 0 of MUG now, not 2');
    expect(await figures()).toHaveLength(5);
    expect(await store.db.rows(sql`select 1 from parked`)).toEqual([]);
    expect(await store.db.rows(sql`select 1 from command where kind = 'hold' and state <> 'applied'`)).toEqual([]);
  });

  test('what changed is told by component, what it is made of too, and 0 lets all go', async () => {
    renew(`BOX,3,${day(10)},S-1,dtc`);
    await allot('import renewals renewals.csv');
    renew(`BOX,2,${day(10)},S-1,dtc`);
    expect((await allot('import renewals renewals.csv')).out).toContain(
      `BOX S-1 ${day(10)}: quantity of CUP 3 -> 2, quantity of MUG 6 -> 4`,
    );
    await store.db.rows(sql`insert into item (sku) values ('LID')`);
    await allot('receive LID 9 --location main');
    await store.db.rows(sql`update item_component set sku = 'LID' where kit = 'BOX' and sku = 'CUP'`);
    expect((await allot('import renewals renewals.csv')).out).toContain(
      `BOX S-1 ${day(10)}: quantity of LID - -> 2, quantity of CUP 2 -> 0`,
    );
    expect(await figures()).toEqual([
      ['MUG', 4, 'main'],
      ['LID', 2, 'main'],
    ]);
    renew(`BOX,0,${day(10)},S-1,dtc`);
    expect((await allot('import renewals renewals.csv')).out).toContain(
      'quantity of LID 2 -> 0, quantity of MUG 4 -> 0',
    );
    expect(await held()).toEqual([]);
  });

  test('of a program that packs a box at one place is held at one that has all of it', async () => {
    await store.db.rows(sql`insert into location (id, master) values ('store', 'allot')`);
    const programs = BRAND_POLICY.programs.map((one) => ({
      ...one,
      locations: ['main', 'store'],
      completeness: 'onePlace',
    }));
    await store.db.rows(sql`update policy set body = body || ${JSON.stringify({ programs, pools: [] })}::jsonb`);
    await allot('receive MUG 20 --location store');
    await allot('receive CUP 20 --location store');
    renew(`BOX,6,${day(3)},S-1,dtc`, `BOX,6,${day(4)},S-2,dtc`, `BOX,11,${day(5)},S-3,dtc`);
    const said = await allot('import renewals renewals.csv');
    expect(said.out).toContain('11 of BOX cannot be held: dtc can be promised 2 of CUP now, not 11');
    expect(said.out).toContain('nor is all of a set to be had at another place: dtc can be promised 8 of MUG now');
    expect(await figures()).toEqual([
      ['CUP', 6, 'main'],
      ['MUG', 12, 'main'],
      ['CUP', 6, 'store'],
      ['MUG', 12, 'store'],
    ]);
    const [, , cup, mug] = await held();
    const placed = await allot(
      `order place --channel fake:a --line BOX=6 --hold ${cup?.id} --hold ${mug?.id} --ref one`,
    );
    expect(placed.out).toContain('BOX: 6 ordered, 6 allocated, 0 short');
  });

  test('its pools are those of its components, and one that is held by hand names them all', async () => {
    const said = await allot('explain BOX --pools');
    expect(said.out).toMatch(/^BOX: a kit of 1 CUP, 2 MUG; it has no pools of its own/);
    expect(said.out).toMatch(/dtc\s+7\s+MUG\s+CUP 8 for 1 each is 8; MUG 15 for 2 each is 7/);
    expect(said.out).toMatch(/wholesale\s+8\s+CUP\s+CUP 8 for 1 each is 8; MUG 20 for 2 each is 10/);
    expect(said.out).toContain('MUG: 20 free');
    expect(await json('explain BOX --pools')).toMatchObject({
      schema: 'allot.explain.kit-pools/1',
      programs: [
        { program: 'wholesale', sets: 8, limitedBy: 'CUP' },
        { program: 'dtc', sets: 7, limitedBy: 'MUG' },
      ],
      pools: [
        { sku: 'CUP', free: 8 },
        { sku: 'MUG', free: 20 },
      ],
    });
    const refused = await allot('hold place BOX 3 --program dtc --owner k --reason r --for 2d');
    expect(refused.err).toContain('allot hold place CUP 3; allot hold place MUG 6');
    await store.db.rows(sql`update command set state = 'dropped' where state = 'parked'`);
    await store.db.rows(sql`update parked set state = 'dropped' where state = 'parked'`);
  });
});
