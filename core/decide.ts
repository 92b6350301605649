/**
 * `decide(state, commands, now) -> facts`: the one function that all stock and promises go through.
 *
 * Guarantees: pure and deterministic (same input, byte-equal output); input is never changed; a command that is refused, or
 * that throws, is parked alone with the later commands of its order, and the rest is decided as if it had not been there.
 */
import { datedMoments } from './atp.ts';
import { type BackorderInputs, backorderFor } from './backorder.ts';
import { type Books, freeOf, type ItemBook, type ListingBook, openBooks, poolsFor, stockKey, touch } from './books.ts';
import { type Command, type ObservedCommand, orderOf } from './command.ts';
import { bestPlace, supplyOf } from './completeness.ts';
import { settleLate } from './dated.ts';
import { Defect } from './errors.ts';
import { applyExpectDemand, applyExpectSupply } from './expect.ts';
import { type FairPart, fairParts, promiseBesideFair } from './fair-parts.ts';
import { fillShorts } from './fill-shorts.ts';
import { applyExtendHold, applyHold, applyReleaseHold } from './holds.ts';
import { bookOf, kitInputs } from './kits.ts';
import type { ChannelRule, CommandId, Instant, LocationId, OrderId, Program, ShowRule } from './model.ts';
import { applyOrderState, applyShip } from './orders.ts';
import { outlookOf } from './outlook.ts';
import { lowPoolsOf } from './pool-levels.ts';
import {
  type FreeByLocation,
  nextPoolChange,
  type PoolShare,
  type Pools,
  promisableTo,
  protectedFrom,
  sayPoolRule,
} from './pools.ts';
import { keptBack, PUBLISH_VERSION, type PublishInputs, publish, setsOf } from './publish.ts';
import { applyEndReallocation, applyReallocate } from './reallocation.ts';
import { applyReconfirm } from './reconfirm.ts';
import { CommandRefused } from './refusal.ts';
import { channelRuleFor, rulesOf, scopeOf } from './rules.ts';
import type { Facts, Outcome, State, TargetFact } from './state.ts';
import { applyAdjust, applyCount, applyInspect, applyReceive, applyReturn, applyTransfer, itemFor } from './stock.ts';

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

const inFlightOf = (listing: ListingBook, now: Instant): number => {
  if (listing.seenSold === null || listing.seenUntil === null || listing.seenUntil <= now) return 0;
  return Math.max(0, listing.seenSold - listing.ownSold);
};

/** Reallocations that a program's number is made with. */
const movesOf = (item: ItemBook, program: string): ItemBook['moves'] =>
  item.moves.filter(({ from, to }) => [from, to].some((pool) => pool === program || pool === 'shared'));

type Promised = ReturnType<typeof promisableTo>;

/** What one place could give is never more than what all of them could: a deficit elsewhere lowers both. */
const atMost = (promise: Promised, most: Promised): Promised => {
  const units = Math.min(promise.own + promise.shared, most.own + most.shared);
  const own = Math.min(promise.own, units);
  return { own, shared: units - own };
};

/** A rule in force as a channel's number is made by it: the second set while the item is below its minimum. */
function showRuleOf(
  rule: ChannelRule,
  item: ItemBook,
  free: number,
): { readonly rule: ShowRule; readonly isBelow: boolean } {
  const isBelow = rule.below !== undefined && item.minimum !== null && free < item.minimum;
  return { rule: isBelow ? (rule.below ?? rule) : rule, isBelow };
}

function ownOf(share: PoolShare | undefined): PublishInputs['own'] {
  if (share === undefined) return { units: 0, consumed: 0, remaining: 0 };
  const { units, consumed, remaining, limitLeft } = share;
  const own = { units, consumed, remaining, rule: sayPoolRule(share) };
  return limitLeft === null ? own : { ...own, limitLeft };
}

const NO_FAIR_PARTS: ReadonlyMap<number, FairPart> = new Map();

