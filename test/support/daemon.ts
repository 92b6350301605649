/**
 * allot's processes as people run them: the daemon (`workers/main.ts`) and single commands (`scripts/allot.ts`).
 *
 * Guarantees that none outlives the test's own process, and that all they said is kept. Their environment is what the test gives
 * and the PATH: nothing of the machine's reaches them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitUntil } from './wait-until.ts';

export type Environment = Readonly<Record<string, string>>;
export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type DaemonProcess = {
  readonly pid: number;
  /** Null for a process without the http role. */
  readonly url: string | null;
  /** Standard output and standard error, as they came. */
  readonly said: () => string;
  /** Resolves when /readyz says so; without http, when the log says that it runs. Throws when the process ends before that. */
  readonly ready: () => Promise<void>;
  readonly send: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<Ended>;
  /** kill -9, and wait until it is gone. */
  readonly kill: () => Promise<void>;
};

const DAEMON = fileURLToPath(new URL('../../workers/main.ts', import.meta.url));
const COMMAND = fileURLToPath(new URL('../../scripts/allot.ts', import.meta.url));
const READY_LIMIT_MS = 40_000;
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function start(script: string, args: readonly string[], at: { readonly env: Environment; readonly cwd: string }) {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: at.cwd,
    env: { PATH: process.env.PATH ?? '', ...at.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text;
  });
  const ended = once(child, 'close').then(([code, signal]): Ended => {
    running.delete(child);
    return { code, signal };
  });
  return { child, said, ended };
}

/** Starts it; `env.PORT` is where it listens. */
export function startDaemon(env: Environment, cwd: string, args: readonly string[] = []): DaemonProcess {
  const { child, said, ended } = start(DAEMON, args, { env, cwd });
  const url = env.WORKERS === undefined || env.WORKERS.includes('http') ? `http://127.0.0.1:${env.PORT}` : null;
  const all = () => said.out + said.err;
  const isUp = async (): Promise<boolean> => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the daemon ended:\n${all()}`);
    if (url === null) return said.out.includes('allot runs');
    // Refused until it listens: that is what is waited for.
    return fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  return {
    pid: child.pid ?? 0,
    url,
    said: all,
    ready: async () => {
      await waitUntil('the daemon is ready', isUp, { limitMs: READY_LIMIT_MS, tell: all });
    },
    send: (signal) => void child.kill(signal),
    ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export type CommandSaid = { readonly code: number | null; readonly out: string; readonly err: string };

/** `allot ARGS` as a process of its own, to its end. */
export async function runCommand(args: readonly string[], env: Environment, cwd: string): Promise<CommandSaid> {
  const { said, ended } = start(COMMAND, args, { env, cwd });
  const { code } = await ended;
  return { code, ...said };
}
