/** Laws of the published number: its explanation recomputes it, and it is never below 0 nor above what may be promised. */
import * as fc from 'fast-check';
import type { PoolRule } from '#core/model.ts';
import type { PublishInputs, StepId } from '#core/publish.ts';
import type { State } from '#core/state.ts';
import { anyBody, brandArb, commandsOf, opening, PLACES, PLAIN, SKUS, type World } from '../support/arbitraries.ts';
import { command, NOW, publishInputs } from '../support/factory.ts';
import { take, takeAll } from '../support/memory-store.ts';
import { PROMISE_BY_HAND } from '../support/promise-by-hand.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const LATER = NOW + 60 * 60_000;
const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);

const { kit, ...PROMISE } = PROMISE_BY_HAND;
/** Each step by hand, from the inputs and the result before it. */
const BY_HAND: Readonly<Record<StepId, (inputs: PublishInputs, last: number) => number>> = {
  ...PROMISE,
  fairShare: ({ fromOwn, fairShare }, last) => Math.min(last, fromOwn + (fairShare?.units ?? last)),
  kit,
  share: ({ sharePercent }, last) => Math.trunc((last * sharePercent) / 100),
  safetyStock: ({ safetyStock }, last) => last - safetyStock,
  buffer: ({ buffer }, last) => last - buffer,
  inFlight: ({ inFlight }, last) => last - inFlight,
  backorder: ({ backorder }, last) => (backorder === undefined ? last : last + backorder.units),
  hideAtOrBelow: ({ hideAtOrBelow }, last) => (hideAtOrBelow !== null && last > 0 && last <= hideAtOrBelow ? 0 : last),
  cap: ({ cap }, last) => (cap === null ? last : Math.min(last, cap)),
  pack: ({ pack }, last) => Math.floor(last / pack),
  floor: (_, last) => Math.max(0, last),
};

/** Steps that are there only where they say something. */
const stepsOf = (inputs: PublishInputs): string =>
  Object.keys(BY_HAND)
    .filter((id) => id !== 'kit' || inputs.kit !== undefined)
    .filter((id) => id !== 'life' || inputs.lots !== undefined)
    .filter((id) => id !== 'fairShare' || inputs.fairShare !== undefined || inputs.noFairShare !== undefined)
    .join();

/** One comparison of whole lists: it runs some ten thousand times. */
function expectExplained(core: Core, inputs: PublishInputs): void {
  const { quantity, steps } = core.explain(inputs);
  const byHand: { id: StepId; change: number; result: number }[] = [];
  let last = 0;
  for (const { id } of steps) {
    const result = BY_HAND[id](inputs, last);
    byHand.push({ id, change: result - last, result });
    last = result;
  }
  expect(steps.map(({ id, change, result }) => ({ id, change, result }))).toEqual(byHand);
  expect([quantity, core.publish(inputs)]).toEqual([last, last]);
  expect(byHand.map((step) => step.id).join()).toBe(stepsOf(inputs));
  expect(steps.every((step) => step.says !== '')).toBe(true);
}

/** Every number that decide ever stored, in any story. */
export const everyTargetExplainsItself = (core: Core, world: World = PLAIN) =>
  fc.property(world.brand, commandsOf(world.body), (brand, commands) => {
    let state = brand;
    const all = [...opening.map((body, index) => command(1000 + index, body)), ...commands];
    for (const each of all) {
      const step = take(core.decide, state, { commands: [each], now: LATER - 59 * 60_000 });
      state = step.state;
      for (const target of step.facts.targets) {
        expectExplained(core, target.inputs);
        expect(core.publish(target.inputs)).toBe(target.quantity);
        const { fromOwn, fromShared, fairShare, places, own, ownAt, pack } = target.inputs;
        expect(fairShare?.units ?? 0).toBeLessThanOrEqual(fromShared);
        const beyond = target.inputs.backorder?.units ?? 0;
        const free = sumOf(places.map((place) => place.sellable - place.allocated - place.held));
        // Of a kit the figures are those of its scarcest component.
        const inOne =
          target.inputs.kit?.components.find(({ sku }) => sku === target.inputs.kit?.limitedBy)?.quantity ?? 1;
        const shown = target.quantity * pack * inOne;
        expect(shown, 'never above what is free').toBeLessThanOrEqual(Math.max(0, free) + beyond);
        expect(shown).toBeLessThanOrEqual(fromOwn + fromShared + beyond);
        const there = sumOf((ownAt?.places ?? []).map(({ remaining }) => remaining));
        expect(ownAt?.from ?? 0).toBeLessThanOrEqual(there);
        expect(fromOwn - (ownAt?.from ?? 0)).toBeLessThanOrEqual(own.remaining);
      }
    }
  });

const units = fc.integer({ min: 0, max: 30 });

const rulesArb = fc.record({
  sharePercent: fc.integer({ min: 0, max: 100 }),
  safetyStock: units,
  buffer: units,
  inFlight: units,
  hideAtOrBelow: fc.option(units),
  cap: fc.option(units),
  pack: fc.integer({ min: 1, max: 6 }),
  backorder: units.map((each) => ({
    rule: 'units' as const,
    limit: each,
    short: 0,
    beyond: each,
    units: each,
    restockAt: null,
    from: [],
  })),
});

