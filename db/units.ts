/** Units of measure as they are stored, and rows of a file put into base units. */
import { sql } from 'drizzle-orm';
import type { Sku } from '#core/model.ts';
import { EACH, sayUnits, sizeOf, type UnitSizes } from '#core/units.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';

const NONE: UnitSizes = new Map();

/** The units of these items beside `each`. */
export async function readUnits(db: Queries, skus: readonly Sku[]): Promise<ReadonlyMap<Sku, UnitSizes>> {
  if (skus.length === 0) return new Map();
  const rows = await db.rows<{ sku: Sku; unit: string; units: number }>(sql`
    select sku, unit, units from item_unit where sku = any(${list([...new Set(skus)])}) order by sku, unit`);
  return new Map(
    [...Map.groupBy(rows, (row) => row.sku)].map(([sku, units]) => [
      sku,
      new Map(units.map(({ unit, units: size }) => [unit, size])),
    ]),
  );
}

export type UnknownUnit = { readonly reason: string; readonly fix: string };

/** How many base units one `unit` of an item is, or why nobody knows. */
export function resolveUnit(
  units: ReadonlyMap<Sku, UnitSizes>,
  sku: Sku,
  unit: string | null | undefined,
): number | UnknownUnit {
  const sizes = units.get(sku) ?? NONE;
  const size = sizeOf(sizes, unit ?? EACH);
  if (size !== undefined) return size;
  return {
    reason: `SKU ${sku} does not come by the ${unit}`,
    fix: `its units are ${sayUnits(sizes)}; more by the units column of allot import items FILE`,
  };
}
