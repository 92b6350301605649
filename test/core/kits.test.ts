import { describe, expect, it } from 'vitest';
import type { CommandBody, OrderStateCommand } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { Completeness, Component, OrderLine } from '#core/model.ts';
import { explain } from '#core/publish.ts';
import type { ItemState, State } from '#core/state.ts';
import {
  commands,
  item,
  listing,
  NOW,
  oneLineOrder,
  orderHead,
  orderLine,
  policy,
  pool,
  program,
  receive,
  stateOf,
} from '../support/factory.ts';
import { allocatedOf, take } from '../support/memory-store.ts';

const run = (state: State, ...bodies: readonly CommandBody[]) =>
  take(decide, state, { commands: commands(...bodies), now: NOW });

const SET: readonly Component[] = [
  { sku: 'TEA', quantity: 2 },
  { sku: 'CUP', quantity: 1 },
];
type Stock = Readonly<Record<string, number>>;
const items = (tea: Stock, cup: Stock, components: readonly Component[] = SET): ItemState[] => [
  item('TEA', tea, { listings: [listing(1), listing(2, { pack: 6 })] }),
  item('CUP', cup, { listings: [listing(3, { sku: 'CUP' })] }),
  item('SET', {}, { components, listings: [listing(4, { sku: 'SET' }), listing(5, { sku: 'SET', pack: 2 })] }),
];
const brand = (tea: Stock, cup: Stock, completeness: Completeness = 'split'): State =>
  stateOf({
    policy: policy({ programs: [program('dtc', { locations: ['north', 'south'], completeness })] }),
    items: items(tea, cup),
  });
const kitOrder = (
  orderRef: string,
  ordered: number,
  over: Parameters<typeof oneLineOrder>[2] = {},
  totals = {},
): CommandBody => oneLineOrder(orderRef, { ordered, listingRef: 'ref-4', ...totals }, over);

const lineOf = (state: State, id = 'shop:main/1'): OrderLine | undefined =>
  state.orders.find((order) => order.id === id)?.lines[0];
const shown = (state: State): Record<number, number | undefined> =>
  Object.fromEntries(state.items.flatMap((each) => each.listings.map((l) => [l.id, l.target?.quantity])));
const partsOf = (line: OrderLine | undefined): string[] =>
  (line?.allocations ?? []).map((part) => `${part.quantity} ${part.sku} ${part.location}`);
const reviewed = (state: State): State => run(state, { kind: 'review', sku: 'TEA' }).state;

describe('the number of a kit', () => {
  it('is the least of its components by what a set takes, beside singles and packs of the same stock', () => {
    expect(shown(reviewed(brand({ north: 13 }, { north: 9 })))).toMatchObject({ 1: 13, 2: 2, 4: 6, 5: 3 });
  });
  it('falls with each of the three, and rises again', () => {
    const sold = run(brand({ north: 13 }, { north: 9 }), oneLineOrder('1', { ordered: 2 })).state;
    expect(shown(sold)).toMatchObject({ 1: 11, 2: 1, 4: 5 });
    const set = run(sold, kitOrder('2', 3)).state;
    expect(shown(set)).toMatchObject({ 1: 5, 2: 0, 3: 6, 4: 2 });
    expect(shown(run(set, receive(20, { location: 'south' })).state)).toMatchObject({ 1: 25, 2: 4, 4: 6 });
  });
  it('leaves what is protected of a component to its program', () => {
    const rules = policy({
      programs: [program('dtc', { locations: ['north'] }), program('b2b', { locations: ['north'] })],
      pools: [pool('b2b', 4, { sku: 'TEA' })],
    });
    expect(shown(reviewed(stateOf({ policy: rules, items: items({ north: 10 }, { north: 9 }) })))).toMatchObject({
      1: 6,
      4: 3,
    });
  });
  it('names the component that limits it', () => {
    const { facts } = run(brand({ north: 13 }, { north: 9 }), { kind: 'review', sku: 'SET' });
    const inputs = facts.targets.find((target) => target.listing === 4)?.inputs;
    expect(inputs?.kit?.limitedBy).toBe('TEA');
    const step = inputs === undefined ? undefined : explain(inputs).steps.find(({ id }) => id === 'kit');
    expect(step).toMatchObject({ result: 6, change: -7 });
    expect(step?.says).toBe('whole sets, limited by TEA: TEA 13 for 2 each is 6; CUP 9 for 1 each is 9');
  });
  it('counts only what a place has whole where a set may not be split over places', () => {
    const stock = [
      { north: 3, south: 4 },
      { north: 1, south: 9 },
    ] as const;
    expect(shown(reviewed(brand(...stock)))).toMatchObject({ 4: 3 });
    expect(shown(reviewed(brand(...stock, 'onePlace')))).toMatchObject({ 4: 2 });
    expect(shown(reviewed(brand({ north: 3, south: 3 }, { north: 9, south: 9 }, 'shipComplete')))).toMatchObject({
      4: 2,
    });
  });
});

