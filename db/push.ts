/**
 * What push reads and writes of listings: which are behind, what was acknowledged, observed, put off. Attempts are attempts.ts.
 */
import { sql } from 'drizzle-orm';
import type { StopReason } from '#core/drift.ts';
import type { Instant } from '#core/model.ts';
import type { SyncState, WireTarget } from '#core/wire.ts';
import type { Queries } from './client.ts';
import { WITHIN_SHARE } from './gates.ts';
import { list } from './list.ts';

/** Opaque to all but the connector. */
export type ListingRefs = {
  readonly listingRef: string;
  readonly locationRef: string;
  readonly data: Readonly<Record<string, string>>;
};

export type PushCandidate = {
  readonly listingId: number;
  readonly sku: string;
  readonly key: ListingRefs;
  readonly version: number;
  readonly target: WireTarget;
  readonly sync: SyncState;
  /** What `sync` is, if the write whose answer never came did apply; and since when looks leave that in doubt. */
  readonly unknown: (SyncState & { readonly doubtedAt: Instant | null }) | null;
  readonly failures: number;
  /** When the platform last accepted a write of ours. */
  readonly writtenAt: Instant | null;
  /** A read was asked for: by a stale compare, an unknown outcome, or reconcile. */
  readonly needsRead: boolean;
  /** By when the goods are there that the number relies on beyond stock; and whether that is news since the last acknowledgement. */
  readonly restockAt: Instant | null;
  readonly isRestockNew: boolean;
  readonly decidedAt: Instant;
  /** The channel is live, and its share does not reach this item: as in shadow. Told by `listingsByRef` alone. */
  readonly isBeyondShare: boolean;
  /** A number went out by document and has no receipt yet: what `sync` says is from before it. */
  readonly isOnItsWay: boolean;
  /** Never raised, or not written at all, until somebody says so (core/drift.ts). */
  readonly stopped: StopReason | null;
};

export type CandidateRow = {
  id: number;
  sku: string;
  listing_ref: string;
  location_ref: string;
  data: Record<string, string>;
  version: number;
  quantity: number;
  own_sold: number;
  own_open: number;
  in_flight: number;
  seen_sold: number | null;
  seen_until: number | null;
  acked_quantity: number | null;
  acked_wire: number | null;
  sold_baseline: number | null;
  unknown_quantity: number | null;
  unknown_wire: number | null;
  unknown_baseline: number | null;
  doubted_at: number | null;
  failures: number | null;
  written_at: number | null;
  needs_read: boolean;
  is_on_its_way: boolean;
  stopped_because: StopReason | null;
  restock_at: number | null;
  is_restock_new: boolean;
  decided_at: number;
  is_beyond_share?: boolean;
};

export const candidateOf = (row: CandidateRow): PushCandidate => ({
  listingId: row.id,
  sku: row.sku,
  key: { listingRef: row.listing_ref, locationRef: row.location_ref, data: row.data },
  version: row.version,
  target: {
    quantity: row.quantity,
    ownSold: row.own_sold,
    ownOpen: row.own_open,
    inFlight: row.in_flight,
    seenSold: row.seen_sold,
    seenUntil: row.seen_until,
  },
  sync: { ackedQuantity: row.acked_quantity, ackedWire: row.acked_wire, soldBaseline: row.sold_baseline },
  unknown:
    row.unknown_quantity === null
      ? null
      : {
          ackedQuantity: row.unknown_quantity,
          ackedWire: row.unknown_wire,
          soldBaseline: row.unknown_baseline,
          doubtedAt: row.doubted_at,
        },
  failures: row.failures ?? 0,
  writtenAt: row.written_at,
  needsRead: row.needs_read,
  isOnItsWay: row.is_on_its_way,
  stopped: row.stopped_because,
  restockAt: row.restock_at,
  isRestockNew: row.is_restock_new,
  decidedAt: row.decided_at,
  isBeyondShare: row.is_beyond_share ?? false,
});

