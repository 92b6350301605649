/**
 * Mailbox: the directories through which files come from a partner and go to it, whoever carries them (SFTP, VAN, AS2 gateway).
 *
 * inbound -> (read, stored by the caller) -> archive/YYYY/MM/DD, or rejects with its reason beside it; outbound <- written whole
 *
 * Guarantees: a file is seen only when its writer has let it rest; nothing is ever overwritten or deleted but an exact repeat of what
 * is there; what is sent appears under its name at once and whole, and sending the same again is harmless. Every move may be repeated
 * after a crash. All directories of one mailbox lie on one file system, since only there a rename is atomic.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Defect, Rejected, Transient } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';

export type Mailbox = {
  readonly inbound: string;
  readonly outbound: string;
  readonly archive: string;
  readonly rejects: string;
};

export type InboundFile = { readonly name: string; readonly bytes: number; readonly modifiedAt: Instant };
export type ReadFile = { readonly content: Uint8Array; readonly sha256: string };

const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** Names under which carriers write what is not whole yet. */
const UNFINISHED = /^\.|\.(tmp|part|partial|filepart)$/i;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** A directory that is not there or full is mended by a person; until then nothing is lost. */
const asTransient = (what: string, error: unknown): Transient =>
  new Transient(`${what}: ${error instanceof Error ? error.message : String(error)}`, error);

async function doing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Rejected || error instanceof Defect) throw error;
    throw asTransient(what, error);
  }
}

const hashOf = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** Null where there is no such file. */
async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function describe(folder: string, name: string): Promise<InboundFile | null> {
  try {
    const found = await stat(join(folder, name));
    return found.isFile() ? { name, bytes: found.size, modifiedAt: found.mtimeMs } : null;
  } catch (error) {
    // Taken away between the listing and the look: not ours any more.
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** What has come and rested until `before`, oldest first. Throws Transient where the directory cannot be read. */
export function listInbound({ inbound }: Mailbox, before: Instant): Promise<readonly InboundFile[]> {
  return doing(`the inbound directory ${inbound} cannot be read`, async () => {
    const names = (await readdir(inbound)).filter((name) => !UNFINISHED.test(name));
    const found: InboundFile[] = [];
    for (const name of names) {
      const file = await describe(inbound, name);
      if (file !== null && file.modifiedAt <= before) found.push(file);
    }
    return found.sort((a, b) => a.modifiedAt - b.modifiedAt || (a.name < b.name ? -1 : 1));
  });
}

/** Throws Rejected for what is too large to be an order file. */
export function readInbound({ inbound }: Mailbox, { name, bytes }: InboundFile): Promise<ReadFile> {
  return doing(`the inbound file ${name} cannot be read`, async () => {
    if (bytes > FILE_BYTES_MAX)
      throw new Rejected(`the inbound file ${name} has ${bytes} bytes, at most ${FILE_BYTES_MAX} are read`, {
        field: 'file',
        value: name,
        fix: 'split it between interchanges (after an IEA)',
      });
    const content = await readFile(join(inbound, name));
    return { content, sha256: hashOf(content) };
  });
}

/** The directory entry itself is durable only with this. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Moves into `folder`. Another file of that name stays, and this one is called after its content beside it; the same content again
 * is one file. Done before: nothing.
 */
async function moveInto(from: string, folder: string, name: string): Promise<void> {
  const content = await readIfThere(from);
  if (content === null) return;
  await mkdir(folder, { recursive: true });
  const kept = await readIfThere(join(folder, name));
  if (kept?.equals(content) === true) {
    await unlink(from);
    return;
  }
  const extension = extname(name);
  const stem = name.slice(0, name.length - extension.length);
  const free = kept === null ? name : `${stem}.${hashOf(content).slice(0, 12)}${extension}`;
  await rename(from, join(folder, free));
  await syncFolder(folder);
}

/** For what is durably known elsewhere. By the day of `at`, UTC. */
export function archiveInbound(box: Mailbox, name: string, at: Instant): Promise<void> {
  const [year = '', month = '', day = ''] = new Date(at).toISOString().slice(0, 10).split('-');
  const folder = join(box.archive, year, month, day);
  return doing(`the inbound file ${name} cannot be archived`, () => moveInto(join(box.inbound, name), folder, name));
}

/** `reason` is for a person, and lies beside the file as `NAME.reason.txt` before the file is there. */
export function rejectInbound(box: Mailbox, name: string, reason: string): Promise<void> {
  return doing(`the inbound file ${name} cannot be put to the rejects`, async () => {
    await mkdir(box.rejects, { recursive: true });
    await writeWhole(box.rejects, `${name}.reason.txt`, Buffer.from(`${reason}\n`));
    await moveInto(join(box.inbound, name), box.rejects, name);
  });
}

async function writeWhole(folder: string, name: string, content: Uint8Array): Promise<void> {
  const unfinished = join(folder, `.${name}.tmp`);
  const handle = await open(unfinished, 'w');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(unfinished, join(folder, name));
  await syncFolder(folder);
}

/**
 * Puts a document out. False: these bytes were there already. Throws Defect where others are: one name, one content. A file that
 * its carrier has taken away is put out again, which the partner's own duplicate check by control number has to catch.
 */
export function putOutbound({ outbound }: Mailbox, name: string, text: string): Promise<boolean> {
  return doing(`the outbound file ${name} cannot be written`, async () => {
    const content = Buffer.from(text);
    const there = await readIfThere(join(outbound, name));
    if (there?.equals(content) === true) return false;
    if (there !== null) throw new Defect(`the outbound file ${name} is there already with another content`);
    await writeWhole(outbound, name, content);
    return true;
  });
}
