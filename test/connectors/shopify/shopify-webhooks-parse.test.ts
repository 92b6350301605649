import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseWebhook } from '#connectors/shopify/webhooks.ts';
import { Rejected } from '#core/errors.ts';

const SAMPLES = new URL('../../../../shared/data/shopify/webhooks-2026-07/', import.meta.url);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const line = (fields: object = {}): object => ({
  id: 11,
  admin_graphql_api_id: 'gid://shopify/LineItem/11',
  quantity: 5,
  current_quantity: 5,
  fulfillable_quantity: 5,
  variant_id: 7,
  sku: 'A',
  ...fields,
});

const order = (fields: object = {}): object => ({
  id: 1,
  admin_graphql_api_id: 'gid://shopify/Order/1',
  name: '#1001',
  created_at: '2026-11-23T10:00:00+01:00',
  updated_at: '2026-11-23T10:00:07+01:00',
  cancelled_at: null,
  location_id: null,
  line_items: [line()],
  fulfillments: [],
  refunds: [],
  ...fields,
});

const parse = (topic: string, document: unknown) =>
  parseWebhook({
    topic,
    rawBody: bytes(typeof document === 'string' ? document : JSON.stringify(document)),
    receivedAt: 0,
  });

function refusalOf(topic: string, document: unknown): Rejected {
  try {
    parse(topic, document);
  } catch (error) {
    if (error instanceof Rejected) return error;
    throw error;
  }
  throw new Error(`${topic} was accepted`);
}

const totals = (document: object) =>
  parse('orders/updated', document).orders[0]?.lines.map((each) => [
    each.ordered,
    each.cancelled,
    each.shipped,
    each.returned,
  ]);

const fulfilled = (quantity: number, status = 'success') => ({ status, line_items: [{ id: 11, quantity }] });
const refund = (quantity: number, restock_type: string) => ({
  refund_line_items: [{ line_item_id: 11, quantity, restock_type }],
});

describe('an order', () => {
  it('comes out whole, in our words', () => {
    expect(parse('orders/create', order({ location_id: 9 })).orders).toEqual([
      {
        orderRef: 'gid://shopify/Order/1',
        displayRef: '#1001',
        version: Date.parse('2026-11-23T09:00:07Z'),
        placedAt: Date.parse('2026-11-23T09:00:00Z'),
        modifiedAt: Date.parse('2026-11-23T09:00:07Z'),
        fulfilledBy: 'seller',
        locationRef: 'gid://shopify/Location/9',
        obligations: [],
        lines: [
          {
            lineRef: 'gid://shopify/LineItem/11',
            listingRef: 'gid://shopify/ProductVariant/7',
            skuHint: 'A',
            ordered: 5,
            cancelled: 0,
            shipped: 0,
            returned: 0,
          },
        ],
      },
    ]);
  });

  it.each([
    ['an edit took 2 off', { current_quantity: 3, fulfillable_quantity: 3 }, {}, [5, 2, 0, 0]],
    ['3 shipped', { fulfillable_quantity: 2 }, { fulfillments: [fulfilled(3)] }, [5, 0, 3, 0]],
    [
      'a shipment that failed',
      {},
      { fulfillments: [fulfilled(3, 'failure'), fulfilled(3, 'cancelled')] },
      [5, 0, 0, 0],
    ],
    [
      '3 shipped, 2 of them back',
      { current_quantity: 3, fulfillable_quantity: 2 },
      { fulfillments: [fulfilled(3)], refunds: [refund(2, 'return')] },
      [5, 0, 3, 2],
    ],
    [
      '3 shipped, the rest cancelled',
      { current_quantity: 3, fulfillable_quantity: 0 },
      { fulfillments: [fulfilled(3)], refunds: [refund(2, 'cancel')] },
      [5, 2, 3, 0],
    ],
    [
      '3 shipped, 1 of them refunded and kept',
      { current_quantity: 4, fulfillable_quantity: 2 },
      { fulfillments: [fulfilled(3)], refunds: [refund(1, 'no_restock')] },
      [5, 0, 3, 0],
    ],
    [
      '3 shipped, 1 of the others refunded and gone',
      { current_quantity: 4, fulfillable_quantity: 1 },
      { fulfillments: [fulfilled(3)], refunds: [refund(1, 'no_restock')] },
      [5, 1, 3, 0],
    ],
    [
      'cancelled whole',
      { current_quantity: 0, fulfillable_quantity: 0 },
      { cancelled_at: '2026-11-23T09:00:07Z' },
      [5, 5, 0, 0],
    ],
    [
      'cancelled whole after 2 had shipped, without a refund',
      { fulfillable_quantity: 0 },
      { cancelled_at: '2026-11-23T09:00:07Z', fulfillments: [fulfilled(2)] },
      [5, 3, 2, 0],
    ],
    [
      'an old payload without the later fields',
      { current_quantity: null, fulfillable_quantity: null },
      {},
      [5, 0, 0, 0],
    ],
  ])('%s', (_what, lineFields, orderFields, expected) => {
    expect(totals(order({ line_items: [line(lineFields)], ...orderFields }))).toEqual([expected]);
  });

  it('says its tags and where it came from, and nothing of its customer', () => {
    const told = order({ tags: 'vip, Trade , vip', source_name: 'pos', customer: { id: 9, email: 'a@b.c' } });
    const [state] = parse('orders/create', told).orders;
    expect(state?.attributes).toEqual({ tags: ['Trade', 'vip'], orderType: 'pos' });
    expect(JSON.stringify(state)).not.toMatch(/a@b|customer/);
    expect(parse('orders/create', order({ tags: '' })).orders[0]).not.toHaveProperty('attributes');
  });
  it('names no listing for a custom line', () => {
    const parsed = parse('orders/create', order({ line_items: [line({ variant_id: null, sku: null })] }));
    expect(parsed.orders[0]?.lines[0]).toMatchObject({ listingRef: null, skuHint: null });
  });

  it('keeps every digit of ids beyond 2^53', () => {
    const text = JSON.stringify(
      order({ admin_graphql_api_id: null, line_items: [line({ admin_graphql_api_id: null, id: 11 })] }),
    )
      .replace('"id":1,', '"id":820982911946154509,')
      .replace('"variant_id":7', '"variant_id":9007199254740993');
    const [parsed] = parse('orders/create', text).orders;
    expect(parsed?.orderRef).toBe('gid://shopify/Order/820982911946154509');
    expect(parsed?.lines[0]?.listingRef).toBe('gid://shopify/ProductVariant/9007199254740993');
  });

  it.each([
    ['line_items.0.quantity', order({ line_items: [line({ quantity: -1 })] }), '-1'],
    ['line_items.0.quantity', order({ line_items: [line({ quantity: 1.5 })] }), '1.5'],
    ['line_items.0.quantity', order({ line_items: [line({ quantity: '5' })] }), '5'],
    ['line_items.0.current_quantity', order({ line_items: [line({ current_quantity: 6 })] }), '6'],
    ['line_items.0.quantity fulfilled', order({ fulfillments: [fulfilled(4), fulfilled(2)] }), '6'],
    ['updated_at', order({ updated_at: 'yesterday' }), 'yesterday'],
    ['line_items', order({ line_items: null }), 'null'],
  ])('that cannot be is refused by %s', (field, document, value) => {
    const refused = refusalOf('orders/updated', document);
    expect(refused).toMatchObject({ field, value, fix: expect.stringMatching(/\w/) });
    expect(refused.message).toContain(field);
  });

  it('in a body that was cut is refused as a whole', () => {
    const refused = refusalOf('orders/updated', JSON.stringify(order()).slice(0, -1));
    expect(refused).toMatchObject({ field: 'body', fix: expect.stringMatching(/\w/) });
    expect(refused.message).toContain('orders/updated');
  });
});

