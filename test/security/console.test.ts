/** Who gets into the console, what each role may do there, and what a hostile name, site or neighbour can do: nothing. */
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { removeUser, setUserPassword, setUserRole, USER_ROLES, type UserRole } from '#db/users.ts';
import { bodyOf, type ConsoleStage, csrfOf, openConsole, PASSWORD } from '#test/support/console.ts';
import { ACTIONS, PAGES } from '#workers/console/pages.ts';
import { hashPassword } from '#workers/console/passwords.ts';

const stages: ConsoleStage[] = [];
const open = async (...given: Parameters<typeof openConsole>): Promise<ConsoleStage> => {
  const stage = await openConsole(...given);
  stages.push(stage);
  return stage;
};
afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.close();
});

describe('until somebody has a password', () => {
  it('answers on its own machine alone: by address, by name, and not through a proxy', async () => {
    const stage = await open();
    expect((await stage.ask({ url: '/console' })).statusCode).toBe(200);
    expect(
      (await stage.ask({ url: '/console', remoteAddress: '::1', headers: { host: '[::1]:8790' } })).statusCode,
    ).toBe(200);
    expect(
      (await stage.ask({ url: '/console', remoteAddress: '::ffff:127.0.0.1', headers: { host: '127.0.0.1' } }))
        .statusCode,
    ).toBe(200);
    const refused = [
      { remoteAddress: '192.168.1.5' },
      { remoteAddress: '::ffff:192.168.1.5' },
      // DNS rebinding: the page of a stranger whose name now leads here.
      { headers: { host: 'evil.example:8790' } },
      { headers: { host: 'localhost.evil.example' } },
      { headers: { host: '127.0.0.1.evil.example' } },
      { headers: { 'x-forwarded-for': '203.0.113.9' } },
      { headers: { forwarded: 'for=203.0.113.9' } },
      { headers: { via: '1.1 tunnel' } },
    ];
    for (const from of refused) {
      const response = await stage.ask({ url: '/console', ...from });
      expect([from, response.statusCode]).toEqual([from, 403]);
      expect(response.body).toContain('allot users add NAME');
      expect(response.body).not.toContain('fake:a');
    }
  });

  it('gives the role that is configured', async () => {
    const stage = await open({ access: { loopbackRole: 'viewer' } });
    expect((await stage.ask({ url: '/console/users' })).statusCode).toBe(403);
    expect(await stage.page('/console')).not.toContain('channel-mode');
  });

  it('takes nobody without a name for a second person', async () => {
    const stage = await open();
    const proposed = await stage.submit('/console/reallocation-propose', {
      sku: 'A',
      units: '30',
      from: 'shared',
      to: 'wholesale',
      days: '7',
      reason: 'fair',
    });
    expect(proposed.statusCode).toBe(303);
    const id = /id=(\d+)/.exec(String(proposed.headers.location))?.[1] ?? '';
    await stage.store.db.rows(sql`update reallocation set proposer = 'operator:somebody' where id = ${id}::bigint`);
    const approved = await stage.submit('/console/reallocation-step', { id, step: 'approve' });
    expect(approved.statusCode).toBe(409);
    expect(approved.body).toContain('nobody is logged in');
  });
});

