/** Collect: asks platforms what became of the pushes that they answered with a ticket. */
import { Credential, Rejected, Resting, Throttled } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import { backOffMs } from '#core/retry.ts';
import { askLater, type OpenAttempt, takeTickets } from '#db/attempts.ts';
import { channelRest, noteThrottled } from '#db/health.ts';
import type { OpenChannel, WorkerContext } from './context.ts';
import { COLLECT_AFTER_MS, LEASE_MS, pauseForCredential, type Settled, settle, settleUnknown } from './settle.ts';

const COLLECT_WAIT_MS_MAX = 10_000;
const TICKET_LOST_MS = 15 * 60_000;

/** Asks the platform what became of the tickets that are due; handler of the `collect` bell. */
export async function collectChannel(context: WorkerContext, channelId: string, signal: AbortSignal): Promise<void> {
  const channel = context.channels.get(channelId);
  if (channel === undefined) return;
  channel.breaker.see((await channelRest(context.db, channelId, 'collect')).breaker);
  const restMs = channel.breaker.restMs();
  if (restMs > 0) return context.ringLater({ topic: 'collect', key: channelId }, restMs);
  const tickets = await context.db.transaction((tx) => takeTickets(tx, channelId, context.owner, LEASE_MS));
  for (const attempt of tickets) await collectOne(context, channel, attempt, signal);
}

async function collectOne(
  context: WorkerContext,
  channel: OpenChannel,
  attempt: OpenAttempt,
  signal: AbortSignal,
): Promise<void> {
  const again = async (delayMs: number): Promise<void> => {
    const at: Instant = context.now() + delayMs;
    await askLater(context.db, attempt.id, at);
    context.ringLater({ topic: 'collect', key: channel.id }, delayMs);
  };
  if (context.now() - attempt.createdAt > TICKET_LOST_MS) {
    return settleUnknown(context, channel, attempt, 'its ticket never came to an end');
  }
  try {
    const result = await channel.connection.collect(attempt.ticket ?? '', attempt.itemCount, signal);
    // A ticket is asked for ever less often, the longer it takes.
    if (!result.done)
      return await again(
        Math.min(COLLECT_WAIT_MS_MAX, Math.max(COLLECT_AFTER_MS, (context.now() - attempt.createdAt) / 2)),
      );
    const outcomes = attempt.items.map(
      (item): Settled => result.outcomes[item.wireIndex] ?? { kind: 'unknown', why: 'the result does not name it' },
    );
    await settle(context, channel, attempt, outcomes);
    context.ringLater({ topic: 'push', key: channel.id }, 0);
  } catch (error) {
    if (error instanceof Rejected)
      return settleUnknown(context, channel, attempt, `its ticket is lost: ${error.message}`);
    const why = error instanceof Error ? error.message : String(error);
    if (error instanceof Resting) return again(Math.max(1, error.retryAt - context.now()));
    context.log.warn({ channel: channel.id, attempt: attempt.id, error: why }, 'ticket could not be asked for');
    if (error instanceof Throttled) await noteThrottled(context.db, channel.id, error.retryAt, 'collect');
    if (error instanceof Credential) await pauseForCredential(context, channel, why);
    const failures = Math.max(0, channel.breaker.failures - 1);
    const waitMs =
      error instanceof Throttled ? error.retryAt - context.now() : backOffMs('transient', failures, context.random());
    await again(Math.max(COLLECT_AFTER_MS, waitMs));
  }
}
