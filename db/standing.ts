/** What stands and should not: channels that are not read, input that lies parked. Reads only, bounded. */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import { recordset } from './recordset.ts';

export type SilentChannel = {
  readonly channel: ChannelId;
  /** Of the last whole reading, and of the last step of the order feed where that is late too; null: never, or not late. */
  readonly readAt: Instant | null;
  readonly polledAt: Instant | null;
  readonly lastError: string | null;
};

/**
 * `pollMs` null: its orders do not come by poll. Paused channels are read too: their orders go on. One whose credential is refused is
 * told as that.
 */
export const readSilentChannels = (
  db: Queries,
  limits: readonly { readonly channel: ChannelId; readonly reconcileMs: number; readonly pollMs: number | null }[],
  now: Instant,
): Promise<SilentChannel[]> =>
  db.rows<SilentChannel>(sql`
    with one as (
      select c.id, coalesce(h.reconciled_at, c.mode_changed_at) as read_at, h.reconciled_at, k.advanced_at, h.last_error,
        to_timestamp((${now} - r."reconcileMs") / 1000.0) as read_limit, to_timestamp((${now} - r."pollMs") / 1000.0) as poll_limit
      from ${recordset(limits, { channel: 'text', reconcileMs: 'int8', pollMs: 'int8' }, 'r')}
      join channel c on c.id = r.channel left join channel_health h on h.channel_id = c.id
      left join channel_cursor k on k.channel_id = c.id and k.feed = 'orders' where c.configured
        and not exists (select 1 from alert a where a.code = 'credential-refused' and a.channel_id = c.id and a.state <> 'closed'))
    select id as channel, reconciled_at as "readAt", case when advanced_at < poll_limit then advanced_at end as "polledAt",
      last_error as "lastError"
    from one where read_at < read_limit or coalesce(advanced_at, read_at) < poll_limit order by id`);

export type ParkedGroup = {
  readonly channel: ChannelId | null;
  readonly code: string;
  readonly inputs: number;
  readonly orders: number;
  /** Of the oldest. */
  readonly reason: string;
  /** When the oldest was parked first: what is parked again is no younger. */
  readonly oldestAt: Instant;
  /** That nobody has taken. */
  readonly unowned: number;
  /** There are more than were counted. */
  readonly isMore: boolean;
};

const COUNT_MAX = 10_000;

/** By channel and cause, the largest first; answers have an alert of their own. What was parked just now may be on its way out again. */
export const readParkedGroups = (db: Queries, parkedBefore: Instant, limit: number): Promise<ParkedGroup[]> =>
  db.rows<ParkedGroup>(sql`
    with lying as (select * from parked where state = 'parked' and source <> 'answer' and least(parked_at, first_parked_at) <= to_timestamp(${parkedBefore} / 1000.0) order by id limit ${COUNT_MAX})
    select channel_id as channel, code, count(*)::int as inputs, count(distinct order_id)::int as orders,
      (array_agg(reason order by id))[1] as reason, least(min(parked_at), min(first_parked_at)) as "oldestAt",
      (count(*) filter (where owner is null))::int as unowned, (select count(*) from lying) >= ${COUNT_MAX} as "isMore"
    from lying group by channel_id, code order by 3 desc, 1, 2 limit ${limit}`);
