/** Who else is connected: whoever started a server for itself asks before it stops it. */
import { sql } from 'drizzle-orm';
import type { Queries } from './client.ts';

/** True when another client than this connection pool, named `applicationName`, works on the database. */
export async function hasOtherSessions(db: Queries, applicationName: string): Promise<boolean> {
  const rows = await db.rows(sql`
    select 1 from pg_stat_activity
    where backend_type = 'client backend' and datname = current_database() and application_name <> ${applicationName} limit 1`);
  return rows.length > 0;
}
