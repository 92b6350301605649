/**
 * The numbers of an item's listings: what each may show, with the inputs that it is explained by.
 *
 * Guarantees: pure; a new version of a target whenever anything that its wire number is made of changed; the inputs alone give the
 * quantity again (publish.ts).
 */
import { type BackorderInputs, backorderFor } from './backorder.ts';
import { type Books, freeOf, type ItemBook, poolsFor } from './books.ts';
import { bestPlace, supplyOf } from './completeness.ts';
import { lifeRoomOf, openUnitsTo, type Promised, promisableTo, protectedFrom, roomsFor } from './draw.ts';
import { type FairPart, fairParts, promiseBesideFair } from './fair-parts.ts';
import { rowAt } from './item-book.ts';
import { keptBack } from './kept-back.ts';
import { bookOf, kitInputs } from './kits.ts';
import { lotInputsOf } from './lot-inputs.ts';
import type { ChannelRule, Component, Instant, LocationId, Program, ShowRule, Sku } from './model.ts';
import { outlookOf } from './outlook.ts';
import { keptAt, type PlaceShare } from './place-pools.ts';
import { sayPoolRule } from './pool-words.ts';
import { type FreeByLocation, type Pools, shareOf } from './pools.ts';
import {
  type KitInputs,
  type PromiseInputs,
  PUBLISH_VERSION,
  type PublishInputs,
  quantityOf,
  type ShowFigures,
  setsOf,
} from './publish.ts';
import { channelRuleFor, rulesOf, scopeOf } from './rules.ts';
import type { ListingState, TargetFact } from './state.ts';

const inFlightOf = (listing: ListingState, now: Instant): number => {
  if (listing.seenSold === null || listing.seenUntil === null || listing.seenUntil <= now) return 0;
  return Math.max(0, listing.seenSold - listing.ownSold);
};

/** Reallocations that a program's number is made with. */
const movesOf = (item: ItemBook, program: string): ItemBook['moves'] =>
  item.moves.filter(({ from, to }) => [from, to].some((pool) => pool === program || pool === 'shared'));

