/**
 * What is parked though its cause is gone is tried again by itself; found by the sweep.
 *
 * | what waits                                      | its cause is gone when                                            |
 * | an order whose listing is mapped to nothing     | every listing that it names is mapped                             |
 * | a count, receipt or hold of an unknown SKU      | the item is there                                                 |
 * | a command that names what no policy knows       | another policy came into force since (also one of places alone)   |
 * | a count from the future                         | its moment has come                                               |
 * | input of a channel that is not configured       | it is, and another policy came into force since                   |
 * | input or a document that could not be read      | another version, dialect, setting or key reads the channel now    |
 * | an answer that could not be written             | another version, dialect, setting or key writes it now, or another policy is in force; else now and then |
 * | a command that the core could not decide        | another version of the core decides now                           |
 * | what its platform does not give                 | its time to be asked again has come                               |
 *
 * Numbers that a platform does not take have their schedule in listing_sync, and are told when discovery finds the listing changed.
 * Guarantees that it comes to an end: each policy, and each reader, tries an input once.
 */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { DECIDER, letGo } from './parked.ts';
import { recordset } from './recordset.ts';

/** Refusals of what a command names, and the configuration says. */
const OF_THE_POLICY = [
  'unknown-location',
  'unknown-program',
  'unknown-channel',
  'unknown-pool',
  'place-not-used',
  'not-stock-master',
];
/** Refusals of what is read, not of what it says. */
const OF_THE_READER = ['unreadable-input', 'document-refused', 'payload-gone', 'defect'];

export type Readers = readonly { readonly channel: ChannelId; readonly reader: string }[];

/** Lets go at most `max` of each kind; answers how many. */
export async function retryMended(
  tx: Queries,
  { readers, now, max }: { readonly readers: Readers; readonly now: Instant; readonly max: number },
): Promise<number> {
  const at = sql`to_timestamp(${now} / 1000.0)`;
  const current = sql`(select version from policy_current)`;
  return letGo(
    tx,
    sql`p.id in (
      (select q.id from parked q join command c on q.source = 'command' and c.id = q.source_id
      where q.state = 'parked' and ((q.code = 'unmapped-listing' and not exists (
          select 1 from unnest(c.listing_refs) as r(ref) where not exists (
            select 1 from listing l where l.channel_id = c.channel_id and l.listing_ref = r.ref and l.sku is not null)))
        or (q.code = 'unknown-sku' and exists (select 1 from item i where i.sku = c.sku))
        or (q.code = any(${list(OF_THE_POLICY)}) and ${current} > coalesce(q.policy_version, 0))
        or (q.code = 'defect' and q.reader <> ${DECIDER})
        or (q.code = 'count-in-the-future' and (c.body->>'asOf')::float8 <= ${now}))
      order by q.id limit ${max})
      union all (select q.id from parked q join channel c on c.id = q.channel_id and c.configured
        where q.state = 'parked' and q.source = 'inbox' and q.code = 'unknown-channel' and ${current} > coalesce(q.policy_version, 0)
        order by q.id limit ${max})
      union all (select q.id from parked q join ${recordset(readers, { channel: 'text', reader: 'text' }, 'r')} on r.channel = q.channel_id
        where q.state = 'parked' and q.source = 'inbox' and q.code = any(${list(OF_THE_READER)}) and q.reader <> r.reader
          and not exists (select 1 from parked o where o.source = 'inbox' and o.source_id = q.source_id and o.reader = r.reader)
        order by q.id limit ${max})
      union all (select q.id from parked q join ${recordset(readers, { channel: 'text', reader: 'text' }, 'r')} on r.channel = q.channel_id
        where q.state = 'parked' and q.source = 'answer' and (q.reader <> r.reader or ${current} > coalesce(q.policy_version, 0))
        order by q.id limit ${max})
      union all (select q.id from parked q where q.state = 'parked' and q.source <> 'answer' and q.retry_at <= ${at} order by q.id limit ${max}))`,
    'sweep',
  );
}
