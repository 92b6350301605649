/** Orders and shortages page by page, for people. */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant, OrderId, ProgramId, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';

export type OrderRow = {
  readonly id: OrderId;
  readonly channel: ChannelId;
  readonly program: ProgramId;
  readonly displayRef: string;
  readonly placedAt: Instant;
  readonly lines: number;
  readonly ordered: number;
  readonly cancelled: number;
  readonly shipped: number;
  readonly allocated: number;
  readonly short: number;
};

/** The newest first. `before` is the order to go on after. */
export const listOrders = (
  db: Queries,
  choice: { readonly channel?: ChannelId; readonly before?: OrderId; readonly limit: number },
): Promise<OrderRow[]> => {
  const { channel = null, before } = choice;
  const from =
    before === undefined
      ? sql`true`
      : sql`(placed_at, id) < (select placed_at, id from sales_order where id = ${before})`;
  return db.rows<OrderRow>(sql`
    select o.id, o.channel_id as channel, o.program, coalesce(o.display_ref, o.id) as "displayRef", o.placed_at as "placedAt",
      coalesce(l.lines, 0)::int as lines, coalesce(l.ordered, 0)::int as ordered, coalesce(l.cancelled, 0)::int as cancelled,
      coalesce(l.shipped, 0)::int as shipped, coalesce(l.allocated, 0)::int as allocated, coalesce(l.short, 0)::int as short
    from (select * from sales_order where ${from} and (${channel}::text is null or channel_id = ${channel})
        order by placed_at desc, id desc limit ${choice.limit}) o
      left join lateral (select count(*) as lines, sum(ordered) as ordered, sum(greatest(cancelled, refused)) as cancelled,
        sum(shipped) as shipped, sum(allocated) as allocated, sum(short) as short from order_line where order_id = o.id) l on true
    order by o.placed_at desc, o.id desc`);
};

export type ShortageRow = {
  readonly key: string;
  readonly sku: Sku;
  readonly title: string;
  /** Of a place alone: more is promised there than there is. */
  readonly location: string | null;
  readonly orderId: OrderId | null;
  readonly displayRef: string | null;
  readonly program: ProgramId | null;
  readonly quantity: number;
  readonly openedAt: Instant;
};

/** The oldest first. `after` is the key to go on after; its row stays when the shortage is over. */
export const listShortages = (
  db: Queries,
  choice: { readonly after?: string; readonly limit: number },
): Promise<ShortageRow[]> => {
  const { after, limit } = choice;
  const from =
    after === undefined
      ? sql`true`
      : sql`(opened_at, key) > (select opened_at, key from shortage where key = ${after})`;
  return db.rows<ShortageRow>(sql`
    select s.key, s.sku, coalesce(i.title, '') as title, s.location, s.order_id as "orderId", o.display_ref as "displayRef", o.program, s.quantity,
      s.opened_at as "openedAt"
    from (select * from shortage where closed_at is null and ${from} order by opened_at, key limit ${limit}) s
      left join item i on i.sku = s.sku left join sales_order o on o.id = s.order_id
    order by s.opened_at, s.key`);
};
