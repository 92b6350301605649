/** Messages about alerts in the test's own process: a database, a clock, an HTTP and an SMTP sink, four destinations. */
import { listAlerts } from '#db/alert-list.ts';
import type { NewAlert } from '#db/alerts.ts';
import type { Alerting, AlertRoute, DestinationWithSecrets } from '#workers/alert-settings.ts';
import { deliver, GATHER_MS, type NotifyContext, openSender, routeNews } from '#workers/notify.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { type HttpSink, openHttpSink, openSmtpSink, type SmtpSink } from './message-sinks.ts';

export const HOOK_KEY = Buffer.alloc(32, 7);
export const MINUTE = 60_000;
export const never = new AbortController().signal;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export type NotifyBench = {
  readonly store: TestDatabase;
  readonly http: HttpSink;
  readonly smtp: SmtpSink;
  readonly clock: { now: number };
  readonly context: NotifyContext;
  readonly alertingOf: (routes: readonly AlertRoute[]) => Alerting;
  /** Routes, waits as long as messages gather, and sends to all. Answers how many went out. */
  readonly run: (alerting: Alerting) => Promise<number>;
  readonly send: (alerting: Alerting) => Promise<number>;
  /** What arrived at a path of the HTTP sink. */
  readonly bodies: (path: string) => Record<string, unknown>[];
  /** Headlines in Slack. */
  readonly texts: () => unknown[];
  readonly ids: () => Promise<number[]>;
  readonly close: () => Promise<void>;
};

const destinationsOn = (http: HttpSink, smtp: SmtpSink): readonly DestinationWithSecrets[] => [
  { id: 'chat', kind: 'slack', secrets: { URL: `${http.url}/services/T0/B0/hidden-key` } },
  { id: 'mail', kind: 'email', from: 'allot@example.com', to: ['ops@example.com'], secrets: { SMTP_URL: smtp.url } },
  {
    id: 'hook',
    kind: 'webhook',
    secrets: { URL: `${http.url}/hook`, SECRET: `whsec_${HOOK_KEY.toString('base64')}` },
  },
  { id: 'pager', kind: 'pagerduty', endpoint: `${http.url}/enqueue`, secrets: { ROUTING_KEY: 'R0UT1NG' } },
];

export const route = (to: readonly string[], rest: Partial<AlertRoute> = {}): AlertRoute => ({
  to,
  atLeast: 'warning',
  codes: null,
  channels: null,
  ...rest,
});

export const alert = (over: Partial<NewAlert> = {}): NewAlert => ({
  fingerprint: 'push-rejected shop:a bad',
  code: 'push-rejected',
  severity: 'error',
  title: 'shop:a: the platform refuses 2 listing(s) <!channel>',
  channelId: 'shop:a',
  touches: { listings: 2, skus: ['MUG', 'CUP'] },
  cause: 'not tracked & not active',
  nextStep: 'allot explain MUG',
  ...over,
});

export async function openNotifyBench(): Promise<NotifyBench> {
  const [store, http, smtp] = [await createTestDatabase(), await openHttpSink(), await openSmtpSink()];
  const clock = { now: Date.now() };
  const context = { db: store.db, now: () => clock.now, log: silent, random: () => 0.5 };
  const send = async (alerting: Alerting): Promise<number> => {
    let sent = 0;
    for (const one of alerting.destinations)
      sent += await deliver(context, { id: one.id, sender: openSender(one, context.now) }, never);
    return sent;
  };
  const bodies = (path: string) =>
    http.arrivals.filter((one) => one.path === path).map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  return {
    store,
    http,
    smtp,
    clock,
    context,
    alertingOf: (routes) => ({
      destinations: destinationsOn(http, smtp),
      routes,
      people: [],
      heartbeatMs: null,
      heartbeat: null,
      rates: new Map(),
    }),
    run: async (alerting) => {
      await routeNews(context, alerting);
      clock.now += GATHER_MS;
      return send(alerting);
    },
    send,
    bodies,
    texts: () => bodies('/services/T0/B0/hidden-key').map(({ text }) => text),
    ids: async () => (await listAlerts(store.db, { isAll: true }, 100)).map(({ id }) => id),
    close: async () => {
      await http.close();
      await smtp.close();
      await store.drop();
    },
  };
}
