/**
 * The running daemon: the chosen workers on one database and one queue, started in order and stopped in order.
 *
 * Start: relay -> handlers -> http -> sweep (which rings for all that an earlier life left unfinished) -> alerting (of the role sweep).
 * Stop:  http takes nothing new -> alerting, sweep and relay end -> running handlers finish (20 s, then their signal aborts) -> lines close.
 */

import { beat } from '#db/health.ts';
import type { Intervals } from '#db/unfinished.ts';
import type { Alerting } from './alert-settings.ts';
import { startAlerting } from './alerting.ts';
import { decidePending } from './allocate.ts';
import { collectChannel } from './collect.ts';
import type { Role } from './config.ts';
import type { WorkerContext } from './context.ts';
import { exchangeDocuments } from './documents.ts';
import { every } from './every.ts';
import { pollChannel, takeInbox } from './intake.ts';
import { type LookPace, lightScan, lookPaceOf } from './light-scan.ts';
import { type OneAtATime, oneAtATime } from './one-at-a-time.ts';
import { pushChannel } from './push.ts';
import type { Bell, Queues } from './queues.ts';
import { dryRunChannel, reconcileChannel } from './reconcile.ts';
import { type Relay, startRelay } from './relay.ts';
import { startSweep } from './sweep.ts';
import type { DecidedBatch } from './tracing.ts';

export type Timing = Intervals & { readonly sweepMs: number };

export type Daemon = { stop(): Promise<void> };

const DRAIN_MS = 20_000;
/** Presence older than a minute counts as none (db/status.ts, db/vitals.ts). */
const PRESENCE_MS = 10_000;
/** Channels wait for their platforms, not for the processor. */
const CHANNELS_AT_ONCE = 8;

type Parts = {
  readonly context: Omit<WorkerContext, 'wakeRelay' | 'ringLater' | 'decideSoon'>;
  readonly queues: Queues;
  readonly roles: ReadonlySet<Role>;
  readonly timing: Timing;
  readonly alerting: Alerting;
  /** Starts the http side, when this process has it; ends with `drain`, then `close`. */
  readonly startHttp: ((context: WorkerContext) => Promise<{ drain(): void; close(): Promise<void> }>) | null;
};

type Deciding = { readonly decider: OneAtATime; readonly stopping: AbortController };

type Bells = { readonly queues: Queues; readonly roles: ReadonlySet<Role>; readonly pace: LookPace };

function takeBells(context: WorkerContext, { queues, roles, pace }: Bells, deciding: Deciding): void {
  const { tracing } = context;
  const work: Queues['work'] = (topic, handler, options) =>
    queues.work(
      topic,
      tracing === undefined
        ? handler
        : (bell, signal) => tracing.bell(topic, bell.key, async () => handler(bell, signal)),
      options,
    );
  if (roles.has('intake')) {
    work('intake', (_bell, signal) => takeInbox(context, signal));
    work('documents', ({ key }, signal) => exchangeDocuments(context, key, signal), {
      concurrency: CHANNELS_AT_ONCE,
    });
    work('poll', ({ key }, signal) => pollChannel(context, key, signal), { concurrency: CHANNELS_AT_ONCE });
  }
  if (roles.has('allocate')) {
    work('allocate', (_bell, signal) => {
      signal.addEventListener('abort', () => deciding.stopping.abort(), { once: true });
      return deciding.decider.run();
    });
  }
  if (roles.has('push')) {
    work('push', ({ key }, signal) => pushChannel(context, key, signal), { concurrency: CHANNELS_AT_ONCE });
    work('collect', ({ key }, signal) => collectChannel(context, key, signal), {
      concurrency: CHANNELS_AT_ONCE,
    });
  }
  if (roles.has('reconcile')) {
    work('look', ({ key }, signal) => lightScan(context, key, pace, signal), { concurrency: CHANNELS_AT_ONCE });
    work('reconcile', ({ key }, signal) => reconcileChannel(context, key, signal), {
      concurrency: CHANNELS_AT_ONCE,
    });
    work('dryrun', ({ key }, signal) => dryRunChannel(context, key, signal), { concurrency: CHANNELS_AT_ONCE });
  }
}

/** A bell per (topic, key) at a time: rung for the earliest moment that anybody asked for. */
function laterBells(queues: Queues, onError: (error: unknown) => void) {
  const timers = new Map<string, { at: number; timer: NodeJS.Timeout }>();
  const ringLater = (bell: Bell, delayMs: number): void => {
    const key = `${bell.topic} ${bell.key}`;
    const at = performance.now() + delayMs;
    const before = timers.get(key);
    if (before !== undefined && before.at <= at) return;
    clearTimeout(before?.timer);
    const timer = setTimeout(() => {
      timers.delete(key);
      queues.ring([bell]).catch(onError);
    }, delayMs);
    timers.set(key, { at, timer });
  };
  const clear = () => {
    for (const { timer } of timers.values()) clearTimeout(timer);
    timers.clear();
  };
  return { ringLater, clear };
}

export async function startDaemon({
  context: given,
  queues,
  roles,
  timing,
  alerting,
  startHttp,
}: Parts): Promise<Daemon> {
  const { log } = given;
  const later = laterBells(queues, (error) =>
    log.warn({ error: String(error) }, 'a delayed bell was lost; the sweep rings again'),
  );
  // Every process relays: what it commits is rung at once, and no process depends on another for its bells.
  const relay: Relay = startRelay(given.db, queues, log);
  const stopping = new AbortController();
  // Two at once in one process would take each other's orders and items, and wait for their locks.
  const decider = oneAtATime(async () => {
    const onBatch = (batch: DecidedBatch) => {
      given.tally.decided(batch);
      given.tracing?.batch(batch);
    };
    const { decided } = await decidePending(given.db, { now: given.now, signal: stopping.signal, onBatch });
    if (decided > 0) relay.wake();
  });
  const onFault = (error: unknown) => log.warn({ error: String(error) }, 'deciding is left to the next bell');
  const decideSoon = () => {
    if (roles.has('allocate')) decider.run().catch(onFault);
    // The bell is for other processes; this one does not wait for its own.
    else relay.wake();
  };
  const context: WorkerContext = { ...given, wakeRelay: relay.wake, ringLater: later.ringLater, decideSoon };
  takeBells(context, { queues, roles, pace: lookPaceOf(timing) }, { decider, stopping });
  const http = startHttp === null ? null : await startHttp(context);
  const sweep = roles.has('sweep') ? startSweep(context, queues, timing) : null;
  const watching = roles.has('sweep') ? startAlerting(context, alerting, timing) : null;
  const presence = every({ everyMs: PRESENCE_MS, log, what: 'the sign of life' }, () =>
    beat(context.db, context.owner, [...roles]),
  );
  return {
    async stop() {
      http?.drain();
      later.clear();
      await presence.stop();
      await watching?.stop();
      await sweep?.stop();
      await relay.stop();
      await http?.close();
      await queues.close({ deadlineMs: DRAIN_MS });
      later.clear();
      stopping.abort();
      await decider.idle();
      await given.tracing?.close();
      for (const channel of context.channels.values()) await channel.connection.close();
    },
  };
}
