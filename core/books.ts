/**
 * The working books of one batch: mutable copies of what was loaded, and the only functions that write entries to them. Every
 * change of a balance goes through `post*`, so that balances and ledger entries cannot part (I2).
 */
import type { Command } from './command.ts';
import { assert } from './errors.ts';
import type {
  Allocation,
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
import { type Drawn, draw, type FreeByLocation, NOTHING_DRAWN, type Pools, poolsOf } from './pools.ts';
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
  readonly recentEntries: { location: LocationId; disposition: Disposition; delta: number; occurredAt: Instant }[];
  /** Key: ref. */
  readonly supply: Map<string, DatedSupply>;
  readonly demand: Map<string, DatedDemand>;
  /** Refs of dated rows that the batch changed. */
  readonly changedSupply: Set<string>;
  readonly changedDemand: Set<string>;
  /** Units short per program, over all lines that wait, loaded or not. */
  readonly shortOf: Map<string, number>;
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
  for (const item of state.items) items.set(item.sku, openItem(item));
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

/** Free units of an item per place that sells: sellable less allocated less held. */
export function freeOf(books: Books, item: ItemBook): FreeByLocation {
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
  });
  touch(books, item, entry.commandId);
  books.stock.push({ ...entry, sku: item.sku });
}

/**
 * A movement, by the count rule: one that happened up to the last count of its place is written with its compensation, since
 * the count already saw it (DESIGN section 5; Square and Odoo do the same, facts/more-channels 3.3).
 */
export function postMovement(item: ItemBook, books: Books, entry: Omit<StockEntry, 'sku'>): void {
  const countedAsOf = item.onHand.get(stockKey(entry.location, entry.disposition))?.countedAsOf ?? null;
  postStock(item, books, entry);
  if (countedAsOf === null || entry.occurredAt > countedAsOf) return;
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
  if (entry.kind === 'refill') {
    const allTaken = [...drawn.values()].reduce((sum, { taken }) => sum + taken, 0);
    return { ...before, consumed, takenAtFill: before.taken, allTakenAtFill: allTaken };
  }
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
  item.drawn.set(entry.program, drawnAfter(item.drawn, entry));
  touch(books, item, entry.commandId);
  books.promises.push({ ...entry, held, hold, sku: item.sku });
}

export type LineOwner = { readonly orderId: OrderId; readonly lineRef: string };

const entryOf = (command: Command, owner: LineOwner, allocation: Allocation) => ({
  commandId: command.id,
  location: allocation.location,
  program: allocation.program,
  pool: allocation.pool,
  orderId: owner.orderId,
  lineRef: owner.lineRef,
  occurredAt: command.occurredAt,
});

/** Promises up to `wanted` units to a line, at `places` of its program (absent: at all); answers what was drawn. */
export function allocateUnits(
  item: ItemBook,
  books: Books,
  command: Command,
  ask: LineOwner & { readonly program: string; readonly wanted: number; readonly places?: readonly LocationId[] },
): Allocation[] {
  const rules = books.programs.get(ask.program);
  const program = rules === undefined || ask.places === undefined ? rules : { ...rules, locations: ask.places };
  // An order outlives its program: without one it draws nothing, and its lines stay short where everybody sees them.
  if (program === undefined || ask.wanted <= 0) return [];
  const free = freeOf(books, item);
  const drawn = draw(program, ask.wanted, poolsFor(books, item, free), free);
  for (const part of drawn) {
    const consumed = part.pool === 'own' ? part.quantity : 0;
    postPromise(item, books, { ...entryOf(command, ask, part), kind: 'allocate', delta: part.quantity, consumed });
  }
  return drawn;
}

/**
 * Takes `units` off a line's allocations. `release` takes the last drawn and gives it back to its pool; `ship` takes the first drawn
 * and leaves the pool drawn: so what a line holds depends on its totals alone, not on the order in which they came.
 */
export function takeUnits(
  item: ItemBook,
  books: Books,
  command: Command,
  ask: LineOwner & {
    readonly kind: 'release' | 'ship';
    readonly units: number;
    readonly allocations: readonly Allocation[];
  },
): { readonly taken: Allocation[]; readonly left: Allocation[] } {
  const left: Allocation[] = [];
  const taken: Allocation[] = [];
  let open = ask.units;
  const isRelease = ask.kind === 'release';
  for (const part of isRelease ? [...ask.allocations].reverse() : ask.allocations) {
    const quantity = Math.min(open, part.quantity);
    open -= quantity;
    if (quantity < part.quantity) left.push({ ...part, quantity: part.quantity - quantity });
    if (quantity === 0) continue;
    taken.push({ ...part, quantity });
    const drawn = Math.max(0, item.drawn.get(part.program)?.consumed ?? 0);
    // Never below 0: units drawn before the pool was filled anew are not protected twice.
    const consumed = isRelease && part.pool === 'own' ? -Math.min(quantity, drawn) : 0;
    postPromise(item, books, { ...entryOf(command, ask, part), kind: ask.kind, delta: -quantity, consumed });
  }
  return { taken, left: isRelease ? left.reverse() : left };
}

/** A line of a program is so many units more short than before, or less. */
export function noteShort(item: ItemBook, program: string, change: number): void {
  if (change !== 0) item.shortOf.set(program, (item.shortOf.get(program) ?? 0) + change);
}

/** Joins parts of the same place and pool, so that a line filled in many turns stays short to read. */
export function mergeAllocations(parts: readonly Allocation[]): readonly Allocation[] {
  if (parts.length < 2) return parts;
  const merged = new Map<string, Allocation>();
  for (const part of parts) {
    const key = `${part.location} ${part.program} ${part.pool} ${part.sku ?? ''}`;
    const before = merged.get(key);
    merged.set(key, before === undefined ? part : { ...part, quantity: before.quantity + part.quantity });
  }
  return [...merged.values()];
}
