/**
 * How things stand, for `allot status` and for the demo's table: bounded queries alone, cheap enough to be asked every second.
 *
 * Guarantees: counts stop at COUNT_MAX (shown as "10,000+"), since counting a long queue is what makes it longer; what is not known
 * is null, never 0.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { BreakerState } from '#core/breaker.ts';
import type { ChannelId, ChannelMode, Component, Instant, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { SHARE_SCALE, WITHIN_SHARE } from './gates.ts';
import { countHolds, type HoldCount } from './holds.ts';
import { list } from './list.ts';
import { readComponents } from './reach.ts';

export const COUNT_MAX = 10_000;

export type ChannelStatus = {
  readonly id: ChannelId;
  readonly connector: string;
  readonly program: string;
  readonly mode: ChannelMode;
  readonly modeChangedAt: Instant;
  readonly modeChangedBy: string;
  readonly configured: boolean;
  /** The last good answer of the platform, the last whole reading of it, and the last step of its order feed. */
  readonly lastOkAt: Instant | null;
  readonly reconciledAt: Instant | null;
  readonly polledAt: Instant | null;
  readonly lastError: string | null;
  readonly lastErrorAt: Instant | null;
  /** Operations that the platform refuses for now: reads that spent their part of a budget hold up no number. */
  readonly throttled: readonly { readonly operation: string; readonly until: Instant }[];
  /** Not closed: its platform does not answer, and is asked again at this moment. */
  readonly breaker: BreakerState;
  readonly breakerRetryAt: Instant | null;
  /** Percent of its items that are written to while it is live. */
  readonly share: number;
  readonly listings: number;
  readonly unmapped: number;
  /** Targets that the platform has not acknowledged, and since when the oldest one waits. */
  readonly behind: number;
  readonly behindSince: Instant | null;
  readonly blocked: number;
  readonly openAttempts: number;
  /** By document: answers that wait to be sent, and what has gone out and has no receipt yet. */
  readonly pendingDocuments: number;
  readonly awaitingReceipt: number;
  /** Of a sale elsewhere, until this channel acknowledged it: 99 of 100 of the last 7 days. Null: none was measured. */
  readonly saleToAckP99Ms: number | null;
};

export type Queue = { readonly count: number; readonly oldestAt: Instant | null };

export type Status = {
  readonly at: Instant;
  readonly policyVersion: number | null;
  readonly channels: readonly ChannelStatus[];
  readonly inbox: Queue;
  readonly commands: Queue;
  readonly bells: Queue;
  readonly parked: readonly {
    readonly channel: ChannelId | null;
    readonly code: string;
    readonly count: number;
    readonly oldestAt: Instant;
  }[];
  /** The first to act on; `allot alerts` has all, with snoozed ones. */
  readonly alerts: readonly {
    readonly id: number;
    readonly state: string;
    readonly owner: string | null;
    readonly severity: string;
    readonly code: string;
    readonly title: string;
    readonly nextStep: string;
    readonly firstSeenAt: Instant;
    readonly count: number;
  }[];
  readonly shortages: { readonly count: number; readonly units: number; readonly oldestAt: Instant | null };
  readonly holds: HoldCount;
  readonly workers: readonly { readonly id: string; readonly roles: readonly string[]; readonly seenAt: Instant }[];
};

const ALERTS_MAX = 20;
const WORKER_SILENT = sql`interval '1 minute'`;

export async function readStatus(db: Queries, now: Instant): Promise<Status> {
  const [channels, inbox, commands, bells, parked, alerts, shortages, holds, workers, policyVersion] =
    await Promise.all([
      readChannels(db),
      readQueue(db, sql`select received_at as at from inbox_key where state = 'pending' order by inbox_id`),
      readQueue(db, sql`select recorded_at as at from command where state = 'pending' order by id`),
      readQueue(db, sql`select recorded_at as at from outbox order by id`),
      db.rows<Status['parked'][number]>(sql`
      select channel_id as channel, code, count(*)::int as count, min(first_parked_at) as "oldestAt"
      from (select * from parked where state = 'parked' order by id limit ${COUNT_MAX}) p group by 1, 2 order by 3 desc, 2, 1`),
      db.rows<Status['alerts'][number]>(sql`
      select id, state, owner, severity, code, title, next_step as "nextStep", first_seen_at as "firstSeenAt", count from alert
      where state not in ('closed', 'snoozed')
      order by array_position(array['critical', 'error', 'warning', 'info'], severity), first_seen_at limit ${ALERTS_MAX}`),
      db.rows<Status['shortages']>(sql`
      select count(*)::int as count, coalesce(sum(quantity), 0)::int8 as units, min(opened_at) as "oldestAt"
      from (select quantity, opened_at from shortage where closed_at is null limit ${COUNT_MAX}) s`),
      countHolds(db, now),
      db.rows<Status['workers'][number]>(sql`
      select id, roles, seen_at as "seenAt" from worker where seen_at > now() - ${WORKER_SILENT} order by id`),
      readPolicyVersion(db),
    ]);
  const none = { count: 0, units: 0, oldestAt: null };
  return {
    at: now,
    policyVersion,
    channels,
    inbox,
    commands,
    bells,
    parked,
    alerts,
    shortages: shortages[0] ?? none,
    holds,
    workers,
  };
}

