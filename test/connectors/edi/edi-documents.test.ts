/** Documents by the dialect: what an 850 says, what our 855, 846 and 997 say, and that our own checker finds no fault in them. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { readAcknowledgment, writeAcknowledgment } from '#connectors/edi/documents/acknowledgment.ts';
import { type AdviceItem, writeInventoryAdvice } from '#connectors/edi/documents/inventory-advice.ts';
import { writeOrderAnswer } from '#connectors/edi/documents/order-answer.ts';
import { readPurchaseOrder } from '#connectors/edi/documents/purchase-order.ts';
import { envelopeTo, type Partner } from '#connectors/edi/partner.ts';
import { type CheckedGroup, checkFile } from '#connectors/edi/x12/check.ts';
import type { TransactionSet } from '#connectors/edi/x12/read.ts';
import { type SegmentText, writeInterchange } from '#connectors/edi/x12/write.ts';
import { Rejected } from '#core/errors.ts';
import { exampleDialect } from './examples.ts';
import { SAMPLE_850 } from './sample-850.ts';

const AT = Date.UTC(2026, 10, 23, 9, 15, 30);
const HOUR_MS = 3_600_000;
let store: Partner;
let mall: Partner;
beforeAll(() => {
  store = exampleDialect('department-store');
  mall = exampleDialect('dropship-mall');
});

function groupOf(text: string): CheckedGroup {
  const group = checkFile(text).interchanges[0]?.groups[0];
  if (group === undefined) throw new Error('the text has no group');
  return group;
}

function setOf(text: string): TransactionSet {
  const set = groupOf(text).sets[0]?.set;
  if (set === undefined) throw new Error('the text has no set');
  return set;
}

const read = (text: string, partner = store) => readPurchaseOrder(setOf(text), partner, AT);

/** As it would go out. */
const wrap = (partner: Partner, id: string, functionalId: string, segments: readonly SegmentText[]): string =>
  writeInterchange(envelopeTo(partner), {
    control: 7,
    at: AT,
    groups: [{ functionalId, control: 8, sets: [{ id, control: '0001', segments }] }],
  });

describe('an 850', () => {
  test('is the whole order in listing units: cases by their pack, listings by the buyer, ship-to by the dialect', () => {
    expect(read(SAMPLE_850)).toEqual({
      orderRef: '4500118822',
      displayRef: '4500118822',
      version: 1,
      placedAt: Date.UTC(2026, 10, 23),
      modifiedAt: Date.UTC(2026, 10, 23),
      fulfilledBy: 'seller',
      locationRef: 'reno-dc',
      attributes: { partner: store.partner.id, orderType: 'SA', customer: '0007' },
      obligations: [
        { kind: 'accept', dueAt: AT + 24 * HOUR_MS },
        { kind: 'ship', dueAt: Date.UTC(2026, 11, 2) },
      ],
      fillRule: 'backOrder',
      lines: [
        {
          lineRef: '1',
          listingRef: '778812',
          skuHint: 'MUG-BLU-12',
          ordered: 72,
          cancelled: 0,
          shipped: 0,
          returned: 0,
          unit: 6,
        },
        { lineRef: '2', listingRef: '778813', skuHint: 'TEA-GRN', ordered: 30, cancelled: 0, shipped: 0, returned: 0 },
      ],
    });
  });

  test('tells routes who buys: the partner, the company of N1*BY, the ship-to of N1*ST; a party without a code is nobody', () => {
    const text = SAMPLE_850.replace('N1*ST*', 'N1*BY*BANNER TWO*92*B2~\nN1*ST*').replace('SE*14*', 'SE*15*');
    expect(read(text).attributes).toEqual({
      partner: store.partner.id,
      orderType: 'SA',
      company: 'B2',
      customer: '0007',
    });
    const consumer = SAMPLE_850.replace('N1*ST*RETAILER X DC 07*92*0007', 'N1*ST*SOMEBODY');
    const anyPlace = { ...store, orders: { ...store.orders, shipTo: {} } };
    expect(read(consumer, anyPlace).attributes).toEqual({ partner: store.partner.id, orderType: 'SA' });
  });

  test('reads pairs in any order, and lines without a number by their place', () => {
    const text = SAMPLE_850.replace('PO1*1*', 'PO1**').replace(
      'UP*012345678905*VN*MUG-BLU-12*IN*778812',
      'IN*778812*UP*012345678905',
    );
    expect(read(text).lines[0]).toMatchObject({ lineRef: '1', listingRef: '778812', skuHint: null });
  });

  test.each([
    ['N', 'cancelBalance'],
    ['SP', 'cancelBalance'],
    ['SC', 'shipComplete'],
    ['BK', 'backOrder'],
    ['Y', 'backOrder'],
    ['P4', 'backOrder'],
  ])('with CSH01 %s says what becomes of what is missing: %s', (code, fillRule) => {
    expect(read(SAMPLE_850.replace('DTM*010', `CSH*${code}~\nDTM*010`)).fillRule).toBe(fillRule);
  });

  test('asks for no answer, and has no rule, where the partner wants none', () => {
    const silent = { ...store, answers: { ...store.answers, orderAnswerHours: null } };
    expect(read(SAMPLE_850, silent)).not.toHaveProperty('fillRule');
  });

  test('takes a hash total as a plain sum, or as X12 has it, without a look at decimal points', () => {
    const decimal = SAMPLE_850.replace('*12*CA', '*12.0*CA');
    expect(read(decimal).lines).toHaveLength(2);
    expect(read(decimal.replace('CTT*2*42', 'CTT*2*150')).lines).toHaveLength(2);
    expect(() => read(SAMPLE_850.replace('CTT*2*42', 'CTT*2*150'))).toThrow(/CTT02/);
  });

  test('adds up its stores', () => {
    const stores = (last: number) => SAMPLE_850.replace('PO4*6*1*EA~', `PO4*6*1*EA~\nSDQ*CA*92*0101*5*0102*${last}~`);
    expect(read(stores(7)).lines[0]?.ordered).toBe(72);
    expect(() => read(stores(6))).toThrow(/SDQ adds up to 11, PO102 says 12/);
  });

  test.each([
    ['BEG*00', 'BEG*05', 'BEG01', '05'],
    ['*92*0007', '*92*0099', 'N104', '0099'],
    ['*12*CA', '*12*DZ', 'PO103', 'DZ'],
    ['*12*CA', '*1.5*CA', 'PO102', '1.5'],
    ['*12*CA', '*-1*CA', 'PO102', '-1'],
    ['PO4*6*1', 'PO4**1', 'PO401', ''],
    ['*IN*778813', '', 'PO106', 'UP VN'],
    ['PO1*2*', 'PO1*1*', 'PO101', '1'],
    ['CTT*2*42', 'CTT*3*42', 'CTT01', '3'],
    ['CTT*2*42', 'CTT*2*41', 'CTT02', '41'],
  ])('with %j as %j is refused for %s', (from, to, field, value) => {
    const refusal = (() => {
      try {
        return read(SAMPLE_850.replace(from, to));
      } catch (error) {
        return error;
      }
    })();
    expect(refusal).toBeInstanceOf(Rejected);
    expect(refusal).toMatchObject({ field, value });
    expect((refusal as Rejected).fix).not.toBe('');
  });
});

