import { describe, expect, it } from 'vitest';
import { planSubscriptions, type Subscription, WANTED_TOPICS } from '#connectors/shopify/subscriptions.ts';
import { Rejected } from '#core/errors.ts';
import { openBench, patience } from './bench.ts';

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

  it('tells the refusal, with the address and what to do', async () => {
    await using bench = await openBench();
    bench.sandbox.webhooks.create = () => null;
    const refusal = await bench.connection.ensureSubscriptions(OURS, patience()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Rejected);
    expect(refusal).toMatchObject({ value: OURS, fix: expect.stringContaining('https') });
  });
});
