import { describe, expect, it } from 'vitest';
import { decide } from '#core/decide.ts';
import type { Route } from '#core/model.ts';
import { channelRuleFor, namedAttributes, type OrderAttributes, routeFor } from '#core/rules.ts';
import { channelRule, command, listing, oneLineOrder, policy, program, stateOf } from '../support/factory.ts';
import { take } from '../support/memory-store.ts';

describe('the rule of a channel', () => {
  const rules = policy({
    channels: [
      channelRule('shop:main', 'dtc', { buffer: 1 }),
      channelRule('shop:main', 'dtc', { buffer: 2, group: 'hot' }),
      channelRule('shop:main', 'dtc', { buffer: 3, group: 'fragile' }),
      channelRule('shop:main', 'dtc', { buffer: 4, sku: 'TEA' }),
    ],
  });
  const bufferFor = (sku: string, ...groups: string[]) => channelRuleFor(rules, 'shop:main', { sku, groups })?.buffer;

  it('is the nearest: the item’s, a group’s, everybody’s; of two groups the first by name', () => {
    expect(bufferFor('TEA', 'hot')).toBe(4);
    expect(bufferFor('CUP', 'hot')).toBe(2);
    expect(bufferFor('CUP', 'hot', 'fragile')).toBe(3);
    expect(bufferFor('CUP')).toBe(1);
    expect(channelRuleFor(rules, 'shop:other', { sku: 'CUP', groups: [] })).toBeUndefined();
  });
});

describe('the route of an order', () => {
  const routes: readonly Route[] = [
    { id: 'channel', program: 'a', channel: 'shop:main' },
    { id: 'tag', program: 'b', tag: 'vip' },
    { id: 'customer', program: 'c', customer: '77' },
    { id: 'both', program: 'd', channel: 'shop:main', tag: 'vip' },
    { id: 'b-tag', program: 'e', tag: 'gift' },
    { id: 'a-tag', program: 'f', tag: 'gift' },
  ];
  const rules = policy({ routes });
  const routed = (order: OrderAttributes, channel = 'shop:main') => routeFor(rules, channel, order)?.id;

  it('is the one with most conditions, then by their weight, then by id', () => {
    expect(routed({ tags: ['vip'], customer: '77' })).toBe('both');
    expect(routed({ tags: ['vip'], customer: '77' }, 'shop:other')).toBe('customer');
    expect(routed({ tags: ['gift'] }, 'shop:other')).toBe('a-tag');
    expect(routed({})).toBe('channel');
    expect(routed({}, 'shop:other')).toBeUndefined();
  });
  it('keeps of an order only what some route names', () => {
    expect(namedAttributes(routes, { tags: ['x', 'vip'], customer: '78', company: '9' })).toEqual({ tags: ['vip'] });
    expect(namedAttributes(routes, { customer: '77', orderType: 'draft' })).toEqual({ customer: '77' });
    expect(namedAttributes(routes, { tags: ['x'] })).toBeUndefined();
  });
  it('decides an order’s program once: a tag that comes later moves no units', () => {
    const state = stateOf({
      policy: policy({
        programs: [program('dtc'), program('vip')],
        routes: [{ id: 'vips', program: 'vip', tag: 'vip' }],
      }),
      items: stateOf().items.map((each) => ({ ...each, listings: [listing(1)] })),
    });
    const tagged = (version: number, tags: readonly string[]) => {
      const body = oneLineOrder('1', { ordered: 2 }, { version });
      return command(
        version,
        body.kind === 'order-state' ? { ...body, order: { ...body.order, attributes: { tags } } } : body,
      );
    };
    const first = take(decide, state, { commands: [tagged(1, ['vip'])], now: 1 });
    expect(first.state.orders[0]).toMatchObject({ program: 'vip', route: 'vips' });
    expect(first.state.orders[0]?.lines[0]?.allocations).toMatchObject([{ program: 'vip', quantity: 2 }]);
    const second = take(decide, first.state, { commands: [tagged(2, [])], now: 2 });
    expect(second.state.orders[0]).toMatchObject({ program: 'vip', route: 'vips' });
  });
});
