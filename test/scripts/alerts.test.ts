/** `allot alerts` on a real database: what stands, what people do with it, what they are refused, and the test of a destination. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ALERT_CODES } from '#core/alert-catalogue.ts';
import { listAlerts, measureReach } from '#db/alert-list.ts';
import { closeAlert, raiseAlert } from '#db/alerts.ts';
import { BRAND_POLICY, command, orderOf, seedBrand } from '#test/support/brand.ts';
import { runAllot } from '#test/support/command-line.ts';
import { SMALL_CONFIG } from '#test/support/config-problems.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { openHttpSink } from '#test/support/message-sinks.ts';
import { decidePending } from '#workers/allocate.ts';
import { undeliveredAlert } from '#workers/notify.ts';

let store: TestDatabase;
let folder: string;
let env: Record<string, string>;
beforeEach(async () => {
  store = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'allot-cli-'));
  env = { DATABASE_URL: store.url, USER: 'kim', ALLOT_SEAL_KEY: Buffer.alloc(32, 1).toString('base64') };
  await seedBrand(store.db, { skus: ['MUG'], policy: BRAND_POLICY });
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await store.drop();
});

const allot = (line: string) => runAllot(line.split(' '), { env, cwd: folder });
const json = async (line: string) => (await allot(`${line} --json`)).document();
type Shown = Readonly<Record<string, unknown>>;
const alertsOf = async (line: string) => (await json(line)).alerts as readonly Shown[];

const SHIP_BY = Date.parse('2031-02-01T17:00:00Z');
const LINK = 'https://shop.example/admin/orders/1';

/** A refused push that touches an open order, and an oversold item. */
async function raiseTwo(): Promise<void> {
  const now = Date.now();
  await command(store.db, { kind: 'receive', sku: 'MUG', location: 'main', quantity: 5, disposition: 'sellable' }, now);
  await command(store.db, { kind: 'order-state', channel: 'fake:a', order: orderOf('1', { MUG: 2 }) }, now);
  await decidePending(store.db, { now: () => now });
  await raiseAlert(store.db, {
    fingerprint: 'push-rejected fake:a',
    code: 'push-rejected',
    severity: 'error',
    title: 'fake:a: the platform refuses 1 listing(s)',
    channelId: 'fake:a',
    touches: { listings: 1, skus: ['MUG'] },
    cause: 'archived',
    nextStep: 'activate the listing',
  });
  await raiseAlert(store.db, {
    fingerprint: 'oversold CUP',
    code: 'oversold',
    severity: 'critical',
    title: 'CUP: 3 units promised to orders are not there',
    channelId: null,
    touches: {
      skus: ['CUP'],
      units: 3,
      orders: [{ order: '#1001', channel: 'shopify:main', units: 3, shipBy: SHIP_BY, link: LINK }],
    },
    cause: '1 orders wait',
    nextStep: 'allot reconfirm CUP --simulate',
    deadline: SHIP_BY,
  });
  const ids = (await listAlerts(store.db, {}, 10)).map(({ id }) => id);
  await measureReach(store.db, ids, now);
}

describe('the list', () => {
  test('is empty in words and in JSON', async () => {
    expect(await allot('alerts')).toMatchObject({ exitCode: 0, out: 'No alert stands.\n' });
    expect(await json('alerts')).toEqual({ schema: 'allot.alerts/1', alerts: [] });
  });

  test('tells each with what it touches, its next step, deadline, owner, and the runbook; the worst first', async () => {
    await raiseTwo();
    const alerts = await alertsOf('alerts');
    expect(alerts).toMatchObject([
      {
        code: 'oversold',
        severity: 'critical',
        state: 'open',
        deadline: '2031-02-01T17:00:00.000Z',
        isPromised: true,
        owner: null,
        says: 'CUP, 3 units',
        runbook: 'docs/alerts.md#oversold',
        touches: { orders: [{ order: '#1001', shipBy: '2031-02-01T17:00:00.000Z', link: LINK }] },
      },
      {
        code: 'push-rejected',
        nextStep: 'activate the listing',
        reach: { orders: 1, units: 2 },
        says: 'MUG, 1 listing, 1 open order with 2 units',
        firstSeenAt: expect.stringMatching(/Z$/),
        count: 1,
      },
    ]);
    const { out } = await allot('alerts');
    expect(out).toMatch(
      /#\d+ critical oversold: CUP: 3 units promised to orders are not there\n {2}touches: CUP, 3 units\n/,
    );
    expect(out).toContain('next:    allot reconfirm CUP --simulate');
    expect(out).toContain('open; nobody has it; promised by 2031-02-01 17:00 UTC');
  });

  test('is filtered by channel, severity, code and state, and has closed ones with --all', async () => {
    await raiseTwo();
    await closeAlert(store.db, 'oversold CUP', 'covered');
    const codes = async (line: string) => (await alertsOf(line)).map(({ code }) => code);
    expect(await codes('alerts')).toEqual(['push-rejected']);
    expect(await codes('alerts --all')).toEqual(['push-rejected', 'oversold']);
    expect(await codes('alerts --state closed')).toEqual(['oversold']);
    expect(await codes('alerts list --channel fake:a --severity error')).toEqual(['push-rejected']);
    expect(await codes('alerts --severity critical')).toEqual([]);
    expect((await allot('alerts --code oversolt')).exitCode).toBe(2);
  });
});

