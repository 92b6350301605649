/**
 * An order as it stood at a past moment: its states told by then, joined anew, its allocations summed from the ledger, and what each
 * line could have been given then.
 *
 * Guarantees: nothing that was decided later shows; quantities are base units, by the pack of each line. What a partner was answered,
 * a line's program and the composition of a kit's line are told as they are today: they have no history.
 */
import { sql } from 'drizzle-orm';
import { allocatedUnits } from '#core/kits.ts';
import { explainLines, type LineExplained } from '#core/line-explanation.ts';
import type { Allocation, Instant, LotCode, OrderId, OrderLine, PoolKind, Sku } from '#core/model.ts';
import { openUnits } from '#core/order-lines.ts';
import { joinOrder, type OrderState, settleLine } from '#core/order-state.ts';
import type { Queries } from './client.ts';
import { explainOrder, type LineExplanation, type PromiseStep } from './explain.ts';
import { skusOf } from './explain-line.ts';
import { readStateAt } from './past-state.ts';

export type PastLine = {
  readonly lineRef: string;
  readonly sku: Sku | null;
  readonly ordered: number;
  readonly cancelled: number;
  /** As its channel had told, or we had booked, by then. */
  readonly shipped: number;
  /** Units, or sets of a kit. */
  readonly allocated: number;
  readonly short: number;
  readonly allocations: readonly {
    readonly sku: Sku;
    readonly location: string;
    readonly program: string;
    readonly pool: PoolKind;
    readonly quantity: number;
    /** Null: of no lot. */
    readonly lot: LotCode | null;
  }[];
  /** What it could have been given then, and why no more; null: it names no item, or its program was not in the policy. */
  readonly explained: LineExplained | null;
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

type PastPart = PastLine['allocations'][number] & { readonly lineRef: string };

/** Null where the order is not known; no lines where it had not been decided by then. */
export async function explainOrderAt(db: Queries, id: OrderId, at: Instant): Promise<PastOrder | null> {
  const [now, states, parts, shipped] = await Promise.all([
    explainOrder(db, id),
    db.rows<{ state: OrderState }>(sql`
      select c.body->'order' as state from command c join batch b on b.id = c.batch_id
      where c.order_id = ${id} and c.kind = 'order-state' and c.state in ('applied', 'unchanged')
        and b.decided_at <= to_timestamp(${at} / 1000.0) order by c.id`),
    db.rows<PastPart>(sql`
      select e.line_ref as "lineRef", e.sku, e.location, e.program, e.pool, e.lot, sum(e.delta)::int as quantity
      from promise_entry e join batch b on b.id = e.batch_id
      where e.order_id = ${id} and b.decided_at <= to_timestamp(${at} / 1000.0)
      group by e.line_ref, e.sku, e.location, e.program, e.pool, e.lot having sum(e.delta) <> 0
      order by e.line_ref, e.sku, e.location, e.program, e.pool, e.lot nulls last`),
    db.rows<Shipped>(sql`
      select e.line_ref as "lineRef", e.sku, -sum(e.delta)::int as units from promise_entry e join batch b on b.id = e.batch_id
      where e.order_id = ${id} and e.kind = 'ship' and b.decided_at <= to_timestamp(${at} / 1000.0) group by e.line_ref, e.sku`),
  ]);
  if (now === null) return null;
  const [first, ...later] = states.map(({ state }) => state);
  const joined = first === undefined ? null : later.reduce(joinOrder, joinOrder(first, first));
  const pasts =
    joined === null ? [] : joined.lines.map((line) => pastOf(joined, line.lineRef, { now: now.lines, parts, shipped }));
  const explained = await explainAt(db, { id, program: now.program, joined }, pasts, at);
  const { channel, program, route, displayRef } = now;
  const lines = pasts.map(({ line, allocations }): PastLine => {
    const { lineRef, sku, ordered, cancelled, shipped: gone, short } = line;
    const of = { lineRef, sku, ordered, cancelled, shipped: gone, allocated: allocatedUnits(line), short };
    return { ...of, allocations, explained: explained?.get(lineRef) ?? null };
  });
  return { id, channel, program, route, displayRef, at, lines, history: now.history.filter((step) => step.at <= at) };
}

type Shipped = { readonly lineRef: string; readonly sku: Sku; readonly units: number };

type Past = { readonly line: OrderLine; readonly allocations: PastLine['allocations'] };

type Known = {
  readonly now: readonly LineExplanation[];
  readonly parts: readonly PastPart[];
  readonly shipped: readonly Shipped[];
};

function pastOf(joined: OrderState, lineRef: string, { now, parts, shipped }: Known): Past {
  const told = joined.lines.find((line) => line.lineRef === lineRef);
  if (told === undefined) throw new Error(`line ${lineRef} is not in the state that it was read from`);
  const settled = settleLine(joined, told);
  const known = now.find((line) => line.lineRef === lineRef);
  const { pack = 1, components = [], sku = null } = known ?? {};
  const allocations = parts.filter((part) => part.lineRef === lineRef).map(({ lineRef: _ref, ...part }) => part);
  const kit = components.map((part) => ({ sku: part.sku, quantity: part.quantity }));
  const [first] = kit;
  // Of a kit, by any of its components.
  const booked = shipped.find((row) => row.lineRef === lineRef && (first === undefined || row.sku === first.sku));
  const base = {
    lineRef,
    listing: known?.listing ?? null,
    sku,
    pack,
    ordered: settled.ordered * pack,
    cancelled: settled.cancelled * pack,
    returned: settled.returned * pack,
    reportedShipped: settled.shipped * pack,
    shipped: Math.max(settled.shipped * pack, Math.floor((booked?.units ?? 0) / (first?.quantity ?? 1))),
    allocations: allocations.map(
      ({ sku: of, lot, ...part }): Allocation => ({
        ...part,
        ...(first === undefined ? {} : { sku: of }),
        ...(lot === null ? {} : { lot }),
      }),
    ),
    answer:
      known === undefined || known.accepted === null
        ? null
        : { accepted: known.accepted, backOrdered: known.backOrdered, refused: known.refused },
    ...(first === undefined ? {} : { components: kit }),
  };
  const line = { ...base, short: 0 };
  return {
    line: { ...line, short: sku === null ? 0 : Math.max(0, openUnits(line) - allocatedUnits(line)) },
    allocations,
  };
}

async function explainAt(
  db: Queries,
  { id, program, joined }: { readonly id: OrderId; readonly program: string; readonly joined: OrderState | null },
  pasts: readonly Past[],
  at: Instant,
) {
  const lines = pasts.map(({ line }) => line);
  const state = lines.length === 0 ? null : await readStateAt(db, skusOf(lines), at);
  if (state === null) return null;
  const fillRule = joined?.fillRule;
  return explainLines(state, { id, program, lines, ...(fillRule === undefined ? {} : { fillRule }) }, at);
}
