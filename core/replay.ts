/**
 * Replay: plays the facts of a batch onto the state they were decided from, as db/facts.ts plays them onto the tables.
 *
 * Guarantees: pure; a balance changes by the sum of its entries and by nothing else; the state answered is one that `decide` can
 * go on from. Works on a whole state and on the part that one batch touches alike: an order that the state does not hold is left
 * to its keeper, but its short lines are kept with their item. Leaves out what decide never reads: reviews, deficits, outcomes.
 */
import { drawnAfter, rowKey } from './drawn.ts';
import { assert } from './errors.ts';
import type { Hold, OrderLine, Sku } from './model.ts';
import { applyLots } from './replay-lots.ts';
import type { Facts, ItemState, ListingState, ShortLine, State, StoredOrder } from './state.ts';

type BySku<T> = ReadonlyMap<Sku, readonly T[]>;

/** The facts by item, so that a batch costs what it touches. */
type Sorted = {
  readonly stock: BySku<Facts['stock'][number]>;
  readonly promises: BySku<Facts['promises'][number]>;
  readonly counted: BySku<Facts['counted'][number]>;
  readonly holds: BySku<Facts['holds'][number]>;
  readonly moves: BySku<Facts['moves'][number]>;
  readonly supply: BySku<Facts['supply'][number]>;
  readonly demand: BySku<Facts['demand'][number]>;
  readonly lines: BySku<Omit<ShortLine, 'placedAt' | 'channel' | 'program'> & { readonly order: StoredOrder | null }>;
  readonly listings: ReadonlyMap<number, Facts['listings'][number]>;
  readonly targets: ReadonlyMap<number, Facts['targets'][number]>;
};

const skuOf = (line: OrderLine): Sku => line.sku ?? '';

function sortFacts(facts: Facts): Sorted {
  const lines = [
    ...facts.orders.flatMap((order) => order.lines.map((line) => ({ id: order.id, line, order }))),
    ...facts.filledLines.map(({ orderId, line }) => ({ id: orderId, line, order: null })),
  ];
  return {
    stock: Map.groupBy(facts.stock, (entry) => entry.sku),
    promises: Map.groupBy(facts.promises, (entry) => entry.sku),
    counted: Map.groupBy(facts.counted, (count) => count.sku),
    holds: Map.groupBy(facts.holds, (hold) => hold.sku),
    moves: Map.groupBy(facts.moves, (move) => move.sku),
    supply: Map.groupBy(facts.supply, (row) => row.sku),
    demand: Map.groupBy(facts.demand, (row) => row.sku),
    lines: Map.groupBy(lines, ({ line }) => skuOf(line)),
    listings: new Map(facts.listings.map((row) => [row.listing, row])),
    targets: new Map(facts.targets.map((row) => [row.listing, row])),
  };
}

/** Rows by key; what is not there yet starts from `fresh`. */
function change<T>(rows: Map<string, T>, key: string, fresh: T, apply: (row: T) => T): void {
  rows.set(key, apply(rows.get(key) ?? fresh));
}

function applyStock(item: ItemState, sorted: Sorted): Pick<ItemState, 'balances' | 'recentEntries'> {
  const entries = sorted.stock.get(item.sku) ?? [];
  const counts = sorted.counted.get(item.sku) ?? [];
  if (entries.length + counts.length === 0) return { balances: item.balances, recentEntries: item.recentEntries };
  const keyOf = (row: { location: string; disposition: string }): string => `${row.location} ${row.disposition}`;
  const balances = new Map(item.balances.map((row) => [keyOf(row), row]));
  for (const entry of entries) {
    const { location, disposition, delta } = entry;
    const fresh = { location, disposition, quantity: 0, countedAsOf: null };
    change(balances, keyOf(entry), fresh, (row) => ({ ...row, quantity: row.quantity + delta }));
  }
  for (const count of counts) {
    const { location, disposition, asOf, lot } = count;
    if (lot !== undefined) continue;
    const fresh = { location, disposition, quantity: 0, countedAsOf: null };
    change(balances, keyOf(count), fresh, (row) => ({ ...row, countedAsOf: Math.max(asOf, row.countedAsOf ?? asOf) }));
  }
  const kept = entries.map(({ location, disposition, delta, occurredAt, lot }) => ({
    location,
    disposition,
    delta,
    occurredAt,
    ...(lot === undefined ? {} : { lot }),
  }));
  return { balances: [...balances.values()], recentEntries: [...item.recentEntries, ...kept] };
}

