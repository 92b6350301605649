/** Lines that take no part of what they want, in a re-confirmation: kits, one place, orders that want all or nothing. */
import { describe, expect, it } from 'vitest';
import type { CommandBody, ReconfirmCommand } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { Completeness } from '#core/model.ts';
import { reconfirmReport } from '#core/reconfirm-report.ts';
import type { State } from '#core/state.ts';
import {
  channelRule,
  command,
  item,
  lineState,
  listing,
  NOW,
  orderState,
  policy,
  program,
  receive,
  stateOf,
} from '../support/factory.ts';
import { applyFacts, loadFor, take } from '../support/memory-store.ts';
import { runOf } from '../support/open-lines.ts';

type Rules = { readonly b2b?: Completeness; readonly dtc?: Completeness; readonly places?: readonly string[] };

/** TEA and CUP, and SET of one CUP and two TEA; `b2b` goes before `dtc`. */
function brand({ b2b, dtc, places = ['main'] }: Rules): State {
  const rule = (completeness: Completeness | undefined) => (completeness === undefined ? {} : { completeness });
  const channels = ['shop:main', 'b2b:main'];
  const components = [
    { sku: 'CUP', quantity: 1 },
    { sku: 'TEA', quantity: 2 },
  ];
  const listed = (sku: string, from: number) =>
    channels.map((channel, index) => listing(from + index, { sku, channel, listingRef: sku }));
  return stateOf({
    policy: policy({
      programs: [
        program('dtc', { priority: 2, locations: [...places], ...rule(dtc) }),
        program('b2b', { priority: 1, locations: [...places], ...rule(b2b) }),
      ],
      channels: [channelRule('shop:main', 'dtc'), channelRule('b2b:main', 'b2b')],
    }),
    items: [
      item('CUP', {}, { listings: listed('CUP', 1) }),
      item('TEA', {}, { listings: listed('TEA', 3) }),
      item('SET', {}, { components, listings: listed('SET', 5) }),
    ],
  });
}

const order = (channel: string, ref: string, lines: Readonly<Record<string, number>>): CommandBody => ({
  kind: 'order-state',
  channel,
  order: orderState(
    ref,
    Object.entries(lines).map(([sku, ordered]) => lineState(sku, { listingRef: sku, ordered })),
    { placedAt: NOW },
  ),
});

const damage = (sku: string, units: number, location = 'main'): CommandBody => ({
  kind: 'inspect',
  sku,
  location,
  from: 'sellable',
  to: 'damaged',
  quantity: units,
});

const story = (state: State, bodies: readonly CommandBody[]): State =>
  bodies.reduce((before, body, index) => {
    const { state: after, facts } = take(decide, before, { commands: [command(index + 1, body)], now: NOW });
    expect(facts.outcomes).toMatchObject([{ kind: 'applied' }]);
    return after;
  }, state);

function confirm(state: State, over: Partial<ReconfirmCommand>) {
  const body = runOf({}, { sku: 'CUP', ...over });
  const commands = [command(900, body)];
  const part = loadFor(state, commands);
  const facts = decide(part, commands, NOW);
  expect(facts.outcomes).toMatchObject([{ commandId: 900 }]);
  const after = applyFacts(state, facts);
  const report = reconfirmReport(part, body, facts, NOW);
  const has = Object.fromEntries(
    after.orders.flatMap(({ id, lines }) =>
      lines.map((line) => [
        `${id} ${line.lineRef}`,
        line.allocations.map(({ sku, location, quantity }) => `${quantity} ${sku ?? line.sku} ${location}`).join(', '),
      ]),
    ),
  );
  return { facts, report, after, has };
}

const program_ = (id: string, strategy: 'win' | 'gain' | 'lose' | 'fill') => ({
  match: 'program' as const,
  id,
  strategy,
});

