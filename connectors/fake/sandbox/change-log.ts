/** The changes of the partner's orders in the order they happened: what its order list pages through. */
import type { FaultDice } from '../../sandbox/faults.ts';
import type { BookOrder } from './order-book.ts';

/** One change; lists show it from `visibleAt` on, although it happened at `at`. */
type Change = { readonly order: BookOrder; readonly at: number; readonly visibleAt: number };

/** `after` is the `next` of the page before, 0 at first. */
export type ListRequest = { readonly after: number; readonly limit: number };
export type OrderList = { readonly orders: readonly BookOrder[]; readonly next: number | null };

export type ChangeLog = {
  append(order: BookOrder, at: number): void;
  /** Each order once, in its present state. */
  listSince(since: number, request: ListRequest): OrderList;
};

export function createChangeLog(dice: FaultDice, now: () => number): ChangeLog {
  const changes: Change[] = [];

  const findFirst = (since: number): number => {
    let [low, high] = [0, changes.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((changes[middle]?.at ?? 0) < since) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    append(order, at) {
      changes.push({ order, at, visibleAt: at + dice.upTo(dice.current.indexLagMs) });
    },
    listSince(since, { after, limit }) {
      const clock = now();
      const found = new Set<BookOrder>();
      let index = Math.max(after, findFirst(since));
      for (; index < changes.length && found.size < limit; index += 1) {
        const change = changes[index];
        if (change !== undefined && change.visibleAt <= clock) found.add(change.order);
      }
      return { orders: [...found], next: index < changes.length ? index : null };
    },
  };
}
