/**
 * The way to PostgreSQL: set-based SQL through drizzle's `sql` template, on postgres.js.
 *
 *   const items = await db.rows<{ id: number; sku: string }>(sql`select id, sku from item where active`);
 *   await db.transaction(async (tx) => tx.execute(sql`insert into item (sku) select sku from ${recordset(rows, { sku: 'text' })}`));
 *
 * What columns become: int8 a number (refused beyond 2^53), timestamptz epoch milliseconds, numeric a string (cast sums to int8),
 * date 'YYYY-MM-DD', json and jsonb their value (a null inside an SQL array is read as the text NULL by the driver: ask for json). What parameters take: epoch milliseconds for timestamptz, JSON text with a cast
 * for json and jsonb, several values through list.ts, several rows through recordset.ts.
 * Guarantees that conflicts (40001, 40P01) are run again and that a lost COMMIT reply is Uncertain. A lost connection is not
 * tried again here: the caller reads by key first.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import { drizzle, PostgresJsDatabase, PostgresJsSession } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { Transient } from '#core/errors.ts';
import { readColumnsAsOurs } from './column-types.ts';
import {
  isConflict,
  isConnectionLost,
  isFarewell,
  translateCommitFault,
  translateFault,
  translateThrown,
} from './faults.ts';

export { DatabaseUnreachable } from './faults.ts';
export { recordset } from './recordset.ts';

export interface DatabaseOptions {
  /** Connections at most; default 10. */
  readonly max?: number;
  readonly applicationName?: string;
  /** Default 30 000. */
  readonly statementTimeoutMs?: number;
  /** Default 60 000. */
  readonly idleInTransactionTimeoutMs?: number;
}

