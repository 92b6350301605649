/**
 * How much work is waiting, for metrics: numbers that stay cheap however long the backlog is.
 *
 * Guarantees: each count reads a partial index of the waiting rows alone and stops at COUNT_MAX (then: "or more"), every statement
 * ends after TIMEOUT_MS, and ages are told by the database's clock. Counting all rows of a job table is what takes dashboards down
 * (facts/ux.md section 2).
 */
import { sql } from 'drizzle-orm';
import type { ChannelId } from '#core/model.ts';
import type { Database, Queries } from './client.ts';
import { WITHIN_SHARE } from './gates.ts';
import { type ChannelLatency, readLatency } from './sales-measures.ts';

export const COUNT_MAX = 10_000;
const TIMEOUT_MS = 2_000;

export type Gauges = {
  readonly inboxPending: number;
  /** Age of the oldest pending entry; 0 when none is pending. */
  readonly inboxOldestS: number;
  readonly commandsPending: number;
  readonly parkedOpen: number;
  /** Age of what was parked first; 0 when nothing is parked. */
  readonly parkedOldestS: number;
  /** Of configured channels: 0 closed, 1 half open, 2 open. */
  readonly breakers: readonly { readonly channel: ChannelId; readonly state: number }[];
  /** Live channels alone, also those with none: a channel in shadow is behind on purpose. */
  readonly targetsBehind: readonly { readonly channel: ChannelId; readonly count: number }[];
  readonly latency: readonly ChannelLatency[];
  /** Seconds since each channel's last whole reconcile; only channels that had one. */
  readonly reconciled: readonly { readonly channel: ChannelId; readonly seconds: number }[];
  readonly alertsOpen: readonly { readonly code: string; readonly severity: string; readonly count: number }[];
  readonly messagesWaiting: readonly { readonly destination: string; readonly count: number }[];
};

export async function readGauges(db: Database): Promise<Gauges> {
  return db.transaction(
    async (tx) => {
      await tx.rows(sql`select set_config('statement_timeout', ${String(TIMEOUT_MS)}, true)`);
      return {
        ...(await readCounts(tx)),
        breakers: await readBreakers(tx),
        targetsBehind: await readTargetsBehind(tx),
        latency: await readLatency(tx),
        reconciled: await readReconciled(tx),
        alertsOpen: await readAlertsOpen(tx),
        messagesWaiting: await readMessagesWaiting(tx),
      };
    },
    { readOnly: true },
  );
}

type Counts = Omit<Gauges, 'targetsBehind' | 'breakers' | 'latency' | 'reconciled' | 'alertsOpen' | 'messagesWaiting'>;

const readReconciled = (tx: Queries): Promise<{ channel: string; seconds: number }[]> =>
  tx.rows(sql`
    select c.id as channel, greatest(0, extract(epoch from clock_timestamp() - h.reconciled_at))::float8 as seconds
    from channel c join channel_health h on h.channel_id = c.id
    where c.configured and h.reconciled_at is not null order by c.id collate "C"`);

const readAlertsOpen = (tx: Queries): Promise<{ code: string; severity: string; count: number }[]> =>
  tx.rows(sql`
    select code, severity, count(*)::int as count from alert where state <> 'closed' group by code, severity order by code, severity`);

async function readCounts(tx: Queries): Promise<Counts> {
  const [counts] = await tx.rows<Counts>(sql`
    select
      (select count(*)::int from (select from inbox_key where state = 'pending' limit ${COUNT_MAX}) t) as "inboxPending",
      coalesce((
        select greatest(0, extract(epoch from clock_timestamp() - received_at))
        from inbox_key where state = 'pending' order by inbox_id limit 1), 0)::float8 as "inboxOldestS",
      (select count(*)::int from (select from command where state = 'pending' limit ${COUNT_MAX}) t) as "commandsPending",
      (select count(*)::int from (select from parked where state = 'parked' limit ${COUNT_MAX}) t) as "parkedOpen",
      coalesce((
        select greatest(0, extract(epoch from clock_timestamp() - min(first_parked_at)))
        from (select first_parked_at from parked where state = 'parked' limit ${COUNT_MAX}) t), 0)::float8 as "parkedOldestS"`);
  return counts ?? { inboxPending: 0, inboxOldestS: 0, commandsPending: 0, parkedOpen: 0, parkedOldestS: 0 };
}

const readBreakers = (tx: Queries): Promise<{ channel: string; state: number }[]> =>
  tx.rows(sql`
    select c.id as channel, case b.state when 'open' then 2 when 'halfOpen' then 1 else 0 end as state
    from channel c left join channel_breaker b on b.channel_id = c.id where c.configured order by c.id collate "C"`);

/** One pass over the index of targets that are behind. */
const readTargetsBehind = (tx: Queries): Promise<{ channel: string; count: number }[]> =>
  tx.rows(sql`
    select c.id as channel, least(count(b.listing_id), ${COUNT_MAX})::int as count
    from channel c left join (
      select l.channel_id, t.listing_id from target t join listing l on l.id = t.listing_id join channel c on c.id = l.channel_id
      where t.is_behind and l.sku is not null and ${WITHIN_SHARE}) b on b.channel_id = c.id
    where c.mode = 'live' and c.configured group by c.id order by c.id collate "C"`);

const readMessagesWaiting = (tx: Queries): Promise<{ destination: string; count: number }[]> =>
  tx.rows(sql`
    select destination, count(*)::int as count from (select destination from notification where state = 'waiting' limit ${COUNT_MAX}) n
    group by destination order by destination`);
