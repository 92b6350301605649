/**
 * Webhooks as Shopify sends them: subscriptions by topic and address, payloads built when they are sent (not when the event
 * happened), signed over the bytes; bursts of one level come as one. Delivery and its faults are connectors/sandbox/delivery.ts.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { createDelivery, type Delivery, type SandboxEvent } from '../../sandbox/delivery.ts';
import type { FaultDice } from '../../sandbox/faults.ts';
import { payloadOf } from './payloads.ts';
import type { Level } from './shelf.ts';
import type { ShopEvent } from './shop.ts';

export type Subscription = {
  readonly id: string;
  readonly topic: string;
  uri: string;
  format: string;
  filter: string | null;
  includeFields: readonly string[];
};

export type SubscriptionInput = {
  readonly uri?: string | null;
  readonly format?: string | null;
  readonly filter?: string | null;
  readonly includeFields?: readonly string[] | null;
};

export type WebhookOptions = {
  readonly shop: string;
  readonly secret: string;
  readonly apiVersion: string;
  /** Changes of one level within this time are told once. */
  readonly levelCoalesceMs: number;
  readonly nextId: () => string;
  readonly dice: FaultDice;
  readonly now: () => number;
};

/** ORDERS_CREATE in GraphQL is orders/create in a header: the last word is the event. */
const headerTopic = (topic: string): string => {
  const words = topic.toLowerCase().split('_');
  return `${words.slice(0, -1).join('_')}/${words.at(-1)}`;
};

const pick = (payload: Readonly<Record<string, unknown>>, fields: readonly string[]): unknown =>
  fields.length === 0 ? payload : Object.fromEntries(Object.entries(payload).filter(([name]) => fields.includes(name)));

export type Webhooks = {
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  readonly delivery: Delivery;
  create(topic: string, input: SubscriptionInput): Subscription | null;
  update(id: string, input: SubscriptionInput): Subscription | null;
  remove(id: string): boolean;
  setSecret(secret: string): void;
  onEvent(event: ShopEvent): void;
  close(): void;
};

/** Read at the first attempt: the state at sending, and the same bytes on every retry and every copy. */
function sandboxEvent(id: string, event: ShopEvent, fields: readonly string[]): SandboxEvent {
  let sent: string | null = null;
  return {
    id,
    topic: headerTopic(event.topic),
    get body() {
      sent ??= JSON.stringify(pick(payloadOf(event), fields));
      return sent;
    },
  };
}

const headersOf = (event: SandboxEvent, secret: string, { shop, apiVersion, now }: WebhookOptions) => ({
  'x-shopify-topic': event.topic,
  'x-shopify-hmac-sha256': createHmac('sha256', secret).update(event.body).digest('base64'),
  'x-shopify-shop-domain': shop,
  'x-shopify-api-version': apiVersion,
  'x-shopify-webhook-id': event.id,
  'x-shopify-event-id': event.id,
  'x-shopify-triggered-at': new Date(now()).toISOString(),
});

export function openWebhooks(options: WebhookOptions): Webhooks {
  const subscriptions = new Map<string, Subscription>();
  const pendingLevels = new Map<Level, NodeJS.Timeout>();
  let secret = options.secret;
  const delivery = createDelivery({ dice: options.dice, headersOf: (event) => headersOf(event, secret, options) });

  const send = (event: ShopEvent): void => {
    const id = randomUUID();
    for (const { topic, uri, includeFields } of subscriptions.values()) {
      if (topic === event.topic) delivery.send(sandboxEvent(id, event, includeFields), uri);
    }
  };

  return {
    subscriptions,
    delivery,
    create(topic, { uri, format, filter, includeFields }) {
      const isTaken = [...subscriptions.values()].some((each) => each.topic === topic && each.uri === uri);
      if (isTaken || uri === null || uri === undefined) return null;
      const id = `gid://shopify/WebhookSubscription/${options.nextId()}`;
      const rest = { format: format ?? 'JSON', filter: filter ?? null, includeFields: includeFields ?? [] };
      const made = { id, topic, uri, ...rest };
      subscriptions.set(id, made);
      return made;
    },
    update(id, { uri, format, filter, includeFields }) {
      const known = subscriptions.get(id);
      if (known === undefined) return null;
      known.uri = uri ?? known.uri;
      known.format = format ?? known.format;
      known.filter = filter ?? known.filter;
      known.includeFields = includeFields ?? known.includeFields;
      return known;
    },
    remove: (id) => subscriptions.delete(id),
    setSecret(next) {
      secret = next;
    },
    onEvent(event) {
      if (event.topic !== 'INVENTORY_LEVELS_UPDATE') return send(event);
      const { level } = event;
      if (pendingLevels.has(level)) return;
      const timer = setTimeout(() => {
        pendingLevels.delete(level);
        send(event);
      }, options.levelCoalesceMs);
      pendingLevels.set(level, timer);
    },
    close() {
      for (const timer of pendingLevels.values()) clearTimeout(timer);
      pendingLevels.clear();
      delivery.close();
    },
  };
}
