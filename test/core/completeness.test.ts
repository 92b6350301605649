import { describe, expect, it } from 'vitest';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { Completeness, OrderLine } from '#core/model.ts';
import type { OrderState } from '#core/order-state.ts';
import type { ItemState, State } from '#core/state.ts';
import {
  commands,
  item,
  lineState,
  listing,
  NOW,
  oneLineOrder,
  orderState,
  policy,
  program,
  receive,
  stateOf,
} from '../support/factory.ts';
import { allocatedOf, take } from '../support/memory-store.ts';

const run = (state: State, ...bodies: readonly CommandBody[]) =>
  take(decide, state, { commands: commands(...bodies), now: NOW });

const ITEMS: readonly ItemState[] = [
  item('TEA', { north: 10, south: 15 }, { listings: [listing(1)] }),
  item('CUP', { north: 4 }, { listings: [listing(2, { sku: 'CUP' })] }),
];
const brand = (completeness: Completeness | undefined, items = ITEMS): State => {
  const dtc = program('dtc', {
    locations: ['north', 'south'],
    ...(completeness === undefined ? {} : { completeness }),
  });
  return stateOf({ policy: policy({ programs: [dtc] }), items });
};

const twoLines = (orderRef: string, tea: number, cup: number, over: Partial<OrderState> = {}): CommandBody => ({
  kind: 'order-state',
  channel: 'shop:main',
  order: orderState(
    orderRef,
    [lineState('1', { ordered: tea }), lineState('2', { ordered: cup, listingRef: 'ref-2' })],
    over,
  ),
});
const asksForAnswer = { obligations: [{ kind: 'accept' as const, dueAt: NOW }] };

const linesOf = (state: State, id = 'shop:main/1'): readonly OrderLine[] =>
  state.orders.find((order) => order.id === id)?.lines ?? [];
const held = (state: State, id?: string): number[] => linesOf(state, id).map(allocatedOf);
const places = (state: State): (readonly [string, number])[] =>
  linesOf(state).flatMap((line) => line.allocations.map((part) => [part.location, part.quantity] as const));
const shown = (state: State, id = 1): number | undefined =>
  state.items.flatMap((each) => each.listings).find((each) => each.id === id)?.target?.quantity;

describe('a place that is named twice', () => {
  it.each([
    ['by the program', program('dtc', { locations: ['north', 'north', 'south'] }), listing(1)],
    [
      'by the listing',
      program('dtc', { locations: ['north', 'south'] }),
      listing(1, { locations: ['north', 'north'] }),
    ],
  ])('%s has its units once', (_who, dtc, sold) => {
    const items = [item('TEA', { north: 10, south: 15 }, { listings: [sold] })];
    const { state } = run(stateOf({ policy: policy({ programs: [dtc] }), items }), oneLineOrder('1', { ordered: 12 }));
    const byPlace = Object.fromEntries(places(state));
    expect(byPlace).toEqual(sold.locations.length === 0 ? { north: 10, south: 2 } : { north: 10 });
    expect(shown(state)).toBe(sold.locations.length === 0 ? 13 : 0);
  });
});

describe('split', () => {
  it('over places adds up to what was asked (vendurehq/vendure#4030: 10 and 15, 13 wanted, they gave 10 + 13)', () => {
    const { state } = run(brand(undefined), oneLineOrder('1', { ordered: 13 }));
    expect(places(state)).toEqual([
      ['north', 10],
      ['south', 3],
    ]);
    expect(linesOf(state)[0]?.short).toBe(0);
  });
  it('goes by the order of the program, and of the listing where that has places of its own', () => {
    const [tea] = ITEMS;
    const items = [{ ...(tea ?? item('TEA')), listings: [listing(1, { locations: ['south', 'north'] })] }];
    expect(places(run(brand('split', items), oneLineOrder('1', { ordered: 16 })).state)).toEqual([
      ['south', 15],
      ['north', 1],
    ]);
  });
  it('never leaves the places of the listing, and shows no more than they have', () => {
    const [tea] = ITEMS;
    const items = [{ ...(tea ?? item('TEA')), listings: [listing(1, { locations: ['north', 'elsewhere'] })] }];
    const { state } = run(brand('split', items), oneLineOrder('1', { ordered: 13 }));
    expect(places(state)).toEqual([['north', 10]]);
    expect([linesOf(state)[0]?.short, shown(state)]).toEqual([3, 0]);
  });
});

