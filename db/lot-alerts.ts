/**
 * Lots that want a person: promised units that grew too old for whom they were promised to, lots about to expire, and lots of which
 * less is there than is promised.
 *
 * Guarantees: an alert of these is closed only when its lot is no longer so; what is told is read from the tables, at a moment given.
 */
import { type SQL, sql } from 'drizzle-orm';
import { EXPIRING_WITHIN_DAYS } from '#core/lots.ts';
import type { HoldId, Instant, LocationId, LotCode, OrderId, ProgramId, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';

export type AgedLot = {
  readonly sku: Sku;
  readonly lot: LotCode;
  readonly expiresAt: Instant;
  readonly units: number;
  readonly programs: readonly ProgramId[];
  readonly orders: readonly OrderId[];
  readonly holds: readonly HoldId[];
};

export type ExpiringLot = {
  readonly sku: Sku;
  readonly lot: LotCode;
  readonly expiresAt: Instant;
  readonly isExpired: boolean;
  readonly units: number;
  readonly places: readonly LocationId[];
};

export type LackingLot = {
  readonly sku: Sku;
  readonly lot: LotCode;
  readonly location: LocationId;
  readonly onHand: number;
  readonly promised: number;
};

const PROGRAM: SQL = sql`
  program as (select x.id, coalesce(x."minimumLifeDays", 0) as days
    from policy_current c join policy p on p.version = c.version
      cross join lateral jsonb_to_recordset(p.body->'programs') as x(id text, "minimumLifeDays" int))`;

const at = (now: Instant): SQL => sql`to_timestamp(${now}::float8 / 1000.0)`;

/** Promised lots that their program could not be promised any more, the first to expire first. */
export const agedLots = (db: Queries, now: Instant, max: number): Promise<AgedLot[]> =>
  db.rows<AgedLot>(sql`
    with ${PROGRAM},
      old as (
        select distinct b.sku, b.lot, l.expires_at from lot_balance b join lot l on l.sku = b.sku and l.code = b.lot
        where (b.allocated > 0 or b.held > 0)
          and l.expires_at < ${at(now)} + make_interval(days => (select coalesce(max(days), 0) + 1 from program))),
      promised as (
        select o.sku, o.lot, o.expires_at, e.program, e.order_id, case when e.order_id is null then e.hold_id end as hold_id,
          sum(case when e.order_id is null then e.held else e.delta end) as units
        from old o join promise_entry e on e.sku = o.sku and e.lot = o.lot group by 1, 2, 3, 4, 5, 6)
    select p.sku, p.lot, p.expires_at as "expiresAt", sum(p.units)::int as units,
      array_agg(distinct p.program) as programs,
      array_remove(array_agg(distinct p.order_id), null) as orders,
      array_remove(array_agg(distinct p.hold_id), null) as holds
    from promised p left join program r on r.id = p.program
    where p.units > 0 and (p.expires_at <= ${at(now)} or p.expires_at - ${at(now)} < make_interval(secs => coalesce(r.days, 0) * 86400.0))
    group by 1, 2, 3 order by 3, 1, 2 limit ${max}`);

/** Lots that may be sold and that are expired, or will be within the days of the policy. */
export const expiringLots = (db: Queries, now: Instant, max: number): Promise<ExpiringLot[]> =>
  db.rows<ExpiringLot>(sql`
    with warned as (select coalesce((p.body->'lots'->>'expiringWithinDays')::int, ${EXPIRING_WITHIN_DAYS}) as days
      from policy_current c join policy p on p.version = c.version)
    select b.sku, b.lot, l.expires_at as "expiresAt", l.expires_at <= ${at(now)} as "isExpired", sum(b.quantity)::int as units,
      array_agg(b.location order by b.location) as places
    from lot_balance b join lot l on l.sku = b.sku and l.code = b.lot join location p on p.id = b.location and p.sells cross join warned w
    where b.quantity > 0 and b.disposition = 'sellable' and w.days > 0
      and l.expires_at <= ${at(now)} + make_interval(days => w.days)
    group by 1, 2, 3 order by 3, 1, 2 limit ${max}`);

/** Lots of which more is promised at a place than is there. */
export const lackingLots = (db: Queries, max: number): Promise<LackingLot[]> =>
  db.rows<LackingLot>(sql`
    select sku, lot, location, quantity as "onHand", allocated + held as promised from lot_balance
    where disposition = 'sellable' and allocated + held > quantity and (quantity <> 0 or allocated <> 0 or held <> 0)
    order by sku, lot, location limit ${max}`);
