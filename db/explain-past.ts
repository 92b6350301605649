/**
 * An order as it stood at a past moment: its states told by then, joined anew, and its allocations summed from the ledger.
 *
 * Guarantees: nothing that was decided later shows; quantities are base units, by the pack of each line.
 */
import { sql } from 'drizzle-orm';
import type { Instant, LotCode, OrderId, Sku } from '#core/model.ts';
import { joinOrder, type OrderState, settleLine } from '#core/order-state.ts';
import type { Queries } from './client.ts';
import { explainOrder, type PromiseStep } from './explain.ts';

export type PastLine = {
  readonly lineRef: string;
  readonly sku: Sku | null;
  readonly ordered: number;
  readonly cancelled: number;
  /** As its channel had told by then. */
  readonly shipped: number;
  readonly allocations: readonly {
    readonly sku: Sku;
    readonly location: string;
    readonly program: string;
    readonly pool: string;
    readonly quantity: number;
    /** Null: of no lot. */
    readonly lot: LotCode | null;
  }[];
};

export type PastOrder = {
  readonly id: OrderId;
  readonly channel: string;
  readonly program: string;
  readonly route: string | null;
  readonly displayRef: string;
  readonly at: Instant;
  readonly lines: readonly PastLine[];
  readonly history: readonly PromiseStep[];
};

/** Null where the order is not known; no lines where it had not been decided by then. */
export async function explainOrderAt(db: Queries, id: OrderId, at: Instant): Promise<PastOrder | null> {
  const [now, states, allocations] = await Promise.all([
    explainOrder(db, id),
    db.rows<{ state: OrderState }>(sql`
      select c.body->'order' as state from command c join batch b on b.id = c.batch_id
      where c.order_id = ${id} and c.kind = 'order-state' and c.state in ('applied', 'unchanged')
        and b.decided_at <= to_timestamp(${at} / 1000.0) order by c.id`),
    db.rows<PastLine['allocations'][number] & { lineRef: string }>(sql`
      select e.line_ref as "lineRef", e.sku, e.location, e.program, e.pool, e.lot, sum(e.delta)::int as quantity
      from promise_entry e join batch b on b.id = e.batch_id
      where e.order_id = ${id} and b.decided_at <= to_timestamp(${at} / 1000.0)
      group by e.line_ref, e.sku, e.location, e.program, e.pool, e.lot having sum(e.delta) <> 0
      order by e.line_ref, e.sku, e.location, e.program, e.pool, e.lot nulls last`),
  ]);
  if (now === null) return null;
  const [first, ...later] = states.map(({ state }) => state);
  const joined = first === undefined ? null : later.reduce(joinOrder, joinOrder(first, first));
  const { channel, program, route, displayRef } = now;
  const lines = (joined?.lines ?? []).map((line): PastLine => {
    const settled = joined === null ? line : settleLine(joined, line);
    const known = now.lines.find(({ lineRef }) => lineRef === line.lineRef);
    const pack = known?.pack ?? 1;
    return {
      lineRef: line.lineRef,
      sku: known?.sku ?? null,
      ordered: settled.ordered * pack,
      cancelled: settled.cancelled * pack,
      shipped: settled.shipped * pack,
      allocations: allocations
        .filter(({ lineRef }) => lineRef === line.lineRef)
        .map(({ lineRef: _lineRef, ...part }) => part),
    };
  });
  return { id, channel, program, route, displayRef, at, lines, history: now.history.filter((step) => step.at <= at) };
}
