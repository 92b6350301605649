import nock from 'nock';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createFetch } from '#connectors/http.ts';
import { openClient } from '#connectors/shopify/client.ts';
import { connector } from '#connectors/shopify/index.ts';
import { settingsSchema } from '#connectors/shopify/settings.ts';
import { Credential, Throttled, Transient } from '#core/errors.ts';
import { contextOn, openBench, patience, SECRETS, SHOP, type Told } from './bench.ts';

const asked = (document: string) => ({ document, variables: {}, answer: z.object({ ok: z.boolean() }) });

const paid = (requestedQueryCost: number, currentlyAvailable: number): Response =>
  Response.json({
    data: { ok: true },
    extensions: {
      cost: { requestedQueryCost, throttleStatus: { maximumAvailable: 1_000, currentlyAvailable, restoreRate: 100 } },
    },
  });

afterAll(() => nock.restore());

describe('settings', () => {
  it.each([
    [{ shop: 'acme.example.com' }],
    [{ shop: SHOP, endpoint: 'http://192.0.2.7:80' }],
    [{ shop: SHOP, endpoint: 'http://127.0.0.1:80/path' }],
    [{ shop: SHOP, apiVersion: '2025-01' }],
    [{ shop: SHOP, pollOverlap: -1 }],
    [{ shop: SHOP, password: 'x' }],
  ])('refuses %j', (settings) => {
    expect(settingsSchema.safeParse(settings).success).toBe(false);
  });

  it('sends plain http to this machine alone, https anywhere', () => {
    for (const endpoint of [
      'http://127.0.0.1:8080',
      'http://localhost:1',
      'http://[::1]:1',
      'https://proxy.example.com',
    ]) {
      expect(settingsSchema.safeParse({ shop: SHOP, endpoint }).success).toBe(true);
    }
  });

  it('carry the overlap of the poll into the capabilities', () => {
    const { capabilities } = connector;
    if (typeof capabilities !== 'function') throw new Error('capabilities follow the settings');
    expect(capabilities({ shop: SHOP, pollOverlap: 30 }).pollOverlapMs).toBe(30_000);
    expect(capabilities({ shop: SHOP }).pollOverlapMs).toBe(900_000);
  });
});

describe('several shops in one process', () => {
  it('each speak on their own line, also side by side and under one name', async () => {
    await using one = await openBench({ shop: 'same.myshopify.com', accessToken: 'one' });
    await using two = await openBench({ shop: 'same.myshopify.com', accessToken: 'two' });
    await one.control.seed({ locations: [{ name: 'Leeds' }], listings: [] });
    await two.control.seed({ locations: [{ name: 'Genoa' }], listings: [] });
    const ask = async (bench: typeof one, token: string) => {
      const connection = bench.open({}, { secrets: { ...SECRETS, ACCESS_TOKEN: token } });
      return (await connection.discoverLocations(patience())).map(({ name }) => name);
    };
    const rounds = Array.from({ length: 10 }, () => [ask(one, 'one'), ask(two, 'two')]).flat();
    const answers = await Promise.all(rounds);
    expect(answers.filter((_, index) => index % 2 === 0).flat()).toEqual(Array(10).fill('Leeds'));
    expect(answers.filter((_, index) => index % 2 === 1).flat()).toEqual(Array(10).fill('Genoa'));
  });

  it('go to https://SHOP where no endpoint is set, with the token and nothing more', async () => {
    const settings = settingsSchema.parse({ shop: SHOP });
    const scope = nock(`https://${SHOP}`, { reqheaders: { 'x-shopify-access-token': 'sandbox-access-token' } })
      .post('/admin/api/2026-10/graphql.json', { query: 'query A { ok }', variables: {} })
      .reply(200, { data: { ok: true } }, { 'content-type': 'application/json' });
    const fetch = createFetch({ allowedHosts: connector.hosts(settings), deadlineMs: 5_000, maxBytes: 65_536 });
    const answer = openClient(settings, contextOn(fetch)).read(asked('query A { ok }'), patience());
    await expect(answer).resolves.toEqual({ ok: true });
    scope.done();
  });
});

