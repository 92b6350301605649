/**
 * Measures sales (how long until a channel acknowledges them, how many an hour), and keeps what each listing is exposed to: a step of
 * the sweep, beside the work and never in it.
 *
 * Items that were sold are looked at at once, all others in turn, so that what sells no more is noticed too. Where a buffer is another
 * by the new measure, the item is decided again: those that fall first (policy-review.ts).
 * Guarantees: bounded work per call; at most every EVERY_MS however many sweeps there are; without a rule that asks for it no listing
 * is looked at.
 */
import {
  canTakeUnits,
  type Exposure,
  isMaterial,
  LATENCY_SAMPLES_MIN,
  LATENCY_UNMEASURED_MS,
  latencyBuffer,
} from '#core/latency-buffer.ts';
import type { ChannelId, Component, Instant, LatencyBuffer, Policy, Sku } from '#core/model.ts';
import { channelRuleFor } from '#core/rules.ts';
import { salesRate } from '#core/sales-measures.ts';
import type { Database, Queries } from '#db/client.ts';
import {
  type ExposedListing,
  keepPosition,
  type ListingSales,
  type MeasuredExposure,
  readExposed,
  readSales,
  writeExposures,
} from '#db/exposures.ts';
import { readPolicyInForce } from '#db/policy-history.ts';
import { readComponents } from '#db/reach.ts';
import { addSales, claimMeasure, countLatency, readLatency, writeLatencyFigures } from '#db/sales-measures.ts';

const EVERY_MS = 10_000;
const LISTINGS_MAX = 2000;

export async function measureSales(db: Database, now: Instant): Promise<void> {
  const due = { now, everyMs: EVERY_MS };
  await db.transaction(async (tx) => {
    if ((await claimMeasure(tx, 'latency', due)) === null) return;
    await countLatency(tx, now);
    await writeLatencyFigures(tx, now);
  });
  const sold = await db.transaction(async (tx) =>
    (await claimMeasure(tx, 'rates', due)) === null ? [] : addSales(tx, now),
  );
  await db.transaction(async (tx) => {
    const stands = await claimMeasure(tx, 'exposure', due);
    if (stands !== null) await measureExposures(tx, { sold, after: stands.position, now });
  });
}

/** The rules of a channel that ask for it: its own, and what counts below an item's minimum. */
const latencyRules = ({ latencyBuffer: own, below }: Policy['channels'][number]): LatencyBuffer[] =>
  [own, below?.latencyBuffer].filter((rule) => rule !== undefined);

async function measureExposures(
  tx: Queries,
  { sold, after, now }: { readonly sold: readonly Sku[]; readonly after: number; readonly now: Instant },
): Promise<void> {
  // Without its lock, which comes after those of items: a newer policy marks its own items.
  const inForce = await readPolicyInForce(tx);
  const policy: Policy | null = inForce === null ? null : { ...inForce.body, version: inForce.version };
  const channels = [
    ...new Set(policy?.channels.flatMap((rule) => (latencyRules(rule).length === 0 ? [] : [rule.channel]))),
  ];
  if (policy === null || channels.length === 0) return keepPosition(tx, 0, now);
  const { listings, position } = await readExposed(tx, { channels, sold, after, max: LISTINGS_MAX });
  const skus = [...new Set(listings.map(({ sku }) => sku))];
  const parts = await readComponents(tx, skus);
  const components = [...parts.values()].flat().map(({ sku }) => sku);
  const sales = Map.groupBy(await readSales(tx, [...new Set([...skus, ...components])]), ({ sku }) => sku);
  const times = latencyByChannel(await readLatency(tx));
  const measured = listings.flatMap((listing): MeasuredExposure[] => {
    const rule = channelRuleFor(policy, listing.channel, listing);
    const rules = rule === undefined ? [] : latencyRules(rule);
    const [first] = rules;
    if (first === undefined) return [];
    const time = times.get(listing.channel) ?? UNMEASURED;
    const takes = ({ channel }: ListingSales): boolean => {
      const seller = channel === null ? undefined : channelRuleFor(policy, channel, listing);
      return seller === undefined || rule === undefined || canTakeUnits(policy, seller.program, rule.program);
    };
    const exposure = exposureOf(listing, { rule: first, time, parts: parts.get(listing.sku), sales, takes, now });
    const isNew = rules.some((each) => isMaterial(each, listing.exposure, exposure));
    return isNew || listing.exposure === null
      ? [{ id: listing.id, sku: listing.sku, exposure, isMaterial: isNew }]
      : [];
  });
  await writeExposures(tx, measured);
  await keepPosition(tx, position, now);
}

type Time = Pick<Exposure, 'latencyMs' | 'samples'>;
const UNMEASURED: Time = { latencyMs: LATENCY_UNMEASURED_MS, samples: null };

const latencyByChannel = (rows: Awaited<ReturnType<typeof readLatency>>): ReadonlyMap<ChannelId, Time> =>
  new Map(
    rows
      .filter(({ since, samples }) => since === 'sold' && samples >= LATENCY_SAMPLES_MIN)
      .map(({ channel, p99Ms, samples }) => [channel, { latencyMs: p99Ms, samples }]),
  );

type Measures = {
  readonly rule: LatencyBuffer;
  readonly time: Time;
  /** Of a kit alone. */
  readonly parts: readonly Component[] | undefined;
  readonly sales: ReadonlyMap<Sku, readonly ListingSales[]>;
  /** Whether they may be units that the listing shows. */
  readonly takes: (sales: ListingSales) => boolean;
  readonly now: Instant;
};

/** Enough for a buffer, and the same text for the same measure. */
const FIGURES = 4;
/** Of two components that ask for more than this either will do. */
const COMPARED_MAX = 10_000;
const rounded = (value: number): number => Number(value.toPrecision(FIGURES));

/** What other listings sell: those of its own channel too, unless the platform counts them as one (a listing at several places). */
function exposureOf(listing: ExposedListing, { rule, time, parts, sales, takes, now }: Measures): Exposure {
  const of = (sku: Sku): Exposure => {
    const others = (sales.get(sku) ?? []).filter(
      (row) => (row.channel !== listing.channel || row.listingRef !== listing.listingRef) && takes(row),
    );
    const { unitsPerHour, unitsPerOrder } = salesRate(others, now);
    return { unitsPerHour: rounded(unitsPerHour), unitsPerOrder: rounded(unitsPerOrder), ...time };
  };
  if (parts === undefined) return of(listing.sku);
  const each = parts.map((component): Exposure => ({ ...of(component.sku), component }));
  const [first, ...rest] = each;
  // The bounds of the rule would make them alike.
  const units = (one: Exposure): number => latencyBuffer({ ...rule, atLeast: 0, atMost: COMPARED_MAX }, one).units;
  return rest.reduce((most, one) => (units(one) > units(most) ? one : most), first ?? of(listing.sku));
}
