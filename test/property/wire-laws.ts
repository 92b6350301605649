/** Laws of the push plan, by simulation: whatever happens, in the end the platform shows the target; where it compares, no unseen sale is undone. */
import * as fc from 'fast-check';
import type { Protection } from '#core/wire.ts';
import {
  drain,
  happen,
  IN_FLIGHT_MS,
  learnAll,
  openWorld,
  passTo,
  pushStep,
  sellableOf,
  targetOf,
  type World,
  type WorldEvent,
} from '../support/platform-model.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

export const PROTECTIONS: readonly Protection[] = [
  { basis: 'sellable', compares: true },
  { basis: 'sellable', compares: false },
  { basis: 'onHandLessOwnOpen', compares: true },
  { basis: 'onHandLessOwnOpen', compares: false },
];

const units = fc.integer({ min: 1, max: 5 });
const which = fc.nat({ max: 6 });

const tradeArb: fc.Arbitrary<WorldEvent> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('sell' as const), units }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('learn' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restock' as const, 'otherSale' as const), units }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('cancel' as const, 'ship' as const), which }) },
  { weight: 6, arbitrary: fc.constant<WorldEvent>({ kind: 'push' }) },
  { weight: 1, arbitrary: fc.constant<WorldEvent>({ kind: 'reconcile' }) },
);

const faultArb: fc.Arbitrary<WorldEvent> = fc.record({
  kind: fc.constant('fault' as const),
  fault: fc.constantFrom('dropped' as const, 'timedOut' as const),
});

const troubleArb: fc.Arbitrary<WorldEvent> = fc.oneof(
  { weight: 14, arbitrary: tradeArb },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('edit' as const), units: fc.integer({ min: 0, max: 30 }) }) },
  { weight: 1, arbitrary: fc.constant<WorldEvent>({ kind: 'tick' }) },
  { weight: 1, arbitrary: faultArb },
);

const storyOf = (event: fc.Arbitrary<WorldEvent>) => fc.array(event, { minLength: 10, maxLength: 60 });

function play(core: Core, world: World, events: readonly WorldEvent[]): void {
  drain(world, core.planPush);
  for (const event of events) happen(world, event, core.planPush);
}

const expectShown = (world: World): void => {
  expect(sellableOf(world), 'what the platform shows').toBe(targetOf(world).quantity);
  expect(targetOf(world).inFlight).toBe(0);
};

/** All is heard of, and nothing more happens but the sweeps: a read, and the moment at which unexplained reads expire. */
function settle(core: Core, world: World): void {
  world.fault = 'none';
  learnAll(world);
  for (let round = 0; round < 3; round++) {
    drain(world, core.planPush);
    world.isReadDue = true;
    drain(world, core.planPush);
    passTo(world, world.now + IN_FLIGHT_MS + 1);
    drain(world, core.planPush);
  }
}

/** Sales, cancellations, edits, lost and late writes: afterwards the platform shows the target. */
export const platformEndsAtTarget = (core: Core) =>
  fc.property(fc.constantFrom(...PROTECTIONS), storyOf(troubleArb), (protection, events) => {
    const world = openWorld(protection, 20);
    play(core, world, events);
    settle(core, world);
    expectShown(world);
  });

/** Where the platform compares, no write assumes fewer sales than there were: an unseen decrement is never overwritten. */
export const unseenSaleIsNeverUndone = (core: Core) =>
  fc.property(storyOf(tradeArb), (events) => {
    const world = openWorld({ basis: 'sellable', compares: true }, 20);
    play(core, world, events);
    settle(core, world);
    expectShown(world);
    for (const write of world.writes) {
      expect(write.compared).toBe(true);
      if (!write.forgetSeen)
        expect(write.assumedSold, 'sales a write stands on').toBeGreaterThanOrEqual(write.trulySold);
    }
  });

/**
 * Sales that look like our write whose answer never came are not taken for it, as long as their orders come while that is in doubt.
 */
export const saleIsNotTakenForOurWrite = (core: Core) =>
  fc.property(storyOf(fc.oneof({ weight: 8, arbitrary: tradeArb }, { weight: 1, arbitrary: faultArb })), (events) => {
    const world = openWorld({ basis: 'sellable', compares: true }, 20);
    drain(world, core.planPush);
    for (const event of events) {
      happen(world, event, core.planPush);
      if (world.blockedUntil <= world.now) continue;
      learnAll(world);
      passTo(world, world.blockedUntil);
    }
    settle(core, world);
    expectShown(world);
    for (const write of world.writes)
      if (!write.forgetSeen)
        expect(write.assumedSold, 'sales a write stands on').toBeGreaterThanOrEqual(write.trulySold);
  });

