/**
 * The embedded PostgreSQL of a home folder: started, found, adopted, stopped. `postmaster.pid` decides what a start does:
 *
 * | postmaster.pid names             | start                                                                    |
 * | nothing, or a dead process       | runs postgres (which clears the old file itself)                         |
 * | a living process that is not ours| takes the number out of the file, then runs postgres                     |
 * | our server, answering            | adopts it                                                                |
 * | our server, starting or stopping | waits until it answers or ends, then looks again                         |
 * | our server, another password     | refused                                                                  |
 *
 * Guarantees one server per home however many processes start it, and that it outlives its starter: it has its own session, so
 * neither Ctrl-C nor kill -9 of the daemon reaches it, and the next start adopts it. Does not restart a server that fell.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type Cluster,
  ensureDataDirectory,
  locateCluster,
  makeHome,
  openLog,
  readPassword,
  requirePassword,
  writePrivate,
} from './cluster.ts';
import { type Account, chooseAccount, resolveBinaries, SERVER_ENVIRONMENT } from './postgres-binaries.ts';
import { disownPostmasterFile, isRunning, isServerOf, readIfThere, readPostmaster } from './postmaster.ts';
import { askServer, buildUrl, ensureDatabase, findPort } from './server-contact.ts';
import { takeStartLock } from './start-lock.ts';

export interface EmbeddedOptions {
  readonly home: string;
  readonly log?: (line: string) => void;
  /** Folder with initdb and postgres, in place of the npm package's. */
  readonly binaries?: string;
  /** The user that runs the server when the caller is root; created when missing. */
  readonly systemUser?: string;
  /** Server settings over the defaults, for tests. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Where a running server answers. `url` holds the password: never log it. */
export interface RunningPostgres {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
}

export interface EmbeddedPostgres extends RunningPostgres {
  /** True when the server was already running. */
  readonly adopted: boolean;
  /** Ends the server and waits until it is gone; a second call does nothing more. */
  stop(): Promise<void>;
}

type Address = Omit<RunningPostgres, 'url'>;

const LAUNCHES_MAX = 5;
const POLL_MS = 25;
const LOCK_TIMEOUT_MS = 150_000;
/** Recovery after a power cut replays at most max_wal_size; two minutes cover it on a slow disk. */
const READY_TIMEOUT_MS = 120_000;
const FAST_STOP_TIMEOUT_MS = 60_000;
const IMMEDIATE_STOP_TIMEOUT_MS = 10_000;

/** For two cores beside the daemon. On the command line, so that a newer allot changes them without editing files. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  max_locks_per_transaction: '256', // a statement over all partitions locks each of them and their indexes
  fsync: 'on',
  synchronous_commit: 'on',
  jit: 'off', // compiles for longer than our statements run
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_error_verbosity: 'terse', // the DETAIL line of an error quotes row values, which may be personal data
};

export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined);
  const cluster = locateCluster(options.home);
  await makeHome(cluster);
  await using _lock = await takeStartLock(cluster.lockFile, LOCK_TIMEOUT_MS);
  const live = await findLive(cluster);
  const address = live ?? (await launch(cluster, options, log));
  const password = await requirePassword(cluster);
  await ensureDatabase(address.port, password);
  await writePrivate(cluster.portFile, `${JSON.stringify(address)}\n`);
  log(`PostgreSQL ${live ? 'adopted' : 'started'} on port ${address.port}, process ${address.pid}`);
  let stopping: Promise<void> | undefined;
  return {
    ...address,
    url: buildUrl(address.port, password),
    adopted: live !== undefined,
    stop: () => (stopping ??= stopServer(cluster, address.pid, log)),
  };
}

/** The server that this home's port file names, or undefined when it does not answer as ours. */
export async function findEmbedded(home: string): Promise<RunningPostgres | undefined> {
  const cluster = locateCluster(home);
  const [address, password] = await Promise.all([readPortFile(cluster), readPassword(cluster)]);
  if (address === undefined || password === undefined) return undefined;
  const { port, pid } = address;
  if (!(await isServerOf(pid, cluster.data))) return undefined;
  if ((await askServer(port, password, cluster.data)) !== 'ready') return undefined;
  return { url: buildUrl(port, password), port, pid };
}

/** Ends whatever server runs on this home's data directory; resolves to whether there was one. */
export async function stopEmbedded(home: string, log: (line: string) => void = () => undefined): Promise<boolean> {
  const cluster = locateCluster(home);
  const postmaster = await readPostmaster(cluster.data);
  if (postmaster === undefined || !(await isServerOf(postmaster.pid, cluster.data))) return false;
  await stopServer(cluster, postmaster.pid, log);
  return true;
}

