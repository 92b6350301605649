/** Directories as a mailbox: nothing half seen, nothing overwritten, every step repeatable. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  archiveInbound,
  type InboundFile,
  listInbound,
  type Mailbox,
  putOutbound,
  readInbound,
  rejectInbound,
} from '#connectors/edi/mailbox.ts';
import { Defect, Transient } from '#core/errors.ts';

const DAY = Date.UTC(2026, 10, 23, 23, 59);

async function openBox(): Promise<Mailbox> {
  const root = await mkdtemp(join(tmpdir(), 'allot-mailbox-'));
  onTestFinished(() => rm(root, { recursive: true }));
  const box = {
    inbound: join(root, 'in'),
    outbound: join(root, 'out'),
    archive: join(root, 'archive'),
    rejects: join(root, 'rejects'),
  };
  await mkdir(box.inbound);
  await mkdir(box.outbound);
  await mkdir(box.archive);
  await mkdir(box.rejects);
  return box;
}

async function drop(box: Mailbox, name: string, text: string, modifiedAt = DAY): Promise<InboundFile> {
  await writeFile(join(box.inbound, name), text);
  await utimes(join(box.inbound, name), new Date(modifiedAt), new Date(modifiedAt));
  return { name, bytes: Buffer.byteLength(text), modifiedAt };
}

const namesOf = async (folder: string): Promise<string[]> => (await readdir(folder)).sort();

test('lists what has come to rest, oldest first, and never what is still being written', async () => {
  const box = await openBox();
  await drop(box, 'b.edi', 'b', DAY - 5000);
  await drop(box, 'a.edi', 'a', DAY - 3000);
  await drop(box, 'fresh.edi', 'f', DAY);
  for (const name of ['.hidden', 'x.tmp', 'x.PART', 'x.filepart', 'x.partial']) await drop(box, name, 'x', DAY - 9000);
  await mkdir(join(box.inbound, 'folder'));
  expect((await listInbound(box, DAY - 1000)).map(({ name }) => name)).toEqual(['b.edi', 'a.edi']);
});

test('reads a file with its hash, and not one that is no more what was listed', async () => {
  const box = await openBox();
  const file = await drop(box, 'a.edi', 'abc');
  expect(await readInbound(box, file)).toEqual({
    content: Buffer.from('abc'),
    sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  });
  await drop(box, 'a.edi', 'abcdef', DAY + 1);
  expect(await readInbound(box, file)).toBeNull();
  await rm(join(box.inbound, 'a.edi'));
  expect(await readInbound(box, file)).toBeNull();
});

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

test('archives by day, again without harm, and keeps two files of one name', async () => {
  const box = await openBox();
  const folder = join(box.archive, '2026', '11', '23');
  const archiveOne = (text: string) => archiveInbound(box, 'po.edi', hashOf(text), DAY);
  await drop(box, 'po.edi', 'first');
  await archiveOne('first');
  await archiveOne('first');
  await drop(box, 'po.edi', 'first');
  await archiveOne('first');
  expect(await namesOf(folder)).toEqual(['po.edi']);
  await drop(box, 'po.edi', 'second');
  await archiveOne('second');
  expect(await namesOf(folder)).toEqual(['po.16367aacb67a.edi', 'po.edi']);
  expect(await readFile(join(folder, 'po.edi'), 'utf8')).toBe('first');
  expect(await namesOf(box.inbound)).toEqual([]);
});

test('leaves a file where it is that another took the place of since it was read', async () => {
  const box = await openBox();
  await drop(box, 'po.edi', 'first, and more');
  await archiveInbound(box, 'po.edi', hashOf('first'), DAY);
  expect(await namesOf(box.inbound)).toEqual(['po.edi']);
  expect(await namesOf(box.archive)).toEqual([]);
});

test('rejects with the reason beside the file, and keeps two files of one name', async () => {
  const box = await openBox();
  const first = await drop(box, 'bad.edi', 'soup');
  await rejectInbound(box, first, 'there is no interchange');
  await rejectInbound(box, first, 'there is no interchange');
  expect(await namesOf(box.rejects)).toEqual(['bad.edi', 'bad.edi.reason.txt']);
  expect(await readFile(join(box.rejects, 'bad.edi.reason.txt'), 'utf8')).toBe('there is no interchange\n');
  const second = await drop(box, 'bad.edi', 'other soup');
  await rejectInbound(box, first, 'another file by now');
  expect(await namesOf(box.inbound)).toEqual(['bad.edi']);
  await rejectInbound(box, second, 'no interchange either');
  expect(await namesOf(box.rejects)).toHaveLength(4);
  expect(await readFile(join(box.rejects, 'bad.edi'), 'utf8')).toBe('soup');
  expect(await namesOf(box.inbound)).toEqual([]);
});

test('puts a document out whole, the same again without harm, and never another under its name', async () => {
  const box = await openBox();
  // What a crash in the middle of an earlier try has left.
  await writeFile(join(box.outbound, '.846-7.edi.tmp'), 'ha');
  expect(await putOutbound(box, '846-7.edi', 'whole')).toBe(true);
  expect(await putOutbound(box, '846-7.edi', 'whole')).toBe(false);
  await expect(putOutbound(box, '846-7.edi', 'other')).rejects.toThrow(Defect);
  expect(await namesOf(box.outbound)).toEqual(['846-7.edi']);
  expect(await readFile(join(box.outbound, '846-7.edi'), 'utf8')).toBe('whole');
});

test('a directory that is not there is told by its path, and can be tried again', async () => {
  const box = await openBox();
  const lost = { ...box, inbound: join(box.inbound, 'none'), outbound: join(box.outbound, 'none') };
  await expect(listInbound(lost, DAY)).rejects.toThrow(Transient);
  await expect(listInbound(lost, DAY)).rejects.toThrow(`mkdir -p ${lost.inbound}`);
  await expect(putOutbound(lost, 'a.edi', 'a')).rejects.toThrow(Transient);
  await expect(putOutbound(lost, 'a.edi', 'a')).rejects.toThrow(/mkdir -p .*none/);
  await drop(box, 'a.edi', 'a');
  await rm(box.archive, { recursive: true });
  await expect(archiveInbound(box, 'a.edi', hashOf('a'), DAY)).rejects.toThrow(`mkdir -p ${box.archive}`);
  expect(await namesOf(box.inbound)).toEqual(['a.edi']);
});
