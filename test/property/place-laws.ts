/** Laws of pools of one place: what is protected there, how it is cut, and what is counted as drawn of it. */
import * as fc from 'fast-check';
import { openBooks, poolsFor } from '#core/books.ts';
import type { Command } from '#core/command.ts';
import { orderOf } from '#core/command.ts';
import type { PlaceShare } from '#core/place-pools.ts';
import type { Pools } from '#core/pools.ts';
import type { Facts, ItemState, State } from '#core/state.ts';
import { commandsOf, opening, type World } from '../support/arbitraries.ts';
import { command, NOW, pool } from '../support/factory.ts';
import { take } from '../support/memory-store.ts';
import { PLACED } from '../support/place-brand.ts';
import { promisedAt, sellableAt } from './books-laws.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';
import { drawersOf, gaveBackWhereCut, leftUnpromised } from './pool-laws.ts';

const LATER = NOW + 60 * 60_000;
const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);

function poolsIn(state: State, sku: string): Pools {
  const books = openBooks({ ...state, items: state.items.filter((each) => each.sku === sku), orders: [] }, LATER);
  const item = books.items.get(sku);
  if (item === undefined) throw new Error(`${sku} is not in the state`);
  return poolsFor(books, item);
}

const isStocked = (item: ItemState): boolean => item.components === undefined;

type Step = { readonly before: State; readonly state: State; readonly facts: Facts; readonly by: Command };

/** Opens the brand, decides one command after another, and shows each step. */
function walk(core: Core, brand: State, commands: readonly Command[], see: (step: Step) => void): void {
  let state = take(core.decide, brand, {
    commands: opening.map((body, index) => command(1000 + index, body)),
    now: NOW,
  }).state;
  for (const by of commands) {
    const step = take(core.decide, state, { commands: [by], now: LATER });
    see({ before: state, by, ...step });
    state = step.state;
  }
}

/** Whose command it is, where it takes or gives back units of one program; goods belong to nobody. */
function programBehind({ by: { body }, before, state }: Step): string | undefined {
  if (body.kind === 'hold') return body.program;
  if (body.kind === 'release-hold') {
    return before.items.flatMap((item) => item.holds).find((hold) => hold.id === body.hold)?.program;
  }
  const order = orderOf(body);
  return state.orders.find((stored) => stored.id === order)?.program;
}

const isSame =
  (share: PlaceShare) =>
  (other: { readonly program: string; readonly location?: string }): boolean =>
    other.program === share.program && other.location === share.location;

/** What lines that waited, and the program itself, drew of a pool of a place in the step. */
const drawnOf = (facts: Facts, sku: string, share: PlaceShare): number =>
  sumOf(
    facts.promises
      .filter((row) => row.sku === sku && row.pool === 'place' && row.kind === 'allocate' && isSame(share)(row))
      .map((row) => row.consumed),
  );

/** I5 by place: what another program does leaves to every pool of a place what it has there, but for one that is open to it. */
export const placesKeepTheirs = (core: Core, world: World = PLACED) =>
  fc.property(world.brand, commandsOf(world.body), (brand, commands) => {
    walk(core, brand, commands, (step) => {
      const actor = step.state.policy.programs.find(({ id }) => id === programBehind(step));
      if (actor === undefined || leftUnpromised(step.facts) || gaveBackWhereCut(step.facts, step.before)) return;
      const drawers = drawersOf(step.facts, actor, step.state.policy);
      for (const item of step.before.items.filter(isStocked)) {
        const [was, is] = [poolsIn(step.before, item.sku), poolsIn(step.state, item.sku)];
        for (const share of was.placed) {
          const isBehind = drawers.some(({ priority }) => priority < share.priority);
          const isOpen = share.rule.protects === 'prioritised' && isBehind;
          if (share.program === actor.id || isOpen) continue;
          const left = is.placed.find(isSame(share))?.remaining ?? 0;
          expect(
            left + drawnOf(step.facts, item.sku, share),
            `${share.program} at ${share.location}`,
          ).toBeGreaterThanOrEqual(share.remaining);
        }
      }
    });
  });

