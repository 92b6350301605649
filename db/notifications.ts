/**
 * Messages about alerts on their way out: one row per event and destination, so that none is lost and none is written twice.
 *
 * Guarantees: a row is sent at least once or ends `dead`, which is itself an alert; rows of one topic (code and channel) that wait for
 * one destination are claimed together and go out as one message, at most one per topic and `quietMs`; a claim is a lease by `send_at`.
 */
import { sql } from 'drizzle-orm';
import type { ChannelId, Instant } from '#core/model.ts';
import { ALERT_COLUMNS, type AlertRow, BY_STAKES } from './alert-list.ts';
import type { Database, Queries } from './client.ts';
import { list } from './list.ts';
import { recordset } from './recordset.ts';

export type UnroutedEvent = {
  readonly id: number;
  readonly alertId: number;
  readonly kind: string;
  readonly code: string;
  readonly severity: AlertRow['severity'];
  readonly channel: ChannelId | null;
  readonly fingerprint: string;
  /** Where the alert was told already. */
  readonly toldAt: readonly string[];
};

export type NewMessage = { readonly eventId: number; readonly destination: string; readonly topic: string };

const EVENTS_AT_ONCE = 500;

const at = (now: Instant) => sql`to_timestamp(${now} / 1000.0)`;

/**
 * Events that nobody was told of yet. What allot is mending itself waits until the alert is older than `graceMs`; a beginning whose
 * alert has ended meanwhile is no news.
 */
export async function takeUnrouted(
  tx: Queries,
  { now, graceMs }: { readonly now: Instant; readonly graceMs: number },
): Promise<UnroutedEvent[]> {
  const taken = await tx.rows<UnroutedEvent & { readonly isNews: boolean }>(sql`
    with taken as (
      select e.id from alert_event e join alert a on a.id = e.alert_id
      where not e.is_routed and (not a.mending or a.state not in ('open', 'acknowledged') or e.at <= ${at(now - graceMs)})
      order by e.id limit ${EVENTS_AT_ONCE} for update of e skip locked),
    marked as (update alert_event e set is_routed = true from taken t where e.id = t.id returning e.id, e.alert_id, e.kind)
    select m.id, m.alert_id as "alertId", m.kind, a.code, a.severity, a.channel_id as channel, a.fingerprint,
      a.state <> 'closed' or m.kind = 'closed' as "isNews",
      coalesce((select json_agg(distinct n.destination) from alert_event o join notification n on n.event_id = o.id
        where o.alert_id = m.alert_id), '[]'::json) as "toldAt"
    from marked m join alert a on a.id = m.alert_id order by m.id`);
  return taken.filter(({ isNews }) => isNews);
}

export async function addMessages(tx: Queries, messages: readonly NewMessage[], sendAt: Instant): Promise<void> {
  if (messages.length === 0) return;
  const columns = { eventId: 'int8', destination: 'text', topic: 'text' } as const;
  await tx.rows(sql`
    insert into notification (destination, topic, event_id, send_at)
    select destination, topic, "eventId", ${at(sendAt)} from ${recordset(messages, columns, 'r')} order by "eventId"
    on conflict (event_id, destination) do nothing`);
}

/** One that stands for itself: a digest, a test. */
export async function addOwnMessage(
  tx: Queries,
  message: { readonly destination: string; readonly topic: string; readonly body: object },
  sendAt: Instant,
): Promise<void> {
  await tx.rows(sql`
    insert into notification (destination, topic, body, send_at)
    values (${message.destination}, ${message.topic}, ${JSON.stringify(message.body)}::jsonb, ${at(sendAt)})`);
}

export type ClaimedNews = {
  readonly kind: string;
  readonly at: Instant;
  readonly actor: string;
  readonly detail: string | null;
  readonly alert: AlertRow;
};

export type ClaimedMessage = {
  readonly topic: string;
  readonly rows: readonly number[];
  /** This one included. */
  readonly attempts: number;
  /** Of one that stands for itself; else null. */
  readonly body: object | null;
  /** What happened, oldest first, at most NEWS_MAX alerts; `alerts` is how many there are. */
  readonly news: readonly ClaimedNews[];
  readonly alerts: number;
  /** Of all alerts of the topic, now. */
  readonly standing: { readonly open: number; readonly seen: number };
};

const NEWS_MAX = 10;
const ROWS_AT_ONCE = 1000;

export type ClaimTerms = { readonly now: Instant; readonly leaseMs: number; readonly quietMs: number };

/** The next message of a destination that is due, or null. Nobody else has it while the lease lasts. */
export async function claimMessage(
  db: Database,
  destination: string,
  { now, leaseMs, quietMs }: ClaimTerms,
): Promise<ClaimedMessage | null> {
  return db.transaction(async (tx) => {
    const [head] = await tx.rows<{ topic: string }>(sql`
      select n.topic from notification n where n.state = 'waiting' and n.destination = ${destination} and n.send_at <= ${at(now)}
        and not exists (select 1 from notification s where s.destination = n.destination and s.state = 'sent' and s.topic = n.topic
          and s.finished_at > ${at(now - quietMs)})
      order by n.send_at, n.id limit 1 for update skip locked`);
    if (head === undefined) return null;
    const rows = await tx.rows<{ id: number; eventId: number | null; attempts: number; body: object | null }>(sql`
      with claimed as (
        select id from notification where state = 'waiting' and destination = ${destination} and topic = ${head.topic}
        order by id limit ${ROWS_AT_ONCE} for update skip locked)
      update notification n set attempts = attempts + 1, send_at = ${at(now + leaseMs)} from claimed c where n.id = c.id
      returning n.id, n.event_id as "eventId", n.attempts, n.body`);
    return { topic: head.topic, ...(await describeClaim(tx, rows)) };
  });
}

