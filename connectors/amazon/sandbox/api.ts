/**
 * Amazon's own API on the sandbox's socket: Login with Amazon, searchOrders, getOrder, patchListingsItem, getListingsItem,
 * searchListingsItems, each behind the token and its bucket. What it does not know it answers 404.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { ApiRequest, ApiResponse } from '../../sandbox/platform.ts';
import { printListing, printOrder, statusOf } from './documents.ts';
import type { AmazonSandboxOptions } from './options.ts';
import { type Order, type OrderBook, updatedAt } from './order-book.ts';
import { apiErrors, type Operation, quotaExceeded, type Rates } from './rates.ts';
import type { Shelf } from './shelf.ts';

export type ApiParts = {
  readonly options: AmazonSandboxOptions;
  readonly shelf: Shelf;
  readonly book: OrderBook;
  readonly rates: Rates;
  readonly searchLagMs: number;
  readonly now: () => number;
};

const WALKABLE_MAX = 1000;

const json = (status: number, body: unknown): ApiResponse => ({ status, body: JSON.stringify(body) });

const isSame = (given: string, wanted: string): boolean => {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
};

/** The token says itself when it ends, so that it needs no memory. */
const sealToken = ({ clientSecret }: AmazonSandboxOptions, endsAt: number): string =>
  `Atza|${endsAt}|${createHmac('sha256', clientSecret).update(String(endsAt)).digest('hex')}`;

function isTokenGood(token: string, { options, now }: ApiParts): boolean {
  const endsAt = Number(token.split('|')[1] ?? 0);
  return isSame(token, sealToken(options, endsAt)) && now() < endsAt;
}

const grantRequest = z.object({
  client_id: z.string(),
  client_secret: z.string(),
  grant_type: z.literal('refresh_token'),
  refresh_token: z.string(),
});

function grantToken(request: ApiRequest, { options, now }: ApiParts): ApiResponse {
  const asked = grantRequest.safeParse(readBody(request)).data;
  if (asked === undefined) return json(400, { error: 'invalid_request', error_description: 'missing parameter' });
  if (!isSame(asked.client_id, options.clientId) || !isSame(asked.client_secret, options.clientSecret))
    return json(401, { error: 'invalid_client', error_description: 'Client authentication failed' });
  if (!isSame(asked.refresh_token, options.refreshToken))
    return json(400, { error: 'invalid_grant', error_description: 'The request has an invalid grant parameter' });
  const access = sealToken(options, now() + options.tokenLivesS * 1000);
  return json(200, { access_token: access, token_type: 'bearer', expires_in: options.tokenLivesS });
}

function readBody(request: ApiRequest): unknown {
  try {
    return JSON.parse(request.rawBody.toString('utf8')) as unknown;
  } catch {
    return null;
  }
}

const listOf = (request: ApiRequest, name: string): readonly string[] =>
  (request.query.get(name) ?? '').split(',').filter((each) => each !== '');

const invalidInput = (message: string): ApiResponse => apiErrors(400, 'InvalidInput', message);

/** `next` items from the one that a token names, with the token of the rest. */
function pageOf<T>(all: readonly T[], token: string | null, size: number) {
  const from = token === null ? 0 : Number(Buffer.from(token, 'base64url').toString());
  const end = from + size;
  const nextToken = Buffer.from(String(end)).toString('base64url');
  return { items: all.slice(from, end), page: end < all.length ? { pagination: { nextToken } } : {} };
}

const orderToken = z.tuple([z.int(), z.int(), z.string()]);

/** How far a walk has come, and where it ends: at its first page's time, whatever happens on the way. */
function readOrderToken(token: string | null): z.infer<typeof orderToken> | null {
  if (token === null) return null;
  try {
    return orderToken.parse(JSON.parse(Buffer.from(token, 'base64url').toString()));
  } catch {
    return null;
  }
}

/** By their last change: an order that changes on the way moves behind what was given, and pushes no other off its page. */
function searchOrders(request: ApiRequest, { book, options, searchLagMs, now }: ApiParts): ApiResponse {
  const after = Date.parse(request.query.get('lastUpdatedAfter') ?? '');
  if (!Number.isFinite(after)) return invalidInput('lastUpdatedAfter or createdAfter is required.');
  const size = Number(request.query.get('maxResultsPerPage') ?? 100);
  if (!Number.isInteger(size) || size < 1 || size > 100) return invalidInput('maxResultsPerPage must be 1 to 100.');
  if (!listOf(request, 'marketplaceIds').includes(options.marketplaceId))
    return invalidInput('Invalid marketplaceIds.');
  const given = request.query.get('paginationToken');
  const token = readOrderToken(given);
  if (given !== null && token === null) return invalidInput('Invalid paginationToken.');
  const at = now();
  const [before, fromAt, fromId] = token ?? [at - searchLagMs, after, ''];
  const [statuses, parties] = [listOf(request, 'fulfillmentStatuses'), listOf(request, 'fulfilledBy')];
  const isWanted = (order: Order): boolean => {
    const changedAt = updatedAt(order, at);
    if (changedAt < fromAt || (changedAt === fromAt && order.id <= fromId)) return false;
    if (changedAt > before || order.listedAt > at) return false;
    if (parties.length > 0 && !parties.includes(order.isFba ? 'AMAZON' : 'MERCHANT')) return false;
    return statuses.length === 0 || statuses.includes(statusOf(order, at));
  };
  const found = [...book.orders.values()]
    .filter(isWanted)
    .sort((a, b) => updatedAt(a, at) - updatedAt(b, at) || (a.id < b.id ? -1 : 1));
  const items = found.slice(0, size);
  const last = items.at(-1);
  const next = last === undefined ? [] : [before, updatedAt(last, at), last.id];
  const nextToken = Buffer.from(JSON.stringify(next)).toString('base64url');
  const orders = items.map((order) => printOrder(order, options.marketplaceId, at));
  // On the last page there is no `pagination` at all.
  const page = found.length > items.length ? { pagination: { nextToken } } : {};
  return json(200, { orders, ...page, lastUpdatedBefore: new Date(before).toISOString() });
}

