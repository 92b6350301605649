/**
 * How far allot has come with certain orders and items, in cheap reads: what the demo paces itself by, many times a second.
 *
 * Guarantees: touches only the rows it is asked for, and those that are behind; sees nothing but committed rows.
 */
import { sql } from 'drizzle-orm';
import type { ChannelId, ListingId, OrderId, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';

/** Sums over the lines of an order, base units; what our answer refused counts as cancelled. */
export type OrderTotals = {
  readonly id: OrderId;
  readonly ordered: number;
  readonly cancelled: number;
  readonly shipped: number;
};

/** Those of the orders that are held; the others are absent. */
export const readOrderTotals = (db: Queries, ids: readonly OrderId[]): Promise<OrderTotals[]> =>
  db.rows<OrderTotals>(sql`
    select order_id as id, sum(ordered)::int as ordered, sum(greatest(cancelled, refused))::int as cancelled, sum(shipped)::int as shipped
    from order_line where order_id = any(${list(ids)}) group by order_id`);

export type BehindTarget = {
  readonly listingId: ListingId;
  readonly channel: ChannelId;
  readonly sku: Sku;
  readonly version: number;
  readonly acknowledged: number;
};

/** All targets on live channels that are not acknowledged yet. */
export const readBehind = (db: Queries): Promise<BehindTarget[]> =>
  db.rows<BehindTarget>(sql`
    with behind as materialized (select listing_id, version, acked_version from target where is_behind)
    select t.listing_id as "listingId", l.channel_id as channel, l.sku, t.version, t.acked_version as acknowledged from behind t
    join listing l on l.id = t.listing_id and l.sku is not null
    where l.channel_id = any(array(select id from channel where mode = 'live' and configured))`);

/** Lines of these orders that have units to ship, as a warehouse is told. */
export const readAllocated = (
  db: Queries,
  ids: readonly OrderId[],
): Promise<{ orderId: OrderId; lineRef: string; sku: Sku; units: number }[]> =>
  db.rows(sql`
    select order_id as "orderId", line_ref as "lineRef", sku, allocated as units from order_line
    where order_id = any(${list(ids)}) and allocated > 0 order by order_id, line_ref`);

export type Unfinished = {
  readonly inbox: number;
  readonly commands: number;
  readonly attempts: number;
  readonly behind: number;
  /** Listings that are to be read again. */
  readonly reads: number;
  /** Documents that we owe: answers to orders that are not written, and what is written and not sent. */
  readonly documents: number;
};

/** All that waits, of everybody. */
export async function readUnfinished(db: Queries): Promise<Unfinished> {
  const [row] = await db.rows<Unfinished>(sql`
    select (select count(*)::int from inbox_key where state = 'pending') as inbox,
      (select count(*)::int from command where state = 'pending') as commands,
      (select count(*)::int from push_attempt where state <> 'done') as attempts,
      (select count(*)::int from target t join listing l on l.id = t.listing_id join channel c on c.id = l.channel_id
        where t.is_behind and l.sku is not null and c.mode = 'live' and c.configured) as behind,
      (select count(*)::int from listing_sync where read_due_at is not null) as reads,
      (select count(*)::int from document where state = 'pending')
        + (select count(*)::int from sales_order where answered_version > answer_stored_version) as documents`);
  return row ?? { inbox: 0, commands: 0, attempts: 0, behind: 0, reads: 0, documents: 0 };
}
