/**
 * What the retailer lists of the brand's, under its own numbers, and the quantity it was told last.
 *
 * A dropship partner sells from that quantity and lowers it itself; for one that buys for its own shelves it is only a report. The
 * number it shows is in single units; where the 846 counts in cases, a case is what the listing's case holds.
 */
import type { CatalogueAnswer, CatalogueRequest, SandboxLevel } from '../../sandbox/control.ts';
import type { SandboxLog } from '../../sandbox/log.ts';
import type { Partner } from '../partner.ts';

export const WAREHOUSE = 'warehouse';

export type Listing = {
  /** The brand's own name of it. */
  readonly sku: string;
  /** By qualifier: what PO1 and LIN may call it. */
  readonly ids: Readonly<Record<string, string>>;
  readonly listingRef: string;
  /** A case holds so many; 0 when it is sold in single units alone. */
  readonly pack: number;
  title: string;
  shown: number;
};

export type Shelf = {
  readonly listings: ReadonlyMap<string, Listing>;
  /** By what a document calls it; more than one where a GTIN was given to several. */
  readonly named: (qualifier: string, value: string) => readonly Listing[];
  seed(request: CatalogueRequest): CatalogueAnswer;
  levels(): readonly SandboxLevel[];
  sell(listing: Listing, units: number): void;
  set(listing: Listing, units: number, by: 'push' | 'edit'): void;
};

/** Twelve digits, the last one the check digit of GS1. */
function upcOf(n: number): string {
  const body = `081466${String(n).padStart(5, '0')}`;
  const sum = Array.from(body).reduce((all, digit, index) => all + Number(digit) * (index % 2 === 0 ? 3 : 1), 0);
  return `${body}${(10 - (sum % 10)) % 10}`;
}

/** IN, BP, CB, PI the buyer's number; SK its shop's code; UP, EN, UK the GTIN; VN, VP, VC ours. */
function idsOf(sku: string, n: number, barcode: string | undefined): Record<string, string> {
  const buyer = String(700_000 + n);
  const upc = /^\d{12}$/.test(barcode ?? '') ? (barcode ?? '') : upcOf(n);
  const own = { IN: buyer, BP: buyer, CB: buyer, PI: buyer, SK: `M${buyer}` };
  return { ...own, UP: upc, EN: `0${upc}`, UK: `00${upc}`, VN: sku, VP: sku, VC: sku };
}

export type ShelfOptions = {
  readonly partner: Partner;
  readonly casePacks: readonly number[];
  readonly log: SandboxLog;
};

export function openShelf({ partner, casePacks, log }: ShelfOptions): Shelf {
  const listings = new Map<string, Listing>();
  const byName = new Map<string, Listing[]>();
  const { orders, inventory } = partner;
  const ordersCases = Object.values(orders.units).includes('pack');
  const named = new Set([...(inventory?.identify ?? []), ...(orders.sku === undefined ? [] : [orders.sku])]);

  const add = (sku: string, barcode: string | undefined): Listing => {
    const n = listings.size + 1;
    const ids = idsOf(sku, n, barcode);
    const pack = ordersCases ? (casePacks[(n - 1) % casePacks.length] ?? 0) : 0;
    const listing: Listing = { sku, ids, listingRef: ids[orders.listing] ?? sku, pack, title: sku, shown: 0 };
    listings.set(sku, listing);
    for (const [qualifier, value] of Object.entries(ids)) {
      const name = `${qualifier} ${value}`;
      byName.set(name, [...(byName.get(name) ?? []), listing]);
    }
    return listing;
  };

  /** What the brand has to know of a listing to name it in an 846, as the data of the listing there. */
  const dataOf = ({ ids, pack }: Listing): Record<string, string> => ({
    ...Object.fromEntries(
      [...named].flatMap((qualifier) => (ids[qualifier] === undefined ? [] : [[qualifier, ids[qualifier]]])),
    ),
    ...(pack === 0 ? {} : { pack: String(pack) }),
  });

  return {
    listings,
    named: (qualifier, value) => byName.get(`${qualifier} ${value}`) ?? [],
    seed(request) {
      const seeded = request.listings.map(({ sku, title, shown, barcode }) => {
        const listing = listings.get(sku) ?? add(sku, barcode);
        listing.title = title ?? listing.title;
        listing.shown = shown;
        return { sku, listingRef: listing.listingRef, data: dataOf(listing) };
      });
      return { locations: [{ locationRef: WAREHOUSE, name: 'The brand, as the retailer knows it' }], listings: seeded };
    },
    levels: () =>
      [...listings.values()].map(({ sku, listingRef, shown }) => ({
        sku,
        listingRef,
        locationRef: WAREHOUSE,
        tracked: true,
        shown,
        reserved: 0,
        sellable: Math.max(0, shown),
      })),
    sell(listing, units) {
      listing.shown -= units;
    },
    set(listing, to, by) {
      const { sku, listingRef, shown: from } = listing;
      listing.shown = to;
      if (from !== to) log.append({ kind: 'applied', by, sku, listingRef, locationRef: WAREHOUSE, from, to });
    },
  };
}
