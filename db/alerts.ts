/**
 * Alerts: one open row per cause (fingerprint), counted up while it lasts, closed only with a proof.
 */
import { sql } from 'drizzle-orm';
import type { Queries } from './client.ts';

export type NewAlert = {
  /** Code, channel, cause, scope: what makes two sightings the same trouble. */
  readonly fingerprint: string;
  readonly code: string;
  readonly severity: 'critical' | 'error' | 'warning' | 'info';
  /** Thing and what is wrong, for a person at seven in the morning. */
  readonly title: string;
  readonly channelId: string | null;
  readonly touches: Readonly<Record<string, number | string | readonly (string | object)[]>>;
  readonly cause: string;
  /** An exact command. */
  readonly nextStep: string;
};

export async function raiseAlert(db: Queries, alert: NewAlert): Promise<void> {
  await db.rows(sql`
    insert into alert (fingerprint, code, severity, title, channel_id, touches, cause, next_step)
    values (${alert.fingerprint}, ${alert.code}, ${alert.severity}, ${alert.title}, ${alert.channelId},
      ${JSON.stringify(alert.touches)}::jsonb, ${alert.cause}, ${alert.nextStep})
    on conflict (fingerprint) where state <> 'closed' do update set last_seen_at = now(), count = alert.count + 1,
      title = excluded.title, touches = excluded.touches, cause = excluded.cause, next_step = excluded.next_step,
      severity = excluded.severity`);
}

/** Many at once, of one code; one whose touches are as they were is left alone. */
export async function raiseAlerts(db: Queries, alerts: readonly NewAlert[]): Promise<void> {
  if (alerts.length === 0) return;
  await db.rows(sql`
    insert into alert (fingerprint, code, severity, title, channel_id, touches, cause, next_step)
    select fingerprint, code, severity, title, "channelId", touches, cause, "nextStep"
    from json_to_recordset(${JSON.stringify(alerts)}::json) as r(fingerprint text, code text, severity text, title text,
      "channelId" text, touches jsonb, cause text, "nextStep" text) order by fingerprint
    on conflict (fingerprint) where state <> 'closed' do update set last_seen_at = now(), count = alert.count + 1,
      title = excluded.title, touches = excluded.touches, cause = excluded.cause, next_step = excluded.next_step,
      severity = excluded.severity
    where alert.touches is distinct from excluded.touches`);
}

/** Of the alerts of this code that are not closed. */
export async function openFingerprints(db: Queries, code: string): Promise<string[]> {
  const rows = await db.rows<{ fingerprint: string }>(sql`
    select fingerprint from alert where code = ${code} and state <> 'closed' order by fingerprint`);
  return rows.map(({ fingerprint }) => fingerprint);
}

/** `proof` says what was read that shows the trouble gone. */
export async function closeAlert(db: Queries, fingerprint: string, proof: string): Promise<void> {
  await db.rows(sql`
    update alert set state = 'closed', closed_at = now(), proof = ${proof} where fingerprint = ${fingerprint} and state <> 'closed'`);
}

/** Closes the channel's alerts of refused pushes where every mapped listing refused so has been acknowledged since. */
export async function closeMendedRefusals(db: Queries, channelId: string): Promise<void> {
  await db.rows(sql`
    update alert a set state = 'closed', closed_at = now(),
      proof = 'the platform has since taken, or shown, the number of every listing that it refused so'
    where a.code = 'push-rejected' and a.channel_id = ${channelId} and a.state <> 'closed' and not exists (
      select 1 from listing l join listing_sync s on s.listing_id = l.id join push_attempt_item i on i.listing_id = l.id
      where l.channel_id = a.channel_id and l.sku is not null and s.failures > 0 and i.outcome = 'rejected'
        and i.detail = left(a.cause, 500) and i.finished_at > coalesce(s.acked_at, '-infinity'))`);
}
