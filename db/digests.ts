/** What a morning digest says: one row per person and day, whichever process writes it; and what it is made of. */
import { sql } from 'drizzle-orm';
import type { ChannelId, ChannelMode, Instant } from '#core/model.ts';
import { ALERT_COLUMNS, ALERTS, type AlertRow, BY_STAKES } from './alert-list.ts';
import type { Queries } from './client.ts';

const at = (now: Instant) => sql`to_timestamp(${now} / 1000.0)`;

/** True for whoever claims it first. */
export async function claimDigest(tx: Queries, person: string, day: string, now: Instant): Promise<boolean> {
  const rows = await tx.rows(sql`
    insert into digest (person, day, composed_at) values (${person}, ${day}::date, ${at(now)}) on conflict do nothing returning 1`);
  return rows.length > 0;
}

/** When their last digest before this day was written; null for the first. */
export async function lastDigestAt(tx: Queries, person: string, day: string): Promise<Instant | null> {
  const [row] = await tx.rows<{ at: Instant | null }>(sql`
    select max(composed_at) as at from digest where person = ${person} and day < ${day}::date`);
  return row?.at ?? null;
}

/** More than stands by the bounds of what raises alerts. */
const ALERTS_MAX = 5000;

/** All that is not closed, in the order in which somebody should look. */
export const readStanding = (tx: Queries): Promise<AlertRow[]> =>
  tx.rows<AlertRow>(sql`
    select ${ALERT_COLUMNS} from ${ALERTS} where a.state <> 'closed'
    order by ${BY_STAKES} limit ${ALERTS_MAX}`);

export type ClosedAlert = AlertRow & {
  /** Nobody acknowledged it, took it or said it was mended. */
  readonly isByItself: boolean;
};

export const readClosedSince = (tx: Queries, since: Instant): Promise<ClosedAlert[]> =>
  tx.rows<ClosedAlert>(sql`
    select ${ALERT_COLUMNS}, not exists (
        select 1 from alert_event e where e.alert_id = a.id and e.kind in ('acknowledged', 'taken', 'resolved')) as "isByItself"
    from alert a where a.state = 'closed' and a.is_latest and a.closed_at > ${at(since)} order by a.closed_at, a.id limit ${ALERTS_MAX}`);

export type WatchedChannel = {
  readonly channel: ChannelId;
  readonly mode: ChannelMode;
  readonly listings: number;
  readonly readAt: Instant | null;
  readonly polledAt: Instant | null;
  /** Orders that came in since. */
  readonly orders: number;
  readonly openAlerts: number;
};

export const readWatched = (tx: Queries, since: Instant): Promise<WatchedChannel[]> =>
  tx.rows<WatchedChannel>(sql`
    select c.id as channel, c.mode, (select count(*)::int from listing l where l.channel_id = c.id and l.sku is not null) as listings,
      h.reconciled_at as "readAt", k.advanced_at as "polledAt",
      (select count(*)::int from sales_order o where o.channel_id = c.id and o.placed_at > ${at(since)}) as orders,
      (select count(*)::int from alert a where a.channel_id = c.id and a.state <> 'closed' and a.severity <> 'info') as "openAlerts"
    from channel c left join channel_health h on h.channel_id = c.id
    left join channel_cursor k on k.channel_id = c.id and k.feed = 'orders' where c.configured order by c.id`);
