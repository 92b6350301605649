/**
 * The stored breakers of channels (core/breaker.ts has the states). One row per channel that ever failed, shared by all processes.
 *
 * Guarantees: each step is taken under the row's lock, so that of many who ask only one is given the probe; the alert is raised in the
 * transaction that opens the breaker and closed in the one that closes it.
 */
import { sql } from 'drizzle-orm';
import { type Breaker, type BreakerEvent, CLOSED, nextBreaker } from '#core/breaker.ts';
import type { ChannelId, Instant } from '#core/model.ts';
import { closeAlert, raiseAlert } from './alerts.ts';
import type { Database, Queries } from './client.ts';

/** Of a left-joined `channel_breaker b`: null where there is none. */
export const BREAKER_COLUMN = sql`case when b.channel_id is null then null else jsonb_build_object('state', b.state, 'failures', b.failures,
  'trips', b.trips, 'openedAt', floor(extract(epoch from b.opened_at) * 1000), 'retryAt', floor(extract(epoch from b.retry_at) * 1000)) end`;

const iso = (at: Instant | null): string | null => (at === null ? null : new Date(at).toISOString());

export const breakerAlert = (channelId: ChannelId): string => `breaker-open ${channelId}`;

async function lock(tx: Queries, channelId: ChannelId): Promise<Breaker> {
  await tx.rows(sql`insert into channel_breaker (channel_id) values (${channelId}) on conflict do nothing`);
  const [row] = await tx.rows<Breaker>(sql`
    select state, failures, trips, opened_at as "openedAt", retry_at as "retryAt"
    from channel_breaker where channel_id = ${channelId} for update`);
  return row ?? CLOSED;
}

export type BreakerStep = {
  readonly event: BreakerEvent;
  readonly now: Instant;
  readonly random: number;
  /** What the platform's failure was. */
  readonly why?: string;
};

/** Takes one step; answers what was and what is. */
export async function stepBreaker(
  db: Database,
  channelId: ChannelId,
  { event, now, random, why }: BreakerStep,
): Promise<{ readonly before: Breaker; readonly after: Breaker }> {
  return db.transaction(async (tx) => {
    const before = await lock(tx, channelId);
    const after = nextBreaker(before, event, { now, random });
    if (after === before) return { before, after };
    await tx.rows(sql`
      update channel_breaker set state = ${after.state}, failures = ${after.failures}, trips = ${after.trips},
        opened_at = ${iso(after.openedAt)}::timestamptz, retry_at = ${iso(after.retryAt)}::timestamptz,
        last_error = coalesce(${why?.slice(0, 500) ?? null}::text, last_error), changed_at = clock_timestamp()
      where channel_id = ${channelId}`);
    if (after.state === 'open') await tell(tx, channelId, after, why ?? 'it does not answer');
    if (after.state === 'closed' && before.state !== 'closed') {
      await closeAlert(tx, breakerAlert(channelId), `the platform answered a call at ${iso(now)}`);
    }
    return { before, after };
  });
}

const tell = (tx: Queries, channelId: ChannelId, breaker: Breaker, cause: string): Promise<void> =>
  raiseAlert(tx, {
    fingerprint: breakerAlert(channelId),
    code: 'breaker-open',
    severity: 'error',
    title: `${channelId}: the platform does not answer; nothing is asked of it or sent to it but a probe now and then`,
    channelId,
    touches: { trips: breaker.trips, since: iso(breaker.openedAt) ?? '' },
    cause: cause.slice(0, 500),
    nextStep: `nothing when the platform itself is down: allot goes on by itself once it answers; else see why: allot channels show ${channelId}`,
  });

export type StoredBreaker = Breaker & { readonly lastError: string | null };

export async function readBreaker(db: Queries, channelId: ChannelId): Promise<StoredBreaker> {
  const [row] = await db.rows<StoredBreaker>(sql`
    select state, failures, trips, opened_at as "openedAt", retry_at as "retryAt", last_error as "lastError"
    from channel_breaker where channel_id = ${channelId}`);
  return row ?? { ...CLOSED, lastError: null };
}