/** Of listing l, its target t and its sync s: all of CandidateRow but `needs_read`. */
export const CANDIDATE = sql`l.id, l.sku, l.listing_ref, l.location_ref, l.data, t.version, t.quantity, t.own_sold, t.own_open, t.in_flight,
  t.seen_sold, t.seen_until, s.acked_quantity, s.acked_wire, s.sold_baseline,
  s.unknown_quantity, s.unknown_wire, s.unknown_baseline, s.doubted_at, s.failures, s.written_at, s.stopped_because,
  coalesce(s.sent_version > t.acked_version, false) as is_on_its_way, t.restock_at, t.dated_version > t.acked_version as is_restock_new,
  t.decided_at`;

/** By document the newest number may be on its way already: it goes again when its receipt does not come. */
export const IS_NOT_SENT = sql`(coalesce(s.sent_version, 0) <= t.acked_version or s.resend_at <= clock_timestamp()
  or s.sent_quantity <> t.quantity or s.sent_baseline <> t.own_sold)`;

/** A stopped listing is due only to be lowered. */
const IS_DUE_WHILE_STOPPED = sql`(s.stopped_because is null or (s.stopped_because <> 'ask' and t.quantity < coalesce(s.observed_sellable, 0)))`;

/**
 * Listings of a live channel whose target is ahead of what was acknowledged, or that are due for a look: lowering first, then what is
 * behind, and those last whose last write, after `settledBefore`, may not show yet.
 */
export async function dueListings(
  db: Queries,
  channelId: string,
  { now, settledBefore, max }: { readonly now: Instant; readonly settledBefore: Instant; readonly max: number },
): Promise<PushCandidate[]> {
  const rows = await db.rows<CandidateRow>(sql`
    with behind as materialized (select listing_id from target where is_behind),
      looks as materialized (select listing_id from listing_sync where read_due_at <= to_timestamp(${now} / 1000.0)),
      ours as materialized (
        select l.id, l.sku, l.listing_ref, l.location_ref, l.data from listing l
        join (select listing_id from behind union select listing_id from looks) due on due.listing_id = l.id
        join channel c on c.id = l.channel_id and ${WITHIN_SHARE}
        where l.channel_id = ${channelId} and l.sku is not null)
    select ${CANDIDATE}, coalesce(s.read_due_at <= to_timestamp(${now} / 1000.0), false) as needs_read
    from ours l join target t on t.listing_id = l.id left join listing_sync s on s.listing_id = l.id
    where (select mode from channel where id = ${channelId}) = 'live' and t.version > 0
      and ((t.is_behind and ${IS_NOT_SENT}) or s.read_due_at <= to_timestamp(${now} / 1000.0))
      and coalesce(s.blocked_until <= to_timestamp(${now} / 1000.0), true) and ${IS_DUE_WHILE_STOPPED}
      and not exists (select 1 from push_attempt_item i where i.listing_id = l.id and i.outcome is null)
    order by (t.quantity < coalesce(s.acked_quantity, 0)) desc,
      coalesce(s.written_at > to_timestamp(${settledBefore} / 1000.0), false), t.is_behind desc,
      t.decided_at, l.id limit ${max}`);
  return rows.map(candidateOf);
}

/** The earliest moment at which a listing that is put off, or whose look is not due yet, will be due; null when there is none. */
export async function nextDueAt(db: Queries, channelId: string, now: Instant): Promise<Instant | null> {
  const [row] = await db.rows<{ at: Instant | null }>(sql`
    with later as (
      select t.listing_id, s.blocked_until as at from target t join listing_sync s on s.listing_id = t.listing_id
        where t.is_behind and s.blocked_until is not null
      union all select s.listing_id, greatest(s.read_due_at, s.blocked_until) from listing_sync s where s.read_due_at is not null)
    select min(later.at) as at from later join listing l on l.id = later.listing_id join channel c on c.id = l.channel_id
    where l.channel_id = ${channelId} and c.mode = 'live' and ${WITHIN_SHARE} and l.sku is not null and later.at > to_timestamp(${now} / 1000.0)`);
  return row?.at ?? null;
}

