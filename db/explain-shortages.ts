/** What is short of an item, now or at a past moment: whose turn it is, what its program could be given, what took the goods away. */
import { sql } from 'drizzle-orm';
import type { Instant, LocationId, OrderId, ProgramId, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { explainPools, isOfKit, mayTake } from './explain-pools.ts';
import { readPastOrders } from './past-orders.ts';

export type ShortageExplanation = {
  /** Of an order's line; or `place` alone: more is promised there than there is. */
  readonly orderId: string | null;
  readonly lineRef: string | null;
  readonly program: ProgramId | null;
  readonly place: LocationId | null;
  readonly quantity: number;
  /** Null: of a past moment, where a later shortage of the same line or place stands in its row. */
  readonly since: Instant | null;
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
/** Orders that are made up again for a past moment. */
const MOVED_MAX = 300;

type ShortRow = {
  order_id: string | null;
  line_ref: string | null;
  program: string | null;
  location: string | null;
  quantity: number;
  opened_at: number | null;
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
  return tell(db, sku, { rows, pools, at: now });
}

/**
 * What was short of an item at a past moment, from its orders as they stood then and the ledgers; null where more orders than are
 * looked at moved since.
 */
export async function explainShortagesAt(db: Queries, sku: Sku, at: Instant): Promise<ShortageExplanation[] | null> {
  const ids = await readMoved(db, sku, at);
  if (ids.length > MOVED_MAX) return null;
  const [pools, past, opened] = await Promise.all([
    explainPools(db, sku, at),
    readPastOrders(db, ids, at),
    db.rows<{ key: string; opened_at: number }>(sql`
      select key, opened_at from shortage where sku = ${sku} and opened_at <= ${upTo(at)} and (closed_at is null or closed_at > ${upTo(at)})`),
  ]);
  const since = new Map(opened.map((row) => [row.key, row.opened_at]));
  const [ranked, stock] = pools === null || isOfKit(pools) ? [pools?.programs ?? [], []] : [pools.pools, pools.places];
  const priorities = new Map(ranked.map(({ program, priority }) => [program, priority]));
  const rank = (program: ProgramId): number => priorities.get(program) ?? Number.MAX_SAFE_INTEGER;
  const inTurn = past.toSorted(
    (a, b) => rank(a.program) - rank(b.program) || a.placedAt - b.placedAt || (a.id < b.id ? -1 : Number(a.id > b.id)),
  );
  const lines = inTurn.flatMap(({ id, program, lines: all }) =>
    all.flatMap(({ lineRef, sku: of, short }): ShortRow[] =>
      of !== sku || short === 0
        ? []
        : [
            {
              order_id: id,
              line_ref: lineRef,
              program,
              location: null,
              quantity: short,
              opened_at: since.get(`line ${id} ${lineRef}`) ?? null,
            },
          ],
    ),
  );
  const places = stock.flatMap(({ location, sellable, allocated, held }): ShortRow[] => {
    const quantity = allocated + held - sellable;
    if (quantity <= 0) return [];
    const opened_at = since.get(`place ${location} ${sku}`) ?? null;
    return [{ order_id: null, line_ref: null, program: null, location, quantity, opened_at }];
  });
  return tell(db, sku, { rows: [...places, ...lines], pools, at });
}

const upTo = (at: Instant) => sql`to_timestamp(${at} / 1000.0)`;

/** Orders with a line of the item that were known by then, and wait still or moved since: nobody else was short then. */
async function readMoved(db: Queries, sku: Sku, at: Instant): Promise<OrderId[]> {
  const rows = await db.rows<{ id: OrderId }>(sql`
    with line as materialized (select order_id, short, components from order_line where sku = ${sku}),
      told as materialized (
        select c.order_id, b.decided_at from command c join batch b on b.id = c.batch_id
        where c.order_id in (select order_id from line) and c.kind = 'order-state' and c.state in ('applied', 'unchanged')),
      part as (select ${sku}::text as sku union select p->>'sku' from line cross join lateral jsonb_array_elements(line.components) p
        where line.components is not null),
      moved as (
        select order_id from line where short > 0 union select order_id from told where decided_at > ${upTo(at)}
        union select e.order_id from promise_entry e join batch b on b.id = e.batch_id
        where e.sku in (select sku from part) and e.order_id is not null and b.decided_at > ${upTo(at)})
    select distinct order_id as id from told where decided_at <= ${upTo(at)} and order_id in (select order_id from moved)
    limit ${MOVED_MAX + 1}`);
  return rows.map(({ id }) => id);
}

type Told = {
  readonly rows: readonly ShortRow[];
  readonly pools: Awaited<ReturnType<typeof explainPools>>;
  readonly at: Instant;
};

/** In the order given, which is that of their turns. */
async function tell(db: Queries, sku: Sku, { rows, pools, at }: Told): Promise<ShortageExplanation[]> {
  const causes = await readCauses(
    db,
    sku,
    rows.flatMap(({ order_id, location }) => (order_id === null && location !== null ? [location] : [])),
    at,
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

async function readCauses(
  db: Queries,
  sku: Sku,
  places: readonly LocationId[],
  at: Instant,
): Promise<Map<LocationId, Cause[]>> {
  const found = await Promise.all(
    places.map(async (location) => {
      const rows = await db.rows<Cause>(sql`
        select e.kind, e.delta, b.decided_at as at, c.actor, c.body->>'reason' as reason
        from stock_entry e join batch b on b.id = e.batch_id join command c on c.id = e.command_id
        where e.sku = ${sku} and e.location = ${location} and e.disposition = 'sellable' and e.delta < 0
          and b.decided_at <= ${upTo(at)}
        order by e.id desc limit ${CAUSES_MAX}`);
      return [location, rows] as const;
    }),
  );
  return new Map(found);
}
