/**
 * How things stand, for the console's first page: as db/status.ts tells it, but cheap at 100,000 items and asked again and again.
 *
 * Guarantees: every count reads an index of the rows that wait alone and stops at COUNT_MAX; what is not known is null, never 0.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { ChannelId, ChannelMode, Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import { SHARE_SCALE } from './gates.ts';
import { COUNT_MAX } from './status.ts';

export type ChannelOverview = {
  readonly id: ChannelId;
  readonly connector: string;
  readonly program: string;
  readonly mode: ChannelMode;
  readonly modeChangedAt: Instant;
  readonly modeChangedBy: string;
  readonly configured: boolean;
  /** Percent of its items that are written to while it is live. */
  readonly share: number;
  /** Why the gate took it back to shadow; null: it did not. */
  readonly fellBack: string | null;
  /** Since when a person has left it. */
  readonly leftAt: Instant | null;
  readonly lastOkAt: Instant | null;
  readonly reconciledAt: Instant | null;
  readonly polledAt: Instant | null;
  readonly lastError: string | null;
  readonly lastErrorAt: Instant | null;
  readonly throttledUntil: Instant | null;
  readonly unmapped: number;
  readonly behind: number;
  readonly behindSince: Instant | null;
  readonly blocked: number;
  readonly inFlight: number;
  /** Listings that the last look found to show another number; null where nobody looked or told. */
  readonly drifting: number | null;
  readonly driftCauses: string | null;
};

/** Of all channels together, so many listings that are behind, and that are refused, are looked at: more is told as "or more". */
export const LOOKED_MAX = 1_000;

/** Null of one that is mapped to nothing. One by one: as a join, PostgreSQL reads all listings for some thousands of them. */
const channelOf = (listing: SQL): SQL =>
  sql`(select channel_id from listing where id = ${listing} and sku is not null)`;

/** Those behind, blocked or unmapped are found by their own small indexes. */
export const readChannelOverviews = (db: Queries): Promise<ChannelOverview[]> =>
  db.rows<ChannelOverview>(sql`
    with behind as (
        select channel_id, count(*)::int as count, min(behind_since) as since
        from (select behind_since, ${channelOf(sql`t.listing_id`)} as channel_id from target t where is_behind limit ${LOOKED_MAX}) t group by 1),
      blocked as (
        select channel_id, count(*)::int as count
        from (select ${channelOf(sql`s.listing_id`)} as channel_id from listing_sync s where blocked_until > now() limit ${LOOKED_MAX}) s group by 1),
      drifting as (
        select channel_id, sum(count)::int as count, string_agg(cause || ' ' || count, ', ' order by count desc, cause) as causes
        from (select ${channelOf(sql`d.listing_id`)} as channel_id, cause, count(*) as count
          from (select listing_id, cause from drift where ended_at is null limit ${LOOKED_MAX}) d group by 1, 2) c
        where channel_id is not null group by 1),
      moving as (select channel_id, count(*)::int as count from push_attempt where state <> 'done' group by 1)
    select c.id, c.connector, c.program, c.mode, c.mode_changed_at as "modeChangedAt", c.mode_changed_by as "modeChangedBy", c.configured,
      c.live_share::float8 / ${SHARE_SCALE}::float8 as share, c.fell_back as "fellBack", c.left_at as "leftAt",
      h.last_ok_at as "lastOkAt", h.reconciled_at as "reconciledAt", k.advanced_at as "polledAt", h.last_error as "lastError",
      h.last_error_at as "lastErrorAt", t.until as "throttledUntil", u.count as unmapped,
      coalesce(b.count, 0) as behind, b.since as "behindSince", coalesce(s.count, 0) as blocked, coalesce(m.count, 0) as "inFlight",
      case when h.reconciled_at is not null then coalesce(d.count, 0) end as drifting, d.causes as "driftCauses"
    from channel c
    left join channel_health h on h.channel_id = c.id
    left join channel_cursor k on k.channel_id = c.id and k.feed = 'orders'
    left join (select channel_id, max(until) as until from channel_throttle where until > now() group by 1) t on t.channel_id = c.id
    left join drifting d on d.channel_id = c.id
    left join behind b on b.channel_id = c.id
    left join blocked s on s.channel_id = c.id
    left join moving m on m.channel_id = c.id
    cross join lateral (select count(*)::int as count
      from (select 1 from listing where channel_id = c.id and sku is null limit ${COUNT_MAX}) x) u
    order by c.id collate "C"`);

