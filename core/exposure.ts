/**
 * What a listing's number is exposed to: what other listings sell of its item, and how long until its channel knows.
 *
 * Guarantees: pure; a listing whose rule asks for no buffer from measured latency is exposed to nothing; what is measured anew is
 * told apart from what makes another buffer (`isMaterial`), so that numbers move only for the latter.
 */
import {
  canTakeUnits,
  type Exposure,
  isMaterial,
  LATENCY_SAMPLES_MIN,
  LATENCY_UNMEASURED_MS,
  latencyBuffer,
} from './latency-buffer.ts';
import type { ChannelId, Component, Instant, LatencyBuffer, Policy, Sku } from './model.ts';
import { channelRuleFor } from './rules.ts';
import { type FadedSales, type LatencyFigures, salesRate } from './sales-measures.ts';

/** What a listing sold of an item. One that is gone sold it all the same. */
export type ListingSales = FadedSales & {
  readonly sku: Sku;
  readonly channel: ChannelId | null;
  readonly listingRef: string | null;
};

export type ExposableListing = {
  readonly sku: Sku;
  readonly channel: ChannelId;
  readonly listingRef: string;
  readonly groups: readonly string[];
  readonly exposure: Exposure | null;
};

export type Measures = {
  readonly policy: Policy;
  /** How long until a channel knows, of all that are measured. */
  readonly latency: ReadonlyMap<ChannelId, LatencyFigures>;
  /** The components of kits. */
  readonly parts: ReadonlyMap<Sku, readonly Component[]>;
  readonly sales: ReadonlyMap<Sku, readonly ListingSales[]>;
  readonly now: Instant;
};

type Time = Pick<Exposure, 'latencyMs' | 'samples'>;
const UNMEASURED: Time = { latencyMs: LATENCY_UNMEASURED_MS, samples: null };

/** Enough for a buffer, and the same text for the same measure. */
const FIGURES = 4;
/** Of two components that ask for more than this either will do. */
const COMPARED_MAX = 10_000;
const rounded = (value: number): number => Number(value.toPrecision(FIGURES));

/** The rules of a channel that ask for it: its own, and what counts below an item's minimum. */
export const latencyRules = ({ latencyBuffer: own, below }: Policy['channels'][number]): LatencyBuffer[] =>
  [own, below?.latencyBuffer].filter((rule) => rule !== undefined);

function timeOf(figures: LatencyFigures | undefined): Time {
  if (figures === undefined || figures.samples < LATENCY_SAMPLES_MIN) return UNMEASURED;
  return { latencyMs: figures.p99Ms, samples: figures.samples };
}

/** Other listings' sales count, those of its own channel too, unless the platform counts them as one (a listing at several places). */
function exposureOf(
  listing: ExposableListing,
  rule: LatencyBuffer,
  takes: (sales: ListingSales) => boolean,
  { latency, parts, sales, now }: Measures,
): Exposure {
  const time = timeOf(latency.get(listing.channel));
  const of = (sku: Sku): Exposure => {
    const others = (sales.get(sku) ?? []).filter(
      (row) => (row.channel !== listing.channel || row.listingRef !== listing.listingRef) && takes(row),
    );
    const { unitsPerHour, unitsPerOrder } = salesRate(others, now);
    return { unitsPerHour: rounded(unitsPerHour), unitsPerOrder: rounded(unitsPerOrder), ...time };
  };
  const components = parts.get(listing.sku);
  if (components === undefined) return of(listing.sku);
  const each = components.map((component): Exposure => ({ ...of(component.sku), component }));
  const [first, ...rest] = each;
  // The bounds of the rule would make them alike.
  const units = (one: Exposure): number => latencyBuffer({ ...rule, atLeast: 0, atMost: COMPARED_MAX }, one).units;
  return rest.reduce((most, one) => (units(one) > units(most) ? one : most), first ?? of(listing.sku));
}

/** Null where no rule asks for it, and where what is kept with the listing will do. */
export function measureExposure(
  listing: ExposableListing,
  measures: Measures,
): { readonly exposure: Exposure; readonly isMaterial: boolean } | null {
  const { policy } = measures;
  const rule = channelRuleFor(policy, listing.channel, listing);
  const rules = rule === undefined ? [] : latencyRules(rule);
  const [first] = rules;
  if (rule === undefined || first === undefined) return null;
  const takes = ({ channel }: ListingSales): boolean => {
    const seller = channel === null ? undefined : channelRuleFor(policy, channel, listing);
    return seller === undefined || canTakeUnits(policy, seller.program, rule.program);
  };
  const exposure = exposureOf(listing, first, takes, measures);
  const isNew = rules.some((each) => isMaterial(each, listing.exposure, exposure));
  return isNew || listing.exposure === null ? { exposure, isMaterial: isNew } : null;
}
