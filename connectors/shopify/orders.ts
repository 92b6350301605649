/**
 * Orders read whole from Shopify: by reference, and all that are open. What changed is found by poll.ts.
 *
 * A line's scalars tell its totals as long as nothing was taken off it, or nothing of its order was shipped; only for the others
 * are fulfilments and refunds read (two calls more). Both ways end in the totals that a webhook of the same state gives.
 * Guarantees: an order is handed over whole, however many lines it has.
 * Does not see: orders archived by hand before they were fulfilled (search calls them closed, not open).
 */
import { z } from 'zod';
import { Rejected, Throttled } from '#core/errors.ts';
import type { OrderState } from '#core/order-state.ts';
import type { ConnectorLog, OrderPage } from '../connector.ts';
import { attributesOf } from './attributes.ts';
import type { ShopifyClient } from './client.ts';
import {
  MOVED_LINES,
  MOVEMENTS_PER_READ,
  ORDER,
  ORDER_LINES,
  ORDER_MOVEMENTS,
  ORDERS,
  ORDERS_BY_ID,
  ORDERS_PER_READ,
} from './documents.ts';
import { lineTotals } from './order-totals.ts';

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const quantity = z.number().int().nonnegative();
const pageInfoSchema = z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() });
const thing = z.object({ id: z.string() });

const lineSchema = z.object({
  id: z.string(),
  sku: z.string().nullable(),
  quantity,
  currentQuantity: quantity,
  unfulfilledQuantity: quantity,
  variant: thing.nullable(),
});

const orderSchema = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: instant,
  updatedAt: instant,
  cancelledAt: instant.nullable(),
  displayFulfillmentStatus: z.string(),
  sourceName: z.string().nullish(),
  tags: z.array(z.string()).default([]),
  retailLocation: thing.nullable(),
  lineItems: z.object({ nodes: z.array(lineSchema), pageInfo: pageInfoSchema }),
});

const ordersAnswer = z.object({ orders: z.object({ nodes: z.array(orderSchema), pageInfo: pageInfoSchema }) });
const ordersByIdAnswer = z.object({ nodes: z.array(orderSchema.nullable()) });
const orderAnswer = z.object({ order: orderSchema.nullable() });
const linesAnswer = z.object({
  order: z.object({ lineItems: z.object({ nodes: z.array(lineSchema), pageInfo: pageInfoSchema }) }).nullable(),
});
const movementsAnswer = z.object({
  order: z
    .object({ fulfillments: z.array(z.object({ id: z.string(), status: z.string() })), refunds: z.array(thing) })
    .nullable(),
});

const movedLine = z.object({ quantity: quantity.nullable(), lineItem: thing, restockType: z.string().optional() });
const movedLines = z.object({ nodes: z.array(movedLine), pageInfo: pageInfoSchema });
const movedAnswer = z.object({
  nodes: z.array(
    z
      .object({ id: z.string(), fulfillmentLineItems: movedLines.optional(), refundLineItems: movedLines.optional() })
      .nullable(),
  ),
});

/** What a read of many orders goes through. */
export type OrderSource = { readonly client: ShopifyClient; readonly log: ConnectorLog };

type Head = z.infer<typeof orderSchema>;
type Line = z.infer<typeof lineSchema>;

/** Per line id: units shipped, returned, and refunded without saying which. */
type Movement = { shipped: number; returned: number; unclear: number };
type Movements = ReadonlyMap<string, Movement>;

async function readLines(client: ShopifyClient, head: Head, signal: AbortSignal): Promise<readonly Line[]> {
  const lines = [...head.lineItems.nodes];
  let page = head.lineItems.pageInfo;
  while (page.hasNextPage) {
    const variables = { id: head.id, after: page.endCursor };
    const { order } = await client.read({ document: ORDER_LINES, variables, answer: linesAnswer }, signal);
    if (order === null) throw gone(head.id);
    lines.push(...order.lineItems.nodes);
    page = order.lineItems.pageInfo;
  }
  return lines;
}

const gone = (orderRef: string): Rejected =>
  new Rejected(`Shopify knows no order ${orderRef}`, {
    field: 'orderRef',
    value: orderRef,
    fix: 'it was deleted in the Shopify admin, or lies more than 60 days back and the app has no read_all_orders; cancel it here with allot order cancel',
  });

/** Whether the lines alone leave open what was shipped and what was cancelled. */
const needsMovements = (head: Head, lines: readonly Line[]): boolean =>
  head.displayFulfillmentStatus !== 'UNFULFILLED' &&
  (head.cancelledAt !== null || lines.some((line) => line.currentQuantity < line.quantity));

async function readMovements(client: ShopifyClient, orderRef: string, signal: AbortSignal): Promise<Movements> {
  const request = { document: ORDER_MOVEMENTS, variables: { id: orderRef }, answer: movementsAnswer };
  const { order } = await client.read(request, signal);
  if (order === null) throw gone(orderRef);
  const fulfilled = order.fulfillments.filter(({ status }) => status === 'SUCCESS');
  const ids = [...fulfilled, ...order.refunds].map(({ id }) => id);
  const movements = new Map<string, Movement>();
  const add = (row: z.infer<typeof movedLine>, total: keyof Movement): void => {
    const known = movements.get(row.lineItem.id) ?? { shipped: 0, returned: 0, unclear: 0 };
    movements.set(row.lineItem.id, { ...known, [total]: known[total] + (row.quantity ?? 0) });
  };
  const take = (rows: readonly z.infer<typeof movedLine>[]): void => {
    for (const row of rows) {
      if (row.restockType === undefined) add(row, 'shipped');
      else if (row.restockType === 'RETURN') add(row, 'returned');
      else if (row.restockType !== 'CANCEL') add(row, 'unclear');
    }
  };
  for (let at = 0; at < ids.length; at += MOVEMENTS_PER_READ) {
    await readMovedLines(client, ids.slice(at, at + MOVEMENTS_PER_READ), take, signal);
  }
  return movements;
}

