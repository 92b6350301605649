/** The connector over a mailbox: what waits, what it says, what goes out, and what is refused and how. */
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ratesInMemory } from '#connectors/conformance/rates.ts';
import type { ChannelConnection, Inbound, PushItem, Stamp, WaitingDocument } from '#connectors/connector.ts';
import { connector } from '#connectors/edi/index.ts';
import { checkFile } from '#connectors/edi/x12/check.ts';
import { Defect, Rejected, Transient } from '#core/errors.ts';
import { exampleDialect } from './examples.ts';
import { SAMPLE_850 } from './sample-850.ts';

const AT = Date.UTC(2026, 10, 23, 9, 16);
const STAMP: Stamp = { sequence: 7, at: AT };
const FOLDERS = ['inbound', 'outbound', 'archive', 'rejects'];
const dialect = { ...exampleDialect('department-store'), usage: 'T', partner: { qualifier: 'ZZ', id: 'RETAILERX' } };
const signal = new AbortController().signal;

type Opened = { readonly root: string; readonly documents: NonNullable<ChannelConnection['documents']> };

async function openChannel(change: Record<string, unknown> = {}): Promise<Opened & { connection: ChannelConnection }> {
  const root = await mkdtemp(join(tmpdir(), 'allot-edi-'));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const folder of FOLDERS) await mkdir(join(root, folder));
  const settings = { partner: { ...dialect, ...change }, mailbox: root };
  const connection = connector.open(connector.settings.parse(settings), {
    channelId: 'edi:test',
    secret: () => '',
    now: () => AT,
    fetch: () => Promise.reject(new Error('an EDI channel goes nowhere')),
    rates: ratesInMemory(),
    log: { info: () => undefined, warn: () => undefined },
  });
  const { documents } = connection;
  if (documents === undefined) throw new Error('an EDI channel exchanges documents');
  return { root, connection, documents };
}

async function drop(root: string, name: string, text: string, at = AT - 10_000): Promise<void> {
  const path = join(root, 'inbound', name);
  await writeFile(path, text);
  await utimes(path, new Date(at), new Date(at));
}

const namesOf = async (root: string, folder: string): Promise<string[]> =>
  (await readdir(join(root, folder), { recursive: true })).sort();

const inboundOf = ({ topic, rawBody }: WaitingDocument): Inbound => ({ topic, rawBody, receivedAt: AT });
const only = <T>(list: readonly T[]): T => {
  const [one] = list;
  if (one === undefined || list.length !== 1) throw new Error(`${list.length} things, expected one`);
  return one;
};

const item = (listingRef: string, wireQuantity: number, data: Record<string, string> = {}): PushItem => ({
  listing: { listingRef, locationRef: '', data },
  version: 1,
  wireQuantity,
  compareWith: null,
});

describe('settings', () => {
  const parse = (settings: unknown) => connector.settings.safeParse(settings);
  test('take a dialect by path, and what they give out are settings again', () => {
    const once = parse({ partner: 'scripts/examples/edi/dropship-mall.yaml', mailbox: 'box' });
    expect(once).toMatchObject({ success: true, data: { partner: { name: 'Dropship Mall' }, restSeconds: 2 } });
    expect(parse(once.data)).toEqual(once);
  });

  test('tell what is wrong with a dialect, and where', () => {
    const { error } = parse({ partner: { ...dialect, usage: 'X' }, mailbox: { inbound: 'in' } });
    expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['partner.usage', 'mailbox']);
    expect(parse({ partner: 'none.yaml', mailbox: 'box' }).error?.message).toContain('none.yaml: the partner file');
    expect(parse({ mailbox: 'box' }).success).toBe(false);
  });

  test('declare what the dialect can do', () => {
    const { capabilities } = connector;
    if (typeof capabilities !== 'function') throw new Error('they depend on the settings');
    expect(capabilities({ partner: 'scripts/examples/edi/department-store.yaml', mailbox: 'box' })).toMatchObject({
      observable: 'acknowledged',
      writeProtection: ['sequence'],
      lanes: [{ maxItems: 20_000 }],
      answersOrders: true,
      documents: { pushEveryMs: 900_000, scope: 'all', receiptMs: 86_400_000 },
    });
    const mall = {
      partner: 'scripts/examples/edi/dropship-mall.yaml',
      mailbox: 'box',
      everySeconds: 1,
      receiptHours: 2,
    };
    expect(capabilities(mall)).toMatchObject({
      observable: 'none',
      documents: { pushEveryMs: 1000, scope: 'changed', receiptMs: 7_200_000 },
    });
  });
});

