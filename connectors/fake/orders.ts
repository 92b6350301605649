/**
 * The partner's orders in our words: a document to an OrderState, and the three ways to read them (one, changed since, open).
 *
 * The poll: one sweep pages through everything changed since `since` less the overlap; the next sweep starts from the partner's own
 * clock at this sweep's first page, so that what changed during the sweep, or was indexed late, is read again.
 */
import { z } from 'zod';
import { Rejected, Transient } from '#core/errors.ts';
import type { OrderState } from '#core/order-state.ts';
import type { OrderPage } from '../connector.ts';
import { parseJson, readShape } from '../json.ts';
import type { PartnerClient } from './client.ts';

/** An id as text: small ones come as numbers, those beyond 2^53 as text already (connectors/json.ts). */
export const idSchema = z
  .union([z.string().min(1), z.int().min(0)], 'must be an id: text, or a whole number')
  .transform(String);
const units = z.int('must be a whole number of units').min(0, 'must not be negative');
const instant = z.int('must be a time in milliseconds').min(0);

const lineSchema = z
  .object({
    id: idSchema,
    listing: idSchema.nullable(),
    sku: z.string().nullable(),
    ordered: units,
    cancelled: units,
    shipped: units,
    returned: units,
  })
  .refine(({ ordered, cancelled, shipped }) => cancelled + shipped <= ordered, {
    error: 'cancelled and shipped together exceed ordered',
    path: ['ordered'],
  });

const orderSchema = z.object({
  id: idSchema,
  name: z.string().min(1),
  version: z.int().min(1),
  placedAt: instant,
  changedAt: instant,
  location: idSchema.nullable(),
  lines: z.array(lineSchema).min(1).max(5000),
});

const PAGE_SIZE = 250;
const pageSchema = z.object({
  orders: z.array(z.unknown()).max(PAGE_SIZE),
  next: z.int().nullable(),
  clock: instant,
  keptSince: instant.nullable(),
});
/** What must be readable of an order for it to be asked for alone. */
const namedSchema = z.object({ id: idSchema, version: z.int().min(1).optional().catch(undefined) });

const cursorSchema = z.strictObject({ since: instant, after: z.int(), clock: instant.nullable() });
type Cursor = z.infer<typeof cursorSchema>;

/** Throws Rejected, naming the field. */
export function readOrder(document: unknown, what: string): OrderState {
  const order = readShape(orderSchema, document, {
    what,
    fix: 'have the partner send the order again with this field mended',
  });
  return {
    orderRef: order.id,
    displayRef: order.name,
    version: order.version,
    placedAt: order.placedAt,
    modifiedAt: order.changedAt,
    fulfilledBy: 'seller',
    locationRef: order.location,
    obligations: [],
    lines: order.lines.map(({ id, listing, sku, ordered, cancelled, shipped, returned }) => ({
      lineRef: id,
      listingRef: listing,
      skuHint: sku,
      ordered,
      cancelled,
      shipped,
      returned,
    })),
  };
}

export async function fetchOrder(client: PartnerClient, orderRef: string, signal: AbortSignal): Promise<OrderState> {
  const path = `/v1/orders/${encodeURIComponent(orderRef)}`;
  const { status, document } = await client.exchange({ method: 'GET', path, signal }, (code) => code === 404);
  if (status === 404) {
    throw new Rejected(`order ${orderRef}: the partner does not know it`, {
      field: 'orderRef',
      value: orderRef,
      fix: 'check the reference; drop the event if the order was deleted',
    });
  }
  return readOrder(document, `order ${orderRef}`);
}

function readCursor(cursor: string | null): Cursor {
  if (cursor === null) return { since: 0, after: 0, clock: null };
  return readShape(cursorSchema, parseJson(cursor, 'order cursor'), {
    what: 'order cursor',
    fix: 'clear the stored cursor of the channel; the next poll reads from the beginning',
  });
}

export type PollOptions = { readonly overlapMs: number; readonly signal: AbortSignal };

/** One order that makes no sense must not hold up the rest of its page. */
function readEach(documents: readonly unknown[]): Pick<OrderPage, 'orders' | 'unread'> {
  const orders: OrderState[] = [];
  const unread: OrderPage['unread'][number][] = [];
  for (const document of documents) {
    try {
      orders.push(readOrder(document, 'order list'));
    } catch (error) {
      const named = namedSchema.safeParse(document).data;
      if (!(error instanceof Rejected) || named === undefined) throw error;
      unread.push({ orderRef: named.id, version: named.version ?? 0 });
    }
  }
  return { orders, unread };
}

export async function fetchOrdersSince(
  client: PartnerClient,
  cursor: string | null,
  options: PollOptions,
): Promise<OrderPage> {
  const at = readCursor(cursor);
  const changedSince = Math.max(0, at.since - options.overlapMs);
  const path = `/v1/orders?changedSince=${changedSince}&after=${at.after}&limit=${PAGE_SIZE}`;
  const page = await client.read(pageSchema, { method: 'GET', path, signal: options.signal });
  const clock = at.clock ?? page.clock;
  const next: Cursor =
    page.next === null ? { since: clock, after: 0, clock: null } : { since: at.since, after: page.next, clock };
  return {
    ...readEach(page.orders),
    cursor: JSON.stringify(next),
    complete: page.next === null,
    reachesBackTo: page.keptSince,
  };
}

export async function* fetchOpenOrders(
  client: PartnerClient,
  signal: AbortSignal,
): AsyncGenerator<readonly OrderState[]> {
  let after: number | null = 0;
  while (after !== null) {
    const path: string = `/v1/orders?state=open&after=${after}&limit=${PAGE_SIZE}`;
    const page: z.infer<typeof pageSchema> = await client.read(pageSchema, { method: 'GET', path, signal });
    if (page.orders.length > 0) yield page.orders.map((order) => readOrder(order, 'open orders'));
    if (page.next !== null && page.next <= after) throw new Transient('open orders: the partner repeats the same page');
    after = page.next;
  }
}
