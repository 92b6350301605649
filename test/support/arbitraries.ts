/**
 * Random brands and random commands for the properties: two items, two places, three programs with a channel each, packs of one
 * and of three, and commands of every kind, some of them late, twice told or impossible.
 *
 * Numbers are small on purpose: scarcity, ties and rounding are where the bugs are.
 */
import * as fc from 'fast-check';
import {
  type Command,
  type CommandBody,
  RECONFIRM_ORDERS,
  type ReconfirmCommand,
  STRATEGIES,
  type Strategy,
} from '#core/command.ts';
import { type Backorder, type DrawOrder, HOLD_KINDS, type Policy, type PoolRule, type Program } from '#core/model.ts';
import type { OrderLineState } from '#core/order-state.ts';
import type { State } from '#core/state.ts';
import {
  channelRule,
  command,
  item,
  listing,
  MINUTE_MS,
  NOW,
  orderState,
  policy,
  pool,
  program,
  stateOf,
} from './factory.ts';
import { placePoolArb } from './place-pool.ts';

/** Runs per property; `PROPERTY_RUNS=100000` proves harder. */
export const RUNS = Number(process.env.PROPERTY_RUNS ?? 1000);

export const SKUS = ['TEA', 'CUP'] as const;
export const PLACES = ['north', 'south'] as const;
const CHANNELS = ['shop:main', 'market:eu', 'drop:x'] as const;
export const PROGRAMS = ['dtc', 'wholesale', 'promo'] as const;
const LISTINGS = SKUS.flatMap((sku, s) =>
  CHANNELS.map((channel, c) => listing(s * 3 + c + 1, { sku, channel, pack: c === 1 ? 3 : 1 })),
);

const drawOrder = fc.constantFrom<DrawOrder>('ownOnly', 'ownThenShared', 'sharedThenOwn');
const places = fc.constantFrom<string[]>([...PLACES], [...PLACES].reverse());
const backorder = fc.constantFrom<Backorder>('none', 'none', { units: 3 }, { supply: 'all' }, { supply: 4 });
const programArb = (id: string): fc.Arbitrary<Program> =>
  fc
    .record({
      priority: fc.integer({ min: 1, max: 2 }),
      drawOrder,
      locations: places,
      backorder,
      weight: fc.constantFrom(1, 1, 2.5),
    })
    .map((over) => program(id, over));

/** What makes a pool more than a fixed number: a part of the supply, bounds, whom it is closed to, a time. */
const morePool: fc.Arbitrary<Partial<PoolRule>> = fc.oneof(
  fc.record({ percent: fc.constantFrom(10, 33, 50) }),
  fc.record({ parts: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    percent: fc.constantFrom(10, 50),
    minimum: fc.integer({ min: 1, max: 3 }),
    maximum: fc.integer({ min: 3, max: 6 }),
  }),
  fc.record({ limit: fc.integer({ min: 0, max: 12 }) }),
  fc.record({ protects: fc.constant('prioritised' as const) }),
  fc.constant({
    release: [
      { at: NOW, percent: 100 },
      { at: NOW + 2 * 60 * MINUTE_MS, percent: 0 },
    ],
  }),
  fc.constant({ activeFrom: NOW + 30 * MINUTE_MS }),
);

export const poolArb = (id: string) =>
  fc
    .record({
      units: fc.integer({ min: 0, max: 8 }),
      refill: fc.constantFrom('never' as const, 'receipt' as const),
      more: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 2, arbitrary: morePool }),
    })
    .map(({ units, refill, more }) => {
      const { units: fixed, ...rest } = pool(id, units, { refill, ...more });
      return rest.percent === undefined && rest.parts === undefined ? { ...rest, units: fixed ?? 0 } : rest;
    });

const ruleArb = (index: number) =>
  fc
    .record({
      sharePercent: fc.constantFrom(100, 100, 90, 50, 33),
      buffer: fc.integer({ min: 0, max: 2 }),
      safetyStock: fc.integer({ min: 0, max: 1 }),
      hideAtOrBelow: fc.constantFrom(null, 0, 2),
      cap: fc.constantFrom(null, 3, 20),
      fair: fc.constantFrom({}, {}, { fairShare: true, sharePercent: 100 }),
    })
    .map(({ fair, ...over }) => channelRule(CHANNELS[index] ?? '', PROGRAMS[index] ?? '', { ...over, ...fair }));

