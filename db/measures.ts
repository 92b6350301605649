/**
 * Figures of a whole run, for the demo's report: what came in, how long numbers took to reach the other channels, what was oversold.
 *
 * Guarantees: reads the tables as they are, changes nothing; times are the database's clock. Reads whole tables: for the end of a
 * run, not for a daemon.
 */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant, OrderId, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { recordset } from './recordset.ts';

export type Amount = { readonly orders: number; readonly lines: number; readonly units: number };

/** What of an order was refused by our own answer never was one. */
export const readIngested = (db: Queries): Promise<(Amount & { readonly channel: ChannelId })[]> =>
  db.rows(sql`
    select o.channel_id as channel, count(distinct o.id)::int as orders, count(*)::int as lines, sum(l.ordered - l.refused)::int as units
    from sales_order o join order_line l on l.order_id = o.id where l.ordered > l.refused group by o.channel_id`);

/** Open parked input of each channel; null for what belongs to none. */
export const readParkedCounts = (db: Queries): Promise<{ channel: ChannelId | null; count: number }[]> =>
  db.rows(
    sql`select channel_id as channel, count(*)::int as count from parked where state = 'parked' group by channel_id`,
  );

export type WantedNumber = {
  readonly channel: ChannelId;
  readonly listingRef: string;
  readonly locationRef: string;
  readonly sku: Sku;
  readonly quantity: number;
};

/** What every mapped listing should show. */
export const readTargets = (db: Queries): Promise<WantedNumber[]> =>
  db.rows<WantedNumber>(sql`
    select l.channel_id as channel, l.listing_ref as "listingRef", l.location_ref as "locationRef", l.sku, t.quantity
    from listing l join target t on t.listing_id = l.id where l.sku is not null and t.version > 0`);

export type Propagation = {
  readonly orderId: OrderId;
  /** Null while one of them has not acknowledged. */
  readonly acknowledgedAt: Instant | null;
};

/**
 * Per order, when the last of the other channels whose number it changed had acknowledged that number or a newer one. Orders that
 * changed no other channel's number are absent.
 */
export const readPropagation = (db: Queries): Promise<Propagation[]> =>
  db.rows<Propagation>(sql`
    select o.id as "orderId", case when bool_and(a.acked_at is not null) then max(a.acked_at) end as "acknowledgedAt"
    from sales_order o join order_line ol on ol.order_id = o.id
    join listing l on l.sku = ol.sku and l.channel_id <> o.channel_id
    join target_entry e on e.listing_id = l.id and e.batch_id = o.first_batch_id
    left join lateral (
      select acked_at from push_ack where listing_id = e.listing_id and version >= e.version order by version, acked_at limit 1) a on true
    group by o.id`);

export type ShortUnits = {
  readonly orderId: OrderId;
  readonly lineRef: string;
  readonly sku: Sku;
  readonly short: number;
};

/** Without what we told the partner to wait for. */
export const readShortUnits = (db: Queries): Promise<ShortUnits[]> =>
  db.rows<ShortUnits>(sql`
    select order_id as "orderId", line_ref as "lineRef", sku, short - back_ordered as short from order_line
    where short > back_ordered order by order_id, line_ref`);

/**
 * Of these short lines, those that were sold by a number allot should not have sent: when its push was opened, an order of the same
 * item lay in the inbox that this number did not count yet. A number that lowered what the platform showed is none of these: without
 * it more would have been for sale. `placedAt` is the platform's own moment of the sale.
 */
export const readSoldAfterKnown = (
  db: Queries,
  lines: readonly (ShortUnits & { readonly placedAt: Instant })[],
): Promise<ShortUnits[]> =>
  db.rows<ShortUnits>(sql`
    select s."orderId", s."lineRef", s.sku, s.short
    from ${recordset(lines, { orderId: 'text', lineRef: 'text', sku: 'text', short: 'int4', placedAt: 'timestamptz' }, 's')}
    join order_line ol on ol.order_id = s."orderId" and ol.line_ref = s."lineRef"
    cross join lateral (
      select i.version, i.wire_quantity, i.compare_with, a.created_at from push_attempt_item i join push_attempt a on a.id = i.attempt_id
      where i.listing_id = ol.listing_id and a.created_at < s."placedAt" and i.outcome in ('applied', 'unchanged', 'unknown', 'sent', 'superseded')
      order by a.created_at desc limit 1) p
    cross join lateral (
      select batch_id from target_entry where listing_id = ol.listing_id and version = p.version limit 1) t
    where (p.compare_with is null or p.wire_quantity >= p.compare_with) and exists (
      select 1 from order_line x join sales_order xo on xo.id = x.order_id
      where x.sku = s.sku and xo.first_batch_id > t.batch_id and p.created_at > (
        select min(k.received_at) from command c join inbox_key k on k.inbox_id = c.inbox_id where c.order_id = xo.id))
    order by 1, 2`);
