/** Orders placed on the platform, and the webhooks that tell of them. */
import type { InboundRequest } from '../connector.ts';
import { until } from './expect.ts';
import type { Accepted, Stage } from './stage.ts';

export type Captured = { readonly request: InboundRequest; readonly verdict: Accepted; readonly orderRef: string };

/** Webhooks so far whose body is a whole order, in the order of arrival. */
export async function orderWebhooks(stage: Stage): Promise<{ request: InboundRequest; verdict: Accepted }[]> {
  const { requests } = await stage.receiver();
  const verified = await Promise.all(
    requests.map(async (request) => ({ request, verdict: await stage.verify(request) })),
  );
  return verified.filter(({ verdict }) => stage.subject.webhook.orderTopics.includes(verdict.topic));
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
