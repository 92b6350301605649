/** Partitions on tables of our own, named as the project's are. */
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from '#db/client.ts';
import { dropExpired, ensurePartitions, PARTITIONED } from '#db/partitions.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let own: TestDatabase;
/** 2026-12-31, half an hour before the year ends in UTC. */
const NOW = Date.UTC(2026, 11, 31, 23, 30);

beforeEach(async () => {
  own = await createTestDatabase({ empty: true });
  for (const { table, column, every } of PARTITIONED) {
    await own.db.script(`
      create table ${table} (id bigint generated always as identity, ${column} ${every === 'day' ? 'date' : 'timestamptz'} not null,
        delta int not null default 1 check (delta <> 0), primary key (${column}, id)) partition by range (${column});
      create table ${table}_default partition of ${table} default`);
  }
});
afterEach(() => own.drop());

const insert = (table: string, at: string) =>
  own.db.rows<{ place: string }>(
    sql`insert into ${sql.identifier(table)} values (default, ${sql.raw(`'${at}'`)}) returning tableoid::regclass::text as place`,
  );

describe('ensurePartitions', () => {
  test('makes the current and the coming periods of every table, once', async () => {
    const first = await ensurePartitions(own.db, NOW, { months: 1, days: 2 });
    expect(first).toEqual({
      created: [
        'stock_entry_2026_12',
        'stock_entry_2027_01',
        'promise_entry_2026_12',
        'promise_entry_2027_01',
        'target_entry_2026_12',
        'target_entry_2027_01',
        'inbox_raw_2026_12_31',
        'inbox_raw_2027_01_01',
        'inbox_raw_2027_01_02',
      ],
      blocked: [],
    });
    expect(await ensurePartitions(own.db, NOW, { months: 1, days: 2 })).toEqual({ created: [], blocked: [] });
    expect(await ensurePartitions(own.db, NOW + 86_400_000, { months: 1, days: 2 })).toEqual({
      created: ['stock_entry_2027_02', 'promise_entry_2027_02', 'target_entry_2027_02', 'inbox_raw_2027_01_03'],
      blocked: [],
    });
  });

  test('rows find their period at its very edges, keep identity, key and checks, and fall into the default outside', async () => {
    await ensurePartitions(own.db, NOW, { months: 1, days: 0 });
    const places = [
      ['2026-12-01 00:00:00+00', 'stock_entry_2026_12'],
      ['2026-12-31 23:59:59.999999+00', 'stock_entry_2026_12'],
      ['2027-01-01 00:59:59+01', 'stock_entry_2026_12'],
      ['2027-01-01 00:00:00+00', 'stock_entry_2027_01'],
      ['2027-02-01 00:00:00+00', 'stock_entry_default'],
      ['2020-01-01 00:00:00+00', 'stock_entry_default'],
    ] as const;
    for (const [at, place] of places) expect(await insert('stock_entry', at)).toEqual([{ place }]);
    expect(await own.db.rows(sql`select array_agg(id order by id) as ids from stock_entry`)).toEqual([
      { ids: [1, 2, 3, 4, 5, 6] },
    ]);
    await expect(own.db.execute(sql`insert into stock_entry values (default, '2026-12-02', 0)`)).rejects.toMatchObject({
      code: '23514',
    });
    expect(
      await own.db.rows(sql`select contype::text as type from pg_constraint where conrelid = 'stock_entry_2026_12'::regclass and contype in ('p', 'c')
        order by 1`),
    ).toEqual([{ type: 'c' }, { type: 'p' }]);
  });

  test('four processes at once make each partition once', async () => {
    const others = Array.from({ length: 4 }, () => openDatabase(own.url, { max: 2 }));
    const made = await Promise.all(others.map((db) => ensurePartitions(db, NOW)));
    const names = made.flatMap(({ created }) => created);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength(3 * 3 + 8);
    await Promise.all(others.map((db) => db.close()));
  });

  test('waits for no transaction that writes into an existing period, and holds none up', async () => {
    await ensurePartitions(own.db, NOW, { months: 0, days: 0 });
    const writing = Promise.withResolvers<void>();
    const made = Promise.withResolvers<void>();
    const writer = own.db.transaction(async (tx) => {
      for (const { table } of PARTITIONED) {
        await tx.execute(sql`insert into ${sql.identifier(table)} values (default, '2026-12-31')`);
      }
      writing.resolve();
      await made.promise;
    });
    await writing.promise;
    const { created } = await ensurePartitions(own.db, NOW, { months: 1, days: 1 });
    expect(created).toHaveLength(PARTITIONED.length);
    made.resolve();
    await writer;
  });

  test('rows that already stand in the default partition block their period alone, and stay', async () => {
    await insert('stock_entry', '2027-01-15');
    const { created, blocked } = await ensurePartitions(own.db, NOW, { months: 2, days: 0 });
    expect(blocked).toEqual(['stock_entry_2027_01']);
    expect(created).toContain('stock_entry_2027_02');
    expect(await insert('stock_entry', '2027-01-16')).toEqual([{ place: 'stock_entry_default' }]);
    expect(await own.db.rows(sql`select count(*) as n from stock_entry`)).toEqual([{ n: 2 }]);
  });

  test.each([
    ['does not exist', 'drop table promise_entry'],
    ['is not partitioned', 'drop table promise_entry; create table promise_entry (id int)'],
  ])('a parent that %s is named', async (fault, change) => {
    await own.db.script(change);
    await expect(ensurePartitions(own.db, NOW)).rejects.toThrow(`The table promise_entry ${fault}`);
  });

  test("the project's own tables take their partitions", async () => {
    await using whole = await createTestDatabase();
    const { created, blocked } = await ensurePartitions(whole.db, NOW);
    expect(blocked).toEqual([]);
    expect(created).toHaveLength(3 * 3 + 8);
  });
});

describe('dropExpired', () => {
  test('drops whole days before the day, never that day, and empties them out of the default partition', async () => {
    await ensurePartitions(own.db, NOW, { months: 0, days: 3 });
    for (const day of ['2026-11-01', '2026-12-31', '2027-01-01', '2027-01-02', '2027-05-01'])
      await insert('inbox_raw', day);
    expect(await dropExpired(own.db, 'inbox_raw', '2027-01-02')).toEqual({
      dropped: ['inbox_raw_2026_12_31', 'inbox_raw_2027_01_01'],
      deleted: 1,
    });
    expect(await own.db.rows(sql`select received_on as day from inbox_raw order by 1`)).toEqual([
      { day: '2027-01-02' },
      { day: '2027-05-01' },
    ]);
    expect(await dropExpired(own.db, 'inbox_raw', '2027-01-02')).toEqual({ dropped: [], deleted: 0 });
  });

  test('refuses what is not a day, and any table that does not expire', async () => {
    await expect(dropExpired(own.db, 'inbox_raw', '2027-1-2')).rejects.toThrow('2027-1-2 is not a day like 2026-11-23');
    const ledger = 'stock_entry' as 'inbox_raw';
    await expect(dropExpired(own.db, ledger, '2027-01-02')).rejects.toThrow(
      'stock_entry is not partitioned by day and never expires',
    );
  });
});
