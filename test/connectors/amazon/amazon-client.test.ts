/** What the SDK would do and must not: the wrapping of amazon-sp-api, over a fetch that answers what the test says. */
import { expect, it } from 'vitest';
import { ratesInMemory } from '#connectors/conformance/rates.ts';
import type { SharedRates } from '#connectors/connector.ts';
import { Credential, Throttled, Transient } from '#core/errors.ts';
import { type Canned, keyOf, openCanned, patience, SECRETS, SETTINGS, type Told } from './bench.ts';

const NOTHING: Canned = { body: { numberOfResults: 0, items: [] } };
const ENDED: Canned = {
  status: 403,
  body: {
    errors: [{ code: 'Unauthorized', message: 'no', details: 'The access token you provided has expired.' }],
  },
};

const itemOf = (sku: string) => ({
  sku,
  fulfillmentAvailability: [{ fulfillmentChannelCode: 'DEFAULT', quantity: 3 }],
});

it('asks for one token for all callers of the first moment, and keeps it', async () => {
  const { connection, sent, granted } = openCanned(() => NOTHING);
  await Promise.all(Array.from({ length: 4 }, () => connection.scan(null, patience())));
  await connection.scan(null, patience());
  expect([granted.length, sent.length]).toEqual([1, 5]);
  expect(sent.map(({ headers }) => headers.get('x-amz-access-token'))).toEqual(Array(5).fill('Atza|one'));
  expect(granted[0]?.url.href).toBe('https://api.amazon.com/auth/o2/token');
  expect(JSON.parse(granted[0]?.body ?? '')).toEqual({
    grant_type: 'refresh_token',
    client_id: SECRETS.CLIENT_ID,
    client_secret: SECRETS.CLIENT_SECRET,
    refresh_token: SECRETS.REFRESH_TOKEN,
  });
});

it('renews the token before it ends', async () => {
  let now = 1_000_000;
  const { connection, granted } = openCanned(() => NOTHING, { now: () => now });
  await connection.scan(null, patience());
  now += 49 * 60_000;
  await connection.scan(null, patience());
  expect(granted).toHaveLength(1);
  now += 2 * 60_000;
  await connection.scan(null, patience());
  expect(granted).toHaveLength(2);
});

it('gets a new token after one that ended, and repeats no call by itself', async () => {
  const answers: Canned[] = [ENDED, NOTHING];
  const { connection, sent, granted } = openCanned(() => answers.shift() ?? NOTHING);
  await expect(connection.scan(null, patience())).rejects.toThrow(Transient);
  expect(sent).toHaveLength(1);
  await connection.scan(null, patience());
  expect([sent.length, granted.length]).toEqual([2, 2]);
});

it('stops the channel at a revoked refresh token, without a word of its secrets', async () => {
  const grant = () => ({ status: 400, body: { error: 'invalid_grant', error_description: 'revoked' } });
  const { connection, sent } = openCanned(() => NOTHING, { grant });
  const fault = await connection.scan(null, patience()).catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(Credential);
  for (const secret of Object.values(SECRETS)) expect(String(fault)).not.toContain(secret);
  expect(sent).toHaveLength(0);
});

it('tries a token again after an outage of Login with Amazon', async () => {
  const grants: Canned[] = [{ status: 503, body: '<html>' }];
  const grant = (): Canned => grants.shift() ?? { body: { access_token: 'Atza|two', expires_in: 3600 } };
  const { connection } = openCanned(() => NOTHING, { grant });
  await expect(connection.scan(null, patience())).rejects.toThrow(Transient);
  await expect(connection.scan(null, patience())).resolves.toMatchObject({ cursor: null });
});

it('encodes a SKU once, on every call anew', async () => {
  const sku = 'A B/1,ü(x)';
  const { connection, sent } = openCanned(() => ({ body: itemOf(sku) }));
  const key = keyOf(sku);
  await connection.observe([key], patience());
  const [again] = await connection.observe([key], patience());
  expect(sent.map(({ url }) => url.pathname)).toEqual(
    Array(2).fill(`/listings/2021-08-01/items/${SETTINGS.sellerId}/A%20B%2F1%2C%C3%BC%28x%29`),
  );
  expect(again).toMatchObject({ listingRef: sku, shown: 3 });
});

