/** Pools of one place by example: whose units lie where, who may take them there, and where they go when they come back. */
import { describe, expect, it } from 'vitest';
import { freeOf, openBooks, poolsFor } from '#core/books.ts';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import { promisableTo } from '#core/draw.ts';
import type { Policy, PoolRule, Program } from '#core/model.ts';
import { explain } from '#core/publish.ts';
import { placeRulesFor } from '#core/rules.ts';
import type { Facts, State } from '#core/state.ts';
import {
  channelRule,
  command,
  item,
  listing,
  MINUTE_MS,
  NOW,
  oneLineOrder,
  policy,
  pool,
  program,
  receive,
  stateOf,
} from '../support/factory.ts';
import { take } from '../support/memory-store.ts';

const BOTH = ['east', 'west'];

type Over = {
  readonly pools: readonly PoolRule[];
  readonly web?: Partial<Program>;
  readonly collect?: Partial<Program>;
  readonly channels?: Policy['channels'];
};

/** Two stores; what is bought to be collected, and what the web sells from both. */
function brand(onHand: Readonly<Record<string, number>>, { pools, web, collect, channels }: Over): State {
  const rules = policy({
    programs: [
      program('collect', { priority: 1, locations: BOTH, ...collect }),
      program('web', { priority: 2, locations: BOTH, ...web }),
    ],
    channels: channels ?? [channelRule('shop:web', 'web'), channelRule('shop:collect', 'collect')],
    pools,
  });
  const listings = [listing(1, { channel: 'shop:web' }), listing(2, { channel: 'shop:collect' })];
  return stateOf({ policy: rules, items: [item('TEA', onHand, { listings })] });
}

let nextId = 1;
function run(state: State, ...bodies: readonly CommandBody[]): { state: State; facts: Facts } {
  let step = { state, facts: decide(state, [], NOW) };
  for (const body of bodies) step = take(decide, step.state, { commands: [command(nextId++, body)], now: NOW });
  return step;
}

const buy = (who: 'web' | 'collect', ref: string, ordered: number, more: { version?: number; shipped?: number } = {}) =>
  oneLineOrder(
    ref,
    { ordered, shipped: more.shipped ?? 0, listingRef: who === 'web' ? 'ref-1' : 'ref-2' },
    { channel: `shop:${who}`, version: more.version ?? 1, modifiedAt: NOW + (more.version ?? 1) },
  );
const review: CommandBody = { kind: 'review', sku: 'TEA' };
const atEast = (units: number, over: Partial<PoolRule> = {}) => pool('collect', units, { location: 'east', ...over });

const shown = (state: State) => state.items[0]?.listings.map(({ target }) => target?.quantity);
const partsOf = (state: State, id: string) =>
  state.orders
    .find((order) => order.id === id)
    ?.lines.flatMap(({ allocations }) =>
      allocations.map(({ location, pool: from, quantity }) => [location, from, quantity]),
    );
const shortOf = (state: State, id: string) => state.orders.find((order) => order.id === id)?.lines[0]?.short;
function poolsIn(state: State) {
  const books = openBooks(state, NOW);
  const [book] = books.items.values();
  if (book === undefined) throw new Error('no item');
  return { pools: poolsFor(books, book), free: freeOf(books, book) };
}
const left = (state: State) => {
  const { pools } = poolsIn(state);
  return {
    placed: pools.placed.map((share) => [share.program, share.location, share.remaining]),
    own: pools.own.map((share) => [share.program, share.remaining]),
    shared: pools.shared,
  };
};
const refusalOf = ({ outcomes: [outcome] }: Facts) => (outcome?.kind === 'parked' ? outcome : null);