describe('a line of a kit', () => {
  it('holds whole sets of every component, and the rest is short in kits', () => {
    const { state, facts } = run(brand({ north: 13 }, { north: 9 }), kitOrder('1', 8));
    expect(partsOf(lineOf(state))).toEqual(['12 TEA north', '6 CUP north']);
    expect([allocatedOf(lineOf(state) ?? missing()), lineOf(state)?.short]).toEqual([6, 2]);
    expect(facts.promises.map(({ sku, delta }) => [sku, delta])).toEqual([
      ['TEA', 12],
      ['CUP', 6],
    ]);
    expect(shown(state)).toMatchObject({ 1: 1, 3: 3, 4: 0 });
  });
  it('takes whole sets of a place first, and mixes places only where the program may split', () => {
    const stock = [
      { north: 3, south: 4 },
      { north: 1, south: 9 },
    ] as const;
    expect(partsOf(lineOf(run(brand(...stock), kitOrder('1', 3)).state))).toEqual([
      '2 TEA north',
      '1 CUP north',
      '4 TEA south',
      '2 CUP south',
    ]);
    const mixed = run(brand({ north: 5 }, { south: 9 }), kitOrder('1', 3)).state;
    expect(partsOf(lineOf(mixed))).toEqual(['4 TEA north', '2 CUP south']);
    expect(partsOf(lineOf(run(brand({ north: 5 }, { south: 9 }, 'shipComplete'), kitOrder('1', 1)).state))).toEqual([]);
  });
  it('releases and ships whole sets', () => {
    const first = run(brand({ north: 13 }, { north: 9 }), kitOrder('1', 6)).state;
    const less = run(first, kitOrder('1', 6, { version: 2 }, { cancelled: 2 })).state;
    expect(partsOf(lineOf(less))).toEqual(['8 TEA north', '4 CUP north']);
    const shipped = run(less, { kind: 'ship', orderId: 'shop:main/1', lines: [{ lineRef: '1', quantity: 3 }] });
    expect(partsOf(lineOf(shipped.state))).toEqual(['2 TEA north', '1 CUP north']);
    expect(shipped.facts.stock.map(({ sku, delta }) => [sku, delta])).toEqual([
      ['TEA', -6],
      ['CUP', -3],
    ]);
    expect(shown(shipped.state)).toMatchObject({ 1: 5, 3: 5, 4: 2 });
  });
  it('releases what lies together at one place, whatever pools its parts came from', () => {
    const parts = [
      ['TEA', 'north', 'own', 2],
      ['TEA', 'south', 'shared', 1],
      ['TEA', 'north', 'shared', 1],
      ['CUP', 'north', 'shared', 3],
      ['CUP', 'south', 'shared', 1],
    ] as const;
    const allocations = parts.map(([sku, location, from, quantity]) => ({
      sku,
      location,
      program: 'dtc',
      pool: from,
      quantity,
    }));
    const components = ['CUP', 'TEA'].map((sku) => ({ sku, quantity: 1 }));
    const line = orderLine('1', 4, { listing: 4, sku: 'SET', components, allocations });
    const state = brand({ north: 3, south: 1 }, { north: 3, south: 1 }, 'shipComplete');
    const { order } = kitOrder('1', 4) as OrderStateCommand;
    const stored = { ...orderHead('shop:main/1'), lines: [line], state: order, answeredVersion: null, route: null };
    const promises = (sku: string) =>
      allocations
        .filter((part) => part.sku === sku)
        .map(({ location, pool: from, quantity }) => ({
          location,
          program: 'dtc',
          pool: from,
          allocated: quantity,
          held: 0,
        }));
    const held = {
      ...state,
      orders: [stored],
      items: state.items.map((each) => ({
        ...each,
        promises: promises(each.sku),
        ...(each.sku === 'SET' ? { components } : {}),
      })),
    };
    const less = run(held, kitOrder('1', 4, { version: 2 }, { cancelled: 1 })).state;
    expect(partsOf(lineOf(less))).toEqual(['2 TEA north', '1 TEA north', '3 CUP north']);
  });
  it('waits for all its components, and is filled when the last comes', () => {
    const waiting = run(brand({}, {}), kitOrder('1', 2)).state;
    const one = run(waiting, receive(5, { location: 'north' })).state;
    expect([partsOf(lineOf(one)), lineOf(one)?.short]).toEqual([[], 2]);
    const { state, facts } = run(one, receive(1, { sku: 'CUP', location: 'north' }));
    expect([partsOf(lineOf(state)), lineOf(state)?.short]).toEqual([['2 TEA north', '1 CUP north'], 1]);
    expect(facts.filledLines.map(({ orderId }) => orderId)).toEqual(['shop:main/1']);
    expect(shown(state)).toMatchObject({ 1: 3, 4: 0 });
  });
  it('keeps its turn among those who wait for its components', () => {
    const early = run(brand({}, { north: 9 }), kitOrder('1', 1)).state;
    const late = run(early, oneLineOrder('2', { ordered: 2 }, { placedAt: NOW + 1 })).state;
    const { state } = run(late, receive(2, { location: 'north' }));
    expect([allocatedOf(lineOf(state) ?? missing()), lineOf(state, 'shop:main/2')?.short]).toEqual([1, 2]);
  });
  it('that came back whole is in quarantine by component', () => {
    const sold = run(brand({ north: 4 }, { north: 4 }), kitOrder('1', 2, {}, { shipped: 2 })).state;
    const { facts } = run(sold, kitOrder('1', 2, { version: 2 }, { shipped: 2, returned: 1 }));
    expect(facts.stock.map(({ sku, disposition, delta }) => [sku, disposition, delta])).toEqual([
      ['TEA', 'quarantine', 2],
      ['CUP', 'quarantine', 1],
    ]);
  });
  it('that left beyond what was promised takes its components along, and the deficit is told', () => {
    const { facts } = run(brand({ north: 2 }, {}), kitOrder('1', 2, {}, { shipped: 2 }));
    expect(facts.stock.map(({ sku, delta }) => [sku, delta])).toEqual([
      ['TEA', -4],
      ['CUP', -2],
    ]);
    expect(facts.deficits.filter(({ quantity }) => quantity > 0)).toEqual([
      { sku: 'CUP', location: 'north', quantity: 2 },
      { sku: 'TEA', location: 'north', quantity: 2 },
    ]);
  });
});

