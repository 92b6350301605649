/**
 * The doorbell. Postgres holds the truth; a bell only says "there is work of this topic for this key", so losing every bell costs
 * time, never work: the sweep rings again from Postgres.
 *
 * What becomes of a bell:
 *   waiting   rung; a second bell of the same (topic, key) joins it
 *   active    its handler runs; a bell rung now is kept and runs once more afterwards (at most one is kept)
 *   (gone)    the handler returned
 *   delayed   the handler threw: tried again after a jittered, doubling wait; bells rung meanwhile join it
 *   failed    every attempt threw: logged and counted; the next bell of that key runs as if nothing had happened
 *
 * Guarantees: once ring() has resolved, a handler of that key starts at some time after ring() was called, unless the backend loses
 * its memory; a worker that dies is stood in for within 15 s; at most one job per (topic, key) exists, over all processes.
 * Does not exclude: after FLUSHALL, or when a handler blocks the event loop beyond its 10 s lock, one key can run twice at once, so
 * handlers fence their writes in Postgres. Keeps no payload, no result and no error text.
 */
import { Transient } from '#core/errors.ts';
import {
  type OpenQueue,
  openPostgresBackend,
  openRedisBackend,
  type QueueBackend,
  type QueueDepth,
} from './queue-backend.ts';
import { QueueStation, type StationLog, toError } from './queue-station.ts';

export { EvictingRedis, RedisUnreachable } from './queue-redis.ts';

export const TOPICS = [
  'intake',
  'allocate',
  'poll',
  'push',
  'collect',
  'reconcile',
  'look',
  'dryrun',
  'documents',
] as const;
export type Topic = (typeof TOPICS)[number];

/** Work of `topic` waits for `key` (a channel id, say); key is '' where the topic has only one. */
export type Bell = { readonly topic: Topic; readonly key: string };

/** Must be safe to run twice. An abort means: stop soon, what you leave is found again. */
export type BellHandler = (bell: Bell, signal: AbortSignal) => Promise<void>;

export type Queues = {
  /** Throws Transient within about 2 s when the backend does not take the bells; ringing them again is always safe. */
  ring(bells: readonly Bell[]): Promise<void>;
  /** Starts this process's worker for the topic, once. `concurrency` (default 1) is the number of keys handled at a time. */
  work(topic: Topic, handler: BellHandler, options?: { readonly concurrency?: number }): void;
  depths(): Promise<Record<Topic, QueueDepth>>;
  /** No handler starts after this is called; those running go on. */
  pause(): Promise<void>;
  /** Pauses, waits for running handlers, aborts their signals at the deadline, closes everything. Safe to call twice. */
  close(options: { readonly deadlineMs: number }): Promise<void>;
  readonly backend: 'redis' | 'postgres';
};

/** Only tests change these. */
export type QueuesTiming = {
  /** Before the second attempt; doubled before each further one. */
  readonly retryDelayMs: number;
  readonly watchEveryMs: number;
  /** So many checks in a row with bells waiting and no handler started: the worker is dead. */
  readonly idleChecksMax: number;
};

export type QueuesOptions = {
  /** Without it the queue lives in Postgres. */
  readonly redisUrl?: string;
  readonly databaseUrl: string;
  /** Default `allot`. Two databases on one Redis must not share it: each would swallow the other's bells until its sweep. */
  readonly prefix?: string;
  readonly log: StationLog;
  /** A recreated worker is dead again: end the process, so that its supervisor starts a new one. */
  readonly onDeath?: (error: Error) => void;
  readonly timing?: Partial<QueuesTiming>;
};

type Parts = {
  readonly backend: QueueBackend;
  readonly queues: Readonly<Record<Topic, OpenQueue>>;
  readonly prefix: string;
  readonly timing: QueuesTiming;
  readonly log: StationLog;
  readonly logError: (source: string, error: Error) => void;
  readonly onDeath: (error: Error) => void;
};

const DEFAULT_TIMING: QueuesTiming = { retryDelayMs: 500, watchEveryMs: 5_000, idleChecksMax: 6 };
const RING_LIMIT_MS = 2_000;
const ABORT_GRACE_MS = 1_000;
const CLOSE_LIMIT_MS = 3_000;
const BELLS_PER_ADD = 500;
const BELL_BYTES_MAX = 1_024;

/** Throws EvictingRedis, RedisUnreachable, or the database's own error. */
export async function openQueues(options: QueuesOptions): Promise<Queues> {
  const { redisUrl, databaseUrl, prefix = 'allot', log } = options;
  if (!/^[a-z0-9_-]{1,60}$/i.test(prefix)) {
    throw new Error(`queue prefix "${prefix}" cannot be used: take 1 to 60 letters, digits, - or _`);
  }
  const timing = { ...DEFAULT_TIMING, ...options.timing };
  const logError = createErrorLog(log);
  const backend = await (redisUrl === undefined
    ? openPostgresBackend(databaseUrl, logError)
    : openRedisBackend(redisUrl, logError));
  try {
    const queues = {} as Record<Topic, OpenQueue>;
    for (const topic of TOPICS) {
      const onError = (error: Error) => logError(topic, error);
      queues[topic] = await backend.openQueue(`${prefix}-${topic}`, { retryDelayMs: timing.retryDelayMs, onError });
    }
    const onDeath = options.onDeath ?? ((error) => log.error({ err: error }, 'a queue worker is dead'));
    return new BellQueues({ backend, queues, prefix, timing, log, logError, onDeath });
  } catch (error) {
    await backend.close();
    throw error;
  }
}

