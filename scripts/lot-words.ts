/** Lots as a table of the command line. */
import type { Policy } from '#core/model.ts';
import { sayDay, sayPrograms, type ToldLot } from '#workers/lot-words.ts';
import type { Run } from './session.ts';

export const number = (title: string) => ({ title, isNumber: true });

export function lotTable(run: Run, rows: readonly ToldLot[], policy: Policy): string {
  return run.out.table(
    [
      ...['SKU', 'LOT', 'PLACE', 'STATE'].map((title) => ({ title })),
      ...['ON HAND', 'ALLOCATED', 'HELD'].map(number),
      { title: 'EXPIRES' },
      number('DAYS'),
      { title: 'MAY HAVE IT' },
    ],
    rows.map((row) => [
      row.sku,
      row.lot,
      row.location,
      row.disposition,
      row.onHand,
      row.allocated,
      row.held,
      row.lot === null ? 'not known' : sayDay(row.expiresAt),
      row.daysLeft,
      row.disposition === 'sellable' ? sayPrograms(row, policy) : null,
    ]),
  );
}
