/**
 * Runs a piece of work on a channel and turns a platform's fault into what is to be done about it, so that one channel's trouble
 * never stops another and never looks like a failed job.
 *
 * | fault      | what happens                                                  |
 * | Throttled  | noted for all processes; rung again at the platform's time, and not begun before |
 * | Resting    | the breaker is open: rung again when it may be tried          |
 * | Credential | the channel is paused, one alert                              |
 * | Transient, Uncertain | noted; rung again by the schedule of core/retry.ts, ever later with each failure in a row |
 * | others     | one alert until the work succeeds; thrown, so that the queue retries it a few times and logs it |
 */
import { Credential, Fault, Rejected, Resting, Throttled } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import { backOffMs } from '#core/retry.ts';
import { closeAlert, raiseAlert } from '#db/alerts.ts';
import { channelRest, noteError, noteThrottled } from '#db/health.ts';
import type { OpenChannel, WorkerContext } from './context.ts';
import type { Topic } from './queues.ts';
import { pauseForCredential } from './settle.ts';

export async function withChannel(
  context: WorkerContext,
  channel: OpenChannel,
  topic: Topic,
  work: () => Promise<void>,
): Promise<void> {
  const again = (delayMs: number) => context.ringLater({ topic, key: channel.id }, Math.max(1, delayMs));
  const rest = await channelRest(context.db, channel.id, topic);
  channel.breaker.see(rest.breaker);
  const restMs = channel.breaker.restMs();
  if (restMs > 0) return again(restMs);
  const waitMs = (rest.throttledUntil ?? 0) - context.now();
  // Push does more than to send, and looks by itself.
  if (waitMs > 0 && topic !== 'push') return again(waitMs);
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'defect' || error.code === 'rejected') {
      await tellFailed(context, channel, topic, error);
      throw error;
    }
    if (error instanceof Resting) return again(error.retryAt - context.now());
    context.log.warn({ channel: channel.id, topic, error: error.message }, 'the platform did not answer as it should');
    if (error instanceof Throttled) {
      await noteThrottled(context.db, channel.id, error.retryAt, topic);
      return again(error.retryAt - context.now());
    }
    await noteError(context.db, channel.id, error.message);
    if (error instanceof Credential) return pauseForCredential(context, channel, error.message);
    // The sweep's interval bounds it from above.
    return again(
      Math.max(channel.breaker.restMs(), backOffMs('transient', channel.breaker.failures - 1, context.random())),
    );
  }
  await tellMended(context, channel, topic);
}

const failedAlert = (channelId: string, topic: Topic): string => `work-failed ${channelId} ${topic}`;

async function tellFailed(context: WorkerContext, channel: OpenChannel, topic: Topic, error: unknown): Promise<void> {
  MENDED.get(channel)?.delete(topic);
  const isRefused = error instanceof Rejected;
  await raiseAlert(context.db, {
    fingerprint: failedAlert(channel.id, topic),
    code: 'work-failed',
    severity: 'error',
    title: `${channel.id}: its ${topic} does not come to an end`,
    channelId: channel.id,
    touches: { topic },
    cause: (error instanceof Error ? error.message : String(error)).slice(0, 500),
    nextStep:
      (isRefused ? error.fix : undefined) ??
      `a defect of allot or of its connector: report it with the log of that moment; allot tries again by itself`,
  });
}

/** Per process: when the alert of this work, also one of another process, was last seen to be closed. */
const MENDED = new WeakMap<OpenChannel, Map<Topic, Instant>>();
const MENDED_FOR_MS = 300_000;

/** Asks the database now and then, not after every piece of work. */
async function tellMended(context: WorkerContext, channel: OpenChannel, topic: Topic): Promise<void> {
  const mended = MENDED.get(channel) ?? new Map<Topic, Instant>();
  if (context.now() - (mended.get(topic) ?? Number.NEGATIVE_INFINITY) < MENDED_FOR_MS) return;
  await closeAlert(context.db, failedAlert(channel.id, topic), `a whole ${topic} came to its end`);
  MENDED.set(channel, mended.set(topic, context.now()));
}
