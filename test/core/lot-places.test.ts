/** Lots at several places: what a draw takes first, and what a program is not promised. */
import { describe, expect, test } from 'vitest';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import { DAY_MS } from '#core/lots.ts';
import type { Instant } from '#core/model.ts';
import { explain } from '#core/publish.ts';
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

describe('lots at several places', () => {
  /** The shop prefers the place where what lives long lies; old goods lie next door. */
  function twoPlaces(locations: readonly string[]) {
    const programs = [
      program('dtc', { locations, drawOrder: 'ownThenShared' }),
      program('retail', { minimumLifeDays: 60, locations: ['north', 'south'], drawOrder: 'ownThenShared' }),
    ];
    const state = stateOf({
      policy: policy({
        programs,
        pools: [pool('retail', 6)],
        channels: [channelRule('shop:main', 'dtc'), channelRule('edi:grocer', 'retail')],
      }),
      locations: ['north', 'south'].map((id) => ({ id, master: 'allot' as const, sells: true })),
      items: [
        item('TEA', {}, { listings: [listing(1, { channel: 'shop:main' }), listing(2, { channel: 'edi:grocer' })] }),
      ],
    });
    const received = { kind: 'receive', sku: 'TEA', disposition: 'sellable' } as const;
    const step = take(decide, state, {
      commands: [
        command(1, { ...received, location: 'north', quantity: 7, lot: 'L8', expiresAt: day(90) }),
        command(2, { ...received, location: 'south', quantity: 5, lot: 'L7', expiresAt: day(20) }),
        command(3, oneLineOrder('a', { listingRef: 'ref-1', ordered: 9 }, { channel: 'shop:main' })),
      ],
      now: NOW,
    });
    const [line] = step.state.orders[0]?.lines ?? [];
    const numbers = step.state.items[0]?.listings.map(({ target }) => target?.quantity);
    const [shop] = step.facts.targets;
    return { numbers, drawn: line?.allocations.map(({ location, quantity }) => [location, quantity]), shop };
  }

  test('a draw takes what nobody protects for a longer life before its program’s preferred place', () => {
    const { drawn, numbers } = twoPlaces(['north', 'south']);
    expect(drawn).toEqual([
      ['north', 1],
      ['south', 5],
    ]);
    expect(numbers).toEqual([0, 6]);
  });

  test('a program that reaches only lots that are protected for a longer life is promised none of them, and told why', () => {
    const { drawn, numbers, shop } = twoPlaces(['north']);
    expect(drawn).toEqual([['north', 1]]);
    expect(numbers).toEqual([0, 6]);
    expect(shop?.inputs.lots).toMatchObject({ room: 0 });
    expect(shop === undefined ? [] : explain(shop.inputs).steps.map(({ says }) => says)).toContain(
      '6 free, beyond its own pool it may take 0 of the others: the rest is protected',
    );
  });
});

describe('who is served of what a draw leaves', () => {
  test('a line that was passed over gets what another’s own draw of young lots leaves, in the same command', () => {
    const rules = policy({
      programs: [
        program('web', { priority: 1, locations: ['south'] }),
        program('store', { priority: 2, locations: ['north'] }),
        program('retail', { priority: 3, minimumLifeDays: 60, locations: ['north', 'south'] }),
      ],
      pools: [pool('retail', 10), pool('store', 2), pool('web', 0)],
      channels: [channelRule('shop:web', 'web'), channelRule('shop:store', 'store'), channelRule('edi:r', 'retail')],
    });
    const listings = [listing(1, { channel: 'shop:web' }), listing(2, { channel: 'shop:store' })];
    const received = { kind: 'receive', sku: 'TEA', disposition: 'sellable' } as const;
    const wants = (ref: string, at: number, channel: string) =>
      oneLineOrder(ref, { listingRef: `ref-${at}`, ordered: 2 }, { channel });
    const steps: CommandBody[] = [
      wants('w', 1, 'shop:web'),
      wants('s', 2, 'shop:store'),
      { ...received, location: 'north', quantity: 1, lot: 'L8', expiresAt: day(90) },
      { ...received, location: 'south', quantity: 2, lot: 'L7', expiresAt: day(20) },
      { ...received, location: 'north', quantity: 10, lot: 'L8', expiresAt: day(90) },
    ];
    let state = stateOf({
      policy: rules,
      locations: ['north', 'south'].map((id) => ({ id, master: 'allot' as const, sells: true })),
      items: [item('TEA', {}, { listings })],
    });
    steps.forEach((body, index) => {
      state = take(decide, state, { commands: [command(index + 1, body)], now: NOW }).state;
    });
    expect(state.orders.map(({ lines }) => lines[0]?.short)).toEqual([0, 0]);
  });

  test('fair listings that reach different places show no young unit twice: whoever buys what is shown gets it', () => {
    const ids = ['a', 'b', 'c'];
    const rules = policy({
      programs: [
        ...ids.map((id) => program(`p${id}`, { locations: [id] })),
        program('retail', { minimumLifeDays: 60, locations: ['b', 'c'] }),
      ],
      pools: [pool('retail', 6)],
      channels: ids.map((id) => channelRule(`shop:${id}`, `p${id}`, { fairShare: true })),
    });
    const received = { kind: 'receive', sku: 'TEA', disposition: 'sellable' } as const;
    const goods: CommandBody[] = [
      { ...received, location: 'a', quantity: 10, lot: 'O', expiresAt: day(20) },
      { ...received, location: 'b', quantity: 6, lot: 'Y', expiresAt: day(90) },
      { ...received, location: 'c', quantity: 6, lot: 'Y2', expiresAt: day(90) },
    ];
    const start = stateOf({
      policy: rules,
      locations: ids.map((id) => ({ id, master: 'allot' as const, sells: true })),
      items: [item('TEA', {}, { listings: ids.map((id, at) => listing(at + 1, { channel: `shop:${id}` })) })],
    });
    let { state } = take(decide, start, { commands: goods.map((body, at) => command(at + 1, body)), now: NOW });
    const shown = state.items[0]?.listings.map(({ target }) => target?.quantity ?? 0) ?? [];
    expect(shown).toEqual([10, 3, 3]);
    for (const [at, ordered] of shown.entries()) {
      const body = oneLineOrder(`o${at}`, { listingRef: `ref-${at + 1}`, ordered }, { channel: `shop:${ids[at]}` });
      state = take(decide, state, { commands: [command(10 + at, body)], now: NOW }).state;
    }
    expect(state.orders.map(({ lines }) => lines[0]?.short)).toEqual([0, 0, 0]);
  });
});
