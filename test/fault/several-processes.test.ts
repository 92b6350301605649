/** Several processes on one database: the roles split, or two whole daemons by mistake. No double effect, no number out of order. */
import { sql } from 'drizzle-orm';
import { afterEach, describe, expect, test } from 'vitest';
import { startBuyers } from '#test/support/buyers.ts';
import type { Environment } from '#test/support/daemon.ts';
import { findFreePort } from '#test/support/free-port.ts';
import { missingRedis, startRedis } from '#test/support/redis.ts';
import { openStage, type Stage } from '#test/support/stage.ts';

const SKUS = ['MUG', 'TEE', 'CAP'];

if (missingRedis !== undefined) console.warn(missingRedis);

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
});

async function openOn(redisUrl: string | null): Promise<Stage> {
  const stage = await openStage({
    database: 'given',
    ...(redisUrl === null ? {} : { redisUrl }),
    skus: SKUS,
    opening: 200,
    partners: {
      'fake:shop': {},
      'fake:partner': { basis: 'onHandLessOwnOpen', batch: 'allOrNothing', compareAndSet: false },
      'fake:market': { ticket: true, compareAndSet: false },
    },
  });
  closers.push(() => stage.close());
  return stage;
}

/** Orders come while all of these run, and everything is right at the end. */
async function expectGoodTrade(stage: Stage, processes: readonly Environment[], orders: number): Promise<void> {
  const daemons = processes.map((env) => stage.start(env));
  await Promise.all(daemons.map((daemon) => daemon.ready()));
  await stage.furnish();
  // Each listing is written once before the trade, so each write of the trade has one to be compared with.
  await stage.expectRight();
  const buyers = startBuyers(stage.controls, SKUS);
  await buyers.more(orders);
  await buyers.stop();
  await stage.expectRight();
  await expectInOrder(stage);
  for (const daemon of daemons) daemon.send('SIGTERM');
  expect(await Promise.all(daemons.map((daemon) => daemon.ended))).toEqual(
    daemons.map(() => ({ code: 0, signal: null })),
  );
}

/** Of each listing: a write began only after the one before it had ended, and with no older version. */
async function expectInOrder(stage: Stage): Promise<void> {
  const db = await stage.db();
  const [row] = await db.rows<{ compared: number; older: number; overlapping: number }>(sql`
    with write as (
      select i.listing_id, i.version, a.created_at, i.finished_at,
        lag(i.version) over w as version_before, lag(i.finished_at) over w as finished_before
      from push_attempt_item i join push_attempt a on a.id = i.attempt_id
      window w as (partition by i.listing_id order by i.attempt_id))
    select count(distinct listing_id) filter (where version_before is not null)::int as compared,
      count(*) filter (where version < version_before)::int as older,
      count(*) filter (where created_at < finished_before)::int as overlapping from write`);
  // How often a listing is written is a matter of pace: numbers that follow fast on each other go out as one.
  expect(row).toEqual({ compared: stage.controls.size * SKUS.length, older: 0, overlapping: 0 });
}

describe.skipIf(missingRedis !== undefined)('the roles split over three processes, one Redis', () => {
  test('http+intake, allocate+sweep, push+reconcile', { timeout: 60_000 }, async () => {
    const redis = await startRedis();
    closers.push(() => redis.stop());
    const roles = ['http,intake', 'allocate,sweep', 'push,reconcile'];
    await expectGoodTrade(
      await openOn(redis.url),
      roles.map((WORKERS) => ({ WORKERS })),
      90,
    );
  });
});

describe('two whole daemons by mistake', () => {
  test('on one database, the queue in it too', { timeout: 60_000 }, async () => {
    const port = await findFreePort();
    await expectGoodTrade(await openOn(null), [{}, { PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` }], 90);
  });
});
