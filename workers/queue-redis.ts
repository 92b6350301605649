/**
 * The connections to Redis. The only importer of ioredis.
 * Guarantees: they are handed out only after Redis answered and told that it evicts nothing; no error carries a password.
 * Does not: look at the policy again later (`allot doctor` does), nor speak to a Redis Cluster.
 */
import { Redis } from 'ioredis';

/** This Redis may throw queue keys away under memory pressure, so it is refused. */
export class EvictingRedis extends Error {
  override readonly name = 'EvictingRedis';
  readonly code = 'redis-evicting';
  readonly policy: string;
  constructor(policy: string, redactedUrl: string) {
    super(
      `Redis has maxmemory-policy "${policy}" and may silently drop queued work; allot needs "noeviction". Fix it now with: ` +
        `redis-cli -u ${redactedUrl} CONFIG SET maxmemory-policy noeviction  and for good with this line in redis.conf: maxmemory-policy noeviction`,
    );
    this.policy = policy;
  }
}

/** No usable Redis behind REDIS_URL. */
export class RedisUnreachable extends Error {
  override readonly name = 'RedisUnreachable';
  readonly code = 'redis-unreachable';
  constructor(place: string, reason: string) {
    super(
      `Redis at ${place} cannot be used: ${reason}. Start it, correct REDIS_URL, or unset REDIS_URL to keep the queue in Postgres.`,
    );
  }
}

/** `place` is host:port, safe to print. */
export type RedisConnections = { readonly place: string; readonly producer: Redis; readonly consumer: Redis };

const CONNECT_LIMIT_MS = 2_000;
const RECONNECTING = {
  connectTimeout: CONNECT_LIMIT_MS,
  retryStrategy: (attempt: number) => Math.min(100 * 2 ** attempt, 2_000),
  // After a failover the old primary answers READONLY: reconnect and send the command again (bullmq #2964 and its kin).
  reconnectOnError: (error: Error) => (error.message.includes('READONLY') ? 2 : false),
} as const;

/**
 * Two connections: a producer must fail within about 2 s while Redis is down (the outbox keeps its row), a worker must wait for it to
 * come back. Throws RedisUnreachable or EvictingRedis.
 */
export async function connectRedis(redisUrl: string, onError: (error: Error) => void): Promise<RedisConnections> {
  const place = readPlace(redisUrl);
  await checkRedis(redisUrl, place);
  const producer = new Redis(redisUrl, { ...RECONNECTING, maxRetriesPerRequest: 1, commandTimeout: CONNECT_LIMIT_MS });
  const consumer = new Redis(redisUrl, { ...RECONNECTING, maxRetriesPerRequest: null });
  producer.on('error', onError);
  consumer.on('error', onError);
  return { place, producer, consumer };
}

async function checkRedis(redisUrl: string, place: string): Promise<void> {
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: CONNECT_LIMIT_MS,
    commandTimeout: CONNECT_LIMIT_MS,
    retryStrategy: () => null,
  });
  let lastError: Error | undefined;
  redis.on('error', (error) => {
    lastError = error;
  });
  try {
    await redis.connect();
    const policy = await readEvictionPolicy(redis);
    if (policy !== 'noeviction') throw new EvictingRedis(policy, redactUrl(redisUrl));
  } catch (error) {
    if (error instanceof EvictingRedis) throw error;
    // No `cause`: ioredis errors carry the command with its arguments, which for AUTH is the password.
    const reason = lastError ?? (error instanceof Error ? error : new Error(String(error)));
    throw new RedisUnreachable(place, reason.message.replace(/\.$/, ''));
  } finally {
    redis.disconnect();
  }
}

async function readEvictionPolicy(redis: Redis): Promise<string> {
  const fromConfig = await redis.config('GET', 'maxmemory-policy').catch(() => undefined); // managed Redis forbids CONFIG
  if (Array.isArray(fromConfig) && typeof fromConfig[1] === 'string') return fromConfig[1];
  const info = await redis.info('memory').catch(() => '');
  return /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'unknown (neither CONFIG GET nor INFO memory is allowed)';
}

function readPlace(redisUrl: string): string {
  if (!URL.canParse(redisUrl) || !/^rediss?:$/.test(new URL(redisUrl).protocol)) {
    throw new RedisUnreachable('REDIS_URL', 'it is not a URL such as redis://127.0.0.1:6379');
  }
  const url = new URL(redisUrl);
  return `${url.hostname}:${url.port || '6379'}`;
}

function redactUrl(redisUrl: string): string {
  const url = new URL(redisUrl);
  if (url.password !== '') url.password = '***';
  return url.href;
}
