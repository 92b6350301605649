import { describe, expect, it } from 'vitest';
import type { CommandBody, HoldCommand } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import { HOLD_DAYS_MAX } from '#core/holds.ts';
import type { HoldKind } from '#core/model.ts';
import type { State } from '#core/state.ts';
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

const DAY_MS = 86_400_000;
const END = NOW + DAY_MS;

const hold = (quantity: number, over: Partial<HoldCommand> = {}): HoldCommand => ({
  kind: 'hold',
  holdKind: 'cart',
  sku: 'TEA',
  program: 'dtc',
  quantity,
  location: null,
  owner: 'ann',
  reason: 'fair in Lyon',
  expiresAt: END,
  ref: null,
  ...over,
});
const release = (id: number, isDue = false): CommandBody => ({
  kind: 'release-hold',
  sku: 'TEA',
  hold: id,
  reason: 'sold out there',
  isDue,
});
const byOperator = (orderRef: string, ordered: number, id: number, rest: 'keep' | 'release' = 'keep'): CommandBody => ({
  ...oneLineOrder(orderRef, { ordered }, { origin: 'operator' }),
  holds: [{ hold: id, rest }],
});

/** Two programs, each with a shop; `launch` has five of ten units for itself. */
const brand = stateOf({
  policy: policy({
    programs: [program('dtc'), program('launch', { priority: 2 })],
    pools: [pool('launch', 5)],
    channels: [channelRule('shop:main', 'dtc'), channelRule('drop:x', 'launch')],
  }),
  items: [item('TEA', { main: 10 }, { listings: [listing(1), listing(2, { channel: 'drop:x' })] })],
});

let lastId = 0;
/** Ids go on from call to call, so that a hold is called by the id that `run` gave its command. */
function run(state: State, bodies: readonly CommandBody[], at = NOW) {
  const commands = bodies.map((body) => command(++lastId, body, { recordedAt: at, occurredAt: at }));
  return { ...take(decide, state, { commands, now: at }), ids: commands.map(({ id }) => id) };
}
const shown = (state: State) => state.items[0]?.listings.map(({ target }) => target?.quantity);
const theHold = (state: State) => state.items[0]?.holds[0];
const refusal = (state: State, body: CommandBody, at = NOW) => run(state, [body], at).facts.outcomes[0];

