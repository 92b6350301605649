/**
 * An order of Orders API 2026-01-01 as a state: pure, the same from a search and from a single read.
 *
 * | fulfillmentStatus              | ordered         | shipped           | cancelled                          |
 * | PENDING, PENDING_AVAILABILITY  | quantityOrdered | 0                 | 0: Amazon has taken it off its own number already |
 * | UNSHIPPED                      | quantityOrdered | quantityFulfilled | what was executed on the line      |
 * | PARTIALLY_SHIPPED, SHIPPED     | quantityOrdered | quantityFulfilled | what was executed on the line      |
 * | CANCELLED                      | quantityOrdered | quantityFulfilled | all that was not shipped           |
 *
 * A buyer's cancellation *request* frees nothing: only `cancellationExecution` does (facts/amazon.md 3.2). A lowered quantityOrdered
 * lowers `ordered` by itself. Orders that Amazon fulfils are `marketplace`: they never touch our stock.
 */
import { z } from 'zod';
import { Rejected } from '#core/errors.ts';
import type { Obligation, OrderLineState, OrderState } from '#core/order-state.ts';

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const quantity = z.int().min(0);

const lineSchema = z.object({
  orderItemId: z.string().min(1),
  quantityOrdered: quantity,
  product: z.object({ asin: z.string().optional(), sellerSku: z.string().optional() }),
  fulfillment: z
    .object({ quantityFulfilled: quantity.optional(), quantityUnfulfilled: quantity.optional() })
    .optional(),
  cancellation: z
    .object({
      cancellationRequest: z.object({ requester: z.string().optional() }).optional(),
      cancellationExecution: z.object({ cancelledBy: z.string().optional() }).optional(),
    })
    .optional(),
});

/** Only what is needed: no buyer, no address is asked for, and none is read. */
const orderSchema = z.object({
  orderId: z.string().min(1),
  createdTime: instant,
  lastUpdatedTime: instant,
  fulfillment: z.object({
    fulfillmentStatus: z.string(),
    fulfilledBy: z.string().optional(),
    shipByWindow: z.object({ latestDateTime: instant.optional() }).optional(),
  }),
  orderItems: z.array(lineSchema),
});

type Line = z.infer<typeof lineSchema>;

const WAITING = new Set(['PENDING', 'PENDING_AVAILABILITY']);

function cancelledOf(line: Line, status: string, shipped: number, ordered: number): number {
  if (status === 'CANCELLED') return ordered - shipped;
  if (WAITING.has(status) || line.cancellation?.cancellationExecution === undefined) return 0;
  return Math.max(0, ordered - shipped - (line.fulfillment?.quantityUnfulfilled ?? 0));
}

/** A buyer asks in Amazon's pages, and whoever carries it out; what Amazon cancels of itself, for lateness say, is the seller's. */
const isBuyersWish = ({ cancellation }: Line): boolean =>
  cancellation?.cancellationRequest?.requester === 'BUYER' ||
  cancellation?.cancellationExecution?.cancelledBy === 'BUYER';

function lineOf(line: Line, status: string): OrderLineState {
  const shipped = line.fulfillment?.quantityFulfilled ?? 0;
  // What left was ordered, also where Amazon sets the quantity of a cancelled line to 0.
  const ordered = Math.max(line.quantityOrdered, shipped);
  const sku = line.product.sellerSku ?? null;
  return {
    lineRef: line.orderItemId,
    listingRef: sku,
    skuHint: sku,
    ordered,
    cancelled: cancelledOf(line, status, shipped, ordered),
    shipped,
    returned: 0,
  };
}

const DONE = new Set(['SHIPPED', 'CANCELLED', 'UNFULFILLABLE']);

/** What the seller owes Amazon: to ship in time. */
function obligationsOf({ fulfillment }: z.infer<typeof orderSchema>): readonly Obligation[] {
  const dueAt = fulfillment.shipByWindow?.latestDateTime;
  const isOurs = fulfillment.fulfilledBy !== 'AMAZON' && !DONE.has(fulfillment.fulfillmentStatus);
  return isOurs && dueAt !== undefined ? [{ kind: 'ship', dueAt }] : [];
}

/** Throws Rejected with the path of the field that makes no sense. */
export function orderOf(document: unknown): OrderState {
  const parsed = orderSchema.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.join('.') || 'order';
    throw new Rejected(`an order of Amazon: ${field}: ${issue?.message ?? 'wrong shape'}`, {
      field,
      fix: 'read the order in Seller Central; allot takes its next state by itself, or drop this one with allot parked drop',
    });
  }
  const order = parsed.data;
  const { fulfillmentStatus, fulfilledBy } = order.fulfillment;
  const lines = order.orderItems.map((line) => lineOf(line, fulfillmentStatus));
  const cancelled = order.orderItems.filter((_line, index) => (lines[index]?.cancelled ?? 0) > 0);
  return {
    orderRef: order.orderId,
    displayRef: order.orderId,
    version: order.lastUpdatedTime,
    placedAt: order.createdTime,
    modifiedAt: order.lastUpdatedTime,
    fulfilledBy: fulfilledBy === 'AMAZON' ? 'marketplace' : 'seller',
    locationRef: null,
    ...(cancelled.length > 0 && cancelled.every(isBuyersWish) ? { cancelledBy: 'buyer' as const } : {}),
    obligations: obligationsOf(order),
    lines,
  };
}
