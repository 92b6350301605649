/**
 * Faults by what to do about them (DESIGN section 7). Expected outcomes (a stale compare, a
 * refused command) are returned values; these are thrown.
 *
 * | class           | the caller                                                   |
 * | Transient       | tries again later, with jitter                               |
 * | Throttled       | waits until `retryAt`; never burns an attempt                |
 * | Resting         | as Throttled: allot itself does not call (breaker.ts)        |
 * | Uncertain       | reads the platform before anything else: it may have applied |
 * | Rejected        | parks the one item or document; the rest goes on             |
 * | Credential      | pauses the channel and alerts once                           |
 * | Defect          | our bug: fails loudly and keeps the evidence                 |
 */
import type { Instant } from './model.ts';

export type FaultCode = 'transient' | 'throttled' | 'uncertain' | 'rejected' | 'credential' | 'defect';

/** Base of all faults: a stable code, a sentence for a person, and the fault beneath it. */
export class Fault extends Error {
  readonly code: FaultCode;
  constructor(code: FaultCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
  }
}

export class Transient extends Fault {
  constructor(message: string, cause?: unknown) {
    super('transient', message, cause);
  }
}

export class Throttled extends Fault {
  /** When the platform said that the same call may work again. */
  readonly retryAt: Instant;
  constructor(message: string, retryAt: Instant, cause?: unknown) {
    super('throttled', message, cause);
    this.retryAt = retryAt;
  }
}

/** Not the platform's word: the channel's breaker is open, and nothing was sent. */
export class Resting extends Throttled {}

export class Uncertain extends Fault {
  constructor(message: string, cause?: unknown) {
    super('uncertain', message, cause);
  }
}

const wordsOf = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? typeof value);

/** `field` is a path into the refused document, `value` what stood there, `fix` what a person should do. */
export class Rejected extends Fault {
  readonly field: string | undefined;
  readonly value: string | undefined;
  readonly fix: string | undefined;
  constructor(message: string, at: { field?: string; value?: unknown; fix?: string } = {}, cause?: unknown) {
    super('rejected', message, cause);
    this.field = at.field;
    this.value = at.value === undefined ? undefined : wordsOf(at.value).slice(0, 80);
    this.fix = at.fix;
  }
}

export class Credential extends Fault {
  constructor(message: string, cause?: unknown) {
    super('credential', message, cause);
  }
}

export class Defect extends Fault {
  constructor(message: string, cause?: unknown) {
    super('defect', message, cause);
  }
}

/** Asserts an invariant; stays on in production. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Defect(message);
}
