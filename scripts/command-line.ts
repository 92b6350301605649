/**
 * The allot command line as a function: arguments in, exit code out.
 *
 * Guarantees: never ends the process; with --json exactly one document reaches standard output, also when it fails; every fault is
 * told as what, why and how to mend it.
 */
import { Command, CommanderError } from 'commander';
import { Fault, Rejected } from '#core/errors.ts';
import { DatabaseUnreachable } from '#db/client.ts';
import { MigrationMismatch, SchemaTooNew } from '#db/migrate.ts';
import { ConfigError } from '#workers/config-problems.ts';
import { addAlertCommands } from './commands/alerts.ts';
import { addChannelCommands } from './commands/channels.ts';
import { addConfigCommands } from './commands/config.ts';
import { addDatabaseCommands } from './commands/database.ts';
import { addDatedCommands } from './commands/dated.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addDocumentCommands } from './commands/documents.ts';
import { addEdiCommands } from './commands/edi.ts';
import { addExplainCommand } from './commands/explain.ts';
import { addHoldCommands } from './commands/holds.ts';
import { addImportCommands } from './commands/imports.ts';
import { addListingCommands } from './commands/listings.ts';
import { addLotCommands } from './commands/lots.ts';
import { addOrderCommands } from './commands/orders.ts';
import { addParkedCommands } from './commands/parked.ts';
import { addPolicyCommands } from './commands/policy.ts';
import { addPromiseCommand } from './commands/promise.ts';
import { addReallocateCommands } from './commands/reallocate.ts';
import { addReconcileCommand } from './commands/reconcile.ts';
import { addReconfirmCommand } from './commands/reconfirm.ts';
import { addStatusCommand } from './commands/status.ts';
import { addStockCommands } from './commands/stock.ts';
import { addUserCommands } from './commands/users.ts';
import { EXIT, EXIT_CODES, type ExitCode, Failure, Interrupted, type Io } from './io.ts';
import { writeJson } from './output.ts';
import { openSession, type Session } from './session.ts';

/** `version` as package.json has it. */
export function buildProgram(io: Io, session: Session, version: string): Command {
  const program = new Command('allot');
  program
    .description('One stock, many channels, no unit promised twice.')
    .version(version)
    .option(
      '--home <dir>',
      'home folder of the embedded database, and of an allot.yaml of its own (else DATABASE_URL, else ALLOT_HOME, else .allot)',
    )
    .option('--json', 'one JSON document on standard output')
    .option('--no-color', 'no colours')
    .option('--yes', 'ask nothing')
    .exitOverride()
    .configureOutput({ writeOut: io.write, writeErr: io.note })
    .showHelpAfterError('(allot help COMMAND shows how)')
    .addHelpText('after', '\nExit codes: allot help exit-codes');
  const { kit } = session;
  program.commandsGroup('Look:');
  addStatusCommand(program, kit);
  addAlertCommands(program, kit);
  addExplainCommand(program, kit);
  addPromiseCommand(program, kit);
  addLotCommands(program, kit);
  addDoctorCommand(program, kit);
  addReconcileCommand(program, kit);
  addParkedCommands(program, kit);
  addDocumentCommands(program, kit);
  addEdiCommands(program, kit);
  program.commandsGroup('Change:');
  addStockCommands(program, kit);
  addDatedCommands(program, kit);
  addOrderCommands(program, kit);
  addReconfirmCommand(program, kit);
  addHoldCommands(program, kit);
  addImportCommands(program, kit);
  addListingCommands(program, kit);
  addReallocateCommands(program, kit);
  program.commandsGroup('Run:');
  addChannelCommands(program, kit);
  addConfigCommands(program, kit);
  addPolicyCommands(program, kit);
  addDatabaseCommands(program, kit);
  addUserCommands(program, kit);
  addExitCodes(program, session);
  return program;
}

const sayExitCodes = (): string => EXIT_CODES.map(([code, says]) => `${String(code).padStart(4)}  ${says}`).join('\n');

function addExitCodes(program: Command, { kit }: Session): void {
  const command = program
    .command('exit-codes')
    .description('what each exit code means')
    .addHelpText('after', `\n${sayExitCodes()}`)
    .action(
      kit.act(async (run) => {
        run.out.show(
          { schema: 'allot.exit-codes/1', codes: EXIT_CODES.map(([code, says]) => ({ code, says })) },
          sayExitCodes,
        );
        return EXIT.done;
      }),
    );
  kit.examples(command, ['allot exit-codes', 'allot help exit-codes']);
}

type Told = {
  readonly what: string;
  readonly why: string | null;
  readonly mend: string | null;
  readonly exitCode: ExitCode;
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Commander names the help that it shows instead of an error `(outputHelp)`. */
const sayUsageFault = ({ code, message }: CommanderError): string =>
  code === 'commander.help' ? 'no command is given' : message.replace(/^error: /, '');

/** What a fault means to whoever gave the command. */
export function tell(error: unknown): Told {
  const told = (exitCode: ExitCode, mend: string | null, why: string | null = null): Told => ({
    what: messageOf(error),
    why,
    mend,
    exitCode,
  });
  if (error instanceof Failure) return told(error.exitCode, error.mend, error.why);
  if (error instanceof Interrupted) return told(EXIT.interrupted, null);
  if (error instanceof CommanderError)
    return { ...told(EXIT.usage, 'allot help shows how'), what: sayUsageFault(error) };
  if (error instanceof ConfigError) return told(EXIT.usage, 'allot config check, once it is corrected');
  if (error instanceof Rejected) return told(EXIT.failed, error.fix ?? null);
  if (error instanceof DatabaseUnreachable)
    return told(EXIT.unreachable, 'see that the server runs, and that DATABASE_URL (or --home) names it');
  if (error instanceof SchemaTooNew || error instanceof MigrationMismatch)
    return told(EXIT.unreachable, 'run the allot that this database belongs to');
  if (error instanceof Fault && error.code !== 'defect')
    return told(EXIT.unreachable, 'try again; if it stays, look at the platform or the database');
  return told(EXIT.failed, 'a defect of allot: report it with the command that you gave');
}

/** Commander has written its own errors already. */
function report(io: Io, error: unknown, isJson: boolean): ExitCode {
  const told = tell(error);
  if (isJson) io.write(writeJson({ schema: 'allot.error/1', ok: false, error: told }, io.isTerminal));
  if (error instanceof CommanderError) return told.exitCode;
  io.note(
    `allot: ${told.what}\n${told.why === null ? '' : `  why: ${told.why}\n`}${told.mend === null ? '' : `  mend: ${told.mend}\n`}`,
  );
  return told.exitCode;
}

const isHelp = (error: unknown): boolean => error instanceof CommanderError && error.exitCode === 0;

/** `args` without node and script. */
export async function runCommandLine(args: readonly string[], io: Io, version: string): Promise<ExitCode> {
  const session = openSession(io);
  try {
    await buildProgram(io, session, version).parseAsync(args, { from: 'user' });
    return session.exitCode;
  } catch (error) {
    if (isHelp(error)) return EXIT.done;
    const isJson = args.includes('--json');
    return report(io, io.signal.aborted ? new Interrupted('interrupted') : error, isJson);
  }
}