describe('with a password', () => {
  it('sends everybody to the login, on this machine too, and back where they wanted to go', async () => {
    const stage = await open();
    await stage.addUser('kim', 'viewer');
    const response = await stage.ask({ url: '/console/sku?s=A' });
    expect([response.statusCode, response.headers.location]).toEqual([
      303,
      '/console/login?to=%2Fconsole%2Fsku%3Fs%3DA',
    ]);
    const login = await stage.ask({
      method: 'POST',
      url: '/console/login',
      payload: bodyOf({ name: 'KIM', password: PASSWORD, to: '/console/sku?s=A' }),
    });
    expect([login.statusCode, login.headers.location]).toEqual([303, '/console/sku?s=A']);
    for (const to of [
      'https://evil.example/',
      '//evil.example',
      '/\\evil.example',
      'javascript:alert(1)',
      '/webhooks/x',
    ]) {
      const sent = await stage.ask({
        method: 'POST',
        url: '/console/login',
        payload: bodyOf({ name: 'kim', password: PASSWORD, to }),
      });
      expect([to, sent.headers.location]).toEqual([to, '/console']);
    }
  });

  it('sets a cookie that scripts and other sites do not get, Secure where the connection is', async () => {
    const stage = await open({ publicUrl: 'https://allot.example.com' });
    await stage.addUser('kim', 'viewer');
    const payload = bodyOf({ name: 'kim', password: PASSWORD });
    const plain = await stage.ask({ method: 'POST', url: '/console/login', payload });
    const named = (response: typeof plain) => response.cookies.filter(({ value }) => value !== '');
    expect(named(plain)).toMatchObject([{ name: 'allot_session', httpOnly: true, sameSite: 'Lax', path: '/' }]);
    const secure = await stage.ask({
      method: 'POST',
      url: '/console/login',
      payload,
      headers: { host: 'allot.example.com', origin: 'https://allot.example.com' },
    });
    expect(named(secure)).toMatchObject([
      { name: '__Host-allot_session', httpOnly: true, sameSite: 'Lax', secure: true, path: '/' },
    ]);
    expect(secure.headers['strict-transport-security']).toContain('max-age');
    const [token] = await stage.store.db.rows<{ kept: string }>(
      sql`select string_agg(encode(token_hash, 'escape'), ' ') as kept from console_session`,
    );
    expect(token?.kept).not.toContain(named(plain)[0]?.value);
  });

  it('makes a new session at login and ends the old one: a planted cookie gains nothing', async () => {
    const stage = await open();
    await stage.addUser('kim', 'viewer');
    const planted = 'allot_session=planted-by-a-stranger';
    const login = await stage.ask({
      method: 'POST',
      url: '/console/login',
      headers: { cookie: planted },
      payload: bodyOf({ name: 'kim', password: PASSWORD }),
    });
    expect(login.cookies.find(({ value }) => value !== '')?.value).not.toBe('planted-by-a-stranger');
    expect((await stage.ask({ url: '/console', headers: { cookie: planted } })).statusCode).toBe(303);
    const first = await stage.logIn('kim');
    const again = await stage.ask({
      method: 'POST',
      url: '/console/login',
      headers: { cookie: first },
      payload: bodyOf({ name: 'kim', password: PASSWORD }),
    });
    expect(again.statusCode).toBe(303);
    expect((await stage.ask({ url: '/console', headers: { cookie: first } })).statusCode).toBe(303);
  });

  it('ends a session that lies idle, at its absolute end, at log-out, with a new password, and with its person', async () => {
    const stage = await open();
    await stage.addUser('kim', 'admin');
    await stage.addUser('lee', 'admin');
    const status = async (cookie: string) => (await stage.ask({ url: '/console', headers: { cookie } })).statusCode;
    const hour = 3_600_000;
    const cookie = await stage.logIn('kim');
    stage.clock.now += 7 * hour;
    expect(await status(cookie)).toBe(200);
    stage.clock.now += 9 * hour;
    expect(await status(cookie)).toBe(303);

    const lasting = await stage.logIn('kim');
    for (let hours = 0; hours < 7 * 24; hours += 6) {
      expect(await status(lasting)).toBe(200);
      stage.clock.now += 6 * hour;
    }
    expect(await status(lasting)).toBe(303);

    const leaving = await stage.logIn('kim');
    expect((await stage.submit('/console/logout', {}, leaving)).statusCode).toBe(303);
    expect(await status(leaving)).toBe(303);

    const renewed = await stage.logIn('kim');
    await setUserPassword(stage.store.db, 'kim', await hashPassword('another long password'), 'test');
    expect(await status(renewed)).toBe(303);

    const gone = await stage.logIn('lee');
    await removeUser(stage.store.db, 'lee', 'test');
    expect(await status(gone)).toBe(303);
  });

  it('slows a guesser down, by address for all names, and does not tell which name there is', async () => {
    const stage = await open();
    await stage.addUser('kim', 'viewer');
    const guess = (name: string, remoteAddress: string, password = 'wrong password here') =>
      stage.ask({ method: 'POST', url: '/console/login', remoteAddress, payload: bodyOf({ name, password }) });
    const known = await guess('kim', '127.0.0.1');
    const unknown = await guess('nobody', '127.0.0.1');
    expect(known.statusCode).toBe(401);
    expect([unknown.statusCode, unknown.body]).toEqual([known.statusCode, known.body]);
    for (let n = 0; n < 4; n += 1) expect((await guess('kim', '127.0.0.1')).statusCode).toBe(401);
    const blocked = await guess('kim', '127.0.0.1', PASSWORD);
    expect(blocked.statusCode).toBe(429);
    expect(Number(blocked.headers['retry-after'])).toBeGreaterThan(0);
    // From elsewhere the person gets in.
    expect((await guess('kim', '10.0.0.7', PASSWORD)).statusCode).toBe(303);
    stage.clock.now += 3_000;
    expect((await guess('kim', '127.0.0.1', PASSWORD)).statusCode).toBe(303);
    const many = Array.from({ length: 25 }, (_, n) => n);
    const answers: number[] = [];
    for (const n of many) answers.push((await guess(`name${n}`, '10.9.9.9')).statusCode);
    expect(answers.filter((code) => code === 429).length).toBeGreaterThan(2);
  });

  it('takes a role anew with every click', async () => {
    const stage = await open();
    await stage.addUser('kim', 'admin');
    await stage.addUser('lee', 'admin');
    const cookie = await stage.logIn('lee');
    expect((await stage.ask({ url: '/console/users', headers: { cookie } })).statusCode).toBe(200);
    await setUserRole(stage.store.db, 'lee', 'viewer', 'test');
    expect((await stage.ask({ url: '/console/users', headers: { cookie } })).statusCode).toBe(403);
  });
});

