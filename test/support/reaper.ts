/**
 * Ends embedded PostgreSQL servers that a test run leaves behind, also when the run itself is killed: a process of its own holds
 * one end of a pipe, and the system closes the other end when the run dies, however it dies.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface GuardedFolder {
  readonly path: string;
  /** Stops the servers of all homes in the folder, then removes it. */
  remove(): Promise<void>;
}

const REAPER = fileURLToPath(new URL('./reaper-process.ts', import.meta.url));

/** A temporary folder whose direct subfolders may be homes. It is closed to other users (0700) unless `open`. */
export function makeGuardedFolder(options: { readonly open: boolean }): GuardedFolder {
  const path = mkdtempSync(join(tmpdir(), 'allot-test-'));
  if (options.open) chmodSync(path, 0o755);
  const reaper = spawn(process.execPath, [REAPER, path], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] });
  reaper.unref();
  unrefPipe(reaper);
  const ended = once(reaper, 'exit');
  return {
    path,
    remove: async () => {
      reaper.ref();
      reaper.stdin.end();
      const [code] = await ended;
      if (code !== 0) throw new Error(`${REAPER} ended with ${code}: servers below ${path} may still run.`);
    },
  };
}

/** The pipe must not keep a finished run alive; its type hides that it is a socket. */
function unrefPipe(child: ChildProcess): void {
  if (child.stdin !== null && 'unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
}
