/**
 * Dated supply from a file: each row becomes one `expect-supply` command, which the core then decides.
 *
 * Guarantees: supply that the file does not name is left alone (absent is not cancelled); a row that says what stands already writes
 * nothing, so that a second run is all Unchanged; what was received of a supply stays received.
 */
import { sql } from 'drizzle-orm';
import type { Component, Instant, LocationId, Sku, SupplyKind } from '#core/model.ts';
import { writeAudit } from './audit.ts';
import type { Queries } from './client.ts';
import { addCommands, type NewCommand } from './commands.ts';
import { skipKit } from './import-kits.ts';
import {
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
import { readComponents } from './reach.ts';
import { recordset } from './recordset.ts';

export type SupplyRow = {
  readonly line: number;
  readonly ref: string;
  readonly sku: string;
  readonly location: string;
  readonly quantity: number;
  readonly dueAt: Instant;
  /** Null: as it stands, or a purchase order. */
  readonly kind: SupplyKind | null;
  readonly state: 'open' | 'cancelled';
};

/** What stands under the ref; null where nothing does. */
type Stands = {
  readonly line: number;
  readonly hasItem: boolean;
  readonly hasLocation: boolean;
  readonly location: string | null;
  readonly quantity: number | null;
  readonly dueAt: Instant | null;
  readonly kind: SupplyKind | null;
  readonly state: 'open' | 'cancelled' | null;
};

type Known = {
  readonly locations: readonly LocationId[];
  /** What one set takes, by kit. */
  readonly kits: ReadonlyMap<Sku, readonly Component[]>;
};

const keyOf = (row: SupplyRow): string => `${row.ref} ${row.sku}`;

export async function importSupply(
  tx: Queries,
  rows: readonly SupplyRow[],
  options: ImportOptions,
): Promise<ImportReport> {
  const { first, repeats } = splitRepeats(rows, keyOf);
  const stands = new Map((await readStands(tx, first)).map((one) => [one.line, one]));
  const locations = (await tx.rows<{ id: string }>(sql`select id from location order by id`)).map((row) => row.id);
  const kits = await readComponents(tx, [...new Set(first.map(({ sku }) => sku))]);
  const judged = first.map((row) => judgeSupply(row, stands.get(row.line), { locations, kits }));
  const verdictOf = new Map(judged.map((one) => [one.line, one.verdict]));
  const news = first.filter((row) => verdictOf.get(row.line) === 'create' || verdictOf.get(row.line) === 'update');
  const commandIds = await addCommands(
    tx,
    news.map((row) => expectedBy(row, stands.get(row.line)?.kind ?? 'purchaseOrder', options)),
  );
  const report = makeReport([...judged, ...repeats], { commandIds });
  await writeAudit(tx, [
    { actor: options.actor, action: 'import supply', subject: `${rows.length} rows`, detail: report.counts },
  ]);
  return report;
}

function expectedBy(row: SupplyRow, kindNow: SupplyKind, options: ImportOptions): NewCommand {
  const { ref, sku, location, quantity, dueAt, state } = row;
  const supplyKind = row.kind ?? kindNow;
  return {
    body: { kind: 'expect-supply', sku, ref, location, supplyKind, quantity, dueAt, state },
    actor: options.actor,
    occurredAt: options.now,
    channelId: null,
    inboxId: null,
  };
}

async function readStands(tx: Queries, rows: readonly SupplyRow[]): Promise<Stands[]> {
  const columns = { line: 'int4', ref: 'text', sku: 'text', location: 'text' } as const;
  return tx.rows<Stands>(sql`
    select r.line, i.sku is not null as "hasItem", p.id is not null as "hasLocation", d.location, d.quantity, d.due_at as "dueAt",
      d.kind, d.state
    from ${recordset(rows, columns, 'r')} left join item i on i.sku = r.sku left join location p on p.id = r.location
      left join dated_supply d on d.sku = r.sku and d.ref = r.ref`);
}

const iso = (instant: Instant | null): string | null => (instant === null ? null : new Date(instant).toISOString());

function judgeSupply(row: SupplyRow, stands: Stands | undefined, { locations, kits }: Known): Judged {
  const key = keyOf(row);
  if (stands?.hasItem !== true) {
    const fix = 'SKUs are case-sensitive; add it first: allot import items FILE';
    return skip(row.line, key, `SKU ${row.sku} is not an item`, fix);
  }
  const components = kits.get(row.sku);
  if (components !== undefined) return skipKit(row.line, key, row.sku, components);
  if (!stands.hasLocation) {
    const known = locations.join(', ') || 'none: add one to the configuration file';
    return skip(row.line, key, `location ${row.location} is not known`, `the known ones are ${known}`);
  }
  if (stands.quantity === null) {
    if (row.state === 'open') return judge(row.line, key, 'create');
    return skip(row.line, key, 'it is cancelled, and was never expected', 'take the row out, or correct ref and sku');
  }
  return compare(row.line, key, [
    ...changeOf('qty', stands.quantity, row.quantity),
    ...changeOf('due', iso(stands.dueAt), iso(row.dueAt)),
    ...changeOf('location', stands.location, row.location),
    ...changeOf('kind', stands.kind, row.kind),
    ...changeOf('state', stands.state, row.state),
  ]);
}
