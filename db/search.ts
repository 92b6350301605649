/**
 * What a person types into the search box: a SKU or its beginning, a barcode, words of a title, an order's number, a listing's name on
 * its platform. Every way is an index, and every answer is bounded.
 */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant, OrderId, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';

export type FoundItem = { readonly sku: Sku; readonly title: string; readonly how: string };
export type FoundOrder = {
  readonly id: OrderId;
  readonly channel: ChannelId;
  readonly displayRef: string;
  readonly placedAt: Instant;
};
export type Found = { readonly items: readonly FoundItem[]; readonly orders: readonly FoundOrder[] };

const FOUND_MAX = 20;
const TEXT_MAX = 200;

/** What begins with `text` lies between these two, in the order of bytes. */
const prefixRange = (text: string): readonly [from: string, to: string] => [text, `${text}\u{10FFFF}`];

/** The best first: named exactly, then by what begins so, then by words. */
const findItems = (db: Queries, text: string): Promise<FoundItem[]> => {
  const [from, to] = prefixRange(text.toLowerCase());
  return db.rows<FoundItem>(sql`
    select distinct on (rank, sku collate "C") sku, title, how from (
      select distinct on (sku) * from (
        (select 0 as rank, sku, title, 'SKU' as how from item where sku = ${text})
        union all
        (select 1, i.sku, i.title, d.kind from item_identifier d join item i on i.sku = d.sku where d.value = ${text} limit ${FOUND_MAX})
        union all
        (select 2, i.sku, i.title, 'listing of ' || l.channel_id from listing l join item i on i.sku = l.sku
          where l.listing_ref = ${text} limit ${FOUND_MAX})
        union all
        (select 3, sku, title, 'SKU' from item where lower(sku) collate "C" between ${from} and ${to}
          order by lower(sku) collate "C" limit ${FOUND_MAX})
        union all
        (select 4, sku, title, 'title' from item
          where to_tsvector('simple', title) @@ plainto_tsquery('simple', ${text}) limit ${FOUND_MAX})
      ) a order by sku, rank) b
    order by rank, sku collate "C" limit ${FOUND_MAX}`);
};

const findOrders = (db: Queries, text: string): Promise<FoundOrder[]> => {
  const bare = text.replace(/^#/, '');
  // One after the other: an `or` of them would read every order.
  return db.rows<FoundOrder>(sql`
    with found as (
      select id from sales_order where id = ${text}
      union select o.id from channel c join sales_order o on o.id = c.id || '/' || ${text}
      union (select id from sales_order where display_ref = any(array[${text}, ${bare}, ${`#${bare}`}]) limit ${FOUND_MAX}))
    select o.id, o.channel_id as channel, coalesce(o.display_ref, o.id) as "displayRef", o.placed_at as "placedAt"
    from found f join sales_order o on o.id = f.id order by o.placed_at desc, o.id limit ${FOUND_MAX}`);
};

export async function search(db: Queries, typed: string): Promise<Found> {
  const text = typed.trim().slice(0, TEXT_MAX);
  if (text === '') return { items: [], orders: [] };
  const [items, orders] = await Promise.all([findItems(db, text), findOrders(db, text)]);
  return { items, orders };
}
