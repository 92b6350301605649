/** What is expected to come and to be wanted, by date, as it is read. */
import { sql } from 'drizzle-orm';
import type { CommandBody } from '#core/command.ts';
import type { DatedDemand, Instant, LocationId, Policy, Sku, SupplyKind } from '#core/model.ts';
import type { ItemState } from '#core/state.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { recordset } from './recordset.ts';

export type DatedRefs = readonly { readonly sku: Sku; readonly ref: string }[];

/** The dated rows that commands speak of: loaded whether they are open or not. */
export function datedRefsOf(bodies: readonly CommandBody[]): DatedRefs {
  const named = bodies.flatMap((body) => {
    if (body.kind === 'expect-supply' || body.kind === 'expect-demand') return [{ sku: body.sku, ref: body.ref }];
    return body.kind === 'receive' && body.supply !== undefined ? [{ sku: body.sku, ref: body.supply }] : [];
  });
  return [...new Map(named.map((row) => [`${row.sku} ${row.ref}`, row])).values()];
}

const named = (refs: DatedRefs) => recordset(refs, { sku: 'text', ref: 'text' }, 'r');

export type DatedState = Pick<ItemState, 'supply' | 'demand' | 'shortOf'>;

/** Only a program that may sell beyond stock asks how much it is short in all. */
export const hasTolerance = ({ programs }: Policy): boolean =>
  programs.some(({ backorder = 'none' }) => backorder !== 'none');

/** What is expected and wanted still of these items, by SKU, and the rows that are named besides. */
export async function loadDated(
  tx: Queries,
  skus: readonly Sku[],
  refs: DatedRefs,
  needsShort: boolean,
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
    needsShort
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

export type SupplyListed = {
  readonly ref: string;
  readonly sku: Sku;
  readonly location: LocationId;
  readonly kind: SupplyKind;
  readonly quantity: number;
  readonly received: number;
  /** Still expected; 0 where it is cancelled. */
  readonly left: number;
  readonly dueAt: Instant;
  readonly state: 'open' | 'cancelled';
  readonly isLate: boolean;
};

export type DatedChoice = {
  readonly ref?: string;
  readonly sku?: Sku;
  /** Also what was received in whole, or cancelled. */
  readonly all?: boolean;
  readonly limit?: number;
};

const LISTED_MAX = 500;

const chosen = ({ ref, sku }: DatedChoice) =>
  sql`(${ref ?? null}::text is null or d.ref = ${ref ?? null}) and (${sku ?? null}::text is null or d.sku = ${sku ?? null})`;

/** By the moment they are due; late by the clock that is handed in, told already or not. */
export const listSupply = (
  db: Queries,
  choice: DatedChoice & { readonly onlyLate?: boolean },
  now: Instant,
): Promise<SupplyListed[]> =>
  db.rows<SupplyListed>(sql`
    select * from (
      select ref, sku, location, kind, quantity, received, due_at as "dueAt", state,
        case when state = 'open' then greatest(0, quantity - received) else 0 end as left,
        state = 'open' and received < quantity and due_at <= to_timestamp(${now} / 1000.0) as "isLate"
      from dated_supply d where ${chosen(choice)}) d
    where (${choice.all === true} or d.left > 0) and (${choice.onlyLate !== true} or d."isLate")
    order by d."dueAt", d.ref, d.sku limit ${choice.limit ?? LISTED_MAX}`);

export type DemandListed = DatedDemand & { readonly sku: Sku; readonly isOverdue: boolean };

export const listDemand = (db: Queries, choice: DatedChoice, now: Instant): Promise<DemandListed[]> =>
  db.rows<DemandListed>(sql`
    select ref, sku, program, quantity, due_at as "dueAt", state,
      state = 'open' and due_at <= to_timestamp(${now} / 1000.0) as "isOverdue"
    from dated_demand d where ${chosen(choice)} and (${choice.all === true} or state = 'open')
    order by due_at, ref, sku limit ${choice.limit ?? LISTED_MAX}`);
