/** Alerts as people read them: the list, one whole with its trail and messages, and the open orders that it touches. */
import { type SQL, sql } from 'drizzle-orm';
import type { AlertCode, Severity } from '#core/alert-catalogue.ts';
import type { ChannelId, Instant } from '#core/model.ts';
import type { AlertState, Touches } from './alerts.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';

/** Open orders with a line of the items that an alert names; `orders` stops at REACH_MAX. */
export type AlertReach = { readonly orders: number; readonly units: number };

export const REACH_MAX = 1000;

export type AlertRow = {
  readonly id: number;
  readonly code: AlertCode;
  readonly severity: Severity;
  readonly title: string;
  readonly channel: ChannelId | null;
  readonly state: AlertState;
  readonly owner: string | null;
  /** By when somebody should have acted; `isPromised`: by a promise (a shipment), else by the catalogue. */
  readonly deadline: Instant | null;
  readonly isPromised: boolean;
  /** With what its counted units are worth (`money` and the fields beside it, core/money.ts), reckoned as it is read. */
  readonly touches: Touches;
  /** Null until measured, and where no item is named. */
  readonly reach: AlertReach | null;
  readonly cause: string;
  readonly nextStep: string;
  readonly firstSeenAt: Instant;
  readonly lastSeenAt: Instant;
  readonly count: number;
  /** How often it was closed, or said to be mended, and came back. */
  readonly reopened: number;
  /** allot mends it itself. */
  readonly mending: boolean;
  readonly snoozedUntil: Instant | null;
  readonly stateAt: Instant;
  readonly stateBy: string;
  readonly closedAt: Instant | null;
  readonly proof: string | null;
};

export type AlertEvent = {
  readonly kind: string;
  readonly at: Instant;
  readonly actor: string;
  readonly detail: string | null;
};

export type AlertMessage = {
  readonly destination: string;
  readonly about: string;
  readonly state: 'waiting' | 'sent' | 'dead';
  readonly attempts: number;
  readonly lastError: string | null;
  readonly createdAt: Instant;
  readonly finishedAt: Instant | null;
};

export type AlertFilter = {
  readonly channel?: ChannelId;
  readonly severity?: Severity;
  readonly code?: AlertCode;
  readonly state?: AlertState;
  /** Closed ones too. */
  readonly isAll?: boolean;
};

/** Alerts `a` with what those that are not closed are worth, for BY_STAKES. */
export const ALERTS = sql`alert a left join open_alert_worth() w on w.alert_id = a.id`;

/** The worst first, within a severity by money, then by deadline. */
export const BY_STAKES = sql`array_position(array['critical', 'error', 'warning', 'info'], a.severity),
  w.amount desc nulls last, a.deadline nulls last, a.id`;

/** In the order in which somebody should look: what people must act on before the rest. */
const ORDER = sql`(a.state = 'closed'), (a.state = 'snoozed'), (a.mending or a.state = 'proving'), ${BY_STAKES}`;

export const ALERT_COLUMNS = sql`a.id, a.code, a.severity, a.title, a.channel_id as channel, a.state, a.owner, a.deadline,
  a.is_promised as "isPromised", a.touches || coalesce(worth_of(a.sku_units), '{}') as touches, a.reach, a.cause, a.next_step as "nextStep", a.first_seen_at as "firstSeenAt",
  a.last_seen_at as "lastSeenAt", a.count, a.reopened, a.mending, a.snoozed_until as "snoozedUntil", a.state_at as "stateAt",
  a.state_by as "stateBy", a.closed_at as "closedAt", a.proof`;

const given = (value: string | undefined, condition: (value: string) => SQL): SQL =>
  value === undefined ? sql`` : sql`and ${condition(value)}`;

export const listAlerts = (db: Queries, filter: AlertFilter, limit: number): Promise<AlertRow[]> =>
  db.rows<AlertRow>(sql`
    select ${ALERT_COLUMNS} from ${ALERTS}
    where ${filter.isAll === true || filter.state === 'closed' ? sql`true` : sql`a.state <> 'closed'`}
      ${given(filter.channel, (value) => sql`a.channel_id = ${value}`)}
      ${given(filter.severity, (value) => sql`a.severity = ${value}`)}
      ${given(filter.code, (value) => sql`a.code = ${value}`)}
      ${given(filter.state, (value) => sql`a.state = ${value}`)}
    order by ${ORDER} limit ${limit}`);

export type WholeAlert = {
  readonly alert: AlertRow;
  /** The newest hundred, oldest first. */
  readonly trail: readonly AlertEvent[];
  readonly messages: readonly AlertMessage[];
};

const TOLD_MAX = 100;

/** Null when there is none. */
export async function readAlert(db: Queries, id: number): Promise<WholeAlert | null> {
  const [alert] = await db.rows<AlertRow>(sql`select ${ALERT_COLUMNS} from alert a where a.id = ${id}`);
  if (alert === undefined) return null;
  const trail = await db.rows<AlertEvent>(sql`
    select kind, at, actor, detail from (select * from alert_event where alert_id = ${id} order by id desc limit ${TOLD_MAX}) e order by id`);
  const messages = await db.rows<AlertMessage>(sql`
    select n.destination, e.kind as about, n.state, n.attempts, n.last_error as "lastError", n.created_at as "createdAt",
      n.finished_at as "finishedAt"
    from alert_event e join notification n on n.event_id = e.id where e.alert_id = ${id} order by n.id desc limit ${TOLD_MAX}`);
  return { alert, trail, messages };
}

/** Counts the open orders that these alerts touch, of the alert's own channel where it has one, and keeps the answer. */
export async function measureReach(db: Queries, ids: readonly number[], now: Instant): Promise<void> {
  if (ids.length === 0) return;
  await db.rows(sql`
    update alert a set reach_at = to_timestamp(${now} / 1000.0), reach = case when jsonb_typeof(a.touches->'skus') = 'array' then (
      select jsonb_build_object('orders', count(distinct order_id), 'units', coalesce(sum(open), 0)) from (
        select l.order_id, (l.ordered - l.cancelled - l.shipped) as open
        from jsonb_array_elements_text(a.touches->'skus') as s(sku)
        join order_line l on l.sku = s.sku join sales_order o on o.id = l.order_id
        where (l.allocated > 0 or l.short > 0) and (a.channel_id is null or o.channel_id = a.channel_id) limit ${REACH_MAX}) x) end
    where a.id = any(${list(ids)}::bigint[])`);
}

/** Open alerts that name items and were measured before this moment, those measured longest ago first. */
export async function staleReaches(db: Queries, before: Instant, limit: number): Promise<number[]> {
  const rows = await db.rows<{ id: number }>(sql`
    select id from alert where state <> 'closed' and touches ? 'skus' and coalesce(reach_at < to_timestamp(${before} / 1000.0), true)
    order by reach_at nulls first, id limit ${limit}`);
  return rows.map(({ id }) => id);
}
