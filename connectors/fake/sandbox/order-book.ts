/**
 * The partner's orders.
 *
 * Sells only what is shown: a line is accepted when a location shows at least its quantity, and an order without an accepted line does
 * not come to be. `version` grows by one with each change.
 */
import type {
  CancelRequest,
  OrderAnswer,
  OrderRequest,
  OrdersAnswer,
  SandboxOrder,
  SomeLines,
} from '../../sandbox/control.ts';
import { pageOrders, servePlacements } from '../../sandbox/counter.ts';
import type { SandboxLog } from '../../sandbox/log.ts';
import { ControlRefusal } from '../../sandbox/platform.ts';
import type { Shelf, ShelfListing } from './shelf.ts';

export type BookLine = {
  readonly id: string;
  readonly listing: ShelfListing;
  readonly locationId: string;
  readonly ordered: number;
  cancelled: number;
  shipped: number;
};
export type BookOrder = {
  readonly id: string;
  readonly name: string;
  readonly placedAt: number;
  readonly lines: readonly BookLine[];
  version: number;
  changedAt: number;
};
export type OrderBook = {
  readonly count: number;
  place(request: OrderRequest): OrderAnswer;
  cancel(orderRef: string, request: CancelRequest): SandboxOrder;
  ship(orderRef: string, lines: SomeLines): SandboxOrder;
  find(orderRef: string): BookOrder | undefined;
  page(after: number): OrdersAnswer;
  /** From position `after` on, so many with units still to ship. */
  open(after: number, limit: number): { readonly orders: readonly BookOrder[]; readonly next: number | null };
};

export type OrderBookParts = {
  readonly shelf: Shelf;
  readonly log: SandboxLog;
  readonly now: () => number;
  /** After each change of an order. */
  readonly onChange: (order: BookOrder) => void;
};

const FIRST_ORDER_ID = 9_007_199_254_740_993n;

const openUnits = (line: BookLine): number => line.ordered - line.cancelled - line.shipped;

const describeOrder = (order: BookOrder): SandboxOrder => ({
  orderRef: order.id,
  displayRef: order.name,
  placedAt: order.placedAt,
  lines: order.lines.map(({ id, listing, ordered, cancelled, shipped }) => ({
    lineRef: id,
    sku: listing.sku,
    ordered,
    cancelled,
    shipped,
  })),
});

/** Which lines, and how many units of each: those named, or all that is open. */
function chooseLines(order: BookOrder, wanted: SomeLines): { line: BookLine; units: number }[] {
  if (wanted === undefined)
    return order.lines.map((line) => ({ line, units: openUnits(line) })).filter(({ units }) => units > 0);
  return wanted.map(({ sku, lineRef, quantity }) => {
    const line = order.lines.find((one) => (lineRef === undefined ? one.listing.sku === sku : one.id === lineRef));
    if (line === undefined) throw new ControlRefusal(`order ${order.id} has no line ${lineRef ?? sku ?? '(unnamed)'}`);
    if (quantity > openUnits(line))
      throw new ControlRefusal(`line ${line.id} of order ${order.id} has ${openUnits(line)} open`);
    return { line, units: quantity };
  });
}

/** Sells what can be sold of the request. */
function sellLines(shelf: Shelf, request: OrderRequest): { lines: BookLine[]; told: OrderAnswer['lines'] } {
  const lines: BookLine[] = [];
  const told = request.lines.map(({ sku, quantity }) => {
    const offer = shelf.bestOffer(sku);
    const { listing, locationId, shown } = offer;
    const accepted = listing.status === 'untracked' || shown >= quantity;
    if (accepted) {
      shelf.sell(offer, quantity);
      lines.push({ id: String(lines.length + 1), listing, locationId, ordered: quantity, cancelled: 0, shipped: 0 });
    }
    return { sku, quantity, accepted, shown };
  });
  return { lines, told };
}

type Chosen = readonly { readonly line: BookLine; readonly units: number }[];
const describeChosen = (chosen: Chosen): { sku: string; quantity: number }[] =>
  chosen.map(({ line, units }) => ({ sku: line.listing.sku, quantity: units }));

function cancelLines(shelf: Shelf, chosen: Chosen, isRestocked: boolean): void {
  for (const { line, units } of chosen) {
    line.cancelled += units;
    shelf.release(line.listing, line.locationId, units);
    if (isRestocked) shelf.restock(line.listing, line.locationId, units);
  }
}

function shipLines(shelf: Shelf, chosen: Chosen): void {
  for (const { line, units } of chosen) {
    line.shipped += units;
    shelf.release(line.listing, line.locationId, units);
  }
}

function listOpen(orders: readonly BookOrder[], after: number, limit: number): ReturnType<OrderBook['open']> {
  const found: BookOrder[] = [];
  let index = after;
  for (; index < orders.length && found.length < limit; index += 1) {
    const order = orders[index];
    if (order?.lines.some((line) => openUnits(line) > 0) === true) found.push(order);
  }
  return { orders: found, next: index < orders.length ? index : null };
}

export function createOrderBook({ shelf, log, now, onChange }: OrderBookParts): OrderBook {
  const orders: BookOrder[] = [];
  const byId = new Map<string, BookOrder>();

  const noteChange = (order: BookOrder): void => {
    order.version += 1;
    order.changedAt = now();
    onChange(order);
  };

  const place = (request: OrderRequest): OrderAnswer => {
    const placedAt = request.placedAt ?? now();
    const { lines, told } = sellLines(shelf, request);
    const orderRef = lines.length === 0 ? null : String(FIRST_ORDER_ID + BigInt(orders.length));
    if (orderRef !== null) {
      const name = request.orderId ?? `F${orders.length + 1}`;
      const order: BookOrder = { id: orderRef, name, placedAt, lines, version: 0, changedAt: placedAt };
      orders.push(order);
      byId.set(orderRef, order);
      noteChange(order);
    }
    return { orderRef, placedAt, lines: told };
  };

  const change = (orderRef: string, wanted: SomeLines, act: (chosen: Chosen) => 'cancel' | 'ship'): SandboxOrder => {
    const order = byId.get(orderRef);
    if (order === undefined) throw new ControlRefusal(`there is no order ${orderRef}`);
    const chosen = chooseLines(order, wanted);
    log.append({ kind: act(chosen), orderRef, lines: describeChosen(chosen) });
    noteChange(order);
    return describeOrder(order);
  };

  return {
    get count() {
      return orders.length;
    },
    place: servePlacements(log, place),
    cancel: (orderRef, { restock, lines }) =>
      change(orderRef, lines, (chosen) => {
        cancelLines(shelf, chosen, restock);
        return 'cancel';
      }),
    ship: (orderRef, lines) =>
      change(orderRef, lines, (chosen) => {
        shipLines(shelf, chosen);
        return 'ship';
      }),
    find: (orderRef) => byId.get(orderRef),
    page: (after) => pageOrders(orders, after, describeOrder),
    open: (after, limit) => listOpen(orders, after, limit),
  };
}
