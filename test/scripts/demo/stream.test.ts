/** The order stream: rows of a file to orders, credits and adjustments, and a stream that is made up. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHANNELS } from '#scripts/demo/brand.ts';
import { channelOf, readOrderStream, StreamFault, type StreamOrder, skusOf, splitDays } from '#scripts/demo/stream.ts';
import { makeOrderStream } from '#scripts/demo/synthetic.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allot-stream-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const HEADER = 'InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
let files = 0;
async function read(
  rows: readonly string[],
  over: { header?: string; limit?: number; wholesaleUnits?: number; gzip?: boolean } = {},
) {
  files += 1;
  const text = `${[over.header ?? HEADER, ...rows].join('\n')}\n`;
  const path = join(folder, `orders-${files}.csv${over.gzip === true ? '.gz' : ''}`);
  await writeFile(path, over.gzip === true ? gzipSync(text) : text);
  return readOrderStream(path, { wholesaleUnits: over.wholesaleUnits ?? 500, limit: over.limit ?? null });
}
const ordersOf = (stream: { events: readonly { kind: string }[] }): StreamOrder[] =>
  stream.events.filter((event): event is StreamOrder => event.kind === 'order');

describe('a file of order rows', () => {
  it('becomes orders: repeated codes are summed, codes that differ by case are not, customers lose their decimals', async () => {
    const stream = await read([
      '536365,85123A,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom',
      '536365,85123a,2,2010-12-01 08:26:00,2.55,17850.0,United Kingdom',
      '536365,85123A,4,2010-12-01 08:26:00,2.55,17850.0,United Kingdom',
    ]);
    expect(ordersOf(stream)).toEqual([
      {
        kind: 'order',
        at: Date.UTC(2010, 11, 1, 8, 26),
        ref: '536365',
        customer: '17850',
        channel: 'shopify:main',
        lines: [
          { sku: '85123A', units: 10 },
          { sku: '85123a', units: 2 },
        ],
      },
    ]);
    expect(stream.read).toEqual({ orders: 1, lines: 3, units: 12 });
  });

  it('is read by column name, gzipped too, and an invoice may be scattered', async () => {
    const header = 'Country,InvoiceNo,Description,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID';
    const rows = [
      'France,1,MUG,22139,3,2010-12-01 09:00:00,1,',
      'United Kingdom,2,MUG,22139,500,2010-12-01 09:05:00,1,7',
      'France,1,TIN,22140,1,2010-12-01 09:10:00,1,',
    ];
    const stream = await read(rows, { header, gzip: true });
    expect(ordersOf(stream).map(({ ref, channel, customer, lines }) => [ref, channel, customer, lines.length])).toEqual(
      [
        ['1', 'amazon:uk', null, 2],
        ['2', 'edi:department-store', '7', 1],
      ],
    );
  });

  it('tells credits and adjustments from sales, and counts what is no good', async () => {
    const stream = await read([
      '1,22139,5,2010-12-01 09:00:00,1,7,United Kingdom',
      '1,POST,1,2010-12-01 09:00:00,18,7,United Kingdom',
      '1,gift_0001_20,2,2010-12-01 09:00:00,18,7,United Kingdom',
      'C2,22139,-3,2010-12-01 10:00:00,1,7,United Kingdom',
      '3,22139,-4,2010-12-01 11:00:00,0.0,,United Kingdom',
      '4,22139,-4,2010-12-01 12:00:00,1.5,,United Kingdom',
    ]);
    expect(stream.events.slice(1)).toEqual([
      { kind: 'credit', at: Date.UTC(2010, 11, 1, 10), ref: 'C2', customer: '7', sku: '22139', units: 3 },
      { kind: 'adjust', at: Date.UTC(2010, 11, 1, 11), sku: '22139', units: 4, reason: 'lost' },
    ]);
    expect(Object.fromEntries(stream.leftOut)).toEqual({
      POST: { orders: 1, lines: 1, units: 1 },
      gift_0001_20: { orders: 1, lines: 1, units: 2 },
      'negative quantity with a price': { orders: 1, lines: 1, units: -4 },
    });
    expect(stream.read).toEqual({ orders: 4, lines: 6, units: -3 });
  });

  it('ends after the first N invoices', async () => {
    const rows = ['1', '1', '2', '3', '1'].map(
      (invoice) => `${invoice},22139,1,2010-12-01 09:00:00,1,7,United Kingdom`,
    );
    const stream = await read(rows, { limit: 2 });
    expect(stream.read).toEqual({ orders: 2, lines: 4, units: 4 });
  });

  it.each([
    ['a missing column', ['1'], 'InvoiceNo', /lacks the column StockCode, Quantity/],
    ['half a unit', ['1,22139,0.5,2010-12-01 09:00:00,1,7,UK'], HEADER, /row 2: Quantity is "0.5"/],
    ['a date in words', ['1,22139,1,yesterday,1,7,UK'], HEADER, /row 2: InvoiceDate is "yesterday"/],
    ['no sale at all', ['C1,22139,-1,2010-12-01 09:00:00,1,7,UK'], HEADER, /holds no order/],
  ])('is refused for %s, with the place', async (_, rows, header, message) => {
    const reading = read(rows, { header });
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(StreamFault);
  });

  it('is refused when there is none', async () => {
    await expect(readOrderStream(join(folder, 'gone.csv'), { wholesaleUnits: 500, limit: null })).rejects.toThrow(
      'no such file',
    );
  });
});

describe('the mapping to channels', () => {
  it('goes by country first, then by units', () => {
    const buyer = '17850';
    expect(channelOf({ country: 'EIRE', units: 900, buyer }, 500)).toBe('amazon:uk');
    expect(channelOf({ country: 'United Kingdom', units: 500, buyer }, 500)).toBe('edi:department-store');
    expect(channelOf({ country: 'United Kingdom', units: 499, buyer }, 500)).toBe('shopify:main');
  });

  it('shares large orders between the retailers, each buyer always at one', () => {
    const channelsOf = () =>
      Array.from({ length: 40 }, (_, n) =>
        channelOf({ country: 'United Kingdom', units: 500, buyer: String(17_000 + n) }, 500),
      );
    expect(new Set(channelsOf())).toEqual(new Set(['edi:department-store', 'edi:dropship-mall']));
    expect(channelsOf()).toEqual(channelsOf());
  });
});

describe('a stream that is made up', () => {
  const stream = makeOrderStream({ seed: 3, limit: null });

  it('is the same for the same seed, and another for another', () => {
    expect(makeOrderStream({ seed: 3, limit: null })).toEqual(stream);
    expect(makeOrderStream({ seed: 4, limit: null }).events).not.toEqual(stream.events);
  });

  it('has some 1,200 orders of 40 SKUs in 30 days, on every channel, with cancels, returns and losses', () => {
    const orders = ordersOf(stream);
    expect(orders).toHaveLength(1200);
    expect(skusOf(stream.events)).toHaveLength(40);
    expect(splitDays(stream.events).size).toBe(30);
    expect(new Set(orders.map(({ channel }) => channel))).toEqual(new Set(CHANNELS.map(({ id }) => id)));
    expect(new Set(stream.events.map(({ kind }) => kind))).toEqual(new Set(['order', 'credit', 'adjust']));
    expect(stream.events.every((event, index) => index === 0 || (stream.events[index - 1]?.at ?? 0) <= event.at)).toBe(
      true,
    );
  });
});
