/** The frame of every page: search, places to go, who is here; and the region that keeps itself fresh. */
import type { UserRole } from '#db/users.ts';
import { asset } from './assets.ts';
import { count } from './format.ts';
import { attribute, type Html, html, nothing, type Shown } from './html.ts';

/** What of the daemon's life a page shows: it is asked for again when one of these moves (live.ts). */
export type Topic = 'stock' | 'sync' | 'alerts' | 'channels' | 'work' | 'runs' | 'trail';

export type PageBody = {
  readonly title: string;
  readonly body: Shown;
  /** Asked for again when one of these moves. */
  readonly live?: readonly Topic[];
  /** Below what is live: forms that a person is filling in, charts over a long time. */
  readonly still?: Shown;
  readonly status?: number;
};

export type Frame = {
  /** The page's own address, with its filter. */
  readonly here: string;
  /** Null: nobody is logged in. */
  readonly visitor: { readonly says: string; readonly role: UserRole; readonly canLogOut: boolean } | null;
  readonly csrf: string;
  readonly openAlerts: number;
  readonly notice: string | null;
  readonly isReadOnly: boolean;
};

type Place = { readonly path: string; readonly says: string; readonly need?: UserRole };

const PLACES: readonly Place[] = [
  { path: '/console', says: 'Overview' },
  { path: '/console/alerts', says: 'Alerts' },
  { path: '/console/skus', says: 'SKUs' },
  { path: '/console/orders', says: 'Orders' },
  { path: '/console/shortages', says: 'Shortages' },
  { path: '/console/reallocations', says: 'Reallocations' },
  { path: '/console/reconcile', says: 'Reconcile' },
  { path: '/console/parked', says: 'Parked' },
  { path: '/console/queues', says: 'Queues' },
  { path: '/console/documents', says: 'Documents' },
  { path: '/console/policy', says: 'Policy' },
  { path: '/console/trail', says: 'Trail' },
  { path: '/console/users', says: 'Users', need: 'admin' },
];

export const csrfField = (token: string): Html => html`<input type="hidden" name="csrf" value="${token}">`;

/** Pages below a place of the navigation. */
const BELOW: Readonly<Record<string, string>> = {
  '/console/sku': '/console/skus',
  '/console/order': '/console/orders',
  '/console/reconcile-run': '/console/reconcile',
  '/console/stopped': '/console/reconcile',
  '/console/channel': '/console',
  '/console/channel-leave': '/console',
};

const isAt = (place: Place, here: string): boolean => {
  const path = here.split('?')[0] ?? '';
  return place.path === path || place.path === BELOW[path];
};

function navigation({ here, visitor, openAlerts }: Frame): Html {
  if (visitor === null) return nothing;
  const places = PLACES.filter(({ need }) => need === undefined || need === visitor.role);
  return html`<nav aria-label="Pages"><ul>${places.map(
    (place) =>
      html`<li><a href="${place.path}" aria-current="${isAt(place, here) ? 'page' : 'false'}">${place.says}${
        place.says === 'Alerts' && openAlerts > 0
          ? html` <span class="badge">${count(openAlerts)}<span class="hidden"> open</span></span>`
          : null
      }</a></li>`,
  )}</ul></nav>`;
}

const searchBox = (typed: string): Html =>
  html`<form class="search" action="/console/search" method="get" role="search">
<label class="hidden" for="q">SKU, barcode, title or order</label>
<input id="q" name="q" type="search" value="${typed}" placeholder="SKU, barcode, title or order" autocomplete="off" spellcheck="false" maxlength="200">
<button type="submit">Find</button></form>`;

const whoIsHere = ({ visitor, csrf }: Frame): Html =>
  visitor === null
    ? nothing
    : html`<div class="who"><span>${visitor.says} <span class="role">${visitor.role}</span></span>${
        visitor.canLogOut
          ? html`<form action="/console/logout" method="post">${csrfField(csrf)}<button class="plain" type="submit">Log out</button></form>`
          : null
      }</div>`;

/** `live` off: the page says so itself, for whoever uses no script. */
const liveRegion = ({ here }: Frame, { body, live }: PageBody): Html =>
  live === undefined
    ? html`<div id="live">${body}</div>`
    : html`<div id="live" hx-get="${here}" hx-select="#live" hx-target="this" hx-swap="outerMorph" hx-trigger="${[
        ...live,
        'poll',
      ]
        .map((topic) => `live-${topic} from:body throttle:2s`)
        .join(', ')}">${body}</div>`;

const liveSwitch = (page: PageBody): Html =>
  page.live === undefined
    ? nothing
    : html`<div class="live-switch" id="stream" hx-sse:connect="/console/live" hx-swap="none">
<span id="live-says" role="status">not live: reload to see what is new</span>
<button type="button" id="live-pause" class="plain" aria-pressed="false" hidden>Pause</button></div>`;

export const HTMX_CONFIG = JSON.stringify({
  includeIndicatorCSS: false,
  morphIgnore: ['data-htmx-powered', 'open', 'hidden'],
  history: false,
  mode: 'same-origin',
});

export function layout(frame: Frame, page: PageBody): Html {
  const typed = frame.here.startsWith('/console/search?')
    ? (new URLSearchParams(frame.here.slice(frame.here.indexOf('?'))).get('q') ?? '')
    : '';
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="htmx-config" content="${HTMX_CONFIG}">
<title>${page.title} - allot</title>
<link rel="icon" href="${asset('icon.svg')}" type="image/svg+xml">
<link rel="stylesheet" href="${asset('uplot.css')}">
<link rel="stylesheet" href="${asset('console.css')}">
<script src="${asset('htmx.js')}" defer></script>
<script src="${asset('htmx-sse.js')}" defer></script>
<script src="${asset('uplot.js')}" defer></script>
<script src="${asset('console.js')}" defer></script>
</head><body>
<a class="skip" href="#main">To the page</a>
<header><a class="brand" href="/console">allot</a>${frame.visitor === null ? null : searchBox(typed)}${whoIsHere(frame)}</header>
${navigation(frame)}
<main id="main" tabindex="-1">
${frame.isReadOnly ? html`<p class="notice warn">Read-only: ALLOT_READ_ONLY is set, so nothing is written to any platform.</p>` : null}
${frame.notice === null ? null : html`<p class="notice good" role="status">${frame.notice}</p>`}
<div class="head"><h1>${page.title}</h1>${liveSwitch(page)}</div>
${liveRegion(frame, page)}
${page.still}
</main></body></html>`;
}

export type Choice = { readonly value: string; readonly says: string };

export const choiceList = (name: string, choices: readonly Choice[], chosen: string, id: string): Html =>
  html`<select name="${name}" id="${id}">${choices.map(({ value, says }) => html`<option value="${value}"${attribute('selected', value === chosen)}>${says}</option>`)}</select>`;
