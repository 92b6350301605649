/**
 * The part of the X12 004010 dictionary that allot checks by: elements, segments, and the sets 850, 855, 846, 856 and 997.
 *
 * In X12's own way: an element is named by its data element number, a segment lists its elements by number with M (mandatory), O
 * (optional), X (conditional), C or MC (composite, not looked into); what a segment's notes demand of pairs stands beside it. Segments
 * that a set may have and whose elements allot never reads are only named, and a list ends where nobody here reads on.
 */
export type ElementType = 'AN' | 'ID' | 'N0' | 'R' | 'DT' | 'TM';
export type ElementSpec = {
  /** The data element number, as AK402 names it. */
  readonly number: number;
  readonly name: string;
  readonly type: ElementType;
  readonly min: number;
  readonly max: number;
};

export type ElementUse = { readonly isMandatory: boolean; readonly spec: ElementSpec | null };
/** `paired`: all or none of them. `anyOf`: at least one of them. `needs`: the first wants the second. */
export type SegmentSpec = {
  readonly elements: readonly ElementUse[];
  readonly paired: readonly (readonly [number, number])[];
  readonly anyOf: readonly (readonly number[])[];
  readonly needs: readonly (readonly [number, number])[];
};

export type SetSpec = {
  readonly name: string;
  readonly functionalId: string;
  /** Stands right behind ST. */
  readonly first: string;
  readonly mandatory: readonly string[];
  readonly once: readonly string[];
  /** Right before SE, or before what is named after it here. */
  readonly last: readonly string[];
  readonly segments: ReadonlySet<string>;
};

const ELEMENTS: Readonly<Record<number, string>> = {
  2: 'number of accepted sets N0 1 6',
  19: 'city AN 2 30',
  22: 'commodity code AN 1 30',
  23: 'commodity code qualifier ID 1 1',
  26: 'country ID 2 3',
  28: 'group control number N0 1 9',
  61: 'free-form message AN 1 30',
  65: 'height R 1 8',
  66: 'identification code qualifier ID 1 2',
  67: 'identification code AN 2 80',
  79: 'lading description AN 1 50',
  80: 'lading quantity N0 1 7',
  81: 'weight R 1 10',
  82: 'length R 1 8',
  87: 'marks and numbers AN 1 48',
  88: 'marks and numbers qualifier ID 1 2',
  91: 'transportation method ID 1 2',
  92: 'purchase order type ID 2 2',
  93: 'name AN 1 60',
  96: 'number of segments N0 1 10',
  97: 'number of sets N0 1 6',
  98: 'entity identifier ID 2 3',
  103: 'packaging code AN 3 5',
  116: 'postal code ID 3 15',
  123: 'number of received sets N0 1 6',
  127: 'reference AN 1 30',
  128: 'reference qualifier ID 2 3',
  133: 'routing sequence ID 1 2',
  143: 'set identifier ID 3 3',
  156: 'state ID 2 2',
  166: 'address AN 1 55',
  183: 'volume R 1 8',
  187: 'weight qualifier ID 1 2',
  189: 'width R 1 8',
  212: 'unit price R 1 17',
  234: 'product id AN 1 48',
  235: 'product id qualifier ID 2 2',
  306: 'action code ID 1 2',
  309: 'location qualifier ID 1 2',
  310: 'location identifier AN 1 30',
  323: 'purchase order date DT 8 8',
  324: 'purchase order number AN 1 22',
  326: 'request reference AN 1 45',
  327: 'change order sequence AN 1 8',
  328: 'release number AN 1 30',
  329: 'set control number AN 4 9',
  330: 'quantity ordered R 1 15',
  337: 'time TM 4 8',
  347: 'hash total R 1 10',
  349: 'item description type ID 1 1',
  350: 'assigned identification AN 1 20',
  352: 'description AN 1 80',
  353: 'set purpose ID 2 2',
  354: 'number of line items N0 1 6',
  355: 'unit of measure ID 2 2',
  356: 'pack N0 1 6',
  357: 'size R 1 8',
  367: 'contract number AN 1 30',
  373: 'date DT 8 8',
  374: 'date qualifier ID 3 3',
  380: 'quantity R 1 15',
  382: 'number of units shipped R 1 10',
  384: 'gross weight per pack R 1 9',
  385: 'gross volume per pack R 1 9',
  387: 'routing AN 1 35',
  396: 'shipment identification AN 2 30',
  447: 'loop identifier AN 1 6',
  479: 'functional identifier ID 2 2',
  508: 'account number AN 1 35',
  559: 'agency qualifier ID 2 2',
  563: 'sales requirement ID 1 2',
  587: 'acknowledgment type ID 2 2',
  610: 'amount N0 1 15',
  623: 'time code ID 2 2',
  628: 'hierarchical id AN 1 12',
  639: 'basis of unit price ID 2 2',
  640: 'transaction type ID 2 2',
  646: 'quantity shipped to date R 1 15',
  668: 'line item status ID 2 2',
  673: 'quantity qualifier ID 2 2',
  706: 'entity relationship ID 2 2',
  715: 'group acknowledge code ID 1 1',
  716: 'group syntax error ID 1 3',
  717: 'set acknowledge code ID 1 1',
  718: 'set syntax error ID 1 3',
  719: 'segment position N0 1 6',
  720: 'segment syntax error ID 1 3',
  721: 'segment id ID 2 3',
  723: 'element syntax error ID 1 3',
  724: 'bad element AN 1 99',
  725: 'data element number N0 1 4',
  734: 'hierarchical parent AN 1 12',
  735: 'hierarchical level ID 1 2',
  736: 'hierarchical child ID 1 1',
  750: 'characteristic ID 2 3',
  751: 'description code AN 1 12',
  755: 'report type ID 2 2',
  810: 'inner pack N0 1 6',
  822: 'source subqualifier AN 1 15',
  1005: 'hierarchical structure ID 4 4',
  1250: 'date format ID 2 3',
  1251: 'date period AN 1 35',
  1271: 'industry code AN 1 30',
};

