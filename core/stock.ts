/**
 * Commands on goods: receive, adjust, transfer, inspect, return; a lot's expiry. Counts are in counts.ts.
 *
 * Guarantees: a person's command that would take more than there is, is refused with the number there is.
 */
import { type Books, type ItemBook, postMovement, postPromise } from './books.ts';
import type {
  AdjustCommand,
  Command,
  InspectCommand,
  ReceiveCommand,
  ReturnCommand,
  SetLotCommand,
  TransferCommand,
} from './command.ts';
import { countDown } from './dated.ts';
import { drawnOf } from './drawn.ts';
import { FreeUnits, onHandOf, stockKey } from './item-book.ts';
import { applySetLot, comingLot, freeOfLot, knownLot, onHandOfLot, postLeaving, postMoved } from './lot-goods.ts';
import type { Disposition, LocationId, LotCode, Sku, StockMaster } from './model.ts';
import { filledByReceipt } from './pools.ts';
import { CommandRefused } from './refusal.ts';

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
export function checkPlace(
  books: Books,
  body: { readonly source?: StockMaster },
  location: LocationId,
  field: string,
): void {
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

type Where = { readonly location: LocationId; readonly disposition: Disposition };

/** So many are there: of the lot that is named, or at all. */
function checkThere(item: ItemBook, where: Where, quantity: number, lot: LotCode | undefined): void {
  if (lot !== undefined) knownLot(item, lot);
  const there = lot === undefined ? unitsAt(item, where.location, where.disposition) : onHandOfLot(item, where, lot);
  if (quantity <= there) return;
  const name = lot === undefined ? item.sku : `lot ${lot} of ${item.sku}`;
  const told = lot === undefined ? '' : ` --lot ${lot}`;
  throw new CommandRefused(
    'not-there',
    `${name} has ${there} ${where.disposition} at ${where.location}, not ${quantity}`,
    {
      field: 'quantity',
      fix: `give at most ${there}, or correct the stock first: allot count ${item.sku} N --location ${where.location}${told}`,
    },
  );
}

/** A receipt starts each pool with refill `receipt` anew; of pools of one place, those of the place that it comes to. */
function refillPools(item: ItemBook, books: Books, command: Command, location: LocationId): void {
  for (const pool of filledByReceipt(books.policy, item, location, books.now)) {
    const { consumed } = drawnOf(item.drawn, pool.program, pool.location);
    postPromise(item, books, {
      commandId: command.id,
      location,
      program: pool.program,
      pool: pool.location === undefined ? 'own' : 'place',
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
    ...comingLot(item, body, command.occurredAt),
  });
  if (disposition === 'sellable') refillPools(item, books, command, location);
  return true;
}

export function applyAdjust(books: Books, command: Command, body: AdjustCommand): boolean {
  const item = goodsFor(books, body.sku);
  checkPlace(books, body, body.location, 'location');
  checkQuantity(body.delta, 'delta', -1_000_000_000);
  const { location, disposition, delta, lot } = body;
  const entry = {
    commandId: command.id,
    location,
    disposition,
    kind: 'adjust' as const,
    occurredAt: command.occurredAt,
  };
  if (delta < 0) {
    checkThere(item, body, -delta, lot);
    postLeaving(item, books, entry, { units: -delta, lot });
  } else if (delta > 0) postMovement(item, books, { ...entry, delta, ...comingLot(item, body, command.occurredAt) });
  return delta !== 0;
}

export function applyTransfer(books: Books, command: Command, body: TransferCommand): boolean {
  const item = goodsFor(books, body.sku);
  checkPlace(books, body, body.from, 'from');
  checkPlace(books, body, body.to, 'to');
  checkQuantity(body.quantity, 'quantity', 1);
  const { quantity, lot } = body;
  const where = (location: LocationId): Where => ({ location, disposition: 'sellable' });
  // What is promised at a place that sells stays there; an expired lot may be moved like any other.
  const goods = new FreeUnits(books.places, item.places).get(body.from) ?? unitsAt(item, body.from, 'sellable');
  const free = Math.min(goods, ...(lot === undefined ? [] : [freeOfLot(item, body.from, lot)]));
  if (quantity > free) {
    throw new CommandRefused(
      'not-free',
      `${item.sku} has ${Math.max(0, free)} free units${lot === undefined ? '' : ` of lot ${lot}`} at ${body.from}, not ${quantity}`,
      {
        field: 'quantity',
        fix: `move at most ${Math.max(0, free)}; the rest is allocated to open orders or held there`,
      },
    );
  }
  const entry = { commandId: command.id, kind: 'transfer' as const, occurredAt: command.occurredAt };
  postMoved(item, books, entry, { from: where(body.from), to: where(body.to), units: quantity, lot });
  return true;
}

export function applyInspect(books: Books, command: Command, body: InspectCommand): boolean {
  const item = goodsFor(books, body.sku);
  checkPlace(books, body, body.location, 'location');
  checkQuantity(body.quantity, 'quantity', 1);
  const { location, quantity, lot } = body;
  checkThere(item, { location, disposition: body.from }, quantity, lot);
  const entry = { commandId: command.id, kind: 'inspect' as const, occurredAt: command.occurredAt };
  const where = (disposition: Disposition): Where => ({ location, disposition });
  postMoved(item, books, entry, { from: where(body.from), to: where(body.to), units: quantity, lot });
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
    ...comingLot(item, body, command.occurredAt),
  };
  postMovement(item, books, { ...entry, delta: body.quantity, occurredAt: command.occurredAt });
  return true;
}

export function applySetLotExpiry(books: Books, command: Command, body: SetLotCommand): boolean {
  const item = goodsFor(books, body.sku);
  if (body.reason.trim() === '') {
    throw new CommandRefused('no-reason', 'the reason is empty', { field: 'reason', fix: 'say why in some words' });
  }
  return applySetLot(books, item, command, body);
}
