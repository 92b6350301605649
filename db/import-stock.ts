/**
 * Counts from a file: each row becomes one count command, which the core then decides by the count rule.
 *
 * Guarantees: a place that the file does not name is left alone (absent is not zero); a row that says what the books say already
 * writes nothing, so that a second run is all Unchanged; a count older than the last one is skipped, not applied. Places whose rows
 * name lots are counted by lots (import-lots.ts).
 */
import { sql } from 'drizzle-orm';
import type { Component, Instant, LocationId, Sku } from '#core/model.ts';
import { writeAudit } from './audit.ts';
import type { Queries } from './client.ts';
import { addCommands, type NewCommand } from './commands.ts';
import { skipKit } from './import-kits.ts';
import { judgeLots, lotKey, placeKey, type StockRow, splitLots } from './import-lots.ts';
import {
  changeOf,
  type ImportOptions,
  type ImportReport,
  type Judged,
  judge,
  makeReport,
  skip,
  splitRepeats,
} from './import-report.ts';
import { readComponents } from './reach.ts';
import { recordset } from './recordset.ts';
import { readUnits, resolveUnit } from './units.ts';

export type { StockRow } from './import-lots.ts';

/** A count that is dated later than this after now is a wrong clock or a wrong zone (core/stock.ts refuses it too). */
const CLOCK_SKEW_MS = 60_000;

type Books = {
  readonly line: number;
  readonly hasItem: boolean;
  readonly hasLocation: boolean;
  /** What the books said at the moment of the count; null where nothing was ever booked. */
  readonly quantity: number | null;
  readonly countedAsOf: Instant | null;
};

/** What a row is looked at against, beside the books of its place. */
type Known = {
  readonly locations: readonly LocationId[];
  /** What one set takes, by kit. */
  readonly kits: ReadonlyMap<Sku, readonly Component[]>;
  readonly now: Instant;
};

const keyOf = placeKey;

export async function importStock(
  tx: Queries,
  rows: readonly StockRow[],
  options: ImportOptions,
): Promise<ImportReport> {
  const units = await readUnits(
    tx,
    rows.flatMap((row) => (row.unit ? [row.sku] : [])),
  );
  const sized = rows.map((row) => ({ row, size: resolveUnit(units, row.sku, row.unit) }));
  const unsized = sized.flatMap(({ row, size }) =>
    typeof size === 'number' ? [] : [skip(row.line, keyOf(row), size.reason, size.fix)],
  );
  const based = sized.flatMap(({ row, size }) =>
    typeof size === 'number' ? [{ ...row, quantity: row.quantity * size }] : [],
  );
  const { first: all, repeats } = splitRepeats(based, lotKey);
  const { plain: first, groups } = splitLots(all);
  const books = new Map((await readBooks(tx, all, options.now)).map((one) => [one.line, one]));
  const locations = (await tx.rows<{ id: string }>(sql`select id from location order by id`)).map((row) => row.id);
  const kits = await readComponents(tx, [...new Set(all.map(({ sku }) => sku))]);
  const known = { locations, kits, now: options.now };
  const judged = first.map((row) => judgeCount(row, books.get(row.line), known));
  const verdictOf = new Map(judged.map((one) => [one.line, one.verdict]));
  const counts = first.filter((row) => verdictOf.get(row.line) === 'create' || verdictOf.get(row.line) === 'update');
  const lots = await judgeLots(tx, groups, options, (row) => refuseRow(row, books.get(row.line), known));
  const commandIds = await addCommands(tx, [...counts.map((row) => countOf(row, options)), ...lots.commands]);
  const report = makeReport([...judged, ...lots.judged, ...repeats, ...unsized], { commandIds });
  await writeAudit(tx, [
    { actor: options.actor, action: 'import stock', subject: `${rows.length} rows`, detail: report.counts },
  ]);
  return report;
}

function countOf(row: StockRow, options: ImportOptions): NewCommand {
  const asOf = row.asOf ?? options.now;
  const { sku, location, disposition, quantity } = row;
  return {
    body: { kind: 'count', sku, location, disposition, quantity, asOf },
    actor: options.actor,
    occurredAt: asOf,
    channelId: null,
    inboxId: null,
  };
}

async function readBooks(tx: Queries, rows: readonly StockRow[], now: Instant): Promise<Books[]> {
  const asked = rows.map((row) => ({ ...row, asOf: row.asOf ?? now }));
  const columns = { line: 'int4', sku: 'text', location: 'text', disposition: 'text', asOf: 'timestamptz' } as const;
  return tx.rows<Books>(sql`
    select r.line, i.sku is not null as "hasItem", p.id is not null as "hasLocation", b.counted_as_of as "countedAsOf",
      b.quantity - coalesce((select sum(e.delta) from stock_entry e where e.sku = r.sku and e.location = r.location
        and e.disposition = r.disposition and e.occurred_at > r."asOf"), 0)::int as quantity
    from ${recordset(asked, columns, 'r')} left join item i on i.sku = r.sku left join location p on p.id = r.location
      left join stock_balance b on b.sku = r.sku and b.location = r.location and b.disposition = r.disposition`);
}

const iso = (instant: Instant): string => new Date(instant).toISOString();

/** What can be said of a row without a look at what was counted before. */
function refuseRow(row: StockRow, books: Books | undefined, { locations, kits, now }: Known): Judged | null {
  const refused = (reason: string, fix: string) => skip(row.line, lotKey(row), reason, fix);
  if (books?.hasItem !== true) {
    return refused(`SKU ${row.sku} is not an item`, 'SKUs are case-sensitive; add it first: allot import items FILE');
  }
  const components = kits.get(row.sku);
  if (components !== undefined) return skipKit(row.line, lotKey(row), row.sku, components);
  if (!books.hasLocation) {
    return refused(
      `location ${row.location} is not known`,
      `the known ones are ${locations.join(', ') || 'none: add one to the configuration file'}`,
    );
  }
  if (row.asOf !== null && row.asOf > now + CLOCK_SKEW_MS) {
    return refused(`as_of ${iso(row.asOf)} has not come yet`, 'give the moment of counting, with its time zone');
  }
  return null;
}

function refuse(row: StockRow, books: Books | undefined, known: Known): Judged | null {
  const fault = refuseRow(row, books, known);
  if (fault !== null || books === undefined || row.asOf === null) return fault;
  const refused = (reason: string, fix: string) => skip(row.line, keyOf(row), reason, fix);
  const last = books.countedAsOf;
  if (last !== null && (row.asOf < last || (row.asOf === last && books.quantity !== row.quantity))) {
    return refused(
      `it was counted as of ${iso(last)} already, with ${books.quantity} at the moment of this row`,
      'count again and give the moment of the new count',
    );
  }
  return null;
}

function judgeCount(row: StockRow, books: Books | undefined, known: Known): Judged {
  const refused = refuse(row, books, known);
  if (refused !== null || books === undefined)
    return refused ?? skip(row.line, keyOf(row), 'it could not be looked up', 'import the file again');
  if (books.quantity === null) return judge(row.line, keyOf(row), 'create');
  const isNewMoment = row.asOf !== null && row.asOf !== books.countedAsOf;
  const changes = changeOf('qty', books.quantity, row.quantity);
  if (changes.length > 0) return judge(row.line, keyOf(row), 'update', changes);
  if (!isNewMoment || row.asOf === null) return judge(row.line, keyOf(row), 'unchanged');
  const from = books.countedAsOf === null ? null : iso(books.countedAsOf);
  return judge(row.line, keyOf(row), 'update', changeOf('as_of', from, iso(row.asOf)));
}
