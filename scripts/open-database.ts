/**
 * The database a command works on: the home that `--home` names, else DATABASE_URL, else the home of ALLOT_HOME. An embedded server
 * that runs is used; one that does not is started for the command and stopped after it.
 *
 * Guarantees: never makes a database but for `migrate`, so that a mistyped home stays a message; never works on a schema that this
 * allot does not know; leaves a server running that somebody else has begun to use meanwhile.
 */
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { type Database, openDatabase } from '#db/client.ts';
import { locateCluster } from '#db/cluster.ts';
import { findEmbedded, startEmbedded } from '#db/embedded.ts';
import { migrate, schemaStatus } from '#db/migrate.ts';
import { hasOtherSessions } from '#db/sessions.ts';
import { type Config, type Environment, findOwnFile, readConfig, readEnvironment } from '#workers/config.ts';
import { EXIT, Failure, Interrupted, type Io } from './io.ts';

const APPLICATION = 'allot command line';
const CONNECTIONS_MAX = 4;

export type DatabaseChoice = {
  /** `--home`: then DATABASE_URL does not count. */
  readonly home: string | undefined;
  /** For `migrate`: any schema will do, and a missing database is made. */
  readonly isForMigrate?: boolean;
};

type Opened = { readonly db: Database; readonly close: () => Promise<void> };

type Variables = Readonly<Record<string, string | undefined>>;

/** With `--home` that folder is meant, whatever the variables say. */
const variablesOf = (io: Io, home: string | undefined): Variables =>
  home === undefined
    ? io.env
    : {
        ...io.env,
        ALLOT_HOME: home,
        ALLOT_HOME_FILE: undefined,
        DATABASE_URL: undefined,
        DATABASE_URL_FILE: undefined,
      };

/** The environment as this command line sees it. */
export const environmentOf = (io: Io, home: string | undefined): Environment =>
  readEnvironment({ env: variablesOf(io, home), cwd: io.cwd });

/** The configuration file that a daemon would start with, there or not. */
export const configFileOf = (io: Io, home: string | undefined): string =>
  findOwnFile({ env: variablesOf(io, home), cwd: io.cwd }) ?? (io.env.ALLOT_CONFIG || 'allot.yaml');

/** The configuration as this command line sees it. */
export const configOf = (io: Io, home: string | undefined): Config =>
  readConfig({ env: variablesOf(io, home), cwd: io.cwd });

/** Runs `work` on the database and closes it, also at Ctrl-C. */
export async function withDatabase<Result>(
  io: Io,
  choice: DatabaseChoice,
  work: (db: Database) => Promise<Result>,
): Promise<Result> {
  const opened = await open(io, choice);
  try {
    const interrupted = new Promise<never>((_resolve, reject) => {
      const stop = () => reject(new Interrupted('interrupted'));
      if (io.signal.aborted) stop();
      io.signal.addEventListener('abort', stop, { once: true });
    });
    return await Promise.race([work(opened.db), interrupted]);
  } finally {
    await opened.close();
  }
}

async function open(io: Io, choice: DatabaseChoice): Promise<Opened> {
  const environment = environmentOf(io, choice.home);
  const isMigrate = choice.isForMigrate === true;
  if (environment.databaseUrl !== null) return prepare(connect(environment.databaseUrl), { isMigrate, isOurs: false });
  const running = await findEmbedded(environment.home);
  if (running !== undefined) return prepare(connect(running.url), { isMigrate, isOurs: false });
  const near = relative(io.cwd, environment.home);
  const shown = near === '' || near.startsWith('..') ? environment.home : near;
  if (!isMigrate && !existsSync(locateCluster(environment.home).data)) {
    throw new Failure(`there is no database below ${shown}`, {
      why: 'DATABASE_URL is not set, and this home folder has none',
      mend: 'npm start makes one (or allot migrate); or name another home: allot --home DIR ...',
      exitCode: EXIT.unreachable,
    });
  }
  io.note(`No daemon runs on ${shown}: starting its database for this command.\n`);
  const server = await startEmbedded({ home: environment.home });
  const db = connect(server.url).db;
  const close = async () => {
    const isShared = server.adopted || (await hasOtherSessions(db, APPLICATION));
    await db.close();
    if (!isShared) await server.stop();
  };
  return prepare({ db, close }, { isMigrate, isOurs: !server.adopted });
}

function connect(url: string): Opened {
  const db = openDatabase(url, { max: CONNECTIONS_MAX, applicationName: APPLICATION });
  return { db, close: () => db.close() };
}

/** Where we alone run the server we bring its schema up to date, as the daemon does at its start. */
async function prepare(
  opened: Opened,
  how: { readonly isMigrate: boolean; readonly isOurs: boolean },
): Promise<Opened> {
  if (how.isMigrate) return opened;
  try {
    if (how.isOurs) await migrate(opened.db);
    const { current, available, pending, newerThanCode } = await schemaStatus(opened.db);
    if (newerThanCode) {
      throw new Failure(`the database has schema version ${current}, and this allot knows ${available}`, {
        mend: 'run the newer allot that migrated it, or point this one at its own database',
        exitCode: EXIT.unreachable,
      });
    }
    if (pending.length > 0) {
      throw new Failure(`the database lacks ${pending.length} migration(s), the first is ${pending[0]}`, {
        mend: 'allot migrate',
        exitCode: EXIT.unreachable,
      });
    }
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
}
