/**
 * PagerDuty, by its Events API v2, and whatever takes the same: one incident per topic (code and channel) by `dedup_key`, opened,
 * acknowledged and resolved as the alerts of the topic stand now.
 */
import type { Instant } from '#core/model.ts';
import { post } from './notify-http.ts';
import { type AlertMessage, type Message, plainText, type Sender } from './notify-message.ts';

export const PAGERDUTY_ENDPOINT = 'https://events.pagerduty.com/v2/enqueue';
const SUMMARY_MAX = 1024;

type Incident = Pick<AlertMessage, 'action' | 'dedupKey' | 'severity' | 'topic'>;

const incidentOf = (message: Message): Incident =>
  message.type === 'alert'
    ? message
    : { action: 'trigger', dedupKey: message.id, severity: 'info', topic: message.type };

export function pagerDutyBody(message: Message, routingKey: string): object {
  const { action, dedupKey, severity, topic } = incidentOf(message);
  const head = { routing_key: routingKey, event_action: action, dedup_key: dedupKey };
  if (action !== 'trigger') return head;
  const news = message.type === 'alert' ? message.news : [];
  const [first] = news;
  const links = news.flatMap(({ alert }) =>
    /^https?:\/\//.test(alert.nextStep) ? [{ href: alert.nextStep, text: alert.title }] : [],
  );
  return {
    ...head,
    client: 'allot',
    payload: {
      summary: message.headline.slice(0, SUMMARY_MAX),
      source: first?.alert.channel ?? 'allot',
      severity,
      timestamp: new Date(message.at).toISOString(),
      component: first?.alert.channel ?? 'allot',
      group: topic,
      class: first?.alert.code ?? message.type,
      custom_details: {
        text: plainText(message),
        alerts: news.map(({ alert }) => ({
          id: alert.id,
          title: alert.title,
          touches: alert.touches,
          openOrders: alert.reach,
          cause: alert.cause,
          next: alert.nextStep,
          deadline: alert.deadline === null ? null : new Date(alert.deadline).toISOString(),
        })),
      },
    },
    ...(links.length === 0 ? {} : { links }),
  };
}

export const openPagerDuty = (options: {
  readonly endpoint: string;
  readonly routingKey: string;
  readonly now: () => Instant;
}): Sender => ({
  async send(message, signal) {
    const { endpoint, routingKey, now } = options;
    const send = (body: object) => post({ url: endpoint, body: JSON.stringify(body), signal, now });
    await send(pagerDutyBody(message, routingKey));
    // A test must not leave an incident behind.
    if (message.type === 'test')
      await send({ routing_key: routingKey, event_action: 'resolve', dedup_key: message.id });
  },
});
