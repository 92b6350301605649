/** A message as every kind of destination gets it; each kind writes it its own way. */
import type { Severity } from '#core/alert-catalogue.ts';
import { SEVERITIES } from '#core/alert-catalogue.ts';
import type { Instant } from '#core/model.ts';
import type { ClaimedMessage, ClaimedNews } from '#db/notifications.ts';
import { ordersOf, sayDeadline, sayOrder, sayTouches } from './alert-words.ts';

export type AlertMessage = {
  readonly type: 'alert';
  /** The same on every try of the same news. */
  readonly id: string;
  readonly at: Instant;
  /** What the topic comes to now: somebody must look, somebody has it, nothing stands. */
  readonly action: 'trigger' | 'acknowledge' | 'resolve';
  /** Of the topic (code and channel) and this installation. */
  readonly dedupKey: string;
  readonly topic: string;
  readonly severity: Severity;
  readonly headline: string;
  readonly news: readonly ClaimedNews[];
  /** Alerts that are not in `news`. */
  readonly more: number;
};

export type DigestSection = {
  readonly title: string;
  readonly lines: readonly { readonly text: string; readonly link: string | null }[];
  /** What is said where there is no line. */
  readonly none: string;
};

export type DigestBody = {
  readonly type: 'digest';
  readonly headline: string;
  readonly person: string;
  readonly day: string;
  readonly sections: readonly DigestSection[];
};

export type TestBody = { readonly type: 'test'; readonly headline: string };

export type OwnMessage = (DigestBody | TestBody) & { readonly id: string; readonly at: Instant };

export type Message = AlertMessage | OwnMessage;

/** Sends one message, whole, or throws DeliveryFailed. */
export type Sender = { readonly send: (message: Message, signal: AbortSignal) => Promise<void> };

/** How often a message is tried in all: what the other side refuses for its content or our key hardly gets better by itself. */
export const TRIES = { lost: 10, refused: 3, partly: 1 } as const;

export class DeliveryFailed extends Error {
  override readonly name = 'DeliveryFailed';
  readonly tries: number;
  /** When the other side asked to be tried again. */
  readonly retryAt: Instant | null;
  constructor(
    message: string,
    { tries = TRIES.lost, retryAt = null }: { tries?: number; retryAt?: Instant | null } = {},
  ) {
    // Mail servers name the recipient; an address belongs in no table and no log.
    super(message.replaceAll(/[^\s<>"']+@[^\s<>"']+/g, '(address)'));
    this.tries = tries;
    this.retryAt = retryAt;
  }
}

const nameOf = (actor: string): string => actor.replace(/^operator:/, '');

/** What happened, in capitals where somebody must look. */
export function sayNews({ kind, actor, detail, alert }: ClaimedNews): string {
  switch (kind) {
    case 'raised':
      return alert.severity.toUpperCase();
    case 'grew':
      return `WORSE, ${alert.severity.toUpperCase()}`;
    case 'reopened':
      return `CAME BACK, ${alert.severity.toUpperCase()}`;
    case 'woke':
      return `STILL THERE, ${alert.severity.toUpperCase()}`;
    case 'acknowledged':
      return `Seen by ${nameOf(actor)}`;
    case 'taken':
      return `Taken by ${detail ?? nameOf(actor)}`;
    case 'snoozed':
      return `Snoozed by ${nameOf(actor)} ${detail ?? ''}`.trim();
    case 'resolved':
      return `${nameOf(actor)} says it is mended: proving`;
    default:
      return 'Closed';
  }
}

/** The lines below an alert's title. */
export function detailLines({ kind, detail, alert }: ClaimedNews): readonly string[] {
  if (kind === 'closed') return [`proof: ${detail ?? alert.proof ?? ''}`];
  const touches = sayTouches(alert);
  return [
    ...(touches === '' ? [] : [`touches: ${touches}`]),
    `cause: ${alert.cause}`,
    `next: ${alert.nextStep}`,
    `${sayDeadline(alert)}${alert.owner === null ? '' : `, ${alert.owner} has it`}`,
    ...ordersOf(alert.touches).map((order) => `order ${sayOrder(order)}`),
    `more: allot alerts show ${alert.id}`,
  ];
}

const worst = (news: readonly ClaimedNews[]): Severity =>
  SEVERITIES[Math.max(0, ...news.map(({ alert }) => SEVERITIES.indexOf(alert.severity)))] ?? 'info';

function headlineOf({ news, alerts, standing }: ClaimedMessage, action: AlertMessage['action']): string {
  const [first] = news;
  if (first === undefined) return 'allot';
  const { code, channel, title } = first.alert;
  if (alerts === 1) return `${sayNews(first)}: ${title}`;
  const where = channel === null ? '' : ` on ${channel}`;
  if (action === 'resolve') return `Closed: all ${alerts} alerts of ${code}${where}`;
  return `${worst(news).toUpperCase()}: news of ${alerts} alerts of ${code}${where}, ${standing.open + standing.seen} stand`;
}

const actionOf = ({ standing }: ClaimedMessage): AlertMessage['action'] => {
  if (standing.open > 0) return 'trigger';
  return standing.seen > 0 ? 'acknowledge' : 'resolve';
};

/** `installation` keeps two databases apart that tell one destination. */
export function composeMessage(claimed: ClaimedMessage, installation: string, at: Instant): Message {
  const ends = `${claimed.rows[0] ?? 0}-${claimed.rows.at(-1) ?? 0}-${claimed.rows.length}`;
  const id = `allot-${installation.slice(0, 8)}-${ends}`;
  if (claimed.body !== null) return { ...(claimed.body as DigestBody | TestBody), id, at };
  const action = actionOf(claimed);
  return {
    type: 'alert',
    id,
    at,
    action,
    dedupKey: `allot/${installation.slice(0, 8)}/${claimed.topic}`.slice(0, 255),
    topic: claimed.topic,
    severity: worst(claimed.news),
    headline: headlineOf(claimed, action),
    news: claimed.news,
    more: Math.max(0, claimed.alerts - claimed.news.length),
  };
}

/** Plain text of the whole message, without its headline. */
export function plainText(message: Message): string {
  if (message.type === 'test') return 'If you read this, alerts of allot arrive here.';
  if (message.type === 'digest') {
    return message.sections
      .map(({ title, lines, none }) => {
        const told = lines.map(({ text, link }) => `  - ${text}${link === null ? '' : `\n    ${link}`}`);
        return [title, ...(told.length === 0 ? [`  ${none}`] : told)].join('\n');
      })
      .join('\n\n');
  }
  const told = message.news.map((one) =>
    [`${sayNews(one)}: ${one.alert.title}`, ...detailLines(one).map((line) => `  ${line}`)].join('\n'),
  );
  const more =
    message.more === 0 ? [] : [`and ${message.more} more: allot alerts --code ${message.news[0]?.alert.code}`];
  return [...told, ...more].join('\n\n');
}
