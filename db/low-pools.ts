/**
 * Pools below their threshold: written with the decision that found them so, told as alerts by the sweep.
 *
 * Guarantees: a row stands exactly while the item's last decision found the pool low; an alert is closed only when its row is gone.
 */
import { sql } from 'drizzle-orm';
import type { LowPool } from '#core/pool-levels.ts';
import type { Facts } from '#core/state.ts';
import { closeAlerts } from './alerts.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';

/** Of the touched items: what is low is kept, what is no longer so goes. */
export async function writeLowPools(
  tx: Queries,
  { reviews, lowPools }: Pick<Facts, 'reviews' | 'lowPools'>,
): Promise<void> {
  if (reviews.length === 0) return;
  await tx.rows(sql`
    with low as (select sku, program, coalesce(location, '') as location, units, remaining, missing, moves, "liftedBy" as lifted_by
        from json_to_recordset(${JSON.stringify(lowPools)}::json)
        as r(sku text, program text, location text, units int, remaining int, missing int, moves jsonb, "liftedBy" text)),
      gone as (delete from low_pool p where p.sku = any(${list(reviews.map(({ sku }) => sku))})
        and not exists (select 1 from low where low.sku = p.sku and low.program = p.program and low.location = p.location))
    insert into low_pool (sku, program, location, units, remaining, missing, moves, lifted_by)
    select sku, program, location, units, remaining, missing, moves, lifted_by from low
    on conflict (sku, program, location) do update set units = excluded.units, remaining = excluded.remaining,
      missing = excluded.missing, moves = excluded.moves, lifted_by = excluded.lifted_by
    where (low_pool.units, low_pool.remaining, low_pool.missing, low_pool.moves, low_pool.lifted_by)
      is distinct from (excluded.units, excluded.remaining, excluded.missing, excluded.moves, excluded.lifted_by)`);
}

export const lowPoolFingerprint = ({ sku, program, location }: Pick<LowPool, 'sku' | 'program' | 'location'>): string =>
  `pool-low ${sku} ${program}${location === undefined ? '' : ` at ${location}`}`;

/** A pool of the item has no place. */
const columns = sql`sku, program, nullif(location, '') as location, units, remaining, missing, moves, lifted_by as "liftedBy"`;

type LowColumns = Omit<LowPool, 'location' | 'liftedBy'> & {
  readonly location: string | null;
  readonly liftedBy: 'receipt' | 'rule' | null;
};

const withoutNull = ({ location, liftedBy, ...low }: LowColumns): LowPool => ({
  ...low,
  ...(location === null ? {} : { location }),
  ...(liftedBy === null ? {} : { liftedBy }),
});

type LowRow = Parameters<typeof withoutNull>[0];

/**
 * Low pools whose alert is missing, tells other figures, or is said to be mended; of the missing ones, those that lack most, until `openMax` alerts are open.
 * What stands open stays, so that no alert closes for want of room.
 */
export async function untoldLowPools(db: Queries, openMax: number): Promise<LowPool[]> {
  const rows = await db.rows<LowRow>(sql`
    with open as (select fingerprint, touches, state from alert where code = 'pool-low' and state <> 'closed'),
      pool as (select p.*, o.touches, o.state
        from low_pool p left join open o on o.fingerprint = 'pool-low ' || p.sku || ' ' || p.program
          || case when p.location = '' then '' else ' at ' || p.location end)
    (select ${columns} from pool
      where state = 'proving' or (touches->>'remaining')::int <> remaining or (touches->>'units')::int <> units or touches->'given' <> moves)
    union all
    (select ${columns} from pool where touches is null
      order by missing desc, sku, program, pool.location limit greatest(0, ${openMax}::int - (select count(*) from open)))`);
  return rows.map(withoutNull);
}

const LISTED_MAX = 500;

/** Those that lack most first, at most 500. */
export async function listLowPools(db: Queries): Promise<LowPool[]> {
  const rows = await db.rows<LowRow>(sql`
    select ${columns} from low_pool order by missing desc, sku, program, low_pool.location limit ${LISTED_MAX}`);
  return rows.map(withoutNull);
}

/** Closes the alerts of pools that are low no more. */
export const closeMendedPools = (db: Queries): Promise<void> =>
  closeAlerts(
    db,
    sql`a.code = 'pool-low' and not exists (
      select 1 from low_pool p where p.sku = a.touches->>'sku' and p.program = a.touches->>'program'
        and p.location = coalesce(a.touches->>'location', ''))`,
    'the item was decided again, and its pool is at or above its threshold',
  );
