/** Messages about alerts: who is told, in whose words, what happens when nobody answers, and that several processes send once. */
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listAlerts, readAlert } from '#db/alert-list.ts';
import { ackAlert, closeAlert, type NewAlert, raiseAlert, resolveAlert, takeAlert } from '#db/alerts.ts';
import { listUndelivered } from '#db/notifications.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { type HttpSink, openHttpSink, openSmtpSink, type SmtpSink } from '#test/support/message-sinks.ts';
import type { Alerting, AlertRoute, DestinationWithSecrets } from '#workers/alert-settings.ts';
import {
  backOffMs,
  deliver,
  GATHER_MS,
  MENDING_MS,
  type NotifyContext,
  openSender,
  routeNews,
} from '#workers/notify.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const never = new AbortController().signal;
const MINUTE = 60_000;

let store: TestDatabase;
let http: HttpSink;
let smtp: SmtpSink;
let clock: { now: number };
let context: NotifyContext;
beforeEach(async () => {
  store = await createTestDatabase();
  http = await openHttpSink();
  smtp = await openSmtpSink();
  clock = { now: Date.now() };
  context = { db: store.db, now: () => clock.now, log: silent, random: () => 0.5 };
});
afterEach(async () => {
  await http.close();
  await smtp.close();
  await store.drop();
});

const destinations = (): readonly DestinationWithSecrets[] => [
  { id: 'chat', kind: 'slack', secrets: { URL: `${http.url}/services/T0/B0/hidden-key` } },
  { id: 'mail', kind: 'email', from: 'allot@example.com', to: ['ops@example.com'], secrets: { SMTP_URL: smtp.url } },
  { id: 'hook', kind: 'webhook', secrets: { URL: `${http.url}/hook`, SECRET } },
  { id: 'pager', kind: 'pagerduty', endpoint: `${http.url}/enqueue`, secrets: { ROUTING_KEY: 'R0UT1NG' } },
];

const route = (to: readonly string[], rest: Partial<AlertRoute> = {}): AlertRoute => ({
  to,
  atLeast: 'warning',
  codes: null,
  channels: null,
  ...rest,
});

const alertingOf = (routes: readonly AlertRoute[]): Alerting => ({
  destinations: destinations(),
  routes,
  people: [],
  heartbeatMs: null,
  heartbeat: null,
  rates: new Map(),
});

