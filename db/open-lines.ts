/** Open order lines of items that are confirmed anew; read under the lock of the item, which guards what its lines hold. */
import { sql } from 'drizzle-orm';
import type { Sku } from '#core/model.ts';
import { OPEN_LINES_MAX } from '#core/reconfirm-claims.ts';
import type { ItemState } from '#core/state.ts';
import type { Queries } from './client.ts';

import { list } from './list.ts';
import { type ShortRow, shortOf } from './order-lines.ts';

/**
 * All lines that have or want units of these items, by themselves or in a kit (of which those that hold nothing yet take its
 * composition of now), and one more than a re-confirmation takes, so that it can tell. Answers how an
 * item is given them; others stay as they are.
 */
export async function loadOpenLines(tx: Queries, skus: readonly Sku[]): Promise<(item: ItemState) => ItemState> {
  if (skus.length === 0) return (item) => item;
  const rows = await tx.rows<ShortRow & { readonly of: Sku }>(sql`
    select s.* from unnest(${list([...new Set(skus)])}) as i(sku)
    cross join lateral (
      select l.*, o.channel_id, o.program, o.placed_at, o.state->>'fillRule' as fill_rule, i.sku as of
      from (
        select * from order_line where sku = i.sku and components is null and (allocated > 0 or short > 0)
        union all
        select * from order_line where components @> jsonb_build_array(jsonb_build_object('sku', i.sku))
          and (allocated > 0 or short > 0)) l
      join sales_order o on o.id = l.order_id
      order by l.order_id, l.line_ref limit ${OPEN_LINES_MAX + 1}) s`);
  const lines = Map.groupBy(rows, (row) => row.of);
  return (item) => (skus.includes(item.sku) ? { ...item, openLines: (lines.get(item.sku) ?? []).map(shortOf) } : item);
}