/** By its rules alone: never below 0, whole packs, and more supply never shows less. */
export const rulesNeverRaise = (core: Core) =>
  fc.property(units, rulesArb, (promise, rules) => {
    const quantity = core.publish(publishInputs(promise, rules));
    expect(Number.isInteger(quantity) && quantity >= 0, `published ${quantity}`).toBe(true);
    expect(quantity * rules.pack).toBeLessThanOrEqual(promise + rules.backorder.units);
    expect(core.publish(publishInputs(promise + 1, rules))).toBeGreaterThanOrEqual(quantity);
    expectExplained(core, publishInputs(promise, rules));
  });

const targetsOf = (state: State): Map<number, number> =>
  new Map(state.items.flatMap((item) => item.listings.map((each) => [each.id, each.target?.quantity ?? 0])));

/** One more unit received never lowers a number anywhere, pools and shorts included. */
export const moreSupplyNeverShowsLess = (core: Core) =>
  fc.property(
    brandArb,
    commandsOf(anyBody),
    fc.record({
      sku: fc.constantFrom(...SKUS),
      location: fc.constantFrom(...PLACES),
      quantity: fc.integer({ min: 1, max: 6 }),
    }),
    (brand, commands, goods) => {
      // A pool that each receipt fills anew takes from the shared pool by that: protection, not a lost unit.
      // So do two percents that are both rounded up to their next unit by one unit more: one of them is enough here. And a pool that
      // grows with the supply is cut, beside pools of places, by other turns than before; beside fair parts it takes of dated supply what
      // the unit more is another listing's part of.
      const isGrowing = (rule: PoolRule) => rule.percent !== undefined || rule.parts !== undefined;
      const hasFair = brand.policy.channels.some(({ fairShare }) => fairShare === true);
      const hasPlaces = brand.policy.pools.some(({ location }) => location !== undefined);
      const sellsSupply = brand.policy.programs.some(
        ({ backorder = 'none' }) => backorder !== 'none' && 'supply' in backorder,
      );
      const pools = brand.policy.pools
        .filter((rule) => !((hasPlaces || (hasFair && sellsSupply)) && isGrowing(rule)))
        .filter(
          (rule, index, all) =>
            rule.percent === undefined || all.findIndex((each) => each.percent !== undefined) === index,
        )
        // Beside fair parts, what a limit leaves of dated supply hangs on all that is shared, not on the part.
        .map((rule) => (hasFair && rule.limit !== undefined ? { ...rule, limit: rule.limit + 1000 } : rule))
        .map((rule) => ({ ...rule, refill: 'never' as const }));
      const start = take(
        core.decide,
        { ...brand, policy: { ...brand.policy, pools } },
        {
          commands: opening.map((body, index) => command(1000 + index, body)),
          now: NOW,
        },
      ).state;
      const state = takeAll(core.decide, start, [{ commands, now: LATER }]);
      const shown = (quantity: number) =>
        targetsOf(
          take(core.decide, state, {
            commands: [
              command(99, { kind: 'receive', ...goods, disposition: 'sellable', quantity }, { occurredAt: LATER }),
            ],
            now: LATER,
          }).state,
        );
      const [less, more] = [shown(goods.quantity), shown(goods.quantity + 1)];
      for (const [id, quantity] of less) expect(more.get(id), `listing ${id}`).toBeGreaterThanOrEqual(quantity);
    },
  );

/** No unit of the shared pool is shown twice among the listings that ask for a fair part; the others show what they showed. */
export const fairPartsAreShownOnce = (core: Core) =>
  fc.property(
    brandArb,
    commandsOf(anyBody),
    fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    (brand, commands, asks) => {
      const asking = (isAsked: (index: number) => boolean) =>
        brand.policy.channels.map((rule, index) => ({ ...rule, fairShare: isAsked(index) }));
      const channels = asking((index) => asks[index] === true);
      const start = take(core.decide, brand, {
        commands: opening.map((body, index) => command(1000 + index, body)),
        now: NOW,
      }).state;
      const told = takeAll(core.decide, start, [{ commands, now: LATER }]);
      const unshown = (policy: State['policy']): State => ({
        ...told,
        policy,
        items: told.items.map((item) => ({
          ...item,
          listings: item.listings.map((each) => ({ ...each, target: null })),
        })),
      });
      const reviews = SKUS.map((sku, index) => command(90 + index, { kind: 'review', sku }));
      const shown = (policy: State['policy']) =>
        take(core.decide, unshown(policy), { commands: reviews, now: LATER }).facts.targets;
      const plain = shown({ ...brand.policy, channels: asking(() => false) });
      const targets = shown({ ...brand.policy, channels });
      for (const sku of SKUS) {
        const fair = targets.flatMap((each) =>
          each.sku === sku && each.inputs.fairShare !== undefined ? [each.inputs] : [],
        );
        const shared = fair[0]?.fairShare?.shared ?? 0;
        expect(sumOf(fair.map(({ fairShare }) => fairShare?.units ?? 0)), `parts of ${sku}`).toBeLessThanOrEqual(
          shared,
        );
        expect(fair.every(({ fairShare }) => fairShare?.shared === shared && fairShare.listings === fair.length)).toBe(
          true,
        );
      }
      for (const each of targets) {
        const before = plain.find(({ listing }) => listing === each.listing);
        if (each.inputs.fairShare === undefined)
          expect(each.quantity, `listing ${each.listing}`).toBe(before?.quantity);
        else expect(each.quantity, `listing ${each.listing}`).toBeLessThanOrEqual(before?.quantity ?? 0);
      }
    },
  );
