/**
 * A whole batch of rows in one parameter: `json_to_recordset($1::json) as t(col type, ...)`. The text of the statement does not
 * change with the number of rows, so it is prepared once, and the limit of 65 534 parameters is out of sight.
 * Guarantees that no value is bent on the way: an integer beyond 2^53 or a NaN is refused, which JSON would round or turn to null.
 */
import { type SQL, sql } from 'drizzle-orm';
import { assert, Defect } from '#core/errors.ts';

const TYPES = [
  'text',
  'boolean',
  'int4',
  'int8',
  'float8',
  'numeric',
  'timestamptz',
  'date',
  'uuid',
  'bytea',
  'json',
  'jsonb',
  'text[]',
  'int4[]',
  'int8[]',
] as const;

export type RecordsetType = (typeof TYPES)[number];

/**
 * `columns` names the properties of a row and their SQL types. Names stay as they are: a property `itemId` is the column
 * `t."itemId"`. timestamptz takes epoch milliseconds, bytea a Uint8Array, numeric a string or a number, undefined is null.
 */
export function recordset<Row extends object>(
  rows: readonly Row[],
  columns: Readonly<Partial<Record<keyof Row & string, RecordsetType>>>,
  alias = 't',
): SQL {
  const fields = Object.entries<RecordsetType | undefined>(columns).map(([property, type]) => {
    assert(type !== undefined && TYPES.includes(type), `recordset: column ${property} has the unknown type ${type}`);
    assertName(property);
    return { property: property as keyof Row & string, type };
  });
  const json = JSON.stringify(
    rows.map((row, index) =>
      Object.fromEntries(
        fields.map(({ property, type }) => [property, encode(row[property], type, `row ${index} ${property}`)]),
      ),
    ),
  );
  assertName(alias);
  const definition = fields.map(({ property, type }) => `"${property}" ${type}`).join(', ');
  return sql`json_to_recordset(${json}::json) as ${sql.raw(`"${alias}"(${definition})`)}`;
}

function assertName(name: string): void {
  assert(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name), `recordset: ${JSON.stringify(name)} is not a column name`);
}

function encode(value: unknown, type: RecordsetType, place: string): unknown {
  if (value === undefined || value === null) return null;
  if (type === 'timestamptz') return encodeInstant(value, place);
  if (type === 'bytea') return encodeBytes(value, place);
  if (type === 'json' || type === 'jsonb') return value;
  for (const one of Array.isArray(value) ? value : [value]) assertExact(one, type, place);
  return value;
}

function assertExact(value: unknown, type: RecordsetType, place: string): void {
  if (typeof value !== 'number') return;
  assert(Number.isFinite(value), `recordset: ${place} is ${value}`);
  if (type.startsWith('int'))
    assert(Number.isSafeInteger(value), `recordset: ${place} is ${value}, not an exact integer`);
}

function encodeInstant(value: unknown, place: string): string {
  if (typeof value === 'string') return value;
  const date = value instanceof Date ? value : new Date(Number(value));
  if (Number.isNaN(date.getTime())) throw new Defect(`recordset: ${place} is ${String(value)}, not epoch milliseconds`);
  return date.toISOString();
}

function encodeBytes(value: unknown, place: string): string {
  assert(value instanceof Uint8Array, `recordset: ${place} is not a Uint8Array`);
  return `\\x${Buffer.from(value).toString('hex')}`;
}