const alert = (over: Partial<NewAlert> = {}): NewAlert => ({
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

/** Routes, waits as long as messages gather, and sends to all. Answers how many went out. */
async function run(alerting: Alerting, over: NotifyContext = context): Promise<number> {
  await routeNews(over, alerting);
  clock.now += GATHER_MS;
  return send(alerting, over);
}
async function send(alerting: Alerting, over: NotifyContext = context): Promise<number> {
  let sent = 0;
  for (const one of alerting.destinations)
    sent += await deliver(over, { id: one.id, sender: openSender(one, over.now) }, never);
  return sent;
}

const bodies = (path: string): Record<string, unknown>[] =>
  http.arrivals.filter((one) => one.path === path).map(({ body }) => JSON.parse(body) as Record<string, unknown>);
const texts = (): unknown[] => bodies('/services/T0/B0/hidden-key').map(({ text }) => text);
const ids = async () => (await listAlerts(store.db, { isAll: true }, 100)).map(({ id }) => id);

describe('an alert goes out', () => {
  it('to Slack, with its numbers and its next step, and what a platform wrote mentions nobody', async () => {
    await raiseAlert(store.db, alert());
    await run(alertingOf([route(['chat'])]));
    const [message] = bodies('/services/T0/B0/hidden-key');
    const all = JSON.stringify(message);
    expect(message?.text).toBe('ERROR: shop:a: the platform refuses 2 listing(s) &lt;!channel&gt;');
    for (const part of [
      'touches: MUG, CUP, 2 listings',
      'cause: not tracked &amp; not active',
      'next: allot explain MUG',
    ])
      expect(all).toContain(part);
    expect(all).toMatch(/act by \d{4}-\d\d-\d\d \d\d:\d\d UTC/);
  });

  it('to a webhook, signed so that the receiver can prove it', async () => {
    await raiseAlert(store.db, alert());
    await run(alertingOf([route(['hook'])]));
    const [arrival] = http.arrivals;
    const header = (name: string): string => String(arrival?.headers[name]);
    const signed = `${header('webhook-id')}.${header('webhook-timestamp')}.${arrival?.body}`;
    const mac = createHmac('sha256', Buffer.alloc(32, 7)).update(signed).digest('base64');
    expect(header('webhook-signature')).toBe(`v1,${mac}`);
    expect(Math.abs(Number(header('webhook-timestamp')) * 1000 - clock.now)).toBeLessThan(1001);
    expect(bodies('/hook')[0]).toMatchObject({
      schema: 'allot.notification/1',
      type: 'alert.trigger',
      id: header('webhook-id'),
      data: {
        severity: 'error',
        topic: 'push-rejected shop:a',
        alerts: [
          { code: 'push-rejected', touches: { listings: 2 }, nextStep: 'allot explain MUG', event: { kind: 'raised' } },
        ],
      },
    });
  });

  it('to PagerDuty as one incident: triggered, acknowledged, resolved by one key', async () => {
    http.usual = { status: 202, body: '{"status":"success"}' };
    const alerting = alertingOf([route(['pager'])]);
    await raiseAlert(store.db, alert());
    await run(alerting);
    const [id = 0] = await ids();
    clock.now += MINUTE;
    await ackAlert(store.db, { id, by: 'operator:kim' });
    await run(alerting);
    clock.now += MINUTE;
    await closeAlert(store.db, alert().fingerprint, 'taken since');
    await run(alerting);
    const events = bodies('/enqueue');
    expect(events.map(({ event_action: action }) => action)).toEqual(['trigger', 'acknowledge', 'resolve']);
    expect(new Set(events.map(({ dedup_key: key }) => key)).size).toBe(1);
    expect(events[0]).toMatchObject({
      routing_key: 'R0UT1NG',
      dedup_key: expect.stringMatching(/^allot\/[0-9a-f]{8}\/push-rejected shop:a$/),
      payload: {
        severity: 'error',
        source: 'shop:a',
        class: 'push-rejected',
        summary: expect.stringContaining('refuses'),
      },
    });
  });

  it('by e-mail, in one thread, and its end too', async () => {
    const alerting = alertingOf([route(['mail'])]);
    await raiseAlert(store.db, alert());
    await run(alerting);
    const [id = 0] = await ids();
    await takeAlert(store.db, { id, by: 'operator:kim', owner: 'kim' });
    clock.now += MINUTE;
    await closeAlert(store.db, alert().fingerprint, 'taken since');
    await run(alerting);
    expect(smtp.mails).toHaveLength(2);
    const [first, last] = smtp.mails;
    expect(first).toMatchObject({ from: 'allot@example.com', to: ['ops@example.com'] });
    expect(first?.text).toContain('Subject: [allot] ERROR: shop:a: the platform refuses 2');
    expect(first?.text).toContain('next: allot explain MUG');
    expect(last?.text).toContain('proof: taken since');
    const thread = (text = '') => /^References: (.+)$/m.exec(text)?.[1];
    expect(thread(first?.text)).toBe(thread(last?.text));
  });
});

describe('the routes', () => {
  it('choose by severity, code and channel; what fits none goes nowhere', async () => {
    await raiseAlert(store.db, alert({ fingerprint: 'a', title: 'one' }));
    await raiseAlert(
      store.db,
      alert({ fingerprint: 'b', title: 'two', severity: 'critical', code: 'oversold', channelId: null }),
    );
    await raiseAlert(store.db, alert({ fingerprint: 'c', title: 'three', severity: 'info', code: 'held-back' }));
    await run(
      alertingOf([
        route(['pager'], { atLeast: 'critical' }),
        route(['chat'], { channels: ['shop:a'] }),
        route(['hook'], { atLeast: 'info', codes: ['held-back'] }),
      ]),
    );
    expect(bodies('/enqueue').map((event) => (event.payload as { summary: string }).summary)).toEqual([
      'CRITICAL: two',
    ]);
    expect(texts()).toEqual(['ERROR: one']);
    expect(bodies('/hook')).toHaveLength(1);
  });

  it('tell only those of the end who were told of the beginning', async () => {
    await raiseAlert(store.db, alert());
    await run(alertingOf([route(['chat'])]));
    clock.now += MINUTE;
    await closeAlert(store.db, alert().fingerprint, 'taken since');
    await run(alertingOf([route(['chat', 'hook'])]));
    expect(texts()).toHaveLength(2);
    expect(bodies('/hook')).toEqual([]);
  });

  it('tell nobody of what began and ended before anybody was told', async () => {
    await raiseAlert(store.db, alert());
    await closeAlert(store.db, alert().fingerprint, 'taken since');
    expect(await run(alertingOf([route(['chat'])]))).toBe(0);
  });

  it('tell of what allot mends itself only when it lasts', async () => {
    const alerting = alertingOf([route(['chat'])]);
    await raiseAlert(store.db, alert({ mending: true }));
    expect(await run(alerting)).toBe(0);
    clock.now += MENDING_MS;
    expect(await run(alerting)).toBe(1);
  });
});

describe('one cause is one message', () => {
  it('however many alerts it has', async () => {
    for (let n = 0; n < 60; n += 1) await raiseAlert(store.db, alert({ fingerprint: `f${n}`, title: `listing ${n}` }));
    const alerting = alertingOf([route(['chat', 'pager'])]);
    http.usual = { status: 202, body: '' };
    await run(alerting);
    expect(texts()).toEqual(['ERROR: news of 60 alerts of push-rejected on shop:a, 60 stand']);
    expect(JSON.stringify(bodies('/services/T0/B0/hidden-key'))).toContain('and 50 more');
    expect(bodies('/enqueue')).toHaveLength(1);
  });

  it('and its next news waits a minute, then comes as one', async () => {
    const alerting = alertingOf([route(['chat'])]);
    await raiseAlert(store.db, alert({ fingerprint: 'f0' }));
    await run(alerting);
    for (const n of [1, 2, 3]) {
      await raiseAlert(store.db, alert({ fingerprint: `f${n}` }));
      await run(alerting);
    }
    expect(texts()).toHaveLength(1);
    clock.now += MINUTE;
    await run(alerting);
    expect(texts()).toEqual([expect.anything(), 'ERROR: news of 3 alerts of push-rejected on shop:a, 4 stand']);
  });

  it('of which PagerDuty hears the end only when none stands', async () => {
    http.usual = { status: 202, body: '' };
    const alerting = alertingOf([route(['pager'])]);
    for (const n of [1, 2]) await raiseAlert(store.db, alert({ fingerprint: `f${n}` }));
    await run(alerting);
    for (const n of [1, 2]) {
      clock.now += 2 * MINUTE;
      await closeAlert(store.db, `f${n}`, 'taken since');
      await run(alerting);
    }
    expect(bodies('/enqueue').map(({ event_action: action }) => action)).toEqual(['trigger', 'trigger', 'resolve']);
  });
});

describe('a destination that fails', () => {
  const alerting = () => alertingOf([route(['chat', 'hook'])]);
  const soon = () => {
    clock.now += 15 * MINUTE;
  };

  it('is tried again, later and later, with the same id, until it takes the message', async () => {
    await raiseAlert(store.db, alert());
    http.usual = { status: 500 };
    const only = alertingOf([route(['hook'])]);
    await run(only);
    expect(await send(only)).toBe(0);
    expect(http.arrivals).toHaveLength(1);
    soon();
    http.usual = { status: 200, body: 'ok' };
    expect(await send(only)).toBe(1);
    expect(http.arrivals[1]?.headers['webhook-id']).toBe(http.arrivals[0]?.headers['webhook-id']);
    soon();
    expect(await send(only)).toBe(0);
    expect((await readAlert(store.db, (await ids())[0] ?? 0))?.messages).toMatchObject([
      { destination: 'hook', state: 'sent', attempts: 2, lastError: null },
    ]);
  });

  it('is given as long as it asks for', async () => {
    await raiseAlert(store.db, alert());
    http.next.push({ status: 429, headers: { 'retry-after': '1800' } });
    const only = alertingOf([route(['hook'])]);
    await run(only);
    soon();
    expect(await send(only)).toBe(0);
    soon();
    expect(await send(only)).toBe(1);
  });

  it('holds up no other, and is given up after its tries: an alert that goes to the others and shows no secret', async () => {
    await raiseAlert(store.db, alert());
    http.usual = { status: 503, body: 'cannot take /services/T0/B0/hidden-key' };
    const both = alertingOf([route(['chat', 'mail'])]);
    await run(both);
    expect(smtp.mails).toHaveLength(1);
    for (let n = 0; n < 12; n += 1) {
      soon();
      await send(both);
    }
    expect(http.arrivals).toHaveLength(10);
    const undelivered = await listUndelivered(store.db, 10);
    expect(undelivered).toMatchObject([{ destination: 'chat', state: 'dead', attempts: 10 }]);
    expect(JSON.stringify(undelivered)).not.toContain('hidden-key');
    await run(both);
    expect(smtp.mails.at(-1)?.text).toContain('messages to chat do not arrive');
    expect(http.arrivals).toHaveLength(10);
    // Proven by the next message that arrives.
    http.usual = { status: 200, body: 'ok' };
    await raiseAlert(store.db, alert({ fingerprint: 'another', channelId: 'shop:b' }));
    await run(both);
    expect(await listAlerts(store.db, { code: 'notification-undelivered' }, 10)).toEqual([]);
    const closed = await listAlerts(store.db, { code: 'notification-undelivered', isAll: true }, 10);
    expect(closed).toMatchObject([{ state: 'closed', proof: 'a later message arrived' }]);
  });

  it('that refuses is tried three times, no more', async () => {
    await raiseAlert(store.db, alert());
    http.usual = { status: 404, body: 'no_service' };
    const only = alertingOf([route(['chat'])]);
    await run(only);
    for (let n = 0; n < 5; n += 1) {
      soon();
      await send(only);
    }
    expect(http.arrivals).toHaveLength(3);
    expect(await listUndelivered(store.db, 10)).toMatchObject([
      { state: 'dead', lastError: expect.stringContaining('no_service') },
    ]);
  });

  it('or is not there at all, is told by host alone', async () => {
    await raiseAlert(store.db, alert());
    await http.close();
    const only = alerting();
    await run(only);
    const [first] = await listUndelivered(store.db, 10);
    expect(first?.lastError).toMatch(/no connection \(ECONNREFUSED\)/);
    expect(first?.lastError).not.toContain('hidden-key');
    http = await openHttpSink();
  });

  it('refuses one recipient of two: the other has it once, and it is told', async () => {
    smtp.refused.add('gone@example.com');
    await raiseAlert(store.db, alert());
    const base = alertingOf([route(['mail'])]);
    const two = {
      ...base,
      destinations: base.destinations.map((one) =>
        one.id === 'mail' ? { ...one, to: ['ops@example.com', 'gone@example.com'] } : one,
      ),
    };
    await run(two);
    soon();
    await send(two);
    expect(smtp.mails.map(({ to }) => to)).toEqual([['ops@example.com']]);
    expect(await listUndelivered(store.db, 10)).toMatchObject([{ destination: 'mail', state: 'dead' }]);
  });

  it('and shows no address of a recipient that a server names', async () => {
    smtp.next.push('554 5.7.1 <ops@example.com> is not wanted here');
    await raiseAlert(store.db, alert());
    await run(alertingOf([route(['mail'])]));
    const [first] = await listUndelivered(store.db, 10);
    expect(first?.lastError).toContain('(address)> is not wanted here');
    expect(first?.lastError).not.toContain('ops@');
  });

  it('a mail server that is busy is tried again', async () => {
    smtp.next.push('451 try later');
    await raiseAlert(store.db, alert());
    const only = alertingOf([route(['mail'])]);
    await run(only);
    expect(smtp.mails).toEqual([]);
    soon();
    expect(await send(only)).toBe(1);
  });
});

describe('several processes', () => {
  it('send each message once', async () => {
    for (let n = 0; n < 8; n += 1)
      await raiseAlert(store.db, alert({ fingerprint: `f${n}`, channelId: `shop:${n}`, title: `shop ${n}` }));
    const alerting = alertingOf([route(['chat', 'hook'])]);
    await Promise.all([1, 2, 3].map(() => routeNews(context, alerting)));
    clock.now += GATHER_MS;
    await Promise.all([1, 2, 3].map(() => send(alerting)));
    expect(texts().sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((n) => `ERROR: shop ${n}`));
    expect(bodies('/hook')).toHaveLength(8);
  });

  it('send again what one had claimed and never settled, once its lease is over', async () => {
    await raiseAlert(store.db, alert());
    const alerting = alertingOf([route(['hook'])]);
    await routeNews(context, alerting);
    clock.now += GATHER_MS;
    const stopping = new AbortController();
    const [hook] = alerting.destinations.filter(({ id }) => id === 'hook');
    http.next.push('hang');
    const sending = deliver(
      context,
      { id: 'hook', sender: openSender(hook ?? expect.fail('no hook'), context.now) },
      stopping.signal,
    );
    await expect.poll(() => http.arrivals.length).toBe(1);
    stopping.abort();
    expect(await sending).toBe(0);
    expect(await send(alerting)).toBe(0);
    clock.now += 61_000;
    expect(await send(alerting)).toBe(1);
  });
});

it('a person who says that it is mended is believed only by the next reading', async () => {
  const alerting = alertingOf([route(['chat'])]);
  await raiseAlert(store.db, alert());
  await run(alerting);
  const [id = 0] = await ids();
  clock.now += MINUTE;
  await resolveAlert(store.db, { id, by: 'operator:kim' });
  await run(alerting);
  clock.now += MINUTE;
  await raiseAlert(store.db, alert());
  await run(alerting);
  expect(texts().slice(1)).toEqual([
    expect.stringMatching(/^kim says it is mended: proving/),
    expect.stringMatching(/^CAME BACK, ERROR/),
  ]);
});

it('the waits double at random below fifteen minutes', () => {
  expect([1, 2, 3, 20].map((attempts) => backOffMs(attempts, () => 1))).toEqual([10_000, 20_000, 40_000, 900_000]);
  expect(backOffMs(5, () => 0)).toBe(1000);
});
