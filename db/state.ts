/**
 * Loads what a batch of commands touches, under its locks, with set queries only.
 *
 * Guarantees: locks are taken in (kind, id) order, orders before items; every row a decision uses is read after the lock that
 * guards it; the policy version is held by a share lock until the batch commits.
 */
import { sql } from 'drizzle-orm';
import { type Command, type CommandBody, lotsOf, orderOf, skuOf } from '#core/command.ts';
import type { Exposure } from '#core/latency-buffer.ts';
import type { Instant, LotCode, Policy, StockMaster } from '#core/model.ts';
import type { OrderState } from '#core/order-state.ts';
import type { ItemState, ListingState, State, StoredOrder } from '#core/state.ts';
import type { Queries } from './client.ts';
import { type DatedRefs, type DatedState, datedRefsOf, hasTolerance, loadDated } from './dated.ts';
import { holdsNamedBy, loadHolds, type NamedHolds } from './holds.ts';
import { list } from './list.ts';
import { loadLots } from './lots.ts';
import { loadOpenLines } from './open-lines.ts';
import { firstOf, type LineRow, lineOf, loadShorts, loadWholeOrders } from './order-lines.ts';
import { loadPolicy } from './policy-current.ts';
import { lockReach, type Reach, readBounds, readComponents } from './reach.ts';

export const RESOURCE = { order: 1, item: 2, supply: 7 } as const;

