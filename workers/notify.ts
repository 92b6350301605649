/**
 * Messages about alerts: events become messages by the routes, and each destination sends its own, apart from all others.
 *
 * event -> route (one row per destination) -> wait a little for its like -> claim all of one topic -> send -> sent
 *                                                    a failure: again with full jitter, up to its tries -> dead: an alert itself
 *
 * | what happened                              | who is told                                                                  |
 * | raised, worse, came back, snooze is over   | the destinations of every route that fits                                    |
 * | acknowledged, taken, snoozed, resolved     | those who were told of it, where the kind has a use for it (not e-mail)      |
 * | closed                                     | those who were told of it                                                    |
 *
 * Guarantees: at least once, or dead and visible; one message per topic and minute however many alerts it has; what allot mends itself
 * is told only when it lasts longer than MENDING_MS; a destination never hears of its own failures.
 */
import { SEVERITIES } from '#core/alert-catalogue.ts';
import type { Instant } from '#core/model.ts';
import { measureReach } from '#db/alert-list.ts';
import { closeAlert, raiseAlert, wakeAlerts } from '#db/alerts.ts';
import type { Database } from '#db/client.ts';
import { installationId } from '#db/health.ts';
import {
  addMessages,
  type ClaimedMessage,
  claimMessage,
  giveUp,
  giveUpForgotten,
  type NewMessage,
  purgeMessages,
  retryLater,
  settleSent,
  takeUnrouted,
  type UnroutedEvent,
} from '#db/notifications.ts';
import type { DestinationKind } from './alert-schema.ts';
import type { Alerting, AlertRoute, DestinationWithSecrets } from './alert-settings.ts';
import type { Log } from './context.ts';
import { every, type Loop } from './every.ts';
import { openEmail } from './notify-email.ts';
import { composeMessage, DeliveryFailed, type Sender } from './notify-message.ts';
import { openPagerDuty, PAGERDUTY_ENDPOINT } from './notify-pagerduty.ts';
import { openSlack } from './notify-slack.ts';
import { openWebhook } from './notify-webhook.ts';

export type NotifyContext = {
  readonly db: Database;
  readonly now: () => Instant;
  readonly log: Log;
  /** From 0 to below 1; for the jitter. */
  readonly random?: () => number;
};

/** What allot mends itself is told when it lasts. */
export const MENDING_MS = 15 * 60_000;
/** So that alerts of one cause, which come one after another, are one message. */
export const GATHER_MS = 5000;
const QUIET_MS = 60_000;
const LEASE_MS = 60_000;
const BACK_OFF_BASE_MS = 5000;
const BACK_OFF_MAX_MS = 15 * 60_000;
const LOOK_EVERY_MS = 2000;
const MESSAGES_PER_TURN = 20;
const HOUSEKEEPING_MS = 3_600_000;

export function openSender(destination: DestinationWithSecrets, now: () => Instant): Sender {
  const { kind, secrets } = destination;
  const secret = (name: string): string => secrets[name] ?? '';
  switch (kind) {
    case 'slack':
      return openSlack({ url: secret('URL'), now });
    case 'email':
      return openEmail({
        smtpUrl: secret('SMTP_URL'),
        from: destination.from ?? '',
        to: destination.to ?? [],
        allowPlain: destination.allowPlain ?? false,
      });
    case 'webhook':
      return openWebhook({ url: secret('URL'), secret: secret('SECRET'), now });
    case 'pagerduty':
      return openPagerDuty({
        endpoint: destination.endpoint ?? PAGERDUTY_ENDPOINT,
        routingKey: secret('ROUTING_KEY'),
        now,
      });
    default:
      return kind satisfies never;
  }
}

// ---- who is told ------------------------------------------------------------------------------------------------------------------

const BEGINS = new Set(['raised', 'grew', 'reopened', 'woke']);

const fits = (route: AlertRoute, { code, severity, channel }: UnroutedEvent): boolean =>
  SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(route.atLeast) &&
  (route.codes === null || route.codes.includes(code)) &&
  (route.channels === null || (channel !== null && route.channels.includes(channel)));

export const undeliveredAlert = (destination: string): string => `notification-undelivered ${destination}`;

const isOfUse = (kind: DestinationKind | undefined, event: string): boolean =>
  BEGINS.has(event) || event === 'closed' || kind !== 'email';

