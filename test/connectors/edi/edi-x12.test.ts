/** The X12 reader and writer by their promises: nothing lost, nothing accepted half, nothing thrown, what is written reads back. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CheckedFile, checkFile } from '#connectors/edi/x12/check.ts';
import type { X12Fault } from '#connectors/edi/x12/fault.ts';
import { decodeX12, frameInterchanges } from '#connectors/edi/x12/frame.ts';
import { readInterchange } from '#connectors/edi/x12/read.ts';
import { type Envelope, type SegmentText, writeInterchange } from '#connectors/edi/x12/write.ts';
import { SAMPLE_850 } from './sample-850.ts';

const faultsOf = ({ faults, interchanges }: CheckedFile): X12Fault[] => [
  ...faults,
  ...interchanges.flatMap((one) => [
    ...one.faults,
    ...one.groups.flatMap((group) => [...group.faults, ...group.sets.flatMap((set) => set.faults)]),
  ]),
];
const codesOf = (text: string): string[] => faultsOf(checkFile(text)).map(({ list, code }) => `${list} ${code}`);
const withoutBlanks = (text: string): string =>
  text
    .replaceAll('\0', '')
    .replaceAll('\u001a', '')
    .replace(/[\s\ufeff]/g, '');
const controlsOf = (text: string): string[] =>
  checkFile(text).interchanges.map(({ interchange }) => interchange.control);

const withSeparators = (text: string, [element, component, segment]: readonly [string, string, string]): string =>
  text.replaceAll('\n', '').replaceAll('*', element).replaceAll('>', component).replaceAll('~', segment);

describe('framing', () => {
  test('the sample has no fault', () => {
    expect(faultsOf(checkFile(SAMPLE_850))).toEqual([]);
  });

  test.each([
    ['|', ':', "'"],
    ['\u001d', '\u001f', '\u001c'],
    ['*', '>', '\n'],
    ['*', '>', '\r'],
  ] as const)('separators %j %j %j come from the ISA', (...separators) => {
    expect(codesOf(withSeparators(SAMPLE_850, separators))).toEqual([]);
  });

  test('interchanges with different separators stand in one file, with blanks, marks and Ctrl-Z around', () => {
    const second = withSeparators(SAMPLE_850, ['|', '^', '\n']).replaceAll('000000101', '000000102');
    const text = `\ufeff\r\n ${SAMPLE_850}\n\n${second.trimEnd()}\n\0\u001a`;
    expect(controlsOf(text)).toEqual(['000000101', '000000102']);
    expect(codesOf(text)).toEqual([]);
  });

  test('the last line end may be missing where line ends are the terminators, and no other terminator', () => {
    expect(codesOf(withSeparators(SAMPLE_850, ['*', '>', '\n']).trimEnd())).toEqual([]);
    expect(codesOf(SAMPLE_850.trimEnd().slice(0, -1))).toEqual(['TA105 023']);
  });

  test('an interchange that was cut does not swallow the next, whatever separators that has', () => {
    const cut = SAMPLE_850.slice(0, SAMPLE_850.indexOf('PO1*2') + 9);
    const next = withSeparators(SAMPLE_850, ['|', ':', "'"]).replaceAll('000000101', '000000102');
    expect(controlsOf(cut + next)).toEqual(['000000101', '000000102']);
    expect(codesOf(cut + next)).toContain('TA105 023');
    expect(codesOf(cut + next)).toContain('AK502 2');
  });

  test('the letters ISA in a name begin no interchange', () => {
    const text = SAMPLE_850.replace('RETAILERX      ', 'ISA*MARISA     '.replace('*', ' ')).replace(
      '1 WAREHOUSE',
      'ISA RD',
    );
    expect(controlsOf(text)).toEqual(['000000101']);
    expect(codesOf(text)).toEqual([]);
  });

  test('what belongs to no interchange is told with its place', () => {
    const checked = checkFile(`-- mailbox 7 --\n${SAMPLE_850}goodbye`);
    expect(checked.interchanges).toHaveLength(1);
    expect(checked.faults.map(({ message }) => message)).toEqual([
      '15 characters from character 0 on belong to no interchange: "-- mailbox 7 --"',
      `7 characters from character ${16 + SAMPLE_850.length} on belong to no interchange: "goodbye"`,
    ]);
  });

  test('bytes that are no UTF-8 keep every character', () => {
    expect(decodeX12(Uint8Array.of(0x49, 0xe9, 0x2a))).toBe('I\u00e9*');
    expect(decodeX12(new TextEncoder().encode('\ufeffÉ'))).toBe('\ufeffÉ');
  });

  test('the repetition separator exists from 00402 on', () => {
    const separatorsOf = (text: string) => frameInterchanges(text).frames[0]?.separators.repetition;
    expect(separatorsOf(SAMPLE_850)).toBeNull();
    expect(separatorsOf(SAMPLE_850.replace('*U*00401*', '*^*00501*'))).toBe('^');
  });
});

describe('damage', () => {
  test('every truncation is told', () => {
    const text = SAMPLE_850.trimEnd();
    for (let end = 0; end < text.length; end += 1)
      expect([end, checkFile(text.slice(0, end)).isOk]).toEqual([end, false]);
  });

  test('every damaged terminator and tag is told', () => {
    for (const { index } of SAMPLE_850.matchAll(/~/g)) {
      const text = `${SAMPLE_850.slice(0, index)}Q${SAMPLE_850.slice(index + 1)}`;
      expect([index, checkFile(text).isOk]).toEqual([index, false]);
    }
    for (const { index } of SAMPLE_850.matchAll(/^/gm)) {
      if (index === SAMPLE_850.length) continue;
      const text = `${SAMPLE_850.slice(0, index)}Q${SAMPLE_850.slice(index + 1)}`;
      expect([index, checkFile(text).isOk]).toEqual([index, false]);
    }
  });

  test.each([
    ['IEA*1*000000101', 'IEA*1*000000102', 'TA105 001'],
    ['IEA*1', 'IEA*2', 'TA105 021'],
    ['*00401*', '*4010 *', 'TA105 003'],
    ['GE*1*101', 'GE*1*102', 'AK905 4'],
    ['GE*1*', 'GE*3*', 'AK905 5'],
    ['GE*1*101~\n', '', 'AK905 3'],
    ['*101*X*', '*ABC*X*', 'AK905 6'],
    ['*X*004010', '*X*4010', 'AK905 2'],
    ['SE*14*0001', 'SE*14*0002', 'AK502 3'],
    ['SE*14', 'SE*13', 'AK502 4'],
    ['SE*14*0001~\n', '', 'AK502 2'],
    ['GS*PO*RETAILERX*BRANDCO*20261123*0915*101*X*004010~\n', '', 'TA105 024'],
    ['BEG*00', 'BEX*00', 'AK304 3'],
    ['REF*IA', 'RFF*IA', 'AK304 1'],
    ['REF*IA*0071234', 'ACK*IA', 'AK304 6'],
    ['CTT*2*42~', 'CTT*2~\nCTT*2~', 'AK304 5'],
    ['BEG*00*SA*4500118822**20261123~\nREF*IA*0071234~', 'REF*IA*0071234~\nBEG*00*SA*4500118822**20261123~', 'AK304 7'],
    ['4500118822', '', 'AK403 1'],
    ['*IN*778812', '*IN', 'AK403 2'],
    ['DTM*010', 'DTM*01', 'AK403 4'],
    ['*CA*48.00', '*CASE*48.00', 'AK403 5'],
    ['*12*CA', '*12,5*CA', 'AK403 6'],
    ['20261201', '20261301', 'AK403 8'],
    ['20261201', '261201', 'AK403 8'],
  ])('%j as %j is %s', (from, to, code) => {
    expect(codesOf(SAMPLE_850.replace(from, to))).toContain(code);
  });

  test('a quantity ordered has up to 15 digits', () => {
    expect(codesOf(SAMPLE_850.replace('*12*CA', '*123456789012345*CA'))).not.toContain('AK403 5');
    expect(codesOf(SAMPLE_850.replace('*12*CA', '*1234567890123456*CA'))).toContain('AK403 5');
  });

  test('a composite that is mandatory is missed', () => {
    const note = (position: string) =>
      SAMPLE_850.replace(
        /BEG[\s\S]*SE\*14/,
        `AK1*PO*7~AK2*850*0001~AK3*PO1*2**8~AK4*${position}**6~AK5*R~AK9*R*1*1*0~SE*8`,
      )
        .replace('GS*PO', 'GS*FA')
        .replace('ST*850', 'ST*997');
    expect(codesOf(note('2'))).toEqual([]);
    expect(codesOf(note(''))).toEqual(['AK403 1']);
  });

  test('a fault says segment, position, element, code and a sentence', () => {
    expect(faultsOf(checkFile(SAMPLE_850.replace('*12*CA', '*twelve*CA')))).toEqual([
      {
        segment: 'PO1',
        position: 9,
        element: 'PO102',
        list: 'AK403',
        code: '6',
        message: 'PO102 (quantity ordered): "twelve" is no number',
      },
    ]);
  });

  test('numbers given twice are told', () => {
    const set = SAMPLE_850.slice(SAMPLE_850.indexOf('ST*'), SAMPLE_850.indexOf('GE*'));
    const group = SAMPLE_850.slice(SAMPLE_850.indexOf('GS*'), SAMPLE_850.indexOf('IEA*'));
    expect(codesOf(SAMPLE_850.replace(set, set + set).replace('GE*1*', 'GE*2*'))).toEqual(['AK502 23']);
    expect(codesOf(SAMPLE_850.replace(group, group + group).replace('IEA*1*', 'IEA*2*'))).toEqual(['AK905 19']);
  });
});

describe('any input', () => {
  const piece = fc.oneof(
    fc.constantFrom('ISA', 'GS*', 'ST*850*', 'SE*', 'GE*', 'IEA*1*', '~', '*', '\n', '>', '850', '\0', '\ufeff'),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constant(SAMPLE_850.slice(0, 107)),
    fc.nat(SAMPLE_850.length).map((at) => SAMPLE_850.slice(at)),
  );

  test('is checked without a throw, every character accounted for', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join('');
        const { frames, strays } = frameInterchanges(text);
        const kept = [
          ...frames.map(({ offset, end }) => [offset, end] as const),
          ...strays.map(({ offset, length }) => [offset, offset + length] as const),
        ];
        let from = 0;
        for (const [start, end] of kept.sort((a, b) => a[0] - b[0])) {
          expect(start).toBeGreaterThanOrEqual(from);
          expect(withoutBlanks(text.slice(from, start))).toBe('');
          from = end;
        }
        expect(withoutBlanks(text.slice(from))).toBe('');
        checkFile(text);
      }),
      { numRuns: 300 },
    );
  });

  test('of raw bytes is checked without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(checkFile(decodeX12(bytes)).interchanges.length).toBeLessThan(6);
      }),
      { numRuns: 200 },
    );
  });

  test('of any size comes to an end: no part of it is looked at again for each other', () => {
    for (const part of ['ISA*', 'VISA~', '\n', ' ', 'ST*850*0001~', SAMPLE_850.slice(0, 107)]) {
      const text = SAMPLE_850.slice(0, 107) + part.repeat(Math.ceil(400_000 / part.length));
      expect(checkFile(text).isOk).toBe(false);
    }
  });
});

describe('writing', () => {
  const envelope: Envelope = {
    separators: { element: '*', component: '>', segment: '~', repetition: null },
    sender: { qualifier: 'ZZ', id: 'BRANDCO' },
    receiver: { qualifier: '08', id: '925485US00' },
    applications: { sender: 'BRANDCO', receiver: 'RETAILERX' },
    version: '00401',
    groupVersion: '004010',
    usage: 'P',
  };
  const at = Date.UTC(2026, 10, 23, 9, 15, 30);
  const write = (segments: readonly SegmentText[]): string =>
    writeInterchange(envelope, {
      control: 7,
      at,
      groups: [{ functionalId: 'IB', control: 8, sets: [{ id: '846', control: '0001', segments }] }],
    });

  test('is exact: padded, counted, numbered, without empty elements at the end', () => {
    expect(
      write([
        ['BIA', '00', 'SI', 'INV1', '20261123', '0915', ''],
        ['LIN', '', 'UP', '012345678905'],
      ]),
    ).toBe(
      'ISA*00*          *00*          *ZZ*BRANDCO        *08*925485US00     *261123*0915*U*00401*000000007*0*P*>~' +
        'GS*IB*BRANDCO*RETAILERX*20261123*0915*8*X*004010~ST*846*0001~BIA*00*SI*INV1*20261123*0915~' +
        'LIN**UP*012345678905~SE*4*0001~GE*1*8~IEA*1*000000007~',
    );
  });

  const isPlain = (text: string): boolean =>
    Array.from(text).every((one) => one >= ' ' && one !== '\u007f' && !'*>~'.includes(one));
  const value = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });

  test('what is written reads back as it was', () => {
    fc.assert(
      fc.property(fc.array(value.filter(isPlain), { minLength: 1, maxLength: 5 }), (values) => {
        const [frame] = frameInterchanges(write([['MSG', ...values]])).frames;
        const segments = frame === undefined ? [] : readInterchange(frame).groups[0]?.sets[0]?.segments;
        expect(segments?.[1]).toEqual({ tag: 'MSG', elements: values, position: 2 });
      }),
    );
  });

  test('data that X12 cannot carry is refused by the name of its element', () => {
    const bad = fc.constantFrom('*', '>', '~', '\n', '\0', '\u007f');
    fc.assert(
      fc.property(value.filter(isPlain), bad, (text, character) => {
        expect(() => write([['MSG', text, `${text}${character}`]])).toThrow(/^MSG02 holds /);
      }),
    );
  });

  test('no interchange is written with a number or an id that it cannot have', () => {
    expect(() => writeInterchange(envelope, { control: 1_000_000_000, at, groups: [] })).toThrow('no control number');
    expect(() =>
      writeInterchange(
        { ...envelope, sender: { qualifier: 'ZZ', id: 'X'.repeat(16) } },
        { control: 1, at, groups: [] },
      ),
    ).toThrow('longer than 15');
  });
});
