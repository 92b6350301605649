import type { Books, ItemBook } from './books.ts';

/**
 * All or nothing: runs `change`, and where it answers null takes back every promise that it wrote to these items, in books and
 * entries alike. It may write promises alone.
 */
export function orTakeBack<T>(books: Books, items: Iterable<ItemBook>, change: () => T | null): T | null {
  const entries = books.promises.length;
  const before = [...new Set(items)].map((item) => ({
    item,
    allocatedAt: [...item.allocatedAt],
    drawn: [...item.drawn],
    touchedBy: item.touchedBy,
    isTouched: books.touched.has(item),
  }));
  const made = change();
  if (made !== null) return made;
  books.promises.length = entries;
  for (const { item, allocatedAt, drawn, touchedBy, isTouched } of before) {
    item.allocatedAt.clear();
    for (const [place, units] of allocatedAt) item.allocatedAt.set(place, units);
    item.drawn.clear();
    for (const [program, units] of drawn) item.drawn.set(program, units);
    item.touchedBy = touchedBy;
    if (!isTouched) books.touched.delete(item);
  }
  return null;
}
