/**
 * The Amazon connector: one seller account in one marketplace, through the Selling Partner API, merchant-fulfilled stock alone. What
 * Amazon does, and why this connector does what it does, is in facts/amazon.md; here it is only put together.
 *
 * Orders come by poll. Notifications (SQS) are not spoken yet, so there is nothing to verify or parse.
 */
import { Defect, Rejected } from '#core/errors.ts';
import type { Capabilities, ChannelConnection, Connector, ConnectorContext, OrderLimits } from '../connector.ts';
import { sendPush } from './batch.ts';
import { apiHost, LWA_HOST, openClient } from './client.ts';
import { discoverListings, LOCATIONS, looksPerMinute, observe, SKUS_PER_READ, scanLevels } from './levels.ts';
import { hydrateOrder, openOrders, pollOrders } from './orders.ts';
import { ITEMS_PER_PUSH, preparePush } from './push.ts';
import { type AmazonSettings, settingsSchema } from './settings.ts';

const capabilitiesOf = ({ pollOverlap, settle }: Pick<AmazonSettings, 'pollOverlap' | 'settle'>): Capabilities => ({
  quantityBasis: 'sellable',
  observable: 'read',
  writeProtection: ['none'],
  batch: 'perItem',
  lanes: [{ id: 'patch', maxItems: ITEMS_PER_PUSH, async: false }],
  webhooks: false,
  orderPolling: true,
  pollOverlapMs: Math.round(pollOverlap * 1000),
  openOrders: true,
  discoverListings: true,
  // Named by discoverLocations, but there is nothing to discover: the merchant's channel is always the same one.
  discoverLocations: false,
  subscriptions: false,
  answersOrders: false,
  settleMs: Math.round(settle * 1000),
  observeMax: SKUS_PER_READ,
  orderLimits: ORDER_LIMITS,
});

/**
 * What Amazon asks of orders that the seller ships, in all its stores but for Seller Fulfilled Prime (stricter, by units: set it in
 * `alerts.rates`). Read on 2026-11-30:
 * - cancelled by the seller before shipment: under 2.5 % of all orders in 7 days; what the buyer asked for, and orders that were still
 *   pending, count nowhere (Amazon in its sellers' forum, sellercentral.amazon.co.jp/seller-forums/discussions/t/7ff2b981-1e19-43c4-af51-a5c28a34a5b7);
 * - confirmed as shipped after the expected ship date: under 4 % of all orders, over 10 days and over 30
 *   (sellercentral.amazon.com.au/gp/help/external/help.html?itemID=200285190, and .co.uk/seller-forums/discussions/t/8dadf47f-3d84-4f99-b19a-93c6cd85c839).
 * The account health report has the same windows, both rates of an `orderCount` (amzn/selling-partner-api-models,
 * schemas/reports/accountHealthReport-2020-11-18.json); its target values are examples.
 */
const ORDER_LIMITS = {
  cancelled: [{ percent: 2.5, days: 7 }],
  late: [
    { percent: 4, days: 10 },
    { percent: 4, days: 30 },
  ],
} as const satisfies OrderLimits;

/** Seller Central by region; in the far east each marketplace has its own. */
const SELLER_CENTRAL: Readonly<Record<string, string>> = {
  na: 'sellercentral.amazon.com',
  eu: 'sellercentral-europe.amazon.com',
  A1VC38T7YXB528: 'sellercentral.amazon.co.jp',
  A39IBJ37TRP1C6: 'sellercentral.amazon.com.au',
  A19VAU5U5O7RUS: 'sellercentral.amazon.sg',
};

function orderLink({ region, marketplaceId }: AmazonSettings, orderRef: string): string | null {
  const host = SELLER_CENTRAL[marketplaceId] ?? SELLER_CENTRAL[region];
  if (host === undefined || !/^\d{3}-\d{7}-\d{7}$/.test(orderRef)) return null;
  return `https://${host}/orders-v3/order/${orderRef}`;
}

const NO_WEBHOOKS = 'Amazon sends no webhooks: its orders come by poll';

function open(rawSettings: unknown, context: ConnectorContext): ChannelConnection {
  const settings = settingsSchema.parse(rawSettings);
  const client = openClient(settings, context);
  const source = { client, settings, log: context.log, now: context.now };
  return {
    verify: () => Promise.resolve({ ok: false, reason: NO_WEBHOOKS }),
    parse: ({ topic }) => {
      const fix = 'take the webhook address of this channel out of whatever calls it';
      return Promise.reject(new Rejected(NO_WEBHOOKS, { field: 'topic', value: topic, fix }));
    },
    hydrate: (orderRef, signal) => hydrateOrder(source, orderRef, signal),
    fetchOrdersSince: (cursor, signal) => pollOrders(source, cursor, signal),
    fetchOpenOrders: (signal) => openOrders(source, signal),
    observe: (keys, signal) => observe(source, keys, signal),
    looksPerMinute: () => looksPerMinute(settings.speedUp),
    scan: (cursor, signal) => scanLevels(source, cursor, signal),
    discoverListings: (cursor, signal) => discoverListings(source, cursor, signal),
    discoverLocations: () => Promise.resolve(LOCATIONS),
    prepare: (items) => preparePush(items, settings),
    send: (prepared, itemCount, signal) => sendPush(source, prepared, itemCount, signal),
    collect: () => Promise.reject(new Defect('Amazon answers a patch at once: it gives no tickets to collect')),
    ensureSubscriptions: () => Promise.resolve([]),
    orderLink: (orderRef) => orderLink(settings, orderRef),
    close: () => Promise.resolve(),
  };
}

export const connector: Connector = {
  name: 'amazon',
  capabilities: (rawSettings) =>
    capabilitiesOf(settingsSchema.safeParse(rawSettings).data ?? { pollOverlap: 600, settle: 180 }),
  settings: settingsSchema,
  secrets: () => ['CLIENT_ID', 'CLIENT_SECRET', 'REFRESH_TOKEN'],
  hosts: (settings) => {
    const { endpoint, region } = settingsSchema.parse(settings);
    return endpoint === undefined ? [apiHost(region), LWA_HOST] : [new URL(endpoint).host];
  },
  open,
};
