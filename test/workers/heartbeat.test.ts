/** The dead man's heartbeat: well only when all that must live does and nothing waits too long; else it tells the failure, with the reasons. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '#db/client.ts';
import { beat } from '#db/health.ts';
import { takeTurn } from '#db/turns.ts';
import { SWEEP_TURN } from '#db/vitals.ts';
import { createTestDatabase, type TestDatabase } from '#test/support/database.ts';
import { type HttpSink, openHttpSink } from '#test/support/message-sinks.ts';
import { ROLES } from '#workers/config.ts';
import { beatHeart } from '#workers/heartbeat.ts';
import type { NotifyContext } from '#workers/notify.ts';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const never = new AbortController().signal;
const MINUTE = 60_000;

let store: TestDatabase;
let http: HttpSink;
let clock: { now: number };
let context: NotifyContext;
beforeEach(async () => {
  store = await createTestDatabase();
  http = await openHttpSink();
  clock = { now: Date.now() };
  context = { db: store.db, now: () => clock.now, log: silent };
  await beat(store.db, 'one', ['http', 'intake', 'allocate']);
  await beat(store.db, 'two', ['push', 'reconcile', 'sweep']);
  await takeTurn(store.db, SWEEP_TURN, clock.now, 0);
});
afterEach(async () => {
  await http.close();
  await store.drop();
});

const heart = (over: NotifyContext = context) =>
  beatHeart(over, { url: `${http.url}/ping/uuid-1?rid=7`, everyMs: MINUTE }, never);

it('is well while all roles live, the sweep advances and nothing waits', async () => {
  expect(await heart()).toBe('well');
  expect(http.arrivals).toMatchObject([{ method: 'POST', path: '/ping/uuid-1?rid=7', body: 'allot is well' }]);
});

it('beats once per interval, whoever is first', async () => {
  expect((await Promise.all([heart(), heart(), heart()])).sort()).toEqual(['not due', 'not due', 'well']);
  clock.now += MINUTE - 1;
  expect(await heart()).toBe('not due');
  clock.now += 1;
  expect(await heart()).toBe('well');
  expect(http.arrivals).toHaveLength(2);
});

describe('tells the failure, and why', () => {
  const old = sql`clock_timestamp() - interval '6 minutes'`;
  it.each([
    ['a role that nobody has', sql`delete from worker where id = 'two'`, /^no living process has the role push$/],
    [
      'a process that is silent',
      sql`update worker set seen_at = ${old} where id = 'one'`,
      /^no living process has the role http$/,
    ],
    [
      'a sweep that does not end',
      sql`update turn set taken_at = ${old} where name = 'sweep'`,
      /^the sweep has not ended well since /,
    ],
    [
      'a command that nobody decides',
      sql`insert into command (kind, body, actor, occurred_at, recorded_at) values ('receive', '{}', 't', now(), ${old})`,
      /^the oldest of the commands waits for 36\d s$/,
    ],
    [
      'an event that nobody reads',
      sql`insert into inbox_key (channel_id, key, topic, source, received_at) values ('fake:a', 'k', 't', 'poll', ${old})`,
      /^the oldest of the received events waits for 36\d s$/,
    ],
    [
      'a bell that nobody rings',
      sql`insert into outbox (topic, recorded_at) values ('push', ${old})`,
      /^the oldest of the bells waits for 36\d s$/,
    ],
  ])('%s', async (_what, breakIt, says) => {
    await store.db.rows(breakIt);
    expect(await heart()).toBe('ill');
    expect(http.arrivals[0]?.path).toBe('/ping/uuid-1/fail?rid=7');
    const [line] = (http.arrivals[0]?.body ?? '').split('\n');
    expect(line).toMatch(says);
  });

  it('a database that does not answer', async () => {
    const gone = openDatabase('postgres://nobody@127.0.0.1:1/none', { max: 1 });
    expect(await heart({ ...context, db: gone })).toBe('ill');
    await gone.close();
    expect(http.arrivals[0]).toMatchObject({
      path: '/ping/uuid-1/fail?rid=7',
      body: expect.stringMatching(/^the database: /),
    });
  });
});

it('asks for no webhooks where no process ever had them', async () => {
  await store.db.rows(sql`delete from worker where id = 'one'`);
  await beat(store.db, 'three', ['intake', 'allocate']);
  expect(ROLES).toContain('http');
  expect(await heart()).toBe('well');
});

it('that the watcher does not take is an error for the log, without the secret address', async () => {
  http.usual = { status: 500 };
  await expect(heart()).rejects.toThrow(/^127\.0\.0\.1:\d+ answers 500$/);
});