async function describeClaim(
  tx: Queries,
  rows: readonly {
    readonly id: number;
    readonly eventId: number | null;
    readonly attempts: number;
    readonly body: object | null;
  }[],
): Promise<Omit<ClaimedMessage, 'topic'>> {
  const ids = rows.map(({ id }) => id).sort((a, b) => a - b);
  const head = { rows: ids, attempts: Math.max(...rows.map(({ attempts }) => attempts)) };
  const events = rows.flatMap(({ eventId }) => (eventId === null ? [] : [eventId]));
  if (events.length === 0)
    return {
      ...head,
      body: rows[0]?.body ?? null,
      news: [],
      alerts: 0,
      standing: { open: 0, seen: 0 },
    };
  const news = await tx.rows<
    AlertRow & { eventKind: string; eventAt: Instant; actor: string; detail: string | null }
  >(sql`
    select e.kind as "eventKind", e.at as "eventAt", e.actor, e.detail, ${ALERT_COLUMNS}
    from (select distinct on (alert_id) * from alert_event where id = any(${list(events)}::bigint[]) order by alert_id, id desc) e
    join alert a on a.id = e.alert_id left join open_alert_worth() w on w.alert_id = a.id
    order by (a.state = 'closed'), ${BY_STAKES}
    limit ${NEWS_MAX}`);
  const [counts] = await tx.rows<{ alerts: number; open: number; seen: number }>(sql`
    with told as (select distinct alert_id from alert_event where id = any(${list(events)}::bigint[])),
      topic as (select a.code, a.channel_id from alert a join told t on t.alert_id = a.id limit 1)
    select (select count(*)::int from told) as alerts,
      count(*) filter (where b.state = 'open')::int as open, count(*) filter (where b.state in ('acknowledged', 'snoozed', 'proving'))::int as seen
    from topic t left join alert b on b.code = t.code and b.channel_id is not distinct from t.channel_id and b.state <> 'closed'`);
  return {
    ...head,
    body: null,
    news: news.map(({ eventKind, eventAt, actor, detail, ...alert }) => ({
      kind: eventKind,
      at: eventAt,
      actor,
      detail,
      alert,
    })),
    alerts: counts?.alerts ?? 0,
    standing: { open: counts?.open ?? 0, seen: counts?.seen ?? 0 },
  };
}

export async function settleSent(db: Queries, rows: readonly number[], now: Instant): Promise<void> {
  await db.rows(sql`
    update notification set state = 'sent', finished_at = ${at(now)}, last_error = null
    where id = any(${list(rows)}::bigint[]) and state = 'waiting'`);
}

export async function retryLater(db: Queries, rows: readonly number[], sendAt: Instant, error: string): Promise<void> {
  await db.rows(sql`
    update notification set send_at = ${at(sendAt)}, last_error = ${error.slice(0, 500)}
    where id = any(${list(rows)}::bigint[]) and state = 'waiting'`);
}

export async function giveUp(db: Queries, rows: readonly number[], now: Instant, error: string): Promise<void> {
  await db.rows(sql`
    update notification set state = 'dead', finished_at = ${at(now)}, last_error = ${error.slice(0, 500)}
    where id = any(${list(rows)}::bigint[]) and state = 'waiting'`);
}

/** What waits for a destination that is configured no longer, or longer than anything is tried. Answers how many. */
export const giveUpForgotten = (db: Queries, destinations: readonly string[], now: Instant): Promise<number> =>
  db.execute(sql`
    update notification set state = 'dead', finished_at = ${at(now)},
      last_error = coalesce(last_error, 'its destination is configured no longer')
    where state = 'waiting' and send_at < ${at(now)} - interval '1 day' and not (destination = any(${list(destinations)}))`);

export type Undelivered = {
  readonly destination: string;
  readonly topic: string;
  readonly state: 'waiting' | 'dead';
  readonly attempts: number;
  readonly lastError: string | null;
  readonly sendAt: Instant;
  readonly createdAt: Instant;
};

/** What waits after a failure, and what was given up, newest first. */
export const listUndelivered = (db: Queries, limit: number): Promise<Undelivered[]> =>
  db.rows<Undelivered>(sql`
    select destination, topic, state, attempts, last_error as "lastError", send_at as "sendAt", created_at as "createdAt"
    from notification where state = 'dead' or (state = 'waiting' and last_error is not null) order by id desc limit ${limit}`);

const KEPT_DAYS = 90;

/** Messages are kept as long as anybody asks who was told; a bounded lot at a time. */
export const purgeMessages = (db: Queries): Promise<number> =>
  db.execute(sql`
    delete from notification where id in (
      select id from notification where finished_at < now() - make_interval(days => ${KEPT_DAYS}) order by id limit 5000)`);
