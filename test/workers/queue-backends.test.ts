/** What only one place of the queue can suffer, and the judgement of the watchdog. */
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createLog, EVENTUALLY, NO_DATABASE, open, push, startPostgresPlace } from '#test/support/queue-places.ts';
import { missingRedis, startRedis, type TestRedis } from '#test/support/redis.ts';
import { judgeIdleness, NOT_IDLE } from '#workers/queue-station.ts';
import { openQueues } from '#workers/queues.ts';

describe('queues in Postgres', () => {
  let place: Awaited<ReturnType<typeof startPostgresPlace>>;
  beforeAll(async () => {
    place = await startPostgresPlace();
  });
  afterAll(() => place.stop());

  it('opens from several processes at once', async () => {
    const fresh = await startPostgresPlace();
    const all = await Promise.all([1, 2, 3].map(() => open(fresh.options, { prefix: 'same' })));
    expect(all.map(({ queues }) => queues.backend)).toEqual(['postgres', 'postgres', 'postgres']);
    await Promise.all(all.map(({ queues }) => queues.close({ deadlineMs: 1_000 })));
    await fresh.stop();
  });

  it('goes on after every connection was cut', async () => {
    const { queues } = await open(place.options);
    let runs = 0;
    queues.work('push', async () => {
      runs += 1;
    });
    await queues.ring([push('a')]);
    await vi.waitFor(() => expect(runs).toBe(1), EVENTUALLY);
    await place.run(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    const cutAtMs = performance.now();
    await vi.waitFor(() => queues.ring([push('a')]), EVENTUALLY);
    await vi.waitFor(() => expect(runs).toBe(2), EVENTUALLY);
    console.info(`resumed after ${Math.round(performance.now() - cutAtMs)} ms`);
  });
});

if (missingRedis !== undefined) console.warn(missingRedis);

describe.skipIf(missingRedis !== undefined)('queues in Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it('hears new bells after FLUSHALL, whether idle or at work, without a restart', async () => {
    const { queues } = await open({ redisUrl: redis.url, databaseUrl: NO_DATABASE });
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const heard: string[] = [];
    queues.work('push', async ({ key }) => {
      heard.push(key);
      started.resolve();
      await release.promise;
    });
    queues.work('poll', async ({ key }) => void heard.push(key));
    await queues.ring([push('a')]);
    await started.promise;
    await queues.ring([push('lost')]);
    await redis.command('FLUSHALL');
    release.resolve();
    await queues.ring([push('a'), { topic: 'poll', key: 'b' }]);
    await vi.waitFor(() => expect(heard.toSorted()).toEqual(['a', 'a', 'b']), EVENTUALLY);
    await vi.waitFor(async () => expect((await queues.depths()).push.active).toBe(0), EVENTUALLY);
  });

  it('fails a ring within seconds while Redis is down, and goes on by itself when it is back', async () => {
    const own = await startRedis();
    const { queues } = await open({ redisUrl: own.url, databaseUrl: NO_DATABASE });
    const heard: string[] = [];
    queues.work('push', async ({ key }) => void heard.push(key));
    await queues.ring([push('a')]);
    await vi.waitFor(() => expect(heard).toEqual(['a']), EVENTUALLY);
    await own.kill();
    await expect(queues.ring([push('b')])).rejects.toThrow(`redis at 127.0.0.1:${own.port} did not take 1 bells`);
    await own.startAgain();
    await vi.waitFor(() => queues.ring([push('c')]), EVENTUALLY);
    await vi.waitFor(() => expect(heard).toContain('c'), EVENTUALLY);
    await own.kill();
    const closedAtMs = performance.now();
    await queues.close({ deadlineMs: 1_000 });
    console.info(`closed without Redis after ${Math.round(performance.now() - closedAtMs)} ms`);
    await own.stop();
  }, 30_000);

  it('goes on by itself after a failover made its Redis read-only for a while', async () => {
    const own = await startRedis();
    const { queues } = await open({ redisUrl: own.url, databaseUrl: NO_DATABASE });
    const heard: string[] = [];
    queues.work('push', async ({ key }) => void heard.push(key));
    const countConnections = async () => {
      const stats = await own.command('INFO', 'stats');
      return Number(/total_connections_received:(\d+)/.exec(stats)?.[1]);
    };
    const before = await countConnections();
    await own.command('REPLICAOF', '127.0.0.1', '1');
    await expect(queues.ring([push('a')])).rejects.toThrow(`redis at 127.0.0.1:${own.port} did not take 1 bells`);
    expect((await countConnections()) - before).toBeGreaterThan(2); // two are redis-cli's; ours went looking for the new primary
    await own.command('REPLICAOF', 'NO', 'ONE');
    await vi.waitFor(() => queues.ring([push('b')]), EVENTUALLY);
    await vi.waitFor(() => expect(heard).toContain('b'), EVENTUALLY);
    await queues.close({ deadlineMs: 1_000 });
    await own.stop();
  }, 30_000);

  it('refuses a Redis that evicts, with the command that mends it and without its password', async () => {
    const password = 'canary-password';
    const evicting = await startRedis({ 'maxmemory-policy': 'volatile-lru', requirepass: password });
    const opening = openQueues({ redisUrl: evicting.url, databaseUrl: NO_DATABASE, log: createLog() });
    const error: Error = await opening.then(
      () => expect.unreachable(),
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ name: 'EvictingRedis', code: 'redis-evicting', policy: 'volatile-lru' });
    const command = `redis-cli -u redis://:***@127.0.0.1:${evicting.port} CONFIG SET maxmemory-policy noeviction`;
    expect(error.message).toContain(command);
    expect(error.message).not.toContain(password);
    await evicting.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    const { queues } = await open({ redisUrl: evicting.url, databaseUrl: NO_DATABASE });
    expect(queues.backend).toBe('redis');
    await queues.close({ deadlineMs: 1_000 });
    await evicting.stop();
  });

  it('reads the policy from INFO where CONFIG is forbidden', async () => {
    const managed = await startRedis({ 'maxmemory-policy': 'allkeys-lru' });
    await managed.command('ACL', 'SETUSER', 'default', '-config');
    const opening = openQueues({ redisUrl: managed.url, databaseUrl: NO_DATABASE, log: createLog() });
    await expect(opening).rejects.toMatchObject({ name: 'EvictingRedis', policy: 'allkeys-lru' });
    await managed.stop();
  });

  it('names host, port and fix when there is no usable Redis, never a password', async () => {
    const cases = [
      ['redis://:canary@127.0.0.1:1', 'Redis at 127.0.0.1:1 cannot be used: connect ECONNREFUSED'],
      ['127.0.0.1:6379 canary', 'not a URL such as redis://'],
    ] as const;
    for (const [redisUrl, reason] of cases) {
      const opening = openQueues({ redisUrl, databaseUrl: NO_DATABASE, log: createLog() });
      const error = await opening.then(
        () => expect.unreachable(),
        (thrown: Error) => thrown,
      );
      expect(error).toMatchObject({ name: 'RedisUnreachable', code: 'redis-unreachable' });
      expect(error.message).toContain(reason);
      expect(error.message).toContain('correct REDIS_URL');
      expect(inspect(error, { depth: 9 })).not.toContain('canary');
    }
  });
});

describe('the watchdog', () => {
  it('recreates after so many idle checks with bells, and gives up at the same again', () => {
    const verdicts: string[] = [];
    let idleness = NOT_IDLE;
    for (let check = 0; check < 6; check++) {
      const { after, verdict } = judgeIdleness(idleness, { hasWorked: false, hasBells: true }, 3);
      idleness = after;
      verdicts.push(verdict);
    }
    expect(verdicts).toEqual(['alive', 'alive', 'recreate', 'alive', 'alive', 'dead']);
  });

  it('forgives all after one start, and counts anew when no bell waits', () => {
    const worn = { strikes: 2, wasRecreated: true };
    expect(judgeIdleness(worn, { hasWorked: true, hasBells: true }, 3)).toEqual({ after: NOT_IDLE, verdict: 'alive' });
    const quiet = judgeIdleness(worn, { hasWorked: false, hasBells: false }, 3);
    expect(quiet).toEqual({ after: { strikes: 0, wasRecreated: true }, verdict: 'alive' });
  });
});