const PAIRS = Array.from({ length: 10 }, () => 'X235 X234').join(' ');
const STORES = Array.from({ length: 9 }, () => 'X67 X380').join(' ');

/** Elements, then notes in X12's letters: P paired, R at least one, C the first wants the second. */
const SEGMENTS: Readonly<Record<string, readonly [string, string?]>> = {
  // ST03 came with 005010; senders of 004010 write it too.
  ST: ['M143 M329 C'],
  SE: ['M96 M329'],
  BEG: ['M353 M92 M324 O328 M373 O367 O587'],
  BAK: ['M353 M587 M324 M373 O328 O326 O367 O127 O373 O640'],
  BIA: ['M353 M755 M127 M373 O337 O306'],
  BSN: ['M353 M396 M373 M337 O1005 O640'],
  REF: ['M128 X127 X352 C', 'R0203'],
  DTM: ['M374 X373 X337 O623 X1250 X1251', 'R020305 P0506 C0403'],
  N1: ['M98 X93 X66 X67 O706 O98', 'R0203 P0304'],
  N3: ['M166 O166'],
  N4: ['O19 O156 O116 O26 X309 O310', 'C0605'],
  CSH: ['O563 O306 X610 X508 O373'],
  PO1: [`O350 X330 O355 X212 O639 ${PAIRS}`, 'C0302 C0504 P0607 P0809 P1011 P1213 P1415 P1617 P1819 P2021 P2223 P2425'],
  PID: ['M349 O750 X559 X751 X352'],
  PO4: ['O356 X357 X355 O103 O187 X384 X355 X385 X355 X82 X189 X65 X355 O810', 'P0203 C0506 P0607 P0809'],
  SDQ: [`M355 O66 M67 M380 ${STORES} O310`, 'P0506 P0708 P0910 P1112 P1314 P1516 P1718 P1920 P2122'],
  ACK: [`M668 X380 X355 O374 X373 O326 ${PAIRS} X559 X822 X1271`, 'P0203 C0405 P0708 P0910 P1112 P1314'],
  LIN: [
    `O350 M235 M234 ${PAIRS} X235 X234 X235 X234 X235 X234 X235 X234`,
    'P0405 P0607 P0809 P1011 P1213 P1415 P1617 P1819 P2021 P2223 P2425 P2627 P2829 P3031',
  ],
  QTY: ['M673 X380 C X61', 'R0204'],
  SN1: ['O350 M382 M355 O646 X330 X355', 'P0506'],
  HL: ['M628 O734 M735 O736'],
  PRF: ['M324 O328 O327 O323'],
  TD1: ['X103 X80 O23 O22 O79 O187 X81 X355 X183 X355', 'C0102'],
  TD5: ['O133 X66 X67 X91 X387', 'C0203'],
  MAN: ['M88 M87 O87'],
  CTT: ['M354 O347 O81 O355 O183 O355 O352'],
  AK1: ['M479 M28'],
  AK2: ['M143 M329'],
  AK3: ['M721 M719 O447 O720'],
  AK4: ['MC O725 M723 O724'],
  AK5: ['M717 O718 O718 O718 O718 O718'],
  AK9: ['M715 M97 M123 M2 O716 O716 O716 O716 O716'],
};

