/**
 * Random brands whose goods come in lots: some expired by the time of the decision, some too old for a program, some for ever; programs
 * that ask for a minimum life and such that do not; commands that name a lot, and such that do not.
 */
import * as fc from 'fast-check';
import type { CommandBody } from '#core/command.ts';
import { DAY_MS } from '#core/lots.ts';
import type { Instant } from '#core/model.ts';
import { anyBody, brandArb, goodsBody, holdBody, orderBody, PLACES, receiveBody, type World } from './arbitraries.ts';
import { NOW } from './factory.ts';

const HOUR_MS = DAY_MS / 24;

/** By the time of the laws' decisions, an hour after NOW: expired, under a day, under two, many, for ever. */
export const LOTS: Readonly<Record<string, Instant | null>> = {
  'L old': NOW + HOUR_MS / 2,
  L1: NOW + 12 * HOUR_MS,
  L2: NOW + 36 * HOUR_MS,
  L3: NOW + 36 * HOUR_MS,
  L9: NOW + 10 * DAY_MS,
  Lx: null,
};
const NEVER: typeof LOTS = { L1: null, L2: null, L3: null };

const code = fc.constantFrom(...Object.keys(LOTS));
const withExpiry = (lots: typeof LOTS) =>
  fc.constantFrom(...Object.keys(lots)).map((lot) => ({ lot, expiresAt: lots[lot] ?? null }));

const goodsWithLots: fc.Arbitrary<CommandBody> = fc
  .tuple(goodsBody, withExpiry(LOTS), fc.array(fc.tuple(code, fc.integer({ min: 0, max: 3 })), { maxLength: 3 }))
  .map(([body, of, counts]): CommandBody => {
    if (body.kind === 'transfer' || body.kind === 'inspect') return { ...body, lot: of.lot };
    if (body.kind === 'receive' || body.kind === 'adjust' || body.kind === 'return') return { ...body, ...of };
    if (body.kind !== 'count') return body;
    if (counts.length === 0) return { ...body, ...of };
    const lots = [...new Map(counts)].map(([lot, quantity]) => ({ lot, expiresAt: LOTS[lot] ?? null, quantity }));
    return { ...body, quantity: body.quantity + lots.reduce((sum, { quantity }) => sum + quantity, 0), lots };
  });

const shipBody: fc.Arbitrary<CommandBody> = fc.tuple(code, fc.integer({ min: 0, max: 5 })).map(([lot, index]) => ({
  kind: 'ship',
  orderId: `${['shop:main', 'market:eu', 'drop:x'][index % 3]}/o${index}`,
  lines: [{ lineRef: '1', quantity: 1, lot }],
}));

const setBody: fc.Arbitrary<CommandBody> = fc.record({
  kind: fc.constant('set-lot' as const),
  sku: fc.constantFrom('TEA', 'CUP'),
  lot: code,
  expiresAt: fc.constantFrom(NOW, NOW + 12 * HOUR_MS, NOW + 10 * DAY_MS),
  reason: fc.constant('misread'),
});

const brand = fc
  .tuple(brandArb, fc.array(fc.constantFrom(0, 0, 1, 2), { minLength: 3, maxLength: 3 }))
  .map(([state, days]) => {
    const programs = state.policy.programs.map((each, index) =>
      days[index] === 0 ? each : { ...each, minimumLifeDays: days[index] ?? 0 },
    );
    return { ...state, policy: { ...state.policy, programs } };
  });

const bodyOf = (others: fc.Arbitrary<CommandBody>): fc.Arbitrary<CommandBody> =>
  fc.oneof(
    { weight: 10, arbitrary: others },
    { weight: 6, arbitrary: fc.tuple(receiveBody, withExpiry(LOTS)).map(([body, of]) => ({ ...body, ...of })) },
    { weight: 5, arbitrary: goodsWithLots },
    { weight: 1, arbitrary: shipBody },
    { weight: 1, arbitrary: setBody },
  );

export const LOT_WORLD: World = { brand, body: bodyOf(anyBody) };

/** Pools protect units of an item, not of a place (core/README.md, limits): one place sells, and lots come to it. */
export const LOTS_AT_ONE_PLACE: World = {
  brand: brand.map((state) => ({
    ...state,
    policy: {
      ...state.policy,
      programs: state.policy.programs.map((each) => ({ ...each, locations: ['north'] })),
    },
    locations: PLACES.map((id) => ({ id, master: 'allot' as const, sells: id === 'north' })),
  })),
  body: LOT_WORLD.body,
};

/** Every program draws wherever units are: no pool of one place, and no hold at one (core/README.md, limits). */
export const LOTS_AT_ANY_PLACE: World = {
  brand: brand.map((state) => {
    const pools = state.policy.pools.filter((rule) => rule.location === undefined);
    return { ...state, policy: { ...state.policy, pools } };
  }),
  body: LOT_WORLD.body.map((body) => (body.kind === 'hold' ? { ...body, location: null } : body)),
};

/** Commands that can be told with lots and without, and mean the same: lots that never expire, named as goods come. */
export const TOLD_WITH_LOTS: World = {
  brand: brandArb,
  body: fc.oneof(
    { weight: 6, arbitrary: orderBody },
    { weight: 2, arbitrary: holdBody },
    { weight: 3, arbitrary: goodsBody },
    { weight: 5, arbitrary: fc.tuple(receiveBody, withExpiry(NEVER)).map(([body, of]) => ({ ...body, ...of })) },
  ),
};
