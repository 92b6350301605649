/** Orders of Orders API 2026-01-01: what each status means for stock, and how the poll walks. */
import { describe, expect, it } from 'vitest';
import { orderOf } from '#connectors/amazon/order-totals.ts';
import { Rejected, Transient } from '#core/errors.ts';
import { type Canned, openBench, openCanned, patience, type Told } from './bench.ts';

const ORDER_ID = '171-7301250-1446746';

type LineOptions = { ordered?: number; fulfilled?: number; unfulfilled?: number; cancellation?: object };

const line = ({ ordered = 5, fulfilled = 0, unfulfilled = 0, cancellation }: LineOptions = {}) => ({
  orderItemId: '17123456789012',
  quantityOrdered: ordered,
  product: { asin: 'B09B8V1LZ3', sellerSku: 'DELL-I15-BR-001' },
  fulfillment: { quantityFulfilled: fulfilled, quantityUnfulfilled: unfulfilled },
  ...(cancellation === undefined ? {} : { cancellation }),
});

const order = (fulfillmentStatus: string, item = line(), fulfilledBy = 'MERCHANT') => ({
  orderId: ORDER_ID,
  createdTime: '2026-11-22T15:30:00Z',
  lastUpdatedTime: '2026-11-23T10:00:00Z',
  salesChannel: { channelName: 'AMAZON', marketplaceId: 'A1F83G8C2ARO7P' },
  fulfillment: { fulfillmentStatus, fulfilledBy },
  orderItems: [item],
});

const REQUESTED = { cancellationRequest: { requester: 'BUYER', cancelReason: 'x' } };
const EXECUTED = { ...REQUESTED, cancellationExecution: { cancelledBy: 'SELLER', cancelReason: 'x' } };

const TOTALS: readonly (readonly [string, unknown, readonly [ordered: number, cancelled: number, shipped: number]])[] =
  [
    ['PENDING reserves all, although nothing is to be shipped yet', order('PENDING'), [5, 0, 0]],
    ['a pre-order reserves too', order('PENDING_AVAILABILITY'), [5, 0, 0]],
    ['UNSHIPPED', order('UNSHIPPED', line({ unfulfilled: 5 })), [5, 0, 0]],
    ['partly shipped', order('PARTIALLY_SHIPPED', line({ fulfilled: 2, unfulfilled: 3 })), [5, 0, 2]],
    ['shipped', order('SHIPPED', line({ fulfilled: 5 })), [5, 0, 5]],
    ['cancelled', order('CANCELLED'), [5, 5, 0]],
    ['cancelled after a part was shipped', order('CANCELLED', line({ fulfilled: 2 })), [5, 3, 2]],
    ['cancelled, with its quantity set to 0', order('CANCELLED', line({ ordered: 0 })), [0, 0, 0]],
    [
      'a request to cancel frees nothing',
      order('UNSHIPPED', line({ unfulfilled: 5, cancellation: REQUESTED })),
      [5, 0, 0],
    ],
    ['units cancelled on a line', order('UNSHIPPED', line({ unfulfilled: 3, cancellation: EXECUTED })), [5, 2, 0]],
    ['PENDING is not cancelled by an absent rest', order('PENDING', line({ cancellation: EXECUTED })), [5, 0, 0]],
  ];

