/**
 * Drift of listings: what its judgement is made of, open and ended rows, overwrites, and listings that are stopped.
 *
 * Guarantees: at most one open drift per listing; it ends with a proof; a listing is resumed by name with a trail, or by a count of its
 * item that came after it was stopped.
 */
import { sql } from 'drizzle-orm';
import {
  type Drift,
  type DriftCause,
  LOWERED_TOO_MS,
  type OtherListing,
  type Overwrite,
  type StopReason,
} from '#core/drift.ts';
import type { ChannelId, Instant, Sku } from '#core/model.ts';
import type { PublishInputs } from '#core/publish.ts';
import { SKU_UNITS_MAX, type SkuUnits } from './alerts.ts';
import { writeAudit } from './audit.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { ringBells } from './outbox.ts';
import { recordset } from './recordset.ts';

export type DriftHistory = {
  readonly listingId: number;
  readonly pack: number;
  readonly namedSku: Sku | null;
  readonly ackedAt: Instant | null;
  readonly resumedAt: Instant | null;
  readonly writtenBefore: readonly number[];
  readonly overwrites: readonly Overwrite[];
  readonly others: readonly OtherListing[];
  readonly deficit: number;
  readonly countedAt: Instant | null;
  readonly inputs: PublishInputs | null;
};

/** Of listings that show another number than they should: few, so that each may cost some look-ups. */
export const readDriftHistory = (db: Queries, listingIds: readonly number[], now: Instant): Promise<DriftHistory[]> =>
  listingIds.length === 0
    ? Promise.resolve([])
    : db.rows<DriftHistory>(sql`
    select l.id as "listingId", l.pack, named.sku as "namedSku", s.acked_at as "ackedAt", s.resumed_at as "resumedAt",
      (select e.inputs from target_entry e where e.listing_id = l.id and e.version = t.version limit 1) as inputs,
      coalesce((select json_agg(w.wire_quantity order by w.attempt_id desc) from (
        select i.wire_quantity, i.attempt_id from push_attempt_item i
        where i.listing_id = l.id and i.outcome in ('applied', 'unchanged') order by i.attempt_id desc offset 1 limit 1) w), '[]') as "writtenBefore",
      coalesce((select json_agg(json_build_object('at', (extract(epoch from o.at) * 1000)::bigint, 'ours', o.ours, 'theirs', o.theirs,
        'isSure', o.is_sure) order by o.at) from overwrite o where o.listing_id = l.id), '[]') as overwrites,
      coalesce((select json_agg(json_build_object('channel', ol.channel_id, 'unexplained', greatest(0, coalesce(ot.seen_sold, 0) - ot.own_sold,
        (select max(w.ours - w.theirs) from overwrite w where w.listing_id = ol.id and w.is_sure and w.at > to_timestamp(${now} / 1000.0) - make_interval(secs => ${LOWERED_TOO_MS / 1000})
          and w.at > coalesce((select max(b.counted_as_of) from stock_balance b where b.sku = l.sku), '-infinity')))))
        from listing ol join target ot on ot.listing_id = ol.id where ol.sku = l.sku and ol.id <> l.id and ol.channel_id <> l.channel_id), '[]') as others,
      coalesce((select sum(h.quantity) from shortage h where h.sku = l.sku and h.closed_at is null and h.order_id is null), 0)::int as deficit,
      (select max(b.counted_as_of) from stock_balance b where b.sku = l.sku) as "countedAt"
    from listing l join target t on t.listing_id = l.id left join listing_sync s on s.listing_id = l.id
      left join item named on named.sku = l.sku_hint
    where l.id = any(${list(listingIds)}::bigint[])`);

export type KeptDrift = {
  readonly listingId: number;
  readonly drift: Drift;
  readonly shows: number;
  readonly wants: number;
};

const KEPT = {
  listingId: 'int8',
  cause: 'text',
  direction: 'text',
  because: 'jsonb',
  shows: 'int4',
  wants: 'int4',
} as const;

