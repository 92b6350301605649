/**
 * Orders read from Amazon: by their last change, by reference, and all that are open. Whole orders, items inline.
 *
 * The cursor moves by Amazon's own clock (`lastUpdatedBefore` of a finished walk) and re-reads its overlap, because orders show up
 * late. A walk over pages goes on by a token that lives a day: an old or refused token starts the walk anew, it never blocks it.
 * Only merchant-fulfilled orders are searched for: a page of 100 is worth three minutes, and Amazon's own never touch our stock.
 * No personal data is asked for: `includedData` names FULFILLMENT and CANCELLATION alone.
 */
import { z } from 'zod';
import { Rejected, Transient } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { OrderState } from '#core/order-state.ts';
import type { ConnectorLog, OrderPage } from '../connector.ts';
import type { AmazonClient } from './client.ts';
import { type Refusal, rejectedBy, sayErrors } from './faults.ts';
import { orderOf } from './order-totals.ts';
import type { AmazonSettings } from './settings.ts';

const ORDERS_PER_PAGE = 100;
const INCLUDED_DATA = ['FULFILLMENT', 'CANCELLATION'];
const DAY_MS = 86_400_000;
/** A token lives 24 hours. */
const TOKEN_MS_MAX = 20 * 3_600_000;
/** Amazon keeps two years of orders (more in JP, AU and SG, which we do not count on). */
const KEPT_DAYS = 730;
/** An order that nothing has happened to for so long is not open: Amazon cancels what is not shipped in time. */
const OPEN_DAYS = 90;
const OPEN_STATUSES = ['PENDING', 'PENDING_AVAILABILITY', 'UNSHIPPED', 'PARTIALLY_SHIPPED'];

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const pageSchema = z.object({
  orders: z.array(z.unknown()),
  pagination: z.object({ nextToken: z.string().min(1).optional() }).optional(),
  lastUpdatedBefore: instant.optional(),
});

const orderSchema = z.object({ order: z.looseObject({ orderId: z.string() }) });

const namedSchema = z.object({ orderId: z.string().min(1), lastUpdatedTime: instant.optional() });

/** What a read of orders goes through. */
export type OrderSource = {
  readonly client: AmazonClient;
  readonly settings: AmazonSettings;
  readonly log: ConnectorLog;
  readonly now: () => Instant;
};

type Page = {
  readonly orders: readonly OrderState[];
  readonly unread: OrderPage['unread'];
  readonly nextToken: string | null;
  readonly until: Instant | null;
};

/** An order that makes no sense is named, not dropped, and holds up no other. */
function readOrders({ log }: OrderSource, documents: readonly unknown[]): Pick<Page, 'orders' | 'unread'> {
  const orders: OrderState[] = [];
  const unread: { orderRef: string; version: number }[] = [];
  for (const document of documents) {
    try {
      orders.push(orderOf(document));
    } catch (error) {
      const named = namedSchema.safeParse(document).data;
      if (!(error instanceof Rejected) || named === undefined) throw error;
      log.warn({ order: named.orderId, error: error.message }, 'an order of the page could not be read');
      unread.push({ orderRef: named.orderId, version: named.lastUpdatedTime ?? 0 });
    }
  }
  return { orders, unread };
}

type Search = {
  readonly since: Instant;
  readonly token: string | null;
  readonly statuses?: readonly string[];
};

async function search(source: OrderSource, { since, token, statuses }: Search, signal: AbortSignal) {
  const { settings } = source;
  const query = {
    lastUpdatedAfter: new Date(since).toISOString(),
    marketplaceIds: settings.orderMarketplaceIds ?? [settings.marketplaceId],
    fulfilledBy: ['MERCHANT'],
    includedData: INCLUDED_DATA,
    maxResultsPerPage: ORDERS_PER_PAGE,
    ...(statuses === undefined ? {} : { fulfillmentStatuses: statuses }),
    ...(token === null ? {} : { paginationToken: token }),
  };
  const request = { operation: 'searchOrders', path: {}, query, answer: pageSchema } as const;
  const reply = await source.client.call(request, signal);
  if (reply.kind === 'refused') return reply;
  const { orders, pagination, lastUpdatedBefore } = reply.body;
  const page = { nextToken: pagination?.nextToken ?? null, until: lastUpdatedBefore ?? null };
  return { kind: 'page', ...readOrders(source, orders), ...page } as const;
}