/** Each event with where it goes; `told` grows as one goes along, so that one batch tells beginnings before ends. */
function routeEvents(events: readonly UnroutedEvent[], { routes, destinations }: Alerting): NewMessage[] {
  const kinds = new Map(destinations.map(({ id, kind }) => [id, kind]));
  const told = new Map<number, Set<string>>();
  return events.flatMap((event) => {
    const known = told.get(event.alertId) ?? new Set(event.toldAt);
    told.set(event.alertId, known);
    const wanted = BEGINS.has(event.kind)
      ? new Set(routes.filter((route) => fits(route, event)).flatMap(({ to }) => to))
      : known;
    const topic = `${event.code} ${event.channel ?? ''}`.trim();
    const going = [...wanted].filter(
      (id) => kinds.has(id) && isOfUse(kinds.get(id), event.kind) && event.fingerprint !== undeliveredAlert(id),
    );
    for (const id of going) known.add(id);
    return going.map((destination) => ({ eventId: event.id, destination, topic }));
  });
}

/** Wakes snoozed alerts and turns what happened into messages. */
export async function routeNews({ db, now }: NotifyContext, alerting: Alerting): Promise<void> {
  await wakeAlerts(db, now());
  await db.transaction(async (tx) => {
    const events = await takeUnrouted(tx, { now: now(), graceMs: MENDING_MS });
    if (events.length === 0) return;
    const messages = routeEvents(events, alerting);
    const begun = events.filter(({ kind }) => BEGINS.has(kind)).map(({ alertId }) => alertId);
    await measureReach(tx, [...new Set(begun)], now());
    await addMessages(tx, messages, now() + GATHER_MS);
  });
}

// ---- sending ----------------------------------------------------------------------------------------------------------------------

/** At random below a bound that doubles: many messages that failed together do not come back together. */
export function backOffMs(attempts: number, random: () => number): number {
  return Math.max(1000, random() * Math.min(BACK_OFF_MAX_MS, BACK_OFF_BASE_MS * 2 ** attempts));
}

async function fail(
  { db, now, log, random = Math.random }: NotifyContext,
  destination: string,
  claimed: ClaimedMessage,
  error: unknown,
): Promise<void> {
  const why = error instanceof Error ? error.message : String(error);
  const { tries = 0, retryAt = null } = error instanceof DeliveryFailed ? error : {};
  if (claimed.attempts < tries) {
    const at = Math.max(now() + backOffMs(claimed.attempts, random), retryAt ?? 0);
    log.warn({ destination, topic: claimed.topic, attempts: claimed.attempts, error: why }, 'a message did not go out');
    return retryLater(db, claimed.rows, at, why);
  }
  log.error({ destination, topic: claimed.topic, attempts: claimed.attempts, error: why }, 'a message is given up');
  await db.transaction(async (tx) => {
    await giveUp(tx, claimed.rows, now(), why);
    await raiseAlert(tx, {
      fingerprint: undeliveredAlert(destination),
      code: 'notification-undelivered',
      severity: 'error',
      title: `messages to ${destination} do not arrive`,
      channelId: null,
      touches: { destination },
      size: 1,
      cause: why.slice(0, 500),
      nextStep: `allot alerts test ${destination}`,
    });
  });
}

/** Sends what is due for one destination, some messages at most. Answers how many were sent. */
export async function deliver(
  context: NotifyContext,
  destination: { readonly id: string; readonly sender: Sender },
  signal: AbortSignal,
): Promise<number> {
  const { db, now } = context;
  const installation = await installationId(db);
  let sent = 0;
  for (let n = 0; n < MESSAGES_PER_TURN && !signal.aborted; n += 1) {
    const claimed = await claimMessage(db, destination.id, { now: now(), leaseMs: LEASE_MS, quietMs: QUIET_MS });
    if (claimed === null) return sent;
    try {
      await destination.sender.send(composeMessage(claimed, installation, now()), signal);
    } catch (error) {
      // What was called off by our own stop is sent when the lease ends.
      if (!signal.aborted) await fail(context, destination.id, claimed, error);
      continue;
    }
    sent += 1;
    await db.transaction(async (tx) => {
      await settleSent(tx, claimed.rows, now());
      await closeAlert(tx, undeliveredAlert(destination.id), 'a later message arrived');
    });
  }
  return sent;
}

async function keepMessages({ db, now }: NotifyContext, { destinations }: Alerting): Promise<void> {
  const ids = destinations.map(({ id }) => id);
  await giveUpForgotten(db, ids, now());
  await purgeMessages(db);
}

/** A loop that routes, and one per destination: a slow one holds up no other. */
export function startNotify(context: NotifyContext, alerting: Alerting): Loop {
  const { log, now } = context;
  const loops = [
    every({ everyMs: LOOK_EVERY_MS, log, what: 'routing of alerts' }, () => routeNews(context, alerting)),
    every({ everyMs: HOUSEKEEPING_MS, log, what: 'keeping of messages' }, () => keepMessages(context, alerting)),
    ...alerting.destinations.map((destination) => {
      const sender = openSender(destination, now);
      return every({ everyMs: LOOK_EVERY_MS, log, what: `messages to ${destination.id}` }, async (signal) => {
        await deliver(context, { id: destination.id, sender }, signal);
      });
    }),
  ];
  return {
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}
