/**
 * The working books of one batch: mutable copies of what was loaded, and the only functions that write entries to them. Every
 * change of a balance goes through `post*`, so that balances and ledger entries cannot part (I2).
 */
import { drawnAfter, drawnOf } from './drawn.ts';
import { assert } from './errors.ts';
import {
  FreeUnits,
  type ItemBook,
  listingIn,
  numberPlaces,
  onHandOf,
  openItem,
  type Places,
  rowAt,
  stockKey,
} from './item-book.ts';
import { ListingItems } from './listing-items.ts';
import { changeLot, copyLots, freeByLot, type LotBook, lotAt } from './lot-book.ts';
import type {
  Hold,
  HoldId,
  Instant,
  ListingId,
  LocationId,
  OrderId,
  OrderLine,
  Policy,
  Program,
  Sku,
  StockMaster,
} from './model.ts';
import { OrderBook } from './order-book.ts';
import { drawnOnceFilled, type FreeByLocation, hasFilledPools, type Pools, poolsOf, unfilledPools } from './pools.ts';
import { rulesOf } from './rules.ts';
import type { Facts, ListingState, PromiseEntry, State, StockEntry } from './state.ts';

export { type ItemBook, lineKey } from './item-book.ts';

export type Books = {
  readonly policy: Policy;
  /** The moment that the batch is decided at. */
  readonly now: Instant;
  readonly programs: ReadonlyMap<string, Program>;
  readonly places: Places;
  /** Who says how much there is at each known place. */
  readonly masterOf: ReadonlyMap<LocationId, StockMaster>;
  readonly programOf: ReadonlyMap<string, string>;
  readonly items: Map<Sku, ItemBook>;
  /** By item: the kits that it is part of, now or for a line that waits. */
  readonly kitsWith: ReadonlyMap<Sku, readonly ItemBook[]>;
  /** Items that the command at hand changed. */
  readonly touched: ItemBook[];
  readonly itemOfListing: ListingItems;
  /** By channel, then by the listing's reference there. */
  readonly listingByRef: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly orders: OrderBook;
  readonly filled: Map<string, { orderId: OrderId; line: OrderLine }>;
  readonly counted: Facts['counted'][number][];
  readonly changedHolds: Map<HoldId, Hold>;
  readonly stock: StockEntry[];
  readonly promises: PromiseEntry[];
  readonly moves: Facts['moves'][number][];
};

/** `items`: those that are kits, or have lines that wait. */
function kitsByPart(items: readonly ItemBook[]): Map<Sku, ItemBook[]> {
  const kits = new Map<Sku, ItemBook[]>();
  for (const item of items) {
    const waiting = [...item.shorts.values()].flatMap(({ line }) => line.components ?? []);
    if (item.components === null && waiting.length === 0) continue;
    for (const sku of new Set([...(item.components ?? []), ...waiting].map((part) => part.sku))) {
      kits.set(sku, [...(kits.get(sku) ?? []), item]);
    }
  }
  return kits;
}

/** Pools that count from a fill and have not seen one begin with what is there now. */
function fillFirst(policy: Policy, book: ItemBook, now: Instant): void {
  const pools = book.components === null ? unfilledPools(policy, book, now) : [];
  if (pools.length === 0) return;
  book.firstFills = pools.map((pool) => ({
    ...pool,
    consumed: drawnOf(book.drawn, pool.program, pool.location).consumed,
  }));
  book.drawn = drawnOnceFilled(book, pools);
}

export function openBooks(state: State, now: Instant): Books {
  const places = numberPlaces(state.locations);
  const items = new Map<Sku, ItemBook>();
  const kitsOrWaiting: ItemBook[] = [];
  const hasFills = hasFilledPools(state.policy);
  for (const item of state.items) {
    const book = openItem(item, places);
    if (hasFills) fillFirst(state.policy, book, now);
    if (book.components !== null || book.shorts.size > 0) kitsOrWaiting.push(book);
    items.set(item.sku, book);
  }
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
    places,
    masterOf: new Map(state.locations.map((location) => [location.id, location.master])),
    programOf: new Map(state.channels.map((channel) => [channel.id, channel.program])),
    items,
    kitsWith: kitsByPart(kitsOrWaiting),
    touched: [],
    itemOfListing: new ListingItems(items),
    listingByRef,
    orders: new OrderBook(state.orders),
    filled: new Map(),
    counted: [],
    changedHolds: new Map(),
    stock: [],
    promises: [],
    moves: [],
  };
}

/**
 * Free units of an item per place that sells, as they stand whenever they are asked for: sellable less allocated less held. Of an
 * item with lots as they stand now, by lot.
 */
export const freeOf = (books: Books, item: ItemBook): FreeByLocation =>
  item.lots === null ? new FreeUnits(books.places, item.places) : freeOfLots(books, item, item.lots);

function freeOfLots({ places, policy, now }: Books, item: ItemBook, lots: LotBook): FreeByLocation {
  const totals = places.selling.map((location) => {
    const { sellable, allocated, held } = rowAt(places, item.places, location);
    return { location, total: { onHand: sellable, promised: allocated + held } };
  });
  return freeByLot(lots, totals, policy, now);
}

