/**
 * Append-only migrations: `migrations/NNNN_name.sql`, applied in order of their numbers and written down with their checksum.
 *
 * Guarantees that a file is applied whole or not at all (one transaction each, so a run killed half way goes on where it was), that
 * two processes migrating at once apply each file once (advisory lock), and that nothing runs on a history that is not this
 * code's: an edited, missing or late file, or a newer schema, is refused. Does not go back: a mistake is mended by the next file.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import type { Database, Queries, Transaction } from './client.ts';

export interface MigrateOptions {
  /** Default: the project's own, beside this file. */
  readonly folder?: string;
  readonly log?: (line: string) => void;
}

export interface SchemaStatus {
  /** The newest applied version; 0 on an empty database. */
  readonly current: number;
  /** The newest version this code brings. */
  readonly available: number;
  /** File names, in the order in which they will be applied. */
  readonly pending: readonly string[];
  readonly newerThanCode: boolean;
}

/** The database was migrated by a newer allot. */
export class SchemaTooNew extends Error {
  override readonly name = 'SchemaTooNew';
}

/** The files and the database disagree about the past. */
export class MigrationMismatch extends Error {
  override readonly name = 'MigrationMismatch';
}

interface Migration {
  readonly version: number;
  readonly file: string;
  readonly name: string;
  readonly text: string;
  readonly checksum: string;
}

interface Applied {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

const OWN_FOLDER = fileURLToPath(new URL('./migrations/', import.meta.url));
const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/;
/** Any number that no other advisory lock of this database uses. */
const LOCK_KEY = 7_210_001;

/** Resolves to the files it applied. */
export async function migrate(db: Database, options: MigrateOptions = {}): Promise<string[]> {
  const migrations = await readMigrations(options.folder ?? OWN_FOLDER);
  const done: string[] = [];
  for (;;) {
    const file = await applyNext(db, migrations);
    if (file === undefined) return done;
    options.log?.(`applied migration ${file}`);
    done.push(file);
  }
}

/** Compares database and files without changing either; throws MigrationMismatch where `migrate` would. */
export async function schemaStatus(db: Queries, options: MigrateOptions = {}): Promise<SchemaStatus> {
  const migrations = await readMigrations(options.folder ?? OWN_FOLDER);
  const applied = await readApplied(db);
  const current = applied.at(-1)?.version ?? 0;
  const available = migrations.at(-1)?.version ?? 0;
  const newerThanCode = current > available;
  if (!newerThanCode) compareHistory(migrations, applied);
  const pending = migrations.filter(({ version }) => version > current).map(({ file }) => file);
  return { current, available, pending, newerThanCode };
}

/** Each file takes the lock anew and reads the history again, so that a second process never applies what the first one has. */
async function applyNext(db: Database, migrations: readonly Migration[]): Promise<string | undefined> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`select set_config('statement_timeout', '0', true)`);
    await tx.execute(sql`select pg_advisory_xact_lock(${LOCK_KEY})`);
    const applied = await readApplied(tx);
    refuseNewer(migrations, applied);
    compareHistory(migrations, applied);
    const current = applied.at(-1)?.version ?? 0;
    const next = migrations.find(({ version }) => version > current);
    if (next !== undefined) await apply(tx, next);
    return next?.file;
  });
}

async function apply(tx: Transaction, migration: Migration): Promise<void> {
  const { version, name, checksum } = migration;
  await tx.script(`create table if not exists schema_migration (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
  )`);
  const before = await readTransactionId(tx);
  try {
    await tx.script(migration.text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Migration ${migration.file} failed and was rolled back: ${reason}`, { cause: error });
  }
  if ((await readTransactionId(tx)) !== before) {
    throw new Error(`Migration ${migration.file} ends its own transaction. Take begin, commit and rollback out of it.`);
  }
  await tx.execute(sql`
    insert into schema_migration (version, name, checksum) values (${version}, ${name}, ${checksum})`);
}

async function readTransactionId(tx: Transaction): Promise<string | undefined> {
  const [row] = await tx.rows<{ id: string }>(sql`select pg_current_xact_id()::text as id`);
  return row?.id;
}

async function readApplied(db: Queries): Promise<Applied[]> {
  const [found] = await db.rows<{ there: boolean }>(sql`select to_regclass('schema_migration') is not null as there`);
  if (!found?.there) return [];
  return db.rows<Applied>(sql`select version, name, checksum from schema_migration order by version`);
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  const migrations = await Promise.all(files.map((file) => readMigration(folder, file)));
  for (const [index, migration] of migrations.entries()) {
    const before = migrations[index - 1];
    if (before?.version !== migration.version) continue;
    throw new MigrationMismatch(
      `Two migrations have one number: ${before.file} and ${migration.file}. Renumber the newer one.`,
    );
  }
  return migrations;
}

async function readMigration(folder: string, file: string): Promise<Migration> {
  const [, version, name] = FILE_NAME.exec(file) ?? [];
  if (version === undefined || name === undefined) {
    throw new MigrationMismatch(`${join(folder, file)} is not named like 0002_what_it_does.sql. Rename or remove it.`);
  }
  // A checkout may have turned line ends; that is not an edit.
  const text = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
  return { version: Number(version), file, name, text, checksum: createHash('sha256').update(text).digest('hex') };
}

function refuseNewer(migrations: readonly Migration[], applied: readonly Applied[]): void {
  const available = migrations.at(-1)?.version ?? 0;
  const newer = applied.filter(({ version }) => version > available);
  if (newer.length === 0) return;
  throw new SchemaTooNew(
    `The database has schema version ${newer.at(-1)?.version}, and this allot knows ${available} (unknown here: ${newer.map(nameOf).join(', ')}). Upgrade allot, or point it at its own database.`,
  );
}

/** Every applied file must still be there, unchanged, and no file may come in below the newest applied one. */
function compareHistory(migrations: readonly Migration[], applied: readonly Applied[]): void {
  const current = applied.at(-1)?.version ?? 0;
  const byVersion = new Map(migrations.map((migration) => [migration.version, migration]));
  for (const past of applied) {
    const migration = byVersion.get(past.version);
    if (migration === undefined) {
      throw new MigrationMismatch(
        `Migration ${nameOf(past)} was applied to this database, and its file is gone. Restore it.`,
      );
    }
    if (migration.checksum === past.checksum && migration.name === past.name) continue;
    throw new MigrationMismatch(
      `Migration ${migration.file} was changed after it was applied (as ${nameOf(past)}). Restore the file and put the change into a new one.`,
    );
  }
  const known = new Set(applied.map(({ version }) => version));
  const late = migrations.find(({ version }) => version < current && !known.has(version));
  if (late === undefined) return;
  throw new MigrationMismatch(
    `Migration ${late.file} comes after ${current} was applied. Give it a number above ${current}.`,
  );
}

function nameOf({ version, name }: Applied): string {
  return `${String(version).padStart(4, '0')}_${name}`;
}
