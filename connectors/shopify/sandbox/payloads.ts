/** Webhook payloads in the REST words of Shopify, with the fields that matter for stock; times in whole seconds with an offset. */
import { type Line, type MovedLine, type Order, openUnits, type Refund } from './order-book.ts';
import type { ShopEvent } from './shop.ts';

/** 2026-11-23T21:00:00+00:00 */
export const restTime = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}+00:00`;

const numberOf = (gid: string): number => Number(/(\d+)(\?.*)?$/.exec(gid)?.[1]);

const lineOf = (line: Line): Readonly<Record<string, unknown>> => ({
  id: numberOf(line.id),
  admin_graphql_api_id: line.id,
  current_quantity: line.ordered - line.cancelled - line.refunded,
  fulfillable_quantity: openUnits(line),
  name: line.variant.title,
  product_exists: true,
  quantity: line.ordered,
  sku: line.variant.sku,
  title: line.variant.title,
  variant_id: numberOf(line.variant.id),
  variant_inventory_management: line.variant.isTracked ? 'shopify' : null,
});

function refundLine(refund: Refund, { line, quantity }: MovedLine): Readonly<Record<string, unknown>> {
  const place = refund.restockType === 'no_restock' ? undefined : line.open[0]?.level.location.id;
  return {
    line_item_id: numberOf(line.id),
    quantity,
    restock_type: refund.restockType,
    location_id: place === undefined ? null : numberOf(place),
  };
}

const refundOf = (order: Order, refund: Refund): Readonly<Record<string, unknown>> => ({
  id: numberOf(refund.id),
  admin_graphql_api_id: refund.id,
  order_id: numberOf(order.id),
  created_at: restTime(refund.createdAt),
  refund_line_items: refund.lines.map((moved) => refundLine(refund, moved)),
});

const orderOf = (order: Order): Readonly<Record<string, unknown>> => ({
  id: numberOf(order.id),
  admin_graphql_api_id: order.id,
  name: `#${order.number}`,
  order_number: order.number,
  created_at: restTime(order.createdAt),
  updated_at: restTime(order.updatedAt),
  cancelled_at: order.cancelledAt === null ? null : restTime(order.cancelledAt),
  location_id: null,
  source_name: 'web',
  tags: '',
  test: false,
  line_items: order.lines.map(lineOf),
  fulfillments: order.fulfillments.map(({ id, lines }) => ({
    id: numberOf(id),
    status: 'success',
    line_items: lines.map(({ line, quantity }) => ({ ...lineOf(line), quantity })),
  })),
  refunds: order.refunds.map((refund) => refundOf(order, refund)),
});

export function payloadOf(event: ShopEvent): Readonly<Record<string, unknown>> {
  if (event.topic === 'REFUNDS_CREATE') return refundOf(event.order, event.refund);
  if (event.topic !== 'INVENTORY_LEVELS_UPDATE') return orderOf(event.order);
  const { level } = event;
  return {
    inventory_item_id: numberOf(level.variant.itemId),
    location_id: numberOf(level.location.id),
    available: level.available,
    updated_at: restTime(level.updatedAt),
    admin_graphql_api_id: level.id,
  };
}
