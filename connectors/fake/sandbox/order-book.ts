/**
 * The partner's orders and the log of their changes, which its order list pages through.
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
import type { FaultDice } from '../../sandbox/faults.ts';
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
/** One change; lists show it from `visibleAt` on, although it happened at `at`. */
type Change = { readonly order: BookOrder; readonly at: number; readonly visibleAt: number };

export type OrderList = { readonly orders: readonly BookOrder[]; readonly next: number | null };
export type ListRequest = { readonly after: number; readonly limit: number };

export type OrderBook = {
  readonly count: number;
  place(request: OrderRequest): OrderAnswer;
  cancel(orderRef: string, request: CancelRequest): SandboxOrder;
  ship(orderRef: string, lines: SomeLines): SandboxOrder;
  find(orderRef: string): BookOrder | undefined;
  page(after: number): OrdersAnswer;
  changedSince(since: number, request: ListRequest): OrderList;
  open(request: ListRequest): OrderList;
};

export type OrderBookParts = {
  readonly shelf: Shelf;
  readonly log: SandboxLog;
  readonly dice: FaultDice;
  readonly now: () => number;
  readonly onChange: (order: BookOrder) => void;
};

const FIRST_ORDER_ID = 9_007_199_254_740_993n;
const PAGE_MAX = 2000;

const openUnits = (line: BookLine): number => line.ordered - line.cancelled - line.shipped;

export const describeOrder = (order: BookOrder): SandboxOrder => ({
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

export function createOrderBook({ shelf, log, dice, now, onChange }: OrderBookParts): OrderBook {
  const orders: BookOrder[] = [];
  const byId = new Map<string, BookOrder>();
  const answers = new Map<string, OrderAnswer>();
  const changes: Change[] = [];

  const find = (orderRef: string): BookOrder => {
    const order = byId.get(orderRef);
    if (order === undefined) throw new ControlRefusal(`there is no order ${orderRef}`);
    return order;
  };

  const noteChange = (order: BookOrder): void => {
    const at = now();
    order.version += 1;
    order.changedAt = at;
    changes.push({ order, at, visibleAt: at + dice.upTo(dice.current.indexLagMs) });
    onChange(order);
  };

  const sellLines = (request: OrderRequest): { lines: BookLine[]; told: OrderAnswer['lines'] } => {
    const lines: BookLine[] = [];
    const told = request.lines.map(({ sku, quantity }) => {
      const offer = shelf.bestOffer(sku);
      const accepted = offer.listing.status === 'untracked' || offer.shown >= quantity;
      if (accepted) {
        shelf.sell(offer, quantity);
        const { listing, locationId } = offer;
        lines.push({ id: String(lines.length + 1), listing, locationId, ordered: quantity, cancelled: 0, shipped: 0 });
      }
      return { sku, quantity, accepted, shown: offer.shown };
    });
    return { lines, told };
  };

  const place = (request: OrderRequest): OrderAnswer => {
    const placedAt = request.placedAt ?? now();
    const { lines, told } = sellLines(request);
    const id = lines.length === 0 ? null : String(FIRST_ORDER_ID + BigInt(orders.length));
    log.append({ kind: 'placement', orderRef: id, lines: told });
    if (id !== null) {
      const name = request.orderId ?? `F${orders.length + 1}`;
      const order: BookOrder = { id, name, placedAt, lines, version: 0, changedAt: placedAt };
      orders.push(order);
      byId.set(id, order);
      noteChange(order);
    }
    return { orderRef: id, placedAt, lines: told };
  };

  const lowerBound = (since: number): number => {
    let [low, high] = [0, changes.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((changes[middle]?.at ?? 0) < since) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    get count() {
      return orders.length;
    },
    place(request) {
      const known = request.orderId === undefined ? undefined : answers.get(request.orderId);
      if (known !== undefined) return known;
      const answer = place(request);
      if (request.orderId !== undefined) answers.set(request.orderId, answer);
      return answer;
    },
    cancel(orderRef, { restock, lines }) {
      const order = find(orderRef);
      const chosen = chooseLines(order, lines);
      for (const { line, units } of chosen) {
        line.cancelled += units;
        shelf.release(line.listing, line.locationId, units);
        if (restock) shelf.restock(line.listing, line.locationId, units);
      }
      log.append({
        kind: 'cancel',
        orderRef,
        lines: chosen.map(({ line, units }) => ({ sku: line.listing.sku, quantity: units })),
      });
      noteChange(order);
      return describeOrder(order);
    },
    ship(orderRef, lines) {
      const order = find(orderRef);
      const chosen = chooseLines(order, lines);
      for (const { line, units } of chosen) {
        line.shipped += units;
        shelf.release(line.listing, line.locationId, units);
      }
      log.append({
        kind: 'ship',
        orderRef,
        lines: chosen.map(({ line, units }) => ({ sku: line.listing.sku, quantity: units })),
      });
      noteChange(order);
      return describeOrder(order);
    },
    find: (orderRef) => byId.get(orderRef),
    page(after) {
      const end = after + PAGE_MAX;
      return { orders: orders.slice(after, end).map(describeOrder), next: end < orders.length ? end : null };
    },
    changedSince(since, { after, limit }) {
      const clock = now();
      const found = new Set<BookOrder>();
      let index = Math.max(after, lowerBound(since));
      for (; index < changes.length && found.size < limit; index += 1) {
        const change = changes[index];
        if (change !== undefined && change.visibleAt <= clock) found.add(change.order);
      }
      return { orders: [...found], next: index < changes.length ? index : null };
    },
    open({ after, limit }) {
      const found: BookOrder[] = [];
      let index = after;
      for (; index < orders.length && found.length < limit; index += 1) {
        const order = orders[index];
        if (order?.lines.some((line) => openUnits(line) > 0) === true) found.push(order);
      }
      return { orders: found, next: index < orders.length ? index : null };
    },
  };
}
