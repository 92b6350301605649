/** The page of a channel: how far it agrees, what its gate does next, going live by a share, falling back, and leaving it. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connector } from '#connectors/fake/index.ts';
import { startFakeSandbox } from '#connectors/fake/sandbox/index.ts';
import { dayOf } from '#core/gate.ts';
import { keepAgreement, readGate } from '#db/gates.ts';
import { setMode } from '#db/modes.ts';
import { openSharedRates } from '#db/rates.ts';
import { beginRun, endRun, noteRun } from '#db/reconcile-runs.ts';
import { bodyOf, type ConsoleStage, csrfOf, HERE, openApp, openConsole, textOf } from '#test/support/console.ts';
import { openChannels } from '#workers/channels.ts';

const DAY_MS = 86_400_000;
const PUBLIC_URL = 'https://allot.example';
const RULE = { channel: 'fake:a', cleanDays: 3, agreement: 99, ramp: [5, 25, 100], stepDays: 2, fallBack: 90 };

let stage: ConsoleStage;
beforeEach(async () => {
  stage = await openConsole({ mode: 'shadow' });
});
afterEach(async () => {
  await stage.close();
  if (stage.faults.length > 0) throw new Error(`logged as an error: ${stage.faults.join()}`);
});

const show = async (path: string, cookie = ''): Promise<string> => textOf(await stage.page(`/console${path}`, cookie));
const page = (cookie = '') => show('/channel?id=fake%3Aa', cookie);
const giveGate = () =>
  stage.store.db.rows(sql`update policy set body = body || ${JSON.stringify({ gates: [RULE] })}::jsonb`);
const mode = (fields: Record<string, string>, cookie = '') =>
  stage.submit('/console/channel-mode', { channel: 'fake:a', ...fields }, cookie);
const gate = () => readGate(stage.store.db, 'fake:a');

async function agreed(daysAgo: number, percent: number): Promise<void> {
  await keepAgreement(stage.store.db, 'fake:a', {
    day: dayOf(stage.clock.now - daysAgo * DAY_MS),
    mode: 'shadow',
    compared: 1000,
    agreed: percent * 10,
    moving: 4,
    units: 12,
    causes: percent === 100 ? {} : { showsMore: 1000 - percent * 10 },
  });
}

describe('the gate', () => {
  it('tells the rule, the clean days in a row, each day, and what comes next', async () => {
    await giveGate();
    await stage.store.db.rows(
      sql`update channel set mode_changed_at = now() - interval '9 days', share_changed_at = now() - interval '9 days'`,
    );
    for (const [ago, percent] of [
      [1, 100],
      [2, 99.5],
      [3, 60],
    ] as const)
      await agreed(ago, percent);
    const text = await page();
    expect(text).toContain('live after 3 clean days in a row (99 % or more agree), for 5 %, 25 %, 100 % of its items');
    expect(text).toContain('Clean days in a row 2 of 3');
    expect(text).toContain('What it does next 2 of 3 clean days in a row');
    expect(text).toMatch(/shadow 99\.5 % 1,000 5 12 4 1 showsMore 5 ● clean/);
    expect(text).toMatch(/shadow 60 % 1,000 400 12 4 1 showsMore 400 ▲ not clean/);
    expect(await stage.page('/console/channel?id=fake%3Aa')).toContain('data-chart=');
  });

  it('is not needed, and a channel that was never scanned says so', async () => {
    const text = await page();
    expect(text).toContain('It has no gate: people let it go live');
    expect(text).toContain('Not scanned yet: the daemon compares when it reconciles the channel.');
    expect(text).toContain('No whole look came to its end yet.');
  });

  it('shows what differed at the last whole look, those furthest apart first; no light scan, no dry run', async () => {
    const { db } = stage.store;
    const listings = await db.rows<{ id: number }>(
      sql`select id from listing where channel_id = 'fake:a' order by sku`,
    );
    const found = listings.map(({ id }, n) => ({
      listingId: id,
      cause: 'manualEdit' as const,
      remedy: 'write' as const,
      shows: 40 + 5 * (n + 1),
      wants: 40,
      because: [`so it is ${n}`],
    }));
    const counts = { compared: 2, differing: 2, causes: { manualEdit: 2 }, healed: 0 };
    for (const [runMode, isDryRun] of [
      ['full', false],
      ['full', true],
      ['light', false],
    ] as const) {
      const now = stage.clock.now - 60_000;
      const run = await beginRun(db, { channelId: 'fake:a', mode: runMode, isDryRun, actor: 'timer', now });
      await noteRun(db, run, { counts, found: runMode === 'full' && !isDryRun ? found : [], now });
      await endRun(db, run, { counts, furthest: [], alerted: 0, openAfter: 2, error: null, now });
    }
    expect(await page()).toMatch(
      /Run 1 , 1 min ago : 2 of 2 listings differed\. .* B ref-B 40 50 10 manualEdit so it is 1 A ref-A 40 45 5 manualEdit so it is 0/,
    );
  });

  it('that took a channel back says why, and only a person opens it again', async () => {
    await stage.store.db.rows(
      sql`update channel set fell_back = '2 scans in a row agreed by less than 90 %' where id = 'fake:a'`,
    );
    expect(await page()).toContain('It fell back to shadow: 2 scans in a row agreed by less than 90 %.');
    expect(await show('')).toContain('shadow (fell back) ■ fell back');
    expect((await mode({ mode: 'live', share: '100' })).statusCode).toBe(303);
    expect(await page()).not.toContain('fell back');
  });
});

describe('going live', () => {
  it('begins with the first step of the gate, whoever names no share, as allot channels live does', async () => {
    await giveGate();
    expect((await mode({ mode: 'live' })).statusCode).toBe(303);
    expect(await gate()).toMatchObject({ mode: 'live', share: 5 });
    expect(await show('')).toContain('live 5 %');
    expect(await stage.page('/console/channel?id=fake%3Aa')).toContain('name="share" inputmode="decimal" value="25"');
    expect((await mode({ mode: 'live', share: '25' })).statusCode).toBe(303);
    expect((await mode({ mode: 'paused' })).statusCode).toBe(303);
    // From a pause it goes on with what it had.
    expect((await mode({ mode: 'live' })).statusCode).toBe(303);
    expect(await gate()).toMatchObject({ mode: 'live', share: 25 });
    expect(await show('/trail')).toContain('set mode fake:a {"to":"live","from":"shadow","share":5}');
  });

  it('without a gate is whole, and a share that is none is refused with what to write', async () => {
    for (const share of ['0', '101', 'half', '-5']) {
      const refused = await mode({ mode: 'live', share });
      expect([share, refused.statusCode]).toEqual([share, 409]);
      expect(textOf(refused.body)).toContain('write a percent above 0, up to 100, such as 25');
    }
    expect((await mode({ mode: 'live' })).statusCode).toBe(303);
    expect(await gate()).toMatchObject({ mode: 'live', share: 100 });
  });

  it('needs an approver; an operator may pause, a viewer only looks', async () => {
    await stage.addUser('kim', 'operator');
    await stage.addUser('vic', 'viewer');
    const [kim, vic] = [await stage.logIn('kim'), await stage.logIn('vic')];
    expect((await mode({ mode: 'live' }, kim)).statusCode).toBe(403);
    expect((await mode({ mode: 'paused' }, vic)).statusCode).toBe(403);
    expect(await page(kim)).not.toContain('Send its numbers');
    expect(await page(vic)).not.toContain('Reconcile fake:a');
    expect((await mode({ mode: 'paused' }, kim)).statusCode).toBe(303);
    expect(await gate()).toMatchObject({ mode: 'paused' });
  });
});

/** A channel with its platform, as the daemon has it open, subscribed to. */
async function openPlatform() {
  const sandbox = await startFakeSandbox({ accessToken: 'token', webhookSecret: 'secret', ticketDelayMs: 0 });
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const channels = openChannels(
    [
      {
        id: 'fake:a',
        connector,
        settings: connector.settings.parse({ endpoint: sandbox.url }),
        secret: (name) => (name === 'ACCESS_TOKEN' ? 'token' : 'secret'),
      },
    ],
    {
      db: stage.store.db,
      rates: openSharedRates(stage.store.db),
      now: Date.now,
      random: Math.random,
      log: silent,
      keyIds: ['k'],
    },
  );
  const channel = channels.get('fake:a');
  if (channel === undefined) throw new Error('no such channel');
  await channel.connection.ensureSubscriptions(`${PUBLIC_URL}/webhooks/fake%3Aa`, AbortSignal.timeout(10_000));
  const token = { headers: { authorization: 'Bearer token' } };
  const subscribed = async () =>
    ((await (await fetch(new URL('/v1/webhooks', sandbox.url), token)).json()) as { url: string | null }).url;
  return { channels, subscribed, close: () => sandbox.close() };
}