describe('a person', () => {
  beforeEach(raiseTwo);
  const idOf = async (code: string) => String((await alertsOf(`alerts --code ${code} --all`))[0]?.id);

  test('acknowledges, takes, snoozes and says that it is mended; all of it is in the trail', async () => {
    const id = await idOf('push-rejected');
    await allot(`alerts ack ${id}`);
    await allot(`alerts take ${id} --owner lee`);
    await allot(`alerts snooze ${id} --for 4h`);
    expect((await allot(`alerts resolve ${id}`)).out).toMatch(/^The next reading closes it, or opens it again: #\d+ /);
    const shown = await json(`alerts show ${id}`);
    expect(shown.alert).toMatchObject({ state: 'proving', owner: 'lee', stateBy: 'operator:kim' });
    expect((shown.trail as Shown[]).map(({ kind }) => kind)).toEqual([
      'raised',
      'acknowledged',
      'taken',
      'snoozed',
      'resolved',
    ]);
    // The reading that proves it is asked for at once.
    expect(await store.db.rows(sql`select topic, key from outbox where topic = 'reconcile'`)).toEqual([
      { topic: 'reconcile', key: 'fake:a' },
    ]);
    const { out } = await allot(`alerts show ${id}`);
    expect(out).toContain('allot alerts explain push-rejected');
    expect(out).toMatch(/taken\s+operator:kim\s+lee/);
  });

  test('takes it for themselves when nobody is named', async () => {
    const id = await idOf('oversold');
    await allot(`alerts take ${id}`);
    expect(await json(`alerts show ${id}`)).toMatchObject({ alert: { owner: 'kim', state: 'acknowledged' } });
    expect((await allot(`alerts show ${id}`)).out).toContain(
      `#1001 on shopify:main: 3 units short, ship by 2031-02-01 17:00 UTC ${LINK}`,
    );
  });

  test('cannot close one, nor do anything with a closed one, and is told why', async () => {
    const id = await idOf('oversold');
    expect((await allot(`alerts close ${id}`)).exitCode).toBe(2);
    await closeAlert(store.db, 'oversold CUP', 'every order line is covered');
    const said = await allot(`alerts ack ${id}`);
    expect(said.exitCode).toBe(1);
    expect(said.err).toContain(`alert ${id} is closed: every order line is covered`);
    expect(said.err).toContain(`mend: allot alerts show ${id}`);
  });

  test.each([
    ['alerts snooze 1', 'say once until when it is silent'],
    ['alerts snooze 1 --for 4h --until 2031-01-01T00:00:00Z', 'say once until when it is silent'],
    ['alerts snooze 1 --until 2020-01-01T00:00:00Z', 'say once until when it is silent'],
    ['alerts take 1 --owner kim@example.com', 'the owner must be a short name'],
    ['alerts explain nothing', 'no alert has the code nothing'],
  ])('%s is refused', async (line, says) => {
    const said = await allot(line);
    expect(said.exitCode).toBe(2);
    expect(said.err).toContain(says);
  });

  test('of an alert that is not there is told where they are', async () => {
    expect(await allot('alerts show 4711')).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('mend: allot alerts lists those that stand'),
    });
  });
});

test('each code explains itself', async () => {
  const whole = (await json('alerts explain')).codes as readonly Shown[];
  expect(whole.map(({ code }) => code)).toEqual(ALERT_CODES);
  const { out } = await allot('alerts explain oversold');
  expect(out).toMatch(/^oversold \(usually critical; to be acted on within 4 hours\)\n {2}means: /);
});

describe('a test of a destination', () => {
  const file = (extra = '') =>
    writeFileSync(
      join(folder, 'allot.yaml'),
      `${SMALL_CONFIG}alerts:\n  destinations: [{ id: ops, kind: slack }, { id: hook, kind: webhook }]\n  routes: [{ to: [ops] }]\n${extra}`,
    );

  test('sends one message, asks for its secrets alone, and proves that what was undelivered arrives again', async () => {
    file();
    await using sink = Object.assign(await openHttpSink(), {
      async [Symbol.asyncDispose]() {
        await sink.close();
      },
    });
    env.ALERTS_OPS_URL = `${sink.url}/services/hidden`;
    await raiseAlert(store.db, {
      fingerprint: undeliveredAlert('ops'),
      code: 'notification-undelivered',
      severity: 'error',
      title: 'messages to ops do not arrive',
      channelId: null,
      touches: { destination: 'ops' },
      cause: '404',
      nextStep: 'allot alerts test ops',
    });
    sink.next.push({ status: 404, body: 'no_service' });
    const failed = await allot('alerts test ops');
    expect(failed).toMatchObject({
      exitCode: 1,
      out: expect.stringMatching(/^ops \(slack\): not taken: 127.*404: no_service\n$/),
    });
    expect(failed.out).not.toContain('hidden');
    expect(await alertsOf('alerts')).toHaveLength(1);
    expect(await allot('alerts test ops')).toMatchObject({ exitCode: 0, out: 'ops (slack): taken\n' });
    expect(await alertsOf('alerts')).toEqual([]);
    expect(sink.arrivals.at(-1)?.body).toContain('a test of allot for ops');
  });

  test('names what is missing, or what there is', async () => {
    file();
    expect((await allot('alerts test ops')).err).toContain('ALERTS_OPS_URL: is missing');
    const said = await allot('alerts test opps');
    expect(said).toMatchObject({ exitCode: 2, err: expect.stringContaining('mend: one of ops, hook') });
  });
});

test('config check asks for the secrets of alerts too', async () => {
  writeFileSync(
    join(folder, 'allot.yaml'),
    `${SMALL_CONFIG.replace(/channels:[\s\S]*$/, 'channels: []\n')}alerts: { destinations: [{ id: ops, kind: slack }], routes: [{ to: [ops] }] }\n`,
  );
  expect((await allot('config check')).err).toContain(
    'ALERTS_OPS_URL: is missing, and the destination ops of alerts needs it',
  );
  env.ALERTS_OPS_URL = 'https://hooks.slack.example/x';
  expect(await allot('config check')).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('1 destination of alerts'),
  });
});
