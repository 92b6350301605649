/** Which listings to look at, whether anything is due to them or not. */
import { sql } from 'drizzle-orm';
import type { Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import { WITHIN_SHARE } from './gates.ts';
import { CANDIDATE, type CandidateRow, candidateOf, type PushCandidate } from './push.ts';

/** An item's listings on a channel, whether due or not. */
export async function listingsOfSku(db: Queries, channelId: string, sku: string): Promise<PushCandidate[]> {
  const rows = await db.rows<CandidateRow>(sql`
    select ${CANDIDATE}, false as needs_read, c.mode = 'live' and not ${WITHIN_SHARE} as is_beyond_share
    from listing l join channel c on c.id = l.channel_id join target t on t.listing_id = l.id left join listing_sync s on s.listing_id = l.id
    where l.channel_id = ${channelId} and l.sku = ${sku} and t.version > 0 order by l.id`);
  return rows.map(candidateOf);
}

/**
 * Listings of a channel that are worth a look now: by age, faster for what sells; before all others those that no look reached for a
 * whole period (core/drift.ts `lookValue`).
 */
export async function listingsToLookAt(
  db: Queries,
  channelId: string,
  { now, periodMs, max }: { readonly now: Instant; readonly periodMs: number; readonly max: number },
): Promise<PushCandidate[]> {
  const age = sql`extract(epoch from to_timestamp(${now} / 1000.0) - coalesce(s.observed_at, 'epoch')) * 1000`;
  const rows = await db.rows<CandidateRow>(sql`
    select ${CANDIDATE}, false as needs_read
    from listing l join channel c on c.id = l.channel_id join target t on t.listing_id = l.id left join listing_sync s on s.listing_id = l.id
    where l.channel_id = ${channelId} and l.sku is not null and t.version > 0 and (c.mode <> 'live' or ${WITHIN_SHARE})
      -- What the connector refuses to read would be the oldest for ever.
      and not (s.observed_at is null and coalesce(s.failures, 0) > 2)
    order by (${age} >= ${periodMs}::float8) desc, ${age} * (1 + ln(1 + greatest(0, t.own_sold))) desc, l.id limit ${max}`);
  return rows.map(candidateOf);
}
