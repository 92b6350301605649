/**
 * Oversold items: more promised to orders than there is, beyond what their program's tolerance (or the answer to a partner) covers.
 *
 * | of the units that lines are short of | are                                                                           |
 * | not there                            | what no free unit at places of their programs could serve, whoever protects it |
 * | the others                           | there: completeness, a limit, or others' protection keeps them from the line   |
 *
 * An item of which nothing lacks is told where an order waits for it alone: nobody else would say that it never ships.
 *
 * Guarantees: read in one snapshot; changes nothing. A kit has no goods of its own: all that its lines are short of counts as not there.
 */
import { sql } from 'drizzle-orm';
import { project } from '#core/atp.ts';
import { backordersOf } from '#core/backorder.ts';
import { lineKey } from '#core/books.ts';
import { supplyOf } from '#core/completeness.ts';
import { usableAt } from '#core/lots.ts';
import type { ChannelId, Instant, LocationId, OrderId, Policy, Program, Sku } from '#core/model.ts';
import { outlookFrom } from '#core/outlook.ts';
import type { FreeByLocation } from '#core/pools.ts';
import type { Database, Queries } from './client.ts';
import { list } from './list.ts';
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
  /** That wait, with all that they wait for; those to be shipped first before the others. */
  readonly orders: readonly OversoldOrder[];
  /** What the orders wait for and is not there. */
  readonly lacking: number;
  /** Places that have fewer units than are promised there. */
  readonly places: readonly { readonly location: LocationId; readonly units: number }[];
};

const LINES_MAX = 20_000;
const SKUS_AT_ONCE = 200;
/** Of more groups of lines not every choice is looked at. */
const GROUPS_MAX = 8;

type Line = OversoldOrder & {
  readonly sku: Sku;
  readonly lineRef: string;
  readonly program: string;
  /** Places of the listing that it was bought from. */
  readonly own: readonly LocationId[];
};

const readShortLines = (tx: Queries): Promise<Line[]> =>
  tx.rows<Line>(sql`
    select l.sku, l.line_ref as "lineRef", l.order_id as id, (l.short - l.back_ordered) as units, o.channel_id as channel, o.program,
      coalesce(g.locations, '{}') as own, o.state->>'orderRef' as "orderRef", o.state->>'displayRef' as "displayRef",
      (select min((d->>'dueAt')::int8) from jsonb_array_elements(o.state->'obligations') d where d->>'kind' = 'ship') as "shipBy"
    from order_line l join sales_order o on o.id = l.order_id left join listing g on g.id = l.listing_id and g.sku = l.sku
    where l.short > 0 and l.short > l.back_ordered and l.sku is not null order by l.sku, l.order_id, l.line_ref limit ${LINES_MAX}`);

type Standing = {
  /** Units of lines that the tolerance of their program covers, by line. */
  readonly covered: ReadonlyMap<string, number>;
  /** Of the items that were loaded; all that have free units are among them, but for kits. */
  readonly free: ReadonlyMap<Sku, FreeByLocation>;
};

const readFreeSkus = async (tx: Queries, skus: readonly Sku[]): Promise<Sku[]> => {
  const rows = await tx.rows<{ sku: Sku }>(sql`
    select distinct s.sku from stock_balance s join location l on l.id = s.location and l.sells
      left join lateral (select sum(allocated + held) as units from promise_balance where sku = s.sku and location = s.location) p on true
    where s.disposition = 'sellable' and s.quantity > coalesce(p.units, 0) and s.sku = any(${list(skus)}) order by s.sku`);
  return rows.map(({ sku }) => sku);
};

/** What bears on these lines: only items whose number it may change are loaded. */
async function readStanding(tx: Queries, policy: Policy, lines: readonly Line[], now: Instant): Promise<Standing> {
  const programs = policy.programs.filter(({ backorder = 'none' }) => backorder !== 'none');
  const tolerant = new Set(programs.map(({ id }) => id));
  const covering = new Set(lines.filter(({ program }) => tolerant.has(program)).map(({ sku }) => sku));
  const skus = [...covering.union(new Set(await readFreeSkus(tx, [...new Set(lines.map(({ sku }) => sku))])))];
  const programOf = new Map(lines.map(({ id, lineRef, program }) => [lineKey(id, lineRef), program]));
  const covered = new Map<string, number>();
  const free = new Map<Sku, FreeByLocation>();
  for (let at = 0; at < skus.length; at += SKUS_AT_ONCE) {
    const some = skus.slice(at, at + SKUS_AT_ONCE);
    const state = await loadToPreview(tx, some, policy);
    const outlooks = some.flatMap((sku) => {
      const outlook = outlookFrom(state, sku, now);
      return outlook === null ? [] : [{ sku, outlook }];
    });
    for (const { sku, outlook } of outlooks) free.set(sku, outlook.free);
    const backorders = outlooks.flatMap(({ sku, outlook }) =>
      (covering.has(sku) ? programs : []).flatMap((program) =>
        [...backordersOf(outlook, project(outlook, program, now))].filter(([key]) => programOf.get(key) === program.id),
      ),
    );
    for (const [key, { units }] of backorders) covered.set(key, units);
  }
  return { covered, free };
}