/** What one place could give is never more than what all of them could: a deficit elsewhere lowers both. */
const atMost = (promise: Promised, most: Promised): Promised => {
  const units = Math.min(promise.own + promise.shared, most.own + most.shared);
  const own = Math.min(promise.own, units);
  const parts = { own, shared: units - own };
  return promise.placed === undefined ? parts : { ...parts, placed: Math.min(promise.placed, own) };
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

function ownOf(program: Program, pools: Pools): PublishInputs['own'] {
  const share = shareOf(program, pools);
  if (share === undefined) return { units: 0, consumed: 0, remaining: 0 };
  const { units, consumed, remaining, limitLeft } = share;
  const own = { units, consumed, remaining, rule: sayPoolRule(share) };
  return limitLeft === null ? own : { ...own, limitLeft };
}

/** What pools of one place have for the program, and keep from it, where its units may come from. */
function addPlaces(
  inputs: { -readonly [K in keyof PublishInputs]: PublishInputs[K] },
  { program, promise, from }: Shown,
  { pools, free }: Pick<ItemNow, 'pools' | 'free'>,
): void {
  const { kept } = roomsFor({ ...program, locations: from }, pools, free);
  inputs.places = inputs.places.map((place, index) => {
    const protectedForOthers = kept[index] ?? 0;
    return protectedForOthers === 0 ? place : { ...place, protectedForOthers };
  });
  const mine = pools.placed.filter((share) => share.program === program.id);
  if (mine.length === 0) return;
  const isInReach = ({ location }: PlaceShare): boolean => inputs.places.some((place) => place.location === location);
  const places = mine.filter(isInReach).map((share) => {
    const { location, units, consumed, remaining } = share;
    return { location, units, consumed, remaining, rule: sayPoolRule(share) };
  });
  inputs.ownAt = { places, from: promise.placed ?? 0, elsewhere: keptAt(mine.filter((share) => !isInReach(share))) };
}

export type FairParts = ReadonlyMap<number, FairPart>;
const NO_FAIR_PARTS: FairParts = new Map();

/**
 * Parts of the shared pool for the listings whose channels ask for a fair one; not of kits, nor where a line has one place alone
 * (their explanation says so).
 */
export function fairPartsFor(books: Books, { item, pools, free }: ItemNow): FairParts {
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

/** What a listing's number is made of, as far as the number alone needs it: most numbers did not change, and are not told. */
type Shown = {
  readonly channelRule: ChannelRule;
  /** What of it counts. */
  readonly rule: ShowRule;
  readonly isBelow: boolean;
  readonly program: Program;
  /** Where its units may come from; of a program whose lines come from one place, the best of them alone. */
  readonly from: readonly LocationId[];
  readonly best: LocationId | undefined;
  readonly kit: KitInputs | undefined;
  readonly fair: FairPart | undefined;
  readonly promise: Promised;
  readonly units: number;
  readonly kept: ReturnType<typeof keptBack>;
  /** Listing units. */
  readonly inFlight: number;
  readonly backorder: BackorderInputs | null;
};

/** Null for a listing that no rule shows anything of. */
function shownOf(books: Books, { item, pools, free }: ItemNow, listing: ListingState, parts: FairParts): Shown | null {
  const channelRule = channelRuleFor(books.policy, listing.channel, item);
  const program = channelRule === undefined ? undefined : books.programs.get(channelRule.program);
  if (channelRule === undefined || program === undefined) return null;
  const supply = supplyOf(program, listing.locations);
  const supplied = supply === program.locations ? program : { ...program, locations: supply };
  const kit = item.components === null ? undefined : kitInputs(books, item.components, program, supply);
  // A kit's figures are those of the component that limits it.
  const source = kit === undefined ? { pools, free } : standingOf(books, bookOf(books, kit.limitedBy));
  const best =
    kit === undefined && program.completeness === 'onePlace' ? bestPlace(books, item, program, supply) : undefined;
  const from = best === undefined ? supply : [best];
  const fair = parts.get(listing.id);
  const all = (fair === undefined ? promisableTo : promiseBesideFair)(supplied, source.pools, source.free);
  const promise =
    best === undefined ? all : atMost(promisableTo({ ...program, locations: from }, source.pools, source.free), all);
  const units = kit === undefined ? promise.own + (fair?.units ?? promise.shared) : setsOf(kit);
  const { rule, isBelow } = showRuleOf(channelRule, item, kit === undefined ? pools.free : units);
  const kept = keptBack(rule, Math.floor((units * rule.sharePercent) / 100), item.safetyStock, listing.exposure);
  const backorder = kit === undefined ? backorderOf(books, item, supplied, { units, rule, fair }) : null;
  const inFlight = inFlightOf(listing, books.now);
  return { channelRule, rule, isBelow, program, from, best, kit, fair, promise, units, kept, inFlight, backorder };
}

/** The figures of a listing that its number is reckoned by. */
function figuresOf({ rule, kept, inFlight, backorder }: Shown, pack: number): ShowFigures {
  const { sharePercent, hideAtOrBelow, cap } = rule;
  const { safetyStock, buffer } = kept;
  return { sharePercent, safetyStock, buffer, inFlight: inFlight * pack, hideAtOrBelow, cap, pack, backorder };
}

/** All that the number is explained by. */
function inputsOf(
  books: Books,
  at: ItemNow,
  listing: Pick<ListingState, 'pack' | 'seenUntil'>,
  shown: Shown,
): PublishInputs {
  const { channelRule, rule, program, kit, kept, best, promise, inFlight } = shown;
  const { item, pools, free } = kit === undefined ? at : standingOf(books, bookOf(books, kit.limitedBy));
  const protectedBy = protectedFrom(program, pools);
  let protectedForOthers = 0;
  for (const { units } of protectedBy) protectedForOthers += units;
  const inputs: { -readonly [K in keyof PublishInputs]: PublishInputs[K] } = {
    publishVersion: PUBLISH_VERSION,
    policyVersion: books.policy.version,
    program: program.id,
    drawOrder: program.drawOrder,
    // As the books have them after the batch: nothing writes on them any more.
    places: shown.from.map((location) => rowAt(books.places, item.places, location)),
    free: pools.free,
    own: ownOf(program, pools),
    protectedForOthers,
    protectedBy,
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
  if (pools.placed.length > 0) addPlaces(inputs, shown, { pools, free });
  if (shown.isBelow && at.item.minimum !== null) inputs.belowMinimum = at.item.minimum;
  if (kept.safetyStockOf !== undefined) inputs.safetyStockOf = kept.safetyStockOf;
  if (kept.bufferOf !== undefined) inputs.bufferOf = kept.bufferOf;
  if (kept.latencyBuffer !== undefined) inputs.latencyBuffer = kept.latencyBuffer;
  if (kit !== undefined) inputs.kit = kit;
  if (best !== undefined) inputs.onePlace = best;
  if (shown.fair !== undefined) inputs.fairShare = shown.fair;
  else if (rule.fairShare === true) inputs.noFairShare = kit === undefined ? 'onePlace' : 'kit';
  if (shown.backorder !== null) inputs.backorder = shown.backorder;
  const moves = at.item.moves.length === 0 ? [] : movesOf(at.item, program.id);
  if (moves.length > 0) inputs.moves = moves;
  if (free.lots !== undefined) {
    const room = lifeRoomOf({ ...program, locations: shown.from }, pools, free, free.lots);
    const figures = { room, open: openUnitsTo(program, pools) };
    const lots = lotInputsOf(program, shown.from, free.lots, figures);
    if (lots !== null) inputs.lots = lots;
  }
  return inputs;
}

/** A kit is sold from stock alone: its components may be sold beyond it by themselves. */
const backorderOf = (
  books: Books,
  item: ItemBook,
  program: Program,
  { units, rule, fair }: Pick<Shown, 'units' | 'rule' | 'fair'>,
): BackorderInputs | null =>
  program.backorder === undefined
    ? null
    : backorderFor(
        program,
        {
          short: item.shortOf.get(program.id) ?? 0,
          promise: units,
          sharePercent: rule.sharePercent,
          isFair: fair !== undefined,
        },
        () => outlookOf(books, item),
        books.now,
      );

/** An item as it stands after the batch. */
export type ItemNow = { readonly item: ItemBook; readonly free: FreeByLocation; readonly pools: Pools };

export function standingOf(books: Books, item: ItemBook): ItemNow {
  const free = freeOf(books, item);
  return { item, free, pools: poolsFor(books, item, free) };
}

const UNLISTED = { pack: 1, seenUntil: null };
const UNRULED_CHANNEL: ChannelRule = {
  channel: '',
  program: '',
  sku: '*',
  sharePercent: 100,
  safetyStock: 0,
  buffer: 0,
  hideAtOrBelow: null,
  cap: null,
};

/**
 * What a program may take of an item at some of its places, told as the number of a listing that no channel rules: an order's line is
 * explained by it. `components`: of a kit's line; the figures are those of the one that has the fewest sets.
 */
export function promiseInputsOf(
  books: Books,
  sku: Sku,
  program: Program,
  { from, components }: { readonly from: readonly LocationId[]; readonly components: readonly Component[] | undefined },
): PromiseInputs {
  const kit = components === undefined ? undefined : kitInputs(books, components, program, from);
  const at = standingOf(books, bookOf(books, kit?.limitedBy ?? sku));
  const shown: Shown = {
    channelRule: UNRULED_CHANNEL,
    rule: UNRULED_CHANNEL,
    isBelow: false,
    program,
    from,
    best: undefined,
    kit,
    fair: undefined,
    promise: promisableTo({ ...program, locations: from }, at.pools, at.free),
    units: 0,
    kept: { safetyStock: 0, buffer: 0 },
    inFlight: 0,
    backorder: null,
  };
  const inputs = inputsOf(books, at, UNLISTED, shown);
  const { drawOrder, places, free, own, ownAt, protectedForOthers, fromOwn, fromShared, lots, moves } = inputs;
  const shares = [...at.pools.own, ...at.pools.placed];
  const protectedBy = inputs.protectedBy?.map((kept) => {
    const share = shares.find(
      (each) => each.program === kept.program && ('location' in each ? each.location : undefined) === kept.location,
    );
    return share === undefined ? kept : { ...kept, rule: sayPoolRule(share) };
  });
  return {
    program: program.id,
    drawOrder,
    places,
    free,
    own,
    protectedForOthers,
    fromOwn,
    fromShared,
    ...(protectedBy === undefined ? {} : { protectedBy }),
    ...(ownAt === undefined ? {} : { ownAt }),
    ...(kit === undefined ? {} : { kit }),
    ...(lots === undefined ? {} : { lots }),
    ...(moves === undefined ? {} : { moves }),
  };
}

/** A new version whenever anything that the wire number is made of changed, even where the quantity is the same; else null. */
export function targetOf(books: Books, at: ItemNow, listing: ListingState, parts: FairParts): TargetFact | null {
  const shown = shownOf(books, at, listing, parts);
  if (shown === null) return null;
  const before = listing.target;
  const quantity = quantityOf(shown.units, figuresOf(shown, listing.pack));
  const { ownSold, ownOpen } = listing;
  const { inFlight } = shown;
  const restockAt = shown.backorder?.restockAt ?? null;
  const isSame =
    before !== null &&
    before.quantity === quantity &&
    before.ownSold === ownSold &&
    before.ownOpen === ownOpen &&
    before.inFlight === inFlight &&
    before.restockAt === restockAt;
  if (isSame) return null;
  return {
    listing: listing.id,
    sku: at.item.sku,
    version: (before?.version ?? 0) + 1,
    quantity,
    ownSold,
    ownOpen,
    inFlight,
    restockAt,
    inputs: inputsOf(books, at, listing, shown),
  };
}
