/**
 * Listings that are put off: until a moment, or by the schedule of their failure's class (core/retry.ts), counted in a row.
 *
 * Guarantees: what is spent is parked in the statement that counts it, under the reason of its last failure, and goes on being tried
 * now and then; failures of another class begin at one again, so that an outage says nothing of the next refusal.
 */
import { sql } from 'drizzle-orm';
import type { Instant } from '#core/model.ts';
import { PARKED_AGAIN_MS, type RetryClass, SCHEDULES } from '#core/retry.ts';
import type { Queries } from './client.ts';

export type BackOff = {
  readonly of: RetryClass;
  /** From 0 to 1. */
  readonly random: number;
};

export type Delay = {
  readonly listingId: number;
  /** Look at the platform from this moment on, before anything is written. */
  readonly readDueAt: Instant | null;
  /** Not before; with a back-off, the later of the two counts. */
  readonly blockedUntil: Instant | null;
  readonly reason: string | null;
  readonly fix: string | null;
  /** Null: the wait is nobody's failure. */
  readonly backOff: BackOff | null;
};

/** Causes of parked listings. */
const PARKED_CODES: Readonly<Record<RetryClass, string>> = {
  transient: 'push-unsent',
  input: 'push-unsent',
  breaker: 'push-unsent',
  uncertain: 'push-unanswered',
  stale: 'push-stale',
  mapping: 'listing-refused',
  rejected: 'push-rejected',
};

const iso = (instant: Instant | null): string | null => (instant === null ? null : new Date(instant).toISOString());

function scheduleOf(backOff: BackOff | null) {
  if (backOff === null) return { class: null, firstS: null, capS: null, triesMax: null, roll: null, code: null };
  const { firstMs, capMs, triesMax } = SCHEDULES[backOff.of];
  return {
    class: backOff.of,
    firstS: firstMs / 1000,
    capS: capMs / 1000,
    triesMax,
    roll: backOff.random,
    code: PARKED_CODES[backOff.of],
  };
}

/** Waits begin at `now`. */
export async function delayListings(tx: Queries, now: Instant, rows: readonly Delay[]): Promise<void> {
  if (rows.length === 0) return;
  const text = JSON.stringify(
    rows.map(({ backOff, ...row }) => ({
      ...row,
      ...scheduleOf(backOff),
      readDueAt: iso(row.readDueAt),
      blockedUntil: iso(row.blockedUntil),
    })),
  );
  await tx.rows(sql`
    with told as materialized (
      select r.*, case when r.class is null then coalesce(s.failures, 0) when s.failure_class = r.class then s.failures + 1 else 1 end as failed
      from json_to_recordset(${text}::json) as r("listingId" bigint, "readDueAt" timestamptz, "blockedUntil" timestamptz,
        reason text, fix text, class text, "firstS" float8, "capS" float8, "triesMax" int, roll float8, code text)
      left join listing_sync s on s.listing_id = r."listingId"),
    put as (
      insert into listing_sync (listing_id, read_due_at, blocked_until, blocked_reason, blocked_fix, failures, failure_class)
      select "listingId", "readDueAt", greatest("blockedUntil", ${iso(now)}::timestamptz + make_interval(secs => roll * case
          when failed >= "triesMax" then ${PARKED_AGAIN_MS / 1000}::float8
          else least("capS", "firstS" * power(2, least(failed - 1, 30))) end)), reason, fix, failed, class
      from told order by "listingId"
      on conflict (listing_id) do update set read_due_at = coalesce(excluded.read_due_at, listing_sync.read_due_at),
        blocked_until = excluded.blocked_until, blocked_reason = excluded.blocked_reason, blocked_fix = excluded.blocked_fix,
        failures = excluded.failures, failure_class = coalesce(excluded.failure_class, listing_sync.failure_class))
    insert into parked (source, source_id, channel_id, code, reason, fix, attempts, first_parked_at, owner, taken_at)
    select 'listing', l.id, l.channel_id, t.code, coalesce(t.reason, t.class), coalesce(t.fix, 'nothing: allot tries it again now and then'),
      t.failed, coalesce(before.first_parked_at, now()), before.owner, before.taken_at
    from told t join listing l on l.id = t."listingId" left join lateral (
      select p.first_parked_at, p.owner, p.taken_at from parked p left join listing_sync s on s.listing_id = p.source_id
      where p.source = 'listing' and p.source_id = l.id and coalesce(s.acked_at < p.closed_at, true) order by p.id desc limit 1) before on true
    where t.failed >= t."triesMax"
    on conflict (source, source_id) where state = 'parked' do update set code = excluded.code, reason = excluded.reason, fix = excluded.fix,
      attempts = excluded.attempts`);
}
