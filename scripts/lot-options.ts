/** --lot and --expires of commands on goods, and what is said where an item has lots and none was named. */
import type { Command } from 'commander';
import type { Instant, LotCode } from '#core/model.ts';
import { hasLots } from '#db/lot-reports.ts';
import { takeExpiry } from './arguments.ts';
import type { Run } from './session.ts';

export type LotOptions = { readonly lot?: LotCode; readonly expires?: Instant | 'never' };

export const expiryOf = (expires: Instant | 'never'): Instant | null => (expires === 'never' ? null : expires);

/** Of goods that leave, or move: the lot is known. */
export const withLot = (command: Command): Command =>
  command.option('--lot <code>', 'of this lot; else units without a lot first, then what expires first');

/** Of goods that come: the lot may be new. */
export const withComingLot = (command: Command): Command =>
  command
    .option('--lot <code>', 'of this lot; else of none, and their expiry is unknown')
    .option(
      '--expires <day>',
      'of a lot that is new: nobody is promised any of it from this day on; or never',
      takeExpiry,
    );

export const lotOf = ({
  lot,
  expires,
}: LotOptions): { readonly lot?: LotCode; readonly expiresAt?: Instant | null } => ({
  ...(lot === undefined ? {} : { lot }),
  ...(expires === undefined ? {} : { expiresAt: expiryOf(expires) }),
});

export const sayLot = (lot: LotCode | null | undefined): string => (lot ? ` of lot ${lot}` : '');

/** A hint where goods came without a lot to an item that has some: programs with a minimum life get none of them. */
export async function noteLotless(run: Run, sku: string, lot: LotCode | undefined): Promise<void> {
  if (lot !== undefined || !(await run.withDatabase((db) => hasLots(db, sku)))) return;
  run.next(
    `note: ${sku} has lots, and these units are of none: programs with a minimum life are promised none of them`,
  );
}
