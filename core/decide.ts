/**
 * `decide(state, commands, now) -> facts`: the one function that all stock and promises go through.
 *
 * Guarantees: pure and deterministic (same input, byte-equal output); input is never changed; a command that is refused, or
 * that throws, is parked alone with the later commands of its order, and the rest is decided as if it had not been there.
 */
import { type Books, type ItemBook, openBooks, touch } from './books.ts';
import { type Command, type ObservedCommand, orderOf } from './command.ts';
import { applyCount } from './counts.ts';
import { Defect } from './errors.ts';
import { applyExpectDemand, applyExpectSupply } from './expect.ts';
import { factsOf } from './facts.ts';
import { fillShorts } from './fill-shorts.ts';
import { applyExtendHold, applyHold, applyReleaseHold } from './holds.ts';
import { writableListing } from './item-book.ts';
import type { CommandId, Instant, OrderId } from './model.ts';
import { applyOrderState, applyShip } from './orders.ts';
import { applyEndReallocation, applyReallocate } from './reallocation.ts';
import { applyReconfirm } from './reconfirm.ts';
import { CommandRefused } from './refusal.ts';
import type { Facts, Outcome, State } from './state.ts';
import {
  applyAdjust,
  applyInspect,
  applyReceive,
  applyReturn,
  applySetLotExpiry,
  applyTransfer,
  itemFor,
} from './stock.ts';

function applyObserved(books: Books, command: Command, body: ObservedCommand): boolean {
  const item = books.itemOfListing.get(body.listing);
  if (item === undefined) {
    throw new CommandRefused('unknown-listing', `listing ${body.listing} is gone`, {
      fix: 'nothing to do: it was unmapped meanwhile',
    });
  }
  const listing = writableListing(item, body.listing);
  listing.seenSold = body.seenSold;
  listing.seenUntil = body.until;
  touch(books, item, command.id);
  return true;
}

/** A look again: whatever stands of the item is told anew, so that a review mends what is stored. */
function applyReview(books: Books, command: Command, item: ItemBook): boolean {
  item.isReviewed = true;
  touch(books, item, command.id);
  return true;
}

/** True when the command changed anything. */
function apply(books: Books, command: Command): boolean {
  const body = command.body;
  switch (body.kind) {
    case 'order-state':
      return applyOrderState(books, command, body);
    case 'ship':
      return applyShip(books, command, body);
    case 'receive':
      return applyReceive(books, command, body);
    case 'adjust':
      return applyAdjust(books, command, body);
    case 'count':
      return applyCount(books, command, body);
    case 'transfer':
      return applyTransfer(books, command, body);
    case 'inspect':
      return applyInspect(books, command, body);
    case 'return':
      return applyReturn(books, command, body);
    case 'set-lot':
      return applySetLotExpiry(books, command, body);
    case 'observed':
      return applyObserved(books, command, body);
    case 'expect-supply':
      return applyExpectSupply(books, command, body);
    case 'expect-demand':
      return applyExpectDemand(books, command, body);
    case 'review':
      return applyReview(books, command, itemFor(books, body.sku));
    case 'hold':
      return applyHold(books, command, body);
    case 'release-hold':
      return applyReleaseHold(books, command, body);
    case 'extend-hold':
      return applyExtendHold(books, command, body);
    case 'reallocate':
      return applyReallocate(books, command, body);
    case 'end-reallocation':
      return applyEndReallocation(books, command, body);
    case 'reconfirm':
      return applyReconfirm(books, command, body);
    default:
      throw new Defect(`no such command: ${JSON.stringify(body satisfies never)}`);
  }
}

const parkedBy = (commandId: CommandId, error: unknown): Outcome => {
  if (error instanceof CommandRefused) {
    return {
      commandId,
      kind: 'parked',
      code: error.reasonCode,
      reason: error.message,
      field: error.field,
      fix: error.fix,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  const fix =
    'a defect of allot: report it with the output of allot parked show, then allot parked retry after an upgrade';
  return { commandId, kind: 'parked', code: 'defect', reason: message, field: null, fix };
};

/** Parked with the earlier command of its order that waits. */
const behindParked = (commandId: CommandId, order: OrderId): Outcome => ({
  commandId,
  kind: 'parked',
  code: 'behind-parked',
  reason: `an earlier command of order ${order} is parked`,
  field: null,
  fix: 'it follows by itself when the earlier one is retried',
});

/** An order is refused before it touched an item, and so before it wrote anything (told-lines.ts); other commands are not so strict. */
const isUnwritten = (books: Books, { body }: Command, error: unknown): boolean =>
  error instanceof CommandRefused && orderOf(body) !== null && books.touched.length === 0;

/**
 * Decides all but the parked, and parks what fails. Null when that may have left the books half written: then all is to be decided
 * anew without it.
 */
function attempt(
  state: State,
  commands: readonly Command[],
  now: Instant,
  parked: Map<CommandId, Outcome>,
): Facts | null {
  const books = openBooks(state, now);
  const stoppedOrders = new Set<OrderId>();
  const outcomes: Outcome[] = [];
  const park = (command: Command, outcome: Outcome): void => {
    const order = orderOf(command.body);
    if (order !== null) stoppedOrders.add(order);
    outcomes.push(outcome);
  };
  for (const command of commands) {
    // Orders are named only where one may be stopped: a name for each costs (measured).
    const order = stoppedOrders.size === 0 ? null : orderOf(command.body);
    const isStopped = order !== null && stoppedOrders.has(order);
    const outcome = parked.get(command.id) ?? (isStopped ? behindParked(command.id, order) : undefined);
    if (outcome !== undefined) {
      park(command, outcome);
      continue;
    }
    try {
      books.touched.length = 0;
      const kind = apply(books, command) ? 'applied' : 'unchanged';
      fillShorts(books, books.touched, command);
      for (const item of books.touched) if (item.servedFirst.length > 0) item.servedFirst = [];
      outcomes.push({ commandId: command.id, kind });
    } catch (error) {
      const failed = parkedBy(command.id, error);
      parked.set(command.id, failed);
      if (!isUnwritten(books, command, error)) return null;
      park(command, failed);
    }
  }
  return factsOf(books, outcomes);
}

/** `commands` in the order they were recorded; `state` must hold every order, listing and item they touch. */
export function decide(state: State, commands: readonly Command[], now: Instant): Facts {
  const parked = new Map<CommandId, Outcome>();
  for (;;) {
    const facts = attempt(state, commands, now, parked);
    if (facts !== null) return facts;
  }
}