describe('an order', () => {
  it.each(TOTALS)('%s', (_, document, [ordered, cancelled, shipped]) => {
    expect(orderOf(document).lines).toEqual([
      {
        lineRef: '17123456789012',
        listingRef: 'DELL-I15-BR-001',
        skuHint: 'DELL-I15-BR-001',
        ordered,
        cancelled,
        shipped,
        returned: 0,
      },
    ]);
  });

  it('tells that the buyer wanted what is cancelled, and of nobody else', () => {
    const by = (document: unknown) => orderOf(document).cancelledBy;
    expect(by(order('UNSHIPPED', line({ unfulfilled: 3, cancellation: EXECUTED })))).toBe('buyer');
    const own = { cancellationExecution: { cancelledBy: 'BUYER', cancelReason: 'x' } };
    expect(by(order('CANCELLED', line({ cancellation: own })))).toBe('buyer');
    const ours = { cancellationExecution: { cancelledBy: 'SELLER', cancelReason: 'no inventory' } };
    expect(by(order('CANCELLED', line({ cancellation: ours })))).toBeUndefined();
    // Amazon's own, for lateness say; and a request that nobody carried out.
    expect(by(order('CANCELLED'))).toBeUndefined();
    expect(by(order('UNSHIPPED', line({ unfulfilled: 5, cancellation: REQUESTED })))).toBeUndefined();
  });

  it('tells who fulfils it, and when it changed', () => {
    expect(orderOf(order('UNSHIPPED'))).toMatchObject({
      orderRef: ORDER_ID,
      displayRef: ORDER_ID,
      fulfilledBy: 'seller',
      version: Date.parse('2026-11-23T10:00:00Z'),
      placedAt: Date.parse('2026-11-22T15:30:00Z'),
    });
    expect(orderOf(order('SHIPPED', line(), 'AMAZON')).fulfilledBy).toBe('marketplace');
  });

  it('is owed to be shipped in time, while it is ours and open', () => {
    const dueBy = (status: string, fulfilledBy = 'MERCHANT') => {
      const { fulfillment, ...rest } = order(status, line(), fulfilledBy);
      const shipByWindow = { earliestDateTime: '2026-11-24T00:00:00Z', latestDateTime: '2026-11-25T23:59:59Z' };
      return orderOf({ ...rest, fulfillment: { ...fulfillment, shipByWindow } }).obligations;
    };
    expect(dueBy('UNSHIPPED')).toEqual([{ kind: 'ship', dueAt: Date.parse('2026-11-25T23:59:59Z') }]);
    expect([...dueBy('SHIPPED'), ...dueBy('CANCELLED'), ...dueBy('UNSHIPPED', 'AMAZON')]).toEqual([]);
  });

  it.each([-1, 1.5, '5', null])('is refused by name with a quantity of %s', (ordered) => {
    const item = { ...line(), quantityOrdered: ordered };
    expect(() => orderOf(order('PENDING', item as never))).toThrow(/orderItems\.0\.quantityOrdered/);
  });
});

const page = (orders: readonly unknown[], nextToken?: string): Canned => ({
  body: { orders, pagination: { nextToken }, lastUpdatedBefore: '2026-11-23T12:00:00Z' },
});