/**
 * Listings' push state, whether due or not. A platform may name a listing by another of its ids, which its connector keeps in `data`
 * (a Shopify level names the inventory item, an order the variant).
 */
export async function listingsByRef(
  db: Queries,
  channelId: string,
  refs: readonly { listingRef: string; locationRef: string }[],
): Promise<PushCandidate[]> {
  const rows = await db.rows<CandidateRow>(sql`
    with r as (select * from json_to_recordset(${JSON.stringify(refs)}::json) as r("listingRef" text, "locationRef" text)),
      named as (
        select l.id from r join listing l
          on l.channel_id = ${channelId} and l.listing_ref = r."listingRef" and l.location_ref = r."locationRef"
        union select l.id from listing l
          where l.channel_id = ${channelId} and jsonb_path_query_array(l.data, '$.*') ?| ${list(refs.map(({ listingRef }) => listingRef))}
            and exists (select 1 from r where r."locationRef" = l.location_ref and jsonb_path_query_array(l.data, '$.*') ? r."listingRef"))
    select ${CANDIDATE}, false as needs_read, c.mode = 'live' and not ${WITHIN_SHARE} as is_beyond_share
    from named join listing l on l.id = named.id join channel c on c.id = l.channel_id
    join target t on t.listing_id = l.id left join listing_sync s on s.listing_id = l.id
    where l.sku is not null and t.version > 0`);
  return rows.map(candidateOf);
}

/** All mapped listings of a live channel with nothing under way: for a partner to whom a listing left out counts as 0. */
export async function allListings(db: Queries, channelId: string, max: number): Promise<PushCandidate[]> {
  const rows = await db.rows<CandidateRow>(sql`
    select ${CANDIDATE}, false as needs_read
    from listing l join channel c on c.id = l.channel_id join target t on t.listing_id = l.id
      left join listing_sync s on s.listing_id = l.id
    where l.channel_id = ${channelId} and c.mode = 'live' and l.sku is not null and t.version > 0
    order by l.id limit ${max}`);
  return rows.map(candidateOf);
}

export type Sent = {
  readonly listingId: number;
  readonly version: number;
  readonly quantity: number;
  readonly soldBaseline: number;
  /** Without a receipt by then the number goes out anew. */
  readonly resendAt: Instant;
};

/** These went out by document. */
export async function noteSent(tx: Queries, rows: readonly Sent[]): Promise<void> {
  if (rows.length === 0) return;
  const text = JSON.stringify(rows.map((row) => ({ ...row, resendAt: iso(row.resendAt) })));
  await tx.rows(sql`
    insert into listing_sync (listing_id, sent_version, sent_quantity, sent_baseline, resend_at)
    select "listingId", version, quantity, "soldBaseline", "resendAt"
    from json_to_recordset(${text}::json) as r("listingId" bigint, version int, quantity int, "soldBaseline" int, "resendAt" timestamptz)
    order by "listingId"
    on conflict (listing_id) do update set sent_version = excluded.sent_version, sent_quantity = excluded.sent_quantity,
      sent_baseline = excluded.sent_baseline, resend_at = excluded.resend_at, read_due_at = null,
      blocked_until = null, blocked_reason = null, blocked_fix = null`);
}

