/**
 * Shopify's webhooks: the check of the signature, and the payload as orders, references and listings to read.
 *
 * Guarantees: nothing is believed whose HMAC over the raw bytes does not match one of the active secrets (two while one replaces
 * the other), nor what another shop of the same app was meant to hear. An event has one dedupe key on every redelivery.
 * Does not: cap the body (the http worker does), or order events (orders are states with a version, core joins them).
 * Times in payloads have whole seconds, so two states of an order may share a version: joinOrder then takes the larger totals.
 * A level names its inventory item, not its variant: `levels` carries the item's GID, which stands in the data of the
 * listing (`inventoryItemId`); whoever looks a listing up matches a reference against listingRef and against the values of data.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { OrderLineState, OrderState } from '#core/order-state.ts';
import type { Inbound, InboundRequest, Parsed, Verdict } from '../connector.ts';
import { parseJson, readShape } from '../json.ts';
import { attributesOf } from './attributes.ts';
import { anyId, type GidType, gid, isGid } from './gid.ts';
import { lineTotals } from './order-totals.ts';

const HMAC_BYTES = 32;

function isSigned(rawBody: Uint8Array, signature: string, secrets: readonly string[]): boolean {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(signature)) return false;
  const given = Buffer.from(signature, 'base64');
  if (given.length !== HMAC_BYTES) return false;
  // Every secret is tried: which one matched must not show in the time it takes.
  const matches = secrets.map((secret) =>
    timingSafeEqual(createHmac('sha256', secret).update(rawBody).digest(), given),
  );
  return matches.includes(true);
}

const headerOf = (request: InboundRequest, name: string): string | undefined => {
  const entry = Object.entries(request.headers).find(([key]) => key.toLowerCase() === name);
  return entry?.[1] === '' ? undefined : entry?.[1];
};

/** `secretText`: one or more secrets, apart by white space. */
export function verifyWebhook(request: InboundRequest, shop: string, secretText: string): Verdict {
  if (request.method !== 'POST') return { ok: false, reason: `method ${request.method}, webhooks are POST` };
  const signature = headerOf(request, 'x-shopify-hmac-sha256');
  if (signature === undefined) return { ok: false, reason: 'no X-Shopify-Hmac-Sha256 header' };
  const secrets = secretText.split(/\s+/).filter((secret) => secret !== '');
  if (!isSigned(request.rawBody, signature, secrets)) {
    return { ok: false, reason: 'the signature does not match the body under any WEBHOOK_SECRET' };
  }
  const domain = headerOf(request, 'x-shopify-shop-domain');
  if (domain !== shop)
    return { ok: false, reason: `meant for shop ${domain ?? '(none named)'}, this channel is ${shop}` };
  const topic = headerOf(request, 'x-shopify-topic');
  if (topic === undefined) return { ok: false, reason: 'no X-Shopify-Topic header' };
  const event = headerOf(request, 'x-shopify-event-id') ?? headerOf(request, 'x-shopify-webhook-id');
  const name = event ?? createHash('sha256').update(request.rawBody).digest('hex');
  return { ok: true, assurance: 'signed', dedupeKey: `${topic}:${name}`, topic };
}

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const quantity = z.number().int().nonnegative().max(1_000_000_000);

const named = { id: anyId, admin_graphql_api_id: z.string().nullish() };

const lineSchema = z.object({
  ...named,
  quantity,
  current_quantity: quantity.nullish(),
  fulfillable_quantity: quantity.nullish(),
  variant_id: anyId.nullish(),
  sku: z.string().nullish(),
});

const orderSchema = z.object({
  ...named,
  name: z.string().nullish(),
  created_at: instant,
  updated_at: instant,
  cancelled_at: instant.nullish(),
  location_id: anyId.nullish(),
  source_name: z.string().nullish(),
  tags: z.string().nullish(),
  line_items: z.array(lineSchema),
  fulfillments: z
    .array(z.object({ status: z.string().nullish(), line_items: z.array(z.object({ id: anyId, quantity })).nullish() }))
    .nullish(),
  refunds: z
    .array(
      z.object({
        refund_line_items: z
          .array(z.object({ line_item_id: anyId, quantity, restock_type: z.string().nullish() }))
          .nullish(),
      }),
    )
    .nullish(),
});

