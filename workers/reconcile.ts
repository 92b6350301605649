/**
 * Reconcile: looks at the platform itself and compares with what it should show; also discovers listings.
 *
 * scan (or observe page by page) -> keep what was seen -> classify what differs with nothing in flight -> ask push to look and mend
 * discovery: at first, once an hour, and when a scan meets a listing that was never discovered
 *
 * Guarantees: reads only, in every mode (shadow too): mending goes the same way as every push, so that the mode and the compare
 * still stand between; drift is an alert that closes when a whole scan finds the channel equal, and a refused push or credential one
 * that closes when the platform has taken the numbers, or answered.
 */
import type { Observation } from '#connectors/connector.ts';
import { classifyDrift, DRIFT_CAUSES, type DriftCause } from '#core/wire.ts';
import { closeAlert, closeMendedRefusals, raiseAlert } from '#db/alerts.ts';
import { hasUndiscovered, saveDiscovered, skusOfListings } from '#db/catalogue.ts';
import { advancedAt, channelHealth, noteReconciled, writeCursor } from '#db/health.ts';
import { ringBells } from '#db/outbox.ts';
import { askForReads, listingsByRef, listingsInFlight, saveObserved } from '#db/push.ts';
import { openAgreement, type ScanAgreement } from './agreement.ts';
import { callbackOf } from './callback.ts';
import { type OpenChannel, protectionOf, type WorkerContext } from './context.ts';
import { judgeReceipts } from './receipts.ts';
import { credentialAlert } from './settle.ts';
import { whenAllowed } from './when-allowed.ts';
import { withChannel } from './with-channel.ts';

type ReconcileReport = {
  scanned: number;
  hasUndiscovered: boolean;
  causes: Map<DriftCause, number>;
  readonly agreement: ScanAgreement;
  /** Some listings that differ, for people. */
  differing: number[];
};

const SKUS_TOLD_MAX = 20;
/** A walk over the whole catalogue costs as much as a scan, and a scan tells what is new. */
const DISCOVER_EVERY_MS = 3_600_000;

/** Handler of the `reconcile` bell. */
export async function reconcileChannel(context: WorkerContext, channelId: string, signal: AbortSignal): Promise<void> {
  const channel = context.channels.get(channelId);
  if (channel === undefined) return;
  await withChannel(context, channel, 'reconcile', async () => {
    await ensureSubscriptions(context, channel, signal);
    const isNew = await discoverNow(context, channel, signal);
    if (channel.capabilities.observable === 'read') {
      const report = await scanChannel(context, channel, signal);
      await judge(context, channel, report);
      if (report.hasUndiscovered && !isNew && channel.capabilities.discoverListings)
        await discover(context, channel, signal);
    }
    await judgeReceipts(context, channel);
    await noteReconciled(context.db, channelId);
    await closeMendedRefusals(context.db, channelId);
    await closeAlert(context.db, credentialAlert(channelId), 'the platform answered a whole reconcile');
  });
}

/** A subscription is a write to the platform: only where the channel may be written to. */
async function ensureSubscriptions(context: WorkerContext, channel: OpenChannel, signal: AbortSignal): Promise<void> {
  const health = await channelHealth(context.db, channel.id);
  if (!channel.capabilities.subscriptions || context.publicUrl === null || context.readOnly || health?.mode !== 'live')
    return;
  const callback = callbackOf(context.publicUrl, channel.id);
  const mended = await channel.connection.ensureSubscriptions(callback, signal);
  if (mended.length === 0) return;
  context.log.info({ channel: channel.id, mended: mended.length }, 'webhook subscriptions were made or mended');
  // Whatever happened while a subscription was missing is fetched.
  await ringBells(context.db, [{ topic: 'poll', key: channel.id }]);
}

/** Where it is time; where there are no scans, every time. */
async function discoverNow(context: WorkerContext, channel: OpenChannel, signal: AbortSignal): Promise<boolean> {
  const { discoverListings, observable } = channel.capabilities;
  if (!discoverListings) return false;
  const last = observable === 'read' ? await advancedAt(context.db, channel.id, 'listings') : null;
  if (last !== null && context.now() - last < DISCOVER_EVERY_MS) return false;
  await discover(context, channel, signal);
  return true;
}

