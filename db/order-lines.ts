/**
 * Order lines as they are stored, and those that wait: what of them a decision looks at, in the order in which they are served.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Allocation, Component, OrderId, OrderLine, Policy } from '#core/model.ts';
import type { FillRule } from '#core/order-state.ts';
import type { ItemState, ShortLine } from '#core/state.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';

/** Waiting lines of one item that are looked at in one decision, of those that take a part and of those that do not. */
export const SHORTS_PER_ITEM_MAX = 300;

export type LineRow = {
  order_id: string;
  line_ref: string;
  listing_id: number | null;
  sku: string | null;
  pack: number;
  ordered: number;
  cancelled: number;
  returned: number;
  reported_shipped: number;
  shipped: number;
  short: number;
  allocations: Allocation[];
  components: Component[] | null;
  accepted: number | null;
  back_ordered: number;
  refused: number;
};

export const lineOf = (row: LineRow): OrderLine => ({
  lineRef: row.line_ref,
  listing: row.listing_id,
  sku: row.sku,
  pack: row.pack,
  ordered: row.ordered,
  cancelled: row.cancelled,
  returned: row.returned,
  reportedShipped: row.reported_shipped,
  shipped: row.shipped,
  allocations: row.allocations,
  short: row.short,
  answer:
    row.accepted === null ? null : { accepted: row.accepted, backOrdered: row.back_ordered, refused: row.refused },
  ...(row.components === null ? {} : { components: row.components }),
});

export type ShortRow = LineRow & { channel_id: string; program: string; placed_at: number; fill_rule: FillRule | null };

export const shortOf = (row: ShortRow): ShortLine => ({
  id: row.order_id,
  channel: row.channel_id,
  program: row.program,
  placedAt: row.placed_at,
  ...(row.fill_rule === null ? {} : { fillRule: row.fill_rule }),
  line: lineOf(row),
});

/**
 * Lines that wait, first served first, at most so many and one more of an item. Those that take what there is are counted apart from
 * those that may be passed over (kits, one place, all or nothing): else many of these would hide whoever could be served.
 */
export async function loadShorts(
  tx: Queries,
  skus: readonly string[],
  policy: Policy,
): Promise<Map<string, ShortLine[]>> {
  const programs = JSON.stringify(
    policy.programs.map(({ id, priority, completeness = 'split' }) => ({
      id,
      priority,
      passes: completeness !== 'split',
    })),
  );
  const hasPassing = policy.programs.some(({ completeness = 'split' }) => completeness !== 'split');
  const waiting = (which: SQL): SQL => sql`(
      select l.*, o.channel_id, o.program, o.placed_at, case when p.passes then o.state->>'fillRule' end as fill_rule
      from order_line l join sales_order o on o.id = l.order_id
      left join json_to_recordset(${programs}::json) as p(id text, priority int, passes boolean) on p.id = o.program
      where l.sku = i.sku and l.short > 0 ${which}
      order by p.priority nulls last, o.placed_at, l.order_id, l.line_ref
      limit ${SHORTS_PER_ITEM_MAX + 1})`;
  const all = hasPassing
    ? sql`${waiting(sql`and p.passes is not true`)} union all ${waiting(sql`and p.passes`)}`
    : waiting(sql``);
  const rows = await tx.rows<ShortRow>(sql`
    select s.* from unnest(${list(skus)}) as i(sku) cross join lateral (${all}) s`);
  return Map.groupBy(rows.map(shortOf), (short) => short.line.sku ?? '');
}

export async function loadWholeOrders(tx: Queries, ids: readonly OrderId[]): Promise<Map<string, ShortLine[]>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.rows<ShortRow>(sql`
    select l.*, o.channel_id, o.program, o.placed_at, o.state->>'fillRule' as fill_rule
    from order_line l join sales_order o on o.id = l.order_id
    where l.order_id = any(${list(ids)}) and l.short > 0 and l.sku is not null order by l.order_id, l.line_ref collate "C"`);
  return Map.groupBy(rows.map(shortOf), (short) => short.line.sku ?? '');
}

/** What of the waiting lines is decided on, and whether there are more. */
export function firstOf(waiting: readonly ShortLine[], policy: Policy): Pick<ItemState, 'shorts' | 'moreShorts'> {
  if (waiting.length <= SHORTS_PER_ITEM_MAX) return { shorts: waiting, moreShorts: false };
  const passing = new Set(policy.programs.flatMap((p) => ((p.completeness ?? 'split') === 'split' ? [] : [p.id])));
  const [taking, passed] = [false, true].map((is) => waiting.filter((short) => passing.has(short.program) === is));
  const kept = [taking, passed].flatMap((lines) => lines?.slice(0, SHORTS_PER_ITEM_MAX) ?? []);
  return { shorts: kept, moreShorts: kept.length < waiting.length };
}
