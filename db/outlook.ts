/** Looks ahead (core/atp.ts) at what stands in the database: promises by date, and what short lines wait for. Changes nothing. */
import { sql } from 'drizzle-orm';
import { project } from '#core/atp.ts';
import { type Backordered, backordersOf } from '#core/backorder.ts';
import { lineKey } from '#core/books.ts';
import type { Instant, OrderId, Policy, Sku } from '#core/model.ts';
import { outlookFrom } from '#core/outlook.ts';
import type { PromisedPart } from '#core/promise.ts';
import type { Database, Queries } from './client.ts';
import { readPolicy } from './policy-current.ts';
import { readComponents } from './reach.ts';
import { loadToPreview } from './state.ts';

export type Promisable = { readonly policy: Policy; readonly parts: readonly PromisedPart[] };

/** An item, or the components of a kit, as they stand, in one snapshot; null when there is no such item. */
export const readPromisable = (db: Database, sku: Sku, now: Instant): Promise<Promisable | null> =>
  db.transaction((tx) => promisableIn(tx, sku, now), { isolation: 'repeatable read', readOnly: true });

async function promisableIn(tx: Queries, sku: Sku, now: Instant): Promise<Promisable | null> {
  const components = (await readComponents(tx, [sku])).get(sku) ?? [{ sku, quantity: 1 }];
  const skus = components.map((part) => part.sku);
  const state = await loadToPreview(tx, skus, await readPolicy(tx));
  const parts = components.flatMap(({ sku: part, quantity: each }) => {
    const outlook = outlookFrom(state, part, now);
    return outlook === null ? [] : [{ outlook, each }];
  });
  return parts.length === 0 ? null : { policy: state.policy, parts };
}

/** What each short line of an order waits for, by line: how much of it is a back-order, and what is expected for it. */
export const readBackorders = (db: Database, id: OrderId, now: Instant): Promise<ReadonlyMap<string, Backordered>> =>
  db.transaction((tx) => backordersIn(tx, id, now), { isolation: 'repeatable read', readOnly: true });

async function backordersIn(tx: Queries, id: OrderId, now: Instant): Promise<ReadonlyMap<string, Backordered>> {
  const short = await tx.rows<{ lineRef: string; sku: Sku; program: string }>(sql`
    select l.line_ref as "lineRef", l.sku, o.program from order_line l join sales_order o on o.id = l.order_id
    where l.order_id = ${id} and l.short > 0 and l.sku is not null`);
  if (short.length === 0) return new Map();
  const state = await loadToPreview(tx, [...new Set(short.map(({ sku }) => sku))], await readPolicy(tx));
  const found = short.flatMap(({ lineRef, sku, program: programId }) => {
    const outlook = outlookFrom(state, sku, now);
    const program = state.policy.programs.find((each) => each.id === programId);
    if (outlook === null || program === undefined) return [];
    const line = backordersOf(outlook, project(outlook, program, now)).get(lineKey(id, lineRef));
    return line === undefined ? [] : [[lineRef, line] as const];
  });
  return new Map(found);
}