async function readMovedLines(
  client: ShopifyClient,
  ids: readonly string[],
  take: (rows: readonly z.infer<typeof movedLine>[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const waiting: { ids: readonly string[]; after: string | null }[] = [{ ids, after: null }];
  for (let ask = waiting.pop(); ask !== undefined; ask = waiting.pop()) {
    const answer = await client.read({ document: MOVED_LINES, variables: ask, answer: movedAnswer }, signal);
    for (const node of answer.nodes) {
      const page = node?.fulfillmentLineItems ?? node?.refundLineItems;
      if (node === null || page === undefined) continue;
      take(page.nodes);
      if (page.pageInfo.hasNextPage) waiting.push({ ids: [node.id], after: page.pageInfo.endCursor });
    }
  }
}

/** Shipped by the scalars: exact where nothing was taken off the line or nothing shipped, which is where it is asked. */
const shippedByScalars = (head: Head, line: Line): number =>
  head.displayFulfillmentStatus === 'UNFULFILLED' ? 0 : Math.max(0, line.currentQuantity - line.unfulfilledQuantity);

async function wholeOrder(client: ShopifyClient, head: Head, signal: AbortSignal): Promise<OrderState> {
  const lines = await readLines(client, head, signal);
  const attributes = attributesOf(head.tags, head.sourceName);
  const movements = needsMovements(head, lines) ? await readMovements(client, head.id, signal) : null;
  return {
    orderRef: head.id,
    displayRef: head.name,
    version: head.updatedAt,
    placedAt: head.createdAt,
    modifiedAt: head.updatedAt,
    fulfilledBy: 'seller',
    locationRef: head.retailLocation?.id ?? null,
    ...(attributes === undefined ? {} : { attributes }),
    obligations: [],
    lines: lines.map((line, index) => {
      const moved =
        movements === null ? undefined : (movements.get(line.id) ?? { shipped: 0, returned: 0, unclear: 0 });
      const facts = {
        ordered: line.quantity,
        current: line.currentQuantity,
        open: line.unfulfilledQuantity,
        shipped: moved?.shipped ?? shippedByScalars(head, line),
        returned: moved?.returned ?? 0,
        unclear: moved?.unclear ?? 0,
        isOrderCancelled: head.cancelledAt !== null,
      };
      const fields = { current: 'currentQuantity', shipped: 'fulfilled' };
      const totals = lineTotals(facts, { path: `${head.id} lineItems.${index}`, fields });
      return { lineRef: line.id, listingRef: line.variant?.id ?? null, skuHint: line.sku, ...totals };
    }),
  };
}

export async function hydrateOrder(client: ShopifyClient, orderRef: string, signal: AbortSignal): Promise<OrderState> {
  const { order } = await client.read({ document: ORDER, variables: { id: orderRef }, answer: orderAnswer }, signal);
  if (order === null) throw gone(orderRef);
  return wholeOrder(client, order, signal);
}

type Unread = OrderPage['unread'][number];

export type Whole = {
  readonly states: readonly OrderState[];
  readonly unread: readonly Unread[];
  readonly cut: Throttled | null;
};

/**
 * Heads with all that belongs to them. An order that cannot be must not hold up the orders behind it: it is told as unread. Where the
 * bucket is empty, the rest is cut off.
 */
async function completeHeads({ client }: OrderSource, heads: readonly Head[], signal: AbortSignal): Promise<Whole> {
  const states: OrderState[] = [];
  const unread: Unread[] = [];
  for (const head of heads) {
    try {
      states.push(await wholeOrder(client, head, signal));
    } catch (error) {
      if (error instanceof Throttled) return { states, unread, cut: error };
      if (!(error instanceof Rejected)) throw error;
      unread.push({ orderRef: head.id, version: head.updatedAt });
    }
  }
  return { states, unread, cut: null };
}

/** At most ORDERS_PER_READ of them; what is gone is left out. */
export async function readWhole(line: OrderSource, ids: readonly string[], signal: AbortSignal): Promise<Whole> {
  const { nodes } = await line.client.read(
    { document: ORDERS_BY_ID, variables: { ids }, answer: ordersByIdAnswer },
    signal,
  );
  const heads = nodes.flatMap((node) => node ?? []);
  return completeHeads(line, heads, signal);
}

const isOpen = (order: OrderState): boolean => order.lines.some((line) => line.ordered > line.cancelled + line.shipped);

export async function* openOrders(line: OrderSource, signal: AbortSignal): AsyncGenerator<readonly OrderState[]> {
  const query = 'status:open AND NOT fulfillment_status:fulfilled';
  for (let after: string | null = null; ; ) {
    const { orders }: z.infer<typeof ordersAnswer> = await line.client.read(
      { document: ORDERS, variables: { query, first: ORDERS_PER_READ, after }, answer: ordersAnswer },
      signal,
    );
    const { states, cut } = await completeHeads(line, orders.nodes, signal);
    if (cut !== null) throw cut;
    yield states.filter(isOpen);
    if (!orders.pageInfo.hasNextPage) return;
    after = orders.pageInfo.endCursor;
  }
}
