/**
 * The facts of a batch, read off its books once all commands are done: item by item, in the order of their SKUs.
 *
 * Told is what changed. `listings` are those that changed or have a new target beside them; `deficits` are the places of items that
 * have a deficit or had one. Of an item that was reviewed both are told whole, so that a review mends what is stored.
 */
import { datedMoments } from './atp.ts';
import type { Books, ItemBook } from './books.ts';
import { settleLate } from './dated.ts';
import { type DrawnRows, rowKey } from './drawn.ts';
import { FreeUnits, hasDeficit } from './item-book.ts';
import { type LotBook, standingLots } from './lot-book.ts';
import { lifeMoments, livesOf } from './lots.ts';
import type { Instant, Sku } from './model.ts';
import { lowPoolsOf } from './pool-levels.ts';
import { nextPoolChange } from './pool-units.ts';
import type { Facts, Outcome, PromiseEntry } from './state.ts';
import { fairPartsFor, type ItemNow, standingOf, targetOf } from './targets.ts';

/** One that has passed is the sweep's: it asks for the end of the hold, which decides the item again. */
const sooner = (next: Instant, at: Instant | null, now: Instant): Instant =>
  at !== null && at > now && at < next ? at : next;

/** When the item has to be looked at again by itself. */
function nextReviewOf({ policy, now }: Books, { item, pools }: ItemNow): Instant | null {
  // Only when some left the list: else the next look would find the same lines waiting, for ever.
  if ((item.moreShorts && item.hasFilled) || item.hasFreed) return now;
  let next = nextPoolChange(policy, item, pools, now) ?? Number.POSITIVE_INFINITY;
  for (const { seenUntil } of item.listings) next = sooner(next, seenUntil, now);
  if (item.holds.size > 0) {
    for (const { state, expiresAt } of item.holds.values()) if (state === 'held') next = sooner(next, expiresAt, now);
  }
  next = sooner(next, item.nextHoldEndsAt, now);
  if (item.supply.size + item.demand.size > 0) {
    for (const at of datedMoments(item, now)) next = sooner(next, at, now);
  }
  if (item.lots !== null) {
    for (const at of lifeMoments(standingLots(item.lots), livesOf(policy), now)) next = sooner(next, at, now);
  }
  return next === Number.POSITIVE_INFINITY ? null : next;
}

/** A kit's number is made of its components': it is decided again with them. */
const withTheirKits = (books: Books, items: ItemBook[]): ItemBook[] =>
  books.kitsWith.size === 0
    ? items
    : [...new Set(items.flatMap((item) => [item, ...(books.kitsWith.get(item.sku) ?? [])]))];

/** As a state is loaded they stand in order already. */
function inOrder(items: ItemBook[]): ItemBook[] {
  const isSorted = items.every((item, index) => index === 0 || (items[index - 1]?.sku ?? '') < item.sku);
  return isSorted ? items : items.toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
}

/** First in the ledger: what is drawn in the same batch is drawn after the fill. */
const firstFillsOf = (books: Books, item: ItemBook): PromiseEntry[] =>
  item.firstFills.map(({ program, location, consumed }) => ({
    commandId: item.touchedBy ?? 0,
    sku: item.sku,
    location: location ?? books.programs.get(program)?.locations[0] ?? books.places.selling[0] ?? '',
    program,
    pool: location === undefined ? 'own' : 'place',
    kind: 'refill',
    delta: 0,
    consumed: 0 - Math.max(0, consumed),
    held: 0,
    hold: null,
    orderId: null,
    lineRef: null,
    occurredAt: books.now,
  }));

type Growing<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer Row)[] ? Row[] : never };

type ItemFacts = Growing<
  Pick<Facts, 'deficits' | 'lots' | 'drawn' | 'listings' | 'targets' | 'lowPools' | 'supply' | 'demand' | 'reviews'>
>;

function tellDeficits(books: Books, { item, free }: ItemNow, facts: ItemFacts): void {
  if (!item.isReviewed && !item.hadDeficit && !hasDeficit(books.places, item.places)) return;
  // Expired units are there: what is promised of them is no deficit, but told by itself.
  const there = item.lots === null ? free : new FreeUnits(books.places, item.places);
  there.forEach((units, location) => {
    facts.deficits.push({ sku: item.sku, location, quantity: Math.max(0, -units) });
  });
}

