/** The database client against a real server: types both ways, transactions, conflicts, and connections that break. */
import { createServer } from 'node:net';
import { DrizzleQueryError, sql } from 'drizzle-orm';
import { bigint, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Defect, Transient, Uncertain } from '#core/errors.ts';
import {
  type Database,
  DatabaseUnreachable,
  openDatabase,
  RETRIES_MAX,
  recordset,
  type Transaction,
} from '#db/client.ts';
import { instant } from '#db/column-types.ts';
import { cutOnCommit } from '../support/cut-on-commit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let own: TestDatabase;
let db: Database;

beforeAll(async () => {
  own = await createTestDatabase({ empty: true, max: 5 });
  db = own.db;
  await db.script(
    'create table counter (id int primary key, n int not null); insert into counter values (1, 0), (2, 0)',
  );
});
afterAll(() => own.drop());

const NOW = Date.UTC(2026, 10, 23, 21, 17, 0, 123);

describe('types', () => {
  test('columns come as numbers, instants, strings and values', async () => {
    const [row] = await db.rows(sql`
      select 9007199254740991::int8 as big, '{1,2}'::int8[] as bigs, '2026-11-23 22:17:00.123456+01'::timestamptz as at,
        array['2026-11-23 21:17:00.123+00'::timestamptz] as ats, 12.50::numeric as amount, '2026-11-23'::date as day,
        '{"a": [1, null]}'::jsonb as value, '"text"'::json as string, '\\x00ff'::bytea as bytes, true as yes, null::int8 as none`);
    expect(row).toEqual({
      big: 9007199254740991,
      bigs: [1, 2],
      at: NOW,
      ats: [NOW],
      amount: '12.50',
      day: '2026-11-23',
      value: { a: [1, null] },
      string: 'text',
      bytes: Buffer.from([0, 255]),
      yes: true,
      none: null,
    });
  });

  test.each([
    ['an int8 beyond exact integers', sql`select 9007199254740992::int8 as big`],
    ['a time without milliseconds', sql`select 'infinity'::timestamptz as at`],
  ])('%s is refused, not bent, and the connection goes on', async (_, query) => {
    await expect(db.rows(query)).rejects.toBeInstanceOf(Defect);
    expect(await db.rows(sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  test('parameters go as instants, JSON text with a cast, and null', async () => {
    const value = { name: 'O\'Neill "x" \\', list: [1, { deep: null }] };
    const [row] = await db.rows(sql`
      select ${NOW}::timestamptz as at, ${new Date(NOW)}::timestamptz as date, ${JSON.stringify(value)}::jsonb as value,
        jsonb_typeof(${JSON.stringify(value)}::jsonb) as type, ${null}::int8 as none`);
    expect(row).toEqual({ at: NOW, date: NOW, value, type: 'object', none: null });
    await expect(db.rows(sql`select ${Number.NaN}::timestamptz`)).rejects.toBeInstanceOf(Defect);
  });

  test('typed table queries through drizzle see the same values', async () => {
    const event = pgTable('event', {
      id: bigint({ mode: 'number' }).primaryKey(),
      at: instant().notNull(),
      body: jsonb().$type<{ sku: string }>().notNull(),
      note: text(),
    });
    await db.script(
      'create table event (id int8 primary key, at timestamptz not null, body jsonb not null, note text)',
    );
    const written = { id: 7, at: NOW, body: { sku: 'A' }, note: null };
    await db.transaction((tx) => tx.drizzle.insert(event).values(written));
    expect(await db.drizzle.select().from(event)).toEqual([written]);
    expect(await db.rows(sql`select at, jsonb_typeof(body) as type from event`)).toEqual([{ at: NOW, type: 'object' }]);
  });

  test('a recordset carries a batch of any size in one parameter, with every type as it was', async () => {
    const rows = Array.from({ length: 10_000 }, (_, index) => ({ itemId: index, at: NOW + index }));
    const sums = await db.rows(sql`
      select count(*) as n, sum(r."itemId")::int8 as ids, max(r.at) as at
      from ${recordset(rows, { itemId: 'int8', at: 'timestamptz' }, 'r')}`);
    expect(sums).toEqual([{ n: 10_000, ids: 49_995_000, at: NOW + 9_999 }]);
    const one = {
      words: 'O\'Neill "x" \\ $1',
      flag: false,
      price: '12.50',
      body: { a: [1] },
      tags: ['a,b', '{}'],
      bytes: Buffer.from([0, 255]),
      day: '2026-11-23',
      missing: undefined,
    };
    expect(
      await db.rows(
        sql`select * from ${recordset([one], {
          words: 'text',
          flag: 'boolean',
          price: 'numeric',
          body: 'jsonb',
          tags: 'text[]',
          bytes: 'bytea',
          day: 'date',
          missing: 'int8',
        })}`,
      ),
    ).toEqual([{ ...one, missing: null }]);
    expect(await db.rows(sql`select * from ${recordset<{ a: number }>([], { a: 'int4' })}`)).toEqual([]);
  });

  test.each([
    ['a fraction', { n: 1.5 }],
    ['an inexact integer', { n: 2 ** 53 }],
    ['not a number', { n: Number.NaN }],
  ])('a recordset refuses %s for an integer and names the row', (_, row) => {
    expect(() => recordset([{ n: 1 }, row], { n: 'int8' })).toThrow(`row 1 n is ${row.n}`);
  });

  test('a recordset refuses names that are not names', () => {
    expect(() => recordset<Record<string, string>>([], { 'a"; drop table item': 'text' })).toThrow(
      'is not a column name',
    );
  });
});

describe('transactions', () => {
  const add = (tx: Transaction, id: number) => tx.execute(sql`update counter set n = n + 1 where id = ${id}`);
  const read = async (id: number) => (await db.rows<{ n: number }>(sql`select n from counter where id = ${id}`))[0]?.n;

  test('commits what resolves, rolls back what throws, and answers the result', async () => {
    const before = (await read(1)) ?? 0;
    expect(await db.transaction(async (tx) => (await add(tx, 1)) * 10)).toBe(10);
    const planned = new Error('planned');
    await expect(
      db.transaction(async (tx) => {
        await add(tx, 1);
        throw planned;
      }),
    ).rejects.toBe(planned);
    expect(await read(1)).toBe(before + 1);
  });

  test('lost updates are impossible under serializable: every conflict runs again', async () => {
    await db.execute(sql`update counter set n = 0`);
    const increment = async (tx: Transaction) => {
      const [row] = await tx.rows<{ n: number }>(sql`select n from counter where id = 1`);
      await tx.execute(sql`update counter set n = ${(row?.n ?? 0) + 1} where id = 1`);
    };
    await Promise.all(Array.from({ length: 4 }, () => db.transaction(increment, { isolation: 'serializable' })));
    expect(await read(1)).toBe(4);
  });

  test('a deadlock is run again by the one that PostgreSQL ends', async () => {
    await db.execute(sql`update counter set n = 0`);
    const met = Promise.withResolvers<void>();
    let waiting = 2;
    let runs = 0;
    const cross = (first: number, second: number) =>
      db.transaction(async (tx) => {
        runs += 1;
        await add(tx, first);
        waiting -= 1;
        if (waiting === 0) met.resolve();
        await met.promise;
        await add(tx, second);
      });
    await Promise.all([cross(1, 2), cross(2, 1)]);
    expect([await read(1), await read(2)]).toEqual([2, 2]);
    expect(runs).toBe(3);
  });

  test.each(['ECONNREFUSED', 'ECONNRESET', '57P01'])(
    "an error of the caller's own with code %s passes as it is and rolls back",
    async (code) => {
      await db.execute(sql`update counter set n = 0`);
      let runs = 0;
      const foreign = Object.assign(new Error('another system'), { code });
      await expect(
        db.transaction(async (tx) => {
          runs += 1;
          await add(tx, 1);
          throw foreign;
        }),
      ).rejects.toBe(foreign);
      expect(runs).toBe(1);
      expect(await read(1)).toBe(0);
    },
  );

  test('a typed query that fails shows the error of PostgreSQL, not all its parameters', async () => {
    const counter = pgTable('counter', { id: bigint({ mode: 'number' }), n: bigint({ mode: 'number' }) });
    const error: unknown = await db
      .transaction((tx) => tx.drizzle.insert(counter).values({ id: 1, n: 4711 }))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: '23505' });
    expect(String(error)).not.toContain('4711');
  });

  test('conflicts are run again a bounded number of times, then thrown as they are', async () => {
    let runs = 0;
    const conflict = db.transaction(async (tx) => {
      runs += 1;
      await tx.execute(sql`do $$ begin raise exception 'busy' using errcode = '40001'; end $$`);
    });
    await expect(conflict).rejects.toMatchObject({ code: '40001' });
    expect(runs).toBe(RETRIES_MAX + 1);
  });

  test('a read-only transaction refuses to write', async () => {
    await expect(db.transaction((tx) => add(tx, 1), { readOnly: true })).rejects.toMatchObject({ code: '25006' });
  });

  test("PostgreSQL's own errors keep their code and hide row values from loggers", async () => {
    const error: unknown = await db
      .execute(sql`insert into counter values (1, 4711)`)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: '23505', constraint_name: 'counter_pkey' });
    expect(JSON.stringify(error)).not.toContain('Key (id)');
  });

  test('statements and idle transactions have time limits', async () => {
    await using limited = await createTestDatabase({
      empty: true,
      statementTimeoutMs: 100,
      idleInTransactionTimeoutMs: 1_234,
    });
    await expect(limited.db.rows(sql`select pg_sleep(20)`)).rejects.toMatchObject({ code: '57014' });
    expect(
      await limited.db.rows(sql`
      select current_setting('idle_in_transaction_session_timeout') as idle, current_setting('application_name') as name`),
    ).toEqual([{ idle: '1234ms', name: 'allot' }]);
  });
});

