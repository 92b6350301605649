/** What a trace of a batch or an attempt is linked to (workers/tracing.ts). Read only where traces are sent. */
import { sql } from 'drizzle-orm';
import type { ChannelId } from '#core/model.ts';
import type { Queries } from './client.ts';

/** More links than a reader follows help nobody. */
const LINKS_MAX = 64;

/** Inbox events whose commands a batch decided, the newest first. */
export const eventsOfBatch = (
  db: Queries,
  batchId: number,
): Promise<{ readonly channel: ChannelId; readonly key: string }[]> =>
  db.rows(sql`
    select k.channel_id as channel, k.key from inbox_key k where k.inbox_id in (
      select c.inbox_id from batch b join command c on c.id = any(b.command_ids) where b.id = ${batchId})
    order by k.inbox_id desc limit ${LINKS_MAX}`);

/** Batches that made the numbers of an attempt, the newest first. */
export async function batchesOfAttempt(db: Queries, attemptId: number): Promise<number[]> {
  const rows = await db.rows<{ id: number }>(sql`
    select distinct t.batch_id as id from push_attempt_item i
    join target_entry t on t.listing_id = i.listing_id and t.version = i.version
    where i.attempt_id = ${attemptId} order by id desc limit ${LINKS_MAX}`);
  return rows.map(({ id }) => id);
}
