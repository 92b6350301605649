/**
 * Random brands that sell one stock as single units, in packs of six, and in kits, one of them a kit of another and resolved here:
 * from two places, by programs of every completeness. Orders of several lines, on items and kits alike.
 */
import * as fc from 'fast-check';
import type { CommandBody, ReconfirmCommand } from '#core/command.ts';
import { COMPLETENESS, type DrawOrder, type Policy } from '#core/model.ts';
import type { State } from '#core/state.ts';
import { PLACES, poolArb, receiveBody, reconfirmBody, SKUS, type World } from './arbitraries.ts';
import { channelRule, item, lineState, listing, NOW, orderState, policy, program, stateOf } from './factory.ts';
import { placePoolArb } from './place-pool.ts';

const CHANNELS = ['shop:main', 'market:eu'] as const;
const PROGRAMS = ['dtc', 'wholesale'] as const;

/** BOX holds a SET and one more TEA. */
export const KITS = {
  SET: [
    { sku: 'CUP', quantity: 1 },
    { sku: 'TEA', quantity: 2 },
  ],
  BOX: [
    { sku: 'CUP', quantity: 1 },
    { sku: 'TEA', quantity: 3 },
  ],
} as const;

export const SINGLE = listing(1, { sku: 'TEA' });
export const SIX_PACK = listing(2, { sku: 'TEA', channel: 'market:eu', pack: 6 });
export const SET = listing(3, { sku: 'SET' });
const LISTINGS = [
  SINGLE,
  SIX_PACK,
  SET,
  listing(4, { sku: 'BOX', channel: 'market:eu', pack: 2 }),
  // Sold from one place alone, whatever its program may.
  listing(5, { sku: 'CUP', locations: ['south'] }),
  listing(6, { sku: 'SET', channel: 'market:eu', locations: ['south', 'north'] }),
];
const REFS: Readonly<Record<string, readonly string[]>> = {
  'shop:main': ['ref-1', 'ref-3', 'ref-5'],
  'market:eu': ['ref-2', 'ref-4', 'ref-6'],
};

const completeness = fc.constantFrom(undefined, ...COMPLETENESS);
const drawOrder = fc.constantFrom<DrawOrder>('ownOnly', 'ownThenShared', 'sharedThenOwn');

const policyArb: fc.Arbitrary<Policy> = fc
  .record({
    programs: fc.tuple(
      ...PROGRAMS.map((id) =>
        fc
          .record({
            priority: fc.integer({ min: 1, max: 2 }),
            drawOrder,
            locations: fc.constantFrom<string[]>([...PLACES], [...PLACES].reverse(), ['north']),
            completeness,
          })
          .map(({ completeness: rule, ...over }) =>
            program(id, rule === undefined ? over : { ...over, completeness: rule }),
          ),
      ),
    ),
    pools: fc.tuple(...PROGRAMS.map(poolArb)),
    placePools: fc.array(placePoolArb(PROGRAMS, PLACES, SKUS), { maxLength: 2 }),
    channels: fc.constant(CHANNELS.map((channel, index) => channelRule(channel, PROGRAMS[index] ?? ''))),
  })
  .map(({ placePools, ...over }) => policy({ ...over, pools: [...over.pools, ...placePools] }));

export const kitBrand = (rules: Policy): State => {
  const listed = (sku: string) => LISTINGS.filter((each) => each.sku === sku);
  return stateOf({
    policy: rules,
    locations: PLACES.map((id) => ({ id, master: 'allot', sells: true })),
    items: [
      ...SKUS.map((sku) => item(sku, {}, { listings: listed(sku) })),
      ...Object.entries(KITS).map(([sku, components]) => item(sku, {}, { components, listings: listed(sku) })),
    ],
  });
};

const total = fc.integer({ min: 0, max: 6 });

const kitOrderArb = (index: number): fc.Arbitrary<CommandBody> => {
  const channel = CHANNELS[index % 2] ?? '';
  const lines = fc.uniqueArray(
    fc.record({
      // Line 4 asks again for what line 1 asks.
      line: fc.integer({ min: 1, max: 4 }),
      ordered: total,
      cancelled: fc.constantFrom(0, 0, 1),
      shipped: fc.constantFrom(0, 0, 0, 1, 2),
      returned: fc.constantFrom(0, 0, 0, 1),
    }),
    { minLength: 1, maxLength: 3, selector: (each) => each.line },
  );
  return fc
    .record({ version: fc.integer({ min: 1, max: 4 }), placedAt: fc.integer({ min: NOW, max: NOW + 3 }), lines })
    .map(({ version, placedAt, lines: told }) => ({
      kind: 'order-state' as const,
      channel,
      order: orderState(
        `o${index}`,
        told.map(({ line, ordered, cancelled, shipped, returned }) => {
          const gone = Math.min(cancelled, ordered);
          const totals = { ordered, cancelled: gone, shipped: Math.min(shipped, ordered - gone), returned };
          return lineState(`${line}`, { ...totals, listingRef: REFS[channel]?.[(line - 1) % 3] ?? null });
        }),
        { version, placedAt, modifiedAt: NOW + version },
      ),
    }));
};

const place = fc.constantFrom<string>(...PLACES);

export const kitBody: fc.Arbitrary<CommandBody> = fc.oneof(
  { weight: 7, arbitrary: fc.integer({ min: 0, max: 5 }).chain(kitOrderArb) },
  { weight: 4, arbitrary: receiveBody },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('adjust' as const),
      sku: fc.constantFrom<string>(...SKUS),
      location: place,
      disposition: fc.constant('sellable' as const),
      delta: fc.integer({ min: -4, max: 4 }),
      reason: fc.constant('test'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('transfer' as const),
      sku: fc.constantFrom<string>(...SKUS),
      from: place,
      to: place,
      quantity: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('ship' as const),
      orderId: fc.integer({ min: 0, max: 5 }).map((index) => `${CHANNELS[index % 2]}/o${index}`),
      lines: fc.constantFrom(null, [{ lineRef: '1', quantity: 1 }]),
    }),
  },
);

/** Runs that name what this brand has; what they say of others is said of an order of it. */
export const kitRunBody: fc.Arbitrary<ReconfirmCommand> = reconfirmBody.map((body) => {
  const known: readonly string[] = [...PROGRAMS, ...CHANNELS];
  const segments = body.segments.map((segment, index) => {
    if (segment.match !== 'order' && known.includes(segment.id)) return segment;
    const order = segment.match === 'order' ? Number(segment.id.slice(-1)) : index;
    return { ...segment, match: 'order' as const, id: `${CHANNELS[order % 2]}/o${order}` };
  });
  const nameOf = ({ match, id }: (typeof segments)[number]): string => `${match} ${id}`;
  return { ...body, segments: [...new Map(segments.map((each) => [nameOf(each), each])).values()] };
});

export const KIT_WORLD: World = { brand: policyArb.map(kitBrand), body: kitBody };

/** The same, with runs in between: these fill nobody by themselves, so who gave up may wait for what is there. */
export const KIT_WORLD_WITH_RUNS: World = {
  ...KIT_WORLD,
  body: fc.oneof({ weight: 12, arbitrary: kitBody }, { weight: 1, arbitrary: kitRunBody }),
};
