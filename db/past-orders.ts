/**
 * Orders as they stood at a past moment: their states told by then, joined anew, and their allocations summed from the ledger.
 *
 * Guarantees: nothing that was decided later shows. What a partner was answered, the program of an order and the composition of a kit's
 * line are as they are today: they have no history.
 */
import { sql } from 'drizzle-orm';
import { allocatedUnits } from '#core/kits.ts';
import type { ExplainedOrder } from '#core/line-explanation.ts';
import type { Allocation, Instant, LotCode, OrderId, OrderLine, PoolKind, Sku } from '#core/model.ts';
import { openUnits } from '#core/order-lines.ts';
import { joinOrder, type OrderLineState, type OrderState, settleLine } from '#core/order-state.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { type LineRow, lineOf } from './order-lines.ts';

/** No lines where it had not been decided by then. */
export type OrderThen = ExplainedOrder & { readonly placedAt: Instant };

type OrderNow = { readonly id: OrderId; readonly program: string; readonly placedAt: Instant };

type Part = {
  readonly id: OrderId;
  readonly lineRef: string;
  readonly sku: Sku;
  readonly location: string;
  readonly program: string;
  readonly pool: PoolKind;
  readonly lot: LotCode | null;
  readonly quantity: number;
};

type Shipped = { readonly id: OrderId; readonly lineRef: string; readonly sku: Sku; readonly units: number };

const upTo = (at: Instant) => sql`to_timestamp(${at} / 1000.0)`;

/** In no order; those that are not known are not among them. */
export async function readPastOrders(db: Queries, ids: readonly OrderId[], at: Instant): Promise<OrderThen[]> {
  if (ids.length === 0) return [];
  const [orders, lines, states, parts, shipped] = await Promise.all([
    db.rows<OrderNow>(sql`
      select id, program, placed_at as "placedAt" from sales_order where id = any(${list(ids)})`),
    db.rows<LineRow>(sql`select * from order_line where order_id = any(${list(ids)})`),
    db.rows<{ id: OrderId; state: OrderState }>(sql`
      select c.order_id as id, c.body->'order' as state from command c join batch b on b.id = c.batch_id
      where c.order_id = any(${list(ids)}) and c.kind = 'order-state' and c.state in ('applied', 'unchanged')
        and b.decided_at <= ${upTo(at)} order by c.id`),
    db.rows<Part>(sql`
      select e.order_id as id, e.line_ref as "lineRef", e.sku, e.location, e.program, e.pool, e.lot, sum(e.delta)::int as quantity
      from promise_entry e join batch b on b.id = e.batch_id
      where e.order_id = any(${list(ids)}) and e.sku in (${soldTo(ids)}) and b.decided_at <= ${upTo(at)}
      group by e.order_id, e.line_ref, e.sku, e.location, e.program, e.pool, e.lot having sum(e.delta) <> 0
      order by e.line_ref, e.sku, e.location, e.program, e.pool, e.lot nulls last`),
    db.rows<Shipped>(sql`
      select e.order_id as id, e.line_ref as "lineRef", e.sku, -sum(e.delta)::int as units
      from promise_entry e join batch b on b.id = e.batch_id
      where e.order_id = any(${list(ids)}) and e.sku in (${soldTo(ids)}) and e.kind = 'ship' and b.decided_at <= ${upTo(at)}
      group by e.order_id, e.line_ref, e.sku`),
  ]);
  const of = <Row>(rows: readonly Row[], idOf: (row: Row) => OrderId) => Map.groupBy(rows, idOf);
  const [linesOf, statesOf] = [of(lines, (row) => row.order_id), of(states, (row) => row.id)];
  const [partsOf, shippedOf] = [of(parts, (row) => row.id), of(shipped, (row) => row.id)];
  return orders.map((order) =>
    thenOf(
      order,
      (statesOf.get(order.id) ?? []).map(({ state }) => state),
      {
        now: (linesOf.get(order.id) ?? []).map(lineOf),
        parts: partsOf.get(order.id) ?? [],
        shipped: shippedOf.get(order.id) ?? [],
      },
    ),
  );
}

/** Entries are found by their item. */
const soldTo = (ids: readonly OrderId[]) => sql`
  select sku from order_line where order_id = any(${list(ids)}) union
  select part->>'sku' from order_line cross join lateral jsonb_array_elements(components) part
  where order_id = any(${list(ids)}) and components is not null`;

type Known = {
  readonly now: readonly OrderLine[];
  readonly parts: readonly Part[];
  readonly shipped: readonly Shipped[];
};

function thenOf({ id, program, placedAt }: OrderNow, states: readonly OrderState[], known: Known): OrderThen {
  const [first, ...later] = states;
  if (first === undefined) return { id, program, placedAt, lines: [] };
  const joined = later.reduce(joinOrder, joinOrder(first, first));
  const lines = joined.lines.map((told) => lineThen(joined, told, known));
  const { fillRule } = joined;
  return { id, program, placedAt, lines, ...(fillRule === undefined ? {} : { fillRule }) };
}

/** A marketplace's own order asks nothing of our stock. */
const NOTHING_ASKED = { ordered: 0, cancelled: 0, shipped: 0, returned: 0 };

function lineThen(joined: OrderState, told: OrderLineState, { now, parts, shipped }: Known): OrderLine {
  const { lineRef } = told;
  const totals = joined.fulfilledBy === 'seller' ? settleLine(joined, told) : { ...told, ...NOTHING_ASKED };
  const known = now.find((line) => line.lineRef === lineRef);
  const { pack = 1, listing = null, sku = null, answer = null, components } = known ?? {};
  const [first] = components ?? [];
  // Of a kit, by any of its components.
  const booked = shipped.find((row) => row.lineRef === lineRef && (first === undefined || row.sku === first.sku));
  const asked = {
    ordered: totals.ordered * pack,
    cancelled: totals.cancelled * pack,
    returned: totals.returned * pack,
    reportedShipped: totals.shipped * pack,
  };
  const line: OrderLine = {
    lineRef,
    listing,
    sku,
    pack,
    ...asked,
    shipped: Math.max(asked.reportedShipped, Math.floor((booked?.units ?? 0) / (first?.quantity ?? 1))),
    allocations: parts
      .filter((part) => part.lineRef === lineRef)
      .map((part) => allocationOf(part, first !== undefined)),
    short: 0,
    answer,
    ...(components === undefined ? {} : { components }),
  };
  return { ...line, short: sku === null ? 0 : Math.max(0, openUnits(line) - allocatedUnits(line)) };
}

function allocationOf({ sku, location, program, pool, lot, quantity }: Part, isKit: boolean): Allocation {
  const part = { location, program, pool, quantity, ...(lot === null ? {} : { lot }) };
  return isKit ? { ...part, sku } : part;
}
