/**
 * The working books of one batch: mutable copies of what was loaded, and the only functions that write entries to them. Every
 * change of a balance goes through `post*`, so that balances and ledger entries cannot part (I2).
 */
import { assert } from './errors.ts';
import { freeByLot } from './lot-free.ts';
import { changeLot, copyLots, type LotBook, lotAt, openLots } from './lot-book.ts';
import type {
  Component,
  DatedDemand,
  DatedSupply,
  Disposition,
  Hold,
  HoldId,
  Instant,
  LocationId,
  Move,
  OrderId,
  OrderLine,
  Policy,
  Program,
  ProgramId,
  Sku,
  StockMaster,
} from './model.ts';
import { type Drawn, type FreeByLocation, filled, NOTHING_DRAWN, type Pools, poolsOf, unfilledPools } from './pools.ts';
import { rulesOf } from './rules.ts';
import type {
  Facts,
  ItemState,
  ListingState,
  PromiseEntry,
  ShortLine,
  State,
  StockEntry,
  StoredOrder,
} from './state.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export type ListingBook = Mutable<ListingState>;

export type ItemBook = {
  readonly sku: Sku;
  /** What one set of a kit takes; null for an item that is stocked itself. */
  readonly components: readonly Component[] | null;
  readonly groups: readonly string[];
  readonly minimum: number | null;
  readonly safetyStock: number | null;
  /** Key: location and disposition. */
  readonly onHand: Map<
    string,
    {
      readonly location: LocationId;
      readonly disposition: Disposition;
      readonly quantity: number;
      readonly countedAsOf: Instant | null;
    }
  >;
  /** Null while it never had a lot. */
  lots: LotBook | null;
  readonly allocatedAt: Map<LocationId, number>;
  readonly heldAt: Map<LocationId, number>;
  readonly holds: Map<HoldId, Hold>;
  readonly holdByRef: Map<string, HoldId>;
  readonly nextHoldEndsAt: Instant | null;
  /** Programs whose waiting lines come before all others when this command's free units are handed out. */
  readonly servedFirst: Set<ProgramId>;
  readonly drawn: Map<string, Drawn>;
  /** As the batch found it. */
  readonly loaded: ItemState;
  /** Reallocations in force. */
  readonly moves: Move[];
  readonly listings: readonly ListingBook[];
  /** Key: order id and line. */
  readonly shorts: Map<string, ShortLine>;
  readonly moreShorts: boolean;
  readonly openLines: readonly ShortLine[] | undefined;
  readonly recentEntries: ItemState['recentEntries'][number][];
  /** Key: ref. */
  readonly supply: Map<string, DatedSupply>;
  readonly demand: Map<string, DatedDemand>;
  /** Refs of dated rows that the batch changed. */
  readonly changedSupply: Set<string>;
  readonly changedDemand: Set<string>;
  /** Units short per program, over all lines that wait, loaded or not. */
  readonly shortOf: Map<string, number>;
  /** Pools that are filled for the first time with the first decision on the item, and what was drawn of them before. */
  readonly firstFills: { readonly program: ProgramId; readonly consumed: number }[];
  /** The command that last changed it. */
  touchedBy: number | null;
  /** True once a line that waited got all it wanted. */
  hasFilled: boolean;
};