export type WaitingWork = {
  readonly inbox: number;
  readonly inboxOldestAt: Instant | null;
  readonly commands: number;
  readonly commandsOldestAt: Instant | null;
  readonly bells: number;
  readonly bellsOldestAt: Instant | null;
  readonly parked: number;
  readonly parkedOldestAt: Instant | null;
  readonly shortages: number;
  readonly shortUnits: number;
  readonly shortOldestAt: Instant | null;
  readonly reallocations: number;
  readonly proposals: number;
};

export async function readWaitingWork(db: Queries): Promise<WaitingWork> {
  const [row] = await db.rows<WaitingWork>(sql`
    select i.*, c.*, o.*, p.*, s.*,
      (select count(*)::int from (select 1 from reallocation where state in ('proposed', 'approved') limit ${COUNT_MAX}) r) as reallocations,
      (select count(*)::int from policy_proposal where state in ('open', 'approved')
        and base_version = (select version from policy_current)) as proposals
    from (select count(*)::int as inbox, min(received_at) as "inboxOldestAt"
        from (select received_at from inbox_key where state = 'pending' order by inbox_id limit ${COUNT_MAX}) q) i,
      (select count(*)::int as commands, min(recorded_at) as "commandsOldestAt"
        from (select recorded_at from command where state = 'pending' order by id limit ${COUNT_MAX}) q) c,
      (select count(*)::int as bells, min(recorded_at) as "bellsOldestAt"
        from (select recorded_at from outbox order by id limit ${COUNT_MAX}) q) o,
      (select count(*)::int as parked, min(parked_at) as "parkedOldestAt"
        from (select parked_at from parked where state = 'parked' order by id limit ${COUNT_MAX}) q) p,
      (select count(*)::int as shortages, coalesce(sum(quantity), 0)::int8 as "shortUnits", min(opened_at) as "shortOldestAt"
        from (select quantity, opened_at from shortage where closed_at is null order by opened_at limit ${COUNT_MAX}) q) s`);
  if (row === undefined) throw new Error('the overview answered no row');
  return row;
}

export type Worker = { readonly id: string; readonly roles: readonly string[]; readonly seenAt: Instant };

/** Seen within the last minute. */
export const readWorkers = (db: Queries): Promise<Worker[]> =>
  db.rows<Worker>(sql`
    select id, roles, seen_at as "seenAt" from worker where seen_at > now() - interval '1 minute' order by id`);

/** What moves when anything moves: newest ids and moments, each by an index or over few rows. */
export type Pulse = {
  readonly stock: string;
  readonly sync: string;
  readonly alerts: string;
  readonly channels: string;
  readonly work: string;
  readonly runs: string;
  readonly trail: string;
};

export async function readPulse(db: Queries): Promise<Pulse> {
  const [row] = await db.rows<Pulse>(sql`
    select coalesce((select max(id) from batch), 0)::text as stock,
      concat_ws(' ', (select max(id) from push_attempt), (select max(finished_at) from push_attempt where state = 'done'),
        (select max(acked_at) from push_ack)) as sync,
      (select concat_ws(' ', count(*), sum(count), max(last_seen_at), count(*) filter (where state = 'open')) from alert
        where state <> 'closed') as alerts,
      (select concat_ws(' ', max(last_ok_at), max(last_error_at), max(reconciled_at)) from channel_health)
        || (select string_agg(mode, ' ' order by id) from channel) as channels,
      concat_ws(' ', (select max(id) from parked), (select max(inbox_id) from inbox_key),
        (select min(inbox_id) from inbox_key where state = 'pending'), (select max(id) from document),
        (select max(id) from reallocation), (select max(id) from policy_proposal)) as work,
      concat_ws(' ', (select max(id) from reconcile_run), (select count(*) from reconcile_run where state in ('asked', 'running')),
        (select max(moved_at) from reconcile_run where state in ('asked', 'running'))) as runs,
      coalesce((select max(id) from audit), 0)::text as trail`);
  if (row === undefined) throw new Error('the pulse answered no row');
  return row;
}
