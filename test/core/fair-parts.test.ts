import { describe, expect, it } from 'vitest';
import { decide } from '#core/decide.ts';
import { fairParts } from '#core/fair-parts.ts';
import type { Policy } from '#core/model.ts';
import { poolsOf } from '#core/pools.ts';
import { explain } from '#core/publish.ts';
import { channelRule, commands, item, listing, NOW, policy, pool, program, stateOf } from '../support/factory.ts';

const PLACES = ['main', 'outlet'];
const free = (main: number, outlet: number) =>
  new Map([
    ['main', main],
    ['outlet', outlet],
  ]);

const partsOf = (
  claims: readonly { listing: number; weight?: number; locations?: readonly string[]; drawOrder?: 'ownOnly' }[],
  stock: ReadonlyMap<string, number>,
) => {
  const rows = claims.map(({ listing: id, weight = 1, locations = PLACES, drawOrder }) => ({
    listing: id,
    program: program(`p${id}`, { weight, locations: PLACES, ...(drawOrder === undefined ? {} : { drawOrder }) }),
    locations,
  }));
  const rules = policy({ programs: rows.map((row) => row.program), pools: [] });
  const pools = poolsOf(rules, { sku: 'TEA', groups: [], drawn: [] }, stock, NOW);
  return Object.fromEntries([...fairParts(rows, pools, stock)].map(([id, part]) => [id, part.units]));
};

describe('fairParts', () => {
  it('splits the shared pool by weight, ties by listing', () => {
    expect(partsOf([{ listing: 1 }, { listing: 2 }], free(6, 5))).toEqual({ 1: 6, 2: 5 });
    expect(partsOf([{ listing: 2, weight: 3 }, { listing: 1 }], free(12, 0))).toEqual({ 1: 3, 2: 9 });
  });
  it('gives what one cannot reach to the others', () => {
    expect(partsOf([{ listing: 1, locations: ['outlet'] }, { listing: 2 }], free(8, 2))).toEqual({ 1: 2, 2: 8 });
    expect(partsOf([{ listing: 1, drawOrder: 'ownOnly' }, { listing: 2 }], free(8, 2))).toEqual({ 1: 0, 2: 10 });
  });
  it('never shows the units of one place twice, though the pool holds more elsewhere', () => {
    const parts = partsOf(
      [
        { listing: 1, locations: ['outlet'] },
        { listing: 2, locations: ['outlet'] },
      ],
      free(100, 7),
    );
    expect(parts).toEqual({ 1: 4, 2: 3 });
  });
  it('gives nothing of nothing', () => {
    expect(partsOf([], free(5, 5))).toEqual({});
    expect(partsOf([{ listing: 1 }], free(-3, 0))).toEqual({ 1: 0 });
  });
});

const rules = (over: Partial<Policy> = {}): Policy =>
  policy({
    programs: [program('dtc', { weight: 2, drawOrder: 'sharedThenOwn' }), program('market'), program('b2b')],
    pools: [pool('dtc', 5)],
    channels: [
      channelRule('shop:main', 'dtc', { fairShare: true }),
      channelRule('market:eu', 'market', { fairShare: true, buffer: 1 }),
      channelRule('b2b:main', 'b2b', { sharePercent: 50 }),
    ],
    ...over,
  });

const targetsOf = (onHand: number) => {
  const listings = ['shop:main', 'market:eu', 'b2b:main'].map((channel, index) => listing(index + 1, { channel }));
  const state = stateOf({ policy: rules(), items: [item('TEA', { main: onHand }, { listings })] });
  return decide(state, commands({ kind: 'review', sku: 'TEA' }), NOW).targets;
};

describe('channels that ask for a fair share', () => {
  it('show together no more than the shared pool, besides their own units', () => {
    const targets = targetsOf(20);
    // Fifteen are shared: 10 and 5 by weight 2 : 1. Five are dtc's own; the buffer of market:eu is 1.
    expect(targets.map(({ quantity }) => quantity)).toEqual([15, 4, 7]);
  });
  it('say so in a step of its own, from which the number follows', () => {
    const [shop, , b2b] = targetsOf(20).map(({ inputs }) => explain(inputs));
    expect(shop?.steps.filter(({ id }) => ['drawOrder', 'fairShare', 'share'].includes(id))).toMatchObject([
      { id: 'drawOrder', result: 20 },
      {
        id: 'fairShare',
        change: -5,
        result: 15,
        says: '10 of 15 shared: its fair part of 15 units, split among 2 listings that ask for one, by weight 2 of 3',
      },
      { id: 'share', result: 15 },
    ]);
    expect(b2b?.steps.some(({ id }) => id === 'fairShare')).toBe(false);
  });
  it('are told where none is made: of kits, and where a line comes from one place', () => {
    const channel = (id: string, of: string) => channelRule(id, of, { fairShare: true });
    const listings = ['shop:main', 'store:one'].map((each, index) => listing(index + 1, { channel: each }));
    const sets = ['shop:main', 'store:one'].map((each, index) => listing(index + 3, { channel: each, sku: 'SET' }));
    const programs = [program('dtc'), program('store', { completeness: 'onePlace' })];
    const state = stateOf({
      policy: rules({ programs, channels: [channel('shop:main', 'dtc'), channel('store:one', 'store')] }),
      items: [
        item('SET', {}, { components: [{ sku: 'TEA', quantity: 2 }], listings: sets }),
        item('TEA', { main: 20 }, { listings }),
      ],
    });
    const { targets } = decide(state, commands({ kind: 'review', sku: 'TEA' }), NOW);
    const fairOf = (id: number) => {
      const target = targets.find((each) => each.listing === id);
      return target === undefined ? null : explain(target.inputs).steps.find((step) => step.id === 'fairShare');
    };
    expect(fairOf(1)).toMatchObject({ says: expect.stringContaining('split among 1 listings') });
    expect(fairOf(2)).toMatchObject({
      change: 0,
      says: expect.stringMatching(/^asked for, and not made where a line/),
    });
    expect(fairOf(3)).toMatchObject({ change: 0, says: expect.stringMatching(/^asked for, and not made of kits/) });
    expect(fairOf(4)).toMatchObject({ change: 0, says: expect.stringMatching(/^asked for, and not made of kits/) });
  });
  it('may ask for it below the minimum of an item alone', () => {
    const below = { ...channelRule('shop:main', 'dtc'), fairShare: true };
    const [plain, ...others] = rules().channels;
    const channels = [{ ...channelRule('shop:main', 'dtc'), below }, ...others];
    const quantityAt = (minimum: number) => {
      const listings = ['shop:main', 'market:eu'].map((channel, index) => listing(index + 1, { channel }));
      const tea = item('TEA', { main: 20 }, { listings, minimum });
      const state = stateOf({ policy: rules({ channels }), items: [tea] });
      return decide(state, commands({ kind: 'review', sku: 'TEA' }), NOW).targets[0]?.quantity;
    };
    expect(plain?.fairShare).toBe(true);
    expect([quantityAt(10), quantityAt(30)]).toEqual([20, 15]);
  });
});
