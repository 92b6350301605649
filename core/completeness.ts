/**
 * From where a line is filled, and how whole: the supply set and the completeness of its program.
 *
 * | rule         | a line or an order gets                                                                              |
 * | split        | as many as there are, over its places in order of preference; the rest waits                         |
 * | onePlace     | each line: all from the first place in preference that has all; else nothing, and the line waits     |
 * | shipComplete | all lines whole, over their places; else nothing, and the order waits whole                          |
 * | fillOrKill   | the same; an order that we answer is refused whole, one that exists on its platform waits whole      |
 *
 * The fill rule that an order brings itself wins over the last two; where a line comes from stays the program's to say.
 * An order that grows beyond what can be had whole gives back what it held: it holds all that it wants, or nothing.
 */
import { type Books, type ItemBook, listingOf } from './books.ts';
import type { Command } from './command.ts';
import { allocateSets, partsOf, promiseAt, setsAt } from './kits.ts';
import { allocateUnits } from './line-units.ts';
import type { Allocation, Completeness, LocationId, Order, OrderLine, Program } from './model.ts';
import type { FillRule } from './order-state.ts';
import { eachOnce } from './rules.ts';

/** A listing's own places in its order, as far as its program may draw there; without any, the program's. */
export function supplyOf(program: Program, own: readonly LocationId[]): readonly LocationId[] {
  return own.length === 0 ? program.locations : eachOnce(own.filter((place) => program.locations.includes(place)));
}

/** The supply set of a line: of the listing that it was bought from, while that is mapped to its item. */
export function placesOfLine(
  books: Books,
  program: Program,
  { listing }: Pick<OrderLine, 'listing'>,
  item: ItemBook,
): readonly LocationId[] {
  const own = listingOf(books, listing, item)?.locations;
  return own === undefined ? program.locations : supplyOf(program, own);
}

/** What an order is filled by: the order's own fill rule does away with the all or nothing of its program. */
export function completenessOf(program: Program | undefined, fillRule: FillRule | undefined): Completeness {
  const rule = program?.completeness ?? 'split';
  return fillRule !== undefined && isAllOrNothing(rule) ? 'split' : rule;
}

export const isAllOrNothing = (rule: Completeness): boolean => rule === 'shipComplete' || rule === 'fillOrKill';

/** How an order that we answer, and that says nothing itself, is answered. */
export const FILL_RULE_OF: Readonly<Record<Completeness, FillRule>> = {
  split: 'cancelBalance',
  onePlace: 'cancelBalance',
  shipComplete: 'backOrder',
  fillOrKill: 'shipComplete',
};

type LineAsk = {
  readonly order: Pick<Order, 'id' | 'program'>;
  readonly line: OrderLine;
  readonly item: ItemBook;
  /** Units, or sets of a kit. */
  readonly wanted: number;
  readonly rule: Completeness;
};

/** Promises what the rule allows of `wanted` more units; answers what was drawn. */
export function drawForLine(books: Books, command: Command, ask: LineAsk): Allocation[] {
  const { order, line, item, wanted, rule } = ask;
  const program = books.programs.get(order.program);
  // An order outlives its program: without one it draws nothing, and its lines stay short where everybody sees them.
  if (program === undefined || wanted <= 0) return [];
  const supply = placesOfLine(books, program, line, item);
  const places = rule === 'onePlace' ? onePlaceFor(books, program, supply, ask) : supply;
  if (line.components === undefined) {
    const { lineRef } = line;
    return allocateUnits(item, books, command, { orderId: order.id, lineRef, program, wanted, places });
  }
  const owner = { orderId: order.id, lineRef: line.lineRef };
  const parts = line.components;
  return allocateSets(books, command, { ...owner, program, parts, places, wanted, isMixed: rule === 'split' });
}

/** The first place that has all of it; the place that the line holds already, where it holds some. */
function onePlaceFor(
  books: Books,
  program: Program,
  supply: readonly LocationId[],
  { line, item, wanted }: LineAsk,
): readonly LocationId[] {
  const held = [...new Set(line.allocations.map((part) => part.location))];
  const parts = partsOf(line, item);
  if (setsAt(books, parts, program, supply) < wanted) return [];
  const has = (place: LocationId): boolean =>
    held.every((at) => at === place) && setsAt(books, parts, program, [place]) >= wanted;
  const place = supply.find(has);
  return place === undefined ? [] : [place];
}

/** The place that could give most of an item at once, for a program whose lines come from one place; ties by preference. */
export function bestPlace(
  books: Books,
  item: ItemBook,
  program: Program,
  supply: readonly LocationId[],
): LocationId | undefined {
  const promised = supply.map((place) => ({ place, units: promiseAt(books, item, program, [place]) }));
  return promised.sort((a, b) => b.units - a.units)[0]?.place;
}