describe('a hold', () => {
  it('lowers every number it draws from, and names its end as the next review', () => {
    const { state, facts, ids } = run(brand, [hold(3)]);
    expect(shown(state)).toEqual([2, 7]);
    expect(facts.reviews).toEqual([{ sku: 'TEA', nextReviewAt: END }]);
    expect(facts.promises).toEqual([
      {
        commandId: ids[0],
        sku: 'TEA',
        location: 'main',
        program: 'dtc',
        pool: 'shared',
        kind: 'hold',
        delta: 0,
        held: 3,
        consumed: 0,
        hold: ids[0],
        orderId: null,
        lineRef: null,
        occurredAt: NOW,
      },
    ]);
  });

  it('draws its own pool first, which counts as drawn until it ends', () => {
    const { state, ids } = run(brand, [hold(6, { program: 'launch' })]);
    expect(theHold(state)?.parts).toEqual([
      { location: 'main', program: 'launch', pool: 'own', quantity: 5 },
      { location: 'main', program: 'launch', pool: 'shared', quantity: 1 },
    ]);
    expect(state.items[0]?.drawn).toMatchObject([{ program: 'launch', consumed: 5, taken: 6 }]);
    expect(shown(state)).toEqual([4, 4]);
    const { state: after } = run(state, [release(ids[0] ?? 0)]);
    expect(after.items[0]?.drawn).toMatchObject([{ program: 'launch', consumed: 0, taken: 0 }]);
    expect(shown(after)).toEqual([5, 10]);
    expect(theHold(after)).toMatchObject({ state: 'released', parts: [], quantity: 6 });
  });

  it('goes to the one place that is asked for', () => {
    const rules = policy({ programs: [program('dtc', { locations: ['north', 'south'] })] });
    const two = stateOf({ policy: rules, items: [item('TEA', { north: 9, south: 4 }, { listings: [listing(1)] })] });
    expect(theHold(run(two, [hold(4, { location: 'south' })]).state)?.parts).toMatchObject([{ location: 'south' }]);
    expect(refusal(two, hold(5, { location: 'south' }))).toMatchObject({
      reason: expect.stringContaining('can be promised 4 of TEA now, not 5: 4 sellable at south'),
    });
  });

  it('with a known ref is changed, never made twice; the same words change nothing', () => {
    const first = run(brand, [hold(3, { ref: 'cart 7' })]);
    const again = run(first.state, [hold(3, { ref: 'cart 7' })]);
    expect(again.facts).toMatchObject({ outcomes: [{ kind: 'unchanged' }], promises: [], holds: [] });
    const more = run(first.state, [hold(5, { ref: 'cart 7' })]);
    expect(more.facts.promises).toMatchObject([{ kind: 'hold', held: 2, hold: first.ids[0] }]);
    expect(more.state.items[0]?.holds).toMatchObject([{ id: first.ids[0], quantity: 5 }]);
    const fewer = run(more.state, [hold(1, { ref: 'cart 7' })]);
    expect(fewer.facts.promises).toMatchObject([{ kind: 'unhold', held: -4 }]);
    expect(shown(fewer.state)).toEqual([4, 9]);
    // Another program: all of it is drawn anew.
    const moved = run(fewer.state, [hold(2, { ref: 'cart 7', program: 'launch' })]);
    expect(theHold(moved.state)).toMatchObject({ program: 'launch', parts: [{ pool: 'own', quantity: 2 }] });
  });

  it('that grows beyond what is there is refused, and stays as it was', () => {
    const { state } = run(brand, [hold(3, { ref: 'cart 7' })]);
    const { state: after, facts } = run(state, [hold(6, { ref: 'cart 7' })]);
    expect(facts.outcomes).toMatchObject([
      { reason: expect.stringContaining('dtc can be promised 5 of TEA now, not 6') },
    ]);
    expect(after).toEqual(state);
  });

  it('that has ended is not opened again by its ref', () => {
    const { state, ids } = run(brand, [hold(3, { ref: 'cart 7' })]);
    const ended = run(state, [release(ids[0] ?? 0)]).state;
    expect(run(ended, [hold(3, { ref: 'cart 7' })]).facts.outcomes).toMatchObject([{ kind: 'unchanged' }]);
    expect(refusal(ended, hold(4, { ref: 'cart 7' }))).toMatchObject({ code: 'hold-gone', field: 'ref' });
  });
});

describe('a program whose lines come from one place', () => {
  const two = stateOf({
    policy: policy({ programs: [program('dtc', { locations: ['north', 'south'], completeness: 'onePlace' })] }),
    items: [item('TEA', { north: 3, south: 5 }, { listings: [listing(1)] })],
  });

  it('holds at one place, and grows there alone', () => {
    const { state } = run(two, [hold(4, { ref: 'cart 7' })]);
    expect(theHold(state)?.parts).toMatchObject([{ location: 'south', quantity: 4 }]);
    expect(theHold(run(state, [hold(5, { ref: 'cart 7' })]).state)?.parts).toMatchObject([{ quantity: 5 }]);
    expect(refusal(state, hold(6, { ref: 'cart 7' }))).toMatchObject({
      reason: expect.stringContaining('dtc can be promised 5 of TEA now, not 6: 5 sellable at south'),
    });
    expect(refusal(two, hold(6))).toMatchObject({ reason: expect.stringContaining('can be promised 5 of TEA now') });
  });
});

