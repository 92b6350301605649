/**
 * The webhook subscriptions of one callback address: compares what Shopify has with what is wanted, and mends the difference.
 *
 * Guarantees: touches only subscriptions with our `uri`; asking twice changes nothing the second time. Shopify deletes a
 * subscription after eight failed deliveries without a word, so this runs again and again (facts/shopify.md 4.2).
 * Never the SDK's `webhooks.register`: it deletes every subscription of a topic that it did not make itself (facts 1.5).
 * Orders come with the fields that allot reads and no others: what is never sent needs no protection.
 */
import { z } from 'zod';
import { Rejected } from '#core/errors.ts';
import type { ShopifyClient } from './client.ts';
import { CREATE_SUBSCRIPTION, DELETE_SUBSCRIPTION, SUBSCRIPTIONS, UPDATE_SUBSCRIPTION } from './documents.ts';

const ORDER_FIELDS = [
  'id',
  'admin_graphql_api_id',
  'name',
  'created_at',
  'updated_at',
  'cancelled_at',
  'location_id',
  'source_name',
  'tags',
  'line_items',
  'fulfillments',
  'refunds',
];

/** Topic -> the fields of its payload; none named means all. */
const WANTED: ReadonlyMap<string, readonly string[]> = new Map([
  ['ORDERS_CREATE', ORDER_FIELDS],
  ['ORDERS_UPDATED', ORDER_FIELDS],
  ['ORDERS_CANCELLED', ORDER_FIELDS],
  ['ORDERS_EDITED', []],
  ['REFUNDS_CREATE', ['id', 'order_id', 'created_at']],
  ['INVENTORY_LEVELS_UPDATE', []],
]);

export const WANTED_TOPICS: readonly string[] = [...WANTED.keys()];

const subscriptionSchema = z.object({
  id: z.string(),
  topic: z.string(),
  uri: z.string(),
  format: z.string(),
  filter: z.string().nullable(),
  includeFields: z.array(z.string()),
});

export type Subscription = z.infer<typeof subscriptionSchema>;

const listAnswer = z.object({
  webhookSubscriptions: z.object({
    nodes: z.array(subscriptionSchema),
    pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
  }),
});

const userErrors = z.array(z.object({ field: z.array(z.string()).nullable(), message: z.string() }));
const createAnswer = z.object({ webhookSubscriptionCreate: z.object({ userErrors }).nullable() });
const updateAnswer = z.object({ webhookSubscriptionUpdate: z.object({ userErrors }).nullable() });
const deleteAnswer = z.object({ webhookSubscriptionDelete: z.object({ userErrors }).nullable() });

export type Change =
  | { readonly kind: 'create'; readonly topic: string }
  | { readonly kind: 'update'; readonly topic: string; readonly id: string }
  | { readonly kind: 'delete'; readonly topic: string; readonly id: string };

const isAsWanted = (has: Subscription, fields: readonly string[]): boolean =>
  has.format === 'JSON' &&
  (has.filter ?? '') === '' &&
  [...has.includeFields].sort().join() === [...fields].sort().join();

/** What to do so that `callbackUrl` hears each wanted topic exactly once. Pure. */
export function planSubscriptions(existing: readonly Subscription[], callbackUrl: string): readonly Change[] {
  const ours = existing.filter((each) => each.uri === callbackUrl);
  const changes: Change[] = [];
  for (const [topic, fields] of WANTED) {
    const [first, ...doubles] = ours.filter((each) => each.topic === topic);
    if (first === undefined) changes.push({ kind: 'create', topic });
    else if (!isAsWanted(first, fields)) changes.push({ kind: 'update', topic, id: first.id });
    changes.push(...doubles.map(({ id }): Change => ({ kind: 'delete', topic, id })));
  }
  const unwanted = ours.filter((each) => !WANTED.has(each.topic));
  return [...changes, ...unwanted.map(({ topic, id }): Change => ({ kind: 'delete', topic, id }))];
}

async function listSubscriptions(client: ShopifyClient, signal: AbortSignal): Promise<readonly Subscription[]> {
  const found: Subscription[] = [];
  for (let after: string | null = null; ; ) {
    const page: z.infer<typeof listAnswer> = await client.read(
      { document: SUBSCRIPTIONS, variables: { after }, answer: listAnswer },
      signal,
    );
    const { nodes, pageInfo } = page.webhookSubscriptions;
    found.push(...nodes);
    if (!pageInfo.hasNextPage) return found;
    after = pageInfo.endCursor;
  }
}

async function apply(client: ShopifyClient, change: Change, callbackUrl: string, signal: AbortSignal) {
  const input = { uri: callbackUrl, format: 'JSON', includeFields: WANTED.get(change.topic) ?? [], filter: '' };
  if (change.kind === 'create') {
    const variables = { topic: change.topic, input };
    const answer = await client.write({ document: CREATE_SUBSCRIPTION, variables, answer: createAnswer }, signal);
    return answer.webhookSubscriptionCreate?.userErrors ?? [];
  }
  if (change.kind === 'update') {
    const variables = { id: change.id, input };
    const answer = await client.write({ document: UPDATE_SUBSCRIPTION, variables, answer: updateAnswer }, signal);
    return answer.webhookSubscriptionUpdate?.userErrors ?? [];
  }
  const variables = { id: change.id };
  const answer = await client.write({ document: DELETE_SUBSCRIPTION, variables, answer: deleteAnswer }, signal);
  return answer.webhookSubscriptionDelete?.userErrors ?? [];
}

async function applyAll(
  client: ShopifyClient,
  changes: readonly Change[],
  { callbackUrl, fix }: { readonly callbackUrl: string; readonly fix: string },
  signal: AbortSignal,
): Promise<readonly string[]> {
  for (const change of changes) {
    const errors = await apply(client, change, callbackUrl, signal);
    if (errors[0] === undefined) continue;
    throw new Rejected(
      `Shopify refuses to ${change.kind} the subscription ${change.topic}: ${errors.map((e) => e.message).join('; ')}`,
      { field: errors[0].field?.join('.') ?? 'uri', value: callbackUrl, fix },
    );
  }
  return changes.map(({ kind, topic }) => `${kind} ${topic}`);
}

/** Answers what it changed, such as `create ORDERS_CREATE`. */
export async function ensureSubscriptions(
  client: ShopifyClient,
  callbackUrl: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const changes = planSubscriptions(await listSubscriptions(client, signal), callbackUrl);
  const fix = 'the public address must be https, reachable by Shopify, and no address of a private network';
  return applyAll(client, changes, { callbackUrl, fix }, signal);
}

/** Answers what it ended, such as `delete ORDERS_CREATE`; leaves other addresses alone. */
export async function removeSubscriptions(
  client: ShopifyClient,
  callbackUrl: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ours = (await listSubscriptions(client, signal)).filter(({ uri }) => uri === callbackUrl);
  const changes = ours.map(({ topic, id }): Change => ({ kind: 'delete', topic, id }));
  const fix = 'delete it in the app of the shop (it may be gone already), and run the command again';
  return applyAll(client, changes, { callbackUrl, fix }, signal);
}
