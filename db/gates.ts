/**
 * The gate of channels in the database: which part of a live channel's items is written to, what its scans have told, and the turns
 * that core/gate.ts decides.
 *
 * Guarantees: a turn is taken only from the mode and share that it was decided for, under the channel's row lock, so that a person's
 * word between is never undone; every turn is in the audit trail.
 */
import { sql } from 'drizzle-orm';
import type { GateDay, GateState, GateTurn } from '#core/gate.ts';
import type { ChannelId, ChannelMode, GateRule, Instant } from '#core/model.ts';
import { closeAlert, raiseAlert } from './alerts.ts';
import { writeAudit } from './audit.ts';
import type { Database, Queries } from './client.ts';
import { ringBells } from './outbox.ts';

/** Of listing l and channel c: a live channel writes to it. Beyond its share an item is as in shadow. */
export const WITHIN_SHARE = sql`l.ramp_place < c.live_share`;

/** `live_share` is in hundredths of a percent. */
export const SHARE_SCALE = 100;

export type StoredGate = GateState & {
  /** Null: by hand alone. */
  readonly rule: GateRule | null;
  /** Why it fell back; null: it did not. */
  readonly fellBackWhy: string | null;
  readonly leftAt: Instant | null;
};

export async function readGate(db: Queries, channelId: ChannelId): Promise<StoredGate | undefined> {
  const [row] = await db.rows<{
    mode: ChannelMode;
    share: number;
    since: Instant;
    fellBack: string | null;
    divergingScans: number;
    silentSince: Instant | null;
    leftAt: Instant | null;
    rule: GateRule | null;
  }>(sql`
    select c.mode, c.live_share as share, greatest(c.mode_changed_at, c.share_changed_at) as since, c.fell_back as "fellBack",
      c.diverging_scans as "divergingScans", b.opened_at as "silentSince", c.left_at as "leftAt",
      (select g.rule from policy_current v join policy p on p.version = v.version
        cross join lateral jsonb_array_elements(coalesce(p.body->'gates', '[]')) as g(rule) where g.rule->>'channel' = c.id) as rule
    from channel c left join channel_breaker b on b.channel_id = c.id where c.id = ${channelId}`);
  if (row === undefined) return undefined;
  const { share, fellBack, ...rest } = row;
  return { ...rest, share: share / SHARE_SCALE, fellBack: fellBack !== null, fellBackWhy: fellBack };
}

/** How many scans in a row agreed too little, this one included. */
export async function noteDivergence(db: Queries, channelId: ChannelId, isDiverging: boolean): Promise<void> {
  await db.rows(sql`
    update channel set diverging_scans = case when ${isDiverging} then diverging_scans + 1 else 0 end
    where id = ${channelId} and (${isDiverging} or diverging_scans > 0)`);
}

export const fellBackAlert = (channelId: ChannelId): string => `gate-fell-back ${channelId}`;

export type TurnTaken = {
  /** What it was decided for. */
  readonly from: Pick<GateState, 'mode' | 'share'>;
  readonly turn: Exclude<GateTurn, { kind: 'stay' }>;
  readonly now: Instant;
};

/** Answers whether the turn was taken: not where the channel is no more as it was. */
export async function turnChannel(
  db: Database,
  channelId: ChannelId,
  { from, turn, now }: TurnTaken,
): Promise<boolean> {
  const share = Math.round((turn.kind === 'fallBack' ? 100 : turn.share) * SHARE_SCALE);
  const mode: ChannelMode = turn.kind === 'fallBack' ? 'shadow' : 'live';
  const at = sql`to_timestamp(${now} / 1000.0)`;
  return db.transaction(async (tx) => {
    const rows = await tx.rows(sql`
      update channel set mode = ${mode}, live_share = ${share}, share_changed_at = ${at}, diverging_scans = 0,
        mode_changed_at = case when mode = ${mode} then mode_changed_at else ${at} end,
        mode_changed_by = case when mode = ${mode} then mode_changed_by else 'gate' end,
        fell_back = ${turn.kind === 'fallBack' ? turn.says : null}
      where id = ${channelId} and mode = ${from.mode} and live_share = ${Math.round(from.share * SHARE_SCALE)} and configured
        and left_at is null returning id`);
    if (rows.length === 0) return false;
    const detail = { from: from.mode, fromShare: from.share, to: mode, share: share / SHARE_SCALE, why: turn.says };
    await writeAudit(tx, [{ actor: 'gate', action: `gate: ${turn.kind}`, subject: channelId, detail }]);
    if (turn.kind === 'fallBack') await tell(tx, channelId, from.share, turn.says);
    else
      await ringBells(tx, [
        { topic: 'push', key: channelId },
        { topic: 'reconcile', key: channelId },
      ]);
    return true;
  });
}

