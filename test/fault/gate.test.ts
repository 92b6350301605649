/**
 * The gate and the leaving of a channel, on whole processes and over sockets: told by the platform's own log, and by where its
 * webhooks go.
 */
import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { findFreePort } from '#test/support/free-port.ts';
import { openStage, readSubscription, type Stage, type StageOptions } from '#test/support/stage.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const CHANNEL = 'fake:shop';
const OTHER = 'fake:market';
const SKUS = Array.from({ length: 24 }, (_, n) => `S${n}`);
const OPENING = 20;

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

async function open(options: Partial<StageOptions> = {}): Promise<Stage> {
  stage = await openStage({
    database: 'given',
    skus: SKUS,
    opening: OPENING,
    partners: { [CHANNEL]: {}, [OTHER]: {} },
    ...options,
  });
  return stage;
}

const applied = async (at: Stage, channel = CHANNEL): Promise<number> =>
  (await at.control(channel).log()).entries.filter(({ kind }) => kind === 'applied').length;

const modeOf = async (at: Stage): Promise<string | undefined> =>
  (await (await at.db()).rows<{ mode: string }>(sql`select mode from channel where id = ${CHANNEL}`))[0]?.mode;

const showsAll = (at: Stage, channel: string, units: number, tell: () => string) =>
  waitUntil(
    `${channel} shows ${units} of each`,
    async () => (await at.control(channel).levels()).every(({ sellable }) => sellable === units),
    { tell },
  );

/** Resolves when the channel was read whole once more than now. */
async function expectScan(at: Stage): Promise<void> {
  const db = await at.db();
  const read = async () =>
    (
      await db.rows<{ at: number }>(sql`select reconciled_at as at from channel_health where channel_id = ${CHANNEL}`)
    )[0]?.at ?? 0;
  const before = await read();
  await waitUntil('it was scanned', async () => (await read()) > before, { limitMs: 60_000 });
}

test('leaving: writing stops before all, also in another process; subscriptions end, stock stays, and again it changes nothing', {
  timeout: 240_000,
}, async () => {
  const at = await open();
  const port = await findFreePort();
  const daemon = at.start();
  const second = at.start({ PORT: String(port), PUBLIC_URL: at.env.PUBLIC_URL ?? '' });
  await Promise.all([daemon.ready(), second.ready()]);
  await at.furnish();
  await showsAll(at, CHANNEL, OPENING, daemon.said);
  await showsAll(at, OTHER, OPENING, daemon.said);
  const preview = await at.allot(['channels', 'leave', CHANNEL]);
  expect(preview).toMatchObject({ code: 0, err: expect.stringContaining('nothing was done') });
  expect(await modeOf(at)).toBe('live');

  const left = await at.allot(['channels', 'leave', CHANNEL, '--yes', '--json']);
  expect({ code: left.code, err: left.err }).toMatchObject({ code: 0 });
  const said = JSON.parse(left.out) as {
    subscriptions: { kind: string; removed: string[] };
    numbers: { sku: string; sent: number; isUnderWay: boolean }[];
  };
  expect(said.subscriptions).toMatchObject({
    kind: 'removed',
    callbackUrl: expect.stringContaining('/webhooks/fake%3Ashop'),
  });
  expect(said.subscriptions.removed.length).toBeGreaterThan(0);
  expect(said.numbers.map(({ sku, sent }) => [sku, sent])).toEqual([...SKUS].sort().map((sku) => [sku, OPENING]));
  expect(await readSubscription(at.partner(CHANNEL))).toBeNull();
  expect(await readSubscription(at.partner(OTHER))).not.toBeNull();

  const before = await applied(at);
  const db = await at.db();
  const books = () => db.rows(sql`select sku, quantity from stock_balance order by sku`);
  const stock = await books();
  await at.control(OTHER).placeOrder({ lines: [{ sku: 'S0', quantity: 3 }] });
  await waitUntil('the other channel sold, and both targets are decided', async () => {
    const [row] = await db.rows<{ n: number }>(
      sql`select count(*)::int as n from target t join listing l on l.id = t.listing_id where l.sku = 'S0' and t.quantity = ${OPENING - 3}`,
    );
    return row?.n === 2;
  });
  await expectScan(at);
  // An order of the channel that was left still comes in, by its poll, and takes its units.
  await at.control(CHANNEL).placeOrder({ lines: [{ sku: 'S1', quantity: 2 }] });
  await waitUntil(`${OTHER} follows a sale at the channel that was left`, async () =>
    (await at.control(OTHER).levels()).some(({ sku, sellable }) => sku === 'S1' && sellable === OPENING - 2),
  );
  expect(await applied(at)).toBe(before);
  expect(await readSubscription(at.partner(CHANNEL))).toBeNull();
  expect(await books()).toEqual(stock);

  const again = await at.allot(['channels', 'leave', CHANNEL, '--yes', '--json']);
  expect({ code: again.code, out: JSON.parse(again.out) as unknown }).toMatchObject({
    code: 0,
    out: { subscriptions: { kind: 'removed', removed: [] } },
  });
  const audit = await db.rows<{ action: string }>(
    sql`select action from audit where subject = ${CHANNEL} and action in ('leave channel', 'remove subscriptions') order by id`,
  );
  expect(audit.map(({ action }) => action)).toEqual(['leave channel', 'remove subscriptions']);
});

