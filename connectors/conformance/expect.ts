/** What cases assert with, beside node:assert: faults by their code, and conditions that come true in time. */
import { AssertionError, ok } from 'node:assert/strict';
import type { Fault, FaultCode } from '#core/errors.ts';

/** By its code and not its class: a private connector may bring its own copy of core/errors.ts. */
function isFault(error: unknown): error is Fault {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && FAULT_CODES.has(error.code);
}
const FAULT_CODES: ReadonlySet<string> = new Set<FaultCode>([
  'transient',
  'throttled',
  'uncertain',
  'rejected',
  'credential',
  'defect',
]);

const sayError = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);

/** The fault that `call` ends in; any of `codes` will do. Fails on an answer, and on an error that is no fault. */
export async function expectFault(call: () => unknown, codes: readonly FaultCode[], when: string): Promise<Fault> {
  let answer: unknown;
  try {
    answer = await call();
  } catch (error) {
    if (!isFault(error))
      throw new AssertionError({ message: `${when}: expected a fault of core/errors.ts, got ${sayError(error)}` });
    ok(codes.includes(error.code), `${when}: expected ${codes.join(' or ')}, got ${error.code}: ${error.message}`);
    return error;
  }
  const told = JSON.stringify(answer)?.slice(0, 300) ?? 'nothing';
  throw new AssertionError({ message: `${when}: expected ${codes.join(' or ')}, got an answer: ${told}` });
}

const LOOK_MS = 10;

/** The first answer that is not null, within `withinMs`. */
export async function until<T>(look: () => Promise<T | null> | T | null, what: string, withinMs = 5000): Promise<T> {
  const endsAt = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > endsAt) throw new AssertionError({ message: `within ${withinMs} ms: ${what}` });
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
