/**
 * Units of a line on their way: promised to it by its program's draw order, given back or shipped, and told as waiting.
 *
 * Guarantees: every promise goes through `postEntry`, so books and ledger cannot part (I2).
 */
import { type Books, freeOf, type ItemBook, poolsFor, postEntry } from './books.ts';
import type { Command } from './command.ts';
import { draw } from './draw.ts';
import { consumedBy, stillDrawn } from './drawn.ts';
import type { Allocation, DrawOrder, LocationId, OrderId, Program } from './model.ts';
import { withRow } from './rows.ts';
import type { PromiseEntry } from './state.ts';

export type LineOwner = { readonly orderId: OrderId; readonly lineRef: string };

type Change = Pick<PromiseEntry, 'sku' | 'kind' | 'delta' | 'consumed'>;

/** Whole, and of one literal: entries are most of what a batch writes, and each spread copies one once more. */
function entryOf(
  { id: commandId, occurredAt }: Command,
  { orderId, lineRef }: LineOwner,
  { location, program, pool, lot }: Allocation,
  { sku, kind, delta, consumed }: Change,
): PromiseEntry {
  const held = 0;
  const hold = null;
  return lot === undefined
    ? { commandId, location, program, pool, orderId, lineRef, occurredAt, kind, delta, consumed, held, hold, sku }
    : { commandId, location, program, pool, orderId, lineRef, occurredAt, lot, kind, delta, consumed, held, hold, sku };
}

/** Promises up to `wanted` units to a line, at `places` of its program; answers what was drawn. */
export function allocateUnits(
  item: ItemBook,
  books: Books,
  command: Command,
  ask: LineOwner & {
    readonly program: Program;
    readonly wanted: number;
    readonly places: readonly LocationId[];
    /** Instead of the program's own. */
    readonly drawOrder?: DrawOrder;
  },
): Allocation[] {
  const { program: own, wanted, places, drawOrder = own.drawOrder } = ask;
  if (wanted <= 0) return [];
  const isOwn = places === own.locations && drawOrder === own.drawOrder;
  const program = isOwn ? own : { ...own, locations: places, drawOrder };
  const { sku } = item;
  const free = freeOf(books, item);
  const drawn = draw(program, wanted, poolsFor(books, item, free), free);
  for (const part of drawn) {
    const consumed = consumedBy(part);
    postEntry(item, books, entryOf(command, ask, part, { sku, kind: 'allocate', delta: part.quantity, consumed }));
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
  const { sku } = item;
  for (const part of isRelease ? [...ask.allocations].reverse() : ask.allocations) {
    const quantity = Math.min(open, part.quantity);
    open -= quantity;
    if (quantity < part.quantity) left.push({ ...part, quantity: part.quantity - quantity });
    if (quantity === 0) continue;
    taken.push({ ...part, quantity });
    const consumed = isRelease ? 0 - stillDrawn(item.drawn, { ...part, quantity }) : 0;
    postEntry(item, books, entryOf(command, ask, part, { sku, kind: ask.kind, delta: -quantity, consumed }));
  }
  return { taken, left: isRelease ? left.reverse() : left };
}

/** A line of a program is so many units more short than before, or less. */
export function noteShort(item: ItemBook, program: string, change: number): void {
  if (change !== 0) item.shortOf = withRow(item.shortOf, program, (item.shortOf.get(program) ?? 0) + change);
}

/** What a line has, and what was drawn for it now. */
export const withParts = (had: readonly Allocation[], drawn: readonly Allocation[]): readonly Allocation[] =>
  mergeAllocations(had.length === 0 ? drawn : [...had, ...drawn]);

/**
 * Joins parts of the same place, pool and lot, so that a line filled in many turns stays short to read. Lots of one place and pool
 * stand together: what is given back first hangs on places and pools alone.
 */
export function mergeAllocations(parts: readonly Allocation[]): readonly Allocation[] {
  if (parts.length < 2) return parts;
  const merged = new Map<string, Allocation[]>();
  for (const part of parts) {
    const key = `${part.location} ${part.program} ${part.pool} ${part.sku ?? ''}`;
    const together = merged.get(key);
    if (together === undefined) merged.set(key, [part]);
    else {
      const at = together.findIndex(({ lot }) => lot === part.lot);
      const before = together[at];
      if (before === undefined) together.push(part);
      else together[at] = { ...part, quantity: before.quantity + part.quantity };
    }
  }
  return [...merged.values()].flat();
}
