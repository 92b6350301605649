/**
 * Leaves a channel: stops writing, lets what is under way come to its end, ends its subscriptions.
 *
 * | step            | done again                         | cannot be done                                                       |
 * | stops writing   | changes nothing                    | nothing else is done                                                 |
 * | waits a while   | waits for what is left             | what is still under way is told, listing by listing                  |
 * | subscriptions   | ends those that came back          | told with what to do; writing has stopped all the same               |
 *
 * Guarantees: writing stops before anything else; stock, orders and promises are not touched, and orders of the channel still come in
 * by its poll, since what was sold there has to be shipped.
 */
import { Fault } from '#core/errors.ts';
import type { ChannelId } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { countUnderWay, noteUnsubscribed, stopWriting } from '#db/leave.ts';
import type { OpenChannel } from './context.ts';
import { pause } from './pause.ts';

/** A call ends within 20 s (channels.ts). */
const UNDER_WAY_MS = 25_000;
const LOOK_EVERY_MS = 100;
/** A reconcile that began before we stopped may have subscribed once more. */
const REMOVALS_MAX = 3;

export type Subscriptions =
  | { readonly kind: 'removed'; readonly callbackUrl: string; readonly removed: readonly string[] }
  /** There are none to remove. */
  | { readonly kind: 'none'; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string; readonly fix: string };

export type Leaving = {
  readonly db: Database;
  readonly channelId: ChannelId;
  readonly actor: string;
  readonly signal: AbortSignal;
  /** Null, with `why` and what to do, where the platform cannot be called from here. */
  readonly line:
    | { readonly channel: OpenChannel; readonly callbackUrl: string | null; readonly isReadOnly: boolean }
    | { readonly channel: null; readonly why: string; readonly fix: string };
};

export async function leaveChannel(
  leaving: Leaving,
): Promise<{ readonly underWay: number; readonly subscriptions: Subscriptions }> {
  const { db, channelId, actor, signal } = leaving;
  await stopWriting(db, channelId, actor);
  const underWay = await waitForWrites(db, channelId, signal);
  return { underWay, subscriptions: await unsubscribe(leaving) };
}

async function waitForWrites(db: Database, channelId: ChannelId, signal: AbortSignal): Promise<number> {
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    const count = await countUnderWay(db, channelId);
    if (count === 0 || waitedMs >= UNDER_WAY_MS || signal.aborted) return count;
    await pause(LOOK_EVERY_MS, signal);
  }
}

async function unsubscribe({ db, channelId, actor, signal, line }: Leaving): Promise<Subscriptions> {
  if (line.channel === null) return { kind: 'failed', why: line.why, fix: line.fix };
  const { channel, callbackUrl, isReadOnly } = line;
  if (!channel.capabilities.subscriptions) return { kind: 'none', why: 'its platform has none' };
  const again = `and run it again: allot channels leave ${channelId} --yes`;
  if (callbackUrl === null)
    return {
      kind: 'failed',
      why: 'PUBLIC_URL is not set here, so its address is not known',
      fix: `set PUBLIC_URL as the daemon has it, ${again}`,
    };
  if (isReadOnly)
    return {
      kind: 'failed',
      why: 'ALLOT_READ_ONLY is set here: nothing is written to a platform',
      fix: `unset it, ${again}`,
    };
  const { connection } = channel;
  if (connection.removeSubscriptions === undefined)
    return {
      kind: 'failed',
      why: 'its connector cannot end subscriptions',
      fix: `end those of ${callbackUrl} by hand at the platform`,
    };
  const removed: string[] = [];
  try {
    for (let n = 0; n < REMOVALS_MAX; n += 1) {
      const ended = await connection.removeSubscriptions(callbackUrl, signal);
      if (ended.length === 0) break;
      removed.push(...ended);
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    await noteUnsubscribed(db, channelId, actor, { callbackUrl, removed });
    return { kind: 'failed', why: error.message, fix: `see that the platform answers, ${again}` };
  }
  await noteUnsubscribed(db, channelId, actor, { callbackUrl, removed });
  return { kind: 'removed', callbackUrl, removed };
}
