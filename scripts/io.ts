/**
 * What a command line has around it, and how it ends. Handed in, so that a test runs commands in its own process.
 *
 * Data goes to `write` (standard output), all else to `note` (standard error).
 */
import type { Instant } from '#core/model.ts';

export type Io = {
  readonly write: (text: string) => void;
  readonly note: (text: string) => void;
  /** Asks yes or no; null where nobody can answer (no terminal): then nothing is asked. */
  readonly ask: ((question: string) => Promise<boolean>) | null;
  /** A password: typed without an echo on a terminal, else the first line of standard input. Never an argument: those are seen by all. */
  readonly readSecret: (question: string) => Promise<string>;
  /** Whom the system runs the command for, never what a shell says (login.ts); null where it knows no name. */
  readonly login: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly isTerminal: boolean;
  /** Columns of the terminal; tables are cut to it. */
  readonly width: number;
  readonly now: () => Instant;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
};

export const EXIT = { done: 0, failed: 1, usage: 2, found: 3, unreachable: 4, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** In the words of `allot help exit-codes`. */
export const EXIT_CODES: readonly (readonly [ExitCode, string])[] = [
  [EXIT.done, 'done'],
  [EXIT.failed, 'failed, in whole or in part: the message says what and how to mend it'],
  [EXIT.usage, 'wrong usage, or a configuration that does not fit'],
  [EXIT.found, 'problems were found (doctor, parked list, edi check, reconcile, reconfirm)'],
  [EXIT.unreachable, 'the database or a platform cannot be reached, or the schema does not fit'],
  [EXIT.interrupted, 'interrupted'],
];

/** A command that cannot go on, in three sentences: what, why, how to mend it. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly why: string | null;
  readonly mend: string;
  readonly exitCode: ExitCode;
  constructor(what: string, { why, mend, exitCode }: { why?: string; mend: string; exitCode?: ExitCode }) {
    super(what);
    this.why = why ?? null;
    this.mend = mend;
    this.exitCode = exitCode ?? EXIT.failed;
  }
}

/** Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}
