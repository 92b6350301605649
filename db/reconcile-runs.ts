/**
 * Runs of reconcile, for people: asked for, running, done or failed, with what they found.
 *
 * | state   | next                                                                                             |
 * | asked   | running, by whichever process takes it                                                           |
 * | running | done; failed, also when nothing was heard of it for LOST_MS and another run of its channel begins |
 * | done, failed | final                                                                                       |
 *
 * Guarantees: at most one of a kind is asked for per channel; bounded: DIFFERENCES_MAX of a run are kept (while it runs the first, then
 * those furthest apart), and all goes by age.
 */
import { sql } from 'drizzle-orm';
import type { DriftCause, DriftRemedy } from '#core/drift.ts';
import type { ChannelId, Instant, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { recordset } from './recordset.ts';

export type RunMode = 'full' | 'light' | 'item';
export type RunState = 'asked' | 'running' | 'done' | 'failed';

/** What an actor is called where no person asked. */
export const BY_TIMER = 'timer';

/** A page is compared within a minute, or its wait is given up. */
const LOST_MS = 10 * 60_000;
export const DIFFERENCES_MAX = 200;

const at = (now: Instant) => sql`to_timestamp(${now} / 1000.0)`;

/** Answers the run that waits, and whether it waited already. */
export async function askRun(
  tx: Queries,
  { channelId, isDryRun, actor, now }: { channelId: ChannelId; isDryRun: boolean; actor: string; now: Instant },
): Promise<{ readonly id: number; readonly isNew: boolean }> {
  const [made] = await tx.rows<{ id: number }>(sql`
    insert into reconcile_run (channel_id, mode, is_dry_run, state, actor, asked_at)
    values (${channelId}, 'full', ${isDryRun}, 'asked', ${actor}, ${at(now)})
    on conflict (channel_id, is_dry_run) where state = 'asked' do nothing returning id`);
  if (made !== undefined) return { id: made.id, isNew: true };
  const [waiting] = await tx.rows<{ id: number }>(sql`
    select id from reconcile_run where channel_id = ${channelId} and is_dry_run = ${isDryRun} and state = 'asked'`);
  // Taken between the two: the newest is the one that was just taken.
  const [taken] =
    waiting === undefined
      ? await tx.rows<{ id: number }>(sql`select max(id) as id from reconcile_run where channel_id = ${channelId}`)
      : [waiting];
  return { id: taken?.id ?? 0, isNew: false };
}

export type RunStart = {
  readonly channelId: ChannelId;
  readonly mode: RunMode;
  readonly sku?: Sku;
  readonly isDryRun: boolean;
  /** Undefined: the one that is asked for begins, or where there is none, one of the timer's. */
  readonly actor?: string;
  readonly now: Instant;
};

/** Answers the id of the run that begins now. */
export async function beginRun(db: Queries, start: RunStart): Promise<number> {
  const { channelId, mode, isDryRun, actor, now } = start;
  await db.rows(sql`
    update reconcile_run set state = 'failed', finished_at = ${at(now)}, error = 'nothing was heard of it any more: its process ended'
    where channel_id = ${channelId} and state = 'running' and moved_at < ${at(now - LOST_MS)}`);
  const [asked] =
    actor === undefined && mode === 'full'
      ? await db.rows<{ id: number }>(sql`
        update reconcile_run set state = 'running', started_at = ${at(now)}, moved_at = ${at(now)}
        where channel_id = ${channelId} and is_dry_run = ${isDryRun} and state = 'asked' returning id`)
      : [];
  if (asked !== undefined) return asked.id;
  const [row] = await db.rows<{ id: number }>(sql`
    insert into reconcile_run (channel_id, mode, sku, is_dry_run, state, actor, asked_at, started_at, moved_at)
    values (${channelId}, ${mode}, ${start.sku ?? null}, ${isDryRun}, 'running', ${actor ?? BY_TIMER}, ${at(now)}, ${at(now)}, ${at(now)})
    returning id`);
  if (row === undefined) throw new Error('a run of reconcile was not kept');
  return row.id;
}

/** Whether a dry run of the channel is asked for. */
export const isDryRunAsked = async (db: Queries, channelId: ChannelId): Promise<boolean> =>
  (await db.rows(sql`select 1 from reconcile_run where channel_id = ${channelId} and is_dry_run and state = 'asked'`))
    .length > 0;

export type Difference = {
  readonly listingId: number;
  readonly cause: DriftCause;
  readonly remedy: DriftRemedy;
  readonly shows: number;
  readonly wants: number;
  readonly because: readonly string[];
};

export type RunCounts = {
  readonly compared: number | null;
  readonly differing: number;
  readonly causes: Readonly<Record<string, number>>;
  readonly healed: number;
};

const DIFFERENCE = {
  listingId: 'int8',
  cause: 'text',
  remedy: 'text',
  shows: 'int4',
  wants: 'int4',
  because: 'jsonb',
} as const;

const counted = ({ compared, differing, causes, healed }: RunCounts) => sql`
  compared = ${compared}, differing = ${differing}, causes = ${JSON.stringify(causes)}::jsonb, healed = ${healed}`;

/** The counts so far, and what of the page's differences there is room for. */
export async function noteRun(
  db: Queries,
  id: number,
  { counts, found, now }: { readonly counts: RunCounts; readonly found: readonly Difference[]; readonly now: Instant },
): Promise<void> {
  await db.rows(sql`update reconcile_run set moved_at = ${at(now)}, ${counted(counts)} where id = ${id}`);
  const room = DIFFERENCES_MAX - (counts.differing - found.length);
  if (room > 0) await keepDifferences(db, id, found.slice(0, room));
}

async function keepDifferences(db: Queries, id: number, found: readonly Difference[]): Promise<void> {
  if (found.length === 0) return;
  await db.rows(sql`
    insert into reconcile_difference (run_id, listing_id, cause, remedy, shows, wants, because)
    select ${id}::bigint, "listingId", cause, remedy, shows, wants, because from ${recordset(found, DIFFERENCE, 'r')}
    on conflict do nothing`);
}

const apart = ({ shows, wants }: Difference): number => Math.abs(shows - wants);

/** Of all that a run found, those to be kept once it ends: the furthest apart, since there may be too many to keep all. */
export const furthestApart = (found: readonly Difference[]): Difference[] =>
  found.toSorted((a, b) => apart(b) - apart(a) || a.listingId - b.listingId).slice(0, DIFFERENCES_MAX);

export type RunEnd = {
  readonly counts: RunCounts;
  readonly furthest: readonly Difference[];
  readonly alerted: number;
  readonly openAfter: number | null;
  /** Null: it came to its end. */
  readonly error: string | null;
  readonly now: Instant;
};

/** Where it found more than there was room for, those furthest apart take the place of the first. */
export async function endRun(db: Queries, id: number, end: RunEnd): Promise<void> {
  if (end.counts.differing > DIFFERENCES_MAX) {
    await db.rows(sql`delete from reconcile_difference where run_id = ${id}`);
    await keepDifferences(db, id, end.furthest);
  }
  await db.rows(sql`
    update reconcile_run set state = ${end.error === null ? 'done' : 'failed'}, finished_at = ${at(end.now)}, moved_at = ${at(end.now)},
      ${counted(end.counts)}, alerted = ${end.alerted}, open_after = ${end.openAfter}, error = ${end.error}
    where id = ${id}`);
}

// ---- as people read them ------------------------------------------------------------------------------------------------------

export type ReconcileRun = RunCounts & {
  readonly id: number;
  readonly channel: ChannelId;
  readonly mode: RunMode;
  readonly sku: Sku | null;
  readonly isDryRun: boolean;
  readonly state: RunState;
  readonly actor: string;
  readonly askedAt: Instant;
  readonly startedAt: Instant | null;
  readonly movedAt: Instant | null;
  readonly finishedAt: Instant | null;
  readonly alerted: number;
  readonly openAfter: number | null;
  readonly error: string | null;
};

const RUN = sql`id, channel_id as channel, mode, sku, is_dry_run as "isDryRun", state, actor, asked_at as "askedAt",
  started_at as "startedAt", moved_at as "movedAt", finished_at as "finishedAt", compared, differing, causes, healed, alerted,
  open_after as "openAfter", error`;

export type RunChoice = {
  readonly channel?: ChannelId;
  /** Light scans too. */
  readonly withLight: boolean;
  /** The page after this id. */
  readonly before?: number;
  readonly limit: number;
};

/** The newest first. */
export function listRuns(db: Queries, { channel, withLight, before, limit }: RunChoice): Promise<ReconcileRun[]> {
  const ofChannel = channel === undefined ? sql`` : sql`and channel_id = ${channel}`;
  const ofMode = withLight ? sql`` : sql`and mode <> 'light'`;
  const older = before === undefined ? sql`` : sql`and id < ${before}`;
  return db.rows<ReconcileRun>(
    sql`select ${RUN} from reconcile_run where true ${ofChannel} ${ofMode} ${older} order by id desc limit ${limit}`,
  );
}

export async function readRun(db: Queries, id: number): Promise<ReconcileRun | undefined> {
  const [row] = await db.rows<ReconcileRun>(sql`select ${RUN} from reconcile_run where id = ${id}`);
  return row;
}

export type RunDifference = Difference & {
  readonly sku: Sku | null;
  readonly listingRef: string;
  readonly locationRef: string;
};

/** The last look at all of the channel that came to its end. */
export async function lastWholeRun(db: Queries, channelId: ChannelId): Promise<ReconcileRun | undefined> {
  const [row] = await db.rows<ReconcileRun>(sql`
    select ${RUN} from reconcile_run where channel_id = ${channelId} and mode = 'full' and state = 'done' and not is_dry_run
    order by id desc limit 1`);
  return row;
}

/** What the run keeps of what it found, those furthest apart first. */
export const readDifferences = (db: Queries, runId: number): Promise<RunDifference[]> =>
  db.rows<RunDifference>(sql`
    select d.listing_id as "listingId", d.cause, d.remedy, d.shows, d.wants, d.because, l.sku, l.listing_ref as "listingRef",
      l.location_ref as "locationRef"
    from reconcile_difference d join listing l on l.id = d.listing_id where d.run_id = ${runId}
    order by abs(d.shows - d.wants) desc, d.listing_id`);

/** Light scans are looked at for two days, whole runs for thirty, what they found for seven; a bounded lot at a time. */
export async function purgeRuns(db: Queries): Promise<void> {
  await db.rows(sql`
    delete from reconcile_run where id in (select id from reconcile_run
      where asked_at < now() - make_interval(days => case when mode = 'light' then 2 else 30 end) and state in ('done', 'failed')
      order by id limit 10000)`);
  await db.rows(sql`
    delete from reconcile_difference where run_id in (
      select d.run_id from reconcile_difference d join reconcile_run r on r.id = d.run_id
      where r.asked_at < now() - interval '7 days' group by d.run_id order by d.run_id limit 500)`);
}
