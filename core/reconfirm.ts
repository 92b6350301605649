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
 * Lines of kits, and of orders that want one place or all or nothing, are not in the run: a part is no use to them. They keep what they
 * have, and the report says how much.
 *
 * Guarantees: never more than there is, at any place: a place that lacks units takes them from its lines, the last served first; what
 * it still lacks then is held, is of lines that are not in the run, or has left beyond what was there. A line's units move only where
 * that is needed. I4: what a line loses it is short of, and waits for like any other; nothing is filled by itself within the run, so
 * that a line that gave up has nothing after it. What was answered to a partner stays answered: no acknowledgement is taken back.
 */
import { type Books, type ItemBook, lineKey, postPromise } from './books.ts';
import type { Command, ReconfirmCommand } from './command.ts';
import { allocatedUnits } from './kits.ts';
import { noteShort } from './line-units.ts';
import { copyLots } from './lot-book.ts';
import type { Allocation, OrderLine } from './model.ts';
import { openUnits } from './order-lines.ts';
import { checkReconfirm, claimsOf } from './reconfirm-claims.ts';
import { clearDeficits, type Run, runTurns, type Standing } from './reconfirm-turns.ts';
import { dropRow, withRow } from './rows.ts';
import type { PromiseEntry } from './state.ts';
import { itemFor } from './stock.ts';

/** What the run comes to, entry by entry: releases first, so that nothing is promised twice on the way. */
function netEntries(entries: readonly PromiseEntry[]): PromiseEntry[] {
  const sums = new Map<string, PromiseEntry>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.orderId, entry.lineRef, entry.location, entry.program, entry.pool, entry.lot]);
    const before = sums.get(key);
    const delta = (before?.delta ?? 0) + entry.delta;
    const consumed = (before?.consumed ?? 0) + entry.consumed;
    sums.set(key, { ...entry, kind: delta < 0 ? 'release' : 'allocate', delta, consumed });
  }
  const net = [...sums.values()].filter(({ delta, consumed }) => delta !== 0 || consumed !== 0);
  return [...net.filter(({ kind }) => kind === 'release'), ...net.filter(({ kind }) => kind !== 'release')];
}

function keepLine(books: Books, item: ItemBook, { head, key }: Standing, allocations: readonly Allocation[]): void {
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

export function applyReconfirm(books: Books, command: Command, body: ReconfirmCommand): boolean {
  const item = itemFor(books, body.sku);
  checkReconfirm(books, body);
  const standings = claimsOf(books, body).claims.map((claim) => ({
    ...claim,
    allocations: claim.head.line.allocations,
    units: claim.before,
    secured: 0,
  }));
  const planned: Books = { ...books, promises: [], touched: [] };
  const run: Run = { books: planned, item: copyOf(item), command, body, standings, lastFirst: standings.toReversed() };
  clearDeficits(run);
  runTurns(run);
  const entries = netEntries(planned.promises);
  for (const entry of entries) postPromise(item, books, entry);
  const changed = new Set(entries.map(({ orderId, lineRef }) => lineKey(orderId ?? '', lineRef ?? '')));
  for (const standing of standings)
    if (changed.has(standing.key)) keepLine(books, item, standing, standing.allocations);
  // Who waits is not filled by this command: the run has said who gets what.
  books.touched.length = 0;
  return entries.length > 0;
}
