/** A received file: orders, receipts, the exact answer, and a refusal for everything else. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Stamp } from '#connectors/connector.ts';
import { findStated, readReceived } from '#connectors/edi/intake.ts';
import type { Partner } from '#connectors/edi/partner.ts';
import { checkFile } from '#connectors/edi/x12/check.ts';
import { Rejected } from '#core/errors.ts';
import { exampleDialect } from './examples.ts';
import { SAMPLE_850 } from './sample-850.ts';

const AT = Date.UTC(2026, 10, 23, 9, 16);
const STAMP: Stamp = { sequence: 31, at: Date.UTC(2026, 10, 23, 9, 17) };
let partner: Partner;
beforeAll(() => {
  partner = { ...exampleDialect('department-store'), usage: 'T', partner: { qualifier: 'ZZ', id: 'RETAILERX' } };
});

const receive = (text: string) => readReceived(text, partner, AT);
const answersOf = (text: string) =>
  receive(text).envelopes.flatMap(({ replies }) => replies.map((reply) => reply.write(STAMP).text));
const ordersOf = (text: string) => receive(text).envelopes.flatMap(({ orders }) => orders);

describe('a received file', () => {
  test('gives its order, its key, and the 997 to the byte', () => {
    const { envelopes, refusals } = receive(SAMPLE_850);
    expect(refusals).toEqual([]);
    expect(envelopes).toMatchObject([
      {
        key: 'ZZ/RETAILERX ZZ/BRANDCO 101 T',
        orders: [{ order: { orderRef: '4500118822', lines: [{ ordered: 72, unit: 6 }, { ordered: 30 }] } }],
        receipts: [],
        replies: [{ kind: '997', subject: 'ZZ/RETAILERX ZZ/BRANDCO 101 T' }],
      },
    ]);
    expect(envelopes[0]?.replies[0]?.write(STAMP)).toEqual({
      name: '997-000000031.edi',
      receipt: null,
      text:
        'ISA*00*          *00*          *ZZ*BRANDCO        *ZZ*RETAILERX      *261123*0917*U*00401*000000031*0*T*>~' +
        'GS*FA*BRANDCO*RETAILERX*20261123*0917*31*X*004010VICS~ST*997*0001~AK1*PO*101~' +
        'AK2*850*0001~AK5*A~AK9*A*1*1*1~SE*6*0001~GE*1*31~IEA*1*000000031~',
    });
  });

  test('whose order cannot be understood is accepted as X12 and refused as an order', () => {
    const text = SAMPLE_850.replace('*12*CA', '*12*DZ');
    expect(ordersOf(text)).toEqual([]);
    expect(answersOf(text)[0]).toContain('AK5*A~');
    const { refusals } = receive(text);
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
    expect(ordersOf(text)).toEqual([]);
    expect(receive(text).refusals.map((one) => one.reason)).toEqual([expect.stringContaining(reason)]);
  });

  test.each([
    ['RETAILERX      ', 'RETAILERY      ', 'its sender is ZZ/RETAILERY'],
    ['BRANDCO        ', 'BRANDCOO       ', 'its receiver is ZZ/BRANDCOO'],
    ['*0*T*', '*0*P*', 'its usage ISA15 is P'],
    ['IEA*1*000000101~', '', 'no IEA'],
    ['IEA*1*000000101', 'IEA*1*000000102', 'IEA02 is "000000102"'],
  ])('with %j as %j is not ours to take or answer', (from, to, reason) => {
    const { envelopes, refusals } = receive(SAMPLE_850.replace(from, to));
    expect(envelopes).toEqual([]);
    expect(refusals).toMatchObject([{ what: 'interchange 000000101' }]);
    expect(refusals[0]?.reason).toContain(reason);
  });

  test('with one bad interchange still gives the others', () => {
    const bad = SAMPLE_850.replace('IEA*1*000000101', 'IEA*2*000000101');
    const good = SAMPLE_850.replaceAll('000000101', '000000102').replace('4500118822', '4500118823');
    const text = `${bad}${good}and more`;
    expect(ordersOf(text).map(({ order }) => order.orderRef)).toEqual(['4500118823']);
    expect(receive(text).refusals.map(({ what }) => what)).toEqual(['the file', 'interchange 000000101']);
  });

  test('with a 997 says what became of ours, and is not answered', () => {
    const [theirs = ''] = answersOf(SAMPLE_850);
    const turned = { ...partner, us: partner.partner, partner: partner.us };
    expect(readReceived(theirs, turned, AT)).toMatchObject({
      envelopes: [{ orders: [], receipts: [{ receipt: 'PO 101', isAccepted: true, reason: '' }], replies: [] }],
      refusals: [],
    });
    const refused = theirs
      .replace('AK5*A~', 'AK5*R*5~')
      .replace('AK9*A*1*1*1', 'AK9*R*1*1*0')
      .replace('*101~', '*0101~');
    expect(readReceived(refused, turned, AT).envelopes[0]?.receipts).toEqual([
      { receipt: 'PO 101', isAccepted: false, reason: 'AK5 R 5' },
    ]);
  });

  test('with a TA1 tells a person of a no, nobody of a yes, and answers neither', () => {
    const ta1 = (verdict: string) => `${SAMPLE_850.slice(0, 106)}TA1*000000031*261123*0917*${verdict}~IEA*0*000000101~`;
    expect(receive(ta1('A*000'))).toMatchObject({
      envelopes: [{ orders: [], receipts: [], replies: [] }],
      refusals: [],
    });
    expect(receive(ta1('R*025'))).toMatchObject({
      envelopes: [{ replies: [] }],
      refusals: [{ what: 'interchange 000000101, TA1', reason: expect.stringContaining('000000031, for TA105 025') }],
    });
  });

  test('is not answered where the partner wants no 997', () => {
    const quiet = { ...partner, answers: { ...partner.answers, acknowledgment: false } };
    expect(readReceived(SAMPLE_850, quiet, AT).envelopes).toMatchObject([{ orders: [{}], replies: [] }]);
  });

  test('broken anywhere: no throw, the same again, no set unaccounted for, and answers without fault', () => {
    const broken = fc.tuple(fc.nat(SAMPLE_850.length - 1), fc.nat(3), fc.constantFrom('', '*', '~', 'Q', '0', '\n'));
    fc.assert(
      fc.property(broken, ([at, cut, put]) => {
        const text = SAMPLE_850.slice(0, at) + put + SAMPLE_850.slice(at + cut);
        const { envelopes, refusals } = receive(text);
        expect(JSON.stringify(receive(text))).toBe(JSON.stringify({ envelopes, refusals }));
        expect(ordersOf(text).length + refusals.length).toBeGreaterThan(0);
        for (const answer of answersOf(text)) expect(checkFile(answer).isOk).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('digests', () => {
  const envelopeDigest = (text: string) => receive(text).envelopes[0]?.digest;
  const orderDigest = (text: string) => ordersOf(text)[0]?.digest;
  const again = SAMPLE_850.replaceAll('000000101', '000000102')
    .replace('GS*PO*RETAILERX*BRANDCO*20261123*0915*101', 'GS*PO*RETAILERX*BRANDCO*20261123*0930*102')
    .replace('GE*1*101', 'GE*1*102')
    .replaceAll('*0001~', '*0009~');

  test('of an envelope stay with its segments, whatever lies between them', () => {
    expect(envelopeDigest(SAMPLE_850.replaceAll('\n', '\r\n'))).toBe(envelopeDigest(SAMPLE_850));
    expect(envelopeDigest(SAMPLE_850.replace('*9.50*', '*9.51*'))).not.toBe(envelopeDigest(SAMPLE_850));
  });

  test('of an order stay with what it says, whatever envelope it came in', () => {
    expect(envelopeDigest(again)).not.toBe(envelopeDigest(SAMPLE_850));
    expect(orderDigest(again)).toBe(orderDigest(SAMPLE_850));
    expect(orderDigest(SAMPLE_850.replaceAll('~', "'").replaceAll('*', '|'))).toBe(orderDigest(SAMPLE_850));
    expect(orderDigest(SAMPLE_850.replace('*30*EA', '*30*EA').replace('REF*IA*0071234', 'REF*IA*0071234**'))).toBe(
      orderDigest(SAMPLE_850),
    );
  });

  test.each([
    ['*9.50*', '*9.51*'],
    ['RENO', 'RINO'],
    ['*30*EA', '*31*EA'],
    ['*20261205', '*20261206'],
  ])('of an order change with %j as %j', (from, to) => {
    const changed = SAMPLE_850.replace(from, to).replace('CTT*2*42', 'CTT*2');
    expect(orderDigest(changed)).toBeDefined();
    expect(orderDigest(changed)).not.toBe(orderDigest(SAMPLE_850.replace('CTT*2*42', 'CTT*2')));
  });
});

describe('the statement of an order', () => {
  test('is found among interchanges and sets, and is the one that was understood', () => {
    const odd = SAMPLE_850.replace('*12*CA', '*12*DZ');
    const other = SAMPLE_850.replaceAll('000000101', '000000102').replace('4500118822', '4500118823');
    const good = SAMPLE_850.replaceAll('000000101', '000000103');
    const found = findStated(odd + other + good, partner, '4500118822');
    expect(found.segments.find(({ tag }) => tag === 'PO1')?.elements.slice(0, 3)).toEqual(['1', '12', 'CA']);
    expect(() => findStated(odd + other, partner, '4500118822')).toThrow(Rejected);
  });
});
