/**
 * Speaking to an embedded server while it starts, runs or stops: is it there, is it ours, which port may it have?
 * Connects as the superuser for a moment each time; the daemon's own work goes through client.ts.
 */
import { once } from 'node:events';
import { realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import postgres from 'postgres';
import { SUPERUSER } from './cluster.ts';
import { hasCode } from './postmaster.ts';

export type Answer = 'ready' | 'not yet' | 'wrong password';

const HOST = '127.0.0.1';
const DATABASE = 'allot';

/** A server that answers with our password but serves another folder is not ours: the port was reused. */
export async function askServer(port: number, password: string, dataDirectory: string): Promise<Answer> {
  const sql = connect(port, password);
  try {
    const [row] = await sql<{ data_directory: string }[]>`show data_directory`;
    return row !== undefined && (await isSameFolder(row.data_directory, dataDirectory)) ? 'ready' : 'not yet';
  } catch (error) {
    if (hasCode(error, '28P01', '28000')) return 'wrong password';
    if (hasCode(error, ...NOT_YET)) return 'not yet';
    throw error;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Refused, starting or shutting down, cut while shutting down, or another program's silence on this port. */
const NOT_YET = [
  'ECONNREFUSED',
  'ECONNRESET',
  '57P03',
  '57P01',
  'CONNECTION_CLOSED',
  'CONNECT_TIMEOUT',
  'CONNECTION_DESTROYED',
];

async function isSameFolder(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((path) => realpath(path).catch(() => path)));
  return a === b;
}

export async function ensureDatabase(port: number, password: string): Promise<void> {
  const sql = connect(port, password);
  try {
    const found = await sql`select 1 from pg_database where datname = ${DATABASE}`;
    if (found.length === 0) await sql.unsafe(`create database ${DATABASE}`);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

function connect(port: number, password: string) {
  return postgres({
    host: HOST,
    port,
    user: SUPERUSER,
    password,
    database: 'postgres',
    max: 1,
    connect_timeout: 5,
    fetch_types: false,
    connection: { application_name: 'allot embedded' },
  });
}

/** The wanted port when it is free, so that clients of a server that fell find the next one; else any free port. */
export async function findPort(wanted: number | undefined): Promise<number> {
  const port = (wanted === undefined ? undefined : await tryPort(wanted)) ?? (await tryPort(0));
  if (port === undefined) throw new Error(`The system gave no TCP port on ${HOST}.`);
  return port;
}

async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer().listen(port, HOST);
  try {
    await once(server, 'listening');
  } catch (error) {
    if (hasCode(error, 'EADDRINUSE', 'EACCES')) return undefined;
    throw error;
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  return address === null || typeof address === 'string' ? undefined : address.port;
}

/** Holds the password: never log it. */
export function buildUrl(port: number, password: string): string {
  return `postgres://${SUPERUSER}:${password}@${HOST}:${port}/${DATABASE}`;
}
