/**
 * The units of a hold and how they move: drawn, given back, handed to an order line. Each move is an entry of the promise ledger; what
 * moves between a hold and an order is never free in between.
 */
import { type Books, freeOf, type ItemBook, poolsFor, postPromise, touch } from './books.ts';
import type { Command } from './command.ts';
import { bestPlace } from './completeness.ts';
import { draw, lifeRoomOf, openUnitsTo, promisableTo, protectedFrom } from './draw.ts';
import { consumedBy, stillDrawn } from './drawn.ts';
import { rowAt } from './item-book.ts';
import { promiseAt } from './kits.ts';
import { ofLot } from './lot-goods.ts';
import { lotInputsOf, sayLots } from './lot-inputs.ts';
import type { Allocation, Hold, HoldId, HoldKind, HoldState, LocationId, OrderId, Program } from './model.ts';
import { CommandRefused } from './refusal.ts';
import { withRow } from './rows.ts';

/** What every step of a command about an item's holds is done with. */
export type HoldWork = { readonly books: Books; readonly item: ItemBook; readonly command: Command };

export const unitsOf = (hold: Pick<Hold, 'parts'>): number => hold.parts.reduce((sum, part) => sum + part.quantity, 0);

/** How many can be held, and what is in the way of more. */
function tooMany({ books, item }: HoldWork, program: Program, units: { asked: number; had: number }): CommandRefused {
  const free = freeOf(books, item);
  const pools = poolsFor(books, item, free);
  const may = promisableTo(program, pools, free);
  const can = units.had + may.own + may.shared;
  const sum = (of: 'sellable' | 'allocated' | 'held'): number =>
    program.locations.reduce((total, place) => total + rowAt(books.places, item.places, place)[of], 0);
  const lots =
    free.lots === undefined
      ? null
      : lotInputsOf(program, program.locations, free.lots, {
          room: lifeRoomOf(program, pools, free, free.lots),
          open: openUnitsTo(program, pools),
        });
  const there = sum('sellable') - sum('allocated') - sum('held');
  const others = protectedFrom(program, pools).reduce((total, one) => total + one.units, 0);
  const limitLeft = pools.own.find((one) => one.program === program.id)?.limitLeft ?? null;
  const inTheWay = [
    `${sum('sellable')} sellable at ${program.locations.join(', ') || 'no place'}`,
    `${sum('allocated')} allocated`,
    `${sum('held')} held`,
    ...(lots === null ? [] : [`of lots ${sayLots(program.id, there, lots, program.locations.length)}`]),
    `${others} of ${pools.free} free protected for other programs`,
    ...(limitLeft === null ? [] : [`${limitLeft} left of its limit`]),
    ...(program.drawOrder === 'ownOnly' ? [`${program.id} draws from its own pool alone`] : []),
  ];
  return new CommandRefused(
    'hold-too-many',
    `${program.id} can be promised ${can} of ${item.sku} now, not ${units.asked}: ${inTheWay.join(', ')}`,
    { field: 'quantity', fix: `hold at most ${can}, or see who has the rest: allot hold list --sku ${item.sku}` },
  );
}

const entryOf = (command: Command, hold: HoldId, part: Allocation) => ({
  commandId: command.id,
  location: part.location,
  program: part.program,
  pool: part.pool,
  delta: 0,
  hold,
  orderId: null,
  lineRef: null,
  occurredAt: command.occurredAt,
  ...ofLot(part.lot),
});

type DrawAsk = {
  readonly hold: HoldId;
  readonly program: Program;
  readonly units: number;
  /** What the hold has had until now, and what it keeps of that. */
  readonly had: number;
  readonly kept: readonly Allocation[];
};

/** A program whose lines come from one place holds at one place: the first that has all, else the one that has most. */
function placesFor({ books, item }: HoldWork, { program, units, kept }: DrawAsk): readonly LocationId[] {
  if (program.completeness !== 'onePlace') return program.locations;
  const supply = kept.length === 0 ? program.locations : [...new Set(kept.map(({ location }) => location))];
  const place =
    supply.find((each) => promiseAt(books, item, program, [each]) >= units) ?? bestPlace(books, item, program, supply);
  return place === undefined ? [] : [place];
}

