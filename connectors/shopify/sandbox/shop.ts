/** The shop behind the sandbox: its shelf and its order book, with one row of ids and one stream of events. No HTTP, no GraphQL. */
import { type OrderBook, type OrderEvent, openOrderBook } from './order-book.ts';
import { type Level, openShelf, type Shelf } from './shelf.ts';

export type ShopEvent = OrderEvent | { readonly topic: 'INVENTORY_LEVELS_UPDATE'; readonly level: Level };

export type Shop = { readonly shelf: Shelf; readonly book: OrderBook; readonly nextId: () => string };

export type ShopOptions = {
  readonly now: () => number;
  readonly indexLagMs: () => number;
  readonly onEvent: (event: ShopEvent) => void;
};

const FIRST_ID = 40_000_000_000_001;

export function openShop({ now, indexLagMs, onEvent }: ShopOptions): Shop {
  let next = FIRST_ID;
  const nextId = (): string => String(next++);
  const shelf = openShelf({ now, nextId, onLevel: (level) => onEvent({ topic: 'INVENTORY_LEVELS_UPDATE', level }) });
  return { nextId, shelf, book: openOrderBook({ shelf, now, nextId, indexLagMs, onEvent }) };
}
