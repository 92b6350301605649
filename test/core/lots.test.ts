/** Lots in the core: FEFO, minimum life by program, time, goods by lot, counts, shipping another lot, re-confirmation. */
import { describe, expect, test } from 'vitest';
import type { Command, CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import { byFefo, DAY_MS, hasLife } from '#core/lots.ts';
import type { Instant, Lot, PoolRule, Program } from '#core/model.ts';
import { explain } from '#core/publish.ts';
import type { Facts, State } from '#core/state.ts';
import {
  channelRule,
  command,
  item,
  listing,
  NOW,
  oneLineOrder,
  policy,
  pool,
  program,
  stateOf,
} from '../support/factory.ts';
import { take } from '../support/memory-store.ts';

const day = (days: number): Instant => NOW + days * DAY_MS;

/** One item sold by a shop (any life) and a retailer that asks for 60 days, from one place. */
function open(over: { pools?: PoolRule[]; dtc?: Partial<Program>; retail?: Partial<Program> } = {}) {
  let state: State = stateOf({
    policy: policy({
      programs: [
        program('dtc', { priority: 2, ...over.dtc }),
        program('retail', { minimumLifeDays: 60, ...over.retail }),
      ],
      pools: over.pools ?? [],
      channels: [channelRule('shop:main', 'dtc'), channelRule('edi:grocer', 'retail')],
    }),
    items: [
      item('TEA', {}, { listings: [listing(1, { channel: 'shop:main' }), listing(2, { channel: 'edi:grocer' })] }),
    ],
  });
  let id = 0;
  const tell = (body: CommandBody, at: Instant = NOW, occurredAt: Instant = at): Facts => {
    id += 1;
    const told: Command = { id, body, occurredAt, recordedAt: at, actor: 'test' };
    const step = take(decide, state, { commands: [told], now: at });
    state = step.state;
    for (const { inputs, quantity } of step.facts.targets) expect(explain(inputs).quantity).toBe(quantity);
    return step.facts;
  };
  const outcome = (facts: Facts) => facts.outcomes[0];
  const there = () => state.items[0];
  return {
    tell,
    outcome,
    receive: (quantity: number, lot?: string, expires?: number | null, at?: Instant) =>
      tell(
        {
          kind: 'receive',
          sku: 'TEA',
          location: 'main',
          disposition: 'sellable',
          quantity,
          ...(lot === undefined ? {} : { lot }),
          ...(expires === undefined ? {} : { expiresAt: expires === null ? null : day(expires) }),
        },
        at,
      ),
    buy: (channel: 'shop:main' | 'edi:grocer', ref: string, ordered: number, at?: Instant) =>
      tell(oneLineOrder(ref, { listingRef: channel === 'shop:main' ? 'ref-1' : 'ref-2', ordered }, { channel }), at),
    shown: () => there()?.listings.map(({ target }) => target?.quantity ?? null),
    lines: (order: string) =>
      state.orders
        .find(({ id: known }) => known === order)
        ?.lines.map(({ allocations, short }) => [
          allocations.map(({ lot, quantity }) => `${lot ?? '-'} ${quantity}`).join(),
          short,
        ]),
    stock: (disposition = 'sellable') => {
      const lots =
        there()?.lots?.balances.filter(
          (row) => row.location === 'main' && row.disposition === disposition && row.quantity !== 0,
        ) ?? [];
      const total =
        there()?.balances.find((row) => row.location === 'main' && row.disposition === disposition)?.quantity ?? 0;
      const named = lots.map(({ lot, quantity }) => [lot, quantity] as const);
      const rest = total - named.reduce((sum, [, quantity]) => sum + quantity, 0);
      return Object.fromEntries(rest === 0 ? named : [...named, ['-', rest]]);
    },
    state: () => state,
  };
}

const lot = (code: string, receivedAt: number, expiresAt: number | null): Lot => ({ code, receivedAt, expiresAt });

describe('FEFO and life', () => {
  /** Odoo removes by `removal_date, in_date, id` (odoo/odoo, addons/product_expiry/models/stock_quant.py); PostgreSQL sorts no date last. */
  test('expiry, then receipt, then code; what never expires last', () => {
    const rows = [lot('D', 1, null), lot('C', 2, 50), lot('B', 2, 50), lot('A', 1, 50), lot('Z', 9, 40)];
    expect(rows.sort(byFefo).map(({ code }) => code)).toEqual(['Z', 'A', 'B', 'C', 'D']);
  });

  test('exactly the days that are asked for are enough, a millisecond less is not', () => {
    expect(hasLife(lot('A', 0, day(60)), 60, NOW)).toBe(true);
    expect(hasLife(lot('A', 0, day(60)), 60, NOW + 1)).toBe(false);
    expect(hasLife(lot('A', 0, NOW + 1), 0, NOW)).toBe(true);
    expect(hasLife(lot('A', 0, NOW), 0, NOW)).toBe(false);
    expect(hasLife(lot('A', 0, null), 3650, NOW)).toBe(true);
  });
});

describe('a program with a minimum life', () => {
  test('is shown and promised only lots that live long enough, and is told of the rest', () => {
    const story = open();
    story.receive(8, 'L8', 90);
    const facts = story.receive(4, 'L7', 20);
    expect(story.shown()).toEqual([12, 8]);
    const inputs = facts.targets.find(({ inputs: { program: id } }) => id === 'retail')?.inputs;
    const told = inputs === undefined ? [] : explain(inputs).steps;
    // The number of the first receipt stands: 8.
    expect(told).toEqual([]);
    const again = story.buy('shop:main', 'a', 1);
    expect(story.lines('shop:main/a')).toEqual([['L7 1', 0]]);
    expect(story.shown()).toEqual([11, 8]);
    expect(again.targets.map(({ inputs: { program: id } }) => id)).toEqual(['dtc']);
    story.buy('edi:grocer', 'b', 10);
    expect(story.lines('edi:grocer/b')).toEqual([['L8 8', 2]]);
    expect(story.shown()).toEqual([3, 0]);
    const { targets } = story.tell({
      kind: 'adjust',
      sku: 'TEA',
      location: 'main',
      disposition: 'sellable',
      delta: 1,
      lot: 'L8',
      reason: 'found',
    });
    expect(targets).toHaveLength(0);
    expect(story.lines('edi:grocer/b')).toEqual([['L8 9', 1]]);
  });

  test('the explanation names the lots that expire too soon', () => {
    const story = open();
    story.receive(4, 'L7', 20);
    const { targets } = story.receive(8, 'L8', 90);
    const inputs = targets.find(({ inputs: { program: id } }) => id === 'retail')?.inputs;
    expect(inputs?.lots).toMatchObject({ minimumLifeDays: 60, unusable: 4 });
    const life = inputs === undefined ? undefined : explain(inputs).steps.find(({ id }) => id === 'life');
    expect(life).toMatchObject({ result: 8, change: -4 });
    expect(life?.says).toBe(
      '12 free, 4 of them expire too soon for the 60 days that retail asks for (lot L7, 2026-03-21: 4)',
    );
  });

  test('takes no unit of unknown expiry; others take those before lots that it could take', () => {
    const story = open();
    story.receive(5);
    story.receive(5, 'L8', 90);
    story.receive(2, 'L7', 20);
    expect(story.shown()).toEqual([12, 5]);
    story.buy('shop:main', 'a', 6);
    expect(story.lines('shop:main/a')).toEqual([['L7 2,- 4', 0]]);
    expect(story.shown()).toEqual([6, 5]);
  });

  test('its protection keeps lots that it can use, and shares what it cannot', () => {
    const story = open({ pools: [pool('retail', 10)], retail: { drawOrder: 'ownThenShared' } });
    story.receive(6, 'L8', 90);
    story.receive(6, 'L7', 20);
    // Of 10 protected units it could use 6: the other 6 are anybody's.
    expect(story.shown()).toEqual([6, 6]);
    story.buy('shop:main', 'a', 9);
    expect(story.lines('shop:main/a')).toEqual([['L7 6', 3]]);
    expect(story.shown()).toEqual([0, 6]);
  });

  test('a pool that is low for want of young lots is told without moves: none would mend it', () => {
    const story = open({ pools: [pool('retail', 10)] });
    story.receive(2, 'L8', 90);
    const { lowPools } = story.receive(30, 'L7', 20);
    expect(lowPools).toMatchObject([{ program: 'retail', units: 10, remaining: 2, moves: [] }]);
  });

  test('two of them share what lives long enough, and neither takes what the other protects', () => {
    const story = open({
      pools: [pool('retail', 4)],
      dtc: { minimumLifeDays: 30 },
    });
    story.receive(5, 'L8', 90);
    story.receive(20, 'L7', 20);
    expect(story.shown()).toEqual([1, 5]);
    story.buy('shop:main', 'a', 5);
    expect(story.lines('shop:main/a')).toEqual([['L8 1', 4]]);
    expect(story.shown()).toEqual([0, 4]);
  });

  test('holds are of lots that it may have, and say why not of more', () => {
    const story = open();
    story.receive(3, 'L8', 90);
    story.receive(9, 'L7', 20);
    const hold = (quantity: number, ref: string): CommandBody => ({
      kind: 'hold',
      holdKind: 'draft',
      sku: 'TEA',
      program: 'retail',
      quantity,
      location: null,
      owner: 'sales',
      reason: 'quote',
      expiresAt: day(2),
      ref,
    });
    expect(story.outcome(story.tell(hold(4, 'a')))).toMatchObject({
      kind: 'parked',
      code: 'hold-too-many',
      reason: expect.stringContaining('9 of them expire too soon for the 60 days that retail asks for (lot L7'),
    });
    const { holds } = story.tell(hold(3, 'b'));
    expect(holds[0]?.parts).toMatchObject([{ lot: 'L8', quantity: 3 }]);
  });

  test('what a protection that is open to it would leave, and lots do not, is told: the number is recomputed from its inputs', () => {
    const programs = [
      program('vip', { priority: 1, minimumLifeDays: 60 }),
      program('retail', { priority: 1, minimumLifeDays: 60, drawOrder: 'sharedThenOwn' }),
      program('dtc', { priority: 2 }),
    ];
    const pools = [pool('vip', 2), pool('dtc', 7, { protects: 'prioritised' })];
    const channels = [channelRule('shop:main', 'dtc'), channelRule('edi:grocer', 'retail')];
    const state = stateOf({
      policy: policy({ programs, pools, channels }),
      items: [item('TEA', {}, { listings: [listing(2, { channel: 'edi:grocer' })] })],
    });
    const received = { kind: 'receive', sku: 'TEA', location: 'main', disposition: 'sellable' } as const;
    const step = take(decide, state, {
      commands: [
        command(1, { ...received, quantity: 5, lot: 'L1', expiresAt: null }),
        command(2, { ...received, quantity: 7 }),
      ],
      now: NOW,
    });
    const [target] = step.facts.targets;
    expect(target).toMatchObject({ quantity: 3, inputs: { fromShared: 3, lots: { unusable: 7, room: 3 } } });
  });
});

describe('time', () => {
  test('the next moment at which a lot is too old for somebody, or expires, is the next review', () => {
    const story = open();
    const { reviews } = story.receive(4, 'L7', 70);
    expect(reviews).toEqual([{ sku: 'TEA', nextReviewAt: day(10) + 1 }]);
    expect(story.shown()).toEqual([4, 4]);
    const later = story.tell({ kind: 'review', sku: 'TEA' }, day(10) + 1);
    expect(story.shown()).toEqual([4, 0]);
    expect(later.reviews).toEqual([{ sku: 'TEA', nextReviewAt: day(70) }]);
    story.tell({ kind: 'review', sku: 'TEA' }, day(70));
    expect(story.shown()).toEqual([0, 0]);
  });

  test('what was promised stays promised as it ages; a re-confirmation serves the line of younger lots', () => {
    const story = open();
    story.receive(4, 'L7', 70);
    story.buy('edi:grocer', 'a', 3);
    story.tell({ kind: 'review', sku: 'TEA' }, day(20));
    expect(story.lines('edi:grocer/a')).toEqual([['L7 3', 0]]);
    story.receive(2, 'L8', 200, day(20));
    const facts = story.tell({ kind: 'reconfirm', sku: 'TEA', by: 'priority', segments: [], others: 'gain' }, day(20));
    expect(story.outcome(facts)).toMatchObject({ kind: 'applied' });
    expect(story.lines('edi:grocer/a')).toEqual([['L8 2', 1]]);
    expect(story.shown()).toEqual([4, 0]);
  });
});

describe('goods by lot', () => {
  test('a lot that is new needs its expiry, and one that is known keeps it', () => {
    const story = open();
    expect(story.outcome(story.receive(4, 'L7'))).toMatchObject({ kind: 'parked', code: 'lot-without-expiry' });
    expect(story.outcome(story.receive(4, 'L7', 20))).toMatchObject({ kind: 'applied' });
    expect(story.outcome(story.receive(4, 'L7'))).toMatchObject({ kind: 'applied' });
    expect(story.outcome(story.receive(4, 'L7', 21))).toMatchObject({ kind: 'parked', code: 'lot-expires-otherwise' });
    expect(story.stock()).toEqual({ L7: 8 });
    story.tell({ kind: 'set-lot', sku: 'TEA', lot: 'L7', expiresAt: day(100), reason: 'misread' });
    expect(story.shown()).toEqual([8, 8]);
  });

  test('what leaves without a word goes first from units without a lot, then as it expires, and promised units last', () => {
    const story = open();
    story.receive(2);
    story.receive(3, 'L8', 90);
    story.receive(3, 'L7', 20);
    const adjust = (delta: number) =>
      story.tell({ kind: 'adjust', sku: 'TEA', location: 'main', disposition: 'sellable', delta, reason: 'lost' });
    adjust(-3);
    expect(story.stock()).toEqual({ L7: 2, L8: 3 });
    story.buy('shop:main', 'a', 2);
    adjust(-2);
    expect(story.stock()).toEqual({ L7: 2, L8: 1 });
    adjust(-2);
    expect(story.stock()).toEqual({ L7: 1 });
    expect(story.lines('shop:main/a')).toEqual([['L7 2', 0]]);
  });

  test('lots keep their name through transfers, inspections and shipments', () => {
    const story = open({ dtc: { locations: ['main', 'annex'] } });
    story.receive(5, 'L7', 20);
    story.receive(5, 'L8', 90);
    story.tell({
      kind: 'inspect',
      sku: 'TEA',
      location: 'main',
      from: 'sellable',
      to: 'quarantine',
      quantity: 2,
      lot: 'L8',
    });
    expect([story.stock(), story.stock('quarantine')]).toEqual([{ L7: 5, L8: 3 }, { L8: 2 }]);
    expect(
      story.outcome(story.tell({ kind: 'transfer', sku: 'TEA', from: 'main', to: 'annex', quantity: 4, lot: 'L8' })),
    ).toMatchObject({
      kind: 'parked',
      reason: 'TEA has 3 free units of lot L8 at main, not 4',
    });
    story.tell({ kind: 'transfer', sku: 'TEA', from: 'main', to: 'annex', quantity: 6 });
    const annex = story.state().items[0]?.lots?.balances.filter(({ location }) => location === 'annex');
    expect(annex?.map(({ lot: code, quantity }) => [code, quantity])).toEqual([
      ['L7', 5],
      ['L8', 1],
    ]);
    story.buy('shop:main', 'a', 2);
    const { stock } = story.tell({ kind: 'ship', orderId: 'shop:main/a', lines: null });
    expect(stock).toMatchObject([{ kind: 'ship', lot: 'L8', delta: -2 }]);
    expect(story.stock()).toEqual({});
  });

  test('a shipment of another lot than was allocated frees the one and takes the other', () => {
    const story = open();
    story.receive(5, 'L7', 20);
    story.receive(5, 'L8', 90);
    story.buy('shop:main', 'a', 3);
    const ship = (picked: string, quantity: number): CommandBody => ({
      kind: 'ship',
      orderId: 'shop:main/a',
      lines: [{ lineRef: '1', quantity, lot: picked }],
    });
    expect(story.outcome(story.tell(ship('L9', 3)))).toMatchObject({ kind: 'parked', code: 'unknown-lot' });
    story.tell(ship('L8', 3));
    expect(story.stock()).toEqual({ L7: 5, L8: 2 });
    expect(story.shown()).toEqual([7, 2]);
  });

  test('counts of one lot, of a place by lots, and of a place without a word', () => {
    const story = open();
    story.receive(5, 'L7', 20);
    story.receive(5);
    const count = (quantity: number, more: object, minute: number) =>
      story.tell(
        { kind: 'count', sku: 'TEA', location: 'main', disposition: 'sellable', quantity, asOf: NOW + minute, ...more },
        NOW + minute,
      );
    count(4, { lot: 'L7' }, 1);
    expect(story.stock()).toEqual({ '-': 5, L7: 4 });
    count(8, {}, 2);
    expect(story.stock()).toEqual({ '-': 4, L7: 4 });
    count(10, { lots: [{ lot: 'L8', expiresAt: day(90), quantity: 6 }] }, 3);
    expect(story.stock()).toEqual({ '-': 4, L8: 6 });
    expect(story.outcome(count(9, { lot: 'L8' }, 3))).toMatchObject({ kind: 'parked', code: 'older-count' });
    count(12, {}, 4);
    expect(story.stock()).toEqual({ '-': 6, L8: 6 });
    expect(story.outcome(count(3, { lots: [{ lot: 'L8', quantity: 4 }] }, 5))).toMatchObject({
      code: 'lots-exceed-count',
    });
  });

  test('a late movement of a lot that was counted meanwhile is absorbed', () => {
    const story = open();
    story.receive(5, 'L7', 20);
    story.tell(
      { kind: 'count', sku: 'TEA', location: 'main', disposition: 'sellable', quantity: 3, asOf: NOW + 10, lot: 'L7' },
      NOW + 10,
    );
    const { stock } = story.tell(
      { kind: 'adjust', sku: 'TEA', location: 'main', disposition: 'sellable', delta: -2, lot: 'L7', reason: 'broken' },
      NOW + 20,
      NOW + 5,
    );
    expect(stock.map(({ kind, delta }) => [kind, delta])).toEqual([
      ['adjust', -2],
      ['absorb', 2],
    ]);
    expect(story.stock()).toEqual({ L7: 3 });
  });
});
