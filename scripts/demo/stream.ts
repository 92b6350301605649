/**
 * The order stream as the demo plays it: what buyers order, give back and what the warehouse loses, in order of time.
 *
 * | row of the file                              | becomes                                                   |
 * | positive quantity                            | a line of its invoice's order; repeated codes are summed  |
 * | invoice number that begins with C            | a credit: units given back, of an order named by nobody   |
 * | negative quantity at price 0                 | an adjustment: units damaged or lost                      |
 * | a code that is no good (POST, BANK CHARGES)  | nothing; counted as left out                              |
 * | anything else (0 units, a negative with price)| nothing; counted as left out                             |
 *
 * Reads columns by name and rows one by one; codes are case-sensitive. Times are taken as UTC: only their order and their day matter.
 */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import type { ChannelId } from '#core/model.ts';
import { channelFor } from './brand.ts';

export type StreamOrder = {
  readonly kind: 'order';
  readonly at: number;
  readonly ref: string;
  readonly channel: ChannelId;
  readonly customer: string | null;
  readonly lines: readonly { readonly sku: string; readonly units: number }[];
};
export type StreamCredit = {
  readonly kind: 'credit';
  readonly at: number;
  readonly ref: string;
  readonly customer: string | null;
  readonly sku: string;
  readonly units: number;
};
export type StreamAdjustment = {
  readonly kind: 'adjust';
  readonly at: number;
  readonly sku: string;
  /** Units that are gone, above 0. */
  readonly units: number;
  readonly reason: 'damaged' | 'lost';
};
export type StreamEvent = StreamOrder | StreamCredit | StreamAdjustment;

/** Invoices, rows and units as written in the file (credits and adjustments are negative). */
export type RowCount = { orders: number; lines: number; units: number };

export type OrderStream = {
  readonly name: string;
  readonly events: readonly StreamEvent[];
  readonly read: Readonly<RowCount>;
  /** Rows that became nothing, by code. */
  readonly leftOut: ReadonlyMap<string, Readonly<RowCount>>;
};

export type StreamOptions = { readonly wholesaleUnits: number; readonly limit: number | null };

/** What is wrong with the file, in words for the person who named it. */
export class StreamFault extends Error {}

const COLUMNS = ['InvoiceNo', 'StockCode', 'Quantity', 'InvoiceDate', 'UnitPrice', 'CustomerID', 'Country'] as const;
type Row = Readonly<Record<(typeof COLUMNS)[number], string>>;

const NOT_GOODS = new Set(['POST', 'DOT', 'M', 'm', 'D', 'S', 'BANK CHARGES', 'AMAZONFEE', 'C2', 'CRUK', 'PADS', 'B']);
const isGoods = (code: string): boolean => code !== '' && !NOT_GOODS.has(code) && !code.startsWith('gift_');

const DAMAGED = /damag|broke|wet|rust|crush|mould|smash|faulty|thrown/i;

type Invoice = { at: number; ref: string; customer: string | null; country: string; units: Map<string, number> };
type Draft = { readonly invoices: Map<string, Invoice>; readonly others: (StreamCredit | StreamAdjustment)[] };

export async function readOrderStream(file: string, options: StreamOptions): Promise<OrderStream> {
  const draft: Draft = { invoices: new Map(), others: [] };
  const counts = createCounts();
  const names = new Set<string>();
  let line = 1;
  const parser = parse({ columns: checkColumns(file), bom: true, skip_empty_lines: true, relax_column_count: false });
  const take = async (rows: AsyncIterable<Row>): Promise<void> => {
    for await (const row of rows) {
      line += 1;
      if (!names.has(row.InvoiceNo) && names.size === options.limit) continue;
      names.add(row.InvoiceNo);
      takeRow(row, { draft, counts, place: `${file}, row ${line}` });
    }
  };
  const source = createReadStream(file);
  try {
    await (file.endsWith('.gz') ? pipeline(source, createGunzip(), parser, take) : pipeline(source, parser, take));
  } catch (error) {
    throw readFault(file, error);
  }
  const orders = [...draft.invoices.values()].map((invoice) => orderOf(invoice, options.wholesaleUnits));
  const events = [...orders, ...draft.others].sort((a, b) => a.at - b.at);
  if (orders.length === 0)
    throw new StreamFault(`${file} holds no order: it has ${line - 1} rows, none of them a sale`);
  return { name: file, events, read: counts.read(), leftOut: counts.leftOut };
}

/** A missing column is told with all that are there, before the first row. */
const checkColumns =
  (file: string) =>
  (header: readonly string[]): string[] => {
    const missing = COLUMNS.filter((name) => !header.includes(name));
    if (missing.length === 0) return [...header];
    throw new StreamFault(
      `${file} lacks the column ${missing.join(', ')}: its header is ${header.join(',').slice(0, 200)}`,
    );
  };

function readFault(file: string, error: unknown): Error {
  if (error instanceof StreamFault) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return new StreamFault(`${file}: there is no such file`, { cause: error });
  const why = error instanceof Error ? error.message : String(error);
  return new StreamFault(`${file} cannot be read as ${file.endsWith('.gz') ? 'gzipped ' : ''}CSV: ${why}`, {
    cause: error,
  });
}

