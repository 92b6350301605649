/**
 * Listings: what channels sell, and the item each one stands for.
 *
 * Guarantees: a mapping changes under the locks of its old and its new item, reviews both, and lets go the orders that were parked
 * because of it, in one transaction. Discovery never changes a mapping, and maps by itself only when asked (`autoMap`), never what a
 * person has unmapped.
 */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant, ListingId, Sku } from '#core/model.ts';
import { writeAudit } from './audit.ts';
import type { Queries } from './client.ts';
import { addCommands } from './commands.ts';
import { list } from './list.ts';
import { ringBells } from './outbox.ts';
import { retryWaiting } from './parked.ts';
import { recordset } from './recordset.ts';
import { lockResources, RESOURCE } from './state.ts';

export type StoredListing = {
  readonly id: ListingId;
  readonly channel: ChannelId;
  readonly listingRef: string;
  readonly locationRef: string;
  readonly sku: Sku | null;
  readonly pack: number;
  readonly locations: readonly string[];
  readonly skuHint: string | null;
  readonly title: string;
  readonly state: 'tracked' | 'untracked' | 'missing' | 'notBuyable';
};

/** `locationRef` null: at every platform location. */
export type ListingName = {
  readonly channel: ChannelId;
  readonly listingRef: string;
  readonly locationRef: string | null;
};

export type MappingChange = {
  readonly id: ListingId;
  readonly channel: ChannelId;
  readonly listingRef: string;
  readonly from: Sku | null;
  readonly sku: Sku | null;
  readonly pack: number;
  readonly locations: readonly string[];
};

/** Who changes a mapping, and when. */
export type By = { readonly actor: string; readonly now: Instant };

export type MappingResult = { readonly commandIds: readonly number[]; readonly retried: number };

const COLUMNS = sql`l.id, l.channel_id as channel, l.listing_ref as "listingRef", l.location_ref as "locationRef", l.sku, l.pack,
  l.locations, l.sku_hint as "skuHint", l.title, l.platform_state as state`;

const LISTINGS_MAX = 1000;

/** In order of id; the last id is `after` of the next page. */
export const listListings = (
  db: Queries,
  filter: {
    readonly channel?: ChannelId;
    readonly unmapped?: boolean;
    readonly after?: number;
    readonly limit?: number;
  },
): Promise<StoredListing[]> =>
  db.rows<StoredListing>(sql`
    select ${COLUMNS} from listing l
    where l.id > ${filter.after ?? 0} and (${filter.channel ?? null}::text is null or l.channel_id = ${filter.channel ?? null})
      and (not ${filter.unmapped ?? false} or l.sku is null)
    order by l.id limit ${Math.min(filter.limit ?? 100, LISTINGS_MAX)}`);

export const findListings = (db: Queries, names: readonly ListingName[]): Promise<StoredListing[]> =>
  db.rows<StoredListing>(sql`
    select ${COLUMNS} from listing l
    join ${recordset(names, { channel: 'text', listingRef: 'text', locationRef: 'text' }, 'r')}
      on l.channel_id = r.channel and l.listing_ref = r."listingRef"
      and (r."locationRef" is null or l.location_ref = r."locationRef")
    order by l.id`);

/** Is there one among these that was never discovered? */
export async function hasUndiscovered(
  db: Queries,
  channelId: ChannelId,
  refs: readonly { readonly listingRef: string; readonly locationRef: string }[],
): Promise<boolean> {
  if (refs.length === 0) return false;
  const [row] = await db.rows<{ found: boolean }>(sql`
    select exists (
      select 1 from json_to_recordset(${JSON.stringify(refs)}::json) as r("listingRef" text, "locationRef" text)
      where not exists (select 1 from listing l where l.channel_id = ${channelId} and l.listing_ref = r."listingRef"
        and l.location_ref = r."locationRef")) as found`);
  return row?.found ?? false;
}

/**
 * The listings as they stand once their items, and `skus`, are locked. A mapping that changed while we waited brings another item
 * in; a ring of waits is broken by PostgreSQL, and the transaction runs again.
 */
export async function lockListings(
  tx: Queries,
  names: readonly ListingName[],
  skus: readonly Sku[],
): Promise<StoredListing[]> {
  const locked = new Set<Sku>();
  for (;;) {
    const listings = await findListings(tx, names);
    const wanted = [...skus, ...listings.flatMap((listing) => listing.sku ?? [])];
    const missing = [...new Set(wanted.filter((sku) => !locked.has(sku)))];
    if (missing.length === 0) return listings;
    await lockResources(tx, RESOURCE.item, missing);
    for (const sku of missing) locked.add(sku);
  }
}

/** Writes mappings whose items are locked, reviews the items, and retries the orders that waited for these channels' listings. */
export async function writeMappings(tx: Queries, changes: readonly MappingChange[], by: By): Promise<MappingResult> {
  if (changes.length === 0) return { commandIds: [], retried: 0 };
  await tx.rows(sql`
    update listing l set sku = r.sku, pack = r.pack, locations = r.locations, mapped_at = clock_timestamp(),
      exposure = case when l.sku = r.sku then l.exposure end
    from ${recordset(changes, { id: 'int8', sku: 'text', pack: 'int4', locations: 'text[]' }, 'r')} where l.id = r.id`);
  const result = await reviewMapped(tx, changes, by);
  await writeAudit(
    tx,
    changes.map(({ channel, listingRef, from, sku, pack }) => ({
      actor: by.actor,
      action: sku === null ? 'unmap listing' : 'map listing',
      subject: `${channel} ${listingRef}`,
      detail: { from, to: sku, pack },
    })),
  );
  return result;
}

