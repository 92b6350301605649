/**
 * Measures sales (how long until a channel acknowledges them, how many an hour), and keeps what each listing is exposed to: a step of
 * the sweep, beside the work and never in it.
 *
 * Items that were sold are looked at at once, all others in turn, so that what sells no more is noticed too. Where a buffer is another
 * by the new measure, the item is decided again: those that fall first (policy-review.ts).
 * Guarantees: bounded work per call; at most every EVERY_MS however many sweeps there are; without a rule that asks for it no listing
 * is looked at.
 */
import { latencyRules, measureExposure } from '#core/exposure.ts';
import type { ChannelId, Instant, Policy, Sku } from '#core/model.ts';
import type { LatencyFigures } from '#core/sales-measures.ts';
import type { Database, Queries } from '#db/client.ts';
import { keepPosition, type MeasuredExposure, readExposed, readSales, writeExposures } from '#db/exposures.ts';
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
  const latency = latencyByChannel(await readLatency(tx));
  const measured = listings.flatMap((listing): MeasuredExposure[] => {
    const exposed = measureExposure(listing, { policy, latency, parts, sales, now });
    return exposed === null ? [] : [{ id: listing.id, sku: listing.sku, ...exposed }];
  });
  await writeExposures(tx, measured);
  await keepPosition(tx, position, now);
}

const latencyByChannel = (rows: Awaited<ReturnType<typeof readLatency>>): ReadonlyMap<ChannelId, LatencyFigures> =>
  new Map(rows.flatMap((row) => (row.since === 'sold' ? [[row.channel, row]] : [])));
