import { describe, expect, it } from 'vitest';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { OrderLineState } from '#core/order-state.ts';
import type { State } from '#core/state.ts';
import {
  command,
  commands,
  item,
  lineState,
  listing,
  NOW,
  oneLineOrder,
  orderState,
  policy,
  pool,
  program,
  receive,
  stateOf,
} from '../support/factory.ts';
import { take } from '../support/memory-store.ts';

const run = (state: State, ...bodies: readonly CommandBody[]) =>
  take(decide, state, { commands: commands(...bodies), now: NOW });
const lineOf = (state: State, orderRef = '1', channel = 'shop:main') =>
  state.orders.find((order) => order.id === `${channel}/${orderRef}`)?.lines[0];
const stockOf = (state: State) =>
  Object.fromEntries((state.items[0]?.balances ?? []).map((row) => [row.disposition, row.quantity]));
const told = (totals: Partial<OrderLineState>, version = 1) => oneLineOrder('1', totals, { version });

describe('an order as a state', () => {
  it('is allocated; a repetition changes nothing; a cancelled unit is free again', () => {
    const placed = run(stateOf(), told({ ordered: 4 }));
    expect(lineOf(placed.state)).toMatchObject({
      short: 0,
      allocations: [{ location: 'main', pool: 'shared', quantity: 4 }],
    });
    expect(placed.facts.targets).toMatchObject([{ quantity: 6, ownSold: 4, ownOpen: 4 }]);
    const again = run(placed.state, told({ ordered: 4 }));
    expect(again.facts.outcomes).toEqual([{ commandId: 1, kind: 'unchanged' }]);
    const cancelled = run(placed.state, told({ ordered: 4, cancelled: 1 }, 2));
    expect(lineOf(cancelled.state)?.allocations[0]?.quantity).toBe(3);
    expect(cancelled.facts.targets).toMatchObject([{ quantity: 7, ownSold: 3 }]);
  });
  it("is no sale of the platform's while it is an operator's, and is one from the platform's first word on", () => {
    const byPhone = oneLineOrder('1', { ordered: 4 }, { origin: 'operator' });
    const placed = run(stateOf(), byPhone);
    expect(placed.facts.targets).toMatchObject([{ quantity: 6, ownSold: 0, ownOpen: 0 }]);
    const less = run(placed.state, oneLineOrder('1', { ordered: 4, cancelled: 1 }, { version: 2, origin: 'operator' }));
    expect(less.facts.targets).toMatchObject([{ quantity: 7, ownSold: 0, ownOpen: 0 }]);
    const heard = run(less.state, told({ ordered: 4, cancelled: 1 }, 3));
    expect(heard.facts.targets).toMatchObject([{ quantity: 7, ownSold: 3, ownOpen: 3 }]);
    const again = run(heard.state, told({ ordered: 4, cancelled: 2 }, 4));
    expect(again.facts.targets).toMatchObject([{ quantity: 8, ownSold: 2, ownOpen: 2 }]);
  });
  it('is short by what is not there, never by less (I4)', () => {
    const { state, facts } = run(stateOf(), told({ ordered: 13 }));
    expect(lineOf(state)).toMatchObject({ ordered: 13, short: 3, allocations: [{ quantity: 10 }] });
    expect(facts.deficits).toEqual([]);
  });
  it('checks two lines of one item against one stock', () => {
    const order = orderState('1', [lineState('a', { ordered: 7 }), lineState('b', { ordered: 7 })]);
    const { state } = run(stateOf(), { kind: 'order-state', channel: 'shop:main', order });
    expect(state.orders[0]?.lines.map((line) => line.short)).toEqual([0, 4]);
    expect(state.items[0]?.promises).toMatchObject([{ allocated: 10 }]);
  });
  it('counts packs in base units', () => {
    const state = stateOf({ items: [item('TEA', { main: 20 }, { listings: [listing(1, { pack: 6 }), listing(2)] })] });
    const { facts } = run(state, told({ ordered: 2 }));
    expect(facts.promises).toMatchObject([{ delta: 12 }]);
    expect(facts.targets).toMatchObject([
      { listing: 1, quantity: 1, ownSold: 2 },
      { listing: 2, quantity: 8, ownSold: 0 },
    ]);
  });
  it('ships once, whoever tells it first', () => {
    const placed = run(stateOf(), told({ ordered: 4 })).state;
    const byPerson = run(placed, { kind: 'ship', orderId: 'shop:main/1', lines: null });
    expect(stockOf(byPerson.state)).toEqual({ sellable: 6 });
    const byPlatform = run(byPerson.state, told({ ordered: 4, shipped: 4 }, 2));
    expect(byPlatform.facts.stock).toEqual([]);
    expect(lineOf(byPlatform.state)).toMatchObject({ shipped: 4, reportedShipped: 4, allocations: [] });
  });
  it('draws from its pool also when it is heard of only once shipped', () => {
    const rules = policy({ pools: [pool('dtc', 5)] });
    const late = run(stateOf({ policy: rules }), told({ ordered: 3, shipped: 3 }));
    const early = run(run(stateOf({ policy: rules }), told({ ordered: 3 })).state, told({ ordered: 3, shipped: 3 }, 2));
    expect(late.state.items[0]?.drawn).toMatchObject([{ program: 'dtc', consumed: 3, taken: 3 }]);
    expect(early.state.items[0]?.drawn).toEqual(late.state.items[0]?.drawn);
  });
  it('says the deficit when more was shipped than there is', () => {
    const { state, facts } = run(stateOf(), told({ ordered: 12, shipped: 12 }));
    expect(stockOf(state)).toEqual({ sellable: -2 });
    expect(facts.deficits).toEqual([{ sku: 'TEA', location: 'main', quantity: 2 }]);
  });
  it('puts returned goods into quarantine, and a second telling puts no more', () => {
    const shipped = run(stateOf(), told({ ordered: 4, shipped: 4, returned: 1 })).state;
    const { state } = run(shipped, told({ ordered: 4, shipped: 4, returned: 2 }, 2));
    expect(stockOf(state)).toEqual({ sellable: 6, quarantine: 2 });
  });
  it('leaves our stock alone when the marketplace fulfils it, also when it decides so later', () => {
    const placed = run(stateOf(), told({ ordered: 4 })).state;
    const moved = oneLineOrder('1', { ordered: 4 }, { version: 2, fulfilledBy: 'marketplace' });
    const { state } = run(placed, moved);
    expect(lineOf(state)).toMatchObject({ ordered: 0, short: 0, allocations: [] });
    expect(state.items[0]?.listings[0]?.ownSold).toBe(0);
    expect(lineOf(run(stateOf(), moved, told({ ordered: 4 })).state)).toEqual(lineOf(state));
  });
  it('takes the name of a line from whichever state has it', () => {
    const nameless = told({ listingRef: null, ordered: 2 });
    const { state } = run(run(stateOf(), nameless).state, told({ ordered: 2 }, 2));
    expect(lineOf(state)).toMatchObject({ sku: 'TEA', allocations: [{ quantity: 2 }] });
  });
  it('keeps a custom line without touching stock', () => {
    const { state, facts } = run(stateOf(), told({ listingRef: null, ordered: 2 }));
    expect(lineOf(state)).toMatchObject({ sku: null, ordered: 2, short: 0 });
    expect(facts.promises).toEqual([]);
  });
  it('stays short, and stays takeable, when its program left the policy', () => {
    const placed = run(stateOf(), told({ ordered: 12 })).state;
    const rules = policy({ version: 2, programs: [program('other')], channels: [] });
    const { state, facts } = run({ ...placed, policy: rules }, receive(5), told({ ordered: 12, cancelled: 1 }, 2));
    expect(facts.outcomes.map((outcome) => outcome.kind)).toEqual(['applied', 'applied']);
    expect(lineOf(state)).toMatchObject({ short: 1 });
  });
});

