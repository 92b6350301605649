/**
 * One starter or stopper of the embedded server at a time, across processes: a file created exclusively, with its owner inside.
 * Guarantees that a dead owner never blocks (its identity, not its number alone, is checked). Should two processes break the
 * same dead lock in the same instant, PostgreSQL's own postmaster.pid still lets only one server run.
 */
import { randomUUID } from 'node:crypto';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { hasCode, identifyProcess, readIfThere } from './postmaster.ts';

export interface StartLock {
  [Symbol.asyncDispose](): Promise<void>;
}

const POLL_MS = 25;

/** Waits until the lock is free; an error names the process that holds it when `timeoutMs` has passed. */
export async function takeStartLock(path: string, timeoutMs: number): Promise<StartLock> {
  const token = randomUUID();
  const content = JSON.stringify({ pid: process.pid, identity: await identifyProcess(process.pid), token });
  const draft = `${path}.${token}`;
  await writeFile(draft, content, { mode: 0o600 });
  try {
    const deadline = Date.now() + timeoutMs;
    while (!(await linkIfFree(draft, path))) {
      const held = await readIfThere(path);
      if (held !== undefined && !(await isOwnerAlive(held))) await breakLock(path, held);
      else if (Date.now() > deadline) throw new Error(describeHolder(path, held, timeoutMs));
      else await wait(POLL_MS);
    }
  } finally {
    await rm(draft, { force: true });
  }
  return { [Symbol.asyncDispose]: () => removeIfContent(path, content) };
}

/** A hard link, not a plain exclusive create, so that nobody ever reads a lock without its owner. */
async function linkIfFree(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function isOwnerAlive(content: string): Promise<boolean> {
  const owner = parseOwner(content);
  return owner !== undefined && (await identifyProcess(owner.pid)) === owner.identity;
}

/** Moved aside before it is judged again: what was moved may already be the next owner's lock, which is then put back. */
async function breakLock(path: string, dead: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  if ((await readIfThere(aside)) !== dead) await linkIfFree(aside, path);
  await rm(aside, { force: true });
}

async function removeIfContent(path: string, content: string): Promise<void> {
  if ((await readIfThere(path)) === content) await rm(path, { force: true });
}

function parseOwner(content: string): { pid: number; identity: unknown } | undefined {
  try {
    const owner: unknown = JSON.parse(content);
    if (typeof owner !== 'object' || owner === null || !('pid' in owner) || !('identity' in owner)) return undefined;
    return Number.isInteger(owner.pid) ? { pid: Number(owner.pid), identity: owner.identity } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // cut short by a crash of the system: nobody holds it
    throw error;
  }
}

function describeHolder(path: string, content: string | undefined, timeoutMs: number): string {
  const holder = content === undefined ? undefined : parseOwner(content);
  return `${path} has been held by process ${holder?.pid ?? 'unknown'} for ${Math.round(timeoutMs / 1000)} s. Wait for it, or end that process.`;
}
