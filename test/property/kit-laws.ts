/** Laws of kits, packs and singles on one stock, of places, and of orders that want all or nothing. */
import * as fc from 'fast-check';
import type { Command } from '#core/command.ts';
import type { LocationId, OrderLine, Program } from '#core/model.ts';
import type { State, StoredOrder } from '#core/state.ts';
import { commandsOf, opening, PLACES, SKUS } from '../support/arbitraries.ts';
import {
  channelRule,
  command,
  item,
  listing,
  NOW,
  oneLineOrder,
  policy,
  program,
  receive,
  stateOf,
} from '../support/factory.ts';
import { KIT_WORLD, KIT_WORLD_WITH_RUNS, KITS, kitBrand, SET, SINGLE, SIX_PACK } from '../support/kit-brand.ts';
import { allocatedOf, take } from '../support/memory-store.ts';
import { promisedAt, sellableAt } from './books-laws.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const LATER = NOW + 60 * 60_000;
const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);

const storyArb = commandsOf(KIT_WORLD.body, { minLength: 1, maxLength: 10 });
const storyWithRuns = commandsOf(KIT_WORLD_WITH_RUNS.body, { minLength: 1, maxLength: 12 });

/** Command after command, the state after each. */
function walk(
  core: Core,
  brand: State,
  commands: readonly Command[],
  see: (state: State, each: Command) => void,
): State {
  let state = brand;
  for (const each of [...opening.map((body, index) => command(1000 + index, body)), ...commands]) {
    state = take(core.decide, state, { commands: [each], now: LATER }).state;
    see(state, each);
  }
  return state;
}

const programOf = (state: State, order: StoredOrder): Program | undefined =>
  state.policy.programs.find((each) => each.id === order.program);
const openOf = (line: OrderLine): number => Math.max(0, line.ordered - line.cancelled - line.shipped);
const placesOf = (line: OrderLine, sku?: string): Set<LocationId> =>
  new Set(line.allocations.filter((part) => sku === undefined || part.sku === sku).map((part) => part.location));

/** Every component of a line in whole sets; at each place, where sets may not be mixed. */
export const setsAreWhole = (core: Core) =>
  fc.property(KIT_WORLD.brand, storyWithRuns, (brand, commands) => {
    walk(core, brand, commands, (state) => {
      for (const order of state.orders) {
        const isMixed = (programOf(state, order)?.completeness ?? 'split') === 'split';
        for (const line of order.lines) {
          const kit = line.components ?? [];
          if (kit.length === 0) expect(line.allocations.filter((part) => part.sku !== undefined)).toEqual([]);
          for (const place of kit.length === 0 ? [] : [null, ...(isMixed ? [] : placesOf(line))]) {
            const sets = kit.map(
              ({ sku, quantity }) =>
                sumOf(
                  line.allocations
                    .filter((part) => part.sku === sku && (place === null || part.location === place))
                    .map((part) => part.quantity),
                ) / quantity,
            );
            expect(new Set(sets).size, `sets of ${order.id} line ${line.lineRef}: ${sets.join()}`).toBe(1);
            expect(Number.isInteger(sets[0])).toBe(true);
          }
        }
      }
    });
  });

/** All or nothing, by order and by line: never a part. */
export const nothingIsPartFilled = (core: Core) =>
  fc.property(KIT_WORLD.brand, storyWithRuns, (brand, commands) => {
    walk(core, brand, commands, (state) => {
      for (const order of state.orders) {
        const rule = programOf(state, order)?.completeness;
        const lines = order.lines.filter((line) => line.sku !== null);
        const isFull = (line: OrderLine): boolean => allocatedOf(line) === openOf(line);
        const isEmpty = (line: OrderLine): boolean => line.allocations.length === 0;
        if (rule === 'shipComplete' || rule === 'fillOrKill') {
          expect(lines.every(isFull) || lines.every(isEmpty), `${order.id} by ${rule}`).toBe(true);
        }
        if (rule !== 'onePlace') continue;
        for (const line of lines) {
          expect(isFull(line) || isEmpty(line), `${order.id} line ${line.lineRef}`).toBe(true);
          expect(placesOf(line).size).toBeLessThanOrEqual(1);
        }
      }
    });
  });

