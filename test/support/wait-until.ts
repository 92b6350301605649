/** Waits for a condition that another process brings about: looks again and again, until a deadline that says what was missing. */
import { setTimeout as wait } from 'node:timers/promises';

const LOOK_EVERY_MS = 50;
const TOLD_MAX = 3_000;

/**
 * Resolves to the first answer of `look` that is neither undefined, null nor false. `what` names the condition in the message;
 * `tell` adds what is known when it never came (a log, say).
 */
export async function waitUntil<Answer>(
  what: string,
  look: () => Promise<Answer | undefined | null | false> | Answer | undefined | null | false,
  { limitMs = 20_000, tell = () => '' }: { readonly limitMs?: number; readonly tell?: () => string } = {},
): Promise<Answer> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = await look();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (performance.now() > deadline)
      throw new Error(`not within ${limitMs / 1000} s: ${what}\n${tell().slice(-TOLD_MAX)}`);
    await wait(LOOK_EVERY_MS);
  }
}
