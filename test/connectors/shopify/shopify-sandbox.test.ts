import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createSandboxControl } from '#connectors/sandbox/control.ts';
import { SET_QUANTITIES } from '#connectors/shopify/documents.ts';
import { type Bench, openBench } from './bench.ts';

const TOKEN = 'sandbox-access-token';

type Answer = {
  readonly data?: {
    readonly inventorySetQuantities: {
      readonly inventoryAdjustmentGroup: object | null;
      readonly userErrors: readonly { code: string; field: string[] }[];
    } | null;
  };
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code: string } }[];
  readonly extensions?: {
    readonly cost: {
      readonly requestedQueryCost: number;
      readonly actualQueryCost: number;
      readonly throttleStatus: { readonly currentlyAvailable: number };
    };
  };
};

async function post(
  url: string,
  body: object,
  token = TOKEN,
): Promise<{ readonly status: number; readonly answer: Answer }> {
  const headers = { 'content-type': 'application/json', 'x-shopify-access-token': token };
  const path = '/admin/api/2026-10/graphql.json';
  const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, answer: (await response.json()) as Answer };
}

async function openShelf(options: Parameters<typeof openBench>[0] = {}) {
  const bench = await openBench(options);
  await bench.control.seed({ listings: ['A', 'B'].map((sku) => ({ sku, shown: 5 })) });
  return bench;
}

type EntryFields = { readonly sku?: string; readonly quantity?: number; readonly changeFromQuantity?: number | null };

function entryOf({ sandbox }: Bench, { sku = 'A', quantity = 7, ...rest }: EntryFields) {
  const { shelf } = sandbox.shop;
  return {
    inventoryItemId: shelf.variantOf(sku)?.itemId,
    locationId: shelf.locations[0]?.id,
    quantity,
    changeFromQuantity: null,
    ...rest,
  };
}

const setCall = (quantities: readonly object[], key = 'k', query = SET_QUANTITIES) => ({
  query,
  variables: { input: { name: 'available', reason: 'correction', quantities }, key },
});

const shownOf = async (bench: Bench) => (await bench.control.levels()).map(({ sku, shown }) => [sku, shown]);

const codesOf = ({ answer }: { readonly answer: Answer }) => [
  ...(answer.errors ?? []).map(({ extensions }) => extensions?.code),
  ...(answer.data?.inventorySetQuantities?.userErrors ?? []).map(({ code, field }) => `${code} ${field.join('.')}`),
];

