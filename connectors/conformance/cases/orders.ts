/** Orders by poll: what webhooks missed, everything that changed, everything that is open. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import type { OrderState } from '#core/order-state.ts';
import { pickLines } from '../capture.ts';
import { type ConformanceCase, needsOpenOrders, needsPolling, needsReads } from '../case.ts';
import { until } from '../expect.ts';
import type { Stage } from '../stage.ts';
import { totalsOf } from './documents.ts';

const PAGES_MAX = 200;
const INDEX_LAG_MS = 300;

type Sweep = { readonly orders: readonly OrderState[]; readonly cursor: string; readonly pages: number };

/** Polls until a page says that it is complete. */
async function sweep(stage: Stage, from: string | null): Promise<Sweep> {
  const orders: OrderState[] = [];
  let cursor = from;
  for (let pages = 1; pages <= PAGES_MAX; pages += 1) {
    const page = await stage.connection.fetchOrdersSince(cursor, stage.signal);
    orders.push(...page.orders);
    cursor = page.cursor;
    if (page.complete) return { orders, cursor, pages };
  }
  throw new Error(`the poll is not complete after ${PAGES_MAX} pages`);
}

const refsOf = (orders: readonly OrderState[]): Set<string> => new Set(orders.map(({ orderRef }) => orderRef));

async function openRefs(stage: Stage): Promise<string[]> {
  const found: string[] = [];
  for await (const page of stage.connection.fetchOpenOrders(stage.signal))
    found.push(...page.map(({ orderRef }) => orderRef));
  return found;
}

async function placeMany(stage: Stage, count: number): Promise<string[]> {
  const [sku = ''] = stage.skus;
  await stage.control.editLevels({ levels: [{ sku, shown: count }] });
  const refs: string[] = [];
  for (let placed = 0; placed < count; placed += 20) {
    const part = Array.from({ length: Math.min(20, count - placed) }, () => stage.placeOrder([{ sku, quantity: 1 }]));
    refs.push(...(await Promise.all(part)));
  }
  return refs;
}

export const ORDER_CASES: readonly ConformanceCase[] = [
  {
    id: 'poll-finds-dropped',
    proves: 'Orders whose webhooks were all lost are found by the poll, with the same totals as by reference.',
    skipWhen: needsPolling,
    async play(stage) {
      if (stage.capabilities.webhooks) await stage.receiver();
      await stage.control.setFaults({ seed: stage.seed, dropWebhook: 1 });
      const refs = [await stage.placeOrder(pickLines(stage)), await stage.placeOrder(pickLines(stage))];
      const { orders } = await sweep(stage, null);
      for (const ref of refs) {
        const found = orders.findLast(({ orderRef }) => orderRef === ref);
        ok(found !== undefined, `the poll finds ${ref}`);
        deepEqual(totalsOf(found), totalsOf(await stage.connection.hydrate(ref, stage.signal)));
      }
    },
  },
  {
    id: 'poll-cursor-advances',
    proves: 'From its cursor the poll finds what changed since: new orders, and old ones in their new state.',
    skipWhen: needsPolling,
    async play(stage) {
      const old = await stage.placeOrder(pickLines(stage));
      const first = await sweep(stage, null);
      notEqual(first.cursor, '', 'the cursor is empty');
      const fresh = await stage.placeOrder(pickLines(stage));
      await stage.control.fulfilOrder(old);
      const second = await sweep(stage, first.cursor);
      ok(refsOf(second.orders).has(fresh), 'the new order is found');
      const shipped = second.orders.findLast(({ orderRef }) => orderRef === old);
      ok(shipped?.lines.every((line) => line.shipped === line.ordered) === true, 'the old order is found as shipped');
    },
  },
  {
    id: 'poll-overlap-rereads',
    proves:
      'An order that the platform lists late, with its earlier time, is not missed: the poll re-reads its overlap.',
    skipWhen: ({ pollOverlapMs, orderPolling }) => {
      if (!orderPolling) return 'orderPolling is declared absent';
      return pollOverlapMs === 0 ? 'pollOverlapMs 0 is declared' : null;
    },
    async play(stage) {
      await stage.control.setFaults({ seed: stage.seed, indexLagMs: INDEX_LAG_MS });
      const refs = await Promise.all(
        Array.from({ length: 6 }, () => stage.placeOrder([{ sku: 'SKU-1', quantity: 1 }])),
      );
      const seen = new Set<string>();
      let cursor: string | null = null;
      await until(
        async () => {
          const swept: Sweep = await sweep(stage, cursor);
          cursor = swept.cursor;
          for (const ref of refsOf(swept.orders)) seen.add(ref);
          return refs.every((ref) => seen.has(ref)) ? true : null;
        },
        `orders that are listed up to ${INDEX_LAG_MS} ms late are found`,
        INDEX_LAG_MS * 8,
      );
    },
  },
  {
    id: 'poll-pages-complete',
    proves:
      'More orders than one page holds come whole: every page but the last says that more follow, and none is lost.',
    skipWhen: needsPolling,
    once: true,
    async play(stage) {
      const refs = await placeMany(stage, stage.subject.pageSizes.orders);
      const { orders, pages } = await sweep(stage, null);
      ok(pages > 1, `${refs.length} orders came on one page`);
      deepEqual(refsOf(orders), new Set(refs));
      if (stage.capabilities.openOrders) deepEqual(new Set(await openRefs(stage)), new Set(refs), 'open orders');
    },
  },
  {
    id: 'open-orders',
    proves: 'Each order with units still to ship comes from fetchOpenOrders once, and no other.',
    skipWhen: needsOpenOrders,
    async play(stage) {
      const place = () => stage.placeOrder([{ sku: 'SKU-1', quantity: 2 }]);
      const [untouched, partly, shipped, cancelled] = [await place(), await place(), await place(), await place()];
      await stage.control.fulfilOrder(partly, { lines: [{ sku: 'SKU-1', quantity: 1 }] });
      await stage.control.fulfilOrder(shipped);
      await stage.control.cancelOrder(cancelled, { restock: true });
      deepEqual((await openRefs(stage)).sort(), [untouched, partly].sort());
    },
  },
  {
    id: 'cancelled-order-read',
    proves: 'A cancelled order reads as cancelled, less what was shipped before.',
    skipWhen: needsReads,
    async play(stage) {
      const orderRef = await stage.placeOrder([{ sku: 'SKU-2', quantity: 5 }]);
      await stage.control.fulfilOrder(orderRef, { lines: [{ sku: 'SKU-2', quantity: 2 }] });
      await stage.control.cancelOrder(orderRef, { restock: true });
      const order = await stage.connection.hydrate(orderRef, stage.signal);
      equal(order.lines.length, 1);
      const [line] = order.lines;
      deepEqual([line?.ordered, line?.shipped, line?.cancelled], [5, 2, 3], '[ordered, shipped, cancelled]');
    },
  },
];
