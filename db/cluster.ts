/**
 * The files of the embedded PostgreSQL below a home folder, and their making:
 *
 *   postgres/           the data directory            postgres.json      where the running server answers (port, pid)
 *   postgres.password   made at random, 0600          postgres.log       the server's own log, kept below LOG_BYTES_MAX
 *   postgres.lock       held while starting, stopping
 *
 * Guarantees that a data directory is either whole or not there, also when killed half way. Starts nothing.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, chown, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Account, ROOT, runToEnd } from './postgres-binaries.ts';
import { hasCode, readIfThere } from './postmaster.ts';

export interface Cluster {
  readonly home: string;
  readonly data: string;
  readonly passwordFile: string;
  readonly portFile: string;
  readonly logFile: string;
  readonly lockFile: string;
}

export const SUPERUSER = 'allot';
const MAJOR_VERSION = '18';
const LOG_BYTES_MAX = 10_000_000;

export function locateCluster(home: string): Cluster {
  const root = resolve(home);
  return {
    home: root,
    data: join(root, 'postgres'),
    passwordFile: join(root, 'postgres.password'),
    portFile: join(root, 'postgres.json'),
    logFile: join(root, 'postgres.log'),
    lockFile: join(root, 'postgres.lock'),
  };
}

/** Root's home lets others pass (not list): the server's own user must reach its data directory below it. */
export async function makeHome(cluster: Cluster): Promise<void> {
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  const created = await mkdir(cluster.home, { recursive: true });
  if (created !== undefined) await chmod(cluster.home, mode);
}

/** Makes the data directory with initdb when there is none; else checks that this PostgreSQL and this account can use it. */
export async function ensureDataDirectory(cluster: Cluster, binaries: string, account: Account): Promise<void> {
  await removeUnfinished(cluster);
  const version = (await readIfThere(join(cluster.data, 'PG_VERSION')))?.trim();
  if (version === undefined) return makeDataDirectory(cluster, binaries, account);
  if (version !== MAJOR_VERSION) {
    throw new Error(
      `${cluster.data} was written by PostgreSQL ${version}, and this allot brings ${MAJOR_VERSION}. Back it up with the allot that made it and restore here, or set ALLOT_HOME to another folder.`,
    );
  }
  await alignOwner(cluster.data, account);
}

/** The password of the data directory: made once, before the first initdb. */
export async function readPassword(cluster: Cluster): Promise<string | undefined> {
  return (await readIfThere(cluster.passwordFile))?.trim();
}

export async function requirePassword(cluster: Cluster): Promise<string> {
  const password = await readPassword(cluster);
  if (password !== undefined && password !== '') return password;
  throw new Error(
    `${cluster.passwordFile} is missing, and ${cluster.data} cannot be opened without it. Restore the file, or move both away to start with an empty database.`,
  );
}

/** Opens the server's log for appending; one older log is kept. */
export async function openLog(cluster: Cluster) {
  const size = await sizeIfThere(cluster.logFile);
  if (size > LOG_BYTES_MAX) await rename(cluster.logFile, `${cluster.logFile}.1`);
  return open(cluster.logFile, 'a', 0o600);
}

/** Written whole under another name first: a reader never sees half a file. */
export async function writePrivate(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, path);
}

async function makeDataDirectory(cluster: Cluster, binaries: string, account: Account): Promise<void> {
  const draft = join(cluster.home, `postgres.draft-${randomUUID()}`);
  const passwordFile = join(draft, 'password');
  let password = await readPassword(cluster);
  if (password === undefined || password === '') {
    password = randomBytes(24).toString('base64url');
    await writePrivate(cluster.passwordFile, `${password}\n`);
  }
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account.owner !== undefined) {
    // initdb runs as the other user and must read the password by itself.
    await chown(passwordFile, account.owner.uid, account.owner.gid);
    await chown(draft, account.owner.uid, account.owner.gid);
  }
  const made = await runToEnd(account, join(binaries, 'initdb'), initdbArguments(join(draft, 'data'), passwordFile));
  if (!made.ok) {
    await rm(draft, { recursive: true, force: true });
    throw new Error(`initdb could not make ${cluster.data} as ${account.name}: ${made.output}`);
  }
  await rename(join(draft, 'data'), cluster.data);
  await rm(draft, { recursive: true, force: true });
}

/** The builtin locale orders by code point and never changes with the system's C library, so indexes outlive upgrades. */
function initdbArguments(data: string, passwordFile: string): string[] {
  return [
    `--pgdata=${data}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ];
}

async function removeUnfinished(cluster: Cluster): Promise<void> {
  for (const name of await readdir(cluster.home)) {
    if (!name.startsWith('postgres.draft-')) continue;
    // The initdb of a killed starter may still be writing.
    await rm(join(cluster.home, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** A home that was moved below a closed folder, or out of it, changes its account; the files follow. */
async function alignOwner(data: string, account: Account): Promise<void> {
  const { uid } = await stat(data);
  const wanted = account.owner?.uid ?? process.getuid?.() ?? uid;
  if (uid === wanted) return;
  if (account.owner === undefined) {
    throw new Error(
      `${data} belongs to user ${uid}, and this process is user ${wanted}. Run allot as the user that made it.`,
    );
  }
  const changed = await runToEnd(ROOT, 'chown', ['-R', `${account.owner.uid}:${account.owner.gid}`, data]);
  if (!changed.ok) throw new Error(`${data} could not be given to ${account.name}: ${changed.output}`);
}

async function sizeIfThere(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 0;
    throw error;
  }
}
