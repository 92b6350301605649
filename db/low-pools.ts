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
    with low as (select * from json_to_recordset(${JSON.stringify(lowPools)}::json)
        as r(sku text, program text, units int, remaining int, missing int, moves jsonb)),
      gone as (delete from low_pool p where p.sku = any(${list(reviews.map(({ sku }) => sku))})
        and not exists (select 1 from low where low.sku = p.sku and low.program = p.program))
    insert into low_pool (sku, program, units, remaining, missing, moves)
    select sku, program, units, remaining, missing, moves from low
    on conflict (sku, program) do update set units = excluded.units, remaining = excluded.remaining,
      missing = excluded.missing, moves = excluded.moves
    where (low_pool.units, low_pool.remaining, low_pool.missing, low_pool.moves)
      is distinct from (excluded.units, excluded.remaining, excluded.missing, excluded.moves)`);
}

export const lowPoolFingerprint = ({ sku, program }: Pick<LowPool, 'sku' | 'program'>): string =>
  `pool-low ${sku} ${program}`;

/**
 * Low pools whose alert is missing, tells other figures, or is said to be mended; of the missing ones, those that lack most, until `openMax` alerts are open.
 * What stands open stays, so that no alert closes for want of room.
 */
export const untoldLowPools = (db: Queries, openMax: number): Promise<LowPool[]> =>
  db.rows<LowPool>(sql`
    with open as (select fingerprint, touches, state from alert where code = 'pool-low' and state <> 'closed'),
      pool as (select p.sku, p.program, p.units, p.remaining, p.missing, p.moves, o.touches, o.state
        from low_pool p left join open o on o.fingerprint = 'pool-low ' || p.sku || ' ' || p.program)
    (select sku, program, units, remaining, missing, moves from pool
      where state = 'proving' or (touches->>'remaining')::int <> remaining or (touches->>'units')::int <> units or touches->'given' <> moves)
    union all
    (select sku, program, units, remaining, missing, moves from pool where touches is null
      order by missing desc, sku, program limit greatest(0, ${openMax}::int - (select count(*) from open)))`);

const LISTED_MAX = 500;

/** Those that lack most first, at most 500. */
export const listLowPools = (db: Queries): Promise<LowPool[]> =>
  db.rows<LowPool>(sql`
    select sku, program, units, remaining, missing, moves from low_pool order by missing desc, sku, program limit ${LISTED_MAX}`);

/** Closes the alerts of pools that are low no more. */
export const closeMendedPools = (db: Queries): Promise<void> =>
  closeAlerts(
    db,
    sql`a.code = 'pool-low' and not exists (
      select 1 from low_pool p where p.sku = a.touches->>'sku' and p.program = a.touches->>'program')`,
    'the item was decided again, and its pool is at or above its threshold',
  );