export type Books = {
  readonly policy: Policy;
  /** The moment that the batch is decided at. */
  readonly now: Instant;
  readonly programs: ReadonlyMap<string, Program>;
  /** Where orders may be filled from, each with the key of what is sellable there. */
  readonly sellingPlaces: readonly { readonly location: LocationId; readonly key: string }[];
  /** Who says how much there is at each known place. */
  readonly masterOf: ReadonlyMap<LocationId, StockMaster>;
  readonly programOf: ReadonlyMap<string, string>;
  readonly items: Map<Sku, ItemBook>;
  /** By item: the kits that it is part of, now or for a line that waits. */
  readonly kitsWith: ReadonlyMap<Sku, readonly ItemBook[]>;
  /** Items that the command at hand changed. */
  readonly touched: Set<ItemBook>;
  readonly listings: Map<number, { listing: ListingBook; item: ItemBook }>;
  /** By channel, then by the listing's reference there. */
  readonly listingByRef: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly orders: Map<OrderId, StoredOrder>;
  readonly changedOrders: Set<OrderId>;
  readonly filled: Map<string, { orderId: OrderId; line: OrderLine }>;
  readonly counted: Facts['counted'][number][];
  readonly changedHolds: Map<HoldId, Hold>;
  readonly stock: StockEntry[];
  readonly promises: PromiseEntry[];
  readonly moves: Facts['moves'][number][];
};

export const stockKey = (location: LocationId, disposition: Disposition): string => `${location} ${disposition}`;
export const lineKey = (orderId: OrderId, lineRef: string): string => `${orderId} ${lineRef}`;

/** Rows by key, without a pair for each: the books of a batch are opened a thousand times a second. */
function byKey<T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T> {
  const map = new Map<string, T>();
  for (const row of rows) map.set(keyOf(row), row);
  return map;
}

function openItem(state: ItemState): ItemBook {
  const holdByRef = new Map<string, HoldId>();
  for (const { ref, id } of state.holds) if (ref !== null) holdByRef.set(ref, id);
  const allocatedAt = new Map<LocationId, number>();
  const heldAt = new Map<LocationId, number>();
  for (const p of state.promises) {
    allocatedAt.set(p.location, (allocatedAt.get(p.location) ?? 0) + p.allocated);
    heldAt.set(p.location, (heldAt.get(p.location) ?? 0) + p.held);
  }
  return {
    sku: state.sku,
    components: state.components ?? null,
    groups: state.groups,
    minimum: state.minimum,
    safetyStock: state.safetyStock,
    onHand: byKey(state.balances, (b) => stockKey(b.location, b.disposition)),
    lots: openLots(state.lots),
    allocatedAt,
    heldAt,
    holds: new Map(state.holds.map((hold) => [hold.id, hold])),
    holdByRef,
    nextHoldEndsAt: state.nextHoldEndsAt,
    servedFirst: new Set(),
    drawn: byKey<Drawn & { readonly program: string }>(state.drawn, (d) => d.program),
    loaded: state,
    moves: [...state.moves],
    listings: state.listings.map((listing) => ({ ...listing })),
    shorts: byKey(state.shorts, (s) => lineKey(s.id, s.line.lineRef)),
    moreShorts: state.moreShorts,
    openLines: state.openLines,
    recentEntries: [...state.recentEntries],
    supply: new Map(state.supply.map((row) => [row.ref, row])),
    demand: new Map(state.demand.map((row) => [row.ref, row])),
    changedSupply: new Set(),
    changedDemand: new Set(),
    shortOf: new Map(state.shortOf.map((row) => [row.program, row.quantity])),
    firstFills: [],
    touchedBy: null,
    hasFilled: false,
  };
}

function kitsByPart(items: Iterable<ItemBook>): Map<Sku, ItemBook[]> {
  const kits = new Map<Sku, ItemBook[]>();
  for (const item of items) {
    if (item.components === null && item.shorts.size === 0) continue;
    const waiting = [...item.shorts.values()].flatMap(({ line }) => line.components ?? []);
    if (item.components === null && waiting.length === 0) continue;
    for (const sku of new Set([...(item.components ?? []), ...waiting].map((part) => part.sku))) {
      kits.set(sku, [...(kits.get(sku) ?? []), item]);
    }
  }
  return kits;
}

