/** How long until a channel acknowledges what a sale made of its number, hour by hour: from the counts that the sweep keeps. */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant } from '#core/model.ts';
import { type LatencyFigures, latencyFigures } from '#core/sales-measures.ts';
import type { Queries } from './client.ts';

export type LatencyHour = LatencyFigures & { readonly channel: ChannelId; readonly at: Instant };

type Counted = { readonly channel: ChannelId; readonly at: Instant; readonly bucket: number; readonly count: number };

/** From the sale on its platform; the oldest hour first. */
export async function readLatencyHours(db: Queries, since: Instant): Promise<LatencyHour[]> {
  const rows = await db.rows<Counted>(sql`
    select channel_id as channel, hour as at, bucket, count from latency_hour
    where since = 'sold' and hour > to_timestamp(${since}::float8 / 1000.0) order by hour, channel_id, bucket`);
  const hours = Map.groupBy(rows, ({ channel, at }) => `${at} ${channel}`);
  return [...hours.values()].flatMap((counts) => {
    const [first] = counts;
    const figures = latencyFigures(counts);
    return first === undefined || figures === null ? [] : [{ channel: first.channel, at: first.at, ...figures }];
  });
}
