/**
 * A Shopify shop to test and to play against: Admin GraphQL 2026-10 at /admin/api/{version}/graphql.json, the client-credentials
 * token endpoint, signed webhooks, and the control API of connectors/sandbox/ at /sandbox/ (buyers, the shop's own truth, faults).
 *
 * Does not: keep anything over a restart, sell to two currencies, or know any part of Shopify that our documents do not ask for.
 * `shop` is the shop itself, for tests in the same process that need what no control call offers (returns, bundles, dead locations).
 */
import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { LogAnswer, SandboxOrder } from '../../sandbox/control.ts';
import { pageOrders, servePlacements } from '../../sandbox/counter.ts';
import { createFaultDice, type FaultDice, faultsSchema } from '../../sandbox/faults.ts';
import { createSandboxLog, type SandboxLog } from '../../sandbox/log.ts';
import {
  type ApiRequest,
  type ApiResponse,
  ControlRefusal,
  type RunningSandbox,
  type SandboxPlatform,
} from '../../sandbox/platform.ts';
import { startSandboxServer } from '../../sandbox/server.ts';
import { openBucket } from './cost.ts';
import { type GraphqlApi, openGraphql } from './graphql.ts';
import type { MovedLine, Order } from './order-book.ts';
import { openSetQuantities } from './set-quantities.ts';
import { listLevels } from './shelf.ts';
import { openShop, type Shop } from './shop.ts';
import { openWebhooks, type Webhooks } from './subscriptions.ts';

const API_VERSION = '2026-10';
const TOKEN_LIVES_S = 86_399;
const WANTED_BY_HAND = [
  'ORDERS_CREATE',
  'ORDERS_UPDATED',
  'ORDERS_CANCELLED',
  'REFUNDS_CREATE',
  'INVENTORY_LEVELS_UPDATE',
];

export const shopifySandboxOptions = z.strictObject({
  /** 0 takes a free one. */
  port: z.int().min(0).max(65_535).default(0),
  shop: z.string().default('sandbox.myshopify.com'),
  accessToken: z.string().default('sandbox-access-token'),
  clientId: z.string().default('sandbox-client-id'),
  clientSecret: z.string().default('sandbox-client-secret'),
  webhookSecret: z.string().default('sandbox-webhook-secret'),
  /** The cost bucket: a shop on the Plus plan. */
  maximumAvailable: z.number().positive().default(20_000),
  restoreRate: z.number().positive().default(1_000),
  /** Webhooks of one level within this time come as one, milliseconds. */
  levelCoalesceMs: z.int().min(0).default(1_000),
  faults: faultsSchema.default(faultsSchema.parse({})),
});

export type ShopifySandboxOptions = z.output<typeof shopifySandboxOptions>;

export type ShopifySandbox = RunningSandbox & { readonly shop: Shop; readonly webhooks: Webhooks };

const isSame = (given: string, wanted: string): boolean => {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
};

const json = (status: number, body: unknown): ApiResponse => ({ status, body: JSON.stringify(body) });

const tokenRequest = z.object({
  client_id: z.string(),
  client_secret: z.string(),
  grant_type: z.literal('client_credentials'),
});

function grantToken(request: ApiRequest, options: ShopifySandboxOptions): ApiResponse {
  const asked = tokenRequest.safeParse(JSON.parse(request.rawBody.toString('utf8')));
  const isKnown =
    asked.success &&
    isSame(asked.data.client_id, options.clientId) &&
    isSame(asked.data.client_secret, options.clientSecret);
  if (!isKnown) return json(400, { error: 'invalid_client', error_description: 'client credentials do not match' });
  return json(200, {
    access_token: options.accessToken,
    scope: 'read_inventory,write_inventory,read_orders',
    expires_in: TOKEN_LIVES_S,
  });
}

const GRAPHQL_PATH = /^\/admin\/api\/(\d{4}-\d{2})\/graphql\.json$/;

function answerApi(request: ApiRequest, options: ShopifySandboxOptions, graphql: GraphqlApi): ApiResponse {
  if (request.method === 'POST' && request.path === '/admin/oauth/access_token') return grantToken(request, options);
  if (request.method !== 'POST' || !GRAPHQL_PATH.test(request.path)) return json(404, { errors: 'Not Found' });
  if (!isSame(request.headers['x-shopify-access-token'] ?? '', options.accessToken)) {
    return json(401, { errors: '[API] Invalid API key or access token (unrecognized login or wrong password)' });
  }
  const answer = graphql.answer(request.rawBody.toString('utf8'), { isLate: request.isLate });
  return { ...answer, headers: { 'x-shopify-api-version': API_VERSION } };
}

