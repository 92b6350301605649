/**
 * Alerts: one row per cause (fingerprint), counted up while it lasts, worked on by people, closed only with a proof.
 *
 * | state        | seen again | seen worse      | ack, take    | snooze  | resolve | its time comes  | proof  |
 * | open         | open       | open, told anew | acknowledged | snoozed | proving |                 | closed |
 * | acknowledged | stays      | open, told      | stays        | snoozed | proving |                 | closed |
 * | snoozed      | stays      | open, told      | acknowledged | snoozed | proving | open, told anew | closed |
 * | proving      | open, told | open, told      | acknowledged | snoozed | stays   |                 | closed |
 * | closed       | within a day open again, as the same row; later a new row    | refused everywhere else   |
 *
 * Worse: a higher severity, twice the size since people were told, or allot mends it no longer by itself. `proving` is a person's
 * word that it is mended: only the next reading decides. Nobody closes an alert; what reads the trouble gone does (`closeAlert`).
 */
import { type SQL, sql } from 'drizzle-orm';
import { ALERT_CATALOGUE, type AlertCode, type Severity } from '#core/alert-catalogue.ts';
import { Rejected } from '#core/errors.ts';
import type { Instant, Sku } from '#core/model.ts';
import { writeAudit } from './audit.ts';
import type { Database, Queries } from './client.ts';
import { list } from './list.ts';
import { ringBells } from './outbox.ts';
import { recordset } from './recordset.ts';
import { hastenTurns } from './turns.ts';

export type Touches = Readonly<Record<string, number | string | readonly (string | object)[]>>;

/** `sku` null: further units, of items that are not named. */
export type SkuUnits = { readonly sku: Sku | null; readonly units: number };

/** More than this many items are not named one by one. */
export const SKU_UNITS_MAX = 1000;

/** The first items (those with most units), and the rest of `all` units together. */
export function cutSkuUnits(named: readonly SkuUnits[], all: number): SkuUnits[] {
  const kept = named.slice(0, SKU_UNITS_MAX);
  const rest = all - kept.reduce((sum, { units }) => sum + units, 0);
  return rest > 0 ? [...kept, { sku: null, units: rest }] : kept;
}

export type NewAlert = {
  /** Code, channel, cause, scope: what makes two sightings the same trouble. */
  readonly fingerprint: string;
  readonly code: AlertCode;
  readonly severity: Severity;
  /** Thing and what is wrong, for a person at seven in the morning. */
  readonly title: string;
  readonly channelId: string | null;
  /** `skus` (some of them) lets the open orders be counted that it touches. */
  readonly touches: Touches;
  readonly cause: string;
  /** An exact command. */
  readonly nextStep: string;
  /** Base units of each item that it counts, those with most first: what they are worth is reckoned when it is read. */
  readonly skuUnits?: readonly SkuUnits[];
  /** What grows as it gets worse; what `touches` counts when missing. */
  readonly size?: number;
  /** allot mends it itself: told only when it lasts. */
  readonly mending?: boolean;
  /** Where something real ends (a promised shipment); else the catalogue says how many hours. */
  readonly deadline?: Instant;
};

const REOPENS_WITHIN = sql`interval '1 day'`;
const rankOf = (severity: SQL): SQL => sql`array_position(array['info', 'warning', 'error', 'critical'], ${severity})`;

const COUNTED = ['units', 'listings', 'documents', 'answers', 'quantities', 'inputs'] as const;

function sizeOf({ size, touches }: NewAlert): number {
  if (size !== undefined) return size;
  const counts = COUNTED.map((name) => touches[name]).filter((value) => typeof value === 'number');
  return Math.max(1, ...counts);
}

const COLUMNS = {
  fingerprint: 'text',
  code: 'text',
  severity: 'text',
  title: 'text',
  channelId: 'text',
  touches: 'jsonb',
  cause: 'text',
  nextStep: 'text',
  skuUnits: 'jsonb',
  size: 'int8',
  mending: 'boolean',
  deadline: 'timestamptz',
  isPromised: 'boolean',
  withinHours: 'int4',
} as const;

/** What was closed too long ago stays closed: its cause gets a new row. */
const retireOld = (db: Queries, fingerprints: SQL): Promise<number> =>
  db.execute(sql`
    update alert set is_latest = false
    where is_latest and state = 'closed' and closed_at < now() - ${REOPENS_WITHIN} and fingerprint in (${fingerprints})`);

