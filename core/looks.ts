/**
 * How many listings of a channel a light scan looks at, and how long a round then takes.
 *
 * Two parts of each scan: the listings not looked at for longest, so many that a round of all takes at most one period; and beside them
 * those that a look is worth most of (core/drift.ts `lookValue`), as many again where the platform's budget allows.
 * Guarantees: where `isCovered`, no listing is older than a period and one scan; else `roundMs` says how long a round takes.
 */
export type LookTerms = {
  readonly listings: number;
  /** Between two scans, and the time in which each listing is to be looked at once. */
  readonly everyMs: number;
  readonly periodMs: number;
  /** Listings a minute that the platform lets us read beside what push and reconcile need. */
  readonly perMinute: number;
};

export type LookPlan = {
  readonly byAge: number;
  readonly byValue: number;
  readonly roundMs: number;
  readonly isCovered: boolean;
};

/** Where nothing is known of the platform's budget. */
export const LOOKS_PER_MINUTE_UNKNOWN = 200;

/** A channel of so few listings is looked at whole each time. */
const WHOLE_MAX = 100;
/** Of a budget that is too small for both parts, what goes by age. */
const AGE_SHARE = 0.75;
const MINUTE_MS = 60_000;

export function planLooks({ listings, everyMs, periodMs, perMinute }: LookTerms): LookPlan {
  const budget = Math.max(1, Math.floor((perMinute * everyMs) / MINUTE_MS));
  const scans = Math.max(1, Math.floor(periodMs / everyMs));
  const needed = Math.ceil(listings / scans);
  const [byAge, byValue] = partsOf({ listings, needed, budget });
  const roundMs = byAge === 0 ? 0 : Math.ceil(listings / byAge) * everyMs;
  return { byAge, byValue, roundMs, isCovered: roundMs <= Math.max(periodMs, everyMs) };
}

function partsOf({ listings, needed, budget }: Record<'listings' | 'needed' | 'budget', number>): [number, number] {
  if (listings <= Math.min(WHOLE_MAX, budget)) return [listings, 0];
  if (2 * needed <= budget) {
    const all = Math.min(listings, Math.max(2 * needed, Math.min(WHOLE_MAX, budget)));
    const byAge = Math.max(needed, Math.ceil(all / 2));
    return [byAge, all - byAge];
  }
  const byAge = Math.min(needed, Math.max(1, Math.ceil(budget * AGE_SHARE)));
  return [byAge, Math.min(listings - byAge, budget - byAge)];
}

export type Pace = {
  /** What the channel's connector says of its platform; null: unknown. */
  readonly declared: number | null;
  /** Used by the scan before; null: none. */
  readonly before: number | null;
  /** Listings a minute at which the scan before was cut short by its platform; null: it was not. */
  readonly cutAt: number | null;
};

/** How fast a rate that was cut may grow again, scan by scan. */
const GROWTH = 1.5;

/** What a scan may use: what is declared, less where the platform has refused that, and slowly up to it again. */
export function paceOf({ declared, before, cutAt }: Pace): number {
  const most = declared ?? LOOKS_PER_MINUTE_UNKNOWN;
  if (cutAt !== null) return Math.max(1, Math.min(most, cutAt));
  return before === null ? most : Math.min(most, Math.max(1, before) * GROWTH);
}