async function discover(context: WorkerContext, channel: OpenChannel, signal: AbortSignal): Promise<void> {
  let cursor: string | null = null;
  do {
    const at: string | null = cursor;
    const page: Awaited<ReturnType<typeof channel.connection.discoverListings>> = await whenAllowed(
      context,
      signal,
      () => channel.connection.discoverListings(at, signal),
    );
    await context.db.transaction((tx) => saveDiscovered(tx, channel.id, page.listings));
    cursor = page.cursor;
  } while (cursor !== null && !signal.aborted);
  if (cursor === null) await writeCursor(context.db, channel.id, 'listings', null);
}

async function scanChannel(
  context: WorkerContext,
  channel: OpenChannel,
  signal: AbortSignal,
): Promise<ReconcileReport> {
  const agreement = await openAgreement(context, channel);
  const report: ReconcileReport = { scanned: 0, hasUndiscovered: false, causes: new Map(), differing: [], agreement };
  let cursor: string | null = null;
  do {
    const at: string | null = cursor;
    const page: Awaited<ReturnType<typeof channel.connection.scan>> = await whenAllowed(context, signal, () =>
      channel.connection.scan(at, signal),
    );
    await comparePage(context, channel, page.observations, report);
    cursor = page.cursor;
  } while (cursor !== null && !signal.aborted);
  if (cursor === null) await agreement.close();
  return report;
}

async function comparePage(
  context: WorkerContext,
  channel: OpenChannel,
  observations: readonly Observation[],
  report: ReconcileReport,
): Promise<void> {
  const known = await listingsByRef(context.db, channel.id, observations);
  const byRef = new Map(known.map((listing) => [`${listing.key.listingRef} ${listing.key.locationRef}`, listing]));
  const moving = await listingsInFlight(
    context.db,
    known.map((listing) => listing.listingId),
    { now: context.now(), settleMs: channel.capabilities.settleMs },
  );
  const unknown = observations.filter((one) => !byRef.has(`${one.listingRef} ${one.locationRef}`));
  report.hasUndiscovered ||= await hasUndiscovered(context.db, channel.id, unknown);
  const toRead: number[] = [];
  const seen = observations.flatMap((observation) => {
    const listing = byRef.get(`${observation.listingRef} ${observation.locationRef}`);
    report.scanned += 1;
    if (listing === undefined) return [];
    const isMoving = moving.has(listing.listingId);
    const cause = isMoving ? null : classifyDrift(listing.target, listing.sync, protectionOf(channel), observation);
    report.agreement.note(listing, observation, { isMoving, cause });
    if (cause !== null && !listing.isBeyondShare) {
      report.causes.set(cause, (report.causes.get(cause) ?? 0) + 1);
      toRead.push(listing.listingId);
      if (cause !== 'lateOrder' && report.differing.length < SKUS_TOLD_MAX) report.differing.push(listing.listingId);
    }
    return [{ listingId: listing.listingId, ...observation }];
  });
  await context.db.transaction(async (tx) => {
    await saveObserved(tx, seen);
    await askForReads(tx, toRead, context.now());
    if (toRead.length > 0) await ringBells(tx, [{ topic: 'push', key: channel.id }]);
  });
  if (toRead.length > 0) context.wakeRelay();
}

/** An order that is only late is not drift: it is fetched. In shadow a difference is expected: it is counted, not alerted. */
async function judge(context: WorkerContext, channel: OpenChannel, report: ReconcileReport): Promise<void> {
  const fingerprint = `drift ${channel.id}`;
  for (const cause of DRIFT_CAUSES) context.tally.drifted(channel.id, cause, report.causes.get(cause) ?? 0);
  const drifting = [...report.causes].filter(([cause]) => cause !== 'lateOrder');
  const count = drifting.reduce((sum, [, listings]) => sum + listings, 0);
  if (count === 0)
    return closeAlert(
      context.db,
      fingerprint,
      `a scan of ${report.scanned} listings found every mapped one as it should be`,
    );
  const health = await channelHealth(context.db, channel.id);
  if (health?.mode === 'shadow')
    return closeAlert(context.db, fingerprint, 'the channel is in shadow now: a difference is expected there');
  const isMending = health?.mode === 'live' && !context.readOnly;
  await raiseAlert(context.db, {
    fingerprint,
    code: 'drift',
    severity: 'warning',
    title: `${channel.id}: ${count} listing(s) show another number than they should`,
    channelId: channel.id,
    touches: { listings: count, skus: await skusOfListings(context.db, report.differing, SKUS_TOLD_MAX) },
    cause: drifting.map(([cause, listings]) => `${cause} ${listings}`).join(', '),
    mending: isMending,
    nextStep: isMending ? 'nothing yet: allot is mending it; see allot status' : `allot channels live ${channel.id}`,
  });
}
