import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { PLACES, RUNS, type World } from '../support/arbitraries.ts';
import { KIT_WORLD, KIT_WORLD_WITH_RUNS } from '../support/kit-brand.ts';
import { answersHold } from './answer-laws.ts';
import {
  balancesAreSums,
  deficitIsTold,
  noLineVanishes,
  ownSalesAreSums,
  promiseNeverExceedsStock,
} from './books-laws.ts';
import { CORE } from './core-under-test.ts';
import { batchingChangesNothing, factsReplay, isDeterministic } from './decide-laws.ts';
import {
  nobodyWaitsInVain,
  nothingIsPartFilled,
  oneStockIsOneNumber,
  setsAreWhole,
  splitAddsUp,
  whatIsShownIsThere,
} from './kit-laws.ts';
import { protectionHolds } from './pool-laws.ts';
import { everyTargetExplainsItself } from './publish-laws.ts';

/** Pools protect units of an item, not of a place (core/README.md, limits): every program reaches every place. */
const EVERYWHERE: World = {
  ...KIT_WORLD,
  brand: KIT_WORLD.brand.map((brand) => {
    const programs = brand.policy.programs.map((each) => ({ ...each, locations: [...PLACES] }));
    return { ...brand, policy: { ...brand.policy, programs } };
  }),
};

describe('kits, packs and singles on one stock', () => {
  it('are promised, released and shipped in whole sets', () => {
    fc.assert(setsAreWhole(CORE), { numRuns: RUNS });
  });
  it('show what is free in whole units each, and hold no unit twice', () => {
    fc.assert(oneStockIsOneNumber(CORE), { numRuns: RUNS });
  });
  it('show what an order of all of it gets', () => {
    fc.assert(whatIsShownIsThere(CORE), { numRuns: RUNS });
  });
  it('leave nobody waiting for what is there', () => {
    fc.assert(nobodyWaitsInVain(CORE), { numRuns: RUNS });
  });
});

describe('several places and completeness', () => {
  it('a split adds up to what was asked, the preferred place first', () => {
    fc.assert(splitAddsUp(CORE), { numRuns: RUNS });
  });
  it('all or nothing never leaves a part, nor one place two', () => {
    fc.assert(nothingIsPartFilled(CORE), { numRuns: RUNS });
  });
});

describe('the laws of the books, with kits and completeness', () => {
  it('I1: what is promised is there, or a deficit says so', () => {
    fc.assert(deficitIsTold(CORE, KIT_WORLD_WITH_RUNS), { numRuns: RUNS });
  });
  it('I1: a promise alone never makes a deficit', () => {
    fc.assert(promiseNeverExceedsStock(CORE, KIT_WORLD_WITH_RUNS), { numRuns: RUNS });
  });
  it('I2: balances, lines and inputs are sums of entries', () => {
    fc.assert(balancesAreSums(CORE, KIT_WORLD_WITH_RUNS), { numRuns: RUNS });
  });
  it('I2: own sales are sums of order lines', () => {
    fc.assert(ownSalesAreSums(CORE, KIT_WORLD_WITH_RUNS), { numRuns: RUNS });
  });
  it('I4: holds in sets', () => {
    fc.assert(noLineVanishes(CORE, KIT_WORLD_WITH_RUNS), { numRuns: RUNS });
  });
  it('I5: nobody draws what is protected for another', () => {
    fc.assert(protectionHolds(CORE, EVERYWHERE), { numRuns: RUNS });
  });
  it('answers add up and are given once', () => {
    fc.assert(answersHold(CORE, KIT_WORLD_WITH_RUNS), { numRuns: RUNS });
  });
  it('explanations recompute', () => {
    fc.assert(everyTargetExplainsItself(CORE, KIT_WORLD_WITH_RUNS), { numRuns: RUNS });
  });
  it('decide is deterministic', () => {
    fc.assert(isDeterministic(CORE, KIT_WORLD_WITH_RUNS), { numRuns: RUNS });
  });
  it('one batch or many', () => {
    fc.assert(batchingChangesNothing(CORE, KIT_WORLD_WITH_RUNS), { numRuns: RUNS });
  });
  it('facts rebuild the state', () => {
    fc.assert(factsReplay(CORE, KIT_WORLD_WITH_RUNS), { numRuns: RUNS });
  });
});