/** Open rows, overwrites and stops, as they were judged. */
export async function keepDrift(tx: Queries, kept: readonly KeptDrift[], now: Instant): Promise<void> {
  if (kept.length === 0) return;
  const at = sql`to_timestamp(${now} / 1000.0)`;
  const rows = kept.map(({ listingId, drift: { cause, direction, because }, shows, wants }) => ({
    listingId,
    cause,
    direction,
    because,
    shows,
    wants,
  }));
  await tx.rows(sql`
    insert into drift (listing_id, cause, direction, because, shows, wants, found_at, seen_at)
    select "listingId", cause, direction, because, shows, wants, ${at}, ${at} from ${recordset(rows, KEPT, 'r')} order by "listingId"
    on conflict (listing_id) where ended_at is null do update set cause = excluded.cause, direction = excluded.direction,
      because = excluded.because, shows = excluded.shows, wants = excluded.wants, seen_at = excluded.seen_at`);
  const overwrites = kept.flatMap(({ listingId, drift: { overwrite } }) =>
    overwrite === null ? [] : [{ ...overwrite, listingId }],
  );
  if (overwrites.length > 0)
    await tx.rows(sql`
      insert into overwrite (listing_id, at, ours, theirs, is_sure) select "listingId", at, ours, theirs, "isSure"
      from ${recordset(overwrites, { listingId: 'int8', at: 'timestamptz', ours: 'int4', theirs: 'int4', isSure: 'boolean' }, 'r')}`);
  const stops = kept.flatMap(({ listingId, drift: { stops: because } }) =>
    because === null ? [] : [{ listingId, because }],
  );
  if (stops.length > 0)
    await tx.rows(sql`
      update listing_sync s set stopped_because = r.because, stopped_at = ${at}, read_due_at = null
      from ${recordset(stops, { listingId: 'int8', because: 'text' }, 'r')}
      where s.listing_id = r."listingId" and s.stopped_because is null`);
}

/** These show what they should, by a read. Answers how many drifted until now. */
export async function endDrift(
  tx: Queries,
  ended: readonly { readonly listingId: number; readonly proof: string }[],
  now: Instant,
): Promise<number> {
  if (ended.length === 0) return 0;
  const rows = await tx.rows(sql`
    update drift d set ended_at = to_timestamp(${now} / 1000.0), proof = r.proof
    from ${recordset(ended, { listingId: 'int8', proof: 'text' }, 'r')} where d.listing_id = r."listingId" and d.ended_at is null
      -- One number that is right ends no war.
      and not exists (select 1 from listing_sync s where s.listing_id = d.listing_id and s.stopped_because is not null)
    returning d.id`);
  return rows.length;
}

export type DriftOfCause = {
  readonly cause: DriftCause;
  readonly listings: number;
  readonly stopped: number;
  /** Of them by why they are stopped. */
  readonly stops: Readonly<Partial<Record<StopReason, number>>>;
  /** Of the listing that is named first: one that is stopped, if there is one; `skus` begins with its item. */
  readonly firstRef: string;
  /** Found before `lastingSince`, and still there. */
  readonly lasting: number;
  readonly skus: readonly Sku[];
  /** Base units between what its listings show and should, and by item those with most first. */
  readonly units: number;
  readonly skuUnits: readonly SkuUnits[];
  readonly because: string;
};

/** Open drift of a channel by cause. */
export const readOpenDrift = (db: Queries, channelId: ChannelId, lastingSince: Instant): Promise<DriftOfCause[]> =>
  db.rows<DriftOfCause>(sql`
    select d.cause, count(*)::int as listings, count(*) filter (where d.stopped_because is not null)::int as stopped,
      count(*) filter (where d.found_at <= to_timestamp(${lastingSince} / 1000.0) and d.seen_at > d.found_at)::int as lasting,
      coalesce(jsonb_object_agg(d.stopped_because, d.stops) filter (where d.stopped_because is not null), '{}') as stops,
      (array_agg(d.listing_ref order by (d.stopped_because is null), d.id))[1] as "firstRef",
      to_json((array_agg(d.sku order by (d.stopped_because is null), d.id))[1:20]) as skus,
      sum(abs(d.shows - d.wants)::int8 * d.pack)::int8 as units,
      to_json((array_agg(json_build_object('sku', d.sku, 'units', abs(d.shows - d.wants)::int8 * d.pack)
        order by abs(d.shows - d.wants)::int8 * d.pack desc, d.id))[1:${SKU_UNITS_MAX}]) as "skuUnits", min(d.because->>0) as because
    from (select d.*, l.sku, l.pack, l.listing_ref, s.stopped_because,
        count(*) over (partition by d.cause, s.stopped_because)::int as stops
      from drift d join listing l on l.id = d.listing_id left join listing_sync s on s.listing_id = l.id
      where l.channel_id = ${channelId} and d.ended_at is null and l.sku is not null) d group by d.cause`);

/** The last proof that ended a drift of this cause on the channel; null where none ever did. */
export async function lastProof(db: Queries, channelId: ChannelId, cause: DriftCause): Promise<string | null> {
  const [row] = await db.rows<{ proof: string }>(sql`
    select d.proof from drift d join listing l on l.id = d.listing_id
    where l.channel_id = ${channelId} and d.cause = ${cause} and d.ended_at is not null order by d.ended_at desc limit 1`);
  return row?.proof ?? null;
}

export type Resumed = { readonly id: number; readonly sku: Sku; readonly stopped: StopReason };