async function upsert(db: Queries, alerts: readonly NewAlert[], isQuiet: boolean): Promise<void> {
  if (alerts.length === 0) return;
  const rows = alerts.map((alert) => ({
    ...alert,
    size: sizeOf(alert),
    mending: alert.mending ?? false,
    deadline: alert.deadline,
    isPromised: alert.deadline !== undefined,
    withinHours: ALERT_CATALOGUE[alert.code].withinHours,
  }));
  const given = recordset(rows, COLUMNS, 'r');
  await retireOld(db, sql`select fingerprint from ${given}`);
  const isWorse = sql`(${rankOf(sql`excluded.severity`)} > ${rankOf(sql`a.told_severity`)} or excluded.size >= 2 * a.told_size
    or (a.mending and not excluded.mending))`;
  const change = sql`case when a.state = 'closed' or a.state = 'proving' then 'reopened' when ${isWorse} then 'grew' end`;
  const deadline = sql`coalesce(r.deadline, now() + make_interval(hours => r."withinHours"))`;
  await db.rows(sql`
    with up as (
      insert into alert as a (fingerprint, code, severity, title, channel_id, touches, cause, next_step, sku_units, size, told_size, told_severity,
        mending, deadline, is_promised, change)
      select fingerprint, code, severity, title, "channelId", touches, cause, "nextStep", "skuUnits", size, size, severity,
        mending, ${deadline}, "isPromised", 'raised' from ${given} order by fingerprint
      on conflict (fingerprint) where is_latest do update set last_seen_at = now(), count = a.count + 1,
        title = excluded.title, touches = excluded.touches, cause = excluded.cause, next_step = excluded.next_step, sku_units = excluded.sku_units,
        severity = excluded.severity, size = excluded.size, mending = excluded.mending, change = ${change},
        told_size = case when ${change} is null then a.told_size else excluded.size end,
        told_severity = case when ${change} is null then a.told_severity else excluded.severity end,
        state = case when ${change} is null then a.state else 'open' end,
        state_at = case when ${change} is null or a.state = 'open' then a.state_at else now() end,
        state_by = case when ${change} is null or a.state = 'open' then a.state_by else 'allot' end,
        snoozed_until = case when ${change} is null then a.snoozed_until end,
        deadline = case when excluded.is_promised or a.is_promised or a.state = 'closed' then excluded.deadline else a.deadline end,
        is_promised = excluded.is_promised,
        reopened = a.reopened + (a.state in ('closed', 'proving'))::int,
        closed_at = null, proof = null
      ${isQuiet ? sql`where a.touches is distinct from excluded.touches or a.sku_units is distinct from excluded.sku_units or a.severity <> excluded.severity or a.state in ('closed', 'proving')` : sql``}
      returning id, change, cause)
    insert into alert_event (alert_id, kind, actor, detail) select id, change, 'allot', cause from up where change is not null order by id`);
}

export const raiseAlert = (db: Queries, alert: NewAlert): Promise<void> => upsert(db, [alert], false);

/** Many at once; one whose touches are as they were is left alone, unless somebody said that it is mended. */
export const raiseAlerts = (db: Queries, alerts: readonly NewAlert[]): Promise<void> => upsert(db, alerts, true);

export type Standing = {
  readonly codes: readonly AlertCode[];
  /** All that stand now, the worst first. */
  readonly alerts: readonly NewAlert[];
  /** Open at once: more than a person looks at. The rest follows as these close. */
  readonly openMax: number;
  readonly proof: string;
  /** False when more stands than `alerts` tells: then none is closed for not being there. */
  readonly isWhole?: boolean;
};

/** Makes the open alerts of these codes what stands now: raises what is new, tells what changed, closes what stands no more. */
export async function tellStanding(tx: Queries, standing: Standing): Promise<void> {
  const { codes, alerts, openMax, proof, isWhole = true } = standing;
  const known = new Set(alerts.map(({ fingerprint }) => fingerprint));
  const open = await tx.rows<{ fingerprint: string }>(
    sql`select fingerprint from alert where state <> 'closed' and code = any(${list(codes)})`,
  );
  const gone = isWhole ? open.filter(({ fingerprint }) => !known.has(fingerprint)) : [];
  if (gone.length > 0)
    await closeAlerts(tx, sql`a.fingerprint = any(${list(gone.map(({ fingerprint }) => fingerprint))})`, proof);
  const told = new Set(open.map(({ fingerprint }) => fingerprint));
  let room = openMax - (open.length - gone.length);
  await tx.rows(sql`
    update alert set last_seen_at = now()
    where is_latest and state <> 'closed' and last_seen_at < now() - interval '1 minute' and fingerprint = any(${list([...known])})`);
  const toTell = alerts.filter(({ fingerprint }) => told.has(fingerprint) || room-- > 0);
  await raiseAlerts(tx, toTell);
}

/** Closes those that `which` names (over `a`); `proof` says what was read that shows the trouble gone. */
export async function closeAlerts(db: Queries, which: SQL, proof: string): Promise<void> {
  await db.rows(sql`
    with gone as (
      update alert a set state = 'closed', closed_at = now(), proof = ${proof}, state_at = now(), state_by = 'allot', snoozed_until = null
      where a.state <> 'closed' and ${which} returning id)
    insert into alert_event (alert_id, kind, actor, detail) select id, 'closed', 'allot', ${proof} from gone order by id`);
}

