/** Whether the daemon really works: who lives, whether the sweep advances, how long the oldest work waits. Reads only, by indexes. */
import { sql } from 'drizzle-orm';
import type { Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import { lastTurn } from './turns.ts';

export type Vitals = {
  /** Roles that a process had in the last minute, and those that one had in the last hour. */
  readonly rolesAlive: readonly string[];
  readonly rolesLately: readonly string[];
  readonly sweptAt: Instant | null;
  /** Seconds that the oldest of each waits; 0 where nothing does. */
  readonly inboxS: number;
  readonly commandsS: number;
  readonly bellsS: number;
};

export const SWEEP_TURN = 'sweep';

export async function readVitals(db: Queries): Promise<Vitals> {
  const [row] = await db.rows<Omit<Vitals, 'sweptAt'>>(sql`
    select coalesce((select json_agg(distinct r) from worker w, unnest(w.roles) r where w.seen_at > now() - interval '1 minute'), '[]'::json) as "rolesAlive",
      coalesce((select json_agg(distinct r) from worker w, unnest(w.roles) r), '[]'::json) as "rolesLately",
      coalesce((select extract(epoch from clock_timestamp() - received_at) from inbox_key
        where state = 'pending' and coalesce(retry_at <= clock_timestamp(), true) order by inbox_id limit 1), 0)::float8 as "inboxS",
      coalesce((select extract(epoch from clock_timestamp() - recorded_at) from command where state = 'pending' order by id limit 1), 0)::float8 as "commandsS",
      coalesce((select extract(epoch from clock_timestamp() - recorded_at) from outbox order by id limit 1), 0)::float8 as "bellsS"`);
  if (row === undefined) throw new Error('the database answered nothing');
  return { ...row, sweptAt: await lastTurn(db, SWEEP_TURN) };
}
