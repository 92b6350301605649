/** Open order lines of items that are confirmed anew; read under the lock of the item, which guards what its lines hold. */
import { sql } from 'drizzle-orm';
import type { Sku } from '#core/model.ts';
import { OPEN_LINES_MAX } from '#core/reconfirm-claims.ts';
import type { ItemState } from '#core/state.ts';
import type { Queries } from './client.ts';

import { list } from './list.ts';
import { type ShortRow, shortOf } from './order-lines.ts';

/**
 * All lines that have or want units of these items, and one more than a re-confirmation takes, so that it can tell. Answers how an
 * item is given them; others stay as they are.
 */
export async function loadOpenLines(tx: Queries, skus: readonly Sku[]): Promise<(item: ItemState) => ItemState> {
  if (skus.length === 0) return (item) => item;
  const rows = await tx.rows<ShortRow>(sql`
    select s.* from unnest(${list([...new Set(skus)])}) as i(sku)
    cross join lateral (
      select l.*, o.channel_id, o.program, o.placed_at, o.state->>'fillRule' as fill_rule
      from order_line l join sales_order o on o.id = l.order_id
      where l.sku = i.sku and (l.allocated > 0 or l.short > 0)
      order by l.order_id, l.line_ref limit ${OPEN_LINES_MAX + 1}) s`);
  const lines = Map.groupBy(rows.map(shortOf), ({ line }) => line.sku);
  return (item) => (skus.includes(item.sku) ? { ...item, openLines: lines.get(item.sku) ?? [] } : item);
}