function lotsAfter(item: ItemState, facts: Facts): Pick<ItemState, 'lots'> {
  if (item.lots === undefined && facts.lots.length === 0) return {};
  const lots = applyLots(item.lots, item.sku, facts);
  return lots === undefined ? {} : { lots };
}

function applyPromises(item: ItemState, sorted: Sorted): Pick<ItemState, 'promises' | 'drawn'> {
  const entries = sorted.promises.get(item.sku) ?? [];
  if (entries.length === 0) return { promises: item.promises, drawn: item.drawn };
  const promises = new Map(item.promises.map((row) => [`${row.location} ${row.program} ${row.pool}`, row]));
  let { drawn } = item;
  for (const entry of entries) {
    const { location, program, pool } = entry;
    const fresh = { location, program, pool, allocated: 0, held: 0 };
    change(promises, `${location} ${program} ${pool}`, fresh, (row) => ({
      ...row,
      allocated: row.allocated + entry.delta,
      held: row.held + entry.held,
    }));
    drawn = drawnAfter(drawn, entry);
  }
  return {
    promises: [...promises.values()],
    drawn: drawn.toSorted((a, b) => (rowKey(a) < rowKey(b) ? -1 : 1)),
  };
}

function applyHolds(item: ItemState, sorted: Sorted): readonly Hold[] {
  const changed = sorted.holds.get(item.sku) ?? [];
  if (changed.length === 0) return item.holds;
  return [...new Map([...item.holds, ...changed].map((hold) => [hold.id, hold])).values()];
}

function applyMoves(item: ItemState, sorted: Sorted): ItemState['moves'] {
  const changed = sorted.moves.get(item.sku) ?? [];
  if (changed.length === 0) return item.moves;
  const moves = new Map(item.moves.map((move) => [move.id, move]));
  for (const { kind, id, from, to, units, until } of changed) {
    if (kind === 'applied') moves.set(id, { id, from, to, units, until });
    else moves.delete(id);
  }
  return [...moves.values()];
}

function applyListing(listing: ListingState, sorted: Sorted): ListingState {
  const sales = sorted.listings.get(listing.id);
  if (sales === undefined) return listing;
  const { ownSold, ownOpen, seenSold, seenUntil } = sales;
  const target = sorted.targets.get(listing.id);
  if (target === undefined) return { ...listing, ownSold, ownOpen, seenSold, seenUntil };
  const { version, quantity, inFlight, restockAt } = target;
  const after = { version, quantity, ownSold: target.ownSold, ownOpen: target.ownOpen, inFlight, restockAt };
  return { ...listing, ownSold, ownOpen, seenSold, seenUntil, target: after };
}

const shortKey = (id: string, lineRef: string): string => `${id} ${lineRef}`;

/** Lines that wait: those of before, as the facts changed them, and those that came. */
function applyShorts(item: ItemState, sorted: Sorted, orders: readonly StoredOrder[]): readonly ShortLine[] {
  const changed = sorted.lines.get(item.sku) ?? [];
  if (changed.length === 0) return item.shorts;
  const shorts = new Map(item.shorts.map((short) => [shortKey(short.id, short.line.lineRef), short]));
  // A line that did not wait may wait now: a re-confirmation took units from it.
  const headOf = (id: string) => item.openLines?.find((one) => one.id === id) ?? orders.find((one) => one.id === id);
  for (const { id, line, order } of changed) {
    const key = shortKey(id, line.lineRef);
    const head = order ?? shorts.get(key) ?? headOf(id);
    assert(head !== undefined, `a filled line names order ${id}, which does not wait for ${item.sku}`);
    const { channel, program, placedAt } = head;
    const fillRule = 'state' in head ? head.state.fillRule : head.fillRule;
    const told = fillRule === undefined ? {} : { fillRule };
    if (line.short > 0) shorts.set(key, { id, channel, program, placedAt, ...told, line });
    else shorts.delete(key);
  }
  return [...shorts.values()];
}

