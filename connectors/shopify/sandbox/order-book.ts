/**
 * The shop's orders: placed by buyers, fulfilled, cancelled, refunded.
 *
 * Guarantees: a buyer gets a line only while the shop shows enough of it, an order with no such line is refused whole; `onEvent`
 * hears of every change that Shopify would send a webhook for, after it is done. Times are milliseconds in here and unique per
 * order; what leaves the shop is printed in whole seconds, as Shopify prints it, so two changes within a second look like one time.
 */
import type { CancelRequest, OrderRequest, SomeLines } from '../../sandbox/control.ts';
import { ControlRefusal } from '../../sandbox/platform.ts';
import { gid } from '../gid.ts';
import { type Shelf, sellableOf, type Taken, takeUnits, type Variant } from './shelf.ts';

export type RestockType = 'cancel' | 'return' | 'no_restock';

export type MovedLine = { readonly line: Line; readonly quantity: number };

export type Line = {
  readonly id: string;
  readonly variant: Variant;
  readonly ordered: number;
  /** Never shipped and no longer wanted. */
  cancelled: number;
  fulfilled: number;
  /** Shipped and refunded since. */
  refunded: number;
  /** Where the units that are still open were taken from. */
  readonly open: readonly Taken[];
};

export type Fulfillment = { readonly kind: 'fulfillment'; readonly id: string; readonly lines: readonly MovedLine[] };

export type Refund = {
  readonly kind: 'refund';
  readonly id: string;
  readonly createdAt: number;
  readonly restockType: RestockType;
  readonly lines: readonly MovedLine[];
};

export type Order = {
  readonly id: string;
  readonly number: number;
  readonly createdAt: number;
  updatedAt: number;
  /** Order search knows of its last change from this moment on. */
  listedAt: number;
  cancelledAt: number | null;
  readonly lines: readonly Line[];
  readonly fulfillments: Fulfillment[];
  readonly refunds: Refund[];
};

export type OrderEvent =
  | { readonly topic: 'ORDERS_CREATE' | 'ORDERS_UPDATED' | 'ORDERS_CANCELLED'; readonly order: Order }
  | { readonly topic: 'REFUNDS_CREATE'; readonly order: Order; readonly refund: Refund };

export type OfferedLine = {
  readonly sku: string;
  readonly quantity: number;
  readonly accepted: boolean;
  readonly shown: number;
};

/** What was done to an order, and to how many units of which lines. */
export type Done = { readonly order: Order; readonly lines: readonly MovedLine[] };

export type OrderBook = {
  readonly orders: ReadonlyMap<string, Order>;
  /** Fulfilments and refunds by their GID. */
  readonly movements: ReadonlyMap<string, Fulfillment | Refund>;
  /** `order` is null when no line could be accepted. */
  place(request: OrderRequest): { readonly order: Order | null; readonly lines: readonly OfferedLine[] };
  cancel(orderRef: string, request: CancelRequest): Done;
  fulfil(orderRef: string, asked: SomeLines): Done;
  /** Of goods that were shipped; with `return` they are back at the first location. */
  refund(orderRef: string, asked: SomeLines, restockType: 'return' | 'no_restock'): Done;
};

export type OrderBookOptions = {
  readonly shelf: Shelf;
  readonly now: () => number;
  readonly nextId: () => string;
  /** How long order search takes to notice a change, milliseconds. */
  readonly indexLagMs: () => number;
  readonly onEvent: (event: OrderEvent) => void;
};

const FIRST_ORDER_NUMBER = 1001;

export const openUnits = (line: Line): number => line.ordered - line.cancelled - line.fulfilled;

/** The lines asked for, or every line with something `left` in it. */
function selectLines(order: Order, asked: SomeLines, left: (line: Line) => number): readonly MovedLine[] {
  if (asked === undefined) {
    return order.lines.flatMap((line) => (left(line) > 0 ? [{ line, quantity: left(line) }] : []));
  }
  return asked.map(({ sku, lineRef, quantity }) => {
    const isAsked = (line: Line): boolean => (lineRef === undefined ? line.variant.sku === sku : line.id === lineRef);
    const line = order.lines.find((each) => isAsked(each) && left(each) >= quantity);
    if (line === undefined) {
      throw new ControlRefusal(`order ${order.id} has no line ${lineRef ?? sku} with ${quantity} units left`);
    }
    return { line, quantity };
  });
}

/** Ends `quantity` open units of a line; restocked, they can be sold again. */
function releaseUnits(shelf: Shelf, { line, quantity }: MovedLine, isRestocked: boolean): void {
  let left = quantity;
  for (const held of line.open) {
    const units = Math.min(left, held.quantity);
    held.quantity -= units;
    left -= units;
    if (units > 0) shelf.move(held.level, { available: isRestocked ? units : 0, committed: -units });
  }
}

