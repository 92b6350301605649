/**
 * What the driver's errors mean to a caller: unreachable, lost on the way, a conflict to run again, or PostgreSQL's own answer,
 * which passes through with its code (23505, ...). Guarantees that no message shows a password or a row's values.
 */
import { DrizzleQueryError } from 'drizzle-orm';
import { Fault, Transient, Uncertain } from '#core/errors.ts';
import { hasCode } from './postmaster.ts';

/** No connection could be made: the message names host, port and what to do. */
export class DatabaseUnreachable extends Transient {}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing answers there: is PostgreSQL running, and is DATABASE_URL right?',
  ENOTFOUND: 'That host name is unknown: check DATABASE_URL.',
  EAI_AGAIN: 'That host name could not be looked up just now: check DATABASE_URL and the network.',
  EHOSTUNREACH: 'There is no way to that host: check the network and DATABASE_URL.',
  ENETUNREACH: 'There is no way to that network: check the network and DATABASE_URL.',
  ETIMEDOUT: 'It did not answer in time: check the network and the firewall.',
  CONNECT_TIMEOUT: 'It did not answer in time: check the network and the firewall.',
  '28P01': 'It refuses this user or password: check DATABASE_URL.',
  '28000': 'It refuses this user: check DATABASE_URL and pg_hba.conf.',
  '3D000': 'The server is there, but not the database: create it, or check the name in DATABASE_URL.',
  '53300': 'It has no connection left: raise max_connections or run fewer processes.',
  '57P03': 'It is starting or stopping: try again in some seconds.',
};

/** Ended by an administrator, by a crash, by a time limit within a transaction or outside. */
const FAREWELLS = ['57P01', '57P02', '25P03', '57P05'];
const LOST = ['CONNECTION_CLOSED', 'CONNECTION_DESTROYED', 'CONNECTION_ENDED', 'ECONNRESET', 'EPIPE', ...FAREWELLS];
const CONFLICTS = ['40001', '40P01'];

/** `address` is host:port. Faults pass unchanged. */
export function translateFault(error: unknown, address: string): unknown {
  if (error instanceof Fault) return error;
  const root = unwrapDrizzle(error);
  const reason = REASONS[readCode(root)];
  if (reason !== undefined)
    return new DatabaseUnreachable(`No connection to PostgreSQL at ${address}. ${reason}`, root);
  if (hasCode(root, ...LOST)) {
    return new Transient(
      `The connection to PostgreSQL at ${address} was lost. Nothing of an open transaction was kept.`,
      root,
    );
  }
  return hideRowValues(root);
}

/** When COMMIT was on its way and the connection broke, nobody knows whether it took effect. */
export function translateCommitFault(error: unknown, address: string): unknown {
  if (!isConnectionLost(error)) return translateFault(error, address);
  return new Uncertain(
    `The connection to PostgreSQL at ${address} was lost while committing. It may have taken effect: read again by key.`,
    error,
  );
}

/** What a transaction's own function threw is its affair, whatever its code; only drizzle's wrapping comes off. */
export function translateThrown(error: unknown, address: string): unknown {
  return error instanceof DrizzleQueryError ? translateFault(error, address) : error;
}

/** Also when the error has been translated already. */
export function isConnectionLost(error: unknown): boolean {
  return hasCode(error instanceof Transient ? error.cause : unwrapDrizzle(error), ...LOST);
}

/**
 * PostgreSQL's farewell to a session. The driver (postgres 3.4.9, connection.js, ReadyForQuery) never gives it to the query that was
 * running, which gets CONNECTION_CLOSED, but to the first query of the next session, which is then not sent. So whoever gets it
 * may simply run again.
 */
export function isFarewell(error: unknown): boolean {
  return error instanceof Transient && hasCode(error.cause, ...FAREWELLS);
}

export function isConflict(error: unknown): boolean {
  return hasCode(unwrapDrizzle(error), ...CONFLICTS);
}

/** Drizzle wraps the driver's error in one whose message quotes all parameters; the driver's own is the one to show. */
function unwrapDrizzle(error: unknown): unknown {
  return error instanceof DrizzleQueryError && error.cause !== undefined ? error.cause : error;
}

function readCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Loggers print enumerable properties. DETAIL and CONTEXT quote row values ("Failing row contains (...)"). */
function hideRowValues(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  for (const name of ['detail', 'where']) {
    if (Object.hasOwn(error, name)) Object.defineProperty(error, name, { enumerable: false });
  }
  return error;
}