describe('inventorySetQuantities in the sandbox', () => {
  it('is refused without @idempotent', async () => {
    await using bench = await openShelf();
    const query = SET_QUANTITIES.replace(' @idempotent(key: $key)', '').replace(', $key: String!', '');
    expect(codesOf(await post(bench.sandbox.url, setCall([entryOf(bench, {})], 'k', query)))).toEqual(['BAD_REQUEST']);
    expect(await shownOf(bench)).toEqual([
      ['A', 5],
      ['B', 5],
    ]);
  });

  it('is refused without changeFromQuantity, though null will do', async () => {
    await using bench = await openShelf();
    const { changeFromQuantity, ...bare } = entryOf(bench, {});
    expect(changeFromQuantity).toBeNull();
    expect(codesOf(await post(bench.sandbox.url, setCall([bare])))).toEqual(['INVALID_FIELD_ARGUMENTS']);
    expect(codesOf(await post(bench.sandbox.url, setCall([entryOf(bench, {})])))).toEqual([]);
    expect(await shownOf(bench)).toEqual([
      ['A', 7],
      ['B', 5],
    ]);
  });

  it.each([
    [
      'a stale compare',
      { sku: 'B', changeFromQuantity: 4 },
      'CHANGE_FROM_QUANTITY_STALE input.quantities.1.changeFromQuantity',
    ],
    ['a number below 0', { sku: 'B', quantity: -1 }, 'INVALID_QUANTITY_NEGATIVE input.quantities.1.quantity'],
    [
      'a number too high',
      { sku: 'B', quantity: 1_000_000_001 },
      'INVALID_QUANTITY_TOO_HIGH input.quantities.1.quantity',
    ],
    [
      'the same pair twice',
      { sku: 'A' },
      'NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR input.quantities.1.inventoryItemId',
    ],
  ])('refuses the whole batch for %s', async (_what, fields, code) => {
    await using bench = await openShelf();
    const answer = await post(bench.sandbox.url, setCall([entryOf(bench, {}), entryOf(bench, fields)]));
    expect(codesOf(answer)).toEqual([code]);
    expect(answer.answer.data?.inventorySetQuantities?.inventoryAdjustmentGroup).toBeNull();
    expect(await shownOf(bench)).toEqual([
      ['A', 5],
      ['B', 5],
    ]);
  });

  it('refuses more than 250 entries', async () => {
    await using bench = await openShelf();
    const many = Array.from({ length: 251 }, () => entryOf(bench, {}));
    expect(codesOf(await post(bench.sandbox.url, setCall(many)))).toEqual(['MAX_INPUT_SIZE_EXCEEDED']);
  });

  it('answers a key again without doing it again, and refuses it for anything else', async () => {
    await using bench = await openShelf();
    const call = setCall([entryOf(bench, { changeFromQuantity: 5 })]);
    const first = await post(bench.sandbox.url, call);
    await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 3 }] });
    const again = await post(bench.sandbox.url, call);
    expect(codesOf(again)).toEqual(codesOf(first));
    expect(again.answer.data?.inventorySetQuantities?.inventoryAdjustmentGroup).not.toBeNull();
    expect(await shownOf(bench)).toEqual([
      ['A', 4],
      ['B', 5],
    ]);
    const other = await post(bench.sandbox.url, setCall([entryOf(bench, { quantity: 8 })]));
    expect(codesOf(other)).toEqual(['IDEMPOTENCY_KEY_PARAMETER_MISMATCH input']);
    const { entries } = await bench.control.log();
    expect(entries.filter(({ kind }) => kind === 'applied')).toMatchObject([{ sku: 'A', from: 5, to: 7, by: 'push' }]);
  });
});

describe('the API of the sandbox', () => {
  it('answers 401 without the token', async () => {
    await using bench = await openShelf();
    expect((await post(bench.sandbox.url, { query: '{ locations(first: 1) { nodes { id } } }' }, 'old')).status).toBe(
      401,
    );
  });

  it('validates documents against the schema', async () => {
    await using bench = await openShelf();
    const { status, answer } = await post(bench.sandbox.url, { query: '{ locations(first: 1) { nodes { colour } } }' });
    expect(status).toBe(200);
    expect(answer.errors?.[0]?.message).toContain('colour');
  });

  it('refuses a query that costs more than 1,000 points', async () => {
    await using bench = await openShelf();
    const query = '{ orders(first: 250) { nodes { lineItems(first: 100) { nodes { id } } } } }';
    expect(codesOf(await post(bench.sandbox.url, { query }))).toEqual(['MAX_COST_EXCEEDED']);
  });

  it('tells the cost, takes it from the bucket, and is THROTTLED at HTTP 200 when it is empty', async () => {
    await using bench = await openShelf({ maximumAvailable: 300, restoreRate: 1 });
    const query = '{ locations(first: 250) { nodes { id } } }';
    const first = await post(bench.sandbox.url, { query });
    // One location was found: the rest of the 250 points is given back.
    expect(first.answer.extensions?.cost).toMatchObject({ requestedQueryCost: 250, actualQueryCost: 2 });
    expect(first.answer.extensions?.cost.throttleStatus.currentlyAvailable).toBe(298);
    const wide = '{ locations(first: 250) { nodes { inventoryLevels(first: 2) { nodes { id } } } } }';
    const second = await post(bench.sandbox.url, { query: wide });
    expect(second.status).toBe(200);
    expect(codesOf(second)).toEqual(['THROTTLED']);
  });
});