export const policyArb: fc.Arbitrary<Policy> = fc
  .record({
    programs: fc.tuple(...PROGRAMS.map(programArb)),
    pools: fc.tuple(...PROGRAMS.map(poolArb)),
    placePools: fc.array(placePoolArb(PROGRAMS, PLACES, SKUS), { maxLength: 2 }),
    channels: fc.tuple(...CHANNELS.map((_, index) => ruleArb(index))),
  })
  .map(({ placePools, ...over }) => policy({ ...over, pools: [...over.pools, ...placePools] }));

/** A brand with nothing on hand: stock comes by commands, so that every balance has its entries. */
export const emptyBrand = (rules: Policy): State =>
  stateOf({
    policy: rules,
    items: SKUS.map((sku) => item(sku, {}, { listings: LISTINGS.filter((each) => each.sku === sku) })),
  });

export const brandArb: fc.Arbitrary<State> = policyArb.map(emptyBrand);

const quantity = fc.integer({ min: 1, max: 6 });
const sku = fc.constantFrom<string>(...SKUS);
const location = fc.constantFrom<string>(...PLACES);
const disposition = fc.constantFrom(
  'sellable' as const,
  'sellable' as const,
  'quarantine' as const,
  'damaged' as const,
);
const total = fc.integer({ min: 0, max: 5 });

/** Line `n` of an order always names the same listing, as on every platform; sometimes a payload leaves the name out. */
const linesArb = (orderIndex: number): fc.Arbitrary<OrderLineState[]> =>
  fc
    .uniqueArray(
      fc.record({
        line: fc.integer({ min: 1, max: 3 }),
        ordered: total,
        cancelled: total,
        shipped: fc.constantFrom(0, 0, 1, 3),
        returned: fc.constantFrom(0, 0, 0, 1),
      }),
      { minLength: 1, maxLength: 3, selector: (each) => each.line },
    )
    .map((lines) =>
      lines.map(({ line, ordered, cancelled, shipped, returned }) => ({
        lineRef: `${line}`,
        // Lines 1 and 3 are of one item: an order may ask twice for the same goods.
        listingRef: `ref-${(line === 2 ? 3 : 0) + (orderIndex % 3) + 1}`,
        skuHint: null,
        ordered,
        cancelled: Math.min(cancelled, ordered),
        shipped: Math.min(shipped, ordered - Math.min(cancelled, ordered)),
        returned,
      })),
    );

export const orderStateArb = (orderIndex: number) =>
  fc
    .record({
      version: fc.integer({ min: 1, max: 4 }),
      lines: linesArb(orderIndex),
      placedAt: fc.integer({ min: NOW, max: NOW + 3 }),
    })
    .map(({ lines, ...over }) =>
      orderState(`o${orderIndex}`, lines, {
        ...over,
        modifiedAt: NOW + over.version,
        fulfilledBy: orderIndex === 5 ? 'marketplace' : 'seller',
      }),
    );

export const channelOfOrder = (orderIndex: number): string => CHANNELS[orderIndex % 3] ?? '';

export const orderBody: fc.Arbitrary<CommandBody> = fc
  .integer({ min: 0, max: 5 })
  .chain((index) =>
    orderStateArb(index).map((order) => ({ kind: 'order-state' as const, channel: channelOfOrder(index), order })),
  );

const shipBody: fc.Arbitrary<CommandBody> = fc.record({
  kind: fc.constant('ship' as const),
  orderId: fc.integer({ min: 0, max: 5 }).map((index) => `${channelOfOrder(index)}/o${index}`),
  lines: fc.constantFrom(null, [{ lineRef: '1', quantity: 1 }]),
});

export const receiveBody = fc.record({ kind: fc.constant('receive' as const), sku, location, quantity, disposition });

