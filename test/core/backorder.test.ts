import { describe, expect, it } from 'vitest';
import { DAY_MS, project } from '#core/atp.ts';
import { backordersOf } from '#core/backorder.ts';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { Backorder } from '#core/model.ts';
import { explain } from '#core/publish.ts';
import type { State } from '#core/state.ts';
import {
  channelRule,
  commands,
  expectDemand,
  expectSupply,
  item,
  listing,
  NOW,
  oneLineOrder,
  outlook,
  policy,
  pool,
  program,
  receive,
  stateOf,
  supplyRow,
} from '../support/factory.ts';
import { take } from '../support/memory-store.ts';

const DUE = NOW + 20 * DAY_MS;
const LATER = DUE + 5 * DAY_MS;

const brand = (backorder: Backorder, onHand = 0): State =>
  stateOf({
    policy: policy({ programs: [program('dtc', { backorder })] }),
    items: [item('TEA', { main: onHand }, { listings: [listing(1)] })],
  });
const run = (state: State, bodies: readonly CommandBody[], now = NOW) =>
  take(decide, state, { commands: commands(...bodies), now });
const shown = (state: State) => state.items[0]?.listings[0]?.target?.quantity;
const review: CommandBody = { kind: 'review', sku: 'TEA' };
const preSale = { supply: 900 } as const;
const po = expectSupply('PO-1', 1800, DUE);

describe('backorder tolerance in the published number', () => {
  it.each<[string, Backorder, readonly CommandBody[], number]>([
    ['none sells stock alone', 'none', [po], 10],
    ['units sells so many beyond stock', { units: 5 }, [review], 15],
    ['units needs no supply, and less what is short already', { units: 5 }, [oneLineOrder('1', { ordered: 12 })], 3],
    ['units is used up', { units: 5 }, [oneLineOrder('1', { ordered: 40 })], 0],
    ['supply sells what is expected', { supply: 'all' }, [po], 1810],
    ['supply without any sells stock alone', { supply: 'all' }, [review], 10],
    ['supply to its limit', preSale, [po], 910],
    ['supply to its limit, less what is short already', preSale, [po, oneLineOrder('1', { ordered: 110 })], 800],
    [
      'supply less than the limit, less what is short',
      preSale,
      [expectSupply('PO-1', 500, DUE), oneLineOrder('1', { ordered: 110 })],
      400,
    ],
    ['supply after dated demand', { supply: 'all' }, [po, expectDemand('B', 1000, LATER)], 810],
  ])('%s', (_, rule, bodies, quantity) => {
    const { facts } = run(brand(rule, 10), bodies);
    const [target] = facts.targets;
    expect(target?.quantity).toBe(quantity);
    expect(explain(target?.inputs ?? fail()).quantity).toBe(quantity);
  });

  it('tells amount, source and restock date', () => {
    const [target] = run(brand(preSale, 10), [po]).facts.targets;
    expect(target?.inputs.backorder).toEqual({
      rule: 'supply',
      limit: 900,
      short: 0,
      beyond: 900,
      units: 900,
      restockAt: DUE,
      from: [{ ref: 'PO-1', quantity: 900, dueAt: DUE }],
    });
    const step = explain(target?.inputs ?? fail()).steps.find(({ id }) => id === 'backorder');
    expect(step).toMatchObject({ change: 900, result: 910 });
    expect(step?.says).toBe(
      '900 may be sold against dated supply (900 of PO-1 due 2026-03-21), at most 900 of it less 0 that are short already; restock 2026-03-21',
    );
  });

  it('a lead time moves the restock date, not the day on which the goods must come', () => {
    const staged = stateOf({ policy: policy({ programs: [program('dtc', { backorder: preSale, leadTimeDays: 2 })] }) });
    const [target] = run(staged, [po]).facts.targets;
    expect(target?.inputs.backorder).toMatchObject({ restockAt: DUE + 2 * DAY_MS, from: [{ dueAt: DUE }] });
  });

  it('supply that is late is sold no more, at its moment, without an event', () => {
    const expected = run(brand(preSale, 10), [po]);
    expect(expected.facts.reviews).toEqual([{ sku: 'TEA', nextReviewAt: DUE }]);
    const onTime = run(expected.state, [review], DUE - 1);
    expect(onTime.facts).toMatchObject({ targets: [], supply: [] });
    const late = run(expected.state, [review], DUE);
    expect(late.facts.targets).toMatchObject([{ quantity: 10 }]);
    expect(late.facts.supply).toMatchObject([{ sku: 'TEA', row: { ref: 'PO-1', isLate: true } }]);
    expect(late.facts.reviews).toEqual([{ sku: 'TEA', nextReviewAt: null }]);
    const moved = run(late.state, [expectSupply('PO-1', 1800, LATER)], DUE);
    expect(moved.facts.targets).toMatchObject([{ quantity: 910 }]);
    expect(moved.facts.supply).toMatchObject([{ row: { isLate: false } }]);
  });

  it('what comes fills who waited, and is expected no more', () => {
    const sold = run(brand(preSale), [po, oneLineOrder('1', { ordered: 100 })]).state;
    expect(shown(sold)).toBe(800);
    const { state, facts } = run(sold, [{ ...receive(1500), supply: 'PO-1' }]);
    expect(facts.supply).toMatchObject([{ row: { received: 1500 } }]);
    expect(state.orders[0]?.lines[0]).toMatchObject({ short: 0 });
    expect(shown(state)).toBe(1400 + 300);
  });

  it('beside fair parts, no unit of the shared pool lowers it that another channel shows', () => {
    const rules = policy({
      programs: [program('dtc', { drawOrder: 'sharedThenOwn' }), program('market', { backorder: { supply: 'all' } })],
      pools: [pool('dtc', 4), pool('market', 5)],
      channels: [
        channelRule('shop:main', 'dtc', { fairShare: true }),
        channelRule('market:eu', 'market', { fairShare: true }),
      ],
    });
    const listings = [listing(1, { channel: 'shop:main' }), listing(2, { channel: 'market:eu' })];
    const told = [expectDemand('B', 1, NOW - DAY_MS), expectSupply('PO-1', 1, DUE)];
    const numbers = (onHand: number) => {
      const state = stateOf({ policy: rules, items: [item('TEA', { main: onHand }, { listings })] });
      return run(state, told).facts.targets.map(({ quantity }) => quantity);
    };
    expect([numbers(9), numbers(10), numbers(11)]).toEqual([
      [4, 6],
      [5, 6],
      [5, 7],
    ]);
  });

  it('counts lines that are short beyond the loaded ones', () => {
    const state = brand({ units: 1000 });
    const many = {
      ...state,
      items: state.items.map((each) => ({ ...each, moreShorts: true, shortOf: [{ program: 'dtc', quantity: 700 }] })),
    };
    expect(decide(many, commands(review), NOW).targets).toMatchObject([{ quantity: 300 }]);
  });
});

