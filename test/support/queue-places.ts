/**
 * Queues for tests, in either place a bell can be stored, and what the queue tests share.
 * Guarantees: what was opened is closed after each test.
 */
import { sql } from 'drizzle-orm';
import { afterEach } from 'vitest';
import { type Bell, openQueues, type Queues, type QueuesOptions } from '#workers/queues.ts';
import { createTestDatabase } from './database.ts';
import { startRedis } from './redis.ts';

type Entry = { readonly level: string; readonly message: string } & Record<string, unknown>;

/** A backend, with what the suite must be able to do to it. */
export type Place = {
  readonly options: Pick<QueuesOptions, 'redisUrl' | 'databaseUrl'>;
  /** Makes every worker of that queue find nothing though bells wait, as a dead one would; thaw undoes it. */
  freeze(queueName: string): Promise<void>;
  thaw(queueName: string): Promise<void>;
  /** All that is stored of jobs, as text. */
  dump(): Promise<string>;
  stop(): Promise<void>;
};

export const EVENTUALLY = { timeout: 10_000, interval: 10 };
/** With Redis no test may need a database. */
export const NO_DATABASE = 'postgres://127.0.0.1:1/none';

const DUMP_HASHES = `local all = ''
for _, key in ipairs(redis.call('KEYS', '*')) do
  if redis.call('TYPE', key).ok == 'hash' then all = all .. cjson.encode(redis.call('HGETALL', key)) end
end
return all`;

export async function startPlace(kind: 'postgres' | 'redis'): Promise<Place> {
  return kind === 'redis' ? startRedisPlace() : startPostgresPlace();
}

/** `run` is SQL in the place's own database. */
export async function startPostgresPlace(): Promise<Place & { run(script: string): Promise<void> }> {
  const database = await createTestDatabase({ empty: true });
  const { db, url } = database;
  return {
    options: { databaseUrl: url },
    freeze: (name) => db.script(`insert into bullmq.meta (queue, field, value) values ('${name}', 'concurrency', '0')`),
    thaw: (name) => db.script(`delete from bullmq.meta where queue = '${name}' and field = 'concurrency'`),
    run: (script) => db.script(script),
    dump: async () => JSON.stringify(await db.rows(sql`select * from bullmq.job`)),
    stop: () => database.drop(),
  };
}

async function startRedisPlace(): Promise<Place> {
  const redis = await startRedis();
  return {
    options: { redisUrl: redis.url, databaseUrl: NO_DATABASE },
    freeze: async (name) => void (await redis.command('HSET', `bull:${name}:meta`, 'concurrency', '0')),
    thaw: async (name) => void (await redis.command('HDEL', `bull:${name}:meta`, 'concurrency')),
    dump: () => redis.command('EVAL', DUMP_HASHES, '0'),
    stop: () => redis.stop(),
  };
}

const opened: Queues[] = [];
let prefixes = 0;

afterEach(async () => {
  await Promise.all(opened.splice(0).map((queues) => queues.close({ deadlineMs: 2_000 })));
});

export const push = (key: string): Bell => ({ topic: 'push', key });

export function createLog() {
  const entries: Entry[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    entries.push({ ...fields, level, message });
  };
  return { entries, warn: at('warn'), error: at('error') };
}

/** Queues under a prefix of their own, unless told which; closed after the test. */
export async function open(options: Place['options'], extra: Partial<QueuesOptions> = {}) {
  const log = createLog();
  const timing = { retryDelayMs: 20, ...extra.timing };
  prefixes += 1;
  const prefix = extra.prefix ?? `t${prefixes}`;
  const queues = await openQueues({ ...options, log, ...extra, prefix, timing });
  opened.push(queues);
  return { queues, log, prefix };
}