function getOrder(request: ApiRequest, { book, options, now }: ApiParts): ApiResponse {
  const order = book.orders.get(skuOf(request.path));
  if (order === undefined) return apiErrors(404, 'NotFound', 'The requested order was not found.');
  return json(200, { order: printOrder(order, options.marketplaceId, now()) });
}

/** The last part of a path, decoded once. */
const skuOf = (path: string): string => decodeURIComponent(path.split('/').at(-1) ?? '');

const includedOf = (request: ApiRequest): ReadonlySet<string> =>
  new Set(request.query.has('includedData') ? listOf(request, 'includedData') : ['summaries']);

function getListing(request: ApiRequest, { shelf, options }: ApiParts): ApiResponse {
  const sku = skuOf(request.path);
  const listing = shelf.listings.get(sku);
  if (listing === undefined)
    return apiErrors(404, 'NOT_FOUND', `SKU '${sku}' not found in marketplace ${options.marketplaceId}`);
  return json(200, printListing(listing, options.marketplaceId, includedOf(request)));
}

function searchListings(request: ApiRequest, { shelf, options }: ApiParts): ApiResponse {
  const skus = listOf(request, 'identifiers');
  if (skus.length > 20) return invalidInput('At most 20 identifiers.');
  const all = [...shelf.listings.values()];
  const found = skus.length === 0 ? all.slice(0, WALKABLE_MAX) : all.filter(({ sku }) => skus.includes(sku));
  const size = Math.min(20, Number(request.query.get('pageSize') ?? 10));
  const { items, page } = pageOf(found, request.query.get('pageToken'), size);
  const included = includedOf(request);
  return json(200, {
    numberOfResults: skus.length === 0 ? all.length : found.length,
    ...page,
    items: items.map((listing) => printListing(listing, options.marketplaceId, included)),
  });
}

const patchSchema = z.object({
  productType: z.string().min(1),
  patches: z
    .array(
      z.object({
        op: z.literal('merge'),
        path: z.literal('/attributes/fulfillment_availability'),
        value: z
          .array(
            z.object({
              fulfillment_channel_code: z.literal('DEFAULT'),
              quantity: z
                .int()
                .min(0)
                .max(2 ** 31 - 1),
            }),
          )
          .length(1),
      }),
    )
    .length(1),
});

const issueOf = (message: string) => ({
  code: '90000900',
  message,
  severity: 'ERROR',
  attributeNames: ['fulfillment_availability'],
  categories: ['INVALID_ATTRIBUTE'],
});

/** 200 with INVALID where Amazon's schema of the attribute says no; ACCEPTED is not yet applied. */
function patchListing(request: ApiRequest, { shelf, options }: ApiParts): ApiResponse {
  const sku = skuOf(request.path);
  const listing = shelf.listings.get(sku);
  if (listing === undefined)
    return apiErrors(404, 'NOT_FOUND', `SKU '${sku}' not found in marketplace ${options.marketplaceId}`);
  const submissionId = `sub-${Buffer.from(sku).toString('hex').slice(0, 16)}`;
  const patch = patchSchema.safeParse(readBody(request)).data?.patches[0]?.value[0];
  if (patch === undefined || listing.isSuppressed) {
    const issues = [issueOf(patch === undefined ? 'The attributes are invalid.' : 'The listing is suppressed.')];
    return json(200, { sku, status: 'INVALID', submissionId, issues });
  }
  shelf.accept(listing, patch.quantity, request.isLate ? 'latePush' : 'push');
  return json(200, { sku, status: 'ACCEPTED', submissionId, issues: [] });
}

type Route = readonly [Operation, (request: ApiRequest, parts: ApiParts) => ApiResponse];

function routeOf({ method, path }: ApiRequest, { options }: ApiParts): Route | null {
  const items = `/listings/2021-08-01/items/${options.sellerId}`;
  if (method === 'GET' && path === '/orders/2026-01-01/orders') return ['searchOrders', searchOrders];
  if (method === 'GET' && path.startsWith('/orders/2026-01-01/orders/')) return ['getOrder', getOrder];
  if (method === 'GET' && path === items) return ['searchListingsItems', searchListings];
  if (method === 'GET' && path.startsWith(`${items}/`)) return ['getListingsItem', getListing];
  if (method === 'PATCH' && path.startsWith(`${items}/`)) return ['patchListingsItem', patchListing];
  return null;
}

export function answerApi(request: ApiRequest, parts: ApiParts): ApiResponse {
  if (request.method === 'POST' && request.path === '/auth/o2/token') return grantToken(request, parts);
  const denied = 'Access to requested resource is denied.';
  if (!isTokenGood(request.headers['x-amz-access-token'] ?? '', parts))
    return apiErrors(403, 'Unauthorized', denied, 'The access token you provided has expired.');
  const route = routeOf(request, parts);
  if (route === null) return apiErrors(404, 'NotFound', `there is no ${request.method} ${request.path}`);
  const [operation, answer] = route;
  if (!parts.rates.admit(operation)) return quotaExceeded();
  return { ...answer(request, parts), headers: parts.rates.header(operation) };
}
