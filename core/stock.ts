/**
 * Commands on goods: receive, adjust, count, transfer, inspect, return.
 *
 * Guarantees: a person's command that would take more than there is, is refused with the number there is; a count writes one
 * signed entry, `count - balance as of its moment`, so that movements after it stand.
 */
import { type Books, freeOf, type ItemBook, postMovement, postPromise, postStock, touch } from './books.ts';
import type {
  AdjustCommand,
  Command,
  CountCommand,
  InspectCommand,
  ReceiveCommand,
  ReturnCommand,
  TransferCommand,
} from './command.ts';
import { countDown } from './dated.ts';
import { onHandOf, stockKey } from './item-book.ts';
import type { Disposition, LocationId, Sku, StockMaster } from './model.ts';
import { NOTHING_DRAWN } from './pools.ts';
import { CommandRefused } from './refusal.ts';
import { poolRulesFor } from './rules.ts';

export function itemFor(books: Books, sku: Sku): ItemBook {
  const item = books.items.get(sku);
  if (item !== undefined) return item;
  throw new CommandRefused('unknown-sku', `SKU ${sku} is not an item of this brand`, {
    field: 'sku',
    fix: 'SKUs are case-sensitive; add it with allot import items FILE',
  });
}

export function masterAt(books: Books, location: LocationId, field: string): StockMaster {
  const master = books.masterOf.get(location);
  if (master !== undefined) return master;
  throw new CommandRefused('unknown-location', `location ${location} is not known`, {
    field,
    fix: `the known ones are ${[...books.masterOf.keys()].join(', ') || 'none: add one to the configuration file'}`,
  });
}

/** An item that is stocked itself: a kit has no goods of its own. */
export function goodsFor(books: Books, sku: Sku): ItemBook {
  const item = itemFor(books, sku);
  if (item.components === null) return item;
  const parts = item.components.map((part) => `${part.quantity} ${part.sku}`).join(', ');
  throw new CommandRefused('kit-has-no-stock', `SKU ${sku} is a kit and has no stock of its own`, {
    field: 'sku',
    fix: `name its components: one set is ${parts}`,
  });
}

/** The place is known, and whoever speaks is its stock master: two masters would each undo the other's word. */
function checkPlace(books: Books, body: { readonly source?: StockMaster }, location: LocationId, field: string): void {
  const master = masterAt(books, location, field);
  const source = body.source ?? 'allot';
  if (source === master) return;
  throw new CommandRefused('not-stock-master', `the stock of ${location} is kept by ${master}, not by ${source}`, {
    field,
    fix: `change it in ${master}, or make allot its stock master in the configuration file`,
  });
}

export function checkQuantity(quantity: number, field: string, least: number): void {
  if (Number.isSafeInteger(quantity) && quantity >= least && Math.abs(quantity) <= 1_000_000_000) return;
  throw new CommandRefused('impossible-quantity', `${field} is ${quantity}`, {
    field,
    fix: `give a whole number from ${least} to 1,000,000,000`,
  });
}

const unitsAt = (item: ItemBook, location: LocationId, disposition: Disposition): number =>
  onHandOf(item).get(stockKey(location, disposition))?.quantity ?? 0;

function checkThere(item: ItemBook, location: LocationId, disposition: Disposition, quantity: number): void {
  const there = unitsAt(item, location, disposition);
  if (quantity <= there) return;
  throw new CommandRefused('not-there', `${item.sku} has ${there} ${disposition} at ${location}, not ${quantity}`, {
    field: 'quantity',
    fix: `give at most ${there}, or correct the stock first: allot count ${item.sku} N --location ${location}`,
  });
}

/** A receipt starts each pool with refill `receipt` anew. */
function refillPools(item: ItemBook, books: Books, command: Command, location: LocationId): void {
  const allTaken = [...item.drawn.values()].reduce((sum, { taken }) => sum + taken, 0);
  for (const { program, rule } of poolRulesFor(books.policy, item, books.now)) {
    const { consumed, taken, takenAtFill, allTakenAtFill } = item.drawn.get(program) ?? NOTHING_DRAWN;
    const isFull = consumed <= 0 && taken === takenAtFill && allTaken === allTakenAtFill;
    if (rule.refill !== 'receipt' || isFull) continue;
    postPromise(item, books, {
      commandId: command.id,
      location,
      program,
      pool: 'own',
      kind: 'refill',
      delta: 0,
      consumed: 0 - Math.max(0, consumed),
      orderId: null,
      lineRef: null,
      occurredAt: command.occurredAt,
    });
  }
}

