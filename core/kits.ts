/**
 * Kits: items that are sets of others and have no stock of their own.
 *
 * Guarantees: a line of a kit is promised, released and shipped in whole sets, each component out of its own pools; all of a set or
 * none. A set comes from one place; only where sets may be mixed (`split`), what no place has whole is put together over places.
 *
 * When a kit's composition changes while lines are open: a line that holds units or shipped some keeps the composition that it holds
 * them by, for all that is still open of it; one that has nothing yet takes the new one the next time it is looked at.
 */
import { type Books, freeOf, type ItemBook, poolsFor } from './books.ts';
import type { Command } from './command.ts';
import { promisableTo } from './draw.ts';
import { assert } from './errors.ts';
import { allocateUnits, type LineOwner, takeUnits } from './line-units.ts';
import type { Allocation, Component, DrawOrder, LocationId, OrderLine, Program, Sku } from './model.ts';
import type { KitInputs } from './publish.ts';

function sumOf(parts: readonly Allocation[]): number {
  let sum = 0;
  for (const { quantity } of parts) sum += quantity;
  return sum;
}

/** What a line holds: base units, or whole sets of a kit. */
export function allocatedUnits(line: OrderLine): number {
  const first = line.components?.[0];
  if (first === undefined) return sumOf(line.allocations);
  return sumOf(line.allocations.filter((part) => part.sku === first.sku)) / first.quantity;
}

/** The line with the composition that holds for it now. */
export function withComposition(line: OrderLine, item: ItemBook): OrderLine {
  if (line.allocations.length > 0 || line.shipped > 0) return line;
  if (line.components === undefined && item.components === null) return line;
  const { components: _before, ...plain } = line;
  if (item.components === null) return plain;
  return { ...plain, components: item.components };
}

/** What one unit of a line takes: the components of a kit, or itself. */
export const partsOf = (line: OrderLine, item: ItemBook): readonly Component[] =>
  line.components ?? [{ sku: item.sku, quantity: 1 }];

export function bookOf(books: Books, sku: Sku): ItemBook {
  const item = books.items.get(sku);
  assert(item !== undefined, `${sku} is part of a kit that is decided, and was not loaded`);
  return item;
}

/** The items that a line draws from. */
export const sourcesOf = (books: Books, line: OrderLine, item: ItemBook): ItemBook[] =>
  line.components === undefined ? [item] : line.components.map(({ sku }) => bookOf(books, sku));

/** Units that a program may be promised of an item at some of its places. */
export function promiseAt(books: Books, item: ItemBook, program: Program, places: readonly LocationId[]): number {
  const free = freeOf(books, item);
  const may = promisableTo({ ...program, locations: places }, poolsFor(books, item, free), free);
  return may.own + may.shared;
}

/** Units of a component that a program may be promised at some of its places. */
type PromiseOf = (sku: Sku, places: readonly LocationId[]) => number;

const fewestSets = (parts: readonly Component[], promise: PromiseOf, places: readonly LocationId[]): number =>
  Math.min(...parts.map(({ sku, quantity }) => Math.floor(promise(sku, places) / quantity)));

/** Sets that a program may be promised at some of its places, were a set put together over all of them. */
export const setsAt = (
  books: Books,
  parts: readonly Component[],
  program: Program,
  places: readonly LocationId[],
): number => fewestSets(parts, (sku, some) => promiseAt(books, bookOf(books, sku), program, some), places);

/**
 * What a kit's number is made of. Without mixed sets only what a place has whole counts, and of a program whose lines come from one
 * place only the best of them.
 */
export function kitInputsBy(
  promiseOf: PromiseOf,
  components: readonly Component[],
  completeness: Program['completeness'],
  supply: readonly LocationId[],
): KitInputs {
  const parts = components.map(({ sku, quantity }) => ({ sku, quantity, promise: promiseOf(sku, supply) }));
  const sets = parts.map(({ promise, quantity }) => Math.floor(promise / quantity));
  const limitedBy = parts[sets.indexOf(Math.min(...sets))]?.sku ?? '';
  if ((completeness ?? 'split') === 'split') return { components: parts, places: null, limitedBy };
  const whole = supply.map((location) => ({ location, sets: fewestSets(components, promiseOf, [location]) }));
  const best = whole.toSorted((a, b) => b.sets - a.sets).slice(0, 1);
  return { components: parts, places: completeness === 'onePlace' ? best : whole, limitedBy };
}

export const kitInputs = (
  books: Books,
  components: readonly Component[],
  program: Program,
  supply: readonly LocationId[],
): KitInputs =>
  kitInputsBy(
    (sku, places) => promiseAt(books, bookOf(books, sku), program, places),
    components,
    program.completeness,
    supply,
  );