/** Parts of the shared pool for the listings whose channels ask for a fair one; not of kits, nor where a line has one place alone. */
function fairPartsFor(
  books: Books,
  item: ItemBook,
  { pools, free }: { pools: Pools; free: FreeByLocation },
): ReadonlyMap<number, FairPart> {
  if (!rulesOf(books.policy).hasFairShares || item.components !== null) return NO_FAIR_PARTS;
  const claims = item.listings.flatMap((listing) => {
    const rule = channelRuleFor(books.policy, listing.channel, item);
    const program = rule === undefined ? undefined : books.programs.get(rule.program);
    if (rule === undefined || program === undefined || program.completeness === 'onePlace') return [];
    if (showRuleOf(rule, item, pools.free).rule.fairShare !== true) return [];
    return [{ listing: listing.id, program, locations: supplyOf(program, listing.locations) }];
  });
  return fairParts(claims, pools, free);
}

function inputsFor(
  books: Books,
  item: ItemBook,
  listing: ListingBook,
  at: Pick<ItemNow, 'pools' | 'free'> & { readonly placeAt: PlaceAt; readonly fair: ReadonlyMap<number, FairPart> },
): PublishInputs | null {
  const channelRule = channelRuleFor(books.policy, listing.channel, item);
  const program = channelRule === undefined ? undefined : books.programs.get(channelRule.program);
  if (channelRule === undefined || program === undefined) return null;
  const supply = supplyOf(program, listing.locations);
  const kit = item.components === null ? undefined : kitInputs(books, item.components, program, supply);
  // A kit's figures are those of the component that limits it.
  const source = kit === undefined ? item : bookOf(books, kit.limitedBy);
  const { pools, free, placeAt } =
    kit === undefined ? at : { pools: poolsFor(books, source), free: freeOf(books, source), placeAt: placesOf(source) };
  const best =
    kit === undefined && program.completeness === 'onePlace' ? bestPlace(books, item, program, supply) : undefined;
  const may = best === undefined ? supply : [best];
  const fair = at.fair.get(listing.id);
  const promised = fair === undefined ? promisableTo : promiseBesideFair;
  const all = promised(supply === program.locations ? program : { ...program, locations: supply }, pools, free);
  const promise = best === undefined ? all : atMost(promisableTo({ ...program, locations: may }, pools, free), all);
  const units = kit === undefined ? promise.own + (fair?.units ?? promise.shared) : setsOf(kit);
  const { rule, isBelow } = showRuleOf(channelRule, item, kit === undefined ? pools.free : units);
  const share = Math.floor((units * rule.sharePercent) / 100);
  const inFlight = inFlightOf(listing, books.now);
  const kept = keptBack(rule, share, item.safetyStock);
  const backorder =
    kit === undefined ? backorderOf(books, item, { ...program, locations: supply }, { units, rule }) : null;
  const inputs: { -readonly [K in keyof PublishInputs]: PublishInputs[K] } = {
    publishVersion: PUBLISH_VERSION,
    policyVersion: books.policy.version,
    program: program.id,
    drawOrder: program.drawOrder,
    places: may.map(placeAt),
    free: pools.free,
    own: ownOf(pools.own.find((one) => one.program === program.id)),
    protectedForOthers: 0,
    fromOwn: promise.own,
    fromShared: promise.shared,
    rule: scopeOf(channelRule),
    sharePercent: rule.sharePercent,
    safetyStock: kept.safetyStock,
    buffer: kept.buffer,
    inFlight: inFlight * listing.pack,
    inFlightUntil: inFlight > 0 ? listing.seenUntil : null,
    hideAtOrBelow: rule.hideAtOrBelow,
    cap: rule.cap,
    pack: listing.pack,
  };
  // What few numbers have is added to those: to spread it into all costs each of them.
  const protectedBy = protectedFrom(program, pools);
  if (protectedBy.length > 0) {
    inputs.protectedBy = protectedBy;
    for (const one of protectedBy) inputs.protectedForOthers += one.units;
  }
  if (isBelow && item.minimum !== null) inputs.belowMinimum = item.minimum;
  if (kept.safetyStockOf !== undefined) inputs.safetyStockOf = kept.safetyStockOf;
  if (kept.bufferOf !== undefined) inputs.bufferOf = kept.bufferOf;
  if (kit !== undefined) inputs.kit = kit;
  if (best !== undefined) inputs.onePlace = best;
  if (fair !== undefined) inputs.fairShare = fair;
  if (backorder !== null) inputs.backorder = backorder;
  const moves = item.moves.length === 0 ? [] : movesOf(item, program.id);
  if (moves.length > 0) inputs.moves = moves;
  return inputs;
}

