/**
 * The working book of one item: what was loaded of it, and what the batch changes.
 *
 * One is opened for every item of every batch, so it copies nothing before it is changed: listings and moves are those of the state
 * until one changes, maps come from rows.ts. Nothing of the state is ever written on.
 */
import type { DrawnRows } from './drawn.ts';
import { type LotBook, openLots } from './lot-book.ts';
import type {
  Component,
  DatedDemand,
  DatedSupply,
  Hold,
  HoldId,
  Instant,
  ListingId,
  LocationId,
  Move,
  ProgramId,
  Sku,
} from './model.ts';
import type { Filled, FreeByLocation } from './pools.ts';
import { rowsBy } from './rows.ts';
import type { ItemState, ListingState, ShortLine, StockBalance } from './state.ts';

/** The places of a batch, numbered once, so that a book finds its rows without a map of its own. Those that sell come first. */
export type Places = {
  readonly selling: readonly LocationId[];
  readonly ids: LocationId[];
  readonly numbers: Map<LocationId, number>;
};

/** What there is of an item at one place. Told as it is with the numbers that it makes (`PublishInputs.places`). */
export type PlaceRow = { readonly location: LocationId; sellable: number; allocated: number; held: number };

export type ItemBook = {
  readonly sku: Sku;
  /** What one set of a kit takes; null for an item that is stocked itself. */
  readonly components: readonly Component[] | null;
  readonly groups: readonly string[];
  readonly minimum: number | null;
  readonly safetyStock: number | null;
  /** As the batch found it. */
  readonly loaded: ItemState;
  /** By the number of the place; written by `postStock` and `postPromise` alone. */
  readonly places: PlaceRow[];
  /** Some place had promised more than it has when the batch began. */
  readonly hadDeficit: boolean;
  /** All that is on hand, by location and disposition; null until goods move. Read it by `onHandOf`. */
  onHand: Map<string, StockBalance> | null;
  /** Null while it never had a lot. */
  lots: LotBook | null;
  /** Those that the batch names, ended ones too. */
  holds: ReadonlyMap<HoldId, Hold>;
  readonly nextHoldEndsAt: Instant | null;
  /** Programs whose waiting lines come before all others when this command's free units are handed out. */
  servedFirst: readonly ProgramId[];
  drawn: DrawnRows;
  /** Reallocations in force. */
  moves: readonly Move[];
  /** Written by `writableListing` alone. */
  listings: readonly ListingState[];
  /** Key: order id and line. */
  shorts: ReadonlyMap<string, ShortLine>;
  readonly moreShorts: boolean;
  readonly openLines: readonly ShortLine[] | undefined;
  /** Key: ref. */
  supply: ReadonlyMap<string, DatedSupply>;
  demand: ReadonlyMap<string, DatedDemand>;
  /** Units short per program, over all lines that wait, loaded or not. */
  shortOf: ReadonlyMap<ProgramId, number>;
  /** Pools that are filled for the first time with the first decision on the item, and what was drawn of them before. */
  firstFills: readonly (Filled & { readonly consumed: number })[];
  /** The command that last changed it. */
  touchedBy: number | null;
  /** Everything that stands is told, changed or not: a review mends what is stored. */
  isReviewed: boolean;
  /** True once a line that waited got all it wanted. */
  hasFilled: boolean;
  /** A run over another item gave units of it back: whoever waits for them is looked at next. */
  hasFreed: boolean;
};

export const lineKey = (orderId: string, lineRef: string): string => `${orderId} ${lineRef}`;
export const stockKey = (location: LocationId, disposition: string): string => `${location} ${disposition}`;

const NOTHING: readonly never[] = [];

export function numberPlaces(locations: readonly { readonly id: LocationId; readonly sells: boolean }[]): Places {
  const selling = locations.filter(({ sells }) => sells).map(({ id }) => id);
  const ids = [...selling, ...locations.filter(({ sells }) => !sells).map(({ id }) => id)];
  return { selling, ids, numbers: new Map(ids.map((id, number) => [id, number])) };
}

/** Most brands have few places: they are asked for twenty times an order line, and found faster one by one than by a map. */
const FEW_PLACES = 4;

function numberOf({ ids, numbers }: Places, location: LocationId): number | undefined {
  if (ids.length > FEW_PLACES) return numbers.get(location);
  for (let number = 0; number < ids.length; number++) if (ids[number] === location) return number;
  return undefined;
}

/** The row of a place, whether anything ever was there or not; a place that is not known sells nothing. */
export function rowAt(places: Places, rows: PlaceRow[], location: LocationId): PlaceRow {
  const { ids, numbers } = places;
  let number = numberOf(places, location);
  if (number === undefined) {
    number = ids.push(location) - 1;
    numbers.set(location, number);
  }
  for (let next = rows.length; next <= number; next++) rows.push(emptyRow(ids[next] ?? location));
  return rows[number] as PlaceRow;
}

