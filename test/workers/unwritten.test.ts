/** What we owe a partner and cannot write: an answer is parked under its order, a reply parks its document; both are written once their cause is mended. */
import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Defect, Rejected } from '#core/errors.ts';
import type { OrderState } from '#core/order-state.ts';
import { listAlerts } from '#db/alert-list.ts';
import { runDoctor } from '#db/doctor.ts';
import { dropParked, listParkedOf, retryParked, takeParked } from '#db/parked.ts';
import { retryMended } from '#db/parked-mended.ts';
import { sealingKey } from '#db/seal.ts';
import { findUnfinished } from '#db/unfinished.ts';
import { BRAND_POLICY, command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { type MailboxPartner, openMailboxPartner } from '#test/support/mailbox-partner.ts';
import { decidePending } from '#workers/allocate.ts';
import type { WorkerContext } from '#workers/context.ts';
import { exchangeDocuments } from '#workers/documents.ts';
import { pollChannel, takeInbox } from '#workers/intake.ts';

const CHANNEL = 'fake:a';
const never = new AbortController().signal;
const ignore = () => undefined;

let store: TestDatabase;
let partner: MailboxPartner;
let context: WorkerContext;
let clock: number;

beforeEach(async () => {
  store = await createTestDatabase();
  clock = Date.now();
  const policy = { ...BRAND_POLICY, channels: BRAND_POLICY.channels.slice(0, 1) };
  await seedBrand(store.db, { skus: ['MUG', 'TEE'], policy });
  partner = openMailboxPartner(CHANNEL);
  context = {
    db: store.db,
    channels: new Map([[CHANNEL, partner.channel]]),
    sealingKeys: [sealingKey(randomBytes(32).toString('base64'))],
    owner: 'test',
    readOnly: false,
    publicUrl: null,
    now: () => clock,
    random: () => 0.999_999,
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    tally: { pushed: ignore, drifted: ignore, decided: ignore },
    wakeRelay: ignore,
    decideSoon: ignore,
    ringLater: ignore,
  };
});
afterEach(() => store.drop());

const poll = async () => {
  await pollChannel(context, CHANNEL, never);
  await decidePending(store.db, { now: () => clock });
};
const exchange = () => exchangeDocuments(context, CHANNEL, never);
const receive = async (sku: string, quantity: number) => {
  await command(store.db, { kind: 'receive', sku, location: 'main', quantity, disposition: 'sellable' });
  await decidePending(store.db, { now: () => clock });
};
const owed = (orderRef: string, units: Readonly<Record<string, number>>): OrderState =>
  orderOf(orderRef, units, { obligations: [{ kind: 'accept', dueAt: clock + 3_600_000 }] });
const allocatedOf = (orderRef: string) =>
  store.db.rows(sql`select allocated from order_line where order_id = ${`${CHANNEL}/${orderRef}`} order by line_ref`);
const parkedOf = () =>
  store.db.rows<{ code: string; reason: string }>(sql`select code, reason from parked where state = 'parked'`);
const alertsOf = () => store.db.rows<{ code: string }>(sql`select code from alert where state = 'open' order by id`);
const bells = async () =>
  (await findUnfinished(store.db, clock, { pollMs: 1e9, reconcileMs: 1e9 })).map(({ topic }) => topic);

describe('an answer that cannot be written', () => {
  const refusal = new Rejected('the dialect does not know CA', { field: 'PO103', value: 'CA', fix: 'put it in' });
  const unwritten = () => listParkedOf(store.db, { code: 'answer-unwritten', channel: CHANNEL, limit: 10 });
  const mended = (reader: string) =>
    store.db.transaction((tx) => retryMended(tx, { readers: [{ channel: CHANNEL, reader }], now: clock, max: 100 }));

  beforeEach(async () => {
    await receive('MUG', 5);
    partner.refusal = refusal;
    partner.drop('a.txt', { envelopes: [{ key: 'E1', orders: [owed('1', { MUG: 3 })] }] });
    await poll();
    await exchange();
  });

  test('is parked under its order and told with what it touches; tried again in vain it is the same row', async () => {
    const [row] = await unwritten();
    expect(row).toMatchObject({
      source: 'answer',
      order_id: `${CHANNEL}/1`,
      reason: refusal.message,
      field: 'PO103',
      fix: 'put it in',
      attempts: 1,
      owner: null,
    });
    const [alert] = await listAlerts(store.db, { code: 'answer-unwritten' }, 10);
    expect(alert).toMatchObject({
      cause: 'the dialect does not know CA; what mends it: put it in',
      nextStep: `allot parked show ${row?.id}`,
      touches: { units: 3, skus: ['MUG'], unitsCounted: 3 },
    });
    expect(await bells()).not.toContain('documents');
    await takeParked(store.db, [row?.id ?? 0], 'kim');
    clock += 16 * 60_000;
    expect(await bells()).toContain('documents');
    await exchange();
    expect(await unwritten()).toMatchObject([{ id: row?.id, attempts: 2, owner: 'kim' }]);
  });

  test('is written by itself once its cause is gone, and its row and alert close', async () => {
    partner.refusal = null;
    clock += 16 * 60_000;
    await exchange();
    expect(partner.texts('answer')).toHaveLength(1);
    expect(await unwritten()).toEqual([]);
    expect(await alertsOf()).toEqual([]);
  });

  test('is tried at once by another reader, and once by each; its age and owner stay', async () => {
    const [row] = await unwritten();
    await takeParked(store.db, [row?.id ?? 0], 'kim');
    expect(await mended(partner.channel.reader)).toBe(0);
    expect(await mended('another dialect')).toBe(1);
    expect(await bells()).toContain('documents');
    await exchange();
    const [again] = await unwritten();
    expect(again).toMatchObject({ owner: 'kim', attempts: 2, first_parked_at: row?.first_parked_at });
    expect(again?.id).toBeGreaterThan(row?.id ?? 0);
    partner.refusal = null;
    await store.db.transaction((tx) => retryParked(tx, [again?.id ?? 0], 'operator:kim'));
    await exchange();
    expect(partner.texts('answer')).toHaveLength(1);
    expect(await unwritten()).toEqual([]);
  });

  test('does not take parked input of its order with it', async () => {
    await store.db.rows(sql`
      insert into parked (source, source_id, channel_id, order_id, code, reason, fix)
      values ('command', 999, ${CHANNEL}, ${`${CHANNEL}/1`}, 'unknown-sku', 'no such item', 'import it')`);
    const [row] = await unwritten();
    expect(await store.db.transaction((tx) => retryParked(tx, [row?.id ?? 0], 'operator:kim'))).toBe(1);
    expect(await parkedOf()).toEqual([{ code: 'unknown-sku', reason: 'no such item' }]);
  });

  test('is dropped with a reason: it is owed no more, and the alert says why', async () => {
    const [row] = await unwritten();
    await store.db.transaction((tx) => dropParked(tx, [row?.id ?? 0], 'operator:kim', 'answered by phone'));
    partner.refusal = null;
    clock += 16 * 60_000;
    expect(await bells()).not.toContain('documents');
    await exchange();
    expect(partner.texts('answer')).toEqual([]);
    const [alert] = await listAlerts(store.db, { code: 'answer-unwritten', isAll: true }, 10);
    expect(alert).toMatchObject({ state: 'closed', proof: 'its answer is owed no more: answered by phone' });
    expect((await runDoctor(store.db)).violations).toMatchObject({ I7: 0, I9: 0 });
  });

  test('holds up no other', async () => {
    partner.refusal = new Defect('a bug');
    partner.refusedOrder = '1';
    partner.drop('b.txt', { envelopes: [{ key: 'E2', orders: [owed('2', { MUG: 1 })] }] });
    await poll();
    clock += 16 * 60_000;
    await exchange();
    expect(partner.texts('answer')).toMatchObject([{ answer: '2' }]);
    expect(await unwritten()).toMatchObject([{ reason: 'a bug' }]);
  });
});

test('a reply that cannot be written parks its document, whose orders count, and is written by another reader', async () => {
  await receive('MUG', 5);
  partner.replyRefusal = new Rejected('no receiver is known', { field: 'ISA08', value: '', fix: 'name it' });
  partner.drop('a.txt', { envelopes: [{ key: 'E1', orders: [orderOf('1', { MUG: 2 })], isReplyWanted: true }] });
  await poll();
  expect(await allocatedOf('1')).toMatchObject([{ allocated: 2 }]);
  expect(await parkedOf()).toMatchObject([
    { code: 'document-refused', reason: expect.stringContaining('the reply to envelope E1: no receiver is known') },
  ]);
  partner.replyRefusal = null;
  const [row] = await store.db.rows<{ id: number }>(sql`select id from parked where state = 'parked'`);
  await store.db.transaction((tx) => retryParked(tx, [row?.id ?? 0], 'operator:kim'));
  await takeInbox(context, never);
  await exchange();
  expect(partner.put).toMatchObject([{ text: expect.stringContaining('"reply":"E1"') }]);
  expect(await parkedOf()).toEqual([]);
});
