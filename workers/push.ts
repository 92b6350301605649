/**
 * Push: brings one channel's listings to their newest targets, in rounds, until nothing is due; rings for what is due later.
 *
 * A round: load what is due -> plan (core/wire.ts) -> look at the platform where the plan asks -> acknowledge what it shows
 * already -> open attempts for the newest versions whose items no undecided input touches -> send -> settle outcomes.
 *
 * Guarantees: nothing is written unless the channel is live and allot is not read-only; a number is sent only when no
 * undecided input touches its item (bounded patience, so that a stuck intake cannot silence a decrease); attempts left by a dead
 * owner are read, never repeated blindly.
 */
import type { Instant } from '#core/model.ts';
import { planBlind, planPush, readUnanswered, type SyncState, type WirePlan } from '#core/wire.ts';
import { closeAlert, raiseAlert } from '#db/alerts.ts';
import { takeExpired } from '#db/attempts.ts';
import { numbersSentAt } from '#db/documents.ts';
import { channelHealth } from '#db/health.ts';
import { allListings, dueListings, nextDueAt, type PushCandidate, resolveUnknown } from '#db/push.ts';
import { carryOut, type Planned, type Round } from './carry-out.ts';
import { settleContested } from './contest.ts';
import { type OpenChannel, protectionOf, type WorkerContext } from './context.ts';
import { lookAt, type Seen } from './look.ts';
import { pause } from './pause.ts';
import { LEASE_MS, sendAttempt, settleUnknown } from './settle.ts';
import { openPatience } from './undecided.ts';
import { withChannel } from './with-channel.ts';

const DUE_MAX = 1000;
/** Of a catalogue that goes out whole. */
const ALL_MAX = 100_000;
/** Looked at in one round: what a round has done is kept when the platform refuses the next one, so a large catalogue comes to its end. */
const READS_PER_ROUND_MAX = 200;
const UNDECIDED_WAIT_MS = 5;
const UNDECIDED_WAIT_MS_MAX = 50;

/** Runs rounds until nothing is due; handler of the `push` bell. */
export async function pushChannel(context: WorkerContext, channelId: string, signal: AbortSignal): Promise<void> {
  const channel = context.channels.get(channelId);
  if (channel === undefined) return;
  await withChannel(context, channel, 'push', () => pushRounds(context, channel, signal));
}

async function pushRounds(context: WorkerContext, channel: OpenChannel, signal: AbortSignal): Promise<void> {
  const channelId = channel.id;
  await resolveExpired(context, channel, signal);
  if (context.readOnly) return;
  const patience = openPatience(context.now);
  const round = { context, channel, patience, signal };
  for (let waits = 0; !signal.aborted; ) {
    const health = await channelHealth(context.db, channelId);
    if (health?.mode !== 'live') return;
    channel.breaker.see(health.breaker);
    if (await isPartImpossible(context, channel, health.liveShare)) return;
    const now = context.now();
    const waitMs = Math.max((health.throttledUntil ?? 0) - now, channel.breaker.restMs());
    if (waitMs > 0) return context.ringLater({ topic: 'push', key: channelId }, waitMs);
    const turnMs = await waitForTurn(context, channel);
    if (turnMs > 0) return context.ringLater({ topic: 'push', key: channelId }, turnMs);
    const settledBefore = now - channel.capabilities.settleMs;
    const due = await dueListings(context.db, channelId, { now, settledBefore, max: DUE_MAX });
    const plans = due.map((candidate) => planUnread(channel, candidate, { now, looksAt: health.looksThrottledUntil }));
    const acting = plans.filter(({ plan }) => plan.kind !== 'wait');
    if (acting.length === 0) return ringForNext(context, channel, plans);
    const acted = acting.map(({ candidate }) => candidate);
    const readyOnes = new Set(await patience.ready(context.db, acted));
    const ready = acting.filter(({ candidate }) => readyOnes.has(candidate));
    waits = ready.length === 0 ? waits + 1 : 0;
    if (ready.length === 0) await pause(Math.min(UNDECIDED_WAIT_MS_MAX, UNDECIDED_WAIT_MS * waits), signal);
    else if (channel.capabilities.observable === 'read') await pushRound(round, ready);
    else await pushBlind(round, ready);
  }
}

const WHOLE_SHARE = 10_000;

/** To a partner for whom a listing left out counts as 0, a part of the items cannot be written alone: nothing is, and that is told. */
async function isPartImpossible(context: WorkerContext, channel: OpenChannel, liveShare: number): Promise<boolean> {
  if (channel.capabilities.documents?.scope !== 'all') return false;
  const fingerprint = `share-impossible ${channel.id}`;
  if (liveShare >= WHOLE_SHARE) {
    await closeAlert(context.db, fingerprint, 'it is live for all of its items, or not at all');
    return false;
  }
  await raiseAlert(context.db, {
    fingerprint,
    code: 'share-impossible',
    severity: 'error',
    title: `${channel.id}: live for a part of its items, and what a document leaves out counts there as 0; nothing is sent`,
    channelId: channel.id,
    touches: { share: liveShare / 100 },
    cause: 'its documents hold every listing, so a share of them cannot be sent',
    nextStep: `allot channels live ${channel.id} --share 100%, or allot channels shadow ${channel.id}`,
  });
  return true;
}

const UNKNOWN: SyncState = { ackedQuantity: null, ackedWire: null, soldBaseline: null };