describe('an order that wants all or nothing', () => {
  const goods = [receive(81, { sku: 'CUP' }), receive(20, { sku: 'TEA' })];
  /** The audit's case: 50 to wholesale, 10 and 18 to others, three sets; 40 of 81 are left. */
  const audit = story(brand({ b2b: 'shipComplete' }), [
    ...goods,
    order('b2b:main', 'po', { CUP: 50, TEA: 4 }),
    order('shop:main', 'one', { CUP: 10 }),
    order('shop:main', 'two', { CUP: 18 }),
    order('shop:main', 'set', { SET: 3 }),
    damage('CUP', 41),
  ]);

  it('that cannot be had whole gives up what it has, of other items too, and others are served', () => {
    const { has, report } = confirm(audit, { segments: [program_('b2b', 'win')] });
    expect(has).toEqual({
      'b2b:main/po CUP': '',
      'b2b:main/po TEA': '',
      'shop:main/one CUP': '10 CUP main',
      'shop:main/two CUP': '18 CUP main',
      'shop:main/set SET': '3 CUP main, 6 TEA main',
    });
    expect(report).toMatchObject({
      deficitBefore: 41,
      deficitAfter: 0,
      unmatched: [],
      beside: [{ orderId: 'b2b:main/po', lineRef: 'TEA', sku: 'TEA', before: 4, after: 0, change: -4 }],
    });
    expect(report.lines[0]).toMatchObject({
      orderId: 'b2b:main/po',
      completeness: 'shipComplete',
      before: 50,
      after: 0,
      exception: 'must be served fully and lacks 50',
    });
  });
  it('is looked at again at once, for those who wait for what it gave back', () => {
    const waiting = story(audit, [order('shop:main', 'tea', { TEA: 12 })]);
    const { facts, after } = confirm(waiting, {});
    expect(facts.reviews.find(({ sku }) => sku === 'TEA')).toMatchObject({ nextReviewAt: NOW });
    const { state } = take(decide, after, { commands: [command(950, { kind: 'review', sku: 'TEA' })], now: NOW });
    expect(state.orders.find(({ id }) => id === 'shop:main/tea')?.lines[0]).toMatchObject({ short: 0 });
  });
  it('that can be had whole is served in its turn, from those after it', () => {
    const some = story(audit, [receive(15, { sku: 'CUP' })]);
    const { has, report } = confirm(some, {});
    expect(has).toMatchObject({
      'b2b:main/po CUP': '50 CUP main',
      'b2b:main/po TEA': '4 TEA main',
      'shop:main/one CUP': '5 CUP main',
      'shop:main/two CUP': '',
      'shop:main/set SET': '',
    });
    expect(report).toMatchObject({ deficitAfter: 0, beside: [] });
  });
  it('that waits whole gains the item from others, and its other items from what is free', () => {
    const all = story(brand({ b2b: 'fillOrKill' }), [
      receive(10, { sku: 'CUP' }),
      receive(5, { sku: 'TEA' }),
      order('shop:main', 'one', { CUP: 6 }),
      order('b2b:main', 'po', { CUP: 8, TEA: 5 }),
    ]);
    const { has, report } = confirm(all, { segments: [program_('b2b', 'win')] });
    expect(has).toEqual({
      'shop:main/one CUP': '2 CUP main',
      'b2b:main/po CUP': '8 CUP main',
      'b2b:main/po TEA': '5 TEA main',
    });
    expect(report.beside).toMatchObject([{ orderId: 'b2b:main/po', change: 5 }]);
    const lacking = story(all, [damage('TEA', 1)]);
    const none = confirm(lacking, { segments: [program_('b2b', 'win')] });
    expect(none.has).toEqual({ 'shop:main/one CUP': '6 CUP main', 'b2b:main/po CUP': '', 'b2b:main/po TEA': '' });
    expect(none.facts.promises, 'nothing moves for an order that cannot be whole').toEqual([]);
  });
  it('told to lose gives up every line; told to gain it keeps all of them', () => {
    expect(confirm(audit, { segments: [program_('b2b', 'lose')] }).report).toMatchObject({
      lost: 50,
      beside: [{ change: -4 }],
    });
    const some = story(audit, [receive(10, { sku: 'CUP' })]);
    expect(confirm(some, { segments: [program_('b2b', 'gain')] }).has).toMatchObject({
      'b2b:main/po CUP': '50 CUP main',
      'shop:main/one CUP': '',
      'shop:main/two CUP': '',
      'shop:main/set SET': '',
    });
  });
  it('stays whole in a fair share, or has nothing', () => {
    const fair = confirm(story(audit, [receive(25, { sku: 'CUP' })]), { by: 'fairShare' });
    expect(fair.has).toMatchObject({ 'b2b:main/po CUP': '50 CUP main' });
    expect(fair.report.deficitAfter).toBe(0);
    const scarce = confirm(audit, { by: 'fairShare' });
    expect(scarce.has).toMatchObject({ 'b2b:main/po CUP': '', 'shop:main/two CUP': '18 CUP main' });
  });
});

