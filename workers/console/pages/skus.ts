/** Items page by page, with what each channel should show, was sent and shows. */
import { ITEM_FILTERS, type ItemFilter, readItemPage } from '#db/item-list.ts';
import { type ListingFigures, readSkuTable, type SkuFigures } from '#db/status.ts';
import { figure, number, skuLink, state, table } from '../format.ts';
import { type Html, html } from '../html.ts';
import type { Asked, Page } from '../parts.ts';

const ROWS = 50;

const SAYS: Readonly<Record<ItemFilter, string>> = {
  all: 'All',
  short: 'Short',
  drifting: 'Drift',
  blocked: 'Refused by a platform',
  waiting: 'To be sent',
};

const isFilter = (text: string | null): text is ItemFilter => ITEM_FILTERS.some((filter) => filter === text);

function cell(figures: ListingFigures | undefined): Html {
  if (figures === undefined) return html`<span class="quiet">not listed</span>`;
  const { shouldShow, sent, shows } = figures;
  const isOff = shows !== null && shouldShow !== null && shows !== shouldShow;
  return html`<strong>${figure(shouldShow)}</strong> <span class="quiet">/ ${figure(sent)} / ${figure(shows)}</span>${isOff ? html` ${state('warn', 'differs')}` : null}`;
}

const row = (item: SkuFigures, channels: readonly string[]) => [
  skuLink(item.sku),
  item.components === undefined ? number(item.onHand) : html`<span class="quiet">kit</span>`,
  number(item.allocated),
  number(item.held),
  html`<strong>${number(item.atp)}</strong>`,
  item.short === 0 ? 0 : state('warn', number(item.short)),
  ...channels.map((id) => cell(item.channels[id])),
];

async function show({ db, query }: Asked) {
  const asked = query.get('show');
  const filter = isFilter(asked) ? asked : 'all';
  const { skus, next } = await readItemPage(db, { filter, after: query.get('after') ?? '', limit: ROWS });
  const items = skus.length === 0 ? [] : await readSkuTable(db, { skus });
  const channels = [...new Set(items.flatMap((item) => Object.keys(item.channels)))].sort();
  const numbers = ['On hand', 'Allocated', 'Held', 'To promise', 'Short'].map((title) => ({ title, isNumber: true }));
  const body = html`<ul class="filters">${ITEM_FILTERS.map((one) => html`<li><a href="/console/skus?show=${one}" aria-current="${String(one === filter)}">${SAYS[one]}</a></li>`)}</ul>
${table({
  caption: 'Items',
  columns: [{ title: 'SKU' }, ...numbers, ...channels.map((title) => ({ title, says: 'should show / sent / shows' }))],
  rows: items.map((item) => row(item, channels)),
  empty: filter === 'all' ? html`No item yet: <code class="command">allot import items FILE</code>` : 'None.',
})}<p class="quiet">By channel: should show / sent / shows.</p>
<p class="pages">${next === null ? null : html`<a class="button" href="/console/skus?show=${filter}&amp;after=${encodeURIComponent(next)}">The next ${ROWS}</a>`}</p>`;
  return { title: 'SKUs', body, live: ['stock', 'sync'] as const };
}

export const skusPage: Page = { path: '/skus', show };
