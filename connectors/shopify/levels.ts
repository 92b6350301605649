/**
 * What the shop shows, what it sells and where: levels by key, a walk over every level, listings and locations.
 *
 * A listing is a variant (its GID is the listingRef, as in orders); its level hangs on the variant's inventory item, whose GID lies
 * in the listing's data as `inventoryItemId`. `shown` is Shopify's `available`, which falls below zero when the shop oversold;
 * `reserved` its `committed`.
 * Guarantees: one observation per asked key, in order; a level that is not there is `missing`, an item without tracking `untracked`
 * (so is a bundle's parent, whose number is its components'), a switched-off level `notBuyable`: none of them is a zero.
 */
import { z } from 'zod';
import { Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { DiscoveredListing, DiscoveredLocation, ListingKey, Observation, ScanPage } from '../connector.ts';
import type { ShopifyClient } from './client.ts';
import { ITEMS_PER_READ, LEVELS, LEVELS_PER_PAGE, LOCATION_LEVELS, LOCATIONS } from './documents.ts';
import { isGid } from './gid.ts';

const pageInfoSchema = z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() });

const levelFields = {
  isActive: z.boolean(),
  quantities: z.array(z.object({ name: z.string(), quantity: z.number().int() })),
};

const levelsAnswer = z.object({
  nodes: z.array(
    z
      .object({ id: z.string(), tracked: z.boolean().optional(), inventoryLevel: z.object(levelFields).nullish() })
      .nullable(),
  ),
});

const variantSchema = z.object({
  id: z.string(),
  sku: z.string().nullable(),
  barcode: z.string().nullable(),
  displayName: z.string(),
  requiresComponents: z.boolean(),
});

const itemSchema = z.object({
  id: z.string(),
  tracked: z.boolean(),
  variants: z.object({ nodes: z.array(variantSchema) }).nullable(),
});

const walkAnswer = z.object({
  location: z
    .object({
      inventoryLevels: z.object({
        nodes: z.array(z.object({ ...levelFields, item: itemSchema })),
        pageInfo: pageInfoSchema,
      }),
    })
    .nullable(),
});

const locationSchema = z.object({ id: z.string(), name: z.string(), isActive: z.boolean() });
const locationsAnswer = z.object({ locations: z.object({ nodes: z.array(locationSchema), pageInfo: pageInfoSchema }) });

type Level = {
  readonly isActive: boolean;
  readonly quantities: readonly { readonly name: string; readonly quantity: number }[];
};
type Item = z.infer<typeof itemSchema>;

/** The inventory item behind a listing. Throws Rejected for a key that discovery did not make. */
export function inventoryItemOf(key: ListingKey): string {
  const item = key.data.inventoryItemId;
  if (item !== undefined && isGid('InventoryItem', item)) return item;
  throw new Rejected(`listing ${key.listingRef} has no inventory item`, {
    field: 'data.inventoryItemId',
    value: item,
    fix: 'let allot discover the listings of this channel, or give the GID of the inventory item (gid://shopify/InventoryItem/...)',
  });
}

type Ref = { readonly listingRef: string; readonly locationRef: string };

const absent = (ref: Ref, asOf: Instant): Observation => ({
  ...ref,
  state: 'missing',
  sellable: 0,
  shown: 0,
  reserved: null,
  asOf,
});

function observationOf(ref: Ref, level: Level, state: Observation['state'], asOf: Instant): Observation {
  const quantityOf = (name: string): number | null =>
    level.quantities.find((each) => each.name === name)?.quantity ?? null;
  const shown = quantityOf('available') ?? 0;
  return {
    ...ref,
    state,
    sellable: state === 'tracked' ? Math.max(0, shown) : 0,
    shown,
    reserved: quantityOf('committed'),
    asOf,
  };
}

const stateOf = (isTracked: boolean, level: Level): Observation['state'] => {
  if (!isTracked) return 'untracked';
  return level.isActive ? 'tracked' : 'notBuyable';
};