describe('the other topics', () => {
  it('name the order to read, or the level', () => {
    expect(parse('orders/edited', { order_edit: { order_id: 5, line_items: {} } }).refs).toEqual([
      'gid://shopify/Order/5',
    ]);
    expect(parse('refunds/create', '{"id":3,"order_id":820982911946154509}').refs).toEqual([
      'gid://shopify/Order/820982911946154509',
    ]);
    const level = { inventory_item_id: 8, location_id: 9, available: null, updated_at: '2026-11-23T10:00:00Z' };
    const named = { listingRef: 'gid://shopify/InventoryItem/8', locationRef: 'gid://shopify/Location/9' };
    expect(parse('inventory_levels/update', level).levels).toEqual([{ ...named, shown: null }]);
    expect(parse('inventory_levels/update', { ...level, available: -3 }).levels).toEqual([{ ...named, shown: -3 }]);
  });

  it('say nothing where they are none of ours', () => {
    expect(parse('products/update', { id: 1 })).toEqual({ orders: [], refs: [], levels: [] });
  });
});

describe.runIf(existsSync(SAMPLES))("Shopify's own sample payloads", () => {
  const sample = (topic: string): string => {
    const file = JSON.parse(readFileSync(new URL(`${topic}.json`, SAMPLES), 'utf8')) as { readonly response: unknown };
    return JSON.stringify(file.response);
  };

  it.each(['orders/create', 'orders/updated', 'orders/cancelled'])('%s is an order', (topic) => {
    const [parsed] = parse(topic, sample(topic)).orders;
    expect(parsed?.orderRef).toBe('gid://shopify/Order/820982911946154508');
    expect(parsed?.lines[0]?.lineRef).toBe('gid://shopify/LineItem/487817672276298554');
    // All three samples show a cancelled order.
    expect(parsed?.lines.every((each) => each.ordered === 1 && each.cancelled === 1)).toBe(true);
  });

  it('the others name what to read', () => {
    expect(parse('orders/edited', sample('orders/edited')).refs).toHaveLength(1);
    expect(parse('refunds/create', sample('refunds/create')).refs).toHaveLength(1);
    expect(parse('inventory_levels/update', sample('inventory_levels/update')).levels).toHaveLength(1);
  });
});
