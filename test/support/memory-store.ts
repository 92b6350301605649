/**
 * The in-memory twin of db/: `loadFor` reads what a batch touches as db/state.ts does, `applyFacts` writes as db/facts.ts does.
 *
 * Guarantees: balances change by the sum of the entries and by nothing else, so a decision that disagrees with its own entries
 * is seen; `recentEntries` of the kept state is the whole stock ledger. Also the oracle of replay: facts alone rebuild the state.
 */
import { type Command, lotsOf, orderOf, skuOf } from '#core/command.ts';
import type { decide as Decide } from '#core/decide.ts';
import { rowKey } from '#core/drawn.ts';
import type { Disposition, Hold, Instant, LotCode, OrderId, OrderLine, Sku } from '#core/model.ts';
import type { Facts, ItemState, LotBalance, ShortLine, State, StoredOrder } from '#core/state.ts';

function addTo<T>(rows: readonly T[], isRow: (row: T) => boolean, change: (row: T) => T, fresh: T): T[] {
  return rows.some(isRow) ? rows.map((row) => (isRow(row) ? change(row) : row)) : [...rows, change(fresh)];
}

function applyStock(item: ItemState, facts: Facts): ItemState {
  let balances = item.balances;
  const entries = facts.stock.filter((entry) => entry.sku === item.sku);
  for (const { location, disposition, delta } of entries) {
    balances = addTo(
      balances,
      (row) => row.location === location && row.disposition === disposition,
      (row) => ({ ...row, quantity: row.quantity + delta }),
      { location, disposition, quantity: 0, countedAsOf: null },
    );
  }
  for (const { sku, location, disposition, asOf, lot } of facts.counted) {
    if (sku !== item.sku || lot !== undefined) continue;
    balances = addTo(
      balances,
      (row) => row.location === location && row.disposition === disposition,
      (row) => ({ ...row, countedAsOf: Math.max(asOf, row.countedAsOf ?? asOf) }),
      { location, disposition, quantity: 0, countedAsOf: null },
    );
  }
  const kept = entries.map(({ location, disposition, delta, occurredAt, lot }) => ({
    location,
    disposition,
    delta,
    occurredAt,
    ...(lot === undefined ? {} : { lot }),
  }));
  return { ...item, balances, recentEntries: [...item.recentEntries, ...kept] };
}

function applyPromises(item: ItemState, facts: Facts): ItemState {
  let { promises } = item;
  for (const entry of facts.promises) {
    if (entry.sku !== item.sku) continue;
    const { location, program, pool } = entry;
    promises = addTo(
      promises,
      (row) => row.location === location && row.program === program && row.pool === pool,
      (row) => ({ ...row, allocated: row.allocated + entry.delta, held: row.held + entry.held }),
      { location, program, pool, allocated: 0, held: 0 },
    );
  }
  // Whole rows, as db/facts.ts writes them; replay adds them up from the entries.
  const rows = facts.drawn.flatMap(({ sku, ...row }) => (sku === item.sku ? [row] : []));
  const kept = item.drawn.filter((row) => !rows.some((other) => rowKey(other) === rowKey(row)));
  return { ...item, promises, drawn: [...kept, ...rows].sort((a, b) => (rowKey(a) < rowKey(b) ? -1 : 1)) };
}

