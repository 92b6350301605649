import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PushItem, PushOutcome } from '#connectors/connector.ts';
import { SET_QUANTITIES } from '#connectors/shopify/documents.ts';
import { ENTRIES_MAX, outcomesOf, preparePush } from '#connectors/shopify/push.ts';
import { Defect, Rejected } from '#core/errors.ts';
import { discover, openBench, patience } from './bench.ts';

const NOW = 1_795_471_000_000;

const item = (n: number, fields: Partial<PushItem> = {}): PushItem => ({
  listing: {
    listingRef: `gid://shopify/ProductVariant/${n}`,
    locationRef: 'gid://shopify/Location/1',
    data: { inventoryItemId: `gid://shopify/InventoryItem/${n}` },
  },
  version: 1,
  wireQuantity: 10,
  compareWith: 4,
  ...fields,
});

type Wire = {
  readonly query: string;
  readonly variables: {
    readonly key: string;
    readonly input: { readonly quantities: readonly object[]; readonly referenceDocumentUri: string };
  };
};
const wireOf = (items: readonly PushItem[], key = 'k'): Wire => JSON.parse(preparePush(items, key).wire) as Wire;

describe('a prepared push', () => {
  it('sets available, compared, under its own key', () => {
    const { query, variables } = wireOf([item(1), item(2, { compareWith: null })]);
    expect(query).toBe(SET_QUANTITIES);
    expect(variables.input).toEqual({
      name: 'available',
      reason: 'correction',
      referenceDocumentUri: 'gid://allot/PushAttempt/k',
      quantities: [
        {
          inventoryItemId: 'gid://shopify/InventoryItem/1',
          locationId: 'gid://shopify/Location/1',
          quantity: 10,
          changeFromQuantity: 4,
        },
        {
          inventoryItemId: 'gid://shopify/InventoryItem/2',
          locationId: 'gid://shopify/Location/1',
          quantity: 10,
          changeFromQuantity: null,
        },
      ],
    });
    expect(variables.key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('never leaves changeFromQuantity out', () => {
    const compare = fc.option(fc.integer(), { nil: null });
    fc.assert(
      fc.property(fc.array(compare, { minLength: 1, maxLength: ENTRIES_MAX }), (compares) => {
        const { quantities } = wireOf(compares.map((compareWith, n) => item(n, { compareWith }))).variables.input;
        expect(quantities.every((entry) => Object.hasOwn(entry, 'changeFromQuantity'))).toBe(true);
      }),
    );
  });

  it('is the same bytes for the same attempt, another key for any other', () => {
    expect(preparePush([item(1)], 'k')).toEqual(preparePush([item(1)], 'k'));
    const keys = [
      wireOf([item(1)], 'k'),
      wireOf([item(1)], 'l'),
      wireOf([item(1, { compareWith: 5 })], 'k'),
      wireOf([item(1, { wireQuantity: 11 })], 'k'),
      wireOf([item(1), item(2)], 'k'),
    ].map(({ variables }) => variables.key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('refuses what could never be sent', () => {
    expect(() => preparePush([], 'k')).toThrow(Defect);
    expect(() =>
      preparePush(
        Array.from({ length: 251 }, (_, n) => item(n)),
        'k',
      ),
    ).toThrow(Defect);
    for (const wireQuantity of [-1, 1.5, 1_000_000_001]) {
      expect(() => preparePush([item(1, { wireQuantity })], 'k')).toThrow(Defect);
    }
    expect(() => preparePush([item(1), item(1)], 'k')).toThrow(Rejected);
    const bare = { listingRef: 'gid://shopify/ProductVariant/1', locationRef: 'gid://shopify/Location/1', data: {} };
    expect(() => preparePush([item(1, { listing: bare })], 'k')).toThrow(/inventory item/);
  });
});

const entries = [1, 2, 3].map((n) => ({
  inventoryItemId: `gid://shopify/InventoryItem/${n}`,
  locationId: 'gid://shopify/Location/1',
  quantity: 10,
  changeFromQuantity: 4,
}));

const refused = (...errors: readonly (readonly [code: string | null, field: readonly string[] | null])[]) =>
  outcomesOf(
    {
      inventoryAdjustmentGroup: null,
      userErrors: errors.map(([code, field]) => ({ code, field: field === null ? null : [...field], message: 'no' })),
    },
    entries,
    NOW,
  );

const at = (index: number, part = 'quantity') => ['input', 'quantities', String(index), part];
const kinds = (outcomes: readonly PushOutcome[]) => outcomes.map(({ kind }) => kind);
const deferred: PushOutcome = { kind: 'deferred', until: NOW, why: 'another entry of the batch was refused' };

describe('the outcomes of a refused batch', () => {
  it.each(['CHANGE_FROM_QUANTITY_STALE', 'COMPARE_QUANTITY_STALE', 'COMPARE_QUANTITY_REQUIRED'])(
    '%s: stale, the others to be sent again',
    (code) => {
      expect(refused([code, at(1)])).toEqual([deferred, { kind: 'stale', shown: null }, deferred]);
    },
  );

  it.each([
    'INVALID_INVENTORY_ITEM',
    'INVALID_LOCATION',
    'NON_MUTABLE_INVENTORY_ITEM',
    'INVALID_QUANTITY_NEGATIVE',
    'INVALID_QUANTITY_TOO_HIGH',
    'INVALID_QUANTITY_TOO_LOW',
    'ITEM_NOT_STOCKED_AT_LOCATION',
  ])('%s: rejected with its code and a fix', (code) => {
    const [first, second, third] = refused([code, ['input', 'setQuantities', '0', 'inventoryItemId']]);
    expect(first).toMatchObject({
      kind: 'rejected',
      reason: expect.stringContaining(code),
      fix: expect.stringMatching(/\w/),
    });
    expect([second, third]).toEqual([deferred, deferred]);
  });

  it('tells each named entry its own', () => {
    expect(kinds(refused(['CHANGE_FROM_QUANTITY_STALE', at(0)], ['INVALID_LOCATION', at(2)]))).toEqual([
      'stale',
      'deferred',
      'rejected',
    ]);
  });

  it.each(['IDEMPOTENCY_CONCURRENT_REQUEST', 'IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED'])('%s: nobody knows', (code) => {
    expect(kinds(refused([code, ['input']]))).toEqual(['unknown', 'unknown', 'unknown']);
  });

  it('holds for every entry where none is named', () => {
    expect(kinds(refused(['CHANGE_FROM_QUANTITY_STALE', ['input']]))).toEqual(['stale', 'stale', 'stale']);
    expect(kinds(refused(['INVALID_LOCATION', null]))).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it.each([
    'IDEMPOTENCY_KEY_PARAMETER_MISMATCH',
    'NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR',
    'INVALID_NAME',
    'INVALID_REASON',
    'INVALID_REFERENCE_DOCUMENT',
    'SOMETHING_NEW',
    null,
  ])('%s: our defect', (code) => {
    expect(() => refused([code, ['input']])).toThrow(Defect);
  });
});

describe('the outcomes of an applied batch', () => {
  const change = (n: number, quantityAfterChange: number | null) => ({
    quantityAfterChange,
    item: { id: `gid://shopify/InventoryItem/${n}` },
    location: { id: 'gid://shopify/Location/1' },
  });

  it('are applied where Shopify names a change, unchanged elsewhere', () => {
    const payload = { inventoryAdjustmentGroup: { changes: [change(3, 10), change(1, null)] }, userErrors: [] };
    expect(outcomesOf(payload, entries, NOW)).toEqual([
      { kind: 'applied', shownAfter: 10 },
      { kind: 'unchanged' },
      { kind: 'applied', shownAfter: 10 },
    ]);
  });

  it('are unchanged where Shopify answers neither a group nor an error', () => {
    const outcomes = outcomesOf({ inventoryAdjustmentGroup: null, userErrors: [] }, entries, NOW);
    expect(kinds(outcomes)).toEqual(['unchanged', 'unchanged', 'unchanged']);
  });
});

describe('against the sandbox', () => {
  it('one bundle and one dead location refuse the batch, and the rest goes through under a new key', async () => {
    await using bench = await openBench();
    await bench.control.seed({
      locations: [{ name: 'Main' }, { name: 'Closed' }],
      listings: ['A', 'B', 'C'].map((sku) => ({ sku, shown: 5 })),
    });
    const { connection, sandbox } = bench;
    const listings = await discover(bench);
    const main = listings.filter(({ locationRef }) => locationRef === sandbox.shop.shelf.locations[0]?.id);
    const closed = listings.find(({ locationRef, sku }) => locationRef !== main[0]?.locationRef && sku === 'C');
    if (closed === undefined) throw new Error('no level at the second location');
    const bundle = sandbox.shop.shelf.variantOf('B');
    const [, second] = sandbox.shop.shelf.locations;
    if (bundle === undefined || second === undefined) throw new Error('the sandbox lacks its catalogue');
    bundle.isBundle = true;
    second.isActive = false;

    const items = [...main.slice(0, 2), closed].map((listing) => ({
      listing,
      version: 1,
      wireQuantity: 9,
      compareWith: null,
    }));
    const outcomes = await connection.send(connection.prepare(items, 'first'), items.length, patience());
    expect(kinds(outcomes)).toEqual(['deferred', 'rejected', 'rejected']);
    const rest = items.slice(0, 1);
    expect(await connection.send(connection.prepare(rest, 'second'), 1, patience())).toEqual([
      { kind: 'applied', shownAfter: 9 },
    ]);
  });
});
