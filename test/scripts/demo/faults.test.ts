/** Faults on purpose: when they strike, and how Redis is flushed without its client. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startFakeSandbox } from '#connectors/fake/sandbox/index.ts';
import { createSandboxControl, type SandboxControl } from '#connectors/sandbox/control.ts';
import type { SandboxFaultsInput } from '#connectors/sandbox/faults.ts';
import { CHANNELS } from '#scripts/demo/brand.ts';
import { chooseMoments, flushRedis, startChaos } from '#scripts/demo/faults.ts';

describe('moments', () => {
  it('are different, come from the seed alone, and leave work before and after', () => {
    const moments = chooseMoments(5, 1000, 7);
    expect(moments.size).toBe(5);
    expect(chooseMoments(5, 1000, 7)).toEqual(moments);
    expect(chooseMoments(5, 1000, 8)).not.toEqual(moments);
    for (const moment of moments) {
      expect(moment).toBeGreaterThanOrEqual(50);
      expect(moment).toBeLessThan(950);
    }
  });

  it('are as many as there is room for', () => {
    expect(chooseMoments(50, 4, 1).size).toBe(3);
    expect(chooseMoments(0, 1000, 1).size).toBe(0);
  });
});

describe('chaos', () => {
  it('strikes the chosen channel alone, and ends', async () => {
    const sandboxes = await Promise.all(
      ['a', 'b'].map(() => startFakeSandbox({ accessToken: 'token', webhookSecret: 'secret' })),
    );
    const [a, b] = sandboxes.map(({ url }) => createSandboxControl(url));
    if (a === undefined || b === undefined) throw new Error('two sandboxes were started');
    const end = await startChaos(
      new Map([
        ['shopify:a', a],
        ['shopify:b', b],
      ]),
      'shopify:a',
      5,
    );
    const call = async (url: string) => (await fetch(`${url}/v1/orders`).catch(() => ({ status: 0 }))).status;
    const ask = async (url: string) => new Set(await Promise.all(Array.from({ length: 300 }, () => call(url))));
    const [hit, spared] = [await ask(a.url), await ask(b.url)];
    expect([...hit]).toContain(503);
    expect([...spared]).toEqual([401]);
    await end();
    expect([...(await ask(a.url))]).toEqual([401]);
    await Promise.all(sandboxes.map((sandbox) => sandbox.close()));
  });
});

describe('chaos on all', () => {
  it('means at each platform what can go wrong there, each from a seed of its own', async () => {
    const set = new Map<string, SandboxFaultsInput>();
    const control = (id: string) =>
      ({
        setFaults: async (faults: SandboxFaultsInput) => void set.set(id, faults),
      }) as unknown as SandboxControl;
    const end = await startChaos(new Map(CHANNELS.map(({ id }) => [id, control(id)])), 'all', 7);
    expect([...set].map(([id, { seed }]) => [id, seed])).toEqual(CHANNELS.map(({ id }, index) => [id, 7 + index]));
    expect(set.get('shopify:main')?.dropWebhook).toBeGreaterThan(0);
    expect(set.get('amazon:uk')?.lateApply).toBeGreaterThan(0);
    expect(set.get('edi:department-store')?.brokenInterchange).toBeGreaterThan(0);
    await end();
    expect([...set.values()]).toEqual(CHANNELS.map(() => ({})));
  });
});

describe('flushing Redis', () => {
  const listen = async (answer: string) => {
    const said: string[] = [];
    const server = createServer((socket) => {
      socket.on('data', (data: Buffer) => {
        said.push(data.toString('utf8'));
        socket.write(answer);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { said, server, port: (server.address() as AddressInfo).port };
  };

  it('logs in where the URL has a password, then flushes', async () => {
    const { said, server, port } = await listen('+OK\r\n');
    await flushRedis(`redis://user:p%40ss@127.0.0.1:${port}/0`);
    expect(said).toEqual(['*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$4\r\np@ss\r\n', '*1\r\n$8\r\nFLUSHALL\r\n']);
    server.close();
  });

  it('tells what Redis said when it refuses', async () => {
    const { server, port } = await listen('-NOAUTH Authentication required.\r\n');
    await expect(flushRedis(`redis://127.0.0.1:${port}`)).rejects.toThrow('refused FLUSHALL: -NOAUTH');
    server.close();
  });
});