const freeAt = (item: ItemState, place: string): number => sellableAt(item, place) - promisedAt(item, place);

/** All pools together are what is free; a place keeps what is protected there as far as it is there, to the last unit. */
export const placePoolsAddUp = (core: Core, world: World = PLACED) =>
  fc.property(world.brand, commandsOf(world.body), (brand, commands) => {
    walk(core, brand, commands, ({ state }) => {
      for (const item of state.items.filter(isStocked)) {
        const pools = poolsIn(state, item.sku);
        const free = state.locations.map(({ id }) => freeAt(item, id));
        const kept = sumOf([...pools.own, ...pools.placed].map(({ remaining }) => remaining));
        expect(kept + pools.shared, 'pools of places, of the item, and shared').toBe(Math.max(0, sumOf(free)));
        expect(pools.shared).toBeGreaterThanOrEqual(0);
        for (const { id } of state.locations) {
          const there = pools.placed.filter(({ location }) => location === id);
          expect(sumOf(there.map(({ remaining }) => remaining))).toBeLessThanOrEqual(Math.max(0, freeAt(item, id)));
          for (const { remaining, units, consumed } of there)
            expect(remaining).toBeLessThanOrEqual(Math.max(0, units - consumed));
          // Where a place lacks what it promised, the others stand in for it.
          if (free.some((units) => units < 0)) continue;
          const firm = there.filter(({ rule }) => rule.protects !== 'prioritised');
          const wanted = sumOf(firm.map(({ units, consumed }) => Math.max(0, units - consumed)));
          expect(sumOf(firm.map(({ remaining }) => remaining))).toBe(Math.min(wanted, freeAt(item, id)));
        }
      }
    });
  });

/** A run hands units from line to line without their pool, and a refill forgets what was drawn: both are left out here. */
export const drawnAtPlacesIsASum = (core: Core, world: World = PLACED) =>
  fc.property(world.brand, commandsOf(world.body), (brand, commands) => {
    const pools = brand.policy.pools.map((rule) => ({ ...rule, refill: 'never' as const }));
    const kept = commands.filter(({ body }) => body.kind !== 'reconfirm');
    const shipped = new Map<string, number>();
    walk(core, { ...brand, policy: { ...brand.policy, pools } }, kept, ({ state, facts }) => {
      for (const { sku, program, location, kind, pool: from, delta } of facts.promises) {
        if (kind !== 'ship' || from !== 'place') continue;
        const key = `${sku} ${program} ${location}`;
        shipped.set(key, (shipped.get(key) ?? 0) - delta);
      }
      for (const item of state.items) {
        const rows = new Map<string, number>();
        for (const { program, location, pool: from, allocated, held } of item.promises) {
          if (from === 'place') rows.set(`${program} ${location}`, allocated + held);
        }
        for (const { program, location, consumed } of item.drawn) {
          if (location === undefined) continue;
          const gone = shipped.get(`${item.sku} ${program} ${location}`) ?? 0;
          expect(consumed, `drawn by ${program} at ${location}`).toBe((rows.get(`${program} ${location}`) ?? 0) + gone);
          rows.delete(`${program} ${location}`);
        }
        expect([...rows.values()].filter((units) => units !== 0)).toEqual([]);
      }
    });
  });

/** Who has no pool of a place decides as if there were none in the policy, byte for byte. */
export const poolsOfNobodyChangeNothing = (core: Core, world: World = PLACED) =>
  fc.property(world.brand, commandsOf(world.body), (brand, commands) => {
    const plain = brand.policy.pools.filter(({ location }) => location === undefined);
    const beside = [...plain, pool('dtc', 5, { sku: 'no-such-sku', location: 'north' })];
    const decided = (pools: State['policy']['pools']): string => {
      const all = [...opening.map((body, index) => command(1000 + index, body)), ...commands];
      return JSON.stringify(core.decide({ ...brand, policy: { ...brand.policy, pools } }, all, LATER));
    };
    expect(decided(beside)).toBe(decided(plain));
  });
