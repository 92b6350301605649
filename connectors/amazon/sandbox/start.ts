/**
 * An Amazon seller account to test and to play against: the Selling Partner API and Login with Amazon on one loopback socket, and the
 * control API of connectors/sandbox/ at /sandbox/ (buyers, Amazon's own truth, faults). It sends no notifications.
 *
 * Does not: keep anything over a restart, know a second marketplace, feeds, reports, or any attribute but the quantity.
 */
import type { z } from 'zod';
import type { SandboxOrder } from '../../sandbox/control.ts';
import { pageOrders, servePlacements } from '../../sandbox/counter.ts';
import { createFaultDice } from '../../sandbox/faults.ts';
import { createSandboxLog, type SandboxLog } from '../../sandbox/log.ts';
import { ControlRefusal, type RunningSandbox, type SandboxPlatform } from '../../sandbox/platform.ts';
import { startSandboxServer } from '../../sandbox/server.ts';
import { type ApiParts, answerApi } from './api.ts';
import { amazonSandboxOptions } from './options.ts';
import { type MovedLine, type Order, openOrderBook } from './order-book.ts';
import { openRates, quotaExceeded } from './rates.ts';
import { openShelf, type Shelf } from './shelf.ts';

const SEARCH_LAG_MS = 120_000;
const PENDING_MS = 1_800_000;

/** `shelf` is for tests in the same process that need what no control call offers (a suppressed listing). */
export type AmazonSandbox = RunningSandbox & { readonly shelf: Shelf };

const orderAnswer = (order: Order): SandboxOrder => ({
  orderRef: order.id,
  displayRef: order.id,
  placedAt: order.createdAt,
  lines: order.lines.map(({ id, listing, ordered, cancelled, shipped }) => ({
    lineRef: id,
    sku: listing.sku,
    ordered,
    cancelled,
    shipped,
  })),
});

const logged = (lines: readonly MovedLine[]) =>
  lines.map(({ line, quantity }) => ({ sku: line.listing.sku, quantity }));

function editLevels(shelf: Shelf, { levels }: Parameters<SandboxPlatform['editLevels']>[0]): void {
  for (const { sku, shown } of levels) {
    const listing = shelf.listings.get(sku);
    if (listing === undefined || listing.isFba) throw new ControlRefusal(`the seller has no quantity of ${sku}`);
    shelf.set(listing, shown, 'edit');
  }
}

const NO_DELIVERIES = { webhooksSent: 0, webhooksFailed: 0, webhooksDropped: 0, webhooksPending: 0 };

function openPlatform(parts: ApiParts, log: SandboxLog): SandboxPlatform {
  const { book, shelf } = parts;
  return {
    seed(request) {
      if ((request.locations ?? []).length > 0)
        throw new ControlRefusal('a seller has one channel of its own: locations cannot be added');
      return shelf.seed(request);
    },
    placeOrder: servePlacements(log, (request) => {
      const { order, lines } = book.place(request);
      return { orderRef: order?.id ?? null, placedAt: order?.createdAt ?? null, lines: [...lines] };
    }),
    cancelOrder(orderRef, request) {
      const { order, lines } = book.cancel(orderRef, request);
      log.append({ kind: 'cancel', orderRef, lines: logged(lines) });
      return orderAnswer(order);
    },
    fulfilOrder(orderRef, request) {
      const { order, lines } = book.fulfil(orderRef, request.lines);
      log.append({ kind: 'ship', orderRef, lines: logged(lines) });
      return orderAnswer(order);
    },
    orders: (after) => pageOrders([...book.orders.values()], after, orderAnswer),
    get orderCount() {
      return book.orders.size;
    },
    levels: () => shelf.levels(),
    editLevels: (request) => editLevels(shelf, request),
    setWebhook() {
      throw new ControlRefusal('Amazon sends no webhooks');
    },
    log: (after) => log.page(after),
    deliveryStats: NO_DELIVERIES,
    api: (request) => answerApi(request, parts),
    throttled: quotaExceeded,
    unavailable: () => ({
      status: 503,
      body: '<html><head><title>503 Service Unavailable</title></head><body>Service Unavailable</body></html>',
      headers: { 'content-type': 'text/html' },
    }),
    close: () => shelf.close(),
  };
}

export async function startAmazonSandbox(given: z.input<typeof amazonSandboxOptions> = {}): Promise<AmazonSandbox> {
  const options = amazonSandboxOptions.parse(given);
  const { speedUp } = options;
  const dice = createFaultDice(options.faults);
  const now = Date.now;
  const log = createSandboxLog(now);
  const shelf = openShelf(log, options.applyDelayMs);
  const book = openOrderBook({
    shelf,
    now,
    pendingMs: options.pendingMs ?? Math.ceil(PENDING_MS / speedUp),
    indexLagMs: () => dice.upTo(dice.current.indexLagMs),
  });
  const searchLagMs = options.searchLagMs ?? Math.ceil(SEARCH_LAG_MS / speedUp);
  const parts: ApiParts = { options, shelf, book, rates: openRates(speedUp, now), searchLagMs, now };
  const running = await startSandboxServer(openPlatform(parts, log), { dice, port: options.port });
  return { ...running, shelf };
}
