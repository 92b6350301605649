/** What is expected to come and to be wanted, by date, as it is read. */
import { sql } from 'drizzle-orm';
import type { DatedDemand, DatedSupply, ProgramId, Sku } from '#core/model.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { recordset } from './recordset.ts';

type Named = readonly { readonly sku: Sku; readonly ref: string }[];

const named = (refs: Named) => recordset(refs, { sku: 'text', ref: 'text' }, 'r');

/** What is expected still of these items, and the rows that are named besides. */
export const loadSupply = (tx: Queries, skus: readonly Sku[], refs: Named) =>
  tx.rows<{ sku: Sku } & DatedSupply>(sql`
    select sku, ref, location, kind, quantity, received, due_at as "dueAt", state, is_late as "isLate" from dated_supply d
    where sku = any(${list(skus)}) and ((state = 'open' and received < quantity)
      or exists (select 1 from ${named(refs)} where r.sku = d.sku and r.ref = d.ref))
    order by sku, ref`);

export const loadDemand = (tx: Queries, skus: readonly Sku[], refs: Named) =>
  tx.rows<{ sku: Sku } & DatedDemand>(sql`
    select sku, ref, program, quantity, due_at as "dueAt", state from dated_demand d
    where sku = any(${list(skus)}) and (state = 'open'
      or exists (select 1 from ${named(refs)} where r.sku = d.sku and r.ref = d.ref))
    order by sku, ref`);

/** Units short per program over all lines that wait. */
export const loadShortOf = (tx: Queries, skus: readonly Sku[]) =>
  tx.rows<{ sku: Sku; program: ProgramId; quantity: number }>(sql`
    select l.sku, o.program, sum(l.short)::int as quantity from order_line l join sales_order o on o.id = l.order_id
    where l.sku = any(${list(skus)}) and l.short > 0 group by 1, 2 order by 1, 2`);
