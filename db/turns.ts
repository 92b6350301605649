/** Periodic looks that one process takes for all. */
import { sql } from 'drizzle-orm';
import type { Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';

/** True for the one process whose turn it is: the last one was at least `everyMs` ago. */
export async function takeTurn(db: Queries, name: string, now: Instant, everyMs: number): Promise<boolean> {
  const rows = await db.rows(sql`
    insert into turn as t (name, taken_at) values (${name}, to_timestamp(${now} / 1000.0))
    on conflict (name) do update set taken_at = excluded.taken_at where t.taken_at <= to_timestamp(${now - everyMs} / 1000.0)
    returning 1`);
  return rows.length > 0;
}

/** Null when it never was. */
export async function lastTurn(db: Queries, name: string): Promise<Instant | null> {
  const [row] = await db.rows<{ at: Instant }>(sql`select taken_at as at from turn where name = ${name}`);
  return row?.at ?? null;
}

/** The next look at each is due at once. */
export async function hastenTurns(db: Queries, names: readonly string[]): Promise<void> {
  await db.rows(sql`delete from turn where name = any(${list(names)})`);
}
