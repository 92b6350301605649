/**
 * Orders from a file, one row per line with its totals by state: each order becomes one order-state command of its channel.
 *
 * Guarantees: an order is taken whole or not at all; rows are joined with what is stored exactly as the core joins them, so that
 * a second run is all Unchanged; SKUs are resolved to listings of the named channel, never to items beside it.
 */
import { sql } from 'drizzle-orm';
import { orderIdOf } from '#core/command.ts';
import type { Instant } from '#core/model.ts';
import { joinOrder, type OrderLineState, type OrderState } from '#core/order-state.ts';
import { inWhole, type UnitSizes } from '#core/units.ts';
import { writeAudit } from './audit.ts';
import type { Queries } from './client.ts';
import { addCommands, type NewCommand } from './commands.ts';
import {
  changeOf,
  compare,
  type ImportOptions,
  type ImportReport,
  type Judged,
  judge,
  makeReport,
  skip,
} from './import-report.ts';
import { list } from './list.ts';
import { recordset } from './recordset.ts';
import { readUnits, resolveUnit } from './units.ts';

export type OrderRow = {
  readonly line: number;
  readonly channel: string;
  readonly orderRef: string;
  readonly lineRef: string;
  readonly sku: string;
  /** Units of the item, as the other totals: base units, or those that `unit` names. */
  readonly unit?: string | null;
  readonly ordered: number;
  readonly cancelled: number;
  readonly shipped: number;
  readonly returned: number;
  readonly placedAt: Instant;
  readonly version: number;
};

export type ChannelListing = {
  readonly channel: string;
  readonly sku: string;
  readonly listingRef: string;
  readonly pack: number;
};

type Known = {
  readonly channels: ReadonlySet<string>;
  /** Key: channel and SKU; the listing of single units first. */
  readonly listings: ReadonlyMap<string, ChannelListing>;
  readonly stored: ReadonlyMap<string, OrderState>;
  readonly units: ReadonlyMap<string, UnitSizes>;
};

type Group = { readonly id: string; readonly channel: string; readonly rows: readonly OrderRow[] };
type Outcome = { readonly judged: readonly Judged[]; readonly state: OrderState | null };

export async function importOrders(
  tx: Queries,
  rows: readonly OrderRow[],
  options: ImportOptions,
): Promise<ImportReport> {
  const groups = groupRows(rows);
  const known = await readKnown(tx, groups, rows);
  const outcomes = groups.map((group) => ({ group, ...judgeOrder(group, known) }));
  const commands = outcomes.flatMap(({ group, state }) =>
    state === null ? [] : [commandOf(group.channel, state, options.actor)],
  );
  const commandIds = await addCommands(tx, commands);
  const report = makeReport(
    outcomes.flatMap((outcome) => outcome.judged),
    { commandIds },
  );
  await writeAudit(tx, [
    { actor: options.actor, action: 'import orders', subject: `${rows.length} rows`, detail: report.counts },
  ]);
  return report;
}

function groupRows(rows: readonly OrderRow[]): Group[] {
  const byOrder = Map.groupBy(rows, (row) => orderIdOf(row.channel, row.orderRef));
  return [...byOrder].flatMap(([id, ofOrder]) => {
    const [first] = ofOrder;
    return first === undefined ? [] : [{ id, channel: first.channel, rows: ofOrder }];
  });
}

/** The listings through which a channel sells these SKUs, single units before packs. */
export async function listingsOfSkus(
  tx: Queries,
  wanted: readonly { readonly channel: string; readonly sku: string }[],
): Promise<ChannelListing[]> {
  return tx.rows<ChannelListing>(sql`
    select distinct on (l.channel_id, l.sku) l.channel_id as channel, l.sku, l.listing_ref as "listingRef", l.pack
    from listing l join ${recordset(wanted, { channel: 'text', sku: 'text' }, 'r')} on l.channel_id = r.channel and l.sku = r.sku
    order by l.channel_id, l.sku, l.pack, l.id`);
}

async function readKnown(tx: Queries, groups: readonly Group[], rows: readonly OrderRow[]): Promise<Known> {
  const [channels, listings, orders, units] = await Promise.all([
    tx.rows<{ id: string }>(sql`select id from channel`),
    listingsOfSkus(tx, rows),
    tx.rows<{ id: string; state: OrderState }>(sql`
      select id, state from sales_order where id = any(${list(groups.map((group) => group.id))})`),
    readUnits(
      tx,
      rows.flatMap((row) => (row.unit ? [row.sku] : [])),
    ),
  ]);
  return {
    channels: new Set(channels.map((row) => row.id)),
    listings: new Map(listings.map((listing) => [`${listing.channel} ${listing.sku}`, listing])),
    stored: new Map(orders.map((order) => [order.id, order.state])),
    units,
  };
}

const keyOf = (row: OrderRow): string => `${orderIdOf(row.channel, row.orderRef)} line ${row.lineRef}`;

