/**
 * Push attempts: a write that is on its way to a platform, with owner, lease, fence and its exact bytes.
 *
 * | attempt | meaning                                       | next                                              |
 * | open    | its bytes are stored; they may be on the wire | done; ticket; after the lease: items unknown      |
 * | ticket  | the platform took it and works                | done, by collect                                  |
 * | done    | every item has its outcome                    | final; `sent` items: the receipt's word           |
 *
 * Guarantees: at most one unfinished write per listing (unique index); an item enters only with its listing's newest version;
 * outcomes are taken only from the holder of the fence (I6).
 */
import { sql } from 'drizzle-orm';
import type { Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import { WITHIN_SHARE } from './gates.ts';
import { list } from './list.ts';

export type PlannedItem = {
  readonly listingId: number;
  readonly version: number;
  readonly quantity: number;
  readonly wireQuantity: number;
  readonly compareWith: number | null;
  readonly soldBaseline: number;
};

export type NewAttempt = {
  readonly channelId: string;
  readonly lane: string;
  readonly owner: string;
  readonly leaseMs: number;
  readonly idempotencyKey: string;
};

export type AttemptItem = PlannedItem & { readonly position: number };
export type Attempt = { readonly id: number; readonly fence: number; readonly items: readonly AttemptItem[] };

/**
 * Opens an attempt with those of the planned items that are still the newest version, on a live channel and within its share, with no
 * write under way; null when none is left. Mode and share cannot change before the bytes are stored: the channel's row is held. `prepare` is pure and gives the bytes for the items that stayed.
 */
export async function openAttempt(
  tx: Queries,
  head: NewAttempt,
  planned: readonly PlannedItem[],
  prepare: (items: readonly AttemptItem[]) => string,
): Promise<(Attempt & { readonly wire: string }) | null> {
  const [attempt] = await tx.rows<{ id: number; fence: number }>(sql`
    insert into push_attempt (channel_id, lane, owner, lease_until, idempotency_key, wire)
    select id, ${head.lane}, ${head.owner}, clock_timestamp() + make_interval(secs => ${head.leaseMs / 1000}::float8), ${head.idempotencyKey}, ''
    from channel where id = ${head.channelId} and mode = 'live' for share returning id, fence`);
  if (attempt === undefined) return null;
  const rows = planned.map((item, position) => ({ ...item, position }));
  const kept = await tx.rows<{ position: number }>(sql`
    insert into push_attempt_item (attempt_id, position, listing_id, version, quantity, wire_quantity, compare_with, sold_baseline)
    select ${attempt.id}, r.position, r."listingId", r.version, r.quantity, r."wireQuantity", r."compareWith", r."soldBaseline"
    from json_to_recordset(${JSON.stringify(rows)}::json) as r(position int, "listingId" bigint, version int, quantity int,
      "wireQuantity" int, "compareWith" int, "soldBaseline" int)
    join target t on t.listing_id = r."listingId" and t.version = r.version
    join listing l on l.id = r."listingId" join channel c on c.id = ${head.channelId} and ${WITHIN_SHARE}
    order by r."listingId"
    on conflict (listing_id) where outcome is null do nothing returning position`);
  const stayed = new Set(kept.map(({ position }) => position));
  const items = rows.filter(({ position }) => stayed.has(position));
  if (items.length === 0) {
    await tx.rows(sql`delete from push_attempt where id = ${attempt.id}`);
    return null;
  }
  const wire = prepare(items);
  await tx.rows(sql`update push_attempt set wire = ${wire}, sent_at = clock_timestamp() where id = ${attempt.id}`);
  return { ...attempt, items, wire };
}

export type ItemOutcome = { readonly position: number; readonly outcome: string; readonly detail: string | null };

/** Takes the fence under which outcomes are written; false when the lease was lost to somebody who found it expired. */
export async function holdFence(tx: Queries, attemptId: number, fence: number): Promise<boolean> {
  const rows = await tx.rows(sql`
    select 1 from push_attempt where id = ${attemptId} and fence = ${fence} and state <> 'done' for update`);
  return rows.length === 1;
}

/** Writes outcomes; the attempt is done when every item has one. */
export async function finishItems(tx: Queries, attemptId: number, outcomes: readonly ItemOutcome[]): Promise<void> {
  await tx.rows(sql`
    update push_attempt_item i set outcome = r.outcome, detail = r.detail, finished_at = clock_timestamp()
    from json_to_recordset(${JSON.stringify(outcomes)}::json) as r(position int, outcome text, detail text)
    where i.attempt_id = ${attemptId} and i.position = r.position`);
  await tx.rows(sql`
    update push_attempt set state = 'done', finished_at = clock_timestamp()
    where id = ${attemptId} and not exists (select 1 from push_attempt_item where attempt_id = ${attemptId} and outcome is null)`);
}

/** It went out as a document: the receipt of this name will say what became of it. */
export async function keepReceiptName(tx: Queries, attemptId: number, receipt: string): Promise<void> {
  await tx.rows(sql`update push_attempt set receipt = ${receipt} where id = ${attemptId}`);
}

export type ReceiptedAttempt = {
  readonly id: number;
  readonly receipt: string;
  readonly isAccepted: boolean;
  readonly reason: string;
  /** Those that were still waiting for this word. */
  readonly items: readonly AttemptItem[];
};

/** The attempts that these receipts are about, with the items that wait for them; locked, so that one word counts once. */
export async function takeReceipted(
  tx: Queries,
  channelId: string,
  receipts: readonly { readonly receipt: string; readonly isAccepted: boolean; readonly reason: string }[],
): Promise<ReceiptedAttempt[]> {
  if (receipts.length === 0) return [];
  const rows = await tx.rows<{ id: number; receipt: string }>(sql`
    select id, receipt from push_attempt where channel_id = ${channelId}
      and receipt = any(${list(receipts.map(({ receipt }) => receipt))}) order by id for update`);
  if (rows.length === 0) return [];
  const items = await tx.rows<AttemptItem & { attemptId: number }>(sql`
    select attempt_id as "attemptId", position, listing_id as "listingId", version, quantity, wire_quantity as "wireQuantity",
      compare_with as "compareWith", sold_baseline as "soldBaseline" from push_attempt_item
    where attempt_id = any(${list(rows.map(({ id }) => id))}::bigint[]) and outcome = 'sent' order by attempt_id, position`);
  const words = new Map(receipts.map((one) => [one.receipt, one]));
  const byAttempt = Map.groupBy(items, ({ attemptId }) => attemptId);
  return rows.flatMap(({ id, receipt }) => {
    const word = words.get(receipt);
    if (word === undefined) return [];
    return [{ id, receipt, isAccepted: word.isAccepted, reason: word.reason, items: byAttempt.get(id) ?? [] }];
  });
}

/** Nobody waits any more for a word on these listings' older numbers: a newer one, or the same sent anew, was accepted. */
export async function supersedeSent(
  tx: Queries,
  attemptId: number,
  items: readonly { readonly listingId: number; readonly version: number }[],
): Promise<void> {
  await tx.rows(sql`
    update push_attempt_item i set outcome = 'superseded', finished_at = clock_timestamp()
    from json_to_recordset(${JSON.stringify(items)}::json) as r("listingId" bigint, version int)
    where i.listing_id = r."listingId" and i.version <= r.version and i.outcome = 'sent' and i.attempt_id <> ${attemptId}`);
}

export async function keepTicket(tx: Queries, attemptId: number, ticket: string, collectAt: Instant): Promise<void> {
  await tx.rows(sql`
    update push_attempt set state = 'ticket', ticket = ${ticket}, collect_at = to_timestamp(${collectAt} / 1000.0) where id = ${attemptId}`);
}

/** Items still without an outcome; `wireIndex` is their place among all that were sent. */
export type OpenAttempt = {
  readonly id: number;
  readonly fence: number;
  readonly items: readonly (AttemptItem & { readonly wireIndex: number })[];
  readonly itemCount: number;
  readonly channelId: string;
  readonly ticket: string | null;
  readonly wire: string;
  readonly createdAt: Instant;
};

type AttemptRow = {
  id: number;
  fence: number;
  channel_id: string;
  ticket: string | null;
  wire: string;
  created_at: number;
};

async function withItems(tx: Queries, attempts: readonly AttemptRow[]): Promise<OpenAttempt[]> {
  if (attempts.length === 0) return [];
  const items = await tx.rows<OpenAttempt['items'][number] & { attemptId: number; outcome: string | null }>(sql`
    select attempt_id as "attemptId", position, listing_id as "listingId", version, quantity, wire_quantity as "wireQuantity",
      compare_with as "compareWith", sold_baseline as "soldBaseline", outcome,
      (row_number() over (partition by attempt_id order by position))::int - 1 as "wireIndex"
    from push_attempt_item where attempt_id = any(${list(attempts.map((attempt) => attempt.id))}::bigint[])
    order by attempt_id, position`);
  const byAttempt = Map.groupBy(items, (item) => item.attemptId);
  return attempts.map((row) => ({
    id: row.id,
    fence: row.fence,
    channelId: row.channel_id,
    ticket: row.ticket,
    wire: row.wire,
    createdAt: row.created_at,
    items: (byAttempt.get(row.id) ?? []).filter((item) => item.outcome === null),
    itemCount: byAttempt.get(row.id)?.length ?? 0,
  }));
}

/** Attempts whose owner died with bytes perhaps on the wire: the fence is raised, so that a late outcome of that owner is refused. */
export async function takeExpired(
  tx: Queries,
  channelId: string,
  owner: string,
  leaseMs: number,
): Promise<OpenAttempt[]> {
  const rows = await tx.rows<AttemptRow>(sql`
    update push_attempt set fence = fence + 1, owner = ${owner}, lease_until = clock_timestamp() + make_interval(secs => ${leaseMs / 1000}::float8)
    where id in (select id from push_attempt where channel_id = ${channelId} and state = 'open' and lease_until < clock_timestamp()
      order by id limit 100 for update skip locked)
    returning id, fence, channel_id, ticket, wire, created_at`);
  return withItems(tx, rows);
}

/** Tickets whose time to be asked for has come, leased to this worker. */
export async function takeTickets(
  tx: Queries,
  channelId: string,
  owner: string,
  leaseMs: number,
): Promise<OpenAttempt[]> {
  const rows = await tx.rows<AttemptRow>(sql`
    update push_attempt set fence = fence + 1, owner = ${owner}, lease_until = clock_timestamp() + make_interval(secs => ${leaseMs / 1000}::float8),
      collect_at = clock_timestamp() + make_interval(secs => ${leaseMs / 1000}::float8)
    where id in (select id from push_attempt where channel_id = ${channelId} and state = 'ticket' and collect_at <= clock_timestamp()
      order by id limit 20 for update skip locked)
    returning id, fence, channel_id, ticket, wire, created_at`);
  return withItems(tx, rows);
}

export async function askLater(tx: Queries, attemptId: number, collectAt: Instant): Promise<void> {
  await tx.rows(sql`update push_attempt set collect_at = to_timestamp(${collectAt} / 1000.0) where id = ${attemptId}`);
}
