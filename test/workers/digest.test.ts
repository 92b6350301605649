/** The morning digest: at whose hour, on which day, once, and what it says; also on the days on which clocks are changed, and when there is nothing. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listAlerts } from '#db/alert-list.ts';
import { closeAlert, type NewAlert, raiseAlert, resolveAlert, snoozeAlert, takeAlert } from '#db/alerts.ts';
import { seedBrand } from '#test/support/brand.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { openHttpSink, openSmtpSink } from '#test/support/message-sinks.ts';
import type { Person } from '#workers/alert-settings.ts';
import { localTimeOf, writeDigests } from '#workers/digest.ts';
import { deliver, type NotifyContext } from '#workers/notify.ts';
import { openEmail } from '#workers/notify-email.ts';
import type { DigestBody } from '#workers/notify-message.ts';
import { openSlack } from '#workers/notify-slack.ts';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const never = new AbortController().signal;
const HOUR = 3_600_000;

let store: TestDatabase;
let clock: { now: number };
let context: NotifyContext;
beforeEach(async () => {
  store = await createTestDatabase();
  clock = { now: Date.now() };
  context = { db: store.db, now: () => clock.now, log: silent };
});
afterEach(() => store.drop());

const kim: Person = { id: 'kim', timeZone: 'Europe/Berlin', digestMinute: 7 * 60 + 30, to: ['mail'] };
const lee: Person = { id: 'lee', timeZone: 'America/New_York', digestMinute: 7 * 60, to: ['chat', 'mail'] };
const at = (text: string): void => {
  clock.now = Date.parse(text);
};
const write = (...people: readonly Person[]) => writeDigests(context, { people });
const written = () =>
  store.db.rows<{ destination: string; topic: string }>(sql`select destination, topic from notification order by id`);
const bodies = async (): Promise<DigestBody[]> =>
  (await store.db.rows<{ body: DigestBody }>(sql`select body from notification order by id`)).map(({ body }) => body);
const section = (body: DigestBody | undefined, title: string) => {
  const found = body?.sections.find((one) => one.title === title) ?? expect.fail(`no section ${title}`);
  return found.lines.length === 0 ? [found.none] : found.lines.map(({ text }) => text);
};

describe('its hour', () => {
  it('is that of each person in their zone, once a day', async () => {
    at('2026-01-15T06:29:00Z');
    expect(await write(kim, lee)).toBe(0);
    at('2026-01-15T06:30:00Z');
    expect(await write(kim, lee)).toBe(1);
    expect(await write(kim, lee)).toBe(0);
    at('2026-01-15T12:00:00Z');
    expect(await write(kim, lee)).toBe(1);
    at('2026-01-16T06:29:00Z');
    expect(await write(kim, lee)).toBe(0);
    at('2026-01-16T06:30:00Z');
    expect(await write(kim, lee)).toBe(1);
    expect(await written()).toEqual([
      { destination: 'mail', topic: 'digest kim 2026-01-15' },
      { destination: 'chat', topic: 'digest lee 2026-01-15' },
      { destination: 'mail', topic: 'digest lee 2026-01-15' },
      { destination: 'mail', topic: 'digest kim 2026-01-16' },
    ]);
  });

  it('moves with the clocks: an hour earlier in UTC from the day on which summer time begins', () => {
    expect(localTimeOf(Date.parse('2026-03-28T06:30:00Z'), 'Europe/Berlin')).toEqual({
      day: '2026-03-28',
      minute: 450,
    });
    expect(localTimeOf(Date.parse('2026-03-29T05:30:00Z'), 'Europe/Berlin')).toEqual({
      day: '2026-03-29',
      minute: 450,
    });
    expect(localTimeOf(Date.parse('2026-10-25T06:30:00Z'), 'Europe/Berlin')).toEqual({
      day: '2026-10-25',
      minute: 450,
    });
  });

  it('that a day skips is made up for, and one that it has twice counts once', async () => {
    const night = { ...kim, digestMinute: 2 * 60 + 30 };
    at('2026-03-29T00:59:00Z');
    expect(await write(night)).toBe(0);
    // 01:59 is followed by 03:00: there is no 02:30 that day.
    at('2026-03-29T01:00:00Z');
    expect(await write(night)).toBe(1);
    at('2026-10-25T00:30:00Z');
    expect(await write(night)).toBe(1);
    // 02:30 again, an hour later.
    at('2026-10-25T01:30:00Z');
    expect(await write(night)).toBe(0);
  });

  it('missed while nothing ran is late, not lost', async () => {
    at('2026-01-15T20:00:00Z');
    expect(await write(kim)).toBe(1);
  });

  it('is one for several processes', async () => {
    at('2026-01-15T12:30:00Z');
    const counts = await Promise.all([1, 2, 3, 4].map(() => write(kim, lee)));
    expect(counts.reduce((sum, one) => sum + one, 0)).toBe(2);
    expect(await written()).toHaveLength(3);
  });
});

const alert = (fingerprint: string, over: Partial<NewAlert> = {}): NewAlert => ({
  fingerprint,
  code: 'push-rejected',
  severity: 'error',
  title: `trouble ${fingerprint}`,
  channelId: 'fake:a',
  touches: { listings: 2 },
  cause: 'refused',
  nextStep: `allot explain ${fingerprint}`,
  ...over,
});

/** The hour of a person for whom it is always time. */
const now: Person = { id: 'now', timeZone: 'UTC', digestMinute: 0, to: ['mail'] };

