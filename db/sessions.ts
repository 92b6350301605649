/** Who else is connected: whoever started a server for itself asks before it stops it. */
import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Queries } from './client.ts';

/** A closed connection's process takes a moment to go, longer on a busy machine; a user who stays costs the stop this much. */
const LEAVING_MS = 3_000;
const LOOK_EVERY_MS = 50;

/**
 * True when another client than this connection pool, named `applicationName`, works on the database and goes on to: a session
 * whose client has closed it already (our own queue's, at a stop) is waited for. An answer of true too many leaves the server up.
 */
export async function hasOtherSessions(
  db: Queries,
  applicationName: string,
  leavingMs: number = LEAVING_MS,
): Promise<boolean> {
  const deadline = performance.now() + leavingMs;
  for (;;) {
    const rows = await db.rows(sql`
      select 1 from pg_stat_activity
      where backend_type = 'client backend' and datname = current_database() and application_name <> ${applicationName} limit 1`);
    if (rows.length === 0) return false;
    if (performance.now() > deadline) return true;
    await wait(LOOK_EVERY_MS);
  }
}