/** Most often they stand in order. */
function inKeyOrder(rows: DrawnRows): DrawnRows {
  let before = '';
  for (const row of rows) {
    const key = rowKey(row);
    if (key < before) return rows.toSorted((a, b) => (rowKey(a) < rowKey(b) ? -1 : 1));
    before = key;
  }
  return rows;
}

/** Pools whose drawn units changed, by program and place: every entry makes a new row. */
function tellDrawn({ sku, drawn, loaded }: ItemBook, facts: ItemFacts): void {
  if (drawn === loaded.drawn) return;
  for (const row of inKeyOrder(drawn)) {
    if (loaded.drawn.includes(row)) continue;
    const { program, location, consumed, taken, takenAtFill, allTakenAtFill, isFilled } = row;
    facts.drawn.push(
      location === undefined
        ? { sku, program, consumed, taken, takenAtFill, allTakenAtFill, isFilled }
        : { sku, program, location, consumed, taken, takenAtFill, allTakenAtFill, isFilled },
    );
  }
}

/** Lots that the batch made or changed, by code. */
function tellLots(sku: Sku, { lots, changed }: LotBook, facts: ItemFacts): void {
  for (const code of [...changed].sort()) {
    const lot = lots.get(code);
    if (lot !== undefined) facts.lots.push({ ...lot, sku });
  }
}

function tellListings(books: Books, standing: ItemNow, facts: ItemFacts): void {
  const { item } = standing;
  const parts = fairPartsFor(books, standing);
  let index = 0;
  for (const listing of item.listings) {
    const isChanged = listing !== item.loaded.listings[index++];
    const target = targetOf(books, standing, listing, parts);
    if (target !== null) facts.targets.push(target);
    else if (!item.isReviewed && !isChanged) continue;
    const { id, ownSold, ownOpen, seenSold, seenUntil } = listing;
    facts.listings.push({ listing: id, ownSold, ownOpen, seenSold, seenUntil });
  }
}

/** Dated rows that are not as they were loaded, by ref. */
function changedRows<Row extends { readonly ref: string }>(
  sku: string,
  rows: ReadonlyMap<string, Row>,
  loaded: readonly Row[],
): { readonly sku: string; readonly row: Row }[] {
  const before = new Set(loaded);
  const changed = [...rows.values()].filter((row) => !before.has(row));
  return changed.sort((a, b) => (a.ref < b.ref ? -1 : 1)).map((row) => ({ sku, row }));
}

function tellItem(books: Books, item: ItemBook, facts: ItemFacts): void {
  const standing = standingOf(books, item);
  tellDeficits(books, standing, facts);
  tellListings(books, standing, facts);
  tellDrawn(item, facts);
  if (item.lots !== null) tellLots(item.sku, item.lots, facts);
  // What a kit is made of has pools; it has none of its own that could be low.
  if (item.components === null) {
    for (const low of lowPoolsOf(books.policy, item, standing.pools, { free: standing.free, now: books.now }))
      facts.lowPools.push(low);
  }
  if (item.supply.size > 0) facts.supply.push(...changedRows(item.sku, item.supply, item.loaded.supply));
  if (item.demand.size > 0) facts.demand.push(...changedRows(item.sku, item.demand, item.loaded.demand));
  facts.reviews.push({ sku: item.sku, nextReviewAt: nextReviewOf(books, standing) });
}

export function factsOf(books: Books, outcomes: readonly Outcome[]): Facts {
  const moved: ItemBook[] = [];
  for (const item of books.items.values()) if (item.touchedBy !== null) moved.push(item);
  const touched = inOrder(withTheirKits(books, moved));
  for (const item of touched) if (item.supply.size > 0) settleLate(item, books.now);
  const told: ItemFacts = {
    deficits: [],
    lots: [],
    drawn: [],
    listings: [],
    targets: [],
    lowPools: [],
    supply: [],
    demand: [],
    reviews: [],
  };
  for (const item of touched) tellItem(books, item, told);
  const firstFills: PromiseEntry[] = [];
  for (const item of moved) if (item.firstFills.length > 0) firstFills.push(...firstFillsOf(books, item));
  return {
    ...told,
    stock: books.stock,
    promises: firstFills.length === 0 ? books.promises : [...firstFills, ...books.promises],
    orders: books.orders.changed(),
    filledLines: [...books.filled.values()],
    holds: [...books.changedHolds.values()],
    counted: books.counted,
    moves: books.moves,
    outcomes,
  };
}
