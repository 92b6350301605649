import nock from 'nock';
import { afterAll, describe, expect, it } from 'vitest';
import { createFetch } from '#connectors/http.ts';
import { openClient } from '#connectors/shopify/client.ts';
import { settingsSchema } from '#connectors/shopify/settings.ts';
import {
  planSubscriptions,
  removeSubscriptions,
  type Subscription,
  WANTED_TOPICS,
} from '#connectors/shopify/subscriptions.ts';
import { Rejected } from '#core/errors.ts';
import { contextOn, openBench, patience, SHOP } from './bench.ts';

const OURS = 'https://stock.example.com/webhooks/shopify:main';

const subscription = (id: number, topic: string, fields: Partial<Subscription> = {}): Subscription => ({
  id: `gid://shopify/WebhookSubscription/${id}`,
  topic,
  uri: OURS,
  format: 'JSON',
  filter: null,
  includeFields: [],
  ...fields,
});

describe('the plan', () => {
  it('creates all that is missing', () => {
    expect(planSubscriptions([], OURS)).toEqual(WANTED_TOPICS.map((topic) => ({ kind: 'create', topic })));
  });

  it('mends what is wrong, deletes doubles and what is not wanted, and leaves every other address alone', () => {
    const existing = [
      subscription(1, 'ORDERS_EDITED'),
      subscription(2, 'ORDERS_EDITED'),
      subscription(3, 'INVENTORY_LEVELS_UPDATE', { format: 'XML' }),
      subscription(4, 'ORDERS_CREATE', { filter: 'total:>10' }),
      subscription(5, 'PRODUCTS_UPDATE'),
      subscription(6, 'PRODUCTS_UPDATE', { uri: 'https://other.example.com/' }),
      subscription(7, 'ORDERS_UPDATED', { uri: `${OURS}/other` }),
    ];
    expect(planSubscriptions(existing, OURS)).toEqual([
      { kind: 'update', topic: 'ORDERS_CREATE', id: 'gid://shopify/WebhookSubscription/4' },
      { kind: 'create', topic: 'ORDERS_UPDATED' },
      { kind: 'create', topic: 'ORDERS_CANCELLED' },
      { kind: 'delete', topic: 'ORDERS_EDITED', id: 'gid://shopify/WebhookSubscription/2' },
      { kind: 'create', topic: 'REFUNDS_CREATE' },
      { kind: 'update', topic: 'INVENTORY_LEVELS_UPDATE', id: 'gid://shopify/WebhookSubscription/3' },
      { kind: 'delete', topic: 'PRODUCTS_UPDATE', id: 'gid://shopify/WebhookSubscription/5' },
    ]);
  });
});

describe('against the sandbox', () => {
  it('ends as planned, is idempotent, and spares the others', async () => {
    await using bench = await openBench();
    const { connection, sandbox } = bench;
    sandbox.webhooks.create('PRODUCTS_UPDATE', { uri: 'https://other.example.com/' });
    sandbox.webhooks.create('PRODUCTS_UPDATE', { uri: OURS });
    sandbox.webhooks.create('ORDERS_CREATE', { uri: OURS, filter: 'total:>10', includeFields: ['id'] });
    const changed = await connection.ensureSubscriptions(OURS, patience());
    expect(changed).toContain('update ORDERS_CREATE');
    expect(changed).toContain('delete PRODUCTS_UPDATE');
    expect(await connection.ensureSubscriptions(OURS, patience())).toEqual([]);
    const left = [...sandbox.webhooks.subscriptions.values()];
    expect(
      left
        .filter(({ uri }) => uri === OURS)
        .map(({ topic }) => topic)
        .sort(),
    ).toEqual([...WANTED_TOPICS].sort());
    expect(left.filter(({ uri }) => uri !== OURS)).toHaveLength(1);
  });

  it('ends all of an address, is idempotent, and spares the others', async () => {
    await using bench = await openBench();
    const { connection, sandbox } = bench;
    sandbox.webhooks.create('PRODUCTS_UPDATE', { uri: 'https://other.example.com/' });
    sandbox.webhooks.create('PRODUCTS_UPDATE', { uri: `${OURS}/other` });
    await connection.ensureSubscriptions(OURS, patience());
    const removed = await connection.removeSubscriptions?.(OURS, patience());
    expect([...(removed ?? [])].sort()).toEqual(WANTED_TOPICS.map((topic) => `delete ${topic}`).sort());
    expect(await connection.removeSubscriptions?.(OURS, patience())).toEqual([]);
    expect([...sandbox.webhooks.subscriptions.values()].map(({ uri }) => uri)).toEqual([
      'https://other.example.com/',
      `${OURS}/other`,
    ]);
  });

  it('tells the refusal, with the address and what to do', async () => {
    await using bench = await openBench();
    bench.sandbox.webhooks.create = () => null;
    const refusal = await bench.connection.ensureSubscriptions(OURS, patience()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Rejected);
    expect(refusal).toMatchObject({ value: OURS, fix: expect.stringContaining('https') });
  });
});

describe('on the wire', () => {
  const path = '/admin/api/2026-10/graphql.json';
  const json = { 'content-type': 'application/json' };
  const page = (nodes: readonly Subscription[], endCursor: string | null) => ({
    data: { webhookSubscriptions: { nodes, pageInfo: { hasNextPage: endCursor !== null, endCursor } } },
  });
  const removal = (answers: (scope: nock.Scope) => void) => {
    const scope = nock(`https://${SHOP}`);
    answers(scope);
    const fetch = createFetch({ allowedHosts: [SHOP], deadlineMs: 5000, maxBytes: 65_536 });
    const client = openClient(settingsSchema.parse({ shop: SHOP }), contextOn(fetch));
    return { scope, done: removeSubscriptions(client, OURS, patience()) };
  };
  afterAll(() => nock.restore());

  it('reads every page, and names each that it deletes by its id', async () => {
    const deleted: unknown[] = [];
    const { scope, done } = removal((shop) => {
      shop.post(path, /webhookSubscriptions/).reply(200, page([subscription(1, 'ORDERS_CREATE')], 'next'), json);
      shop.post(path, /"after":"next"/).reply(200, page([subscription(2, 'ORDERS_EDITED')], null), json);
      shop
        .post(path, (body: { query: string; variables: { id?: string } }) => {
          if (body.query.includes('webhookSubscriptionDelete')) deleted.push(body.variables.id);
          return body.query.includes('webhookSubscriptionDelete');
        })
        .times(2)
        .reply(200, { data: { webhookSubscriptionDelete: { userErrors: [] } } }, json);
    });
    expect(await done).toEqual(['delete ORDERS_CREATE', 'delete ORDERS_EDITED']);
    // nock asks a matcher more than once.
    expect([...new Set(deleted)]).toEqual([1, 2].map((n) => `gid://shopify/WebhookSubscription/${n}`));
    scope.done();
  });

  it('a refusal is told with what to do', async () => {
    const { scope, done } = removal((shop) => {
      shop.post(path, /webhookSubscriptions/).reply(200, page([subscription(1, 'ORDERS_CREATE')], null), json);
      const userErrors = [{ field: ['id'], message: 'Webhook subscription does not exist' }];
      shop
        .post(path, /webhookSubscriptionDelete/)
        .reply(200, { data: { webhookSubscriptionDelete: { userErrors } } }, json);
    });
    await expect(done).rejects.toMatchObject({ field: 'id', fix: expect.stringContaining('run the command again') });
    scope.done();
  });
});
