/**
 * The lines of an order as a state of it tells them: checked, mapped to listings, in base units, with what the books hold of each.
 *
 * Guarantees: writes nothing. All lines are read before the first is applied, so an order is refused before it touched the books.
 */
import { type Books, type ItemBook, lineKey } from './books.ts';
import { listingIn } from './item-book.ts';
import type { ListingId, Order, OrderId, OrderLine, Sku } from './model.ts';
import { isInOrder, type OrderLineState, type OrderState, settleLine } from './order-state.ts';
import { CommandRefused } from './refusal.ts';

const TOTALS = ['ordered', 'cancelled', 'shipped', 'returned'] as const;

const isTotal = (value: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= 1_000_000_000;

function impossibleTotal(line: OrderLineState): (typeof TOTALS)[number] | undefined {
  const { ordered, cancelled, shipped, returned } = line;
  if (isTotal(ordered) && isTotal(cancelled) && isTotal(shipped) && isTotal(returned)) return undefined;
  return TOTALS.find((each) => !isTotal(line[each]));
}

/** Every total of every line is a whole number from 0; what a platform cannot mean is refused by field. */
export function checkTotals(order: OrderState): void {
  // Lines in order of their references name none twice.
  const refs = isInOrder(order.lines) ? null : new Set<string>();
  let index = 0;
  for (const line of order.lines) {
    if (refs?.has(line.lineRef) === true) {
      throw new CommandRefused('duplicate-line', `order ${order.displayRef} names line ${line.lineRef} twice`, {
        field: `lines[${index}].lineRef`,
        fix: 'a defect of the connector: line references are unique within an order; retry with allot parked retry after an upgrade',
      });
    }
    refs?.add(line.lineRef);
    const total = impossibleTotal(line);
    if (total !== undefined) {
      throw new CommandRefused(
        'impossible-quantity',
        `order ${order.displayRef}: ${total} of line ${line.lineRef} is ${line[total]}`,
        {
          field: `lines[${index}].${total}`,
          fix: 'correct the order on its platform, then drop this one with allot parked drop: the newer state follows by itself',
        },
      );
    }
    index++;
  }
}

/**
 * `item`: whose goods it is of, found once: each look-up in the books of a whole brand waits for memory (measured).
 * `before`: as the books had it; null for one that is met, or first named, now.
 */
export type ToldLine = {
  readonly item: ItemBook | undefined;
  readonly before: OrderLine | null;
  readonly line: OrderLine;
};

type Goods = {
  readonly item: ItemBook | undefined;
  readonly listing: ListingId | null;
  readonly sku: Sku | null;
  readonly pack: number;
};
/** What the books hold of it. */
type Held = Pick<OrderLine, 'shipped' | 'allocations' | 'short' | 'answer' | 'components'>;

const NOTHING_HELD: Held = { shipped: 0, allocations: [], short: 0, answer: null };

function lineOf({ listing, sku, pack }: Goods, told: OrderLineState, held: Held): OrderLine {
  const { shipped, allocations, short, answer, components } = held;
  const line = {
    lineRef: told.lineRef,
    listing,
    sku,
    pack,
    ordered: told.ordered * pack,
    cancelled: Math.min(told.cancelled, told.ordered) * pack,
    returned: told.returned * pack,
    reportedShipped: told.shipped * pack,
    shipped,
    allocations,
    short,
    answer,
  };
  return components === undefined ? line : { ...line, components };
}

function find(books: Books, channel: string, order: OrderState, index: number): Goods {
  const { listingRef = null, skuHint = null } = order.lines[index] ?? {};
  const listingId = listingRef === null ? undefined : books.listingByRef.get(channel)?.get(listingRef);
  const item = listingId === undefined ? undefined : books.itemOfListing.get(listingId, skuHint);
  const known = item === undefined || listingId === undefined ? undefined : listingIn(item, listingId);
  if (listingRef !== null && order.fulfilledBy === 'seller' && known === undefined) {
    throw new CommandRefused(
      'unmapped-listing',
      `order ${order.displayRef} on ${channel} names listing ${listingRef} (SKU ${skuHint ?? 'none'}), which is mapped to no item`,
      {
        field: `lines[${index}].listingRef`,
        fix: `allot listings map ${channel} ${listingRef} SKU; all that waits for it is then retried by itself`,
      },
    );
  }
  return { item, listing: known?.id ?? null, sku: known?.sku ?? null, pack: known?.pack ?? 1 };
}

const findAgain = (books: Books, { listing, sku, pack }: OrderLine): Goods => ({
  item: sku === null ? undefined : books.items.get(sku),
  listing,
  sku,
  pack,
});

/** A marketplace's own order asks nothing of our stock; what we promised before it became one is released. */
const notOurs = (before: OrderLine | null, told: OrderLineState): OrderLineState => ({
  ...told,
  ordered: 0,
  cancelled: 0,
  shipped: before === null ? 0 : before.reportedShipped / before.pack,
  returned: before === null ? 0 : before.returned / before.pack,
});

/** The line as an earlier command of the batch filled it. */
export const filledLine = (books: Books, id: OrderId, lineRef: string): OrderLine | undefined =>
  books.filled.size === 0 ? undefined : books.filled.get(lineKey(id, lineRef))?.line;

const NO_LINES: ReadonlyMap<string, OrderLine> = new Map();

/** `stored`: the lines that the order had. */
export function toldLines(
  books: Books,
  { id, channel }: Order,
  state: OrderState,
  stored: readonly OrderLine[],
): ToldLine[] {
  const known = stored.length === 0 ? NO_LINES : new Map(stored.map((line) => [line.lineRef, line]));
  return state.lines.map((told, index) => {
    const before = filledLine(books, id, told.lineRef) ?? known.get(told.lineRef);
    // A line may be named only by a later or an older state than the first that came.
    const isNamed = before !== undefined && (before.listing !== null || told.listingRef === null);
    const had = isNamed ? before : null;
    const totals = state.fulfilledBy === 'seller' ? settleLine(state, told) : notOurs(had, told);
    const goods = had === null ? find(books, channel, state, index) : findAgain(books, had);
    return { item: goods.item, before: had, line: lineOf(goods, totals, had ?? NOTHING_HELD) };
  });
}
