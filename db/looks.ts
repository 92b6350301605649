/** Which listings to look at, whether anything is due to them or not, and how a channel's light scan stands. */
import { type SQL, sql } from 'drizzle-orm';
import type { Instant } from '#core/model.ts';
import type { Queries } from './client.ts';
import { WITHIN_SHARE } from './gates.ts';
import { CANDIDATE, type CandidateRow, candidateOf, type PushCandidate } from './push.ts';

/** An item's listings on a channel, whether due or not. */
export async function listingsOfSku(db: Queries, channelId: string, sku: string): Promise<PushCandidate[]> {
  const rows = await db.rows<CandidateRow>(sql`
    select ${CANDIDATE}, false as needs_read, c.mode = 'live' and not ${WITHIN_SHARE} as is_beyond_share
    from listing l join channel c on c.id = l.channel_id join target t on t.listing_id = l.id left join listing_sync s on s.listing_id = l.id
    where l.channel_id = ${channelId} and l.sku = ${sku} and t.version > 0 order by l.id`);
  return rows.map(candidateOf);
}

const LOOKABLE = (channelId: string): SQL => sql`
    from listing l join channel c on c.id = l.channel_id join target t on t.listing_id = l.id left join listing_sync s on s.listing_id = l.id
    where l.channel_id = ${channelId} and l.sku is not null and t.version > 0 and (c.mode <> 'live' or ${WITHIN_SHARE})
      -- What the connector refuses to read would be the oldest for ever.
      and not (s.observed_at is null and coalesce(s.failures, 0) > 2)`;

/** How many listings of a channel a round has. */
export async function countLookable(db: Queries, channelId: string): Promise<number> {
  const [row] = await db.rows<{ listings: number }>(sql`select count(*)::int as listings ${LOOKABLE(channelId)}`);
  return row?.listings ?? 0;
}

export type Looks = {
  readonly now: Instant;
  readonly periodMs: number;
  /** core/looks.ts: those not looked at for longest, and of the others those that a look is worth most of. */
  readonly byAge: number;
  readonly byValue: number;
};

/**
 * Listings of a channel that are to be looked at now. What a look is worth is core/drift.ts `lookValue`: age, sales, and at stake the
 * units that it shows or should show by what they are worth (one that has no value counts as 1; currencies are not converted).
 */
export async function listingsToLookAt(
  db: Queries,
  channelId: string,
  { now, periodMs, byAge, byValue }: Looks,
): Promise<PushCandidate[]> {
  const age = sql`extract(epoch from to_timestamp(${now} / 1000.0) - coalesce(s.observed_at, 'epoch')) * 1000`;
  const rows = await db.rows<CandidateRow>(sql`
    with kit as materialized (
        select sku, sum(amount) as amount from unit_worth(array(select distinct kit from item_component)) group by sku),
      one as materialized (
        select x.id, x.age, x.sold, x.units * coalesce(i.unit_value, k.amount, 1)::float8 as stake
        from (select l.id, l.sku, (${age})::float8 as age, greatest(0, t.own_sold)::float8 as sold,
            greatest(0, t.quantity, coalesce(s.observed_sellable, 0))::int8 * l.pack as units ${LOOKABLE(channelId)}) x
          left join item i on i.sku = x.sku left join kit k on k.sku = x.sku),
      aged as materialized (select id from one order by age desc, stake desc, id limit ${byAge}),
      worthy as (
        select id from one where id not in (select id from aged)
        order by (age >= ${periodMs}::float8) desc, age * (1 + ln(1 + sold)) * (1 + ln(1 + stake)) desc, id limit ${byValue})
    select ${CANDIDATE}, false as needs_read
    from listing l join target t on t.listing_id = l.id left join listing_sync s on s.listing_id = l.id
    where l.id in (select id from aged union all select id from worthy)
    order by coalesce(s.observed_at, 'epoch'), l.id`);
  return rows.map(candidateOf);
}

/** What a light scan kept of itself, for the next one and for people. */
export type LookState = {
  readonly listings: number;
  readonly byAge: number;
  readonly byValue: number;
  readonly everyMs: number;
  readonly periodMs: number;
  readonly roundMs: number;
  readonly perMinute: number;
  /** When it began, and how many it looked at; `isCut`: its platform let it go no further. */
  readonly at: Instant;
  readonly read: number;
  readonly isCut: boolean;
};

export async function readLookState(db: Queries, channelId: string): Promise<LookState | null> {
  const [row] = await db.rows<{ cursor: string | null }>(
    sql`select cursor from channel_cursor where channel_id = ${channelId} and feed = 'look'`,
  );
  return row?.cursor === undefined || row.cursor === null ? null : (JSON.parse(row.cursor) as LookState);
}

/** Of the scan that is under way: when the next is due stays. */
export const keepLookState = (db: Queries, channelId: string, state: LookState): Promise<number> =>
  db.execute(
    sql`update channel_cursor set cursor = ${JSON.stringify(state)} where channel_id = ${channelId} and feed = 'look'`,
  );

/** How long ago the longest of a channel's listings was looked at; null where one never was. */
export async function oldestLook(db: Queries, channelId: string): Promise<Instant | null> {
  const [row] = await db.rows<{ at: Instant | null; never: number }>(sql`
    select min(s.observed_at) as at, count(*) filter (where s.observed_at is null)::int as never ${LOOKABLE(channelId)}`);
  return row === undefined || row.never > 0 ? null : row.at;
}