describe('what waits', () => {
  test('is taken whole and archived, once under one content', async () => {
    const { root, documents } = await openChannel();
    await drop(root, 'po.edi', SAMPLE_850);
    await drop(root, 'again.edi', SAMPLE_850, AT - 9000);
    await drop(root, 'growing.edi', SAMPLE_850.slice(0, 200), AT - 100);
    const { documents: waiting, complete } = await documents.fetch(signal);
    expect([waiting.map(({ ref }) => ref), complete]).toEqual([['po.edi', 'again.edi'], true]);
    expect(new Set(waiting.map(({ dedupeKey }) => dedupeKey)).size).toBe(1);
    for (const document of waiting) await documents.archive(document, signal);
    expect(await namesOf(root, 'inbound')).toEqual(['growing.edi']);
    expect(await namesOf(root, 'archive')).toContain('2026/11/23/po.edi');
  });

  test('comes in parts when it is much', async () => {
    const { root, documents } = await openChannel();
    for (let n = 0; n < 60; n += 1) await drop(root, `${n}.edi`, `${n}`, AT - 100_000 + n);
    const first = await documents.fetch(signal);
    expect([first.documents.length, first.complete]).toEqual([50, false]);
    for (const document of first.documents) await documents.archive(document, signal);
    expect(await documents.fetch(signal)).toMatchObject({ documents: { length: 10 }, complete: true });
  });

  test('comes with what is too large, which takes no room beside it', async () => {
    const { root, documents } = await openChannel();
    await drop(root, 'a.edi', 'a');
    await drop(root, 'huge.edi', '');
    await truncate(join(root, 'inbound', 'huge.edi'), 33 * 1024 * 1024);
    await utimes(join(root, 'inbound', 'huge.edi'), new Date(AT - 5000), new Date(AT - 5000));
    expect(await documents.fetch(signal)).toMatchObject({ documents: { length: 2 }, complete: true });
  });

  test('and is too large is told, and put to the rejects', async () => {
    const { root, documents } = await openChannel();
    await drop(root, 'huge.edi', '');
    await truncate(join(root, 'inbound', 'huge.edi'), 33 * 1024 * 1024);
    await utimes(join(root, 'inbound', 'huge.edi'), new Date(AT - 5000), new Date(AT - 5000));
    const document = only((await documents.fetch(signal)).documents);
    expect(document.rawBody.byteLength).toBeLessThan(1000);
    expect(documents.parse(inboundOf(document))).toMatchObject({
      envelopes: [],
      refusals: [
        { what: 'huge.edi', reason: expect.stringContaining('34603008 bytes'), fix: expect.stringContaining('split') },
      ],
    });
    await documents.archive(document, signal);
    expect(await namesOf(root, 'rejects')).toEqual(['huge.edi', 'huge.edi.reason.txt']);
    expect(await namesOf(root, 'inbound')).toEqual([]);
  });

  test('in a directory that is missing is a fault that says how to mend it', async () => {
    const { root, documents } = await openChannel();
    await rm(join(root, 'inbound'), { recursive: true });
    await expect(documents.fetch(signal)).rejects.toThrow(Transient);
    await expect(documents.fetch(signal)).rejects.toThrow(`mkdir -p ${join(root, 'inbound')}`);
    await expect(documents.fetch(AbortSignal.abort())).rejects.toThrow(Transient);
  });
});