describe('a kit whose composition changes', () => {
  const now3: readonly Component[] = [{ sku: 'CUP', quantity: 3 }];
  const recomposed = (state: State): State => ({
    ...state,
    items: state.items.map((each) => (each.sku === 'SET' ? { ...each, components: now3 } : each)),
  });

  it('leaves to a line what it holds, and fills the rest of it by the old composition', () => {
    const partly = recomposed(run(brand({ north: 2 }, { north: 9 }), kitOrder('1', 2)).state);
    expect(partsOf(lineOf(run(partly, { kind: 'review', sku: 'SET' }).state))).toEqual(['2 TEA north', '1 CUP north']);
    const { state } = run(partly, receive(2, { location: 'north' }));
    expect(partsOf(lineOf(state))).toEqual(['4 TEA north', '2 CUP north']);
  });
  it('gives the new one to a line that has nothing yet', () => {
    const waiting = recomposed(run(brand({}, { north: 9 }), kitOrder('1', 2)).state);
    const { state } = run(waiting, { kind: 'review', sku: 'SET' });
    expect([partsOf(lineOf(state)), lineOf(state)?.components]).toEqual([['6 CUP north'], now3]);
    expect(shown(state)).toMatchObject({ 4: 1 });
  });
});

describe('goods of a kit', () => {
  it('are refused, with what to name instead', () => {
    const { facts } = run(brand({}, {}), receive(3, { sku: 'SET', location: 'north' }));
    expect(facts.outcomes).toMatchObject([
      { kind: 'parked', code: 'kit-has-no-stock', fix: 'name its components: one set is 2 TEA, 1 CUP' },
    ]);
  });
});

function missing(): never {
  throw new Error('the order has no line');
}
