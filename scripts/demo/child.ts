/**
 * The demo's other processes: started, watched for their peak of memory, ended. None outlives the demo, whatever ends it.
 *
 * Peaks come from /proc (VmHWM) and are null where there is none. PostgreSQL is many processes that share memory: its peak is the
 * largest sum seen of what each has alone, plus the shared part once.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

export type Child = {
  readonly pid: number;
  readonly isRunning: () => boolean;
  /** Resolves when it has ended. SIGKILL follows `graceMs` after another signal. */
  readonly end: (signal: NodeJS.Signals, graceMs?: number) => Promise<void>;
};

const GRACE_MS = 5000;
const running = new Set<ChildProcess>();

/** Ends what still runs when the demo itself is ended without its own tidying up. */
export function endChildrenAtExit(): void {
  process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
  });
}

function adopt(child: ChildProcess): Child {
  const { pid } = child;
  if (pid === undefined) throw new Error('a process could not be started');
  running.add(child);
  const ended = once(child, 'exit').then(() => void running.delete(child));
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid,
    isRunning,
    end: async (signal, graceMs = GRACE_MS) => {
      if (isRunning()) child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

export type SandboxProcess = {
  readonly child: Child;
  readonly url: string;
  /** How it ended, and what it wrote to stderr at last. */
  readonly lastWords: () => string;
};

const WORDS_MAX = 4000;

const sayEnd = ({ exitCode, signalCode }: ChildProcess): string =>
  signalCode === null ? `exit code ${exitCode ?? 'not known'}` : signalCode;

/** A sandbox: its options as one JSON argument, `{"url":...}` as its first line. */
export async function startSandbox(script: string, options: object): Promise<SandboxProcess> {
  const spawned = spawn(process.execPath, [script, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const child = adopt(spawned);
  let said = '';
  spawned.stderr.on('data', (data: Buffer) => {
    said = (said + data.toString('utf8')).slice(-WORDS_MAX);
  });
  const closed = once(spawned, 'close');
  const lastWords = (): string => `${sayEnd(spawned)}; ${said.trim() || 'it said nothing'}`;
  for await (const line of createInterface({ input: spawned.stdout })) {
    return { child, url: (JSON.parse(line) as { url: string }).url, lastWords };
  }
  await closed;
  throw new Error(`${script} did not start: ${lastWords()}`);
}

export type DaemonOptions = {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
};

/** Its output goes to the end of `logFile`, which outlives it. */
export async function startDaemonProcess({ script, env, logFile }: DaemonOptions): Promise<Child> {
  const file = await open(logFile, 'a', 0o600);
  const spawned = spawn(process.execPath, [script], { stdio: ['ignore', file.fd, file.fd], env });
  await file.close();
  return adopt(spawned);
}

async function readStatus(pid: number | 'self'): Promise<ReadonlyMap<string, number> | null> {
  try {
    const text = await readFile(`/proc/${pid}/status`, 'utf8');
    return new Map([...text.matchAll(/^(\w+):\s+(\d+)/gm)].map(([, name, value]) => [name ?? '', Number(value)]));
  } catch (error) {
    // Ended meanwhile, or a machine without /proc: nothing is known of it.
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const names = await readdir('/proc');
  const statuses = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => ({ pid: Number(name), status: await readStatus(Number(name)) })),
  );
  return statuses.filter(({ status }) => status?.get('PPid') === pid).map((one) => one.pid);
}

export type Peaks = {
  readonly daemon: number | null;
  readonly platforms: number | null;
  readonly postgres: number | null;
};

export type PeakWatch = {
  readonly look: () => Promise<void>;
  /** MB, rounded. */
  readonly peaks: () => Peaks;
};

const KB_PER_MB = 1024;

/** Call `look` now and then, and before a process is ended: a peak dies with its process. */
export function watchPeaks(of: { daemon: () => number; platforms: readonly number[]; postgres: number }): PeakWatch {
  const single = new Map<number, number>();
  let [daemon, postgres] = [0, 0];
  const peakOf = async (pid: number): Promise<number> => (await readStatus(pid))?.get('VmHWM') ?? 0;
  const lookAtPostgres = async (): Promise<void> => {
    const statuses = await Promise.all([of.postgres, ...(await childrenOf(of.postgres))].map(readStatus));
    const alone = statuses.reduce((sum, status) => sum + (status?.get('RssAnon') ?? 0), 0);
    const shared = statuses.reduce((most, status) => Math.max(most, status?.get('RssShmem') ?? 0), 0);
    postgres = Math.max(postgres, alone + shared);
  };
  const toMb = (kb: number): number | null => (kb === 0 ? null : Math.round(kb / KB_PER_MB));
  return {
    async look() {
      if ((await readStatus('self')) === null) return;
      daemon = Math.max(daemon, await peakOf(of.daemon()));
      for (const pid of of.platforms) single.set(pid, Math.max(single.get(pid) ?? 0, await peakOf(pid)));
      await lookAtPostgres();
    },
    peaks: () => ({
      daemon: toMb(daemon),
      platforms: toMb([...single.values()].reduce((a, b) => a + b, 0)),
      postgres: toMb(postgres),
    }),
  };
}