describe('our 997', () => {
  const answer = (text: string) => writeAcknowledgment(groupOf(text));

  test('accepts what has no fault', () => {
    expect(answer(SAMPLE_850)).toEqual([
      ['AK1', 'PO', '101'],
      ['AK2', '850', '0001'],
      ['AK5', 'A'],
      ['AK9', 'A', '1', '1', '1'],
    ]);
  });

  test('rejects with segment, element and code', () => {
    expect(answer(SAMPLE_850.replace('*12*CA', '*twelve*CA'))).toEqual([
      ['AK1', 'PO', '101'],
      ['AK2', '850', '0001'],
      ['AK3', 'PO1', '9', '', '8'],
      ['AK4', '2', '330', '6'],
      ['AK5', 'R', '5'],
      ['AK9', 'R', '1', '1', '0'],
    ]);
  });

  test('has room for one code of a segment in each AK3', () => {
    const moved = SAMPLE_850.replace('CTT*2*42~', '').replace('PO1*1*', 'CTT*two~\nCTT*2~\nPO1*1*');
    const told = answer(moved)?.filter(([tag]) => tag === 'AK3' || tag === 'AK4');
    expect(told).toEqual([
      ['AK3', 'CTT', '9', '', '7'],
      ['AK3', 'CTT', '9', '', '8'],
      ['AK4', '1', '354', '6'],
      ['AK3', 'CTT', '10', '', '5'],
    ]);
  });

  test('takes an unknown segment, and says so', () => {
    const told = answer(SAMPLE_850.replace('REF*IA', 'RFF*IA'));
    expect(told?.slice(2)).toEqual([
      ['AK3', 'RFF', '3', '', '1'],
      ['AK5', 'E', '5'],
      ['AK9', 'E', '1', '1', '1'],
    ]);
  });

  test('accepts a part, and rejects a group whose own envelope is wrong whole', () => {
    const set = SAMPLE_850.slice(SAMPLE_850.indexOf('ST*'), SAMPLE_850.indexOf('GE*'));
    const second = set.replaceAll('*0001', '*0002').replace('SE*14', 'SE*13');
    const two = SAMPLE_850.replace(set, set + second).replace('GE*1*', 'GE*2*');
    expect(answer(two)?.slice(-3)).toEqual([
      ['AK2', '850', '0002'],
      ['AK5', 'R', '4'],
      ['AK9', 'P', '2', '2', '1'],
    ]);
    expect(answer(SAMPLE_850.replace('GE*1*', 'GE*2*'))).toEqual([
      ['AK1', 'PO', '101'],
      ['AK9', 'R', '2', '1', '0', '5'],
    ]);
  });

  test('answers no 997, and is itself without fault whatever it answers', () => {
    const damaged = fc
      .tuple(fc.nat(SAMPLE_850.length - 1), fc.constantFrom('', '*', 'Q', '~', '**'))
      .map(([at, put]) => {
        const from = Math.max(SAMPLE_850.indexOf('BEG'), at);
        return `${SAMPLE_850.slice(0, from)}${put}${SAMPLE_850.slice(from + 1)}`;
      });
    fc.assert(
      fc.property(damaged, (text) => {
        const told = writeAcknowledgment(groupOf(text));
        const ours = wrap(store, '997', 'FA', told ?? []);
        expect(checkFile(ours).interchanges.flatMap((one) => one.groups[0]?.sets[0]?.faults ?? [])).toEqual([]);
        expect(writeAcknowledgment(groupOf(ours))).toBeNull();
      }),
    );
  });
});

