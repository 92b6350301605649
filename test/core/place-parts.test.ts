/** Pools of one place that are a part of what is there: percent, parts, bounds; counted from when they were filled. */
import { describe, expect, it } from 'vitest';
import { openBooks, poolsFor } from '#core/books.ts';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { PoolRule } from '#core/model.ts';
import { sayPoolRule } from '#core/pool-words.ts';
import type { State } from '#core/state.ts';
import {
  channelRule,
  command,
  item,
  listing,
  NOW,
  oneLineOrder,
  policy,
  program,
  receive,
  stateOf,
} from '../support/factory.ts';
import { take } from '../support/memory-store.ts';

/** What is there at two stores; `web` sells from both, `collect` and `click` have pools at the east. */
function brand(pools: readonly PoolRule[], onHand = { east: 20, west: 10 }): State {
  const locations = ['east', 'west'];
  return stateOf({
    policy: policy({
      programs: ['click', 'collect', 'web'].map((id, at) => program(id, { priority: at + 1, locations })),
      channels: [channelRule('shop:web', 'web'), channelRule('shop:collect', 'collect')],
      pools,
    }),
    items: [
      item('TEA', onHand, { listings: [listing(1, { channel: 'shop:web' }), listing(2, { channel: 'shop:collect' })] }),
    ],
  });
}

const east = (who: string, over: Partial<PoolRule>): PoolRule => ({
  program: who,
  sku: '*',
  location: 'east',
  refill: 'never',
  ...over,
});

let nextId = 1;
/** The state after some commands, and the pools of the place: program, units, left. */
function run(state: State, ...bodies: readonly CommandBody[]) {
  let after = state;
  for (const body of bodies) after = take(decide, after, { commands: [command(nextId++, body)], now: NOW }).state;
  const books = openBooks(after, NOW);
  const [book] = books.items.values();
  const { placed } = book === undefined ? { placed: [] } : poolsFor(books, book);
  const pools = Object.fromEntries(placed.map((share) => [share.program, [share.units, share.remaining]]));
  return { state: after, pools, said: placed.map(sayPoolRule) };
}

const review: CommandBody = { kind: 'review', sku: 'TEA' };
const buy = (who: 'web' | 'collect', ref: string, ordered: number, shipped = 0): CommandBody =>
  oneLineOrder(
    ref,
    { ordered, shipped, listingRef: who === 'web' ? 'ref-1' : 'ref-2' },
    { channel: `shop:${who}`, version: 1 + shipped, modifiedAt: NOW + 1 + shipped },
  );
const shown = (state: State) => state.items[0]?.listings.map(({ target }) => target?.quantity);

