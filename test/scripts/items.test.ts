/** Items from a file: what rules look at, kits and units of measure, and how the command line speaks of them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { seedBrand } from '#test/support/brand.ts';
import { type Around, runAllot } from '#test/support/command-line.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';

let store: TestDatabase;
let folder: string;

beforeEach(async () => {
  store = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'allot-cli-'));
  await seedBrand(store.db, { skus: ['MUG', 'CUP'], mode: 'shadow' });
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await store.drop();
});

const allot = (line: string, around: Around = {}) =>
  runAllot(line.split(' '), { env: { DATABASE_URL: store.url, USER: 'kim' }, cwd: folder, ...around });
const json = async (line: string) => (await allot(`${line} --json`)).document();
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

describe('kits and units of measure', () => {
  beforeEach(async () => {
    write('items.csv', 'sku,components,units\nMUG,,case:12;inner:6\nSET,MUG:2;CUP:1,\n');
    await store.db.rows(sql`insert into item (sku) values ('SET')`);
    await store.db.rows(sql`
      insert into listing (channel_id, listing_ref, sku, mapped_at) values ('fake:a', 'ref-SET', 'SET', now())`);
  });

  test('come from the file of items, with what changed', async () => {
    const said = await allot('import items items.csv');
    expect(said.out).toContain('Update line 2 MUG: units - -> case:12;inner:6');
    expect(said.out).toContain('Update line 3 SET: components - -> CUP:1;MUG:2');
    expect((await allot('import items items.csv')).out).toContain('Unchanged 2');
    write('bad.csv', 'sku,components\nMUG,SET:1\nCUP,POT\n');
    const bad = await allot('import items bad.csv');
    expect(bad).toMatchObject({ exitCode: 1 });
    expect(bad.out).toContain('line 2 MUG: a kit cannot hold itself: MUG -> SET -> MUG');
    expect(bad.out).toContain('line 3 CUP: components has "POT", which is no name and number');
  });

  test('goods and orders are spoken of in cases, exactly', async () => {
    await allot('import items items.csv');
    expect((await allot('receive MUG 3 case --location main')).out).toContain(
      'Received 36 (3 case) MUG at main. MUG: 36 on hand',
    );
    expect((await allot('adjust MUG -1 inner --location main --reason broken')).out).toContain(
      'by -6 (-1 inner). MUG: 30 on hand',
    );
    const placed = await runAllot(['order', 'place', '--channel', 'fake:a', '--line', 'MUG=2 case', '--ref', '7'], {
      env: { DATABASE_URL: store.url, USER: 'kim' },
      cwd: folder,
    });
    expect(placed.out).toContain('MUG: 24 ordered, 24 allocated, 0 short');
    const unknown = await allot('receive CUP 1 case --location main');
    expect(unknown).toMatchObject({ exitCode: 1 });
    expect(unknown.err).toContain('SKU CUP does not come by the case');
    await store.db.rows(sql`update listing set pack = 4`);
    expect((await allot('order place --channel fake:a --line MUG=1:inner')).err).toContain(
      'in packs of 4, and 6 is no whole number',
    );
  });

  test('a kit is explained by the component that limits it, its line by what it holds', async () => {
    await allot('import items items.csv');
    await allot('receive MUG 9 --location main');
    await allot('receive CUP 9 --location main');
    expect((await allot('receive SET 1 --location main')).err).toContain('one set is 1 CUP, 2 MUG');
    expect((await allot('explain SET --channel fake:a')).out).toContain(
      'limited by MUG: CUP 9 for 1 each is 9; MUG 9 for 2 each is 4',
    );
    expect((await allot('explain SET')).out).toContain('SET: a kit of 1 CUP, 2 MUG; 4 to promise');
    await allot('order place --channel fake:a --line SET=5 --ref 8');
    const explained = await allot('explain --order fake:a/8');
    expect(explained.out).toContain('4 of 5 allocated');
    expect(explained.out).toContain('4 CUP shared at main');
    expect(explained.out).toContain('MUG');
    const sets = {
      mayTake: 0,
      inputs: { kit: { limitedBy: 'MUG', components: [{ promise: 5 }, { promise: 1 }] } },
    };
    expect(await json('explain --order fake:a/8')).toMatchObject({
      lines: [
        {
          allocated: 4,
          short: 1,
          explained: sets,
          components: [
            { sku: 'CUP', quantity: 1 },
            { sku: 'MUG', quantity: 2 },
          ],
        },
      ],
    });
    const then = new Date().toISOString();
    await allot('receive MUG 1 --location main');
    expect(await json('explain --order fake:a/8')).toMatchObject({ lines: [{ allocated: 5, short: 0 }] });
    expect(await json(`explain --order fake:a/8 --at ${then}`)).toMatchObject({
      lines: [{ allocated: 4, short: 1, explained: sets }],
    });
    expect((await allot(`explain SET --at ${then}`)).out).toContain(
      `SET at ${then}: a kit of 1 CUP, 2 MUG; 0 to promise, 1 short`,
    );
  });
});

describe('items from a file', () => {
  test('what rules look at is kept, told by field, and decided again', async () => {
    write('items.csv', 'sku,groups,minimum,safety_stock\nMUG,hot|fragile,20,3\n');
    const first = await allot('import items items.csv');
    expect(first.out).toContain('Update line 2 MUG: groups - -> fragile|hot, minimum - -> 20, safety_stock - -> 3');
    expect(
      await store.db.rows(
        sql`select groups, minimum, safety_stock, next_review_at <= now() as due from item where sku = 'MUG'`,
      ),
    ).toEqual([{ groups: ['fragile', 'hot'], minimum: 20, safety_stock: 3, due: true }]);
    expect(await json('import items items.csv')).toMatchObject({ counts: { unchanged: 1 } });
  });
});

describe('what a unit is worth', () => {
  test('is kept exactly, told by field, asked for its currency once, and taken away', async () => {
    write('items.csv', 'sku,unit_value,currency\nMUG,12.5,EUR\nCUP,3,\nNEW,"1,5",EUR\nTOO,2,EURO\n');
    const first = await allot('import items items.csv');
    expect(first.out).toContain('Update line 2 MUG: unit_value - -> 12.50 EUR');
    expect(first.out).toContain('Skipped line 3 CUP: unit_value has no currency, and none is known of the item');
    expect(first.out).toContain('Skipped line 4 NEW: unit_value "1,5" is no amount');
    expect(first.out).toContain('Skipped line 5 TOO: currency "EURO" is no currency');
    write('items.csv', 'sku,unit_value\nMUG,0.1\n');
    expect((await allot('import items items.csv')).out).toContain('unit_value 12.50 EUR -> 0.10 EUR');
    expect((await json('import items items.csv')).counts).toMatchObject({ unchanged: 1 });
    expect((await allot('explain MUG')).out).toContain('0 to promise, worth 0.10 EUR each');
    expect(await json('explain MUG')).toMatchObject({ item: { unitValue: [{ currency: 'EUR', amount: '0.10' }] } });
    write('items.csv', 'sku,unit_value\nMUG,none\n');
    expect((await allot('import items items.csv')).out).toContain('unit_value 0.10 EUR -> -');
    expect((await json('import items items.csv')).counts).toMatchObject({ unchanged: 1 });
    expect((await allot('explain MUG')).out).not.toContain('worth');
  });
});
