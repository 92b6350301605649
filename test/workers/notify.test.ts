/** Messages about alerts: who is told of what, in whose words, and one message however many alerts a cause has. */
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ackAlert, closeAlert, raiseAlert, resolveAlert, takeAlert } from '#db/alerts.ts';
import { alert, HOOK_KEY, MINUTE, type NotifyBench, openNotifyBench, route } from '#test/support/notify-bench.ts';
import { MENDING_MS } from '#workers/notify.ts';

let bench: NotifyBench;
let store: NotifyBench['store'];
let http: NotifyBench['http'];
let smtp: NotifyBench['smtp'];
let clock: NotifyBench['clock'];
let alertingOf: NotifyBench['alertingOf'];
let run: NotifyBench['run'];
let bodies: NotifyBench['bodies'];
let texts: NotifyBench['texts'];
let ids: NotifyBench['ids'];
beforeEach(async () => {
  bench = await openNotifyBench();
  ({ store, http, smtp, clock, alertingOf, run, bodies, texts, ids } = bench);
});
afterEach(() => bench.close());

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
    const mac = createHmac('sha256', HOOK_KEY).update(signed).digest('base64');
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
