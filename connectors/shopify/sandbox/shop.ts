/**
 * The shop behind the sandbox: catalogue, levels and orders, as Shopify keeps them. No HTTP, no GraphQL.
 *
 * | what happens                | available | committed | on hand = available + committed |
 * | an order takes n            |    -n     |    +n     |   =                             |
 * | it is fulfilled             |           |    -n     |  -n                             |
 * | cancelled with restock      |    +n     |    -n     |   =                             |
 * | cancelled without           |           |    -n     |  -n                             |
 * | returned with restock       |    +n     |           |  +n                             |
 *
 * Guarantees: a buyer gets a line only while the shop shows enough of it; `onEvent` hears of every change that Shopify would send a
 * webhook for, after it is done. Times are milliseconds inside; what leaves the shop is printed in whole seconds, as Shopify does.
 */
import type { CancelRequest, CatalogueAnswer, CatalogueRequest, OrderRequest, SandboxLevel, SomeLines } from '../../sandbox/control.ts';
import { ControlRefusal } from '../../sandbox/platform.ts';
import { gid } from '../gid.ts';

export type Location = { readonly id: string; readonly name: string; isActive: boolean };

export type Variant = {
  readonly id: string;
  readonly itemId: string;
  readonly sku: string;
  title: string;
  barcode: string | null;
  isTracked: boolean;
  /** A bundle: its number comes from its components and cannot be set. */
  isBundle: boolean;
};

export type Level = {
  readonly id: string;
  readonly variant: Variant;
  readonly location: Location;
  isActive: boolean;
  available: number;
  committed: number;
  updatedAt: number;
};

export type RestockType = 'cancel' | 'return' | 'no_restock';

export type MovedLine = { readonly line: Line; readonly quantity: number };

export type Line = {
  readonly id: string;
  readonly variant: Variant;
  readonly ordered: number;
  /** Never shipped and no longer wanted. */
  cancelled: number;
  fulfilled: number;
  /** Shipped and refunded since. */
  refunded: number;
  /** Where the units that are still open were taken from. */
  readonly open: { readonly level: Level; quantity: number }[];
};

export type Fulfillment = { readonly id: string; readonly lines: readonly MovedLine[] };
export type Refund = { readonly id: string; readonly createdAt: number; readonly restockType: RestockType; readonly lines: readonly MovedLine[] };

export type Order = {
  readonly id: string;
  readonly number: number;
  readonly createdAt: number;
  updatedAt: number;
  /** Order search knows of its last change from this moment on. */
  listedAt: number;
  cancelledAt: number | null;
  readonly lines: readonly Line[];
  readonly fulfillments: Fulfillment[];
  readonly refunds: Refund[];
};

export type ShopEvent =
  | { readonly topic: 'ORDERS_CREATE' | 'ORDERS_UPDATED' | 'ORDERS_CANCELLED'; readonly order: Order }
  | { readonly topic: 'REFUNDS_CREATE'; readonly order: Order; readonly refund: Refund }
  | { readonly topic: 'INVENTORY_LEVELS_UPDATE'; readonly level: Level };

export type OfferedLine = { readonly sku: string; readonly quantity: number; readonly accepted: boolean; readonly shown: number };

export type ShopOptions = {
  readonly now: () => number;
  /** How long order search takes to notice a change, milliseconds. */
  readonly indexLagMs: () => number;
  readonly onEvent: (event: ShopEvent) => void;
};

export const openUnits = (line: Line): number => line.ordered - line.cancelled - line.fulfilled;

const FIRST_ID = 40_000_000_000_000;
const FIRST_ORDER_NUMBER = 1001;

export type Shop = ReturnType<typeof openShop>;

