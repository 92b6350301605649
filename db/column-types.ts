/**
 * What PostgreSQL's types are in TypeScript, for every query of a connection, also through drizzle.
 * Set after drizzle has wrapped the client: it replaces the driver's date parsers by ones that leave the text as it is
 * (drizzle-orm 0.45.4, postgres-js/driver.js, `construct`).
 */
import { customType } from 'drizzle-orm/pg-core';
import type postgres from 'postgres';
import { Defect } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';

/** timestamptz in a drizzle table. Drizzle's own `timestamp` promises a Date, which these parsers do not give. */
export const instant = customType<{ data: Instant; driverData: Instant }>({ dataType: () => 'timestamptz' });

const INT8 = 20;
const TIMESTAMPTZ = 1184;
const TIMESTAMPTZ_ARRAY = 1185;

export function readColumnsAsOurs(client: postgres.Sql): void {
  const { parsers, serializers } = client.options;
  parsers[INT8] = parseInt8;
  parsers[TIMESTAMPTZ] = parseInstant;
  serializers[TIMESTAMPTZ] = serializeInstant;
  // The driver derives array types from their element's parser at the first connection, unless one is set.
  delete parsers[TIMESTAMPTZ_ARRAY];
  delete serializers[TIMESTAMPTZ_ARRAY];
}

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new Defect(`The database returned ${text}, which is beyond exact integers (2^53).`);
  return value;
}

/** Microseconds are cut off: compare rows by their ids, not by times read back. */
function parseInstant(text: string): number {
  const value = Date.parse(text);
  if (Number.isNaN(value)) throw new Defect(`The database returned the time ${text}, which has no epoch milliseconds.`);
  return value;
}

function serializeInstant(value: unknown): string {
  if (typeof value === 'string') return value;
  const date = value instanceof Date ? value : new Date(Number(value));
  if (Number.isNaN(date.getTime()))
    throw new Defect(`${String(value)} was given for a time: epoch milliseconds are needed.`);
  return date.toISOString();
}