describe('the poll', () => {
  const NOW = Date.parse('2026-11-23T12:02:00Z');

  it('asks for no personal data, and not for what Amazon fulfils', async () => {
    const { connection, sent } = openCanned(() => page([]), { now: () => NOW });
    await connection.fetchOrdersSince(null, patience());
    expect(Object.fromEntries(sent[0]?.url.searchParams ?? [])).toEqual({
      fulfilledBy: 'MERCHANT',
      includedData: 'FULFILLMENT,CANCELLATION',
      lastUpdatedAfter: '2026-11-16T12:02:00.000Z',
      marketplaceIds: 'A1F83G8C2ARO7P',
      maxResultsPerPage: '100',
    });
  });

  it("goes on from Amazon's clock less the overlap, with every parameter on every page", async () => {
    const pages = [page([order('PENDING')], 'more'), page([]), page([])];
    const { connection, sent } = openCanned(() => pages.shift() ?? page([]), { now: () => NOW });
    const first = await connection.fetchOrdersSince(null, patience());
    const second = await connection.fetchOrdersSince(first.cursor, patience());
    await connection.fetchOrdersSince(second.cursor, patience());
    expect([first.complete, second.complete]).toEqual([false, true]);
    expect(sent.map(({ url }) => url.searchParams.get('paginationToken'))).toEqual([null, 'more', null]);
    expect(sent.map(({ url }) => url.searchParams.get('lastUpdatedAfter'))).toEqual([
      '2026-11-16T12:02:00.000Z',
      '2026-11-16T12:02:00.000Z',
      '2026-11-23T11:50:00.000Z',
    ]);
    expect(new Set(sent.map(({ url }) => url.searchParams.get('includedData'))).size).toBe(1);
  });

  it('starts the walk anew after a token of yesterday, and after a refused one', async () => {
    let now = NOW;
    const { connection, sent } = openCanned(
      ({ url }) => (url.searchParams.has('paginationToken') ? { status: 400, body: { errors: [] } } : page([], 'more')),
      { now: () => now },
    );
    const first = await connection.fetchOrdersSince(null, patience());
    const refused = await connection.fetchOrdersSince(first.cursor, patience());
    expect(refused).toMatchObject({ orders: [], complete: false });
    await connection.fetchOrdersSince(refused.cursor, patience());
    now += 21 * 3_600_000;
    await connection.fetchOrdersSince(first.cursor, patience());
    expect(sent.map(({ url }) => url.searchParams.get('paginationToken'))).toEqual([null, 'more', null, null]);
  });

  it('takes a sudden 400 for an outage', async () => {
    const { connection } = openCanned(() => ({
      status: 400,
      body: { errors: [{ code: 'InvalidInput', message: 'no' }] },
    }));
    await expect(connection.fetchOrdersSince(null, patience())).rejects.toThrow(Transient);
  });

  it('names an order that makes no sense, and reads the others', async () => {
    const bad = { ...order('PENDING'), orderId: '171-0000000-0000001', orderItems: [{ orderItemId: 'x' }] };
    const told: Told[] = [];
    const { connection } = openCanned(() => page([bad, order('PENDING')]), { told });
    const found = await connection.fetchOrdersSince(null, patience());
    expect(found.orders.map(({ orderRef }) => orderRef)).toEqual([ORDER_ID]);
    expect(found.unread).toEqual([{ orderRef: bad.orderId, version: Date.parse('2026-11-23T10:00:00Z') }]);
    expect(told[0]?.fields).toMatchObject({ order: bad.orderId });
  });

  it('refuses a cursor that is not its own', async () => {
    const { connection } = openCanned(() => page([]));
    await expect(connection.fetchOrdersSince('{"since":"x"}', patience())).rejects.toThrow(Rejected);
  });
});

describe('against the sandbox', () => {
  it('an order that Amazon fulfils is not in the poll, and reads as the marketplace by reference', async () => {
    await using bench = await openBench();
    await bench.control.seed({ listings: [{ sku: 'FBA', shown: 0, tracked: false }] });
    const { orderRef } = await bench.control.placeOrder({ lines: [{ sku: 'FBA', quantity: 2 }] });
    expect((await bench.connection.fetchOrdersSince(null, patience())).orders).toEqual([]);
    expect(await bench.connection.hydrate(orderRef ?? '', patience())).toMatchObject({ fulfilledBy: 'marketplace' });
  });

  it('an order counts from PENDING on, and each change has a later version', async () => {
    await using bench = await openBench({ pendingMs: 3_600_000 });
    await bench.control.seed({ listings: [{ sku: 'A', shown: 9 }] });
    const { orderRef } = await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 2 }] });
    const pending = await bench.connection.hydrate(orderRef ?? '', patience());
    expect(pending.lines[0]).toMatchObject({ ordered: 2, cancelled: 0, shipped: 0 });
    await bench.control.fulfilOrder(orderRef ?? '');
    const shipped = await bench.connection.hydrate(orderRef ?? '', patience());
    expect(shipped.lines[0]).toMatchObject({ ordered: 2, cancelled: 0, shipped: 2 });
    expect(shipped.version).toBeGreaterThan(pending.version);
  });
});
