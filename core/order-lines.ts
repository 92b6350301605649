/**
 * What a line of an order holds: ships, releases and allocations in the books, by what it says is open.
 *
 * Guarantees I4: what is open is allocated or short. A line, or of an all-or-nothing program the whole order, is settled in one step,
 * so that no part stays behind.
 */
import { closedUnits } from './answers.ts';
import { type Books, type ItemBook, lineKey, orTakeBack, postMovement, touch } from './books.ts';
import type { Command } from './command.ts';
import { completenessOf, drawForLine, placesOfLine } from './completeness.ts';
import { allocatedUnits, bookOf, partsOf, sourcesOf, takeFromLine } from './kits.ts';
import { noteShort, withParts } from './line-units.ts';
import { ofLot, postLeaving } from './lot-goods.ts';
import type { Completeness, LotCode, Order, OrderLine } from './model.ts';
import type { OrderState } from './order-state.ts';
import { dropRow, withRow } from './rows.ts';

export const openUnits = (line: OrderLine): number => Math.max(0, line.ordered - closedUnits(line) - line.shipped);

/** What every step of an order's command is done with. */
export type Turn = {
  readonly books: Books;
  readonly command: Command;
  readonly order: Order;
  readonly fillRule: OrderState['fillRule'];
  readonly rule: Completeness;
};

export const turnOf = (books: Books, command: Command, order: Order, fillRule: OrderState['fillRule']): Turn => ({
  books,
  command,
  order,
  fillRule,
  rule: completenessOf(books.programs.get(order.program), fillRule),
});

/** Goods of a line that leave; `lot` where it is known which was picked, whichever was promised. */
export function shipUnits(
  { books, command, order }: Turn,
  item: ItemBook,
  line: OrderLine,
  { units, lot: picked }: { readonly units: number; readonly lot?: LotCode | undefined },
): OrderLine {
  const owner = { orderId: order.id, lineRef: line.lineRef };
  const program = books.programs.get(order.program);
  // Drawn first where nothing was: what a program ships comes out of its pool, whenever its order was heard of (I5).
  const undrawn = Math.max(0, units - allocatedUnits(line));
  const drawn = drawForLine(books, command, { order, line, item, wanted: undrawn, rule: 'split' });
  const before = drawn.length === 0 ? line : { ...line, allocations: withParts(line.allocations, drawn) };
  const beyond = Math.max(0, units - allocatedUnits(before));
  const { taken, left } = takeFromLine(item, books, command, { ...owner, kind: 'ship', units, line: before });
  const place =
    line.allocations[0]?.location ??
    (program === undefined ? undefined : (placesOfLine(books, program, line, item)[0] ?? program.locations[0]));
  const unpromised =
    beyond === 0 || place === undefined
      ? []
      : partsOf(line, item).map(({ sku, quantity }) => ({ sku, location: place, quantity: beyond * quantity }));
  const entry = {
    commandId: command.id,
    disposition: 'sellable' as const,
    kind: 'ship' as const,
    occurredAt: command.occurredAt,
  };
  for (const { sku, location, quantity, lot } of taken) {
    const goods = sku === undefined ? item : bookOf(books, sku);
    postMovement(goods, books, { ...entry, location, delta: -quantity, ...ofLot(picked ?? lot) });
  }
  for (const { sku, location, quantity } of unpromised) {
    postLeaving(bookOf(books, sku), books, { ...entry, location }, { units: quantity, lot: picked });
  }
  return { ...line, shipped: line.shipped + units, allocations: left };
}

function releaseUnits({ books, command, order }: Turn, item: ItemBook, line: OrderLine, units: number): OrderLine {
  if (units <= 0) return line;
  const owner = { orderId: order.id, lineRef: line.lineRef };
  return { ...line, allocations: takeFromLine(item, books, command, { ...owner, kind: 'release', units, line }).left };
}

/** Draws what the line lacks. */
function fillLine({ books, command, order, rule }: Turn, item: ItemBook, line: OrderLine): OrderLine {
  const wanted = openUnits(line) - allocatedUnits(line);
  const drawn = drawForLine(books, command, { order, line, item, wanted, rule });
  return drawn.length === 0 ? line : { ...line, allocations: withParts(line.allocations, drawn) };
}

/** What is open and not allocated is short, and waits. */
function keepWaiting({ books, command, order, fillRule }: Turn, item: ItemBook, line: OrderLine): OrderLine {
  const short = openUnits(line) - allocatedUnits(line);
  const after = short === line.short ? line : { ...line, short };
  noteShort(item, order.program, short - line.short);
  if (short > 0)
    item.shorts = withRow(item.shorts, lineKey(order.id, line.lineRef), {
      ...order,
      ...(fillRule === undefined ? {} : { fillRule }),
      line: after,
    });
  else if (item.shorts.size > 0) dropRow(item.shorts, lineKey(order.id, line.lineRef));
  touch(books, item, command.id);
  return after;
}

/** Brings a line's allocations to what is open; the rest is short. */
export function settlePromise(turn: Turn, item: ItemBook, line: OrderLine): OrderLine {
  const open = openUnits(line);
  const have = allocatedUnits(line);
  if (have > open) return keepWaiting(turn, item, releaseUnits(turn, item, line, have - open));
  const settled = have === open ? line : fillLine(turn, item, line);
  if (turn.rule !== 'onePlace' || have === 0 || allocatedUnits(settled) === open)
    return keepWaiting(turn, item, settled);
  // Its place has not all of it any more: another one may.
  return keepWaiting(turn, item, fillLine(turn, item, releaseUnits(turn, item, line, have)));
}

/** Settles an order that wants all or nothing: every line whole, or none of them holds anything. */
export function settleWhole(turn: Turn, lines: readonly OrderLine[]): OrderLine[] {
  const { books } = turn;
  const itemOf = (line: OrderLine) => (line.sku === null ? undefined : books.items.get(line.sku));
  const fitted = lines.map((line) => {
    const item = itemOf(line);
    return item === undefined ? line : releaseUnits(turn, item, line, allocatedUnits(line) - openUnits(line));
  });
  const sources = fitted.flatMap((line) => {
    const item = itemOf(line);
    return item === undefined ? [] : sourcesOf(books, line, item);
  });
  const filled = orTakeBack(books, sources, () => {
    const after = fitted.map((line) => {
      const item = itemOf(line);
      return item === undefined ? line : fillLine(turn, item, line);
    });
    return after.every((line) => itemOf(line) === undefined || isFull(line)) ? after : null;
  });
  return (filled ?? fitted).map((line) => {
    const item = itemOf(line);
    if (item === undefined) return line;
    const kept = filled === null ? releaseUnits(turn, item, line, allocatedUnits(line)) : line;
    return keepWaiting(turn, item, kept);
  });
}

const isFull = (line: OrderLine): boolean => allocatedUnits(line) >= openUnits(line);

export function returnUnits({ books, command, order }: Turn, item: ItemBook, line: OrderLine, units: number): void {
  if (units <= 0) return;
  const place = books.programs.get(order.program)?.locations[0];
  if (place === undefined) return;
  for (const { sku, quantity } of partsOf(line, item)) {
    postMovement(bookOf(books, sku), books, {
      commandId: command.id,
      location: place,
      disposition: 'quarantine',
      delta: units * quantity,
      kind: 'return',
      occurredAt: command.occurredAt,
    });
  }
}