describe('an order that cannot be taken', () => {
  const refusals: readonly [string, OrderLineState[], string, string][] = [
    [
      'unmapped listing',
      [lineState('a', { listingRef: 'nobody', skuHint: 'TEA-2' })],
      'unmapped-listing',
      'lines[0].listingRef',
    ],
    ['half a unit', [lineState('a'), lineState('b', { ordered: 0.5 })], 'impossible-quantity', 'lines[1].ordered'],
    ['less than nothing', [lineState('a', { shipped: -1 })], 'impossible-quantity', 'lines[0].shipped'],
    ['one line twice', [lineState('a'), lineState('a')], 'duplicate-line', 'lines[1].lineRef'],
  ];
  it.each(refusals)('%s is parked with its field and a fix', (_, lines, code, field) => {
    const { facts } = run(stateOf(), { kind: 'order-state', channel: 'shop:main', order: orderState('1', lines) });
    expect(facts.outcomes).toMatchObject([{ kind: 'parked', code, field }]);
    expect(facts).toMatchObject({ stock: [], promises: [], orders: [], targets: [] });
  });
  it('parks an order of a channel without a program', () => {
    const { facts } = run(stateOf(), { kind: 'order-state', channel: 'shop:other', order: orderState('1', []) });
    expect(facts.outcomes).toMatchObject([{ kind: 'parked', code: 'unknown-channel' }]);
  });
});

describe('ship', () => {
  const placed = run(stateOf(), told({ ordered: 12 })).state;
  it('refuses unknown orders, unknown lines, and more than is open', () => {
    const bodies: CommandBody[] = [
      { kind: 'ship', orderId: 'shop:main/9', lines: null },
      { kind: 'ship', orderId: 'shop:main/1', lines: [{ lineRef: 'x', quantity: 1 }] },
      { kind: 'ship', orderId: 'shop:main/1', lines: [{ lineRef: '1', quantity: 13 }] },
    ];
    const codes = bodies.map((body) => decide(placed, [command(1, body)], NOW).outcomes[0]);
    expect(codes).toMatchObject([{ code: 'unknown-order' }, { code: 'unknown-line' }, { code: 'ship-beyond-open' }]);
  });
  it('without lines ships what is allocated and leaves the rest short', () => {
    const { state } = run(placed, { kind: 'ship', orderId: 'shop:main/1', lines: null });
    expect(lineOf(state)).toMatchObject({ shipped: 10, short: 2, allocations: [] });
    expect(stockOf(state)).toEqual({ sellable: 0 });
  });
});