/** As db/lots.ts adds entries to rows of lots. */
function applyLots(item: ItemState, facts: Facts): ItemState {
  const made = facts.lots.flatMap(({ sku, ...lot }) => (sku === item.sku ? [lot] : []));
  if (item.lots === undefined && made.length === 0) return item;
  let { lots, balances } = item.lots ?? { lots: [], balances: [] };
  for (const lot of made)
    lots = addTo(
      lots,
      ({ code }) => code === lot.code,
      () => lot,
      lot,
    );
  const add = (
    at: { lot?: LotCode; location: string; disposition: Disposition },
    change: Partial<LotBalance>,
  ): void => {
    const { lot, location, disposition } = at;
    if (lot === undefined) return;
    balances = addTo(
      balances,
      (row) => row.lot === lot && row.location === location && row.disposition === disposition,
      (row) => ({
        ...row,
        quantity: row.quantity + (change.quantity ?? 0),
        allocated: row.allocated + (change.allocated ?? 0),
        held: row.held + (change.held ?? 0),
        countedAsOf:
          change.countedAsOf === undefined ? row.countedAsOf : Math.max(change.countedAsOf ?? 0, row.countedAsOf ?? 0),
      }),
      { lot, location, disposition, quantity: 0, allocated: 0, held: 0, countedAsOf: null },
    );
  };
  for (const entry of facts.stock) if (entry.sku === item.sku) add(entry, { quantity: entry.delta });
  for (const entry of facts.promises)
    if (entry.sku === item.sku)
      add({ ...entry, disposition: 'sellable' }, { allocated: entry.delta, held: entry.held });
  for (const count of facts.counted) if (count.sku === item.sku) add(count, { countedAsOf: count.asOf });
  return { ...item, lots: { lots, balances } };
}

function applyMoves(item: ItemState, facts: Facts): ItemState {
  let moves = item.moves;
  for (const { sku, kind, id, from, to, units, until } of facts.moves) {
    if (sku !== item.sku) continue;
    moves = moves.filter((move) => move.id !== id);
    if (kind === 'applied') moves = [...moves, { id, from, to, units, until }];
  }
  return { ...item, moves };
}

function applyListings(item: ItemState, facts: Facts): ItemState {
  const listings = item.listings.map((listing) => {
    const sales = facts.listings.find((row) => row.listing === listing.id);
    const target = facts.targets.find((row) => row.listing === listing.id);
    if (sales === undefined) return listing;
    const { ownSold, ownOpen, seenSold, seenUntil } = sales;
    const moved = { ...listing, ownSold, ownOpen, seenSold, seenUntil };
    if (target === undefined) return moved;
    const { version, quantity, inFlight, restockAt } = target;
    const { ownSold: sold, ownOpen: open } = target;
    return { ...moved, target: { version, quantity, ownSold: sold, ownOpen: open, inFlight, restockAt } };
  });
  return { ...item, listings };
}

function applyOrders(orders: readonly StoredOrder[], facts: Facts): StoredOrder[] {
  const byId = new Map(orders.map((order) => [order.id, order]));
  for (const order of facts.orders) byId.set(order.id, order);
  for (const { orderId, line } of facts.filledLines) {
    const order = byId.get(orderId);
    if (order === undefined) throw new Error(`a filled line names order ${orderId}, which is not stored`);
    byId.set(orderId, { ...order, lines: order.lines.map((l) => (l.lineRef === line.lineRef ? line : l)) });
  }
  return [...byId.values()];
}

const shortsOf = (orders: readonly StoredOrder[], sku: Sku): ShortLine[] =>
  orders.flatMap(({ id, channel, program, placedAt, lines, state: { fillRule } }) => {
    const head = { id, channel, program, placedAt, ...(fillRule === undefined ? {} : { fillRule }) };
    return lines.flatMap((line) => (line.sku === sku && line.short > 0 ? [{ ...head, line }] : []));
  });

/** Lines with all that they may draw from. */
const skusOf = (lines: readonly OrderLine[], items: ReadonlyMap<Sku, ItemState>): Sku[] =>
  lines.flatMap(({ sku, components = [] }) =>
    sku === null ? [] : [sku, ...[...components, ...(items.get(sku)?.components ?? [])].map((part) => part.sku)],
  );

const shortOf = (shorts: readonly ShortLine[]): ItemState['shortOf'] => {
  let rows: ItemState['shortOf'] = [];
  for (const { program, line } of shorts) {
    rows = addTo(
      rows,
      (row) => row.program === program,
      (row) => ({ ...row, quantity: row.quantity + line.short }),
      { program, quantity: 0 },
    );
  }
  return rows;
};

function applyDated<Row extends { readonly ref: string }>(
  rows: readonly Row[],
  changed: readonly { readonly sku: Sku; readonly row: Row }[],
  sku: Sku,
): Row[] {
  return changed
    .filter((each) => each.sku === sku)
    .reduce(
      (all, { row }) =>
        addTo(
          all,
          ({ ref }) => ref === row.ref,
          () => row,
          row,
        ),
      [...rows],
    );
}

