/**
 * Re-confirmation: all open lines of an item are confirmed anew, by strategy, when more is promised than there is (damage found, a
 * count, late supply) or units are promised to the wrong ones. The strategies are those of SAP's backorder processing (aATP):
 *
 * | strategy, in turn | may gain | may lose                            | its word                                        |
 * | win               | yes      | no                                  | served fully; an exception where it cannot be   |
 * | gain              | yes      | no                                  | keeps at least what it has; else an exception   |
 * | improve           | yes      | to win, and to what gain must keep  | should keep what it has; no exception           |
 * | redistribute      | yes      | yes                                 | none                                            |
 * | fill              | no       | yes                                 | none: at most what it has                       |
 * | lose              | no       | all that it has                     | gives up everything                             |
 *
 * Turns: win fully; gain and then improve keep what they have; gain and then improve take more; redistribute takes; fill keeps.
 * Whoever's turn it is draws free units first, then takes from those whose turn is still to come, the last of them first. Inside a
 * strategy: program priority, then who came first, then id; or value at risk per unit (margin and chargeback), the greatest first;
 * or fair shares (`splitScarce`: tiers by priority, weighted by program, whole packs).
 *
 * Protection: free units are drawn by pools and draw order as ever, so other programs' protected units stay untouched. What one line
 * takes from another goes from hand to hand, never through the pools: of units that were drawn shared, or that its own program had
 * drawn. Units that a line drew from its program's own pool pass to another program only where the line's strategy is `lose`, which
 * somebody chose in so many words: then the protection is given up with them. (SAP too lets protection outrank all but lose.)
 *
 * Lots: units that a line's program may not be promised any more (expired, or too old for it) count as missing, as those do of which
 * a lot has less than was promised of it: they are given back first, and the line is served anew, of lots that it may have.
 *
 * Lines that take no part of what they want (completeness.ts, kits.ts):
 * | a kit's line       | gives and takes whole sets, with all their components; its units here are those of the item          |
 * | one place          | all of the line from one place, the one where it is or another one; else it gives up all that it has |
 * | all or nothing     | the order's lines of the item, and its lines of other items: all whole, or none has anything         |
 * Before its turn others may take of such a line what they may take of any; at its turn it is made whole again, of the item as
 * everybody, of other items from free units alone; where that cannot be, it has nothing, and an exception is told of `win` and `gain`.
 * In a fair share it is one pack of all that it wants. Other items are looked at again at once, for who waits for what is given back.
 *
 * Guarantees: never more than there is, at any place: a place that lacks units takes them from its lines, the last served first; what
 * it still lacks then is held, or has left beyond what was there. Nothing that must be whole is left in part. A line's units move only where
 * that is needed. I4: what a line loses it is short of, and waits for like any other; nothing is filled by itself within the run, so
 * that a line that gave up has nothing after it. What was answered to a partner stays answered: no acknowledgement is taken back.
 */
import { type Books, type ItemBook, lineKey, postPromise } from './books.ts';
import type { Command, ReconfirmCommand } from './command.ts';
import { allocatedUnits, bookOf } from './kits.ts';
import { noteShort } from './line-units.ts';
import { copyLots } from './lot-book.ts';
import type { OrderLine } from './model.ts';
import { openUnits } from './order-lines.ts';
import { checkReconfirm, claimsOf } from './reconfirm-claims.ts';
import type { Holder, Run } from './reconfirm-hands.ts';
import { clearDeficits, runTurns } from './reconfirm-turns.ts';
import { dropRow, withRow } from './rows.ts';
import type { PromiseEntry } from './state.ts';
import { itemFor } from './stock.ts';

/** What the run comes to, entry by entry: releases first, so that nothing is promised twice on the way. */
function netEntries(entries: readonly PromiseEntry[]): PromiseEntry[] {
  const sums = new Map<string, PromiseEntry>();
  for (const entry of entries) {
    const { sku, orderId, lineRef, location, program, pool, lot } = entry;
    const key = JSON.stringify([sku, orderId, lineRef, location, program, pool, lot]);
    const before = sums.get(key);
    const delta = (before?.delta ?? 0) + entry.delta;
    const consumed = (before?.consumed ?? 0) + entry.consumed;
    sums.set(key, { ...entry, kind: delta < 0 ? 'release' : 'allocate', delta, consumed });
  }
  const net = [...sums.values()].filter(({ delta, consumed }) => delta !== 0 || consumed !== 0);
  return [...net.filter(({ kind }) => kind === 'release'), ...net.filter(({ kind }) => kind !== 'release')];
}

function keepLine(books: Books, { head, key, allocations }: Holder): void {
  const item = bookOf(books, head.line.sku ?? '');
  const settled = { ...head.line, allocations };
  const line: OrderLine = { ...settled, short: openUnits(settled) - allocatedUnits(settled) };
  noteShort(item, head.program, line.short - head.line.short);
  if (line.short > 0) item.shorts = withRow(item.shorts, key, { ...head, line });
  else {
    if (dropRow(item.shorts, key)) item.hasFilled = true;
  }
  const order = books.orders.get(head.id);
  if (order === undefined) books.filled.set(key, { orderId: head.id, line });
  else {
    books.orders.keep({ ...order, lines: order.lines.map((one) => (one.lineRef === line.lineRef ? line : one)) });
  }
}

/** A copy of an item to plan on: its promises and draws move, the goods do not. */
const copyOf = (item: ItemBook): ItemBook => ({
  ...item,
  places: item.places.map((row) => ({ ...row })),
  lots: copyLots(item.lots),
});

function planOf(books: Books, command: Command, body: ReconfirmCommand): Run {
  const { claims, beside } = claimsOf(books, body);
  const standings = claims.map((claim) => ({
    ...claim,
    allocations: claim.head.line.allocations,
    units: claim.before,
    secured: 0,
  }));
  const others = beside.map((head): Holder => {
    const key = lineKey(head.id, head.line.lineRef);
    return { key, head, allocations: head.line.allocations, units: 0, secured: 0 };
  });
  const items = new Map([...books.items].map(([sku, item]) => [sku, copyOf(item)]));
  const planned: Books = { ...books, items, promises: [], touched: [] };
  return {
    books: planned,
    item: bookOf(planned, body.sku),
    command,
    body,
    standings,
    lastFirst: standings.toReversed(),
    ofOrder: Map.groupBy(standings, ({ head }) => head.id),
    beside: Map.groupBy(others, ({ head }) => head.id),
    changes: [],
  };
}

export function applyReconfirm(books: Books, command: Command, body: ReconfirmCommand): boolean {
  itemFor(books, body.sku);
  checkReconfirm(books, body);
  const run = planOf(books, command, body);
  clearDeficits(run);
  runTurns(run);
  const entries = netEntries(run.books.promises);
  for (const entry of entries) {
    const item = bookOf(books, entry.sku);
    postPromise(item, books, entry);
    if (entry.delta < 0 && entry.sku !== body.sku) item.hasFreed = true;
  }
  const changed = new Set(entries.map(({ orderId, lineRef }) => lineKey(orderId ?? '', lineRef ?? '')));
  for (const holder of [...run.standings, ...[...run.beside.values()].flat()])
    if (changed.has(holder.key)) keepLine(books, holder);
  // Who waits is not filled by this command: the run has said who gets what.
  books.touched.length = 0;
  return entries.length > 0;
}