async function findLive(cluster: Cluster): Promise<Address | undefined> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const postmaster = await readPostmaster(cluster.data);
    if (postmaster === undefined || !(await isRunning(postmaster.pid))) return undefined;
    const { pid, port } = postmaster;
    if (!(await isServerOf(pid, cluster.data))) {
      await disownPostmasterFile(cluster.data);
      return undefined;
    }
    const answer = port === undefined ? 'not yet' : await askServer(port, await requirePassword(cluster), cluster.data);
    if (answer === 'ready' && port !== undefined) return { pid, port };
    if (answer === 'wrong password') {
      throw new Error(
        `The server of ${cluster.data} (process ${pid}) refuses the password in ${cluster.passwordFile}.`,
      );
    }
    if (Date.now() > deadline) throw new Error(describeSilence(cluster, pid));
    await wait(POLL_MS);
  }
}

async function launch(cluster: Cluster, options: EmbeddedOptions, log: (line: string) => void): Promise<Address> {
  const binaries = options.binaries ?? resolveBinaries();
  const systemUser = options.systemUser ?? 'postgres';
  const account = await chooseAccount({ home: cluster.home, binaries, systemUser });
  await ensureDataDirectory(cluster, binaries, account);
  const password = await requirePassword(cluster);
  for (let attempt = 1; ; attempt++) {
    const port = await findPort((await readPortFile(cluster))?.port);
    const settings = { ...SETTINGS, ...options.settings, port: String(port) };
    const { child, logStart } = await spawnServer(cluster, join(binaries, 'postgres'), account, settings);
    if (await waitUntilReady(child, port, password, cluster)) return { pid: child.pid ?? 0, port };
    const said = (await readFile(cluster.logFile)).subarray(logStart).toString('utf8').trim();
    if (attempt === LAUNCHES_MAX || !PASSING.test(said)) {
      throw new Error(
        `PostgreSQL did not start on ${cluster.data} as ${account.name}. ${cluster.logFile} says: ${said.slice(-1_500)}`,
      );
    }
    log(`PostgreSQL did not start (attempt ${attempt} of ${LAUNCHES_MAX}), trying again`);
    await wait(200 * attempt);
    const live = await findLive(cluster);
    if (live !== undefined) return live;
  }
}

/** Another program took the port, children of a killed server have not ended yet, or another starter was faster. */
const PASSING = /could not create any TCP\/IP sockets|pre-existing shared memory block|"postmaster.pid" already exists/;

async function spawnServer(
  cluster: Cluster,
  program: string,
  account: Account,
  settings: Readonly<Record<string, string>>,
): Promise<{ child: ChildProcess; logStart: number }> {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [file, ...args] = [...account.prefix, program, '-D', cluster.data, ...flags] as [string, ...string[]];
  await using logFile = await openLog(cluster);
  const logStart = (await logFile.stat()).size;
  const child = spawn(file, args, {
    ...account.spawnAs,
    cwd: '/',
    env: SERVER_ENVIRONMENT,
    detached: true, // its own session: Ctrl-C of the daemon must not end it before the daemon has drained
    stdio: ['ignore', logFile.fd, logFile.fd],
  });
  await once(child, 'spawn');
  child.unref();
  return { child, logStart };
}

async function waitUntilReady(child: ChildProcess, port: number, password: string, cluster: Cluster): Promise<boolean> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (child.exitCode === null && child.signalCode === null) {
    if ((await askServer(port, password, cluster.data)) === 'ready') return true;
    if (Date.now() > deadline) {
      child.kill('SIGQUIT');
      throw new Error(describeSilence(cluster, child.pid));
    }
    await wait(POLL_MS);
  }
  return false;
}

async function stopServer(cluster: Cluster, pid: number, log: (line: string) => void): Promise<void> {
  await using _lock = await takeStartLock(cluster.lockFile, LOCK_TIMEOUT_MS);
  if (await isServerOf(pid, cluster.data)) {
    process.kill(pid, 'SIGINT');
    if (!(await waitUntilGone(pid, FAST_STOP_TIMEOUT_MS))) {
      log(
        `PostgreSQL (process ${pid}) did not stop in ${FAST_STOP_TIMEOUT_MS / 1000} s: stopping it at once, it recovers at the next start`,
      );
      process.kill(pid, 'SIGQUIT');
      if (!(await waitUntilGone(pid, IMMEDIATE_STOP_TIMEOUT_MS))) throw new Error(describeSilence(cluster, pid));
    }
  }
  if ((await readPortFile(cluster))?.pid === pid) await rm(cluster.portFile, { force: true });
  log(`PostgreSQL stopped, process ${pid}`);
}

async function readPortFile(cluster: Cluster): Promise<Address | undefined> {
  const text = await readIfThere(cluster.portFile);
  return text === undefined ? undefined : (JSON.parse(text) as Address);
}

async function waitUntilGone(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (await isRunning(pid)) {
    if (Date.now() > deadline) return false;
    await wait(POLL_MS);
  }
  return true;
}

function describeSilence(cluster: Cluster, pid: number | undefined): string {
  return `The server of ${cluster.data} (process ${pid ?? 'unknown'}) does neither answer nor end. See ${cluster.logFile}; kill -QUIT ${pid ?? 'it'} ends it safely.`;
}