export const goodsBody: fc.Arbitrary<CommandBody> = fc.oneof(
  { weight: 3, arbitrary: receiveBody },
  fc.record({
    kind: fc.constant('adjust' as const),
    sku,
    location,
    disposition,
    delta: fc.integer({ min: -4, max: 4 }),
    reason: fc.constant('test'),
  }),
  fc.record({
    kind: fc.constant('count' as const),
    sku,
    location,
    disposition,
    quantity: fc.integer({ min: 0, max: 8 }),
    asOf: fc.integer({ min: -5, max: 40 }).map((minutes) => NOW + minutes * MINUTE_MS),
  }),
  fc.record({ kind: fc.constant('transfer' as const), sku, from: location, to: location, quantity }),
  fc.record({ kind: fc.constant('inspect' as const), sku, location, from: disposition, to: disposition, quantity }),
  fc.record({ kind: fc.constant('return' as const), sku, location, quantity }),
);

/** Due an hour and more from the first command, or overdue already; the same refs again and again. */
const dated = {
  ref: fc.constantFrom('R1', 'R2'),
  sku,
  quantity,
  dueAt: fc.constantFrom(-30, 30, 90, 3000).map((minutes) => NOW + minutes * MINUTE_MS),
  state: fc.constantFrom('open' as const, 'open' as const, 'cancelled' as const),
};
const datedBody: fc.Arbitrary<CommandBody> = fc.oneof(
  fc.record({
    kind: fc.constant('expect-supply' as const),
    location,
    supplyKind: fc.constantFrom('purchaseOrder' as const, 'transfer' as const),
    ...dated,
  }),
  fc.record({ kind: fc.constant('expect-demand' as const), program: fc.constantFrom(...PROGRAMS), ...dated }),
  fc.tuple(receiveBody, dated.ref).map(([body, supply]) => ({ ...body, supply })),
);
const strategy = fc.constantFrom<Strategy>(...STRATEGIES);

export const reconfirmBody: fc.Arbitrary<ReconfirmCommand> = fc.record({
  kind: fc.constant('reconfirm' as const),
  sku,
  by: fc.constantFrom(...RECONFIRM_ORDERS),
  segments: fc.uniqueArray(
    fc
      .tuple(
        fc.oneof(
          fc.constantFrom(...PROGRAMS).map((id) => ({ match: 'program' as const, id })),
          fc.constantFrom(...CHANNELS).map((id) => ({ match: 'channel' as const, id })),
          fc
            .integer({ min: 0, max: 5 })
            .map((index) => ({ match: 'order' as const, id: `${channelOfOrder(index)}/o${index}` })),
        ),
        fc.record({ strategy, margin: fc.integer({ min: 0, max: 3 }) }),
      )
      .map(([named, rest]) => ({ ...named, ...rest })),
    { maxLength: 4, selector: ({ match, id }) => `${match} ${id}` },
  ),
  others: strategy,
});

const otherBody: fc.Arbitrary<CommandBody> = fc.oneof(
  fc.record({ kind: fc.constant('review' as const), sku }),
  fc.record({
    kind: fc.constant('observed' as const),
    listing: fc.integer({ min: 1, max: 6 }),
    seenSold: fc.option(total),
    until: fc.constantFrom(NOW + MINUTE_MS, NOW + 90 * MINUTE_MS),
  }),
);

export const holdBody = fc.record({
  kind: fc.constant('hold' as const),
  holdKind: fc.constantFrom(...HOLD_KINDS),
  sku,
  program: fc.constantFrom<string>(...PROGRAMS),
  quantity,
  location: fc.constantFrom<string | null>(null, null, ...PLACES),
  owner: fc.constantFrom('ann', 'bob'),
  reason: fc.constant('test'),
  expiresAt: fc.integer({ min: 10, max: 90 }).map((minutes) => NOW + minutes * MINUTE_MS),
  ref: fc.constantFrom(null, null, 'r1', 'r2'),
});

/** A hold is called by the id of its command, which `commandsOf` counts from 1. */
const holdId = fc.integer({ min: 1, max: 6 });

