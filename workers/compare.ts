/**
 * Looked at, compared, kept: what reads of a channel show, against what they should; drift with its cause, and its alerts.
 *
 * Guarantees: what is on its way to a listing is never taken for drift; drift and its alert end by a read alone; push mends, so that the
 * mode and the compare still stand between.
 */
import {
  CAUSES,
  type DriftCause,
  type DriftRemedy,
  NEEDS_PERSON,
  provesHealed,
  STOP_REASONS,
  type StopReason,
} from '#core/drift.ts';
import { closeAlert, cutSkuUnits, raiseAlert } from '#db/alerts.ts';
import { type DriftOfCause, endDrift, keepDrift, lastProof, readOpenDrift, resumeCounted } from '#db/drift.ts';
import { channelHealth } from '#db/health.ts';
import { ringBells } from '#db/outbox.ts';
import { askForReads, listingsInFlight, saveObserved } from '#db/push.ts';
import { quoted } from './alert-words.ts';
import { keptOf } from './contest.ts';
import { type LookContext, type OpenChannel, protectionOf } from './context.ts';
import { type Judged, judgeLooked, type Looked } from './judge-drift.ts';
import type { Told } from './run-record.ts';

/** What still drifts after so long, although allot mends it, is told. */
const LASTING_MS = 10 * 60_000;

/** Those that something is on its way to, so that what they show is about to change. */
export const findMoving = (
  context: LookContext,
  channel: OpenChannel,
  looked: readonly Looked[],
): Promise<ReadonlySet<number>> =>
  listingsInFlight(
    context.db,
    looked.map(({ candidate }) => candidate.listingId),
    { now: context.now(), settleMs: channel.capabilities.settleMs },
  );

/** Those that drift, of what was just looked at and is ours to write; keeps nothing. */
export async function findDrift(
  context: LookContext,
  channel: OpenChannel,
  looked: readonly Looked[],
  moving?: ReadonlySet<number>,
): Promise<Judged[]> {
  const onTheWay = moving ?? (await findMoving(context, channel, looked));
  const still = looked.filter(
    ({ candidate, seen }) =>
      !candidate.isBeyondShare &&
      (seen.state !== 'tracked' || !onTheWay.has(candidate.listingId)) &&
      provesHealed(candidate.target, protectionOf(channel), seen) === null,
  );
  return judgeLooked(context, channel, still);
}

/** Keeps what was seen and what drifts, ends what does no more, and asks push to mend. Answers how many drift no more. */
export async function keepLooked(
  context: LookContext,
  channel: OpenChannel,
  { looked, judged }: { readonly looked: readonly Looked[]; readonly judged: readonly Judged[] },
): Promise<number> {
  const now = context.now();
  const proofs = looked.flatMap(({ candidate, seen }) => {
    const proof = provesHealed(candidate.target, protectionOf(channel), seen);
    return proof === null ? [] : [{ listingId: candidate.listingId, proof }];
  });
  const toMend = judged.filter(({ drift }) => drift.remedy !== 'stop').map(({ candidate }) => candidate.listingId);
  const isFetched = judged.some(({ drift }) => drift.remedy === 'fetch');
  const healed = await context.db.transaction(async (tx) => {
    await saveObserved(
      tx,
      looked.map(({ candidate, seen }) => ({ listingId: candidate.listingId, ...seen })),
    );
    await keepDrift(tx, judged.map(keptOf), now);
    const ended = await endDrift(tx, proofs, now);
    await askForReads(tx, toMend, now);
    if (toMend.length > 0) await ringBells(tx, [{ topic: 'push', key: channel.id }]);
    if (isFetched) await ringBells(tx, [{ topic: 'poll', key: channel.id }]);
    return ended;
  });
  if (toMend.length > 0) context.wakeRelay();
  return healed;
}

/** What allot does by itself. */
export const REMEDY_SAYS: Readonly<Record<DriftRemedy, string>> = {
  fetch: 'orders are fetched',
  write: 'our number is written',
  adopt: "stock takes the platform's number",
  stop: 'nothing is raised until somebody says so',
  wait: 'looked at again',
};

