/** What is expected to come and to be wanted, by date, as it is read. */
import { sql } from 'drizzle-orm';
import type { Policy, Sku } from '#core/model.ts';
import type { ItemState } from '#core/state.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { recordset } from './recordset.ts';

type Named = readonly { readonly sku: Sku; readonly ref: string }[];

const named = (refs: Named) => recordset(refs, { sku: 'text', ref: 'text' }, 'r');

export type DatedState = Pick<ItemState, 'supply' | 'demand' | 'shortOf'>;

/** Only a program that may sell beyond stock asks how much it is short in all. */
const hasTolerance = ({ programs }: Policy): boolean => programs.some(({ backorder = 'none' }) => backorder !== 'none');

/** What is expected and wanted still of these items, by SKU, and the rows that are named besides. */
export async function loadDated(
  tx: Queries,
  skus: readonly Sku[],
  policy: Policy,
  refs: Named,
): Promise<(sku: Sku) => DatedState> {
  const [supply, demand, shortOf] = await Promise.all([
    tx.rows<{ sku: Sku } & DatedState['supply'][number]>(sql`
      select sku, ref, location, kind, quantity, received, due_at as "dueAt", state, is_late as "isLate" from dated_supply d
      where sku = any(${list(skus)}) and ((state = 'open' and received < quantity)
        or exists (select 1 from ${named(refs)} where r.sku = d.sku and r.ref = d.ref))
      order by sku, ref`),
    tx.rows<{ sku: Sku } & DatedState['demand'][number]>(sql`
      select sku, ref, program, quantity, due_at as "dueAt", state from dated_demand d
      where sku = any(${list(skus)}) and (state = 'open'
        or exists (select 1 from ${named(refs)} where r.sku = d.sku and r.ref = d.ref))
      order by sku, ref`),
    hasTolerance(policy)
      ? tx.rows<{ sku: Sku } & DatedState['shortOf'][number]>(sql`
          select l.sku, o.program, sum(l.short)::int as quantity from order_line l join sales_order o on o.id = l.order_id
          where l.sku = any(${list(skus)}) and l.short > 0 group by 1, 2 order by 1, 2`)
      : [],
  ]);
  const of = <Row extends { sku: Sku }>(rows: readonly Row[]) =>
    Map.groupBy(
      rows.map(({ sku, ...row }) => ({ sku, row })),
      ({ sku }) => sku,
    );
  const [supplyOf, demandOf, shortsOf] = [of(supply), of(demand), of(shortOf)];
  return (sku) => ({
    supply: (supplyOf.get(sku) ?? []).map(({ row }) => row),
    demand: (demandOf.get(sku) ?? []).map(({ row }) => row),
    shortOf: (shortsOf.get(sku) ?? []).map(({ row }) => row),
  });
}
