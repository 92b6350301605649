/** Lots in words: what there is of each, how long it lives, and who may still have it. */
import { daysLeft } from '#core/lot-inputs.ts';
import { hasLife } from '#core/lots.ts';
import type { Instant, Policy, ProgramId } from '#core/model.ts';
import type { LotRow } from '#db/lot-reports.ts';

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

/** `all`, `none`, or their names. */
export function sayPrograms({ programs: may }: ToldLot, { programs }: Policy): string {
  if (may.length === programs.length) return 'all';
  return may.length === 0 ? 'none' : may.join(', ');
}