/** The next step, for the listing that is named first. */
export const MENDS: Readonly<Record<DriftCause, (channel: string, ref: string, sku: string) => string>> = {
  missing: (channel, ref) =>
    `bring the listing back on the platform, or unmap it: allot listings unmap ${channel} ${ref}`,
  untracked: (channel, ref) =>
    `let the platform track its stock (${ref}); allot looks again by itself: allot channels show ${channel}`,
  notBuyable: (channel, ref) => `make it active on the platform, or unmap it: allot listings unmap ${channel} ${ref}`,
  clock: () => 'see that the clock of the platform, or of this machine, is right',
  lateOrder: () => 'allot status, and the channel on its platform: orders do not come',
  unit: (channel, ref, sku) =>
    `say how many units one listing unit is: allot listings map ${channel} ${ref} ${sku} --pack N`,
  mapping: (channel, ref, sku) => `see which item it stands for (now ${sku}): allot listings map ${channel} ${ref} SKU`,
  lostPush: () => 'nothing yet: allot writes its number again; see allot status',
  secondWriter: (channel, ref) => `switch the other program off, then: allot listings resume ${channel} ${ref}`,
  ownStock: (_channel, _ref, sku) =>
    `count the item (of a kit, its components), the listing then goes on by itself: allot count ${sku} UNITS --location PLACE --as-of now`,
  manualEdit: (channel, ref) => `if the number of allot counts: allot listings resume ${channel} ${ref}`,
};

/** What allot still does with listings that are stopped. */
const STOPPED: Readonly<Record<StopReason, (count: number) => string>> = {
  secondWriter: (count) =>
    `${count} stopped, since another program writes there too: allot still lowers what shows more than may be sold, and raises nothing until it is resumed`,
  ownStock: (count) =>
    `${count} stopped, since our own count seems wrong: allot still lowers what shows more than may be sold, and raises nothing until the item is counted`,
  ask: (count) => `${count} stopped, and a person is asked whose number counts: until then allot writes nothing there`,
};

const sayStops = (stops: DriftOfCause['stops']): string[] =>
  STOP_REASONS.flatMap((reason) => {
    const count = stops[reason] ?? 0;
    return count === 0 ? [] : [STOPPED[reason](count)];
  });

/**
 * Tells drift by cause: at once what a person has to know of, what is stopped or asked, and else what lasts. In shadow a difference is
 * expected: it is counted, not alerted. Answers the alerts that it raised, and all that drifts.
 */
export async function tellDrift(context: LookContext, channel: OpenChannel): Promise<Told> {
  const now = context.now();
  await context.db.transaction((tx) => resumeCounted(tx, channel.id, now));
  const open = new Map((await readOpenDrift(context.db, channel.id, now - LASTING_MS)).map((one) => [one.cause, one]));
  const mode = (await channelHealth(context.db, channel.id))?.mode;
  let alerted = 0;
  for (const cause of CAUSES) {
    const one = open.get(cause);
    context.tally.drifted(channel.id, cause, one?.listings ?? 0);
    const fingerprint = `drift ${channel.id} ${cause}`;
    if (mode === 'shadow') {
      await closeAlert(context.db, fingerprint, 'the channel is in shadow now: a difference is expected there');
      continue;
    }
    if (one === undefined) {
      const proof = await lastProof(context.db, channel.id, cause);
      if (proof !== null) await closeAlert(context.db, fingerprint, `no listing is left; the last was ${proof}`);
      continue;
    }
    const count = NEEDS_PERSON.has(cause) ? one.listings : Math.max(one.stopped, one.lasting);
    if (count === 0) continue;
    const isMended = mode === 'live' && !context.readOnly && one.stopped === 0 && !NEEDS_PERSON.has(cause);
    alerted += 1;
    await raiseAlert(context.db, {
      fingerprint,
      code: 'drift',
      severity: one.stopped > 0 ? 'error' : 'warning',
      title: `${channel.id}: ${count} listing(s) show another number than they should (${cause})${one.stopped === 0 ? '' : `, ${one.stopped} stopped`}`,
      channelId: channel.id,
      touches: { listings: count, skus: one.skus, ...(one.stopped === 0 ? {} : { stopped: one.stopped }) },
      skuUnits: cutSkuUnits(one.skuUnits, one.units),
      cause: [`${cause}: ${one.because}`, ...sayStops(one.stops)].join('; '),
      mending: isMended,
      nextStep:
        mode === 'live' || one.stopped > 0
          ? MENDS[cause](channel.id, quoted(one.firstRef), quoted(one.skus[0] ?? 'SKU'))
          : `allot channels live ${channel.id}`,
    });
  }
  return { alerted, open: [...open.values()].reduce((sum, { listings }) => sum + listings, 0) };
}
