/**
 * Why the lines and places of an item are short: whose turn it is, what is in the way, and what took the goods away.
 */
import { sql } from 'drizzle-orm';
import type { Instant, LocationId, ProgramId, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { explainPools, isOfKit, mayTake } from './explain-pools.ts';

export type ShortageExplanation = {
  /** Of an order's line; or `place` alone: more is promised there than there is. */
  readonly orderId: string | null;
  readonly lineRef: string | null;
  readonly program: ProgramId | null;
  readonly place: LocationId | null;
  readonly quantity: number;
  readonly since: Instant;
  /** Whose turn it is: 1 is served first. Null for a place. */
  readonly turn: number | null;
  /** What the program could be given now (of a kit: sets), and what of the free units is closed to it; null of a kit, which has none. */
  readonly promise: number | null;
  readonly closed: number | null;
  /** The last movements that took goods away from the place; of a place alone. */
  readonly causes: readonly {
    readonly kind: string;
    readonly delta: number;
    readonly at: Instant;
    readonly actor: string;
    readonly reason: string | null;
  }[];
};

const SHORTAGES_MAX = 200;
const CAUSES_MAX = 3;

type ShortRow = {
  order_id: string | null;
  line_ref: string | null;
  program: string | null;
  location: string | null;
  quantity: number;
  opened_at: number;
};

/** The open shortages of an item, in the order in which they will be served; places first. `known`: its pools, for whoever has them. */
export async function explainShortages(
  db: Queries,
  sku: Sku,
  now: Instant,
  known: ReturnType<typeof explainPools> = explainPools(db, sku, now),
): Promise<ShortageExplanation[]> {
  const pools = await known;
  const rows = await db.rows<ShortRow>(sql`
    with program as (select x.id, x.priority from policy_current c join policy p on p.version = c.version
      cross join lateral jsonb_to_recordset(p.body->'programs') as x(id text, priority int))
    select s.order_id, s.line_ref, o.program, s.location, s.quantity, s.opened_at
    from shortage s left join sales_order o on o.id = s.order_id left join program p on p.id = o.program
    where s.sku = ${sku} and s.closed_at is null
    order by s.order_id is not null, p.priority nulls last, o.placed_at, s.order_id, s.line_ref, s.location limit ${SHORTAGES_MAX}`);
  const causes = await readCauses(
    db,
    sku,
    rows.flatMap(({ order_id, location }) => (order_id === null && location !== null ? [location] : [])),
  );
  let turn = 0;
  return rows.map((row) => {
    const pool =
      pools === null || isOfKit(pools) ? undefined : pools.pools.find(({ program }) => program === row.program);
    const isLine = row.order_id !== null;
    if (isLine) turn += 1;
    return {
      orderId: row.order_id,
      lineRef: row.line_ref,
      program: row.program,
      place: isLine ? null : row.location,
      quantity: row.quantity,
      since: row.opened_at,
      turn: isLine ? turn : null,
      promise: mayTake(pools, row.program),
      closed: pool === undefined ? null : pool.closedTo.reduce((sum, { units }) => sum + units, 0),
      causes: isLine || row.location === null ? [] : (causes.get(row.location) ?? []),
    };
  });
}

type Cause = ShortageExplanation['causes'][number];

async function readCauses(db: Queries, sku: Sku, places: readonly LocationId[]): Promise<Map<LocationId, Cause[]>> {
  const found = await Promise.all(
    places.map(async (location) => {
      const rows = await db.rows<Cause>(sql`
        select e.kind, e.delta, b.decided_at as at, c.actor, c.body->>'reason' as reason
        from stock_entry e join batch b on b.id = e.batch_id join command c on c.id = e.command_id
        where e.sku = ${sku} and e.location = ${location} and e.disposition = 'sellable' and e.delta < 0
        order by e.id desc limit ${CAUSES_MAX}`);
      return [location, rows] as const;
    }),
  );
  return new Map(found);
}