/** All of `keys` lie at one location, at most ITEMS_PER_READ of them. */
async function observeAt(
  client: ShopifyClient,
  locationRef: string,
  keys: readonly ListingKey[],
  call: { readonly asOf: Instant; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, Observation>> {
  const ids = [...new Set(keys.map(inventoryItemOf))];
  const request = { document: LEVELS, variables: { ids, locationId: locationRef }, answer: levelsAnswer };
  const { nodes } = await client.read(request, call.signal);
  const items = new Map(nodes.flatMap((node) => (node === null ? [] : [[node.id, node] as const])));
  const observed = keys.map((key) => {
    const ref = { listingRef: key.listingRef, locationRef };
    const item = items.get(inventoryItemOf(key));
    const level = item?.inventoryLevel;
    if (item === undefined || level === null || level === undefined)
      return [key.listingRef, absent(ref, call.asOf)] as const;
    const isTracked = item.tracked === true && key.data.requiresComponents !== 'true';
    return [key.listingRef, observationOf(ref, level, stateOf(isTracked, level), call.asOf)] as const;
  });
  return new Map(observed);
}

/** `now` is read before each call: what came back was true at that moment or later. */
/** Of what the shop's bucket gains, what looks may take: the rest is for writes, orders and the reads of push. */
const LOOK_SHARE = 0.4;
/** Of one item: documents.ts counts 800 for 200. */
const POINTS_PER_ITEM = 4;

export const looksPerMinute = (restoreRate: number | null): number | null =>
  restoreRate === null ? null : Math.floor((60 * restoreRate * LOOK_SHARE) / POINTS_PER_ITEM);

export async function observe(
  client: ShopifyClient,
  keys: readonly ListingKey[],
  now: () => Instant,
  signal: AbortSignal,
): Promise<readonly Observation[]> {
  const found = new Map<string, ReadonlyMap<string, Observation>[]>();
  for (const [locationRef, here] of Map.groupBy(keys, (key) => key.locationRef)) {
    const parts: ReadonlyMap<string, Observation>[] = [];
    for (let at = 0; at < here.length; at += ITEMS_PER_READ) {
      const call = { asOf: now(), signal };
      parts.push(await observeAt(client, locationRef, here.slice(at, at + ITEMS_PER_READ), call));
    }
    found.set(locationRef, parts);
  }
  return keys.map((key) => {
    const part = found.get(key.locationRef)?.find((each) => each.has(key.listingRef));
    return part?.get(key.listingRef) ?? absent({ listingRef: key.listingRef, locationRef: key.locationRef }, now());
  });
}

export async function discoverLocations(
  client: ShopifyClient,
  signal: AbortSignal,
): Promise<readonly DiscoveredLocation[]> {
  const found: DiscoveredLocation[] = [];
  for (let after: string | null = null; ; ) {
    const page: z.infer<typeof locationsAnswer> = await client.read(
      { document: LOCATIONS, variables: { after }, answer: locationsAnswer },
      signal,
    );
    const { nodes, pageInfo } = page.locations;
    found.push(...nodes.map(({ id, name, isActive }) => ({ locationRef: id, name, active: isActive })));
    if (!pageInfo.hasNextPage) return found;
    after = pageInfo.endCursor;
  }
}

/** A walk over all levels: the locations still to come, the first of them being walked from `after`. */
const cursorSchema = z.strictObject({ locations: z.array(z.string()).min(1), after: z.string().nullable() });

type Walked = {
  readonly ref: Ref;
  readonly item: Item;
  readonly variant: z.infer<typeof variantSchema>;
  readonly level: Level;
};

function openCursor(cursor: string): z.infer<typeof cursorSchema> {
  try {
    return cursorSchema.parse(JSON.parse(cursor));
  } catch (error) {
    throw new Rejected(
      'the cursor of this walk is not one of ours',
      { field: 'cursor', value: cursor, fix: 'start the walk anew' },
      error,
    );
  }
}

async function walk(client: ShopifyClient, cursor: string | null, signal: AbortSignal) {
  const active = async () =>
    (await discoverLocations(client, signal)).filter((each) => each.active).map((each) => each.locationRef);
  const { locations, after } = cursor === null ? { locations: await active(), after: null } : openCursor(cursor);
  const [here, ...rest] = locations;
  if (here === undefined) return { levels: [], cursor: null };
  const variables = { id: here, first: LEVELS_PER_PAGE, after };
  const { location } = await client.read({ document: LOCATION_LEVELS, variables, answer: walkAnswer }, signal);
  const page = location?.inventoryLevels;
  const levels = (page?.nodes ?? []).flatMap(({ item, ...level }): Walked[] =>
    (item.variants?.nodes ?? []).map((variant) => ({
      ref: { listingRef: variant.id, locationRef: here },
      item,
      variant,
      level,
    })),
  );
  if (page?.pageInfo.hasNextPage === true)
    return { levels, cursor: JSON.stringify({ locations, after: page.pageInfo.endCursor }) };
  return { levels, cursor: rest.length === 0 ? null : JSON.stringify({ locations: rest, after: null }) };
}

const walkedState = ({ item, variant, level }: Walked): Observation['state'] =>
  stateOf(item.tracked && !variant.requiresComponents, level);

/** A page of all levels at the active locations. `now` is the moment before the read. */
export async function scanLevels(
  client: ShopifyClient,
  cursor: string | null,
  now: Instant,
  signal: AbortSignal,
): Promise<ScanPage> {
  const page = await walk(client, cursor, signal);
  const observations = page.levels.map((each) => observationOf(each.ref, each.level, walkedState(each), now));
  return { observations, cursor: page.cursor };
}

export async function discoverListings(
  client: ShopifyClient,
  cursor: string | null,
  signal: AbortSignal,
): Promise<{ readonly listings: readonly DiscoveredListing[]; readonly cursor: string | null }> {
  const page = await walk(client, cursor, signal);
  const listings = page.levels.map((each) => {
    const { item, variant } = each;
    const parent: Record<string, string> = variant.requiresComponents ? { requiresComponents: 'true' } : {};
    return {
      ...each.ref,
      data: { inventoryItemId: item.id, ...parent },
      sku: variant.sku,
      title: variant.displayName,
      state: walkedState(each),
      barcode: variant.barcode,
    };
  });
  return { listings, cursor: page.cursor };
}