/** The partner refused these: they are as if never sent. A newer number may be on its way already. */
export async function forgetSent(
  tx: Queries,
  rows: readonly { readonly listingId: number; readonly version: number }[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx.rows(sql`
    update listing_sync s set sent_version = null, sent_quantity = null, sent_baseline = null, resend_at = null
    from json_to_recordset(${JSON.stringify(rows)}::json) as r("listingId" bigint, version int)
    where s.listing_id = r."listingId" and s.sent_version = r.version`);
}

/** Of these, the ones that are not acknowledged yet: a receipt may come after that of a newer number. */
export async function stillBehind<Row extends { readonly listingId: number; readonly version: number }>(
  tx: Queries,
  rows: readonly Row[],
): Promise<Row[]> {
  if (rows.length === 0) return [];
  const behind = await tx.rows<{ listingId: number; version: number }>(sql`
    select r."listingId", r.version from json_to_recordset(${JSON.stringify(rows)}::json) as r("listingId" bigint, version int)
    join target t on t.listing_id = r."listingId" where r.version > t.acked_version`);
  const keys = new Set(behind.map(({ listingId, version }) => `${listingId} ${version}`));
  return rows.filter(({ listingId, version }) => keys.has(`${listingId} ${version}`));
}

export type Acknowledged = {
  readonly listingId: number;
  readonly version: number;
  readonly quantity: number;
  readonly wireQuantity: number;
  readonly soldBaseline: number;
  /** When to look again; null where the acknowledgement is proof enough. */
  readonly readDueAt: Instant | null;
  /** When the platform accepted the write; null when it was only read to show the number. */
  readonly writtenAt: Instant | null;
};

const iso = (instant: Instant | null): string | null => (instant === null ? null : new Date(instant).toISOString());

/** The platform shows these: by its own answer, by a read, or by its own order's decrement. */
export async function acknowledge(tx: Queries, rows: readonly Acknowledged[]): Promise<void> {
  if (rows.length === 0) return;
  const text = JSON.stringify(
    rows.map((row) => ({ ...row, readDueAt: iso(row.readDueAt), writtenAt: iso(row.writtenAt) })),
  );
  await tx.rows(sql`
    insert into listing_sync (listing_id, acked_quantity, acked_wire, sold_baseline, acked_at, read_due_at, written_at)
    select "listingId", quantity, "wireQuantity", "soldBaseline", clock_timestamp(), "readDueAt", "writtenAt"
    from json_to_recordset(${text}::json) as r("listingId" bigint, quantity int, "wireQuantity" int, "soldBaseline" int,
      "readDueAt" timestamptz, "writtenAt" timestamptz)
    order by "listingId"
    on conflict (listing_id) do update set acked_quantity = excluded.acked_quantity, acked_wire = excluded.acked_wire,
      sold_baseline = excluded.sold_baseline, acked_at = excluded.acked_at, read_due_at = excluded.read_due_at,
      written_at = coalesce(excluded.written_at, listing_sync.written_at), blocked_until = null, blocked_reason = null, blocked_fix = null, failures = 0,
      unknown_quantity = null, unknown_wire = null, unknown_baseline = null, doubted_at = null`);
  await tx.rows(sql`
    update target t set acked_version = greatest(t.acked_version, r.version)
    from json_to_recordset(${text}::json) as r("listingId" bigint, version int) where t.listing_id = r."listingId"`);
  // Whatever was parked of these has come to its end.
  await tx.rows(sql`
    with sent as (insert into push_ack (listing_id, version) select "listingId", version
      from json_to_recordset(${text}::json) as r("listingId" bigint, version int) returning listing_id)
    update parked p set state = 'retried', closed_at = clock_timestamp(), closed_by = 'push'
    from sent where p.source = 'listing' and p.source_id = sent.listing_id and p.state = 'parked'`);
}

export type Observed = {
  readonly listingId: number;
  readonly sellable: number;
  readonly shown: number;
  readonly state: string;
  readonly asOf: Instant;
};

/** What reads of the platform showed. */
export async function saveObserved(tx: Queries, rows: readonly Observed[]): Promise<void> {
  if (rows.length === 0) return;
  const text = JSON.stringify(rows.map((row) => ({ ...row, asOf: iso(row.asOf) })));
  await tx.rows(sql`
    insert into listing_sync (listing_id, shown, observed_sellable, observed_state, observed_at)
    select distinct on ("listingId") "listingId", shown, sellable, state, "asOf"
    from json_to_recordset(${text}::json) as r("listingId" bigint, sellable int, shown int, state text, "asOf" timestamptz)
    order by "listingId", "asOf" desc
    on conflict (listing_id) do update set shown = excluded.shown, observed_sellable = excluded.observed_sellable,
      observed_state = excluded.observed_state, observed_at = excluded.observed_at`);
}

/** A read has told whether a write whose answer never came did apply. */
export async function resolveUnknown(
  tx: Queries,
  rows: readonly (SyncState & { readonly listingId: number })[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx.rows(sql`
    update listing_sync s set acked_quantity = r."ackedQuantity", acked_wire = r."ackedWire", sold_baseline = r."soldBaseline",
      unknown_quantity = null, unknown_wire = null, unknown_baseline = null, doubted_at = null
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as r("listingId" bigint, "ackedQuantity" int, "ackedWire" int, "soldBaseline" int) where s.listing_id = r."listingId"`);
}

/** The answer to a write never came: what the platform would show if it applied. */
export async function noteUnknown(
  tx: Queries,
  rows: readonly (SyncState & { readonly listingId: number })[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx.rows(sql`
    insert into listing_sync (listing_id, unknown_quantity, unknown_wire, unknown_baseline)
    select "listingId", "ackedQuantity", "ackedWire", "soldBaseline"
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as r("listingId" bigint, "ackedQuantity" int, "ackedWire" int, "soldBaseline" int) order by "listingId"
    on conflict (listing_id) do update set unknown_quantity = excluded.unknown_quantity, unknown_wire = excluded.unknown_wire,
      unknown_baseline = excluded.unknown_baseline, doubted_at = null`);
}

/** Looks leave in doubt what became of the write whose answer never came; since the first of them it counts. */
export async function noteDoubt(tx: Queries, listingIds: readonly number[], at: Instant): Promise<void> {
  await tx.rows(sql`
    update listing_sync set doubted_at = coalesce(doubted_at, ${iso(at)}::timestamptz) where listing_id = any(${list(listingIds)}::bigint[])`);
}

/** Makes these due for a look now, without counting a failure: what reconcile and webhooks about a level ask for, each perhaps twice. */
export async function askForReads(tx: Queries, listingIds: readonly number[], at: Instant): Promise<void> {
  if (listingIds.length === 0) return;
  await tx.rows(sql`
    insert into listing_sync (listing_id, read_due_at)
    select distinct id, ${iso(at)}::timestamptz from unnest(${list(listingIds)}::bigint[]) as u(id) order by id
    on conflict (listing_id) do update set read_due_at = least(listing_sync.read_due_at, excluded.read_due_at)`);
}

/** Is there input of the last `freshMs` that was received and not read yet? Which items it touches nobody knows. */
export async function hasUnreadInput(tx: Queries, freshMs: number): Promise<boolean> {
  const [row] = await tx.rows<{ found: boolean }>(sql`
    select exists (select 1 from inbox_key where state = 'pending' and coalesce(retry_at <= clock_timestamp(), true)
      and received_at > clock_timestamp() - make_interval(secs => ${freshMs / 1000}::float8)) as found`);
  return row?.found ?? false;
}

/** However soon a platform settles: a page that was being read while we wrote shows the number before. */
const READING_MS = 2000;

/** Of these listings, those whose platform cannot be expected to show the target yet: behind, being written, put off, or settling. */
export async function listingsInFlight(
  db: Queries,
  listingIds: readonly number[],
  { now, settleMs }: { readonly now: Instant; readonly settleMs: number },
): Promise<ReadonlySet<number>> {
  const settledBefore = now - Math.max(READING_MS, settleMs);
  const rows = await db.rows<{ id: number }>(sql`
    select t.listing_id as id from target t left join listing_sync s on s.listing_id = t.listing_id
    where t.listing_id = any(${list(listingIds)}::bigint[]) and s.stopped_because is null and (t.is_behind
      or s.blocked_until > clock_timestamp() or s.acked_at > clock_timestamp() - make_interval(secs => ${READING_MS / 1000}::float8)
      or s.written_at > to_timestamp(${settledBefore} / 1000.0)
      or exists (select 1 from push_attempt_item i where i.listing_id = t.listing_id and i.outcome is null))`);
  return new Set(rows.map(({ id }) => id));
}
