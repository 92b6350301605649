/** A database of its own for a test file: a clone of the migrated template, or an empty one, dropped at the end. */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { type Database, type DatabaseOptions, openDatabase } from '#db/client.ts';
import { pointAt } from './database-url.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A database of the run's server in which databases can be created. Made by global-setup.ts. */
    adminUrl: string;
    templateDatabase: string;
  }
}

export interface TestDatabase {
  readonly db: Database;
  /** For a second client, or another process. */
  readonly url: string;
  /** Closes `db`, ends all other sessions, and drops the database. */
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface TestDatabaseOptions extends DatabaseOptions {
  /** Without the project's tables. */
  readonly empty?: boolean;
}

export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const adminUrl = inject('adminUrl');
  const name = `allot_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  await runAsAdmin(
    adminUrl,
    `create database "${name}" template "${options.empty ? 'template0' : inject('templateDatabase')}"`,
  );
  const url = pointAt(adminUrl, name);
  const db = openDatabase(url, options);
  const drop = async () => {
    await db.close();
    await runAsAdmin(adminUrl, `drop database if exists "${name}" with (force)`);
  };
  return { db, url, drop, [Symbol.asyncDispose]: drop };
}

async function runAsAdmin(adminUrl: string, statement: string): Promise<void> {
  const admin = openDatabase(adminUrl, { max: 1 });
  try {
    await admin.script(statement);
  } finally {
    await admin.close();
  }
}
