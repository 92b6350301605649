/** Orders placed on the platform, and the webhooks that tell of them. */
import { ok } from 'node:assert/strict';
import type { OrderState } from '#core/order-state.ts';
import type { InboundRequest } from '../connector.ts';
import { until } from './expect.ts';
import type { Accepted, Stage } from './stage.ts';
import type { WebhookFacts } from './subject.ts';

export type Captured = { readonly request: InboundRequest; readonly verdict: Accepted; readonly orderRef: string };

/** What the subject tells of its webhooks; it must where the connector declares them. */
export function webhookOf({ subject }: Stage): WebhookFacts {
  ok(subject.webhook !== null, 'the subject says what its webhooks look like');
  return subject.webhook;
}

/** Webhooks so far whose body is a whole order, in the order of arrival. */
export async function orderWebhooks(stage: Stage): Promise<{ request: InboundRequest; verdict: Accepted }[]> {
  const { requests } = await stage.receiver();
  const verified = await Promise.all(
    requests.map(async (request) => ({ request, verdict: await stage.verify(request) })),
  );
  return verified.filter(({ verdict }) => webhookOf(stage).orderTopics.includes(verdict.topic));
}

/** One to three lines of different SKUs, each less than what is shown. */
export const pickLines = (stage: Stage): { sku: string; quantity: number }[] =>
  stage
    .shuffle(stage.skus)
    .slice(0, stage.int(1, 3))
    .map((sku) => ({ sku, quantity: stage.int(2, 6) }));

/** An order with the first whole-order webhook that it caused. */
export async function captureOrder(stage: Stage, lines = pickLines(stage)): Promise<Captured> {
  await stage.receiver();
  const before = (await orderWebhooks(stage)).length;
  const orderRef = await stage.placeOrder(lines);
  const first = await until(async () => (await orderWebhooks(stage))[before] ?? null, 'the webhook of a placed order');
  return { ...first, orderRef };
}

async function pollOrder({ connection, signal }: Stage, orderRef: string): Promise<OrderState | null> {
  for (let cursor: string | null = null; ; ) {
    const page: Awaited<ReturnType<typeof connection.fetchOrdersSince>> = await connection.fetchOrdersSince(
      cursor,
      signal,
    );
    const found = page.orders.findLast((order) => order.orderRef === orderRef);
    if (found !== undefined || page.complete) return found ?? null;
    cursor = page.cursor;
  }
}

async function takeOrder({ clerk }: Stage, orderRef: string): Promise<OrderState | null> {
  await clerk.takeAll();
  return clerk.orders.get(orderRef)?.order ?? null;
}

/** A placed order as the platform tells of it by itself: by its webhook, its document, or the poll. */
export async function tellOrder(
  stage: Stage,
  lines = pickLines(stage),
): Promise<{ readonly orderRef: string; readonly order: OrderState }> {
  if (stage.capabilities.documents !== undefined) {
    const orderRef = await stage.placeOrder(lines);
    return { orderRef, order: await until(() => takeOrder(stage, orderRef), 'the mailbox brings a placed order') };
  }
  if (!stage.capabilities.webhooks) {
    const orderRef = await stage.placeOrder(lines);
    return { orderRef, order: await until(() => pollOrder(stage, orderRef), 'the poll finds a placed order') };
  }
  const { request, orderRef } = await captureOrder(stage, lines);
  const [order] = await stage.readOrders(request);
  ok(order !== undefined, 'the webhook gives an order');
  return { orderRef, order };
}
