import { describe, expect, it } from 'vitest';
import type { Command, CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { Disposition } from '#core/model.ts';
import type { State } from '#core/state.ts';
import {
  command,
  commands,
  item,
  listing,
  NOW,
  oneLineOrder,
  policy,
  pool,
  program,
  receive,
  stateOf,
} from '../support/factory.ts';
import { take, takeAll } from '../support/memory-store.ts';

const twoPlaces = (main: number, store: number): State =>
  stateOf({
    policy: policy({ programs: [program('dtc', { locations: ['main', 'store'] })] }),
    items: [item('TEA', { main, store }, { listings: [listing(1)] })],
  });
const run = (state: State, ...bodies: readonly CommandBody[]) =>
  take(decide, state, { commands: commands(...bodies), now: NOW });
const at = (state: State, disposition: Disposition = 'sellable', location = 'main'): number | undefined =>
  state.items[0]?.balances.find((row) => row.disposition === disposition && row.location === location)?.quantity;
const outcomeOf = (state: State, body: CommandBody) => decide(state, [command(1, body)], NOW).outcomes[0];

const count = (quantity: number, asOf: number): CommandBody => ({
  kind: 'count',
  sku: 'TEA',
  location: 'main',
  disposition: 'sellable',
  quantity,
  asOf,
});
const adjust = (delta: number): CommandBody => ({
  kind: 'adjust',
  sku: 'TEA',
  location: 'main',
  disposition: 'sellable',
  delta,
  reason: 'found behind the shelf',
});

describe('goods', () => {
  it('3,000 on hand with 400 in quarantine may be promised as 2,600', () => {
    const state = stateOf({ items: [item('TEA', { main: 3000 }, { listings: [listing(1)] })] });
    const body: CommandBody = {
      kind: 'inspect',
      sku: 'TEA',
      location: 'main',
      from: 'sellable',
      to: 'quarantine',
      quantity: 400,
    };
    const { facts } = run(state, body);
    expect(facts.targets).toMatchObject([{ quantity: 2600 }]);
  });
  it('a return enters quarantine and sells only after inspection', () => {
    const returned = run(stateOf(), { kind: 'return', sku: 'TEA', location: 'main', quantity: 3 });
    expect(returned.facts.targets).toMatchObject([{ quantity: 10 }]);
    const inspected = run(returned.state, {
      kind: 'inspect',
      sku: 'TEA',
      location: 'main',
      from: 'quarantine',
      to: 'sellable',
      quantity: 2,
    });
    expect(inspected.facts.targets).toMatchObject([{ quantity: 12 }]);
    expect(at(inspected.state, 'quarantine')).toBe(1);
  });
  it('a transfer moves free units only, and says how many those are', () => {
    const allocated = run(twoPlaces(10, 0), oneLineOrder('1', { ordered: 7 })).state;
    const transfer = (quantity: number): CommandBody => ({
      kind: 'transfer',
      sku: 'TEA',
      from: 'main',
      to: 'store',
      quantity,
    });
    expect(outcomeOf(allocated, transfer(4))).toMatchObject({
      kind: 'parked',
      code: 'not-free',
      fix: expect.stringContaining('at most 3'),
    });
    const { state } = run(allocated, transfer(3));
    expect([at(state), at(state, 'sellable', 'store')]).toEqual([7, 3]);
  });
  it('an adjustment below what is promised is taken, and the deficit is told', () => {
    const allocated = run(stateOf(), oneLineOrder('1', { ordered: 9 })).state;
    const { facts } = run(allocated, adjust(-3));
    expect(facts.deficits).toEqual([{ sku: 'TEA', location: 'main', quantity: 2 }]);
    expect(facts.targets).toMatchObject([{ quantity: 0 }]);
  });
  it('a receipt fills a pool anew where its rule says so', () => {
    const rules = (refill: 'never' | 'receipt') => policy({ pools: [pool('dtc', 4, { refill })] });
    const drawn = (refill: 'never' | 'receipt') =>
      run(stateOf({ policy: rules(refill) }), oneLineOrder('1', { ordered: 4 }), receive(1)).state.items[0]?.drawn;
    expect(drawn('never')).toMatchObject([{ program: 'dtc', consumed: 4, takenAtFill: 0 }]);
    expect(drawn('receipt')).toMatchObject([{ program: 'dtc', consumed: 0, taken: 4, takenAtFill: 4 }]);
  });
  it('a release after the refill does not protect the same unit twice', () => {
    const rules = policy({ pools: [pool('dtc', 4, { refill: 'receipt' })] });
    const placed = run(stateOf({ policy: rules }), oneLineOrder('1', { ordered: 4 }), receive(1)).state;
    const { state } = run(placed, oneLineOrder('1', { ordered: 4, cancelled: 4 }, { version: 2 }));
    expect(state.items[0]?.drawn).toMatchObject([{ program: 'dtc', consumed: 0, taken: 0, takenAtFill: 4 }]);
  });
});

describe('a person’s command that cannot be', () => {
  const bodies: readonly [string, CommandBody, string, string][] = [
    ['an unknown SKU', receive(1, { sku: 'tea' }), 'unknown-sku', 'sku'],
    ['an unknown place', receive(1, { location: 'moon' }), 'unknown-location', 'location'],
    ['no units', receive(0), 'impossible-quantity', 'quantity'],
    ['part of a unit', receive(2.5), 'impossible-quantity', 'quantity'],
    ['no number', receive(Number.NaN), 'impossible-quantity', 'quantity'],
    ['more than there is', adjust(-11), 'not-there', 'quantity'],
    ['a count of the future', count(5, NOW + 120_000), 'count-in-the-future', 'asOf'],
  ];
  it.each(bodies)('%s is parked with its field and leaves nothing', (_, body, code, field) => {
    const facts = decide(stateOf(), [command(1, body)], NOW);
    expect(facts.outcomes).toMatchObject([{ kind: 'parked', code, field, fix: expect.stringMatching(/\S/) }]);
    expect(facts).toMatchObject({ stock: [], promises: [], orders: [], targets: [], counted: [] });
  });
});

describe('the count rule', () => {
  const moved = (id: number, body: CommandBody, occurredAt: number): Command =>
    command(id, body, { occurredAt, recordedAt: NOW + id });
  const empty = stateOf({ items: [item('TEA', {}, { listings: [listing(1)] })] });
  const story = (...told: readonly Command[]) =>
    takeAll(
      decide,
      empty,
      told.map((each) => ({ commands: [each], now: NOW + 99 })),
    );

  it('keeps what moved after the count', () => {
    const state = story(
      moved(1, receive(10), NOW - 30),
      moved(2, receive(5), NOW - 10),
      moved(3, count(8, NOW - 20), NOW),
    );
    expect(at(state)).toBe(13);
  });
  it('absorbs a movement that comes later but happened before, with its compensation beside it', () => {
    const counted = story(moved(1, count(8, NOW - 20), NOW));
    const { state, facts } = take(decide, counted, { commands: [moved(2, receive(5), NOW - 25)], now: NOW });
    expect(facts.stock.map((entry) => [entry.kind, entry.delta])).toEqual([
      ['receive', 5],
      ['absorb', -5],
    ]);
    expect(at(state)).toBe(8);
  });
  it('holds a movement of the very moment of the count for counted, whichever comes first', () => {
    const [movement, counting] = [moved(1, receive(5), NOW - 20), moved(2, count(8, NOW - 20), NOW)];
    expect([at(story(movement, counting)), at(story(counting, movement))]).toEqual([8, 8]);
  });
  it('lets a shipment from before the count only release its allocation', () => {
    const placed = story(
      moved(1, receive(10), NOW - 30),
      moved(2, oneLineOrder('1', { ordered: 4 }), NOW - 29),
      moved(3, count(6, NOW - 20), NOW),
    );
    const { state } = take(decide, placed, {
      commands: [moved(4, oneLineOrder('1', { ordered: 4, shipped: 4 }, { version: 2 }), NOW - 25)],
      now: NOW,
    });
    expect(at(state)).toBe(6);
    expect(state.items[0]?.promises).toMatchObject([{ allocated: 0 }]);
  });
  it('refuses a count older than the last, and its repetition', () => {
    const counted = story(moved(1, count(8, NOW - 20), NOW));
    for (const asOf of [NOW - 20, NOW - 21]) {
      expect(outcomeOf(counted, count(3, asOf))).toMatchObject({ kind: 'parked', code: 'older-count', field: 'asOf' });
    }
  });
  it('writes one signed entry, or none where the count agrees, and remembers its moment either way', () => {
    const { state, facts } = take(decide, story(moved(1, receive(8), NOW - 30)), {
      commands: [moved(2, count(8, NOW - 20), NOW)],
      now: NOW,
    });
    expect(facts.stock).toEqual([]);
    expect(state.items[0]?.balances).toMatchObject([{ quantity: 8, countedAsOf: NOW - 20 }]);
  });
  it('counts each disposition and place for itself', () => {
    const { state } = run(twoPlaces(10, 10), count(4, NOW - 1));
    expect([at(state), at(state, 'sellable', 'store')]).toEqual([4, 10]);
  });
});
