/**
 * Orders as states, applied: the difference between what a line now says and what the books hold becomes ships, releases,
 * allocations and returns.
 *
 * | a line's totals say           | the books do                                                   |
 * | shipped grew                  | ship from its allocations; beyond them from its first place    |
 * | open (ordered-cancelled-shipped) < allocated | release the difference                      |
 * | open > allocated              | allocate; what is not there becomes `short` (I4)               |
 * | returned grew                 | the goods enter quarantine                                     |
 * An order that has to be answered is answered when it is first met (answers.ts): open is then also less what was refused.
 *
 * Guarantees: applying a state twice changes nothing; a line is never dropped; a request to cancel frees nothing, only a total.
 */
import { answerLines, closedUnits, owesAnswer } from './answers.ts';
import {
  allocateUnits,
  type Books,
  type ItemBook,
  lineKey,
  mergeAllocations,
  postMovement,
  takeUnits,
  touch,
} from './books.ts';
import { type Command, type OrderStateCommand, orderIdOf, type ShipCommand } from './command.ts';
import { assert } from './errors.ts';
import type { Allocation, Order, OrderId, OrderLine } from './model.ts';
import { joinOrder, type OrderLineState, type OrderState, settleLine } from './order-state.ts';
import { CommandRefused } from './refusal.ts';
import { routeFor } from './rules.ts';
import type { StoredOrder } from './state.ts';

export const openUnits = (line: OrderLine): number => Math.max(0, line.ordered - closedUnits(line) - line.shipped);

function unitsIn(allocations: readonly Allocation[]): number {
  let units = 0;
  for (const { quantity } of allocations) units += quantity;
  return units;
}

export const allocatedUnits = (line: OrderLine): number => unitsIn(line.allocations);

const TOTALS = ['ordered', 'cancelled', 'shipped', 'returned'] as const;

/** Every total of every line is a whole number from 0; what a platform cannot mean is refused by field. */
function checkTotals(order: OrderState): void {
  const refs = new Set<string>();
  order.lines.forEach((line, index) => {
    if (refs.has(line.lineRef)) {
      throw new CommandRefused('duplicate-line', `order ${order.displayRef} names line ${line.lineRef} twice`, {
        field: `lines[${index}].lineRef`,
        fix: 'a defect of the connector: line references are unique within an order; retry with allot parked retry after an upgrade',
      });
    }
    refs.add(line.lineRef);
    for (const total of TOTALS) {
      const value = line[total];
      if (Number.isSafeInteger(value) && value >= 0 && value <= 1_000_000_000) continue;
      throw new CommandRefused(
        'impossible-quantity',
        `order ${order.displayRef}: ${total} of line ${line.lineRef} is ${value}`,
        {
          field: `lines[${index}].${total}`,
          fix: 'correct the order on its platform, then drop this one with allot parked drop: the newer state follows by itself',
        },
      );
    }
  });
}

function newLine(books: Books, channel: string, order: OrderState, index: number): OrderLine {
  const state = order.lines[index];
  assert(state !== undefined, `order ${order.displayRef} has no line ${index}`);
  const listingId = state.listingRef === null ? undefined : books.listingByRef.get(channel)?.get(state.listingRef);
  const known = listingId === undefined ? undefined : books.listings.get(listingId);
  if (state.listingRef !== null && order.fulfilledBy === 'seller' && known === undefined) {
    throw new CommandRefused(
      'unmapped-listing',
      `order ${order.displayRef} on ${channel} names listing ${state.listingRef} (SKU ${state.skuHint ?? 'none'}), which is mapped to no item`,
      {
        field: `lines[${index}].listingRef`,
        fix: `allot listings map ${channel} ${state.listingRef} SKU; all that waits for it is then retried by itself`,
      },
    );
  }
  return {
    lineRef: state.lineRef,
    listing: known?.listing.id ?? null,
    sku: known?.listing.sku ?? null,
    pack: known?.listing.pack ?? 1,
    ordered: 0,
    cancelled: 0,
    returned: 0,
    reportedShipped: 0,
    shipped: 0,
    allocations: [],
    short: 0,
    answer: null,
  };
}

/** The line as an earlier command of the batch filled it. */
const filledLine = (books: Books, id: OrderId, lineRef: string): OrderLine | undefined =>
  books.filled.size === 0 ? undefined : books.filled.get(lineKey(id, lineRef))?.line;

/** What every step of an order's command is done with. */
type Turn = { readonly books: Books; readonly command: Command; readonly order: Order };

/** A line of an order that its platform had not told of until now: none of it is among the own sales yet. */
const uncounted = (line: OrderLine): OrderLine => ({
  ...line,
  ordered: 0,
  cancelled: 0,
  reportedShipped: 0,
  answer: null,
});

