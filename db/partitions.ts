/**
 * The partitions of the ledgers (one a month) and of the raw inbox (one a day), made ahead of time and, for the inbox, dropped.
 *
 * Guarantees that making them is idempotent, safe from several processes at once, and neither waits for nor holds up writers of
 * existing periods: a table is made apart and then attached. It does wait for whoever reads or writes the default partition, up to
 * LOCK_TIMEOUT; then it fails with 55P03, and the next call makes the rest. Every parent also has a partition named `<parent>_default`, made
 * in its migration, so that a row too late or too early for any period is still taken. Rows that stand there keep their period from
 * being attached: it is answered as `blocked`, its rows stay where they are, readable and counted, and nothing is lost.
 */
import { sql } from 'drizzle-orm';
import type { Instant } from '#core/model.ts';
import type { Database, Queries, Transaction } from './client.ts';

export interface PartitionOptions {
  /** Months ahead of the current one; default 2. */
  readonly months?: number;
  /** Days ahead of the current one; default 7. */
  readonly days?: number;
}

export interface EnsuredPartitions {
  readonly created: readonly string[];
  /** Periods that rows in the default partition keep from being made. */
  readonly blocked: readonly string[];
}

interface Period {
  readonly name: string;
  /** ISO dates in UTC; `to` is not part of it. */
  readonly from: string;
  readonly to: string;
}

/** The range-partitioned parents; a month's bounds are at midnight UTC. */
export const PARTITIONED = [
  { table: 'stock_entry', column: 'recorded_at', every: 'month' },
  { table: 'promise_entry', column: 'recorded_at', every: 'month' },
  { table: 'target_entry', column: 'recorded_at', every: 'month' },
  { table: 'inbox_raw', column: 'received_on', every: 'day' },
] as const;

type Parent = (typeof PARTITIONED)[number];

/** Ledgers are never dropped: only tables by day expire. */
export type ExpiringTable = Extract<Parent, { every: 'day' }>['table'];

/** Any number that no other advisory lock of this database uses. */
const LOCK_KEY = 7_210_002;
/** Attaching and dropping wait for running readers, and new ones queue behind: better to try again at the next sweep. */
const LOCK_TIMEOUT = '3s';
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Makes what is missing for the current and the coming periods, each in its own transaction. */
export async function ensurePartitions(
  db: Database,
  now: Instant,
  options: PartitionOptions = {},
): Promise<EnsuredPartitions> {
  const ahead = { month: options.months ?? 2, day: options.days ?? 7 };
  const created: string[] = [];
  const blocked: string[] = [];
  for (const parent of PARTITIONED) {
    const existing = new Set((await readPartitions(db, parent.table)).map(({ name }) => name));
    for (const period of listPeriods(parent, now, ahead[parent.every])) {
      if (existing.has(period.name)) continue;
      const outcome = await db.transaction((tx) => createPartition(tx, parent, period));
      if (outcome === 'created') created.push(period.name);
      if (outcome === 'blocked') blocked.push(period.name);
    }
  }
  return { created, blocked };
}

/**
 * Drops the partitions whose days all lie before `beforeDay` ('YYYY-MM-DD', UTC), and deletes such rows from the default partition.
 * Resolves to the names dropped and the rows deleted.
 */
export async function dropExpired(
  db: Database,
  table: ExpiringTable,
  beforeDay: string,
): Promise<{ dropped: string[]; deleted: number }> {
  if (!DAY.test(beforeDay)) throw new Error(`dropExpired: ${beforeDay} is not a day like 2026-11-23.`);
  const parent = PARTITIONED.find((one) => one.table === table);
  if (parent?.every !== 'day') throw new Error(`dropExpired: ${table} is not partitioned by day and never expires.`);
  const dropped: string[] = [];
  for (const { name, to } of await readPartitions(db, table)) {
    if (to === null || to > beforeDay) continue;
    await db.transaction(async (tx) => {
      await holdLock(tx);
      await tx.execute(sql`drop table if exists ${sql.identifier(name)}`);
    });
    dropped.push(name);
  }
  const deleted = await db.execute(
    sql`delete from ${sql.identifier(`${table}_default`)} where ${sql.identifier(parent.column)} < ${beforeDay}::date`,
  );
  return { dropped, deleted };
}

async function createPartition(
  tx: Transaction,
  parent: Parent,
  period: Period,
): Promise<'created' | 'blocked' | 'there'> {
  await holdLock(tx);
  const there = await tx.rows(sql`select 1 from pg_class where oid = to_regclass(${period.name})`);
  if (there.length > 0) return 'there';
  const standing = await tx.rows(sql`
    select 1 from ${sql.identifier(`${parent.table}_default`)}
    where ${sql.identifier(parent.column)} >= ${sql.raw(quote(period.from))}
      and ${sql.identifier(parent.column)} < ${sql.raw(quote(period.to))} limit 1`);
  if (standing.length > 0) return 'blocked';
  // Attaching adds indexes, identity and foreign keys from the parent; an identity of its own would be refused.
  await tx.script(`
    create table "${period.name}" (like "${parent.table}" including all excluding indexes excluding identity);
    alter table "${parent.table}" attach partition "${period.name}" for values from (${quote(period.from)}) to (${quote(period.to)})`);
  return 'created';
}

async function holdLock(tx: Transaction): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${LOCK_KEY})`);
  await tx.execute(sql`select set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`);
}

/** The partitions of a table with the end of their range; null for the default partition. */
async function readPartitions(db: Queries, table: string): Promise<{ name: string; to: string | null }[]> {
  const [parent] = await db.rows<{ kind: string }>(
    sql`select relkind::text as kind from pg_class where oid = to_regclass(${table})`,
  );
  if (parent?.kind !== 'p') {
    const fault = parent === undefined ? 'does not exist' : 'is not partitioned';
    throw new Error(`The table ${table} ${fault}: run allot migrate, or correct the list in db/partitions.ts.`);
  }
  return db.rows(sql`
    select child.relname as name, substring(pg_get_expr(child.relpartbound, child.oid) from $$TO \\('(\\d{4}-\\d{2}-\\d{2})$$) as to
    from pg_inherits join pg_class child on child.oid = inhrelid
    where inhparent = to_regclass(${table}) order by child.relname`);
}

/** The current period and those ahead of it. */
function listPeriods(parent: Parent, now: Instant, ahead: number): Period[] {
  const today = new Date(now);
  const [year, month, day] = [today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate()];
  const startOf = (index: number) =>
    new Date(parent.every === 'month' ? Date.UTC(year, month + index) : Date.UTC(year, month, day + index));
  return Array.from({ length: ahead + 1 }, (_, index) => {
    const from = startOf(index).toISOString().slice(0, 10);
    const label = (parent.every === 'month' ? from.slice(0, 7) : from).replaceAll('-', '_');
    return {
      name: `${parent.table}_${label}`,
      from,
      to: startOf(index + 1)
        .toISOString()
        .slice(0, 10),
    };
  });
}

/** Our own ISO dates, never input; utility statements take no parameters. A session's time zone is always UTC (client.ts). */
function quote(day: string): string {
  return `'${day}'`;
}
