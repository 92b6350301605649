/**
 * `decide(state, commands, now) -> facts`: the one function that all stock and promises go through.
 *
 * Guarantees: pure and deterministic (same input, byte-equal output); input is never changed; a command that is refused, or
 * that throws, is parked alone with the later commands of its order, and the rest is decided as if it had not been there.
 */
import { datedMoments } from './atp.ts';
import { type Books, freeOf, type ItemBook, openBooks, poolsFor, touch } from './books.ts';
import { type Command, type ObservedCommand, orderOf } from './command.ts';
import { applyCount } from './counts.ts';
import { settleLate } from './dated.ts';
import { Defect } from './errors.ts';
import { applyExpectDemand, applyExpectSupply } from './expect.ts';
import { fillShorts } from './fill-shorts.ts';
import { applyExtendHold, applyHold, applyReleaseHold } from './holds.ts';
import { standingLots } from './lot-book.ts';
import { totalAt } from './lot-goods.ts';
import { lifeMoments, livesOf } from './lots.ts';
import type { CommandId, Instant, LocationId, OrderId } from './model.ts';
import { applyOrderState, applyShip } from './orders.ts';
import { lowPoolsOf } from './pool-levels.ts';
import { nextPoolChange } from './pools.ts';
import { applyEndReallocation, applyReallocate } from './reallocation.ts';
import { applyReconfirm } from './reconfirm.ts';
import { CommandRefused } from './refusal.ts';
import type { Facts, Outcome, PromiseEntry, State } from './state.ts';
import {
  applyAdjust,
  applyInspect,
  applyReceive,
  applyReturn,
  applySetLotExpiry,
  applyTransfer,
  itemFor,
} from './stock.ts';
import { type ItemNow, targetsOf } from './targets.ts';