type Order = z.infer<typeof orderSchema>;
type Line = z.infer<typeof lineSchema>;

/** The sample ids of Shopify's payloads are rounded, their GIDs are not: the GID counts where there is one. */
const gidOf = (
  type: 'Order' | 'LineItem',
  thing: { readonly id: string; readonly admin_graphql_api_id?: string | null | undefined },
): string => {
  const given = thing.admin_graphql_api_id;
  return given !== null && given !== undefined && isGid(type, given) ? given : gid(type, thing.id);
};

const gidOrNull = (type: GidType, id: string | null | undefined): string | null =>
  id === null || id === undefined ? null : gid(type, id);

const sumBy = <T extends { readonly quantity: number }>(rows: readonly T[], isWanted: (row: T) => boolean): number =>
  rows.reduce((sum, row) => sum + (isWanted(row) ? row.quantity : 0), 0);

function lineState(order: Order, line: Line, index: number): OrderLineState {
  const fulfilled = (order.fulfillments ?? [])
    .filter(({ status }) => status === 'success')
    .flatMap((each) => each.line_items ?? []);
  const refunded = (order.refunds ?? [])
    .flatMap((each) => each.refund_line_items ?? [])
    .filter((row) => row.line_item_id === line.id);
  const facts = {
    ordered: line.quantity,
    current: line.current_quantity ?? line.quantity,
    open: line.fulfillable_quantity ?? null,
    shipped: sumBy(fulfilled, (row) => row.id === line.id),
    returned: sumBy(refunded, (row) => row.restock_type === 'return'),
    unclear: sumBy(refunded, (row) => row.restock_type !== 'return' && row.restock_type !== 'cancel'),
    isOrderCancelled: order.cancelled_at !== null && order.cancelled_at !== undefined,
  };
  const fields = { current: 'current_quantity', shipped: 'quantity fulfilled' };
  return {
    lineRef: gidOf('LineItem', line),
    listingRef: gidOrNull('ProductVariant', line.variant_id),
    skuHint: line.sku ?? null,
    ...lineTotals(facts, { path: `line_items.${index}`, fields }),
  };
}

function orderState(order: Order): OrderState {
  const attributes = attributesOf((order.tags ?? '').split(','), order.source_name);
  return {
    orderRef: gidOf('Order', order),
    displayRef: order.name ?? `#${order.id}`,
    version: order.updated_at,
    placedAt: order.created_at,
    modifiedAt: order.updated_at,
    fulfilledBy: 'seller',
    locationRef: gidOrNull('Location', order.location_id),
    ...(attributes === undefined ? {} : { attributes }),
    obligations: [],
    lines: order.line_items.map((line, index) => lineState(order, line, index)),
  };
}

const editSchema = z.object({ order_edit: z.object({ order_id: anyId }) });
const refundSchema = z.object({ order_id: anyId });
const levelSchema = z.object({ inventory_item_id: anyId, location_id: anyId, available: z.number().int().nullish() });

const FIX =
  'compare the payload (allot parked show) with the order in the Shopify admin; the next poll reads that order anew';

const read = <T>(schema: z.ZodType<T>, { topic, rawBody }: Inbound): T =>
  readShape(schema, parseJson(rawBody, topic), { what: topic, fix: FIX });

const NOTHING: Parsed = { orders: [], refs: [], levels: [] };

/** A topic that allot has no use for, from a subscription made by another version, says nothing. */
export function parseWebhook(inbound: Inbound): Parsed {
  switch (inbound.topic) {
    case 'orders/create':
    case 'orders/updated':
    case 'orders/cancelled':
      return { ...NOTHING, orders: [orderState(read(orderSchema, inbound))] };
    case 'orders/edited':
      return { ...NOTHING, refs: [gid('Order', read(editSchema, inbound).order_edit.order_id)] };
    case 'refunds/create':
      return { ...NOTHING, refs: [gid('Order', read(refundSchema, inbound).order_id)] };
    case 'inventory_levels/update': {
      const level = read(levelSchema, inbound);
      const locationRef = gid('Location', level.location_id);
      return {
        ...NOTHING,
        levels: [
          { listingRef: gid('InventoryItem', level.inventory_item_id), locationRef, shown: level.available ?? null },
        ],
      };
    }
    default:
      return NOTHING;
  }
}