export function applyReceive(books: Books, command: Command, body: ReceiveCommand): boolean {
  const item = goodsFor(books, body.sku);
  checkPlace(books, body, body.location, 'location');
  checkQuantity(body.quantity, 'quantity', 1);
  const { location, disposition, quantity } = body;
  if (body.supply !== undefined) countDown(item, body.supply, quantity);
  postMovement(item, books, {
    commandId: command.id,
    location,
    disposition,
    delta: quantity,
    kind: 'receive',
    occurredAt: command.occurredAt,
  });
  if (disposition === 'sellable') refillPools(item, books, command, location);
  return true;
}

export function applyAdjust(books: Books, command: Command, body: AdjustCommand): boolean {
  const item = goodsFor(books, body.sku);
  checkPlace(books, body, body.location, 'location');
  checkQuantity(body.delta, 'delta', -1_000_000_000);
  if (body.delta < 0) checkThere(item, body.location, body.disposition, -body.delta);
  const { location, disposition, delta } = body;
  postMovement(item, books, {
    commandId: command.id,
    location,
    disposition,
    delta,
    kind: 'adjust',
    occurredAt: command.occurredAt,
  });
  return delta !== 0;
}

export function applyCount(books: Books, command: Command, body: CountCommand): boolean {
  const item = goodsFor(books, body.sku);
  const { location, disposition, asOf } = body;
  checkPlace(books, body, location, 'location');
  checkQuantity(body.quantity, 'quantity', 0);
  const balance = onHandOf(item).get(stockKey(location, disposition));
  const last = balance?.countedAsOf ?? null;
  if (last !== null && asOf <= last) {
    throw new CommandRefused(
      'older-count',
      `a count of ${item.sku} at ${location} as of ${new Date(last).toISOString()} is newer than this one`,
      {
        field: 'asOf',
        fix: 'count again and give the moment of the new count',
      },
    );
  }
  if (asOf > command.recordedAt + 60_000) {
    throw new CommandRefused('count-in-the-future', `as-of ${new Date(asOf).toISOString()} has not come yet`, {
      field: 'asOf',
      fix: 'give the moment at which the goods were counted, with its time zone',
    });
  }
  const posted = books.stock.filter((entry) => entry.sku === item.sku);
  const later = [...item.loaded.recentEntries, ...posted]
    .filter((entry) => entry.location === location && entry.disposition === disposition && entry.occurredAt > asOf)
    .reduce((sum, entry) => sum + entry.delta, 0);
  const delta = body.quantity - ((balance?.quantity ?? 0) - later);
  postStock(item, books, { commandId: command.id, location, disposition, delta, kind: 'count', occurredAt: asOf });
  onHandOf(item).set(stockKey(location, disposition), {
    location,
    disposition,
    quantity: unitsAt(item, location, disposition),
    countedAsOf: asOf,
  });
  books.counted.push({ sku: item.sku, location, disposition, asOf });
  touch(books, item, command.id);
  return true;
}

export function applyTransfer(books: Books, command: Command, body: TransferCommand): boolean {
  const item = goodsFor(books, body.sku);
  checkPlace(books, body, body.from, 'from');
  checkPlace(books, body, body.to, 'to');
  checkQuantity(body.quantity, 'quantity', 1);
  const free = freeOf(books, item).get(body.from) ?? unitsAt(item, body.from, 'sellable');
  if (body.quantity > free) {
    throw new CommandRefused(
      'not-free',
      `${item.sku} has ${Math.max(0, free)} free units at ${body.from}, not ${body.quantity}`,
      {
        field: 'quantity',
        fix: `move at most ${Math.max(0, free)}; the rest is allocated to open orders or held there`,
      },
    );
  }
  const entry = {
    commandId: command.id,
    disposition: 'sellable' as const,
    kind: 'transfer' as const,
    occurredAt: command.occurredAt,
  };
  postMovement(item, books, { ...entry, location: body.from, delta: -body.quantity });
  postMovement(item, books, { ...entry, location: body.to, delta: body.quantity });
  return true;
}

export function applyInspect(books: Books, command: Command, body: InspectCommand): boolean {
  const item = goodsFor(books, body.sku);
  checkPlace(books, body, body.location, 'location');
  checkQuantity(body.quantity, 'quantity', 1);
  checkThere(item, body.location, body.from, body.quantity);
  const entry = {
    commandId: command.id,
    location: body.location,
    kind: 'inspect' as const,
    occurredAt: command.occurredAt,
  };
  postMovement(item, books, { ...entry, disposition: body.from, delta: -body.quantity });
  postMovement(item, books, { ...entry, disposition: body.to, delta: body.quantity });
  return true;
}

export function applyReturn(books: Books, command: Command, body: ReturnCommand): boolean {
  const item = goodsFor(books, body.sku);
  checkPlace(books, body, body.location, 'location');
  checkQuantity(body.quantity, 'quantity', 1);
  const entry = {
    commandId: command.id,
    location: body.location,
    disposition: 'quarantine' as const,
    kind: 'return' as const,
  };
  postMovement(item, books, { ...entry, delta: body.quantity, occurredAt: command.occurredAt });
  return true;
}
