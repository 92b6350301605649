/** A channel's own state of health, shared by all processes: throttles, last error, cursors of its feeds, presence of workers. */
import { sql } from 'drizzle-orm';
import type { Breaker } from '#core/breaker.ts';
import type { Instant } from '#core/model.ts';
import { BREAKER_COLUMN } from './breakers.ts';
import type { Queries } from './client.ts';

export type ChannelHealth = {
  readonly mode: 'shadow' | 'live' | 'paused';
  /** Hundredths of a percent of the items that are written to while it is live. */
  readonly liveShare: number;
  /** Null: no call ever failed. */
  readonly breaker: Breaker | null;
  /** Of writes alone: reads that spent their part of a budget must not hold up a number. */
  readonly throttledUntil: Instant | null;
  /** Of the looks that pushes take. */
  readonly looksThrottledUntil: Instant | null;
};

export async function channelHealth(db: Queries, channelId: string): Promise<ChannelHealth | undefined> {
  const [row] = await db.rows<ChannelHealth>(sql`
    select c.mode, c.live_share as "liveShare", ${BREAKER_COLUMN} as breaker,
      t.until as "throttledUntil", k.until as "looksThrottledUntil"
    from channel c left join channel_breaker b on b.channel_id = c.id
    left join channel_throttle t on t.channel_id = c.id and t.operation = 'push'
    left join channel_throttle k on k.channel_id = c.id and k.operation = 'look'
    where c.id = ${channelId}`);
  return row;
}

/** One operation's refusal says nothing of the channel's others. */
export async function noteThrottled(db: Queries, channelId: string, until: Instant, operation: string): Promise<void> {
  await db.rows(sql`
    insert into channel_throttle (channel_id, operation, until) values (${channelId}, ${operation}, to_timestamp(${until} / 1000.0))
    on conflict (channel_id, operation) do update set until = excluded.until`);
}

/** From when the platform takes this operation again; null when it never refused it. */
export async function throttledUntil(db: Queries, channelId: string, operation: string): Promise<Instant | null> {
  const [row] = await db.rows<{ until: Instant }>(sql`
    select until from channel_throttle where channel_id = ${channelId} and operation = ${operation}`);
  return row?.until ?? null;
}

/** What stands in the way of work on a channel: the platform's "slow down" to this operation, and the channel's breaker. */
export type ChannelRest = { readonly throttledUntil: Instant | null; readonly breaker: Breaker | null };

export async function channelRest(db: Queries, channelId: string, operation: string): Promise<ChannelRest> {
  const [row] = await db.rows<ChannelRest>(sql`
    select t.until as "throttledUntil", ${BREAKER_COLUMN} as breaker
    from (select ${channelId}::text as id) c left join channel_breaker b on b.channel_id = c.id
    left join channel_throttle t on t.channel_id = c.id and t.operation = ${operation}`);
  return row ?? { throttledUntil: null, breaker: null };
}

export async function noteError(db: Queries, channelId: string, message: string): Promise<void> {
  await db.rows(sql`
    insert into channel_health (channel_id, last_error, last_error_at) values (${channelId}, ${message.slice(0, 500)}, now())
    on conflict (channel_id) do update set last_error = excluded.last_error, last_error_at = excluded.last_error_at`);
}

export async function noteOk(db: Queries, channelId: string): Promise<void> {
  await db.rows(sql`
    insert into channel_health (channel_id, last_ok_at) values (${channelId}, now())
    on conflict (channel_id) do update set last_ok_at = now(), last_error = null`);
}

export async function noteReconciled(db: Queries, channelId: string): Promise<void> {
  await db.rows(sql`
    insert into channel_health (channel_id, reconciled_at) values (${channelId}, now())
    on conflict (channel_id) do update set reconciled_at = now()`);
}

export async function readCursor(db: Queries, channelId: string, feed: string): Promise<string | null> {
  const [row] = await db.rows<{ cursor: string | null }>(sql`
    select cursor from channel_cursor where channel_id = ${channelId} and feed = ${feed}`);
  return row?.cursor ?? null;
}

/** When the feed's cursor was last written; null before. */
export async function advancedAt(db: Queries, channelId: string, feed: string): Promise<Instant | null> {
  const [row] = await db.rows<{ at: Instant }>(sql`
    select advanced_at as at from channel_cursor where channel_id = ${channelId} and feed = ${feed}`);
  return row?.at ?? null;
}

export async function writeCursor(db: Queries, channelId: string, feed: string, cursor: string | null): Promise<void> {
  await db.rows(sql`
    insert into channel_cursor (channel_id, feed, cursor) values (${channelId}, ${feed}, ${cursor})
    on conflict (channel_id, feed) do update set cursor = excluded.cursor, advanced_at = now()`);
}

/** Says that this process lives and in which roles; forgets those that have been silent for an hour. */
export async function beat(db: Queries, id: string, roles: readonly string[]): Promise<void> {
  await db.rows(sql`
    insert into worker (id, roles) values (${id}, (select array_agg(v) from json_array_elements_text(${JSON.stringify(roles)}::json) as t(v)))
    on conflict (id) do update set seen_at = now()`);
  await db.rows(sql`delete from worker where seen_at < now() - interval '1 hour'`);
}

/** The same for all processes on one database, different between databases. */
export async function installationId(db: Queries): Promise<string> {
  const [row] = await db.rows<{ id: string }>(sql`select id from installation`);
  if (row === undefined)
    throw new Error('table installation is empty: the database was not migrated whole; run npx allot migrate');
  return row.id;
}