/** Takes what the shop shows; the lines that it does not show enough of are refused. */
function takeLines(request: OrderRequest, { shelf, nextId }: OrderBookOptions) {
  const accepted: Line[] = [];
  const lines = request.lines.map(({ sku, quantity }): OfferedLine => {
    const variant = shelf.variantOf(sku);
    if (variant === undefined) return { sku, quantity, accepted: false, shown: 0 };
    const shown = sellableOf(shelf, variant);
    if (variant.isTracked && shown < quantity) return { sku, quantity, accepted: false, shown };
    const open = takeUnits(shelf, variant, quantity);
    const id = gid('LineItem', nextId());
    accepted.push({ id, variant, ordered: quantity, cancelled: 0, fulfilled: 0, refunded: 0, open });
    return { sku, quantity, accepted: true, shown };
  });
  return { accepted, lines };
}

type Books = { readonly orders: Map<string, Order>; readonly movements: Map<string, Fulfillment | Refund> };

const findOrder = ({ orders }: Books, orderRef: string): Order => {
  const order = orders.get(orderRef);
  if (order === undefined) throw new ControlRefusal(`there is no order ${orderRef}`);
  return order;
};

function addRefund(books: Books, options: OrderBookOptions, done: Done, restockType: RestockType): void {
  const { order, lines } = done;
  const id = `gid://shopify/Refund/${options.nextId()}`;
  const refund: Refund = { kind: 'refund', id, createdAt: options.now(), restockType, lines };
  order.refunds.push(refund);
  books.movements.set(id, refund);
  options.onEvent({ topic: 'REFUNDS_CREATE', order, refund });
}

function placeOrder(books: Books, options: OrderBookOptions, request: OrderRequest): ReturnType<OrderBook['place']> {
  const { accepted, lines } = takeLines(request, options);
  if (accepted.length === 0) return { order: null, lines };
  const now = options.now();
  const order: Order = {
    id: gid('Order', options.nextId()),
    number: FIRST_ORDER_NUMBER + books.orders.size,
    createdAt: request.placedAt ?? now,
    updatedAt: now,
    listedAt: now + options.indexLagMs(),
    cancelledAt: null,
    lines: accepted,
    fulfillments: [],
    refunds: [],
  };
  books.orders.set(order.id, order);
  options.onEvent({ topic: 'ORDERS_CREATE', order });
  return { order, lines };
}

export function openOrderBook(options: OrderBookOptions): OrderBook {
  const { shelf, now, nextId, indexLagMs, onEvent } = options;
  const books: Books = { orders: new Map(), movements: new Map() };

  const touch = (order: Order): void => {
    order.updatedAt = Math.max(now(), order.updatedAt + 1);
    order.listedAt = now() + indexLagMs();
  };

  return {
    ...books,
    place: (request) => placeOrder(books, options, request),
    cancel(orderRef, request) {
      const order = findOrder(books, orderRef);
      const lines = selectLines(order, request.lines, openUnits);
      for (const moved of lines) {
        moved.line.cancelled += moved.quantity;
        releaseUnits(shelf, moved, request.restock);
      }
      touch(order);
      if (request.lines === undefined) {
        order.cancelledAt = order.updatedAt;
        onEvent({ topic: 'ORDERS_CANCELLED', order });
      }
      if (lines.length > 0) addRefund(books, options, { order, lines }, request.restock ? 'cancel' : 'no_restock');
      onEvent({ topic: 'ORDERS_UPDATED', order });
      return { order, lines };
    },
    fulfil(orderRef, asked) {
      const order = findOrder(books, orderRef);
      const lines = selectLines(order, asked, openUnits);
      for (const moved of lines) {
        moved.line.fulfilled += moved.quantity;
        releaseUnits(shelf, moved, false);
      }
      const fulfillment: Fulfillment = { kind: 'fulfillment', id: `gid://shopify/Fulfillment/${nextId()}`, lines };
      order.fulfillments.push(fulfillment);
      books.movements.set(fulfillment.id, fulfillment);
      touch(order);
      onEvent({ topic: 'ORDERS_UPDATED', order });
      return { order, lines };
    },
    refund(orderRef, asked, restockType) {
      const order = findOrder(books, orderRef);
      const lines = selectLines(order, asked, (line) => line.fulfilled - line.refunded);
      for (const { line, quantity } of lines) {
        line.refunded += quantity;
        const [level] = shelf.levelsOf(line.variant);
        if (restockType === 'return' && level !== undefined) shelf.move(level, { available: quantity });
      }
      touch(order);
      addRefund(books, options, { order, lines }, restockType);
      onEvent({ topic: 'ORDERS_UPDATED', order });
      return { order, lines };
    },
  };
}