describe('a kit', () => {
  const sold = story(brand({}), [
    receive(6, { sku: 'CUP' }),
    receive(12, { sku: 'TEA' }),
    order('shop:main', 'set', { SET: 4 }),
    order('b2b:main', 'po', { CUP: 2 }),
  ]);
  it('gives whole sets: what it frees of its other components is free', () => {
    const { has, report, after } = confirm(story(sold, [damage('CUP', 3)]), {});
    expect(has).toEqual({ 'b2b:main/po CUP': '2 CUP main', 'shop:main/set SET': '1 CUP main, 2 TEA main' });
    expect(report).toMatchObject({
      deficitAfter: 0,
      lines: [{ after: 2 }, { kit: 'SET', before: 4, after: 1, change: -3 }],
    });
    expect(after.orders.find(({ id }) => id === 'shop:main/set')?.lines[0]).toMatchObject({ short: 3 });
  });
  it('of which a component takes several units gives no part of a set', () => {
    const { has, report } = confirm(story(sold, [damage('TEA', 5)]), { sku: 'TEA' });
    expect(has).toMatchObject({ 'shop:main/set SET': '3 CUP main, 6 TEA main' });
    expect(report).toMatchObject({
      deficitBefore: 1,
      deficitAfter: 0,
      lines: [{ kit: 'SET', wanted: 8, before: 8, after: 6 }],
    });
  });
  it('that wins takes of the item what others have, and as many sets as its other components allow', () => {
    const short = story(sold, [order('shop:main', 'more', { SET: 4 })]);
    const { has, report } = confirm(short, { segments: [{ match: 'order', id: 'shop:main/more', strategy: 'win' }] });
    expect(has).toMatchObject({
      'shop:main/more SET': '2 CUP main, 4 TEA main',
      'b2b:main/po CUP': '2 CUP main',
      'shop:main/set SET': '2 CUP main, 4 TEA main',
    });
    expect(report.lines[0]).toMatchObject({ wanted: 4, after: 2, exception: 'must be served fully and lacks 2' });
  });
});

describe('a line that wants one place', () => {
  const rules = { dtc: 'onePlace', places: ['north', 'south'] } as const;
  const goods = [receive(5, { sku: 'CUP', location: 'north' }), receive(5, { sku: 'CUP', location: 'south' })];
  const sold = story(brand(rules), [
    ...goods,
    order('shop:main', 'one', { CUP: 5 }),
    order('b2b:main', 'po', { CUP: 2 }),
  ]);
  it('moves whole to another place that can give all of it', () => {
    const { has } = confirm(
      story(sold, [receive(2, { sku: 'CUP', location: 'south' }), damage('CUP', 2, 'north')]),
      {},
    );
    expect(has).toEqual({ 'shop:main/one CUP': '5 CUP south', 'b2b:main/po CUP': '2 CUP south' });
  });
  it('has nothing where no place can, and leaves what there is to others', () => {
    const { has, report } = confirm(story(sold, [damage('CUP', 2, 'north')]), {});
    expect(has).toEqual({ 'shop:main/one CUP': '', 'b2b:main/po CUP': '2 CUP south' });
    expect(report).toMatchObject({ deficitAfter: 0, lost: 5 });
  });
});
