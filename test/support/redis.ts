/**
 * A private Redis for tests: own port, nothing persisted, `noeviction` unless told otherwise.
 * Guarantees: started means ready; stopped means the process is gone and its directory removed.
 * Does not: install Redis, nor touch a system service. Where the binary is missing, `missingRedis` says so and tests skip.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePort } from './free-port.ts';

const server = findOnPath('redis-server');
const cli = findOnPath('redis-cli');

/** Why Redis tests cannot run here; undefined where they can. */
export const missingRedis =
  server && cli
    ? undefined
    : 'redis-server or redis-cli is not on the PATH: Redis tests are skipped (Debian: redis-server)';

export type TestRedis = {
  readonly url: string;
  readonly port: number;
  /** One command through redis-cli; its printed answer. */
  command(...args: readonly string[]): Promise<string>;
  /** kill -9: nothing was persisted, so it comes back empty, on the same port. */
  kill(): Promise<void>;
  startAgain(): Promise<void>;
  stop(): Promise<void>;
};

/** `settings` are redis.conf names and values, such as { 'maxmemory-policy': 'allkeys-lru' }. */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<TestRedis> {
  if (missingRedis !== undefined) throw new Error(missingRedis);
  const port = await findFreePort();
  const directory = await mkdtemp(join(tmpdir(), 'allot-redis-'));
  const password = settings.requirepass;
  let child = await launch(port, directory, settings);
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return {
    port,
    url: `redis://${password ? `:${password}@` : ''}127.0.0.1:${port}`,
    command: async (...args) => {
      const login = password ? ['--no-auth-warning', '-a', password] : [];
      const { stdout } = await promisify(execFile)('redis-cli', ['-p', String(port), ...login, ...args]);
      return stdout.trim();
    },
    kill,
    startAgain: async () => {
      child = await launch(port, directory, settings);
    },
    stop: async () => {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function launch(
  port: number,
  directory: string,
  settings: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const all = { bind: '127.0.0.1', save: '', appendonly: 'no', 'maxmemory-policy': 'noeviction', ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn('redis-server', ['--port', String(port), '--dir', directory, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      if (printed.includes('Ready to accept connections')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code} at start:\n${printed}`)));
    child.once('error', reject);
  });
  await ready;
  return child;
}

function findOnPath(binary: string): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  return directories.map((directory) => join(directory, binary)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
