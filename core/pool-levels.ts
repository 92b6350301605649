/**
 * Pools that are low: less than a percent of their protection is left, with the moves that would mend it.
 *
 * Guarantees: pure; a donor is never named for so much that its own pool would be low after; the moves together lift the pool to its
 * threshold, or are all that can safely be given.
 */
import type { LocationId, Move, Policy, PoolId, ProgramId, Sku } from './model.ts';
import { receivedUnits } from './moves.ts';
import type { PoolShare, Pools } from './pools.ts';
import { GUARD_DEFAULTS } from './reallocation-guards.ts';

export type LowPool = {
  readonly sku: Sku;
  readonly program: ProgramId;
  /** Of its pool of this place; absent: of its pool of the item. */
  readonly location?: LocationId;
  /** Its protection, and how much of it is left. */
  readonly units: number;
  readonly remaining: number;
  /** Units that would lift it to its threshold. */
  readonly missing: number;
  /** The largest safe donors first; none for a pool of one place, which goods alone can mend. */
  readonly moves: readonly { readonly from: PoolId; readonly units: number }[];
};

/** Units that lift a pool to `percent` of its protection, which grows with them. */
const missingIn = ({ units, remaining }: PoolShare, percent: number): number =>
  Math.ceil((percent * units - 100 * remaining) / (100 - percent));

/** Units above `percent` of what a pool protects now. */
const spareOf = ({ units, remaining }: PoolShare, percent: number): number =>
  remaining - Math.ceil((percent * units) / 100);

const isLow = ({ units, remaining }: Pick<PoolShare, 'units' | 'remaining'>, percent: number): boolean =>
  remaining * 100 < percent * units;

const NONE_LOW: readonly LowPool[] = [];

/** Asked of every item that a batch touched. */
function hasLow(shares: readonly PoolShare[], percent: number): boolean {
  for (const share of shares) if (isLow(share, percent)) return true;
  return false;
}

/** No move goes to a place: units lift it that come there. `missing` is the least: a pool that is a part of what is there grows with them. */
const lowPlacesOf = (sku: Sku, { placed }: Pools, percent: number): LowPool[] =>
  placed
    .filter((share) => isLow(share, percent))
    .map(({ program, location, units, remaining }) => {
      const missing = Math.ceil((percent * units) / 100) - remaining;
      return { sku, program, location, units, remaining, missing, moves: [] };
    });

/** The pools of an item that are low now, by program id; then those of one place, by program id and place. */
export function lowPoolsOf(
  policy: Pick<Policy, 'reallocation'>,
  item: { readonly sku: Sku; readonly moves: readonly Move[] },
  pools: Pools,
): readonly LowPool[] {
  const { sku, moves: inForce } = item;
  const percent = policy.reallocation?.lowPoolPercent ?? GUARD_DEFAULTS.lowPoolPercent;
  const lowPlaces = pools.placed.length === 0 ? NONE_LOW : lowPlacesOf(sku, pools, percent);
  if (!hasLow(pools.own, percent)) return lowPlaces;
  const low = pools.own.filter((share) => isLow(share, percent));
  const givable = (from: PoolId, units: number) => ({ from, units: units - receivedUnits(inForce, from) });
  const spares = [
    givable('shared', pools.shared),
    ...pools.own.map((share) => givable(share.program, spareOf(share, percent))),
  ];
  const donors = spares
    .filter(({ units }) => units > 0)
    .sort((a, b) => b.units - a.units || (a.from < b.from ? -1 : 1));
  const lowItems = low.map((share) => {
    const missing = missingIn(share, percent);
    // A pool that has drawn more than it protects would swallow what it is given (core/reallocation.ts), and no move makes lots younger.
    let open = share.consumed > share.units || share.isCutByLife === true ? 0 : missing;
    const moves = donors.flatMap(({ from, units }) => {
      const given = Math.min(open, units);
      open -= given;
      return given > 0 && from !== share.program ? [{ from, units: given }] : [];
    });
    return { sku, program: share.program, units: share.units, remaining: share.remaining, missing, moves };
  });
  return [...lowItems, ...lowPlaces];
}
