/** The only clock of the workers: whoever needs the time gets `now` handed in, so that tests and the simulator bring their own. */
import type { Instant } from '#core/model.ts';

export const now = (): Instant => Date.now();

/** Seconds since the call, from the monotonic clock: a corrected system clock does not bend a measured duration. */
export function startStopwatch(): () => number {
  const startedMs = performance.now();
  return () => (performance.now() - startedMs) / 1_000;
}
