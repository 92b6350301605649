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

/** `%`, `_` and the backslash stand for themselves. */
const startsWith = (text: string): string => `${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;

/** The best first: named exactly, then by what begins so, then by words. */
const findItems = (db: Queries, text: string): Promise<FoundItem[]> =>
  db.rows<FoundItem>(sql`
    select distinct on (rank, sku collate "C") sku, title, how from (
      select distinct on (sku) * from (
        (select 0 as rank, sku, title, 'SKU' as how from item where sku = ${text})
        union all
        (select 1, i.sku, i.title, d.kind from item_identifier d join item i on i.sku = d.sku where d.value = ${text} limit ${FOUND_MAX})
        union all
        (select 2, i.sku, i.title, 'listing of ' || l.channel_id from listing l join item i on i.sku = l.sku
          where l.listing_ref = ${text} limit ${FOUND_MAX})
        union all
        (select 3, sku, title, 'SKU' from item where lower(sku) collate "C" like ${startsWith(text.toLowerCase())}
          order by lower(sku) collate "C" limit ${FOUND_MAX})
        union all
        (select 4, sku, title, 'title' from item
          where to_tsvector('simple', title) @@ plainto_tsquery('simple', ${text}) limit ${FOUND_MAX})
      ) a order by sku, rank) b
    order by rank, sku collate "C" limit ${FOUND_MAX}`);

const findOrders = (db: Queries, text: string): Promise<FoundOrder[]> => {
  const bare = text.replace(/^#/, '');
  return db.rows<FoundOrder>(sql`
    select id, channel_id as channel, coalesce(display_ref, id) as "displayRef", placed_at as "placedAt" from sales_order
    where id = ${text} or display_ref in (${text}, ${bare}, ${`#${bare}`})
      or id in (select c.id || '/' || ${text} from channel c)
    order by placed_at desc, id limit ${FOUND_MAX}`);
};

export async function search(db: Queries, typed: string): Promise<Found> {
  const text = typed.trim().slice(0, TEXT_MAX);
  if (text === '') return { items: [], orders: [] };
  const [items, orders] = await Promise.all([findItems(db, text), findOrders(db, text)]);
  return { items, orders };
}
