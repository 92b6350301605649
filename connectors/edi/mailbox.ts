/**
 * Mailbox: the directories through which files come from a partner and go to it, whoever carries them (SFTP, VAN, AS2 gateway).
 *
 * inbound -> (read, stored by the caller) -> archive/YYYY/MM/DD, or rejects with its reason beside it; outbound <- written whole
 *
 * Guarantees: a file is seen only when its writer has let it rest, and moved only when it is still what was read; nothing is ever
 * overwritten or deleted but an exact repeat of what is there; what is sent appears under its name at once and whole, and sending the
 * same again is harmless. Every move may be repeated after a crash. All directories of one mailbox lie on one file system, since only
 * there a rename is atomic. None of the four is ever made here: one that is missing may be a share that is not mounted, and what is
 * written beneath a mount point reaches nobody.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Defect, Fault, Transient, Uncertain } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';

export type Mailbox = {
  readonly inbound: string;
  readonly outbound: string;
  readonly archive: string;
  readonly rejects: string;
};

export type InboundFile = { readonly name: string; readonly bytes: number; readonly modifiedAt: Instant };
export type ReadFile = { readonly content: Uint8Array; readonly sha256: string };

/** What is larger is no order file, and would not fit into memory beside its segments. */
export const FILE_BYTES_MAX = 32 * 1024 * 1024;
/** Names under which carriers write what is not whole yet. */
const UNFINISHED = /^\.|\.(tmp|part|partial|filepart)$/i;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** A directory that is not there or full is mended by a person; until then nothing is lost. */
function asTransient(what: string, error: unknown): Transient {
  const why = error instanceof Error ? error.message : String(error);
  const path = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : '';
  const mend = codeOf(error) === 'ENOENT' && path !== '' ? `: mount it, or make it with: mkdir -p ${path}` : '';
  return new Transient(`${what}: ${why}${mend}`, error);
}

async function doing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Fault) throw error;
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

/** Null when the file is not what was listed any more: it goes on growing, or was taken away. */
export function readInbound({ inbound }: Mailbox, { name, bytes, modifiedAt }: InboundFile): Promise<ReadFile | null> {
  return doing(`the inbound file ${name} cannot be read`, async () => {
    const content = await readIfThere(join(inbound, name));
    const after = await describe(inbound, name);
    const isSame = after?.bytes === bytes && after.modifiedAt === modifiedAt && content?.byteLength === bytes;
    return isSame ? { content, sha256: hashOf(content) } : null;
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

/** `name`, or where another file has it, one that tells the two apart by `mark`. */
async function freeName(folder: string, name: string, mark: string): Promise<string> {
  if ((await describe(folder, name)) === null) return name;
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)}.${mark}${extension}`;
}

async function moveInto(from: string, folder: string, name: string): Promise<void> {
  await rename(from, join(folder, name));
  await syncFolder(folder);
}

/**
 * For what is durably known elsewhere, by its hash: moved to the day of `at`, UTC. Another file of that name stays, and this one is
 * called after its content beside it; the same content again is one file. Done before, or another content by now: nothing.
 */
export function archiveInbound(box: Mailbox, name: string, sha256: string, at: Instant): Promise<void> {
  const days = new Date(at).toISOString().slice(0, 10).split('-');
  const from = join(box.inbound, name);
  return doing(`the inbound file ${name} cannot be archived`, async () => {
    const content = await readIfThere(from);
    if (content === null || hashOf(content) !== sha256) return;
    const folder = join(box.archive, ...days);
    await stat(box.archive);
    await mkdir(folder, { recursive: true });
    const kept = await readIfThere(join(folder, name));
    if (kept?.equals(content) === true) return unlink(from);
    return moveInto(from, folder, await freeName(folder, name, sha256.slice(0, 12)));
  });
}

/**
 * For what cannot even be read: `reason` is for a person, and lies beside the file as `NAME.reason.txt` before the file is there.
 * Done before, or another file by now: nothing.
 */
export function rejectInbound(box: Mailbox, { name, bytes, modifiedAt }: InboundFile, reason: string): Promise<void> {
  return doing(`the inbound file ${name} cannot be put to the rejects`, async () => {
    const found = await describe(box.inbound, name);
    if (found?.bytes !== bytes || found.modifiedAt !== modifiedAt) return;
    await stat(box.rejects);
    const free = await freeName(box.rejects, name, `${bytes}-${Math.trunc(modifiedAt)}`);
    await writeWhole(box.rejects, `${free}.reason.txt`, Buffer.from(`${reason}\n`));
    await moveInto(join(box.inbound, name), box.rejects, free);
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
  try {
    await rename(unfinished, join(folder, name));
    await syncFolder(folder);
  } catch (error) {
    throw new Uncertain(`${name} may be in ${folder} or not: ${String(error)}`, error);
  }
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
