/** Lots at several places: what a draw takes first, and what a program is not promised. */
import { describe, expect, test } from 'vitest';
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