/** The plan without a look; a look that the platform refuses until later waits as one that would show our own write as it was. */
function planUnread(
  channel: OpenChannel,
  candidate: PushCandidate,
  { now, looksAt }: { readonly now: Instant; readonly looksAt: Instant | null },
): Planned {
  const { target, sync, writtenAt, needsRead, isOnItsWay, isRestockNew } = candidate;
  const { quantityBasis, observable, settleMs } = channel.capabilities;
  // Who is told dates is told a new one, also where the number stays.
  const known = isOnItsWay || isRestockNew ? UNKNOWN : sync;
  if (observable !== 'read') return { candidate, plan: planBlind(quantityBasis, target, known) };
  const settledAt = writtenAt === null ? null : writtenAt + settleMs;
  const plan = planPush(target, sync, protectionOf(channel), { read: null, now, settledAt, isReadAsked: needsRead });
  // What looks like sales is never undone on trust.
  const careful: WirePlan =
    plan.kind === 'write' && plan.forgetSeen
      ? { kind: 'read', why: 'no order came for what it seems to have sold' }
      : plan;
  const isHeldUp = careful.kind === 'read' && looksAt !== null && looksAt > now;
  return { candidate, plan: isHeldUp ? { kind: 'wait', until: looksAt } : careful };
}

/** Nothing can be done now: rings for the first of what waits for its time. */
async function ringForNext(context: WorkerContext, channel: OpenChannel, waiting: readonly Planned[]): Promise<void> {
  const next = await nextDueAt(context.db, channel.id, context.now());
  const moments = waiting.flatMap(({ plan }) => (plan.kind === 'wait' ? [plan.until] : []));
  const at = Math.min(next ?? Number.POSITIVE_INFINITY, ...moments);
  if (Number.isFinite(at)) context.ringLater({ topic: 'push', key: channel.id }, Math.max(1, at - context.now()));
}

/** What a partner that takes documents only now and then still has to wait; 0 for all others. */
async function waitForTurn(context: WorkerContext, channel: OpenChannel): Promise<number> {
  const terms = channel.capabilities.documents;
  if (terms === undefined) return 0;
  return ((await numbersSentAt(context.db, channel.id)) ?? 0) + terms.pushEveryMs - context.now();
}

/** A round for a platform that cannot be read: everything that is due goes out, and with it all the rest where the partner wants that. */
async function pushBlind(round: Round, planned: readonly Planned[]): Promise<void> {
  const { context, channel, patience, signal } = round;
  const { quantityBasis, documents } = channel.capabilities;
  const isWritten = planned.some(({ plan }) => plan.kind === 'write');
  if (!isWritten || documents?.scope !== 'all') return carryOut(round, planned);
  const all = await allListings(context.db, channel.id, ALL_MAX);
  // A listing that is left out would count as 0: all of them, or none yet.
  if (!(await patience.areReady(context.db, all))) return pause(UNDECIDED_WAIT_MS_MAX, signal);
  const written = all.map((candidate) => ({ candidate, plan: planBlind(quantityBasis, candidate.target, UNKNOWN) }));
  await carryOut(round, written);
}

/**
 * A worker died between storing the bytes and hearing the answer: what the platform has is unknown until it is read. A document is put
 * out again instead: the same name and bytes, which is harmless.
 */
async function resolveExpired(context: WorkerContext, channel: OpenChannel, signal: AbortSignal): Promise<void> {
  const isDocument = channel.connection.documents !== undefined;
  if (isDocument && (context.readOnly || (await channelHealth(context.db, channel.id))?.mode !== 'live')) return;
  const expired = await context.db.transaction((tx) => takeExpired(tx, channel.id, context.owner, LEASE_MS));
  for (const attempt of expired) {
    if (isDocument) await sendAttempt(context, channel, attempt, signal);
    else await settleUnknown(context, channel, attempt, 'its worker died before the answer');
  }
}

async function pushRound(round: Round, first: readonly Planned[]): Promise<void> {
  const { context, channel, signal } = round;
  // What needs no look goes first: a look that the platform refuses must not hold it up.
  await carryOut(
    round,
    first.filter(({ plan }) => plan.kind !== 'read'),
  );
  const toRead = first.filter(({ plan }) => plan.kind === 'read').slice(0, READS_PER_ROUND_MAX);
  const candidates = toRead.map(({ candidate }) => candidate);
  await carryOut(round, await readAndPlan(context, channel, candidates, signal));
}

/** Looks at the platform, and plans again with what it shows. */
async function readAndPlan(
  context: WorkerContext,
  channel: OpenChannel,
  candidates: readonly PushCandidate[],
  signal: AbortSignal,
): Promise<Planned[]> {
  if (candidates.length === 0) return [];
  const looked = await lookAt(context, channel, candidates, signal);
  const now = context.now();
  const told = looked.map((one) => tellUnanswered(channel, one, now));
  await resolveUnknown(
    context.db,
    told.flatMap(({ candidate, isResolved }) =>
      isResolved ? [{ listingId: candidate.listingId, ...candidate.sync }] : [],
    ),
  );
  const planned = told.map(({ candidate, seen, doubt }) => ({
    candidate,
    seen,
    plan: doubt ?? planPush(candidate.target, candidate.sync, protectionOf(channel), { read: seen, now }),
  }));
  return settleContested(context, channel, planned);
}

/** The read tells whether a write whose answer never came did apply, or leaves it in doubt; planning goes on from what is told. */
function tellUnanswered(channel: OpenChannel, { candidate, seen }: Seen, now: Instant) {
  const { target, sync, unknown } = candidate;
  if (unknown === null) return { candidate, seen, isResolved: false, doubt: null };
  const unanswered = { sync, sent: unknown, doubtedAt: unknown.doubtedAt };
  const told = readUnanswered(target, unanswered, protectionOf(channel), { read: seen, now });
  if (told.kind === 'doubt') return { candidate, seen, isResolved: false, doubt: told };
  return { candidate: { ...candidate, sync: told.sync, unknown: null }, seen, isResolved: true, doubt: null };
}