const orderAnswer = (order: Order): SandboxOrder => ({
  orderRef: order.id,
  displayRef: `#${order.number}`,
  placedAt: order.createdAt,
  lines: order.lines.map((line) => ({
    lineRef: line.id,
    sku: line.variant.sku,
    ordered: line.ordered,
    cancelled: line.cancelled,
    shipped: line.fulfilled,
  })),
});

const logged = (lines: readonly MovedLine[]) =>
  lines.map(({ line, quantity }) => ({ sku: line.variant.sku, quantity }));

type Parts = {
  readonly options: ShopifySandboxOptions;
  readonly shop: Shop;
  readonly webhooks: Webhooks;
  readonly graphql: GraphqlApi;
  readonly log: SandboxLog;
};

function editLevels({ shop, log }: Parts, edit: Parameters<SandboxPlatform['editLevels']>[0]): void {
  for (const { sku, shown, locationRef } of edit.levels) {
    const known = shop.shelf.variantOf(sku);
    const level =
      known === undefined
        ? undefined
        : shop.shelf.levelsOf(known).find((each) => each.location.id === (locationRef ?? each.location.id));
    if (level === undefined)
      throw new ControlRefusal(`there is no level of ${sku} at ${locationRef ?? 'the first location'}`);
    const from = level.available;
    shop.shelf.setAvailable(level, shown);
    const { variant, location } = level;
    log.append({ kind: 'applied', by: 'edit', sku, listingRef: variant.id, locationRef: location.id, from, to: shown });
  }
}

function openPlatform(parts: Parts): SandboxPlatform {
  const { shop, webhooks, graphql, log, options } = parts;
  return {
    seed: (request) => shop.shelf.seed(request),
    placeOrder: servePlacements(log, (request) => {
      const { order, lines } = shop.book.place(request);
      return { orderRef: order?.id ?? null, placedAt: order?.createdAt ?? null, lines: [...lines] };
    }),
    cancelOrder(orderRef, request) {
      const { order, lines } = shop.book.cancel(orderRef, request);
      log.append({ kind: 'cancel', orderRef, lines: logged(lines) });
      return orderAnswer(order);
    },
    fulfilOrder(orderRef, request) {
      const { order, lines } = shop.book.fulfil(orderRef, request.lines);
      log.append({ kind: 'ship', orderRef, lines: logged(lines) });
      return orderAnswer(order);
    },
    orders: (after) => pageOrders([...shop.book.orders.values()], after, orderAnswer),
    get orderCount() {
      return shop.book.orders.size;
    },
    levels: () => listLevels(shop.shelf),
    editLevels: (edit) => editLevels(parts, edit),
    setWebhook({ url, secret }) {
      if (secret !== undefined) webhooks.setSecret(secret);
      for (const topic of WANTED_BY_HAND) webhooks.create(topic, { uri: url });
    },
    log: (after): LogAnswer => log.page(after),
    get deliveryStats() {
      return webhooks.delivery.stats;
    },
    api: (request) => answerApi(request, options, graphql),
    throttled: () => graphql.throttled(),
    close: () => webhooks.close(),
  };
}

function openParts(options: ShopifySandboxOptions, dice: FaultDice): Parts {
  const now = Date.now;
  const log = createSandboxLog(now);
  const shop: Shop = openShop({
    now,
    indexLagMs: () => dice.upTo(dice.current.indexLagMs),
    onEvent: (event) => webhooks.onEvent(event),
  });
  const webhooks: Webhooks = openWebhooks({
    shop: options.shop,
    secret: options.webhookSecret,
    apiVersion: API_VERSION,
    levelCoalesceMs: options.levelCoalesceMs,
    nextId: shop.nextId,
    dice,
    now,
  });
  const root = { shop, webhooks, now, set: openSetQuantities(shop.shelf, log, now) };
  return { options, shop, webhooks, log, graphql: openGraphql(root, openBucket(options, now)) };
}

export async function startShopifySandbox(given: z.input<typeof shopifySandboxOptions> = {}): Promise<ShopifySandbox> {
  const options = shopifySandboxOptions.parse(given);
  const dice = createFaultDice(options.faults);
  const parts = openParts(options, dice);
  const running = await startSandboxServer(openPlatform(parts), { dice, port: options.port });
  return { ...running, shop: parts.shop, webhooks: parts.webhooks };
}