describe('a shop', () => {
  it('sells only what it shows, line by line, and keeps its books', async () => {
    await using bench = await openShelf();
    const lines = [
      { sku: 'A', quantity: 4 },
      { sku: 'A', quantity: 2 },
      { sku: 'B', quantity: 6 },
      { sku: 'none', quantity: 1 },
    ];
    const { orderRef, lines: placed } = await bench.control.placeOrder({ lines });
    expect(placed.map(({ accepted, shown }) => [accepted, shown])).toEqual([
      [true, 5],
      [false, 1],
      [false, 5],
      [false, 0],
    ]);
    const level = () => [...bench.sandbox.shop.shelf.levels.values()].find(({ variant }) => variant.sku === 'A');
    expect(level()).toMatchObject({ available: 1, committed: 4 });
    await bench.control.fulfilOrder(orderRef ?? '', { lines: [{ sku: 'A', quantity: 1 }] });
    expect(level()).toMatchObject({ available: 1, committed: 3 });
    await bench.control.cancelOrder(orderRef ?? '', { restock: true, lines: [{ sku: 'A', quantity: 2 }] });
    expect(level()).toMatchObject({ available: 3, committed: 1 });
    expect(await bench.control.placeOrder({ lines: [{ sku: 'B', quantity: 6 }] })).toMatchObject({ orderRef: null });
    expect((await bench.control.orders()).orders[0]?.lines).toMatchObject([{ ordered: 4, cancelled: 2, shipped: 1 }]);
  });

  it('takes the same order once', async () => {
    await using bench = await openShelf();
    const order = { orderId: 'web-1', lines: [{ sku: 'A', quantity: 2 }] };
    expect(await bench.control.placeOrder(order)).toEqual(await bench.control.placeOrder(order));
    expect(await shownOf(bench)).toEqual([
      ['A', 3],
      ['B', 5],
    ]);
  });
});

/** Refuses the first deliveries, then takes them. */
async function openReceiver(refusals: number) {
  const bodies: string[] = [];
  const taken = Promise.withResolvers<void>();
  const server = createServer((message, response) => {
    let body = '';
    message.on('data', (chunk) => {
      body += String(chunk);
    });
    message.on('end', () => {
      bodies.push(body);
      response.statusCode = bodies.length > refusals ? 200 : 503;
      response.end();
      if (bodies.length > refusals) taken.resolve();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`;
  return {
    url,
    bodies,
    taken: taken.promise,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a webhook', () => {
  it('is sent again, byte by byte, until it is taken; with the fields that were asked for and no others', async () => {
    await using receiver = await openReceiver(2);
    await using bench = await openShelf();
    bench.sandbox.webhooks.create('ORDERS_CREATE', { uri: receiver.url, includeFields: ['id', 'updated_at'] });
    await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 1 }] });
    await receiver.taken;
    expect(receiver.bodies).toHaveLength(3);
    expect(new Set(receiver.bodies).size).toBe(1);
    expect(Object.keys(JSON.parse(receiver.bodies[0] ?? '{}') as object)).toEqual(['id', 'updated_at']);
  });

  it('tells the state at sending: a burst of one level comes as one, with the last number', async () => {
    await using receiver = await openReceiver(0);
    await using bench = await openShelf({ levelCoalesceMs: 50 });
    bench.sandbox.webhooks.create('INVENTORY_LEVELS_UPDATE', { uri: receiver.url });
    for (let sold = 0; sold < 3; sold += 1) await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 1 }] });
    await receiver.taken;
    expect(receiver.bodies.map((body) => (JSON.parse(body) as { available: number }).available)).toEqual([2]);
  });
});

describe('the process', () => {
  it('says where it listens, and ends on SIGTERM', async () => {
    const main = new URL('../../../connectors/shopify/sandbox/main.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [main, JSON.stringify({ shop: 'p.myshopify.com' })], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { url } = JSON.parse(line.toString('utf8')) as { readonly url: string };
    expect(await createSandboxControl(url).stats()).toMatchObject({ apiCalls: 0, orders: 0 });
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
  });
});
