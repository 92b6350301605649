import { describe, expect, it } from 'vitest';
import { listingOf, openBooks } from '#core/books.ts';
import { item, listing, NOW, stateOf } from '../support/factory.ts';

const state = stateOf({
  items: [
    item('TEA', { main: 10 }, { listings: [listing(1), listing(2)] }),
    item('MUG', { main: 10 }, { listings: [listing(3, { sku: 'MUG' })] }),
  ],
});

describe('the item of a listing', () => {
  const books = openBooks(state, NOW);
  const { itemOfListing } = books;
  it('is the one that has it, whatever SKU was thought to', () => {
    for (const hint of ['TEA', 'MUG', 'GONE', null]) {
      expect([1, 2, 3].map((id) => itemOfListing.get(id, hint)?.sku)).toEqual(['TEA', 'TEA', 'MUG']);
      const guess = books.items.get(hint ?? '');
      expect([1, 2, 3].map((id) => itemOfListing.near(id, guess)?.sku)).toEqual(['TEA', 'TEA', 'MUG']);
    }
  });
  it('is none where no item has it', () => {
    expect(itemOfListing.get(4, 'TEA')).toBeUndefined();
    expect(itemOfListing.near(4, undefined)).toBeUndefined();
    for (const each of books.items.values()) {
      expect(listingOf(books, 4, each)).toBeUndefined();
      expect(listingOf(books, null, each)).toBeUndefined();
    }
  });
});