/** Own sales of the line's listing, in listing units, for the number its platform keeps itself. */
function countOwnSales({ books, command }: Turn, before: OrderLine, after: OrderLine): void {
  const known = after.listing === null ? undefined : books.listings.get(after.listing);
  if (known === undefined) return;
  const sold = (line: OrderLine) => (line.ordered - closedUnits(line)) / line.pack;
  const open = (line: OrderLine) => Math.max(0, (line.ordered - closedUnits(line) - line.reportedShipped) / line.pack);
  known.listing.ownSold += sold(after) - sold(before);
  known.listing.ownOpen += open(after) - open(before);
  touch(books, known.item, command.id);
}

function shipUnits({ books, command, order }: Turn, item: ItemBook, line: OrderLine, units: number): OrderLine {
  const owner = { orderId: order.id, lineRef: line.lineRef };
  // Drawn first where nothing was: what a program ships comes out of its pool, whenever its order was heard of (I5).
  const undrawn = Math.max(0, units - allocatedUnits(line));
  const drawn = allocateUnits(item, books, command, { ...owner, program: order.program, wanted: undrawn });
  const allocations = mergeAllocations([...line.allocations, ...drawn]);
  const { taken, left } = takeUnits(item, books, command, { ...owner, kind: 'ship', units, allocations });
  const beyond = units - taken.reduce((sum, part) => sum + part.quantity, 0);
  const place = line.allocations[0]?.location ?? books.programs.get(order.program)?.locations[0];
  const parts: readonly Pick<Allocation, 'location' | 'quantity'>[] =
    beyond > 0 && place !== undefined ? [...taken, { location: place, quantity: beyond }] : taken;
  for (const part of parts) {
    postMovement(item, books, {
      commandId: command.id,
      location: part.location,
      disposition: 'sellable',
      delta: -part.quantity,
      kind: 'ship',
      occurredAt: command.occurredAt,
    });
  }
  return { ...line, shipped: line.shipped + units, allocations: left };
}

/** Brings a line's allocations to what is open; the rest is short. */
function settlePromise({ books, command, order }: Turn, item: ItemBook, line: OrderLine): OrderLine {
  const owner = { orderId: order.id, lineRef: line.lineRef };
  const open = openUnits(line);
  const have = allocatedUnits(line);
  let allocations = line.allocations;
  if (have > open) {
    allocations = takeUnits(item, books, command, { ...owner, kind: 'release', units: have - open, allocations }).left;
  } else if (have < open) {
    const drawn = allocateUnits(item, books, command, { ...owner, program: order.program, wanted: open - have });
    allocations = mergeAllocations([...allocations, ...drawn]);
  }
  const short = open - unitsIn(allocations);
  const after = { ...line, allocations, short };
  if (short > 0) item.shorts.set(lineKey(order.id, line.lineRef), { ...order, line: after });
  else if (item.shorts.size > 0) item.shorts.delete(lineKey(order.id, line.lineRef));
  touch(books, item, command.id);
  return after;
}

function returnUnits({ books, command, order }: Turn, item: ItemBook, units: number): void {
  const place = books.programs.get(order.program)?.locations[0];
  if (units <= 0 || place === undefined) return;
  postMovement(item, books, {
    commandId: command.id,
    location: place,
    disposition: 'quarantine',
    delta: units,
    kind: 'return',
    occurredAt: command.occurredAt,
  });
}

/** The line with what the platform now says of it, in base units. */
const withTotals = (before: OrderLine, state: OrderLineState): OrderLine => ({
  ...before,
  ordered: state.ordered * before.pack,
  cancelled: Math.min(state.cancelled, state.ordered) * before.pack,
  returned: state.returned * before.pack,
  reportedShipped: state.shipped * before.pack,
});

function applyTotals(turn: Turn, before: OrderLine, totals: OrderLine): OrderLine {
  const item = before.sku === null ? undefined : turn.books.items.get(before.sku);
  if (item === undefined) return totals;
  const newlyShipped = Math.max(0, totals.reportedShipped - before.shipped);
  const shipped = newlyShipped > 0 ? shipUnits(turn, item, totals, newlyShipped) : totals;
  returnUnits(turn, item, totals.returned - before.returned);
  return settlePromise(turn, item, shipped);
}

const sameState = (joined: OrderState, stored: OrderState): boolean =>
  JSON.stringify(joined) === JSON.stringify(joinOrder(stored, stored));

/** A marketplace's own order asks nothing of our stock; what we promised before it became one is released. */
const notOurs = (before: OrderLine, state: OrderLineState): OrderLineState => ({
  ...state,
  ordered: 0,
  cancelled: 0,
  shipped: before.reportedShipped / before.pack,
  returned: before.returned / before.pack,
});