describe('onePlace', () => {
  it('takes a line from the first place that has all of it', () => {
    expect(places(run(brand('onePlace'), oneLineOrder('1', { ordered: 10 })).state)).toEqual([['north', 10]]);
    expect(places(run(brand('onePlace'), oneLineOrder('1', { ordered: 13 })).state)).toEqual([['south', 13]]);
  });
  it('waits with nothing where no place has all, and takes the place that gets it first', () => {
    const waiting = run(brand('onePlace'), oneLineOrder('1', { ordered: 17 })).state;
    expect([places(waiting), linesOf(waiting)[0]?.short]).toEqual([[], 17]);
    expect(places(run(waiting, receive(1, { location: 'south' })).state)).toEqual([]);
    expect(places(run(waiting, receive(2, { location: 'south' })).state)).toEqual([['south', 17]]);
  });
  it('moves a line that outgrew its place, and keeps one that grew within it', () => {
    const first = run(brand('onePlace'), oneLineOrder('1', { ordered: 8 })).state;
    expect(places(run(first, oneLineOrder('1', { ordered: 10 }, { version: 2 })).state)).toEqual([['north', 10]]);
    expect(places(run(first, oneLineOrder('1', { ordered: 12 }, { version: 2 })).state)).toEqual([['south', 12]]);
    expect(places(run(first, oneLineOrder('1', { ordered: 30 }, { version: 2 })).state)).toEqual([]);
  });
  it('shows what one order could get, and says from where', () => {
    const { state, facts } = run(brand('onePlace'), { kind: 'review', sku: 'TEA' });
    expect(shown(state)).toBe(15);
    expect(facts.targets[0]?.inputs.onePlace).toBe('south');
  });
});