const wholePrograms = ({ programs }: State['policy']): Set<string> =>
  new Set(programs.filter((p) => /shipComplete|fillOrKill/.test(p.completeness ?? '')).map((p) => p.id));

/** Open lines that take an item, by themselves or in sets as they are or would be now; then the others of all-or-nothing orders among them. */
function openLinesOf({ orders, items, policy }: State, sku: Sku): ShortLine[] {
  const partsOf = new Map(items.map((item) => [item.sku, item.components ?? []]));
  const takes = (line: OrderLine): boolean =>
    line.sku === sku ||
    [...(line.components ?? []), ...(partsOf.get(line.sku ?? '') ?? [])].some((part) => part.sku === sku);
  const whole = wholePrograms(policy);
  return orders.flatMap(({ id, channel, program, placedAt, lines, state: { fillRule } }) => {
    const head = { id, channel, program, placedAt, ...(fillRule === undefined ? {} : { fillRule }) };
    const open = lines.filter((line) => line.sku !== null && allocatedOf(line) + line.short > 0);
    const taking = open.filter(takes);
    return (taking.length > 0 && whole.has(program) ? open : taking).map((line) => ({ ...head, line }));
  });
}

function applyHolds(item: ItemState, facts: Facts): ItemState {
  let { holds } = item;
  for (const hold of facts.holds) {
    if (hold.sku !== item.sku) continue;
    holds = addTo(
      holds,
      (row) => row.id === hold.id,
      () => hold,
      hold,
    );
  }
  return { ...item, holds };
}

/** As db/reach.ts: what waits for what is touched, with all that it waits for; then every kit whose number may move, with its parts. */
function reachOf(state: State, touched: ReadonlySet<Sku>, confirmed: ReadonlySet<Sku>): Set<Sku> {
  const items = new Map(state.items.map((item) => [item.sku, item]));
  const partsOf = (sku: Sku): Sku[] => (items.get(sku)?.components ?? []).map((part) => part.sku);
  const written = new Set([...touched].flatMap((sku) => [sku, ...partsOf(sku)]));
  const whole = wholePrograms(state.policy);
  const found = [
    ...written,
    ...[...confirmed].flatMap((sku) =>
      skusOf(
        openLinesOf(state, sku).map(({ line }) => line),
        items,
      ),
    ),
  ];
  for (const order of state.orders) {
    const waiting = order.lines.filter((line) => line.short > 0);
    const forThese = waiting.filter((line) => skusOf([line], items).some((sku) => written.has(sku)));
    if (forThese.length > 0) found.push(...skusOf(whole.has(order.program) ? waiting : forThese, items));
  }
  const reach = new Set(found);
  for (const kit of state.items) {
    if (partsOf(kit.sku).some((sku) => found.includes(sku)))
      for (const sku of [kit.sku, ...partsOf(kit.sku)]) reach.add(sku);
  }
  return reach;
}

export function applyFacts(state: State, facts: Facts): State {
  const orders = applyOrders(state.orders, facts);
  const items = state.items.map((before) => {
    const promised = applyMoves(applyLots(applyPromises(applyStock(before, facts), facts), facts), facts);
    const item = applyHolds(applyListings(promised, facts), facts);
    const shorts = shortsOf(orders, item.sku);
    return {
      ...item,
      shorts,
      supply: applyDated(item.supply, facts.supply, item.sku),
      demand: applyDated(item.demand, facts.demand, item.sku),
      shortOf: shortOf(shorts),
    };
  });
  return { ...state, items, orders };
}

/** The holds that the commands name, by id or by ref; of the others only when the first ends. */
function holdsFor({ holds }: ItemState, commands: readonly Command[]): Pick<ItemState, 'holds' | 'nextHoldEndsAt'> {
  const isNamed = ({ id, sku, ref }: Hold): boolean =>
    commands.some(({ body }) => {
      if (body.kind === 'order-state') return body.holds?.some(({ hold }) => hold === id) === true;
      if (body.kind === 'hold') return body.sku === sku && ref !== null && body.ref === ref;
      return (body.kind === 'release-hold' || body.kind === 'extend-hold') && body.hold === id;
    });
  const ends = holds.filter((hold) => hold.state === 'held' && !isNamed(hold)).map((hold) => hold.expiresAt);
  return { holds: holds.filter(isNamed), nextHoldEndsAt: ends.length === 0 ? null : Math.min(...ends) };
}

