/** What both sandboxes stand on: seeded faults, webhook delivery, the control API's manners. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startFakeSandbox } from '#connectors/fake/sandbox/index.ts';
import { createDelivery } from '#connectors/sandbox/delivery.ts';
import { createFaultDice, createRandom, type SandboxFaultsInput } from '#connectors/sandbox/faults.ts';

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

describe('the seeded generator', () => {
  test('gives the same numbers for the same seed, from 0 to below 1', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const [a, b] = [createRandom(seed), createRandom(seed)];
        const drawn = Array.from({ length: 50 }, () => a());
        expect(Array.from({ length: 50 }, () => b())).toEqual(drawn);
        expect(drawn.every((x) => x >= 0 && x < 1)).toBe(true);
        expect(new Set(drawn).size).toBeGreaterThan(40);
      }),
    );
  });

  test('faults repeat with their seed, and none is drawn that is off', () => {
    const draw = (seed: number) => {
      const dice = createFaultDice({ seed, throttle: 0.3, timeoutAfterApply: 0.3 });
      return Array.from({ length: 200 }, () => dice.rollCall());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(new Set(draw(7))).toEqual(new Set(['none', 'throttle', 'timeoutAfterApply']));
    expect(createFaultDice().rollCall()).toBe('none');
  });
});

/** Answers the given statuses in turn, then 200, and keeps what came. */
async function receive(statuses: number[]) {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString());
      response.writeHead(statuses.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

function deliver(faults: SandboxFaultsInput) {
  const delivery = createDelivery({ dice: createFaultDice(faults), headersOf: () => ({}) });
  closers.push(() => delivery.close());
  return delivery;
}

const event = (id: number) => ({ id: String(id), topic: 'orders/changed', body: `{"event":${id}}` });

describe('webhook delivery', () => {
  test('goes on until the receiver answers 2xx', async () => {
    const { bodies, url } = await receive([500, 401]);
    const delivery = deliver({});
    delivery.send(event(1), url);
    await vi.waitFor(() => expect(delivery.stats.webhooksSent).toBe(1), 5000);
    expect(bodies).toEqual(Array.from({ length: 3 }, () => '{"event":1}'));
    expect(delivery.stats).toEqual({ webhooksSent: 1, webhooksFailed: 2, webhooksDropped: 0, webhooksPending: 0 });
  });

  test('drops, doubles and holds back by the dice', async () => {
    const { bodies, url } = await receive([]);
    const dropping = deliver({ dropWebhook: 1 });
    dropping.send(event(1), url);
    expect(dropping.stats).toMatchObject({ webhooksDropped: 1, webhooksPending: 0 });
    const doubling = deliver({ duplicateWebhook: 1, reorderWebhook: 0.5, seed: 3 });
    for (let id = 1; id <= 10; id += 1) doubling.send(event(id), url);
    await vi.waitFor(() => expect(doubling.stats.webhooksSent).toBe(20), 5000);
    const counts = [...Map.groupBy(bodies, (body) => body).values()].map((same) => same.length);
    expect(counts).toEqual(Array.from({ length: 10 }, () => 2));
    expect(bodies).not.toEqual([...bodies].sort((a, b) => a.length - b.length || a.localeCompare(b)));
  });

  test('sends nothing after close', async () => {
    const { bodies, url } = await receive([]);
    const delivery = deliver({ delayWebhookMs: 600_000 });
    delivery.send(event(1), url);
    delivery.close();
    delivery.send(event(2), url);
    expect(delivery.stats.webhooksPending).toBe(0);
    expect(bodies).toEqual([]);
  });
});

describe('the control API', () => {
  test('names what is wrong with a request', async () => {
    const sandbox = await startFakeSandbox({ accessToken: 'token', webhookSecret: 'secret' });
    closers.push(() => sandbox.close());
    const post = async (path: string, body: unknown) => {
      const response = await fetch(`${sandbox.url}/sandbox${path}`, { method: 'POST', body: JSON.stringify(body) });
      return [response.status, await response.text()] as const;
    };
    const order = { lines: [{ sku: 'A', quantity: 0 }] };
    expect(await post('/orders', order)).toEqual([422, expect.stringContaining('lines[0].quantity')]);
    expect(await post('/faults', { thottle: 1 })).toEqual([422, expect.stringContaining('thottle')]);
    expect(await post('/orders', { lines: [{ sku: 'A', quantity: 1 }] })).toEqual([
      409,
      expect.stringContaining('no A'),
    ]);
    expect(await post('/orders/1/cancel', { restock: true })).toEqual([409, expect.stringContaining('no order 1')]);
    expect(await post('/nowhere', {})).toEqual([404, expect.stringContaining('POST /nowhere')]);
  });
});
