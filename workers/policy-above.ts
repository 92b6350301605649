/**
 * Pools of a wanted policy that protect more than is free, item by item, as its preview finds them.
 *
 * They are no mistake of the policy by themselves (goods may be on their way); so they are told with line, field, and what would not
 * be cut, and whoever applies them is asked. Guarantees: keeps only the largest, whatever the number of items.
 */
import { isDeepStrictEqual } from 'node:util';
import type { LocationId, PoolRule, ProgramId, Sku } from '#core/model.ts';
import { UNRULED } from '#core/moves.ts';
import type { PlaceShare } from '#core/place-pools.ts';
import type { PoolShare, Pools } from '#core/pools.ts';
import { scopeOf } from '#core/rules.ts';

/** More is protected than is free: each pool is cut in proportion until goods come in. */
export type PoolsAboveSupply = {
  readonly sku: Sku;
  readonly free: number;
  /** The change makes or changes a pool of it that is cut. */
  readonly isOfChange: boolean;
  readonly pools: readonly {
    readonly program: ProgramId;
    /** Of its pool of this place; absent: of its pool of the item. */
    readonly location?: LocationId;
    readonly units: number;
    readonly remaining: number;
    /** Where the rule stands: line and field of the file, else in words. */
    readonly at: string;
    /** What the rule may say without a cut; null where it says no units. */
    readonly most: number | null;
    /** No rule makes it: reallocations in force moved these units to the program, and no policy takes them away. */
    readonly isReallocated?: true;
  }[];
};

export type Above = {
  /** Items that have some free, how many of them by this change, and those that have nothing free. */
  items: number;
  itemsOfChange: number;
  itemsWithNothing: number;
  /** Of those with some free, and of those with nothing: what the change makes first, then what lacks most. */
  largest: readonly PoolsAboveSupply[];
  largestWithNothing: readonly PoolsAboveSupply[];
};

const LARGEST_MAX = 10;

export const openAbove = (): Above => ({
  items: 0,
  itemsOfChange: 0,
  itemsWithNothing: 0,
  largest: [],
  largestWithNothing: [],
});

/** What is to be told of a wanted rule, found once for all items. */
export type RulesSeen = (rule: PoolRule) => { readonly isNew: boolean; readonly at: string };

export function rulesSeen(before: readonly PoolRule[], placeOf?: (rule: PoolRule) => string | undefined): RulesSeen {
  const seen = new Map<PoolRule, ReturnType<RulesSeen>>();
  const keyOf = ({ program, sku, group }: PoolRule): string => JSON.stringify([program, sku, group]);
  const alike = Map.groupBy(before, keyOf);
  return (rule) => {
    const known = seen.get(rule);
    if (known !== undefined) return known;
    const isNew = !(alike.get(keyOf(rule)) ?? []).some((old) => isDeepStrictEqual(old, rule));
    const made = { isNew, at: placeOf?.(rule) ?? `pool of ${rule.program} for ${scopeOf(rule)}` };
    seen.set(rule, made);
    return made;
  };
}

export function addAbove(above: Above, sku: Sku, { free, own, placed }: Pools, rules: RulesSeen): void {
  const wantOf = ({ rule, program, units, consumed, remaining }: PoolShare | PlaceShare) => {
    const wanted = Math.max(0, units - Math.max(0, consumed));
    if (rule === UNRULED) {
      const moved = { program, units: wanted, remaining, at: `reallocation to ${program}`, most: null };
      return { told: { ...moved, isReallocated: true as const }, isNew: false };
    }
    const { isNew, at } = rules(rule);
    const most = rule.units === undefined ? null : Math.max(0, rule.units - (wanted - remaining));
    const place = rule.location === undefined ? {} : { location: rule.location };
    return { told: { program, ...place, units: wanted, remaining, at, most }, isNew: isNew && wanted > remaining };
  };
  const wants = [...own, ...placed].map(wantOf);
  if (wants.every(({ told }) => told.remaining >= told.units)) return;
  const isOfChange = wants.some(({ isNew }) => isNew);
  const cut = { sku, free, isOfChange, pools: wants.map(({ told }) => told).filter(({ units }) => units > 0) };
  if (free <= 0) {
    above.itemsWithNothing += 1;
    above.largestWithNothing = keepWorst([...above.largestWithNothing, cut]);
    return;
  }
  above.items += 1;
  if (isOfChange) above.itemsOfChange += 1;
  above.largest = keepWorst([...above.largest, cut]);
}

const missingOf = ({ pools }: PoolsAboveSupply): number =>
  pools.reduce((sum, { units, remaining }) => sum + units - remaining, 0);

/** What the change makes first, then what lacks most. */
const keepWorst = (all: PoolsAboveSupply[]): PoolsAboveSupply[] =>
  all
    .sort(
      (a, b) => Number(b.isOfChange) - Number(a.isOfChange) || missingOf(b) - missingOf(a) || (a.sku < b.sku ? -1 : 1),
    )
    .slice(0, LARGEST_MAX);
