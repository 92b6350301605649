/**
 * Every law of the core, one line each: what vitest runs (`npm test`, at least 1,000 times) and what `npm run prove` runs 100,000 times.
 *
 * A group is one test file, so that vitest runs groups side by side. A law that stands nowhere here is dead code to knip.
 */
import type * as fc from 'fast-check';
import { PLACES, type World } from '../support/arbitraries.ts';
import { KIT_WORLD_WITH_RUNS as KIT_WORLD } from '../support/kit-brand.ts';
import { LOT_WORLD, LOTS_AT_ANY_PLACE, LOTS_AT_ONE_PLACE } from '../support/lot-brand.ts';
import { PLACED } from '../support/place-brand.ts';
import { answersHold } from './answer-laws.ts';
import {
  atpIsFreeWithoutDates,
  atpIsSuffixMinimum,
  lateSupplyCountsForNothing,
  lessSupplyNeverRaisesAtp,
  promiseAddsUp,
  promiseKeepsLimit,
} from './atp-laws.ts';
import {
  balancesAreSums,
  deficitIsTold,
  noLineVanishes,
  ownSalesAreSums,
  promiseNeverExceedsStock,
} from './books-laws.ts';
import { breakerHeals, gateWaitsForCleanDays, waitsKeepTheirBounds } from './channel-laws.ts';
import type { Core } from './core-under-test.ts';
import { countRuleHolds, everyMovementIsInTheLedger } from './count-laws.ts';
import { batchingChangesNothing, factsReplay, isDeterministic, parkedLeavesNoTrace } from './decide-laws.ts';
import {
  conversionMovesNothing,
  endedHoldsLeaveNoTrace,
  heldIsASum,
  holdIsAllOrNothing,
  holdTakesNobodysOwn,
} from './hold-laws.ts';
import { kitsTakeHeldSets } from './kit-hold-laws.ts';
import {
  nobodyWaitsInVain,
  nothingIsPartFilled,
  oneStockIsOneNumber,
  setsAreWhole,
  splitAddsUp,
  whatIsShownIsThere,
} from './kit-laws.ts';
import { bufferGrowsWithExposure, bufferIsTheSmallest, bufferKeepsItsRule } from './latency-laws.ts';
import { everyLineExplainsItself } from './line-laws.ts';
import { earlierLotsGoFirst, lotsAloneChangeNothing, lotsAreSums, noLotTooOld, sumsOfPromisesFit } from './lot-laws.ts';
import {
  arrivalOrderIsForgotten,
  joinIsASemilattice,
  repetitionWritesNothing,
  totalsConvergeInScarcity,
} from './order-laws.ts';
import { drawnAtPlacesIsASum, placePoolsAddUp, placesKeepTheirs, poolsOfNobodyChangeNothing } from './place-laws.ts';
import { cutSumsExactly, drawMovesNoOtherShare, protectionHolds, shortsAreServedInTurn } from './pool-laws.ts';
import {
  everyTargetExplainsItself,
  fairPartsAreShownOnce,
  moreSupplyNeverShowsLess,
  rulesNeverRaise,
} from './publish-laws.ts';
import { bystandersKeepTheirs, endsRestore, lowPoolsAreMended, movesConserve } from './reallocation-laws.ts';
import {
  KIT_RUNS,
  neverMoreThanThereIs,
  protectionOutranksRuns,
  runKnowsNoOrder,
  strategiesKeepTheirWord,
  turnsAreKept,
} from './reconfirm-laws.ts';
import {
  fairSharesGoUnitByUnit,
  fairSharesSumAndGrow,
  splitIsMaxMin,
  splitIsMonotone,
  splitKeepsTiersAndMinimums,
  splitKnowsNoOrder,
  splitSumsExactly,
} from './scarcity-laws.ts';
import {
  latePlatformEndsAtTarget,
  lostAnswerHoldsNothingBack,
  loweringNeverWaits,
  manualEditIsHealed,
  ownOpenOrdersAreNotGivenBack,
  ownWriteIsNoSale,
  platformEndsAtTarget,
  saleIsNotTakenForOurWrite,
  unseenSaleIsNeverUndone,
} from './wire-laws.ts';

/** `id` is what `npm run prove -- --only` and its report call it; I1 to I5 are the invariants of core/README.md. */
export type Law = {
  readonly id: string;
  readonly says: string;
  readonly of: (core: Core) => fc.IRawProperty<unknown>;
};

const law = (id: string, says: string, of: Law['of']): Law => ({ id, says, of });

