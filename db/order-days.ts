/**
 * Orders of a channel by the day they were placed on: how many were cancelled, and how many were late. Counted a day at a time, so that
 * no look reads more than a day's orders; a day is found by block ranges, which cost the intake next to nothing.
 *
 * Cancelled: a line is wholly cancelled and nothing of it was shipped, but not where the platform tells that the buyer asked for it. Late: units were still to
 * ship `graceMs` after the moment promised, when the day was counted; an order that was late by less than the time between two counts may be
 * missed. Orders of people (no platform knows them) and those that the marketplace fulfils count nowhere.
 */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import { recordset } from './recordset.ts';

export type DayToCount = { readonly channel: ChannelId; readonly day: string };

const DAY_MS = 86_400_000;
const dayOf = (at: Instant): string => new Date(at).toISOString().slice(0, 10);

/** The days that were counted longest ago (before `staleBefore`), at most `limit`, of the last `days` days of each channel. */
export async function daysToCount(
  db: Queries,
  windows: readonly { readonly channel: ChannelId; readonly days: number }[],
  { now, staleBefore, limit }: { readonly now: Instant; readonly staleBefore: Instant; readonly limit: number },
): Promise<DayToCount[]> {
  const wanted = windows.flatMap(({ channel, days }) =>
    Array.from({ length: days + 1 }, (_, back) => ({ channel, day: dayOf(now - back * DAY_MS) })),
  );
  if (wanted.length === 0) return [];
  return db.rows<DayToCount>(sql`
    select w.channel, w.day::text as day from ${recordset(wanted, { channel: 'text', day: 'date' }, 'w')}
    left join order_day d on d.channel_id = w.channel and d.day = w.day
    where d.counted_at is null or d.counted_at < to_timestamp(${staleBefore} / 1000.0)
    order by d.counted_at nulls first, w.day desc, w.channel limit ${limit}`);
}

export async function countDay(
  db: Queries,
  { channel, day }: DayToCount,
  now: Instant,
  graceMs: number,
): Promise<void> {
  const at = sql`to_timestamp(${now} / 1000.0)`;
  await db.rows(sql`
    with placed as (
      select o.id, o.placed_at, coalesce(o.state->>'cancelledBy' = 'buyer', false) as is_buyers, (select min((d->>'dueAt')::int8) from jsonb_array_elements(o.state->'obligations') d where d->>'kind' = 'ship') as due
      from sales_order o
      where o.placed_at >= ${day}::date::timestamp at time zone 'UTC' and o.placed_at < (${day}::date + 1)::timestamp at time zone 'UTC'
        and o.channel_id = ${channel} and o.state->>'fulfilledBy' = 'seller' and o.state->>'origin' is null),
    lines as (
      select p.id, p.placed_at, p.due,
        not p.is_buyers and bool_or(l.cancelled >= l.ordered and l.shipped = 0 and l.reported_shipped = 0) as cancelled,
        sum(l.ordered - l.cancelled) as wanted, (count(*) filter (where greatest(l.shipped, l.reported_shipped) + l.cancelled < l.ordered))::int as unshipped
      from placed p join order_line l on l.order_id = p.id
      group by p.id, p.placed_at, p.due, p.is_buyers),
    late as (
      insert into late_order (order_id, channel_id, placed_at, due_at, noted_at)
      select id, ${channel}, placed_at, to_timestamp(due / 1000.0), ${at} from lines
      where due is not null and due + ${graceMs} < ${now} and unshipped > 0 order by id
      on conflict (order_id) do nothing returning order_id),
    counts as (
      select count(*)::int as orders, (count(*) filter (where cancelled))::int as cancelled,
        (count(*) filter (where due < ${now} and wanted > 0))::int as due,
        (count(*) filter (where id in (select order_id from late) or exists (select 1 from late_order o where o.order_id = id)))::int as late
      from lines)
    insert into order_day (channel_id, day, orders, cancelled, due, late, counted_at)
    select ${channel}, ${day}::date, orders, cancelled, due, late, ${at} from counts
    on conflict (channel_id, day) do update set orders = excluded.orders, cancelled = excluded.cancelled, due = excluded.due,
      late = excluded.late, counted_at = excluded.counted_at`);
}

export type OrderTotals = {
  readonly orders: number;
  readonly cancelled: number;
  readonly due: number;
  readonly late: number;
};

/** Over the last `days` days; null while one of them was never counted. */
export async function readOrderTotals(
  db: Queries,
  channel: ChannelId,
  days: number,
  now: Instant,
): Promise<OrderTotals | null> {
  const [row] = await db.rows<OrderTotals & { days: number }>(sql`
    select count(*)::int as days, coalesce(sum(orders), 0)::int as orders, coalesce(sum(cancelled), 0)::int as cancelled,
      coalesce(sum(due), 0)::int as due, coalesce(sum(late), 0)::int as late
    from order_day where channel_id = ${channel} and day > ${dayOf(now - days * DAY_MS)}::date and day <= ${dayOf(now)}::date`);
  return row === undefined || row.days < days ? null : row;
}

export type NamedOrder = { readonly orderRef: string; readonly displayRef: string; readonly dueAt: Instant };

/** Late orders with units still to ship, the longest late first. */
export const readLateOpen = (db: Queries, channel: ChannelId, since: Instant, limit: number): Promise<NamedOrder[]> =>
  db.rows<NamedOrder>(sql`
    select o.state->>'orderRef' as "orderRef", o.state->>'displayRef' as "displayRef", x.due_at as "dueAt"
    from late_order x join sales_order o on o.id = x.order_id
    where x.channel_id = ${channel} and x.placed_at >= to_timestamp(${since} / 1000.0) and exists (
      select 1 from order_line l where l.order_id = o.id and greatest(l.shipped, l.reported_shipped) + l.cancelled < l.ordered)
    order by x.due_at, o.id limit ${limit}`);

const KEPT_DAYS = 90;

export async function purgeOrderDays(db: Queries): Promise<void> {
  await db.rows(sql`delete from order_day where day < current_date - ${KEPT_DAYS}::int`);
  await db.rows(sql`delete from late_order where placed_at < now() - make_interval(days => ${KEPT_DAYS})`);
}
