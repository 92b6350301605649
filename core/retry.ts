/**
 * When to try again, by class of trouble. Full jitter: at random from 0 to the bound, so that what failed together does not come back
 * together. The random number is an argument, as everything that chance decides.
 *
 * | class      | of what                                             | first bound | cap    | tries | and then                          |
 * | transient  | a call, or a listing of which nothing was sent      | 0.5 s       | 1 min  | any   | the channel's breaker opens       |
 * | input      | one entry whose order its platform does not give    | 2 s         | 5 min  | 12    | parked, tried again now and then |
 * | uncertain  | a listing whose write was never answered            | 0.5 s       | 1 min  | 12    | parked, tried again now and then |
 * | stale      | a listing that shows another number than compared   | 20 ms       | 1 min  | 16    | parked, tried again now and then |
 * | mapping    | a listing that its own connector refuses            | 0.5 s       | 10 min | 12    | parked, tried again now and then |
 * | rejected   | a listing, or document, that the platform refuses   | 1 min       | 15 min | 6     | parked, tried again now and then |
 * | breaker    | a channel whose breaker is open                     | 2 s         | 30 s   | any   | one probe each time, an alert     |
 *
 * Throttled waits until the platform's own moment and counts nowhere. Credential pauses its channel at once. A Defect is retried by the
 * queue a few times, and told by an alert until its work succeeds.
 */

export type RetryClass = 'transient' | 'input' | 'uncertain' | 'stale' | 'mapping' | 'rejected' | 'breaker';

export type Schedule = {
  readonly firstMs: number;
  readonly capMs: number;
  /** Failures in a row of one class after which it is parked; null: it never is. */
  readonly triesMax: number | null;
};

export const SCHEDULES: Readonly<Record<RetryClass, Schedule>> = {
  transient: { firstMs: 500, capMs: 60_000, triesMax: null },
  input: { firstMs: 2000, capMs: 300_000, triesMax: 12 },
  uncertain: { firstMs: 500, capMs: 60_000, triesMax: 12 },
  stale: { firstMs: 20, capMs: 60_000, triesMax: 16 },
  mapping: { firstMs: 500, capMs: 600_000, triesMax: 12 },
  rejected: { firstMs: 60_000, capMs: 900_000, triesMax: 6 },
  breaker: { firstMs: 2000, capMs: 30_000, triesMax: null },
};

/** What is parked is tried again at random within this: a platform that was mended is found without a person. */
export const PARKED_AGAIN_MS = 900_000;

/** Beyond it a power of two only loses its meaning. */
const DOUBLINGS_MAX = 30;

/** The longest wait after so many failures before this one. */
export const boundMs = (of: RetryClass, failuresBefore: number): number => {
  const { firstMs, capMs } = SCHEDULES[of];
  return Math.min(capMs, firstMs * 2 ** Math.min(Math.max(0, failuresBefore), DOUBLINGS_MAX));
};

/** `random` is from 0 to 1, 1 not among them. */
export const backOffMs = (of: RetryClass, failuresBefore: number, random: number): number =>
  Math.floor(random * boundMs(of, failuresBefore));

/** Was this failure, the so many-th in a row, the last that is tried soon? */
export function isSpent(of: RetryClass, failures: number): boolean {
  const { triesMax } = SCHEDULES[of];
  return triesMax !== null && failures >= triesMax;
}