export function openShop({ now, indexLagMs, onEvent }: ShopOptions) {
  const locations: Location[] = [];
  const variants = new Map<string, Variant>();
  const levels = new Map<string, Level>();
  const orders = new Map<string, Order>();
  let lastId = FIRST_ID;
  const nextId = (): string => String(++lastId);

  const levelKey = (itemId: string, locationId: string): string => `${itemId} ${locationId}`;
  const levelOf = (itemId: string, locationId: string): Level | undefined => levels.get(levelKey(itemId, locationId));
  const levelsOf = (variant: Variant): readonly Level[] =>
    locations.flatMap((location) => levelOf(variant.itemId, location.id) ?? []);

  const addLocation = (name: string): Location => {
    const known = locations.find((each) => each.name === name);
    if (known !== undefined) return known;
    const location = { id: gid('Location', nextId()), name, isActive: true };
    locations.push(location);
    return location;
  };

  const addVariant = (sku: string): Variant => {
    const id = gid('ProductVariant', nextId());
    const itemId = gid('InventoryItem', nextId());
    const variant = { id, itemId, sku, title: sku, barcode: null, isTracked: true, isBundle: false };
    variants.set(sku, variant);
    return variant;
  };

  const setAvailable = (level: Level, quantity: number): void => {
    if (level.available === quantity) return;
    level.available = quantity;
    level.updatedAt = now();
    onEvent({ topic: 'INVENTORY_LEVELS_UPDATE', level });
  };

  const move = (level: Level, change: { readonly available?: number; readonly committed?: number }): void => {
    level.committed += change.committed ?? 0;
    setAvailable(level, level.available + (change.available ?? 0));
  };

  const touch = (order: Order): void => {
    order.updatedAt = Math.max(now(), order.updatedAt + 1);
    order.listedAt = now() + indexLagMs();
  };

  const sellableOf = (variant: Variant): number =>
    levelsOf(variant).reduce((sum, level) => sum + (level.isActive && level.location.isActive ? Math.max(0, level.available) : 0), 0);

  /** Takes from the locations in their order. */
  const take = (variant: Variant, quantity: number): Line['open'] => {
    const taken: Line['open'] = [];
    let left = quantity;
    for (const level of levelsOf(variant)) {
      if (!variant.isTracked || !level.isActive || !level.location.isActive || left === 0) continue;
      const units = Math.min(left, Math.max(0, level.available));
      if (units === 0) continue;
      move(level, { available: -units, committed: units });
      taken.push({ level, quantity: units });
      left -= units;
    }
    return taken;
  };

  /** Ends `quantity` open units of a line; `available` says whether they can be sold again. */
  const release = (line: Line, quantity: number, isRestocked: boolean): void => {
    let left = quantity;
    for (const held of line.open) {
      const units = Math.min(left, held.quantity);
      held.quantity -= units;
      left -= units;
      if (units > 0) move(held.level, { available: isRestocked ? units : 0, committed: -units });
    }
  };

  const orderOf = (orderRef: string): Order => {
    const order = orders.get(orderRef);
    if (order === undefined) throw new ControlRefusal(`there is no order ${orderRef}`);
    return order;
  };

  /** The lines asked for, or every line with something of `left` in it. */
  const linesOf = (order: Order, asked: SomeLines, left: (line: Line) => number): readonly MovedLine[] => {
    if (asked === undefined) {
      return order.lines.flatMap((line) => (left(line) > 0 ? [{ line, quantity: left(line) }] : []));
    }
    return asked.map(({ sku, lineRef, quantity }) => {
      const line = order.lines.find((each) => (lineRef === undefined ? each.variant.sku === sku : each.id === lineRef) && left(each) >= quantity);
      if (line === undefined) throw new ControlRefusal(`order ${order.id} has no line ${lineRef ?? sku} with ${quantity} units left`);
      return { line, quantity };
    });
  };

  const addRefund = (order: Order, restockType: RestockType, lines: readonly MovedLine[]): void => {
    const refund = { id: `gid://shopify/Refund/${nextId()}`, createdAt: now(), restockType, lines };
    order.refunds.push(refund);
    onEvent({ topic: 'REFUNDS_CREATE', order, refund });
  };

  return {
    locations,
    variants,
    levels,
    orders,
    nextId,
    levelOf,
    setAvailable,

    seed(request: CatalogueRequest): CatalogueAnswer {
      for (const { name } of request.locations ?? []) addLocation(name);
      const first = locations[0] ?? addLocation('Main');
      for (const { sku, shown, title, tracked, barcode } of request.listings) {
        const variant = variants.get(sku) ?? addVariant(sku);
        variant.title = title ?? variant.title;
        variant.isTracked = tracked ?? variant.isTracked;
        variant.barcode = barcode ?? variant.barcode;
        for (const location of locations) {
          const key = levelKey(variant.itemId, location.id);
          const id = `gid://shopify/InventoryLevel/${nextId()}?inventory_item_id=${variant.itemId.split('/').at(-1)}`;
          const fresh = { id, variant, location, isActive: true, available: 0, committed: 0, updatedAt: now() };
          const level = levels.get(key) ?? fresh;
          levels.set(key, level);
          if (location === first) setAvailable(level, shown);
        }
      }
      const listings = request.listings.flatMap(({ sku }) => {
        const listingRef = variants.get(sku)?.id;
        return listingRef === undefined ? [] : [{ sku, listingRef }];
      });
      return { locations: locations.map(({ id, name }) => ({ locationRef: id, name })), listings };
    },

    /** Null when no line could be accepted. */
    place(request: OrderRequest): { readonly order: Order | null; readonly lines: readonly OfferedLine[] } {
      const accepted: Line[] = [];
      const lines = request.lines.map(({ sku, quantity }): OfferedLine => {
        const variant = variants.get(sku);
        if (variant === undefined) return { sku, quantity, accepted: false, shown: 0 };
        const shown = sellableOf(variant);
        if (variant.isTracked && shown < quantity) return { sku, quantity, accepted: false, shown };
        const open = take(variant, quantity);
        accepted.push({ id: gid('LineItem', nextId()), variant, ordered: quantity, cancelled: 0, fulfilled: 0, refunded: 0, open });
        return { sku, quantity, accepted: true, shown };
      });
      if (accepted.length === 0) return { order: null, lines };
      const order: Order = {
        id: gid('Order', nextId()),
        number: FIRST_ORDER_NUMBER + orders.size,
        createdAt: request.placedAt ?? now(),
        updatedAt: now(),
        listedAt: now() + indexLagMs(),
        cancelledAt: null,
        lines: accepted,
        fulfillments: [],
        refunds: [],
      };
      orders.set(order.id, order);
      onEvent({ topic: 'ORDERS_CREATE', order });
      return { order, lines };
    },

    cancel(orderRef: string, request: CancelRequest): { readonly order: Order; readonly lines: readonly MovedLine[] } {
      const order = orderOf(orderRef);
      const lines = linesOf(order, request.lines, openUnits);
      for (const { line, quantity } of lines) {
        line.cancelled += quantity;
        release(line, quantity, request.restock);
      }
      touch(order);
      if (request.lines === undefined) {
        order.cancelledAt = order.updatedAt;
        onEvent({ topic: 'ORDERS_CANCELLED', order });
      }
      if (lines.length > 0) addRefund(order, request.restock ? 'cancel' : 'no_restock', lines);
      onEvent({ topic: 'ORDERS_UPDATED', order });
      return { order, lines };
    },

    fulfil(orderRef: string, asked: SomeLines): { readonly order: Order; readonly lines: readonly MovedLine[] } {
      const order = orderOf(orderRef);
      const lines = linesOf(order, asked, openUnits);
      for (const { line, quantity } of lines) {
        line.fulfilled += quantity;
        release(line, quantity, false);
      }
      if (lines.length > 0) order.fulfillments.push({ id: `gid://shopify/Fulfillment/${nextId()}`, lines });
      touch(order);
      onEvent({ topic: 'ORDERS_UPDATED', order });
      return { order, lines };
    },

    /** Goods that were shipped are refunded; with `return` they are back on the shelf of the first location. */
    refund(orderRef: string, asked: SomeLines, restockType: 'return' | 'no_restock'): Order {
      const order = orderOf(orderRef);
      const lines = linesOf(order, asked, (line) => line.fulfilled - line.refunded);
      for (const { line, quantity } of lines) {
        line.refunded += quantity;
        const [level] = levelsOf(line.variant);
        if (restockType === 'return' && level !== undefined) move(level, { available: quantity });
      }
      touch(order);
      addRefund(order, restockType, lines);
      onEvent({ topic: 'ORDERS_UPDATED', order });
      return order;
    },

    levelList: (): readonly SandboxLevel[] =>
      [...levels.values()].map(({ variant, location, isActive, available }) => ({
        sku: variant.sku,
        listingRef: variant.id,
        locationRef: location.id,
        tracked: variant.isTracked,
        shown: available,
        reserved: 0,
        sellable: variant.isTracked && isActive ? Math.max(0, available) : 0,
      })),
  };
}
