/** Orders, newest first; one order with what it has and why; shortages, oldest first. */
import type { Backordered } from '#core/backorder.ts';
import { explainOrder, type LineExplanation, type OrderExplanation, type PromiseStep } from '#db/explain.ts';
import { type ExplainedLines, explainOrderLines } from '#db/explain-line.ts';
import { getModes } from '#db/modes.ts';
import { listOrders, listShortages } from '#db/order-list.ts';
import { readBackorders } from '#db/outlook.ts';
import { sayPickTags, sayReconfirmCause, sayTolerance, sayWhyNoMore } from '../../line-words.ts';
import { ago, moment, number, orderLink, pairs, signed, skuLink, state, table } from '../format.ts';
import { type Html, html } from '../html.ts';
import type { Asked, Page } from '../parts.ts';

const ROWS = 50;
const HISTORY_SHOWN = 500;

function stateOf({
  ordered,
  cancelled,
  shipped,
  short,
}: {
  ordered: number;
  cancelled: number;
  shipped: number;
  short: number;
}): Html {
  if (short > 0) return state('warn', 'short');
  if (ordered - cancelled <= 0) return state('idle', 'cancelled');
  if (shipped >= ordered - cancelled) return state('idle', 'shipped');
  return state('good', 'allocated');
}

async function showOrders({ db, at, query }: Asked) {
  const channel = query.get('channel') ?? '';
  const before = query.get('before');
  const [modes, rows] = await Promise.all([
    getModes(db),
    listOrders(db, { limit: ROWS, ...(channel === '' ? {} : { channel }), ...(before === null ? {} : { before }) }),
  ]);
  const last = rows.length === ROWS ? rows.at(-1) : undefined;
  const filter = (id: string, says: string): Html =>
    html`<li><a href="/console/orders?channel=${encodeURIComponent(id)}" aria-current="${String(channel === id)}">${says}</a></li>`;
  const numbers = ['Lines', 'Ordered', 'Cancelled', 'Shipped', 'Allocated', 'Short'].map((title) => ({
    title,
    isNumber: true,
  }));
  const body = html`<ul class="filters">${filter('', 'All')}${modes.map(({ id }) => filter(id, id))}</ul>${table({
    caption: 'Orders',
    columns: [
      { title: 'Order' },
      { title: 'Channel' },
      { title: 'Program' },
      { title: 'Placed' },
      { title: 'State' },
      ...numbers,
    ],
    rows: rows.map((row) => [
      orderLink(row.id, row.displayRef),
      row.channel,
      row.program,
      ago(row.placedAt, at),
      stateOf(row),
      ...[row.lines, row.ordered, row.cancelled, row.shipped, row.allocated, row.short].map(number),
    ]),
    empty: 'No order yet.',
  })}<p class="pages">${last === undefined ? null : html`<a class="button" href="/console/orders?channel=${encodeURIComponent(channel)}&amp;before=${encodeURIComponent(last.id)}">The ${ROWS} before</a>`}</p>`;
  return { title: 'Orders', body, live: ['stock'] as const };
}

function lineCells(line: LineExplanation, restock: Html | null): readonly (Html | string | number | null)[] {
  const has = line.allocations.map(
    ({ location, pool, quantity }) => html`${quantity} at ${location} <span class="quiet">(${pool})</span> `,
  );
  return [
    line.sku === null ? html`<span class="unknown">mapped to nothing</span>` : skuLink(line.sku),
    line.ordered,
    line.cancelled,
    line.shipped,
    line.allocated,
    line.short === 0 ? 0 : state('warn', String(line.short)),
    html`${has}`,
    line.accepted === null
      ? html`<span class="quiet">not asked</span>`
      : html`${line.accepted} accepted, ${line.backOrdered} back-ordered, ${line.refused} refused`,
    restock,
    html`<span title="sellable ${line.sellableNow}, allocated ${line.allocatedNow}, held ${line.heldNow}">${number(line.sellableNow - line.allocatedNow - line.heldNow)}</span>`,
  ];
}

const historyTable = (history: readonly PromiseStep[], now: number): Html =>
  table({
    caption: 'What it was promised, in order of time',
    columns: [
      { title: 'When' },
      { title: 'What' },
      { title: 'Units', isNumber: true },
      { title: 'Item' },
      { title: 'Where' },
      { title: 'Pool' },
      { title: 'Cause' },
      { title: 'Who' },
      { title: 'Policy', isNumber: true },
    ],
    rows: history.map((step) => [
      moment(step.at, now),
      step.kind,
      signed(step.delta),
      skuLink(step.sku),
      step.location,
      `${step.program} ${step.pool}`,
      `${step.cause}${sayReconfirmCause(step.reconfirm)}`,
      step.actor,
      step.policyVersion,
    ]),
    empty: 'It was promised nothing yet.',
  });