describe('kits', () => {
  const sets = [{ sku: 'TEA', quantity: 2 }];
  const withKit = stateOf({
    policy: policy({ programs: [program('dtc', { backorder: { supply: 'all' } })] }),
    items: [
      item('TEA', { main: 10 }, { listings: [listing(1)] }),
      item('SET', {}, { components: sets, listings: [listing(2, { sku: 'SET' })] }),
    ],
  });
  const shownOf = (state: State, sku: string) =>
    state.items.find((each) => each.sku === sku)?.listings[0]?.target?.quantity;

  it('are sold from stock alone, and those that wait for one take what comes for its components', () => {
    const expected = run(withKit, [po]).state;
    expect([shownOf(expected, 'TEA'), shownOf(expected, 'SET')]).toEqual([1810, 5]);
    const { state } = run(expected, [oneLineOrder('1', { listingRef: 'ref-2', ordered: 105 })]);
    expect([shownOf(state, 'TEA'), shownOf(state, 'SET')]).toEqual([1800 - 200, 0]);
  });
  it('are expected by their components', () => {
    expect(decide(withKit, commands({ ...po, sku: 'SET' }), NOW).outcomes).toMatchObject([
      { kind: 'parked', code: 'kit-has-no-stock', fix: expect.stringContaining('2 TEA') },
    ]);
  });
});

describe('short lines', () => {
  const lines = [
    { key: 'first', program: 'dtc', quantity: 6 },
    { key: 'second', program: 'dtc', quantity: 6 },
  ];
  const told = (rule: Backorder, supply = [supplyRow('PO-1', 9, { dueAt: DUE })]) => {
    const seen = outlook({
      policy: policy({ programs: [program('dtc', { backorder: rule })] }),
      waiting: lines,
      supply,
    });
    const found = backordersOf(seen, project(seen, program('dtc'), NOW));
    return lines.map(({ key }) => [found.get(key)?.units, found.get(key)?.expected.map((each) => each.quantity)]);
  };
  it.each<[string, Backorder, unknown]>([
    [
      'none: a shortage, however much is expected',
      'none',
      [
        [0, [6]],
        [0, [3]],
      ],
    ],
    [
      'units: back-ordered to the tolerance',
      { units: 8 },
      [
        [6, [6]],
        [2, [3]],
      ],
    ],
    [
      'supply: back-ordered as far as supply comes',
      { supply: 'all' },
      [
        [6, [6]],
        [3, [3]],
      ],
    ],
    [
      'supply: and to its limit',
      { supply: 7 },
      [
        [6, [6]],
        [1, [3]],
      ],
    ],
  ])('%s', (_, rule, expected) => {
    expect(told(rule)).toEqual(expected);
  });
});

const fail = (): never => {
  throw new Error('a target was decided');
};
