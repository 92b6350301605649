/** Quantities that a person gives in an item's own units, as the base units that a command speaks of. */
import type { UnitSizes } from '#core/units.ts';
import { readUnits, resolveUnit } from '#db/units.ts';
import type { SkuLine } from './arguments.ts';
import { Failure } from './io.ts';
import type { Run } from './session.ts';

/** Refuses a unit that the item does not come by, with those that it does. */
export function inBaseUnits(units: ReadonlyMap<string, UnitSizes>, { sku, quantity, unit }: SkuLine): number {
  const size = resolveUnit(units, sku, unit);
  if (typeof size === 'number') return quantity * size;
  throw new Failure(size.reason, { mend: size.fix });
}

/** Asks the database only where a unit was named. */
export async function baseUnitsOf(run: Run, line: SkuLine): Promise<number> {
  if (line.unit === null) return line.quantity;
  return run.withDatabase(async (db) => inBaseUnits(await readUnits(db, [line.sku]), line));
}

/** `36 (3 case)`, or `36`. */
export const sayAmount = (units: number, asked: number, unit: string | undefined): string =>
  unit === undefined ? String(units) : `${units} (${asked} ${unit})`;
