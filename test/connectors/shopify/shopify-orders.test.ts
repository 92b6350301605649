import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ShopifyClient } from '#connectors/shopify/client.ts';
import { type LineFacts, lineTotals } from '#connectors/shopify/order-totals.ts';
import { pollOrders } from '#connectors/shopify/poll.ts';
import { payloadOf } from '#connectors/shopify/sandbox/payloads.ts';
import { parseWebhook } from '#connectors/shopify/webhooks.ts';
import { Rejected, Throttled } from '#core/errors.ts';
import { joinOrder, type OrderState } from '#core/order-state.ts';
import { type Bench, contextOn, openBench, patience } from './bench.ts';

const place = { path: 'line', fields: { current: 'current', shipped: 'shipped' } };

/** What a webhook of this moment would say. */
function told(bench: Bench, orderRef: string): OrderState {
  const order = bench.sandbox.shop.book.orders.get(orderRef);
  if (order === undefined) throw new Error(`no order ${orderRef}`);
  const rawBody = new TextEncoder().encode(JSON.stringify(payloadOf({ topic: 'ORDERS_UPDATED', order })));
  const [state] = parseWebhook({ topic: 'orders/updated', rawBody, receivedAt: 0 }).orders;
  if (state === undefined) throw new Error('the payload holds no order');
  return state;
}

type Act = {
  readonly kind: 'cancel' | 'drop' | 'fulfil' | 'return' | 'keep' | 'cancelAll';
  readonly sku: string;
  readonly units: number;
};

const act = fc.record<Act>({
  kind: fc.constantFrom('cancel', 'drop', 'fulfil', 'return', 'keep', 'cancelAll'),
  sku: fc.constantFrom('A', 'B'),
  units: fc.integer({ min: 1, max: 3 }),
});

/** False where the shop refuses it: there were not so many units left. */
function tryAct({ sandbox }: Bench, orderRef: string, { kind, sku, units }: Act): void {
  const { book } = sandbox.shop;
  const lines = [{ sku, quantity: units }];
  const deeds: Readonly<Record<Act['kind'], () => unknown>> = {
    cancel: () => book.cancel(orderRef, { restock: true, lines }),
    drop: () => book.cancel(orderRef, { restock: false, lines }),
    cancelAll: () => book.cancel(orderRef, { restock: true }),
    fulfil: () => book.fulfil(orderRef, lines),
    return: () => book.refund(orderRef, lines, 'return'),
    keep: () => book.refund(orderRef, lines, 'no_restock'),
  };
  try {
    deeds[kind]();
  } catch (error) {
    if (!String(error).includes('units left')) throw error;
  }
}

describe('the totals of a line', () => {
  it('never exceed what was ordered, whatever Shopify counts', () => {
    const units = fc.integer({ min: 0, max: 9 });
    const facts = fc
      .record<LineFacts>({
        ordered: units,
        current: units,
        open: fc.option(units, { nil: null }),
        shipped: units,
        returned: units,
        unclear: units,
        isOrderCancelled: fc.boolean(),
      })
      .filter(({ ordered, current, shipped }) => current <= ordered && shipped <= ordered);
    fc.assert(
      fc.property(facts, (given) => {
        const { ordered, cancelled, shipped } = lineTotals(given, place);
        expect(cancelled).toBeGreaterThanOrEqual(0);
        expect(cancelled + shipped).toBeLessThanOrEqual(ordered);
      }),
    );
  });
});

