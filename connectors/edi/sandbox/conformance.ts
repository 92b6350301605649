/** The EDI connector before the conformance kit: one subject per example dialect, and one that acknowledges changes alone. */
import { appendFile, mkdtemp, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchMailbox, ConformanceSubject, DocumentFacts, SpoiltDocument } from '../../conformance/subject.ts';
import { createSandboxControl } from '../../sandbox/control.ts';
import { connector } from '../index.ts';
import { FILE_BYTES_MAX } from '../mailbox.ts';
import { loadPartner, type Partner } from '../partner.ts';
import { startEdiSandbox } from './start.ts';

const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'scripts', 'examples', 'edi');
const REST_S = 600;
const LOOK_MS = 25;
const RESEND_MS = 50;

function openMailbox(root: string): BenchMailbox {
  const inbound = join(root, 'inbound');
  const filesIn = async (folder: string): Promise<string[]> => {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  };
  return {
    put: (name, content) => writeFile(join(inbound, name), content),
    grow: (name, content) => appendFile(join(inbound, name), content),
    async putLarge(name, bytes) {
      await writeFile(join(inbound, name), '');
      await truncate(join(inbound, name), bytes);
    },
    waiting: () => filesIn('inbound'),
    archived: () => filesIn('archive'),
    rejected: () => filesIn('rejects'),
    async lose() {
      await rename(inbound, `${inbound}-lost`);
      await rename(join(root, 'outbound'), join(root, 'outbound-lost'));
    },
  };
}

const decode = (content: Uint8Array): string => new TextDecoder().decode(content);
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** By what stands in the segments of the dialect; each change must really be one. */
function factsFor(partner: Partner): DocumentFacts {
  const { element: e, segment: s } = partner.separators;
  const edit = (content: Uint8Array, ...changes: readonly (readonly [RegExp, string])[]): Uint8Array => {
    let text = decode(content);
    for (const [found, put] of changes) {
      if (!found.test(text)) throw new Error(`the document has nothing like ${String(found)}`);
      text = text.replace(found, put);
    }
    return encode(text);
  };
  const spoil = (content: Uint8Array, what: string, ...change: readonly [RegExp, string]): SpoiltDocument => ({
    what,
    content: edit(content, change),
  });
  /** `@` stands for the dialect's separator of elements. */
  const segment = (pattern: string): RegExp => new RegExp(pattern.replaceAll('@', `\\${e}`), 'g');
  const control = segment('(ISA(?:@[^@]*){12}@)\\d{9}');
  const cut = (content: Uint8Array, at: number): SpoiltDocument => ({
    what: `cut at ${at} of ${content.length}`,
    content: content.slice(0, at),
  });
  return {
    restMs: REST_S * 1000,
    bytesMax: FILE_BYTES_MAX,
    unfinishedNames: ['.po.edi', 'po.edi.tmp', 'po.edi.part', 'po.edi.PARTIAL', 'po.edi.filepart'],
    join: (contents) => encode(contents.map(decode).join('')),
    reflow: (content) => encode(decode(content).replaceAll(`${s}\n`, `${s}\r\n\r\n`)),
    restate: (content) =>
      edit(
        content,
        [control, '$1000777777'],
        [segment('(IEA@1@)\\d{9}'), '$1000777777'],
        [segment('(GS(?:@[^@]*){5}@)\\d+'), '$1777777'],
        [segment('(GE@1@)\\d+'), '$1777777'],
        [segment('(S[TE]@\\d+@)0001'), '$10042'],
      ),
    // The total of the quantities goes with the quantity: it is an order that could be meant.
    change: (content) => edit(content, [segment('(PO1@1@)\\d+'), '$199'], [segment('(CTT@\\d+)@\\d+'), '$1']),
    broken: (content) => {
      const end = decode(content).lastIndexOf('IEA');
      return [
        cut(content, 107),
        cut(content, Math.floor(content.length / 2)),
        cut(content, end - 1),
        cut(content, end),
        spoil(content, 'a number that does not fit', segment('IEA@1@\\d'), `IEA${e}1${e}9`),
        spoil(content, 'a count that does not fit', segment('IEA@1'), `IEA${e}2`),
        spoil(content, 'no number', control, '$1ABCDEFGHI'),
      ];
    },
    foreign: (content) => [
      spoil(
        content,
        'another sender',
        new RegExp(`\\${e}${partner.partner.id} `),
        `${e}${partner.partner.id.slice(0, -1)}# `,
      ),
      spoil(content, 'another receiver', new RegExp(`\\${e}${partner.us.id} `), `${e}${partner.us.id.slice(0, -1)}# `),
      spoil(content, 'a test', segment(`@0@${partner.usage}@`), `${e}0${e}${partner.usage === 'P' ? 'T' : 'P'}${e}`),
    ],
    flawed: (content) => [
      spoil(content, 'a count of segments', segment('SE@\\d+'), `SE${e}999`),
      spoil(content, 'a quantity in words', segment('(PO1@1@)\\d+'), '$1twelve'),
      spoil(content, 'a set that is not agreed', segment('ST@850'), `ST${e}875`),
      spoil(content, 'a count of sets', segment('GE@1'), `GE${e}2`),
    ],
  };
}

function createSubject(variant: string, partner: Partner): ConformanceSubject {
  return {
    variant,
    connector,
    webhook: null,
    documents: factsFor(partner),
    pageSizes: { orders: 60, listings: 60 },
    async start() {
      const mailbox = await mkdtemp(join(tmpdir(), 'allot-conformance-'));
      const sandbox = await startEdiSandbox({ partner, mailbox, lookMs: LOOK_MS, resendMs: RESEND_MS });
      return {
        mailbox: openMailbox(mailbox),
        control: createSandboxControl(sandbox.url),
        settings: { partner, mailbox, restSeconds: REST_S, everySeconds: 0 },
        secrets: {},
        async close() {
          await sandbox.close();
          await rm(mailbox, { recursive: true });
        },
      };
    },
    missingKey: (key) => ({ ...key, listingRef: `NO${partner.separators.element}SUCH`, data: {} }),
  };
}

const store = loadPartner(join(EXAMPLES, 'department-store.yaml'));
const mall = loadPartner(join(EXAMPLES, 'dropship-mall.yaml'));

export const subjects: readonly ConformanceSubject[] = [
  createSubject('department-store', store),
  createSubject('dropship-mall', mall),
  createSubject('dropship-mall-acknowledging', { ...mall, acknowledges: true }),
];