describe('what is refused', () => {
  const sold = run(brand, [oneLineOrder('1', { ordered: 2 }), hold(1, { owner: 'bob' })]).state;
  it.each<[string, Partial<HoldCommand>, object]>([
    [
      'more than can be promised, with how many can, and why',
      { quantity: 8 },
      {
        code: 'hold-too-many',
        field: 'quantity',
        reason:
          'dtc can be promised 2 of TEA now, not 8: 10 sellable at main, 2 allocated, 1 held, 5 of 7 free protected for other programs',
        fix: 'hold at most 2, or see who has the rest: allot hold list --sku TEA',
      },
    ],
    ['no units', { quantity: 0 }, { code: 'impossible-quantity', field: 'quantity' }],
    ['an end that is no moment', { expiresAt: Number.NaN }, { code: 'hold-without-end', field: 'expiresAt' }],
    ['an end that has passed', { expiresAt: NOW }, { code: 'hold-end-past', field: 'expiresAt' }],
    [
      'an end too far away',
      { expiresAt: NOW + HOLD_DAYS_MAX * DAY_MS + 1 },
      {
        code: 'hold-end-too-far',
        fix: 'give one up to 2027-04-05T00:00:00.000Z, or protect the units with a pool of the policy',
      },
    ],
    [
      'an unknown program',
      { program: 'retail' },
      { code: 'unknown-program', field: 'program', fix: 'the known ones are dtc, launch' },
    ],
    ['an unknown place', { location: 'moon' }, { code: 'unknown-location', field: 'location' }],
    ['an empty reason', { reason: ' ' }, { code: 'hold-text', field: 'reason' }],
    ['an e-mail address', { owner: 'ann.lee@example.org' }, { code: 'hold-text', field: 'owner' }],
    ['a ref without end', { ref: 'x'.repeat(201) }, { code: 'hold-text', field: 'ref' }],
  ])('%s', (_name, over, told) => {
    expect(refusal(sold, hold(over.quantity ?? 1, over))).toMatchObject({ kind: 'parked', ...told });
  });

  it('a place that its program does not use', () => {
    const other = { ...brand, locations: [...brand.locations, { id: 'store', master: 'allot' as const, sells: true }] };
    expect(refusal(other, hold(1, { location: 'store' }))).toMatchObject({
      code: 'place-not-used',
      fix: 'its places are main',
    });
  });

  it('a kit: it has no units of its own', () => {
    const components = [
      { sku: 'TEA', quantity: 2 },
      { sku: 'CUP', quantity: 1 },
    ];
    const kits = stateOf({
      items: [item('BOX', {}, { components }), item('TEA', { main: 9 }), item('CUP', { main: 9 })],
    });
    expect(refusal(kits, hold(3, { sku: 'BOX' }))).toMatchObject({
      code: 'hold-of-kit',
      reason: 'BOX is a kit of 2 x TEA, CUP, and holds are of goods',
      fix: 'hold what it is made of, each with the same options: allot hold place TEA 6; allot hold place CUP 3. An order of the kit that names all these holds takes them',
    });
  });

  it('an order that wants all or nothing and does not get all: its hold stays', () => {
    const whole = stateOf({
      policy: policy({ programs: [program('dtc', { completeness: 'shipComplete' })] }),
      items: [item('TEA', { main: 10 }, { listings: [listing(1)] })],
    });
    const { state, ids } = run(whole, [hold(4), oneLineOrder('web', { ordered: 5 })]);
    expect(refusal(state, byOperator('o', 6, ids[0] ?? 0))).toMatchObject({
      code: 'order-not-whole',
      field: 'holds[0].hold',
    });
    expect(theHold(state)).toMatchObject({ state: 'held', parts: [{ quantity: 4 }] });
    const { state: after } = run(state, [byOperator('o', 5, ids[0] ?? 0)]);
    expect(after.orders.find(({ id }) => id.endsWith('/o'))?.lines).toMatchObject([{ short: 0 }]);
  });

  it('a hold that is gone, or never was', () => {
    const { state, ids } = run(brand, [hold(3)]);
    const id = ids[0] ?? 0;
    const ended = run(state, [release(id)]).state;
    const extend: CommandBody = { kind: 'extend-hold', sku: 'TEA', hold: id, expiresAt: END + 1 };
    expect(refusal(ended, release(id))).toMatchObject({
      code: 'hold-gone',
      reason: `hold ${id} of TEA by ann is released already`,
    });
    expect(refusal(ended, extend)).toMatchObject({ code: 'hold-gone' });
    expect(refusal(state, release(id + 900))).toMatchObject({ code: 'unknown-hold', field: 'hold' });
    // Past its end, and the sweep has not come yet.
    expect(refusal(state, extend, END)).toMatchObject({ code: 'hold-gone' });
    expect(refusal(state, byOperator('1', 1, id), END)).toMatchObject({
      code: 'hold-gone',
      field: 'holds[0].hold',
      reason: `hold ${id} of TEA by ann is expired already`,
    });
  });
});

