/**
 * Why the lines of an order have what they have and may be given no more, now or at a past moment: the entries that their units came
 * by, and the steps to what each could be given (core/line-explanation.ts).
 *
 * Guarantees: now it is told from the state that the next decision would be made on; of the past from the ledgers, under the policy
 * that was in force. What has no history (groups of an item, which places sell, a listing's own places) is as it is today.
 */
import { sql } from 'drizzle-orm';
import { type ExplainedOrder, explainLines, type LineExplained } from '#core/line-explanation.ts';
import type { Instant, OrderId, OrderLine, Sku } from '#core/model.ts';
import type { FillRule } from '#core/order-state.ts';
import type { Database, Queries } from './client.ts';
import { type LineRow, lineOf } from './order-lines.ts';
import { readPolicy } from './policy-current.ts';
import { loadToPreview } from './state.ts';

/** Null: its program is not in the policy. */
export type ExplainedLines = ReadonlyMap<string, LineExplained> | null;

/** The lines of an order by reference, as they stand, in one snapshot. */
export const explainOrderLines = (db: Database, id: OrderId, now: Instant): Promise<ExplainedLines> =>
  db.transaction((tx) => linesNow(tx, id, now), { isolation: 'repeatable read', readOnly: true });

async function linesNow(tx: Queries, id: OrderId, now: Instant): Promise<ExplainedLines> {
  const order = await readOrder(tx, id);
  if (order === null) return new Map();
  const state = await loadToPreview(tx, skusOf(order.lines), await readPolicy(tx));
  return explainLines(state, order, now);
}

/** Items of the lines, and what they take of kits. */
export const skusOf = (lines: readonly OrderLine[]): Sku[] => [
  ...new Set(
    lines.flatMap(({ sku, components = [] }) => [
      ...(sku === null ? [] : [sku]),
      ...components.map((part) => part.sku),
    ]),
  ),
];

async function readOrder(db: Queries, id: OrderId): Promise<ExplainedOrder | null> {
  const [[order], lines] = await Promise.all([
    db.rows<{ program: string; fillRule: FillRule | null }>(sql`
      select program, state->>'fillRule' as "fillRule" from sales_order where id = ${id}`),
    db.rows<LineRow>(sql`select * from order_line where order_id = ${id} order by line_ref collate "C"`),
  ]);
  if (order === undefined) return null;
  const { program, fillRule } = order;
  return { id, program, lines: lines.map(lineOf), ...(fillRule === null ? {} : { fillRule }) };
}