const emptyRow = (location: LocationId): PlaceRow => ({ location, sellable: 0, allocated: 0, held: 0 });

const freeIn = ({ sellable, allocated, held }: PlaceRow): number => sellable - allocated - held;

/** What is free at the places that sell, as the rows stand when it is asked. */
export class FreeUnits implements FreeByLocation {
  readonly #places: Places;
  readonly #rows: readonly PlaceRow[];

  constructor(places: Places, rows: readonly PlaceRow[]) {
    this.#places = places;
    this.#rows = rows;
  }

  get(location: LocationId): number | undefined {
    const number = numberOf(this.#places, location) ?? Number.MAX_SAFE_INTEGER;
    const row = number < this.#places.selling.length ? this.#rows[number] : undefined;
    return row === undefined ? undefined : freeIn(row);
  }

  get net(): number {
    let net = 0;
    for (let number = 0; number < this.#places.selling.length; number++) {
      const row = this.#rows[number];
      if (row !== undefined) net += freeIn(row);
    }
    return net;
  }

  forEach(visit: (units: number, location: LocationId) => void): void {
    for (let number = 0; number < this.#places.selling.length; number++) {
      const row = this.#rows[number];
      if (row !== undefined) visit(freeIn(row), row.location);
    }
  }
}

function openPlaces(state: ItemState, places: Places): PlaceRow[] {
  const rows = places.selling.map(emptyRow);
  for (const { location, disposition, quantity } of state.balances) {
    if (disposition === 'sellable') rowAt(places, rows, location).sellable += quantity;
  }
  for (const { location, allocated, held } of state.promises) {
    const row = rowAt(places, rows, location);
    row.allocated += allocated;
    row.held += held;
  }
  return rows;
}

export function hasDeficit(places: Places, rows: readonly PlaceRow[]): boolean {
  for (let number = 0; number < places.selling.length; number++) {
    const row = rows[number];
    if (row !== undefined && freeIn(row) < 0) return true;
  }
  return false;
}

const asItIs = <Row>(row: Row): Row => row;
const holdId = (hold: Hold): HoldId => hold.id;
const shortKey = (short: ShortLine): string => lineKey(short.id, short.line.lineRef);
const refOf = (row: { readonly ref: string }): string => row.ref;
const programOf = (row: { readonly program: ProgramId }): ProgramId => row.program;
const quantityOf = (row: { readonly quantity: number }): number => row.quantity;

export function openItem(state: ItemState, places: Places): ItemBook {
  const rows = openPlaces(state, places);
  return {
    sku: state.sku,
    components: state.components ?? null,
    groups: state.groups,
    minimum: state.minimum,
    safetyStock: state.safetyStock,
    loaded: state,
    places: rows,
    hadDeficit: hasDeficit(places, rows),
    onHand: null,
    lots: openLots(state.lots),
    holds: rowsBy(state.holds, holdId, asItIs),
    nextHoldEndsAt: state.nextHoldEndsAt,
    servedFirst: NOTHING,
    drawn: state.drawn,
    moves: state.moves,
    listings: state.listings,
    shorts: rowsBy(state.shorts, shortKey, asItIs),
    moreShorts: state.moreShorts,
    openLines: state.openLines,
    supply: rowsBy(state.supply, refOf, asItIs),
    demand: rowsBy(state.demand, refOf, asItIs),
    shortOf: rowsBy(state.shortOf, programOf, quantityOf),
    firstFills: NOTHING,
    touchedBy: null,
    isReviewed: false,
    hasFilled: false,
    hasFreed: false,
  };
}

/** What is on hand by place and disposition, to be read and, by `postStock`, written. */
export function onHandOf(item: ItemBook): Map<string, StockBalance> {
  item.onHand ??= new Map(item.loaded.balances.map((row) => [stockKey(row.location, row.disposition), row]));
  return item.onHand;
}

export function listingIn({ listings }: ItemBook, id: ListingId): ListingState | undefined {
  for (const listing of listings) if (listing.id === id) return listing;
  return undefined;
}

/** A listing of the item to write on: a copy from its first change on. */
export function writableListing(item: ItemBook, id: number): { -readonly [K in keyof ListingState]: ListingState[K] } {
  let index = 0;
  while (index < item.listings.length && item.listings[index]?.id !== id) index++;
  const listing = item.listings[index];
  if (listing === undefined) throw new Error(`${item.sku} has no listing ${id}`);
  if (listing !== item.loaded.listings[index]) return listing;
  if (item.listings === item.loaded.listings) item.listings = [...item.listings];
  const copy = { ...listing };
  (item.listings as ListingState[])[index] = copy;
  return copy;
}
