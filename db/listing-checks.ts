/** Listings that cannot be bought although they could: what the platform hides, and what the rules of a channel keep back. Reads only. */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant, Sku } from '#core/model.ts';
import type { PublishInputs } from '#core/publish.ts';
import { SKU_UNITS_MAX } from './alerts.ts';
import type { Queries } from './client.ts';

export type PhantomGroup = {
  readonly channel: ChannelId;
  readonly reason: 'untracked' | 'missing' | 'notBuyable' | 'refused' | 'showsNone';
  readonly listings: number;
  readonly units: number;
  /** Base units by item, those with most first, at most SKU_UNITS_MAX items; `baseUnits` is of all. */
  readonly skuUnits: readonly { readonly sku: Sku; readonly units: number }[];
  readonly baseUnits: number;
  /** Some of them, those that lose most first. */
  readonly skus: readonly Sku[];
  /** What the platform said last; null where it said nothing. */
  readonly detail: string | null;
};

const SKUS_TOLD = 20;

/**
 * Listings of live channels that should show units for longer than `graceMs`, with nothing on its way, and do not: by channel and what
 * is the matter with them. One that was never read, nor refused, is not known to be so.
 */
export const readPhantoms = (db: Queries, now: Instant, graceMs: number): Promise<PhantomGroup[]> =>
  db.rows<PhantomGroup>(sql`
    with seen as (
      select l.channel_id, l.sku, t.quantity, t.quantity::int8 * l.pack as base, s.blocked_reason,
        case when s.observed_state in ('untracked', 'missing', 'notBuyable') then s.observed_state
          when s.failures > 0 and t.is_behind and coalesce(s.acked_quantity, 0) = 0 and s.blocked_until is not null then 'refused'
          when s.observed_state = 'tracked' and s.observed_sellable = 0 then 'showsNone' end as reason
      from target t join listing l on l.id = t.listing_id join channel c on c.id = l.channel_id
      join listing_sync s on s.listing_id = l.id
      where t.quantity > 0 and l.sku is not null and c.mode = 'live' and c.configured
        and (not t.is_behind or t.behind_since <= to_timestamp(${now - graceMs} / 1000.0))
        and coalesce(s.acked_at <= to_timestamp(${now - graceMs} / 1000.0), true)
        and (s.observed_at is null or s.acked_at is null or s.observed_at >= s.acked_at)
        and not exists (select 1 from push_attempt_item i where i.listing_id = l.id and i.outcome is null))
    select channel_id as channel, reason, count(*)::int as listings, sum(quantity)::int8 as units,
      sum(base)::int8 as "baseUnits",
      to_json((array_agg(json_build_object('sku', sku, 'units', base) order by base desc, sku))[1:${SKU_UNITS_MAX}]) as "skuUnits",
      (array_agg(sku order by quantity desc, sku))[1:${SKUS_TOLD}] as skus, min(blocked_reason) as detail
    from seen where reason is not null group by channel_id, reason order by channel_id, reason`);

export type HeldBackRow = { readonly channel: ChannelId; readonly sku: Sku; readonly inputs: PublishInputs };

/** Listings of live channels whose target is 0 while the places of their program have free units; at most `limit`. */
export const readHeldBack = (db: Queries, limit: number): Promise<HeldBackRow[]> =>
  db.rows<HeldBackRow>(sql`
    select l.channel_id as channel, l.sku, e.inputs from target t join listing l on l.id = t.listing_id join channel c on c.id = l.channel_id
    join target_entry e on e.listing_id = t.listing_id and e.version = t.version
    where t.quantity = 0 and t.version > 0 and c.mode = 'live' and c.configured and (e.inputs->>'free')::int8 > 0 and e.inputs->'kit' is null
      and exists (select 1 from stock_balance b where b.sku = l.sku and b.disposition = 'sellable' and b.quantity > 0)
    limit ${limit}`);