describe('leaving a channel', () => {
  beforeEach(async () => {
    await setMode(stage.store.db, ['fake:a'], 'live', 'test');
    await stage.store.db.rows(sql`
      insert into listing_sync (listing_id, acked_quantity, acked_wire, acked_at) select id, 7, 7, now() from listing where channel_id = 'fake:a'`);
    await stage.store.db.rows(sql`update listing set title = '=cmd()' where sku = 'A' and channel_id = 'fake:a'`);
  });

  it('shows first what it would do, with the last numbers page by page, and writes nothing', async () => {
    await stage.store.db.rows(sql`
      insert into listing (channel_id, listing_ref, sku, mapped_at) select 'fake:a', 'z' || lpad(n::text, 4, '0'), 'B', now() from generate_series(1, 150) n`);
    const body = await stage.page('/console/channel-leave?id=fake%3Aa');
    expect(textOf(body)).toContain('it is live. Left, it is paused for good');
    expect(textOf(body)).toMatch(/ref-A A 7 /);
    const next =
      /href="(\/console\/channel-leave\?id=[^"]+after=[^"]+)"/.exec(body)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const second = textOf(await stage.page(next));
    expect(second).toContain('z0150');
    expect(second).not.toContain('ref-A');
    expect(await gate()).toMatchObject({ mode: 'live', leftAt: null });
  });

  it('gives all last numbers as a file that no spreadsheet runs', async () => {
    const response = await stage.ask({ url: '/console/channel-last-numbers?id=fake%3Aa' });
    expect(response.headers['content-disposition']).toBe('attachment; filename="last-numbers-fake-a.csv"');
    expect(response.headers['content-type']).toBe('text/csv; charset=utf-8');
    const [head, first, second] = response.body.split('\r\n');
    expect(head).toContain('sku,listing_ref,location_ref,title,sent');
    expect(first).toMatch(/^A,ref-A,,'=cmd\(\),7,/);
    expect(second).toMatch(/^B,ref-B,,,7,/);
    expect((await stage.ask({ url: '/console/channel-last-numbers?id=nope' })).statusCode).toBe(404);
  });

  it('stops writing under the name of an approver, and tells what cannot be ended from here', async () => {
    await stage.addUser('kim', 'operator');
    await stage.addUser('lee', 'approver');
    const [kim, lee] = [await stage.logIn('kim'), await stage.logIn('lee')];
    const leave = (cookie: string, channel = 'fake:a') => stage.submit('/console/channel-leave', { channel }, cookie);
    expect((await leave(kim)).statusCode).toBe(403);
    expect(await show('/channel-leave?id=fake%3Aa', kim)).toContain('Leaving it needs the role approver.');
    expect((await leave(lee, 'fake:z')).statusCode).toBe(409);
    const left = await leave(lee);
    expect(left.statusCode).toBe(303);
    const notice = left.cookies.find(({ name }) => name === 'allot_notice')?.value ?? '';
    const says = Buffer.from(notice, 'base64url').toString('utf8');
    expect(says).toContain('fake:a is left: allot writes nothing to it any more. Nothing is under way.');
    expect(says).toContain('NOT ended: fake:a is not served by this daemon');
    expect(await gate()).toMatchObject({ mode: 'paused', leftAt: expect.any(Number) });
    expect(await show('/channel-leave?id=fake%3Aa', lee)).toMatch(/it was left .*Its listings keep what they show/);
    expect(await show('', lee)).toContain('paused (left) ○ left');
    expect(await show('/trail', lee)).toContain('operator:lee leave channel fake:a');
  });
});

describe('leaving a channel that the daemon serves', () => {
  it('ends its subscriptions at the platform', async () => {
    const platform = await openPlatform();
    const served = await openApp({ ...stage.parts, channels: platform.channels, publicUrl: PUBLIC_URL });
    try {
      expect(await platform.subscribed()).toBe(`${PUBLIC_URL}/webhooks/fake%3Aa`);
      const from = { remoteAddress: '127.0.0.1', headers: { ...HERE, 'sec-fetch-site': 'same-origin' } };
      const shown = (await served.inject({ ...from, url: '/console/channel-leave?id=fake%3Aa' })).body;
      expect(textOf(shown)).toContain(`of ${PUBLIC_URL}/webhooks/fake%3Aa would be ended`);
      const payload = bodyOf({ csrf: csrfOf(shown), channel: 'fake:a' });
      const left = await served.inject({ ...from, method: 'POST', url: '/console/channel-leave', payload });
      const notice = left.cookies.find(({ name }) => name === 'allot_notice')?.value ?? '';
      expect(Buffer.from(notice, 'base64url').toString('utf8')).toContain('Subscriptions: 2 ended.');
      expect(await platform.subscribed()).toBeNull();
    } finally {
      await served.close();
      await platform.close();
    }
  });
});

it('a channel that there is not leads on, and no name is taken for markup', async () => {
  for (const path of ['/console/channel', '/console/channel-leave']) {
    const response = await stage.ask({ url: `${path}?id=${encodeURIComponent('<script>alert(1)</script>')}` });
    expect(response.statusCode).toBe(404);
    expect(response.body).not.toContain('<script>alert');
    expect(textOf(response.body)).toContain('The overview shows those there are');
  }
});