/** A person's word: our number is written again. Answers the listings that were stopped. */
export async function resumeListings(
  tx: Queries,
  { channelId, listingRef }: { readonly channelId: ChannelId; readonly listingRef: string },
  { actor, now }: { readonly actor: string; readonly now: Instant },
): Promise<Resumed[]> {
  const rows = await tx.rows<Resumed>(sql`
    with meant as (
      select l.id, l.sku, s.stopped_because from listing l join listing_sync s on s.listing_id = l.id
      where l.channel_id = ${channelId} and l.listing_ref = ${listingRef} and s.stopped_because is not null for update of s),
    forgotten as (delete from overwrite where listing_id in (select id from meant))
    update listing_sync s set stopped_because = null, stopped_at = null, blocked_until = null, resumed_at = to_timestamp(${now} / 1000.0),
      read_due_at = to_timestamp(${now} / 1000.0)
    from meant where s.listing_id = meant.id returning meant.id, meant.sku, meant.stopped_because as stopped`);
  if (rows.length === 0) return [];
  await writeAudit(
    tx,
    rows.map(({ id, stopped }) => ({ actor, action: 'resume listing', subject: `listing ${id}`, detail: { stopped } })),
  );
  await ringBells(tx, [{ topic: 'push', key: channelId }]);
  return rows;
}

export type StoppedListing = {
  readonly id: number;
  readonly channel: ChannelId;
  readonly listingRef: string;
  readonly locationRef: string;
  readonly sku: Sku;
  readonly title: string;
  readonly because: StopReason;
  readonly stoppedAt: Instant;
  readonly should: number | null;
  readonly shows: number | null;
  readonly readAt: Instant | null;
  /** Of its open drift. */
  readonly evidence: readonly string[];
  /** What was found over ours, newest first. */
  readonly overwrites: readonly Pick<Overwrite, 'at' | 'ours' | 'theirs'>[];
};

const STOPPED = sql`
  select l.id, l.channel_id as channel, l.listing_ref as "listingRef", l.location_ref as "locationRef", l.sku, l.title,
    s.stopped_because as because, s.stopped_at as "stoppedAt", case when t.version > 0 then t.quantity end as should,
    case when s.observed_state = 'tracked' then s.observed_sellable end as shows, s.observed_at as "readAt",
    coalesce((select d.because from drift d where d.listing_id = l.id and d.ended_at is null), '[]') as evidence,
    coalesce((select json_agg(o) from (select (extract(epoch from at) * 1000)::int8 as at, ours, theirs from overwrite
      where listing_id = l.id order by overwrite.at desc limit 3) o), '[]') as overwrites`;

/** Listings that are stopped, those of the last hours first; of one item where it is named. */
export function listStopped(
  db: Queries,
  { sku, limit }: { readonly sku?: Sku; readonly limit: number },
): Promise<StoppedListing[]> {
  const of = sku === undefined ? sql`l.sku is not null` : sql`l.sku = ${sku}`;
  return db.rows<StoppedListing>(sql`${STOPPED}
    from listing_sync s join listing l on l.id = s.listing_id left join target t on t.listing_id = l.id
    where s.stopped_because is not null and ${of} order by s.stopped_at desc, l.id limit ${limit}`);
}

/** Stops at `max`. */
export async function countStopped(db: Queries, max: number): Promise<number> {
  const [row] = await db.rows<{ count: number }>(sql`
    select count(*)::int as count from (select 1 from listing_sync where stopped_because is not null limit ${max}) s`);
  return row?.count ?? 0;
}

/** Stopped because own stock seemed wrong, and counted since: of a kit, which has no stock of its own, each component. */
export async function resumeCounted(tx: Queries, channelId: ChannelId, now: Instant): Promise<void> {
  const rows = await tx.rows<{ id: number }>(sql`
    update listing_sync s set stopped_because = null, stopped_at = null, blocked_until = null, resumed_at = to_timestamp(${now} / 1000.0),
      read_due_at = to_timestamp(${now} / 1000.0)
    from listing l where l.id = s.listing_id and l.channel_id = ${channelId} and s.stopped_because = 'ownStock'
      and not exists (
        select part.sku from (
          select k.sku from kit_parts(array[l.sku]) k
          union all select l.sku where not exists (select 1 from item_component c where c.kit = l.sku)) part
        where not exists (select 1 from stock_balance b where b.sku = part.sku and b.counted_as_of > s.stopped_at)) returning l.id`);
  if (rows.length > 0) await ringBells(tx, [{ topic: 'push', key: channelId }]);
}

/** Ended drift and old overwrites that nothing needs. */
export async function purgeDrift(db: Queries): Promise<void> {
  await db.rows(sql`delete from drift where ended_at < now() - interval '30 days'`);
  await db.rows(sql`delete from overwrite where at < now() - interval '2 days'`);
}