describe('two stores, one of them protected', () => {
  // Dynamics 365 allocates by site and warehouse, IBM Sterling sets a safety factor per node: the other store stays everybody's.
  const start = brand({ east: 10, west: 10 }, { pools: [atEast(6)] });

  it('shows the web all but what is kept at the one, and to be collected all there is', () => {
    expect(shown(run(start, review).state)).toEqual([14, 20]);
  });

  it('fills a web order from what nobody keeps, place by place, and never the kept units', () => {
    const { state } = run(start, buy('web', 'w', 18));
    expect(partsOf(state, 'shop:web/w')).toEqual([
      ['east', 'shared', 4],
      ['west', 'shared', 10],
    ]);
    expect(shortOf(state, 'shop:web/w')).toBe(4);
    expect(shown(state)).toEqual([0, 6]);
    expect(left(state)).toEqual({ placed: [['collect', 'east', 6]], own: [], shared: 0 });
  });

  it('gives the kept units to their program at their place, before the shared ones', () => {
    const { state } = run(start, buy('collect', 'c', 8));
    expect(partsOf(state, 'shop:collect/c')).toEqual([
      ['east', 'place', 6],
      ['east', 'shared', 2],
    ]);
    expect(left(state)).toEqual({ placed: [['collect', 'east', 0]], own: [], shared: 12 });
    expect(state.items[0]?.drawn).toMatchObject([
      { program: 'collect', consumed: 0, taken: 8 },
      { program: 'collect', location: 'east', consumed: 6, taken: 0 },
    ]);
  });

  it('takes units that come back where they came from', () => {
    const bought = run(start, buy('collect', 'c', 8)).state;
    // The last drawn come back first: two shared ones, then one of the store's pool.
    const { state } = run(bought, buy('collect', 'c', 5, { version: 2 }));
    expect(partsOf(state, 'shop:collect/c')).toEqual([['east', 'place', 5]]);
    expect(left(state)).toEqual({ placed: [['collect', 'east', 1]], own: [], shared: 14 });
    // What was shipped stays drawn.
    const shipped = run(bought, buy('collect', 'c', 8, { version: 2, shipped: 8 })).state;
    expect(left(shipped)).toEqual({ placed: [['collect', 'east', 0]], own: [], shared: 12 });
  });

  it('does not let another program’s line that waits take what comes back', () => {
    const waiting = run(start, buy('collect', 'c', 6), buy('web', 'w', 20)).state;
    expect(shortOf(waiting, 'shop:web/w')).toBe(6);
    const { state } = run(waiting, buy('collect', 'c', 2, { version: 2 }));
    expect(shortOf(state, 'shop:web/w')).toBe(6);
    expect(left(state).placed).toEqual([['collect', 'east', 4]]);
  });

  it('keeps nothing from who does not reach the place, and never the only units of who does', () => {
    const west = brand({ east: 10, west: 3 }, { pools: [atEast(6)], web: { locations: ['west'] } });
    expect(shown(run(west, review).state)).toEqual([3, 13]);
    // The pool of the item keeps 6 wherever they lie; the pool of the place keeps them where collect can have them.
    const reach = { collect: { locations: ['east'] }, web: { locations: BOTH } };
    const ofItem = run(
      brand({ east: 6, west: 6 }, { pools: [pool('collect', 6)], ...reach }),
      buy('web', 'w', 6),
    ).state;
    expect(shown(ofItem)).toEqual([0, 0]);
    const ofPlace = run(brand({ east: 6, west: 6 }, { pools: [atEast(6)], ...reach }), buy('web', 'w', 6)).state;
    expect(shown(ofPlace)).toEqual([0, 6]);
  });

  it('explains the number by the pool and its rule', () => {
    const { facts } = run(start, review);
    const [web, collect] = facts.targets.map(({ inputs }) => ({ inputs, steps: explain(inputs).steps }));
    expect(web?.inputs).toMatchObject({
      protectedBy: [{ program: 'collect', location: 'east', units: 6 }],
      places: [{ location: 'east', sellable: 10, protectedForOthers: 6 }, { location: 'west' }],
    });
    expect(web?.steps.find(({ id }) => id === 'protected')).toMatchObject({
      result: 14,
      says: '6 of 20 free units are protected for other programs (collect 6 at east)',
    });
    expect(collect?.inputs.ownAt).toEqual({
      places: [{ location: 'east', units: 6, consumed: 0, remaining: 6, rule: 'rule for all items at east' }],
      from: 6,
      elsewhere: 0,
    });
    expect(collect?.steps.find(({ id }) => id === 'drawOrder')?.says).toBe(
      '6 from its own pools of one place (east: 6 protected, 0 drawn, 6 left; rule for all items at east), ' +
        '0 from its own pool (0 protected, 0 drawn, 0 left) and 14 shared, by ownThenShared',
    );
  });

  it('says what is kept elsewhere where a listing is filled from one store alone', () => {
    const state = brand({ east: 10, west: 10 }, { pools: [atEast(6), pool('collect', 3, { location: 'west' })] });
    const [tea] = state.items;
    const fromWest = tea?.listings.map((each) => ({ ...each, locations: ['west'] })) ?? [];
    const { facts } = run({ ...state, items: tea === undefined ? [] : [{ ...tea, listings: fromWest }] }, review);
    expect(facts.targets.map(({ quantity }) => quantity)).toEqual([7, 10]);
    expect(facts.targets[1]?.inputs.ownAt).toMatchObject({ from: 3, elsewhere: 6, places: [{ location: 'west' }] });
  });
});

