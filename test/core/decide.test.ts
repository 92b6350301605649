import { describe, expect, it } from 'vitest';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { PoolRule } from '#core/model.ts';
import type { State } from '#core/state.ts';
import {
  channelRule,
  command,
  commands,
  item,
  listing,
  MINUTE_MS,
  NOW,
  oneLineOrder,
  orderHead,
  orderLine,
  policy,
  pool,
  program,
  receive,
  stateOf,
} from '../support/factory.ts';
import { allocatedOf, take } from '../support/memory-store.ts';

const run = (state: State, ...bodies: readonly CommandBody[]) =>
  take(decide, state, { commands: commands(...bodies), now: NOW });
const soldOut = stateOf({ items: [item('TEA', {}, { listings: [listing(1)] })] });
const allocatedTo = (state: State): Record<string, number> =>
  Object.fromEntries(
    state.orders.map((order) => [order.id, order.lines.reduce((sum, line) => sum + allocatedOf(line), 0)]),
  );

describe('lines that wait', () => {
  it('are served before an order that comes in the same batch as the goods', () => {
    const waiting = run(soldOut, oneLineOrder('early', { ordered: 5 })).state;
    const { state } = run(waiting, receive(5), oneLineOrder('late', { ordered: 5 }, { placedAt: NOW + 1 }));
    expect(allocatedTo(state)).toEqual({ 'shop:main/early': 5, 'shop:main/late': 0 });
  });
  it('are served by program, then by who came first, then by id', () => {
    const rules = policy({
      programs: [program('dtc', { priority: 2 }), program('b2b', { priority: 1 })],
      channels: [channelRule('shop:main', 'dtc'), channelRule('b2b:main', 'b2b')],
    });
    const brand = stateOf({
      policy: rules,
      items: [item('TEA', {}, { listings: [listing(1), listing(2, { channel: 'b2b:main' })] })],
    });
    const waiting = run(
      brand,
      oneLineOrder('b', { ordered: 2 }, { placedAt: NOW }),
      oneLineOrder('a', { ordered: 2 }, { placedAt: NOW }),
      oneLineOrder('c', { ordered: 2 }, { placedAt: NOW - 1 }),
      oneLineOrder('d', { ordered: 2, listingRef: 'ref-2' }, { placedAt: NOW + 9, channel: 'b2b:main' }),
    ).state;
    const { state } = run(waiting, receive(7));
    expect(allocatedTo(state)).toEqual({ 'b2b:main/d': 2, 'shop:main/c': 2, 'shop:main/a': 2, 'shop:main/b': 1 });
  });
  it('get what a cancellation of another order frees', () => {
    const waiting = run(stateOf(), oneLineOrder('1', { ordered: 10 }), oneLineOrder('2', { ordered: 4 })).state;
    const { state, facts } = run(waiting, oneLineOrder('1', { ordered: 10, cancelled: 6 }, { version: 2 }));
    expect(allocatedTo(state)).toEqual({ 'shop:main/1': 4, 'shop:main/2': 4 });
    expect(facts.filledLines).toMatchObject([{ orderId: 'shop:main/2', line: { short: 0 } }]);
    expect(facts.targets).toMatchObject([{ quantity: 2 }]);
  });
  it('ask for another look at once while more wait than were loaded, but only as long as that helps', () => {
    const short = { ...orderHead('shop:main/1'), line: orderLine('1', 5, { allocations: [], short: 5 }) };
    const brand = stateOf({ items: [item('TEA', {}, { listings: [listing(1)], shorts: [short], moreShorts: true })] });
    const reviewAt = (quantity: number) => decide(brand, commands(receive(quantity)), NOW).reviews[0]?.nextReviewAt;
    expect([reviewAt(5), reviewAt(2)]).toEqual([NOW, null]);
  });
});

describe('a target', () => {
  it('gets a new version when its numbers change, and none when they do not', () => {
    const first = run(stateOf(), { kind: 'review', sku: 'TEA' });
    expect(first.facts.targets).toMatchObject([{ version: 1, quantity: 10 }]);
    expect(run(first.state, { kind: 'review', sku: 'TEA' }).facts.targets).toEqual([]);
    expect(run(first.state, receive(1)).facts.targets).toMatchObject([{ version: 2, quantity: 11 }]);
  });
  it('gets a new version when only its own sales changed: the wire number is made of them', () => {
    const rules = policy({ channels: [channelRule('shop:main', 'dtc', { cap: 3 })] });
    const first = run(stateOf({ policy: rules }), { kind: 'review', sku: 'TEA' }).state;
    expect(run(first, oneLineOrder('1', { ordered: 2 })).facts.targets).toMatchObject([
      { version: 2, quantity: 3, ownSold: 2 },
    ]);
  });
  it('subtracts sales in flight on its own channel only, until they are known or their time is over', () => {
    const rules = policy({ channels: [channelRule('shop:main', 'dtc'), channelRule('shop:two', 'dtc')] });
    const brand = stateOf({
      policy: rules,
      items: [item('TEA', { main: 10 }, { listings: [listing(1), listing(2, { channel: 'shop:two' })] })],
    });
    const until = NOW + MINUTE_MS;
    const seen = run(brand, { kind: 'observed', listing: 1, seenSold: 3, until });
    expect(seen.facts.targets).toMatchObject([
      { quantity: 7, inFlight: 3 },
      { quantity: 10, inFlight: 0 },
    ]);
    expect(seen.facts.reviews).toEqual([{ sku: 'TEA', nextReviewAt: until }]);
    const known = run(seen.state, oneLineOrder('1', { ordered: 3 }));
    expect(known.facts.targets).toMatchObject([{ quantity: 7, inFlight: 0 }, { quantity: 7 }]);
    const over = decide(seen.state, commands({ kind: 'review', sku: 'TEA' }), until);
    expect(over.targets).toMatchObject([{ listing: 1, quantity: 10, inFlight: 0 }]);
    expect(over.reviews).toEqual([{ sku: 'TEA', nextReviewAt: null }]);
  });
  it('counts held units out, for every channel', () => {
    const brand = stateOf({
      items: [
        item(
          'TEA',
          { main: 10 },
          {
            listings: [listing(1)],
            promises: [{ location: 'main', program: 'dtc', pool: 'shared', allocated: 0, held: 4 }],
          },
        ),
      ],
    });
    expect(run(brand, { kind: 'review', sku: 'TEA' }).facts.targets).toMatchObject([{ quantity: 6 }]);
    expect(run(brand, oneLineOrder('1', { ordered: 10 })).state.orders[0]?.lines).toMatchObject([{ short: 4 }]);
  });
  it('is cut to the places its listing may sell from', () => {
    const rules = policy({ programs: [program('dtc', { locations: ['main', 'store'] })] });
    const brand = stateOf({
      policy: rules,
      items: [item('TEA', { main: 10, store: 3 }, { listings: [listing(1, { locations: ['store'] })] })],
    });
    expect(run(brand, { kind: 'review', sku: 'TEA' }).facts.targets).toMatchObject([{ quantity: 3 }]);
  });
  it('leaves what is protected for others alone, and takes the rule of its item before the rule of all', () => {
    const rules = policy({
      programs: [program('dtc'), program('b2b')],
      pools: [pool('b2b', 4)],
      channels: [
        channelRule('shop:main', 'dtc', { buffer: 5 }),
        channelRule('shop:main', 'dtc', { sku: 'TEA', buffer: 1 }),
      ],
    });
    expect(run(stateOf({ policy: rules }), { kind: 'review', sku: 'TEA' }).facts.targets).toMatchObject([
      { quantity: 5 },
    ]);
  });
});

