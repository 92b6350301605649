/**
 * Counts from a file that names lots: all rows of one item, place and disposition are one count of that place, made of its lots.
 *
 * Guarantees: a lot that is there and that the file does not name is counted as gone, and told at the first row of its place; of a place
 * with one row that cannot be taken none is, since a part of a count is no count.
 */
import { sql } from 'drizzle-orm';
import type { LotCount } from '#core/command.ts';
import type { Disposition, Instant, LotCode } from '#core/model.ts';
import type { Queries } from './client.ts';
import type { NewCommand } from './commands.ts';
import { type Change, changeOf, compare, type ImportOptions, type Judged, judge, skip } from './import-report.ts';
import { recordset } from './recordset.ts';

/** One row of a file of counts. */
export type StockRow = {
  readonly line: number;
  readonly sku: string;
  readonly location: string;
  readonly disposition: Disposition;
  readonly quantity: number;
  /** What `quantity` counts: `case`, `inner`; base units when absent. */
  readonly unit?: string | null;
  /** Moment of the count; null: now. */
  readonly asOf: Instant | null;
  /** The lot that was counted; null: units of none, or of whichever. */
  readonly lot?: LotCode | null;
  /** When a lot that is new expires; null: not said. */
  readonly expiry?: Instant | 'never' | null;
};

/** The rows of a place that is counted by lots. */
type Group = readonly [StockRow, ...StockRow[]];

type LotBooks = {
  readonly lot: LotCode | null;
  readonly expiresAt: Instant | null;
  /** At the moment of the count; of lot null: of all that is there. */
  readonly quantity: number;
  readonly countedAsOf: Instant | null;
};

export const placeKey = (row: StockRow): string => `${row.sku} ${row.location} ${row.disposition}`;

export const lotKey = (row: StockRow): string => (row.lot ? `${placeKey(row)} lot ${row.lot}` : placeKey(row));

const namesLot = (row: StockRow): boolean => Boolean(row.lot) || (row.expiry !== undefined && row.expiry !== null);

/** Rows of places that are counted by lots, place by place; and all others. */
export function splitLots(rows: readonly StockRow[]): { readonly plain: StockRow[]; readonly groups: Group[] } {
  const places = [...Map.groupBy(rows, placeKey).values()];
  const byLot = places.filter((each) => each.some(namesLot));
  return {
    plain: places.filter((each) => !byLot.includes(each)).flat(),
    groups: byLot.flatMap(([first, ...rest]): Group[] => (first === undefined ? [] : [[first, ...rest]])),
  };
}

const day = (at: Instant | null): string => (at === null ? 'never' : new Date(at).toISOString().slice(0, 10));

const toldExpiry = ({ expiry }: StockRow): Instant | null | undefined => {
  if (expiry === undefined || expiry === null) return undefined;
  return expiry === 'never' ? null : expiry;
};

/** What is wrong with a row by itself, or beside what is known of its lot. */
function faultOf(row: StockRow, first: StockRow, books: readonly LotBooks[]): readonly [string, string] | null {
  const expiry = toldExpiry(row);
  if (row.asOf !== first.asOf)
    return [
      'its as_of is another than that of its place',
      'give all lots of a place the moment at which it was counted',
    ];
  if (!row.lot) return expiry === undefined ? null : ['expiry without a lot', 'name the lot, or leave the expiry out'];
  const known = books.find(({ lot }) => lot === row.lot);
  if (known === undefined && expiry === undefined)
    return [`lot ${row.lot} is new, and its expiry is not said`, 'fill in expiry: a day such as 2027-03-31, or never'];
  if (known !== undefined && expiry !== undefined && expiry !== known.expiresAt)
    return [
      `lot ${row.lot} expires ${day(known.expiresAt)}, not ${day(expiry)}`,
      `leave expiry out, or correct it: allot lots set ${row.lot} --sku ${row.sku} --expires DAY`,
    ];
  return null;
}

export type LotCounts = { readonly judged: readonly Judged[]; readonly commands: readonly NewCommand[] };

/** `refuse` says what is wrong with a row as with any other count. */
export async function judgeLots(
  tx: Queries,
  groups: readonly Group[],
  options: ImportOptions,
  refuse: (row: StockRow) => Judged | null,
): Promise<LotCounts> {
  const books = await readLotBooks(tx, groups, options.now);
  const counts = groups.map((group) => judgeGroup(group, books.get(placeKey(group[0])) ?? [], options, refuse));
  return { judged: counts.flatMap((each) => each.judged), commands: counts.flatMap((each) => each.commands) };
}