describe('a percent of what is at a place', () => {
  const half = [east('collect', { percent: 50 })];

  it('is one of what is there, rounded down; other places are not looked at', () => {
    const { pools, state, said } = run(brand(half, { east: 21, west: 10 }), review);
    expect(pools).toEqual({ collect: [10, 10] });
    expect(said).toEqual(['rule for all items at east, 50 % of 21']);
    expect(shown(state)).toEqual([21, 31]);
  });

  it('stays what it was while others draw and ship there', () => {
    const drawn = run(brand(half), buy('web', 'w', 8));
    expect(drawn.pools).toEqual({ collect: [10, 10] });
    expect(run(drawn.state, buy('web', 'w', 8, 8)).pools).toEqual({ collect: [10, 10] });
    expect(run(drawn.state, buy('collect', 'c', 4)).pools).toEqual({ collect: [10, 6] });
  });

  it('grows with what comes there, not with what comes elsewhere', () => {
    const start = run(brand(half), buy('collect', 'c', 4));
    expect(run(start.state, receive(9, { location: 'west' })).pools).toEqual({ collect: [10, 6] });
    expect(run(start.state, receive(9, { location: 'east' })).pools).toEqual({ collect: [14, 10] });
  });

  it('begins anew with a receipt there, where its rule says so', () => {
    const start = run(brand([east('collect', { percent: 50, refill: 'receipt' })]), buy('collect', 'c', 4));
    // 16 are left of the 20, and 4 come: half of these, and what was drawn before does not count.
    expect(run(start.state, receive(4, { location: 'east' })).pools).toEqual({ collect: [10, 10] });
    const elsewhere = run(start.state, receive(4, { location: 'west' }));
    expect(elsewhere.pools).toEqual({ collect: [10, 6] });
  });

  it('that comes into force late begins with what is there then', () => {
    const before = run(brand([]), buy('web', 'w', 8));
    const state: State = { ...before.state, policy: brand(half).policy };
    expect(run(state, review).pools).toEqual({ collect: [6, 6] });
  });

  it('that was a number of units filled by receipts begins with the last of these', () => {
    const fixed = [east('collect', { units: 4, refill: 'receipt' })];
    let { state } = run(brand(fixed), buy('collect', 'c', 2), receive(2, { location: 'east' }));
    // All that came went again: 20 are there, as before.
    for (const ref of ['1', '2', '3']) {
      state = run(state, buy('web', ref, 16), buy('web', ref, 16, 16), receive(16, { location: 'east' })).state;
    }
    const there = state.items[0]?.balances.find(({ location }) => location === 'east')?.quantity;
    expect(there).toBe(22);
    expect(run({ ...state, policy: brand(half).policy }, review).pools).toEqual({ collect: [10, 10] });
  });

  it('stays between its minimum and its maximum', () => {
    expect(run(brand([east('collect', { percent: 50, maximum: 7 })]), review).pools).toEqual({ collect: [7, 7] });
    const least = [east('collect', { percent: 5, minimum: 4 })];
    expect(run(brand(least), review).pools).toEqual({ collect: [4, 4] });
  });
});

describe('parts of what is at a place', () => {
  it('are parts of what fixed and percent pools of the place leave', () => {
    const pools = [east('web', { units: 8 }), east('collect', { parts: 3 }), east('click', { parts: 1 })];
    expect(run(brand(pools), review).pools).toEqual({ web: [8, 8], collect: [9, 9], click: [3, 3] });
  });

  it('stand beside pools of the item, which count on all there is', () => {
    const own: PoolRule = { program: 'web', sku: '*', refill: 'never', percent: 20 };
    const { pools, state } = run(brand([own, east('collect', { parts: 1 })]), review);
    // All of the east is kept for collect; a fifth of the 30 for the web, out of what is left.
    expect(pools).toEqual({ collect: [20, 20] });
    expect(shown(state)).toEqual([10, 24]);
  });
});

describe('a low pool of a place', () => {
  it.each([
    ['a percent', { percent: 50 }, { missing: 8 }],
    ['a percent, filled by receipts', { percent: 50, refill: 'receipt' }, { missing: 1, liftedBy: 'receipt' }],
    ['units', { units: 10 }, { liftedBy: 'rule' }],
    ['a percent to a maximum', { percent: 50, maximum: 10 }, { liftedBy: 'rule' }],
  ] as const)('that is %s tells what lifts it', (_, over, told) => {
    const start = run(brand([east('collect', over)], { east: 20, west: 0 }), buy('collect', 'c', 10));
    const [low] = decide(start.state, [command(900, review)], NOW).lowPools;
    expect(low).toMatchObject({ program: 'collect', location: 'east', units: 10, remaining: 0, ...told });
    const isLow = (units: number): boolean =>
      decide(start.state, [command(901, receive(units, { location: 'east' }))], NOW).lowPools.length > 0;
    const missing = low?.missing ?? 0;
    const isNever = low?.liftedBy === 'rule';
    // One unit fewer does not lift it; of some, no number does.
    expect([missing > 1 && isLow(missing - 1), isLow(isNever ? 500 : missing)]).toEqual([missing > 1, isNever]);
  });
});
