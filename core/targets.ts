/**
 * The numbers of an item's listings: what each may show, with the inputs that it is explained by.
 *
 * Guarantees: pure; a new version of a target whenever anything that its wire number is made of changed; the inputs alone give the
 * quantity again (publish.ts).
 */
import { type BackorderInputs, backorderFor } from './backorder.ts';
import { type Books, freeOf, type ItemBook, type ListingBook, poolsFor, stockKey } from './books.ts';
import { bestPlace, supplyOf } from './completeness.ts';
import { type FairPart, fairParts, promiseBesideFair } from './fair-parts.ts';
import { bookOf, kitInputs } from './kits.ts';
import { lotInputsOf } from './lot-inputs.ts';
import type { ChannelRule, Instant, LocationId, Program, ShowRule } from './model.ts';
import { outlookOf } from './outlook.ts';
import {
  type FreeByLocation,
  lifeRoomOf,
  type PoolShare,
  type Pools,
  promisableTo,
  protectedFrom,
  sayPoolRule,
} from './pools.ts';
import { keptBack, PUBLISH_VERSION, type PublishInputs, publish, setsOf } from './publish.ts';
import { channelRuleFor, rulesOf, scopeOf } from './rules.ts';
import type { TargetFact } from './state.ts';

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
  if (free.lots !== undefined) {
    const lots = lotInputsOf(program, may, free.lots, {
      room: lifeRoomOf(program, pools, free.lots),
      shared: pools.shared,
    });
    if (lots !== null) inputs.lots = lots;
  }
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
export type ItemNow = { readonly item: ItemBook; readonly free: FreeByLocation; readonly pools: Pools };

/** A new version whenever anything that the wire number is made of changed, even where the quantity is the same. */
export function targetsOf(books: Books, { item, pools, free }: ItemNow): TargetFact[] {
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
