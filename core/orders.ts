/**
 * Orders as states, applied: the difference between what a line now says and what the books hold becomes ships, releases,
 * allocations and returns.
 *
 * | a line's totals say           | the books do                                                   |
 * | shipped grew                  | ship from its allocations; beyond them from its first place    |
 * | open (ordered-cancelled-shipped) < allocated | release the difference                      |
 * | open > allocated              | allocate; what is not there becomes `short` (I4)               |
 * | returned grew                 | the goods enter quarantine                                     |
 * Of an order that wants all or nothing all lines are settled together (completeness.ts); of a kit, whole sets (kits.ts).
 * An order that has to be answered is answered when it is first met (answers.ts): open is then also less what was refused.
 *
 * Guarantees: applying a state twice changes nothing; a line is never dropped; a request to cancel frees nothing, only a total.
 */
import { answerLines, closedUnits, owesAnswer } from './answers.ts';
import { type Books, type ItemBook, lineKey, touch } from './books.ts';
import { type Command, type HoldUse, type OrderStateCommand, orderIdOf, type ShipCommand } from './command.ts';
import { FILL_RULE_OF, isAllOrNothing } from './completeness.ts';
import { checkHoldUses, convertHolds, endHoldUses } from './hold-orders.ts';
import { writableListing } from './item-book.ts';
import { allocatedUnits, withComposition } from './kits.ts';
import { knownLot, onHandOfLot } from './lot-goods.ts';
import type { Order, OrderLine, Sku } from './model.ts';
import { openUnits, returnUnits, settlePromise, settleWhole, shipUnits, type Turn, turnOf } from './order-lines.ts';
import { joinOrder, type OrderState } from './order-state.ts';
import { CommandRefused } from './refusal.ts';
import { type OrderAttributes, routeFor } from './rules.ts';
import type { StoredOrder } from './state.ts';
import { checkTotals, filledLine, type ToldLine, toldLines } from './told-lines.ts';

const soldOf = (line: OrderLine): number => (line.ordered - closedUnits(line)) / line.pack;
const openSalesOf = (line: OrderLine): number =>
  Math.max(0, (line.ordered - closedUnits(line) - line.reportedShipped) / line.pack);

/**
 * Own sales of the line's listing, in listing units, for the number its platform keeps itself. `before`: as they were counted until
 * now; null: none of it was.
 */
function countOwnSales(
  { books, command }: Turn,
  guess: ItemBook | undefined,
  before: OrderLine | null,
  after: OrderLine,
): void {
  const item = after.listing === null ? undefined : books.itemOfListing.near(after.listing, guess);
  if (item === undefined || after.listing === null) return;
  const listing = writableListing(item, after.listing);
  const ownSoldBefore = listing.ownSold;
  listing.ownSold += soldOf(after) - (before === null ? 0 : soldOf(before));
  // Our orders have come to what the platform's number implied: a difference seen later is another one.
  const { seenSold } = listing;
  if (seenSold !== null && Math.sign(seenSold - ownSoldBefore) !== Math.sign(seenSold - listing.ownSold)) {
    listing.seenSold = null;
    listing.seenUntil = null;
  }
  listing.ownOpen += openSalesOf(after) - (before === null ? 0 : openSalesOf(before));
  touch(books, item, command.id);
}

function applyTotals(turn: Turn, { item, before }: ToldLine, told: OrderLine): OrderLine {
  if (item === undefined) return told;
  const line = withComposition(told, item);
  const newlyShipped = Math.max(0, line.reportedShipped - line.shipped);
  const shipped = newlyShipped > 0 ? shipUnits(turn, item, line, { units: newlyShipped }) : line;
  returnUnits(turn, item, line, line.returned - (before?.returned ?? 0));
  // All lines of an order that wants all or nothing are settled together.
  return isAllOrNothing(turn.rule) ? shipped : settlePromise(turn, item, shipped);
}

/** The text is written only where the versions do not tell them apart already. */
const sameState = (joined: OrderState, stored: OrderState): boolean =>
  joined.version === stored.version && JSON.stringify(joined) === JSON.stringify(joinOrder(stored, stored));

const NO_HOLDS: readonly HoldUse[] = [];
const NO_ATTRIBUTES: OrderAttributes = {};
const NO_LINES: readonly OrderLine[] = [];
/** The items that its lines are of, and those that their kits are made of. */
const skusOf = (told: readonly ToldLine[]): Sku[] =>
  told.flatMap(({ item, line }) => {
    const parts = item === undefined ? [] : (withComposition(line, item).components ?? []);
    return line.sku === null ? [] : [line.sku, ...parts.map(({ sku }) => sku)];
  });

