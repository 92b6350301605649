/**
 * Items, their identifiers, components and units from a file, judged row by row and written in a few set statements.
 *
 * Guarantees: an empty cell changes nothing (absent is not empty); an identifier belongs to one item; new items let go what was
 * parked because they were unknown, in the same transaction.
 */
import { sql } from 'drizzle-orm';
import { type Money, plainMoney } from '#core/money.ts';
import { writeAudit } from './audit.ts';
import type { Queries } from './client.ts';
import { claimKits, judgeKits, judgeOrphans, kitChanges, type Pair, readKnownKits, writeKits } from './import-kits.ts';
import {
  type Change,
  changeOf,
  compare,
  type ImportOptions,
  type ImportReport,
  type Judged,
  judge,
  makeReport,
  skip,
  splitRepeats,
} from './import-report.ts';
import { list } from './list.ts';
import { retryWaiting } from './parked.ts';
import { recordset } from './recordset.ts';
import { lockResources, RESOURCE } from './state.ts';

export type ItemRow = {
  readonly line: number;
  readonly sku: string;
  readonly title: string | null;
  readonly lifecycle: 'active' | 'retired' | null;
  /** Sorted; what rules may be given for. */
  readonly groups?: readonly string[] | null;
  /** Below so many free units a channel's second rule set counts. */
  readonly minimum?: number | null;
  readonly safetyStock?: number | null;
  /** Of one unit; `none` takes it away, a currency of null is the one that it has. */
  readonly unitValue?: { readonly amount: string; readonly currency: string | null } | 'none' | null;
  /** For each kind that the file fills in: all its values for this item (`barcode`, `asin`). */
  readonly identifiers: readonly { readonly kind: string; readonly values: readonly string[] }[];
  /** Of a kit: what one set takes; empty: a kit no more. */
  readonly components?: readonly Pair[] | null;
  /** Base units in one inner, case and so on. */
  readonly units?: readonly Pair[] | null;
};

type Stored = {
  readonly sku: string;
  readonly title: string;
  readonly lifecycle: string;
  readonly groups: readonly string[];
  readonly minimum: number | null;
  readonly safetyStock: number | null;
  readonly unitValue: string | null;
  readonly currency: string | null;
};
type Identifier = { readonly kind: string; readonly value: string; readonly sku: string };

type Known = {
  readonly items: ReadonlyMap<string, Stored>;
  readonly ofItem: ReadonlyMap<string, readonly Identifier[]>;
  /** Key: kind and value. */
  readonly owners: ReadonlyMap<string, string>;
};

export async function importItems(
  tx: Queries,
  rows: readonly ItemRow[],
  options: ImportOptions,
): Promise<ImportReport> {
  const { first, repeats } = splitRepeats(rows, (row) => row.sku);
  const reached = await claimKits(tx, first);
  await lockResources(tx, RESOURCE.item, [...first.map((row) => row.sku), ...reached]);
  const [known, kits] = await Promise.all([readKnown(tx, first), readKnownKits(tx, first)]);
  const claims = new Map<string, string>();
  const refused = judgeKits(first, kits);
  const alone = first.map((row) => refused.get(row.line) ?? judgeItem(row, known, claims, kitChanges(row, kits)));
  const judged = judgeOrphans(first, alone, kits);
  const taken = new Set(judged.flatMap((row) => (row.verdict === 'skipped' ? [] : [row.line])));
  const accepted = first.filter((row) => taken.has(row.line));
  await writeItems(tx, accepted);
  await writeIdentifiers(tx, accepted);
  await writeKits(tx, accepted, kits);
  const added = judged.flatMap((row) => (row.verdict === 'create' ? [`item ${row.key}`] : []));
  const retried = added.length === 0 ? 0 : await retryWaiting(tx, added, options.actor);
  const report = makeReport([...judged, ...repeats], { retried });
  await writeAudit(tx, [
    { actor: options.actor, action: 'import items', subject: `${rows.length} rows`, detail: report.counts },
  ]);
  return report;
}

