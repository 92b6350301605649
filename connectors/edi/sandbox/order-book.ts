/**
 * The retailer's purchase orders: placed, stated once as an 850, answered once by an 855, marked shipped by hand.
 *
 * Guarantees: a dropship partner takes a line only while it shows enough of it, and lowers its number at once; one that buys for its
 * own shelves orders whatever it likes of what it lists. Quantities here are in single units; `po1` has them as the 850 says.
 */
import type { FulfilRequest, OrderRequest } from '../../sandbox/control.ts';
import { ControlRefusal } from '../../sandbox/platform.ts';
import type { Partner } from '../partner.ts';
import type { Words } from './letters.ts';
import type { Listing, Shelf } from './shelf.ts';

export type Line = {
  readonly lineRef: string;
  readonly listing: Listing;
  /** Single units in one unit of the order. */
  readonly factor: number;
  readonly po1: Words;
  readonly ordered: number;
  cancelled: number;
  shipped: number;
};

export type Order = {
  readonly orderRef: string;
  readonly placedAt: number;
  readonly customer: string | null;
  /** CSH01, empty where the order does not say it. */
  readonly fillRule: string;
  readonly lines: readonly Line[];
  isAnswered: boolean;
};

export type OfferedLine = { sku: string; quantity: number; accepted: boolean; shown: number };
export type MovedLine = { readonly line: Line; readonly quantity: number };

export type OrderBook = {
  readonly orders: ReadonlyMap<string, Order>;
  place(request: OrderRequest): { readonly order: Order | null; readonly lines: readonly OfferedLine[] };
  fulfil(
    orderRef: string,
    asked: FulfilRequest['lines'],
  ): { readonly order: Order; readonly lines: readonly MovedLine[] };
};

export type OrderBookOptions = {
  readonly partner: Partner;
  readonly shelf: Shelf;
  readonly fillRules: readonly string[];
  readonly now: () => number;
};

const openUnits = ({ ordered, cancelled, shipped }: Line): number => ordered - cancelled - shipped;

/** What the dialect calls one of a thing. */
function singleUnit({ orders }: Partner): string {
  const [unit] = Object.entries(orders.units).find(([, factor]) => factor === 1) ?? [];
  if (unit === undefined) throw new ControlRefusal('the dialect orders nothing in single units');
  return unit;
}

/** In cases where they come out even, else in single units. */
function unitFor({ pack }: Listing, quantity: number, partner: Partner): { unit: string; factor: number } {
  const [caseUnit] = Object.entries(partner.orders.units).find(([, factor]) => factor === 'pack') ?? [];
  if (caseUnit !== undefined && pack > 0 && quantity % pack === 0) return { unit: caseUnit, factor: pack };
  return { unit: singleUnit(partner), factor: 1 };
}

function writeLine(listing: Listing, lineRef: string, quantity: number, partner: Partner): Line {
  const { unit, factor } = unitFor(listing, quantity, partner);
  const { listing: named, sku } = partner.orders;
  const qualifiers = [...new Set(['UP', ...(sku === undefined ? [] : [sku]), named])];
  const pairs = qualifiers.flatMap((qualifier) => [qualifier, listing.ids[qualifier] ?? '']);
  const price = ((Number(listing.ids.IN) % 90) + 10.5).toFixed(2);
  const po1 = ['PO1', lineRef, String(quantity / factor), unit, price, 'PE', ...pairs];
  return { lineRef, listing, factor, po1, ordered: quantity, cancelled: 0, shipped: 0 };
}

function selectLines({ orderRef, lines }: Order, asked: FulfilRequest['lines']): readonly MovedLine[] {
  if (asked === undefined)
    return lines.flatMap((line) => (openUnits(line) > 0 ? [{ line, quantity: openUnits(line) }] : []));
  return asked.map(({ sku, lineRef, quantity }) => {
    const isAsked = (line: Line): boolean =>
      lineRef === undefined ? line.listing.sku === sku : line.lineRef === lineRef;
    const line = lines.find((each) => isAsked(each) && openUnits(each) >= quantity);
    if (line === undefined)
      throw new ControlRefusal(`order ${orderRef} has no line ${lineRef ?? sku} with ${quantity} units left`);
    return { line, quantity };
  });
}

export function openOrderBook({ partner, shelf, fillRules, now }: OrderBookOptions): OrderBook {
  const orders = new Map<string, Order>();
  const prefix = partner.dropship ? 'DS' : '45';

  const takeLines = (request: OrderRequest) => {
    const taken: Line[] = [];
    const lines = request.lines.map(({ sku, quantity }): OfferedLine => {
      const listing = shelf.listings.get(sku);
      const shown = listing?.shown ?? 0;
      if (listing === undefined || (partner.dropship && shown < quantity))
        return { sku, quantity, accepted: false, shown: Math.max(0, shown) };
      taken.push(writeLine(listing, String(taken.length + 1), quantity, partner));
      if (partner.dropship) shelf.sell(listing, quantity);
      return { sku, quantity, accepted: true, shown };
    });
    return { taken, lines };
  };

  return {
    orders,
    place(request) {
      const { taken, lines } = takeLines(request);
      if (taken.length === 0) return { order: null, lines };
      const customer = request.customer ?? null;
      if (customer !== null && !/^[\w.@ -]{1,30}$/.test(customer))
        throw new ControlRefusal(`the customer ${customer} cannot stand in REF02 of an order`);
      const n = orders.size + 1;
      const order: Order = {
        orderRef: `${prefix}${String(n).padStart(8, '0')}`,
        placedAt: request.placedAt ?? now(),
        customer,
        fillRule: fillRules[(n - 1) % Math.max(1, fillRules.length)] ?? '',
        lines: taken,
        isAnswered: false,
      };
      orders.set(order.orderRef, order);
      return { order, lines };
    },
    fulfil(orderRef, asked) {
      const order = orders.get(orderRef);
      if (order === undefined) throw new ControlRefusal(`there is no order ${orderRef}`);
      const lines = selectLines(order, asked);
      for (const { line, quantity } of lines) line.shipped += quantity;
      return { order, lines };
    },
  };
}

const DAY_MS = 86_400_000;
const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10).replaceAll('-', '');

/** The 850 between ST and SE. */
export function stateOrder(
  { orderRef, placedAt, customer, fillRule, lines }: Order,
  partner: Partner,
): readonly Words[] {
  const { dropship, orders, inventory } = partner;
  const warehouses = Object.keys(orders.shipTo);
  const shipTo = warehouses[Number(orderRef.slice(2)) % Math.max(1, warehouses.length)];
  const [shipBy] = orders.shipBy;
  return [
    ['BEG', '00', dropship ? 'DS' : 'SA', orderRef, '', dateOf(placedAt)],
    ...(inventory?.vendorReference === undefined ? [] : [['REF', ...inventory.vendorReference]]),
    ...(customer === null ? [] : [['REF', 'CO', customer]]),
    ...(fillRule === '' ? [] : [['CSH', fillRule]]),
    ...(shipBy === undefined ? [] : [['DTM', shipBy, dateOf(placedAt + 7 * DAY_MS)]]),
    ...(shipTo === undefined ? [] : [['N1', 'ST', `${partner.name} ${shipTo}`.slice(0, 60), '92', shipTo]]),
    ...lines.flatMap((line) => [
      line.po1,
      ...(line.factor === 1 ? [] : [['PO4', String(line.factor), '1', singleUnit(partner)]]),
    ]),
    ['CTT', String(lines.length), String(lines.reduce((sum, { po1 }) => sum + Number(po1[2]), 0))],
  ];
}
