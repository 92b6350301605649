/** What the search box found. One exact hit leads straight to its page. */
import { type Found, search } from '#db/search.ts';
import { ago, orderLink, skuLink, table } from '../format.ts';
import { html } from '../html.ts';
import type { Asked, Page } from '../parts.ts';

function onlyHit(found: Found, typed: string): string | null {
  const exact = found.items.find(({ sku }) => sku === typed);
  if (exact !== undefined) return `/console/sku?s=${encodeURIComponent(exact.sku)}`;
  const [item, ...items] = found.items;
  const [order, ...orders] = found.orders;
  if (items.length + orders.length > 0) return null;
  if (item !== undefined && order === undefined) return `/console/sku?s=${encodeURIComponent(item.sku)}`;
  if (order !== undefined && item === undefined) return `/console/order?id=${encodeURIComponent(order.id)}`;
  return null;
}

async function show({ db, query, at }: Asked) {
  const typed = (query.get('q') ?? '').trim();
  const found = await search(db, typed);
  const hit = onlyHit(found, typed);
  if (hit !== null) return { redirect: hit };
  const body = html`<h2>Items</h2>${table({
    caption: 'Items found',
    columns: [{ title: 'SKU' }, { title: 'Title' }, { title: 'Found by' }],
    rows: found.items.map(({ sku, title, how }) => [skuLink(sku), title, how]),
    empty: html`No item is called so. A SKU is found by its beginning, an item by whole words of its title, by its barcode, or by the name of a listing.`,
  })}<h2>Orders</h2>${table({
    caption: 'Orders found',
    columns: [{ title: 'Order' }, { title: 'Channel' }, { title: 'Placed' }],
    rows: found.orders.map((order) => [orderLink(order.id, order.displayRef), order.channel, ago(order.placedAt, at)]),
    empty: html`No order has this number. It is found as its channel shows it, with or without #.`,
  })}`;
  return { title: typed === '' ? 'Search' : `Search: ${typed}`, body };
}

export const searchPage: Page = { path: '/search', show };
