/**
 * The light scan: between whole scans, listings of a channel are looked at one by one, by age and by what a look is worth.
 *
 * Guarantees: within a period every listing is looked at, where the platform's budget allows (core/looks.ts); where it does not, how long
 * a round takes is told by an alert and by `allot channels show`; reads only, in every mode.
 */
import { type LookPlan, type LookTerms, paceOf, planLooks } from '#core/looks.ts';
import { closeAlert, raiseAlert } from '#db/alerts.ts';
import { writeCursor } from '#db/health.ts';
import { countLookable, keepLookState, type LookState, listingsToLookAt, readLookState } from '#db/looks.ts';
import type { PushCandidate } from '#db/push.ts';
import type { Intervals } from '#db/unfinished.ts';
import { findDrift, keepLooked, tellDrift } from './compare.ts';
import type { OpenChannel, WorkerContext } from './context.ts';
import { observeNow } from './look.ts';
import { type RunRecord, recordRun } from './run-record.ts';
import { withChannel } from './with-channel.ts';

export type LookPace = Pick<LookTerms, 'everyMs' | 'periodMs'>;

const EVERY_MS = 30_000;
const PERIOD_MS = 15 * 60_000;

export const lookPaceOf = ({ lightScanMs = EVERY_MS, lightScanPeriodMs = PERIOD_MS }: Intervals): LookPace => ({
  everyMs: lightScanMs,
  periodMs: lightScanPeriodMs,
});

/** Read, judged and kept together, so that a long walk that ends early keeps what it read. */
const AT_ONCE = 500;
const MINUTE_MS = 60_000;
const REST_MAX_MS = 5 * MINUTE_MS;

/** Handler of the `look` bell. */
export async function lightScan(
  context: WorkerContext,
  channelId: string,
  pace: LookPace,
  signal: AbortSignal,
): Promise<void> {
  const channel = context.channels.get(channelId);
  if (channel === undefined || channel.capabilities.observable !== 'read') return;
  await withChannel(context, channel, 'look', async () => {
    const at = context.now();
    const before = await readLookState(context.db, channelId);
    const perMinute = perMinuteOf(channel, before, at);
    const terms = { listings: await countLookable(context.db, channelId), ...pace, perMinute };
    const plan = planLooks(terms);
    const state = { ...terms, byAge: plan.byAge, byValue: plan.byValue, roundMs: plan.roundMs, at };
    await writeCursor(context.db, channelId, 'look', JSON.stringify({ ...state, read: 0, isCut: false }));
    await tellRound(context, channel, terms, plan);
    const candidates = await listingsToLookAt(context.db, channelId, { now: at, periodMs: pace.periodMs, ...plan });
    if (candidates.length === 0) {
      await keepLookState(context.db, channelId, { ...state, read: 0, isCut: false });
      return;
    }
    await recordRun(context, { channelId, mode: 'light', isDryRun: false, signal }, async (run) => {
      const walked = await walk(context, channel, { candidates, run }, signal);
      await keepLookState(context.db, channelId, { ...state, ...walked });
      run.tell(await tellDrift(context, channel));
    });
  });
}

function perMinuteOf(channel: OpenChannel, before: LookState | null, at: number): number {
  const declared = channel.connection.looksPerMinute?.() ?? null;
  if (before === null) return paceOf({ declared, before: null, cutAt: null });
  // While no daemon ran nothing was read, which says nothing of the platform.
  const elapsedMs = Math.min(Math.max(at - before.at, before.everyMs), REST_MAX_MS);
  const cutAt = before.isCut ? (before.read * MINUTE_MS) / elapsedMs : null;
  return paceOf({ declared, before: before.perMinute, cutAt });
}

async function walk(
  context: WorkerContext,
  channel: OpenChannel,
  { candidates, run }: { readonly candidates: readonly PushCandidate[]; readonly run: RunRecord },
  signal: AbortSignal,
): Promise<{ readonly read: number; readonly isCut: boolean }> {
  let read = 0;
  for (let from = 0; from < candidates.length && !signal.aborted; from += AT_ONCE) {
    const { pairs, ended } = await observeNow(context, channel, candidates.slice(from, from + AT_ONCE), signal);
    const judged = await findDrift(context, channel, pairs);
    const healed = await keepLooked(context, channel, { looked: pairs, judged });
    await run.note({ looked: pairs, judged, healed });
    read += pairs.length;
    if (ended !== null) return { read, isCut: ended === 'throttled' };
  }
  return { read, isCut: false };
}

const sayMinutes = (ms: number): string => `${Math.max(1, Math.round(ms / MINUTE_MS))} min`;

/** A catalogue that is too large for its platform's budget is told, not looked at in silence. */
async function tellRound({ db }: WorkerContext, { id }: OpenChannel, terms: LookTerms, plan: LookPlan): Promise<void> {
  const { listings, periodMs, perMinute } = terms;
  const fingerprint = `light-scan-slow ${id}`;
  if (plan.isCovered) {
    await closeAlert(db, fingerprint, `a round of ${listings} listings takes ${sayMinutes(plan.roundMs)} now`);
    return;
  }
  await raiseAlert(db, {
    fingerprint,
    code: 'light-scan-slow',
    severity: 'warning',
    title: `${id}: to look at each of ${listings} listings once takes ${sayMinutes(plan.roundMs)}, not ${sayMinutes(periodMs)}`,
    channelId: id,
    touches: { listings },
    cause: `its platform lets allot read about ${Math.floor(perMinute)} listings a minute beside its writes: drift of those that are worth least is found so late`,
    nextStep: `allot channels show ${id}`,
    size: Math.ceil(plan.roundMs / periodMs),
  });
}
