/**
 * How long a number takes from its decision to the platform's acknowledgement, per channel: from the acknowledgements that are kept.
 * Bounded: the newest READ_MAX of them alone.
 */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant } from '#core/model.ts';
import type { Queries } from './client.ts';

export type SyncLatency = {
  readonly channel: ChannelId;
  /** The beginning of its span of time. */
  readonly at: Instant;
  readonly numbers: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
};

const READ_MAX = 1_000;

/** By spans of `spanMs`, the oldest first. */
export const readSyncLatency = (
  db: Queries,
  { since, spanMs }: { readonly since: Instant; readonly spanMs: number },
): Promise<SyncLatency[]> =>
  db.rows<SyncLatency>(sql`
    select channel_id as channel, to_timestamp(span * ${spanMs}::float8 / 1000.0) as at, count(*)::int as numbers,
      (percentile_cont(0.50) within group (order by ms))::float8 as "p50Ms",
      (percentile_cont(0.95) within group (order by ms))::float8 as "p95Ms",
      (percentile_cont(0.99) within group (order by ms))::float8 as "p99Ms"
    from (
      select channel_id, floor(extract(epoch from acked_at) * 1000 / ${spanMs}::float8) as span,
        greatest(0, extract(epoch from acked_at - decided_at) * 1000) as ms
      from (
        select a.acked_at, (select channel_id from listing l where l.id = a.listing_id) as channel_id,
          (select e.decided_at from target_entry e where e.listing_id = a.listing_id and e.version = a.version limit 1) as decided_at
        from (select * from push_ack where acked_at > to_timestamp(${since}::float8 / 1000.0) order by acked_at desc limit ${READ_MAX}) a) y
      where decided_at is not null) x
    where channel_id is not null group by 1, 2, span order by span, 1`);
