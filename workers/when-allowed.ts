/**
 * A call that goes on when its platform says "slow down": waits for the moment that the platform named, then asks the same again.
 *
 * For walks over many pages: begun anew at each refusal, a walk that costs more than one full budget would never come to its end.
 * Guarantees: gives the refusal on when the wait would be longer than half a minute, and when the work is called off.
 */
import { Throttled } from '#core/errors.ts';
import type { WorkerContext } from './context.ts';
import { pause } from './pause.ts';

const WAIT_MS_MAX = 30_000;

export async function whenAllowed<Answer>(
  context: Pick<WorkerContext, 'now'>,
  signal: AbortSignal,
  call: () => Promise<Answer>,
): Promise<Answer> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const waitMs = error instanceof Throttled ? error.retryAt - context.now() : Number.POSITIVE_INFINITY;
      if (waitMs > WAIT_MS_MAX || signal.aborted) throw error;
      await pause(Math.max(1, waitMs), signal);
    }
  }
}
