/**
 * The light scan: between whole scans, some listings of a channel are looked at, by age and by how well they sell.
 *
 * Guarantees: a channel with no more listings than one look takes is looked at whole each time; a larger one is walked through, with
 * the oldest looks first; reads only, in every mode.
 */
import { writeCursor } from '#db/health.ts';
import { listingsToLookAt } from '#db/looks.ts';
import { findDrift, keepLooked, tellDrift } from './compare.ts';
import type { WorkerContext } from './context.ts';
import { observeNow } from './look.ts';
import { recordRun } from './run-record.ts';
import { withChannel } from './with-channel.ts';

/** Of one light scan, where one call of the platform takes more or less. */
const LOOKS_MAX = 100;
/** What no look has reached for so long goes first. */
const PERIOD_MS = 15 * 60_000;

/** Handler of the `look` bell. */
export async function lightScan(context: WorkerContext, channelId: string, signal: AbortSignal): Promise<void> {
  const channel = context.channels.get(channelId);
  if (channel === undefined || channel.capabilities.observable !== 'read') return;
  await withChannel(context, channel, 'look', async () => {
    await writeCursor(context.db, channelId, 'look', null);
    const now = context.now();
    const max = Math.min(LOOKS_MAX, Math.max(1, channel.capabilities.observeMax ?? LOOKS_MAX));
    const candidates = await listingsToLookAt(context.db, channelId, { now, periodMs: PERIOD_MS, max });
    if (candidates.length === 0) return;
    await recordRun(context, { channelId, mode: 'light', isDryRun: false, signal }, async (run) => {
      const looked = await observeNow(context, channel, candidates, signal);
      const judged = await findDrift(context, channel, looked);
      const healed = await keepLooked(context, channel, { looked, judged });
      await run.note({ looked, judged, healed });
      run.tell(await tellDrift(context, channel));
    });
  });
}