/** Whoever could be given what they wait for has it: another look at everything finds nothing to give. */
export const nobodyWaitsInVain = (core: Core) =>
  fc.property(KIT_WORLD.brand, storyArb, (brand, commands) => {
    walk(core, brand, commands, (state, { id }) => {
      if (state.orders.length === 0) return;
      const reviews = state.items.map(({ sku }, index) => command(9000 + index, { kind: 'review', sku }));
      expect(core.decide(state, reviews, LATER).promises, `after command ${id}`).toEqual([]);
    });
  });

/** The number is true: an order of all that a listing shows gets all of it, whatever its program's rule. */
export const whatIsShownIsThere = (core: Core) =>
  fc.property(KIT_WORLD.brand, storyArb, (brand, commands) => {
    const state = walk(core, brand, commands, () => undefined);
    for (const { id, channel, listingRef, target } of state.items.flatMap((each) => each.listings)) {
      if (target === null || target.quantity === 0) continue;
      const order = oneLineOrder('all', { listingRef, ordered: target.quantity }, { channel, placedAt: LATER });
      const after = take(core.decide, state, { commands: [command(5000, order)], now: LATER }).state;
      const line = after.orders.find((each) => each.id === `${channel}/all`)?.lines[0];
      expect(line?.short, `${target.quantity} of listing ${id}`).toBe(0);
    }
  });

/** One stock, three listings: with no rule between them each shows whole units of what is free, after whatever happened. */
export const oneStockIsOneNumber = (core: Core) =>
  fc.property(storyArb, (commands) => {
    const programs = ['dtc', 'wholesale'].map((id) => program(id, { locations: [...PLACES] }));
    const channels = [channelRule('shop:main', 'dtc'), channelRule('market:eu', 'wholesale')];
    walk(core, kitBrand(policy({ programs, pools: [], channels })), commands, (state) => {
      const free = (sku: string): number => {
        const found = state.items.find((each) => each.sku === sku);
        return found === undefined
          ? 0
          : Math.max(0, sumOf(PLACES.map((place) => sellableAt(found, place) - promisedAt(found, place))));
      };
      const shown = (id: number) =>
        state.items.flatMap((each) => each.listings).find((each) => each.id === id)?.target?.quantity ?? 0;
      const sets = Math.min(...KITS.SET.map(({ sku, quantity }) => Math.floor(free(sku) / quantity)));
      expect([shown(SINGLE.id), shown(SIX_PACK.id), shown(SET.id)]).toEqual([
        free('TEA'),
        Math.floor(free('TEA') / 6),
        sets,
      ]);
      for (const sku of SKUS) {
        const found = state.items.find((each) => each.sku === sku);
        const lines = state.orders.flatMap((order) => order.lines.map((line) => ({ line, sku: line.sku })));
        const promised = lines.flatMap(({ line }) => line.allocations.filter((part) => (part.sku ?? line.sku) === sku));
        const kept = found === undefined ? 0 : sumOf(PLACES.map((place) => promisedAt(found, place)));
        expect(sumOf(promised.map((part) => part.quantity)), `${sku} in lines`).toBe(kept);
      }
    });
  });

/** What is split over places adds up to what was asked, as far as there is, and takes the preferred place first. */
export const splitAddsUp = (core: Core) =>
  fc.property(
    fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 5 }),
    fc.integer({ min: 1, max: 60 }),
    (amounts, wanted) => {
      const places = amounts.map((_, index) => `place-${index}`);
      const goods = amounts.map((quantity, index) =>
        command(index + 1, receive(Math.max(1, quantity), { location: places[index] ?? '' })),
      );
      const brand = stateOf({
        policy: policy({ programs: [program('dtc', { locations: places })] }),
        items: [item('TEA', {}, { listings: [listing(1)] })],
      });
      const order = command(99, oneLineOrder('1', { ordered: wanted }));
      const { state } = take(core.decide, brand, { commands: [...goods, order], now: NOW });
      const line = state.orders[0]?.lines[0];
      let left = wanted;
      const expected = amounts.flatMap((quantity, index) => {
        const here = Math.min(left, Math.max(1, quantity));
        left -= here;
        return here === 0 ? [] : [[places[index], here]];
      });
      expect(line?.allocations.map((part) => [part.location, part.quantity])).toEqual(expected);
      expect(sumOf(line?.allocations.map((part) => part.quantity) ?? []) + (line?.short ?? 0)).toBe(wanted);
    },
  );