function judgeGroup(
  group: Group,
  books: readonly LotBooks[],
  options: ImportOptions,
  refuse: (row: StockRow) => Judged | null,
): LotCounts {
  const [first] = group;
  const refused = group.map((row) => {
    const fault = faultOf(row, first, books);
    return refuse(row) ?? (fault === null ? null : skip(row.line, lotKey(row), ...fault));
  });
  const [fault] = refused.flatMap((each) => each ?? []);
  if (fault !== undefined) {
    const judged = group.map(
      (row, index) =>
        refused[index] ??
        skip(
          row.line,
          lotKey(row),
          `line ${fault.line} of the same place cannot be taken`,
          'mend that line: a place is counted whole',
        ),
    );
    return { judged, commands: [] };
  }
  const last = Math.max(...books.map(({ countedAsOf }) => countedAsOf ?? Number.NEGATIVE_INFINITY));
  if (first.asOf !== null && first.asOf < last) {
    const reason = `it was counted as of ${new Date(last).toISOString()} already`;
    const fix = 'count again and give the moment of the new count';
    return { judged: group.map((row) => skip(row.line, lotKey(row), reason, fix)), commands: [] };
  }
  const { judged, isSame } = compareGroup(group, books);
  if (!isSame) return { judged, commands: [countOf(group, options)] };
  // The same count told again says nothing; one of a later moment says that all is as it was.
  if (first.asOf === null || first.asOf === last) return { judged, commands: [] };
  const before = Number.isFinite(last) ? new Date(last).toISOString() : null;
  const moment = changeOf('as_of', before, new Date(first.asOf).toISOString());
  const [, ...rest] = judged;
  return { judged: [judge(first.line, lotKey(first), 'update', moment), ...rest], commands: [countOf(group, options)] };
}

/** Row by row against the books; what the file does not name is told at the first row. */
function compareGroup(group: Group, books: readonly LotBooks[]): { judged: Judged[]; isSame: boolean } {
  const lots = books.filter(({ lot }) => lot !== null);
  const total = books.find(({ lot }) => lot === null)?.quantity ?? 0;
  const unlotted = lots.reduce((rest, { quantity }) => rest - quantity, total);
  const named = new Set(group.map(({ lot }) => lot ?? null));
  const gone = lots.filter(({ lot, quantity }) => quantity !== 0 && !named.has(lot));
  const others: Change[] = [
    ...gone.flatMap(({ lot, quantity }) => changeOf(`lot ${lot}`, quantity, 0)),
    ...(named.has(null) ? [] : changeOf('without a lot', unlotted, 0)),
  ];
  const judged = group.map((row, index) => {
    const known = row.lot ? lots.find(({ lot }) => lot === row.lot) : { quantity: unlotted };
    const more = index === 0 ? others : [];
    if (known === undefined) return judge(row.line, lotKey(row), 'create', more);
    return compare(row.line, lotKey(row), [...changeOf('qty', known.quantity, row.quantity), ...more]);
  });
  return { judged, isSame: judged.every(({ verdict }) => verdict === 'unchanged') };
}

function countOf(group: Group, options: ImportOptions): NewCommand {
  const [{ sku, location, disposition, asOf: told }] = group;
  const asOf = told ?? options.now;
  const lots = group.flatMap((row): LotCount[] => {
    if (!row.lot) return [];
    const expiresAt = toldExpiry(row);
    return [{ lot: row.lot, quantity: row.quantity, ...(expiresAt === undefined ? {} : { expiresAt }) }];
  });
  const quantity = group.reduce((sum, row) => sum + row.quantity, 0);
  return {
    body: { kind: 'count', sku, location, disposition, quantity, asOf, lots },
    actor: options.actor,
    occurredAt: asOf,
    channelId: null,
    inboxId: null,
  };
}

/** Of each place: what was there in all (lot null), and of each lot of the item. */
async function readLotBooks(
  tx: Queries,
  groups: readonly Group[],
  now: Instant,
): Promise<ReadonlyMap<string, readonly LotBooks[]>> {
  if (groups.length === 0) return new Map();
  const asked = groups.map(([row]) => ({ ...row, key: placeKey(row), asOf: row.asOf ?? now }));
  const columns = { key: 'text', sku: 'text', location: 'text', disposition: 'text', asOf: 'timestamptz' } as const;
  const rows = await tx.rows<LotBooks & { readonly key: string }>(sql`
    with r as (select * from ${recordset(asked, columns, 'r')}),
      later as (select r.key, e.lot, sum(e.delta)::int as delta from r join stock_entry e on e.sku = r.sku and e.location = r.location
        and e.disposition = r.disposition and e.occurred_at > r."asOf" group by 1, 2)
    select r.key, l.code as lot, l.expires_at as "expiresAt", b.counted_as_of as "countedAsOf",
      coalesce(b.quantity, 0) - coalesce((select delta from later where later.key = r.key and later.lot = l.code), 0) as quantity
    from r join lot l on l.sku = r.sku
      left join lot_balance b on b.sku = r.sku and b.lot = l.code and b.location = r.location and b.disposition = r.disposition
    union all
    select r.key, null, null, s.counted_as_of, coalesce(s.quantity, 0) - coalesce((select sum(delta)::int from later where later.key = r.key), 0)
    from r left join stock_balance s on s.sku = r.sku and s.location = r.location and s.disposition = r.disposition`);
  return Map.groupBy(rows, ({ key }) => key);
}