it('speaks the pinned versions, to the host of its region', async () => {
  const { connection, sent } = openCanned(({ url }) =>
    url.pathname.startsWith('/orders') ? { body: { orders: [] } } : NOTHING,
  );
  await connection.fetchOrdersSince(null, patience());
  await connection.scan(null, patience());
  expect(sent.map(({ url }) => `${url.origin}${url.pathname}`)).toEqual([
    'https://sellingpartnerapi-eu.amazon.com/orders/2026-01-01/orders',
    `https://sellingpartnerapi-eu.amazon.com/listings/2021-08-01/items/${SETTINGS.sellerId}`,
  ]);
});

it('sends a throttled call once, and no other before its time', async () => {
  let now = 1_000_000;
  const { connection, sent } = openCanned(
    () => ({ status: 429, body: '', headers: { 'x-amzn-RateLimit-Limit': '2' } }),
    {
      now: () => now,
    },
  );
  const waitOf = async (): Promise<number> => {
    const fault = await connection.scan(null, patience()).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Throttled);
    return (fault as Throttled).retryAt - now;
  };
  expect(await waitOf()).toBe(500);
  expect(await waitOf()).toBe(500);
  expect(sent).toHaveLength(1);
  now += 500;
  expect(await waitOf()).toBe(1000);
  expect(sent).toHaveLength(2);
});

it('obeys Retry-After where it comes', async () => {
  const { connection } = openCanned(() => ({ status: 429, body: '', headers: { 'retry-after': '7' } }), {
    now: () => 0,
  });
  await expect(connection.scan(null, patience())).rejects.toMatchObject({ code: 'throttled', retryAt: 7000 });
});

it('holds calls back by the published rate of their own operation', async () => {
  let now = 1_000_000;
  const { connection, sent } = openCanned(() => ({ body: { orders: [] } }), { now: () => now });
  for (let burst = 0; burst < 20; burst += 1) await connection.fetchOrdersSince(null, patience());
  const fault = await connection.fetchOrdersSince(null, patience()).catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(Throttled);
  // One search in three minutes (0.0056 a second), at nine tenths of it.
  expect((fault as Throttled).retryAt - now).toBe(Math.ceil(1000 / (0.0056 * 0.9)));
  now = (fault as Throttled).retryAt;
  await connection.fetchOrdersSince(null, patience());
  expect(sent).toHaveLength(21);
});

it("shares a seller's buckets between its channels, and with nobody else", async () => {
  const rates = ratesInMemory();
  const open = (settings: object = {}) =>
    openCanned(() => ({ body: { orders: [] } }), { now: () => 1_000_000, rates, settings }).connection;
  const [uk, de] = [open(), open({ marketplaceId: 'A1PA6795UKMFR9' })];
  const search = (connection: typeof uk) => connection.fetchOrdersSince(null, patience());
  for (let burst = 0; burst < 10; burst += 1) await Promise.all([search(uk), search(de)]);
  for (const connection of [uk, de]) await expect(search(connection)).rejects.toThrow(Throttled);
  await expect(search(open({ sellerId: 'A1ANOTHERSELLER' }))).resolves.toMatchObject({ complete: true });
});

it('keeps the outcome of a call whose rate could not be noted', async () => {
  const told: Told[] = [];
  let isReachable = true;
  const memory = ratesInMemory();
  const rates: SharedRates = {
    change: (key, next) =>
      isReachable ? memory.change(key, next) : Promise.reject(new Transient('the database is away')),
  };
  const { connection } = openCanned(
    () => {
      isReachable = false;
      return { ...NOTHING, headers: { 'x-amzn-RateLimit-Limit': '2' } };
    },
    { rates, told },
  );
  await expect(connection.scan(null, patience())).resolves.toMatchObject({ cursor: null });
  expect(told.map(({ message }) => message)).toEqual(['what Amazon told of its rate could not be noted']);
  // Without a token nothing is sent.
  await expect(connection.scan(null, patience())).rejects.toThrow(Transient);
});