export const closeAlert = (db: Queries, fingerprint: string, proof: string): Promise<void> =>
  closeAlerts(db, sql`a.fingerprint = ${fingerprint}`, proof);

/** Closes the channel's alerts of refused pushes where every mapped listing refused so has been acknowledged since. */
export const closeMendedRefusals = (db: Queries, channelId: string): Promise<void> =>
  closeAlerts(
    db,
    sql`a.code = 'push-rejected' and a.channel_id = ${channelId} and not exists (
      select 1 from listing l join listing_sync s on s.listing_id = l.id join push_attempt_item i on i.listing_id = l.id
      where l.channel_id = a.channel_id and l.sku is not null and s.failures > 0 and i.outcome = 'rejected'
        and i.detail = left(a.cause, 500) and i.finished_at > coalesce(s.acked_at, '-infinity'))`,
    'the platform has since taken, or shown, the number of every listing that it refused so',
  );

// ---- what people do ---------------------------------------------------------------------------------------------------------------

export type AlertState = 'open' | 'acknowledged' | 'snoozed' | 'proving' | 'closed';

type Step = {
  readonly id: number;
  /** Who does it, as the audit trail names people. */
  readonly by: string;
};

type Change = {
  readonly kind: 'acknowledged' | 'snoozed' | 'taken' | 'resolved';
  readonly action: string;
  readonly set: SQL;
  readonly detail: string | null;
  readonly andThen?: (tx: Queries) => Promise<void>;
};

/** Throws Rejected for one that is not there, or closed by now. */
async function step(db: Database, { id, by }: Step, { kind, action, set, detail, andThen }: Change): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx.rows<{ state: AlertState; proof: string | null }>(
      sql`select state, proof from alert where id = ${id} for update`,
    );
    if (row === undefined)
      throw new Rejected(`there is no alert ${id}`, { field: 'id', value: id, fix: 'allot alerts lists them' });
    if (row.state === 'closed')
      throw new Rejected(`alert ${id} is closed: ${row.proof ?? 'its trouble is gone'}`, {
        field: 'id',
        value: id,
        fix: `allot alerts show ${id} tells what became of it`,
      });
    await tx.rows(sql`update alert set ${set}, state_at = now(), state_by = ${by} where id = ${id}`);
    await tx.rows(
      sql`insert into alert_event (alert_id, kind, actor, detail) values (${id}, ${kind}, ${by}, ${detail})`,
    );
    await writeAudit(tx, [{ actor: by, action, subject: `alert ${id}`, detail: detail === null ? {} : { detail } }]);
    await andThen?.(tx);
  });
}

/** Somebody has seen it. */
export const ackAlert = (db: Database, at: Step): Promise<void> =>
  step(db, at, {
    kind: 'acknowledged',
    action: 'acknowledge alert',
    set: sql`state = 'acknowledged', snoozed_until = null`,
    detail: null,
  });

/** Silent until a moment, or until it gets worse. */
export const snoozeAlert = (db: Database, { until, ...at }: Step & { readonly until: Instant }): Promise<void> =>
  step(db, at, {
    kind: 'snoozed',
    action: 'snooze alert',
    set: sql`state = 'snoozed', snoozed_until = to_timestamp(${until} / 1000.0)`,
    detail: `until ${new Date(until).toISOString()}, or until it gets worse`,
  });

/** It is `owner`'s now. */
export const takeAlert = (db: Database, { owner, ...at }: Step & { readonly owner: string }): Promise<void> =>
  step(db, at, {
    kind: 'taken',
    action: 'take alert',
    set: sql`owner = ${owner}, snoozed_until = null, state = case when state = 'proving' then state else 'acknowledged' end`,
    detail: owner,
  });

/** Somebody says that it is mended: the next reading, which is asked for at once, closes it, or opens it again. */
export const resolveAlert = (db: Database, at: Step): Promise<void> =>
  step(db, at, {
    kind: 'resolved',
    action: 'resolve alert',
    set: sql`state = 'proving', snoozed_until = null`,
    detail: null,
    andThen: async (tx) => {
      const channels = await tx.rows<{ key: string }>(
        sql`select channel_id as key from alert where id = ${at.id} and channel_id is not null`,
      );
      await ringBells(
        tx,
        channels.map(({ key }) => ({ topic: 'reconcile', key })),
      );
      await hastenTurns(tx, ['alert checks', 'held back']);
    },
  });

/** Opens those whose snooze is over, and tells people anew. Answers how many. */
export async function wakeAlerts(db: Queries, now: Instant): Promise<number> {
  const woken = await db.rows<{ id: number }>(sql`
    with woken as (
      update alert set state = 'open', snoozed_until = null, state_at = now(), state_by = 'allot', told_size = size, told_severity = severity
      where state = 'snoozed' and snoozed_until <= to_timestamp(${now} / 1000.0) returning id)
    insert into alert_event (alert_id, kind, actor, detail) select id, 'woke', 'allot', 'its snooze is over' from woken order by id
    returning alert_id as id`);
  return woken.length;
}