const holdChangeBody: fc.Arbitrary<CommandBody> = fc.oneof(
  fc.record({
    kind: fc.constant('release-hold' as const),
    sku,
    hold: holdId,
    reason: fc.constant('test'),
    isDue: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('extend-hold' as const),
    sku,
    hold: holdId,
    expiresAt: fc.constant(NOW + 80 * MINUTE_MS),
  }),
  fc
    .tuple(orderBody, holdId, fc.constantFrom('keep' as const, 'release' as const))
    .map(([body, hold, rest]) => ({ ...body, holds: [{ hold, rest }] })),
);

const poolId = fc.constantFrom<string>(...PROGRAMS, 'shared');
const moveId = fc.integer({ min: 1, max: 4 });

export const moveBody: fc.Arbitrary<CommandBody> = fc.oneof(
  fc.record({
    kind: fc.constant('reallocate' as const),
    id: moveId,
    sku,
    from: poolId,
    to: poolId,
    units: fc.integer({ min: 1, max: 5 }),
    until: fc.constant(NOW + 7 * 24 * 60 * MINUTE_MS),
  }),
  fc.record({
    kind: fc.constant('end-reallocation' as const),
    id: moveId,
    sku,
    as: fc.constantFrom('expired' as const, 'returned' as const),
  }),
);

/** Commands that nobody can take: each is parked, whatever the books say. */
export const badBody: fc.Arbitrary<CommandBody> = fc.oneof(
  receiveBody.map((body) => ({ ...body, sku: 'no-such-sku' })),
  receiveBody.map((body) => ({ ...body, quantity: 1.5 })),
  fc.constant<CommandBody>({ kind: 'transfer', sku: 'TEA', from: 'north', to: 'nowhere', quantity: 1 }),
  fc.integer({ min: 0, max: 5 }).chain((index) =>
    orderStateArb(index).map((order) => ({
      kind: 'order-state' as const,
      channel: channelOfOrder(index),
      order: {
        ...order,
        fulfilledBy: 'seller' as const,
        version: 9,
        lines: [
          ...order.lines,
          { lineRef: '9', listingRef: 'nobody', skuHint: null, ordered: 1, cancelled: 0, shipped: 0, returned: 0 },
        ],
      },
    })),
  ),
);

export const anyBody: fc.Arbitrary<CommandBody> = fc.oneof(
  { weight: 6, arbitrary: orderBody },
  { weight: 4, arbitrary: goodsBody },
  { weight: 1, arbitrary: shipBody },
  { weight: 2, arbitrary: datedBody },
  { weight: 1, arbitrary: otherBody },
  { weight: 2, arbitrary: holdBody },
  { weight: 1, arbitrary: holdChangeBody },
  { weight: 1, arbitrary: moveBody },
  { weight: 1, arbitrary: reconfirmBody },
);

/** What a law is tried on: brands, and the commands that their world knows. */
export type World = { readonly brand: fc.Arbitrary<State>; readonly body: fc.Arbitrary<CommandBody> };
export const PLAIN: World = { brand: brandArb, body: anyBody };

/** Commands in the order recorded, a minute apart; some tell of a moment long before. */
export const commandsOf = (
  body: fc.Arbitrary<CommandBody>,
  constraints: fc.ArrayConstraints = { minLength: 1, maxLength: 14 },
): fc.Arbitrary<Command[]> =>
  fc.array(fc.tuple(body, fc.constantFrom(0, 0, 0, 20)), constraints).map((rows) =>
    rows.map(([each, lateMinutes], index) => {
      const recordedAt = NOW + index * MINUTE_MS;
      return command(index + 1, each, { recordedAt, occurredAt: recordedAt - lateMinutes * MINUTE_MS });
    }),
  );

/** Enough to start with that the first orders find something. */
export const opening: readonly CommandBody[] = SKUS.flatMap((each) =>
  PLACES.map((place) => ({
    kind: 'receive' as const,
    sku: each,
    location: place,
    disposition: 'sellable' as const,
    quantity: 6,
  })),
);

/** Cuts a list at random into one run after another. */
export function splitAt<T>(list: readonly T[], cuts: readonly boolean[]): T[][] {
  const parts: T[][] = [];
  list.forEach((each, index) => {
    const last = parts.at(-1);
    if (last === undefined || cuts[index % cuts.length] === true) parts.push([each]);
    else last.push(each);
  });
  return parts;
}
