/**
 * The sweep: finds all unfinished work from Postgres alone and rings for it. What was lost with Redis, a killed process or a
 * dropped bell is found here; time that moves numbers without an event (reviews, holds, ends of reallocations) too.
 *
 * Guarantees: it needs no memory and no queue content; running several sweeps at once is harmless.
 */
import { OUTAGE_MS } from '#core/gate.ts';
import { RAW_KEPT_DAYS } from '#db/inbox.ts';
import { retryMended } from '#db/parked-mended.ts';
import { dropExpired, ensurePartitions } from '#db/partitions.ts';
import { endDue } from '#db/reallocations.ts';
import { takeTurn } from '#db/turns.ts';
import { endHoldsDue, findUnfinished, type Intervals, purgeOld } from '#db/unfinished.ts';
import { SWEEP_TURN } from '#db/vitals.ts';
import { turnSilentGates } from './agreement.ts';
import type { WorkerContext } from './context.ts';
import { tellLots } from './lot-alerts.ts';
import { tellLowPools } from './low-pools.ts';
import { measureSales } from './measure-sales.ts';
import { reviewItems } from './policy-review.ts';
import type { Bell, Queues } from './queues.ts';

const ENDS_MAX = 2000;
const RETRIES_MAX = 500;
const DAY_MS = 86_400_000;
const HOUSEKEEPING_MS = 3_600_000;

/** One look at everything. */
export async function sweepOnce(
  context: WorkerContext,
  queues: Pick<Queues, 'ring'>,
  intervals: Intervals,
): Promise<void> {
  await endHoldsDue(context.db, context.now(), ENDS_MAX);
  await endDue(context.db, context.now(), ENDS_MAX);
  await tellLowPools(context.db);
  await tellLots(context.db, context.now());
  await reviewItems(context.db, context.now());
  const readers = [...context.channels.values()].map(({ id, reader }) => ({ channel: id, reader }));
  await context.db.transaction((tx) => retryMended(tx, { readers, now: context.now(), max: RETRIES_MAX }));
  await turnSilentGates(context, context.now() - OUTAGE_MS);
  const found = (await findUnfinished(context.db, context.now(), intervals)) as Bell[];
  const bells = found.filter(({ topic, key }) => {
    if (topic === 'intake' || topic === 'allocate') return true;
    const channel = context.channels.get(key);
    const isPolled = channel?.capabilities.orderPolling === true || channel?.connection.documents !== undefined;
    return channel !== undefined && (topic !== 'poll' || isPolled);
  });
  await queues.ring(bells);
}

async function keepHouse(context: WorkerContext): Promise<void> {
  await ensurePartitions(context.db, context.now());
  await dropExpired(
    context.db,
    'inbox_raw',
    new Date(context.now() - RAW_KEPT_DAYS * DAY_MS).toISOString().slice(0, 10),
  );
  await purgeOld(context.db);
}

export type Sweep = { stop(): Promise<void> };

export function startSweep(
  context: WorkerContext,
  queues: Pick<Queues, 'ring'>,
  at: Intervals & { readonly sweepMs: number },
): Sweep {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let keptHouseAt = Number.NEGATIVE_INFINITY;
  let running = Promise.resolve();
  const turn = async () => {
    try {
      await sweepOnce(context, queues, at);
      await takeTurn(context.db, SWEEP_TURN, context.now(), 0);
      if (context.now() - keptHouseAt > HOUSEKEEPING_MS) {
        await keepHouse(context);
        keptHouseAt = context.now();
      }
      // Last: a measure that fails holds up no work.
      await measureSales(context.db, context.now());
    } catch (error) {
      context.log.warn(
        { error: error instanceof Error ? error.message : String(error) },
        'the sweep will look again at its next turn',
      );
    }
    if (!isStopped) timer = setTimeout(start, at.sweepMs);
  };
  const start = () => {
    running = turn();
  };
  start();
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