describe('an order that names a hold', () => {
  const { state, ids } = run(brand, [hold(4)]);
  const id = ids[0] ?? 0;

  it('gets its units in the same decision, though nothing is free', () => {
    const scarce = run(state, [oneLineOrder('web', { ordered: 9 })]).state;
    expect(shown(scarce)).toEqual([0, 5]);
    const { state: after, facts } = run(scarce, [byOperator('o', 4, id)]);
    expect(after.orders.find(({ id: order }) => order.endsWith('/o'))?.lines).toMatchObject([{ short: 0 }]);
    expect(facts.promises.map(({ kind, delta, held, hold: of }) => ({ kind, delta, held, of }))).toEqual([
      { kind: 'unhold', delta: 0, held: -4, of: id },
      { kind: 'allocate', delta: 4, held: 0, of: id },
    ]);
    expect(facts.targets).toEqual([]);
    expect(theHold(after)).toMatchObject({ state: 'converted', parts: [] });
  });

  it('draws what it wants beyond the hold from what is free', () => {
    const { state: after } = run(state, [byOperator('o', 5, id)]);
    expect(after.orders[0]?.lines).toMatchObject([{ allocations: [{ quantity: 5 }], short: 0 }]);
  });

  it('leaves the rest held, or lets it go, as asked', () => {
    const kept = run(state, [byOperator('o', 3, id)]).state;
    expect(theHold(kept)).toMatchObject({ state: 'held', quantity: 4, parts: [{ quantity: 1 }] });
    expect(shown(kept)).toEqual([1, 6]);
    const let_go = run(state, [byOperator('o', 3, id, 'release')]).state;
    expect(theHold(let_go)).toMatchObject({ state: 'converted', parts: [] });
    expect(shown(let_go)).toEqual([2, 7]);
    // What is in an order already is part of what was asked for.
    expect(refusal(kept, { ...hold(3), ref: null })).toMatchObject({ reason: expect.stringContaining('promised 1') });
  });

  it('counts once: the same state again changes nothing, and a cancelled unit is free, not held', () => {
    const placed = run(state, [byOperator('o', 4, id)]).state;
    expect(run(placed, [byOperator('o', 4, id)]).facts.outcomes).toMatchObject([{ kind: 'unchanged' }]);
    const cancelled = oneLineOrder('o', { ordered: 4, cancelled: 4 }, { origin: 'operator', version: 2 });
    expect(shown(run(placed, [cancelled]).state)).toEqual([5, 10]);
  });

  it('keeps a drawn pool drawn, also where the pool was filled anew in between', () => {
    const refilled = stateOf({
      ...brand,
      policy: { ...brand.policy, pools: [pool('launch', 5, { refill: 'receipt' })] },
    });
    const own = run(refilled, [hold(4, { program: 'launch' }), receive(10)]);
    expect(own.state.items[0]?.drawn).toMatchObject([{ program: 'launch', consumed: 0, taken: 4 }]);
    const order = {
      ...oneLineOrder('o', { ordered: 4, listingRef: 'ref-2' }, { channel: 'drop:x', origin: 'operator' }),
      holds: [{ hold: own.ids[0] ?? 0, rest: 'keep' as const }],
    };
    const { state: after } = run(own.state, [order]);
    expect(after.items[0]?.drawn).toMatchObject([{ program: 'launch', consumed: 0, taken: 4 }]);
    expect(after.items[0]?.promises).toMatchObject([{ pool: 'own', allocated: 4, held: 0 }]);
  });

  it.each<[string, CommandBody, object]>([
    [
      'is of another program',
      {
        ...byOperator('o', 1, id),
        channel: 'drop:x',
        order: { ...oneLineOrder('o', { ordered: 1, listingRef: 'ref-2' }).order },
      } as CommandBody,
      { code: 'hold-of-another-program', fix: 'place the order on a channel of dtc' },
    ],
    ['wants nothing of it', byOperator('o', 0, id), { code: 'hold-not-wanted', field: 'holds[0].hold' }],
    [
      'names it twice',
      {
        ...oneLineOrder('o', { ordered: 1 }),
        holds: [
          { hold: id, rest: 'keep' },
          { hold: id, rest: 'release' },
        ],
      },
      { code: 'hold-twice', field: 'holds[1].hold' },
    ],
    ['names one of no item of it', byOperator('o', 1, 9999), { code: 'unknown-hold', field: 'holds[0].hold' }],
  ])('is refused where it %s', (_name, body, told) => {
    const { state: after, facts } = run(state, [body]);
    expect(facts.outcomes).toMatchObject([told]);
    expect(after).toEqual(state);
  });
});