const identifierKey = (kind: string, value: string): string => `${kind} ${value}`;

async function readKnown(tx: Queries, rows: readonly ItemRow[]): Promise<Known> {
  const skus = list(rows.map((row) => row.sku));
  const named = rows.flatMap((row) =>
    row.identifiers.flatMap(({ kind, values }) => values.map((value) => ({ kind, value }))),
  );
  const [items, identifiers] = await Promise.all([
    tx.rows<Stored>(sql`
      select sku, title, lifecycle, groups, minimum, safety_stock as "safetyStock", unit_value as "unitValue", currency
      from item where sku = any(${skus})`),
    tx.rows<Identifier>(sql`
      select kind, value, sku from item_identifier where sku = any(${skus})
      union select i.kind, i.value, i.sku from item_identifier i
      join ${recordset(named, { kind: 'text', value: 'text' }, 'r')} on i.kind = r.kind and i.value = r.value
      order by kind, value`),
  ]);
  return {
    items: new Map(items.map((item) => [item.sku, item])),
    ofItem: Map.groupBy(identifiers, (identifier) => identifier.sku),
    owners: new Map(identifiers.map(({ kind, value, sku }) => [identifierKey(kind, value), sku])),
  };
}

/** `claims` remembers which line took an identifier, so that two items of one file cannot share it. */
function judgeItem(row: ItemRow, known: Known, claims: Map<string, string>, ofKit: readonly Change[]): Judged {
  const changes: Change[] = [...ofKit];
  for (const { kind, values } of row.identifiers) {
    for (const value of values) {
      const owner = claims.get(identifierKey(kind, value)) ?? known.owners.get(identifierKey(kind, value));
      if (owner === undefined || owner === row.sku) continue;
      return skip(
        row.line,
        row.sku,
        `${kind} ${value} belongs to SKU ${owner}`,
        `take it off ${owner} first, or correct the ${kind} column`,
      );
    }
    const before = (known.ofItem.get(row.sku) ?? []).filter((one) => one.kind === kind).map((one) => one.value);
    changes.push(...changeOf(kind, before.toSorted().join('|') || null, values.toSorted().join('|')));
  }
  for (const { kind, values } of row.identifiers)
    for (const value of values) claims.set(identifierKey(kind, value), row.sku);
  const stored = known.items.get(row.sku);
  if (givenValue(row, stored) === 'no currency') {
    const fix = 'name its currency in the column currency: EUR, USD, GBP';
    return skip(row.line, row.sku, 'unit_value has no currency, and none is known of the item', fix);
  }
  if (stored === undefined) return judge(row.line, row.sku, 'create');
  return compare(row.line, row.sku, [
    ...changeOf('title', stored.title, row.title),
    ...changeOf('lifecycle', stored.lifecycle, row.lifecycle),
    ...changeOf('groups', stored.groups.join('|'), row.groups?.join('|') ?? null),
    ...changeOf('minimum', stored.minimum, row.minimum ?? null),
    ...changeOf('safety_stock', stored.safetyStock, row.safetyStock ?? null),
    ...changeOf('unit_value', sayValue(storedValue(stored)) ?? '', sayValue(givenValue(row, stored))),
    ...changes,
  ]);
}

const storedValue = ({ unitValue, currency }: Stored): Money | null =>
  unitValue === null || currency === null ? null : { amount: unitValue, currency };

/** What a row makes of the value of a unit: null where it says nothing of it. */
function givenValue({ unitValue }: ItemRow, stored: Stored | undefined): Money | 'none' | 'no currency' | null {
  if (unitValue === undefined || unitValue === null || unitValue === 'none') return unitValue ?? null;
  const currency = unitValue.currency ?? stored?.currency ?? null;
  return currency === null ? 'no currency' : { amount: unitValue.amount, currency };
}

