/**
 * Orders that name holds: the units of a hold become allocations of the order's lines, in the same decision. A line of a kit takes whole
 * sets out of holds of its components.
 *
 * Guarantees: exactly the units that were held; the rest stays held or is let go, as asked; a hold that the order cannot or need not
 * use is refused with the order, never passed over. Of a kit: all of a set out of holds or none, by places as its program asks.
 */
import type { Books, ItemBook } from './books.ts';
import type { Command, HoldUse } from './command.ts';
import { endHold, handOver, unitsOf } from './hold-units.ts';
import { goneHold, isOver } from './holds.ts';
import { allocatedUnits, bookOf, withComposition } from './kits.ts';
import { mergeAllocations } from './line-units.ts';
import type { Allocation, Completeness, Component, HoldId, LocationId, Order, OrderLine, Sku } from './model.ts';
import { openUnits } from './order-lines.ts';
import { CommandRefused } from './refusal.ts';

/** An order's command at work, as core/orders.ts has it. */
type Turn = {
  readonly books: Books;
  readonly command: Command;
  readonly order: Order;
  readonly rule: Completeness;
};

function itemOfHold(books: Books, hold: HoldId): ItemBook | undefined {
  for (const item of books.items.values()) if (item.holds.has(hold)) return item;
  return undefined;
}

/** Every hold that an order names is there, of one of its items, and of its program. */
export function checkHoldUses({ books, command, order }: Turn, uses: readonly HoldUse[], skus: readonly Sku[]): void {
  uses.forEach((use, index) => {
    const field = `holds[${index}].hold`;
    const hold = itemOfHold(books, use.hold)?.holds.get(use.hold);
    if (hold === undefined || !skus.includes(hold.sku)) {
      throw new CommandRefused('unknown-hold', `hold ${use.hold} is of no item that order ${order.id} names`, {
        field,
        fix: 'see those there are: allot hold list',
      });
    }
    if (uses.findIndex(({ hold: id }) => id === use.hold) < index) {
      throw new CommandRefused('hold-twice', `hold ${use.hold} is named twice`, { field, fix: 'name it once' });
    }
    if (isOver(hold, command)) {
      throw goneHold(hold, field, 'place the order without it: it then draws what is free');
    }
    if (hold.program !== order.program) {
      throw new CommandRefused(
        'hold-of-another-program',
        `hold ${hold.id} is of program ${hold.program}, and order ${order.id} of ${order.program}`,
        { field, fix: `place the order on a channel of ${hold.program}` },
      );
    }
  });
}

/** The line with what it lacks out of the named holds among its allocations: the same units, never free in between. */
export function convertHolds(turn: Turn, uses: readonly HoldUse[], line: OrderLine): OrderLine {
  const item = uses.length === 0 || line.sku === null ? undefined : turn.books.items.get(line.sku);
  if (item === undefined) return line;
  const composed = withComposition(line, item);
  const open = openUnits(line) - allocatedUnits(composed);
  const gained =
    composed.components === undefined
      ? takeHeld(turn, uses, item, { lineRef: line.lineRef, units: open, at: null })
      : takeHeldSets(turn, uses, composed, { components: composed.components, sets: open });
  return gained.length === 0 ? line : { ...composed, allocations: mergeAllocations([...line.allocations, ...gained]) };
}

/** Up to so many units of an item out of the named holds, in the order they are named. */
function takeHeld(
  { books, command, order }: Turn,
  uses: readonly HoldUse[],
  item: ItemBook,
  { lineRef, units, at }: { readonly lineRef: string; readonly units: number; readonly at: LocationId | null },
): Allocation[] {
  let open = units;
  const gained: Allocation[] = [];
  for (const use of uses) {
    const hold = item.holds.get(use.hold);
    if (hold === undefined || open <= 0) continue;
    const taken = handOver({ books, item, command }, hold, { orderId: order.id, lineRef, units: open, at });
    gained.push(...taken);
    open -= unitsOf({ parts: taken });
  }
  return gained;
}

/** What the named holds have of an item, in the order in which they would give it. */
const heldOf = ({ books }: Turn, uses: readonly HoldUse[], sku: Sku): readonly Allocation[] =>
  uses.flatMap(({ hold }) => bookOf(books, sku).holds.get(hold)?.parts ?? []);

/** As sets are put together from what is free (kits.ts): by place first, mixed ones where that is allowed, one place where it is asked for. */
function takeHeldSets(
  turn: Turn,
  uses: readonly HoldUse[],
  line: OrderLine,
  { components, sets }: { readonly components: readonly Component[]; readonly sets: number },
): Allocation[] {
  const held = new Map(components.map(({ sku }) => [sku, heldOf(turn, uses, sku)]));
  const places = [...new Set([...held.values()].flat().map(({ location }) => location))];
  const setsAt = (place: LocationId | null): number =>
    Math.min(
      ...components.map(({ sku, quantity }) => {
        const there = heldOf(turn, uses, sku).filter(({ location }) => place === null || location === place);
        return Math.floor(unitsOf({ parts: there }) / quantity);
      }),
    );
  const gained: Allocation[] = [];
  let open = sets;
  for (const place of placesOfSets(turn.rule, line, places, setsAt)) {
    const some = Math.min(open, setsAt(place));
    if (some <= 0) continue;
    open -= some;
    for (const { sku, quantity } of components) {
      const ask = { lineRef: line.lineRef, units: some * quantity, at: place };
      gained.push(...takeHeld(turn, uses, bookOf(turn.books, sku), ask).map((part) => ({ ...part, sku })));
    }
  }
  return gained;
}

/** Null: from all places together. */
function placesOfSets(
  rule: Completeness,
  line: OrderLine,
  places: readonly LocationId[],
  setsAt: (place: LocationId) => number,
): readonly (LocationId | null)[] {
  if (rule === 'split') return [...places, null];
  if (rule !== 'onePlace') return places;
  const [had] = line.allocations;
  if (had !== undefined) return [had.location];
  return places.toSorted((a, b) => setsAt(b) - setsAt(a)).slice(0, 1);
}

/** Lets the rest of the named holds go, where that was asked; a hold that the order has no use for is refused. */
export function endHoldUses(
  { books, command, order }: Turn,
  uses: readonly HoldUse[],
  lines: readonly OrderLine[],
): void {
  uses.forEach((use, index) => {
    const item = itemOfHold(books, use.hold);
    const hold = item?.holds.get(use.hold);
    if (item === undefined || hold === undefined) return;
    if (!books.promises.some((entry) => entry.commandId === command.id && entry.hold === hold.id)) {
      throw new CommandRefused(
        'hold-not-wanted',
        `order ${order.id} wants none of the ${unitsOf(hold)} ${hold.sku} of hold ${hold.id}`,
        {
          field: `holds[${index}].hold`,
          fix: 'order units of that item (of a kit name a hold of every component: it takes whole sets), or leave the hold out',
        },
      );
    }
    // Of an order that wants all or nothing: what it was handed has gone back to everybody.
    if (lines.every(({ allocations, shipped }) => allocations.length === 0 && shipped === 0)) {
      throw new CommandRefused(
        'order-not-whole',
        `order ${order.id} wants all or nothing, and not all of it is there`,
        {
          field: `holds[${index}].hold`,
          fix: `order less, or hold the rest first: hold ${hold.id} stays as it is`,
        },
      );
    }
    if (use.rest === 'release' && hold.state === 'held') endHold({ books, item, command }, hold, 'converted');
  });
}