describe('connections that break', () => {
  const endSession = (pid: number) => db.rows(sql`select pg_terminate_backend(${pid})`);
  const myPid = async (tx: Transaction) =>
    (await tx.rows<{ pid: number }>(sql`select pg_backend_pid() as pid`))[0]?.pid ?? 0;

  test('a session ended inside a transaction is Transient, rolls back, and the pool recovers', async () => {
    await db.execute(sql`update counter set n = 0`);
    const broken = db.transaction(async (tx) => {
      await tx.execute(sql`update counter set n = 5 where id = 1`);
      await endSession(await myPid(tx));
      await tx.execute(sql`update counter set n = 6 where id = 1`);
    });
    await expect(broken).rejects.toBeInstanceOf(Transient);
    expect(await db.rows(sql`select n from counter where id = 1`)).toEqual([{ n: 0 }]);
  });

  test('a session ended while the transaction does something else is Transient too', async () => {
    const broken = db.transaction(async (tx) => {
      const pid = await myPid(tx);
      await endSession(pid);
      // Until the server has closed the session there is nothing to notice.
      while ((await db.rows(sql`select 1 from pg_stat_activity where pid = ${pid}`)).length > 0);
      await tx.execute(sql`select 1`);
    });
    await expect(broken).rejects.toBeInstanceOf(Transient);
    expect(await db.rows(sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  test('a caller that goes on after the loss, and swallows it, neither ends the process nor commits', async () => {
    await db.execute(sql`update counter set n = 0`);
    const seen: unknown[] = [];
    const goesOn = Promise.withResolvers<void>();
    const broken = db.transaction(async (tx) => {
      await tx.execute(sql`update counter set n = 5 where id = 1`);
      await endSession(await myPid(tx));
      const change = sql`update counter set n = 6 where id = 1`;
      const attempts = [
        () => tx.execute(change),
        () => tx.execute(change),
        async () => tx.drizzle.execute(change),
        () => tx.rows(change),
      ];
      for (const attempt of attempts) await attempt().catch((error: unknown) => seen.push(error));
      goesOn.resolve();
    });
    await expect(broken).rejects.toBeInstanceOf(Transient);
    await goesOn.promise;
    expect(seen).toEqual([
      expect.any(Transient),
      expect.any(Transient),
      expect.any(DrizzleQueryError),
      expect.any(Transient),
    ]);
    expect(
      await Promise.all(Array.from({ length: 5 }, () => db.rows(sql`select n from counter where id = 1`))),
    ).toEqual(Array.from({ length: 5 }, () => [{ n: 0 }]));
  });

  test('the first query and the first transaction of the next session do not get the farewell of the last', async () => {
    await using single = await createTestDatabase({ empty: true, max: 1 });
    const answers = [
      () => single.db.rows(sql`select 1 as one`),
      () => single.db.transaction((tx) => tx.rows(sql`select 1 as one`)),
    ];
    for (const answer of answers) {
      const broken = single.db.transaction(async (tx) => {
        await endSession(await myPid(tx));
        await tx.execute(sql`select 1`);
      });
      await expect(broken).rejects.toBeInstanceOf(Transient);
      expect(await answer()).toEqual([{ one: 1 }]);
    }
  });

  test('a reply to COMMIT that never comes is Uncertain, because it did take effect', async () => {
    await db.execute(sql`update counter set n = 0`);
    const proxy = await cutOnCommit(new URL(own.url));
    const far = openDatabase(proxy.url, { max: 1 });
    await expect(
      far.transaction((tx) => tx.execute(sql`update counter set n = 9 where id = 1`)),
    ).rejects.toBeInstanceOf(Uncertain);
    expect(await db.rows(sql`select n from counter where id = 1`)).toEqual([{ n: 9 }]);
    await far.close();
    await proxy.close();
  });

  test('nothing listening: the message names host, port and fix, never the password', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    await new Promise((resolve) => server.close(resolve));
    const far = openDatabase(`postgres://someone:s3cret-word@127.0.0.1:${port}/allot`);
    const attempts = [
      () => far.rows(sql`select 1`),
      () => far.transaction((tx) => tx.rows(sql`select 1`)),
      () => far.script('select 1'),
    ];
    for (const attempt of attempts) {
      const error: unknown = await attempt().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(DatabaseUnreachable);
      expect(String(error)).toContain(
        `127.0.0.1:${port}. Nothing answers there: is PostgreSQL running, and is DATABASE_URL right?`,
      );
      expect(String(error)).not.toContain('s3cret-word');
    }
    await far.close();
  });

  test('a database that is not there is named as such', async () => {
    const url = new URL(own.url);
    url.pathname = '/no_such_database';
    const far = openDatabase(url.href, { max: 1 });
    await expect(far.rows(sql`select 1`)).rejects.toThrow('The server is there, but not the database');
    await far.close();
  });
});
