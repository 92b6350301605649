/**
 * Documents that we owe a partner (acknowledgments, answers), the numbers they bear, and what came by document before.
 *
 * | document | meaning                                              | next                          |
 * | withheld | made while its channel was in shadow                 | final: it is never sent       |
 * | pending  | its bytes are stored                                 | sent                          |
 * | sent     | put out; a receipt may come                          | accepted, rejected; pending   |
 * | accepted, rejected | what the partner's receipt said            | pending, when it asks again   |
 *
 * Guarantees: a number is taken in the transaction that stores the bytes that bear it, and never given twice; one document per
 * kind and subject; sending again sends the stored bytes.
 */
import { sql } from 'drizzle-orm';
import type { Instant, OrderId, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { ringBells } from './outbox.ts';
import { recordset } from './recordset.ts';

export type DocumentStamp = { readonly sequence: number; readonly at: Instant };

const iso = (at: Instant): string => new Date(at).toISOString();

async function takeSequence(tx: Queries, channelId: string): Promise<number> {
  const [row] = await tx.rows<{ sequence: number }>(sql`
    insert into document_counter (channel_id, sequence) values (${channelId}, 1)
    on conflict (channel_id) do update set sequence = document_counter.sequence + 1 returning sequence`);
  if (row === undefined) throw new Error(`document_counter answered no row for ${channelId}`);
  return row.sequence;
}

/** For a document with numbers: partners ignore one that is not later than the last, to the second. */
export async function stampNumbers(tx: Queries, channelId: string, now: Instant): Promise<DocumentStamp> {
  const [row] = await tx.rows<{ sequence: number; at: Instant }>(sql`
    insert into document_counter (channel_id, sequence, numbers_at) values (${channelId}, 1, ${iso(now)}::timestamptz)
    on conflict (channel_id) do update set sequence = document_counter.sequence + 1,
      numbers_at = greatest(excluded.numbers_at, document_counter.numbers_at + interval '1 second')
    returning sequence, numbers_at as at`);
  if (row === undefined) throw new Error(`document_counter answered no row for ${channelId}`);
  return row;
}

/** The moment that the last document with numbers bears; null before the first. */
export async function numbersSentAt(db: Queries, channelId: string): Promise<Instant | null> {
  const [row] = await db.rows<{ at: Instant | null }>(sql`
    select numbers_at as at from document_counter where channel_id = ${channelId}`);
  return row?.at ?? null;
}

export type Draft = {
  readonly kind: string;
  readonly subject: string;
  write(stamp: DocumentStamp): { readonly name: string; readonly text: string; readonly receipt: string | null };
};

type Origin = { readonly channelId: string; readonly inboxId: number | null; readonly now: Instant };

/** Numbers and stores what is not there yet, and rings for it. */
export async function storeDrafts(tx: Queries, drafts: readonly Draft[], origin: Origin): Promise<void> {
  const { channelId, inboxId, now } = origin;
  if (drafts.length === 0) return;
  const known = await tx.rows<{ kind: string; subject: string }>(sql`
    select d.kind, d.subject from document d
    join ${recordset(
      drafts.map(({ kind, subject }) => ({ kind, subject })),
      { kind: 'text', subject: 'text' },
      'r',
    )}
      on r.kind = d.kind and r.subject = d.subject where d.channel_id = ${channelId}`);
  const there = new Set(known.map(({ kind, subject }) => `${kind} ${subject}`));
  const rows = [];
  for (const draft of drafts) {
    if (there.has(`${draft.kind} ${draft.subject}`)) continue;
    const sequence = await takeSequence(tx, channelId);
    const { name, text, receipt } = draft.write({ sequence, at: now });
    rows.push({ kind: draft.kind, subject: draft.subject, sequence, name, wire: text, receipt });
  }
  if (rows.length === 0) return;
  await tx.rows(sql`
    insert into document (channel_id, kind, subject, inbox_id, sequence, name, wire, receipt, state)
    select c.id, r.kind, r.subject, ${inboxId}::bigint, r.sequence, r.name, r.wire, r.receipt,
      case c.mode when 'shadow' then 'withheld' else 'pending' end
    from channel c cross join ${recordset(rows, { kind: 'text', subject: 'text', sequence: 'int8', name: 'text', wire: 'text', receipt: 'text' }, 'r')}
    where c.id = ${channelId} on conflict (channel_id, kind, subject) do nothing`);
  await ringBells(tx, [{ topic: 'documents', key: channelId }]);
}

export type PendingDocument = { readonly id: number; readonly name: string; readonly text: string };

/** Locked until the transaction ends, oldest first: a second sender waits, and then finds them sent. None of a channel that is not live. */
export const holdPendingDocuments = (tx: Queries, channelId: string, max: number): Promise<PendingDocument[]> =>
  tx.rows<PendingDocument>(sql`
    select d.id, d.name, d.wire as text from document d join channel c on c.id = d.channel_id
    where d.channel_id = ${channelId} and d.state = 'pending' and c.mode = 'live' order by d.id limit ${max} for update of d`);

export async function markDocumentsSent(tx: Queries, ids: readonly number[]): Promise<void> {
  await tx.rows(sql`
    update document set state = 'sent', sent_at = clock_timestamp() where id = any(${list(ids)}::bigint[])`);
}

const ANSWERED = sql`state in ('sent', 'accepted', 'rejected')`;

async function ringIfAny(tx: Queries, channelId: string, rows: readonly object[]): Promise<void> {
  if (rows.length > 0) await ringBells(tx, [{ topic: 'documents', key: channelId }]);
}

/** The partner sent these files again, so it misses what we answered: the stored bytes go out again. */
export async function sendRepliesAgain(tx: Queries, channelId: string, inboxKeys: readonly string[]): Promise<void> {
  const rows = await tx.rows(sql`
    update document set state = 'pending' where ${ANSWERED} and inbox_id in (
      select inbox_id from inbox_key where channel_id = ${channelId} and key = any(${list(inboxKeys)})) returning id`);
  await ringIfAny(tx, channelId, rows);
}

/** The same for one envelope that came again in another file. */
export async function sendReplyAgain(tx: Queries, channelId: string, subject: string): Promise<void> {
  const rows = await tx.rows(sql`
    update document set state = 'pending' where channel_id = ${channelId} and subject = ${subject} and ${ANSWERED} returning id`);
  await ringIfAny(tx, channelId, rows);
}

export type ReceivedKey = { readonly kind: 'envelope' | 'order'; readonly key: string; readonly digest: string };

/** Keeps the keys of what came; answers, of those that came in another document before, whether their content is another one. */
export async function keepReceivedKeys(
  tx: Queries,
  keys: readonly ReceivedKey[],
  from: { readonly channelId: string; readonly inboxId: number },
): Promise<ReadonlyMap<string, 'changed' | 'repeated'>> {
  if (keys.length === 0) return new Map();
  const rows = recordset(keys, { kind: 'text', key: 'text', digest: 'text' }, 'r');
  await tx.rows(sql`
    insert into received_key (channel_id, kind, key, digest, inbox_id)
    select ${from.channelId}, kind, key, digest, ${from.inboxId} from ${rows} order by kind, key on conflict do nothing`);
  const before = await tx.rows<{ key: string; isChanged: boolean }>(sql`
    select k.key, k.digest <> r.digest as "isChanged" from received_key k join ${rows} on r.kind = k.kind and r.key = k.key
    where k.channel_id = ${from.channelId} and (k.digest <> r.digest or k.inbox_id <> ${from.inboxId})`);
  return new Map(before.map(({ key, isChanged }) => [key, isChanged ? 'changed' : 'repeated']));
}

export type NamedReceipt = { readonly receipt: string; readonly isAccepted: boolean; readonly reason: string };

/** What became of our documents; answers the names of those that are such. A receipt for numbers is attempts.ts's. */
export async function keepReceipts(
  tx: Queries,
  channelId: string,
  receipts: readonly NamedReceipt[],
): Promise<readonly string[]> {
  const kept = await tx.rows<{ receipt: string }>(sql`
    update document d set state = case when r."isAccepted" then 'accepted' else 'rejected' end, reason = left(r.reason, 500),
      receipt_at = clock_timestamp()
    from ${recordset(receipts, { receipt: 'text', isAccepted: 'boolean', reason: 'text' }, 'r')}
    where d.channel_id = ${channelId} and d.receipt = r.receipt returning d.receipt`);
  return kept.map(({ receipt }) => receipt);
}

export type Unreceipted = { readonly documents: number; readonly attempts: number; readonly oldest: Instant | null };

/** What was sent before `before` and has no receipt yet, where one is expected. */
export async function countUnreceipted(db: Queries, channelId: string, before: Instant): Promise<Unreceipted> {
  const [row] = await db.rows<Unreceipted>(sql`
    with late as (
      select sent_at, true as is_document from document
        where channel_id = ${channelId} and state = 'sent' and receipt is not null and sent_at < ${iso(before)}::timestamptz
      union all select a.sent_at, false from push_attempt a
        where a.channel_id = ${channelId} and a.receipt is not null and a.sent_at < ${iso(before)}::timestamptz
          and exists (select 1 from push_attempt_item i where i.attempt_id = a.id and i.outcome = 'sent'))
    select count(*) filter (where is_document)::int as documents, count(*) filter (where not is_document)::int as attempts,
      min(sent_at) as oldest from late`);
  return row ?? { documents: 0, attempts: 0, oldest: null };
}

export type UnansweredLine = {
  readonly lineRef: string;
  /** Listing units. */
  readonly accepted: number;
  readonly backOrdered: number;
};

export type UnansweredOrder = {
  readonly id: OrderId;
  readonly orderRef: string;
  readonly version: number;
  readonly answeredAt: Instant;
  /** Of the document that stated it first; null when no document did. */
  readonly inboxId: number | null;
  readonly lines: readonly UnansweredLine[];
};

/** Orders of the channel whose answer is decided and not written yet, oldest first. */
export const readUnanswered = (db: Queries, channelId: string, now: Instant, max: number): Promise<UnansweredOrder[]> =>
  db.rows<UnansweredOrder>(sql`
    select o.id, o.state->>'orderRef' as "orderRef", o.answered_version as version, o.answered_at as "answeredAt",
      (select c.inbox_id from command c where c.order_id = o.id and c.kind = 'order-state' and c.inbox_id is not null
        and c.state = 'applied' order by c.id limit 1) as "inboxId",
      (select coalesce(json_agg(json_build_object('lineRef', l.line_ref, 'accepted', l.accepted / l.pack,
        'backOrdered', l.back_ordered / l.pack) order by l.line_ref collate "C"), '[]')
        from order_line l where l.order_id = o.id and l.accepted is not null) as lines
    from sales_order o where o.channel_id = ${channelId} and o.answered_version > o.answer_stored_version
      and coalesce(o.answer_retry_at <= ${iso(now)}::timestamptz, true)
    order by o.answered_at, o.id limit ${max}`);

/** False when another worker was faster, or the order was answered anew meanwhile. */
export async function holdUnanswered(tx: Queries, id: OrderId, version: number): Promise<boolean> {
  const rows = await tx.rows(sql`
    select 1 from sales_order where id = ${id} and answered_version = ${version} and answer_stored_version < ${version} for update`);
  return rows.length === 1;
}

export async function markAnswerStored(tx: Queries, id: OrderId, version: number): Promise<void> {
  await tx.rows(sql`
    update sales_order set answer_stored_version = ${version}, answer_retry_at = null where id = ${id}`);
}

/** Base units that an order waits to be answered for, by item, most first. */
export const unitsOfAnswer = (tx: Queries, id: OrderId): Promise<{ readonly sku: Sku; readonly units: number }[]> =>
  tx.rows<{ sku: Sku; units: number }>(sql`
    select sku, sum(ordered - cancelled)::int8 as units from order_line
    where order_id = ${id} and sku is not null group by sku having sum(ordered - cancelled) > 0 order by 2 desc, 1`);

export type DocumentRow = {
  readonly id: number;
  readonly channel: string;
  readonly kind: string;
  readonly subject: string;
  readonly sequence: number;
  readonly name: string;
  readonly state: string;
  readonly receipt: string | null;
  readonly reason: string | null;
  readonly createdAt: Instant;
  readonly sentAt: Instant | null;
  readonly receiptAt: Instant | null;
};

export type DocumentFilter = { readonly channel?: string; readonly state?: string; readonly limit: number };

const DOCUMENT_ROW = sql`id, channel_id as channel, kind, subject, sequence, name, state, receipt, reason, created_at as "createdAt",
  sent_at as "sentAt", receipt_at as "receiptAt"`;

/** Newest first. */
export const listDocuments = (db: Queries, { channel, state, limit }: DocumentFilter): Promise<DocumentRow[]> =>
  db.rows<DocumentRow>(sql`
    select ${DOCUMENT_ROW} from document where coalesce(channel_id = ${channel ?? null}, true)
      and coalesce(state = ${state ?? null}, true) order by id desc limit ${limit}`);

export async function showDocument(
  db: Queries,
  id: number,
): Promise<(DocumentRow & { readonly text: string }) | undefined> {
  const [row] = await db.rows<DocumentRow & { text: string }>(sql`
    select ${DOCUMENT_ROW}, wire as text from document where id = ${id}`);
  return row;
}

/** False for what was never sent. */
export async function resendDocument(tx: Queries, id: number): Promise<boolean> {
  const rows = await tx.rows<{ channel: string }>(sql`
    update document set state = 'pending' where id = ${id} and ${ANSWERED} returning channel_id as channel`);
  for (const { channel } of rows) await ringIfAny(tx, channel, rows);
  return rows.length === 1;
}
