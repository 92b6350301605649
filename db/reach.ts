/**
 * How far a decision reaches beyond the items that its commands touch, and the locks on all of it.
 *
 * touched: the items, and the components of kits among them
 * written: touched, and all that a line takes with it which waits for one of them (a kit's other components; the other lines of an
 *          order that wants all or nothing); of an item that is confirmed anew, all that its open lines take with them
 * read:    every kit that holds a written item, and its other components: its number is decided again
 *
 * Guarantees: all of it is locked before it is read, and read again once it is locked: what grew meanwhile is locked as well. Who is
 * filled only takes, so nobody else has to be looked at. A brand without kits and without all-or-nothing programs pays one look-up.
 */
import { sql } from 'drizzle-orm';
import type { Component, OrderId, Policy, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { readOpenReach } from './open-lines.ts';
import { SHORTS_PER_ITEM_MAX } from './order-lines.ts';

/** Whether a decision reaches further at all, and under which policy that was asked. */
export type Bounds = { readonly isFurther: boolean; readonly policyVersion: number | null };

export async function readBounds(tx: Queries): Promise<Bounds> {
  const [row] = await tx.rows<Bounds>(sql`
    select exists (select 1 from item_component)
        -- In the order of the partial index, so that the planner takes it: a table without kits would be read to its end.
        or coalesce((select true from order_line where components is not null order by sku limit 1), false)
        or coalesce(jsonb_path_exists(p.body, '$.programs[*] ? (@.completeness == "shipComplete" || @.completeness == "fillOrKill")'), false)
        as "isFurther", p.version as "policyVersion"
    from (select 1) one left join policy_current c on true left join policy p on p.version = c.version`);
  return row ?? { isFurther: false, policyVersion: null };
}

export type Reach = {
  readonly skus: readonly Sku[];
  /** Orders that want all or nothing and may get it: all their waiting lines are to be loaded. */
  readonly wholeOrders: readonly OrderId[];
};

type Asked = {
  readonly skus: readonly Sku[];
  readonly orders: readonly OrderId[];
  /** Items that are confirmed anew: all that their open lines take is written too. */
  readonly confirmed?: readonly Sku[];
  /** Of a policy that is looked at; absent: of the one in force. */
  readonly programs?: Policy['programs'];
};

/** `lock` takes the locks of items that it has not taken yet, in byte order. */
export async function lockReach(
  tx: Queries,
  asked: Asked,
  lock: (skus: readonly Sku[]) => Promise<void>,
): Promise<Reach> {
  const locked = new Set<Sku>();
  for (;;) {
    const reach = await readReach(tx, asked);
    const missing = reach.skus.filter((sku) => !locked.has(sku));
    if (missing.length === 0) return reach;
    await lock(missing);
    for (const sku of missing) locked.add(sku);
  }
}

async function readReach(tx: Queries, { skus, orders, confirmed = [], programs }: Asked): Promise<Reach> {
  const open = await readOpenReach(tx, confirmed);
  const rows = await tx.rows<{ sku: Sku | null; order_id: OrderId | null }>(sql`
    with program as (
        select x.id, x.priority from policy_current c join policy p on p.version = c.version
          cross join lateral jsonb_to_recordset(coalesce(${programs === undefined ? null : JSON.stringify(programs)}::jsonb, p.body->'programs')) as x(id text, priority int, completeness text)
        where x.completeness in ('shipComplete', 'fillOrKill')),
      touched as materialized (
        select unnest(${list(skus)}) as sku union select sku from kit_parts(${list(skus)})
        union select part->>'sku' from order_line l cross join lateral jsonb_array_elements(l.components) part
        where l.order_id = any(${list(orders)}) and l.components is not null),
      -- Items whose waiting lines may be filled.
      waited as materialized (
        select sku from touched union select kit from kits_with(array(select sku from touched))
        union select l.sku from order_line l cross join lateral jsonb_array_elements(l.components) part
        where l.short > 0 and l.components is not null and part->>'sku' in (select sku from touched)),
      whole as materialized (
        select distinct s.order_id from waited w cross join lateral (
          select l.order_id from order_line l join sales_order o on o.id = l.order_id join program p on p.id = o.program
          where l.sku = w.sku and l.short > 0
          order by p.priority, o.placed_at, l.order_id, l.line_ref limit ${SHORTS_PER_ITEM_MAX + 1}) s),
      line as materialized (
        select l.sku, l.components from order_line l join whole w on w.order_id = l.order_id where l.short > 0
        union all
        select l.sku, l.components from order_line l join waited w on w.sku = l.sku where l.short > 0 and l.components is not null),
      written as materialized (
        select sku from touched union select unnest(${list(open)}) union select sku from line where sku is not null
        union select part->>'sku' from line cross join lateral jsonb_array_elements(line.components) part
        where line.components is not null
        union select sku from kit_parts(array(select sku from line union select sku from waited))),
      kit as materialized (
        select kit from kits_with(array(select sku from written))
        union select w.sku from written w where exists (select 1 from item_component c where c.kit = w.sku))
    select sku, null as order_id from written union select kit, null from kit
    union select sku, null from kit_parts(array(select kit from kit))
    union all select null, order_id from whole`);
  return {
    skus: rows.flatMap(({ sku }) => sku ?? []),
    wholeOrders: rows.flatMap(({ order_id }) => order_id ?? []),
  };
}

/** The kits among these items: what one set takes, kits of kits resolved. */
export async function readComponents(tx: Queries, skus: readonly Sku[]): Promise<Map<Sku, Component[]>> {
  const rows = await tx.rows<Component & { readonly kit: Sku }>(
    sql`select kit, sku, quantity from kit_parts(${list(skus)})`,
  );
  return new Map(
    [...Map.groupBy(rows, (row) => row.kit)].map(([kit, parts]) => [
      kit,
      parts.map(({ sku, quantity }) => ({ sku, quantity })),
    ]),
  );
}