describe('an order', () => {
  it('is the same by webhook and by reference after any way it went', async () => {
    await using bench = await openBench();
    await bench.control.seed({ listings: ['A', 'B'].map((sku) => ({ sku, shown: 1_000_000 })) });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 6 }), async (acts) => {
        const lines = [
          { sku: 'A', quantity: 5 },
          { sku: 'B', quantity: 4 },
        ];
        const { order } = bench.sandbox.shop.book.place({ lines });
        const orderRef = order?.id ?? '';
        const states = [told(bench, orderRef)];
        for (const one of acts) {
          tryAct(bench, orderRef, one);
          states.push(told(bench, orderRef));
        }
        const read = await bench.connection.hydrate(orderRef, patience());
        expect(read).toEqual(states.at(-1));
        const truth = order?.lines.map((line) => [line.cancelled, line.fulfilled]);
        expect(read.lines.map((line) => [line.cancelled, line.shipped])).toEqual(truth);
        // All of it happened within a second or two: states share versions, and still join to the last.
        const joined = states.toReversed().reduce(joinOrder);
        expect(joined.lines).toMatchObject(read.lines);
      }),
      { numRuns: 60 },
    );
  });

  it('comes whole with more lines, shipments and refunds than one page holds', async () => {
    await using bench = await openBench();
    const skus = Array.from({ length: 130 }, (_, n) => `S${n}`);
    await bench.control.seed({ listings: skus.map((sku) => ({ sku, shown: 9 })) });
    const { order } = bench.sandbox.shop.book.place({ lines: skus.map((sku) => ({ sku, quantity: 3 })) });
    const orderRef = order?.id ?? '';
    const { book } = bench.sandbox.shop;
    book.fulfil(
      orderRef,
      skus.map((sku) => ({ sku, quantity: 1 })),
    );
    for (const sku of skus.slice(0, 12)) book.fulfil(orderRef, [{ sku, quantity: 1 }]);
    book.refund(
      orderRef,
      skus.slice(0, 60).map((sku) => ({ sku, quantity: 1 })),
      'return',
    );
    const read = await bench.connection.hydrate(orderRef, patience());
    expect(read.lines).toHaveLength(130);
    expect(read).toEqual(told(bench, orderRef));
  });

  it('cancelled within the second of its placing joins to cancelled, in either order', async () => {
    await using bench = await openBench();
    await bench.control.seed({ listings: [{ sku: 'A', shown: 5 }] });
    const { orderRef } = await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 2 }] });
    const placed = told(bench, orderRef ?? '');
    await bench.control.cancelOrder(orderRef ?? '', { restock: true });
    const cancelled = { ...told(bench, orderRef ?? ''), version: placed.version };
    expect(joinOrder(placed, cancelled).lines[0]?.cancelled).toBe(2);
    expect(joinOrder(cancelled, placed).lines[0]?.cancelled).toBe(2);
  });
});