/** Locks rows of `resource`, making the missing ones; ids in byte order, so that no two batches wait for each other in a ring. */
export async function lockResources(tx: Queries, kind: number, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const sorted = [...new Set(ids)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  await tx.rows(sql`
    insert into resource (kind, id)
    select ${kind}::smallint, id from unnest(${list(sorted)}) as t(id) order by id collate "C"
    on conflict do nothing`);
  await tx.rows(sql`
    select 1 from resource where kind = ${kind} and id = any(${list(sorted)}) order by kind, id for update`);
}

type Touched = {
  readonly orders: string[];
  readonly refs: { channel: string; ref: string }[];
  readonly listings: number[];
  /** Items that are confirmed anew. */
  readonly confirmed: string[];
  readonly holds: NamedHolds;
  readonly lots: readonly LotCode[];
  readonly dated: DatedRefs;
};

function touchedBy(bodies: readonly CommandBody[]): Touched {
  const orders = new Set<string>();
  const refs = new Map<string, { channel: string; ref: string }>();
  const listings = new Set<number>();
  for (const body of bodies) {
    const order = orderOf(body);
    if (order !== null) orders.add(order);
    if (body.kind === 'observed') listings.add(body.listing);
    if (body.kind !== 'order-state') continue;
    for (const { listingRef } of body.order.lines) {
      if (listingRef !== null) refs.set(`${body.channel} ${listingRef}`, { channel: body.channel, ref: listingRef });
    }
  }
  const confirmed = bodies.flatMap((body) => (body.kind === 'reconfirm' ? [body.sku] : []));
  const [holds, dated] = [holdsNamedBy(bodies), datedRefsOf(bodies)];
  const lots = [...new Set(bodies.flatMap(lotsOf))];
  return { orders: [...orders], refs: [...refs.values()], listings: [...listings], confirmed, holds, lots, dated };
}

async function skusBehind(tx: Queries, touched: Touched): Promise<string[]> {
  const rows = await tx.rows<{ sku: string }>(sql`
    select l.sku from listing l join json_to_recordset(${JSON.stringify(touched.refs)}::json) as r(channel text, ref text)
      on l.channel_id = r.channel and l.listing_ref = r.ref where l.sku is not null
    union select sku from listing where id = any(${list(touched.listings)}::bigint[]) and sku is not null
    union select sku from order_line where order_id = any(${list(touched.orders)}) and sku is not null`);
  return rows.map((row) => row.sku);
}

/** Locks the commands' orders, then their items, and loads the state they are decided on. */
export async function lockAndLoad(tx: Queries, commands: readonly Command[]): Promise<State> {
  const bodies = commands.map((command) => command.body);
  const touched = touchedBy(bodies);
  await lockResources(tx, RESOURCE.order, touched.orders);
  const named = bodies.flatMap((body) => skuOf(body) ?? []);
  const [behind, bounds] = await Promise.all([skusBehind(tx, touched), readBounds(tx)]);
  const skus = [...new Set([...named, ...behind])];
  const lock = (ids: readonly string[]) => lockResources(tx, RESOURCE.item, ids);
  if (!bounds.isFurther) await lock(skus);
  for (let before = bounds; ; ) {
    const reach: Reach = before.isFurther
      ? await lockReach(tx, { skus, orders: touched.orders, confirmed: touched.confirmed }, lock)
      : { skus, wholeOrders: [] };
    const at = { ...touched, skus: reach.skus, countedFrom: earliestCount(bodies) };
    // Asked again under the locks and the policy's: nothing may have begun to reach further meanwhile.
    const [state, now] = await Promise.all([loadInForce(tx, at), readBounds(tx)]);
    if (!now.isFurther) return state;
    if (before.isFurther && before.policyVersion === now.policyVersion) return withReach(tx, state, reach);
    before = now;
  }
}

/** Kits with what they take, and the waiting lines of whole orders, however many others wait for their items. */
async function withReach(tx: Queries, state: State, reach: Reach): Promise<State> {
  const [components, waiting] = await Promise.all([
    readComponents(tx, reach.skus),
    loadWholeOrders(tx, reach.wholeOrders),
  ]);
  const items = state.items.map((item) => {
    const parts = components.get(item.sku);
    const has = new Set(item.shorts.map((short) => `${short.id} ${short.line.lineRef}`));
    const more = (waiting.get(item.sku) ?? []).filter((short) => !has.has(`${short.id} ${short.line.lineRef}`));
    return {
      ...item,
      ...(parts === undefined ? {} : { components: parts }),
      ...(more.length === 0 ? {} : { shorts: [...item.shorts, ...more] }),
    };
  });
  return { ...state, items };
}

/**
 * Items as they stand, with all that their decision reaches, under any policy and without a lock: to decide in memory what a policy
 * would change.
 */
export async function loadToPreview(tx: Queries, skus: readonly string[], policy: Policy): Promise<State> {
  const bounds = await readBounds(tx);
  const isFurther = bounds.isFurther || policy.programs.some(({ completeness }) => completeness !== undefined);
  const asked = { skus, orders: [], programs: policy.programs };
  const reach = isFurther ? await lockReach(tx, asked, async () => undefined) : { skus, wholeOrders: [] };
  const nothing = {
    orders: [],
    refs: [],
    listings: [],
    confirmed: [],
    holds: { ids: [], refs: [] },
    lots: [],
    dated: [],
    countedFrom: null,
  };
  const state = await load(tx, { ...nothing, skus: reach.skus, isLook: true }, policy);
  return isFurther ? withReach(tx, state, reach) : state;
}

function earliestCount(bodies: readonly CommandBody[]): Instant | null {
  const moments = bodies.flatMap((body) => (body.kind === 'count' ? [body.asOf] : []));
  return moments.length === 0 ? null : Math.min(...moments);
}

const loadInForce = async (tx: Queries, at: Parameters<typeof load>[1]): Promise<State> =>
  load(tx, at, await loadPolicy(tx));

async function load(
  tx: Queries,
  at: Touched & { readonly skus: readonly string[]; readonly countedFrom: Instant | null; readonly isLook?: boolean },
  policy: Policy,
): Promise<State> {
  const [locations, channels, orders, listingRefs, items, dated] = await Promise.all([
    tx.rows<{ id: string; master: StockMaster; sells: boolean }>(
      sql`select id, master, sells from location order by id`,
    ),
    tx.rows<{ id: string; program: string }>(sql`select id, program from channel order by id`),
    loadOrders(tx, at.orders),
    tx.rows<{ channel: string; listingRef: string; listing: number }>(sql`
      select distinct on (l.channel_id, l.listing_ref) l.channel_id as channel, l.listing_ref as "listingRef", l.id as listing
      from listing l join json_to_recordset(${JSON.stringify(at.refs)}::json) as r(channel text, ref text)
        on l.channel_id = r.channel and l.listing_ref = r.ref
      where l.sku = any(${list(at.skus)})
      order by l.channel_id, l.listing_ref, l.id`),
    loadItems(tx, at, policy),
    loadDated(tx, at.skus, at.dated, at.isLook === true || hasTolerance(policy)),
  ]);
  const withOpenLines = await loadOpenLines(tx, at.confirmed);
  const dating = items.map((item) => ({ ...item, ...dated(item.sku) }));
  return { policy, locations, channels, orders, listingRefs, items: dating.map(withOpenLines) };
}

type OrderRow = {
  id: string;
  channel_id: string;
  program: string;
  placed_at: number;
  state: OrderState;
  answered_version: number | null;
  route: string | null;
};

async function loadOrders(tx: Queries, ids: readonly string[]): Promise<StoredOrder[]> {
  if (ids.length === 0) return [];
  const [orders, lines] = await Promise.all([
    tx.rows<OrderRow>(sql`
      select id, channel_id, program, placed_at, state, answered_version, route from sales_order
      where id = any(${list(ids)}) order by id`),
    tx.rows<LineRow>(
      sql`select * from order_line where order_id = any(${list(ids)}) order by order_id, line_ref collate "C"`,
    ),
  ]);
  const byOrder = Map.groupBy(lines, (line) => line.order_id);
  return orders.map((row) => ({
    id: row.id,
    channel: row.channel_id,
    program: row.program,
    placedAt: row.placed_at,
    state: row.state,
    answeredVersion: row.answered_version,
    route: row.route,
    lines: (byOrder.get(row.id) ?? []).map(lineOf),
  }));
}

type ListingRow = {
  id: number;
  channel_id: string;
  listing_ref: string;
  sku: string;
  pack: number;
  locations: string[];
  version: number | null;
  quantity: number;
  own_sold: number | null;
  own_open: number | null;
  in_flight: number;
  restock_at: number | null;
  seen_sold: number | null;
  seen_until: number | null;
  exposure: Exposure | null;
};

const listingOf = (row: ListingRow): ListingState => ({
  id: row.id,
  channel: row.channel_id,
  listingRef: row.listing_ref,
  sku: row.sku,
  pack: row.pack,
  locations: row.locations,
  ownSold: row.own_sold ?? 0,
  ownOpen: row.own_open ?? 0,
  seenSold: row.seen_sold,
  seenUntil: row.seen_until,
  target:
    row.version === null
      ? null
      : {
          version: row.version,
          quantity: row.quantity,
          ownSold: row.own_sold ?? 0,
          ownOpen: row.own_open ?? 0,
          inFlight: row.in_flight,
          restockAt: row.restock_at,
        },
  ...(row.exposure === null ? {} : { exposure: row.exposure }),
});

type ItemRow = Pick<ItemState, 'sku' | 'groups' | 'minimum' | 'safetyStock' | 'nextHoldEndsAt'> & { hasLots: boolean };

/** Items in byte order of SKU, each with all that its numbers are made of. Only items that exist are answered. */
async function loadItems(
  tx: Queries,
  at: Pick<Parameters<typeof load>[1], 'skus' | 'countedFrom' | 'holds' | 'lots'>,
  policy: Policy,
): Promise<Omit<ItemState, keyof DatedState>[]> {
  const { skus, countedFrom } = at;
  if (skus.length === 0) return [];
  const wanted = list(skus);
  const holds = await loadHolds(tx, skus, at.holds);
  const [items, balances, promises, drawn, moves, listings, shorts, recent] = await Promise.all([
    tx.rows<ItemRow>(sql`
      select sku, groups, minimum, safety_stock as "safetyStock", has_lots as "hasLots",
        (select h.expires_at from hold h where h.sku = i.sku and h.state = 'held'
          and h.id <> all(${list(holds.map(({ id }) => id))}::bigint[]) order by h.expires_at limit 1) as "nextHoldEndsAt"
      from item i where sku = any(${wanted}) order by sku collate "C"`),
    tx.rows<{ sku: string } & ItemState['balances'][number]>(sql`
      select sku, location, disposition, quantity, counted_as_of as "countedAsOf" from stock_balance
      where sku = any(${wanted}) order by sku, location, disposition`),
    tx.rows<{ sku: string } & ItemState['promises'][number]>(sql`
      select sku, location, program, pool, allocated, held from promise_balance
      where sku = any(${wanted}) and (allocated <> 0 or held <> 0)
      order by sku, location, program, pool`),
    tx.rows<{ sku: string; location: string } & Omit<ItemState['drawn'][number], 'location'>>(sql`
      select sku, program, location, consumed, taken, taken_at_fill as "takenAtFill", all_taken_at_fill as "allTakenAtFill",
        is_filled as "isFilled"
      from pool_balance where sku = any(${wanted}) order by sku, program, location`),
    tx.rows<{ sku: string } & ItemState['moves'][number]>(sql`
      select sku, id, from_pool as "from", to_pool as "to", units, until from reallocation
      where state = 'applied' and sku = any(${wanted}) order by sku, id`),
    tx.rows<ListingRow>(sql`
      select l.id, l.channel_id, l.listing_ref, l.sku, l.pack, l.locations, t.version, t.quantity, t.own_sold, t.own_open,
        t.in_flight, t.restock_at, t.seen_sold, t.seen_until, l.exposure
      from listing l left join target t on t.listing_id = l.id where l.sku = any(${wanted}) order by l.id`),
    loadShorts(tx, skus, policy),
    countedFrom === null ? [] : loadRecent(tx, skus, countedFrom),
  ]);
  const of = <T extends { sku: string }>(rows: readonly T[]) => Map.groupBy(rows, (row) => row.sku);
  const [balanceOf, promiseOf, drawnOf, movesOf, holdsOf, listingsOf, recentOf] = [
    of(balances),
    of(promises),
    of(
      drawn.map(({ sku: owner, location, ...row }) => ({
        sku: owner,
        row: location === '' ? row : { ...row, location },
      })),
    ),
    of(moves),
    of(holds),
    of(listings),
    of(recent),
  ];
  const lotsAt = await loadLots(tx, items, at.lots);
  return items.map(({ sku, groups, minimum, safetyStock, nextHoldEndsAt }) => ({
    sku,
    ...lotsAt(sku),
    groups,
    minimum,
    safetyStock,
    balances: balanceOf.get(sku) ?? [],
    promises: promiseOf.get(sku) ?? [],
    holds: holdsOf.get(sku) ?? [],
    nextHoldEndsAt,
    drawn: (drawnOf.get(sku) ?? []).map(({ row }) => row),
    moves: (movesOf.get(sku) ?? []).map(({ id, from, to, units, until }) => ({ id, from, to, units, until })),
    listings: (listingsOf.get(sku) ?? []).map(listingOf),
    ...firstOf(shorts.get(sku) ?? [], policy),
    recentEntries: recentOf.get(sku) ?? [],
  }));
}

async function loadRecent(tx: Queries, skus: readonly string[], countedFrom: Instant) {
  const rows = await tx.rows<
    { sku: string; lot: LotCode | null } & Omit<ItemState['recentEntries'][number], 'lot'>
  >(sql`
    select sku, location, disposition, delta, occurred_at as "occurredAt", lot from stock_entry
    where sku = any(${list(skus)}) and occurred_at > to_timestamp(${countedFrom} / 1000.0) order by id`);
  return rows.map(({ lot, ...entry }) => (lot === null ? entry : { ...entry, lot }));
}
