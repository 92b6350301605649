/**
 * Looked at, compared, kept: what reads of a channel show, against what they should; drift with its cause, and its alerts.
 *
 * Guarantees: what is on its way to a listing is never taken for drift; drift and its alert end by a read alone; push mends, so that the
 * mode and the compare still stand between.
 */
import { CAUSES, type DriftCause, NEEDS_PERSON, provesHealed } from '#core/drift.ts';
import { closeAlert, cutSkuUnits, raiseAlert } from '#db/alerts.ts';
import { endDrift, keepDrift, lastProof, readOpenDrift, resumeCounted } from '#db/drift.ts';
import { channelHealth } from '#db/health.ts';
import { ringBells } from '#db/outbox.ts';
import { askForReads, listingsInFlight, saveObserved } from '#db/push.ts';
import { keptOf } from './contest.ts';
import { type LookContext, type OpenChannel, protectionOf } from './context.ts';
import { type Judged, judgeLooked, type Looked } from './judge-drift.ts';

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

/** Keeps what was seen and what drifts, ends what does no more, and asks push to mend. */
export async function keepLooked(
  context: LookContext,
  channel: OpenChannel,
  { looked, judged }: { readonly looked: readonly Looked[]; readonly judged: readonly Judged[] },
): Promise<void> {
  const now = context.now();
  const proofs = looked.flatMap(({ candidate, seen }) => {
    const proof = provesHealed(candidate.target, protectionOf(channel), seen);
    return proof === null ? [] : [{ listingId: candidate.listingId, proof }];
  });
  const toMend = judged.filter(({ drift }) => drift.remedy !== 'stop').map(({ candidate }) => candidate.listingId);
  const isFetched = judged.some(({ drift }) => drift.remedy === 'fetch');
  await context.db.transaction(async (tx) => {
    await saveObserved(
      tx,
      looked.map(({ candidate, seen }) => ({ listingId: candidate.listingId, ...seen })),
    );
    await keepDrift(tx, judged.map(keptOf), now);
    await endDrift(tx, proofs, now);
    await askForReads(tx, toMend, now);
    if (toMend.length > 0) await ringBells(tx, [{ topic: 'push', key: channel.id }]);
    if (isFetched) await ringBells(tx, [{ topic: 'poll', key: channel.id }]);
  });
  if (toMend.length > 0) context.wakeRelay();
}

const MENDS: Readonly<Record<DriftCause, string>> = {
  missing: 'bring the listing back on the platform, or unmap it: allot listings unmap CHANNEL REF',
  untracked: 'let the platform track its stock; allot looks again by itself',
  notBuyable: 'make it active on the platform, or unmap it: allot listings unmap CHANNEL REF',
  clock: 'see that the clock of the platform, or of this machine, is right',
  lateOrder: 'allot orders list, and the channel on its platform: orders do not come',
  unit: 'say how many units one listing unit is: allot listings map CHANNEL REF SKU --pack N',
  mapping: 'see which item it stands for: allot listings map CHANNEL REF SKU',
  lostPush: 'nothing yet: allot writes its number again; see allot status',
  secondWriter: 'switch the other program off, then: allot listings resume CHANNEL REF',
  ownStock: 'count the item: allot stock count SKU ...; the listing goes on by itself then',
  manualEdit: 'say whose number counts: allot listings resume CHANNEL REF writes that of allot',
};

/**
 * Tells drift by cause: at once what a person has to know of, what is stopped or asked, and else what lasts. In shadow a difference is
 * expected: it is counted, not alerted.
 */
export async function tellDrift(context: LookContext, channel: OpenChannel): Promise<void> {
  const now = context.now();
  await context.db.transaction((tx) => resumeCounted(tx, channel.id, now));
  const open = new Map((await readOpenDrift(context.db, channel.id, now - LASTING_MS)).map((one) => [one.cause, one]));
  const mode = (await channelHealth(context.db, channel.id))?.mode;
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
    await raiseAlert(context.db, {
      fingerprint,
      code: 'drift',
      severity: one.stopped > 0 ? 'error' : 'warning',
      title: `${channel.id}: ${count} listing(s) show another number than they should (${cause})`,
      channelId: channel.id,
      touches: { listings: count, skus: one.skus },
      skuUnits: cutSkuUnits(one.skuUnits, one.units),
      cause: `${cause}: ${one.because}`,
      mending: isMended,
      nextStep: mode === 'live' || one.stopped > 0 ? MENDS[cause] : `allot channels live ${channel.id}`,
    });
  }
}
