/**
 * Where bells are stored: Redis, or BullMQ's PostgreSQL backend in our own database. The only importer of bullmq.
 * Guarantees: a backend is handed out only after it answered and is fit (Redis does not evict, the `bullmq` schema is migrated);
 * the queue stores a topic and a key, never an error text.
 * Does not: know topics or handlers (queues.ts does), nor watch whether a worker still lives (queue-station.ts does).
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type BackendFactory,
  createRedisBackend,
  type IQueueBackend,
  isPgPool,
  type JobProgress,
  type JobsOptions,
  type PgPool,
  PostgresConnection,
  PostgresQueueBackend,
  Queue,
  runMigrations,
  WaitingError,
  Worker,
} from 'bullmq';
import pg from 'pg';
import { connectRedis } from './queue-redis.ts';

/** What a job carries, and all it carries. */
export type Note = { readonly topic: string; readonly key: string };

export type Attempt = {
  readonly note: Note;
  /** 1 is the first; when it equals `attemptsMax` a throw makes the job `failed`. */
  readonly attempt: number;
  readonly attemptsMax: number;
  readonly signal: AbortSignal;
};

/** `putBack`: the job waits again and no attempt is used up. A throw means `failed, try again`. */
export type Process = (attempt: Attempt) => Promise<'done' | 'putBack'>;

/** How many jobs of the queue are in each state, over all processes. */
export type QueueDepth = {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
};

export type OpenQueue = {
  /** One waiting job per key; for a key that is active one more is kept and runs after it. */
  addAll(notes: readonly Note[]): Promise<void>;
  depth(): Promise<QueueDepth>;
  close(): Promise<void>;
};

export type OpenWorker = {
  /** Stops fetching. A fetch already on its way may still hand over one job. */
  pause(): Promise<void>;
  abortAll(reason: string): void;
  /** Waits for running jobs unless forced; a job left running is rescued by another worker once its lock has expired. */
  close(isForced: boolean): Promise<void>;
};

export type QueueOptions = { readonly retryDelayMs: number; readonly onError: (error: Error) => void };
export type WorkerOptions = {
  readonly concurrency: number;
  readonly onError: (error: Error) => void;
  readonly onStalled: (jobId: string) => void;
};

export type OnConnectionError = (source: 'redis' | 'postgres', error: Error) => void;

export type QueueBackend = {
  readonly kind: 'redis' | 'postgres';
  /** host:port, with the database's name in Postgres: safe to print. */
  readonly place: string;
  openQueue(name: string, options: QueueOptions): Promise<OpenQueue>;
  openWorker(name: string, process: Process, options: WorkerOptions): OpenWorker;
  close(): Promise<void>;
};

// Lock 10 s: a handler may block the event loop that long before its job counts as stalled. The check is 4 s, not the 5 s of
// facts/style-and-reliability section 4, so that lock + check stays under the 15 s we promise for rescue after kill -9.
const WORKER_SETTINGS = {
  lockDuration: 10_000,
  stalledInterval: 4_000,
  maxStalledCount: 3,
  runRetryDelay: 500, // the default of 15 s made a worker sleep 11.8 s after a Postgres restart (measured)
} as const;
const ATTEMPTS_MAX = 5; // waits of 0.5, 1, 2 and 4 s; the sweep rings again after that
const EVENTS_MAX = 1_000;
const FAILED_FETCH_MS = 100;
const SCHEMA = 'bullmq'; // BullMQ looks only here when it is given a pool of ours

/** Throws RedisUnreachable or EvictingRedis. */
export async function openRedisBackend(redisUrl: string, onError: OnConnectionError): Promise<QueueBackend> {
  const { place, producer, consumer } = await connectRedis(redisUrl, (error) => onError('redis', error));
  return {
    kind: 'redis',
    place,
    openQueue: (name, options) => openQueue(createRedisBackend, producer, { name, ...options }),
    openWorker: (name, process, options) => openWorker(createRedisBackend, consumer, { name, process, ...options }),
    close: async () => {
      // Not quit(): with Redis down its answer never comes, and nothing of ours is in flight any more.
      producer.disconnect();
      consumer.disconnect();
    },
  };
}

/** Connects to the BullMQ schema in our database and migrates it, under BullMQ's own advisory lock. */
export async function openPostgresBackend(databaseUrl: string, onError: OnConnectionError): Promise<QueueBackend> {
  const pool = openPool(databaseUrl);
  pool.on('error', (error) => onError('postgres', error));
  try {
    const client = await pool.connect();
    try {
      await runMigrations(client, SCHEMA);
    } finally {
      client.release();
    }
  } catch (error) {
    await pool.end();
    throw error;
  }
  return {
    kind: 'postgres',
    place: placeOf(databaseUrl),
    openQueue: (name, options) => openQueue(createBoundedBackend, pool, { name, ...options }),
    openWorker: (name, process, options) => openWorker(createBoundedBackend, pool, { name, process, ...options }),
    close: () => pool.end(),
  };
}

function placeOf(databaseUrl: string): string {
  const { host, pathname } = new URL(databaseUrl);
  return `${host}${pathname}`;
}

