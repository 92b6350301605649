/** The sandbox keeps Amazon's own rules: tokens, buckets, quantities that fall by themselves, PENDING, HTML. */
import { expect, it } from 'vitest';
import { openBench, patience, SECRETS, SETTINGS } from './bench.ts';

async function tokenOf(url: string): Promise<string> {
  const body = {
    grant_type: 'refresh_token',
    client_id: SECRETS.CLIENT_ID,
    client_secret: SECRETS.CLIENT_SECRET,
    refresh_token: SECRETS.REFRESH_TOKEN,
  };
  const response = await fetch(`${url}/auth/o2/token`, { method: 'POST', body: JSON.stringify(body) });
  return ((await response.json()) as { access_token: string }).access_token;
}

const ordersOf = (url: string, token: string): Promise<Response> => {
  const query = `lastUpdatedAfter=2020-01-01T00:00:00Z&marketplaceIds=${SETTINGS.marketplaceId}`;
  return fetch(`${url}/orders/2026-01-01/orders?${query}`, { headers: { 'x-amz-access-token': token } });
};

it("takes twenty searches and then one in three minutes, as Amazon's own; the rate is told", async () => {
  await using bench = await openBench({ speedUp: 1 });
  const { url } = bench.sandbox;
  const token = await tokenOf(url);
  const answers = await Promise.all(Array.from({ length: 21 }, () => ordersOf(url, token)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
  expect(answers[0]?.headers.get('x-amzn-ratelimit-limit')).toBe('0.0056');
  const refused = answers.find(({ status }) => status === 429);
  expect(await refused?.json()).toMatchObject({ errors: [{ code: 'QuotaExceeded' }] });
  expect(refused?.headers.has('retry-after')).toBe(false);
});

it('refuses a token that it did not give, or that ended', async () => {
  await using bench = await openBench();
  const { url } = bench.sandbox;
  const token = await tokenOf(url);
  expect((await ordersOf(url, token)).status).toBe(200);
  const forged = token.replace(/\|\d+\|/, '|9999999999999|');
  const refused = await ordersOf(url, forged);
  expect([refused.status, JSON.stringify(await refused.json())]).toEqual([403, expect.stringContaining('expired')]);
});

it('lowers its own quantity at placement, gives it back at a cancellation, and never below what it shows', async () => {
  await using bench = await openBench();
  const { control } = bench;
  await control.seed({ listings: [{ sku: 'A', shown: 5 }] });
  const shown = async () => (await control.levels())[0]?.shown;
  const { orderRef } = await control.placeOrder({ lines: [{ sku: 'A', quantity: 3 }] });
  expect(await shown()).toBe(2);
  const refused = await control.placeOrder({ lines: [{ sku: 'A', quantity: 3 }] });
  expect(refused).toMatchObject({ orderRef: null, lines: [{ accepted: false, shown: 2 }] });
  await control.cancelOrder(orderRef ?? '', { restock: true });
  expect(await shown()).toBe(5);
});

it('lists an order with its lag, first as PENDING, then as UNSHIPPED with a later time', async () => {
  await using bench = await openBench({ pendingMs: 80, searchLagMs: 40 });
  const { url } = bench.sandbox;
  await bench.control.seed({ listings: [{ sku: 'A', shown: 5 }] });
  await bench.control.placeOrder({ lines: [{ sku: 'A', quantity: 1 }] });
  const token = await tokenOf(url);
  type Listed = { fulfillment: { fulfillmentStatus: string }; lastUpdatedTime: string };
  const listed = async () => ((await (await ordersOf(url, token)).json()) as { orders: Listed[] }).orders;
  const seen: Listed[] = [];
  const look = async () => {
    for (const one of await listed())
      if (seen.at(-1)?.fulfillment.fulfillmentStatus !== one.fulfillment.fulfillmentStatus) seen.push(one);
    return seen.at(-1)?.fulfillment.fulfillmentStatus;
  };
  await expect.poll(look, { timeout: 5000, interval: 5 }).toBe('UNSHIPPED');
  expect(Date.parse(seen.at(-1)?.lastUpdatedTime ?? '')).toBeGreaterThanOrEqual(
    Date.parse(seen[0]?.lastUpdatedTime ?? ''),
  );
});

it('fails as HTML', async () => {
  await using bench = await openBench({ faults: { error5xx: 1 } });
  const answer = await ordersOf(bench.sandbox.url, 'any');
  expect([answer.status, answer.headers.get('content-type')]).toEqual([503, 'text/html']);
});

it('gives each order of a walk on some page, also when orders that it gave change on the way', async () => {
  await using bench = await openBench({ pendingMs: 3_600_000 });
  const { control, connection } = bench;
  await control.seed({ listings: [{ sku: 'A', shown: 1000 }] });
  const refs: string[] = [];
  for (let n = 0; n < 110; n += 1) {
    const { orderRef } = await control.placeOrder({ lines: [{ sku: 'A', quantity: 1 }] });
    refs.push(orderRef ?? '');
  }
  const first = await connection.fetchOrdersSince(null, patience());
  expect(first.complete).toBe(false);
  for (const ref of refs.slice(0, 20)) await control.fulfilOrder(ref);
  const second = await connection.fetchOrdersSince(first.cursor, patience());
  expect(second.complete).toBe(true);
  expect(new Set([...first.orders, ...second.orders].map(({ orderRef }) => orderRef))).toEqual(new Set(refs));
});
