/**
 * Dated rows: goods that are expected and units that will be wanted, and what becomes of them as goods and moments pass.
 *
 * Supply is coming while it is open, not all of it was received and its moment has not passed. After that moment it is late: no
 * promise counts on it, and it is told, until it is received, moved or cancelled.
 */

import type { DatedSupply, Instant, Sku } from './model.ts';
import { CommandRefused } from './refusal.ts';
import { withRow } from './rows.ts';

/** Units still expected. Goods beyond what was expected are taken all the same. */
export const leftOf = (row: DatedSupply): number =>
  row.state === 'open' ? Math.max(0, row.quantity - row.received) : 0;

export const isLateAt = (row: DatedSupply, now: Instant): boolean => leftOf(row) > 0 && row.dueAt <= now;

/** What of an item's working book is dated (books.ts). */
type SupplyBook = { readonly sku: Sku; supply: ReadonlyMap<string, DatedSupply> };

/** Units of a dated supply came in: so much less is expected. Throws CommandRefused where nothing such is expected. */
export function countDown(item: SupplyBook, ref: string, quantity: number): void {
  const row = item.supply.get(ref);
  if (row === undefined || row.state === 'cancelled') {
    const open = [...item.supply.values()].filter((each) => leftOf(each) > 0).map((each) => each.ref);
    const fix = `expected of it ${open.length === 0 ? 'is nothing' : `are ${open.join(', ')}`}; or receive the goods without a supply`;
    const says = row === undefined ? 'is not expected' : 'was cancelled';
    throw new CommandRefused('unknown-supply', `supply ${ref} of ${item.sku} ${says}`, { field: 'supply', fix });
  }
  item.supply = withRow(item.supply, ref, { ...row, received: row.received + quantity });
}

/** Marks what became late, or ceased to be: the change is a fact, and told once. */
export function settleLate(item: SupplyBook, now: Instant): void {
  for (const row of item.supply.values()) {
    const isLate = isLateAt(row, now);
    if (isLate === row.isLate) continue;
    item.supply = withRow(item.supply, row.ref, { ...row, isLate });
  }
}
