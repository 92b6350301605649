/**
 * One topic's worker in this process: runs the handler, tells what failed, and watches that the worker still lives.
 * Why watch: BullMQ workers are known to stop fetching after a Redis restart or failover while the process looks healthy (bullmq #36,
 * #452, #2466, #3088, #4378). Bells waiting and no start for `idleChecksMax` checks: the worker is recreated; again so: onDeath.
 * Guarantees: no handler starts after pause(); an error never leaves this file but through the log.
 * Does not: notice a job that another, dead process left active; BullMQ's stall check does.
 */
import type { Attempt, OpenWorker, QueueBackend, QueueDepth } from './queue-backend.ts';

export type StationLog = {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

export type StationParts = {
  readonly topic: string;
  readonly queueName: string;
  readonly concurrency: number;
  readonly handle: (key: string, signal: AbortSignal) => Promise<void>;
  readonly backend: QueueBackend;
  readonly depth: () => Promise<QueueDepth>;
  readonly log: StationLog;
  readonly onError: (error: Error) => void;
  readonly onDeath: (error: Error) => void;
  readonly idleChecksMax: number;
};

/** `strikes`: checks in a row with bells waiting and nothing started here. */
export type Idleness = { readonly strikes: number; readonly wasRecreated: boolean };
export const NOT_IDLE: Idleness = { strikes: 0, wasRecreated: false };

/** What one check saw, and what follows from it. Checks are counted, not seconds: a process that was asleep is not a dead worker. */
export function judgeIdleness(
  before: Idleness,
  seen: { readonly hasWorked: boolean; readonly hasBells: boolean },
  idleChecksMax: number,
): { readonly after: Idleness; readonly verdict: 'alive' | 'recreate' | 'dead' } {
  if (seen.hasWorked) return { after: NOT_IDLE, verdict: 'alive' };
  if (!seen.hasBells) return { after: { ...before, strikes: 0 }, verdict: 'alive' };
  const strikes = before.strikes + 1;
  if (strikes < idleChecksMax) return { after: { ...before, strikes }, verdict: 'alive' };
  const verdict = before.wasRecreated ? 'dead' : 'recreate';
  return { after: { strikes: 0, wasRecreated: true }, verdict };
}

export class QueueStation {
  readonly #parts: StationParts;
  readonly #running = new Set<Promise<void>>();
  #worker: OpenWorker;
  #isPaused = false;
  #isChecking = false;
  #hasWorked = false;
  #idleness = NOT_IDLE;

  constructor(parts: StationParts) {
    this.#parts = parts;
    this.#worker = this.#openWorker();
  }

  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  /** Resolves when no handler is running. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#worker.pause();
  }

  abortAll(reason: string): void {
    this.#worker.abortAll(reason);
  }

  /** Leaves running handlers to the rescue of other processes: settle() first. */
  close(): Promise<void> {
    return this.#worker.close(this.isBusy);
  }

  /** One look of the watchdog. */
  async check(): Promise<void> {
    if (this.#isChecking || this.#isPaused) return;
    this.#isChecking = true;
    try {
      await this.#check();
    } catch (error) {
      this.#parts.onError(toError(error)); // no answer from the backend is no sign of a dead worker
    } finally {
      this.#isChecking = false;
    }
  }

  async #check(): Promise<void> {
    const { topic, depth, idleChecksMax, log, onDeath } = this.#parts;
    const { waiting, delayed } = await depth();
    if (this.#isPaused) return;
    // `delayed` too: a retry falls due within seconds, and only a living worker brings it back.
    const seen = { hasWorked: this.#hasWorked || this.isBusy, hasBells: waiting + delayed > 0 };
    this.#hasWorked = false;
    const { after, verdict } = judgeIdleness(this.#idleness, seen, idleChecksMax);
    this.#idleness = after;
    if (verdict === 'recreate') {
      log.warn({ topic, waiting, delayed }, 'bells wait and the worker does not start them: worker recreated');
      this.#worker.close(true).catch((error: unknown) => this.#parts.onError(toError(error)));
      this.#worker = this.#openWorker();
    }
    if (verdict === 'dead') {
      onDeath(
        new Error(`the worker of ${topic} is dead: ${waiting + delayed} bells wait and recreating it did not help`),
      );
    }
  }

  #openWorker(): OpenWorker {
    const { backend, queueName, concurrency, onError, topic, log } = this.#parts;
    const onStalled = (jobId: string) => log.warn({ topic, jobId }, 'bell of a dead or blocked worker rung again');
    return backend.openWorker(queueName, (attempt) => this.#process(attempt), { concurrency, onError, onStalled });
  }

  async #process(attempt: Attempt): Promise<'done' | 'putBack'> {
    if (this.#isPaused) return 'putBack';
    this.#hasWorked = true;
    const { key } = attempt.note;
    const call = (async () => this.#parts.handle(key, attempt.signal))();
    this.#running.add(call);
    try {
      await call;
      return 'done';
    } catch (error) {
      if (attempt.signal.aborted) return 'putBack'; // it did as it was told
      this.#logFailure(attempt, toError(error));
      throw error;
    } finally {
      this.#running.delete(call);
    }
  }

  #logFailure({ note, attempt, attemptsMax }: Attempt, error: Error): void {
    const { topic, log } = this.#parts;
    const fields = { topic, key: note.key, attempt, attemptsMax, err: error };
    if (attempt < attemptsMax) log.warn(fields, 'handler failed: tried again soon');
    else log.error(fields, 'handler failed at every attempt: the next bell or sweep of this key starts afresh');
  }
}

export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`not an Error was thrown: ${String(thrown)}`);
}