export interface TransactionOptions {
  /** Default: read committed. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
}

/** What a database and a transaction both do. */
export interface Queries {
  /** Column names are the property names: `select item_id as "itemId"`. */
  rows<Row extends object>(query: SQL): Promise<Row[]>;
  /** Resolves to the number of rows touched. */
  execute(query: SQL): Promise<number>;
  /** Several statements in one text, without parameters (migrations); their results are dropped. */
  script(text: string): Promise<void>;
  /** Drizzle itself, for typed queries on single tables. Its errors are DrizzleQueryError, whose message quotes all parameters. */
  readonly drizzle: Omit<PostgresJsDatabase, 'transaction'>;
}

export type Transaction = Queries;

export interface Database extends Queries {
  /**
   * Runs `fn` in one transaction and commits when it resolves. `fn` runs again, RETRIES_MAX times at most, when PostgreSQL asks
   * for it, so it must touch nothing but the transaction.
   */
  transaction<Result>(fn: (tx: Transaction) => Promise<Result>, options?: TransactionOptions): Promise<Result>;
  /** Waits for running statements, 5 seconds at most. */
  close(): Promise<void>;
}

/** One client's connections, with what all its queries share. */
interface Connected {
  readonly client: postgres.Sql;
  /** host:port, for messages. */
  readonly address: string;
  /** Texts that run as prepared statements. */
  readonly prepared: Set<string>;
}

/** What a client and a transaction of the driver share, as far as it is used here. */
type Sender = Pick<postgres.Sql, 'unsafe'>;

/** One transaction's connection. */
interface Session {
  isLost: boolean;
  isCommitting: boolean;
  /** What the caller's function threw: its own affair, whatever the code. */
  thrown?: unknown;
}

export const RETRIES_MAX = 5;
const RETRY_BASE_MS = 10;
const CLOSE_TIMEOUT_S = 5;
/** The driver's own waits grow to 20 s; after a restart of PostgreSQL we want to be back within 2 s. */
const RECONNECT_DELAY_MAX_S = 1;
/** Each connection keeps its prepared statements for ever: texts beyond these run unprepared. */
const PREPARED_MAX = 500;

const dialect = new PgDialect();

/** Connects lazily: the first query, not this call, meets an unreachable server. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const client = openClient(url, options);
  const orm = drizzle(client);
  readColumnsAsOurs(client);
  const address = client.options.host.map((host, index) => `${host}:${client.options.port[index]}`).join(',');
  const connected: Connected = { client, address, prepared: new Set() };
  return {
    ...makeQueries(connected, client, orm),
    transaction: (fn, settings) => runTransaction(connected, fn, settings ?? {}),
    close: () => client.end({ timeout: CLOSE_TIMEOUT_S }),
  };
}

function openClient(url: string, options: DatabaseOptions): postgres.Sql {
  return postgres(url, {
    max: options.max ?? 10,
    connect_timeout: 10,
    backoff: (attempt) => Math.min(RECONNECT_DELAY_MAX_S, 0.02 * 2 ** attempt),
    onnotice: () => undefined, // "already exists, skipping" and the like, which the driver would print
    connection: {
      application_name: options.applicationName ?? 'allot',
      statement_timeout: options.statementTimeoutMs ?? 30_000,
      idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 60_000,
      TimeZone: 'UTC',
      DateStyle: 'ISO',
    },
  });
}

function makeQueries(connected: Connected, client: Sender, orm: Queries['drizzle']): Queries {
  const run = async <Result>(start: () => PromiseLike<Result>, attempt = 1): Promise<Result> => {
    try {
      return await start();
    } catch (error) {
      const fault = translateFault(error, connected.address);
      if (isFarewell(fault) && attempt <= connected.client.options.max) return run(start, attempt + 1);
      throw fault;
    }
  };
  const runOne = (query: SQL) => {
    const { sql: text, params } = dialect.sqlToQuery(query);
    const prepare = isPrepared(connected.prepared, text);
    const settings: Readonly<{ prepare: boolean; simple: boolean }> = { prepare, simple: false };
    return run(() => client.unsafe(text, params as postgres.ParameterOrJSON<never>[], settings));
  };
  return {
    drizzle: orm,
    rows: async <Row extends object>(query: SQL) => Array.from<unknown>(await runOne(query)) as Row[],
    execute: async (query) => (await runOne(query)).count,
    script: async (text) => {
      await run(() => client.unsafe(text).simple());
    },
  };
}

function isPrepared(prepared: Set<string>, text: string): boolean {
  if (prepared.size < PREPARED_MAX) prepared.add(text);
  return prepared.has(text);
}

async function runTransaction<Result>(
  connected: Connected,
  fn: (tx: Transaction) => Promise<Result>,
  options: TransactionOptions,
): Promise<Result> {
  let farewells = 0;
  for (let attempt = 0; ; ) {
    try {
      return await runOnce(connected, fn, options);
    } catch (error) {
      if (isFarewell(error) && farewells++ < connected.client.options.max) continue;
      if (!isConflict(error) || attempt === RETRIES_MAX) throw error;
      await wait(RETRY_BASE_MS * 2 ** attempt++ * (0.5 + Math.random()));
    }
  }
}

/**
 * After its connection is gone, a transaction must send nothing more: the driver (postgres 3.4.9, connection.js, nextWrite) then
 * writes to a socket that is null, from a timer, where nothing can catch it, and the process falls. It sends its own `rollback` when
 * the callback rejects, so the callback stays open instead; `begin` is rejected by the closing itself.
 */
async function runOnce<Result>(
  connected: Connected,
  fn: (tx: Transaction) => Promise<Result>,
  options: TransactionOptions,
): Promise<Result> {
  const mode = `isolation level ${options.isolation ?? 'read committed'}${options.readOnly ? ' read only' : ''}`;
  const session: Session = { isLost: false, isCommitting: false };
  try {
    const result = await connected.client.begin(mode, async (client) => {
      try {
        const sender = guardSender(connected, client, session);
        const done = await fn(makeQueries(connected, sender, wrapTransaction(sender)));
        if (session.isLost) await forever();
        session.isCommitting = true;
        return { done };
      } catch (error) {
        if (session.isLost) await forever();
        session.thrown = error;
        throw error;
      }
    });
    return result.done;
  } catch (error) {
    session.isLost ||= isConnectionLost(error);
    if (error === session.thrown) throw translateThrown(error, connected.address);
    if (session.isCommitting) throw translateCommitFault(error, connected.address);
    throw translateFault(error, connected.address);
  }
}

function guardSender(connected: Connected, client: Sender, session: Session): Sender {
  return {
    unsafe: <Rows extends unknown[]>(...sent: Parameters<Sender['unsafe']>) => {
      if (session.isLost) throw new Transient(`The connection to PostgreSQL at ${connected.address} was lost.`);
      const query = client.unsafe<Rows>(...sent);
      query.catch((error: unknown) => {
        session.isLost ||= isConnectionLost(error);
      });
      return query;
    },
  };
}

/** As drizzle's own transaction() does it; its types ask for a whole client where only unsafe() is used. */
function wrapTransaction(sender: Sender): Queries['drizzle'] {
  const session = new PostgresJsSession(sender as unknown as postgres.Sql, dialect, undefined);
  return new PostgresJsDatabase(dialect, session, undefined);
}

function forever(): Promise<never> {
  return new Promise(() => undefined);
}