export function openBooks(state: State, now: Instant): Books {
  const items = new Map<Sku, ItemBook>();
  for (const item of state.items) {
    const book = openItem(item);
    for (const program of item.components === undefined ? unfilledPools(state.policy, book, now) : []) {
      book.firstFills.push({ program, consumed: book.drawn.get(program)?.consumed ?? 0 });
    }
    const before = new Map(book.drawn);
    for (const { program } of book.firstFills) book.drawn.set(program, filled(before, program));
    items.set(item.sku, book);
  }
  const listings = new Map<number, { listing: ListingBook; item: ItemBook }>();
  for (const item of items.values()) for (const listing of item.listings) listings.set(listing.id, { listing, item });
  const listingByRef = new Map<string, Map<string, number>>();
  for (const { channel, listingRef, listing } of state.listingRefs) {
    const refs = listingByRef.get(channel);
    if (refs === undefined) listingByRef.set(channel, new Map([[listingRef, listing]]));
    else refs.set(listingRef, listing);
  }
  return {
    policy: state.policy,
    now,
    programs: rulesOf(state.policy).programs,
    sellingPlaces: state.locations.flatMap(({ id, sells }) =>
      sells ? [{ location: id, key: stockKey(id, 'sellable') }] : [],
    ),
    masterOf: new Map(state.locations.map((location) => [location.id, location.master])),
    programOf: new Map(state.channels.map((channel) => [channel.id, channel.program])),
    items,
    kitsWith: kitsByPart(items.values()),
    touched: new Set(),
    listings,
    listingByRef,
    orders: byKey(state.orders, (order) => order.id),
    changedOrders: new Set(),
    filled: new Map(),
    counted: [],
    changedHolds: new Map(),
    stock: [],
    promises: [],
    moves: [],
  };
}

/** Free units of an item per place that sells: sellable less allocated less held, and less what is expired. */
export function freeOf(books: Books, item: ItemBook): FreeByLocation {
  if (item.lots !== null) {
    const places = books.sellingPlaces.map(({ location, key }) => {
      const promised = (item.allocatedAt.get(location) ?? 0) + (item.heldAt.get(location) ?? 0);
      return { location, total: { onHand: item.onHand.get(key)?.quantity ?? 0, promised } };
    });
    return freeByLot(item.lots, places, books.policy, books.now);
  }
  const free = new Map<LocationId, number>();
  for (const { location, key } of books.sellingPlaces) {
    const sellable = item.onHand.get(key)?.quantity ?? 0;
    free.set(location, sellable - (item.allocatedAt.get(location) ?? 0) - (item.heldAt.get(location) ?? 0));
  }
  return free;
}

export const poolsFor = (books: Books, item: ItemBook, free = freeOf(books, item)): Pools =>
  poolsOf(books.policy, item, free, books.now);

export function touch(books: Books, item: ItemBook, commandId: number): void {
  item.touchedBy = commandId;
  books.touched.add(item);
}

/** Writes one stock entry and its balance. */
export function postStock(item: ItemBook, books: Books, entry: Omit<StockEntry, 'sku'>): void {
  if (entry.delta === 0) return;
  const key = stockKey(entry.location, entry.disposition);
  const balance = item.onHand.get(key) ?? {
    location: entry.location,
    disposition: entry.disposition,
    quantity: 0,
    countedAsOf: null,
  };
  const quantity = balance.quantity + entry.delta;
  assert(Number.isSafeInteger(quantity), `on hand of ${item.sku} at ${entry.location} is not a whole number`);
  item.onHand.set(key, { ...balance, quantity });
  item.recentEntries.push({
    location: entry.location,
    disposition: entry.disposition,
    delta: entry.delta,
    occurredAt: entry.occurredAt,
    ...(entry.lot === undefined ? {} : { lot: entry.lot }),
  });
  if (item.lots !== null && entry.lot !== undefined) {
    changeLot(item.lots, { ...entry, lot: entry.lot }, { quantity: entry.delta });
  }
  touch(books, item, entry.commandId);
  books.stock.push({ ...entry, sku: item.sku });
}

