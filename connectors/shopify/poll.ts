/**
 * The poll: orders by their last change, from a cursor on.
 *
 * Order search indexes late, so each poll lists its overlap again, a quarter of an hour by default: by id and time alone, a point an
 * order. Only what was not handed over yet is read whole, at 43 points and more.
 *
 * Guarantees: the cursor names what was handed over with it or before, and whoever polls keeps a cursor only after its orders; times
 * have whole seconds, so an order counts as handed over only if it was read after the second of its last change. Whatever was read
 * before the bucket was empty is kept.
 */
import { z } from 'zod';
import { Rejected, Throttled } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { OrderPage } from '../connector.ts';
import { CHANGED_ORDERS, CHANGED_PER_PAGE, ORDERS_PER_READ } from './documents.ts';
import { type OrderSource, readWhole, type Whole } from './orders.ts';

/** Shopify stops paging at 25,000 objects; a walk starts anew at its watermark before that. */
const ORDERS_PER_WALK = 20_000;

/** Shopify lists 60 days of orders unless the app has read_all_orders. */
const LISTED_DAYS = 60;

const DAY_MS = 86_400_000;

/** The second of a change, and what our clock may be ahead of Shopify's. */
const CHANGING_MS = 2_000;

/** Named in a cursor at most, the newest: older ones are read again. */
const HANDED_MAX = 5_000;

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const changedAnswer = z.object({
  orders: z.object({
    nodes: z.array(z.object({ id: z.string(), updatedAt: instant })),
    pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
  }),
});

/**
 * Where the poll stands: it walks the orders changed since `since`, page by page; `newest` is the latest change it has met, `handed`
 * what it has handed over, by the number of the order and with the time of its change.
 */
const cursorSchema = z.strictObject({
  since: z.number().int(),
  after: z.string().nullable(),
  newest: z.number().int(),
  walked: z.number().int(),
  handed: z.record(z.string(), z.number().int()).default({}),
});

type Cursor = z.infer<typeof cursorSchema>;

const FIX_CURSOR = 'clear the poll cursor of this channel: the next poll starts at the beginning';

function openCursor(cursor: string): Cursor {
  try {
    return cursorSchema.parse(JSON.parse(cursor));
  } catch (error) {
    throw new Rejected(
      'the poll cursor is not one of ours',
      { field: 'cursor', value: cursor, fix: FIX_CURSOR },
      error,
    );
  }
}

export type PollRules = { readonly overlapMs: number; readonly historyDays: number; readonly now: Instant };

const numberOf = (gid: string): string => gid.slice(gid.lastIndexOf('/') + 1);

/** Reads on until the bucket is empty; throws Throttled only where it was empty before the first order. */
async function readAll(line: OrderSource, ids: readonly string[], signal: AbortSignal): Promise<Whole> {
  let all: Whole = { states: [], unread: [], cut: null };
  for (let at = 0; at < ids.length && all.cut === null; at += ORDERS_PER_READ) {
    const part = await readWhole(line, ids.slice(at, at + ORDERS_PER_READ), signal).catch((error: unknown): Whole => {
      if (!(error instanceof Throttled)) throw error;
      return { states: [], unread: [], cut: error };
    });
    all = { states: [...all.states, ...part.states], unread: [...all.unread, ...part.unread], cut: part.cut };
  }
  if (all.cut !== null && all.states.length + all.unread.length === 0) throw all.cut;
  return all;
}

/** What the next poll of `since` need not read: all that was handed over and will be listed again. */
function handedOn(before: Cursor['handed'], whole: Whole, at: { readonly now: Instant; readonly since: Instant }) {
  const read = [...whole.states, ...whole.unread].map(
    ({ orderRef, version }) => [numberOf(orderRef), version] as const,
  );
  const settled = read.filter(([, version]) => at.now - version > CHANGING_MS);
  const all = Object.entries({ ...before, ...Object.fromEntries(settled) }).filter(
    ([, version]) => version >= at.since,
  );
  return Object.fromEntries(all.sort(([, a], [, b]) => b - a).slice(0, HANDED_MAX));
}

export async function pollOrders(
  line: OrderSource,
  cursor: string | null,
  rules: PollRules,
  signal: AbortSignal,
): Promise<OrderPage> {
  const { now, overlapMs } = rules;
  const start = now - rules.historyDays * DAY_MS;
  const at: Cursor =
    cursor === null ? { since: start, after: null, newest: start, walked: 0, handed: {} } : openCursor(cursor);
  const query = `updated_at:>='${new Date(at.since).toISOString()}'`;
  const variables = { query, first: CHANGED_PER_PAGE, after: at.after };
  const { orders } = await line.client.read({ document: CHANGED_ORDERS, variables, answer: changedAnswer }, signal);
  const news = orders.nodes.filter(({ id, updatedAt }) => at.handed[numberOf(id)] !== updatedAt);
  const whole = await readAll(
    line,
    news.map(({ id }) => id),
    signal,
  );
  const newest = orders.nodes.reduce((latest, { updatedAt }) => Math.max(latest, updatedAt), at.newest);
  // The next poll lists the overlap again, but never from before where this one began.
  const since = Math.max(at.since, Math.min(newest, now) - overlapMs);
  const handed = handedOn(at.handed, whole, { now, since });
  const walked = at.walked + CHANGED_PER_PAGE;
  const told = { orders: whole.states, unread: whole.unread, reachesBackTo: now - LISTED_DAYS * DAY_MS };
  const page = (complete: boolean, next: Cursor): OrderPage => ({ ...told, cursor: JSON.stringify(next), complete });
  if (whole.cut !== null) return page(false, { ...at, handed });
  if (!orders.pageInfo.hasNextPage) return page(true, { since, after: null, newest, walked: 0, handed });
  if (walked >= ORDERS_PER_WALK && newest > at.since)
    return page(false, { since: newest, after: null, newest, walked: 0, handed });
  return page(false, { since: at.since, after: orders.pageInfo.endCursor, newest, walked, handed });
}
