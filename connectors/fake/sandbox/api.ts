/** The partner's own API over HTTP and JSON: bearer token, orders, listings, levels, webhooks. Ids go out as bare numbers beyond 2^53. */
import { z } from 'zod';
import type { ApiRequest, ApiResponse } from '../../sandbox/platform.ts';
import type { ChangeLog } from './change-log.ts';
import type { FakeSandboxOptions } from './options.ts';
import type { BookOrder, OrderBook } from './order-book.ts';
import type { Shelf } from './shelf.ts';
import type { Writes } from './writes.ts';

export type Subscription = { url: string | null; topics: readonly string[] };

export type PartnerApiParts = {
  readonly options: FakeSandboxOptions;
  readonly shelf: Shelf;
  readonly book: OrderBook;
  readonly changes: ChangeLog;
  readonly writes: Writes;
  readonly subscription: Subscription;
  readonly now: () => number;
};

/** In V8, and not yet in the types (ES2026). */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };
const readSchema = z.strictObject({
  items: z.array(z.strictObject({ listing: z.string(), location: z.string() })).max(100),
});
const subscribeSchema = z.strictObject({ url: z.url().nullable(), topics: z.array(z.string()) });
const PAGE_MAX = 250;

export const wireOrder = (order: BookOrder): unknown => ({
  id: rawJSON(order.id),
  name: order.name,
  version: order.version,
  placedAt: order.placedAt,
  changedAt: order.changedAt,
  location: order.lines[0]?.locationId ?? null,
  lines: order.lines.map(({ id, listing, ordered, cancelled, shipped }) => ({
    id: Number(id),
    listing: rawJSON(listing.id),
    sku: listing.sku,
    ordered,
    cancelled,
    shipped,
    returned: 0,
  })),
});

const ok = (document: unknown): ApiResponse => ({ status: 200, body: JSON.stringify(document) });
const fail = (status: number, error: string): ApiResponse => ({ status, body: JSON.stringify({ error }) });

const numberOf = (request: ApiRequest, name: string, fallback: number): number => {
  const value = Number(request.query.get(name) ?? fallback);
  return Number.isSafeInteger(value) && value >= 0 ? value : fallback;
};
const limitOf = (request: ApiRequest): number => Math.max(1, Math.min(PAGE_MAX, numberOf(request, 'limit', PAGE_MAX)));

function listOrders(request: ApiRequest, { book, changes, options, now }: PartnerApiParts): ApiResponse {
  const clock = now();
  const at = { after: numberOf(request, 'after', 0), limit: limitOf(request) };
  const keptSince = options.historyKeptMs === undefined ? null : clock - options.historyKeptMs;
  const since = Math.max(keptSince ?? 0, numberOf(request, 'changedSince', 0));
  const list = request.query.get('state') === 'open' ? book.open(at.after, at.limit) : changes.listSince(since, at);
  return ok({ orders: list.orders.map(wireOrder), next: list.next, clock, keptSince });
}

/** One page of a list that is only ever appended to; the cursor is the position, as text. */
function cutPage<T>(request: ApiRequest, all: readonly T[]): { page: readonly T[]; next: string | null } {
  const start = numberOf(request, 'after', 0);
  const end = start + Math.min(limitOf(request), 200);
  return { page: all.slice(start, end), next: end < all.length ? String(end) : null };
}

function listListings(request: ApiRequest, { shelf }: PartnerApiParts): ApiResponse {
  const { page, next } = cutPage(request, [...shelf.listings.values()]);
  const listings = page.map(({ id, sku, title, barcode, status, levels }) => ({
    id: rawJSON(id),
    sku,
    title,
    barcode,
    status,
    locations: [...levels.keys()],
  }));
  return ok({ listings, next });
}

type Place = { readonly listing: string; readonly location: string };

function wireLevels(shelf: Shelf, places: readonly Place[]): unknown[] {
  return places.flatMap(({ listing: id, location }) => {
    const listing = shelf.listings.get(id);
    const level = listing?.levels.get(location);
    if (listing === undefined || level === undefined) return [];
    return [{ listing: rawJSON(id), location, status: listing.status, number: level.number, reserved: level.reserved }];
  });
}

function listLevels(request: ApiRequest, { shelf, now }: PartnerApiParts): ApiResponse {
  const places = shelf.levels().map(({ listingRef, locationRef }) => ({ listing: listingRef, location: locationRef }));
  const { page, next } = cutPage(request, places);
  return ok({ levels: wireLevels(shelf, page), clock: now(), next });
}

type Handler = (body: unknown, parts: PartnerApiParts, request: ApiRequest) => ApiResponse;

const HANDLERS: Readonly<Record<string, Handler>> = {
  'GET /v1/orders': (_, parts, request) => listOrders(request, parts),
  'GET /v1/listings': (_, parts, request) => listListings(request, parts),
  'GET /v1/levels': (_, parts, request) => listLevels(request, parts),
  'GET /v1/locations': (_, { shelf }) =>
    ok({ locations: shelf.locations.map((location) => ({ ...location, active: true })) }),
  'POST /v1/levels': (body, { writes }, { isLate }) => writes.push(body, isLate),
  'POST /v1/levels/read': (body, { shelf, now }) => {
    const parsed = readSchema.safeParse(body);
    if (!parsed.success) return fail(400, z.prettifyError(parsed.error));
    return ok({ levels: wireLevels(shelf, parsed.data.items), clock: now() });
  },
  'GET /v1/webhooks': (_, { subscription }) => ok(subscription),
  'PUT /v1/webhooks': (body, { subscription }) => {
    const parsed = subscribeSchema.safeParse(body);
    if (!parsed.success) return fail(400, z.prettifyError(parsed.error));
    return ok(Object.assign(subscription, parsed.data));
  },
};

/** Paths that end in a name. */
function answerNamed(request: ApiRequest, { book, writes }: PartnerApiParts): ApiResponse {
  const [, version, kind, name] = request.path.split('/');
  if (request.method !== 'GET' || version !== 'v1' || name === undefined)
    return fail(404, `no ${request.method} ${request.path}`);
  const ref = decodeURIComponent(name);
  if (kind === 'tickets') return writes.ticket(ref);
  const order = kind === 'orders' ? book.find(ref) : undefined;
  return order === undefined ? fail(404, `there is no ${kind} ${ref}`) : ok(wireOrder(order));
}

export function answerApi(request: ApiRequest, parts: PartnerApiParts): ApiResponse {
  if (request.headers.authorization !== `Bearer ${parts.options.accessToken}`)
    return fail(401, 'the access token is not valid');
  const handler = HANDLERS[`${request.method} ${request.path}`];
  if (handler === undefined) return answerNamed(request, parts);
  if (request.method === 'GET') return handler(undefined, parts, request);
  try {
    return handler(JSON.parse(request.rawBody.toString('utf8')), parts, request);
  } catch (error) {
    if (error instanceof SyntaxError) return fail(400, 'the body is not JSON');
    throw error;
  }
}
