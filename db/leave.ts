/**
 * Leaving a channel: nothing is written to it any more, and what was written last stays to be read.
 *
 * Guarantees: touches the channel's row alone, no listing, stock, order or promise; done again it changes nothing.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { ChannelId, ChannelMode, Instant } from '#core/model.ts';
import { writeAudit } from './audit.ts';
import type { Database, Queries } from './client.ts';

export type LastNumber = {
  readonly listingId: number;
  readonly sku: string | null;
  readonly listingRef: string;
  readonly locationRef: string;
  readonly title: string;
  /** What the platform acknowledged last, as it was on the wire, and when; null: it never did. */
  readonly sent: number | null;
  readonly sentAt: Instant | null;
  /** What it showed when it was read last. */
  readonly shows: number | null;
  readonly readAt: Instant | null;
  /** What allot would show now. */
  readonly shouldShow: number | null;
  /** A write is under way still: its number may come yet. */
  readonly isUnderWay: boolean;
};

const LAST_NUMBERS = (channelId: ChannelId): SQL => sql`
    select l.id as "listingId", l.sku, l.listing_ref as "listingRef", l.location_ref as "locationRef", l.title,
      s.acked_wire as sent, case when s.acked_wire is not null then s.acked_at end as "sentAt",
      case when s.observed_state = 'tracked' then s.observed_sellable end as shows, s.observed_at as "readAt",
      case when t.version > 0 then t.quantity end as "shouldShow",
      exists (select 1 from push_attempt_item i where i.listing_id = l.id and i.outcome is null) as "isUnderWay"
    from listing l left join listing_sync s on s.listing_id = l.id left join target t on t.listing_id = l.id
    where l.channel_id = ${channelId} and (l.sku is not null or s.acked_wire is not null)`;

/** Of every listing that was ever written to, or is mapped. */
export const readLastNumbers = (db: Queries, channelId: ChannelId): Promise<LastNumber[]> =>
  db.rows<LastNumber>(sql`${LAST_NUMBERS(channelId)} order by l.sku collate "C" nulls last, l.id`);

export type LastNumberPage = {
  /** The last one of the page before. */
  readonly after: Pick<LastNumber, 'listingRef' | 'locationRef'> | null;
  readonly limit: number;
};

/** The same in the order of their references, so that a page costs what it shows. */
export const pageLastNumbers = (
  db: Queries,
  channelId: ChannelId,
  { after, limit }: LastNumberPage,
): Promise<LastNumber[]> => {
  const rest =
    after === null ? sql`` : sql`and (l.listing_ref, l.location_ref) > (${after.listingRef}, ${after.locationRef})`;
  return db.rows<LastNumber>(
    sql`${LAST_NUMBERS(channelId)} ${rest} order by l.listing_ref, l.location_ref limit ${limit}`,
  );
};

export type LeavingChannel = {
  readonly id: ChannelId;
  readonly mode: ChannelMode;
  readonly configured: boolean;
  readonly leftAt: Instant | null;
};

export async function readLeaving(db: Queries, channelId: ChannelId): Promise<LeavingChannel | undefined> {
  const [row] = await db.rows<LeavingChannel>(sql`
    select id, mode, configured, left_at as "leftAt" from channel where id = ${channelId}`);
  return row;
}

/** From its commit on no attempt is opened: whoever opens one holds the channel's row and reads the mode. */
export async function stopWriting(db: Database, channelId: ChannelId, actor: string): Promise<void> {
  await db.transaction(async (tx) => {
    const rows = await tx.rows<{ from: ChannelMode }>(sql`
      with before as (select id, mode from channel where id = ${channelId} for update)
      update channel c set mode = 'paused', left_at = now(), fell_back = null, diverging_scans = 0,
        mode_changed_at = case when c.mode = 'paused' then c.mode_changed_at else now() end,
        mode_changed_by = case when c.mode = 'paused' then c.mode_changed_by else ${actor} end
      from before b where c.id = b.id and (c.left_at is null or c.mode <> 'paused') returning b.mode as "from"`);
    await writeAudit(
      tx,
      rows.map(({ from }) => ({ actor, action: 'leave channel', subject: channelId, detail: { from, to: 'paused' } })),
    );
  });
}

/** Writes that were opened before: their bytes may be on the wire. */
export async function countUnderWay(db: Queries, channelId: ChannelId): Promise<number> {
  const [row] = await db.rows<{ count: number }>(sql`
    select count(*)::int as count from push_attempt where channel_id = ${channelId} and state <> 'done'`);
  return row?.count ?? 0;
}

export const noteUnsubscribed = (
  db: Queries,
  channelId: ChannelId,
  actor: string,
  { callbackUrl, removed }: { readonly callbackUrl: string; readonly removed: readonly string[] },
): Promise<void> =>
  writeAudit(
    db,
    removed.length === 0
      ? []
      : [{ actor, action: 'remove subscriptions', subject: channelId, detail: { callbackUrl, removed } }],
  );
