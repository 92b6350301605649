/** CSV files as people and spreadsheets make them: every fault by line and column, with its mend (facts/more-channels 3.4). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseInstant, parseWhole } from '#scripts/arguments.ts';
import { readCsv } from '#scripts/csv.ts';
import {
  ITEM_COLUMNS,
  LISTING_COLUMNS,
  ORDER_COLUMNS,
  readItem,
  readListing,
  readOrder,
  readStock,
  STOCK_COLUMNS,
} from '#scripts/csv-files.ts';
import { sayDuration, writeJson } from '#scripts/output.ts';

const file = (text: string) => ({ name: 'stock.csv', bytes: new TextEncoder().encode(text) });
const stock = (text: string) => readCsv(file(text), STOCK_COLUMNS, readStock);
const items = (text: string) => readCsv(file(text), ITEM_COLUMNS, readItem);

describe('what is read', () => {
  const row = {
    line: 2,
    sku: '00123',
    location: 'main',
    quantity: 4,
    disposition: 'sellable',
    asOf: null,
    unit: null,
    lot: null,
    expiry: null,
  };

  test.each([
    ['commas', 'sku,location,qty\n00123,main,4\n'],
    ['semicolons, CRLF and a byte order mark', '\ufeffsku;location;qty\r\n00123;main;4\r\n'],
    ['tabs', 'sku\tlocation\tqty\n00123\tmain\t4'],
    ['other case and order, spaces and empty lines', 'QTY, Location ,Sku\n 4 ,main , \n4, main,00123\n\n'],
  ])('%s', (_name, text) => {
    const read = stock(text);
    expect(read.rows.map(({ line: _line, ...rest }) => rest)).toEqual(
      [{ ...row, line: undefined }].map(({ line: _line, ...rest }) => rest),
    );
  });

  test('lines are counted as an editor counts them, also after a cell of several lines', () => {
    const read = items('sku,title\nA,"two\nlines"\nB,one\n\nB ,x\n');
    expect(read.rows.map(({ sku, line }) => [sku, line])).toEqual([
      ['A', 3],
      ['B', 4],
    ]);
    expect(read.faults.map(({ line }) => line)).toEqual([6]);
  });

  test('dispositions, moments with a zone, and identifiers that keep their leading zeros', () => {
    expect(stock('sku,location,qty,disposition,as_of\nA,main,1,damaged,2026-11-23T08:30:00+01:00').rows).toMatchObject([
      { disposition: 'damaged', asOf: Date.parse('2026-11-23T07:30:00Z') },
    ]);
    expect(items('sku,barcode,asin\nA,0012|0012|34,').rows[0]?.identifiers).toEqual([
      { kind: 'barcode', values: ['0012', '34'] },
    ]);
  });

  test('listings and orders with what may be missing', () => {
    expect(readCsv(file('channel,listing_ref\nfake:a,1'), LISTING_COLUMNS, readListing).rows).toEqual([
      {
        line: 2,
        channel: 'fake:a',
        listingRef: '1',
        locationRef: '',
        sku: null,
        pack: null,
        locations: null,
        title: null,
      },
    ]);
    expect(
      readCsv(file('channel,order_id,sku,qty,placed_at\nfake:a,1,A,2,2026-11-23T08:30:00Z'), ORDER_COLUMNS, readOrder)
        .rows,
    ).toMatchObject([{ lineRef: 'A', version: 1, cancelled: 0, placedAt: Date.parse('2026-11-23T08:30:00Z') }]);
  });
});

describe('what is refused, by line and column', () => {
  test.each([
    ['sku,location,qty\nA,main,"1,5"', /^qty "1,5" has a decimal comma/],
    ['sku;location;qty\nA;main;1,5', /^qty "1,5" has a decimal comma/],
    ['sku;location;qty\nA;main;1.200', /thousands separator/],
    ['sku,location,qty\nA,main,1E+05', /bent by a spreadsheet/],
    ['sku,location,qty\nA,main,2.0', /has decimals/],
    ['sku,location,qty\nA,main,-1', /out of range/],
    ['sku,location,qty\nA,main,many', /not a whole number/],
    ['sku,location,qty\nA,main,', /^qty is empty/],
    ['sku,location,qty\n,main,1', /^sku is empty/],
    ['sku,location,qty\n"A ",main,1', /^sku "A " has a space at its start or end/],
    ['sku,location,qty\nA\u200b1,main,1', /^sku "A\u200b1" holds an invisible sign/],
    ['sku,location,qty\n1.23E+11,main,1', /^sku "1.23E\+11" was bent by a spreadsheet/],
    ['sku,location,qty\nA,main,1,extra', /has 4 cells, and the header 3/],
    ['sku,location,qty,disposition\nA,main,1,lost', /^disposition is "lost"/],
    ['sku,location,qty,as_of\nA,main,1,2026-11-23T08:30', /^as_of "2026-11-23T08:30" has no time zone/],
    ['sku,location,qty,as_of\nA,main,1,23.11.2026', /^as_of "23.11.2026" is no moment/],
  ])('%j', (text, reason) => {
    const { rows, faults } = stock(`${text}\n`);
    expect(rows).toEqual([]);
    expect(faults).toMatchObject([
      { line: 2, reason: expect.stringMatching(reason), fix: expect.stringMatching(/\w/) },
    ]);
  });

  test.each([
    ['seasonal;other', 'groups has "seasonal;other", and no group has ";" or "," in its name', /part groups with "\|"/],
    ['gifts|a,b', 'groups has "a,b", and no group has ";" or "," in its name', /write gifts\|seasonal for two/],
    ['gifts | new', 'groups has "gifts ", with a space at its start or end', /take it away/],
    [' gifts', 'groups has " gifts", with a space at its start or end', /take it away/],
  ])('groups "%s"', (text, reason, fix) => {
    const { rows, faults } = items(`sku,groups\nA,"${text}"\nB,new|gifts|new|\n`);
    expect(faults).toMatchObject([{ line: 2, key: 'A', reason, fix: expect.stringMatching(fix) }]);
    expect(rows).toMatchObject([{ sku: 'B', groups: ['gifts', 'new'] }]);
  });

  test('a bad row does not stop the next one', () => {
    const { rows, faults } = stock('sku,location,qty\nA,main,x\nB,main,2\n');
    expect(rows.map(({ sku }) => sku)).toEqual(['B']);
    expect(faults).toHaveLength(1);
  });

  test.each([
    ['a missing column', 'sku,location,quantty\nA,main,1', /no column "qty"/],
    ['a column twice', 'sku,location,qty,qty\nA,main,1,1', /two columns "qty"/],
    ['an empty file', '', /is empty/],
    ['an open quote', 'sku,location,qty\n"A,main,1', /cannot be read as CSV/],
  ])('%s refuses the file', (_name, text, what) => {
    expect(() => stock(text)).toThrow(what);
  });

  test('a file that is not UTF-8 is refused; a column that nobody reads is told', () => {
    const latin = { name: 'x.csv', bytes: Uint8Array.from([0x73, 0x6b, 0x75, 0x0a, 0xe4, 0x0a]) };
    expect(() => readCsv(latin, ITEM_COLUMNS, readItem)).toThrow(/not UTF-8/);
    expect(items('sku,colour\nA,red').unread).toEqual(['colour']);
  });
});

describe('numbers and moments', () => {
  test('every whole number in range is read as itself, and nothing else is a number', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), (n) => {
        expect(parseWhole(String(n), -1e9)).toEqual({ value: n });
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect('value' in parseWhole(text, 0) ? text : '0').toMatch(/^\+?\d+$/);
      }),
    );
  });

  test('every ISO instant is read as itself; without its zone it is refused', () => {
    const moments = fc.date({ min: new Date('1990-01-01'), max: new Date('2099-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(moments, (date) => {
        expect(parseInstant(date.toISOString())).toEqual({ value: date.getTime() });
        expect(parseInstant(date.toISOString().slice(0, -1))).toMatchObject({
          fault: expect.stringContaining('no time zone'),
        });
      }),
    );
  });

  test.each([
    [0, '0 s'],
    [59_000, '59 s'],
    [60_000, '1 min'],
    [125 * 60_000, '2 h 5 min'],
    [26 * 3_600_000, '1 d 2 h'],
    [24 * 3_600_000 + 5000, '1 d'],
    [-5, '0 s'],
  ])('%i ms is %s', (ms, says) => expect(sayDuration(ms)).toBe(says));

  test('instants leave as ISO, other numbers as they are', () => {
    expect(JSON.parse(writeJson({ decidedAt: 0, at: 0, quantity: 0, shortSince: null }, false))).toEqual({
      decidedAt: '1970-01-01T00:00:00.000Z',
      at: '1970-01-01T00:00:00.000Z',
      quantity: 0,
      shortSince: null,
    });
  });
});