describe('an 846', () => {
  const read = (wire: string): { text: string; receipt: string | null; name: string } => JSON.parse(wire);

  test('is the same for the same stamp, numbered and dated by it, and refuses what it cannot carry alone', async () => {
    const { root, connection } = await openChannel();
    const items = [
      item('778812', 118, { UP: '012345678905' }),
      item('7788*13', 4),
      item('778814', 0),
      item('x'.repeat(49), 1),
    ];
    const prepared = connection.prepare(items, 'key', STAMP);
    expect(connection.prepare(items, 'other key', STAMP)).toEqual(prepared);
    const { name, receipt, text } = read(prepared.wire);
    expect([name, receipt]).toEqual(['846-000000007.edi', 'IB 7']);
    expect(checkFile(text)).toMatchObject({ isOk: true, interchanges: [{ interchange: { control: '000000007' } }] });
    expect(text).toContain('BIA*00*SI*7*20261123*091600~');
    expect(text).toContain('LIN*1*UP*012345678905*IN*778812~QTY*33*118*EA~LIN*2*IN*778814~QTY*33*0*EA~CTT*2~');
    const outcomes = await connection.send(prepared, items.length, signal);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['sent', 'rejected', 'sent', 'rejected']);
    expect(outcomes[1]).toMatchObject({
      reason: expect.stringContaining('LIN03 holds "*"'),
      fix: expect.stringMatching(/./),
    });
    expect(await connection.send(prepared, items.length, signal)).toEqual(outcomes);
    expect(await readFile(join(root, 'outbound', name), 'utf8')).toBe(text);
  });

  test('with nothing that can be written is not sent', async () => {
    const { root, connection } = await openChannel();
    const prepared = connection.prepare([item('7788*13', 4)], 'key', STAMP);
    expect(await connection.send(prepared, 1, signal)).toMatchObject([{ kind: 'rejected' }]);
    expect(await namesOf(root, 'outbound')).toEqual([]);
  });

  test('states whole cases, rounded down, where the dialect counts in them', async () => {
    const inventory = { ...dialect.inventory, unit: 'CA' };
    const { connection } = await openChannel({ inventory });
    const { text } = read(connection.prepare([item('1', 17, { pack: '6' })], 'key', STAMP).wire);
    expect(text).toContain('QTY*33*2*CA~');
    const unpacked = connection.prepare([item('1', 17)], 'key', STAMP);
    expect(await connection.send(unpacked, 1, signal)).toMatchObject([
      {
        kind: 'rejected',
        reason: 'listing 1: how many make a CA is not known',
        fix: expect.stringContaining('`pack`'),
      },
    ]);
  });

  test('that nobody acknowledges is applied once it is out; numbers begin again after the last', async () => {
    const { connection } = await openChannel({ acknowledges: false });
    const prepared = connection.prepare([item('1', 1)], 'key', { sequence: 1_000_000_000, at: AT });
    expect(read(prepared.wire)).toMatchObject({ receipt: null, name: '846-1000000000.edi' });
    expect(read(prepared.wire).text).toContain('IEA*1*000000001~');
    expect(await connection.send(prepared, 1, signal)).toEqual([{ kind: 'applied', shownAfter: null }]);
  });

  test('is a defect without place, items or counts, and refused where the partner takes none', async () => {
    const { connection } = await openChannel();
    expect(() => connection.prepare([item('1', 1)], 'key')).toThrow(Defect);
    expect(() => connection.prepare([], 'key', STAMP)).toThrow(Defect);
    expect(() => connection.prepare([item('1', 1.5)], 'key', STAMP)).toThrow(Defect);
    const { connection: deaf } = await openChannel({ inventory: null });
    expect(() => deaf.prepare([item('1', 1)], 'key', STAMP)).toThrow(/takes no numbers/);
  });

  test('to a directory that is missing is a fault, and nothing is out', async () => {
    const { root, connection } = await openChannel();
    await rm(join(root, 'outbound'), { recursive: true });
    const prepared = connection.prepare([item('1', 1)], 'key', STAMP);
    await expect(connection.send(prepared, 1, signal)).rejects.toThrow(/mkdir -p .*outbound/);
  });
});

describe('an 855', () => {
  const stated: Inbound = { topic: 'x12', rawBody: Buffer.from(SAMPLE_850), receivedAt: AT };
  const lines = [
    { lineRef: '1', accepted: 66, backOrdered: 6 },
    { lineRef: '2', accepted: 30, backOrdered: 0 },
  ];
  const answer = { orderRef: '4500118822', ourRef: 'SO-99120', answeredAt: AT, lines };

  test('is drafted over the order that was stated, and sent under its number', async () => {
    const { root, documents } = await openChannel();
    const draft = documents.answer(stated, answer);
    expect(draft).toMatchObject({ kind: '855', subject: '4500118822' });
    const document = draft?.write({ sequence: 12, at: AT });
    expect(document).toMatchObject({ name: '855-000000012.edi', receipt: 'PR 12' });
    expect(document?.text).toContain('ACK*IQ*11*CA~ACK*IB*1*CA~PO1*2*30*EA');
    expect(checkFile(document?.text ?? '').isOk).toBe(true);
    if (document !== undefined) await documents.send(document, signal);
    if (document !== undefined) await documents.send(document, signal);
    expect(await namesOf(root, 'outbound')).toEqual(['855-000000012.edi']);
  });

  test('is not where the partner wants none, and refused where it cannot be', async () => {
    const { documents: silent } = await openChannel({ answers: { orderAnswerHours: null } });
    expect(silent.answer(stated, answer)).toBeNull();
    const { documents } = await openChannel();
    expect(() => documents.answer(stated, { ...answer, orderRef: '1' })).toThrow(Rejected);
    const odd = { ...stated, rawBody: Buffer.from(SAMPLE_850.replace('MUG-BLU', 'MUG>BLU')) };
    expect(() => documents.answer(odd, answer)).toThrow(/PO109 holds ">"/);
  });
});

test('what does not exist on this platform answers clearly', async () => {
  const { connection } = await openChannel();
  const now = AT;
  expect(
    await connection.verify({ method: 'POST', path: '', headers: {}, rawBody: new Uint8Array(), now }),
  ).toMatchObject({
    ok: false,
  });
  await expect(connection.hydrate('4500118822', signal)).rejects.toThrow(/4500118822 cannot be read again/);
  await expect(connection.parse({ topic: 'x', rawBody: new Uint8Array(), receivedAt: AT })).rejects.toThrow(Rejected);
  await expect(connection.observe([], signal)).rejects.toThrow(Defect);
  await expect(connection.fetchOrdersSince(null, signal)).rejects.toThrow(Defect);
  await expect(Array.fromAsync(connection.fetchOpenOrders(signal))).rejects.toThrow(Defect);
  expect(await connection.ensureSubscriptions('http://localhost', signal)).toEqual([]);
  await connection.close();
});
