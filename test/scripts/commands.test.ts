/** Commands on a real database: what they write, what they say, how they end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
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

describe('stock', () => {
  test('each movement is decided at once and shows what the item has then', async () => {
    expect(await allot('receive MUG 10 --location main')).toMatchObject({
      exitCode: 0,
      out: 'Received 10 MUG at main. MUG: 10 on hand, 0 allocated, 10 to promise.\n',
    });
    expect(await json('adjust MUG -3 --location main --reason broken')).toMatchObject({
      schema: 'allot.outcome/1',
      ok: true,
      item: { onHand: 7 },
    });
    expect((await allot('return MUG 2 --location main')).out).toContain('9 on hand, 0 allocated, 7 to promise');
    expect((await allot('inspect MUG 2 --location main --from quarantine --to sellable')).out).toContain(
      '9 to promise',
    );
    expect((await allot('count MUG 20 --location main --as-of now')).out).toContain('20 on hand');
    await store.db.rows(sql`insert into location (id, master, sells) values ('outlet', 'allot', false)`);
    expect((await allot('transfer MUG 5 --from main --to outlet')).out).toContain(
      '20 on hand, 0 allocated, 15 to promise',
    );
    expect(await store.db.rows(sql`select distinct actor from command`)).toEqual([{ actor: 'operator:kim' }]);
  });

  test('what the core refuses is parked, told with its mend, and exits 1', async () => {
    const said = await allot('adjust MUG -3 --location main --reason broken');
    expect(said).toMatchObject({ exitCode: 1, out: '' });
    expect(said.err).toContain('parked: MUG has 0 sellable at main, not 3');
    expect(said.err).toContain('mend: ');
    expect(await json('receive MUG 1 --location moon')).toMatchObject({
      ok: false,
      commands: [{ state: 'parked', fix: expect.stringContaining('main') }],
    });
  });

  test('what is parked is not asked for a second time: as told, it counts once', async () => {
    const said = await allot('receive POT 7 --location main');
    const [, told = '', retry = ''] = /(do not give the same again) but allot (parked retry \d+)/.exec(said.err) ?? [];
    expect(told).not.toBe('');
    await store.db.rows(sql`insert into item (sku) values ('POT')`);
    expect((await allot(retry)).exitCode).toBe(0);
    expect(await store.db.rows(sql`select quantity from stock_balance where sku = 'POT'`)).toEqual([{ quantity: 7 }]);
  });

  test('without a policy nothing is written', async () => {
    await store.db.rows(sql`delete from policy_current`);
    const said = await allot('receive MUG 1 --location main');
    expect(said).toMatchObject({ exitCode: 1 });
    expect(said.err).toContain('this database has no policy');
    expect(await store.db.rows(sql`select 1 from command`)).toEqual([]);
  });
});

describe('orders', () => {
  test('placed, explained, shipped in part, and cancelled', async () => {
    await allot('receive MUG 3 --location main');
    const placed = await allot('order place --channel fake:a --line MUG=2 --line CUP=1 --ref operator-7');
    expect(placed.out).toBe(
      'Placed fake:a/operator-7\n  CUP: 1 ordered, 0 allocated, 1 short\n  MUG: 2 ordered, 2 allocated, 0 short\n',
    );
    expect((await allot('order place --channel fake:a --line MUG=2 --ref operator-7')).exitCode).toBe(1);
    const explained = await json('explain --order fake:a/operator-7');
    expect(explained).toMatchObject({
      schema: 'allot.explain.order/1',
      placedAt: expect.stringMatching(/Z$/),
      lines: [
        { sku: 'CUP', says: expect.stringContaining('1 short') },
        { sku: 'MUG', says: '2 of 2 allocated (2 shared at main)' },
      ],
    });
    expect((await allot('ship fake:a/operator-7 --line MUG --quantity 1')).out).toBe('Shipped fake:a/operator-7.\n');
    expect((await allot('order cancel fake:a/operator-7')).out).toContain('MUG: 1 ordered, 0 allocated, 0 short');
    expect((await allot('order cancel fake:a/operator-7')).out).toContain('Nothing to change.');
  });

  test.each([
    ['order place --channel fake:c --line MUG=1', 'no channel is called fake:c'],
    ['order place --channel fake:a --line POT=1', 'has no listing of SKU POT'],
    ['order cancel fake:a/none', 'is not known'],
    ['explain --order fake:a/none', 'is not known'],
    ['explain POT', 'SKU POT is not an item'],
    ['explain MUG --channel fake:c', 'no channel is called fake:c'],
  ])('%s exits 1 with a mend', async (line, what) => {
    const said = await allot(line);
    expect(said.exitCode).toBe(1);
    expect(said.err).toContain(what);
    expect(said.err).toMatch(/mend: \w/);
  });
});

describe('explain and status', () => {
  test('the number of a channel can be recomputed by hand from its steps', async () => {
    await allot('receive MUG 10 --location main');
    const one = await json('explain MUG --channel fake:a');
    expect(one).toMatchObject({
      schema: 'allot.explain/1',
      quantity: 10,
      targetVersion: 1,
      acknowledged: null,
      observed: null,
      inputs: { free: 10 },
    });
    const steps = one.steps as { id: string; change: number; result: number; says: string }[];
    expect(steps.reduce((sum, step) => sum + step.change, 0)).toBe(10);
    const text = (await allot('explain MUG')).out;
    expect(text).toContain('MUG: 10 on hand, 0 allocated, 0 held, 10 to promise');
    expect(text).toContain('sent: never acknowledged; shows: never read');
    expect((await json(`explain MUG --channel fake:a --at ${new Date(0).toISOString()}`)).quantity).toBeNull();
  });

  test('several listings of an item on one channel must be named', async () => {
    await store.db.rows(
      sql`insert into listing (channel_id, listing_ref, sku, pack) values ('fake:a', 'six', 'MUG', 6)`,
    );
    expect(await allot('explain MUG --channel fake:a')).toMatchObject({ exitCode: 2 });
    await allot('receive MUG 13 --location main');
    expect(await json('explain MUG --channel fake:a --listing six')).toMatchObject({ quantity: 2, unit: 'packs of 6' });
  });

  test('status says what waits, and what ALLOT_READ_ONLY overrides', async () => {
    await allot('receive MUG 1 --location moon');
    const env = { DATABASE_URL: store.url, ALLOT_READ_ONLY: '1' };
    const said = await allot('status --skus', { env });
    expect(said.exitCode).toBe(0);
    for (const part of [
      'Read-only',
      'fake:a',
      'shadow',
      'unknown-location',
      'none seen in the last minute',
      'MUG',
      'next: allot parked list',
    ]) {
      expect(said.out + said.err).toContain(part);
    }
    expect(await json('status')).toMatchObject({
      schema: 'allot.status/1',
      readOnly: false,
      parked: [{ code: 'unknown-location', count: 1 }],
    });
  });

  test('on a terminal a table is cut to its width and may be bold; NO_COLOR and a pipe are plain', async () => {
    const env = { DATABASE_URL: store.url };
    const wide = await allot('channels list', { env, isTerminal: true, width: 30 });
    expect(wide.out).toContain('\u001B[1m');
    const lines = wide.out.split('\n').map((line) => stripVTControlCharacters(line));
    expect(Math.max(...lines.map((line) => line.length))).toBe(30);
    expect((await allot('channels list', { env: { ...env, NO_COLOR: '1' }, isTerminal: true })).out).not.toContain(
      '\u001B',
    );
    expect((await allot('channels list', { env })).out).not.toContain('\u001B');
  });
});

describe('channels', () => {
  test('modes are set, told and in the trail', async () => {
    expect((await allot('channels live fake:a fake:b')).out).toBe('fake:a, fake:b: now live, its targets are sent.\n');
    expect((await allot('channels live fake:a')).out).toContain('Nothing to change');
    expect(await json('pause all')).toMatchObject({ mode: 'paused', changed: ['fake:a', 'fake:b'] });
    expect(await json('channels list')).toMatchObject({
      channels: [{ id: 'fake:a', mode: 'paused', changedBy: 'operator:kim' }, { id: 'fake:b' }],
    });
    expect((await allot('channels shadow fake:typo')).err).toContain('no channel is called fake:typo');
  });
});

describe('listings', () => {
  test('map lets a parked order go on; unmap warns that the platform keeps its number', async () => {
    await store.db.rows(sql`insert into listing (channel_id, listing_ref, sku_hint) values ('fake:a', 'six', 'MUG-6')`);
    expect((await allot('listings list --unmapped')).out).toMatch(/fake:a\s+six\s+-\s+-\s+1\s+MUG-6/);
    expect((await allot('listings map fake:a six MUG --pack 6')).out).toBe(
      'fake:a six is mapped to MUG now, in packs of 6.\n',
    );
    expect((await allot('listings map fake:a six MUG')).out).toContain('Nothing to change');
    const unmapped = await allot('listings unmap fake:a six');
    expect(unmapped.err).toContain('goes on showing its last number');
    expect(await json('listings list --channel fake:a --unmapped')).toMatchObject({
      listings: [{ listingRef: 'six', sku: null }],
    });
    expect((await allot('listings map fake:a seven MUG')).err).toContain('has no listing seven');
    expect((await allot('listings map fake:a six mug')).err).toContain('SKUs are case-sensitive');
  });
});

describe('parked', () => {
  beforeEach(() =>
    store.db.script(`delete from item where sku = 'CUP' and not exists (select 1 from listing where sku = 'CUP')`),
  );

  test('list, show, retry exactly what was shown, drop with a reason', async () => {
    await allot('receive POT 1 --location main');
    await allot('receive PAN 1 --location main');
    const listed = await allot('parked list');
    expect(listed.exitCode).toBe(3);
    const [first, second] = (await json('parked list --code unknown-sku')).parked as { id: number; parkedAt: string }[];
    expect(listed.err).toContain(`allot parked retry --all-shown --up-to ${second?.id}`);
    expect((await allot(`parked show ${first?.id}`)).out).toContain('"sku": "POT"');
    await store.db.rows(sql`insert into item (sku) values ('POT'), ('PAN')`);
    const retried = await allot(`parked retry --all-shown --up-to ${first?.id}`);
    expect(retried).toMatchObject({
      exitCode: 0,
      out: '1 parked input retried: 1 applied, 0 unchanged, 0 parked again\n',
    });
    expect(await allot(`parked retry ${first?.id}`)).toMatchObject({
      exitCode: 1,
      err: `Not parked any more: ${first?.id}\n`,
    });
    expect((await allot(`parked drop ${second?.id} --reason test`)).out).toBe('1 parked input dropped.\n');
    expect(await allot('parked list')).toMatchObject({ exitCode: 0, out: 'Nothing is parked.\n' });
    expect(await store.db.rows(sql`select drop_reason, closed_by from parked where state = 'dropped'`)).toEqual([
      { drop_reason: 'test', closed_by: 'operator:kim' },
    ]);
  });

  test('a retry that fails again says so and exits 1', async () => {
    await allot('receive POT 1 --location main');
    const [first] = (await json('parked list')).parked as { id: number }[];
    const said = await allot(`parked retry ${first?.id}`);
    expect(said.exitCode).toBe(1);
    expect(said.out).toContain('1 parked again');
    expect(said.err).toContain('SKU POT is not an item');
  });

  test('a person at a terminal is asked before anything is dropped, unless --yes', async () => {
    await allot('receive POT 1 --location main');
    const [first] = (await json('parked list')).parked as { id: number }[];
    const asked: string[] = [];
    const ask = async (question: string) => asked.push(question) < 0;
    expect((await allot(`parked drop ${first?.id} --reason test`, { ask })).exitCode).toBe(130);
    expect(asked).toEqual([`Forget 1 parked input (${first?.id}) for good?`]);
    expect((await allot(`parked drop ${first?.id} --reason test --yes`, { ask })).exitCode).toBe(0);
  });

  test.each(['parked retry', 'parked retry 1 --all-shown --up-to 3', 'parked retry --all-shown'])(
    '%s is refused as too wide or empty',
    async (line) => {
      expect((await allot(line)).exitCode).toBe(2);
    },
  );
});

describe('import', () => {
  test('a dry run writes nothing, the run does, and the second run is all Unchanged', async () => {
    write('items.csv', '\ufeffsku;title;barcode\nMUG;Mug;123\nPOT;Pot;\n');
    const dry = await allot('import items items.csv --dry-run');
    expect(dry).toMatchObject({ exitCode: 0 });
    expect(dry.out).toBe(
      'Create 1, Update 1, Unchanged 0, Skipped 0. Dry run: nothing was written.\nUpdate line 2 MUG: title - -> Mug, barcode - -> 123\n',
    );
    expect(await store.db.rows(sql`select sku from item where sku = 'POT'`)).toEqual([]);
    expect((await allot('import items items.csv')).exitCode).toBe(0);
    expect(await json('import items items.csv')).toMatchObject({
      ok: true,
      counts: { create: 0, update: 0, unchanged: 2, skipped: 0 },
    });
  });

  test('stock is counted and decided; what is skipped is told by line and exits 1', async () => {
    write('stock.csv', 'sku,location,qty\nMUG,main,12\nCUP,main,"1,5"\nPOT,main,1\nMUG,main,3\n');
    const said = await allot('import stock stock.csv');
    expect(said.exitCode).toBe(1);
    expect(said.out).toContain('Create 1, Update 0, Unchanged 0, Skipped 3');
    for (const part of [
      'line 3 CUP: qty "1,5" has a decimal comma',
      'line 4 POT main sellable: SKU POT is not an item',
      'line 5 MUG main sellable: MUG main sellable stands on line 2',
    ]) {
      expect(said.out).toContain(part);
    }
    expect(await json('explain MUG --channel fake:a')).toMatchObject({ quantity: 12 });
    expect(await json('import stock stock.csv')).toMatchObject({
      counts: { unchanged: 1, skipped: 3 },
      decided: { applied: 0 },
    });
  });

  test('listings and orders', async () => {
    write('listings.csv', 'channel,listing_ref,sku,pack\nfake:a,six,MUG,6\n');
    expect(await json('import listings listings.csv')).toMatchObject({
      counts: { create: 1 },
      decided: { applied: 1 },
    });
    write('orders.csv', 'channel,order_id,line_id,sku,qty,placed_at\nfake:a,9,1,MUG,2,2026-11-23T08:30:00Z\n');
    expect(await json('import orders orders.csv')).toMatchObject({
      ok: true,
      counts: { create: 1 },
      decided: { applied: 1 },
    });
    expect(await json('import orders orders.csv')).toMatchObject({ counts: { unchanged: 1 }, decided: { applied: 0 } });
    expect(await json('explain --order fake:a/9')).toMatchObject({ lines: [{ sku: 'MUG', ordered: 2, short: 2 }] });
  });

  test('a file that is not there, and a column that is not read', async () => {
    expect((await allot('import items none.csv')).err).toContain('none.csv cannot be read (ENOENT)');
    write('items.csv', 'sku,titel\nMUG,Mug\n');
    expect((await allot('import items items.csv')).err).toContain(
      'Column "titel" of items.csv is not read. Did you mean "title"?',
    );
  });
});

describe('doctor and migrate', () => {
  test('doctor --json is exactly its report; damage exits 3', async () => {
    await allot('receive MUG 3 --location main');
    const report = await json('doctor');
    expect(Object.keys(report)).toEqual(['ok', 'violations', 'skipped', 'checks']);
    expect(report).toMatchObject({ ok: true, violations: { I2: 0, I8: null }, skipped: { I8: expect.any(String) } });
    await store.db.rows(sql`update stock_balance set quantity = 4`);
    const said = await allot('doctor');
    expect(said.exitCode).toBe(3);
    expect(said.out).toContain('MUG at main, sellable: the balance says 4, its entries sum to 3');
  });

  test('migrate answers what it applied; other commands refuse a schema that does not fit with 4', async () => {
    expect(await json('migrate')).toMatchObject({ ok: true, applied: [] });
    const empty = await createTestDatabase({ empty: true });
    const env = { DATABASE_URL: empty.url };
    expect(await allot('status', { env })).toMatchObject({
      exitCode: 4,
      err: expect.stringContaining('mend: allot migrate'),
    });
    expect((await allot('migrate', { env })).out).toContain('0003_rates.sql');
    expect((await allot('status', { env })).out).toContain('No policy yet');
    await empty.db.rows(sql`insert into schema_migration (version, name, checksum) values (9999, 'later', 'x')`);
    expect(await allot('status', { env })).toMatchObject({
      exitCode: 4,
      err: expect.stringContaining('schema version 9999'),
    });
    await empty.drop();
  });

  test('a database that cannot be reached exits 4 without its password', async () => {
    const said = await allot('status', { env: { DATABASE_URL: 'postgres://u:geheim@127.0.0.1:1/none' } });
    expect(said.exitCode).toBe(4);
    expect(said.err).toContain('127.0.0.1:1');
    expect(said.err).not.toContain('geheim');
  });

  test('Ctrl-C exits 130', async () => {
    const controller = new AbortController();
    controller.abort();
    expect((await allot('doctor', { signal: controller.signal })).exitCode).toBe(130);
  });
});

describe('documents', () => {
  test('are listed, shown with their text, and sent again only when they went out before', async () => {
    await store.db.rows(sql`
      insert into document (channel_id, kind, subject, sequence, name, wire, receipt, state)
      values ('fake:a', '855', 'PO-1 1', 7, '855-7.edi', 'ISA*..~', 'PR 7', 'sent'),
        ('fake:a', '997', 'E 2', 8, '997-8.edi', 'ISA*..~', null, 'withheld')`);
    const listed = await json('documents list --channel fake:a');
    expect(listed).toMatchObject({
      schema: 'allot.documents/1',
      documents: [
        { kind: '997', state: 'withheld' },
        { kind: '855', about: 'PO-1 1', number: 7, state: 'sent' },
      ],
    });
    const ids = (listed.documents as { id: number }[]).map(({ id }) => id);
    expect((await allot(`documents show ${ids[1]}`)).out).toContain('ISA*..~');
    expect((await allot(`documents resend ${ids[1]}`)).out).toContain('855-7.edi goes out again');
    expect(await json('documents list --state pending')).toMatchObject({ documents: [{ id: ids[1] }] });
    const refused = await allot(`documents resend ${ids[0]}`);
    expect(refused).toMatchObject({ exitCode: 1 });
    expect(refused.err).toContain('in shadow');
    expect((await allot('documents show 999')).err).toContain('there is no document 999');
    const [audit] = await store.db.rows(sql`select action, subject from audit order by id desc limit 1`);
    expect(audit).toEqual({ action: 'resend document', subject: 'fake:a 855-7.edi' });
  });
});