describe('the poll', () => {
  it('reads again what it read within the second of its change, and nothing older', async () => {
    await using bench = await openBench();
    await bench.control.seed({ listings: [{ sku: 'A', shown: 50 }] });
    const connection = bench.open({ pollOverlap: 60 });
    await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 1 }] });
    const first = await connection.fetchOrdersSince(null, patience());
    expect(first).toMatchObject({ complete: true });
    expect(first.orders).toHaveLength(1);
    const [order] = bench.sandbox.shop.book.orders.values();
    const again = await connection.fetchOrdersSince(first.cursor, patience());
    expect(again.orders).toEqual(first.orders);
    if (order !== undefined) order.updatedAt -= 120_000;
    expect((await connection.fetchOrdersSince(first.cursor, patience())).orders).toEqual([]);
  });

  it('reads what it handed over once, until it changes', async () => {
    await using bench = await openBench();
    await bench.control.seed({ listings: [{ sku: 'A', shown: 50 }] });
    const connection = bench.open({ pollOverlap: 60 }, { now: () => Date.now() + 10_000 });
    const { orderRef } = await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 2 }] });
    await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 1 }] });
    const first = await connection.fetchOrdersSince(null, patience());
    expect(first.orders).toHaveLength(2);
    const second = await connection.fetchOrdersSince(first.cursor, patience());
    expect(second).toMatchObject({ orders: [], unread: [], complete: true });
    const order = bench.sandbox.shop.book.orders.get(orderRef ?? '');
    if (order !== undefined) order.updatedAt += 1_000;
    const third = await connection.fetchOrdersSince(second.cursor, patience());
    expect(third.orders).toMatchObject([{ orderRef }]);
    // A cursor from before that page knows nothing of it.
    expect((await connection.fetchOrdersSince(second.cursor, patience())).orders).toHaveLength(1);
  });

  it('keeps what it read before the bucket was empty, and goes on from there', async () => {
    const at = Date.parse('2026-11-23T10:00:00Z');
    const ids = Array.from({ length: 50 }, (_, n) => `gid://shopify/Order/${n}`);
    const head = {
      name: '#1',
      createdAt: '2026-11-23T10:00:00Z',
      updatedAt: '2026-11-23T10:00:00Z',
      cancelledAt: null,
    };
    const lineItems = { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } };
    const rest = { displayFulfillmentStatus: 'UNFULFILLED', retailLocation: null, lineItems };
    let points = 2;
    const read: ShopifyClient['read'] = async ({ variables, answer }) => {
      if (!('ids' in variables)) {
        const nodes = ids.map((id) => ({ id, updatedAt: head.updatedAt }));
        return answer.parse({ orders: { nodes, pageInfo: { hasNextPage: false, endCursor: null } } });
      }
      if (points-- === 0) throw new Throttled('the bucket is empty', at + 1_000);
      return answer.parse({ nodes: (variables.ids as string[]).map((id) => ({ id, ...head, ...rest })) });
    };
    const line = { client: { read, write: read, restoreRate: () => null }, log: contextOn(fetch).log };
    const rules = { overlapMs: 60_000, historyDays: 1, now: at + 10_000 };
    const first = await pollOrders(line, null, rules, patience());
    expect(first).toMatchObject({ complete: false });
    expect(first.orders).toHaveLength(40);
    points = 1;
    const second = await pollOrders(line, first.cursor, rules, patience());
    expect(second).toMatchObject({ complete: true });
    expect([...first.orders, ...second.orders].map(({ orderRef }) => orderRef)).toEqual(ids);
    points = 0;
    expect((await pollOrders(line, second.cursor, rules, patience())).orders).toEqual([]);
    await expect(pollOrders(line, null, rules, patience())).rejects.toBeInstanceOf(Throttled);
  });

  it('begins where the settings say, and says how far Shopify reaches back', async () => {
    await using bench = await openBench();
    await bench.control.seed({ listings: [{ sku: 'A', shown: 50 }] });
    await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 1 }] });
    const later = Date.now() + 2 * 86_400_000;
    const read = (historyDays: number) =>
      bench.open({ historyDays }, { now: () => later }).fetchOrdersSince(null, patience());
    expect((await read(1)).orders).toEqual([]);
    const page = await read(3);
    expect(page.orders).toHaveLength(1);
    expect(page.reachesBackTo).toBe(later - 60 * 86_400_000);
  });

  it('tells an order that cannot be as unread, and goes on', async () => {
    await using bench = await openBench();
    await bench.control.seed({ listings: [{ sku: 'A', shown: 50 }] });
    const { orderRef } = await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 1 }] });
    await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 1 }] });
    const [line] = bench.sandbox.shop.book.orders.get(orderRef ?? '')?.lines ?? [];
    // More left than was ordered.
    if (line !== undefined) line.refunded = -1;
    const { orders, unread } = await bench.connection.fetchOrdersSince(null, patience());
    expect(orders).toHaveLength(1);
    expect(unread).toMatchObject([{ orderRef }]);
    await expect(bench.connection.hydrate(orderRef ?? '', patience())).rejects.toBeInstanceOf(Rejected);
  });

  it.each(['{"since":1}', 'nonsense'])('refuses the cursor %s with what to do', async (cursor) => {
    await using bench = await openBench();
    const refusal = await bench.connection.fetchOrdersSince(cursor, patience()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Rejected);
    expect(refusal).toMatchObject({ field: 'cursor', value: cursor });
  });
});