async function showOrder({ db, at, query }: Asked) {
  const id = query.get('id') ?? '';
  const order = await explainOrder(db, id);
  if (order === null) {
    return {
      title: 'No such order',
      body: html`<p>No order is known as <code>${id}</code>. Its channel may not have told of it yet: <a href="/console/parked">see what is parked</a>.</p>`,
      status: 404,
    };
  }
  const isShort = order.lines.some(({ short }) => short > 0);
  const [expected, explained] = isShort
    ? await Promise.all([readBackorders(db, id, at), explainOrderLines(db, id, at)])
    : [new Map<string, Backordered>(), null];
  const body = html`${pairs([
    ['Id', html`<code>${order.id}</code>`],
    ['Channel', order.channel],
    [
      'Program',
      html`${order.program}${order.route === null ? null : html` <span class="quiet">by route ${order.route}</span>`}`,
    ],
    ['Placed', html`${moment(order.placedAt, at)} UTC, ${ago(order.placedAt, at)}`],
    ['Pick tags', order.pickTags === null ? null : sayPickTags(order.pickTags)],
  ])}<h2>Lines</h2>${table({
    caption: 'Lines',
    columns: [
      { title: 'Item' },
      ...['Ordered', 'Cancelled', 'Shipped', 'Allocated', 'Short'].map((title) => ({ title, isNumber: true })),
      { title: 'From' },
      { title: 'Answer', says: 'what its partner was told' },
      { title: 'Expected' },
      { title: 'Free now', isNumber: true, says: 'sellable less allocated and held, over all places that sell' },
    ],
    rows: order.lines.map((line) => lineCells(line, expectedOf(expected.get(line.lineRef), at))),
    empty: 'It has no line.',
  })}${isShort ? whyShort(order, explained) : null}<h2>History</h2>${historyTable(order.history.slice(-HISTORY_SHOWN), at)}`;
  return { title: `Order ${order.displayRef}`, body, live: ['stock'] as const };
}

/** Of each line that waits: the steps from the goods to what it could be given. */
const whyShort = (order: OrderExplanation, explained: ExplainedLines): Html =>
  html`<h2>Why no more</h2>${order.lines
    .filter(({ short, sku }) => short > 0 && sku !== null)
    .map((line) => {
      const why = explained?.get(line.lineRef) ?? null;
      const tolerance = why === null ? null : html`; ${sayTolerance(why.tolerance)}`;
      return html`<p>${line.short} of ${skuLink(line.sku ?? '')} short: ${sayWhyNoMore(why, order.program)}${tolerance}.</p>`;
    })}`;

const expectedOf = (line: Backordered | undefined, now: number): Html | null =>
  line === undefined || line.expected.length === 0
    ? null
    : html`${line.expected.map(({ ref, quantity, dueAt }) => html`${quantity} of ${ref} ${ago(dueAt, now)}<br>`)}`;

async function showShortages({ db, at, query }: Asked) {
  const after = query.get('after');
  const rows = await listShortages(db, { limit: ROWS, ...(after === null ? {} : { after }) });
  const last = rows.length === ROWS ? rows.at(-1) : undefined;
  const body = html`<p class="quiet">The oldest first. Each is filled by itself when goods come in; an item's page tells whose turn it is.</p>${table(
    {
      caption: 'Open shortages',
      columns: [
        { title: 'Item' },
        { title: 'Units', isNumber: true },
        { title: 'What' },
        { title: 'Program' },
        { title: 'Since' },
        { title: 'Title' },
      ],
      rows: rows.map((row) => [
        skuLink(row.sku),
        number(row.quantity),
        row.orderId === null
          ? html`${state('bad', 'deficit')} more is promised at ${row.location} than is there`
          : html`order ${orderLink(row.orderId, row.displayRef ?? row.orderId)}`,
        row.program,
        ago(row.openedAt, at),
        row.title,
      ]),
      empty: 'Nothing is short.',
    },
  )}<p class="pages">${last === undefined ? null : html`<a class="button" href="/console/shortages?after=${encodeURIComponent(last.key)}">The next ${ROWS}</a>`}</p>`;
  return { title: 'Shortages', body, live: ['stock'] as const };
}

export const orderPages: readonly Page[] = [
  { path: '/orders', show: showOrders },
  { path: '/order', show: showOrder },
  { path: '/shortages', show: showShortages },
];