describe('the cut', () => {
  it('is in proportion at each place, and pools of the item count on what is left', () => {
    const pools = [atEast(6), pool('web', 3, { location: 'east' }), pool('web', 9), pool('collect', 3)];
    expect(left(brand({ east: 6, west: 8 }, { pools }))).toEqual({
      placed: [
        ['collect', 'east', 4],
        ['web', 'east', 2],
      ],
      own: [
        ['collect', 2],
        ['web', 6],
      ],
      shared: 0,
    });
  });

  it('goes by tiers: what is core comes before every prioritised pool, of whatever place', () => {
    const pools = [atEast(6, { protects: 'prioritised' }), pool('web', 10)];
    expect(left(brand({ east: 8, west: 5 }, { pools }))).toEqual({
      placed: [['collect', 'east', 3]],
      own: [['web', 10]],
      shared: 0,
    });
  });

  it('is within all that is there, where a place lacks what it promised', () => {
    const state = brand({ east: 8, west: 0 }, { pools: [atEast(6)] });
    const [tea] = state.items;
    const promises = [{ location: 'west', program: 'web', pool: 'shared' as const, allocated: 5, held: 0 }];
    expect(left({ ...state, items: tea === undefined ? [] : [{ ...tea, promises }] })).toEqual({
      placed: [['collect', 'east', 3]],
      own: [],
      shared: 0,
    });
  });
});

describe('who may draw', () => {
  it('shared first leaves the pool of the place for last', () => {
    const start = brand({ east: 10, west: 2 }, { pools: [atEast(6)], collect: { drawOrder: 'sharedThenOwn' } });
    expect(partsOf(run(start, buy('collect', 'c', 9)).state, 'shop:collect/c')).toEqual([
      ['east', 'shared', 4],
      ['west', 'shared', 2],
      ['east', 'place', 3],
    ]);
  });

  it('own only draws the pools of its places and of the item, the place first', () => {
    const pools = [atEast(4), pool('collect', 3)];
    const start = brand({ east: 10, west: 10 }, { pools, collect: { drawOrder: 'ownOnly' } });
    const { state } = run(start, buy('collect', 'c', 9));
    expect(partsOf(state, 'shop:collect/c')).toEqual([
      ['east', 'place', 4],
      ['east', 'own', 3],
    ]);
    expect(shortOf(state, 'shop:collect/c')).toBe(2);
  });

  it('a prioritised pool of a place is open to programs before its own alone', () => {
    const pools = [
      pool('web', 6, { location: 'east', protects: 'prioritised' }),
      pool('collect', 2, { location: 'west' }),
    ];
    const { pools: found, free } = poolsIn(brand({ east: 6, west: 2 }, { pools }));
    const may = (id: string, priority: number) => promisableTo(program(id, { priority, locations: BOTH }), found, free);
    expect(may('before', 1)).toEqual({ own: 0, shared: 6, placed: 0 });
    expect(may('after', 3)).toEqual({ own: 0, shared: 0, placed: 0 });
    expect(may('web', 2)).toEqual({ own: 6, shared: 0, placed: 6 });
    expect(may('collect', 1)).toEqual({ own: 2, shared: 6, placed: 2 });
  });

  it('a hold takes and gives back units of the place’s pool like an order', () => {
    const start = brand({ east: 6, west: 0 }, { pools: [atEast(4)] });
    const hold = (who: string, quantity: number): CommandBody => ({
      kind: 'hold',
      holdKind: 'cart',
      sku: 'TEA',
      program: who,
      quantity,
      location: 'east',
      owner: 'ann',
      reason: 'test',
      expiresAt: NOW + MINUTE_MS,
      ref: who,
    });
    expect(refusalOf(run(start, hold('web', 3)).facts)?.reason).toContain('web can be promised 2 of TEA now, not 3');
    const held = run(start, hold('collect', 5)).state;
    expect(left(held)).toEqual({ placed: [['collect', 'east', 0]], own: [], shared: 1 });
    const id = held.items[0]?.holds[0]?.id ?? 0;
    const ended = run(held, { kind: 'release-hold', sku: 'TEA', hold: id, reason: 'test', isDue: false }).state;
    expect(left(ended)).toEqual({ placed: [['collect', 'east', 4]], own: [], shared: 2 });
  });

  it('of a line that comes from one place, the place with its pool counts', () => {
    const collect = { completeness: 'onePlace' as const };
    const { state } = run(brand({ east: 6, west: 5 }, { pools: [atEast(6), pool('web', 3)], collect }), review);
    // East has 6 of its own; west has 5, of which 3 are the web's wherever they lie.
    expect(shown(state)).toEqual([5, 6]);
  });

  it('no unit is shown twice among fair parts beside a pool of a place', () => {
    const channels = ['web', 'collect'].map((id) => channelRule(`shop:${id}`, id, { fairShare: true }));
    const { state } = run(brand({ east: 10, west: 4 }, { pools: [atEast(6)], channels }), review);
    expect(shown(state)).toEqual([4, 10]);
  });
});

