/**
 * What Amazon shows of the seller's listings: levels by SKU, a walk over all, discovery.
 *
 * A listing is a seller SKU; its location the fulfilment channel code, `DEFAULT` for what the seller ships. The number is
 * `fulfillmentAvailability[].quantity`, the live offer; `attributes.fulfillment_availability` is only what was last submitted
 * (facts/amazon.md 2.4).
 *
 * | Amazon shows                                 | state      | because                                                       |
 * | no such SKU                                  | missing    |                                                               |
 * | a channel AMAZON_*                           | untracked  | FBA: a quantity from us would strand its stock (2.5)          |
 * | no quantity for the channel                  | untracked  | nobody has given one yet: it is not 0                         |
 * | a quantity above 0, and not BUYABLE          | notBuyable | suppressed; at 0 it is not buyable for being sold out         |
 * | a quantity                                   | tracked    |                                                               |
 *
 * Guarantees: one observation per asked key, in order. A walk reaches the first 1,000 SKUs, which is Amazon's limit, and warns when
 * there are more: those are read by key.
 */
import { z } from 'zod';
import { Transient } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type {
  ConnectorLog,
  DiscoveredListing,
  DiscoveredLocation,
  ListingKey,
  Observation,
  ScanPage,
} from '../connector.ts';
import { USAGE_PLANS } from './buckets.ts';
import type { AmazonClient } from './client.ts';
import { rejectedBy } from './faults.ts';
import type { AmazonSettings } from './settings.ts';

/** The merchant's own channel. Multi-Location Inventory would have one per supply source; it is not spoken here. */
export const MERCHANT_CHANNEL = 'DEFAULT';

export const SKUS_PER_READ = 20;
const WALKABLE_MAX = 1000;
/** Of the rate of searchListingsItems, what looks may take: scans and the reads of push need the rest. */
const LOOK_SHARE = 0.4;

export const looksPerMinute = (speedUp: number): number =>
  Math.floor(60 * USAGE_PLANS.searchListingsItems.ratePerS * speedUp * LOOK_SHARE * SKUS_PER_READ);

const itemSchema = z.object({
  sku: z.string(),
  summaries: z
    .array(
      z.object({
        marketplaceId: z.string(),
        asin: z.string().optional(),
        productType: z.string().optional(),
        itemName: z.string().optional(),
        status: z.array(z.string()).optional(),
      }),
    )
    .optional(),
  attributes: z
    .object({
      externally_assigned_product_identifier: z
        .array(z.object({ value: z.string().optional(), type: z.string().optional() }))
        .optional(),
    })
    .optional(),
  fulfillmentAvailability: z
    .array(z.object({ fulfillmentChannelCode: z.string(), quantity: z.int().optional() }))
    .optional(),
});

type Item = z.infer<typeof itemSchema>;

const pageSchema = z.object({
  numberOfResults: z.int().optional(),
  pagination: z.object({ nextToken: z.string().optional() }).optional(),
  items: z.array(itemSchema),
});

/** What a read of listings goes through. */
export type ListingSource = {
  readonly client: AmazonClient;
  readonly settings: AmazonSettings;
  readonly log: ConnectorLog;
  readonly now: () => Instant;
};

const LEVEL_DATA = ['summaries', 'fulfillmentAvailability'];
const FIX = 'check sellerId and marketplaceId of the channel; Amazon names what it refuses';

const isFba = (item: Item): boolean =>
  item.fulfillmentAvailability?.some(({ fulfillmentChannelCode }) => fulfillmentChannelCode.startsWith('AMAZON_')) ===
  true;

function stateOf(item: Item, quantity: number | undefined, marketplaceId: string): Observation['state'] {
  if (isFba(item) || quantity === undefined) return 'untracked';
  const status = item.summaries?.find((each) => each.marketplaceId === marketplaceId)?.status;
  return quantity > 0 && status !== undefined && !status.includes('BUYABLE') ? 'notBuyable' : 'tracked';
}

type Ref = { readonly listingRef: string; readonly locationRef: string };

function observationOf(ref: Ref, item: Item | undefined, at: { marketplaceId: string; asOf: Instant }): Observation {
  const { listingRef, locationRef } = ref;
  const { asOf } = at;
  if (item === undefined)
    return { listingRef, locationRef, state: 'missing', sellable: 0, shown: 0, reserved: null, asOf };
  const quantity = item.fulfillmentAvailability?.find(
    ({ fulfillmentChannelCode }) => fulfillmentChannelCode === locationRef,
  )?.quantity;
  const state = stateOf(item, quantity, at.marketplaceId);
  const shown = quantity ?? 0;
  const sellable = state === 'tracked' ? Math.max(0, shown) : 0;
  return { listingRef, locationRef, state, sellable, shown, reserved: null, asOf };
}

async function readPage(
  { client, settings }: ListingSource,
  query: Readonly<Record<string, string | readonly string[]>>,
  signal: AbortSignal,
): Promise<z.infer<typeof pageSchema>> {
  const { sellerId, marketplaceId } = settings;
  const reply = await client.call(
    {
      operation: 'searchListingsItems',
      path: { sellerId },
      query: { marketplaceIds: [marketplaceId], pageSize: SKUS_PER_READ, ...query },
      answer: pageSchema,
    },
    signal,
  );
  if (reply.kind === 'refused') throw rejectedBy(reply, 'searchListingsItems', FIX);
  return reply.body;
}

