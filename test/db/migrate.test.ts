/** Migrations from folders of our own: order, resumption, two at once, and every history that must be refused. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Transient } from '#core/errors.ts';
import { openDatabase } from '#db/client.ts';
import { MigrationMismatch, migrate, SchemaTooNew, schemaStatus } from '#db/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let own: TestDatabase;
let folder: string;

const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
const hasTable = async (name: string) =>
  (await own.db.rows<{ there: boolean }>(sql`select to_regclass(${name}) is not null as there`))[0]?.there;

beforeEach(async () => {
  own = await createTestDatabase({ empty: true });
  folder = mkdtempSync(join(tmpdir(), 'allot-migrations-'));
  write('0001_first.sql', 'create table one (id int);\ninsert into one values (1);\n');
  write('0002_second.sql', 'create table two (id int);\n');
});
afterEach(async () => {
  await own.drop();
  rmSync(folder, { recursive: true });
});

describe('migrate', () => {
  test('applies files in order, once, and says which', async () => {
    const lines: string[] = [];
    expect(await schemaStatus(own.db, { folder })).toEqual({
      current: 0,
      available: 2,
      pending: ['0001_first.sql', '0002_second.sql'],
      newerThanCode: false,
    });
    expect(await migrate(own.db, { folder, log: (line) => lines.push(line) })).toEqual([
      '0001_first.sql',
      '0002_second.sql',
    ]);
    expect(lines).toEqual(['applied migration 0001_first.sql', 'applied migration 0002_second.sql']);
    expect(await migrate(own.db, { folder })).toEqual([]);
    expect(await schemaStatus(own.db, { folder })).toEqual({
      current: 2,
      available: 2,
      pending: [],
      newerThanCode: false,
    });
    expect(
      await own.db.rows(sql`select version, name, length(checksum) as length from schema_migration order by version`),
    ).toEqual([
      { version: 1, name: 'first', length: 64 },
      { version: 2, name: 'second', length: 64 },
    ]);
  });

  test('a file added later is the only one applied', async () => {
    await migrate(own.db, { folder });
    write('0003_third.sql', 'alter table one add column note text;');
    expect(await schemaStatus(own.db, { folder })).toMatchObject({ current: 2, pending: ['0003_third.sql'] });
    expect(await migrate(own.db, { folder })).toEqual(['0003_third.sql']);
  });

  test('two processes at once apply each file once', async () => {
    const other = openDatabase(own.url);
    const applied = await Promise.all([migrate(own.db, { folder }), migrate(other, { folder })]);
    expect(applied.flat().sort()).toEqual(['0001_first.sql', '0002_second.sql']);
    expect(await own.db.rows(sql`select id from one`)).toEqual([{ id: 1 }]);
    await other.close();
  });

  test('a failing file leaves nothing of itself, keeps those before it, and is named', async () => {
    write('0002_second.sql', 'create table two (id int);\nselect no_such_function();\n');
    await expect(migrate(own.db, { folder })).rejects.toThrow(
      /^Migration 0002_second\.sql failed and was rolled back: function no_such_function\(\) does not exist$/,
    );
    expect([await hasTable('one'), await hasTable('two')]).toEqual([true, false]);
    write('0002_second.sql', 'create table two (id int);\n');
    expect(await migrate(own.db, { folder })).toEqual(['0002_second.sql']);
  });

  test('a session killed inside a file leaves nothing of it, and the next run goes on there', async () => {
    write('0002_second.sql', 'create table two (id int);\nselect pg_sleep(600);\n');
    const outcome = migrate(own.db, { folder }).catch((thrown: unknown) => thrown);
    const watcher = openDatabase(own.url, { max: 1 });
    const asleep = sql`select pid from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`;
    let sleeper: { pid: number } | undefined;
    while (sleeper === undefined) [sleeper] = await watcher.rows<{ pid: number }>(asleep);
    await watcher.rows(sql`select pg_terminate_backend(${sleeper.pid})`);
    expect(await outcome).toBeInstanceOf(Transient);
    expect(await schemaStatus(own.db, { folder })).toMatchObject({ current: 1, pending: ['0002_second.sql'] });
    expect(await hasTable('two')).toBe(false);
    write('0002_second.sql', 'create table two (id int);\n');
    expect(await migrate(own.db, { folder })).toEqual(['0002_second.sql']);
    await watcher.close();
  });

  test('runs longer than the statement limit of its client', async () => {
    await using hurried = await createTestDatabase({ empty: true, statementTimeoutMs: 100 });
    write('0002_second.sql', 'select pg_sleep(0.3);');
    expect(await migrate(hurried.db, { folder })).toHaveLength(2);
  });

  test("the project's own migrations are in the template", async () => {
    await using whole = await createTestDatabase();
    const status = await schemaStatus(whole.db);
    expect(status).toEqual({
      current: status.available,
      available: status.available,
      pending: [],
      newerThanCode: false,
    });
    expect(status.available).toBeGreaterThan(0);
  });
});

describe('a history that is not ours is refused', () => {
  const refusal = async () => {
    const error: unknown = await migrate(own.db, { folder }).catch((thrown: unknown) => thrown);
    const status: unknown = await schemaStatus(own.db, { folder }).catch((thrown: unknown) => thrown);
    return { error, status };
  };

  test('an edited file, by its name; other line ends are no edit', async () => {
    await migrate(own.db, { folder });
    write('0001_first.sql', 'create table one (id int);\r\ninsert into one values (1);\r\n');
    expect(await migrate(own.db, { folder })).toEqual([]);
    write('0001_first.sql', 'create table one (id bigint);\n');
    const { error, status } = await refusal();
    expect(error).toBeInstanceOf(MigrationMismatch);
    expect(String(error)).toContain('Migration 0001_first.sql was changed after it was applied (as 0001_first)');
    expect(status).toBeInstanceOf(MigrationMismatch);
  });

  test('a schema newer than the code, with both versions and what to do', async () => {
    write('0003_future.sql', 'create table three (id int)');
    await migrate(own.db, { folder });
    rmSync(join(folder, '0003_future.sql'));
    const { error, status } = await refusal();
    expect(error).toBeInstanceOf(SchemaTooNew);
    expect(String(error)).toContain(
      'schema version 3, and this allot knows 2 (unknown here: 0003_future). Upgrade allot',
    );
    expect(status).toEqual({ current: 3, available: 2, pending: [], newerThanCode: true });
  });

  test('a file that is gone', async () => {
    await migrate(own.db, { folder });
    rmSync(join(folder, '0001_first.sql'));
    expect(String((await refusal()).error)).toContain(
      'Migration 0001_first was applied to this database, and its file is gone',
    );
  });

  test('a file that comes in below the newest', async () => {
    write('0005_fifth.sql', 'create table five (id int)');
    await migrate(own.db, { folder });
    write('0004_fourth.sql', 'create table four (id int)');
    expect(String((await refusal()).error)).toContain('Migration 0004_fourth.sql comes after 5 was applied');
    expect(await hasTable('four')).toBe(false);
  });

  test.each([
    [
      'two files with one number',
      '0002_again.sql',
      'Two migrations have one number: 0002_again.sql and 0002_second.sql',
    ],
    ['a file without a number', 'later.sql', 'is not named like 0002_what_it_does.sql'],
  ])('%s', async (_, file, message) => {
    write(file, 'select 1');
    expect(String((await refusal()).error)).toContain(message);
    expect(await hasTable('one')).toBe(false);
  });

  test('a file that commits by itself', async () => {
    write('0002_second.sql', 'create table two (id int);\ncommit;\n');
    await expect(migrate(own.db, { folder })).rejects.toThrow('Migration 0002_second.sql ends its own transaction');
  });
});
