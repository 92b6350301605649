/** One item: how much there is, what each channel should show, was sent and shows, why, who may draw what, and what happened. */
import type { Instant } from '#core/model.ts';
import { listDemand, listSupply } from '#db/dated.ts';
import { listStopped, type StoppedListing } from '#db/drift.ts';
import { explainListings, type ListingExplanation } from '#db/explain.ts';
import { explainListingsNow } from '#db/explain-now.ts';
import { explainPools, mayTake } from '#db/explain-pools.ts';
import { explainShortages } from '#db/explain-shortages.ts';
import { type HoldRow, listHolds } from '#db/holds.ts';
import { type ItemCard, readItemCard } from '#db/item-list.ts';
import { listReallocations } from '#db/reallocations.ts';
import { readSkuTable, type SkuFigures } from '#db/status.ts';
import { readShownHistory, readTimeline, type ShownStep, type TimelineEntry } from '#db/timeline.ts';
import { sayReconfirmCause } from '../../line-words.ts';
import { alignSeries, lineChart } from '../charts.ts';
import { explanation, listingState } from '../explain-words.ts';
import { ago, exactly, figure, moment, number, orderLink, pairs, signed, skuLink, table } from '../format.ts';
import { type Html, html } from '../html.ts';
import type { PageBody } from '../layout.ts';
import type { Asked, Page } from '../parts.ts';
import { reallocationTable } from '../reallocation-words.ts';
import { firstOf, overwritesOf, resumeForm, STOP_SAYS } from '../stop-words.ts';
import { lotSection } from './sku-lots.ts';
import { poolSection } from './sku-pools.ts';

const OPEN_MAX = 6;
const TIMELINE_SHOWN = 100;
const HOLDS_SHOWN = 50;
const STOPPED_SHOWN = 20;

type Figure = readonly [name: string, value: number, says: string];

function figures(item: SkuFigures): Html {
  const rows: readonly Figure[] = [
    ['On hand', item.onHand, 'what is physically there, in every state'],
    ['Allocated', item.allocated, 'firm, for open order lines'],
    ['Held', item.held, 'kept for a while, each until its end'],
    ['Available to promise', item.atp, 'sellable where we sell from, less allocated and held'],
    ['Short', item.short, 'ordered, wanted, and not there'],
  ];
  return html`<ul class="tiles">${rows.map(
    ([name, value, says]) =>
      html`<li class="tile ${name === 'Short' && value > 0 ? 'warn' : ''}"><span class="name">${name}</span><span class="value">${number(value)}</span><span class="more">${says}</span></li>`,
  )}</ul>`;
}

type KnownPools = ReturnType<typeof explainPools>;

const channelTable = (listings: readonly ListingExplanation[], pools: Awaited<KnownPools>, now: Instant): Html =>
  table({
    caption: 'What each channel should show, was sent, and shows',
    columns: [
      { title: 'Channel' },
      { title: 'To promise', isNumber: true, says: 'units, or sets of a kit, that its program could be promised now' },
      { title: 'Should show', isNumber: true, says: 'the newest decision' },
      { title: 'Sent', isNumber: true, says: 'the newest that the platform acknowledged' },
      { title: 'Shows', isNumber: true, says: 'the last read of the platform' },
      { title: 'State' },
      { title: 'Listing' },
      { title: 'Why' },
    ],
    rows: listings.map((one) => [
      html`<strong>${one.channel}</strong>`,
      figure(mayTake(pools, one.inputs?.program ?? null)),
      html`<span class="big">${figure(one.quantity)}</span>`,
      figure(one.acknowledged?.quantity),
      figure(one.observed?.sellable),
      listingState(one, now),
      html`<span class="sku">${one.listing.listingRef}</span>${one.listing.pack === 1 ? null : html` <span class="quiet">pack of ${one.listing.pack}</span>`}`,
      html`<a href="#why-${one.listing.id}">why ${figure(one.quantity)}?</a>`,
    ]),
    empty: html`No listing of any channel is mapped to it. <code class="command">allot listings map</code>`,
  });

function pictureOf(
  timeline: readonly TimelineEntry[],
  shown: readonly (ShownStep & { readonly listing: number })[],
): Html {
  const steps = timeline.toReversed();
  const channels = [...new Set(shown.map(({ channel }) => channel))].sort();
  const series = [
    { label: 'sellable', points: steps.map((step) => [step.at, step.onHand] as const), isStep: true },
    { label: 'allocated and held', points: steps.map((step) => [step.at, step.promised] as const), isStep: true },
    ...channels.map((channel) => ({
      label: `${channel} should show`,
      points: shown.filter((step) => step.channel === channel).map((step) => [step.at, step.quantity] as const),
      isStep: true,
    })),
  ];
  return lineChart(
    { id: 'timeline-chart', says: 'Stock, promises and numbers over time', unit: '', ...alignSeries(series) },
    'timeline',
  );
}