describe('a 997 for ours', () => {
  const told = (...segments: SegmentText[]) => readAcknowledgment(setOf(wrap(store, '997', 'FA', segments)));

  test('accepts, rejects with its reason, or takes a part', () => {
    expect(told(['AK1', 'IB', '8'], ['AK2', '846', '0001'], ['AK5', 'E', '5'], ['AK9', 'E', '1', '1', '1'])).toEqual({
      functionalId: 'IB',
      groupControl: '8',
      isAccepted: true,
      sets: new Map([['0001', true]]),
      reason: '',
    });
    const refused = told(
      ['AK1', 'IB', '8'],
      ['AK2', '846', '0001'],
      ['AK3', 'QTY', '5', '', '8'],
      ['AK4', '1', '673', '7', 'ZZ'],
      ['AK5', 'R', '5'],
      ['AK9', 'P', '2', '2', '1'],
    );
    expect(refused).toMatchObject({ isAccepted: false, reason: 'AK3 QTY 5 8; AK4 1 673 7 ZZ; AK5 R 5' });
    expect(refused.sets.get('0001')).toBe(false);
  });

  test('without group or verdict is refused', () => {
    expect(() => told(['AK1', 'IB', '8'])).toThrow(Rejected);
    expect(() => told(['AK9', 'A', '1', '1', '1'])).toThrow(Rejected);
  });
});

describe('our 855', () => {
  const answer = (answered: Readonly<Record<string, { accepted: number; backOrdered: number }>>, text = SAMPLE_850) => {
    const lines = Object.entries(answered).map(([lineRef, line]) => ({ lineRef, ...line }));
    return writeOrderAnswer(setOf(text), { orderRef: '4500118822', ourRef: 'SO-99120', answeredAt: AT, lines }, store);
  };

  test.each([
    ['edi:dropship-mall/DS00000001', 'edi dropship mall DS00000001'],
    ['edi:department-store/4500000010', 'department store 4500000010'],
    ['A*B', 'A B'],
    [`n${'0'.repeat(40)}`, '0'.repeat(30)],
  ])('bears our own number %s so that any dialect can carry it', (ourRef, written) => {
    const lines = [{ lineRef: '1', accepted: 72, backOrdered: 0 }];
    const [begin] = writeOrderAnswer(
      setOf(SAMPLE_850),
      { orderRef: '4500118822', ourRef, answeredAt: AT, lines },
      store,
    );
    expect(begin?.[8]).toBe(written);
  });

  test('promises in the unit of the partner, rounded down, and says what became of the rest', () => {
    expect(answer({ 1: { accepted: 65, backOrdered: 6 }, 2: { accepted: 30, backOrdered: 0 } })).toEqual([
      ['BAK', '00', 'AC', '4500118822', '20261123', '', '', '', 'SO 99120', '20261123'],
      ['PO1', '1', '12', 'CA', '48.00', 'PE', 'UP', '012345678905', 'VN', 'MUG-BLU-12', 'IN', '778812'],
      ['ACK', 'IQ', '10', 'CA'],
      ['ACK', 'IB', '1', 'CA'],
      ['ACK', 'ID', '1', 'CA'],
      ['PO1', '2', '30', 'EA', '9.50', 'PE', 'UP', '012345678912', 'VN', 'TEA-GRN', 'IN', '778813'],
      ['ACK', 'IA', '30', 'EA'],
      ['CTT', '2'],
    ]);
  });

  test('is AD when all is as ordered, RD when nothing is', () => {
    const statusOf = (segments: readonly SegmentText[]) => segments[0]?.[2];
    const all = { 1: { accepted: 72, backOrdered: 0 }, 2: { accepted: 30, backOrdered: 0 } };
    expect([statusOf(answer(all)), statusOf(answer({}))]).toEqual(['AD', 'RD']);
    expect(answer({}).filter(([tag]) => tag === 'ACK')).toEqual([
      ['ACK', 'IR', '12', 'CA'],
      ['ACK', 'IR', '30', 'EA'],
    ]);
  });

  test('refuses an answer to a line that the order does not have', () => {
    expect(() => answer({ 9: { accepted: 1, backOrdered: 0 } })).toThrow(/names line 9/);
  });

  test('adds up to what was ordered, never promises more, and has no fault', () => {
    const units = fc.nat(100);
    const line = fc.record({ accepted: units, backOrdered: units });
    fc.assert(
      fc.property(line, line, (one, two) => {
        const segments = answer({ 1: one, 2: two });
        const ours = wrap(store, '855', 'PR', segments);
        expect(checkFile(ours).isOk).toBe(true);
        const acks = Map.groupBy(
          segments.filter(([tag]) => tag === 'ACK'),
          ([, , , unit]) => unit,
        );
        const sumOf = (unit: string, wanted: (status: string) => boolean): number =>
          (acks.get(unit) ?? []).reduce((sum, [, status = '', count]) => sum + (wanted(status) ? Number(count) : 0), 0);
        expect([sumOf('CA', () => true), sumOf('EA', () => true)]).toEqual([12, 30]);
        expect(sumOf('CA', (status) => status === 'IA' || status === 'IQ') * 6).toBeLessThanOrEqual(one.accepted);
      }),
    );
  });
});

