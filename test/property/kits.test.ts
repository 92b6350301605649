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

const prove = (law: fc.IRawProperty<unknown>): void => {
  fc.assert(law, { numRuns: RUNS });
};

describe('kits, packs and singles on one stock', () => {
  it('are promised, released and shipped in whole sets', () => prove(setsAreWhole(CORE)));
  it('show what is free in whole units each, and hold no unit twice', () => prove(oneStockIsOneNumber(CORE)));
  it('show what an order of all of it gets', () => prove(whatIsShownIsThere(CORE)));
  it('leave nobody waiting for what is there', () => prove(nobodyWaitsInVain(CORE)));
});

describe('several places and completeness', () => {
  it('a split adds up to what was asked, the preferred place first', () => prove(splitAddsUp(CORE)));
  it('all or nothing never leaves a part, nor one place two', () => prove(nothingIsPartFilled(CORE)));
});

describe('the laws of the books, with kits and completeness', () => {
  it('I5: nobody draws what is protected for another', () => prove(protectionHolds(CORE, EVERYWHERE)));
  it('I1: what is promised is there, or a deficit says so', () => prove(deficitIsTold(CORE, KIT_WORLD_WITH_RUNS)));
  it('I1: a promise alone never makes a deficit', () => prove(promiseNeverExceedsStock(CORE, KIT_WORLD_WITH_RUNS)));
  it('I2: balances, lines and inputs are sums of entries', () => prove(balancesAreSums(CORE, KIT_WORLD_WITH_RUNS)));
  it('I2: own sales are sums of order lines', () => prove(ownSalesAreSums(CORE, KIT_WORLD_WITH_RUNS)));
  it('I4: holds in sets', () => prove(noLineVanishes(CORE, KIT_WORLD_WITH_RUNS)));
  it('answers add up and are given once', () => prove(answersHold(CORE, KIT_WORLD_WITH_RUNS)));
  it('explanations recompute', () => prove(everyTargetExplainsItself(CORE, KIT_WORLD_WITH_RUNS)));
  it('decide is deterministic', () => prove(isDeterministic(CORE, KIT_WORLD_WITH_RUNS)));
  it('one batch or many', () => prove(batchingChangesNothing(CORE, KIT_WORLD_WITH_RUNS)));
  it('facts rebuild the state', () => prove(factsReplay(CORE, KIT_WORLD_WITH_RUNS)));
});
