/**
 * The outbox: bells written in the transaction whose work they announce, rung by the relay after it commits.
 *
 * Guarantees: a bell is never rung for work that did not commit; a lost bell costs time, never work, since the sweep finds all
 * unfinished work from the tables themselves (db/unfinished.ts).
 */
import { sql } from 'drizzle-orm';
import type { Queries } from './client.ts';

export type BellRow = { readonly topic: string; readonly key: string };

export async function ringBells(tx: Queries, bells: readonly BellRow[]): Promise<void> {
  if (bells.length === 0) return;
  await tx.rows(sql`
    insert into outbox (topic, key) select topic, key
    from json_to_recordset(${JSON.stringify(bells)}::json) as r(topic text, key text)`);
}

/** Takes up to some thousand bells out, each distinct one once. The caller rings them and then commits; a crash between rings twice. */
export async function takeBells(tx: Queries): Promise<BellRow[]> {
  return tx.rows<BellRow>(sql`
    with taken as (
      delete from outbox where id in (select id from outbox order by id limit 5000 for update skip locked) returning topic, key)
    select distinct topic, key from taken`);
}