describe('our 846', () => {
  const mug: AdviceItem = { listingRef: '778812', ids: { UP: '012345678905', VN: 'MUG-BLU-12' }, quantity: 118 };
  const tea: AdviceItem = { listingRef: '778813', ids: {}, quantity: 0 };
  const head = { at: AT, reference: 'INV7' };

  test('names items as the dialect wants, zero like any other number', () => {
    expect(writeInventoryAdvice([mug, tea], store, head)).toEqual([
      ['BIA', '00', 'SI', 'INV7', '20261123', '091530'],
      ['REF', 'IA', '0071234'],
      ['N1', 'WH', 'BRANDCO MAIN', '92', 'WH1'],
      ['LIN', '1', 'UP', '012345678905', 'VN', 'MUG-BLU-12', 'IN', '778812'],
      ['QTY', '33', '118', 'EA'],
      ['LIN', '2', 'IN', '778813'],
      ['QTY', '33', '0', 'EA'],
      ['CTT', '2'],
    ]);
    expect(writeInventoryAdvice([mug], mall, head).slice(1)).toEqual([
      ['LIN', '1', 'SK', '778812', 'UP', '012345678905'],
      ['REF', 'ZZ', 'AC'],
      ['QTY', '17', '118', 'EA'],
      ['CTT', '1'],
    ]);
  });

  test('tells the restock date behind the quantity to a partner whose dialect has a code for it', () => {
    const restockAt = Date.parse('2026-12-15T23:59:59.999Z');
    const dated: Partner = { ...store, inventory: store.inventory && { ...store.inventory, restockDate: '018' } };
    const segments = writeInventoryAdvice([{ ...mug, restockAt }, tea], dated, head);
    expect(segments.slice(3, 7)).toEqual([
      ['LIN', '1', 'UP', '012345678905', 'VN', 'MUG-BLU-12', 'IN', '778812'],
      ['QTY', '33', '118', 'EA'],
      ['DTM', '018', '20261215'],
      ['LIN', '2', 'IN', '778813'],
    ]);
    expect(checkFile(wrap(dated, '846', 'IB', segments)).isOk).toBe(true);
    expect(writeInventoryAdvice([{ ...mug, restockAt }], store, head).flat()).not.toContain('DTM');
  });

  test('has no fault in either dialect', () => {
    for (const partner of [store, mall]) {
      const ours = wrap(partner, '846', 'IB', writeInventoryAdvice([mug, tea], partner, head));
      expect(checkFile(ours)).toMatchObject({ isOk: true, interchanges: [{ interchange: { control: '000000007' } }] });
    }
  });

  test('refuses an item that the partner could not tell, and never sends what is no count', () => {
    const byUpc: Partner = { ...store, inventory: store.inventory && { ...store.inventory, identify: ['UP'] } };
    expect(() => writeInventoryAdvice([tea], byUpc, head)).toThrow(/none of UP is known/);
    expect(() => writeInventoryAdvice([{ ...mug, quantity: -1 }], store, head)).toThrow('whole number from 0');
    expect(() => writeInventoryAdvice([], store, head)).toThrow('at least one item');
  });
});
