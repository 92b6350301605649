/** Alerts as people read them: what is open by how bad it is, what was closed and by which proof. */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import { COUNT_MAX } from './status.ts';

export type AlertRow = {
  readonly id: number;
  readonly code: string;
  readonly severity: 'critical' | 'error' | 'warning' | 'info';
  readonly title: string;
  readonly channel: ChannelId | null;
  readonly touches: Readonly<Record<string, unknown>>;
  readonly cause: string;
  readonly nextStep: string;
  readonly firstSeenAt: Instant;
  readonly lastSeenAt: Instant;
  readonly count: number;
  readonly owner: string | null;
  readonly state: string;
  readonly closedAt: Instant | null;
  readonly proof: string | null;
};

const COLUMNS = sql`id, code, severity, title, channel_id as channel, touches, cause, next_step as "nextStep", first_seen_at as "firstSeenAt",
  last_seen_at as "lastSeenAt", count, owner, state, closed_at as "closedAt", proof`;

/** The worst first, then the oldest. */
export const listOpenAlerts = (db: Queries, limit: number): Promise<AlertRow[]> =>
  db.rows<AlertRow>(sql`
    select ${COLUMNS} from alert where state <> 'closed'
    order by array_position(array['critical', 'error', 'warning', 'info'], severity), first_seen_at, id limit ${limit}`);

/** The newest first. */
export const listClosedAlerts = (db: Queries, limit: number): Promise<AlertRow[]> =>
  db.rows<AlertRow>(sql`select ${COLUMNS} from alert where state = 'closed' order by closed_at desc, id desc limit ${limit}`);

export async function countOpenAlerts(db: Queries): Promise<number> {
  const [row] = await db.rows<{ count: number }>(sql`
    select count(*)::int as count from (select 1 from alert where state <> 'closed' limit ${COUNT_MAX}) a`);
  return row?.count ?? 0;
}

export async function readAlert(db: Queries, id: number): Promise<AlertRow | null> {
  const [row] = await db.rows<AlertRow>(sql`select ${COLUMNS} from alert where id = ${id}`);
  return row ?? null;
}
