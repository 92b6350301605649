/** Partners that exchange documents: taken once, answered once, numbers proven by receipts. The partner is scripted in memory. */
import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Capabilities } from '#connectors/connector.ts';
import type { OrderState } from '#core/order-state.ts';
import { runDoctor } from '#db/doctor.ts';
import { listDocuments, resendDocument, showDocument } from '#db/documents.ts';
import { setMode } from '#db/modes.ts';
import { sealingKey } from '#db/seal.ts';
import { readStatus } from '#db/status.ts';
import { findUnfinished } from '#db/unfinished.ts';
import { BRAND_POLICY, command, orderOf, seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { type MailboxPartner, openMailboxPartner } from '#test/support/mailbox-partner.ts';
import { decidePending } from '#workers/allocate.ts';
import type { WorkerContext } from '#workers/context.ts';
import { exchangeDocuments } from '#workers/documents.ts';
import { pollChannel } from '#workers/intake.ts';
import { pushChannel } from '#workers/push.ts';
import { reconcileChannel } from '#workers/reconcile.ts';

const CHANNEL = 'fake:a';
const never = new AbortController().signal;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let store: TestDatabase;
let partner: MailboxPartner;
let context: WorkerContext;
let clock: number;

function open(over: Partial<Capabilities> = {}): void {
  partner = openMailboxPartner(CHANNEL, over);
  context = {
    db: store.db,
    channels: new Map([[CHANNEL, partner.channel]]),
    sealingKeys: [sealingKey(randomBytes(32).toString('base64'))],
    owner: 'test',
    readOnly: false,
    publicUrl: null,
    now: () => clock,
    random: () => 0.999_999,
    log: silent,
    tally: { pushed: () => undefined, drifted: () => undefined, decided: () => undefined },
    wakeRelay: () => undefined,
    decideSoon: () => undefined,
    ringLater: () => undefined,
  };
}

beforeEach(async () => {
  store = await createTestDatabase();
  clock = Date.now();
  await seedBrand(store.db, {
    skus: ['MUG', 'TEE'],
    policy: { ...BRAND_POLICY, channels: BRAND_POLICY.channels.slice(0, 1) },
  });
  open();
});
afterEach(() => store.drop());

const poll = async () => {
  await pollChannel(context, CHANNEL, never);
  await decidePending(store.db, { now: () => clock });
};
const exchange = () => exchangeDocuments(context, CHANNEL, never);
const push = async () => {
  clock += 2000;
  await pushChannel(context, CHANNEL, never);
};
const receive = async (sku: string, quantity: number) => {
  await command(store.db, { kind: 'receive', sku, location: 'main', quantity, disposition: 'sellable' });
  await decidePending(store.db, { now: () => clock });
};
const owed = (orderRef: string, units: Readonly<Record<string, number>>, over: Partial<OrderState> = {}): OrderState =>
  orderOf(orderRef, units, { obligations: [{ kind: 'accept', dueAt: clock + 3_600_000 }], ...over });
const linesOf = (orderRef: string) =>
  store.db.rows(sql`
    select line_ref, ordered, allocated, accepted, refused from order_line where order_id = ${`${CHANNEL}/${orderRef}`} order by 1`);
const parkedOf = () =>
  store.db.rows<{ code: string; reason: string }>(sql`select code, reason from parked where state = 'parked'`);
const alertsOf = () => store.db.rows<{ code: string }>(sql`select code from alert where state = 'open' order by id`);
const acked = async (sku: string) => {
  const [row] = await store.db.rows<{ version: number; acked: number }>(sql`
    select t.version, t.acked_version as acked from target t join listing l on l.id = t.listing_id where l.sku = ${sku}`);
  return row;
};
const bells = async () =>
  (await findUnfinished(store.db, clock, { pollMs: 1e9, reconcileMs: 1e9 })).map(({ topic }) => topic);

describe('a document', () => {
  test('is archived once it is in the inbox, and becomes orders and a numbered reply', async () => {
    await receive('MUG', 5);
    partner.drop('a.txt', { envelopes: [{ key: 'E1', orders: [orderOf('1', { MUG: 2 })], isReplyWanted: true }] });
    await poll();
    expect(partner.archived).toEqual(['a.txt']);
    expect(await linesOf('1')).toMatchObject([{ ordered: 2, allocated: 2, accepted: null }]);
    expect(await bells()).toContain('documents');
    await exchange();
    expect(partner.put).toEqual([{ name: 'reply-1', text: '{"reply":"E1","sequence":1}' }]);
    expect(await bells()).not.toContain('documents');
  });

  test('that comes again changes nothing, and what we replied goes out again, byte for byte', async () => {
    await receive('MUG', 5);
    const document = { envelopes: [{ key: 'E1', orders: [orderOf('1', { MUG: 2 })], isReplyWanted: true }] };
    partner.drop('a.txt', document);
    await poll();
    await exchange();
    expect((await readStatus(store.db, clock)).channels).toMatchObject([{ pendingDocuments: 0, awaitingReceipt: 0 }]);
    partner.drop('again.txt', document);
    await poll();
    await exchange();
    partner.drop('other-file.txt', { envelopes: [...document.envelopes, { key: 'E2' }] });
    await poll();
    await exchange();
    expect(partner.archived).toEqual(['a.txt', 'again.txt', 'other-file.txt']);
    expect(partner.put.map(({ text }) => text)).toEqual(Array.from({ length: 3 }, () => '{"reply":"E1","sequence":1}'));
    expect(await linesOf('1')).toMatchObject([{ ordered: 2, allocated: 2 }]);
    expect(await parkedOf()).toEqual([]);
  });

  test('whose number came before with another content is refused whole; the others of its file go on', async () => {
    await receive('MUG', 9);
    partner.drop('a.txt', { envelopes: [{ key: 'E1', orders: [orderOf('1', { MUG: 2 })] }] });
    await poll();
    partner.drop('b.txt', {
      envelopes: [
        { key: 'E1', orders: [orderOf('2', { MUG: 1 })] },
        { key: 'E2', orders: [orderOf('3', { MUG: 3 })] },
      ],
    });
    await poll();
    expect(await linesOf('2')).toEqual([]);
    expect(await linesOf('3')).toMatchObject([{ allocated: 3 }]);
    expect(await parkedOf()).toMatchObject([
      { code: 'document-refused', reason: expect.stringContaining('envelope E1') },
    ]);
  });

  test('with an order that came before with other lines is refused for that order alone', async () => {
    await receive('MUG', 9);
    partner.drop('a.txt', { envelopes: [{ key: 'E1', orders: [orderOf('1', { MUG: 2 })] }] });
    await poll();
    partner.drop('b.txt', { envelopes: [{ key: 'E2', orders: [orderOf('1', { MUG: 5 }), orderOf('4', { MUG: 1 })] }] });
    await poll();
    expect(await linesOf('1')).toMatchObject([{ ordered: 2, allocated: 2 }]);
    expect(await linesOf('4')).toMatchObject([{ allocated: 1 }]);
    expect(await parkedOf()).toMatchObject([{ reason: expect.stringContaining('order #1: it came before') }]);
  });

  test('is parked once for all that was refused of it, and its good parts are taken', async () => {
    await receive('MUG', 9);
    partner.drop('a.txt', {
      envelopes: [{ key: 'E1', orders: [orderOf('1', { MUG: 2 })] }],
      refused: ['set 0002', 'set 0003'],
    });
    await poll();
    expect(await linesOf('1')).toMatchObject([{ allocated: 2 }]);
    expect(await parkedOf()).toEqual([
      { code: 'document-refused', reason: 'set 0002: it makes no sense; set 0003: it makes no sense' },
    ]);
  });
});

describe('an answer', () => {
  test('is what was decided, written once, and sent', async () => {
    await receive('MUG', 5);
    partner.drop('a.txt', { envelopes: [{ key: 'E1', orders: [owed('1', { MUG: 7, TEE: 1 })], isReplyWanted: true }] });
    await poll();
    await exchange();
    await receive('MUG', 5);
    await exchange();
    expect((await readStatus(store.db, clock)).channels).toMatchObject([{ pendingDocuments: 0, awaitingReceipt: 1 }]);
    expect((await runDoctor(store.db)).violations).toMatchObject({ I2: 0, I3: 0, I4: 0, I7: 0, I9: 0 });
    expect(await linesOf('1')).toMatchObject([
      { line_ref: 'line-MUG', allocated: 5, accepted: 5, refused: 2 },
      { line_ref: 'line-TEE', allocated: 0, accepted: 0, refused: 1 },
    ]);
    const [row] = await listDocuments(store.db, { channel: CHANNEL, state: 'sent', limit: 1 });
    expect(row).toMatchObject({ kind: 'answer', subject: '1 1', state: 'sent' });
    word('answer 2', false, 'AK5 R 5');
    await poll();
    expect(await alertsOf()).toEqual([{ code: 'document-rejected' }]);
    expect(await showDocument(store.db, row?.id ?? 0)).toMatchObject({ state: 'rejected', reason: 'AK5 R 5' });
    expect(await resendDocument(store.db, row?.id ?? 0)).toBe(true);
    await exchange();
    expect(partner.put.at(-1)).toEqual(partner.put.at(-2));
    expect(partner.texts('answer').slice(0, 1)).toEqual([
      {
        answer: '1',
        lines: [
          { lineRef: 'line-MUG', accepted: 5, backOrdered: 0 },
          { lineRef: 'line-TEE', accepted: 0, backOrdered: 0 },
        ],
      },
    ]);
  });

  test('of a channel in shadow is never sent, nor is one while it is paused until it is live again', async () => {
    await receive('MUG', 5);
    await setMode(store.db, [CHANNEL], 'shadow', 'test');
    partner.drop('a.txt', { envelopes: [{ key: 'E1', orders: [owed('1', { MUG: 1 })], isReplyWanted: true }] });
    await poll();
    await exchange();
    await setMode(store.db, [CHANNEL], 'paused', 'test');
    partner.drop('b.txt', { envelopes: [{ key: 'E2', orders: [owed('2', { MUG: 1 })] }] });
    await poll();
    await exchange();
    expect(partner.put).toEqual([]);
    await setMode(store.db, [CHANNEL], 'live', 'test');
    await exchange();
    expect(partner.put.map(({ text }) => JSON.parse(text) as object)).toMatchObject([{ answer: '2' }]);
  });
});

const word = (receipt: string, isAccepted: boolean, reason = '') =>
  partner.drop(`${receipt}.txt`, { envelopes: [{ key: `R ${receipt}`, receipts: [{ receipt, isAccepted, reason }] }] });

describe('numbers', () => {
  test('go out once, and are acknowledged by their receipt', async () => {
    await receive('MUG', 5);
    await push();
    await push();
    expect(partner.numbers()).toMatchObject([{ sequence: 1, items: { 'ref-MUG': 5 } }]);
    expect(await acked('MUG')).toEqual({ version: 1, acked: 0 });
    expect(await bells()).not.toContain('push');
    word('numbers 1', true);
    await poll();
    expect(await acked('MUG')).toEqual({ version: 1, acked: 1 });
  });

  test('a receipt that names nothing of ours is told, and changes nothing', async () => {
    await receive('MUG', 5);
    await push();
    const told: unknown[] = [];
    context = { ...context, log: { ...silent, warn: (fields) => void told.push(fields) } };
    word('numbers 77', false, 'AK5 R 5');
    await poll();
    expect(told).toEqual([{ channel: CHANNEL, receipt: 'numbers 77', isAccepted: false }]);
    expect(await alertsOf()).toEqual([]);
    expect(await acked('MUG')).toEqual({ version: 1, acked: 0 });
  });

  test('newer ones do not wait for a receipt; a late one of the old ones undoes nothing', async () => {
    await receive('MUG', 5);
    await push();
    await receive('MUG', 2);
    await push();
    expect(partner.numbers().map(({ items }) => items)).toEqual([{ 'ref-MUG': 5 }, { 'ref-MUG': 7 }]);
    const [first, second] = partner.numbers();
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1000);
    word('numbers 2', true);
    await poll();
    word('numbers 1', false, 'too old');
    await poll();
    expect(await acked('MUG')).toEqual({ version: 2, acked: 2 });
    expect(await alertsOf()).toEqual([]);
    await push();
    expect(partner.numbers()).toHaveLength(2);
  });

  test('that are refused are told, put off, and sent anew', async () => {
    await receive('MUG', 5);
    await push();
    word('numbers 1', false, 'AK5 R 5');
    await poll();
    await push();
    expect(partner.numbers()).toHaveLength(1);
    expect(await alertsOf()).toEqual([{ code: 'push-rejected' }]);
    clock += 6 * 60_000;
    await push();
    expect(partner.numbers()).toMatchObject([{}, { sequence: 2, items: { 'ref-MUG': 5 } }]);
  });

  test('without a receipt are told and go out anew, under a new number', async () => {
    await receive('MUG', 5);
    await push();
    await store.db.rows(sql`update listing_sync set resend_at = clock_timestamp()`);
    expect(await bells()).toContain('push');
    clock += 120_000;
    await reconcileChannel(context, CHANNEL, never);
    expect(await alertsOf()).toEqual([{ code: 'receipt-overdue' }]);
    await push();
    expect(partner.numbers().map(({ items }) => items)).toEqual([{ 'ref-MUG': 5 }, { 'ref-MUG': 5 }]);
    word('numbers 2', true);
    await poll();
    await reconcileChannel(context, CHANNEL, never);
    expect(await alertsOf()).toEqual([]);
  });

  test('of a dead worker go out again with the same bytes', async () => {
    await receive('MUG', 5);
    await push();
    await store.db.rows(
      sql`update push_attempt set state = 'open', finished_at = null, lease_until = clock_timestamp(), receipt = null`,
    );
    await store.db.rows(sql`update push_attempt_item set outcome = null`);
    await store.db.rows(sql`update listing_sync set sent_version = null`);
    await push();
    const [first, second] = partner.put;
    expect(second).toEqual(first);
    word('numbers 1', true);
    await poll();
    expect(await acked('MUG')).toEqual({ version: 1, acked: 1 });
  });

  test('go out whole to a partner to whom a listing left out counts as 0', async () => {
    open({ documents: { pushEveryMs: 1000, scope: 'all', receiptMs: 60_000 } });
    await receive('MUG', 5);
    await receive('TEE', 3);
    await push();
    word('numbers 1', true);
    await poll();
    await receive('TEE', 1);
    await push();
    expect(partner.numbers().map(({ items }) => items)).toEqual([
      { 'ref-MUG': 5, 'ref-TEE': 3 },
      { 'ref-MUG': 5, 'ref-TEE': 4 },
    ]);
  });

  test('wait for the partner’s turn', async () => {
    open({ documents: { pushEveryMs: 300_000, scope: 'changed', receiptMs: 60_000 } });
    await receive('MUG', 5);
    await push();
    await receive('MUG', 1);
    await push();
    expect(partner.numbers()).toHaveLength(1);
    clock += 300_000;
    await push();
    expect(partner.numbers()).toHaveLength(2);
  });
});
