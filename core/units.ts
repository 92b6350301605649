/**
 * Units of measure: each, inner, case and whatever else an item comes in. The books know base units alone; everything at their edge
 * is converted exactly or refused.
 */

/** Always there, 1 base unit. */
export const EACH = 'each';

/** By name, base units in one. */
export type UnitSizes = ReadonlyMap<string, number>;

/** How many base units one of this unit is; undefined where the item has no such unit. */
export const sizeOf = (sizes: UnitSizes, unit: string): number | undefined => (unit === EACH ? 1 : sizes.get(unit));

/** Base units as whole ones of a unit or pack; null where that would not be exact. */
export const inWhole = (baseUnits: number, size: number): number | null =>
  baseUnits % size === 0 ? baseUnits / size : null;

/** `case (12), each, inner (6)`: what an item comes in, for people. */
export const sayUnits = (sizes: UnitSizes): string =>
  [EACH, ...[...sizes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([unit, size]) => `${unit} (${size})`)].join(', ');