/** One SKU by its path: the list of identifiers has no way to write a comma (facts/amazon.md 1.3, 11). */
async function readOne({ client, settings }: ListingSource, sku: string, signal: AbortSignal): Promise<Item | null> {
  const { sellerId, marketplaceId } = settings;
  const query = { marketplaceIds: [marketplaceId], includedData: LEVEL_DATA };
  const reply = await client.call(
    { operation: 'getListingsItem', path: { sellerId, sku }, query, answer: itemSchema },
    signal,
  );
  if (reply.kind === 'answer') return reply.body;
  if (reply.status === 404) return null;
  throw rejectedBy(reply, `getListingsItem ${sku}`, FIX);
}

type Seen = { readonly item: Item | undefined; readonly asOf: Instant };

async function readMany(
  source: ListingSource,
  skus: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Seen>> {
  const asOf = source.now();
  const query = { identifiersType: 'SKU', identifiers: skus, includedData: LEVEL_DATA };
  const { items, pagination } = await readPage(source, query, signal);
  const bySku = new Map(items.map((item) => [item.sku, item]));
  // Twenty fit on one page by Amazon's own word; a second page would make absent what is not.
  if (pagination?.nextToken !== undefined && skus.some((sku) => !bySku.has(sku)))
    throw new Transient(`searchListingsItems gave ${items.length} of ${skus.length} SKUs on its page`);
  return new Map(skus.map((sku) => [sku, { item: bySku.get(sku), asOf }]));
}

/** `asOf` is read before each call: what came back was true at that moment or later. */
export async function observe(
  source: ListingSource,
  keys: readonly ListingKey[],
  signal: AbortSignal,
): Promise<readonly Observation[]> {
  const skus = [...new Set(keys.map((key) => key.listingRef))];
  const plain = skus.filter((sku) => !sku.includes(','));
  const seen = new Map<string, Seen>();
  for (let at = 0; at < plain.length; at += SKUS_PER_READ) {
    for (const [sku, one] of await readMany(source, plain.slice(at, at + SKUS_PER_READ), signal)) seen.set(sku, one);
  }
  for (const sku of skus.filter((each) => each.includes(','))) {
    const asOf = source.now();
    seen.set(sku, { item: (await readOne(source, sku, signal)) ?? undefined, asOf });
  }
  const { marketplaceId } = source.settings;
  return keys.map((key) => {
    const { item, asOf = source.now() } = seen.get(key.listingRef) ?? {};
    return observationOf(key, item, { marketplaceId, asOf });
  });
}

async function walk(
  source: ListingSource,
  cursor: string | null,
  includedData: readonly string[],
  signal: AbortSignal,
) {
  const page = await readPage(source, { includedData, ...(cursor === null ? {} : { pageToken: cursor }) }, signal);
  if (cursor === null && (page.numberOfResults ?? 0) > WALKABLE_MAX) {
    source.log.warn(
      { listings: page.numberOfResults ?? 0, reached: WALKABLE_MAX },
      'Amazon lists only the first 1,000 SKUs of a seller; map the others by SKU, they are read by key',
    );
  }
  return { items: page.items, cursor: page.pagination?.nextToken ?? null };
}

export async function scanLevels(source: ListingSource, cursor: string | null, signal: AbortSignal): Promise<ScanPage> {
  const at = { marketplaceId: source.settings.marketplaceId, asOf: source.now() };
  const page = await walk(source, cursor, LEVEL_DATA, signal);
  const observations = page.items.map((item) =>
    observationOf({ listingRef: item.sku, locationRef: MERCHANT_CHANNEL }, item, at),
  );
  return { observations, cursor: page.cursor };
}

const BARCODES = new Set(['ean', 'upc', 'gtin', 'isbn']);

function discoveredOf(item: Item, marketplaceId: string): DiscoveredListing {
  const summary = item.summaries?.find((each) => each.marketplaceId === marketplaceId) ?? item.summaries?.[0];
  const barcode = item.attributes?.externally_assigned_product_identifier?.find(({ type }) =>
    BARCODES.has(type?.toLowerCase() ?? ''),
  );
  const ref = { listingRef: item.sku, locationRef: MERCHANT_CHANNEL };
  return {
    ...ref,
    data: {
      marketplaceId,
      productType: summary?.productType ?? 'PRODUCT',
      ...(isFba(item) ? { fulfilledBy: 'AMAZON' } : {}),
    },
    sku: item.sku,
    title: summary?.itemName ?? item.sku,
    state: observationOf(ref, item, { marketplaceId, asOf: 0 }).state,
    barcode: barcode?.value ?? null,
  };
}

export async function discoverListings(
  source: ListingSource,
  cursor: string | null,
  signal: AbortSignal,
): Promise<{ readonly listings: readonly DiscoveredListing[]; readonly cursor: string | null }> {
  const page = await walk(source, cursor, [...LEVEL_DATA, 'attributes'], signal);
  return { listings: page.items.map((item) => discoveredOf(item, source.settings.marketplaceId)), cursor: page.cursor };
}

/** Known without a call: a seller without Multi-Location Inventory has this one. */
export const LOCATIONS: readonly DiscoveredLocation[] = [
  { locationRef: MERCHANT_CHANNEL, name: 'Merchant fulfilled', active: true },
];
