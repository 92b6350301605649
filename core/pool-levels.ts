/**
 * Pools that are low: less than a percent of their protection is left, with the moves that would mend it.
 *
 * Guarantees: pure; a donor is never named for so much that its own pool would be low after; the moves together lift the pool to its
 * threshold, or are all that can safely be given.
 */
import type { Instant, LocationId, Move, Policy, PoolId, ProgramId, Sku } from './model.ts';
import { receivedUnits } from './moves.ts';
import type { PlaceShare } from './place-pools.ts';
import { unitsOfRules } from './pool-units.ts';
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
  /** Units that would lift it to its threshold; of a pool of one place, that come there at least. */
  readonly missing: number;
  /** Of a pool of one place: a receipt there fills it anew, a transfer would not; or no goods lift it, since they are drawn for good. */
  readonly liftedBy?: 'receipt' | 'rule';
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

/** When, and what is free then. */
type Standing = { readonly free: { get(location: LocationId): number | undefined }; readonly now: Instant };

/** More than comes to a place at once. */
const COMING_MAX = 1 << 24;

/** The least units that lift a pool when they come to its place, others keeping what they have there; null where no number does. */
function leastComing(share: PlaceShare, placed: readonly PlaceShare[], percent: number, at: Standing): number | null {
  const there = placed.filter(({ location }) => location === share.location);
  const index = there.indexOf(share);
  const free = at.free.get(share.location) ?? 0;
  const kept = there.reduce((units, other) => (other === share ? units : units + other.remaining), 0);
  // Where it was cut, others come first: of what is there it has no more than this.
  const isCut = share.remaining < share.units - share.consumed;
  const room = isCut ? share.remaining : Math.max(share.remaining, free - kept);
  const isLifted = (coming: number): boolean => {
    const supplies = there.map(({ rule, supply }) => (rule.refill === 'receipt' ? Math.max(0, free) : supply) + coming);
    const units = unitsOfRules(there, supplies, at.now)[index] ?? 0;
    const consumed = share.rule.refill === 'receipt' ? Math.min(0, share.consumed) : share.consumed;
    return !isLow({ units, remaining: Math.max(0, Math.min(units - consumed, room + coming)) }, percent);
  };
  let most = 1;
  while (!isLifted(most)) {
    if (most >= COMING_MAX) return null;
    most *= 2;
  }
  let [lifted, low] = [most, Math.floor(most / 2)];
  while (lifted - low > 1) {
    const middle = Math.floor((lifted + low) / 2);
    if (isLifted(middle)) lifted = middle;
    else low = middle;
  }
  return lifted;
}

/** No move goes to a place: units lift it that come there. */
const lowPlacesOf = (sku: Sku, { placed }: Pools, percent: number, at: Standing): LowPool[] =>
  placed
    .filter((share) => isLow(share, percent))
    .map((share) => {
      const { program, location, units, remaining, consumed, rule } = share;
      const coming = leastComing(share, placed, percent, at);
      const low = { sku, program, location, units, remaining, moves: [] };
      if (coming === null)
        return { ...low, missing: Math.ceil((percent * units) / 100) - remaining, liftedBy: 'rule' as const };
      const isByReceipt = rule.refill === 'receipt' && consumed > 0;
      return { ...low, missing: coming, ...(isByReceipt ? { liftedBy: 'receipt' as const } : {}) };
    });

/** The pools of an item that are low now, by program id; then those of one place, by program id and place. */
export function lowPoolsOf(
  policy: Pick<Policy, 'reallocation'>,
  item: { readonly sku: Sku; readonly moves: readonly Move[] },
  pools: Pools,
  at: Standing,
): readonly LowPool[] {
  const { sku, moves: inForce } = item;
  const percent = policy.reallocation?.lowPoolPercent ?? GUARD_DEFAULTS.lowPoolPercent;
  const lowPlaces = pools.placed.length === 0 ? NONE_LOW : lowPlacesOf(sku, pools, percent, at);
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
