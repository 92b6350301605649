/** Runs `allot` in the test's own process, and answers all that it said. */

import { runCommandLine } from '#scripts/command-line.ts';
import type { ExitCode, Io } from '#scripts/io.ts';

export type Said = {
  readonly exitCode: ExitCode;
  readonly out: string;
  readonly err: string;
  /** The one document of --json; throws where standard output holds anything else. */
  readonly document: () => Readonly<Record<string, unknown>>;
};

/** A test says by USER who acts. */
export type Around = Partial<Pick<Io, 'env' | 'cwd' | 'isTerminal' | 'width' | 'ask' | 'signal' | 'readSecret'>>;

export async function runAllot(args: readonly string[], around: Around = {}): Promise<Said> {
  let out = '';
  let err = '';
  const io: Io = {
    write: (text) => {
      out += text;
    },
    note: (text) => {
      err += text;
    },
    ask: null,
    readSecret: async () => '',
    login: around.env?.USER ?? null,
    env: {},
    cwd: process.cwd(),
    isTerminal: false,
    width: 80,
    now: Date.now,
    signal: new AbortController().signal,
    ...around,
  };
  const exitCode = await runCommandLine(args, io, '0.0.0');
  return { exitCode, out, err, document: () => JSON.parse(out) as Readonly<Record<string, unknown>> };
}
