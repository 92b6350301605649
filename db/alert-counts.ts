/** How many alerts ask for somebody: for the badge of every page, and for the overview. */
import { sql } from 'drizzle-orm';
import type { Queries } from './client.ts';
import { COUNT_MAX } from './status.ts';

export type AlertCounts = {
  /** Not closed. */
  readonly open: number;
  /** Of them critical or an error, and not silent. */
  readonly grave: number;
  /** Of them those that nobody has looked at. */
  readonly unseen: number;
};

export async function countAlerts(db: Queries): Promise<AlertCounts> {
  const [row] = await db.rows<AlertCounts>(sql`
    select count(*)::int as open, (count(*) filter (where severity in ('critical', 'error') and state <> 'snoozed'))::int as grave,
      (count(*) filter (where state = 'open'))::int as unseen
    from (select severity, state from alert where state <> 'closed' limit ${COUNT_MAX}) a`);
  return row ?? { open: 0, grave: 0, unseen: 0 };
}
