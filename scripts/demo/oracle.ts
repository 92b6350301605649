/**
 * The oracle: the same core, in memory, told of everything at the moment it happens. What it would publish is what a channel could
 * have sold had allot no delay at all; a line refused below that number is a phantom stock-out.
 *
 * Guarantees: every decision is core's own `decide`, played back by `applyFacts`; nothing here knows how a number is made.
 */
import type { Command, CommandBody } from '#core/command.ts';
import { orderIdOf } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { ChannelId, Instant, OrderId, Policy, Sku } from '#core/model.ts';
import type { OrderState } from '#core/order-state.ts';
import { applyFacts } from '#core/replay.ts';
import type { ItemState, State, StoredOrder } from '#core/state.ts';
import { LOCATION } from './brand.ts';

export type OracleLine = { readonly sku: Sku; readonly quantity: number };

export type Oracle = {
  /** What the channel could sell of it now. */
  readonly published: (channel: ChannelId, sku: Sku) => number;
  readonly place: (channel: ChannelId, orderRef: string, lines: readonly OracleLine[], at: Instant) => void;
  readonly cancel: (channel: ChannelId, orderRef: string, lines: readonly OracleLine[], at: Instant) => void;
  readonly ship: (channel: ChannelId, orderRef: string, lines: readonly OracleLine[], at: Instant) => void;
  /** Stock that moved without an order. */
  readonly move: (body: CommandBody, at: Instant) => void;
};

export type OracleBrand = {
  readonly policy: Policy;
  readonly channels: readonly { readonly id: ChannelId; readonly program: string }[];
  readonly skus: readonly Sku[];
};

type Kept = {
  readonly head: Omit<State, 'items' | 'orders'>;
  readonly items: Map<Sku, ItemState>;
  readonly orders: Map<OrderId, StoredOrder>;
};

function openItem(sku: Sku, first: number, channels: OracleBrand['channels']): ItemState {
  const listings = channels.map(({ id: channel }, index) => ({
    id: first + index,
    channel,
    listingRef: sku,
    sku,
    pack: 1,
    locations: [],
    ownSold: 0,
    ownOpen: 0,
    seenSold: null,
    seenUntil: null,
    target: null,
  }));
  return {
    sku,
    groups: [],
    minimum: null,
    safetyStock: null,
    balances: [],
    promises: [],
    holds: [],
    nextHoldEndsAt: null,
    drawn: [],
    moves: [],
    listings,
    shorts: [],
    moreShorts: false,
    recentEntries: [],
    supply: [],
    demand: [],
    shortOf: [],
  };
}

function openKept({ policy, channels, skus }: OracleBrand): Kept {
  const items = skus.map((sku, index) => openItem(sku, 1 + index * channels.length, channels));
  return {
    head: {
      policy,
      locations: [{ id: LOCATION, master: 'allot', sells: true }],
      channels,
      listingRefs: items.flatMap(({ listings }) =>
        listings.map(({ id, channel, listingRef }) => ({ channel, listingRef, listing: id })),
      ),
    },
    items: new Map(items.map((item) => [item.sku, item])),
    orders: new Map(),
  };
}

/** Decides one command on what it touches, and keeps what came of it. */
function take(kept: Kept, command: Command, skus: readonly Sku[], orderId: OrderId | null): void {
  const items = skus.flatMap((sku) => kept.items.get(sku) ?? []);
  const waiting = items.flatMap(({ shorts }) => shorts.map(({ id }) => id));
  const named = new Set([...waiting, ...(orderId === null ? [] : [orderId])]);
  const orders = [...named].flatMap((id) => kept.orders.get(id) ?? []);
  const refs = items.flatMap(({ listings }) =>
    listings.map(({ id, channel, listingRef }) => ({ channel, listingRef, listing: id })),
  );
  const state: State = { ...kept.head, listingRefs: refs, items, orders };
  const facts = decide(state, [command], command.recordedAt);
  const [outcome] = facts.outcomes;
  if (outcome?.kind === 'parked') throw new Error(`the oracle parked ${command.body.kind}: ${outcome.reason}`);
  const after = applyFacts(state, facts);
  // It never counts, so it needs no ledger.
  for (const item of after.items) kept.items.set(item.sku, { ...item, recentEntries: [] });
  for (const order of after.orders) kept.orders.set(order.id, order);
}

type Change = (line: OrderState['lines'][number], units: number) => OrderState['lines'][number];

export function openOracle(brand: OracleBrand): Oracle {
  const kept = openKept(brand);
  let lastId = 0;
  const commandOf = (body: CommandBody, at: Instant): Command => {
    lastId += 1;
    return { id: lastId, occurredAt: at, recordedAt: at, actor: 'oracle', body };
  };
  const tell = (channel: ChannelId, order: OrderState): void => {
    const skus = order.lines.map(({ lineRef }) => lineRef);
    take(
      kept,
      commandOf({ kind: 'order-state', channel, order }, order.modifiedAt),
      skus,
      orderIdOf(channel, order.orderRef),
    );
  };
  const change = (
    channel: ChannelId,
    orderRef: string,
    given: { lines: readonly OracleLine[]; at: Instant; by: Change },
  ): void => {
    const before = kept.orders.get(orderIdOf(channel, orderRef))?.state;
    if (before === undefined) throw new Error(`the oracle does not know order ${orderRef} of ${channel}`);
    const units = new Map(given.lines.map(({ sku, quantity }) => [sku, quantity]));
    const lines = before.lines.map(({ version: _version, ...line }) => given.by(line, units.get(line.lineRef) ?? 0));
    tell(channel, { ...before, version: before.version + 1, modifiedAt: given.at, lines });
  };
  return {
    published: (channel, sku) =>
      kept.items.get(sku)?.listings.find((one) => one.channel === channel)?.target?.quantity ?? 0,
    place(channel, orderRef, lines, at) {
      const states = lines.map(({ sku, quantity }) => ({
        lineRef: sku,
        listingRef: sku,
        skuHint: sku,
        ordered: quantity,
        cancelled: 0,
        shipped: 0,
        returned: 0,
      }));
      const head = { orderRef, displayRef: orderRef, version: 1, placedAt: at, modifiedAt: at, locationRef: null };
      tell(channel, { ...head, fulfilledBy: 'seller', obligations: [], lines: states });
    },
    cancel: (channel, orderRef, lines, at) =>
      change(channel, orderRef, { lines, at, by: (line, units) => ({ ...line, cancelled: line.cancelled + units }) }),
    ship: (channel, orderRef, lines, at) =>
      change(channel, orderRef, { lines, at, by: (line, units) => ({ ...line, shipped: line.shipped + units }) }),
    move: (body, at) => take(kept, commandOf(body, at), 'sku' in body ? [body.sku] : [], null),
  };
}
