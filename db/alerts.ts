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
  readonly touches: Readonly<Record<string, number | string | readonly string[]>>;
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

/** `proof` says what was read that shows the trouble gone. */
export async function closeAlert(db: Queries, fingerprint: string, proof: string): Promise<void> {
  await db.rows(sql`
    update alert set state = 'closed', closed_at = now(), proof = ${proof} where fingerprint = ${fingerprint} and state <> 'closed'`);
}