/** Null before the first policy is applied. */
export async function readPolicyVersion(db: Queries): Promise<number | null> {
  const [row] = await db.rows<{ version: number }>(sql`select version from policy_current`);
  return row?.version ?? null;
}

/** Items that promised more at a place than is there, in order of SKU. */
export async function readDeficitSkus(db: Queries): Promise<Sku[]> {
  const rows = await db.rows<{ sku: Sku }>(sql`
    select distinct sku collate "C" as sku from shortage where location is not null and closed_at is null order by 1 limit ${COUNT_MAX}`);
  return rows.map(({ sku }) => sku);
}

/** `ordered` gives the moments of a queue, oldest first. */
async function readQueue(db: Queries, ordered: SQL): Promise<Queue> {
  const [queue] = await db.rows<Queue>(sql`
    select count(*)::int as count, min(at) as "oldestAt" from (${ordered} limit ${COUNT_MAX}) q`);
  return queue ?? { count: 0, oldestAt: null };
}

/** One channel's figures are one aggregate each over its listings: no row is read twice. */
const readChannels = (db: Queries): Promise<ChannelStatus[]> =>
  db.rows<ChannelStatus>(sql`
    select c.id, c.connector, c.program, c.mode, c.mode_changed_at as "modeChangedAt", c.mode_changed_by as "modeChangedBy", c.configured,
      h.last_ok_at as "lastOkAt", h.reconciled_at as "reconciledAt", k.advanced_at as "polledAt",
      h.last_error as "lastError", h.last_error_at as "lastErrorAt", coalesce(b.state, 'closed') as breaker,
      b.retry_at as "breakerRetryAt", c.live_share::float8 / ${SHARE_SCALE}::float8 as share,
      coalesce(t.throttled, '[]') as throttled,
      coalesce(l.listings, 0) as listings, coalesce(l.unmapped, 0) as unmapped, coalesce(l.behind, 0) as behind,
      l.behind_since as "behindSince", coalesce(l.blocked, 0) as blocked, coalesce(a.open, 0) as "openAttempts",
      coalesce(d.pending, 0) as "pendingDocuments", coalesce(d.sent, 0) + coalesce(n.sent, 0) as "awaitingReceipt", m.p99_ms as "saleToAckP99Ms"
    from channel c
    left join channel_health h on h.channel_id = c.id
    left join channel_breaker b on b.channel_id = c.id
    left join channel_latency m on m.channel_id = c.id and m.since = 'sold'
    left join channel_cursor k on k.channel_id = c.id and k.feed = 'orders'
    left join (
      select channel_id, jsonb_agg(jsonb_build_object('operation', operation, 'until', floor(extract(epoch from until) * 1000)) order by operation)
        as throttled from channel_throttle where until > now() group by channel_id) t on t.channel_id = c.id
    left join (
      select l.channel_id, count(*)::int as listings, (count(*) filter (where l.sku is null))::int as unmapped,
        (count(*) filter (where l.sku is not null and t.is_behind and ${WITHIN_SHARE}))::int as behind,
        min(t.decided_at) filter (where l.sku is not null and t.is_behind and ${WITHIN_SHARE}) as behind_since,
        (count(*) filter (where s.blocked_until > now()))::int as blocked
      from listing l join channel c on c.id = l.channel_id left join target t on t.listing_id = l.id left join listing_sync s on s.listing_id = l.id group by l.channel_id) l
      on l.channel_id = c.id
    left join (select channel_id, count(*)::int as open from push_attempt where state <> 'done' group by channel_id) a on a.channel_id = c.id
    left join (select channel_id, (count(*) filter (where state = 'pending'))::int as pending,
      (count(*) filter (where state = 'sent' and receipt is not null))::int as sent
      from document where state in ('pending', 'sent') group by channel_id) d on d.channel_id = c.id
    left join (select a.channel_id, count(distinct a.id)::int as sent from push_attempt a join push_attempt_item i on i.attempt_id = a.id
      where i.outcome = 'sent' group by a.channel_id) n on n.channel_id = c.id
    order by c.id`);

