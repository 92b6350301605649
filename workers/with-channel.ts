/**
 * Runs a piece of work on a channel and turns a platform's fault into what is to be done about it, so that one channel's trouble
 * never stops another and never looks like a failed job.
 *
 * | fault      | what happens                                                  |
 * | Throttled  | noted for all processes; rung again at the platform's time, and not begun before |
 * | Credential | the channel is paused, one alert                              |
 * | Transient, Uncertain | noted; rung again after a jittered wait             |
 * | others     | thrown: a defect, retried by the queue and logged             |
 */
import { Credential, Fault, Throttled } from '#core/errors.ts';
import { noteError, noteThrottled, throttledUntil } from '#db/health.ts';
import type { OpenChannel, WorkerContext } from './context.ts';
import type { Topic } from './queues.ts';
import { pauseForCredential } from './settle.ts';

const RETRY_MS_MAX = 2000;

export async function withChannel(
  context: WorkerContext,
  channel: OpenChannel,
  topic: Topic,
  work: () => Promise<void>,
): Promise<void> {
  const again = (delayMs: number) => context.ringLater({ topic, key: channel.id }, delayMs);
  const waitMs = ((await throttledUntil(context.db, channel.id, topic)) ?? 0) - context.now();
  // Push does more than to send, and looks by itself.
  if (waitMs > 0 && topic !== 'push') return again(waitMs);
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'defect' || error.code === 'rejected') throw error;
    context.log.warn({ channel: channel.id, topic, error: error.message }, 'the platform did not answer as it should');
    if (error instanceof Throttled) {
      await noteThrottled(context.db, channel.id, error.retryAt, topic);
      return again(Math.max(1, error.retryAt - context.now()));
    }
    await noteError(context.db, channel.id, error.message);
    if (error instanceof Credential) return pauseForCredential(context, channel, error.message);
    // Full jitter (style-and-reliability section 2.4); the sweep's interval bounds it from above.
    again(Math.ceil(Math.random() * RETRY_MS_MAX));
  }
}
