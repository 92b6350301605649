/**
 * A webhook of the brand's own, signed as Standard Webhooks says: `webhook-id` (the same on every try), `webhook-timestamp` (seconds),
 * `webhook-signature: v1,` and the base64 of HMAC-SHA256 with the secret over `id.timestamp.body`.
 */
import { createHmac } from 'node:crypto';
import type { Instant } from '#core/model.ts';
import { signingKey } from './alert-settings.ts';
import { post } from './notify-http.ts';
import type { Message, Sender } from './notify-message.ts';

const instantText = (at: Instant | null): string | null => (at === null ? null : new Date(at).toISOString());

/** The versioned document; instants are ISO. */
export function webhookBody(message: Message): object {
  const head = { schema: 'allot.notification/1', id: message.id, timestamp: instantText(message.at) };
  if (message.type !== 'alert') {
    const { id: _id, at: _at, type, ...data } = message;
    return { ...head, type, data };
  }
  const { action, dedupKey, topic, severity, headline, news, more } = message;
  return {
    ...head,
    type: `alert.${action}`,
    data: {
      topic,
      dedupKey,
      severity,
      headline,
      more,
      alerts: news.map(({ kind, at, actor, detail, alert }) => ({
        event: { kind, at: instantText(at), actor, detail },
        ...alert,
        deadline: instantText(alert.deadline),
        firstSeenAt: instantText(alert.firstSeenAt),
        lastSeenAt: instantText(alert.lastSeenAt),
        snoozedUntil: instantText(alert.snoozedUntil),
        stateAt: instantText(alert.stateAt),
        closedAt: instantText(alert.closedAt),
      })),
    },
  };
}

export function signatureOf(secret: string, signed: { id: string; seconds: number; body: string }): string {
  const { id, seconds, body } = signed;
  return `v1,${createHmac('sha256', signingKey(secret)).update(`${id}.${seconds}.${body}`).digest('base64')}`;
}

export const openWebhook = (options: {
  readonly url: string;
  readonly secret: string;
  readonly now: () => Instant;
}): Sender => ({
  async send(message, signal) {
    const { url, secret, now } = options;
    const body = JSON.stringify(webhookBody(message));
    const seconds = Math.floor(now() / 1000);
    const headers = {
      'webhook-id': message.id,
      'webhook-timestamp': String(seconds),
      'webhook-signature': signatureOf(secret, { id: message.id, seconds, body }),
    };
    await post({ url, body, headers, signal, now });
  },
});