/** From where a line may be given units, and who for. */
type Source = { readonly program: Program; readonly places: readonly LocationId[] };

/** Free units that some of these could use, protected or not: each place counts once. */
function usableFor(sources: readonly Source[], free: FreeByLocation): number {
  const { lots } = free;
  const all = new Set(sources.flatMap(({ places }) => places));
  return [...all].reduce((sum, place) => {
    const drawing = sources.filter(({ places }) => places.includes(place));
    const units =
      lots === undefined ? [free.get(place) ?? 0] : drawing.map((each) => usableAt(lots, place, each.program));
    return sum + Math.max(0, ...units);
  }, 0);
}

const unitsOf = (lines: readonly Line[]): number => lines.reduce((sum, { units }) => sum + units, 0);

type Waiting = { readonly short: number; readonly sources: readonly Source[] };

const lackOf = (some: readonly Waiting[], free: FreeByLocation): number =>
  some.reduce((sum, { short }) => sum + short, 0) -
  usableFor(
    some.flatMap(({ sources }) => sources),
    free,
  );

/** Every choice of the groups that wait; of more than GROUPS_MAX all together, and each alone. */
function choicesOf(groups: readonly Waiting[]): readonly (readonly Waiting[])[] {
  if (groups.length > GROUPS_MAX) return [groups, ...groups.map((one) => [one])];
  return Array.from({ length: 2 ** groups.length }, (_, choice) =>
    groups.filter((_group, index) => Math.floor(choice / 2 ** index) % 2 === 1),
  );
}

/**
 * The most that any lines together are short of beyond what they reach: so much lacks however the free units are dealt out (Hall), and
 * no more. Who draws by the same rules from the same places waits as one.
 */
function lackingOf(lines: readonly Line[], policy: Policy, free: FreeByLocation | undefined): number {
  if (free === undefined) return unitsOf(lines);
  const programs = new Map(policy.programs.map((program) => [program.id, program]));
  const groups = [...Map.groupBy(lines, ({ program, own }) => `${program} ${own.join(' ')}`).values()].map((group) => {
    const program = programs.get(group[0]?.program ?? '');
    const sources = program === undefined ? [] : [{ program, places: supplyOf(program, group[0]?.own ?? []) }];
    return { short: unitsOf(group), sources };
  });
  return Math.max(0, ...choicesOf(groups).map((some) => lackOf(some, free)));
}

const NOTHING: Standing = { covered: new Map(), free: new Map() };

/** Items in order of SKU that lack units; `isWhole` is false when there are more lines than are looked at. Empty before the first policy. */
export const readOversold = (db: Database, now: Instant): Promise<{ items: OversoldItem[]; isWhole: boolean }> =>
  db.transaction((tx) => oversoldIn(tx, now), { isolation: 'repeatable read', readOnly: true });

async function oversoldIn(tx: Queries, now: Instant): Promise<{ items: OversoldItem[]; isWhole: boolean }> {
  const lines = await readShortLines(tx);
  const places = await tx.rows<{ sku: Sku; location: LocationId; units: number }>(sql`
    select sku, location, quantity as units from shortage where location is not null and closed_at is null and quantity > 0
    order by sku, location limit ${LINES_MAX}`);
  const policy = lines.length === 0 ? null : await readPolicy(tx);
  const { covered, free } = policy === null ? NOTHING : await readStanding(tx, policy, lines, now);
  const open = lines.flatMap((line) => {
    const units = line.units - (covered.get(lineKey(line.id, line.lineRef)) ?? 0);
    return units > 0 ? [{ ...line, units }] : [];
  });
  const skus = [...new Set([...open, ...places].map(({ sku }) => sku))].sort();
  const linesOf = Map.groupBy(open, ({ sku }) => sku);
  const placesOf = Map.groupBy(places, ({ sku }) => sku);
  const found = skus.map((sku): OversoldItem => {
    const waiting = linesOf.get(sku) ?? [];
    const lacking = policy === null ? 0 : lackingOf(waiting, policy, free.get(sku));
    const short = (placesOf.get(sku) ?? []).map(({ location, units }) => ({ location, units }));
    return { sku, orders: joinLines(waiting), lacking, places: short };
  });
  const lacks = ({ lacking, places: short }: OversoldItem): boolean => lacking > 0 || short.length > 0;
  const told = new Set(found.filter(lacks).flatMap(({ orders }) => orders.map(({ id }) => id)));
  const items = found.flatMap((item) => {
    if (lacks(item)) return [item];
    const orders = item.orders.filter(({ id }) => !told.has(id));
    return orders.length === 0 ? [] : [{ ...item, orders }];
  });
  return { items, isWhole: lines.length < LINES_MAX && places.length < LINES_MAX };
}

/** One entry per order. */
function joinLines(lines: readonly Line[]): OversoldOrder[] {
  const orders = [...Map.groupBy(lines, ({ id }) => id).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { id, channel, orderRef, displayRef, shipBy } = first;
    return [{ id, channel, orderRef, displayRef, shipBy, units: unitsOf(group) }];
  });
  return orders.sort(
    (a, b) => (a.shipBy ?? Number.POSITIVE_INFINITY) - (b.shipBy ?? Number.POSITIVE_INFINITY) || (a.id < b.id ? -1 : 1),
  );
}