describe('rules of places', () => {
  const rules = policy({
    pools: [
      pool('dtc', 5),
      pool('dtc', 1, { location: 'east' }),
      pool('dtc', 2, { location: 'east', group: 'gifts', activeUntil: NOW + MINUTE_MS }),
      pool('dtc', 3, { location: 'east', sku: 'MUG' }),
      pool('dtc', 4, { location: 'west', sku: 'MUG' }),
    ],
  });
  const found = (sku: string, groups: readonly string[] = [], at = NOW) =>
    placeRulesFor(rules, { sku, groups }, at).map(({ location, rule }) => [location, rule.units]);

  it('one wins for each program and place: the item’s, then a group’s in season, then that of all items', () => {
    expect(found('TEA')).toEqual([['east', 1]]);
    expect(found('TEA', ['gifts'])).toEqual([['east', 2]]);
    expect(found('TEA', ['gifts'], NOW + MINUTE_MS)).toEqual([['east', 1]]);
    expect(found('MUG', ['gifts'])).toEqual([
      ['east', 3],
      ['west', 4],
    ]);
  });

  it('stand beside the pool of the item, which counts as before', () => {
    const state = brand({ east: 4, west: 6 }, { pools: [pool('collect', 5), atEast(3)] });
    expect(left(state)).toEqual({ placed: [['collect', 'east', 3]], own: [['collect', 5]], shared: 2 });
    expect(shown(run(state, review).state)).toEqual([2, 10]);
  });

  it('a season wakes the item by itself, and a release frees unit by unit', () => {
    const season = run(brand({ east: 9 }, { pools: [atEast(6, { activeFrom: NOW + MINUTE_MS })] }), review).facts;
    expect(season.reviews).toEqual([{ sku: 'TEA', nextReviewAt: NOW + MINUTE_MS }]);
    const release = [
      { at: NOW - 30 * MINUTE_MS, percent: 100 },
      { at: NOW + 30 * MINUTE_MS, percent: 0 },
    ];
    expect(left(brand({ east: 9, west: 0 }, { pools: [atEast(6, { release })] })).placed).toEqual([
      ['collect', 'east', 3],
    ]);
  });

  it('a receipt at the place starts its pool anew, one elsewhere does not', () => {
    const start = run(
      brand({ east: 6, west: 0 }, { pools: [atEast(4, { refill: 'receipt' })] }),
      buy('collect', 'c', 4),
    );
    const west = run(start.state, receive(5, { location: 'west' }));
    expect(left(west.state).placed).toEqual([['collect', 'east', 0]]);
    const east = run(west.state, receive(5, { location: 'east' }));
    expect(left(east.state).placed).toEqual([['collect', 'east', 4]]);
    expect(east.facts.promises).toMatchObject([
      { kind: 'refill', program: 'collect', location: 'east', pool: 'place', consumed: -4 },
    ]);
    // Units of before the fill are not protected twice.
    expect(left(run(east.state, buy('collect', 'c', 1, { version: 2 })).state).placed).toEqual([
      ['collect', 'east', 4],
    ]);
  });
});

describe('beside reallocations', () => {
  const start = brand({ east: 10, west: 2 }, { pools: [atEast(6), pool('web', 4)] });
  const move = (from: string, to: string, units: number): CommandBody => ({
    kind: 'reallocate',
    id: 1,
    sku: 'TEA',
    from,
    to,
    units,
    until: NOW + MINUTE_MS,
  });

  it('a move of the item goes on, and leaves the place alone', () => {
    const { state } = run(start, move('web', 'collect', 3));
    expect(left(state)).toEqual({
      placed: [['collect', 'east', 6]],
      own: [
        ['collect', 3],
        ['web', 1],
      ],
      shared: 2,
    });
  });

  it('a pool of a place is not moved, whichever way it is asked', () => {
    expect(refusalOf(run(start, move('collect@east', 'web', 2)).facts)).toMatchObject({
      code: 'pool-of-a-place',
      field: 'from',
      reason: 'the pool of collect at east is not moved: moves are of units of the item',
    });
    expect(refusalOf(run(start, move('collect', 'web', 2)).facts)).toMatchObject({
      code: 'beyond-pool',
      reason:
        'the pool of collect has 0 units of TEA to give (its 6 at east stay there: a pool of one place is not moved), not 2',
    });
  });

  it('a low pool of a place is told with its place, and with no move that would mend it', () => {
    const { facts } = run(start, buy('collect', 'c', 5));
    const low = { program: 'collect', location: 'east', units: 6, remaining: 1, missing: 1 };
    expect(facts.lowPools).toEqual([{ sku: 'TEA', ...low, moves: [], liftedBy: 'rule' }]);
  });
});