test('a platform that cannot be reached: writing has stopped all the same, and what is left is said', {
  timeout: 120_000,
}, async () => {
  const at = await open();
  const daemon = at.start();
  await daemon.ready();
  await at.furnish();
  await showsAll(at, CHANNEL, OPENING, daemon.said);
  await at.stopPartner(CHANNEL);
  const left = await at.allot(['channels', 'leave', CHANNEL, '--yes', '--json']);
  expect({ code: left.code, out: JSON.parse(left.out) as unknown }).toMatchObject({
    code: 1,
    out: { ok: false, done: true, subscriptions: { kind: 'failed', why: expect.stringContaining('ECONNREFUSED') } },
  });
  expect(left.err).toContain('allot channels leave fake:shop --yes');
  expect(await modeOf(at)).toBe('paused');
});

test('somebody else writes there all the time: it falls back by itself, says so, and writes no more; the other channel goes on', {
  timeout: 240_000,
}, async () => {
  const at = await open();
  const first = at.start();
  await first.ready();
  await at.furnish();
  await showsAll(at, CHANNEL, OPENING, first.said);
  const db = await at.db();
  const rule = { channel: CHANNEL, cleanDays: 1, agreement: 99, ramp: [100], stepDays: 1, fallBack: 90 };
  await db.rows(sql`update policy set body = body || ${JSON.stringify({ gates: [rule] })}::jsonb`);
  let n = 0;
  // A second writer that sets its own numbers again as soon as it sees ours.
  await waitUntil(
    'it fell back',
    async () => {
      n += 1;
      await at.control(CHANNEL).editLevels({ levels: SKUS.map((sku) => ({ sku, shown: 500 + n })) });
      return (await modeOf(at)) === 'shadow';
    },
    { limitMs: 90_000, tell: first.said },
  );
  const { out } = await at.allot(['status', '--json']);
  const { alerts } = JSON.parse(out) as { alerts: { code: string; severity: string; nextStep: string }[] };
  expect(alerts.find(({ code }) => code === 'gate-fell-back')).toMatchObject({
    severity: 'critical',
    nextStep: expect.stringContaining(`allot channels live ${CHANNEL}`),
  });
  const before = await applied(at);
  await at.control(OTHER).placeOrder({ lines: [{ sku: 'S2', quantity: 4 }] });
  await waitUntil(`${OTHER} is well`, async () =>
    (await at.control(OTHER).levels()).some(({ sku, sellable }) => sku === 'S2' && sellable === OPENING - 4),
  );
  await expectScan(at);
  expect(await applied(at)).toBe(before);
});