/** What lines that the facts changed were short before: from their order where the state holds it, else from those that wait. */
function applyShortOf(item: ItemState, sorted: Sorted, orders: ReadonlyMap<string, StoredOrder>): ItemState['shortOf'] {
  const changed = sorted.lines.get(item.sku) ?? [];
  if (changed.length === 0) return item.shortOf;
  const known = [...(item.openLines ?? []), ...item.shorts];
  const waiting = new Map(known.map((short) => [shortKey(short.id, short.line.lineRef), short]));
  const shortOf = new Map(item.shortOf.map((row) => [row.program, row]));
  for (const { id, line, order } of changed) {
    const before = waiting.get(shortKey(id, line.lineRef));
    const kept = orders.get(id);
    const stored = kept?.lines.find((each) => each.lineRef === line.lineRef);
    const program = order?.program ?? before?.program ?? kept?.program;
    const difference = line.short - (stored?.short ?? before?.line.short ?? 0);
    if (program === undefined || difference === 0) continue;
    change(shortOf, program, { program, quantity: 0 }, (row) => ({ ...row, quantity: row.quantity + difference }));
  }
  return [...shortOf.values()].filter((row) => row.quantity !== 0);
}

function replaceRows<Row extends { readonly ref: string }>(
  rows: readonly Row[],
  changed: readonly { readonly row: Row }[] | undefined,
): readonly Row[] {
  if (changed === undefined) return rows;
  const byRef = new Map(rows.map((row) => [row.ref, row]));
  for (const { row } of changed) byRef.set(row.ref, row);
  return [...byRef.values()];
}

function applyOrders(orders: readonly StoredOrder[], facts: Facts): readonly StoredOrder[] {
  if (facts.orders.length + facts.filledLines.length === 0) return orders;
  const byId = new Map(orders.map((order) => [order.id, order]));
  for (const order of facts.orders) byId.set(order.id, order);
  for (const { orderId, line } of facts.filledLines) {
    const order = byId.get(orderId);
    if (order === undefined) continue;
    byId.set(orderId, { ...order, lines: order.lines.map((one) => (one.lineRef === line.lineRef ? line : one)) });
  }
  return [...byId.values()];
}

/** `facts` must have been decided from `state`. `recentEntries` grows by every stock entry; who never counts may drop them. */
export function applyFacts(state: State, facts: Facts): State {
  const sorted = sortFacts(facts);
  const isOrdered = facts.orders.length + facts.filledLines.length > 0;
  const orders = new Map(isOrdered ? state.orders.map((order) => [order.id, order]) : []);
  const items = state.items.map(({ openLines, ...item }) => ({
    ...item,
    ...applyStock(item, sorted),
    ...lotsAfter(item, facts),
    ...applyPromises(item, sorted),
    holds: applyHolds(item, sorted),
    moves: applyMoves(item, sorted),
    listings: item.listings.map((listing) => applyListing(listing, sorted)),
    shorts: applyShorts(openLines === undefined ? item : { ...item, openLines }, sorted, state.orders),
    supply: replaceRows(item.supply, sorted.supply.get(item.sku)),
    demand: replaceRows(item.demand, sorted.demand.get(item.sku)),
    shortOf: applyShortOf(openLines === undefined ? item : { ...item, openLines }, sorted, orders),
  }));
  return { ...state, items, orders: applyOrders(state.orders, facts) };
}
