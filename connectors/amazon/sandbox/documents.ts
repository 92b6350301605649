/** Orders and listings as Amazon's API writes them: Orders 2026-01-01, Listings Items 2021-08-01. No buyer, ever. */
import { isPending, type Line, type Order, updatedAt } from './order-book.ts';
import { type Listing, MERCHANT } from './shelf.ts';

export function statusOf(order: Order, now: number): string {
  if (order.isCancelled) return 'CANCELLED';
  const isDone = order.lines.every((line) => line.ordered === line.cancelled + line.shipped);
  const isShipping = order.lines.some((line) => line.shipped > 0);
  if (isShipping) return isDone ? 'SHIPPED' : 'PARTIALLY_SHIPPED';
  if (isDone) return 'CANCELLED';
  return isPending(order, now) ? 'PENDING' : 'UNSHIPPED';
}

const printTime = (at: number): string => new Date(at).toISOString();

function printLine(line: Line, status: string) {
  const open = line.ordered - line.cancelled - line.shipped;
  const executed = { cancellationExecution: { cancelledBy: 'SELLER', cancelReason: 'CustomerCancelled' } };
  return {
    orderItemId: line.id,
    quantityOrdered: line.ordered,
    product: { asin: line.listing.asin, sellerSku: line.listing.sku },
    fulfillment: { quantityFulfilled: line.shipped, quantityUnfulfilled: status === 'PENDING' ? 0 : open },
    ...(line.cancelled > 0 ? { cancellation: executed } : {}),
  };
}

export function printOrder(order: Order, marketplaceId: string, now: number) {
  const status = statusOf(order, now);
  return {
    orderId: order.id,
    createdTime: printTime(order.createdAt),
    lastUpdatedTime: printTime(updatedAt(order, now)),
    salesChannel: { channelName: 'AMAZON', marketplaceId },
    fulfillment: { fulfillmentStatus: status, fulfilledBy: order.isFba ? 'AMAZON' : 'MERCHANT' },
    orderItems: order.lines.map((line) => printLine(line, status)),
  };
}

export function printListing(listing: Listing, marketplaceId: string, includedData: ReadonlySet<string>) {
  const isBuyable = listing.isFba || (!listing.isSuppressed && (listing.quantity ?? 0) > 0);
  const availability = [
    ...(listing.isFba ? [{ fulfillmentChannelCode: 'AMAZON_EU' }] : []),
    ...(listing.quantity === null ? [] : [{ fulfillmentChannelCode: MERCHANT, quantity: listing.quantity }]),
  ];
  const summary = {
    marketplaceId,
    asin: listing.asin,
    productType: 'PRODUCT',
    itemName: listing.title,
    status: isBuyable ? ['BUYABLE', 'DISCOVERABLE'] : ['DISCOVERABLE'],
  };
  const identifiers =
    listing.barcode === null
      ? {}
      : {
          externally_assigned_product_identifier: [
            { type: 'ean', value: listing.barcode, marketplace_id: marketplaceId },
          ],
        };
  return {
    sku: listing.sku,
    ...(includedData.has('summaries') ? { summaries: [summary] } : {}),
    ...(includedData.has('attributes') ? { attributes: identifiers } : {}),
    ...(includedData.has('fulfillmentAvailability') ? { fulfillmentAvailability: availability } : {}),
    ...(includedData.has('issues') ? { issues: [] } : {}),
  };
}