const HEADING =
  'CUR REF PER TAX FOB CTP PAM CSH SAC ITD DIS INC DTM LDT LIN SI PID MEA PWK PKG TD1 TD5 TD3 TD4 MAN PCT CTB TXI';
const PARTIES = 'N1 N2 N3 N4 NX2 AMT FA1 FA2 N9 MSG SPI CB1 G61 MTX ADV LM LQ LS LE';
const LINES = 'PO1 PO3 PO4 CN1 IT8 SDQ IT3 TC2 SCH QTY SLN CTT';

const setSpec = (spec: Omit<SetSpec, 'segments'>, segments: string): SetSpec => ({
  ...spec,
  segments: new Set(['ST', spec.first, ...segments.split(' '), 'SE']),
});

export const SETS: Readonly<Record<string, SetSpec>> = {
  850: setSpec(
    {
      name: 'purchase order',
      functionalId: 'PO',
      first: 'BEG',
      mandatory: ['PO1'],
      once: ['BEG', 'CTT'],
      last: ['CTT'],
    },
    `${HEADING} ${PARTIES} ${LINES}`,
  ),
  855: setSpec(
    { name: 'order answer', functionalId: 'PR', first: 'BAK', mandatory: [], once: ['BAK', 'CTT'], last: ['CTT'] },
    `${HEADING} ${PARTIES} ${LINES} ACK`,
  ),
  846: setSpec(
    {
      name: 'inventory advice',
      functionalId: 'IB',
      first: 'BIA',
      mandatory: ['LIN'],
      once: ['BIA', 'CTT'],
      last: ['CTT'],
    },
    'CUR DTM REF PER MEA PID PKG PO4 CTP SAC SDQ MAN UIT SCH QTY LDT SLN LIN N1 N2 N3 N4 G61 LM LQ LS LE CS CN1 MSG N9 CTT',
  ),
  856: setSpec(
    { name: 'ship notice', functionalId: 'SH', first: 'BSN', mandatory: ['HL'], once: ['BSN', 'CTT'], last: ['CTT'] },
    `HL SN1 PRF PAL CLD TSD LH1 LH2 LH3 LFH LEP LH4 LHT LHR LHE ETD ITA GF YNQ V1 R4 EFI E1 E4 E5 E7 DTM ${HEADING} ${PARTIES} PO4 SDQ SLN CTT`,
  ),
  997: setSpec(
    {
      name: 'acknowledgment',
      functionalId: 'FA',
      first: 'AK1',
      mandatory: ['AK9'],
      once: ['AK1', 'AK9'],
      last: ['AK9'],
    },
    'AK2 AK3 AK4 AK5 AK9',
  ),
};

function readElement(number: number): ElementSpec {
  const words = (ELEMENTS[number] ?? '').split(' ');
  const [type, min, max] = words.slice(-3);
  return { number, name: words.slice(0, -3).join(' '), type: type as ElementType, min: Number(min), max: Number(max) };
}

function readUse(text: string): ElementUse {
  const isMandatory = text.startsWith('M');
  return text.endsWith('C') ? { isMandatory, spec: null } : { isMandatory, spec: readElement(Number(text.slice(1))) };
}

const numbersOf = (note: string): number[] => (note.slice(1).match(/\d\d/g) ?? []).map(Number);
const twoOf = (note: string): readonly [number, number] => {
  const [first = 0, second = 0] = numbersOf(note);
  return [first, second];
};

function readSegment([elements, notes = '']: readonly [string, string?]): SegmentSpec {
  const words = notes.split(' ');
  const noted = (letter: string): string[] => words.filter((word) => word.startsWith(letter));
  return {
    elements: elements.split(' ').map(readUse),
    paired: noted('P').map(twoOf),
    anyOf: noted('R').map(numbersOf),
    needs: noted('C').map(twoOf),
  };
}

const SPECS: ReadonlyMap<string, SegmentSpec> = new Map(
  Object.entries(SEGMENTS).map(([tag, text]) => [tag, readSegment(text)]),
);

export const segmentSpec = (tag: string): SegmentSpec | null => SPECS.get(tag) ?? null;
export const setSpecOf = (id: string): SetSpec | null => (Object.hasOwn(SETS, id) ? (SETS[id] ?? null) : null);

/** Segments that some set here has: what is not among them is unknown, not only out of place. */
export const KNOWN_SEGMENTS: ReadonlySet<string> = new Set(
  Object.values(SETS).flatMap(({ segments }) => [...segments]),
);