export const poolsFor = (books: Books, item: ItemBook, free = freeOf(books, item)): Pools =>
  poolsOf(books.policy, item, free, books.now);

/** A listing as the batch has it until now; `guess`: the item that it should be of. */
export function listingOf(books: Books, id: ListingId | null, guess: ItemBook): ListingState | undefined {
  const item = id === null ? undefined : books.itemOfListing.near(id, guess);
  return item === undefined || id === null ? undefined : listingIn(item, id);
}

export function touch(books: Books, item: ItemBook, commandId: number): void {
  if (item.touchedBy === commandId) return;
  item.touchedBy = commandId;
  books.touched.push(item);
}

/** Writes one stock entry and its balance. */
export function postStock(item: ItemBook, books: Books, entry: Omit<StockEntry, 'sku'>): void {
  const { location, disposition, delta } = entry;
  if (delta === 0) return;
  const key = stockKey(location, disposition);
  const onHand = onHandOf(item);
  const balance = onHand.get(key);
  const quantity = (balance?.quantity ?? 0) + delta;
  assert(Number.isSafeInteger(quantity), `on hand of ${item.sku} at ${location} is not a whole number`);
  onHand.set(key, { location, disposition, quantity, countedAsOf: balance?.countedAsOf ?? null });
  if (disposition === 'sellable') rowAt(books.places, item.places, location).sellable = quantity;
  if (item.lots !== null && entry.lot !== undefined) {
    changeLot(item.lots, { lot: entry.lot, location, disposition }, { quantity: delta });
  }
  touch(books, item, entry.commandId);
  books.stock.push({ ...entry, sku: item.sku });
}

/** When the goods that move were last counted, the place or their lot alone. */
function lastCount(item: ItemBook, { location, disposition, lot }: Omit<StockEntry, 'sku'>): Instant | null {
  const ofPlace = onHandOf(item).get(stockKey(location, disposition))?.countedAsOf ?? null;
  if (item.lots === null || lot === undefined) return ofPlace;
  const { countedAsOf } = lotAt(item.lots, { lot, location, disposition });
  return countedAsOf === null ? ofPlace : Math.max(countedAsOf, ofPlace ?? countedAsOf);
}

/**
 * A movement, by the count rule: one that happened up to the last count of its place is written with its compensation, since
 * the count already saw it (DESIGN section 5; Square and Odoo do the same, facts/more-channels 3.3).
 */
export function postMovement(item: ItemBook, books: Books, entry: Omit<StockEntry, 'sku'>): void {
  const countedAsOf = lastCount(item, entry);
  postStock(item, books, entry);
  if (countedAsOf === null || entry.occurredAt > countedAsOf) return;
  postStock(item, books, { ...entry, kind: 'absorb', delta: -entry.delta });
}

type NewPromise = Omit<PromiseEntry, 'sku' | 'held' | 'hold'> & Partial<Pick<PromiseEntry, 'held' | 'hold'>>;

export function postPromise(item: ItemBook, books: Books, entry: NewPromise): void {
  const { held = 0, hold = null } = entry;
  postEntry(item, books, { ...entry, held, hold, sku: item.sku });
}

/** Writes one promise entry, kept as it is, with its balances. */
export function postEntry(item: ItemBook, books: Books, entry: PromiseEntry): void {
  const { location, delta, held } = entry;
  const row = rowAt(books.places, item.places, location);
  const allocated = row.allocated + delta;
  assert(allocated >= 0, `allocated of ${item.sku} at ${location} would be ${allocated}`);
  row.allocated = allocated;
  const heldThere = row.held + held;
  assert(heldThere >= 0, `held of ${item.sku} at ${location} would be ${heldThere}`);
  row.held = heldThere;
  if (item.lots !== null && entry.lot !== undefined) {
    changeLot(item.lots, { lot: entry.lot, location, disposition: 'sellable' }, { allocated: delta, held });
  }
  item.drawn = drawnAfter(item.drawn, entry);
  touch(books, item, entry.commandId);
  books.promises.push(entry);
}

/**
 * All or nothing: runs `change`, and where it answers null takes back every promise that it wrote to these items, in books and
 * entries alike. It may write promises alone.
 */
export function orTakeBack<T>(books: Books, items: Iterable<ItemBook>, change: () => T | null): T | null {
  const entries = books.promises.length;
  const touched = books.touched.length;
  const before = [...new Set(items)].map((item) => ({
    item,
    allocated: item.places.map((row) => row.allocated),
    drawn: item.drawn,
    lots: copyLots(item.lots),
    touchedBy: item.touchedBy,
  }));
  const made = change();
  if (made !== null) return made;
  books.promises.length = entries;
  books.touched.length = touched;
  for (const { item, allocated, drawn, lots, touchedBy } of before) {
    item.lots = lots;
    item.places.forEach((row, number) => {
      row.allocated = allocated[number] ?? 0;
    });
    item.drawn = drawn;
    item.touchedBy = touchedBy;
  }
  return null;
}