describe('the end of a hold', () => {
  it('comes by the sweep, once, and not before its time', () => {
    const { state, ids } = run(brand, [hold(3)]);
    const due = release(ids[0] ?? 0, true);
    expect(run(state, [due], END - 1).facts.outcomes).toMatchObject([{ kind: 'unchanged' }]);
    const longer: CommandBody = { kind: 'extend-hold', sku: 'TEA', hold: ids[0] ?? 0, expiresAt: END + MINUTE_MS };
    const extended = run(state, [longer]);
    expect(extended.facts.reviews).toEqual([{ sku: 'TEA', nextReviewAt: END + MINUTE_MS }]);
    expect(run(extended.state, [due], END).facts.outcomes).toMatchObject([{ kind: 'unchanged' }]);
    const ended = run(extended.state, [due], END + MINUTE_MS);
    expect(theHold(ended.state)).toMatchObject({ state: 'expired' });
    expect(shown(ended.state)).toEqual([5, 10]);
    expect(ended.facts.reviews).toEqual([{ sku: 'TEA', nextReviewAt: null }]);
    expect(run(ended.state, [due], END + MINUTE_MS).facts.outcomes).toMatchObject([{ kind: 'unchanged' }]);
  });

  it('is the next review while it is to come; one that has passed is left to the sweep', () => {
    const { state } = run(brand, [hold(3), hold(1, { expiresAt: END + MINUTE_MS })]);
    const order = oneLineOrder('1', { ordered: 1 });
    expect(run(state, [order]).facts.reviews).toEqual([{ sku: 'TEA', nextReviewAt: END }]);
    expect(run(state, [order], END + MINUTE_MS).facts.reviews).toEqual([{ sku: 'TEA', nextReviewAt: null }]);
  });

  it.each<[HoldKind, readonly [number, number]]>([
    ['launch', [0, 4]],
    ['presale', [0, 4]],
    ['subscription', [0, 4]],
    ['cart', [4, 0]],
  ])('of a %s gives its units to the waiting orders: dtc %s', (holdKind, [dtc, launch]) => {
    const shared = { ...brand, policy: { ...brand.policy, pools: [] } };
    // dtc has the better priority and came first; both wait for what is held.
    const { state, ids } = run(shared, [
      hold(4, { program: 'launch', holdKind }),
      oneLineOrder('dtc', { ordered: 10 }),
      oneLineOrder('fan', { ordered: 10, listingRef: 'ref-2' }, { channel: 'drop:x', placedAt: NOW + 1 }),
    ]);
    const { facts } = run(state, [release(ids[0] ?? 0, true)], END);
    const got = (order: string) =>
      facts.promises
        .filter((row) => row.kind === 'allocate' && row.orderId === order)
        .reduce((sum, row) => sum + row.delta, 0);
    expect([got('shop:main/dtc'), got('drop:x/fan')]).toEqual([dtc, launch]);
  });
});
