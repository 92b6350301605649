/** Items page by page, for people: in order of SKU, all of them or those that need a look. */
import { type SQL, sql } from 'drizzle-orm';
import type { Instant, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';

export const ITEM_FILTERS = ['all', 'short', 'drifting', 'blocked', 'waiting'] as const;
export type ItemFilter = (typeof ITEM_FILTERS)[number];

export type ItemPage = {
  readonly skus: readonly Sku[];
  /** The SKU to go on after; null at the end. */
  readonly next: Sku | null;
};

/** How many rows of the small index are looked through for the items of one page. */
const LOOKED_MAX = 1_000;

/** One by one: as a join, PostgreSQL reads all listings for some thousands of them. */
const SKU = sql`(select sku from listing l where l.id = s.listing_id) as sku`;

/** Each by the small index of what it asks for. */
const CHOSEN: Readonly<Record<Exclude<ItemFilter, 'all'>, SQL>> = {
  short: sql`select sku from shortage where closed_at is null`,
  blocked: sql`select ${SKU} from listing_sync s where blocked_until > now()`,
  waiting: sql`select ${SKU} from target s where is_behind`,
  drifting: sql`select ${SKU} from drift s where ended_at is null`,
};

export async function readItemPage(
  db: Queries,
  choice: { readonly filter: ItemFilter; readonly after: Sku; readonly limit: number },
): Promise<ItemPage> {
  const { filter, after, limit } = choice;
  const rows =
    filter === 'all'
      ? await db.rows<{ sku: Sku }>(sql`
          select sku from item where sku collate "C" > ${after} order by sku collate "C" limit ${limit + 1}`)
      : await db.rows<{ sku: Sku }>(sql`
          select distinct sku collate "C" as sku from (${CHOSEN[filter]} limit ${LOOKED_MAX}) x
          where sku is not null and sku collate "C" > ${after} order by 1 limit ${limit + 1}`);
  const skus = rows.slice(0, limit).map(({ sku }) => sku);
  return { skus, next: rows.length > limit ? (skus.at(-1) ?? null) : null };
}

export type ItemCard = {
  readonly sku: Sku;
  readonly title: string;
  readonly lifecycle: string;
  readonly groups: readonly string[];
  readonly minimum: number | null;
  readonly safetyStock: number | null;
  readonly nextReviewAt: Instant | null;
  readonly identifiers: readonly { readonly kind: string; readonly value: string }[];
  readonly stock: readonly {
    readonly location: string;
    readonly sells: boolean;
    readonly disposition: string;
    readonly quantity: number;
    readonly countedAt: Instant | null;
  }[];
};

/** Null where there is no such item. */
export async function readItemCard(db: Queries, sku: Sku): Promise<ItemCard | null> {
  const [row] = await db.rows<ItemCard>(sql`
    select i.sku, i.title, i.lifecycle, i.groups, i.minimum, i.safety_stock as "safetyStock", i.next_review_at as "nextReviewAt",
      (select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'value', value) order by kind, value), '[]')
        from item_identifier where sku = i.sku) as identifiers,
      (select coalesce(jsonb_agg(jsonb_build_object('location', s.location, 'sells', l.sells, 'disposition', s.disposition,
          'quantity', s.quantity, 'countedAt', floor(extract(epoch from s.counted_as_of) * 1000)) order by s.location, s.disposition), '[]')
        from stock_balance s join location l on l.id = s.location where s.sku = i.sku) as stock
    from item i where i.sku = ${sku}`);
  return row ?? null;
}