/** Decides the items anew that gained or lost a listing, and lets go what waited for one. */
export async function reviewMapped(
  tx: Queries,
  changes: readonly Pick<MappingChange, 'channel' | 'from' | 'sku'>[],
  by: By,
): Promise<MappingResult> {
  const touched = [...new Set(changes.flatMap(({ from, sku }) => [from, sku]).filter((sku) => sku !== null))].sort();
  const commandIds = await addCommands(
    tx,
    touched.map((sku) => ({
      body: { kind: 'review', sku },
      actor: by.actor,
      occurredAt: by.now,
      channelId: null,
      inboxId: null,
    })),
  );
  const channels = [...new Set(changes.flatMap(({ channel, sku }) => (sku === null ? [] : [channel])))];
  const retried = await retryWaiting(
    tx,
    channels.map((channel) => `listing ${channel}`),
    by.actor,
  );
  return { commandIds, retried };
}

/** What the platform says that it sells; the shape of a connector's discovery. */
export type Discovered = {
  readonly listingRef: string;
  readonly locationRef: string;
  readonly data: Readonly<Record<string, string>>;
  readonly sku: string | null;
  readonly title: string;
  readonly state: StoredListing['state'];
};

/**
 * Adds new listings unmapped and refreshes what the platform says of the known ones. With `autoMap`, a listing that was never mapped
 * gets the item whose SKU equals the platform's to the letter, when no other listing of the channel carries that SKU.
 */
export async function saveDiscovered(
  tx: Queries,
  channel: ChannelId,
  discovered: readonly Discovered[],
  options: { readonly autoMap?: By } = {},
): Promise<{ readonly added: number; readonly changed: number; readonly mapped: number }> {
  if (discovered.length === 0) return { added: 0, changed: 0, mapped: 0 };
  const columns = {
    listingRef: 'text',
    locationRef: 'text',
    data: 'jsonb',
    sku: 'text',
    title: 'text',
    state: 'text',
  } as const;
  const written = await tx.rows<{ id: ListingId; added: boolean }>(sql`
    merge into listing l using (
      select distinct on ("listingRef", "locationRef") * from ${recordset(discovered, columns, 'r')} order by "listingRef", "locationRef") r
    on l.channel_id = ${channel} and l.listing_ref = r."listingRef" and l.location_ref = r."locationRef"
    when matched and (l.data, l.sku_hint, l.title, l.platform_state) is distinct from (r.data, r.sku, r.title, r.state) then
      update set data = r.data, sku_hint = r.sku, title = r.title, platform_state = r.state
    when not matched then insert (channel_id, listing_ref, location_ref, data, sku_hint, title, platform_state)
      values (${channel}, r."listingRef", r."locationRef", r.data, r.sku, r.title, r.state)
    returning l.id, merge_action() = 'INSERT' as added`);
  await tryAgain(
    tx,
    channel,
    written.flatMap(({ id, added: isNew }) => (isNew ? [] : [id])),
  );
  const added = written.filter((row) => row.added).length;
  const mapped = options.autoMap === undefined ? 0 : await mapByHint(tx, channel, discovered, options.autoMap);
  return { added, changed: written.length - added, mapped };
}

/** The platform says something else of these than before: whatever put them off may be over. */
async function tryAgain(tx: Queries, channel: ChannelId, listings: readonly ListingId[]): Promise<void> {
  if (listings.length === 0) return;
  const freed = await tx.execute(sql`
    update listing_sync set blocked_until = null
    where listing_id = any(${list(listings)}::bigint[]) and blocked_until is not null`);
  if (freed > 0) await ringBells(tx, [{ topic: 'push', key: channel }]);
}

async function mapByHint(tx: Queries, channel: ChannelId, discovered: readonly Discovered[], by: By): Promise<number> {
  const names = discovered.map(({ listingRef, locationRef }) => ({ channel, listingRef, locationRef }));
  const hints = await tx.rows<{ sku: Sku }>(sql`
    select i.sku from item i join listing l on l.channel_id = ${channel} and l.sku_hint = i.sku
    join ${recordset(names, { listingRef: 'text' }, 'r')} on r."listingRef" = l.listing_ref
    where l.sku is null and l.mapped_at is null
    group by i.sku
    having (select count(distinct o.listing_ref) from listing o where o.channel_id = ${channel} and o.sku_hint = i.sku) = 1`);
  if (hints.length === 0) return 0;
  const skus = new Set(hints.map((hint) => hint.sku));
  await lockResources(tx, RESOURCE.item, [...skus]);
  const never = await tx.rows<StoredListing>(sql`
    select ${COLUMNS} from listing l join ${recordset(
      [...skus].map((sku) => ({ sku })),
      { sku: 'text' },
      'r',
    )} on l.sku_hint = r.sku
    where l.channel_id = ${channel} and l.sku is null and l.mapped_at is null order by l.id for update of l`);
  const changes = never.map((listing) => ({ ...listing, from: null, sku: listing.skuHint }));
  await writeMappings(tx, changes, by);
  return changes.length;
}

/** Of mapped listings whose number is refused: base units between what they should show and were last known to, by item, most first. */
export async function unitsRefused(db: Queries, ids: readonly number[]) {
  const skuUnits = await db.rows<{ sku: Sku; units: number }>(sql`
    select l.sku collate "C" as sku, sum(abs(t.quantity - coalesce(s.acked_quantity, s.observed_sellable, 0))::int8 * l.pack)::int8 as units
    from listing l join target t on t.listing_id = l.id left join listing_sync s on s.listing_id = l.id
    where l.id = any(${list(ids)}::bigint[]) and l.sku is not null group by 1 order by 2 desc, 1`);
  return { skuUnits, units: skuUnits.reduce((sum, { units }) => sum + units, 0) };
}
