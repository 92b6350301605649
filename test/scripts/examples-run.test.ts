/**
 * The example policies as a person meets them: applied to a database by the command line, tried out before they are in force and in a
 * shortage, and explained. (What each does with orders is told in examples.test.ts.)
 */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runDoctor } from '#db/doctor.ts';
import { runAllot } from '#test/support/command-line.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { readConfigFile } from '#workers/config-file.ts';

const FOLDER = join(import.meta.dirname, '../../scripts/examples/brands');
const ROOT = join(import.meta.dirname, '../..');
const STOCK = 100;

let store: TestDatabase;
let folder: string;
beforeEach(async () => {
  store = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'allot-example-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  await store.drop();
});

const allot = (...args: string[]) => runAllot(args, { env: { DATABASE_URL: store.url, USER: 'kim' }, cwd: ROOT });

/** What the command answered as JSON; it has to end well. */
async function told(...args: string[]): Promise<Readonly<Record<string, unknown>>> {
  const said = await allot(...args, '--json');
  expect({ args, ...said }).toMatchObject({ exitCode: 0 });
  return said.document();
}

/** Seasons of an example lie ahead, in whatever year this runs; and we count its goods, whoever counts them there. */
const atHome = (text: string): string =>
  text
    .replaceAll(/master: \w+/g, 'master: allot')
    .replaceAll(/"(2026|2027)-/g, (_, year: string) => `"${new Date().getFullYear() + Number(year) - 2025}-`);

/** The rows of a published number: each result is the one before and the change, the last is the number. */
type Step = { readonly change: number; readonly result: number };
type Explained = { readonly quantity: number; readonly steps: readonly Step[] };

function expectAddedUp({ quantity, steps }: Explained): void {
  steps.forEach(({ change, result }, at) => {
    expect(result - change).toBe(at === 0 ? 0 : steps[at - 1]?.result);
  });
  expect(steps.at(-1)?.result).toBe(quantity);
}

/** Items that the rules name, each in all groups that they name, and one that none names; a listing each wherever the brand sells. */
async function stock(text: string): Promise<{ skus: string[]; channels: string[] }> {
  const { file, problems } = readConfigFile(text, 'allot.yaml');
  expect(problems).toEqual([]);
  const { pools = [], channels = [] } = file?.policy ?? {};
  const named = [...pools, ...channels].flatMap(({ sku }) => (sku === '*' ? [] : [sku]));
  const groups = [...new Set([...pools, ...channels].flatMap(({ group }) => group ?? []))];
  const skus = [...new Set([...named, 'GROUPED', 'PLAIN'])];
  const rows = skus.map((sku) => `${sku},${sku},${sku === 'GROUPED' ? groups.join(' ') : ''}`);
  await writeFile(join(folder, 'items.csv'), ['sku,title,groups', ...rows].join('\n'));
  await told('import', 'items', join(folder, 'items.csv'));
  return { skus, channels: [...new Set(channels.map(({ channel }) => channel))] };
}

test.each(readdirSync(FOLDER))('%s is applied, simulated and explained', async (name) => {
  const text = atHome(readFileSync(join(FOLDER, name), 'utf8'));
  const file = join(folder, 'allot.yaml');
  await writeFile(file, text);
  const { skus, channels } = await stock(text);
  expect(await told('policy', 'preview', file)).toMatchObject({ preview: { baseVersion: 0, items: skus.length } });
  await told('policy', 'apply', file, '--reason', 'an example', '--yes');
  await store.db.rows(sql`
    insert into listing (channel_id, listing_ref, sku, mapped_at) select c.id, 'ref-' || i.sku, i.sku, now()
    from channel c cross join item i`);
  const places = await store.db.rows<{ id: string }>(sql`select id from location where sells order by id`);
  for (const sku of skus) for (const { id } of places) await told('receive', sku, String(STOCK), '--location', id);

  // Every number is explained, and adds up.
  for (const sku of skus) {
    const { listings } = (await told('explain', sku)) as { listings: readonly Explained[] };
    expect(listings).toHaveLength(channels.length);
    for (const each of listings) expectAddedUp(each);
    expect(await told('explain', sku, '--pools')).toMatchObject({ sku });
  }

  // More is ordered than there is, and a part of it turns out to be damaged: who would lose what is told, and nothing is done.
  for (const channel of channels) {
    await told('order', 'place', '--channel', channel, '--line', `PLAIN=${STOCK * places.length}`, '--ref', 'big');
  }
  const [first] = places;
  await told(
    'inspect',
    'PLAIN',
    String(STOCK / 2),
    '--location',
    first?.id ?? '',
    '--from',
    'sellable',
    '--to',
    'damaged',
  );
  const before = await store.db.rows(sql`select count(*) from promise_entry`);
  const simulated = await allot('reconfirm', 'PLAIN', '--simulate', '--json');
  expect(simulated.document()).toMatchObject({ reports: [{ sku: 'PLAIN', deficitAfter: 0 }] });
  expect(await store.db.rows(sql`select count(*) from promise_entry`)).toEqual(before);
  for (const channel of channels) {
    expect(await told('explain', '--order', `${channel}/big`)).toMatchObject({ id: `${channel}/big` });
  }
  expect((await runDoctor(store.db)).violations).toMatchObject({ I1: 0, I2: 0, I4: 0, I5: 0 });
});
