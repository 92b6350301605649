/**
 * Canaries: secrets and personal data that are known beforehand, sent through everything a running daemon does, and then looked for
 * in all that it leaves behind. Only the sealed column may hold them, and there nobody can read them (I10).
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DaemonProcess } from '#test/support/daemon.ts';
import { postWebhook, wireOrder } from '#test/support/partner-webhook.ts';
import { openStage, type Stage } from '#test/support/stage.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const CHANNEL = 'fake:shop';
/** Of a buyer: each in one of the payloads below, some where a number should stand. */
const PERSONAL = {
  name: 'Canary Nightingale',
  mail: 'canary.nightingale@example.com',
  street: 'Canary Lane 4711',
  phone: '+49 170 4711 4711',
} as const;

let stage: Stage;
let daemon: DaemonProcess;
/** What was said on the way: answers of the door, output of commands. */
const heard: string[] = [];

beforeAll(async () => {
  stage = await openStage({ database: 'embedded', skus: ['MUG'], opening: 20, partners: { [CHANNEL]: {} } });
  daemon = stage.start({ LOG_LEVEL: 'trace' });
  await daemon.ready();
  await stage.furnish();
}, 60_000);
afterAll(() => stage.close());

const customer = { customer: { ...PERSONAL, note: `for ${PERSONAL.name}` }, email: PERSONAL.mail };

/** Orders with a buyer in them: good ones, and ones that are wrong in the very places where a person's data stands. */
const payloads = (listing: string): readonly string[] => [
  wireOrder('good', [{ listing, ordered: 1 }], customer),
  wireOrder('unmapped', [{ listing: 'nowhere', ordered: 1 }], customer),
  wireOrder('name-as-quantity', [{ listing, ordered: PERSONAL.name }], customer),
  wireOrder('object-as-quantity', [{ listing, ordered: customer }]),
  wireOrder('person-as-lines', [], { lines: customer }),
  JSON.stringify(customer),
  JSON.stringify([customer]),
  JSON.stringify(PERSONAL.name),
  `{"email": "${PERSONAL.mail}", ${PERSONAL.name}}`,
  `{"email": ${PERSONAL.mail}}`,
  PERSONAL.mail,
  wireOrder('nul', [{ listing, ordered: 1, sku: `\u0000${PERSONAL.phone}` }], customer),
];

async function send(body: string, over: { readonly secret?: string; readonly path?: string } = {}): Promise<void> {
  const url = `${daemon.url}/webhooks/${over.path ?? CHANNEL}`;
  const status = await postWebhook({ url, secret: over.secret ?? stage.partner(CHANNEL).secret, body });
  heard.push(`${status}`);
}

async function sendAll(): Promise<void> {
  const [level] = await stage.control(CHANNEL).levels();
  for (const body of payloads(level?.listingRef ?? '')) await send(body);
  await send(JSON.stringify(customer), { secret: 'wrong' });
  const refusals = await Promise.all([
    fetch(`${daemon.url}/webhooks/${CHANNEL}`, { method: 'POST', body: PERSONAL.mail }),
    fetch(`${daemon.url}/webhooks/fake:other?mail=${encodeURIComponent(PERSONAL.mail)}`, { method: 'POST' }),
    fetch(`${daemon.url}/nowhere`),
  ]);
  for (const response of refusals) heard.push(await response.text());
}

/** Every column of every table as text, the sealed one too: bytea is hex there, so a canary is looked for in hex as well. */
async function dumpDatabase(): Promise<string> {
  const db = await stage.db();
  const tables = await db.rows<{ name: string }>(sql`
    select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')`);
  expect(tables.length).toBeGreaterThan(25);
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await db.rows<{ text: string }>(sql`select t::text as text from ${sql.raw(name)} t`);
    texts.push(...rows.map(({ text }) => text));
  }
  return texts.join('\n');
}

const formsOf = (canary: string): readonly string[] => [
  canary,
  encodeURIComponent(canary),
  Buffer.from(canary).toString('base64').replace(/=+$/, '').slice(0, -1),
  Buffer.from(canary).toString('hex'),
];

