/**
 * What a listing's number is exposed to (core/latency-buffer.ts): read from what is measured of sales, kept with the listing.
 *
 * Guarantees: one that changes a number is written under the lock of its item, which is marked for a review in the same transaction, so
 * that no decision made from the one before it stays the last.
 */
import { sql } from 'drizzle-orm';
import type { ExposableListing, ListingSales } from '#core/exposure.ts';
import type { Exposure } from '#core/latency-buffer.ts';
import type { ChannelId, ListingId, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { recordset } from './recordset.ts';
import { markForReview } from './reviews.ts';
import { lockResources, RESOURCE } from './state.ts';

export type ExposedListing = ExposableListing & { readonly id: ListingId };

const COLUMNS = sql`l.id, l.sku, l.channel_id as channel, l.listing_ref as "listingRef", i.groups, l.exposure
  from listing l join item i on i.sku = l.sku`;

/**
 * Of these channels `max` listings whose item, or a component of it, is among the sold ones; and the next `max` of all of them: so each
 * has its turn.
 */
export async function readExposed(
  tx: Queries,
  at: {
    readonly channels: readonly ChannelId[];
    readonly sold: readonly Sku[];
    readonly after: ListingId;
    readonly max: number;
  },
): Promise<{ readonly listings: readonly ExposedListing[]; readonly position: ListingId }> {
  const ours = sql`l.channel_id = any(${list(at.channels)})`;
  const sold =
    at.sold.length === 0
      ? []
      : await tx.rows<ExposedListing>(sql`
          select ${COLUMNS} where ${ours} and l.sku in (
            select unnest(${list(at.sold)}) union select kit from kits_with(${list(at.sold)})) order by l.id limit ${at.max}`);
  const next = await tx.rows<ExposedListing>(sql`
    select ${COLUMNS} where ${ours} and l.id > ${at.after} order by l.id limit ${at.max}`);
  const position = next.length < at.max ? 0 : (next.at(-1)?.id ?? 0);
  return { listings: [...new Map([...sold, ...next].map((row) => [row.id, row])).values()], position };
}

export const readSales = (tx: Queries, skus: readonly Sku[]): Promise<ListingSales[]> =>
  tx.rows<ListingSales>(sql`
    select r.sku, l.channel_id as channel, l.listing_ref as "listingRef", r.at, r.fast_units as "fastUnits",
      r.fast_squares as "fastSquares", r.slow_units as "slowUnits", r.slow_squares as "slowSquares"
    from sales_rate r left join listing l on l.id = r.listing_id where r.sku = any(${list(skus)}) order by r.sku, r.listing_id`);

export type MeasuredExposure = Pick<ExposedListing, 'id' | 'sku'> & {
  readonly exposure: Exposure;
  /** Its buffer is another by it. */
  readonly isMaterial: boolean;
};

/** Answers the items whose numbers may change. */
export async function writeExposures(tx: Queries, measured: readonly MeasuredExposure[]): Promise<Sku[]> {
  if (measured.length === 0) return [];
  const skus = [...new Set(measured.flatMap(({ sku, isMaterial }) => (isMaterial ? [sku] : [])))];
  await lockResources(tx, RESOURCE.item, skus);
  const rows = measured.map(({ id, sku, exposure }) => ({ id, sku, exposure }));
  await tx.rows(sql`
    update listing l set exposure = r.exposure
    from ${recordset(rows, { id: 'int8', sku: 'text', exposure: 'jsonb' }, 'r')} where l.id = r.id and l.sku = r.sku`);
  await markForReview(tx, { isEverything: false, skus, channels: [] });
  return skus;
}

export async function keepPosition(tx: Queries, position: ListingId, now: number): Promise<void> {
  await tx.rows(
    sql`update sales_measure set position = ${position}, measured_at = to_timestamp(${now} / 1000.0) where name = 'exposure'`,
  );
}