function applyObserved(books: Books, command: Command, body: ObservedCommand): boolean {
  const known = books.listings.get(body.listing);
  if (known === undefined) {
    throw new CommandRefused('unknown-listing', `listing ${body.listing} is gone`, {
      fix: 'nothing to do: it was unmapped meanwhile',
    });
  }
  known.listing.seenSold = body.seenSold;
  known.listing.seenUntil = body.until;
  touch(books, known.item, command.id);
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
      touch(books, itemFor(books, body.sku), command.id);
      return true;
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

function nextReviewOf(books: Books, { item, pools }: ItemNow): Instant | null {
  const { now } = books;
  // Only when some left the list: else the next look would find the same lines waiting, for ever.
  if (item.moreShorts && item.hasFilled) return now;
  const moments = item.listings.flatMap((l) => (l.seenUntil !== null && l.seenUntil > now ? [l.seenUntil] : []));
  // One that has passed is the sweep's: it asks for the end of the hold, which decides the item again.
  const ends = [...item.holds.values()].flatMap((hold) => (hold.state === 'held' ? [hold.expiresAt] : []));
  moments.push(...[...ends, item.nextHoldEndsAt ?? now].filter((at) => at > now));
  const poolChange = nextPoolChange(books.policy, item, pools, now);
  if (poolChange !== null) moments.push(poolChange);
  moments.push(...datedMoments(item, now));
  if (item.lots !== null) moments.push(...lifeMoments(standingLots(item.lots), livesOf(books.policy), now));
  return moments.length === 0 ? null : Math.min(...moments);
}

/** Expired units are there: what is promised of them is no deficit, but told by itself. */
function withExpired(item: ItemBook, location: LocationId): number {
  const { onHand, promised } = totalAt(item, { location, disposition: 'sellable' });
  return onHand - promised;
}

const deficitsOf = (books: Books, { item, free }: ItemNow): Facts['deficits'] =>
  books.sellingPlaces.map(({ location }) => {
    const units = item.lots === null ? (free.get(location) ?? 0) : withExpired(item, location);
    return { sku: item.sku, location, quantity: Math.max(0, -units) };
  });

const changedRows = <Row>(sku: string, rows: ReadonlyMap<string, Row>, changed: ReadonlySet<string>) =>
  [...changed].sort().flatMap((ref) => {
    const row = rows.get(ref);
    return row === undefined ? [] : [{ sku, row }];
  });
/** A kit's number is made of its components': it is decided again with them. */
const withTheirKits = (books: Books, items: readonly ItemBook[]): ItemBook[] =>
  books.kitsWith.size === 0
    ? [...items]
    : [...new Set(items.flatMap((item) => [item, ...(books.kitsWith.get(item.sku) ?? [])]))];

/** Programs whose drawn units changed, by id: every entry makes a new row. */
function drawnFacts({ sku, drawn, loaded }: ItemBook): Facts['drawn'] {
  const changed: Facts['drawn'][number][] = [];
  for (const [program, row] of drawn) {
    if (loaded.drawn.some((before) => before === row)) continue;
    const { consumed, taken, takenAtFill, allTakenAtFill, isFilled } = row;
    changed.push({ sku, program, consumed, taken, takenAtFill, allTakenAtFill, isFilled });
  }
  return changed.sort((a, b) => (a.program < b.program ? -1 : 1));
}

/** Lots that the batch made or changed, by code. */
const lotFacts = ({ sku, lots }: ItemBook): Facts['lots'] =>
  lots === null
    ? []
    : [...lots.changed].sort().flatMap((code) => {
        const lot = lots.lots.get(code);
        return lot === undefined ? [] : [{ ...lot, sku }];
      });

/** First in the ledger: what is drawn in the same batch is drawn after the fill. */
const firstFillsOf = (books: Books, item: ItemBook): PromiseEntry[] =>
  item.firstFills.map(({ program, consumed }) => ({
    commandId: item.touchedBy ?? 0,
    sku: item.sku,
    location: books.programs.get(program)?.locations[0] ?? books.sellingPlaces[0]?.location ?? '',
    program,
    pool: 'own',
    kind: 'refill',
    delta: 0,
    consumed: 0 - Math.max(0, consumed),
    held: 0,
    hold: null,
    orderId: null,
    lineRef: null,
    occurredAt: books.now,
  }));

function factsOf(books: Books, outcomes: readonly Outcome[]): Facts {
  const moved = [...books.items.values()].filter((item) => item.touchedBy !== null);
  const touched = withTheirKits(books, moved).sort((a, b) => (a.sku < b.sku ? -1 : 1));
  for (const item of touched) settleLate(item, books.now);
  const listings = touched.flatMap((item) => item.listings);
  const standing = touched.map((item): ItemNow => {
    const free = freeOf(books, item);
    return { item, free, pools: poolsFor(books, item, free) };
  });
  const changed = [...books.changedOrders].sort();
  return {
    stock: books.stock,
    promises: [...moved.flatMap((item) => firstFillsOf(books, item)), ...books.promises],
    orders: changed.flatMap((id) => books.orders.get(id) ?? []),
    filledLines: [...books.filled.values()],
    holds: [...books.changedHolds.values()],
    counted: books.counted,
    lots: moved.flatMap(lotFacts),
    deficits: standing.flatMap((each) => deficitsOf(books, each)),
    listings: listings.map(({ id, ownSold, ownOpen, seenSold, seenUntil }) => ({
      listing: id,
      ownSold,
      ownOpen,
      seenSold,
      seenUntil,
    })),
    drawn: touched.flatMap(drawnFacts),
    targets: standing.flatMap((each) => targetsOf(books, each)),
    moves: books.moves,
    lowPools: standing.flatMap(({ item, pools }) => lowPoolsOf(books.policy, item, pools)),
    supply: touched.flatMap((item) => changedRows(item.sku, item.supply, item.changedSupply)),
    demand: touched.flatMap((item) => changedRows(item.sku, item.demand, item.changedDemand)),
    reviews: standing.map((each) => ({ sku: each.item.sku, nextReviewAt: nextReviewOf(books, each) })),
    outcomes,
  };
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

type Attempt = { readonly facts: Facts } | { readonly failed: Command; readonly error: unknown };

/** Decides all but the parked; stops at a throw that may have left the books half written. */
function attempt(
  state: State,
  commands: readonly Command[],
  now: Instant,
  parked: ReadonlyMap<CommandId, Outcome>,
): Attempt {
  const books = openBooks(state, now);
  const stoppedOrders = new Set<OrderId>();
  const outcomes: Outcome[] = [];
  for (const command of commands) {
    const order = orderOf(command.body);
    const before = parked.get(command.id);
    if (before !== undefined || (order !== null && stoppedOrders.has(order))) {
      if (order !== null) stoppedOrders.add(order);
      const fix = `it follows by itself when the earlier one is retried`;
      const reason = `an earlier command of order ${order} is parked`;
      outcomes.push(
        before ?? { commandId: command.id, kind: 'parked', code: 'behind-parked', reason, field: null, fix },
      );
      continue;
    }
    try {
      books.touched.clear();
      outcomes.push({ commandId: command.id, kind: apply(books, command) ? 'applied' : 'unchanged' });
      fillShorts(books, books.touched, command);
      for (const item of books.touched) if (item.servedFirst.size > 0) item.servedFirst.clear();
    } catch (error) {
      return { failed: command, error };
    }
  }
  return { facts: factsOf(books, outcomes) };
}

/** `commands` in the order they were recorded; `state` must hold every order, listing and item they touch. */
export function decide(state: State, commands: readonly Command[], now: Instant): Facts {
  const parked = new Map<CommandId, Outcome>();
  for (;;) {
    const result = attempt(state, commands, now, parked);
    if ('facts' in result) return result.facts;
    parked.set(result.failed.id, parkedBy(result.failed.id, result.error));
  }
}
