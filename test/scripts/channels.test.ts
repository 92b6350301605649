/** `allot channels`: shares, one channel whole, and leaving one. Platforms over sockets are test/fault/gate.test.ts. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OPENS_AT } from '#core/breaker.ts';
import { stepBreaker } from '#db/breakers.ts';
import { keepAgreement } from '#db/gates.ts';
import { writeCursor } from '#db/health.ts';
import { command, seedBrand } from '#test/support/brand.ts';
import { type Around, runAllot } from '#test/support/command-line.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { decidePending } from '#workers/allocate.ts';

const SEAL_KEY = randomBytes(32).toString('base64');

let store: TestDatabase;
let folder: string;
beforeEach(async () => {
  store = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'allot-channels-'));
  await seedBrand(store.db, { skus: ['MUG', '=CUP'], mode: 'shadow' });
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await store.drop();
});

const allot = (line: string, around: Around = {}) =>
  runAllot(line.split(' '), {
    env: { DATABASE_URL: store.url, USER: 'kim', ALLOT_SEAL_KEY: SEAL_KEY },
    cwd: folder,
    ...around,
  });
const json = async (line: string) => (await allot(`${line} --json`)).document();

const RULE = { channel: 'fake:a', cleanDays: 2, agreement: 99, ramp: [5, 100], stepDays: 1, fallBack: 95 };
const setRule = () => store.db.rows(sql`update policy set body = body || ${JSON.stringify({ gates: [RULE] })}::jsonb`);

describe('live', () => {
  test('all of it by hand; a part with --share; with a gate its first step; after a pause the share it had', async () => {
    expect((await allot('channels live fake:b')).out).toBe('fake:b: now live, its targets are sent.\n');
    expect(await json('channels live fake:b --share 12.5%')).toMatchObject({
      changed: ['fake:b'],
      shares: { 'fake:b': 12.5 },
    });
    expect((await allot('channels live fake:b')).out).toContain('Nothing to change');
    await setRule();
    const ramped = await allot('channels live fake:a');
    expect(ramped.out).toBe('fake:a: now live for 5 % of its items; the rest is as in shadow.\n');
    expect(ramped.err).toContain('allot channels live fake:a --share 100%');
    await allot('channels live fake:a --share 40');
    await allot('pause all');
    expect(await json('channels live fake:a')).toMatchObject({ shares: { 'fake:a': 40 } });
    expect((await allot('channels list')).out).toMatch(/fake:a +live 40 %/);
    expect(
      await store.db.rows(sql`select detail->>'share' as share from audit where subject = 'fake:a' order by id`),
    ).toEqual([{ share: '5' }, { share: '40' }, { share: null }, { share: '40' }]);
  });

  test.each(['0', '101', '-5', 'half', '5%%'])('a share of %s is refused', async (share) => {
    expect((await allot(`channels live fake:a --share ${share}`)).exitCode).toBe(2);
  });
});

describe('show', () => {
  test('mode, gate, breaker, agreement by day, and what differs most', async () => {
    await setRule();
    await command(store.db, { kind: 'receive', sku: 'MUG', location: 'main', quantity: 9, disposition: 'sellable' });
    await decidePending(store.db, { now: Date.now });
    await store.db.rows(sql`
      insert into listing_sync (listing_id, observed_sellable, observed_state, observed_at)
      select id, 4, 'tracked', now() from listing where channel_id = 'fake:a' and sku = 'MUG'`);
    const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    await store.db.rows(
      sql`update channel set mode_changed_at = now() - interval '9 days', share_changed_at = now() - interval '9 days'`,
    );
    await keepAgreement(store.db, 'fake:a', {
      day,
      mode: 'shadow',
      compared: 200,
      agreed: 199,
      moving: 3,
      units: 5,
      causes: { showsLess: 1 },
    });
    for (let n = 0; n < OPENS_AT; n += 1)
      await stepBreaker(store.db, 'fake:a', { event: 'failed', now: Date.now(), random: 0.9, why: 'no connection' });
    expect(await json('channels show fake:a')).toMatchObject({
      schema: 'allot.channel/1',
      mode: 'shadow',
      gate: { cleanDays: 2, cleanDaysNow: 1, next: '1 of 2 clean days in a row', fellBack: null },
      breaker: { state: 'open', trips: 1, lastError: 'no connection', retryAt: expect.stringContaining('T') },
      days: [{ day, agreement: 99.5, clean: true, causes: { showsLess: 1 }, units: 5, moving: 3 }],
      differing: [{ sku: 'MUG', should: 9, shows: 4, units: 5, cause: 'showsLess' }],
    });
    const { out, err } = await allot('channels show fake:a');
    expect(out).toContain('1 of 2 clean days in a row');
    expect(out).toMatch(/99\.5 % +200 +1 +5 +3 +1 +showsLess 1/);
    expect(out).toMatch(/MUG +ref-MUG +9 +4 +5 +shows less than allot would/);
    expect(out).toContain('no connection');
    expect(err).toContain('allot channels live fake:a');
    expect((await allot('channels list')).out).toMatch(/fake:a .*open/);
    expect((await allot('status')).out).toContain('does not answer: breaker open');
  });

  test('a channel that is not there is told', async () => {
    expect(await allot('channels show fake:z')).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('allot channels list'),
    });
  });
});

describe('leave', () => {
  const stored = () => store.db.rows(sql`select mode, left_at is not null as left from channel where id = 'fake:a'`);

  test('where nobody can be asked it shows what it would do, and does nothing', async () => {
    const said = await allot('channels leave fake:a');
    expect(said).toMatchObject({ exitCode: 0, err: expect.stringContaining('allot channels leave fake:a --yes') });
    expect(said.out).toContain('would be paused for good');
    expect(await json('channels leave fake:a --dry-run --yes')).toMatchObject({ done: false, was: 'shadow' });
    const refused = await allot('channels leave fake:a', { ask: () => Promise.resolve(false) });
    expect(refused.exitCode).toBe(130);
    expect(await stored()).toEqual([{ mode: 'shadow', left: false }]);
  });

  test('it stops writing, lists the last numbers as a table, JSON or CSV, and tells what it could not end', async () => {
    await allot('channels live fake:a');
    await store.db.rows(sql`
      insert into listing_sync (listing_id, acked_quantity, acked_wire, sold_baseline, acked_at, observed_sellable, observed_state, observed_at)
      select id, 7, 7, 0, '2026-03-01T10:00:00Z', 6, 'tracked', '2026-03-01T11:00:00Z' from listing where channel_id = 'fake:a'`);
    const left = await json('channels leave fake:a --yes');
    expect(left).toMatchObject({
      schema: 'allot.channels.leave/1',
      ok: false,
      done: true,
      was: 'live',
      underWay: 0,
      subscriptions: { kind: 'failed', why: 'there is no configuration here' },
      numbers: [
        { sku: '=CUP', sent: 7, sentAt: '2026-03-01T10:00:00.000Z', shows: 6, isUnderWay: false },
        { sku: 'MUG', sent: 7, shows: 6 },
      ],
    });
    expect(await stored()).toEqual([{ mode: 'paused', left: true }]);
    const csv = await allot('channels leave fake:a --yes --csv');
    expect(csv.exitCode).toBe(1);
    expect(csv.out.split('\r\n')[0]).toBe(
      'sku,listing_ref,location_ref,title,sent,sent_at,shows,read_at,should_show,under_way',
    );
    // What a spreadsheet would take for a formula is text.
    expect(csv.out).toContain("'=CUP,ref-=CUP,,,7,2026-03-01T10:00:00.000Z,6,");
    expect(csv.err).toContain('subscriptions  NOT ended: there is no configuration here');
    expect((await allot('channels list')).out).toMatch(/fake:a +paused \(left\)/);
    expect(await store.db.rows(sql`select action from audit where subject = 'fake:a' order by id`)).toEqual([
      { action: 'set mode' },
      { action: 'leave channel' },
    ]);
    // And back, as if it were new.
    await allot('channels live fake:a');
    expect(await stored()).toEqual([{ mode: 'live', left: false }]);
  });
});

describe('parked take', () => {
  test('says who sees to it, is kept when it fails again, and is given back', async () => {
    await allot('receive POT 1 --location main');
    const [one] = (await json('parked list')).parked as { id: number; owner: string | null; firstParkedAt: string }[];
    expect(one?.owner).toBeNull();
    expect((await allot(`parked take ${one?.id} --for warehouse`)).out).toBe('1 parked input taken by warehouse.\n');
    await allot(`parked retry ${one?.id}`);
    const [again] = (await json('parked list --owner warehouse')).parked as (typeof one & object)[];
    expect(again).toMatchObject({ owner: 'warehouse', firstParkedAt: one?.firstParkedAt, attempts: 2 });
    expect((await allot('parked list --owner nobody')).out).toBe('Nothing is parked.\n');
    expect((await allot(`parked take ${again?.id} --for a@b.example`)).exitCode).toBe(2);
    await allot(`parked take ${again?.id} --give-back`);
    expect((await json('parked list')).parked).toMatchObject([{ owner: null }]);
  });

  test('what was shown is acted on, and no more', async () => {
    await allot('receive POT 1 --location main');
    await allot('receive PAN 1 --location main');
    const { err } = await allot('parked list');
    expect(err).toMatch(/--all-shown --up-to \d+ --count 2/);
    const last = /--up-to (\d+)/.exec(err)?.[1];
    expect(await allot(`parked drop --all-shown --up-to ${last} --count 1 --reason test`)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('1 were shown, and 2 match now'),
    });
    expect((await allot(`parked drop --all-shown --up-to ${last} --count 2 --reason test`)).out).toBe(
      '2 parked inputs dropped.\n',
    );
  });
});

test('channels show tells how the light scan gets round, and when the platform makes that too slow', async () => {
  expect((await allot('channels show fake:a')).out).toMatch(/light scan +-\n/);
  const state = { listings: 9000, byAge: 75, byValue: 25, everyMs: 30_000, periodMs: 900_000, roundMs: 3_600_000 };
  await writeCursor(
    store.db,
    'fake:a',
    'look',
    JSON.stringify({ ...state, perMinute: 200, at: 1, read: 40, isCut: true }),
  );
  const { out } = await allot('channels show fake:a');
  expect(out.replace(/\s+/g, ' ')).toContain(
    'light scan 9000 listings, 75 by age and 25 by what is at stake every 30 s; a round takes 60 min, not 15 min: its platform lets allot read no faster;',
  );
  expect(out).toContain('the last scan was cut short by the platform');
  expect(await json('channels show fake:a')).toMatchObject({ lightScan: { ...state, isCut: true } });
});
