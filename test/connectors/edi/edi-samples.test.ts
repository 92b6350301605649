/**
 * Files written by others, good and broken: which sets are there, and what is wrong. They lie outside the project; where they are not,
 * there is nothing to run. The verdicts were recorded from the checker's first run, and only some were held against their files by
 * eye: they guard against change, and are no blind prediction.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runAllot } from '#test/support/command-line.ts';

const SAMPLES = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'data', 'edi');

/** Sets in all, then codes; `AK304 1` four times is there once. No entry: sound, with one set. */
const VERDICTS: Readonly<Record<string, readonly [number, ...string[]]>> = {
  'aaronhuggins__node-x12/850_fat.edi': [2],
  'olmelabs__EdiEngine/850.SyntaxNotes.ERR.edi': [1, 'AK403 2'],
  'olmelabs__EdiEngine/940_Failed_SE01.edi': [1, 'AK502 4'],
  'olmelabs__EdiEngine/AckTest.edi': [3],
  'olmelabs__EdiEngine/ControlNumbersMismatch.edi': [1, 'AK502 3', 'AK905 4', 'TA105 001'],
  'olmelabs__EdiEngine/MultipleInterchangesAndGroups.edi': [6],
  'olmelabs__EdiEngine/WrongGroupsAndTranCount.edi': [1, 'AK905 5', 'TA105 021'],
  'indice-co__EDI.Net/x12.810.mandatory-conditions.edi': [1, 'AK304 1', 'AK304 3', 'AK502 4', 'TA105 001', 'TA105 022'],
  // ISA with the spaces of its fields run together, as a web page shows them.
  'indice-co__EDI.Net/x12.810a.edi': [1, 'TA105 022'],
  'indice-co__EDI.Net/x12.810b.edi': [1, 'TA105 022'],
  'indice-co__EDI.Net/x12.810c.edi': [1, 'TA105 022'],
  'indice-co__EDI.Net/x12.810d.edi': [1, 'TA105 022'],
  'indice-co__EDI.Net/x12.832.edi': [1, 'AK502 4', 'TA105 022'],
  'indice-co__EDI.Net/x12.850.edi': [1, 'TA105 001'],
  'indice-co__EDI.Net/x12.850a.edi': [1, 'AK403 5', 'TA105 001', 'TA105 022'],
  // ISA16 is missing, so that the terminator stands in its place and the line end behind it: every line ends in a stray `~`.
  'indice-co__EDI.Net/x12.850.issue135.edi': [
    2,
    'AK403 5',
    'AK403 6',
    'AK403 8',
    'AK502 23',
    'AK502 7',
    'AK905 2',
    'AK905 4',
    'TA105 001',
  ],
  'indice-co__EDI.Net/x12.Issue101.edi': [1, 'AK304 1', 'AK304 3', 'AK502 4', 'TA105 001', 'TA105 022'],
  'indice-co__EDI.Net/x12.Issue172.edi': [1, 'AK304 1', 'AK304 3', 'AK502 4', 'TA105 001', 'TA105 022'],
  'indice-co__EDI.Net/x12.Issue91.edi': [1, 'AK304 1', 'AK304 3', 'AK502 4', 'TA105 001', 'TA105 022'],
  'xlate__staedi/empty997.edi': [1, 'AK304 3'],
  'xlate__staedi/extraDelimiter997.edi': [1, 'AK403 5'],
  'xlate__staedi/invalid997.edi': [1, 'AK403 5'],
  'xlate__staedi/invalid997_min.edi': [1, 'AK403 5', 'AK905 4'],
  'xlate__staedi/invalid999.edi': [1, 'AK502 4'],
  'xlate__staedi/invoice810_po850_dual.edi': [3],
  'xlate__staedi/issue590__multi-tx-transaction-type.edi': [2],
  'xlate__staedi/simple810.edi': [2],
  'xlate__staedi/simple997-multiple-interchanges.edi': [3],
};

type Fault = { readonly list: string; readonly code: string };
type Document = {
  readonly ok: boolean;
  readonly errors: readonly Fault[];
  readonly interchanges: readonly {
    readonly errors: readonly Fault[];
    readonly sets: readonly { readonly errors: readonly Fault[] }[];
  }[];
};

/** The document that `allot edi check --json` promises. */
const SHAPE = {
  interchanges: expect.any(Array),
  errors: expect.any(Array),
  ok: expect.any(Boolean),
};
const INTERCHANGE = {
  control: expect.any(String),
  sender: expect.any(String),
  receiver: expect.any(String),
  groups: expect.any(Number),
  sets: expect.any(Array),
};
const SET = {
  id: expect.any(String),
  control: expect.any(String),
  accepted: expect.any(Boolean),
  errors: expect.any(Array),
};
const FAULT = { code: expect.any(String), list: expect.any(String), message: expect.any(String) };

function expectShape(document: Document): void {
  expect(document).toMatchObject(SHAPE);
  for (const interchange of document.interchanges) {
    expect(interchange).toMatchObject(INTERCHANGE);
    for (const set of interchange.sets) {
      expect(set).toMatchObject(SET);
      for (const fault of set.errors) {
        expect(fault).toMatchObject(FAULT);
        expect(Object.keys(fault)).toEqual(expect.arrayContaining(['segment', 'position', 'element']));
      }
    }
  }
}

const here = existsSync(SAMPLES) ? 'every public sample' : `${SAMPLES} is not there, so no public sample`;

test.runIf(existsSync(SAMPLES))(`${here} keeps its verdict, has its shape, and none ends the command`, async () => {
  const files = (await readdir(SAMPLES, { recursive: true })).filter((name) => name.endsWith('.edi'));
  expect(files.length).toBeGreaterThan(40);
  const verdicts: Record<string, unknown> = {};
  const expected: Record<string, unknown> = {};
  for (const name of files.sort()) {
    const { exitCode, document } = await runAllot(['edi', 'check', join(SAMPLES, name), '--json']);
    expectShape(document() as Document);
    const { ok, errors, interchanges } = document() as Document;
    const sets = interchanges.flatMap((one) => one.sets);
    const faults = [...errors, ...interchanges.flatMap((one) => one.errors), ...sets.flatMap((set) => set.errors)];
    const codes = [...new Set(faults.map(({ list, code }) => `${list} ${code}`))].sort();
    verdicts[name] = [sets.length, ...codes, ok, exitCode];
    const [count, ...wrong] = VERDICTS[name] ?? [1];
    expected[name] = [count, ...wrong, wrong.length === 0, wrong.length === 0 ? 0 : 3];
  }
  expect(verdicts).toEqual(expected);
});