/** Takes a state of an order in; false when it says nothing new. */
export function applyOrderState(books: Books, command: Command, body: OrderStateCommand): boolean {
  checkTotals(body.order);
  const id = orderIdOf(body.channel, body.order.orderRef);
  const stored = books.orders.get(id);
  const joined = joinOrder(stored?.state ?? body.order, body.order);
  if (stored !== undefined && sameState(joined, stored.state)) return false;
  // An order stays where it was sent when it was first met: its units lie in that program's pools.
  const route = stored === undefined ? routeFor(books.policy, body.channel, joined.attributes ?? {}) : undefined;
  const program = stored?.program ?? route?.program ?? books.programOf.get(body.channel);
  if (program === undefined) {
    throw new CommandRefused('unknown-channel', `channel ${body.channel} belongs to no program`, {
      field: 'channel',
      fix: `give ${body.channel} a program in the configuration file and restart`,
    });
  }
  const order: Order = { id, channel: body.channel, program, placedAt: joined.placedAt, lines: [] };
  const known = stored === undefined ? undefined : new Map(stored.lines.map((line) => [line.lineRef, line]));
  // All lines are resolved before the first is applied: a refused command must not have touched the books.
  const pairs = joined.lines.map((state, index) => {
    const before = filledLine(books, id, state.lineRef) ?? known?.get(state.lineRef);
    // A line may be named only by a later or an older state than the first that came.
    const isNamed = before !== undefined && (before.listing !== null || state.listingRef === null);
    return { state, before: isNamed ? before : newLine(books, body.channel, joined, index) };
  });
  const isOurs = joined.fulfilledBy === 'seller';
  const turn: Turn = { books, command, order };
  const wasCounted = stored?.state.origin !== 'operator';
  const lines = pairs.map(({ before, state }) => {
    const totals = withTotals(before, isOurs ? settleLine(joined, state) : notOurs(before, state));
    // A platform lowers its number for the orders it took itself, not for those it never heard of.
    if (joined.origin !== 'operator') countOwnSales(turn, wasCounted ? before : uncounted(before), totals);
    return applyTotals(turn, before, totals);
  });
  const isOwed = owesAnswer(joined, lines);
  keepOrder(books, {
    ...order,
    lines: isOwed ? giveAnswer(turn, joined, lines) : lines,
    state: joined,
    answeredVersion: isOwed ? joined.version : (stored?.answeredVersion ?? null),
    route: stored?.route ?? route?.id ?? null,
  });
  return true;
}

/** What is refused is wanted no more: its units go back to where they came from. */
function giveAnswer(turn: Turn, order: OrderState, lines: readonly OrderLine[]): OrderLine[] {
  return answerLines(order, lines).map((answered, index) => {
    const before = lines[index];
    const item = answered.sku === null ? undefined : turn.books.items.get(answered.sku);
    if (before === undefined || before === answered || item === undefined) return answered;
    countOwnSales(turn, before, answered);
    return settlePromise(turn, item, answered);
  });
}

function keepOrder(books: Books, order: StoredOrder): void {
  if (books.filled.size > 0) for (const line of order.lines) books.filled.delete(lineKey(order.id, line.lineRef));
  books.orders.set(order.id, order);
  books.changedOrders.add(order.id);
}

/** A person's or a warehouse's word that units left. */
export function applyShip(books: Books, command: Command, body: ShipCommand): boolean {
  const order = books.orders.get(body.orderId);
  if (order === undefined) {
    throw new CommandRefused('unknown-order', `order ${body.orderId} is not known`, {
      field: 'orderId',
      fix: 'write it as channel/order, for example shopify:main/gid://shopify/Order/1001',
    });
  }
  const asked = new Map(body.lines?.map((line) => [line.lineRef, line.quantity]));
  const currentOf = (line: OrderLine) => filledLine(books, order.id, line.lineRef) ?? line;
  const plan = order.lines.map(currentOf).map((line) => ({
    line,
    units: body.lines === null ? allocatedUnits(line) : (asked.get(line.lineRef) ?? 0),
  }));
  for (const lineRef of asked.keys()) {
    if (order.lines.some((line) => line.lineRef === lineRef)) continue;
    throw new CommandRefused('unknown-line', `order ${body.orderId} has no line ${lineRef}`, {
      field: 'lines',
      fix: `its lines are ${order.lines.map((line) => line.lineRef).join(', ')}`,
    });
  }
  for (const { line, units } of plan) {
    if (Number.isSafeInteger(units) && units >= 0 && units <= openUnits(line)) continue;
    throw new CommandRefused(
      'ship-beyond-open',
      `line ${line.lineRef} has ${openUnits(line)} open units, not ${units}`,
      {
        field: 'quantity',
        fix: `ship at most ${openUnits(line)}`,
      },
    );
  }
  if (plan.every(({ units }) => units === 0)) return false;
  const turn: Turn = { books, command, order };
  const lines = plan.map(({ line, units }) => {
    const item = line.sku === null ? undefined : books.items.get(line.sku);
    if (item === undefined || units === 0) return line;
    return settlePromise(turn, item, shipUnits(turn, item, line, units));
  });
  keepOrder(books, { ...order, lines });
  return true;
}
