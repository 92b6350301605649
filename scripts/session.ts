/**
 * What every command is given, and how a command becomes an action of commander: options read, output opened, exit code kept.
 *
 * A test replaces `perform` and thereby parses command lines without running them.
 */
import type { Command } from 'commander';
import { UNNAMED } from '#core/second-person.ts';
import type { Database } from '#db/client.ts';
import type { Config, Environment } from '#workers/config.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';
import { configFileOf, configOf, type DatabaseChoice, environmentOf, withDatabase } from './open-database.ts';
import { type Output, openOutput } from './output.ts';

export type GlobalOptions = {
  readonly home?: string;
  readonly json?: boolean;
  readonly color?: boolean;
  readonly yes?: boolean;
};

export type Run = {
  readonly io: Io;
  readonly out: Output;
  /** Named on commands, modes and the audit trail. */
  readonly actor: string;
  readonly environment: () => Environment;
  readonly config: () => Config;
  /** The file that a daemon would start with. */
  readonly configFile: () => string;
  readonly withDatabase: <Result>(
    work: (db: Database) => Promise<Result>,
    choice?: Omit<DatabaseChoice, 'home'>,
  ) => Promise<Result>;
  /** Hints for what comes next, on standard error. */
  readonly next: (text: string) => void;
  /** `--yes` was given. */
  readonly isYes: boolean;
  /** True when the person agrees, said `--yes`, or nobody can be asked. */
  readonly confirm: (question: string) => Promise<boolean>;
};

export type Perform = (command: Command, work: (run: Run) => Promise<ExitCode>) => Promise<void>;

export type Kit = {
  /** Makes an action: the arguments as commander gives them, the options last. */
  readonly act: <Args extends unknown[]>(
    handler: (run: Run, ...args: Args) => Promise<ExitCode>,
  ) => (...args: [...Args, Command]) => Promise<void>;
  /** Command lines that help shows first, and that a test parses. */
  readonly examples: (command: Command, lines: readonly string[]) => void;
};

export type Session = { readonly kit: Kit; readonly exampleLines: string[]; exitCode: ExitCode };

export function openSession(io: Io, perform: Perform = runWith(io)): Session {
  const session: Session = {
    exitCode: EXIT.done,
    exampleLines: [],
    kit: {
      act:
        <Args extends unknown[]>(handler: (run: Run, ...args: Args) => Promise<ExitCode>) =>
        async (...given: [...Args, Command]) => {
          const command = given.at(-1) as Command;
          const args = given.slice(0, -1) as Args;
          await perform(command, async (run) => {
            session.exitCode = await handler(run, ...args);
            return session.exitCode;
          });
        },
      examples: (command, lines) => {
        session.exampleLines.push(...lines);
        command.addHelpText('before', `Examples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`);
      },
    },
  };
  return session;
}

const runWith =
  (io: Io): Perform =>
  async (command, work) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    await work(openRun(io, options));
  };

const loginOf = ({ login }: Io): string => (login === null || login === '' ? UNNAMED : `operator:${login}`);

function openRun(io: Io, options: GlobalOptions): Run {
  const out = openOutput(io, { json: options.json === true, color: options.color !== false });
  return {
    io,
    out,
    actor: loginOf(io),
    environment: () => environmentOf(io, options.home),
    config: () => configOf(io, options.home),
    configFile: () => configFileOf(io, options.home),
    withDatabase: (work, choice) => withDatabase(io, { home: options.home, ...choice }, work),
    next: (text) => io.note(`${out.paint('dim', text)}\n`),
    isYes: options.yes === true,
    confirm: async (question) => options.yes === true || io.ask === null || (await io.ask(question)),
  };
}