const findIn = (text: string, canaries: Readonly<Record<string, string>>): string[] =>
  Object.entries(canaries).flatMap(([name, canary]) =>
    formsOf(canary).some((form) => text.toLowerCase().includes(form.toLowerCase())) ? [name] : [],
  );

test('the search itself finds a canary in each of its forms', () => {
  const canaries = { mail: PERSONAL.mail };
  for (const form of formsOf(PERSONAL.mail)) expect(findIn(`x ${form} y`, canaries)).toEqual(['mail']);
});

test('no secret and no personal data leave the sealed column', { timeout: 60_000 }, async () => {
  await sendAll();
  await stage.control(CHANNEL).placeOrder({ lines: [{ sku: 'MUG', quantity: 2 }], customer: PERSONAL.name });
  const db = await stage.db();
  await waitUntil('all is taken or parked', async () => {
    const rows = await db.rows(sql`select 1 from inbox_key where state = 'pending' union all
      select 1 from command where state = 'pending'`);
    return rows.length === 0;
  });
  const parked = await db.rows(sql`select 1 from parked where state = 'parked'`);
  expect(parked.length).toBeGreaterThanOrEqual(10);
  // Its credential is refused: the channel is paused, with an alert.
  await stage.control(CHANNEL).setFaults({ refuseCredential: 1 });
  await waitUntil('the refused credential is noticed', () => daemon.said().includes('refuses our credential'));
  heard.push(await (await fetch(`${daemon.url}/metrics`)).text());
  for (const args of [
    ['status'],
    ['parked', 'list'],
    ['parked', 'show', '1', '--json'],
    ['explain', 'MUG'],
    ['doctor'],
  ]) {
    const { out, err } = await stage.allot(args);
    heard.push(out, err);
  }
  const password = readFileSync(join(stage.home, 'postgres.password'), 'utf8').trim();
  const { token, secret } = stage.partner(CHANNEL);
  const canaries = { ...PERSONAL, token, secret, password, sealKey: stage.env.ALLOT_SEAL_KEY ?? '' };
  const places = {
    log: daemon.said(),
    heard: heard.join('\n'),
    database: await dumpDatabase(),
    serverLog: readFileSync(join(stage.home, 'postgres.log'), 'utf8'),
  };
  expect(Object.fromEntries(Object.entries(places).map(([place, text]) => [place, findIn(text, canaries)]))).toEqual({
    log: [],
    heard: [],
    database: [],
    serverLog: [],
  });
});

test('the home folder lets nobody else read its secrets', () => {
  for (const file of ['postgres.password', 'postgres.json', 'postgres.log'])
    expect(`${file} ${(statSync(join(stage.home, file)).mode & 0o077).toString(8)}`).toBe(`${file} 0`);
});

test('10,000 forged webhooks: none is taken, the log does not grow with them', { timeout: 60_000 }, async () => {
  const before = daemon.said().length;
  const [counted] = await (await stage.db()).rows<{ count: number }>(sql`select count(*)::int as count from inbox_key`);
  const body = JSON.stringify(customer);
  const forge = async (n: number): Promise<number> =>
    postWebhook({
      url: `${daemon.url}/webhooks/${CHANNEL}`,
      secret: randomBytes(8).toString('hex'),
      body,
      event: `forged-${n}`,
    });
  const statuses = new Map<number, number>();
  for (let n = 0; n < 10_000; n += 100) {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => forge(n + index)));
    for (const status of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  expect([...statuses]).toEqual([[401, 10_000]]);
  const [after] = await (await stage.db()).rows<{ count: number }>(sql`select count(*)::int as count from inbox_key`);
  expect(after).toEqual(counted);
  const refusals = daemon
    .said()
    .slice(before)
    .split('\n')
    .filter((line) => line.includes('webhook refused'));
  expect(refusals.length).toBeLessThanOrEqual(2);
});