describe('a parked command', () => {
  it('parks the later commands of its order and nothing else', () => {
    const bad = oneLineOrder('1', { listingRef: 'nobody' });
    const { state, facts } = run(
      stateOf(),
      oneLineOrder('2', { ordered: 1 }),
      bad,
      receive(5),
      oneLineOrder('1', { ordered: 2 }, { version: 2 }),
      oneLineOrder('2', { ordered: 3 }, { version: 2 }),
    );
    expect(facts.outcomes).toMatchObject([
      { kind: 'applied' },
      { kind: 'parked', code: 'unmapped-listing' },
      { kind: 'applied' },
      { kind: 'parked', code: 'behind-parked' },
      { kind: 'applied' },
    ]);
    expect(allocatedTo(state)).toEqual({ 'shop:main/2': 3 });
  });
  it('of an order that is refused before it wrote anything does not make the batch begin anew', () => {
    const brand = stateOf();
    let opened = 0;
    const counting = {
      ...brand,
      get items() {
        opened++;
        return brand.items;
      },
    };
    const refused = ['1', '2', '3'].map((ref) => oneLineOrder(ref, { listingRef: 'nobody' }));
    const { outcomes } = decide(counting, commands(...refused, receive(5)), NOW);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['parked', 'parked', 'parked', 'applied']);
    expect(opened).toBe(1);
  });
  it('is parked as a defect when the core itself fails, and the rest is decided', () => {
    const brand = stateOf({ items: [item('TEA', { main: Number.MAX_SAFE_INTEGER }, { listings: [listing(1)] })] });
    const { outcomes } = decide(brand, [command(1, receive(1)), command(2, { kind: 'review', sku: 'TEA' })], NOW);
    expect(outcomes).toMatchObject([{ kind: 'parked', code: 'defect' }, { kind: 'applied' }]);
  });
  it('names a listing that is gone', () => {
    const { outcomes } = decide(stateOf(), commands({ kind: 'observed', listing: 99, seenSold: 1, until: NOW }), NOW);
    expect(outcomes).toMatchObject([{ kind: 'parked', code: 'unknown-listing' }]);
  });
});

describe('a pool that counts from its fill', () => {
  const told = (over: Partial<PoolRule>) => {
    const sold = stateOf({
      policy: policy({ programs: [program('dtc'), program('b2b')] }),
      items: [item('TEA', { main: 100 }, { listings: [listing(1)] })],
    });
    const before = take(decide, sold, { commands: commands(oneLineOrder('1', { ordered: 60 })), now: NOW }).state;
    const rule: PoolRule = { program: 'b2b', sku: '*', refill: 'never', ...over };
    const ruled = { ...before, policy: { ...before.policy, version: 2, pools: [rule] } };
    const later = commands({ kind: 'review', sku: 'TEA' }, oneLineOrder('2', { ordered: 10 }));
    return take(decide, ruled, { commands: later, now: NOW }).facts;
  };

  it('begins with what is there when its rule first meets the item, not with all that was ever sold', () => {
    // 40 are left of 100: half of these, and no half of 100; and the order of the same batch moves it no more.
    const { targets, promises, drawn } = told({ percent: 50 });
    expect(targets.at(-1)).toMatchObject({ quantity: 10, inputs: { protectedBy: [{ program: 'b2b', units: 20 }] } });
    expect(promises[0]).toMatchObject({ kind: 'refill', program: 'b2b', delta: 0, consumed: 0 });
    expect(drawn).toContainEqual(expect.objectContaining({ program: 'b2b', allTakenAtFill: 60, isFilled: true }));
  });
  it('lets a new limit count from then on', () => {
    const { targets } = told({ program: 'dtc', limit: 30 });
    expect(targets.at(-1)).toMatchObject({ quantity: 20, inputs: { own: { limitLeft: 20 } } });
  });
});