/** A kit is sold from stock alone: its components may be sold beyond it by themselves. */
const backorderOf = (
  books: Books,
  item: ItemBook,
  program: Program,
  { units, rule }: { readonly units: number; readonly rule: ShowRule },
): BackorderInputs | null =>
  backorderFor(
    program,
    { short: item.shortOf.get(program.id) ?? 0, promise: units, sharePercent: rule.sharePercent },
    () => outlookOf(books, item),
    books.now,
  );

type PlaceAt = (location: LocationId) => PublishInputs['places'][number];

/** What there is at a place; the numbers of all listings of an item are made of the same rows. */
function placesOf(item: ItemBook): PlaceAt {
  const known = new Map<LocationId, ReturnType<PlaceAt>>();
  return (location) => {
    const before = known.get(location);
    if (before !== undefined) return before;
    const place = {
      location,
      sellable: item.onHand.get(stockKey(location, 'sellable'))?.quantity ?? 0,
      allocated: item.allocatedAt.get(location) ?? 0,
      held: item.heldAt.get(location) ?? 0,
    };
    known.set(location, place);
    return place;
  };
}

/** An item as it stands after the batch. */
type ItemNow = { readonly item: ItemBook; readonly free: FreeByLocation; readonly pools: Pools };

/** A new version whenever anything that the wire number is made of changed, even where the quantity is the same. */
function targetsOf(books: Books, { item, pools, free }: ItemNow): TargetFact[] {
  const fair = fairPartsFor(books, item, { pools, free });
  const placeAt = placesOf(item);
  const targets: TargetFact[] = [];
  for (const listing of item.listings) {
    const inputs = inputsFor(books, item, listing, { pools, free, placeAt, fair });
    if (inputs === null) continue;
    const before = listing.target;
    const after = {
      quantity: publish(inputs),
      ownSold: listing.ownSold,
      ownOpen: listing.ownOpen,
      inFlight: inputs.inFlight / listing.pack,
      restockAt: inputs.backorder?.restockAt ?? null,
    };
    const isSame =
      before !== null &&
      before.quantity === after.quantity &&
      before.ownSold === after.ownSold &&
      before.ownOpen === after.ownOpen &&
      before.inFlight === after.inFlight &&
      before.restockAt === after.restockAt;
    if (!isSame)
      targets.push({ listing: listing.id, sku: item.sku, version: (before?.version ?? 0) + 1, ...after, inputs });
  }
  return targets;
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
  return moments.length === 0 ? null : Math.min(...moments);
}

const deficitsOf = (books: Books, { item, free }: ItemNow): Facts['deficits'] =>
  books.sellingPlaces.map(({ location }) => {
    const units = free.get(location) ?? 0;
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
    const { consumed, taken, takenAtFill, allTakenAtFill } = row;
    changed.push({ sku, program, consumed, taken, takenAtFill, allTakenAtFill });
  }
  return changed.sort((a, b) => (a.program < b.program ? -1 : 1));
}

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
    promises: books.promises,
    orders: changed.flatMap((id) => books.orders.get(id) ?? []),
    filledLines: [...books.filled.values()],
    holds: [...books.changedHolds.values()],
    counted: books.counted,
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