/** Takes a state of an order in; false when it says nothing new. */
export function applyOrderState(books: Books, command: Command, body: OrderStateCommand): boolean {
  checkTotals(body.order);
  const stored = books.orders.find(body.channel, body.order.orderRef);
  const joined = joinOrder(stored?.state ?? body.order, body.order);
  if (stored !== undefined && sameState(joined, stored.state)) return false;
  // An order stays where it was sent when it was first met: its units lie in that program's pools.
  const route =
    stored === undefined ? routeFor(books.policy, body.channel, joined.attributes ?? NO_ATTRIBUTES) : undefined;
  const program = stored?.program ?? route?.program ?? books.programOf.get(body.channel);
  if (program === undefined) {
    throw new CommandRefused('unknown-channel', `channel ${body.channel} belongs to no program`, {
      field: 'channel',
      fix: `give ${body.channel} a program in the configuration file and restart`,
    });
  }
  const id = stored?.id ?? orderIdOf(body.channel, body.order.orderRef);
  const order: Order = { id, channel: body.channel, program, placedAt: joined.placedAt, lines: NO_LINES };
  const told = toldLines(books, order, joined, stored?.lines ?? []);
  const turn = turnOf(books, command, order, joined.fillRule);
  const holds = body.holds ?? NO_HOLDS;
  if (holds.length > 0) checkHoldUses(turn, holds, skusOf(told));
  // Of an order that its platform had not told of until now, nothing is among the own sales yet.
  const wasCounted = stored?.state.origin !== 'operator';
  const applied = told.map((each) => {
    const { item, before, line } = each;
    // A platform lowers its number for the orders it took itself, not for those it never heard of.
    if (joined.origin !== 'operator') countOwnSales(turn, item, wasCounted ? before : null, line);
    return applyTotals(turn, each, convertHolds(turn, holds, line));
  });
  const lines = isAllOrNothing(turn.rule) ? settleWhole(turn, applied) : applied;
  endHoldUses(turn, holds, lines);
  const isOwed = owesAnswer(joined, lines);
  keepOrder(books, {
    id,
    channel: body.channel,
    program,
    placedAt: joined.placedAt,
    lines: isOwed ? giveAnswer(turn, joined, lines) : lines,
    state: joined,
    answeredVersion: isOwed ? joined.version : (stored?.answeredVersion ?? null),
    route: stored?.route ?? route?.id ?? null,
  });
  return true;
}

/** What is refused is wanted no more: its units go back to where they came from. */
function giveAnswer(turn: Turn, order: OrderState, lines: readonly OrderLine[]): OrderLine[] {
  const { books } = turn;
  const fallback = FILL_RULE_OF[books.programs.get(turn.order.program)?.completeness ?? 'split'];
  const answered = answerLines(order, lines, fallback).map((line, index) => {
    const before = lines[index];
    const item = line.sku === null ? undefined : books.items.get(line.sku);
    if (before === undefined || before === line || item === undefined) return line;
    countOwnSales(turn, item, before, line);
    return isAllOrNothing(turn.rule) ? line : settlePromise(turn, item, line);
  });
  return isAllOrNothing(turn.rule) ? settleWhole(turn, answered) : answered;
}

function keepOrder(books: Books, order: StoredOrder): void {
  if (books.filled.size > 0) for (const line of order.lines) books.filled.delete(lineKey(order.id, line.lineRef));
  books.orders.keep(order);
}

/** The lot that was picked is there, wherever the line holds its units. */
function checkPicked(
  item: ItemBook,
  line: OrderLine,
  { units, lot }: { readonly units: number; readonly lot: string },
): void {
  if (line.components !== undefined || item.components !== null) {
    throw new CommandRefused('lot-of-kit', `line ${line.lineRef} is of kit ${item.sku}, which has no lot`, {
      field: 'lot',
      fix: 'ship it without a lot: the lots of its components leave as they are allocated',
    });
  }
  knownLot(item, lot);
  const places = [...new Set(line.allocations.map(({ location }) => location))];
  const there = Math.max(0, ...places.map((location) => onHandOfLot(item, { location, disposition: 'sellable' }, lot)));
  if (units <= there) return;
  throw new CommandRefused(
    'lot-not-there',
    `lot ${lot} of ${item.sku} has ${there} units at ${places.join(', ') || 'no place of the line'}, not ${units}`,
    {
      field: 'lot',
      fix: `see where it lies: allot lots show ${lot} --sku ${item.sku}; or count it first: allot count ${item.sku} N --lot ${lot}`,
    },
  );
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
  const asked = new Map(body.lines?.map((line) => [line.lineRef, line]));
  const currentOf = (line: OrderLine) => filledLine(books, order.id, line.lineRef) ?? line;
  const plan = order.lines.map(currentOf).map((line) => ({
    line,
    units: body.lines === null ? allocatedUnits(line) : (asked.get(line.lineRef)?.quantity ?? 0),
    lot: asked.get(line.lineRef)?.lot,
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
  const turn = turnOf(books, command, order, order.state.fillRule);
  const shipped = plan.map(({ line, units, lot }) => {
    const item = line.sku === null ? undefined : books.items.get(line.sku);
    if (item === undefined || units === 0) return line;
    if (lot !== undefined) checkPicked(item, line, { units, lot });
    const after = shipUnits(turn, item, withComposition(line, item), { units, lot });
    return isAllOrNothing(turn.rule) ? after : settlePromise(turn, item, after);
  });
  keepOrder(books, { ...order, lines: isAllOrNothing(turn.rule) ? settleWhole(turn, shipped) : shipped });
  return true;
}