/** Pools protect units of an item, not of a place (core/README.md, limits): every program reaches every place. */
const KITS_EVERYWHERE: World = {
  ...KIT_WORLD,
  brand: KIT_WORLD.brand.map((brand) => {
    const programs = brand.policy.programs.map((each) => ({ ...each, locations: [...PLACES] }));
    return { ...brand, policy: { ...brand.policy, programs } };
  }),
};

export const LAWS = {
  books: [
    law('I1', 'what is promised is there, or a deficit says how much is missing', deficitIsTold),
    law('I1-promise', 'a promise alone never makes a deficit', promiseNeverExceedsStock),
    law('I2', 'balances, order lines and inputs of the published number are the sums of the entries', balancesAreSums),
    law('I2-own-sales', 'own sales of a listing are the sums of its order lines', ownSalesAreSums),
    law(
      'I4',
      'ordered less cancelled less shipped is allocated or short, and no accepted line is lost',
      noLineVanishes,
    ),
  ],
  pools: [
    law('I5', 'no command of another program lowers what a program has of its own', protectionHolds),
    law('cut', 'the proportional cut sums exactly, exceeds no want, and one more unit lowers nobody', cutSumsExactly),
    law('cut-still', 'drawing from one share moves no other', drawMovesNoOtherShare),
    law('turn', 'lines that wait are served by priority, then by who came first', shortsAreServedInTurn),
  ],
  places: [
    law('I5-places', 'no command of another program lowers what a program has protected at a place', placesKeepTheirs),
    law('I5-places-kits', 'nor with kits', (core) => placesKeepTheirs(core, KIT_WORLD)),
    law('I5-places-lots', 'nor with lots', (core) => placesKeepTheirs(core, LOT_WORLD)),
    law(
      'place-sum',
      'pools of places, of the item and the shared one are all that is free, and cut exactly',
      placePoolsAddUp,
    ),
    law(
      'place-drawn',
      'what is drawn of a pool of a place is what its lines and holds have of it',
      drawnAtPlacesIsASum,
    ),
    law('place-none', 'a pool of a place for another item changes no byte', poolsOfNobodyChangeNothing),
    law('explain-places', 'explanations with pools of places', (core) => everyTargetExplainsItself(core, PLACED)),
    law('batching-places', 'one batch or many, with pools of places', (core) => batchingChangesNothing(core, PLACED)),
    law('replay-places', 'replay with pools of places', (core) => factsReplay(core, PLACED)),
    law('I1-promise-places', 'a promise alone never makes a deficit, with pools of places', (core) =>
      promiseNeverExceedsStock(core, PLACED),
    ),
  ],
  orders: [
    law('intake', 'any arrival order or duplication of one order’s states ends in one state', arrivalOrderIsForgotten),
    law('intake-scarce', 'in scarcity the totals still do', totalsConvergeInScarcity),
    law('intake-again', 'a repetition is unchanged and writes nothing', repetitionWritesNothing),
    law('join', 'the join of two states is commutative, associative and idempotent', joinIsASemilattice),
  ],
  answers: [law('answer', 'an answer adds up, is given once, and promises no more than is there', answersHold)],
  count: [
    law('count', 'the balance is the last count and what moved after it, in any arrival order', countRuleHolds),
    law('count-ledger', 'a late movement is written with its compensation', everyMovementIsInTheLedger),
  ],
  decide: [
    law('deterministic', 'the same input gives byte-equal output, and the input is not touched', isDeterministic),
    law('batching', 'one batch and many give the same orders, balances and targets', batchingChangesNothing),
    law('parking', 'a refused command leaves no trace, and stops only its own order', parkedLeavesNoTrace),
    law('replay', 'facts replayed give the state', factsReplay),
  ],
  publish: [
    law('explain', 'an explanation recomputes its number, which never exceeds what is free', everyTargetExplainsItself),
    law('number', 'a number is never below 0, in whole packs, and grows with the promise', rulesNeverRaise),
    law('supply', 'one more unit received lowers no number anywhere', moreSupplyNeverShowsLess),
    law('explain-lines', 'a line recomputes what it could be given: nothing, where it waits', everyLineExplainsItself),
    law('fair-shown', 'of a shared pool that is split fairly no unit is shown twice', fairPartsAreShownOnce),
  ],
  scarcity: [
    law('scarce-sum', 'a scarce stock is split to the last unit, and nobody gets more than it wants', splitSumsExactly),
    law('scarce-order', 'it is split the same way for any order of the demands', splitKnowsNoOrder),
    law('scarce-tiers', 'lower tiers are served first, and minimums are kept', splitKeepsTiersAndMinimums),
    law('scarce-max-min', 'nobody is left poorer than the level, by weight', splitIsMaxMin),
    law('scarce-monotone', 'one unit more gives nobody less, where weights are equal', splitIsMonotone),
    law(
      'fair-share',
      'fair shares sum to the stock or the claims, and one more unit lowers nobody',
      fairSharesSumAndGrow,
    ),
    law('fair-unit', 'fair shares are what handing out unit by unit gives', fairSharesGoUnitByUnit),
  ],
  atp: [
    law('atp-free', 'without dated rows ATP is what may be promised now', atpIsFreeWithoutDates),
    law('atp', 'ATP is the lowest balance from the day on, and never falls with the date', atpIsSuffixMinimum),
    law('atp-supply', 'taking supply away raises no ATP', lessSupplyNeverRaisesAtp),
    law('atp-late', 'late supply counts for nothing, and is told', lateSupplyCountsForNothing),
    law('atp-promise', 'a promise by a date is at most ATP, part by part', promiseAddsUp),
    law('atp-limit', 'a promise keeps the backorder limit of its program, and tells it', promiseKeepsLimit),
  ],
  reconfirm: [
    law('run-there', 'a run promises at no place more than there is', neverMoreThanThereIs),
    law('run-word', 'a run keeps the word of each strategy', strategiesKeepTheirWord),
    law('run-turn', 'a run serves the strategies in turn', turnsAreKept),
    law('run-protects', 'a run takes no protection from who gave nothing up', protectionOutranksRuns),
    law('run-order', 'a run is the same in any order, and takes nothing from who keeps what it has', runKnowsNoOrder),
    law('run-there-kits', 'nor with kits, one place and all or nothing', (core) =>
      neverMoreThanThereIs(core, KIT_RUNS),
    ),
    law('run-word-kits', 'a run keeps each word there too', (core) => strategiesKeepTheirWord(core, KIT_RUNS)),
    law('run-protects-kits', 'nor does it take protection there', (core) =>
      protectionOutranksRuns(core, { ...KIT_RUNS, brand: KITS_EVERYWHERE.brand }),
    ),
    law('run-order-kits', 'it is the same in any order there too', (core) => runKnowsNoOrder(core, KIT_RUNS)),
  ],
  holds: [
    law('hold-sum', 'what is held is the sum of its entries, and no hold takes what is not there', heldIsASum),
    law('I5-holds', 'a hold and its end leave the own units of every other program alone', holdTakesNobodysOwn),
    law('hold-converts', 'a conversion frees nothing on its way, and moves no number', conversionMovesNothing),
    law('hold-whole', 'all that can be promised can be held; one more is refused with that number', holdIsAllOrNothing),
    law('hold-ends', 'once all have ended, it is as if no hold had ever been', endedHoldsLeaveNoTrace),
    law(
      'hold-sets',
      'an order of a kit takes whole sets out of holds of its components, and moves no number',
      kitsTakeHeldSets,
    ),
  ],
  kits: [
    law('kit-sets', 'kits are promised, released and shipped in whole sets', setsAreWhole),
    law(
      'kit-stock',
      'kits, packs and singles show what is free in whole units, and hold no unit twice',
      oneStockIsOneNumber,
    ),
    law('kit-shown', 'they show what an order of all of it gets', whatIsShownIsThere),
    law('kit-waiting', 'nobody is left waiting for what is there', nobodyWaitsInVain),
    law('split', 'a split adds up to what was asked, the preferred place first', splitAddsUp),
    law('whole', 'all or nothing never leaves a part, nor one place two', nothingIsPartFilled),
    law('I1-kits', 'I1 with kits', (core) => deficitIsTold(core, KIT_WORLD)),
    law('I1-promise-kits', 'a promise alone never makes a deficit, with kits', (core) =>
      promiseNeverExceedsStock(core, KIT_WORLD),
    ),
    law('I2-kits', 'I2 with kits', (core) => balancesAreSums(core, KIT_WORLD)),
    law('I2-own-sales-kits', 'own sales are sums, with kits', (core) => ownSalesAreSums(core, KIT_WORLD)),
    law('I4-kits', 'I4 in sets', (core) => noLineVanishes(core, KIT_WORLD)),
    law('I5-kits', 'I5 with kits', (core) => protectionHolds(core, KITS_EVERYWHERE)),
    law('answer-kits', 'answers with kits', (core) => answersHold(core, KIT_WORLD)),
    law('explain-kits', 'explanations with kits', (core) => everyTargetExplainsItself(core, KIT_WORLD)),
    law('deterministic-kits', 'deterministic with kits', (core) => isDeterministic(core, KIT_WORLD)),
    law('batching-kits', 'one batch or many, with kits', (core) => batchingChangesNothing(core, KIT_WORLD)),
    law('replay-kits', 'replay with kits', (core) => factsReplay(core, KIT_WORLD)),
  ],
  lots: [
    law('lot-life', 'nobody draws a lot that is expired, too old for it, or of unknown age', noLotTooOld),
    law('lot-fefo', 'no lot is drawn while an earlier one that would do was free at that place', earlierLotsGoFirst),
    law('lot-sum', 'rows of lots are the sums of entries, order lines and holds', lotsAreSums),
    law('lot-plain', 'lots that never expire change no number where nobody asks for a life', lotsAloneChangeNothing),
    law('lot-number', 'a program with a minimum life is promised no more than what lives so long', sumsOfPromisesFit),
    law('I1-lots', 'I1 with lots', (core) => deficitIsTold(core, LOT_WORLD)),
    law('I1-promise-lots', 'a promise alone never makes a deficit, with lots', (core) =>
      promiseNeverExceedsStock(core, LOT_WORLD),
    ),
    law('I2-lots', 'I2 with lots', (core) => balancesAreSums(core, LOT_WORLD)),
    law('I4-lots', 'I4 with lots', (core) => noLineVanishes(core, LOT_WORLD)),
    law('I5-lots', 'I5 with lots, at one place', (core) => protectionHolds(core, LOTS_AT_ONE_PLACE)),
    law('I5-lots-far', 'I5 with lots at several places', (core) => protectionHolds(core, LOTS_AT_ANY_PLACE)),
    law('explain-lots', 'explanations with lots', (core) => everyTargetExplainsItself(core, LOT_WORLD)),
    law('deterministic-lots', 'deterministic with lots', (core) => isDeterministic(core, LOT_WORLD)),
    law('batching-lots', 'one batch or many, with lots', (core) => batchingChangesNothing(core, LOT_WORLD)),
    law('parking-lots', 'a refused command leaves no trace, with lots', (core) => parkedLeavesNoTrace(core, LOT_WORLD)),
    law('replay-lots', 'replay with lots', (core) => factsReplay(core, LOT_WORLD)),
  ],
  reallocation: [
    law('move-sum', 'pools and shared are all that is free, and none is below what was drawn', movesConserve),
    law('I5-moves', 'only the donor loses by a move, only the receiver by its end', bystandersKeepTheirs),
    law('move-ends', 'moves that end with nothing drawn leave no trace', endsRestore),
    law('move-mends', 'the moves that a low pool is told with can be made, and mend it', lowPoolsAreMended),
  ],
  channel: [
    law('retry-bounds', 'a wait is from 0 to its bound, which doubles up to a cap', waitsKeepTheirBounds),
    law('breaker-heals', 'one probe at a time, never shut for long, and one answer ends it', breakerHeals),
    law('gate-clean', 'a gate opens and widens after whole clean days in a row alone', gateWaitsForCleanDays),
  ],
  latency: [
    law(
      'buffer-least',
      'a buffer from latency is the smallest that keeps the chance of overselling',
      bufferIsTheSmallest,
    ),
    law('buffer-grows', 'it never falls with more sales, more time or a smaller chance', bufferGrowsWithExposure),
    law('buffer-rule', 'it stays within its rule, recomputes from its inputs and does not flutter', bufferKeepsItsRule),
  ],
  wire: [
    law('push-ends', 'after quiet every platform shows the target, and the loop ends', platformEndsAtTarget),
    law('push-unseen', 'where the platform compares, no unseen sale is overwritten', unseenSaleIsNeverUndone),
    law('push-open', 'where it subtracts its own open orders, none is given back', ownOpenOrdersAreNotGivenBack),
    law('push-lost', 'a write without an answer is found out by reading', lostAnswerHoldsNothingBack),
    law('push-doubt', 'sales are not taken for a write of ours without an answer', saleIsNotTakenForOurWrite),
    law('push-edit', 'a manual edit is healed once its time is over', manualEditIsHealed),
    law('push-late', 'a platform that shows late what it accepted ends at the target', latePlatformEndsAtTarget),
    law('push-own', 'a write of ours that does not show yet is no sale', ownWriteIsNoSale),
    law('push-lower', 'a lowering waits for no look, and for no earlier write to show', loweringNeverWaits),
  ],
} as const satisfies Readonly<Record<string, readonly Law[]>>;

export const ALL_LAWS: readonly Law[] = Object.values(LAWS).flat();
