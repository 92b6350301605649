/** The scripted partner and its connector, beyond what the conformance kit shows of every connector. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test } from 'vitest';
import { ratesInMemory } from '#connectors/conformance/rates.ts';
import type { ChannelConnection } from '#connectors/connector.ts';
import { connector } from '#connectors/fake/index.ts';
import { startFakeSandbox } from '#connectors/fake/sandbox/index.ts';
import { createFetch } from '#connectors/http.ts';
import { createSandboxControl, type SandboxControl } from '#connectors/sandbox/control.ts';

const SECRETS: Readonly<Record<string, string>> = { ACCESS_TOKEN: 'token', WEBHOOK_SECRET: 'secret' };
const signal = AbortSignal.timeout(60_000);
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

type Settings = Readonly<Record<string, string | boolean>>;

function open(endpoint: string, settings: Settings = {}): ChannelConnection {
  const whole = { endpoint, ...settings };
  return connector.open(whole, {
    channelId: 'fake:test',
    secret: (name) => SECRETS[name] ?? '',
    now: () => Date.now(),
    fetch: createFetch({ allowedHosts: connector.hosts(whole), deadlineMs: 5000, maxBytes: 1_000_000 }),
    rates: ratesInMemory(),
    log: { info: () => undefined, warn: () => undefined },
  });
}

async function start(settings: Settings = {}): Promise<{ control: SandboxControl; connection: ChannelConnection }> {
  const sandbox = await startFakeSandbox({ accessToken: 'token', webhookSecret: 'secret', ...settings });
  closers.push(() => sandbox.close());
  return { control: createSandboxControl(sandbox.url), connection: open(sandbox.url, settings) };
}

const stock = (listings: Readonly<Record<string, number>>) => ({
  listings: Object.entries(listings).map(([sku, shown]) => ({ sku, shown })),
});

describe('settings', () => {
  test('are strict, and name what is wrong', () => {
    const read = (settings: object) => connector.settings.safeParse({ endpoint: 'http://127.0.0.1:1', ...settings });
    expect(read({}).success).toBe(true);
    expect(read({ basis: 'onhand' }).error?.issues[0]?.path).toEqual(['basis']);
    expect(read({ tickets: true }).error?.issues[0]).toMatchObject({ code: 'unrecognized_keys', keys: ['tickets'] });
    expect(read({ endpoint: 'ftp://127.0.0.1' }).success).toBe(false);
    expect(connector.hosts({ endpoint: 'http://127.0.0.1:8080' })).toEqual(['127.0.0.1:8080']);
  });

  test('decide the capabilities', () => {
    const { capabilities } = connector;
    if (typeof capabilities !== 'function') throw new Error('the fake connector has capabilities by settings');
    const endpoint = 'http://127.0.0.1:1';
    expect(capabilities({ endpoint, compareAndSet: false, ticket: true, basis: 'onHandLessOwnOpen' })).toMatchObject({
      quantityBasis: 'onHandLessOwnOpen',
      writeProtection: ['none'],
      lanes: [{ id: 'ticket', async: true }],
      pollOverlapMs: 2000,
    });
  });
});

describe('the partner sells only what it shows', () => {
  test('line by line, and an order without an accepted line does not come to be', async () => {
    const { control } = await start();
    await control.seed(stock({ A: 5, B: 1 }));
    const lines = [
      { sku: 'A', quantity: 3 },
      { sku: 'B', quantity: 2 },
    ];
    const first = await control.placeOrder({ orderId: 'one', lines });
    expect(first.lines).toEqual([
      { sku: 'A', quantity: 3, accepted: true, shown: 5 },
      { sku: 'B', quantity: 2, accepted: false, shown: 1 },
    ]);
    expect(first.orderRef).not.toBeNull();
    expect(await control.placeOrder({ orderId: 'one', lines })).toEqual(first);
    const second = await control.placeOrder({ lines });
    expect(second).toMatchObject({
      orderRef: null,
      lines: [
        { accepted: false, shown: 2 },
        { accepted: false, shown: 1 },
      ],
    });
    const { orders } = await control.orders();
    expect(orders).toMatchObject([{ displayRef: 'one', lines: [{ sku: 'A', ordered: 3 }] }]);
    const { entries } = await control.log();
    expect(entries.map(({ kind, n }) => [kind, n])).toEqual([
      ['placement', 1],
      ['placement', 2],
    ]);
  });

  test('on onHandLessOwnOpen a shipment frees what the number does not yet lack', async () => {
    const { control } = await start({ basis: 'onHandLessOwnOpen' });
    await control.seed(stock({ A: 5 }));
    const { orderRef } = await control.placeOrder({ lines: [{ sku: 'A', quantity: 4 }] });
    const refused = await control.placeOrder({ lines: [{ sku: 'A', quantity: 2 }] });
    expect(refused.lines[0]).toMatchObject({ accepted: false, shown: 1 });
    await control.fulfilOrder(orderRef ?? '');
    expect(await control.levels()).toMatchObject([{ shown: 5, reserved: 0, sellable: 5 }]);
  });

  test('cancelled units return to the shelf when they are restocked', async () => {
    const { control } = await start();
    await control.seed(stock({ A: 5, B: 5 }));
    const place = async (sku: string) => (await control.placeOrder({ lines: [{ sku, quantity: 4 }] })).orderRef ?? '';
    await control.cancelOrder(await place('A'), { restock: true, lines: [{ sku: 'A', quantity: 3 }] });
    await control.cancelOrder(await place('B'), { restock: false });
    expect((await control.levels()).map(({ shown }) => shown)).toEqual([4, 1]);
  });
});

describe('the connector', () => {
  test('refuses a topic that it did not subscribe to, and a cursor that is not its own', async () => {
    const { connection } = await start();
    const inbound = { topic: 'prices/changed', rawBody: Buffer.from('{}'), receivedAt: 0 };
    await expect(connection.parse(inbound)).rejects.toMatchObject({
      code: 'rejected',
      field: 'topic',
      value: 'prices/changed',
    });
    await expect(connection.fetchOrdersSince('{"since":-1}', signal)).rejects.toMatchObject({
      code: 'rejected',
      field: 'since',
    });
  });

  test('rings for a listing whose number was changed by hand', async () => {
    const { connection } = await start();
    const rawBody = Buffer.from('{"listing":9007199254750001,"location":"L1"}');
    expect(await connection.parse({ topic: 'levels/changed', rawBody, receivedAt: 0 })).toEqual({
      orders: [],
      refs: [],
      levels: [{ listingRef: '9007199254750001', locationRef: 'L1', shown: null }],
    });
  });

  test('reads a paused listing as not buyable, whatever its number', async () => {
    const level = { listing: 1, location: 'L1', status: 'paused', number: 9, reserved: 0 };
    const connection = connector.open(
      { endpoint: 'http://partner.example' },
      {
        channelId: 'fake:test',
        secret: () => 'token',
        now: () => 0,
        fetch: async () => Response.json({ levels: [level], clock: 5 }),
        rates: ratesInMemory(),
        log: { info: () => undefined, warn: () => undefined },
      },
    );
    const observed = await connection.observe([{ listingRef: '1', locationRef: 'L1', data: {} }], signal);
    expect(observed).toMatchObject([{ state: 'notBuyable', sellable: 0, shown: 9, asOf: 5 }]);
  });

  test('tells how far back the partner keeps orders', async () => {
    const sandbox = await startFakeSandbox({ accessToken: 'token', webhookSecret: 'secret', historyKeptMs: 60_000 });
    closers.push(() => sandbox.close());
    const { reachesBackTo } = await open(sandbox.url).fetchOrdersSince(null, signal);
    expect(Math.abs((reachesBackTo ?? 0) - (Date.now() - 60_000))).toBeLessThan(5000);
  });
});

const MAIN = join(import.meta.dirname, '../../connectors/fake/sandbox/main.ts');

function startProcess(options: object): ChildProcess {
  const child = spawn(process.execPath, [MAIN, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'pipe'] });
  closers.push(async () => void child.kill('SIGKILL'));
  return child;
}

describe('the sandbox as a process', () => {
  test('says where it listens, serves, and ends at SIGTERM', async () => {
    const child = startProcess({ accessToken: 'token', webhookSecret: 'secret' });
    if (child.stdout === null) throw new Error('stdout is piped');
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const control = createSandboxControl((JSON.parse(line) as { url: string }).url);
    await control.seed(stock({ A: 1 }));
    expect(await control.stats()).toMatchObject({ apiCalls: 0, orders: 0 });
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });

  test('names a wrong option and exits 1', async () => {
    const child = startProcess({ accessToken: 'token', webhookSecret: 'secret', basis: 'onhand' });
    if (child.stderr === null) throw new Error('stderr is piped');
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(said).toContain('basis');
  });
});
