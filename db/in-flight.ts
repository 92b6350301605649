/** Writes on their way and those that ended lately, and what each listing is held up by: for people. */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant } from '#core/model.ts';
import type { Queries } from './client.ts';

export type AttemptRow = {
  readonly id: number;
  readonly channel: ChannelId;
  readonly lane: string;
  readonly state: 'open' | 'ticket' | 'done';
  readonly createdAt: Instant;
  readonly sentAt: Instant | null;
  readonly finishedAt: Instant | null;
  readonly leaseUntil: Instant;
  readonly items: number;
  /** `applied 12, rejected 1`; empty while none has its outcome. */
  readonly outcomes: string;
};

const SHOWN_MAX = 50;

/** Unfinished ones first, the oldest of them on top; then the newest that are done. */
export const listAttempts = (db: Queries): Promise<AttemptRow[]> =>
  db.rows<AttemptRow>(sql`
    with chosen as (
      (select * from push_attempt where state <> 'done' order by created_at limit ${SHOWN_MAX})
      union all
      (select * from push_attempt where state = 'done' order by finished_at desc limit ${SHOWN_MAX}))
    select a.id, a.channel_id as channel, a.lane, a.state, a.created_at as "createdAt", a.sent_at as "sentAt",
      a.finished_at as "finishedAt", a.lease_until as "leaseUntil", coalesce(i.items, 0)::int as items, coalesce(i.outcomes, '') as outcomes
    from chosen a left join lateral (
      select sum(count) as items, string_agg(outcome || ' ' || count, ', ' order by count desc) filter (where outcome is not null) as outcomes
      from (select outcome, count(*) as count from push_attempt_item where attempt_id = a.id group by 1) o) i on true
    order by a.state = 'done', case when a.state <> 'done' then a.created_at end, a.finished_at desc`);

export type BlockedRow = {
  readonly channel: ChannelId;
  readonly listingRef: string;
  readonly sku: string | null;
  readonly until: Instant;
  readonly reason: string | null;
  readonly fix: string | null;
  readonly failures: number;
};

/** Listings whose number the platform refuses for now. */
export const listBlocked = (db: Queries, limit: number): Promise<BlockedRow[]> =>
  db.rows<BlockedRow>(sql`
    select l.channel_id as channel, l.listing_ref as "listingRef", l.sku, s.blocked_until as until, s.blocked_reason as reason,
      s.blocked_fix as fix, s.failures
    from listing_sync s join listing l on l.id = s.listing_id where s.blocked_until > now() order by s.blocked_until desc limit ${limit}`);
