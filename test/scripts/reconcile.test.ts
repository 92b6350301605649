/** `allot reconcile` and `allot listings resume`, as they are typed, against a partner over a real socket. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connector } from '#connectors/fake/index.ts';
import { startFakeSandbox } from '#connectors/fake/sandbox/index.ts';
import { createSandboxControl } from '#connectors/sandbox/control.ts';
import { command } from '#test/support/brand.ts';
import { runAllot } from '#test/support/command-line.ts';
import { openPipeline, type PartnerOpener, type Pipeline } from '#test/support/pipeline.ts';

const SECRETS = { ACCESS_TOKEN: 'token', WEBHOOK_SECRET: 'secret' };

const SEAL_KEY = Buffer.alloc(32, 7).toString('base64');

let pipeline: Pipeline;
let folder: string;
let endpoint = '';

const partner: PartnerOpener = async (skus) => {
  const sandbox = await startFakeSandbox({ accessToken: 'token', webhookSecret: 'secret', ticketDelayMs: 0 });
  endpoint = sandbox.url;
  const control = createSandboxControl(sandbox.url);
  const seeded = await control.seed({ listings: skus.map((sku) => ({ sku, shown: 0 })) });
  return { connector, settings: { endpoint }, secrets: SECRETS, control, seeded, close: () => sandbox.close() };
};

beforeEach(async () => {
  pipeline = await openPipeline({ partners: { 'fake:a': partner }, skus: ['A', 'B'] });
  folder = mkdtempSync(join(tmpdir(), 'allot-cli-'));
  writeFileSync(
    join(folder, 'allot.yaml'),
    `locations: [{ id: main, master: allot }]
programs: [{ id: dtc, priority: 1, locations: [main] }]
channels: [{ id: "fake:a", program: dtc, settings: { endpoint: "${endpoint}" } }]
`,
  );
  for (const sku of ['A', 'B'])
    await command(pipeline.store.db, { kind: 'receive', sku, location: 'main', quantity: 9, disposition: 'sellable' });
  await pipeline.quiet();
  await pipeline.store.db.rows(
    sql`update listing_sync set acked_at = acked_at - interval '1 hour', written_at = written_at - interval '1 hour'`,
  );
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await pipeline.close();
});

const allot = (line: string) =>
  runAllot(line.split(' '), {
    env: {
      DATABASE_URL: pipeline.store.url,
      USER: 'kim',
      FAKE_A_ACCESS_TOKEN: 'token',
      FAKE_A_WEBHOOK_SECRET: 'secret',
      FAKE_0_ACCESS_TOKEN: 'token',
      FAKE_0_WEBHOOK_SECRET: 'secret',
      ALLOT_SEAL_KEY: SEAL_KEY,
    },
    cwd: folder,
  });
const open = () => pipeline.store.db.rows<{ cause: string }>(sql`select cause from drift where ended_at is null`);

test('tells what drifts and why with exit 3, changes nothing when told so, and hands the rest to the daemon', async () => {
  expect((await allot('reconcile --dry-run --json')).document()).toMatchObject({ looked: 2, drift: [], dryRun: true });
  await pipeline.control('fake:a').editLevels({ levels: [{ sku: 'A', shown: 30 }] });
  const tried = await allot('reconcile --dry-run --json');
  expect(tried.exitCode).toBe(3);
  expect(tried.document()).toMatchObject({
    schema: 'allot.reconcile/1',
    drift: [{ channel: 'fake:a', sku: 'A', cause: 'manualEdit', shows: 30, wants: 9, remedy: 'write' }],
  });
  expect(tried.err).toContain('fake:a: 2 listings looked at');
  expect(await open()).toEqual([]);
  expect((await allot('reconcile fake:a --sku B --json')).document()).toMatchObject({ looked: 1, drift: [] });
  const done = await allot('reconcile fake:a');
  expect(done).toMatchObject({ exitCode: 3 });
  expect(done.out).toContain('our number is written');
  expect(await open()).toEqual([{ cause: 'manualEdit' }]);
  await pipeline.quiet();
  await pipeline.store.db.rows(
    sql`update listing_sync set acked_at = acked_at - interval '1 hour', written_at = written_at - interval '1 hour'`,
  );
  expect(await allot('reconcile')).toMatchObject({ exitCode: 0 });
  expect(await open()).toEqual([]);
});

test('a channel that there is not is told with those that there are', async () => {
  const said = await allot('reconcile fake:none');
  expect(said).toMatchObject({ exitCode: 1 });
  expect(said.err).toContain('the configuration has fake:a');
});

test('a platform that does not answer is named, and hides no drift of another', async () => {
  const dead = { id: 'fake:0', program: 'dtc', settings: { endpoint: 'http://127.0.0.1:9' } };
  const file = join(folder, 'allot.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('channels: [', `channels: [${JSON.stringify(dead)}, `));
  await pipeline.store.db.rows(
    sql`insert into channel (id, connector, program) values ('fake:0', 'fake', 'dtc') on conflict do nothing`,
  );
  await pipeline.control('fake:a').editLevels({ levels: [{ sku: 'A', shown: 30 }] });
  const said = await allot('reconcile --dry-run --json');
  expect(said.exitCode).toBe(4);
  expect(said.document()).toMatchObject({
    unreached: [{ channel: 'fake:0' }],
    drift: [{ channel: 'fake:a', sku: 'A' }],
  });
  expect(said.err).toContain('mend: allot channels show fake:0');
});

test('a misspelt SKU or listing is no silent success', async () => {
  expect(await allot('reconcile --sku NONE')).toMatchObject({ exitCode: 1, err: expect.stringContaining('SKU NONE') });
  expect(await allot('listings resume fake:a none')).toMatchObject({ exitCode: 1 });
  expect((await allot('explain A --listing none')).err).toContain('SKU A has no listing none');
  expect((await allot('transfer A 5 --from main --to main')).exitCode).toBe(2);
  const said = await allot('listings list --channel fake:b');
  expect(said).toMatchObject({ exitCode: 1, err: expect.stringContaining('no channel is called fake:b') });
  expect(said.err).toContain('"fake:a"');
});

test('a stopped listing is resumed by its name, with a trail', async () => {
  const [listing] = await pipeline.store.db.rows<{ id: number; ref: string }>(
    sql`select id, listing_ref as ref from listing where sku = 'A'`,
  );
  expect((await allot(`listings resume fake:a ${listing?.ref}`)).out).toContain('is not stopped');
  await pipeline.store.db.rows(sql`
    update listing_sync set stopped_because = 'secondWriter', stopped_at = now() where listing_id = ${listing?.id ?? 0}`);
  const said = await allot(`listings resume fake:a ${listing?.ref} --json`);
  expect(said.document()).toMatchObject({ ok: true, resumed: [{ sku: 'A', stopped: 'secondWriter' }] });
  const trail = await pipeline.store.db.rows(sql`select actor from audit where action = 'resume listing'`);
  expect(trail).toEqual([{ actor: 'operator:kim' }]);
});

test('runs are listed, the newest first, and one is told with what it found', async () => {
  await pipeline.control('fake:a').editLevels({ levels: [{ sku: 'A', shown: 30 }] });
  await allot('reconcile --dry-run --json');
  await allot('reconcile fake:a --sku B');
  const { runs } = (await allot('reconcile runs --channel fake:a --json')).document() as {
    runs: { id: number; mode: string }[];
  };
  expect(runs).toMatchObject([
    { mode: 'item', sku: 'B', isDryRun: false, state: 'done', differing: 0, actor: 'operator:kim' },
    { mode: 'full', isDryRun: true, state: 'done', compared: 2, differing: 1, causes: { manualEdit: 1 } },
  ]);
  const text = await allot(`reconcile runs ${runs[1]?.id}`);
  expect(text.out).toContain('full, dry run');
  expect(text.out).toMatch(/A +manualEdit +30 +9 +our number is written/);
  expect((await allot('reconcile runs --limit 1')).out.trim().split('\n')).toHaveLength(2);
  expect(await allot('reconcile runs 999999')).toMatchObject({
    err: expect.stringContaining('there is no run 999999'),
  });
  expect(await allot('reconcile runs --channel fake:b')).toMatchObject({
    err: expect.stringContaining('no channel is called fake:b'),
  });
});
