/** A scripted partner's webhook by hand: good, forged, doubled, late or malformed, as a test needs it. */
import { createHmac, randomUUID } from 'node:crypto';
import type { OpenPartner } from './stage.ts';

export type Webhook = {
  readonly url: string;
  readonly secret: string;
  readonly body: string;
  readonly topic?: string;
  /** Its name at the partner, the dedupe key; a new one unless given. */
  readonly event?: string;
  /** In place of the good signature. */
  readonly signature?: string;
  /** What is sent in place of the body that was signed. */
  readonly sent?: string;
};

export async function postWebhook({ url, secret, body, ...over }: Webhook): Promise<number> {
  const { topic = 'orders/changed', event = randomUUID(), sent = body } = over;
  const timestamp = String(Date.now());
  const signed = createHmac('sha256', secret).update(`${timestamp}.${event}.${topic}.${body}`).digest('hex');
  const response = await fetch(url, {
    method: 'POST',
    body: sent,
    headers: {
      'content-type': 'application/json',
      'x-partner-timestamp': timestamp,
      'x-partner-event': event,
      'x-partner-topic': topic,
      'x-partner-signature': over.signature ?? signed,
    },
  });
  await response.text();
  return response.status;
}

export type WireLine = { readonly listing: string; readonly ordered: unknown; readonly [more: string]: unknown };

/** An order document as the partner sends it; `over` adds fields or replaces them. */
export const wireOrder = (
  id: string,
  lines: readonly WireLine[],
  over: Readonly<Record<string, unknown>> = {},
): string =>
  JSON.stringify({
    id,
    name: `#${id}`,
    version: 1,
    placedAt: Date.now(),
    changedAt: Date.now(),
    location: null,
    lines: lines.map((line, n) => ({ id: n + 1, sku: null, cancelled: 0, shipped: 0, returned: 0, ...line })),
    ...over,
  });

/** The document that the partner itself would send of its order now. */
export async function readWireOrder({ endpoint, token }: OpenPartner, orderRef: string): Promise<string> {
  const response = await fetch(new URL(`/v1/orders/${orderRef}`, endpoint), {
    headers: { authorization: `Bearer ${token}` },
  });
  return response.text();
}
