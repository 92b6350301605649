/** What a projection is made of (atp.ts), from the books of a batch, or from a state that is only looked at. */
import type { Outlook } from './atp.ts';
import { type Books, freeOf, type ItemBook, lineKey, openBooks } from './books.ts';
import type { Instant, Sku } from './model.ts';
import type { State } from './state.ts';

/** Kits that wait take the item as well, at the end of their program's line. */
const setsWaiting = (books: Books, item: ItemBook): Outlook['waiting'] =>
  (books.kitsWith.get(item.sku) ?? []).flatMap((kit) => {
    const each = kit.components?.find((part) => part.sku === item.sku)?.quantity ?? 0;
    return [...kit.shortOf]
      .filter(([, sets]) => sets * each > 0)
      .map(([program, sets]) => ({
        key: `${kit.sku} ${program}`,
        program,
        quantity: sets * each,
        isOfKit: true as const,
      }));
  });

const outlookWith = (books: Books, item: ItemBook, waiting: Outlook['waiting']): Outlook => ({
  policy: books.policy,
  item,
  free: freeOf(books, item),
  waiting: [...waiting, ...setsWaiting(books, item)],
  supply: [...item.supply.values()],
  demand: [...item.demand.values()],
});

/** An item in the middle of a batch. Who waits is told per program: that is all that a balance needs. */
export const outlookOf = (books: Books, item: ItemBook): Outlook =>
  outlookWith(
    books,
    item,
    [...item.shortOf].map(([program, quantity]) => ({ key: program, program, quantity })),
  );

/**
 * An item of a state, each line that waits by itself (`lineKey`), first served first; the lines that are not loaded come last. Null
 * for an item that the state does not hold, and for a kit, which has no goods that could come.
 */
export function outlookFrom(state: State, sku: Sku, now: Instant): Outlook | null {
  const books = openBooks(state, now);
  const item = books.items.get(sku);
  if (item === undefined || item.components !== null) return null;
  const lines = [...item.shorts.values()].map(({ id, program, line }) => ({
    key: lineKey(id, line.lineRef),
    program,
    quantity: line.short,
  }));
  const rest = [...item.shortOf].map(([program, quantity]) => ({
    key: program,
    program,
    quantity: lines.reduce((left, line) => (line.program === program ? left - line.quantity : left), quantity),
  }));
  return outlookWith(books, item, [...lines, ...rest.filter(({ quantity }) => quantity > 0)]);
}
