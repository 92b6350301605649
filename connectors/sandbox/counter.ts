/** The counter at which a sandbox serves the control API's buyers: one order for one name of the caller's, and lists in pages. */
import type { OrderAnswer, OrderRequest, OrdersAnswer, SandboxOrder } from './control.ts';
import type { SandboxLog } from './log.ts';

const ORDERS_PER_PAGE = 1000;

/** `orderRef` is null when no line could be accepted: then there is no order. */
export type Placed = {
  readonly orderRef: string | null;
  readonly placedAt: number | null;
  readonly lines: OrderAnswer['lines'];
};

/** What a buyer does, told to the log: the same order offered again is answered as it was the first time. */
export function servePlacements(
  log: SandboxLog,
  place: (request: OrderRequest) => Placed,
): (request: OrderRequest) => OrderAnswer {
  const answered = new Map<string, OrderAnswer>();
  return (request) => {
    const before = request.orderId === undefined ? undefined : answered.get(request.orderId);
    if (before !== undefined) return before;
    const { orderRef, placedAt, lines } = place(request);
    log.append({ kind: 'placement', orderRef, lines });
    const answer = { orderRef, placedAt: placedAt ?? request.placedAt ?? Date.now(), lines };
    if (request.orderId !== undefined) answered.set(request.orderId, answer);
    return answer;
  };
}

/** In the order they were placed; `after` is the `next` of the page before. */
export function pageOrders<Order>(
  orders: readonly Order[],
  after: number,
  describe: (order: Order) => SandboxOrder,
): OrdersAnswer {
  const end = after + ORDERS_PER_PAGE;
  return { orders: orders.slice(after, end).map(describe), next: end < orders.length ? end : null };
}
