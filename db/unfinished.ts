/**
 * Finds all unfinished work from the tables alone: what the sweep rings for when Redis was wiped, a process was killed or a bell
 * was lost. Every topic that carries work has its question here.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { ChannelId, Instant } from '#core/model.ts';
import type { Database, Queries } from './client.ts';
import { addCommands } from './commands.ts';
import { purgeDrift } from './drift.ts';
import { WITHIN_SHARE } from './gates.ts';
import type { BellRow } from './outbox.ts';
import { IS_NOT_SENT } from './push.ts';
import { purgeRuns } from './reconcile-runs.ts';
import { recordset } from './recordset.ts';

/** For channels that are not named, and for those that are. */
export type Intervals = {
  readonly pollMs: number;
  readonly reconcileMs: number;
  /** Between two light scans; absent: none. */
  readonly lightScanMs?: number;
  /** In which each listing is looked at once. */
  readonly lightScanPeriodMs?: number;
  readonly channels?: readonly { readonly id: ChannelId; readonly pollMs: number; readonly reconcileMs: number }[];
};

/** Bells for all that waits now, but for what its platform refused until later. */
export async function findUnfinished(db: Queries, now: Instant, intervals: Intervals): Promise<BellRow[]> {
  const at = sql`to_timestamp(${now} / 1000.0)`;
  const columns = { id: 'text', pollMs: 'int8', reconcileMs: 'int8' } as const;
  const own = sql`${recordset(intervals.channels ?? [], columns, 'own')} on own.id = c.id`;
  const before = (ownMs: SQL, allMs: number): SQL =>
    sql`${at} - make_interval(secs => coalesce(${ownMs}, ${allMs}::int8) / 1000.0::float8)`;
  return db.rows<BellRow>(sql`
    with waiting as (
    select 'intake' as topic, '' as key where exists (
      select 1 from inbox_key where state = 'pending' and coalesce(retry_at <= clock_timestamp(), true))
    union all select 'allocate', '' where exists (select 1 from command where state = 'pending')
    union all select 'push', c.id from channel c where c.mode = 'live' and c.configured and (
      exists (select 1 from target t join listing l on l.id = t.listing_id left join listing_sync s on s.listing_id = t.listing_id
        where t.is_behind and l.channel_id = c.id and l.sku is not null and s.stopped_because is null and ${WITHIN_SHARE}
          and coalesce(s.blocked_until <= ${at}, true) and ${IS_NOT_SENT})
      or exists (select 1 from listing_sync s join listing l on l.id = s.listing_id
        where s.read_due_at <= ${at} and l.channel_id = c.id and l.sku is not null and s.stopped_because is null and ${WITHIN_SHARE}
          and coalesce(s.blocked_until <= ${at}, true)))
    union select distinct 'push', channel_id from push_attempt where state = 'open' and lease_until < clock_timestamp()
    union all select distinct 'collect', channel_id from push_attempt where state = 'ticket' and collect_at <= clock_timestamp()
    union all select 'documents', c.id from channel c where c.configured and (
        exists (select 1 from document d where d.channel_id = c.id and d.state = 'pending' and c.mode = 'live')
        or exists (select 1 from sales_order o where o.channel_id = c.id and o.answered_version > o.answer_stored_version
          and coalesce(o.answer_retry_at <= ${at}, true)))
    union all select 'poll', c.id from channel c left join channel_cursor k on k.channel_id = c.id and k.feed = 'orders' left join ${own}
      where c.configured and (k.advanced_at is null or k.advanced_at <= ${before(sql`own."pollMs"`, intervals.pollMs)})
    union all select 'reconcile', c.id from channel c left join channel_health h on h.channel_id = c.id left join ${own}
      where c.configured and (h.reconciled_at is null or h.reconciled_at <= ${before(sql`own."reconcileMs"`, intervals.reconcileMs)})
    union select case when r.is_dry_run then 'dryrun' else 'reconcile' end, r.channel_id from reconcile_run r
      join channel c on c.id = r.channel_id and c.configured where r.state = 'asked'
    union all select 'look', c.id from channel c left join channel_cursor k on k.channel_id = c.id and k.feed = 'look'
      where c.configured and ${intervals.lightScanMs !== undefined} and (k.advanced_at is null
        or k.advanced_at <= ${at} - make_interval(secs => ${intervals.lightScanMs ?? 0}::int8 / 1000.0::float8)))
    select topic, key from waiting w where not exists (
      select 1 from channel_throttle t where t.channel_id = w.key and t.operation = w.topic and t.until > ${at})
      and not exists (select 1 from channel_breaker b where b.channel_id = w.key and b.state <> 'closed' and b.retry_at > ${at})`);
}

/** Writes the command that ends each hold whose time has come, once; bounded, the rest follows at the next sweep. Answers how many. */
export async function endHoldsDue(db: Database, now: Instant, max: number): Promise<number> {
  return db.transaction(async (tx) => {
    const due = await tx.rows<{ id: number; sku: string }>(sql`
      update hold set is_ending = true where id in (
        select id from hold where state = 'held' and not is_ending and expires_at <= to_timestamp(${now} / 1000.0)
        order by expires_at limit ${max} for update skip locked)
      returning id, sku`);
    const commands = due.map(({ id, sku }) => ({
      body: { kind: 'release-hold' as const, sku, hold: id, reason: 'its time has come', isDue: true },
      actor: 'sweep',
      occurredAt: now,
      channelId: null,
      inboxId: null,
    }));
    await addCommands(tx, commands);
    return due.length;
  });
}

/** Attempts are kept for disputes with a platform; each holds its bytes. */
const ATTEMPTS_KEPT_DAYS = 30;

/** Closed alerts with their trail: pools go below their threshold and above again all day, others tell of a year. */
const LOW_POOLS_KEPT_DAYS = 30;
const ALERTS_KEPT_DAYS = 365;

/** Old rows that nothing needs, a bounded lot at a time. Raw payloads go with their partition (db/partitions.ts). */
export async function purgeOld(db: Queries): Promise<void> {
  await db.rows(
    sql`delete from alert where code = 'pool-low' and state = 'closed' and closed_at < now() - make_interval(days => ${LOW_POOLS_KEPT_DAYS})`,
  );
  await purgeDrift(db);
  await purgeRuns(db);
  await db.rows(sql`
    delete from alert where id in (select id from alert where state = 'closed'
      and closed_at < now() - make_interval(days => ${ALERTS_KEPT_DAYS}) order by closed_at limit 10000)`);
  await db.rows(sql`delete from push_ack where acked_at < now() - interval '7 days'`);
  await db.rows(sql`
    with old as (
      select id from push_attempt where state = 'done' and finished_at < now() - make_interval(days => ${ATTEMPTS_KEPT_DAYS})
      order by finished_at limit 10000),
    items as (delete from push_attempt_item where attempt_id in (select id from old))
    delete from push_attempt where id in (select id from old)`);
}
