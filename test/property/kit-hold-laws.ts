/** The law of kits and holds: an order of a kit takes whole sets out of the holds of its components that it names, and moves nothing else. */
import * as fc from 'fast-check';
import type { CommandBody, HoldCommand } from '#core/command.ts';
import type { Completeness, Component, Hold, LocationId } from '#core/model.ts';
import type { State } from '#core/state.ts';
import { holdBody, opening } from '../support/arbitraries.ts';
import { command, lineState, NOW, orderState } from '../support/factory.ts';
import { KIT_WORLD, KITS } from '../support/kit-brand.ts';
import { take } from '../support/memory-store.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);
const SET: readonly Component[] = KITS.SET;
/** Where a SET is listed, by program: kit-brand.ts. */
const SHOPS = { dtc: ['shop:main', 'ref-3'], wholesale: ['market:eu', 'ref-6'] } as const;

const storyArb = fc.record({
  program: fc.constantFrom('dtc' as const, 'wholesale' as const),
  holds: fc.array(
    fc
      .tuple(holdBody, fc.constantFrom('dtc', 'wholesale'))
      .map(([body, program]): HoldCommand => ({ ...body, program, ref: null })),
    { minLength: 2, maxLength: 8 },
  ),
  ordered: fc.integer({ min: 1, max: 4 }),
});

/** Whole sets among the parts of these holds, at one place or over all. */
const setsIn = (holds: readonly Hold[], place: LocationId | null): number =>
  Math.min(
    ...SET.map(({ sku, quantity }) => {
      const parts = holds.filter((hold) => hold.sku === sku).flatMap((hold) => hold.parts);
      const there = parts.filter(({ location }) => place === null || location === place);
      return Math.floor(sumOf(there.map((part) => part.quantity)) / quantity);
    }),
  );

/** Worked out from what its program asks for, not from the core. */
function setsFor(holds: readonly Hold[], rule: Completeness): number {
  if (rule === 'split') return setsIn(holds, null);
  const places = [...new Set(holds.flatMap(({ parts }) => parts.map(({ location }) => location)))];
  const sets = places.map((place) => setsIn(holds, place));
  return rule === 'onePlace' ? Math.max(0, ...sets) : sumOf(sets);
}

const heldOf = (state: State): Hold[] =>
  state.items.flatMap((item) => item.holds.filter((hold) => hold.state === 'held'));
const shownOf = (state: State) => state.items.flatMap((item) => item.listings.map((one) => one.target?.quantity));
type Part = { readonly location: string; readonly program: string; readonly pool: string; readonly quantity: number };
const keyed = (sku: string, { location, program, pool, quantity }: Part) =>
  [`${sku} ${location} ${program} ${pool}`, quantity] as const;

function addUp(rows: readonly (readonly [string, number])[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [key, units] of rows) if (units !== 0) sums[key] = (sums[key] ?? 0) + units;
  return Object.fromEntries(Object.entries(sums).filter(([, units]) => units !== 0));
}

const partsOf = (holds: readonly Hold[]) => holds.flatMap(({ sku, parts }) => parts.map((part) => keyed(sku, part)));

export const kitsTakeHeldSets = (core: Core) =>
  fc.property(KIT_WORLD.brand, storyArb, (brand, { program, holds, ordered }) => {
    const bodies: CommandBody[] = [...opening, ...holds];
    let state = brand;
    bodies.forEach((body, index) => {
      state = take(core.decide, state, { commands: [command(index + 1, body)], now: NOW }).state;
    });
    // One of each component: an order that has no use for a hold that it names is refused.
    const named = SET.flatMap(
      ({ sku }) => heldOf(state).find((hold) => hold.sku === sku && hold.program === program) ?? [],
    );
    if (named.length === 0) return;
    const rule = brand.policy.programs.find(({ id }) => id === program)?.completeness ?? 'split';
    const sets = Math.min(ordered, setsFor(named, rule));
    const [channel, listingRef] = SHOPS[program];
    const line = lineState('1', { listingRef, ordered: Math.max(1, sets) });
    const order = orderState('kit', [line], { origin: 'operator' });
    const uses = named.map(({ id }) => ({ hold: id, rest: 'keep' as const }));
    const body: CommandBody = { kind: 'order-state', channel, order, holds: uses };
    const { state: after, facts } = take(core.decide, state, { commands: [command(99, body)], now: NOW });
    if (sets === 0) {
      expect(facts.outcomes).toMatchObject([{ kind: 'parked', code: 'hold-not-wanted' }]);
      expect([facts.promises, facts.holds]).toEqual([[], []]);
      return;
    }
    expect(facts.outcomes).toMatchObject([{ kind: 'applied' }]);
    const [made] = after.orders.flatMap(({ lines }) => lines);
    expect(made).toMatchObject({ short: 0, components: SET });
    const got = made?.allocations.map((part) => keyed(part.sku ?? '', part)) ?? [];
    for (const { sku, quantity } of SET) {
      const units = made?.allocations.filter((part) => part.sku === sku).map((part) => part.quantity) ?? [];
      expect(sumOf(units), `${sku} of ${sets} sets`).toBe(sets * quantity);
    }
    if (rule === 'onePlace') expect(new Set(made?.allocations.map(({ location }) => location)).size).toBe(1);
    // The same units of the same places and pools, never free in between, and nobody's number moves.
    const left = partsOf(heldOf(after)).map(([key, units]) => [key, -units] as const);
    expect(addUp(got)).toEqual(addUp([...partsOf(heldOf(state)), ...left]));
    expect(facts.promises.filter(({ hold }) => hold === null)).toEqual([]);
    expect(sumOf(facts.promises.map(({ consumed }) => consumed))).toBe(0);
    expect(shownOf(after)).toEqual(shownOf(state));
  });
