/**
 * What the partner shows: the listings asked for, all of them page by page, and what there is to map.
 *
 * The partner leaves out of its answer what it does not have: that comes back as `missing`, never as 0.
 */
import { z } from 'zod';
import type { Instant, QuantityBasis } from '#core/model.ts';
import type { DiscoveredListing, DiscoveredLocation, ListingKey, Observation, ScanPage } from '../connector.ts';
import type { PartnerClient } from './client.ts';
import { idSchema } from './orders.ts';

const PAGE_SIZE = 200;
const READ_MAX = 100;

const statusSchema = z.enum(['active', 'untracked', 'paused']);
const levelSchema = z.object({
  listing: idSchema,
  location: idSchema,
  status: statusSchema,
  number: z.int(),
  reserved: z.int().min(0),
});
type PartnerLevel = z.infer<typeof levelSchema>;
const levelsSchema = z.object({ levels: z.array(levelSchema).max(PAGE_SIZE), clock: z.int() });
const levelPageSchema = levelsSchema.extend({ next: z.string().nullable() });
const listingPageSchema = z.object({
  listings: z
    .array(
      z.object({
        id: idSchema,
        sku: z.string().nullable(),
        title: z.string(),
        barcode: z.string().nullable(),
        status: statusSchema,
        locations: z.array(idSchema).max(1000),
      }),
    )
    .max(PAGE_SIZE),
  next: z.string().nullable(),
});
const locationsSchema = z.object({
  locations: z.array(z.object({ id: idSchema, name: z.string(), active: z.boolean() })).max(1000),
});

const STATES = { active: 'tracked', untracked: 'untracked', paused: 'notBuyable' } as const;

/** On `onHandLessOwnOpen` the partner sells its number less its own open orders; a paused listing sells nothing. */
function observationOf(level: PartnerLevel, basis: QuantityBasis, asOf: Instant): Observation {
  const state = STATES[level.status];
  const holdsBack = basis === 'onHandLessOwnOpen';
  const buyable = holdsBack ? level.number - level.reserved : level.number;
  return {
    listingRef: level.listing,
    locationRef: level.location,
    state,
    sellable: state === 'tracked' ? Math.max(0, buyable) : 0,
    shown: level.number,
    reserved: holdsBack ? level.reserved : null,
    asOf,
  };
}

const missing = (key: ListingKey, asOf: Instant): Observation => ({
  listingRef: key.listingRef,
  locationRef: key.locationRef,
  state: 'missing',
  sellable: 0,
  shown: 0,
  reserved: null,
  asOf,
});

const nameOf = (listing: string, location: string): string => JSON.stringify([listing, location]);

export type LevelReader = { readonly client: PartnerClient; readonly basis: QuantityBasis };

async function observePart(
  reader: LevelReader,
  keys: readonly ListingKey[],
  signal: AbortSignal,
): Promise<Observation[]> {
  const items = keys.map(({ listingRef, locationRef }) => ({ listing: listingRef, location: locationRef }));
  const call = {
    method: 'POST',
    path: '/v1/levels/read',
    body: JSON.stringify({ items }),
    signal,
    isRead: true,
  } as const;
  const { levels, clock } = await reader.client.read(levelsSchema, call);
  const found = new Map(levels.map((level) => [nameOf(level.listing, level.location), level]));
  return keys.map((key) => {
    const level = found.get(nameOf(key.listingRef, key.locationRef));
    return level === undefined ? missing(key, clock) : observationOf(level, reader.basis, clock);
  });
}

export async function observe(
  reader: LevelReader,
  keys: readonly ListingKey[],
  signal: AbortSignal,
): Promise<readonly Observation[]> {
  const observations: Observation[] = [];
  for (let start = 0; start < keys.length; start += READ_MAX) {
    observations.push(...(await observePart(reader, keys.slice(start, start + READ_MAX), signal)));
  }
  return observations;
}

const pagePath = (path: string, cursor: string | null): string =>
  `${path}?limit=${PAGE_SIZE}${cursor === null ? '' : `&after=${encodeURIComponent(cursor)}`}`;

export async function scan(reader: LevelReader, cursor: string | null, signal: AbortSignal): Promise<ScanPage> {
  const page = await reader.client.read(levelPageSchema, {
    method: 'GET',
    path: pagePath('/v1/levels', cursor),
    signal,
  });
  return {
    observations: page.levels.map((level) => observationOf(level, reader.basis, page.clock)),
    cursor: page.next,
  };
}

export async function discoverListings(
  client: PartnerClient,
  cursor: string | null,
  signal: AbortSignal,
): Promise<{ readonly listings: readonly DiscoveredListing[]; readonly cursor: string | null }> {
  const page = await client.read(listingPageSchema, { method: 'GET', path: pagePath('/v1/listings', cursor), signal });
  const listings = page.listings.flatMap(({ id, sku, title, barcode, status, locations }) =>
    locations.map((locationRef) => ({
      listingRef: id,
      locationRef,
      data: {},
      sku,
      title,
      state: STATES[status],
      barcode,
    })),
  );
  return { listings, cursor: page.next };
}

export async function discoverLocations(
  client: PartnerClient,
  signal: AbortSignal,
): Promise<readonly DiscoveredLocation[]> {
  const { locations } = await client.read(locationsSchema, { method: 'GET', path: '/v1/locations', signal });
  return locations.map(({ id, name, active }) => ({ locationRef: id, name, active }));
}
