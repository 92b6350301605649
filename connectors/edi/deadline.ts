/**
 * A deadline around calls on directories: a share that hangs must not hang its caller, and no file call can be taken back.
 *
 * Guarantees: ends within the deadline, or as soon as the signal says; what is still running then ends unheard.
 */
import { type Fault, Transient } from '#core/errors.ts';

const DEADLINE_MS = 30_000;

/** `late` is what it comes to when the work was begun and its end is not known. */
export async function inTime<T>(
  signal: AbortSignal,
  what: string,
  work: () => Promise<T>,
  late: (message: string) => Fault = (message) => new Transient(message),
): Promise<T> {
  if (signal.aborted) throw new Transient(`${what}: called off before it began`);
  const ended = Promise.withResolvers<never>();
  const giveUp = (why: string) => () => ended.reject(late(`${what}: ${why}`));
  const onAbort = giveUp('called off while it was at work');
  const timer = setTimeout(
    giveUp(`no end after ${DEADLINE_MS / 1000} s; is the share it lies on reachable?`),
    DEADLINE_MS,
  );
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work(), ended.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
