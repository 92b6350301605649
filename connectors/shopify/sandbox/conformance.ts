/** The Shopify connector before the conformance kit. */
import { type ConformanceSubject, replaceJson } from '../../conformance/subject.ts';
import { createSandboxControl } from '../../sandbox/control.ts';
import { gid } from '../gid.ts';
import { connector } from '../index.ts';
import { startShopifySandbox } from './start.ts';

const SHOP = 'conformance.myshopify.com';

const SECRETS = { ACCESS_TOKEN: 'conformance-token', WEBHOOK_SECRET: 'conformance-webhooks' };

const LEVEL_COALESCE_MS = 20;

const subject: ConformanceSubject = {
  variant: '',
  connector,
  webhook: {
    signatureHeader: 'x-shopify-hmac-sha256',
    requiredHeaders: ['x-shopify-hmac-sha256', 'x-shopify-topic', 'x-shopify-shop-domain'],
    replayWindowMs: null,
    orderTopics: ['orders/create', 'orders/updated', 'orders/cancelled'],
    // Where the payload has its GID too, that one counts.
    withOrderId: (rawBody, digits) =>
      replaceJson(replaceJson(rawBody, ['id'], digits), ['admin_graphql_api_id'], `"${gid('Order', digits)}"`),
    withQuantity: (rawBody, json) => replaceJson(rawBody, ['line_items', 0, 'quantity'], json),
    quantityField: 'quantity',
  },
  pageSizes: { orders: 110, listings: 110 },
  async start() {
    const sandbox = await startShopifySandbox({
      shop: SHOP,
      accessToken: SECRETS.ACCESS_TOKEN,
      webhookSecret: SECRETS.WEBHOOK_SECRET,
      levelCoalesceMs: LEVEL_COALESCE_MS,
    });
    return {
      control: createSandboxControl(sandbox.url),
      settings: { shop: SHOP, endpoint: sandbox.url },
      secrets: SECRETS,
      close: () => sandbox.close(),
    };
  },
  missingKey: (key) => ({
    ...key,
    listingRef: gid('ProductVariant', '424242'),
    data: { inventoryItemId: gid('InventoryItem', '424242') },
  }),
};

export const subjects: readonly ConformanceSubject[] = [subject];