describe('shipComplete', () => {
  it('fills all lines or none', () => {
    expect(held(run(brand('shipComplete'), twoLines('1', 20, 4)).state)).toEqual([20, 4]);
    const { state } = run(brand('shipComplete'), twoLines('1', 20, 5));
    expect(held(state)).toEqual([0, 0]);
    expect(linesOf(state).map((line) => line.short)).toEqual([20, 5]);
    expect(shown(state)).toBe(25);
  });
  it('checks two lines on one item against their sum (medusajs/medusa#16502)', () => {
    const twice = (second: number): CommandBody => ({
      kind: 'order-state',
      channel: 'shop:main',
      order: orderState('1', [lineState('1', { ordered: 13 }), lineState('2', { ordered: second })]),
    });
    expect(held(run(brand('shipComplete'), twice(12)).state)).toEqual([13, 12]);
    expect(held(run(brand('shipComplete'), twice(13)).state)).toEqual([0, 0]);
    expect(held(run(brand(undefined), twice(13)).state)).toEqual([13, 12]);
  });
  it('lets a waiting order be filled whole by what its last line lacked, wherever its other lines are', () => {
    const waiting = run(brand('shipComplete'), twoLines('1', 20, 5)).state;
    const { state, facts } = run(waiting, receive(1, { sku: 'CUP', location: 'south' }));
    expect(held(state)).toEqual([20, 5]);
    expect(facts.filledLines.map(({ line }) => line.lineRef).sort()).toEqual(['1', '2']);
    expect(shown(state)).toBe(5);
  });
  it('passes over who waits whole: those behind are served, and nothing is kept back', () => {
    const first = run(brand('shipComplete'), twoLines('1', 20, 5)).state;
    const second = run(first, twoLines('2', 24, 1, { placedAt: NOW + 1 })).state;
    expect([held(second), held(second, 'shop:main/2')]).toEqual([
      [0, 0],
      [24, 1],
    ]);
    // Enough for the first at last: it is its turn.
    const third = run(second, receive(20, { location: 'north' }), receive(2, { sku: 'CUP', location: 'north' })).state;
    expect(held(third)).toEqual([20, 5]);
  });
  it('gives back what it held when it grows beyond what is there, and takes all when it shrinks again', () => {
    const first = run(brand('shipComplete'), twoLines('1', 20, 4)).state;
    const grown = run(first, twoLines('1', 20, 6, { version: 2 })).state;
    expect([held(grown), shown(grown)]).toEqual([[0, 0], 25]);
    expect(held(run(grown, twoLines('1', 20, 3, { version: 3 })).state)).toEqual([20, 3]);
  });
  it('ships a part that left, and holds all of the rest', () => {
    const first = run(brand('shipComplete'), twoLines('1', 20, 4)).state;
    const { state } = run(first, {
      kind: 'ship',
      orderId: 'shop:main/1',
      lines: [{ lineRef: '1', quantity: 6 }],
    });
    expect(held(state)).toEqual([14, 4]);
  });
  it('answers a partner that says nothing itself: whole now, or all of it later', () => {
    const answers = (cup: number) =>
      linesOf(run(brand('shipComplete'), twoLines('1', 20, cup, asksForAnswer)).state).map((line) => line.answer);
    expect(answers(4)).toEqual([
      { accepted: 20, backOrdered: 0, refused: 0 },
      { accepted: 4, backOrdered: 0, refused: 0 },
    ]);
    expect(answers(5)).toEqual([
      { accepted: 0, backOrdered: 20, refused: 0 },
      { accepted: 0, backOrdered: 5, refused: 0 },
    ]);
  });
});

describe('fillOrKill', () => {
  it('refuses all of an order that we answer, and frees its units', () => {
    const { state } = run(brand('fillOrKill'), twoLines('1', 20, 5, asksForAnswer));
    expect(linesOf(state).map((line) => line.answer?.refused)).toEqual([20, 5]);
    expect([held(state), linesOf(state).map((line) => line.short), shown(state)]).toEqual([[0, 0], [0, 0], 25]);
  });
  it('never part-fills an order that exists on its platform: it waits whole, and is filled whole', () => {
    const waiting = run(brand('fillOrKill'), twoLines('1', 20, 6)).state;
    const more = run(waiting, receive(1, { sku: 'CUP', location: 'north' })).state;
    expect([held(more), linesOf(more).map((line) => line.short)]).toEqual([
      [0, 0],
      [20, 6],
    ]);
    expect(held(run(more, receive(1, { sku: 'CUP', location: 'north' })).state)).toEqual([20, 6]);
  });
});

describe("the order's own fill rule", () => {
  it.each(['shipComplete', 'fillOrKill'] as const)('wins over %s', (rule) => {
    const own = (fillRule: OrderState['fillRule']) =>
      linesOf(
        run(brand(rule), twoLines('1', 20, 5, { ...asksForAnswer, ...(fillRule === undefined ? {} : { fillRule }) }))
          .state,
      );
    expect(own('cancelBalance').map((line) => line.answer)).toEqual([
      { accepted: 20, backOrdered: 0, refused: 0 },
      { accepted: 4, backOrdered: 0, refused: 1 },
    ]);
    expect(own('backOrder').map((line) => line.short)).toEqual([0, 1]);
    expect(own('shipComplete').map((line) => line.answer?.refused)).toEqual([20, 5]);
  });
  it('still holds when goods come: what it back-ordered is filled in parts', () => {
    const waiting = run(brand('shipComplete'), twoLines('1', 20, 7, { ...asksForAnswer, fillRule: 'backOrder' })).state;
    expect(held(run(waiting, receive(1, { sku: 'CUP', location: 'north' })).state)).toEqual([20, 5]);
  });
});
