/**
 * What a data directory and the process table say about a PostgreSQL server: is one running here, and is it ours?
 * Guarantees that a process number is never trusted alone: numbers are reused, above all in containers.
 * Does not connect; whether the server answers is embedded.ts's question.
 */
import { execFile } from 'node:child_process';
import { readFile, readlink, realpath, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Postmaster {
  readonly pid: number;
  /** Absent while the server is still writing its file. */
  readonly port: number | undefined;
}

/** Above every system's largest process number, and still one that PostgreSQL reads as a number. */
const PID_OF_NOBODY = 2_147_483_647;

/** postmaster.pid: line 1 the process, line 4 the port (PostgreSQL 18, src/include/utils/pidfile.h). */
export async function readPostmaster(dataDirectory: string): Promise<Postmaster | undefined> {
  const text = await readIfThere(join(dataDirectory, 'postmaster.pid'));
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number.isInteger(port) && port > 0 ? port : undefined };
}

/** Whether this process is a PostgreSQL server of this data directory (a server's working directory is its data directory). */
export async function isServerOf(pid: number, dataDirectory: string): Promise<boolean> {
  if (!(await isRunning(pid))) return false;
  if (platform() !== 'linux') return (await readProcessField(pid, 'command')).includes(dataDirectory);
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(dataDirectory));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return false;
    if (!hasCode(error, 'EACCES')) throw error;
    // Root without CAP_SYS_PTRACE (a container's default) may read another user's command line, not its folder.
    return ((await readIfThere(`/proc/${pid}/cmdline`)) ?? '').split('\0').includes(dataDirectory);
  }
}

/**
 * PostgreSQL refuses to start while postmaster.pid names a living process, whichever it is. The number is replaced rather
 * than the file removed, because its last line lets PostgreSQL see that children of a killed server still use the data.
 */
export async function disownPostmasterFile(dataDirectory: string): Promise<void> {
  const path = join(dataDirectory, 'postmaster.pid');
  const text = await readFile(path, 'utf8');
  await writeFile(path, [PID_OF_NOBODY, ...text.split('\n').slice(1)].join('\n'));
}

/** A zombie counts as gone: in a container whose first process does not reap, it would stay for ever. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false;
    if (!hasCode(error, 'EPERM')) throw error;
  }
  if (platform() !== 'linux') return true;
  return (await readStat(pid))?.[0] !== 'Z';
}

/** Two processes with the same number never share this text; undefined when there is no such process. */
export async function identifyProcess(pid: number): Promise<string | undefined> {
  if (!(await isRunning(pid))) return undefined;
  if (platform() !== 'linux') return (await readProcessField(pid, 'lstart')) || undefined;
  const fields = await readStat(pid);
  const startedAt = fields?.[19];
  if (startedAt === undefined) return undefined;
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  return `${boot} ${startedAt}`;
}

/** The fields of /proc/PID/stat after the command name, which may itself hold spaces and brackets (man 5 proc). */
async function readStat(pid: number): Promise<readonly string[] | undefined> {
  const text = await readIfThere(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

async function readProcessField(pid: number, field: 'command' | 'lstart'): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('/bin/ps', ['-ww', '-o', `${field}=`, '-p', String(pid)]);
    return stdout.trim();
  } catch (error) {
    if (hasCode(error, 1)) return ''; // ps ends with 1 when there is no such process
    throw error;
  }
}

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

export function hasCode(error: unknown, ...codes: readonly (string | number)[]): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return (typeof code === 'string' || typeof code === 'number') && codes.includes(code);
}