/** Why a row cannot be taken; null when it can. */
function faultOf(row: OrderRow, group: Group, known: Known): Judged | null {
  const refused = (reason: string, fix: string) => skip(row.line, keyOf(row), reason, fix);
  if (!known.channels.has(row.channel)) {
    return refused(`channel ${row.channel} is not known`, 'the configured ones: allot channels list');
  }
  const first = group.rows.find((other) => other.lineRef === row.lineRef);
  if (first !== undefined && first.line !== row.line) {
    return refused(
      `line ${row.lineRef} of this order stands on line ${first.line} already`,
      'give each line of an order its own line_id',
    );
  }
  const head = group.rows[0];
  if (head !== undefined && (head.version !== row.version || head.placedAt !== row.placedAt)) {
    return refused(
      `version or placed_at differs from line ${head.line} of the same order`,
      'give all lines of an order the same version and placed_at',
    );
  }
  if (row.cancelled + row.shipped > row.ordered) {
    return refused(
      `cancelled ${row.cancelled} and shipped ${row.shipped} are more than qty ${row.ordered}`,
      'correct the totals: each unit is in one state',
    );
  }
  const listing = known.listings.get(`${row.channel} ${row.sku}`);
  if (listing === undefined) {
    return refused(
      `${row.channel} has no listing of SKU ${row.sku}`,
      `map one: allot listings map ${row.channel} REF ${row.sku}`,
    );
  }
  const size = resolveUnit(known.units, row.sku, row.unit);
  if (typeof size !== 'number') return refused(size.reason, size.fix);
  const totals = [row.ordered, row.cancelled, row.shipped, row.returned];
  if (totals.some((total) => inWhole(total * size, listing.pack) === null)) {
    return refused(
      `the listing sells packs of ${listing.pack}, and a total is no whole number of them`,
      'give units of the item, in whole packs',
    );
  }
  return null;
}

function stateOf(group: Group, known: Known): OrderState | null {
  const head = group.rows[0];
  if (head === undefined) return null;
  const lines = group.rows.flatMap((row): OrderLineState[] => {
    const listing = known.listings.get(`${row.channel} ${row.sku}`);
    if (listing === undefined) return [];
    const { lineRef, sku: skuHint } = row;
    const size = resolveUnit(known.units, row.sku, row.unit);
    const [ordered, cancelled, shipped, returned] = [row.ordered, row.cancelled, row.shipped, row.returned].map((n) =>
      typeof size === 'number' ? inWhole(n * size, listing.pack) : null,
    );
    return [
      {
        lineRef,
        listingRef: listing.listingRef,
        skuHint,
        ordered: ordered ?? 0,
        cancelled: cancelled ?? 0,
        shipped: shipped ?? 0,
        returned: returned ?? 0,
      },
    ];
  });
  return {
    orderRef: head.orderRef,
    displayRef: head.orderRef,
    version: head.version,
    placedAt: head.placedAt,
    modifiedAt: head.placedAt,
    fulfilledBy: 'seller',
    origin: 'operator',
    locationRef: null,
    obligations: [],
    lines,
  };
}

function judgeOrder(group: Group, known: Known): Outcome {
  const faults = new Map(group.rows.map((row) => [row.line, faultOf(row, group, known)]));
  const bad = group.rows.find((row) => faults.get(row.line) !== null);
  const incoming = stateOf(group, known);
  if (bad !== undefined || incoming === null) {
    const whole = (row: OrderRow) =>
      skip(
        row.line,
        keyOf(row),
        `line ${bad?.line} of the same order is refused`,
        'an order is taken whole: mend that line',
      );
    return { judged: group.rows.map((row) => faults.get(row.line) ?? whole(row)), state: null };
  }
  const stored = known.stored.get(group.id);
  if (stored === undefined)
    return { judged: group.rows.map((row) => judge(row.line, keyOf(row), 'create')), state: incoming };
  const joined = joinOrder(stored, joinOrder(incoming, incoming));
  const judged = group.rows.map((row) => compare(row.line, keyOf(row), changesOf(row.lineRef, stored, joined)));
  const isSame = JSON.stringify(joined) === JSON.stringify(stored);
  return { judged, state: isSame ? null : incoming };
}

function changesOf(lineRef: string, stored: OrderState, joined: OrderState) {
  const [before, after] = [stored, joined].map((state) => state.lines.find((line) => line.lineRef === lineRef));
  return [
    ...changeOf('version', stored.version, joined.version),
    ...changeOf('qty', before?.ordered ?? null, after?.ordered ?? null),
    ...changeOf('cancelled', before?.cancelled ?? null, after?.cancelled ?? null),
    ...changeOf('shipped', before?.shipped ?? null, after?.shipped ?? null),
    ...changeOf('returned', before?.returned ?? null, after?.returned ?? null),
  ];
}

const commandOf = (channel: string, order: OrderState, actor: string): NewCommand => ({
  body: { kind: 'order-state', channel, order },
  actor,
  occurredAt: order.modifiedAt,
  channelId: channel,
  inboxId: null,
});
