/**
 * A retailer to test and to play against: X12 through the brand's mailbox, and the control API of connectors/sandbox/ at /sandbox/
 * (buyers, the retailer's own truth, faults). By its dialect it buys for its own shelves, or sells what the last 846 showed.
 *
 * Does not: send 860s, so that an order cannot be cancelled here; read 856s, so that what is marked shipped is marked here alone and
 * the brand hears nothing of it; keep anything over a restart. What our 855 refuses shows as `cancelled` of the line.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import type { SandboxOrder } from '../../sandbox/control.ts';
import { pageOrders, servePlacements } from '../../sandbox/counter.ts';
import { createFaultDice } from '../../sandbox/faults.ts';
import { createSandboxLog, type SandboxLog } from '../../sandbox/log.ts';
import { ControlRefusal, type RunningSandbox, type SandboxPlatform } from '../../sandbox/platform.ts';
import { startSandboxServer } from '../../sandbox/server.ts';
import { type Desk, openDesk } from './desk.ts';
import { ediSandboxOptions } from './options.ts';
import { type MovedLine, type Order, type OrderBook, openOrderBook } from './order-book.ts';
import { watchOutbound } from './outbound-watch.ts';
import { openPost, type Post } from './post.ts';
import { openShelf, type Shelf } from './shelf.ts';

const orderAnswer = ({ orderRef, placedAt, lines }: Order): SandboxOrder => ({
  orderRef,
  displayRef: orderRef,
  placedAt,
  lines: lines.map(({ lineRef, listing, ordered, cancelled, shipped }) => ({
    lineRef,
    sku: listing.sku,
    ordered,
    cancelled,
    shipped,
  })),
});

const logged = (lines: readonly MovedLine[]) =>
  lines.map(({ line, quantity }) => ({ sku: line.listing.sku, quantity }));

type Parts = {
  readonly shelf: Shelf;
  readonly book: OrderBook;
  readonly desk: Desk;
  readonly post: Post;
  readonly log: SandboxLog;
};

function editLevels(shelf: Shelf, { levels }: Parameters<SandboxPlatform['editLevels']>[0]): void {
  for (const { sku, shown } of levels) {
    const listing = shelf.listings.get(sku);
    if (listing === undefined) throw new ControlRefusal(`the retailer does not list ${sku}`);
    shelf.set(listing, shown, 'edit');
  }
}

function openPlatform(parts: Parts, close: () => void): SandboxPlatform {
  const { shelf, book, desk, post, log } = parts;
  return {
    seed(request) {
      if ((request.locations ?? []).length > 0)
        throw new ControlRefusal('a retailer knows the brand as one place: locations cannot be added');
      return shelf.seed(request);
    },
    placeOrder: servePlacements(log, (request) => {
      const { order, lines } = book.place(request);
      if (order !== null) desk.send(order);
      return { orderRef: order?.orderRef ?? null, placedAt: order?.placedAt ?? null, lines: [...lines] };
    }),
    cancelOrder(orderRef) {
      throw new ControlRefusal(`order ${orderRef} cannot be cancelled: this retailer does not send changes (860) yet`);
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
      throw new ControlRefusal('a retailer sends no webhooks: it puts files into the mailbox');
    },
    log: (after) => log.page(after),
    get deliveryStats() {
      return post.stats;
    },
    documentStats: desk.stats,
    api: () => ({ status: 404, body: '{"error":"a retailer has no API: it exchanges files"}' }),
    throttled: () => ({ status: 429, body: '{}' }),
    close,
  };
}

export async function startEdiSandbox(given: z.input<typeof ediSandboxOptions>): Promise<RunningSandbox> {
  const options = ediSandboxOptions.parse(given);
  const { partner, mailbox, resendMs, lookMs, firstControl, fillRules, casePacks } = options;
  const folder = (name: string): string => join(mailbox, name);
  for (const name of ['inbound', 'outbound', 'archive', 'rejects']) mkdirSync(folder(name), { recursive: true });
  const dice = createFaultDice(options.faults);
  const now = Date.now;
  const log = createSandboxLog(now);
  const shelf = openShelf({ partner, casePacks, log });
  const book = openOrderBook({ partner, shelf, fillRules, now });
  const post = openPost({ inbound: folder('inbound'), dice, resendMs });
  const desk = openDesk({ partner, shelf, book, post, log, now, firstControl });
  const taken = folder('taken-by-retailer');
  const watch = watchOutbound({ outbound: folder('outbound'), taken, lookMs, take: desk.take });
  const platform = openPlatform({ shelf, book, desk, post, log }, () => {
    watch.close();
    post.close();
  });
  return startSandboxServer(platform, { dice, port: options.port });
}
