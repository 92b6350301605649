/** Low pools as alerts: each with the moves that would mend it, as commands to be copied; closed when the pool is above again. */
import type { LowPool } from '#core/pool-levels.ts';
import { type NewAlert, raiseAlerts } from '#db/alerts.ts';
import type { Database } from '#db/client.ts';
import { closeMendedPools, lowPoolFingerprint, untoldLowPools } from '#db/low-pools.ts';
import { quoted } from './alert-words.ts';

/** Open at once: more than a person looks at. The rest follows as these close. */
const OPEN_MAX = 100;

const sayMove = ({ sku, program }: LowPool, { from, units }: LowPool['moves'][number]): string =>
  `allot reallocate propose ${quoted(sku)} ${units} --from ${from} --to ${program} --until 7d --reason "the pool of ${program} is low"`;

/** The moves that would lift a pool to its threshold, as commands; none where other pools have nothing to spare. */
export const mendsOf = (low: LowPool): string[] => low.moves.map((move) => sayMove(low, move));

export function lowPoolAlert(low: LowPool): NewAlert {
  const { sku, program, units, remaining, missing, moves } = low;
  const given = moves.reduce((sum, move) => sum + move.units, 0);
  const commands = mendsOf(low);
  const most = given < missing ? `, and other pools can spare ${given === 0 ? 'none' : `only ${given}`}` : '';
  return {
    fingerprint: lowPoolFingerprint(low),
    code: 'pool-low',
    severity: 'warning',
    title: `${sku}: the pool of ${program} has ${remaining} of ${units} protected units left`,
    channelId: null,
    touches: { sku, program, units, remaining, missing, moves: commands, given: moves },
    cause: `${missing} more ${missing === 1 ? 'unit lifts' : 'units lift'} it to its threshold${most}`,
    nextStep: commands[0] ?? `allot explain ${quoted(sku)}`,
  };
}

/** Harmless however often it runs. */
export async function tellLowPools(db: Database): Promise<void> {
  await db.transaction(async (tx) => {
    await closeMendedPools(tx);
    const untold = await untoldLowPools(tx, OPEN_MAX);
    await raiseAlerts(tx, untold.map(lowPoolAlert));
  });
}