/** On a platform that takes its own open orders off itself, what may be sold is never above what is free, whatever is unheard of. */
export const ownOpenOrdersAreNotGivenBack = (core: Core) =>
  fc.property(
    fc.boolean(),
    storyOf(tradeArb.filter(({ kind }) => kind !== 'ship' && kind !== 'cancel' && kind !== 'otherSale')),
    (compares, events) => {
      const world = openWorld({ basis: 'onHandLessOwnOpen', compares }, 20);
      drain(world, core.planPush);
      for (const event of events) {
        happen(world, event, core.planPush);
        const sold = world.orders.reduce((sum, order) => sum + order.units, 0);
        expect(sellableOf(world)).toBeLessThanOrEqual(world.supply - sold);
      }
      settle(core, world);
      expectShown(world);
    },
  );

/** A write whose answer is lost is found out by reading: nothing is held back for it beyond the time of its doubt. */
export const lostAnswerHoldsNothingBack = (core: Core) =>
  fc.property(
    fc.constantFrom(...PROTECTIONS),
    fc.constantFrom('dropped' as const, 'timedOut' as const),
    fc.record({ kind: fc.constantFrom('restock' as const, 'otherSale' as const), units }),
    storyOf(tradeArb),
    (protection, fault, change, events) => {
      const world = openWorld(protection, 20);
      play(core, world, events);
      settle(core, world);
      happen(world, change, core.planPush);
      world.fault = fault;
      drain(world, core.planPush);
      expectShown(world);
    },
  );

/** A read that no order explains is believed until its time is over, then undone by the push alone: no further sweep is needed. */
export const manualEditIsHealed = (core: Core) =>
  fc.property(
    fc.constantFrom(...PROTECTIONS),
    fc.integer({ min: 0, max: 30 }),
    storyOf(tradeArb),
    (protection, edited, events) => {
      const world = openWorld(protection, 20);
      play(core, world, events);
      settle(core, world);
      world.shown = edited;
      world.isReadDue = true;
      drain(world, core.planPush);
      passTo(world, world.now + IN_FLIGHT_MS + 1);
      drain(world, core.planPush);
      expectShown(world);
    },
  );

const LATE: readonly Protection[] = PROTECTIONS.filter(({ compares }) => !compares);
/** Two ticks: reads of every age come in between. */
const SETTLE_MS = IN_FLIGHT_MS / 2;

/** Sales, cancellations, edits, lost writes, on a platform that shows late what it accepted: it ends at the target all the same. */
export const latePlatformEndsAtTarget = (core: Core) =>
  fc.property(fc.constantFrom(...LATE), storyOf(troubleArb), (protection, events) => {
    const world = openWorld(protection, 20, SETTLE_MS);
    play(core, world, events);
    settle(core, world);
    expectShown(world);
  });

const quietTradeArb: fc.Arbitrary<WorldEvent> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('restock' as const, 'otherSale' as const), units }) },
  { weight: 6, arbitrary: fc.constant<WorldEvent>({ kind: 'push' }) },
  { weight: 1, arbitrary: fc.constantFrom<WorldEvent>({ kind: 'reconcile' }, { kind: 'tick' }) },
);

/** Our own write that does not show yet is no sale of the platform's, and no increase is written on a number from before it. */
export const ownWriteIsNoSale = (core: Core) =>
  fc.property(fc.constantFrom(...LATE), storyOf(quietTradeArb), (protection, events) => {
    const world = openWorld(protection, 20, SETTLE_MS);
    drain(world, core.planPush);
    for (const event of events) {
      happen(world, event, core.planPush);
      expect(world.seenSold, 'sales that never were').toBeNull();
    }
    drain(world, core.planPush);
    expectShown(world);
    expect(world.writes.filter(({ isRaiseInTheDark }) => isRaiseInTheDark)).toEqual([]);
  });

/** A lowering goes out while an earlier write has not shown yet: the number waits for no look. */
export const loweringNeverWaits = (core: Core) =>
  fc.property(fc.constantFrom(...LATE), storyOf(quietTradeArb), units, (protection, events, sold) => {
    const world = openWorld(protection, 40, SETTLE_MS);
    drain(world, core.planPush);
    for (const event of events) happen(world, event, core.planPush);
    // What it holds in hand is done with first.
    for (let steps = 0; world.inHand !== null && steps < 5; steps++) pushStep(world, core.planPush);
    world.supply = Math.max(0, Math.min(world.supply, world.sync.ackedQuantity ?? 0) - sold);
    const wanted = targetOf(world).quantity;
    if (wanted >= (world.sync.ackedQuantity ?? 0)) return;
    const { now } = world;
    for (let steps = 0; steps < 3; steps++) pushStep(world, core.planPush);
    expect(world.now).toBe(now);
    expect(world.sync.ackedQuantity, 'accepted at once').toBe(wanted);
  });
