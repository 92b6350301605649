/** Rows of order lines, and the lines that they say. */
import type { Allocation, Component, OrderLine } from '#core/model.ts';
import type { FillRule } from '#core/order-state.ts';
import type { ShortLine } from '#core/state.ts';

export type LineRow = {
  order_id: string;
  line_ref: string;
  listing_id: number | null;
  sku: string | null;
  pack: number;
  ordered: number;
  cancelled: number;
  returned: number;
  reported_shipped: number;
  shipped: number;
  short: number;
  allocations: Allocation[];
  components: Component[] | null;
  accepted: number | null;
  back_ordered: number;
  refused: number;
};

export const lineOf = (row: LineRow): OrderLine => ({
  lineRef: row.line_ref,
  listing: row.listing_id,
  sku: row.sku,
  pack: row.pack,
  ordered: row.ordered,
  cancelled: row.cancelled,
  returned: row.returned,
  reportedShipped: row.reported_shipped,
  shipped: row.shipped,
  allocations: row.allocations,
  short: row.short,
  answer:
    row.accepted === null ? null : { accepted: row.accepted, backOrdered: row.back_ordered, refused: row.refused },
  ...(row.components === null ? {} : { components: row.components }),
});

export type ShortRow = LineRow & { channel_id: string; program: string; placed_at: number; fill_rule: FillRule | null };

export const shortOf = (row: ShortRow): ShortLine => ({
  id: row.order_id,
  channel: row.channel_id,
  program: row.program,
  placedAt: row.placed_at,
  ...(row.fill_rule === null ? {} : { fillRule: row.fill_rule }),
  line: lineOf(row),
});