function sayValue(value: Money | string | null): string | null {
  if (value === null || typeof value === 'string') return value === 'none' ? '' : value;
  const { amount, currency } = plainMoney(value);
  return `${amount} ${currency}`;
}

async function writeItems(tx: Queries, rows: readonly ItemRow[]): Promise<void> {
  if (rows.length === 0) return;
  await writeRules(tx, rows);
  await writeValues(tx, rows);
}

/** No rule looks at what a unit is worth: nothing is decided again. */
async function writeValues(tx: Queries, rows: readonly ItemRow[]): Promise<void> {
  const told = rows.flatMap(({ sku, unitValue }) =>
    unitValue === undefined || unitValue === null
      ? []
      : [{ sku, ...(unitValue === 'none' ? { amount: null, currency: null } : unitValue) }],
  );
  if (told.length === 0) return;
  await tx.rows(sql`
    update item i set unit_value = r.amount, currency = case when r.amount is not null then coalesce(r.currency, i.currency) end
    from ${recordset(told, { sku: 'text', amount: 'numeric', currency: 'text' }, 'r')} where i.sku = r.sku`);
}

async function writeRules(tx: Queries, rows: readonly ItemRow[]): Promise<void> {
  const columns = {
    sku: 'text',
    title: 'text',
    lifecycle: 'text',
    groups: 'text[]',
    minimum: 'int4',
    safetyStock: 'int4',
  } as const;
  // What rules look at moves numbers: those items are decided again.
  await tx.rows(sql`
    merge into item i using (select *, "safetyStock" as safety_stock from ${recordset(rows, columns, 'r')}) r on i.sku = r.sku
    when matched and (coalesce(r.title, i.title), coalesce(r.lifecycle, i.lifecycle), coalesce(r.groups, i.groups),
        coalesce(r.minimum, i.minimum), coalesce(r.safety_stock, i.safety_stock))
        is distinct from (i.title, i.lifecycle, i.groups, i.minimum, i.safety_stock) then
      update set title = coalesce(r.title, i.title), lifecycle = coalesce(r.lifecycle, i.lifecycle),
        groups = coalesce(r.groups, i.groups), minimum = coalesce(r.minimum, i.minimum),
        safety_stock = coalesce(r.safety_stock, i.safety_stock),
        next_review_at = case when (coalesce(r.groups, i.groups), coalesce(r.minimum, i.minimum), coalesce(r.safety_stock, i.safety_stock))
          is distinct from (i.groups, i.minimum, i.safety_stock) then now() else i.next_review_at end
    when not matched then insert (sku, title, lifecycle, groups, minimum, safety_stock)
      values (r.sku, coalesce(r.title, ''), coalesce(r.lifecycle, 'active'), coalesce(r.groups, '{}'), r.minimum, r.safety_stock)`);
}

/** What the file says of a kind is all of that kind: a value it no longer names goes. */
async function writeIdentifiers(tx: Queries, rows: readonly ItemRow[]): Promise<void> {
  const kinds = rows.flatMap((row) => row.identifiers.map(({ kind }) => ({ sku: row.sku, kind })));
  if (kinds.length === 0) return;
  const values = rows.flatMap((row) =>
    row.identifiers.flatMap(({ kind, values: all }) => all.map((value) => ({ sku: row.sku, kind, value }))),
  );
  const wanted = recordset(values, { sku: 'text', kind: 'text', value: 'text' }, 'v');
  await tx.rows(sql`
    delete from item_identifier i using ${recordset(kinds, { sku: 'text', kind: 'text' }, 'k')}
    where i.sku = k.sku and i.kind = k.kind
      and not exists (select 1 from ${wanted} where v.sku = i.sku and v.kind = i.kind and v.value = i.value)`);
  await tx.rows(sql`
    insert into item_identifier (kind, value, sku) select kind, value, sku from ${wanted} order by kind, value
    on conflict (kind, value) do nothing`);
}