const timelineTable = (timeline: readonly TimelineEntry[], now: Instant): Html =>
  table({
    id: 'timeline',
    caption: `The newest ${TIMELINE_SHOWN} movements`,
    columns: [
      { title: 'When' },
      { title: 'What' },
      { title: 'Units', isNumber: true },
      { title: 'Where' },
      { title: 'For' },
      { title: 'Reference' },
      { title: 'Who' },
      { title: 'Sellable after', isNumber: true },
      { title: 'Promised after', isNumber: true },
      { title: 'Policy', isNumber: true },
    ],
    rows: timeline.map((entry) => [
      moment(entry.at, now),
      html`${entry.kind}${entry.kind === entry.cause ? null : html` <span class="quiet">by ${entry.cause}${sayReconfirmCause(entry.reconfirm)}</span>`}${entry.reason === null ? null : html`<br><span class="quiet">${entry.reason}</span>`}`,
      signed(entry.ledger === 'stock' ? entry.delta : entry.delta + entry.held),
      html`${entry.location}${entry.disposition === null || entry.disposition === 'sellable' ? null : html` (${entry.disposition})`}`,
      entry.program,
      entry.orderId === null ? null : orderLink(entry.orderId),
      entry.actor,
      entry.onHand,
      entry.promised,
      html`<a href="/console/policy-version?v=${entry.policyVersion}">${entry.policyVersion}</a>`,
    ]),
    empty: 'Nothing happened to it yet.',
  });

const holdTable = (holds: readonly HoldRow[], now: Instant): Html =>
  table({
    caption: 'Holds',
    columns: [
      { title: 'Owner' },
      { title: 'Kind' },
      { title: 'For' },
      { title: 'Units', isNumber: true },
      { title: 'Reason' },
      { title: 'Ends' },
    ],
    rows: holds.map((hold) => [hold.owner, hold.kind, hold.program, hold.units, hold.reason, ago(hold.expiresAt, now)]),
    empty: 'Nobody holds any.',
  });

async function datedSection({ db, at }: Asked, sku: string): Promise<Html> {
  const [supply, demand] = await Promise.all([
    listSupply(db, { sku, limit: 50 }, at),
    listDemand(db, { sku, limit: 50 }, at),
  ]);
  const rows = [
    ...supply.map((row) => [
      row.ref,
      row.kind,
      `+${number(row.left)}`,
      row.location,
      html`${ago(row.dueAt, at)}${row.isLate ? ' (late)' : null}`,
    ]),
    ...demand.map((row) => [
      row.ref,
      'wanted',
      `-${number(row.quantity)}`,
      row.program,
      html`${ago(row.dueAt, at)}${row.isOverdue ? ' (overdue)' : null}`,
    ]),
  ];
  return table({
    caption: 'Expected and wanted',
    columns: [
      { title: 'Reference' },
      { title: 'Kind' },
      { title: 'Units', isNumber: true },
      { title: 'Where, or for' },
      { title: 'Due' },
    ],
    rows,
    empty: 'Nothing is expected, and nothing is wanted by a date.',
  });
}

async function shortageSection({ db, at }: Asked, sku: string, known: KnownPools): Promise<Html> {
  const rows = await explainShortages(db, sku, at, known);
  return table({
    caption: 'Shortages, in the order in which they are served',
    columns: [
      { title: 'Turn', isNumber: true },
      { title: 'What' },
      { title: 'Units', isNumber: true },
      { title: 'For' },
      { title: 'Since' },
      { title: 'Could be given', isNumber: true },
      { title: 'Closed to it', isNumber: true },
    ],
    rows: rows.map((row) => [
      row.turn,
      row.orderId === null ? html`more is promised at ${row.place} than is there` : orderLink(row.orderId),
      row.quantity,
      row.program,
      ago(row.since, at),
      row.promise,
      row.closed,
    ]),
    empty: 'Nothing is short.',
  });
}

const aboutItem = (card: ItemCard, item: SkuFigures): Html =>
  pairs([
    ['Title', card.title === '' ? null : card.title],
    ['State', card.lifecycle === 'active' ? null : card.lifecycle],
    [
      'Identifiers',
      card.identifiers.length === 0 ? null : card.identifiers.map(({ kind, value }) => `${kind} ${value}`).join(', '),
    ],
    ['Groups', card.groups.length === 0 ? null : card.groups.join(', ')],
    [
      'Kit of',
      item.components === undefined
        ? null
        : html`${item.components.map(({ sku, quantity }) => html`${quantity} × ${skuLink(sku)} `)}`,
    ],
  ]);

