/** Laws of orders as states: any arrival order or duplication of one order's states ends in one final state. */
import * as fc from 'fast-check';
import type { Command } from '#core/command.ts';
import type { OrderState } from '#core/order-state.ts';
import type { State } from '#core/state.ts';
import { brandArb, channelOfOrder, orderStateArb, PLACES, SKUS } from '../support/arbitraries.ts';
import { command, NOW } from '../support/factory.ts';
import { take, takeAll } from '../support/memory-store.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

/** In one form: what the join makes of a state alone. */
const settled = (core: Core, state: OrderState): OrderState => core.joinOrder(state, state);

export const joinIsASemilattice = (core: Core) =>
  fc.property(orderStateArb(0), orderStateArb(0), orderStateArb(0), (a, b, c) => {
    const join = core.joinOrder;
    expect(join(a, b)).toEqual(join(b, a));
    expect(join(join(a, b), c)).toEqual(join(a, join(b, c)));
    expect(join(settled(core, a), settled(core, a))).toEqual(settled(core, a));
    expect(join(join(a, b), b)).toEqual(join(a, b));
  });

/** Ample stock at both places, so that no allocation is a matter of who came first. */
const stocked = (core: Core, brand: State): State => {
  const bodies = SKUS.flatMap((sku) =>
    PLACES.map((location) => ({
      kind: 'receive' as const,
      sku,
      location,
      disposition: 'sellable' as const,
      quantity: 1000,
    })),
  );
  return take(core.decide, brand, { commands: bodies.map((body, index) => command(1000 + index, body)), now: NOW })
    .state;
};

function arrive(core: Core, start: State, states: readonly OrderState[], isOneBatch: boolean): State {
  const commands = states.map(
    (order, index): Command => command(index + 1, { kind: 'order-state', channel: channelOfOrder(0), order }),
  );
  const batches = isOneBatch ? [commands] : commands.map((each) => [each]);
  return takeAll(
    core.decide,
    start,
    batches.map((part) => ({ commands: part, now: NOW })),
  );
}

/** All but how often it was told: versions of targets and the ledger's own length may differ. */
const finalOf = (state: State): unknown => ({
  orders: state.orders,
  items: state.items.map((item) => ({
    sku: item.sku,
    balances: item.balances,
    promised: item.promises.filter((row) => row.allocated !== 0),
    drawn: item.drawn.filter((row) => row.consumed !== 0 || row.taken !== 0),
    listings: item.listings.map(({ target, ...listing }) => ({ ...listing, quantity: target?.quantity ?? null })),
  })),
});

const sortRows = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_key, inner: unknown) =>
    Array.isArray(inner) ? [...inner].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : inner,
  );

const storyArb = fc.array(orderStateArb(0), { minLength: 2, maxLength: 4 }).chain((states) =>
  fc.record({
    states: fc.constant(states),
    told: fc.shuffledSubarray([...states, ...states], { minLength: states.length }).map((some) => [...some, ...states]),
    asIs: fc.shuffledSubarray(states, { minLength: states.length }),
  }),
);

export const arrivalOrderIsForgotten = (core: Core) =>
  fc.property(brandArb, storyArb, fc.boolean(), (brand, { states, told, asIs }, isOneBatch) => {
    const programs = brand.policy.programs.map((each) =>
      // A program that may draw its own units only is short, however much there is.
      each.drawOrder === 'ownOnly' ? { ...each, drawOrder: 'ownThenShared' as const } : each,
    );
    // Two lines of one item share its pool: which of them holds the protected units is who asked first.
    const isShared = ['1', '3'].every((ref) =>
      states.some((state) => state.lines.some((line) => line.lineRef === ref)),
    );
    // Two pools of half of all that there is, or one of a part of the rest, leave a third program short, however much that is.
    const protectsAll =
      brand.policy.pools.reduce((sum, { percent = 0 }) => sum + percent, 0) >= 100 ||
      brand.policy.pools.some(({ parts }) => parts !== undefined);
    // A program at its limit is short as well.
    const pools = (isShared || protectsAll ? [] : brand.policy.pools).map((rule) =>
      rule.limit === undefined ? rule : { ...rule, limit: rule.limit + 1000 },
    );
    const start = stocked(core, { ...brand, policy: { ...brand.policy, programs, pools } });
    const expected = sortRows(finalOf(arrive(core, start, states, false)));
    expect(sortRows(finalOf(arrive(core, start, told, isOneBatch)))).toEqual(expected);
    expect(sortRows(finalOf(arrive(core, start, asIs, isOneBatch)))).toEqual(expected);
  });

/** With little stock, who gets it is a matter of arrival; the totals and what is open are not. */
export const totalsConvergeInScarcity = (core: Core) =>
  fc.property(brandArb, storyArb, (brand, { states, told }) => {
    const totalsOf = (state: State): unknown =>
      state.orders.map((order) => ({
        state: order.state,
        lines: order.lines.map((line) => ({ ...line, allocations: [], short: 0 })),
      }));
    expect(totalsOf(arrive(core, brand, told, false))).toEqual(totalsOf(arrive(core, brand, states, false)));
  });

/** Telling the final state again is `unchanged` and writes nothing. */
export const repetitionWritesNothing = (core: Core) =>
  fc.property(brandArb, storyArb, (brand, { states }) => {
    const state = arrive(core, brand, states, false);
    for (const order of [...states, ...state.orders.map((each) => each.state)]) {
      const body = { kind: 'order-state' as const, channel: channelOfOrder(0), order };
      const facts = core.decide(state, [command(99, body)], NOW);
      expect(facts.outcomes).toEqual([{ commandId: 99, kind: 'unchanged' }]);
      expect([facts.stock, facts.promises, facts.orders, facts.targets].flat()).toEqual([]);
    }
  });