function openPool(databaseUrl: string): pg.Pool & PgPool {
  const url = new URL(databaseUrl);
  // In the URL, because pg lets the URL's own options override those beside it.
  const startup = [url.searchParams.get('options'), `-c search_path=${SCHEMA}`].filter(Boolean).join(' ');
  url.searchParams.set('options', startup);
  const pool = new pg.Pool({
    connectionString: url.href,
    application_name: 'allot-queue',
    max: 20, // each worker keeps one connection for LISTEN: at most one per topic, the rest serves queries
    connectionTimeoutMillis: 2_000,
    query_timeout: 15_000, // a half-open socket must not hold a worker for ever
    keepAlive: true,
  });
  pool.setMaxListeners(0); // every BullMQ queue and worker adds one 'error' listener to the pool
  if (!isPgPool(pool)) throw new Error('pg.Pool has changed its shape: BullMQ cannot use it');
  return pool;
}

/**
 * BullMQ lets an idle Postgres worker sleep up to an hour, trusting NOTIFY. One wake-up missed around a reconnect would then cost an
 * hour (the kind of bullmq #4729), so the sleep is capped.
 */
class BoundedPostgresBackend extends PostgresQueueBackend {
  override get maximumBlockTimeout(): number {
    return 5;
  }
}

const createBoundedBackend: BackendFactory<PostgresQueueBackend, PgPool> = (name, opts, options) => {
  const listenName = options?.withBlockingConnection ? name : undefined;
  return new BoundedPostgresBackend(new PostgresConnection(opts.connection), name, opts, true, listenName);
};

/**
 * BullMQ's loop fetches again at once after any error but a refused connection, so a full Redis or a Postgres that is starting up
 * would cost a quarter of a core and 380 errors a second (measured with two workers; 22 with this wait).
 */
function unhurried<Backend extends IQueueBackend, Connection>(
  factory: BackendFactory<Backend, Connection>,
): BackendFactory<Backend, Connection> {
  return (name, opts, options) => {
    const backend = factory(name, opts, options);
    const fetchNext = backend.moveToActive.bind(backend);
    backend.moveToActive = async (token, workerName) => {
      try {
        const next: unknown[] = await fetchNext(token, workerName);
        return next;
      } catch (error) {
        await delay(FAILED_FETCH_MS);
        throw error;
      }
    };
    return backend;
  };
}

async function openQueue<Backend extends IQueueBackend, Connection>(
  factory: BackendFactory<Backend, Connection>,
  connection: Connection,
  options: QueueOptions & { readonly name: string },
): Promise<OpenQueue> {
  const queue = new Queue<Note, void, string, Note, void, string, Backend, Connection>(
    options.name,
    { connection, streams: { events: { maxLen: EVENTS_MAX } } },
    factory,
  );
  queue.on('error', options.onError);
  await queue.waitUntilReady();
  return {
    addAll: async (notes) => {
      await queue.addBulk(notes.map((note) => describeJob(note, options.retryDelayMs)));
    },
    depth: async () => {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
      const { waiting = 0, active = 0, delayed = 0, failed = 0 } = counts;
      return { waiting, active, delayed, failed };
    },
    close: () => queue.close(),
  };
}

function describeJob({ topic, key }: Note, retryDelayMs: number): { name: string; data: Note; opts: JobsOptions } {
  return {
    name: topic,
    data: { topic, key },
    opts: {
      // Never the key: BullMQ silently ignores an id it still knows (bullmq #1337), refuses ':' and integers, and after FLUSHALL
      // its own counter starts again at ids that running jobs still hold.
      jobId: randomUUID(),
      deduplication: { id: `key-${encodeURIComponent(key)}`, keepLastIfActive: true },
      attempts: ATTEMPTS_MAX,
      backoff: { type: 'exponential', delay: retryDelayMs, jitter: 0.5 },
      removeOnComplete: true,
      removeOnFail: { age: 24 * 3_600, count: 100 },
      stackTraceLimit: 0,
    },
  };
}

/** What the queue keeps of a failure. The error itself goes to the log: its text may hold what must not be stored. */
class HandlerFailed extends Error {
  override readonly name = 'HandlerFailed';
}

function openWorker<Backend extends IQueueBackend, Connection>(
  factory: BackendFactory<Backend, Connection>,
  connection: Connection,
  options: WorkerOptions & { readonly name: string; readonly process: Process },
): OpenWorker {
  const worker = new Worker<Note, void, string, Backend, JobProgress, Connection>(
    options.name,
    // All three parameters stand here because BullMQ makes a signal only for a processor that declares three.
    async (job, token, signal) => {
      const attempt = { attempt: job.attemptsMade + 1, attemptsMax: job.opts.attempts ?? 1 };
      const result = await options
        .process({ note: job.data, ...attempt, signal: signal ?? new AbortController().signal })
        .catch(() => Promise.reject(new HandlerFailed('the handler threw: see the log')));
      if (result === 'done') return;
      await job.moveToWait(token);
      throw new WaitingError();
    },
    { ...WORKER_SETTINGS, connection, concurrency: options.concurrency },
    unhurried(factory),
  );
  worker.on('error', options.onError);
  worker.on('stalled', options.onStalled);
  // A job given up after too many stalls fires only this one (bullmq #3282).
  worker.on('failed', (_job, error) => {
    if (!(error instanceof HandlerFailed)) options.onError(error);
  });
  return {
    pause: () => worker.pause(true),
    abortAll: (reason) => worker.cancelAllJobs(reason),
    close: (isForced) => worker.close(isForced),
  };
}