describe('behind a reverse proxy', () => {
  const proxy = { addresses: ['10.0.0.0/24', '127.0.0.1'], userHeader: 'x-forwarded-user', defaultRole: null };

  it('takes its header from its addresses alone, and closes the way by loopback', async () => {
    const stage = await open({ access: { proxy } });
    await stage.store.db.rows(
      sql`insert into console_user (name, role, created_by) values ('kim', 'operator', 'test')`,
    );
    const as = (user: string, remoteAddress: string) =>
      stage.ask({ url: '/console', remoteAddress, headers: { host: 'allot.example.com', 'x-forwarded-user': user } });
    expect((await as('Kim', '10.0.0.9')).body).toContain('kim <span class="role">operator</span>');
    expect((await as('kim', '10.0.1.9')).statusCode).toBe(403);
    expect((await as('mallory', '10.0.0.9')).statusCode).toBe(403);
    expect((await as('a b', '10.0.0.9')).statusCode).toBe(403);
    expect((await stage.ask({ url: '/console' })).statusCode).toBe(403);
    const twice = await stage.ask({
      url: '/console',
      remoteAddress: '10.0.0.9',
      headers: { 'x-forwarded-user': ['kim', 'admin'] as unknown as string },
    });
    expect(twice.statusCode).toBe(403);
  });

  it('a header without a configured proxy is nothing', async () => {
    const stage = await open();
    await stage.addUser('kim', 'admin');
    const response = await stage.ask({ url: '/console', headers: { 'x-forwarded-user': 'kim' } });
    expect(response.statusCode).toBe(303);
  });
});

describe('forms', () => {
  it('are taken with the token of this login, from this site alone', async () => {
    const stage = await open();
    await stage.addUser('kim', 'admin');
    await stage.addUser('lee', 'admin');
    const [kim, lee] = [await stage.logIn('kim'), await stage.logIn('lee')];
    const csrf = csrfOf(await stage.page('/console', kim));
    const theirs = csrfOf(await stage.page('/console', lee));
    expect(csrf).not.toBe(theirs);
    const send = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
      stage.ask({
        method: 'POST',
        url: '/console/channel-mode',
        headers: { cookie: kim, ...headers },
        payload: bodyOf({ channel: 'fake:a', mode: 'paused', ...fields }),
      });
    expect((await send({})).statusCode).toBe(403);
    expect((await send({ csrf: theirs })).statusCode).toBe(403);
    expect((await send({ csrf }, { origin: 'https://evil.example' })).statusCode).toBe(403);
    expect((await send({ csrf }, { 'sec-fetch-site': 'cross-site' })).statusCode).toBe(403);
    expect((await send({ csrf }, { 'sec-fetch-site': 'same-site' })).statusCode).toBe(403);
    const modes = () => stage.store.db.rows<{ mode: string }>(sql`select mode from channel where id = 'fake:a'`);
    expect(await modes()).toEqual([{ mode: 'live' }]);
    expect((await send({ csrf })).statusCode).toBe(303);
    expect(await modes()).toEqual([{ mode: 'paused' }]);
    expect(
      (
        await stage.ask({
          method: 'POST',
          url: '/console/login',
          headers: { origin: 'https://evil.example' },
          payload: bodyOf({ name: 'kim', password: PASSWORD }),
        })
      ).statusCode,
    ).toBe(403);
  });

  it('above their size are refused', async () => {
    const stage = await open();
    const response = await stage.ask({ method: 'POST', url: '/console/alert-step', payload: 'x'.repeat(70_000) });
    expect(response.statusCode).toBe(413);
  });
});

