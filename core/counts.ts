/**
 * Counts: what was found at a place, or of one lot there, and when.
 *
 * Guarantees: signed entries that sum to `count - balance as of its moment`, so that movements after it stand. A count of a place
 * without a word on lots books its difference as goods that leave or come without a lot; one that names them sets each. A count older
 * than the last one of what it counts is refused.
 */
import { type Books, type ItemBook, postStock, touch } from './books.ts';
import type { Command, CountCommand } from './command.ts';
import { onHandOf, stockKey } from './item-book.ts';
import { noteLotCount } from './lot-book.ts';
import { comingLot, leavingLots, ofLot, onHandOfLot } from './lot-goods.ts';
import type { Instant, LotCode } from './model.ts';
import { CommandRefused } from './refusal.ts';
import { checkPlace, checkQuantity, goodsFor } from './stock.ts';

type Counted = { readonly books: Books; readonly item: ItemBook; readonly body: CountCommand };

function lastCount({ item, body }: Counted): Instant | null {
  const { location, disposition, lot } = body;
  const last = onHandOf(item).get(stockKey(location, disposition))?.countedAsOf ?? null;
  if (item.lots === null) return last;
  const ofLots = [...item.lots.balances.values()].filter(
    (row) => row.location === location && row.disposition === disposition && (lot === undefined || row.lot === lot),
  );
  return ofLots.reduce(
    (max, { countedAsOf }) => (countedAsOf === null ? max : Math.max(max ?? countedAsOf, countedAsOf)),
    last,
  );
}

function checkMoment(counted: Counted, command: Command): void {
  const { item, body } = counted;
  const last = lastCount(counted);
  if (last !== null && body.asOf <= last) {
    throw new CommandRefused(
      'older-count',
      `a count of ${item.sku} at ${body.location} as of ${new Date(last).toISOString()} is newer than this one`,
      {
        field: 'asOf',
        fix: 'count again and give the moment of the new count',
      },
    );
  }
  if (body.asOf > command.recordedAt + 60_000) {
    throw new CommandRefused('count-in-the-future', `as-of ${new Date(body.asOf).toISOString()} has not come yet`, {
      field: 'asOf',
      fix: 'give the moment at which the goods were counted, with its time zone',
    });
  }
}

/** What moved after the moment of the count: of one lot, or of the place. */
function movedSince({ books, item, body }: Counted, isMeant: (lot: LotCode | undefined) => boolean): number {
  const posted = books.stock.filter((entry) => entry.sku === item.sku);
  return [...item.loaded.recentEntries, ...posted]
    .filter((entry) => entry.location === body.location && entry.disposition === body.disposition)
    .filter((entry) => entry.occurredAt > body.asOf && isMeant(entry.lot))
    .reduce((sum, entry) => sum + entry.delta, 0);
}

/** By how many units the count says otherwise of one lot. */
const differenceOf = (counted: Counted, lot: LotCode, quantity: number): number =>
  quantity - (onHandOfLot(counted.item, counted.body, lot) - movedSince(counted, (one) => one === lot));

type Difference = { readonly lot: LotCode | undefined; readonly delta: number };

/** The difference of a place, by lot. */
function differencesOf(counted: Counted, command: Command): readonly Difference[] {
  const { books, item, body } = counted;
  const later = movedSince(counted, () => true);
  const balance = onHandOf(item).get(stockKey(body.location, body.disposition));
  const delta = body.quantity - ((balance?.quantity ?? 0) - later);
  if (body.lots === undefined) {
    if (delta > 0) return [{ lot: undefined, delta }];
    return leavingLots(books, item, body, { units: -delta }).map(({ lot, units }) => ({ lot, delta: -units }));
  }
  const said = new Map<LotCode, number>();
  for (const each of body.lots) {
    checkQuantity(each.quantity, 'lots', 0);
    if (said.has(each.lot)) {
      throw new CommandRefused('lot-twice', `the count names lot ${each.lot} twice`, {
        field: 'lots',
        fix: 'name it once',
      });
    }
    comingLot(item, each, command.occurredAt);
    said.set(each.lot, each.quantity);
  }
  const named = [...said.values()].reduce((a, b) => a + b, 0);
  if (named > body.quantity) {
    throw new CommandRefused(
      'lots-exceed-count',
      `the lots sum to ${named}, and ${body.quantity} were counted in all`,
      {
        field: 'lots',
        fix: `count ${named} in all, or fewer of the lots`,
      },
    );
  }
  const lots = [...(item.lots?.lots.keys() ?? [])].sort();
  const each = lots.map((lot): Difference => ({ lot, delta: differenceOf(counted, lot, said.get(lot) ?? 0) }));
  const rest = each.reduce((left, one) => left - one.delta, delta);
  return [...each, { lot: undefined, delta: rest }];
}

export function applyCount(books: Books, command: Command, body: CountCommand): boolean {
  const item = goodsFor(books, body.sku);
  const { location, disposition, asOf } = body;
  const counted = { books, item, body };
  checkPlace(books, body, location, 'location');
  checkQuantity(body.quantity, 'quantity', 0);
  const named = comingLot(item, body, command.occurredAt);
  checkMoment(counted, command);
  const differences =
    body.lot === undefined
      ? differencesOf(counted, command)
      : [{ lot: body.lot, delta: differenceOf(counted, body.lot, body.quantity) }];
  const entry = { commandId: command.id, location, disposition, kind: 'count' as const, occurredAt: asOf };
  for (const { lot, delta } of differences) postStock(item, books, { ...entry, delta, ...ofLot(lot) });
  books.counted.push({ sku: item.sku, location, disposition, asOf, ...named });
  touch(books, item, command.id);
  if (body.lot !== undefined && item.lots !== null) {
    noteLotCount(item.lots, { lot: body.lot, location, disposition }, asOf);
    return true;
  }
  const key = stockKey(location, disposition);
  const quantity = onHandOf(item).get(key)?.quantity ?? 0;
  onHandOf(item).set(key, { location, disposition, quantity, countedAsOf: asOf });
  return true;
}
