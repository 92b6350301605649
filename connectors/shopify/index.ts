/**
 * The Shopify connector: one shop, through the Admin GraphQL API and signed webhooks. What the platform does, and why this connector
 * does what it does, is in facts/shopify.md; here it is only put together.
 */
import { Defect } from '#core/errors.ts';
import type { Capabilities, ChannelConnection, Connector, ConnectorContext } from '../connector.ts';
import { openClient } from './client.ts';
import { ITEMS_PER_READ } from './documents.ts';
import { isGid } from './gid.ts';
import { discoverListings, discoverLocations, looksPerMinute, observe, scanLevels } from './levels.ts';
import { hydrateOrder, openOrders } from './orders.ts';
import { pollOrders } from './poll.ts';
import { ENTRIES_MAX, preparePush, sendPush } from './push.ts';
import { settingsSchema } from './settings.ts';
import { ensureSubscriptions, removeSubscriptions } from './subscriptions.ts';
import { parseWebhook, verifyWebhook } from './webhooks.ts';

const POLL_OVERLAP_MS = 900_000;

/** A level is read back from Shopify's primary store; half a second allows for its caches. */
const SETTLE_MS = 500;

const CAPABILITIES: Capabilities = {
  quantityBasis: 'sellable',
  observable: 'read',
  writeProtection: ['compareAndSet', 'idempotencyKey'],
  batch: 'allOrNothing',
  lanes: [{ id: 'set', maxItems: ENTRIES_MAX, async: false }],
  webhooks: true,
  orderPolling: true,
  pollOverlapMs: POLL_OVERLAP_MS,
  openOrders: true,
  discoverListings: true,
  discoverLocations: true,
  subscriptions: true,
  answersOrders: false,
  settleMs: SETTLE_MS,
  observeMax: ITEMS_PER_READ,
};

function open(rawSettings: unknown, context: ConnectorContext): ChannelConnection {
  const settings = settingsSchema.parse(rawSettings);
  const client = openClient(settings, context);
  const orders = { client, log: context.log };
  return {
    verify: (request) => Promise.resolve(verifyWebhook(request, settings.shop, context.secret('WEBHOOK_SECRET'))),
    parse: async (inbound) => parseWebhook(inbound),
    hydrate: (orderRef, signal) => hydrateOrder(client, orderRef, signal),
    fetchOrdersSince: (cursor, signal) => {
      const rules = { overlapMs: settings.pollOverlap * 1_000, historyDays: settings.historyDays, now: context.now() };
      return pollOrders(orders, cursor, rules, signal);
    },
    fetchOpenOrders: (signal) => openOrders(orders, signal),
    observe: (keys, signal) => observe(client, keys, context.now, signal),
    looksPerMinute: () => looksPerMinute(client.restoreRate()),
    scan: (cursor, signal) => scanLevels(client, cursor, context.now(), signal),
    discoverListings: (cursor, signal) => discoverListings(client, cursor, signal),
    discoverLocations: (signal) => discoverLocations(client, signal),
    prepare: preparePush,
    send: (prepared, itemCount, signal) => sendPush(client, prepared, { itemCount, now: context.now }, signal),
    collect: () => Promise.reject(new Defect('Shopify answers a push at once: it gives no tickets to collect')),
    ensureSubscriptions: (callbackUrl, signal) => ensureSubscriptions(client, callbackUrl, signal),
    removeSubscriptions: (callbackUrl, signal) => removeSubscriptions(client, callbackUrl, signal),
    orderLink: (orderRef) =>
      isGid('Order', orderRef) ? `https://${settings.shop}/admin/orders/${orderRef.split('/').at(-1)}` : null,
    close: () => Promise.resolve(),
  };
}

export const connector: Connector = {
  name: 'shopify',
  capabilities: (rawSettings) => {
    const settings = settingsSchema.safeParse(rawSettings).data;
    return settings === undefined ? CAPABILITIES : { ...CAPABILITIES, pollOverlapMs: settings.pollOverlap * 1_000 };
  },
  settings: settingsSchema,
  secrets: (settings) =>
    settingsSchema.parse(settings).auth === 'token'
      ? ['WEBHOOK_SECRET', 'ACCESS_TOKEN']
      : ['WEBHOOK_SECRET', 'CLIENT_ID', 'CLIENT_SECRET'],
  hosts: (settings) => {
    const { endpoint, shop } = settingsSchema.parse(settings);
    return [endpoint === undefined ? shop : new URL(endpoint).host];
  },
  open,
};
