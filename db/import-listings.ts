/**
 * Listings and their mappings from a file, judged row by row under the locks of all items they touch.
 *
 * Guarantees: an empty cell changes nothing; a row without SKU adds its listing unmapped and never unmaps one.
 */
import { sql } from 'drizzle-orm';
import { writeAudit } from './audit.ts';
import { lockListings, type MappingChange, reviewMapped, type StoredListing, writeMappings } from './catalogue.ts';
import type { Queries } from './client.ts';
import {
  changeOf,
  compare,
  type ImportOptions,
  type ImportReport,
  type Judged,
  judge,
  makeReport,
  skip,
  splitRepeats,
} from './import-report.ts';
import { list } from './list.ts';
import { recordset } from './recordset.ts';

export type ListingRow = {
  readonly line: number;
  readonly channel: string;
  readonly listingRef: string;
  readonly locationRef: string;
  readonly sku: string | null;
  readonly pack: number | null;
  /** Where it may sell from; null: as before, or wherever its program may. */
  readonly locations: readonly string[] | null;
  readonly title: string | null;
};

type Known = {
  readonly channels: ReadonlySet<string>;
  readonly locations: ReadonlySet<string>;
  readonly skus: ReadonlySet<string>;
  readonly listings: ReadonlyMap<string, StoredListing>;
};

const keyOf = (row: { channel: string; listingRef: string; locationRef: string }): string =>
  [row.channel, row.listingRef, ...(row.locationRef === '' ? [] : [row.locationRef])].join(' ');

export async function importListings(
  tx: Queries,
  rows: readonly ListingRow[],
  options: ImportOptions,
): Promise<ImportReport> {
  const { first, repeats } = splitRepeats(rows, keyOf);
  const skus = [...new Set(first.flatMap((row) => row.sku ?? []))];
  const stored = await lockListings(tx, first, skus);
  const known = await readKnown(tx, stored, skus);
  const judged = first.map((row) => judgeListing(row, known));
  const verdictOf = new Map(judged.map((row) => [row.line, row.verdict]));
  const added = first.filter((row) => verdictOf.get(row.line) === 'create');
  const updated = first.filter((row) => verdictOf.get(row.line) === 'update');
  await addListings(tx, added);
  await retitle(tx, updated, known);
  const changes = updated.flatMap((row) => mappingOf(row, known.listings.get(keyOf(row))));
  const mapped = await writeMappings(tx, changes, options);
  const mappedNew = await reviewMapped(
    tx,
    added.filter((row) => row.sku !== null).map((row) => ({ ...row, from: null })),
    options,
  );
  const report = makeReport([...judged, ...repeats], {
    commandIds: [...mapped.commandIds, ...mappedNew.commandIds],
    retried: mapped.retried + mappedNew.retried,
  });
  await writeAudit(tx, [
    { actor: options.actor, action: 'import listings', subject: `${rows.length} rows`, detail: report.counts },
  ]);
  return report;
}

async function readKnown(tx: Queries, stored: readonly StoredListing[], skus: readonly string[]): Promise<Known> {
  const [channels, locations, items] = await Promise.all([
    tx.rows<{ id: string }>(sql`select id from channel`),
    tx.rows<{ id: string }>(sql`select id from location`),
    tx.rows<{ sku: string }>(sql`select sku from item where sku = any(${list(skus)})`),
  ]);
  return {
    channels: new Set(channels.map((row) => row.id)),
    locations: new Set(locations.map((row) => row.id)),
    skus: new Set(items.map((row) => row.sku)),
    listings: new Map(stored.map((listing) => [keyOf(listing), listing])),
  };
}

const namesOf = (names: Iterable<string>): string => [...names].sort().slice(0, 10).join(', ') || 'none';

function judgeListing(row: ListingRow, known: Known): Judged {
  const key = keyOf(row);
  if (!known.channels.has(row.channel)) {
    const fix = `the configured channels are ${namesOf(known.channels)}: correct the channel column`;
    return skip(row.line, key, `channel ${row.channel} is not known`, fix);
  }
  if (row.sku !== null && !known.skus.has(row.sku)) {
    return skip(
      row.line,
      key,
      `SKU ${row.sku} is not an item`,
      'SKUs are case-sensitive; add it first: allot import items FILE',
    );
  }
  const strange = row.locations?.find((location) => !known.locations.has(location));
  if (strange !== undefined) {
    return skip(row.line, key, `location ${strange} is not known`, `the known ones are ${namesOf(known.locations)}`);
  }
  const twice = row.locations?.find((location, index, all) => all.indexOf(location) < index);
  if (twice !== undefined) return skip(row.line, key, `location ${twice} is named twice`, 'name each location once');
  const stored = known.listings.get(key);
  if (stored === undefined) return judge(row.line, key, 'create');
  return compare(row.line, key, [
    ...changeOf('sku', stored.sku, row.sku),
    ...changeOf('pack', stored.pack, row.pack),
    ...changeOf('locations', stored.locations.join('|'), row.locations?.join('|') ?? null),
    ...changeOf('title', stored.title, row.title),
  ]);
}

/** The mapping that a row changes; none where only words changed. */
function mappingOf(row: ListingRow, stored: StoredListing | undefined): MappingChange[] {
  if (stored === undefined) return [];
  const sku = row.sku ?? stored.sku;
  const pack = row.pack ?? stored.pack;
  const locations = row.locations ?? stored.locations;
  const isSame = sku === stored.sku && pack === stored.pack && locations.join('|') === stored.locations.join('|');
  return isSame ? [] : [{ ...stored, from: stored.sku, sku, pack, locations }];
}

/** One that discovery added meanwhile takes the file's word. */
async function addListings(tx: Queries, rows: readonly ListingRow[]): Promise<void> {
  if (rows.length === 0) return;
  const columns = {
    channel: 'text',
    listingRef: 'text',
    locationRef: 'text',
    sku: 'text',
    pack: 'int4',
    locations: 'text[]',
    title: 'text',
  } as const;
  await tx.rows(sql`
    insert into listing (channel_id, listing_ref, location_ref, sku, pack, locations, title, mapped_at)
    select channel, "listingRef", "locationRef", sku, coalesce(pack, 1), coalesce(locations, '{}'), coalesce(title, ''),
      case when sku is not null then clock_timestamp() end
    from ${recordset(rows, columns, 'r')} order by channel, "listingRef", "locationRef"
    on conflict (channel_id, listing_ref, location_ref) do update set sku = excluded.sku, pack = excluded.pack,
      locations = excluded.locations, title = excluded.title, mapped_at = excluded.mapped_at,
      exposure = case when listing.sku = excluded.sku then listing.exposure end`);
  // What the platform knows of them has to be discovered: at the next reconcile, not in an hour.
  const channels = [...new Set(rows.map(({ channel }) => channel))];
  await tx.rows(sql`delete from channel_cursor where channel_id = any(${list(channels)}) and feed = 'listings'`);
}

async function retitle(tx: Queries, rows: readonly ListingRow[], known: Known): Promise<void> {
  const titles = rows.flatMap((row) => {
    const stored = known.listings.get(keyOf(row));
    return row.title === null || stored === undefined ? [] : [{ id: stored.id, title: row.title }];
  });
  if (titles.length === 0) return;
  await tx.rows(sql`
    update listing l set title = r.title from ${recordset(titles, { id: 'int8', title: 'text' }, 'r')} where l.id = r.id`);
}
