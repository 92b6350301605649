/**
 * The scripted partner: shelf, order book, writes and webhooks behind one loopback socket, with faults and the control API.
 * All of it is in memory and dies with it.
 */
import { createHmac } from 'node:crypto';
import type { CatalogueAnswer, EditRequest } from '../../sandbox/control.ts';
import { createDelivery, type Delivery } from '../../sandbox/delivery.ts';
import { createFaultDice, type FaultDice } from '../../sandbox/faults.ts';
import { createSandboxLog, type SandboxLog } from '../../sandbox/log.ts';
import { ControlRefusal, type RunningSandbox, type SandboxPlatform } from '../../sandbox/platform.ts';
import { startSandboxServer } from '../../sandbox/server.ts';
import { answerApi, type PartnerApiParts, type Subscription, wireOrder } from './api.ts';
import { createChangeLog } from './change-log.ts';
import { type FakeSandboxOptions, type FakeSandboxOptionsInput, fakeSandboxOptionsSchema } from './options.ts';
import { type BookOrder, createOrderBook } from './order-book.ts';
import { createShelf, FIRST_LOCATION, type Shelf } from './shelf.ts';
import { createWrites } from './writes.ts';

const TOPICS = ['orders/changed', 'levels/changed'];
const now = (): number => Date.now();

/** The secret can be set over the control API, so it is asked for at each attempt. */
function createSignedDelivery(dice: FaultDice, secretOf: () => string): Delivery {
  return createDelivery({
    dice,
    headersOf: ({ id, topic, body }) => {
      const timestamp = String(now());
      const signature = createHmac('sha256', secretOf()).update(`${timestamp}.${id}.${topic}.${body}`).digest('hex');
      return {
        'x-partner-timestamp': timestamp,
        'x-partner-event': id,
        'x-partner-topic': topic,
        'x-partner-signature': signature,
      };
    },
  });
}

type Announce = (topic: string, document: unknown) => void;

function editLevels(request: EditRequest, parts: { shelf: Shelf; log: SandboxLog; announce: Announce }): void {
  const { shelf, log, announce } = parts;
  for (const { sku, shown, locationRef = FIRST_LOCATION } of request.levels) {
    const listing = shelf.bySku(sku);
    const level = listing.levels.get(locationRef);
    if (level === undefined) throw new ControlRefusal(`${sku} is not at ${locationRef}`);
    log.append({
      kind: 'applied',
      by: 'edit',
      sku,
      listingRef: listing.id,
      locationRef,
      from: level.number,
      to: shown,
    });
    level.number = shown;
    announce('levels/changed', { listing: listing.id, location: locationRef });
  }
}

function createPlatform(options: FakeSandboxOptions, dice: FaultDice): SandboxPlatform {
  const subscription: Subscription = { url: null, topics: [] };
  let { webhookSecret } = options;
  let eventCount = 0;
  const delivery = createSignedDelivery(dice, () => webhookSecret);
  const announce: Announce = (topic, document) => {
    if (subscription.url === null || !subscription.topics.includes(topic)) return;
    eventCount += 1;
    delivery.send({ id: `E${eventCount}`, topic, body: JSON.stringify(document) }, subscription.url);
  };
  const log = createSandboxLog(now);
  const shelf = createShelf(options.basis);
  const changes = createChangeLog(dice, now);
  const onChange = (order: BookOrder): void => {
    changes.append(order, order.changedAt);
    announce('orders/changed', wireOrder(order));
  };
  const book = createOrderBook({ shelf, log, now, onChange });
  const writes = createWrites({ shelf, log, dice, options });
  const parts: PartnerApiParts = { options, shelf, book, changes, writes, subscription, now };
  return {
    seed: (request): CatalogueAnswer => {
      const listings = shelf.seed(request).map(({ sku, id }) => ({ sku, listingRef: id }));
      return { listings, locations: shelf.locations.map(({ id, name }) => ({ locationRef: id, name })) };
    },
    placeOrder: (request) => book.place(request),
    cancelOrder: (orderRef, request) => book.cancel(orderRef, request),
    fulfilOrder: (orderRef, { lines }) => book.ship(orderRef, lines),
    orders: (after) => book.page(after),
    get orderCount() {
      return book.count;
    },
    levels: () => shelf.levels(),
    editLevels: (request) => editLevels(request, { shelf, log, announce }),
    setWebhook({ url, secret }) {
      Object.assign(subscription, { url, topics: TOPICS });
      webhookSecret = secret ?? webhookSecret;
    },
    log: (after) => log.page(after),
    get deliveryStats() {
      return delivery.stats;
    },
    api: (request) => answerApi(request, parts),
    throttled: () => ({ status: 429, body: '{"error":"slow down"}', headers: { 'retry-after': '1' } }),
    close() {
      delivery.close();
      writes.close();
    },
  };
}

export async function startFakeSandbox(given: FakeSandboxOptionsInput): Promise<RunningSandbox> {
  const options = fakeSandboxOptionsSchema.parse(given);
  const dice = createFaultDice();
  return startSandboxServer(createPlatform(options, dice), { port: options.port, dice });
}
