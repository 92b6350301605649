/** Looks ahead (core/atp.ts) at what stands in the database: promises by date, and what short lines wait for. Changes nothing. */
import { sql } from 'drizzle-orm';
import { type Outlook, project } from '#core/atp.ts';
import { type Backordered, backordersOf } from '#core/backorder.ts';
import { lineKey } from '#core/books.ts';
import type { Instant, OrderId, Sku } from '#core/model.ts';
import { outlookFrom } from '#core/outlook.ts';
import type { Database, Queries } from './client.ts';
import { readState } from './state.ts';

/** An item as it stands, read in one snapshot; null when there is no such item, or it is a kit. */
export const readOutlook = (db: Database, sku: Sku, now: Instant): Promise<Outlook | null> =>
  db.transaction(async (tx) => outlookFrom(await readState(tx, [sku]), sku, now), {
    isolation: 'repeatable read',
    readOnly: true,
  });

/** What each short line of an order waits for, by line: how much of it is a back-order, and what is expected for it. */
export const readBackorders = (db: Database, id: OrderId, now: Instant): Promise<ReadonlyMap<string, Backordered>> =>
  db.transaction((tx) => backordersIn(tx, id, now), { isolation: 'repeatable read', readOnly: true });

async function backordersIn(tx: Queries, id: OrderId, now: Instant): Promise<ReadonlyMap<string, Backordered>> {
  const short = await tx.rows<{ lineRef: string; sku: Sku; program: string }>(sql`
    select l.line_ref as "lineRef", l.sku, o.program from order_line l join sales_order o on o.id = l.order_id
    where l.order_id = ${id} and l.short > 0 and l.sku is not null`);
  if (short.length === 0) return new Map();
  const state = await readState(tx, [...new Set(short.map(({ sku }) => sku))]);
  const found = short.flatMap(({ lineRef, sku, program: programId }) => {
    const outlook = outlookFrom(state, sku, now);
    const program = state.policy.programs.find((each) => each.id === programId);
    if (outlook === null || program === undefined) return [];
    const line = backordersOf(outlook, project(outlook, program, now)).get(lineKey(id, lineRef));
    return line === undefined ? [] : [[lineRef, line] as const];
  });
  return new Map(found);
}
