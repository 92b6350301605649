/** A received file: orders, words on ours, the exact answer, and a refusal for everything else. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { readReceived } from '#connectors/edi/intake.ts';
import type { Partner } from '#connectors/edi/partner.ts';
import { checkFile } from '#connectors/edi/x12/check.ts';
import { exampleDialect } from './examples.ts';
import { SAMPLE_850 } from './sample-850.ts';

const AT = Date.UTC(2026, 10, 23, 9, 16);
let partner: Partner;
beforeAll(async () => {
  const store = await exampleDialect('department-store');
  partner = { ...store, usage: 'T', partner: { qualifier: 'ZZ', id: 'RETAILERX' } };
});

const receive = (text: string) => readReceived(text, partner, AT);
const answersOf = (text: string) => receive(text).interchanges.map(({ answer }) => answer?.text ?? null);

describe('a received file', () => {
  test('gives its order, its key, and the 997 to the byte', () => {
    const { interchanges, refusals } = receive(SAMPLE_850);
    expect(refusals).toEqual([]);
    expect(interchanges).toMatchObject([
      {
        key: 'ZZ/RETAILERX ZZ/BRANDCO 101 T',
        orders: [{ orderRef: '4500118822', lines: [{ ordered: 72 }, { ordered: 30 }] }],
        acknowledged: [],
        answer: {
          control: 500_000_101,
          text:
            'ISA*00*          *00*          *ZZ*BRANDCO        *ZZ*RETAILERX      *261123*0916*U*00401*500000101*0*T*>~' +
            'GS*FA*BRANDCO*RETAILERX*20261123*0916*500000101*X*004010VICS~ST*997*0001~AK1*PO*101~' +
            'AK2*850*0001~AK5*A~AK9*A*1*1*1~SE*6*0001~GE*1*500000101~IEA*1*500000101~',
        },
      },
    ]);
  });

  test('whose order cannot be understood is accepted as X12 and refused as an order', () => {
    const { interchanges, refusals } = receive(SAMPLE_850.replace('*12*CA', '*12*DZ'));
    expect(interchanges[0]?.orders).toEqual([]);
    expect(interchanges[0]?.answer?.text).toContain('AK5*A~');
    expect(refusals).toMatchObject([{ what: 'interchange 000000101, set 850 0001' }]);
    expect(refusals[0]?.reason).toContain('PO103 is a unit that the dialect does not know');
    expect(refusals[0]?.fix).toContain('`orders.units`');
  });

  test.each([
    ['*12*CA', '*twelve*CA', 'AK4*2*330*6~AK5*R*5~AK9*R*1*1*0~', 'is no number [AK403 6]'],
    ['GE*1*101', 'GE*1*102', 'AK1*PO*101~AK9*R*1*1*0*4~', 'GE02 is "102"'],
    ['ST*850', 'ST*875', 'AK2*875*0001~AK5*R*1~AK9*R*1*1*0~', 'the set 875 is not taken here'],
  ])('with %j as %j is rejected in the 997 and told', (from, to, answer, reason) => {
    const text = SAMPLE_850.replace(from, to);
    expect(answersOf(text)[0]).toContain(answer);
    expect(receive(text).interchanges[0]?.orders).toEqual([]);
    expect(receive(text).refusals.map((one) => one.reason)).toEqual([expect.stringContaining(reason)]);
  });

  test.each([
    ['RETAILERX      ', 'RETAILERY      ', 'its sender is ZZ/RETAILERY'],
    ['BRANDCO        ', 'BRANDCOO       ', 'its receiver is ZZ/BRANDCOO'],
    ['*0*T*', '*0*P*', 'its usage ISA15 is P'],
    ['IEA*1*000000101~', '', 'no IEA'],
    ['IEA*1*000000101', 'IEA*1*000000102', 'IEA02 is "000000102"'],
  ])('with %j as %j is not ours to take or answer', (from, to, reason) => {
    const { interchanges, refusals } = receive(SAMPLE_850.replace(from, to));
    expect(interchanges).toEqual([]);
    expect(refusals).toMatchObject([{ what: 'interchange 000000101' }]);
    expect(refusals[0]?.reason).toContain(reason);
  });

  test('with one bad interchange still gives the others', () => {
    const bad = SAMPLE_850.replace('IEA*1*000000101', 'IEA*2*000000101');
    const good = SAMPLE_850.replaceAll('000000101', '000000102').replace('4500118822', '4500118823');
    const { interchanges, refusals } = receive(`${bad}${good}and more`);
    expect(interchanges.flatMap(({ orders }) => orders.map(({ orderRef }) => orderRef))).toEqual(['4500118823']);
    expect(refusals.map(({ what }) => what)).toEqual(['the file', 'interchange 000000101']);
  });

  test('with a 997 says what became of ours, and is not answered', () => {
    const theirs = answersOf(SAMPLE_850)[0] ?? '';
    const turned = { ...partner, us: partner.partner, partner: partner.us };
    const { interchanges, refusals } = readReceived(theirs, turned, AT);
    expect(refusals).toEqual([]);
    expect(interchanges).toMatchObject([
      { orders: [], acknowledged: [{ functionalId: 'PO', groupControl: '101', isAccepted: true }], answer: null },
    ]);
  });

  test('is not answered where the partner wants no 997', () => {
    const quiet = { ...partner, answers: { ...partner.answers, acknowledgment: false } };
    expect(readReceived(SAMPLE_850, quiet, AT).interchanges).toMatchObject([{ orders: [{}], answer: null }]);
  });

  test('broken anywhere: no throw, the same again, no set unaccounted for, and answers without fault', () => {
    const broken = fc.tuple(fc.nat(SAMPLE_850.length - 1), fc.nat(3), fc.constantFrom('', '*', '~', 'Q', '0', '\n'));
    fc.assert(
      fc.property(broken, ([at, cut, put]) => {
        const text = SAMPLE_850.slice(0, at) + put + SAMPLE_850.slice(at + cut);
        const { interchanges, refusals } = receive(text);
        expect(receive(text)).toEqual({ interchanges, refusals });
        const orders = interchanges.flatMap((one) => one.orders);
        expect(orders.length + refusals.length).toBeGreaterThan(0);
        for (const { answer } of interchanges) expect(checkFile(answer?.text ?? SAMPLE_850).isOk).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
