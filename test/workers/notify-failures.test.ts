/** Messages about alerts when nobody answers, or several processes send: tried again, given up in sight, once. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listAlerts, readAlert } from '#db/alert-list.ts';
import { raiseAlert } from '#db/alerts.ts';
import { listUndelivered } from '#db/notifications.ts';
import { alert, HOOK_KEY, MINUTE, type NotifyBench, openNotifyBench, route } from '#test/support/notify-bench.ts';
import { backOffMs, deliver, GATHER_MS, routeNews } from '#workers/notify.ts';
import { openWebhook } from '#workers/notify-webhook.ts';

let bench: NotifyBench;
let store: NotifyBench['store'];
let http: NotifyBench['http'];
let smtp: NotifyBench['smtp'];
let clock: NotifyBench['clock'];
let context: NotifyBench['context'];
let alertingOf: NotifyBench['alertingOf'];
let run: NotifyBench['run'];
let send: NotifyBench['send'];
let bodies: NotifyBench['bodies'];
let texts: NotifyBench['texts'];
let ids: NotifyBench['ids'];
beforeEach(async () => {
  bench = await openNotifyBench();
  ({ store, http, smtp, clock, context, alertingOf, run, send, bodies, texts, ids } = bench);
});
afterEach(() => bench.close());

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
    expect(texts().map(String).toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((n) => `ERROR: shop ${n}`));
    expect(bodies('/hook')).toHaveLength(8);
  });

  it('send again what one had claimed and never settled, once its lease is over', async () => {
    await raiseAlert(store.db, alert());
    const alerting = alertingOf([route(['hook'])]);
    await routeNews(context, alerting);
    clock.now += GATHER_MS;
    const stopping = new AbortController();
    http.next.push('hang');
    const url = `${http.url}/hook`;
    const hook = openWebhook({ url, secret: HOOK_KEY.toString('base64'), now: context.now });
    const sending = deliver(context, { id: 'hook', sender: hook }, stopping.signal);
    await expect.poll(() => http.arrivals.length).toBe(1);
    stopping.abort();
    expect(await sending).toBe(0);
    expect(await send(alerting)).toBe(0);
    clock.now += 61_000;
    expect(await send(alerting)).toBe(1);
  });
});

it('the waits double at random below fifteen minutes', () => {
  expect([1, 2, 3, 20].map((attempts) => backOffMs(attempts, () => 1))).toEqual([10_000, 20_000, 40_000, 900_000]);
  expect(backOffMs(5, () => 0)).toBe(1000);
});