type SetAsk = LineOwner & {
  readonly program: Program;
  readonly parts: readonly Component[];
  /** In order of preference. */
  readonly places: readonly LocationId[];
  readonly wanted: number;
  /** One set may come from several places. */
  readonly isMixed: boolean;
};

/**
 * Sets are put together place by place: what a program has of its own at one place goes first, or it would be left there while the
 * next place lacks what was taken instead.
 */
export const drawOrderOf = (books: Books, source: ItemBook, program: Program): DrawOrder =>
  program.drawOrder === 'sharedThenOwn' && poolsFor(books, source).placed.some((share) => share.program === program.id)
    ? 'ownThenShared'
    : program.drawOrder;

/** Promises up to `wanted` sets: whole ones by place first, then mixed ones where that is allowed. */
export function allocateSets(books: Books, command: Command, ask: SetAsk): Allocation[] {
  const drawn: Allocation[] = [];
  const drawSets = (sets: number, places: readonly LocationId[]): void => {
    for (const { sku, quantity } of ask.parts) {
      const source = bookOf(books, sku);
      const drawOrder = drawOrderOf(books, source, ask.program);
      const owner = { orderId: ask.orderId, lineRef: ask.lineRef, program: ask.program, places, drawOrder };
      const got = allocateUnits(source, books, command, { ...owner, wanted: sets * quantity });
      assert(sumOf(got) === sets * quantity, `${sets} sets were promised, and ${sku} gave ${sumOf(got)} units of them`);
      drawn.push(...got.map((part) => ({ ...part, sku })));
    }
  };
  let open = Math.min(ask.wanted, setsAt(books, ask.parts, ask.program, ask.places));
  for (const place of ask.places) {
    if (open <= 0) break;
    const sets = Math.min(open, setsAt(books, ask.parts, ask.program, [place]));
    if (sets <= 0) continue;
    drawSets(sets, [place]);
    open -= sets;
  }
  if (open > 0 && ask.isMixed) drawSets(open, ask.places);
  return drawn;
}

type TakeAsk = LineOwner & { readonly kind: 'release' | 'ship'; readonly units: number };
type Taken = { readonly taken: Allocation[]; readonly left: Allocation[] };

/** Takes `units` (sets of a kit) off what a line holds; of a kit, sets that lie at one place go before mixed ones. */
export function takeFromLine(
  item: ItemBook,
  books: Books,
  command: Command,
  ask: TakeAsk & { readonly line: OrderLine },
): Taken {
  const { line, ...rest } = ask;
  if (line.components === undefined) return takeUnits(item, books, command, { ...rest, allocations: line.allocations });
  return takeSets(books, command, { ...rest, components: line.components, allocations: line.allocations });
}

function takeSets(
  books: Books,
  command: Command,
  ask: TakeAsk & { readonly components: readonly Component[]; readonly allocations: readonly Allocation[] },
): Taken {
  const { components, allocations } = ask;
  const inTurn = ask.kind === 'release' ? [...allocations].reverse() : allocations;
  const takes = new Map<Allocation, number>();
  const leftOf = (part: Allocation): number => part.quantity - (takes.get(part) ?? 0);
  const at = (place: LocationId | null, sku: Sku): Allocation[] =>
    inTurn.filter((part) => part.sku === sku && (place === null || part.location === place));
  const setsLeft = (place: LocationId | null): number =>
    Math.min(
      ...components.map(({ sku, quantity }) =>
        Math.floor(at(place, sku).reduce((sum, part) => sum + leftOf(part), 0) / quantity),
      ),
    );
  let open = ask.units;
  for (const place of [...new Set(inTurn.map((part) => part.location)), null]) {
    const sets = Math.min(open, setsLeft(place));
    open -= sets;
    for (const { sku, quantity } of components) {
      let units = sets * quantity;
      for (const part of at(place, sku)) {
        const some = Math.min(units, leftOf(part));
        if (some > 0) takes.set(part, (takes.get(part) ?? 0) + some);
        units -= some;
      }
    }
  }
  const { orderId, lineRef, kind } = ask;
  const taken = inTurn.flatMap((part) => {
    const units = takes.get(part) ?? 0;
    if (units === 0) return [];
    const owner = { orderId, lineRef, kind, units, allocations: [part] };
    return takeUnits(bookOf(books, part.sku ?? ''), books, command, owner).taken;
  });
  const left = allocations.flatMap((part) => (leftOf(part) > 0 ? [{ ...part, quantity: leftOf(part) }] : []));
  return { taken, left };
}
