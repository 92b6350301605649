/**
 * The breaker of a channel: whether its platform is called at all. Pure; stored in the database, one for all processes.
 *
 * | state    | what happens                           | next                                                      |
 * | closed   | a call is answered                     | closed, nothing counted                                   |
 * | closed   | a call fails                           | closed, one failure more; at OPENS_AT in a row: open      |
 * | open     | somebody asks before `retryAt`         | open: nobody calls                                        |
 * | open     | somebody asks at `retryAt` or later    | halfOpen: that one call is the probe                      |
 * | open     | a call that was under way is answered  | closed: the platform is back                              |
 * | open     | a call that was under way fails        | open, nothing counted                                     |
 * | halfOpen | somebody else asks                     | halfOpen: nobody else calls                               |
 * | halfOpen | the probe is answered                  | closed                                                    |
 * | halfOpen | the probe fails                        | open, one trip more: the next wait is longer (retry.ts)   |
 * | halfOpen | the probe was never heard of again     | halfOpen: whoever asks after `retryAt` probes             |
 *
 * A failure is no answer at all (Transient, Uncertain). A refusal, a "slow down" and a revoked credential are answers: the platform
 * lives, and they have their own ways.
 */
import type { Instant } from './model.ts';
import { backOffMs } from './retry.ts';

export const BREAKER_STATES = ['closed', 'open', 'halfOpen'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

export type Breaker = {
  readonly state: BreakerState;
  /** In a row, while closed; 0 else. */
  readonly failures: number;
  /** How often it opened since it was last closed. */
  readonly trips: number;
  /** Since when the platform has not answered. */
  readonly openedAt: Instant | null;
  /** Open: the next probe. Half open: until when the probe under way is believed in. */
  readonly retryAt: Instant | null;
};

export const CLOSED: Breaker = { state: 'closed', failures: 0, trips: 0, openedAt: null, retryAt: null };

export const OPENS_AT = 8;

/** Longer than a call takes at most (workers/channels.ts gives up after 20 s). */
export const PROBE_MS = 30_000;

export type BreakerEvent = 'answered' | 'failed' | 'asked';
type BreakerAt = { readonly now: Instant; readonly random: number };

function opened(before: Breaker, { now, random }: BreakerAt): Breaker {
  const trips = before.trips + 1;
  const retryAt = now + backOffMs('breaker', before.trips, random);
  return { state: 'open', failures: 0, trips, openedAt: before.openedAt ?? now, retryAt };
}

/** The same object where nothing changes. */
export function nextBreaker(before: Breaker, event: BreakerEvent, at: BreakerAt): Breaker {
  if (event === 'answered') return before.state === 'closed' && before.failures === 0 ? before : CLOSED;
  if (event === 'asked') {
    const isDue = before.state !== 'closed' && at.now >= (before.retryAt ?? 0);
    return isDue ? { ...before, state: 'halfOpen', retryAt: at.now + PROBE_MS } : before;
  }
  if (before.state === 'open') return before;
  if (before.state === 'halfOpen') return opened(before, at);
  const failures = before.failures + 1;
  return failures < OPENS_AT ? { ...before, failures } : opened(before, at);
}

/** How long to wait before asking at all; 0 when a call may be tried, perhaps as the probe. */
export const restMs = (breaker: Breaker, now: Instant): number =>
  breaker.state === 'closed' ? 0 : Math.max(0, (breaker.retryAt ?? 0) - now);