describe('client credentials', () => {
  it('fetch one token for all callers, and a new one before it ends', async () => {
    const calls: string[] = [];
    let now = 1_795_471_000_000;
    const fetch = (input: string | URL | Request, init?: RequestInit) => {
      const path = new URL(input instanceof Request ? input.url : input).pathname;
      const token = new Headers(init?.headers).get('x-shopify-access-token');
      calls.push(path.includes('oauth') ? 'grant' : `call with ${token}`);
      if (!path.includes('oauth')) return Promise.resolve(paid(1, 1_000));
      const granted = calls.filter((call) => call === 'grant').length;
      return Promise.resolve(Response.json({ access_token: `t${granted}`, scope: 'read_orders', expires_in: 86_399 }));
    };
    const settings = settingsSchema.parse({ shop: SHOP, auth: 'clientCredentials' });
    const client = openClient(settings, contextOn(fetch, { now: () => now }));
    const call = () => client.read(asked('query A { ok }'), patience());
    await Promise.all([call(), call(), call()]);
    expect(calls).toEqual(['grant', 'call with t1', 'call with t1', 'call with t1']);
    // The SDK reckons the end of a token by the real clock.
    now = Date.now() + 86_200_000;
    await call();
    expect(calls.slice(4)).toEqual(['grant', 'call with t2']);
  });

  it('work against the sandbox, and are Credential when they are wrong', async () => {
    await using bench = await openBench();
    const settings = { auth: 'clientCredentials' };
    expect(await bench.open(settings).discoverLocations(patience())).toEqual([]);
    const wrong = bench.open(settings, { secrets: { ...SECRETS, CLIENT_SECRET: 'old' } });
    await expect(wrong.discoverLocations(patience())).rejects.toThrow(Credential);
  });

  it('ask anew after Shopify refused the token', async () => {
    await using bench = await openBench();
    await bench.control.seed({ listings: [] });
    const connection = bench.open({ auth: 'clientCredentials' });
    await connection.discoverLocations(patience());
    await bench.control.setFaults({ refuseCredential: 1 });
    await expect(connection.discoverLocations(patience())).rejects.toThrow(Credential);
    await bench.control.setFaults({});
    expect(await connection.discoverLocations(patience())).toHaveLength(1);
  });

  it('leave a caller that gives up while the token is fetched', async () => {
    const settings = settingsSchema.parse({ shop: SHOP, auth: 'clientCredentials' });
    const never = Promise.withResolvers<Response>();
    const client = openClient(
      settings,
      contextOn(() => never.promise),
    );
    const caller = new AbortController();
    const call = client.write(asked('mutation A { ok }'), caller.signal);
    caller.abort();
    await expect(call).rejects.toThrow(Transient);
    never.resolve(Response.json({ access_token: 't', scope: '', expires_in: 60 }));
  });
});

describe('the cost budget', () => {
  const NOW = 1_795_471_000_000;

  function openPaid(answers: Response[]) {
    let now = NOW;
    let sent = 0;
    const fetch = () => {
      sent += 1;
      return Promise.resolve(answers.shift() ?? paid(50, 1_000));
    };
    const client = openClient(settingsSchema.parse({ shop: SHOP }), contextOn(fetch, { now: () => now }));
    return {
      client,
      sent: () => sent,
      wait: (ms: number) => {
        now += ms;
      },
    };
  }

  it('throws Throttled with the moment, instead of sending what the bucket cannot pay', async () => {
    const { client, sent, wait } = openPaid([paid(400, 100)]);
    const call = () => client.read(asked('query Big { ok }'), patience());
    await call();
    const fault = await call().catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Throttled);
    // 400 and the 200 that writes keep, less the 100 that are left, at 100 a second.
    expect((fault as Throttled).retryAt).toBe(NOW + 5_000);
    expect(sent()).toBe(1);
    wait(5_000);
    await call();
    expect(sent()).toBe(2);
  });

  it('keeps a share for writes', async () => {
    const { client, sent } = openPaid([paid(50, 200), paid(10, 190)]);
    await client.read(asked('query Small { ok }'), patience());
    await expect(client.read(asked('query Small { ok }'), patience())).rejects.toThrow(Throttled);
    await client.write(asked('mutation Set { ok }'), patience());
    expect(sent()).toBe(2);
  });

  it('lets a query through that costs nearly the whole bucket', async () => {
    const { client, sent } = openPaid([paid(950, 1_000)]);
    await client.read(asked('query Huge { ok }'), patience());
    await client.read(asked('query Huge { ok }'), patience());
    expect(sent()).toBe(2);
  });

  it('is Throttled by the sandbox too, at HTTP 200', async () => {
    await using bench = await openBench({ maximumAvailable: 300, restoreRate: 1 });
    await bench.control.seed({ listings: [] });
    await bench.connection.discoverLocations(patience());
    await expect(bench.open().scan(null, patience())).rejects.toThrow(Throttled);
  });
});

describe('the version of the API', () => {
  it('is told once when Shopify serves another than asked', async () => {
    await using bench = await openBench();
    const told: Told[] = [];
    const connection = bench.open({ apiVersion: '2026-07' }, { told });
    await connection.discoverLocations(patience());
    await connection.discoverLocations(patience());
    expect(told.map(({ fields }) => fields)).toEqual([{ asked: '2026-07', served: '2026-10' }]);
  });
});

it('knows the page of an order, and of nothing else', () => {
  const { orderLink } = connector.open(
    { shop: SHOP },
    contextOn(() => Promise.reject(new Error('nobody is called'))),
  );
  expect(orderLink?.('gid://shopify/Order/820982911946154508')).toBe(`https://${SHOP}/admin/orders/820982911946154508`);
  expect(orderLink?.('gid://shopify/Product/1')).toBeNull();
});
