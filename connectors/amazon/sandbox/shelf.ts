/**
 * The seller's listings: SKU, who fulfils it, and the merchant's quantity, one for all marketplaces.
 *
 * Amazon lowers the quantity itself when an order is placed, and gives it back when one is cancelled. A pushed quantity is an absolute
 * overwrite, applied `applyDelayMs` after it was accepted, in the order of acceptance: what sold in between is overwritten.
 */
import type { CatalogueAnswer, CatalogueRequest, SandboxLevel } from '../../sandbox/control.ts';
import type { SandboxLog } from '../../sandbox/log.ts';

export const MERCHANT = 'DEFAULT';

export type Listing = {
  readonly sku: string;
  readonly asin: string;
  title: string;
  barcode: string | null;
  /** Fulfilled by Amazon: it sells without our quantity. */
  isFba: boolean;
  /** The live offer's; null until anybody gave one. */
  quantity: number | null;
  /** Suppressed by Amazon: not buyable whatever its quantity. */
  isSuppressed: boolean;
};

export type Shelf = {
  readonly listings: ReadonlyMap<string, Listing>;
  seed(request: CatalogueRequest): CatalogueAnswer;
  levels(): readonly SandboxLevel[];
  /** Sells or gives back at once; nothing happens to what Amazon fulfils. */
  move(listing: Listing, units: number): void;
  set(listing: Listing, quantity: number, by: 'push' | 'latePush' | 'edit'): void;
  /** Accepts a quantity: it shows after the delay. */
  accept(listing: Listing, quantity: number, by: 'push' | 'latePush'): void;
  /** Shows now what was accepted, the oldest first and `most` at most, without waiting for the delay. */
  applyAccepted(most?: number): void;
  close(): void;
};

export function openShelf(log: SandboxLog, applyDelayMs: number): Shelf {
  const listings = new Map<string, Listing>();
  /** In the order of acceptance. */
  const accepted = new Map<NodeJS.Timeout, () => void>();

  const add = (sku: string): Listing => {
    const asin = `B0${String(listings.size + 1).padStart(8, '0')}`;
    const base = { title: sku, barcode: null, isFba: false, quantity: null, isSuppressed: false };
    const listing: Listing = { sku, asin, ...base };
    listings.set(sku, listing);
    return listing;
  };

  const shelf: Shelf = {
    listings,
    seed(request) {
      const seeded = request.listings.map(({ sku, title, shown, tracked = true, barcode }) => {
        const listing = listings.get(sku) ?? add(sku);
        listing.title = title ?? listing.title;
        listing.barcode = barcode ?? listing.barcode;
        listing.isFba = !tracked;
        listing.quantity = tracked ? shown : null;
        return { sku, listingRef: sku };
      });
      return { locations: [{ locationRef: MERCHANT, name: 'Merchant fulfilled' }], listings: seeded };
    },
    levels: () =>
      [...listings.values()].map(({ sku, isFba, quantity, isSuppressed }) => ({
        sku,
        listingRef: sku,
        locationRef: MERCHANT,
        tracked: !isFba,
        shown: quantity ?? 0,
        reserved: 0,
        sellable: isFba || isSuppressed ? 0 : Math.max(0, quantity ?? 0),
      })),
    move(listing, units) {
      if (!listing.isFba) listing.quantity = (listing.quantity ?? 0) + units;
    },
    set(listing, quantity, by) {
      const { sku } = listing;
      const from = listing.quantity ?? 0;
      listing.quantity = quantity;
      if (from !== quantity)
        log.append({ kind: 'applied', by, sku, listingRef: sku, locationRef: MERCHANT, from, to: quantity });
    },
    accept(listing, quantity, by) {
      const apply = () => shelf.set(listing, quantity, by);
      if (applyDelayMs === 0) return apply();
      const timer = setTimeout(() => {
        accepted.delete(timer);
        apply();
      }, applyDelayMs);
      accepted.set(timer, apply);
    },
    applyAccepted(most = accepted.size) {
      for (const [timer, apply] of [...accepted].slice(0, most)) {
        clearTimeout(timer);
        accepted.delete(timer);
        apply();
      }
    },
    close() {
      for (const timer of accepted.keys()) clearTimeout(timer);
      accepted.clear();
    },
  };
  return shelf;
}
