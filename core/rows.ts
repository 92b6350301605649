/**
 * Rows by key of the working books. Most items have no holds, no waiting lines, no dated rows, and a book is opened for every item of
 * every batch: so all empty maps are one map, and a map of its own is made with the first row.
 */
const NO_ROWS: ReadonlyMap<never, never> = new Map<never, never>();

export function rowsBy<Row, K, V>(
  rows: readonly Row[],
  keyOf: (row: Row) => K,
  rowOf: (row: Row) => V,
): ReadonlyMap<K, V> {
  if (rows.length === 0) return NO_ROWS;
  const map = new Map<K, V>();
  for (const row of rows) map.set(keyOf(row), rowOf(row));
  return map;
}

/** The map with one more row, or with it in place of the one before: to be kept where the map was. */
export function withRow<K, V>(rows: ReadonlyMap<K, V>, key: K, row: V): ReadonlyMap<K, V> {
  const own = rows === NO_ROWS ? new Map<K, V>() : (rows as Map<K, V>);
  own.set(key, row);
  return own;
}

/** True when the row was there. */
export const dropRow = <K>(rows: ReadonlyMap<K, unknown>, key: K): boolean =>
  rows.size > 0 && (rows as Map<K, unknown>).delete(key);

/** For lists that most often have one or two elements: they become lists of just these, since a push makes room for many. */
export function withOne<T>(list: T[], one: T): T[] {
  if (list.length === 0) return [one];
  if (list.length === 1) return [list[0] as T, one];
  list.push(one);
  return list;
}
