import { describe, expect, it } from 'vitest';
import type { DrawOrder } from '#core/model.ts';
import { cutInProportion, draw, poolRuleFor, poolsOf, promisableTo } from '#core/pools.ts';
import { policy, pool, program } from '../support/factory.ts';

const free = (rows: Readonly<Record<string, number>>): Map<string, number> => new Map(Object.entries(rows));
const none: ReadonlyMap<string, number> = new Map();

describe('cutInProportion', () => {
  it('cuts Oracle order promising targets in proportion when supply is less than their sum', () => {
    // docs.oracle.com fascp allocation targets: 2,000 at 3 : 1 is 1,500 and 500; 20 % of 1,000 is 200.
    expect(cutInProportion(2000, [3000, 1000])).toEqual([1500, 500]);
    expect(cutInProportion(1000, [400, 1600])).toEqual([200, 800]);
    expect(cutInProportion(100, [100, 50, 50])).toEqual([50, 25, 25]);
  });
  it('loses no unit to rounding, and breaks ties by position', () => {
    expect(cutInProportion(10, [7, 7, 7])).toEqual([4, 3, 3]);
    expect(cutInProportion(1, [5, 5])).toEqual([1, 0]);
  });
  it('answers the wants when there is enough, and nothing when there is nothing', () => {
    expect(cutInProportion(20, [7, 3])).toEqual([7, 3]);
    expect(cutInProportion(0, [7, 3])).toEqual([0, 0]);
    expect(cutInProportion(-5, [7, 3])).toEqual([0, 0]);
    expect(cutInProportion(5, [])).toEqual([]);
  });
  it('has no Alabama paradox: one more unit lowers nobody', () => {
    // Largest remainders give 4, 4, 2 of ten and 5, 5, 1 of eleven.
    const [ten, eleven] = [cutInProportion(10, [6, 6, 2]), cutInProportion(11, [6, 6, 2])];
    expect(eleven.filter((share, index) => share < (ten[index] ?? 0))).toEqual([]);
  });
  it('stays exact for quantities of a large brand', () => {
    const shares = cutInProportion(999_999_999, [1_000_000_000, 1_000_000_000, 333_333_333]);
    expect(shares.reduce((a, b) => a + b, 0)).toBe(999_999_999);
  });
});

describe('poolsOf', () => {
  const rules = policy({ programs: [program('dtc'), program('b2b')], pools: [pool('dtc', 5), pool('b2b', 5)] });

  it('sets remaining protection aside before the shared pool', () => {
    const pools = poolsOf(rules, 'TEA', free({ main: 14 }), new Map([['b2b', 2]]));
    expect(pools.own.map((share) => [share.program, share.remaining])).toEqual([
      ['b2b', 3],
      ['dtc', 5],
    ]);
    expect(pools.shared).toBe(6);
  });
  it('does not refill a drawn pool from another that was cut with it', () => {
    // Six units for two pools of five: three each. Drawing three must leave the other three, not a new cut of what is left.
    const before = poolsOf(rules, 'TEA', free({ main: 6 }), none);
    expect(before.own.map((share) => share.remaining)).toEqual([3, 3]);
    const after = poolsOf(rules, 'TEA', free({ main: 3 }), new Map([['b2b', 3]]));
    expect(after.own.map((share) => share.remaining)).toEqual([0, 3]);
    expect(after.shared).toBe(0);
  });
  it('takes the rule of the item before the rule of every item', () => {
    const both = policy({ pools: [pool('dtc', 5), pool('dtc', 9, { sku: 'CUP' })] });
    expect(poolRuleFor(both, 'dtc', 'CUP')?.units).toBe(9);
    expect(poolRuleFor(both, 'dtc', 'TEA')?.units).toBe(5);
    expect(poolRuleFor(both, 'b2b', 'TEA')).toBeUndefined();
  });
});

describe('draw', () => {
  const pools = (own: number, total: number) =>
    poolsOf(policy({ programs: [program('dtc')], pools: [pool('dtc', own)] }), 'TEA', free({ main: total }), none);
  const drawn = (drawOrder: DrawOrder, wanted: number) =>
    draw(program('dtc', { drawOrder }), wanted, pools(4, 10), free({ main: 10 })).map((part) => [
      part.pool,
      part.quantity,
    ]);

  it('follows the three draw orders', () => {
    expect(drawn('ownOnly', 7)).toEqual([['own', 4]]);
    expect(drawn('ownThenShared', 7)).toEqual([
      ['own', 4],
      ['shared', 3],
    ]);
    expect(drawn('sharedThenOwn', 7)).toEqual([
      ['shared', 6],
      ['own', 1],
    ]);
  });
  it('splits over places by preference, and the parts sum to what was asked (vendurehq/vendure #4030: 10 + 3)', () => {
    const stock = free({ near: 10, far: 15 });
    const who = program('dtc', { locations: ['near', 'far'] });
    const parts = draw(who, 13, poolsOf(policy({ programs: [who] }), 'TEA', stock, none), stock);
    expect(parts.map((part) => [part.location, part.quantity])).toEqual([
      ['near', 10],
      ['far', 3],
    ]);
  });
  it('gives less than asked rather than what is not there', () => {
    expect(drawn('ownThenShared', 99).reduce((sum, [, quantity]) => sum + Number(quantity), 0)).toBe(10);
  });
});

describe('promisableTo', () => {
  it('does not sell a deficit of one place a second time at the next', () => {
    const who = program('dtc', { locations: ['near', 'far'] });
    const stock = free({ near: -5, far: 10, elsewhere: 10 });
    const pools = poolsOf(policy({ programs: [who] }), 'TEA', stock, none);
    expect(promisableTo(who, pools, stock)).toEqual({ own: 0, shared: 5 });
  });
  it('ends where its places end', () => {
    const who = program('dtc', { locations: ['near'] });
    const stock = free({ near: 2, far: 10 });
    expect(promisableTo(who, poolsOf(policy({ programs: [who] }), 'TEA', stock, none), stock)).toEqual({
      own: 0,
      shared: 2,
    });
  });
});
