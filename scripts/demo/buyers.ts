/**
 * What the demo knows as the world outside allot: which orders buyers placed, what of them is cancelled, shipped or given back, and how
 * many units of each SKU nobody was promised yet (the restock rule works on that, not on allot's books).
 *
 * A credit of the data names no order: it is matched with the newest lines of the same customer and SKU. Units that have not left are
 * cancelled, those that have come back as a return; what finds no line is counted apart. Where buyers have no way to cancel, units
 * that have not left are no match.
 */
import type { ChannelId, OrderId } from '#core/model.ts';
import type { OrderTotals } from '#db/pace.ts';
import { channelNamed } from './brand.ts';
import type { StreamCredit, StreamOrder } from './stream.ts';

export type BoughtLine = {
  readonly sku: string;
  readonly units: number;
  /** By allot's answer to the order. */
  refused: number;
  cancelled: number;
  shipped: number;
  returned: number;
};
export type Bought = {
  readonly id: OrderId;
  readonly channel: ChannelId;
  readonly orderRef: string;
  /** In the stream's time. */
  readonly at: number;
  readonly lines: ReadonlyMap<string, BoughtLine>;
};

export type Match = {
  readonly order: Bought;
  readonly line: BoughtLine;
  readonly kind: 'cancel' | 'return';
  readonly units: number;
};

export type Buyers = {
  /** Units that could still be promised; negative where more was. */
  readonly free: Map<string, number>;
  readonly unmatched: { credits: number; units: number };
  buy(order: StreamOrder, orderRef: string, lines: readonly { readonly sku: string; readonly units: number }[]): Bought;
  match(credit: StreamCredit): readonly Match[];
  cancel(match: Match): void;
  /** The answer to an order refuses units of it. */
  refuse(orderId: OrderId, sku: string, units: number): void;
  giveBack(match: Match): void;
  ship(order: Bought, sku: string, units: number): void;
  move(sku: string, units: number): void;
  /** Orders placed up to then that have units which did not leave. */
  openSince(at: number): readonly Bought[];
};

export const openUnits = (line: BoughtLine): number => line.units - line.refused - line.cancelled - line.shipped;

export function totalsOf(order: Bought): OrderTotals {
  const sum = (of: (line: BoughtLine) => number): number =>
    [...order.lines.values()].reduce((total, line) => total + of(line), 0);
  return {
    id: order.id,
    ordered: sum(({ units }) => units),
    cancelled: sum(({ cancelled, refused }) => cancelled + refused),
    shipped: sum(({ shipped }) => shipped),
  };
}

const kindsOf = ({ channel }: Bought): readonly Match['kind'][] =>
  channelNamed(channel).cancels ? ['cancel', 'return'] : ['return'];

const keyOf = (customer: string, sku: string): string => `${customer} ${sku}`;

/** Takes up to `units` of a credit from these orders, the newest first; answers what it took. */
function matchCredit(orders: readonly Bought[], sku: string, units: number): Match[] {
  const matches: Match[] = [];
  let left = units;
  for (const order of orders.toReversed()) {
    const line = order.lines.get(sku);
    if (line === undefined) continue;
    for (const kind of kindsOf(order)) {
      const can = kind === 'cancel' ? openUnits(line) : line.shipped - line.returned;
      const taken = Math.min(left, can);
      left -= taken;
      if (taken > 0) matches.push({ order, line, kind, units: taken });
    }
  }
  return matches;
}

export function openBuyers(opening: ReadonlyMap<string, number>): Buyers {
  const free = new Map(opening);
  const byBuyer = new Map<string, Bought[]>();
  const open = new Map<OrderId, Bought>();
  const unmatched = { credits: 0, units: 0 };
  const move = (sku: string, units: number): void => void free.set(sku, (free.get(sku) ?? 0) + units);
  const closeIfDone = (order: Bought): void => {
    if ([...order.lines.values()].every((line) => openUnits(line) === 0)) open.delete(order.id);
  };
  return {
    free,
    unmatched,
    move,
    buy({ at, channel, customer }, orderRef, lines) {
      const fresh = lines.map(
        ({ sku, units }) => [sku, { sku, units, refused: 0, cancelled: 0, shipped: 0, returned: 0 }] as const,
      );
      const order: Bought = { id: `${channel}/${orderRef}`, channel, orderRef, at, lines: new Map(fresh) };
      open.set(order.id, order);
      for (const { sku, units } of lines) {
        move(sku, -units);
        if (customer === null) continue;
        const key = keyOf(customer, sku);
        byBuyer.set(key, [...(byBuyer.get(key) ?? []), order]);
      }
      return order;
    },
    match({ customer, sku, units }) {
      const orders = customer === null ? [] : (byBuyer.get(keyOf(customer, sku)) ?? []);
      const matches = matchCredit(orders, sku, units);
      const left = units - matches.reduce((sum, one) => sum + one.units, 0);
      if (left > 0) {
        unmatched.credits += 1;
        unmatched.units += left;
      }
      return matches;
    },
    cancel({ order, line, units }) {
      line.cancelled += units;
      move(line.sku, units);
      closeIfDone(order);
    },
    refuse(orderId, sku, units) {
      const order = open.get(orderId);
      const line = order?.lines.get(sku);
      if (order === undefined || line === undefined) throw new Error(`an answer refuses ${sku} of ${orderId}`);
      line.refused += units;
      move(sku, units);
      closeIfDone(order);
    },
    giveBack({ line, units }) {
      line.returned += units;
    },
    ship(order, sku, units) {
      const line = order.lines.get(sku);
      if (line !== undefined) line.shipped += units;
      closeIfDone(order);
    },
    openSince: (at) => [...open.values()].filter((order) => order.at <= at),
  };
}