describe('what it says', () => {
  beforeEach(() => seedBrand(store.db, { skus: ['A'] }));

  it('sorts what stands and what was closed', async () => {
    const deadline = clock.now - HOUR;
    await raiseAlert(store.db, alert('late', { deadline }));
    await raiseAlert(store.db, alert('mine'));
    await raiseAlert(store.db, alert('quiet'));
    await raiseAlert(store.db, alert('mended'));
    await raiseAlert(store.db, alert('healing', { mending: true }));
    await raiseAlert(store.db, alert('note', { code: 'held-back', severity: 'info' }));
    await raiseAlert(store.db, alert('gone'));
    await raiseAlert(store.db, alert('worked on'));
    const ids = new Map((await listAlerts(store.db, {}, 20)).map(({ id, title }) => [title, id]));
    const step = (name: string) => ({ id: ids.get(`trouble ${name}`) ?? 0, by: 'operator:kim' });
    await takeAlert(store.db, { ...step('mine'), owner: 'kim' });
    await snoozeAlert(store.db, { ...step('quiet'), until: clock.now + 48 * HOUR });
    await resolveAlert(store.db, step('mended'));
    await takeAlert(store.db, { ...step('worked on'), owner: 'kim' });
    await closeAlert(store.db, 'gone', 'read again');
    await closeAlert(store.db, 'worked on', 'read again');
    clock.now += 1000;
    await write(now);
    const [body] = await bodies();
    expect(body?.headline).toContain('2 alerts must be acted on, 1 fixed itself, 2 still proving');
    const act = section(body, 'Must act');
    expect(act[0]).toMatch(
      /^OVERDUE, promised by .* UTC: \[error\] trouble late; touches 2 listings; nobody has it; next: allot explain late; \(allot alerts show \d+\)$/,
    );
    expect(act[1]).toMatch(/^act by .*: \[error\] trouble mine; .*kim has it/);
    expect(act).toHaveLength(2);
    expect(section(body, 'Still proving')).toEqual([
      expect.stringMatching(/trouble mended; said to be mended by kim, the next reading decides/),
      expect.stringMatching(/trouble healing; allot is mending it/),
    ]);
    expect(section(body, 'Fixed itself')).toEqual([expect.stringMatching(/^trouble gone; .*proof: read again$/)]);
    expect(section(body, 'Closed after somebody worked on it')).toEqual([expect.stringMatching(/^trouble worked on/)]);
    expect(section(body, 'Snoozed, and to know')).toEqual([
      expect.stringMatching(/^snoozed until .*trouble quiet/),
      expect.stringMatching(/^trouble note/),
    ]);
  });

  it('names oversold orders by number, with their pages', async () => {
    const shipBy = Date.parse('2026-02-01T17:00:00Z');
    const orders = [
      { order: '#1001', channel: 'shopify:main', units: 2, shipBy, link: 'https://shop.example/admin/orders/1' },
      { order: 'PO 77', channel: 'edi:store', units: 1, shipBy: null, link: null },
    ];
    await raiseAlert(
      store.db,
      alert('oversold A', { code: 'oversold', severity: 'critical', touches: { skus: ['A'], units: 3, orders } }),
    );
    clock.now += 1000;
    await write({ ...now, timeZone: 'Europe/Berlin' });
    const [body] = await bodies();
    const found = body?.sections.find(({ title }) => title === 'Oversold orders');
    expect(found?.lines).toEqual([
      {
        text: '#1001 on shopify:main: 2 units short, ship by 2026-02-01 18:00 Europe/Berlin of A',
        link: 'https://shop.example/admin/orders/1',
      },
      { text: 'PO 77 on edi:store: 1 unit short of A', link: null },
    ]);
  });

  it('tells of nothing too, and what was watched', async () => {
    await store.db.rows(sql`
      insert into channel_health (channel_id, reconciled_at) values ('fake:a', to_timestamp(${clock.now} / 1000.0))`);
    await write(now);
    const [body] = await bodies();
    expect(body?.headline).toMatch(
      /^allot, \d{4}-\d\d-\d\d: nothing must be done; 0 alerts fixed itself, 0 still proving$/,
    );
    expect(section(body, 'Must act')).toEqual(['Nothing.']);
    expect(section(body, 'Oversold orders')).toEqual(['None.']);
    const watched = section(body, 'Watched and silent');
    expect(watched[0]).toMatch(
      /^fake:a \(live\): 1 listing, read whole .* UTC, 0 orders since the last digest, nothing to tell$/,
    );
    expect(watched.at(-1)).toMatch(/^(\d+) of \1 kinds of trouble were looked for and none stands: answer-unwritten, /);
  });

  it('counts from the last digest, not from a day ago', async () => {
    await raiseAlert(store.db, alert('gone'));
    await closeAlert(store.db, 'gone', 'read again');
    clock.now += 1000;
    await write(now);
    clock.now += 24 * HOUR;
    await write(now);
    const all = await bodies();
    expect(all.map((body) => section(body, 'Fixed itself')[0])).toEqual([
      expect.stringMatching(/^trouble gone/),
      'Nothing had to.',
    ]);
  });

  it('is cut where it is long, and says so', async () => {
    for (let n = 0; n < 60; n += 1) await raiseAlert(store.db, alert(`a${n}`));
    clock.now += 1000;
    await write(now);
    const lines = section((await bodies())[0], 'Must act');
    expect(lines).toHaveLength(51);
    expect(lines.at(-1)).toBe('and 10 more: allot alerts');
  });

  it('arrives as mail and in Slack', async () => {
    await using sinks = {
      http: await openHttpSink(),
      smtp: await openSmtpSink(),
      async [Symbol.asyncDispose]() {
        await this.http.close();
        await this.smtp.close();
      },
    };
    const link = 'https://shop.example/admin/orders/1?a=1&b=2';
    const orders = [{ order: '#1001 <b>', channel: 'shopify:main', units: 2, shipBy: null, link }];
    await raiseAlert(store.db, alert('oversold A', { code: 'oversold', touches: { skus: ['A'], orders } }));
    clock.now += 1000;
    await write({ ...now, to: ['mail', 'chat'] });
    const { http, smtp } = sinks;
    const mail = openEmail({
      smtpUrl: smtp.url,
      from: 'allot@example.com',
      to: ['kim@example.com'],
      allowPlain: false,
    });
    await deliver(context, { id: 'mail', sender: mail }, never);
    await deliver(context, { id: 'chat', sender: openSlack({ url: `${http.url}/x`, now: context.now }) }, never);
    expect(smtp.mails[0]?.text.replaceAll('=\n', '')).toContain('#1001 <b> on shopify:main: 2 units short of A');
    expect(http.arrivals[0]?.body).toContain(`<${link}|#1001 &lt;b&gt; on shopify:main: 2 units short of A>`);
  });
});