/**
 * A movement, by the count rule: one that happened up to the last count of its place is written with its compensation, since
 * the count already saw it (DESIGN section 5; Square and Odoo do the same, facts/more-channels 3.3).
 */
export function postMovement(item: ItemBook, books: Books, entry: Omit<StockEntry, 'sku'>): void {
  const countedAsOf = item.onHand.get(stockKey(entry.location, entry.disposition))?.countedAsOf ?? null;
  const { lot } = entry;
  const lotCountedAsOf = item.lots === null || lot === undefined ? null : lotAt(item.lots, { ...entry, lot }).countedAsOf;
  postStock(item, books, entry);
  if (entry.occurredAt > Math.max(countedAsOf ?? Number.NEGATIVE_INFINITY, lotCountedAsOf ?? Number.NEGATIVE_INFINITY)) return;
  postStock(item, books, { ...entry, kind: 'absorb', delta: -entry.delta });
}

/**
 * What a program has drawn after an entry. Whatever a fill protects is a part of the supply of that moment, so a refill keeps what
 * was taken by then.
 */
export function drawnAfter(
  drawn: ReadonlyMap<string, Drawn>,
  entry: Pick<NewPromise, 'program' | 'kind' | 'delta' | 'consumed' | 'held'>,
): Drawn {
  const before = drawn.get(entry.program) ?? NOTHING_DRAWN;
  const consumed = before.consumed + entry.consumed;
  if (entry.kind === 'refill') return { ...filled(drawn, entry.program), consumed };
  return { ...before, consumed, taken: before.taken + (entry.held ?? 0) + (entry.kind === 'ship' ? 0 : entry.delta) };
}

type NewPromise = Omit<PromiseEntry, 'sku' | 'held' | 'hold'> & Partial<Pick<PromiseEntry, 'held' | 'hold'>>;

export function postPromise(item: ItemBook, books: Books, entry: NewPromise): void {
  const { held = 0, hold = null } = entry;
  const allocated = (item.allocatedAt.get(entry.location) ?? 0) + entry.delta;
  assert(allocated >= 0, `allocated of ${item.sku} at ${entry.location} would be ${allocated}`);
  item.allocatedAt.set(entry.location, allocated);
  const heldThere = (item.heldAt.get(entry.location) ?? 0) + held;
  assert(heldThere >= 0, `held of ${item.sku} at ${entry.location} would be ${heldThere}`);
  item.heldAt.set(entry.location, heldThere);
  if (item.lots !== null && entry.lot !== undefined) {
    const at = { lot: entry.lot, location: entry.location, disposition: 'sellable' as const };
    changeLot(item.lots, at, { allocated: entry.delta, held });
  }
  item.drawn.set(entry.program, drawnAfter(item.drawn, entry));
  touch(books, item, entry.commandId);
  books.promises.push({ ...entry, held, hold, sku: item.sku });
}

/**
 * All or nothing: runs `change`, and where it answers null takes back every promise that it wrote to these items, in books and
 * entries alike. It may write promises alone.
 */
export function orTakeBack<T>(books: Books, items: Iterable<ItemBook>, change: () => T | null): T | null {
  const entries = books.promises.length;
  const before = [...new Set(items)].map((item) => ({
    item,
    allocatedAt: [...item.allocatedAt],
    drawn: [...item.drawn],
    lots: copyLots(item.lots),
    touchedBy: item.touchedBy,
    isTouched: books.touched.has(item),
  }));
  const made = change();
  if (made !== null) return made;
  books.promises.length = entries;
  for (const { item, allocatedAt, drawn, lots, touchedBy, isTouched } of before) {
    item.lots = lots;
    item.allocatedAt.clear();
    for (const [place, units] of allocatedAt) item.allocatedAt.set(place, units);
    item.drawn.clear();
    for (const [program, units] of drawn) item.drawn.set(program, units);
    item.touchedBy = touchedBy;
    if (!isTouched) books.touched.delete(item);
  }
  return null;
}
