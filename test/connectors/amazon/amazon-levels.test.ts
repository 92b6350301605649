/** What Amazon shows: the states, SKUs that lists cannot carry, and walks that Amazon cuts. */
import { describe, expect, it } from 'vitest';
import { keyOf, openCanned, patience, SETTINGS, type Sent, type Told } from './bench.ts';

type Availability = { fulfillmentChannelCode: string; quantity?: number };

const itemOf = (sku: string, availability: readonly Availability[], status: readonly string[] = ['BUYABLE']) => ({
  sku,
  summaries: [{ marketplaceId: SETTINGS.marketplaceId, asin: 'B0', productType: 'SHOES', itemName: 'A shoe', status }],
  fulfillmentAvailability: availability,
});

const mfn = (quantity: number): Availability => ({ fulfillmentChannelCode: 'DEFAULT', quantity });

const STATES: readonly (readonly [what: string, item: unknown, expected: object])[] = [
  ['a quantity', itemOf('X', [mfn(4)]), { state: 'tracked', sellable: 4, shown: 4 }],
  ['sold out, therefore not buyable', itemOf('X', [mfn(0)], ['DISCOVERABLE']), { state: 'tracked', sellable: 0 }],
  ['suppressed', itemOf('X', [mfn(4)], ['DISCOVERABLE']), { state: 'notBuyable', sellable: 0, shown: 4 }],
  ['no quantity yet', itemOf('X', []), { state: 'untracked', sellable: 0 }],
  ['FBA', itemOf('X', [{ fulfillmentChannelCode: 'AMAZON_EU' }]), { state: 'untracked', sellable: 0 }],
  [
    'FBA with a stranded entry of ours',
    itemOf('X', [{ fulfillmentChannelCode: 'AMAZON_EU' }, mfn(3)]),
    { state: 'untracked', sellable: 0, shown: 3 },
  ],
  ['another SKU', itemOf('x', [mfn(4)]), { state: 'missing', sellable: 0, shown: 0 }],
];

describe('a listing', () => {
  it.each(STATES)('%s', async (_, item, expected) => {
    const { connection } = openCanned(() => ({ body: { items: [item] } }));
    expect(await connection.observe([keyOf('X')], patience())).toMatchObject([
      { listingRef: 'X', locationRef: 'DEFAULT', reserved: null, ...expected },
    ]);
  });
});

const skusOf = ({ url }: Sent): readonly string[] => (url.searchParams.get('identifiers') ?? '').split(',');

it('reads twenty SKUs a call, one with a comma by itself, and answers in the order asked', async () => {
  const skus = [...Array.from({ length: 25 }, (_, index) => `S${index}`), 'a,b', 'S3'];
  const { connection, sent } = openCanned((one) =>
    one.url.searchParams.has('identifiers')
      ? { body: { items: skusOf(one).map((sku) => itemOf(sku, [mfn(Number(sku.slice(1)))])) } }
      : { body: itemOf('a,b', [mfn(99)]) },
  );
  const seen = await connection.observe(
    skus.map((sku) => keyOf(sku)),
    patience(),
  );
  expect(seen.map(({ listingRef }) => listingRef)).toEqual(skus);
  expect(seen.map(({ shown }) => shown)).toEqual(skus.map((sku) => (sku === 'a,b' ? 99 : Number(sku.slice(1)))));
  expect(sent.map((one) => skusOf(one).length)).toEqual([20, 5, 1]);
});

it('a SKU with a comma that is not there is missing', async () => {
  const { connection } = openCanned(() => ({ status: 404, body: { errors: [{ code: 'NOT_FOUND', message: 'no' }] } }));
  expect(await connection.observe([keyOf('a,b')], patience())).toMatchObject([{ state: 'missing' }]);
});

it('discovers what a person maps by, and marks what Amazon fulfils', async () => {
  const fba = itemOf('F', [{ fulfillmentChannelCode: 'AMAZON_EU' }]);
  const attributes = { externally_assigned_product_identifier: [{ type: 'EAN', value: '4006381333931' }] };
  const items = [{ ...itemOf('X', [mfn(1)]), attributes }, fba];
  const { connection } = openCanned(() => ({ body: { items, pagination: { nextToken: 'more' } } }));
  const { listings, cursor } = await connection.discoverListings(null, patience());
  const data = { productType: 'SHOES', marketplaceId: SETTINGS.marketplaceId };
  expect(listings).toEqual([
    {
      listingRef: 'X',
      locationRef: 'DEFAULT',
      data,
      sku: 'X',
      title: 'A shoe',
      state: 'tracked',
      barcode: '4006381333931',
    },
    {
      listingRef: 'F',
      locationRef: 'DEFAULT',
      data: { ...data, fulfilledBy: 'AMAZON' },
      sku: 'F',
      title: 'A shoe',
      state: 'untracked',
      barcode: null,
    },
  ]);
  expect(cursor).toBe('more');
});

it('warns once where Amazon lists only a part of the SKUs', async () => {
  const told: Told[] = [];
  const { connection } = openCanned(
    () => ({ body: { numberOfResults: 1500, items: [], pagination: { nextToken: 'more' } } }),
    { told },
  );
  await connection.scan(null, patience());
  await connection.scan('more', patience());
  expect(told.map(({ fields }) => fields)).toEqual([{ listings: 1500, reached: 1000 }]);
});
