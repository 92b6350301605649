/** The Shopify connector before the conformance kit: one subject per way of signing in. */
import { type ConformanceSubject, replaceJson } from '../../conformance/subject.ts';
import { createSandboxControl } from '../../sandbox/control.ts';
import { gid } from '../gid.ts';
import { connector } from '../index.ts';
import { startShopifySandbox } from './start.ts';

const SHOP = 'conformance.myshopify.com';

const TOKEN_SECRETS = { ACCESS_TOKEN: 'conformance-token', WEBHOOK_SECRET: 'conformance-webhooks' };

const CLIENT_SECRETS = {
  CLIENT_ID: 'conformance-client',
  CLIENT_SECRET: 'conformance-client-secret',
  WEBHOOK_SECRET: 'conformance-webhooks',
};

const LEVEL_COALESCE_MS = 20;

function createSubject(auth: 'token' | 'clientCredentials'): ConformanceSubject {
  return {
    variant: auth,
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
    pageSizes: { orders: 45, listings: 110 },
    async start() {
      const sandbox = await startShopifySandbox({
        shop: SHOP,
        accessToken: TOKEN_SECRETS.ACCESS_TOKEN,
        clientId: CLIENT_SECRETS.CLIENT_ID,
        clientSecret: CLIENT_SECRETS.CLIENT_SECRET,
        webhookSecret: TOKEN_SECRETS.WEBHOOK_SECRET,
        levelCoalesceMs: LEVEL_COALESCE_MS,
      });
      return {
        control: createSandboxControl(sandbox.url),
        settings: { shop: SHOP, endpoint: sandbox.url, auth },
        secrets: auth === 'token' ? TOKEN_SECRETS : CLIENT_SECRETS,
        close: () => sandbox.close(),
      };
    },
    missingKey: (key) => ({
      ...key,
      listingRef: gid('ProductVariant', '424242'),
      data: { inventoryItemId: gid('InventoryItem', '424242') },
    }),
  };
}

export const subjects: readonly ConformanceSubject[] = [createSubject('token'), createSubject('clientCredentials')];