/** The request is always the same one: a 400 to it was an outage that passed (facts/amazon.md 3.2, models#5365). */
const refusedSearch = (refusal: Refusal): Transient =>
  new Transient(
    `searchOrders: HTTP ${refusal.status} (${sayErrors(refusal.errors)}); if it lasts, check marketplaceId and orderMarketplaceIds`,
  );

const cursorSchema = z.strictObject({
  /** Where this walk, or the next one, begins. */
  since: z.int(),
  token: z.string().nullable(),
  tokenAt: z.int(),
  /** Amazon's clock when this walk began. */
  until: z.int().nullable(),
});
type Cursor = z.infer<typeof cursorSchema>;

function openCursor(cursor: string): Cursor {
  try {
    return cursorSchema.parse(JSON.parse(cursor));
  } catch (error) {
    const fix = 'clear the poll cursor of this channel: the next poll starts at the beginning';
    throw new Rejected('the poll cursor is not one of ours', { field: 'cursor', value: cursor, fix }, error);
  }
}

const beginAt = (since: Instant): Cursor => ({ since, token: null, tokenAt: 0, until: null });

export async function pollOrders(source: OrderSource, cursor: string | null, signal: AbortSignal): Promise<OrderPage> {
  const { settings } = source;
  const now = source.now();
  const kept = cursor === null ? beginAt(now - settings.historyDays * DAY_MS) : openCursor(cursor);
  const at = kept.token !== null && now - kept.tokenAt > TOKEN_MS_MAX ? beginAt(kept.since) : kept;
  const reachesBackTo = now - KEPT_DAYS * DAY_MS;
  const found = await search(source, at, signal);
  if (found.kind === 'refused') {
    if (at.token === null) throw refusedSearch(found);
    source.log.warn({ status: found.status }, 'Amazon refuses the next page of orders; the walk starts anew');
    const anew = JSON.stringify(beginAt(at.since));
    return { orders: [], unread: [], cursor: anew, complete: false, reachesBackTo };
  }
  const { orders, unread, nextToken } = found;
  const until = at.until ?? found.until;
  const page = { orders, unread, reachesBackTo };
  if (nextToken !== null) {
    const next: Cursor = { since: at.since, token: nextToken, tokenAt: source.now(), until };
    return { ...page, cursor: JSON.stringify(next), complete: false };
  }
  // Never from before where this walk began: without Amazon's clock the same stretch is read again.
  const since = Math.max(at.since, (until ?? at.since) - Math.round(settings.pollOverlap * 1000));
  return { ...page, cursor: JSON.stringify(beginAt(since)), complete: true };
}

const isOpen = (order: OrderState): boolean => order.lines.some((line) => line.ordered > line.cancelled + line.shipped);

export async function* openOrders(source: OrderSource, signal: AbortSignal): AsyncGenerator<readonly OrderState[]> {
  const since = source.now() - OPEN_DAYS * DAY_MS;
  for (let token: string | null = null; ; ) {
    const page = await search(source, { since, token, statuses: OPEN_STATUSES }, signal);
    if (page.kind === 'refused') throw refusedSearch(page);
    yield page.orders.filter(isOpen);
    if (page.nextToken === null) return;
    token = page.nextToken;
  }
}

export async function hydrateOrder(source: OrderSource, orderRef: string, signal: AbortSignal): Promise<OrderState> {
  const query = { includedData: INCLUDED_DATA };
  const request = { operation: 'getOrder', path: { orderId: orderRef }, query, answer: orderSchema } as const;
  const reply = await source.client.call(request, signal);
  if (reply.kind === 'answer') return orderOf(reply.body.order);
  if (reply.status !== 404) throw rejectedBy(reply, `order ${orderRef}`, 'check the order reference: 3-7-7 digits');
  throw new Rejected(`Amazon knows no order ${orderRef}`, {
    field: 'orderRef',
    value: orderRef,
    fix: 'it belongs to another seller or region, or is older than Amazon keeps; cancel it here with allot order cancel',
  });
}