describe('roles', () => {
  let stage: ConsoleStage;
  const cookies = new Map<UserRole, string>();
  beforeAll(async () => {
    stage = await openConsole();
    for (const role of USER_ROLES) {
      await stage.addUser(role, role);
      cookies.set(role, await stage.logIn(role));
    }
  });
  afterAll(() => stage.close());

  it.each(ACTIONS.map((action) => [action.path, action.need] as const))('%s needs %s', async (path, need) => {
    for (const role of USER_ROLES) {
      const response = await stage.submit(`/console${path}`, {}, cookies.get(role));
      const mayNot = USER_ROLES.indexOf(role) < USER_ROLES.indexOf(need);
      expect([role, response.statusCode === 403]).toEqual([role, mayNot]);
    }
  });

  it.each([
    ['/console/channel-mode', { channel: 'fake:b', mode: 'live' }, 'approver'],
    ['/console/channel-mode', { channel: 'fake:b', mode: 'shadow' }, 'approver'],
    ['/console/channel-mode', { channel: 'fake:b', mode: 'paused' }, 'operator'],
    ['/console/reallocation-step', { id: '1', step: 'approve' }, 'approver'],
    ['/console/reallocation-step', { id: '1', step: 'apply' }, 'approver'],
    ['/console/policy-step', { id: '1', step: 'approve' }, 'approver'],
    ['/console/policy-step', { id: '1', step: 'apply' }, 'admin'],
  ] as const)('%s %j needs %s', async (path, fields, need) => {
    for (const role of USER_ROLES) {
      const response = await stage.submit(path, fields, cookies.get(role));
      const mayNot = USER_ROLES.indexOf(role) < USER_ROLES.indexOf(need);
      expect([role, response.statusCode === 403]).toEqual([role, mayNot]);
    }
  });

  it('pages are for everybody known, but for those that say otherwise', async () => {
    for (const page of PAGES) {
      for (const role of USER_ROLES) {
        const url = `/console${page.path === '/' ? '' : page.path}`;
        const { statusCode } = await stage.ask({ url, headers: { cookie: cookies.get(role) ?? '' } });
        const mayNot = USER_ROLES.indexOf(role) < USER_ROLES.indexOf(page.need ?? 'viewer');
        expect([url, role, statusCode === 403]).toEqual([url, role, mayNot]);
      }
      const stranger = await stage.ask({ url: `/console${page.path === '/' ? '' : page.path}` });
      expect(stranger.statusCode).toBe(303);
    }
    expect((await stage.ask({ url: '/console/live' })).statusCode).toBe(303);
  });

  it('every answer forbids what scripts of strangers need, and none is kept', async () => {
    for (const url of ['/console', '/console/nothing', '/console/login', '/console/sku?s=none']) {
      const { headers, body } = await stage.ask({ url, headers: { cookie: cookies.get('admin') ?? '' } });
      const policy = String(headers['content-security-policy']);
      expect(policy).toContain("script-src 'self'");
      expect(policy).not.toContain('unsafe');
      expect(policy).toContain("frame-ancestors 'none'");
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'cache-control': 'no-store',
      });
      expect(body).not.toMatch(/<script(?![^>]* src=)|\sstyle=|\son[a-z]+=|<style/);
    }
  });
});

describe('what comes from outside', () => {
  const HOSTILE = '"><script>alert(1)</script>&`{{7*7}}\'/<img src=x onerror=alert(1)>';

  it('is shown as text: SKU, title, order, alert, parked reason, search, address', async () => {
    const stage = await open({ skus: [HOSTILE, 'A'] });
    const { db } = stage.store;
    await db.rows(sql`update item set title = ${HOSTILE}`);
    await db.rows(sql`insert into alert (fingerprint, code, severity, title, touches, cause, next_step)
      values ('x', 'drift', 'warning', ${HOSTILE}, ${JSON.stringify({ skus: [HOSTILE], words: HOSTILE })}::jsonb, ${HOSTILE}, ${HOSTILE})`);
    await db.rows(sql`insert into parked (source, source_id, channel_id, order_id, code, reason, fix)
      values ('command', 999999, ${HOSTILE}, ${HOSTILE}, 'unmapped-listing', ${HOSTILE}, ${HOSTILE})`);
    await db.rows(
      sql`insert into audit (actor, action, subject, detail) values (${HOSTILE}, ${HOSTILE}, ${HOSTILE}, ${JSON.stringify({ a: HOSTILE })}::jsonb)`,
    );
    const s = encodeURIComponent(HOSTILE);
    const urls = [
      ...PAGES.map(({ path }) => `/console${path === '/' ? '' : path}`),
      `/console/sku?s=${s}`,
      `/console/sku?s=none${s}`,
      `/console/search?q=${s}`,
      `/console/search?q=A%20${s}`,
      `/console/order?id=${encodeURIComponent('fake:a/1001')}`,
      `/console/order?id=${s}`,
      '/console/alert?id=1',
      '/console/parked-one?id=1',
      `/console/parked?code=unmapped-listing&channel=${s}`,
      `/console/parked?code=${s}`,
      `/console/trail?subject=${s}`,
      `/console/nothing/${s}`,
      `/console/login?to=${s}`,
    ];
    for (const url of urls) {
      const { body, statusCode, headers } = await stage.ask({ url });
      const location = headers.location ?? '/console';
      const isTold = /<script>|<img|onerror=alert\(1\)>/.test(body);
      expect([url, statusCode < 500, location.startsWith('/console'), isTold]).toEqual([url, true, true, false]);
    }
    expect(await stage.page(`/console/sku?s=${s}`)).toContain('&lt;script&gt;');
  });
});
