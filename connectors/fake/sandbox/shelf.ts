/**
 * The partner's listings and the number each shows at each location.
 *
 * | event             | sellable           | onHandLessOwnOpen                                              |
 * | sale of n         | number - n         | reserved + n                                                   |
 * | cancel, restocked | number + n         | reserved - n (whether restocked or not: it was never lowered)  |
 * | shipment of n     | -                  | reserved - n; the number stays until it is set anew            |
 * | number set to q   | number = q         | number = q                                                     |
 */
import type { QuantityBasis } from '#core/model.ts';
import type { CatalogueRequest, SandboxLevel } from '../../sandbox/control.ts';
import { ControlRefusal } from '../../sandbox/platform.ts';

export type Level = { number: number; reserved: number };
export type ShelfListing = {
  readonly id: string;
  readonly sku: string;
  readonly title: string;
  readonly barcode: string | null;
  status: 'active' | 'untracked';
  readonly levels: Map<string, Level>;
};
export type ShelfLocation = { readonly id: string; readonly name: string };
/** A place to sell from; `shown` is what a buyer could buy there. */
export type Offer = { readonly listing: ShelfListing; readonly locationId: string; readonly shown: number };

export type Shelf = {
  readonly listings: ReadonlyMap<string, ShelfListing>;
  readonly locations: readonly ShelfLocation[];
  seed(request: CatalogueRequest): ShelfListing[];
  bySku(sku: string): ShelfListing;
  /** The location that shows most of it. */
  bestOffer(sku: string): Offer;
  sell(offer: Offer, units: number): void;
  release(listing: ShelfListing, locationId: string, units: number): void;
  restock(listing: ShelfListing, locationId: string, units: number): void;
  levels(): SandboxLevel[];
};

/** Beyond 2^53 on purpose: an id that passes through a double is no longer itself. */
const FIRST_LISTING_ID = 9_007_199_254_750_001n;
export const FIRST_LOCATION = 'L1';

type Shelved = {
  readonly listings: Map<string, ShelfListing>;
  readonly skus: Map<string, ShelfListing>;
  readonly locations: ShelfLocation[];
};

function addLocations({ listings, locations }: Shelved, names: readonly string[]): void {
  for (const name of names) {
    if (locations.some((location) => location.name === name)) continue;
    const id = `L${locations.length + 1}`;
    locations.push({ id, name });
    for (const listing of listings.values()) listing.levels.set(id, { number: 0, reserved: 0 });
  }
}

/** A SKU that is there already keeps its id and its other locations. */
function putListing({ listings, skus, locations }: Shelved, entry: CatalogueRequest['listings'][number]): ShelfListing {
  const known = skus.get(entry.sku);
  const status = entry.tracked === false ? 'untracked' : 'active';
  if (known !== undefined) {
    known.status = status;
    const first = known.levels.get(FIRST_LOCATION);
    if (first !== undefined) first.number = entry.shown;
    return known;
  }
  const numberAt = (id: string): number => (id === FIRST_LOCATION ? entry.shown : 0);
  const levels = new Map(locations.map(({ id }) => [id, { number: numberAt(id), reserved: 0 }]));
  const { sku, title = entry.sku, barcode = null } = entry;
  const listing: ShelfListing = {
    id: String(FIRST_LISTING_ID + BigInt(listings.size)),
    sku,
    title,
    barcode,
    status,
    levels,
  };
  listings.set(listing.id, listing);
  skus.set(sku, listing);
  return listing;
}

function levelOf(listing: ShelfListing, locationId: string): Level {
  const level = listing.levels.get(locationId);
  if (level === undefined) throw new ControlRefusal(`${listing.sku} is not at ${locationId}`);
  return level;
}

const describeListing = (listing: ShelfListing, shownOf: (level: Level) => number): SandboxLevel[] =>
  [...listing.levels].map(([locationRef, level]) => ({
    sku: listing.sku,
    listingRef: listing.id,
    locationRef,
    tracked: listing.status === 'active',
    shown: level.number,
    reserved: level.reserved,
    sellable: Math.max(0, shownOf(level)),
  }));

export function createShelf(basis: QuantityBasis): Shelf {
  const shelved: Shelved = { listings: new Map(), skus: new Map(), locations: [] };
  const { listings, skus, locations } = shelved;
  const holdsBack = basis === 'onHandLessOwnOpen';
  const shownOf = (level: Level): number => (holdsBack ? level.number - level.reserved : level.number);

  const bySku = (sku: string): ShelfListing => {
    const listing = skus.get(sku);
    if (listing === undefined) throw new ControlRefusal(`the catalogue has no ${sku}`);
    return listing;
  };

  return {
    listings,
    locations,
    bySku,
    seed(request) {
      const names = request.locations?.map(({ name }) => name) ?? [];
      addLocations(shelved, names.length + locations.length === 0 ? ['main'] : names);
      return request.listings.map((entry) => putListing(shelved, entry));
    },
    bestOffer(sku) {
      const listing = bySku(sku);
      const offers = [...listing.levels].map(([locationId, level]) => ({ listing, locationId, shown: shownOf(level) }));
      return offers.reduce((most, offer) => (offer.shown > most.shown ? offer : most));
    },
    sell({ listing, locationId }, units) {
      const level = levelOf(listing, locationId);
      if (holdsBack) level.reserved += units;
      else if (listing.status === 'active') level.number -= units;
    },
    release(listing, locationId, units) {
      if (holdsBack) levelOf(listing, locationId).reserved -= units;
    },
    restock(listing, locationId, units) {
      if (!holdsBack && listing.status === 'active') levelOf(listing, locationId).number += units;
    },
    levels: () => [...listings.values()].flatMap((listing) => describeListing(listing, shownOf)),
  };
}