const stockTable = (card: ItemCard, now: Instant): Html =>
  table({
    caption: 'On hand by place',
    columns: [{ title: 'Place' }, { title: 'State' }, { title: 'Units', isNumber: true }, { title: 'Counted' }],
    rows: card.stock.map((row) => [
      html`${row.location}${row.sells ? null : html` <span class="quiet">(not sold from)</span>`}`,
      row.disposition,
      row.quantity,
      ago(row.countedAt, now),
    ]),
    empty: 'Nothing was ever received.',
  });

const pastForm = (sku: string): Html =>
  html`<form class="row" action="/console/sku" method="get"><input type="hidden" name="s" value="${sku}">
<label>At a past moment, UTC <input type="datetime-local" name="at" required></label><button type="submit">Explain then</button></form>`;

/** A moment as the form writes it, in UTC. */
export function takePast(text: string | null): Instant | null {
  if (text === null || !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/.test(text)) return null;
  const at = Date.parse(`${text}Z`);
  return Number.isNaN(at) ? null : at;
}

async function showPast(asked: Asked, card: ItemCard, past: Instant): Promise<PageBody> {
  const [listings, pools] = await Promise.all([
    explainListings(asked.db, { sku: card.sku, at: past }),
    explainPools(asked.db, card.sku, past),
  ]);
  const body = html`<p class="notice">As it was decided by ${exactly(past)}. <a href="/console/sku?s=${encodeURIComponent(card.sku)}">Back to now</a></p>
${listings.map((one) => explanation(one, asked.at, true))}<h2>Pools</h2>${poolSection(pools)}`;
  return { title: card.sku, body, still: pastForm(card.sku) };
}

/** What a person has to do about, so it stands first. */
const stoppedNotice = (stopped: readonly StoppedListing[], asked: Asked): readonly Html[] =>
  stopped.map(
    (one) =>
      html`<div class="notice bad"><strong>${one.channel} ${one.listingRef} is stopped</strong> since ${ago(one.stoppedAt, asked.at)}: ${STOP_SAYS[one.because]}. ${firstOf(one)}<br>${overwritesOf(one, asked)} ${resumeForm(one, asked, true)}</div>`,
  );

async function show(asked: Asked): Promise<PageBody> {
  const { db, at } = asked;
  const sku = asked.query.get('s') ?? '';
  const [card, [item]] = await Promise.all([readItemCard(db, sku), readSkuTable(db, { skus: [sku] })]);
  if (card === null || item === undefined) return unknownItem(sku);
  const past = takePast(asked.query.get('at'));
  // Of a moment that is still to come nothing was decided.
  if (past !== null && past <= at) return showPast(asked, card, past);
  // The ledger of an item may be long: summed once.
  const known = explainPools(db, sku, at);
  const [listings, pools, holds, moves, dated, short, lots, stopped, timeline, shown] = await Promise.all([
    explainListingsNow(db, { sku }, at),
    known,
    listHolds(db, { sku }, HOLDS_SHOWN),
    listReallocations(db, { sku }),
    datedSection(asked, sku),
    shortageSection(asked, sku, known),
    lotSection(asked, sku),
    listStopped(db, { sku, limit: STOPPED_SHOWN }),
    readTimeline(db, sku, TIMELINE_SHOWN),
    readShownHistory(db, sku),
  ]);
  const body = html`${aboutItem(card, item)}${figures(item)}${stoppedNotice(stopped, asked)}
<h2>On the channels</h2>${channelTable(listings, pools, at)}
<div class="columns">${listings.map((one) => explanation(one, at, listings.length <= OPEN_MAX))}</div>
<h2>Pools</h2>${poolSection(pools)}
<h2>Timeline</h2>${pictureOf(timeline, shown)}${timelineTable(timeline, at)}
${lots}<div class="columns"><section><h2>On hand</h2>${stockTable(card, at)}</section><section><h2>Shortages</h2>${short}</section><section><h2>Holds</h2>${holdTable(holds, at)}</section>
<section><h2>Expected and wanted</h2>${dated}</section><section><h2>Reallocations</h2>${reallocationTable(moves.slice(0, 20), at)}</section></div>`;
  return { title: sku, body, live: ['stock', 'sync'], still: pastForm(sku) };
}

const unknownItem = (sku: string): PageBody => ({
  title: 'No such item',
  body: html`<p>No item is called <span class="sku">${sku}</span>. SKUs are case-sensitive; <a href="/console/search?q=${encodeURIComponent(sku)}">search for it</a>.</p>`,
  status: 404,
});

export const skuPage: Page = { path: '/sku', show };