/** Draws exactly `units`, or refuses. */
export function drawUnits(work: HoldWork, ask: DrawAsk): Allocation[] {
  const { books, item, command } = work;
  const program = { ...ask.program, locations: placesFor(work, ask) };
  const free = freeOf(books, item);
  const drawn = draw(program, ask.units, poolsFor(books, item, free), free);
  if (unitsOf({ parts: drawn }) < ask.units) {
    throw tooMany(work, program, { asked: ask.had + ask.units, had: ask.had });
  }
  for (const part of drawn) {
    const consumed = consumedBy(part);
    postPromise(item, books, { ...entryOf(command, ask.hold, part), kind: 'hold', held: part.quantity, consumed });
  }
  return drawn;
}

/** Splits off up to `units`: of the first drawn, or of the last; `at`: of those at this place alone. */
function split(parts: readonly Allocation[], units: number, from: 'first' | 'last', at: LocationId | null = null) {
  const taken: Allocation[] = [];
  const left: Allocation[] = [];
  let open = units;
  for (const part of from === 'first' ? parts : parts.toReversed()) {
    const quantity = at === null || part.location === at ? Math.min(open, part.quantity) : 0;
    open -= quantity;
    if (quantity > 0) taken.push({ ...part, quantity });
    if (quantity < part.quantity) left.push({ ...part, quantity: part.quantity - quantity });
  }
  return { taken, left: from === 'first' ? left : left.reverse() };
}

/** Gives the last drawn units back to where they came from; answers what is left. */
export function giveBack({ books, item, command }: HoldWork, hold: Hold, units: number): Allocation[] {
  const { taken, left } = split(hold.parts, units, 'last');
  for (const part of taken) {
    const consumed = -stillDrawn(item.drawn, part);
    postPromise(item, books, { ...entryOf(command, hold.id, part), kind: 'unhold', held: -part.quantity, consumed });
  }
  return left;
}

export function keepHold({ books, item, command }: HoldWork, hold: Hold): void {
  item.holds = withRow(item.holds, hold.id, hold);
  books.changedHolds.set(hold.id, hold);
  touch(books, item, command.id);
}

/** Kept for orders that were to come: what they free is for the waiting orders of their program first. */
const FOR_ORDERS: ReadonlySet<HoldKind> = new Set(['launch', 'presale', 'subscription']);

/** Gives all of it back. */
export function endHold(work: HoldWork, hold: Hold, state: HoldState): void {
  keepHold(work, { ...hold, parts: giveBack(work, hold, unitsOf(hold)), state });
  if (FOR_ORDERS.has(hold.kind)) work.item.servedFirst = [...work.item.servedFirst, hold.program];
}

/** Hands up to `units` over to an order line, the first drawn first: the same places and pools, and what is drawn stays drawn. */
export function handOver(
  { books, item, command }: HoldWork,
  hold: Hold,
  to: {
    readonly orderId: OrderId;
    readonly lineRef: string;
    readonly units: number;
    /** Only what lies there; null: wherever it lies. */
    readonly at: LocationId | null;
  },
): Allocation[] {
  const { taken, left } = split(hold.parts, to.units, 'first', to.at);
  const owner = { orderId: to.orderId, lineRef: to.lineRef };
  for (const part of taken) {
    const entry = entryOf(command, hold.id, part);
    const consumed = stillDrawn(item.drawn, part);
    postPromise(item, books, { ...entry, kind: 'unhold', held: -part.quantity, consumed: -consumed });
    postPromise(item, books, { ...entry, ...owner, kind: 'allocate', delta: part.quantity, consumed });
  }
  keepHold({ books, item, command }, { ...hold, parts: left, state: left.length === 0 ? 'converted' : 'held' });
  return taken;
}
