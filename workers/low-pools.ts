/** Low pools as alerts: each with the moves that would mend it, as commands to be copied; closed when the pool is above again. */
import type { LowPool } from '#core/pool-levels.ts';
import { type NewAlert, raiseAlerts } from '#db/alerts.ts';
import type { Database } from '#db/client.ts';
import { closeMendedPools, lowPoolFingerprint, untoldLowPools } from '#db/low-pools.ts';
import { readOwners } from '#db/program-owners.ts';
import { quoted } from './alert-words.ts';

/** Open at once: more than a person looks at. The rest follows as these close. */
const OPEN_MAX = 100;

const sayMove = ({ sku, program }: LowPool, { from, units }: LowPool['moves'][number]): string =>
  `allot reallocate propose ${quoted(sku)} ${units} --from ${from} --to ${program} --until 7d --reason "the pool of ${program} is low"`;

/** The moves that would lift a pool to its threshold, as commands; none where other pools have nothing to spare. */
export const mendsOf = (low: LowPool): string[] => low.moves.map((move) => sayMove(low, move));

const placeOf = ({ location }: LowPool): string => (location === undefined ? '' : ` at ${location}`);

/** A pool of one place gets units by goods that come there, never by a move; other pools of the place may take a part of them. */
function causeOf(low: LowPool): string {
  const { missing, moves, location, liftedBy } = low;
  if (liftedBy === 'rule') {
    return `what it protects is drawn, and no goods that come${placeOf(low)} fill it anew: raise its rule, or write refill: receipt`;
  }
  const lifts = `${missing} more ${missing === 1 ? 'unit lifts' : 'units lift'} it to its threshold`;
  if (location !== undefined) {
    return `at least ${lifts}: receive them${placeOf(low)}${liftedBy === 'receipt' ? '' : ', or transfer them there'}`;
  }
  const given = moves.reduce((sum, move) => sum + move.units, 0);
  return given < missing ? `${lifts}, and other pools can spare ${given === 0 ? 'none' : `only ${given}`}` : lifts;
}

/** `owner` answers for the program, where the policy names one. */
export function lowPoolAlert(low: LowPool, owner?: string): NewAlert {
  const { sku, program, location, units, remaining, missing, moves } = low;
  const commands = mendsOf(low);
  return {
    fingerprint: lowPoolFingerprint(low),
    code: 'pool-low',
    severity: 'warning',
    title: `${sku}: the pool of ${program}${placeOf(low)} has ${remaining} of ${units} protected units left`,
    channelId: null,
    touches: {
      sku,
      program,
      ...(owner === undefined ? {} : { owner }),
      ...(location === undefined ? {} : { location }),
      units,
      remaining,
      missing,
      moves: commands,
      given: moves,
    },
    cause: causeOf(low),
    skuUnits: [{ sku, units: missing }],
    nextStep: commands[0] ?? `allot explain ${quoted(sku)}${location === undefined ? '' : ' --pools'}`,
  };
}

/** Harmless however often it runs. */
export async function tellLowPools(db: Database): Promise<void> {
  await db.transaction(async (tx) => {
    await closeMendedPools(tx);
    const untold = await untoldLowPools(tx, OPEN_MAX);
    if (untold.length === 0) return;
    const owners = await readOwners(tx, [...new Set(untold.map(({ program }) => program))]);
    await raiseAlerts(
      tx,
      untold.map((low) => lowPoolAlert(low, owners.get(low.program))),
    );
  });
}