/** Live channels that write to a part of their items, and whose platform has not answered since before this moment. */
export const silentChannels = async (
  db: Queries,
  before: Instant,
): Promise<(Pick<GateState, 'mode' | 'share'> & { readonly id: ChannelId })[]> =>
  db.rows(sql`
    select c.id, c.mode, c.live_share::float8 / ${SHARE_SCALE}::float8 as share from channel c join channel_breaker b on b.channel_id = c.id
    where c.mode = 'live' and c.live_share < 10000 and c.configured and b.opened_at <= to_timestamp(${before} / 1000.0)`);

const tell = (tx: Queries, channelId: ChannelId, share: number, why: string): Promise<void> =>
  raiseAlert(tx, {
    fingerprint: fellBackAlert(channelId),
    code: 'gate-fell-back',
    severity: 'critical',
    title: `${channelId}: it fell back to shadow; allot writes no number there any more`,
    channelId,
    touches: { share },
    cause: `${why}, at ${share} % of its items`,
    nextStep: `see what differs: allot channels show ${channelId}; stop whoever else writes there, or mend the mapping; then: allot channels live ${channelId}`,
  });

/** A person decided anew. */
export const closeFellBack = (tx: Queries, channelId: ChannelId, actor: string): Promise<void> =>
  closeAlert(tx, fellBackAlert(channelId), `${actor} set its mode since`);

// ---- what scans have told -----------------------------------------------------------------------------------------------------

export type ScanAgreement = {
  readonly day: string;
  readonly mode: 'shadow' | 'live';
  readonly compared: number;
  readonly agreed: number;
  readonly moving: number;
  readonly units: number;
  readonly causes: Readonly<Record<string, number>>;
};

/** Adds one scan to its day. */
export async function keepAgreement(db: Queries, channelId: ChannelId, scan: ScanAgreement): Promise<void> {
  await db.rows(sql`
    insert into agreement as a (channel_id, day, mode, scans, compared, agreed, moving, units, causes, last_compared, last_agreed)
    values (${channelId}, ${scan.day}::date, ${scan.mode}, 1, ${scan.compared}, ${scan.agreed}, ${scan.moving}, ${scan.units},
      ${JSON.stringify(scan.causes)}::jsonb, ${scan.compared}, ${scan.agreed})
    on conflict (channel_id, day, mode) do update set scans = a.scans + 1, compared = a.compared + excluded.compared,
      agreed = a.agreed + excluded.agreed, moving = a.moving + excluded.moving, units = a.units + excluded.units,
      causes = (select coalesce(jsonb_object_agg(cause, n), '{}') from (
        select cause, sum(n::bigint) as n from (select * from jsonb_each_text(a.causes) union all select * from jsonb_each_text(excluded.causes))
          as e(cause, n) group by cause) s),
      last_compared = excluded.last_compared, last_agreed = excluded.last_agreed, last_at = clock_timestamp()`);
}

export type AgreementDay = GateDay & {
  readonly mode: 'shadow' | 'live';
  readonly moving: number;
  readonly units: number;
  readonly causes: Readonly<Record<string, number>>;
  readonly lastCompared: number;
  readonly lastAgreed: number;
  readonly lastAt: Instant;
};

/** Newest first. */
export const readAgreement = (db: Queries, channelId: ChannelId, days: number): Promise<AgreementDay[]> =>
  db.rows<AgreementDay>(sql`
    select to_char(day, 'YYYY-MM-DD') as day, mode, scans, compared::float8, agreed::float8, moving::float8, units::float8, causes,
      last_compared as "lastCompared", last_agreed as "lastAgreed", last_at as "lastAt"
    from agreement where channel_id = ${channelId} order by agreement.day desc, mode limit ${days}`);

export type ShownListing = {
  readonly listingId: number;
  readonly sku: string;
  readonly listingRef: string;
  readonly locationRef: string;
  readonly should: number;
  readonly shows: number;
  readonly state: 'tracked' | 'untracked' | 'missing' | 'notBuyable';
  readonly readAt: Instant;
  readonly decidedAt: Instant;
  /** Live: this item is written to. */
  readonly isWritten: boolean;
};

/** The listings that showed another number than they should when they were read last, those furthest apart first. */
export const readDiffering = (db: Queries, channelId: ChannelId, limit: number): Promise<ShownListing[]> =>
  db.rows<ShownListing>(sql`
    select l.id as "listingId", l.sku, l.listing_ref as "listingRef", l.location_ref as "locationRef", t.quantity as should,
      s.observed_sellable as shows, s.observed_state as state, s.observed_at as "readAt", t.decided_at as "decidedAt",
      (c.mode = 'live' and ${WITHIN_SHARE}) as "isWritten"
    from listing l join channel c on c.id = l.channel_id join target t on t.listing_id = l.id join listing_sync s on s.listing_id = l.id
    where l.channel_id = ${channelId} and l.sku is not null and t.version > 0 and s.observed_at is not null
      and (s.observed_state <> 'tracked' or greatest(0, s.observed_sellable) <> t.quantity)
    order by case when s.observed_state = 'tracked' then abs(greatest(0, s.observed_sellable) - t.quantity) else t.quantity end desc, l.id
    limit ${limit}`);