/** Lots of which anything is there or promised, and those that the commands name. */
function lotsFor({ lots }: ItemState, commands: readonly Command[]): Pick<ItemState, 'lots'> {
  if (lots === undefined) return {};
  const named = new Set(commands.flatMap(({ body }) => lotsOf(body)));
  const stands = ({ lot, quantity, allocated, held }: LotBalance): boolean =>
    named.has(lot) || quantity !== 0 || allocated !== 0 || held !== 0;
  const balances = lots.balances.filter(stands);
  const codes = new Set(balances.map(({ lot }) => lot));
  return { lots: { lots: lots.lots.filter(({ code }) => codes.has(code) || named.has(code)), balances } };
}

/** What db/state.ts would load for these commands: their orders, the items behind them, and nothing else. */
export function loadFor(state: State, commands: readonly Command[]): State {
  const orderIds = new Set<OrderId>();
  const skus = new Set<Sku>();
  const skuOfListing = new Map(state.items.flatMap((item) => item.listings.map((l) => [l.id, item.sku] as const)));
  const refs = new Map(state.listingRefs.map((ref) => [`${ref.channel} ${ref.listingRef}`, ref.listing]));
  const addListing = (id: number | undefined): void => {
    const sku = id === undefined ? undefined : skuOfListing.get(id);
    if (sku !== undefined) skus.add(sku);
  };
  for (const { body } of commands) {
    const order = orderOf(body);
    if (order !== null) orderIds.add(order);
    const sku = skuOf(body);
    if (sku !== null) skus.add(sku);
    if (body.kind === 'observed') addListing(body.listing);
    if (body.kind !== 'order-state') continue;
    for (const line of body.order.lines) addListing(refs.get(`${body.channel} ${line.listingRef}`));
  }
  const orders = state.orders.filter((order) => orderIds.has(order.id));
  const known = new Map(state.items.map((item) => [item.sku, item]));
  for (const order of orders) for (const sku of skusOf(order.lines, known)) skus.add(sku);
  const confirmed = new Set(commands.flatMap(({ body }) => (body.kind === 'reconfirm' ? [body.sku] : [])));
  const reach = reachOf(state, skus, confirmed);
  const hasCount = commands.some(({ body }) => body.kind === 'count');
  const items = state.items
    .filter((item) => reach.has(item.sku))
    .map((item) => ({ ...item, ...holdsFor(item, commands), ...lotsFor(item, commands) }))
    .map((item) => ({ ...item, ...(hasCount ? {} : { recentEntries: [] }) }))
    .map((item) => (confirmed.has(item.sku) ? { ...item, openLines: openLinesOf(state, item.sku) } : item));
  return { ...state, orders, items };
}

export type Batch = { readonly commands: readonly Command[]; readonly now: Instant };

/** Decides one batch on what it touches and stores the facts. */
export function take(
  decide: typeof Decide,
  state: State,
  batch: Batch,
): { readonly state: State; readonly facts: Facts } {
  const facts = decide(loadFor(state, batch.commands), batch.commands, batch.now);
  return { state: applyFacts(state, facts), facts };
}

export const takeAll = (decide: typeof Decide, state: State, batches: readonly Batch[]): State =>
  batches.reduce((before, batch) => take(decide, before, batch).state, state);

/** Base units; of a kit, sets as its scarcest component says. */
export function allocatedOf(line: OrderLine): number {
  const unitsOf = (parts: OrderLine['allocations']): number => parts.reduce((sum, part) => sum + part.quantity, 0);
  if (line.components === undefined) return unitsOf(line.allocations);
  return Math.min(
    ...line.components.map(
      ({ sku, quantity }) => unitsOf(line.allocations.filter((part) => part.sku === sku)) / quantity,
    ),
  );
}

/** Freezes a value and all it holds, so that a change of it throws. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}
