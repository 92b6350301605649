/** Which item each listing of a batch is of. */
import { type ItemBook, listingIn } from './item-book.ts';
import type { ListingId, Sku } from './model.ts';

/**
 * Who asks knows the SKU that it should be, from the line or from the platform, and is most often right: so no index of all listings
 * is made before one is not where it was thought to be (a batch has a thousand items, and names one of three listings of each).
 */
export class ListingItems {
  readonly #items: ReadonlyMap<Sku, ItemBook>;
  #all: ReadonlyMap<ListingId, ItemBook> | undefined;

  constructor(items: ReadonlyMap<Sku, ItemBook>) {
    this.#items = items;
  }

  get(id: ListingId, hint: Sku | null): ItemBook | undefined {
    return this.near(id, hint === null ? undefined : this.#items.get(hint));
  }

  /** `guess`: the item that it should be of, where that is at hand. */
  near(id: ListingId, guess: ItemBook | undefined): ItemBook | undefined {
    if (guess !== undefined && listingIn(guess, id) !== undefined) return guess;
    this.#all ??= indexOf(this.#items.values());
    return this.#all.get(id);
  }
}

function indexOf(items: Iterable<ItemBook>): ReadonlyMap<ListingId, ItemBook> {
  const index = new Map<ListingId, ItemBook>();
  for (const item of items) for (const { id } of item.listings) index.set(id, item);
  return index;
}
