/**
 * Reconcile: looks at the platform itself and compares with what it should show; also discovers listings.
 *
 * scan (or observe page by page) -> keep what was seen -> classify what differs with nothing in flight -> ask push to look and mend
 * discovery: at first, once an hour, and when a scan meets a listing that was never discovered
 *
 * Guarantees: reads only, in every mode (shadow too): mending goes the same way as every push (compare.ts); an alert of a refused push
 * or credential closes when the platform has taken the numbers, or answered.
 */
import type { Observation } from '#connectors/connector.ts';
import { Fault } from '#core/errors.ts';
import { closeAlert, closeMendedRefusals } from '#db/alerts.ts';
import { hasUndiscovered, saveDiscovered } from '#db/catalogue.ts';
import { advancedAt, channelHealth, noteReconciled, writeCursor } from '#db/health.ts';
import { ringBells } from '#db/outbox.ts';
import { listingsByRef } from '#db/push.ts';
import { isDryRunAsked } from '#db/reconcile-runs.ts';
import { openAgreement, type ScanAgreement } from './agreement.ts';
import { callbackOf } from './callback.ts';
import { findDrift, findMoving, keepLooked, tellDrift } from './compare.ts';
import type { LookContext, OpenChannel, WorkerContext } from './context.ts';
import type { Looked } from './judge-drift.ts';
import { judgeReceipts } from './receipts.ts';
import { type RunRecord, recordRun } from './run-record.ts';
import { credentialAlert } from './settle.ts';
import { whenAllowed } from './when-allowed.ts';
import { withChannel } from './with-channel.ts';

type ReconcileReport = { hasUndiscovered: boolean; readonly agreement: ScanAgreement; readonly run: RunRecord };

/** A walk over the whole catalogue costs as much as a scan, and a scan tells what is new. */
const DISCOVER_EVERY_MS = 3_600_000;

/** Handler of the `reconcile` bell. */
export async function reconcileChannel(context: WorkerContext, channelId: string, signal: AbortSignal): Promise<void> {
  const channel = context.channels.get(channelId);
  if (channel === undefined) return;
  await withChannel(context, channel, 'reconcile', () =>
    recordRun(context, { channelId, mode: 'full', isDryRun: false, signal }, (run) =>
      lookWhole(context, channel, run, signal),
    ),
  );
}

async function lookWhole(
  context: WorkerContext,
  channel: OpenChannel,
  run: RunRecord,
  signal: AbortSignal,
): Promise<void> {
  await ensureSubscriptions(context, channel, signal);
  const isNew = await discoverNow(context, channel, signal);
  if (channel.capabilities.observable === 'read') {
    const report = await scanChannel(context, channel, run, signal);
    run.tell(await tellDrift(context, channel));
    if (report.hasUndiscovered && !isNew && channel.capabilities.discoverListings)
      await discover(context, channel, signal);
  }
  await judgeReceipts(context, channel);
  await noteReconciled(context.db, channel.id);
  await closeMendedRefusals(context.db, channel.id);
  await closeAlert(context.db, credentialAlert(channel.id), 'the platform answered a whole reconcile');
}

/** Handler of the `dryrun` bell: tells what a reconcile would find, for whoever asked; of the channel it changes nothing. */
export async function dryRunChannel(context: WorkerContext, channelId: string, signal: AbortSignal): Promise<void> {
  const channel = context.channels.get(channelId);
  if (channel === undefined || !(await isDryRunAsked(context.db, channelId))) return;
  const compare = (run: RunRecord) => compareOnly(context, channel, run, signal);
  await withChannel(context, channel, 'dryrun', async () => {
    try {
      await recordRun(context, { channelId, mode: 'full', isDryRun: true, signal }, compare);
    } catch (error) {
      // What the platform answered is withChannel's to handle; the rest is told by the run itself, to whoever asked.
      if (error instanceof Fault && error.code !== 'defect' && error.code !== 'rejected') throw error;
      context.log.error({ err: error, channel: channelId }, 'a dry run failed');
    }
  });
}

async function compareOnly(
  context: WorkerContext,
  channel: OpenChannel,
  run: RunRecord,
  signal: AbortSignal,
): Promise<void> {
  if (channel.capabilities.observable !== 'read') return;
  for await (const observations of scanPages(context, channel, signal)) {
    const { looked } = await matchListings(context, channel, observations);
    await run.note({ looked, judged: await findDrift(context, channel, looked), healed: 0 });
  }
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

/** All that the platform shows, page by page. Answers whether it came to the end. */
async function* scanPages(
  context: Pick<WorkerContext, 'now'>,
  channel: OpenChannel,
  signal: AbortSignal,
): AsyncGenerator<readonly Observation[], boolean> {
  let cursor: string | null = null;
  do {
    const at: string | null = cursor;
    const page: Awaited<ReturnType<typeof channel.connection.scan>> = await whenAllowed(context, signal, () =>
      channel.connection.scan(at, signal),
    );
    yield page.observations;
    cursor = page.cursor;
  } while (cursor !== null && !signal.aborted);
  return cursor === null;
}

async function scanChannel(
  context: WorkerContext,
  channel: OpenChannel,
  run: RunRecord,
  signal: AbortSignal,
): Promise<ReconcileReport> {
  const agreement = await openAgreement(context, channel);
  const report: ReconcileReport = { hasUndiscovered: false, agreement, run };
  const pages = scanPages(context, channel, signal);
  let page = await pages.next();
  for (; page.done !== true; page = await pages.next()) await comparePage(context, channel, page.value, report);
  if (page.value) await agreement.close();
  return report;
}

async function comparePage(
  context: WorkerContext,
  channel: OpenChannel,
  observations: readonly Observation[],
  report: ReconcileReport,
): Promise<void> {
  const { looked, unknown } = await matchListings(context, channel, observations);
  report.hasUndiscovered ||= await hasUndiscovered(context.db, channel.id, unknown);
  const moving = await findMoving(context, channel, looked);
  const judged = await findDrift(context, channel, looked, moving);
  const causes = new Map(judged.map(({ candidate, drift }) => [candidate.listingId, drift.cause]));
  for (const { candidate, seen } of looked) {
    const isMoving = moving.has(candidate.listingId);
    report.agreement.note(candidate, seen, { isMoving, cause: causes.get(candidate.listingId) ?? null });
  }
  const healed = await keepLooked(context, channel, { looked, judged });
  await report.run.note({ looked, judged, healed });
}

/** Which of our listings each one is. */
export async function matchListings(
  context: LookContext,
  channel: OpenChannel,
  observations: readonly Observation[],
): Promise<{ readonly looked: Looked[]; readonly unknown: Observation[] }> {
  const known = await listingsByRef(context.db, channel.id, observations);
  const byRef = new Map(known.map((listing) => [`${listing.key.listingRef} ${listing.key.locationRef}`, listing]));
  const listingOf = (one: Observation) => byRef.get(`${one.listingRef} ${one.locationRef}`);
  const looked = observations.flatMap((seen): Looked[] => {
    const candidate = listingOf(seen);
    return candidate === undefined ? [] : [{ candidate, seen }];
  });
  return { looked, unknown: observations.filter((one) => listingOf(one) === undefined) };
}
