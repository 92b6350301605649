import { describe, expect, it } from 'vitest';
import { draw, promisableTo } from '#core/draw.ts';
import { type Drawn, NOTHING_DRAWN } from '#core/drawn.ts';
import { type DrawOrder, EMERGENCY, type Policy, type PoolRule } from '#core/model.ts';
import { nextPoolChange } from '#core/pool-units.ts';
import { poolsOf as poolsAt } from '#core/pools.ts';
import { cutInProportion } from '#core/proportion.ts';
import { poolRulesFor } from '#core/rules.ts';
import { NOW, policy, pool, program } from '../support/factory.ts';

const free = (rows: Readonly<Record<string, number>>): Map<string, number> => new Map(Object.entries(rows));
const none: ReadonlyMap<string, number> = new Map();
/** Pools of an item of which programs have drawn so much of their own. */
const poolsOf = (rules: Policy, sku: string, stock: Map<string, number>, consumed: ReadonlyMap<string, number>) => {
  const drawn = [...consumed].map(([id, units]) => ({ ...NOTHING_DRAWN, program: id, consumed: units, taken: units }));
  return poolsAt(rules, { sku, groups: [], drawn }, stock, NOW);
};

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
  it('a cap moves nobody who is below it', () => {
    expect(cutInProportion(7, [3, 6], [0, 0], [3, 5])).toEqual([2, 5]);
    expect(cutInProportion(7, [3, 6], [0, 0], [3, 4])).toEqual([3, 4]);
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
    const unitsFor = (sku: string) =>
      poolRulesFor(both, { sku, groups: [] }, NOW).map(({ program: id, rule }) => [id, rule.units]);
    expect(unitsFor('CUP')).toEqual([['dtc', 9]]);
    expect(unitsFor('TEA')).toEqual([['dtc', 5]]);
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

describe('how much a pool protects', () => {
  const DAY_MS = 24 * 60 * 60_000;
  type At = {
    readonly total?: number;
    readonly now?: number;
    readonly drawn?: Readonly<Record<string, Partial<Drawn>>>;
  };
  const poolsWith = (rules: readonly PoolRule[], { total = 1000, now = NOW, drawn = {} }: At = {}) => {
    const programs = ['dtc', 'b2b', 'promo'].map((id, index) => program(id, { priority: index + 1 }));
    const rows = Object.entries(drawn).map(([id, over]) => ({ ...NOTHING_DRAWN, program: id, ...over }));
    const item = { sku: 'TEA', groups: ['hot'], drawn: rows };
    return poolsAt(policy({ programs, pools: rules }), item, free({ main: total }), now);
  };
  const remaining = (rules: readonly PoolRule[], at?: At) =>
    Object.fromEntries(poolsWith(rules, at).own.map((share) => [share.program, share.remaining]));
  const bare = (id: string, over: Partial<PoolRule>): PoolRule => ({
    program: id,
    sku: '*',
    refill: 'receipt',
    ...over,
  });

  it('is a percent of the supply, rounded down (Oracle: 20 % of 1,000 is 200)', () => {
    expect(remaining([bare('dtc', { percent: 20 })])).toEqual({ dtc: 200 });
    expect(remaining([bare('dtc', { percent: 50 })], { total: 3 })).toEqual({ dtc: 1 });
  });
  it('is in proportion of what firm pools leave (Oracle: 2,000 at 3 : 1 is 1,500 and 500)', () => {
    const parts = [bare('dtc', { parts: 3 }), bare('b2b', { parts: 1 })];
    expect(remaining(parts, { total: 2000 })).toEqual({ b2b: 500, dtc: 1500 });
    expect(remaining([...parts, bare('promo', { units: 1000 })], { total: 2000 })).toEqual({
      b2b: 250,
      dtc: 750,
      promo: 1000,
    });
  });
  it('keeps its part of the supply while others draw, and gets it anew when the pool is filled', () => {
    const rules = [bare('dtc', { percent: 30 })];
    // 1,000 there were; 400 of them went to promo.
    expect(remaining(rules, { total: 600, drawn: { promo: { taken: 400 } } })).toEqual({ dtc: 300 });
    const filled = { dtc: { takenAtFill: 0, allTakenAtFill: 400 }, promo: { taken: 400 } };
    expect(remaining(rules, { total: 600, drawn: filled })).toEqual({ dtc: 180 });
  });
  it('stays between its minimum and its maximum', () => {
    expect(remaining([bare('dtc', { percent: 1, minimum: 25 }), bare('b2b', { percent: 60, maximum: 100 })])).toEqual({
      b2b: 100,
      dtc: 25,
    });
  });
  it('counts in its period alone; outside it the wider rule counts', () => {
    const season = bare('dtc', { sku: 'TEA', units: 90, activeFrom: NOW + DAY_MS, activeUntil: NOW + 2 * DAY_MS });
    const rules = [season, bare('dtc', { units: 10 })];
    const at = (days: number) => remaining(rules, { now: NOW + days * DAY_MS });
    expect([at(0), at(1), at(2)]).toEqual([{ dtc: 10 }, { dtc: 90 }, { dtc: 10 }]);
    const pools = poolsWith(rules);
    const item = { sku: 'TEA', groups: [], drawn: new Map() };
    expect(nextPoolChange(policy({ pools: rules }), item, pools, NOW)).toBe(NOW + DAY_MS);
  });
  it('is released by its curve, never a unit before its time', () => {
    const release = [
      { at: NOW, percent: 100 },
      { at: NOW + 10 * DAY_MS, percent: 50 },
      { at: NOW + 12 * DAY_MS, percent: 0 },
    ];
    const rules = [bare('dtc', { units: 101, release })];
    const at = (days: number) => remaining(rules, { now: NOW + days * DAY_MS }).dtc;
    expect([at(-1), at(0), at(5), at(10), at(11), at(12), at(99)]).toEqual([101, 101, 76, 51, 26, 0, 0]);
  });
  it('takes a group’s rule before everybody’s and the item’s before the group’s', () => {
    const group = bare('dtc', { group: 'hot', units: 5 });
    expect(remaining([bare('dtc', { units: 1 }), group])).toEqual({ dtc: 5 });
    expect(remaining([group, bare('dtc', { sku: 'TEA', units: 7 })])).toEqual({ dtc: 7 });
    expect(remaining([bare('dtc', { group: 'cold', units: 5 })])).toEqual({});
  });

  it('opens a prioritised pool to programs before it, and closes it to those after', () => {
    const pools = poolsWith([bare('b2b', { units: 8, protects: 'prioritised' })], { total: 10 });
    const stock = free({ main: 10 });
    const may = (id: string, priority: number) => promisableTo(program(id, { priority }), pools, stock);
    expect(may('dtc', 1)).toEqual({ own: 0, shared: 10 });
    expect(may('promo', 3)).toEqual({ own: 0, shared: 2 });
    expect(may('b2b', 2)).toEqual({ own: 8, shared: 2 });
  });
  it('cuts core pools last', () => {
    const rules = [bare('b2b', { units: 8, protects: 'prioritised' }), bare('promo', { units: 6 })];
    expect(remaining(rules, { total: 9 })).toEqual({ b2b: 3, promo: 6 });
  });
  it('keeps an emergency pool from everybody', () => {
    const pools = poolsWith([bare(EMERGENCY, { units: 4 })], { total: 10 });
    expect(promisableTo(program('dtc'), pools, free({ main: 10 }))).toEqual({ own: 0, shared: 6 });
  });
  it('limits what a program may draw, own and shared together', () => {
    const pools = poolsWith([bare('dtc', { units: 4, limit: 10 })], {
      drawn: { dtc: { taken: 9, takenAtFill: 2, consumed: 1 } },
    });
    expect(promisableTo(program('dtc'), pools, free({ main: 1000 }))).toEqual({ own: 3, shared: 0 });
    expect(promisableTo(program('b2b'), pools, free({ main: 1000 }))).toEqual({ own: 0, shared: 997 });
  });
});