function createCounts() {
  const invoices = new Set<string>();
  const leftOutInvoices = new Set<string>();
  const leftOut = new Map<string, RowCount>();
  const total = { lines: 0, units: 0 };
  return {
    leftOut,
    add(row: Row, units: number) {
      invoices.add(row.InvoiceNo);
      total.lines += 1;
      total.units += units;
    },
    leaveOut(row: Row, units: number, why: string) {
      const count = leftOut.get(why) ?? { orders: 0, lines: 0, units: 0 };
      const name = `${why} ${row.InvoiceNo}`;
      if (!leftOutInvoices.has(name)) count.orders += 1;
      leftOutInvoices.add(name);
      count.lines += 1;
      count.units += units;
      leftOut.set(why, count);
    },
    read: (): RowCount => ({ orders: invoices.size, ...total }),
  };
}

type Taking = { readonly draft: Draft; readonly counts: ReturnType<typeof createCounts>; readonly place: string };

/** Why a row becomes nothing; null for the others. */
function whyLeftOut(row: Row, sku: string, units: number): string | null {
  if (!isGoods(sku)) return sku === '' ? 'no code' : sku;
  if (isCredit(row)) return units < 0 ? null : 'credit without a negative quantity';
  if (units === 0) return 'no units';
  return units < 0 && Number(row.UnitPrice) !== 0 ? 'negative quantity with a price' : null;
}

function takeRow(row: Row, { draft, counts, place }: Taking): void {
  const units = Number(row.Quantity);
  if (!Number.isSafeInteger(units)) {
    throw new StreamFault(`${place}: Quantity is ${JSON.stringify(row.Quantity)}, not a whole number`);
  }
  const at = Date.parse(`${row.InvoiceDate.replace(' ', 'T')}Z`);
  if (Number.isNaN(at)) {
    throw new StreamFault(`${place}: InvoiceDate is ${JSON.stringify(row.InvoiceDate)}, not YYYY-MM-DD hh:mm:ss`);
  }
  counts.add(row, units);
  const sku = row.StockCode.trim();
  const customer = customerOf(row.CustomerID);
  const why = whyLeftOut(row, sku, units);
  if (why !== null) counts.leaveOut(row, units, why);
  else if (isCredit(row)) draft.others.push({ kind: 'credit', at, ref: row.InvoiceNo, customer, sku, units: -units });
  else if (units < 0) draft.others.push({ kind: 'adjust', at, sku, units: -units, reason: reasonOf(row) });
  else addLine(draft, row, { at, customer, sku, units });
}

const isCredit = (row: Row): boolean => row.InvoiceNo.startsWith('C');

/** Only the full file describes its rows. */
const reasonOf = (row: Row & { readonly Description?: string }): StreamAdjustment['reason'] =>
  DAMAGED.test(row.Description ?? '') ? 'damaged' : 'lost';

type Line = { readonly at: number; readonly customer: string | null; readonly sku: string; readonly units: number };

function addLine({ invoices }: Draft, row: Row, { at, customer, sku, units }: Line): void {
  const fresh = { at, ref: row.InvoiceNo, customer, country: row.Country, units: new Map<string, number>() };
  const invoice = invoices.get(row.InvoiceNo) ?? fresh;
  invoices.set(row.InvoiceNo, invoice);
  invoice.units.set(sku, (invoice.units.get(sku) ?? 0) + units);
}

/** The full file writes numbers of customers as decimals: 17850.0. */
const customerOf = (text: string): string | null => (text.trim() === '' ? null : text.trim().replace(/\.0+$/, ''));

const HOME_COUNTRY = 'United Kingdom';

/** `buyer` is the customer, or the invoice of a guest. */
export function channelOf(
  order: { readonly country: string; readonly units: number; readonly buyer: string },
  wholesaleUnits: number,
): ChannelId {
  if (order.country !== HOME_COUNTRY) return channelFor('abroad', order.buyer);
  return channelFor(order.units >= wholesaleUnits ? 'bulk' : 'home', order.buyer);
}

function orderOf(invoice: Invoice, wholesaleUnits: number): StreamOrder {
  const lines = [...invoice.units].map(([sku, units]) => ({ sku, units }));
  const units = lines.reduce((sum, line) => sum + line.units, 0);
  const { at, ref, customer, country } = invoice;
  const channel = channelOf({ country, units, buyer: customer ?? ref }, wholesaleUnits);
  return { kind: 'order', at, ref, customer, channel, lines };
}

export const DAY_MS = 86_400_000;
export const dayOf = (at: number): number => Math.floor(at / DAY_MS);

/** Days that have events, in order, each with its events. Orders of the data never fall between 20:00 and 06:00. */
export const splitDays = (events: readonly StreamEvent[]): ReadonlyMap<number, readonly StreamEvent[]> =>
  Map.groupBy(events, (event) => dayOf(event.at));

export const skusOf = (events: readonly StreamEvent[]): string[] =>
  [...new Set(events.flatMap((event) => (event.kind === 'order' ? event.lines.map(({ sku }) => sku) : [])))].sort();
