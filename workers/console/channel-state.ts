/** The state of a channel in one word, with its reason: red only where a person has to act, never green before proof. */
import type { Instant } from '#core/model.ts';
import type { ChannelOverview } from '#db/overview.ts';
import { duration, type Tone } from './format.ts';
import type { Pace } from './parts.ts';

export type ChannelState = { readonly tone: Tone; readonly says: string; readonly why: string };

/** A feed is late when it missed this many turns. */
const TURNS_MISSED = 3;
const BEHIND_MS = 5 * 60_000;

export function stateOf(channel: ChannelOverview, pace: Pace, now: Instant): ChannelState {
  const { mode, lastOkAt, lastError, lastErrorAt, polledAt, behindSince, throttledUntil } = channel;
  const of = (tone: Tone, says: string, why: string): ChannelState => ({ tone, says, why });
  if (!channel.configured)
    return of('idle', 'not configured', 'it is no longer in allot.yaml: its listings keep the number they show');
  if (channel.leftAt !== null)
    return of('idle', 'left', `nothing is written any more; orders still come in. Left by ${channel.modeChangedBy}`);
  if (channel.fellBack !== null) return of('bad', 'fell back', `the gate took it back to shadow: ${channel.fellBack}`);
  if (mode === 'paused')
    return of('idle', 'paused', `nothing is sent; orders still come in. Paused by ${channel.modeChangedBy}`);
  const isFailing = lastError !== null && (lastErrorAt ?? 0) > (lastOkAt ?? 0);
  if (isFailing) return of('bad', 'last call failed', lastError);
  if (lastOkAt === null)
    return of('warn', 'no answer yet', 'the platform was not reached since this channel is configured');
  const late = polledAt === null ? null : now - polledAt - TURNS_MISSED * pace.pollMs;
  if (late !== null && late > 0)
    return of(
      'warn',
      'late',
      `orders were last asked for ${duration(now - (polledAt ?? now))} ago; every ${duration(pace.pollMs)} is wanted`,
    );
  if (throttledUntil !== null && throttledUntil > now)
    return of('busy', 'throttled', `the platform takes some calls again in ${duration(throttledUntil - now)}`);
  if (mode === 'shadow') return of('idle', 'shadow', 'it reads and computes, and sends nothing');
  if (behindSince !== null && now - behindSince > BEHIND_MS)
    return of('warn', 'behind', `a number waits to be acknowledged for ${duration(now - behindSince)}`);
  return of('good', 'on time', 'the platform answers, and no number waits long');
}
