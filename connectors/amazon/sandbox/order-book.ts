/**
 * The seller's orders: placed by buyers (PENDING, then UNSHIPPED by themselves), shipped, cancelled.
 *
 * Guarantees: a buyer gets a line only while the shelf shows enough of it; the quantity falls at placement, while the order is still
 * PENDING. An order is fulfilled by one party: a basket with lines of both takes those of its first. `updatedAt` is unique per change
 * of one order. Times are milliseconds.
 */
import type { CancelRequest, OrderRequest, SomeLines } from '../../sandbox/control.ts';
import { ControlRefusal } from '../../sandbox/platform.ts';
import type { Listing, Shelf } from './shelf.ts';

export type Line = {
  readonly id: string;
  readonly listing: Listing;
  readonly ordered: number;
  cancelled: number;
  shipped: number;
};

export type Order = {
  readonly id: string;
  readonly createdAt: number;
  /** When Amazon is done with payment and the order may ship. */
  readonly readyAt: number;
  readonly isFba: boolean;
  changedAt: number;
  /** Searches know of its last change from this moment on. */
  listedAt: number;
  isCancelled: boolean;
  readonly lines: readonly Line[];
};

export type OfferedLine = { sku: string; quantity: number; accepted: boolean; shown: number };
export type MovedLine = { readonly line: Line; readonly quantity: number };
export type Done = { readonly order: Order; readonly lines: readonly MovedLine[] };

export type OrderBook = {
  readonly orders: ReadonlyMap<string, Order>;
  place(request: OrderRequest): { readonly order: Order | null; readonly lines: readonly OfferedLine[] };
  cancel(orderRef: string, request: CancelRequest): Done;
  fulfil(orderRef: string, asked: SomeLines): Done;
};

export type OrderBookOptions = {
  readonly shelf: Shelf;
  readonly now: () => number;
  readonly pendingMs: number;
  readonly indexLagMs: () => number;
};

const openUnits = (line: Line): number => line.ordered - line.cancelled - line.shipped;

export const isPending = (order: Order, now: number): boolean => !order.isCancelled && now < order.readyAt;

/** The end of PENDING is a change too. */
export const updatedAt = (order: Order, now: number): number =>
  isPending(order, now) || order.isCancelled ? order.changedAt : Math.max(order.changedAt, order.readyAt);

function selectLines(order: Order, asked: SomeLines): readonly MovedLine[] {
  if (asked === undefined)
    return order.lines.flatMap((line) => (openUnits(line) > 0 ? [{ line, quantity: openUnits(line) }] : []));
  return asked.map(({ sku, lineRef, quantity }) => {
    const isAsked = (line: Line): boolean => (lineRef === undefined ? line.listing.sku === sku : line.id === lineRef);
    const line = order.lines.find((each) => isAsked(each) && openUnits(each) >= quantity);
    if (line === undefined)
      throw new ControlRefusal(`order ${order.id} has no line ${lineRef ?? sku} with ${quantity} units left`);
    return { line, quantity };
  });
}

function takeLines(request: OrderRequest, shelf: Shelf, nextLineId: () => string) {
  const accepted: Line[] = [];
  const lines = request.lines.map(({ sku, quantity }): OfferedLine => {
    const listing = shelf.listings.get(sku);
    if (listing === undefined) return { sku, quantity, accepted: false, shown: 0 };
    const shown = listing.isSuppressed ? 0 : Math.max(0, listing.quantity ?? 0);
    const isSameParty = accepted.every((line) => line.listing.isFba === listing.isFba);
    if (!isSameParty || (!listing.isFba && shown < quantity)) return { sku, quantity, accepted: false, shown };
    shelf.move(listing, -quantity);
    accepted.push({ id: nextLineId(), listing, ordered: quantity, cancelled: 0, shipped: 0 });
    return { sku, quantity, accepted: true, shown };
  });
  return { accepted, lines };
}

/** 3-7-7 digits, as Amazon writes them. */
const orderIdOf = (n: number): string => `026-${String(1_000_000 + ((n * 7919) % 9_000_000))}-${String(2_000_000 + n)}`;

const FIRST_LINE = 17_000_000_000_000;

export function openOrderBook({ shelf, now, pendingMs, indexLagMs }: OrderBookOptions): OrderBook {
  const orders = new Map<string, Order>();
  let linesGiven = 0;
  const nextLineId = (): string => {
    linesGiven += 1;
    return String(FIRST_LINE + linesGiven);
  };

  const findOrder = (orderRef: string): Order => {
    const order = orders.get(orderRef);
    if (order === undefined) throw new ControlRefusal(`there is no order ${orderRef}`);
    return order;
  };
  const touch = (order: Order): void => {
    order.changedAt = Math.max(now(), updatedAt(order, now()) + 1);
    order.listedAt = now() + indexLagMs();
  };

  return {
    orders,
    place(request) {
      const { accepted, lines } = takeLines(request, shelf, nextLineId);
      const [first] = accepted;
      if (first === undefined) return { order: null, lines };
      const at = now();
      const order: Order = {
        id: orderIdOf(orders.size + 1),
        createdAt: request.placedAt ?? at,
        readyAt: at + pendingMs,
        isFba: first.listing.isFba,
        changedAt: at,
        listedAt: at + indexLagMs(),
        isCancelled: false,
        lines: accepted,
      };
      orders.set(order.id, order);
      return { order, lines };
    },
    cancel(orderRef, request) {
      const order = findOrder(orderRef);
      const lines = selectLines(order, request.lines);
      for (const { line, quantity } of lines) {
        line.cancelled += quantity;
        if (request.restock) shelf.move(line.listing, quantity);
      }
      touch(order);
      if (request.lines === undefined && order.lines.every((line) => line.shipped === 0)) order.isCancelled = true;
      return { order, lines };
    },
    fulfil(orderRef, asked) {
      const order = findOrder(orderRef);
      const lines = selectLines(order, asked);
      for (const { line, quantity } of lines) line.shipped += quantity;
      touch(order);
      return { order, lines };
    },
  };
}
