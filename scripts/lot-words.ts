/** Lots in words: what there is of each, how long it lives, and who may still have it. */
import { daysLeft } from '#core/lot-inputs.ts';
import { hasLife } from '#core/lots.ts';
import type { Instant, Policy, ProgramId } from '#core/model.ts';
import type { LotRow } from '#db/lot-reports.ts';
import type { Run } from './session.ts';

export const sayDay = (expiresAt: Instant | null): string =>
  expiresAt === null ? 'never' : new Date(expiresAt).toISOString().slice(0, 10);

/** Programs that a lot may still be promised to; of units without one, those that ask for no life. */
const programsFor = (row: Pick<LotRow, 'lot' | 'expiresAt'>, { programs }: Policy, now: Instant): ProgramId[] =>
  programs
    .filter(({ minimumLifeDays = 0 }) =>
      row.lot === null ? minimumLifeDays === 0 : hasLife(row, minimumLifeDays, now),
    )
    .map(({ id }) => id);

export type ToldLot = LotRow & { readonly daysLeft: number | null; readonly programs: readonly ProgramId[] };

export const tellLots = (rows: readonly LotRow[], policy: Policy, now: Instant): ToldLot[] =>
  rows.map((row) => ({
    ...row,
    daysLeft: row.lot === null ? null : daysLeft(row.expiresAt, now),
    programs: programsFor(row, policy, now),
  }));

function sayPrograms({ programs: may }: ToldLot, { programs }: Policy): string {
  if (may.length === programs.length) return 'all';
  return may.length === 0 ? 'none' : may.join(', ');
}

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