/** Should show, sent, shows; null: never decided, never acknowledged, never read. */
export type ListingFigures = {
  readonly shouldShow: number | null;
  readonly sent: number | null;
  readonly shows: number | null;
};

export type SkuFigures = {
  readonly sku: Sku;
  readonly onHand: number;
  readonly allocated: number;
  readonly held: number;
  /** Available to promise now: sellable where we sell from and not expired, less allocated and held; never below 0. Of a kit: whole sets. */
  readonly atp: number;
  /** Of a kit alone, kits of kits resolved: what one set takes. It has nothing on hand itself. */
  readonly components?: readonly Component[];
  readonly short: number;
  /** Sums over the channel's listings of this item, each counted in its own units. */
  readonly channels: Readonly<Record<ChannelId, ListingFigures>>;
};

/** The table of the demo and of `allot status --skus`: the items named, or the first `limit` in order of SKU. */
export async function readSkuTable(
  db: Queries,
  choice: { readonly skus?: readonly Sku[]; readonly limit?: number },
): Promise<SkuFigures[]> {
  const chosen =
    choice.skus === undefined
      ? sql`select sku from item order by sku collate "C" limit ${choice.limit ?? 50}`
      : sql`select sku from item where sku = any(${list(choice.skus)}) order by sku collate "C"`;
  const rows = await db.rows<SkuFigures>(sql`
    select i.sku, coalesce(b.on_hand, 0)::int as "onHand", coalesce(p.allocated, 0)::int as allocated, coalesce(p.held, 0)::int as held,
      greatest(0, coalesce(b.sellable, 0) - coalesce(p.at_sellers, 0) - coalesce(x.expired, 0))::int as atp,
      coalesce(o.short, 0)::int as short, coalesce(c.channels, '{}') as channels
    from (${chosen}) i
    left join lateral (select sum(quantity) as on_hand, sum(quantity) filter (where disposition = 'sellable' and l.sells) as sellable
      from stock_balance s join location l on l.id = s.location where s.sku = i.sku) b on true
    left join lateral (select sum(allocated) as allocated, sum(held) as held, sum(allocated + held) filter (where l.sells) as at_sellers
      from promise_balance s join location l on l.id = s.location where s.sku = i.sku) p on true
    left join lateral (select sum(greatest(0, s.quantity - s.allocated - s.held)) as expired
      from lot_balance s join lot t on t.sku = s.sku and t.code = s.lot and t.expires_at <= now() join location l on l.id = s.location and l.sells
      where s.sku = i.sku and s.disposition = 'sellable') x on true
    left join lateral (select sum(short) as short from order_line where sku = i.sku and short > 0) o on true
    left join lateral (
      select jsonb_object_agg(channel_id, jsonb_build_object('shouldShow', should, 'sent', sent, 'shows', shows)) as channels
      from (select l.channel_id, sum(t.quantity) filter (where t.version > 0) as should, sum(s.acked_quantity) as sent,
          sum(s.observed_sellable) filter (where s.observed_state = 'tracked') as shows
        from listing l left join target t on t.listing_id = l.id left join listing_sync s on s.listing_id = l.id
        where l.sku = i.sku group by l.channel_id) f) c on true
    order by i.sku collate "C"`);
  return withKits(db, rows);
}

/** A kit's figures are those of its components. */
async function withKits(db: Queries, rows: readonly SkuFigures[]): Promise<SkuFigures[]> {
  const kits = await readComponents(
    db,
    rows.map(({ sku }) => sku),
  );
  if (kits.size === 0) return [...rows];
  const skus = [...new Set([...kits.values()].flatMap((parts) => parts.map(({ sku }) => sku)))];
  const atp = new Map((await readSkuTable(db, { skus })).map((part) => [part.sku, part.atp]));
  return rows.map((row) => {
    const components = kits.get(row.sku);
    if (components === undefined) return row;
    const sets = components.map(({ sku, quantity }) => Math.floor((atp.get(sku) ?? 0) / quantity));
    return { ...row, atp: Math.min(...sets), components };
  });
}