class BellQueues implements Queues {
  readonly backend: 'redis' | 'postgres';
  readonly #parts: Parts;
  readonly #stations = new Map<Topic, QueueStation>();
  readonly #watchdog: NodeJS.Timeout;
  #isPaused = false;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.backend = parts.backend.kind;
    const checkAll = () => Promise.all([...this.#stations.values()].map((station) => station.check()));
    this.#watchdog = setInterval(() => void checkAll(), parts.timing.watchEveryMs).unref();
  }

  async ring(bells: readonly Bell[]): Promise<void> {
    if (this.#closing) throw new Transient('the queues of this process are closed: ring again from another one');
    const { backend, queues } = this.#parts;
    bells.forEach(assertSmall);
    const adds: Promise<void>[] = [];
    for (const topic of TOPICS) {
      const keys = new Set(bells.filter((bell) => bell.topic === topic).map((bell) => bell.key));
      const notes = [...keys].map((key) => ({ topic, key }));
      for (let from = 0; from < notes.length; from += BELLS_PER_ADD) {
        adds.push(queues[topic].addAll(notes.slice(from, from + BELLS_PER_ADD)));
      }
    }
    const where = `${backend.kind} at ${backend.place}`;
    const isTaken = await isDoneWithin(RING_LIMIT_MS, Promise.all(adds)).catch((error: unknown) => {
      throw new Transient(`${where} did not take ${bells.length} bells: ${toError(error).message}`);
    });
    if (!isTaken) throw new Transient(`${where} did not take ${bells.length} bells in ${RING_LIMIT_MS} ms`);
  }

  work(topic: Topic, handler: BellHandler, options: { readonly concurrency?: number } = {}): void {
    if (this.#isPaused) throw new Error(`cannot start to work on ${topic}: the queues are stopping`);
    if (this.#stations.has(topic)) throw new Error(`work on ${topic} was started twice in one process`);
    const { backend, queues, prefix, timing, log, logError, onDeath } = this.#parts;
    const station = new QueueStation({
      topic,
      queueName: `${prefix}-${topic}`,
      concurrency: options.concurrency ?? 1,
      handle: (key, signal) => handler({ topic, key }, signal),
      backend,
      depth: () => queues[topic].depth(),
      log,
      onError: (error) => logError(topic, error),
      onDeath,
      idleChecksMax: timing.idleChecksMax,
    });
    this.#stations.set(topic, station);
  }

  async depths(): Promise<Record<Topic, QueueDepth>> {
    const { queues } = this.#parts;
    const entries = await Promise.all(TOPICS.map(async (topic) => [topic, await queues[topic].depth()] as const));
    return Object.fromEntries(entries) as Record<Topic, QueueDepth>;
  }

  async pause(): Promise<void> {
    this.#isPaused = true;
    clearInterval(this.#watchdog);
    await Promise.all([...this.#stations.values()].map((station) => station.pause()));
  }

  close(options: { readonly deadlineMs: number }): Promise<void> {
    this.#closing ??= this.#close(options.deadlineMs);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    await this.pause();
    const stations = [...this.#stations.values()];
    const settle = () => Promise.all(stations.map((station) => station.settle()));
    if (!(await isDoneWithin(deadlineMs, settle()))) {
      const busy = [...this.#stations].filter(([, station]) => station.isBusy).map(([topic]) => topic);
      this.#parts.log.warn({ topics: busy, deadlineMs }, 'handlers still running at the deadline: told to stop');
      for (const station of stations) station.abortAll('the process is stopping');
      await isDoneWithin(ABORT_GRACE_MS, settle());
    }
    await this.#closeAll(
      'workers',
      stations.map((station) => station.close()),
    );
    await this.#closeAll(
      'queues',
      TOPICS.map((topic) => this.#parts.queues[topic].close()),
    );
    await this.#closeAll('connections', [this.#parts.backend.close()]);
  }

  /** Bounded, because BullMQ waits without end for the answer of a backend that is gone. */
  async #closeAll(what: string, closings: readonly Promise<void>[]): Promise<void> {
    const { log, logError } = this.#parts;
    const settled = Promise.allSettled(closings).then((results) => {
      for (const result of results) if (result.status === 'rejected') logError(what, toError(result.reason));
    });
    if (await isDoneWithin(CLOSE_LIMIT_MS, settled)) return;
    log.warn({ what, limitMs: CLOSE_LIMIT_MS }, 'not closed in time: left to the end of the process');
  }
}

function assertSmall(bell: Bell): void {
  const bytes = Buffer.byteLength(JSON.stringify(bell));
  if (bytes > BELL_BYTES_MAX || !bell.key.isWellFormed()) {
    throw new Error(
      `bell key of ${bytes} bytes for ${bell.topic} refused: a key is an id, valid text of some tens of bytes`,
    );
  }
}

/** Logs an error at most once a second per source: a worker without its backend reports hundreds. Only the message is logged, since
 * an ioredis error carries its command, which for AUTH is the password. */
function createErrorLog(log: StationLog): (source: string, error: Error) => void {
  const seen = new Map<string, { loggedAtMs: number; held: number }>();
  return (source, error) => {
    const nowMs = performance.now();
    const last = seen.get(source);
    if (last && nowMs - last.loggedAtMs < 1_000) {
      last.held += 1;
      return;
    }
    seen.set(source, { loggedAtMs: nowMs, held: 0 });
    log.warn({ source, reason: error.message, notLogged: last?.held ?? 0 }, 'queue connection or worker error');
  };
}

/** False when `work` has not settled in time; its later rejection is then of no interest. Rejects as `work` does. */
async function isDoneWithin(limitMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([work.then(() => true), limit]);
  } finally {
    clearTimeout(timer);
  }
}
