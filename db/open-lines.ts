/** Open order lines of items that are confirmed anew; read under the lock of the item, which guards what its lines hold. */
import { type SQL, sql } from 'drizzle-orm';
import type { Sku } from '#core/model.ts';
import { OPEN_LINES_MAX } from '#core/reconfirm-claims.ts';
import type { ItemState } from '#core/state.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { type ShortRow, shortOf } from './order-lines.ts';

/** Lines that take one of these items, by themselves or in sets as they are or, of those that hold nothing, would be now. */
const taking = (skus: readonly Sku[]): SQL => sql`
      select s.* from unnest(${list([...new Set(skus)])}) as i(sku)
      cross join lateral (
        select i.sku as for_sku, l.* from order_line l
        where l.sku = i.sku and l.components is null and (l.allocated > 0 or l.short > 0)
        union
        select i.sku as for_sku, l.* from order_line l
        where l.components is not null and (l.allocated > 0 or l.short > 0)
          and l.components @> jsonb_build_array(jsonb_build_object('sku', i.sku))
        union
        select i.sku as for_sku, l.* from order_line l
        where l.sku in (select kit from kits_with(array[i.sku])) and l.short > 0
        order by order_id, line_ref limit ${OPEN_LINES_MAX + 1}) s`;

/** With them the other open lines of orders whose programs want all or nothing, as many of an item again. */
const openLines = (skus: readonly Sku[]): SQL => sql`
    with taking as materialized (${taking(skus)}),
      whole as materialized (
        select distinct t.for_sku, t.order_id from taking t join sales_order o on o.id = t.order_id
        join policy_current c on true join policy p on p.version = c.version
        cross join lateral jsonb_to_recordset(p.body->'programs') as x(id text, completeness text)
        where x.id = o.program and x.completeness in ('shipComplete', 'fillOrKill')),
      line as (
        select * from taking
        union all
        select s.* from (select distinct for_sku from whole) i cross join lateral (
          select w.for_sku, l.* from whole w join order_line l on l.order_id = w.order_id
          where w.for_sku = i.for_sku and l.sku is not null and (l.allocated > 0 or l.short > 0)
            and not exists (select 1 from taking t where t.for_sku = w.for_sku and t.order_id = l.order_id and t.line_ref = l.line_ref)
          order by l.order_id, l.line_ref limit ${OPEN_LINES_MAX + 1}) s)`;

/** Items that the lines of a re-confirmation of these are of, and all that they are made of. */
export async function readOpenReach(tx: Queries, skus: readonly Sku[]): Promise<Sku[]> {
  if (skus.length === 0) return [];
  const rows = await tx.rows<{ readonly sku: Sku }>(sql`
    ${openLines(skus)}
    select sku from line
    union select part->>'sku' from line cross join lateral jsonb_array_elements(line.components) part
    where line.components is not null
    union select sku from kit_parts(array(select sku from line))`);
  return rows.map(({ sku }) => sku);
}

/**
 * All lines that a re-confirmation of these items may change, and one more than it takes, so that it can tell. Answers how an item is
 * given them; others stay as they are.
 */
export async function loadOpenLines(tx: Queries, skus: readonly Sku[]): Promise<(item: ItemState) => ItemState> {
  if (skus.length === 0) return (item) => item;
  const rows = await tx.rows<ShortRow & { readonly for_sku: Sku }>(sql`
    ${openLines(skus)}
    select l.*, o.channel_id, o.program, o.placed_at, o.state->>'fillRule' as fill_rule
    from line l join sales_order o on o.id = l.order_id order by l.for_sku, l.order_id, l.line_ref collate "C"`);
  const lines = Map.groupBy(rows, (row) => row.for_sku);
  return (item) => (skus.includes(item.sku) ? { ...item, openLines: (lines.get(item.sku) ?? []).map(shortOf) } : item);
}
