/**
 * Oversold items: more promised to orders than there is, beyond what their program's tolerance (or the answer to a partner) covers.
 * Read in one snapshot; changes nothing.
 */
import { sql } from 'drizzle-orm';
import { project } from '#core/atp.ts';
import { backordersOf } from '#core/backorder.ts';
import { lineKey } from '#core/books.ts';
import type { ChannelId, Instant, LocationId, OrderId, Policy, Sku } from '#core/model.ts';
import { outlookFrom } from '#core/outlook.ts';
import type { Database, Queries } from './client.ts';
import { readPolicy } from './policy-current.ts';
import { loadToPreview } from './state.ts';

export type OversoldOrder = {
  readonly id: OrderId;
  readonly channel: ChannelId;
  readonly orderRef: string;
  readonly displayRef: string;
  readonly units: number;
  readonly shipBy: Instant | null;
};

export type OversoldItem = {
  readonly sku: Sku;
  /** Of order lines, those to be shipped first before the others. */
  readonly orders: readonly OversoldOrder[];
  /** Places that have fewer units than are promised there. */
  readonly places: readonly { readonly location: LocationId; readonly units: number }[];
};

const LINES_MAX = 20_000;
const SKUS_AT_ONCE = 200;

type Line = OversoldOrder & { readonly sku: Sku; readonly lineRef: string; readonly program: string };

const readShortLines = (tx: Queries): Promise<Line[]> =>
  tx.rows<Line>(sql`
    select l.sku, l.line_ref as "lineRef", l.order_id as id, (l.short - l.back_ordered) as units, o.channel_id as channel, o.program,
      o.state->>'orderRef' as "orderRef", o.state->>'displayRef' as "displayRef",
      (select min((d->>'dueAt')::int8) from jsonb_array_elements(o.state->'obligations') d where d->>'kind' = 'ship') as "shipBy"
    from order_line l join sales_order o on o.id = l.order_id
    where l.short > 0 and l.short > l.back_ordered and l.sku is not null order by l.sku, l.order_id, l.line_ref limit ${LINES_MAX}`);

/** Units of these lines that the tolerance of their program covers, by line. */
async function readCovered(tx: Queries, policy: Policy, lines: readonly Line[], now: Instant) {
  const programs = policy.programs.filter(({ backorder = 'none' }) => backorder !== 'none');
  const tolerant = new Set(programs.map(({ id }) => id));
  const skus = [...new Set(lines.filter(({ program }) => tolerant.has(program)).map(({ sku }) => sku))];
  const programOf = new Map(lines.map(({ id, lineRef, program }) => [lineKey(id, lineRef), program]));
  const covered = new Map<string, number>();
  for (let at = 0; at < skus.length; at += SKUS_AT_ONCE) {
    const some = skus.slice(at, at + SKUS_AT_ONCE);
    const state = await loadToPreview(tx, some, policy);
    const outlooks = some.map((sku) => outlookFrom(state, sku, now)).filter((one) => one !== null);
    const backorders = outlooks.flatMap((outlook) =>
      programs.flatMap((program) =>
        [...backordersOf(outlook, project(outlook, program, now))].filter(([key]) => programOf.get(key) === program.id),
      ),
    );
    for (const [key, { units }] of backorders) covered.set(key, units);
  }
  return covered;
}

/** Items in order of SKU; `isWhole` is false when there are more lines than are looked at. Empty before the first policy. */
export const readOversold = (db: Database, now: Instant): Promise<{ items: OversoldItem[]; isWhole: boolean }> =>
  db.transaction((tx) => oversoldIn(tx, now), { isolation: 'repeatable read', readOnly: true });

async function oversoldIn(tx: Queries, now: Instant): Promise<{ items: OversoldItem[]; isWhole: boolean }> {
  const lines = await readShortLines(tx);
  const places = await tx.rows<{ sku: Sku; location: LocationId; units: number }>(sql`
    select sku, location, quantity as units from shortage where location is not null and closed_at is null and quantity > 0
    order by sku, location limit ${LINES_MAX}`);
  const covered =
    lines.length === 0 ? new Map<string, number>() : await readCovered(tx, await readPolicy(tx), lines, now);
  const open = lines.flatMap((line) => {
    const units = line.units - (covered.get(lineKey(line.id, line.lineRef)) ?? 0);
    return units > 0 ? [{ ...line, units }] : [];
  });
  const skus = [...new Set([...open, ...places].map(({ sku }) => sku))].sort();
  const linesOf = Map.groupBy(open, ({ sku }) => sku);
  const placesOf = Map.groupBy(places, ({ sku }) => sku);
  const items = skus.map((sku) => ({
    sku,
    orders: joinLines(linesOf.get(sku) ?? []),
    places: (placesOf.get(sku) ?? []).map(({ location, units }) => ({ location, units })),
  }));
  return { items, isWhole: lines.length < LINES_MAX && places.length < LINES_MAX };
}

/** One entry per order. */
function joinLines(lines: readonly Line[]): OversoldOrder[] {
  const orders = [...Map.groupBy(lines, ({ id }) => id).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { id, channel, orderRef, displayRef, shipBy } = first;
    return [{ id, channel, orderRef, displayRef, shipBy, units: group.reduce((sum, { units }) => sum + units, 0) }];
  });
  return orders.sort(
    (a, b) => (a.shipBy ?? Number.POSITIVE_INFINITY) - (b.shipBy ?? Number.POSITIVE_INFINITY) || (a.id < b.id ? -1 : 1),
  );
}
