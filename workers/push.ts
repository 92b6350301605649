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
import { randomUUID } from 'node:crypto';
import type { Stamp } from '#connectors/connector.ts';
import { assert, Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import { planBlind, planPush, type SyncState, syncAfterUnknown, type WirePlan } from '#core/wire.ts';
import { type AttemptItem, openAttempt, type PlannedItem, takeExpired } from '#db/attempts.ts';
import type { Queries } from '#db/client.ts';
import { addCommands, type NewCommand, undecidedSkus } from '#db/commands.ts';
import { numbersSentAt, stampNumbers } from '#db/documents.ts';
import { channelHealth } from '#db/health.ts';
import { ringBells } from '#db/outbox.ts';
import {
  type Acknowledged,
  acknowledge,
  allListings,
  delayListings,
  dueListings,
  hasUnreadInput,
  nextDueAt,
  type PushCandidate,
  resolveUnknown,
} from '#db/push.ts';
import { type OpenChannel, protectionOf, type WorkerContext } from './context.ts';
import { lookAt, putOffRefused, type Seen } from './look.ts';
import { pause } from './pause.ts';
import { sendAttempt, settleUnknown } from './settle.ts';
import { sideBySide } from './side-by-side.ts';
import { withChannel } from './with-channel.ts';

const DUE_MAX = 1000;
/** Of a catalogue that goes out whole. */
const ALL_MAX = 100_000;
/** Looked at in one round: what a round has done is kept when the platform refuses the next one, so a large catalogue comes to its end. */
const READS_PER_ROUND_MAX = 200;
/** A channel waits for its platform: batches of one turn are under way side by side. */
const CHUNKS_AT_ONCE = 4;
const LEASE_MS = 30_000;
/** A number waits so long for input that is not decided yet, then goes out all the same. */
const LOWER_PATIENCE_MS = 150;
const RAISE_PATIENCE_MS = 2000;
const UNDECIDED_WAIT_MS = 5;
const UNDECIDED_WAIT_MS_MAX = 50;

type Planned = { readonly candidate: PushCandidate; readonly plan: WirePlan };
type Write = { readonly candidate: PushCandidate; readonly plan: Extract<WirePlan, { kind: 'write' }> };

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
  for (let waits = 0; !signal.aborted; ) {
    const health = await channelHealth(context.db, channelId);
    if (health?.mode !== 'live') return;
    const now = context.now();
    const waitMs = (health.throttledUntil ?? 0) - now;
    if (waitMs > 0) return context.ringLater({ topic: 'push', key: channelId }, waitMs);
    const turnMs = await waitForTurn(context, channel);
    if (turnMs > 0) return context.ringLater({ topic: 'push', key: channelId }, turnMs);
    const settledBefore = now - channel.capabilities.settleMs;
    const due = await dueListings(context.db, channelId, { now, settledBefore, max: DUE_MAX });
    const plans = due.map((candidate) => planUnread(channel, candidate, { now, looksAt: health.looksThrottledUntil }));
    const acting = plans.filter(({ plan }) => plan.kind !== 'wait');
    if (acting.length === 0) return ringForNext(context, channel, plans);
    const acted = acting.map(({ candidate }) => candidate);
    const readyOnes = new Set(await readyNow(context, context.db, acted));
    const ready = acting.filter(({ candidate }) => readyOnes.has(candidate));
    waits = ready.length === 0 ? waits + 1 : 0;
    if (ready.length === 0) await pause(Math.min(UNDECIDED_WAIT_MS_MAX, UNDECIDED_WAIT_MS * waits), signal);
    else if (channel.capabilities.observable === 'read') await pushRound(context, channel, ready, signal);
    else await pushBlind(context, channel, ready, signal);
  }
}

const UNKNOWN: SyncState = { ackedQuantity: null, ackedWire: null, soldBaseline: null };

/** The plan without a look; a look that the platform refuses until later waits as one that would show our own write as it was. */
function planUnread(
  channel: OpenChannel,
  candidate: PushCandidate,
  { now, looksAt }: { readonly now: Instant; readonly looksAt: Instant | null },
): Planned {
  const { target, sync, writtenAt, needsRead, isOnItsWay } = candidate;
  const { quantityBasis, observable, settleMs } = channel.capabilities;
  if (observable !== 'read') return { candidate, plan: planBlind(quantityBasis, target, isOnItsWay ? UNKNOWN : sync) };
  const settledAt = writtenAt === null ? null : writtenAt + settleMs;
  const plan = planPush(target, sync, protectionOf(channel), { read: null, now, settledAt, isReadAsked: needsRead });
  const isHeldUp = plan.kind === 'read' && looksAt !== null && looksAt > now;
  return { candidate, plan: isHeldUp ? { kind: 'wait', until: looksAt } : plan };
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
async function pushBlind(
  context: WorkerContext,
  channel: OpenChannel,
  planned: readonly Planned[],
  signal: AbortSignal,
): Promise<void> {
  const { quantityBasis, documents } = channel.capabilities;
  const isWritten = planned.some(({ plan }) => plan.kind === 'write');
  if (!isWritten || documents?.scope !== 'all') return carryOut(context, channel, planned, signal);
  const all = await allListings(context.db, channel.id, ALL_MAX);
  const ready = await readyNow(context, context.db, all);
  // A listing that is left out would count as 0: all of them, or none yet.
  if (ready.length < all.length) return pause(UNDECIDED_WAIT_MS_MAX, signal);
  const written = all.map((candidate) => ({ candidate, plan: planBlind(quantityBasis, candidate.target, UNKNOWN) }));
  await carryOut(context, channel, written, signal);
}

/**
 * What input not decided yet cannot change: a number must not be too high for an order that was already here. A decrease waits
 * for it briefly, since the number that stands is worse still; whatever waits too long goes out, so that nothing can silence it.
 */
async function readyNow(
  context: WorkerContext,
  tx: Queries,
  candidates: readonly PushCandidate[],
): Promise<readonly PushCandidate[]> {
  const now = context.now();
  const isPatient = ({ behindSince, target, sync }: PushCandidate) =>
    now - behindSince < (target.quantity < (sync.ackedQuantity ?? 0) ? LOWER_PATIENCE_MS : RAISE_PATIENCE_MS);
  const waiting = candidates.filter(isPatient);
  if (waiting.length === 0) return candidates;
  const isUnread = await hasUnreadInput(tx);
  const undecided = await undecidedSkus(
    tx,
    waiting.map(({ sku }) => sku),
  );
  return candidates.filter((candidate) => !isPatient(candidate) || (!isUnread && !undecided.has(candidate.sku)));
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

async function pushRound(
  context: WorkerContext,
  channel: OpenChannel,
  first: readonly Planned[],
  signal: AbortSignal,
): Promise<void> {
  // What needs no look goes first: a look that the platform refuses must not hold it up.
  await carryOut(
    context,
    channel,
    first.filter(({ plan }) => plan.kind !== 'read'),
    signal,
  );
  const toRead = first.filter(({ plan }) => plan.kind === 'read').slice(0, READS_PER_ROUND_MAX);
  const read = await readAndPlan(
    context,
    channel,
    toRead.map(({ candidate }) => candidate),
    signal,
  );
  await carryOut(context, channel, read, signal);
}

/** Keeps what needs no sending, and sends the rest: lowering numbers first, on the fastest lane. */
async function carryOut(
  context: WorkerContext,
  channel: OpenChannel,
  planned: readonly Planned[],
  signal: AbortSignal,
): Promise<void> {
  await keepPlans(context, channel, planned);
  const writes = planned.flatMap(({ candidate, plan }) => (plan.kind === 'write' ? [{ candidate, plan }] : []));
  const isLowering = ({ candidate, plan }: Write) =>
    plan.wireQuantity < (plan.compareWith ?? candidate.sync.ackedWire ?? 0);
  const lanes = channel.capabilities.lanes;
  const [fastest, widest] = [lanes[0], lanes.at(-1)];
  assert(fastest !== undefined && widest !== undefined, `${channel.id} declares no lane`);
  const [lowering, others] = [writes.filter(isLowering), writes.filter((write) => !isLowering(write))];
  const turns =
    fastest === widest
      ? [{ lane: fastest, writes: [...lowering, ...others] }]
      : [
          { lane: fastest, writes: lowering },
          { lane: widest, writes: others },
        ];
  // Documents of a partner that numbers them go out one after the other.
  const atOnce = channel.capabilities.writeProtection.includes('sequence') ? 1 : CHUNKS_AT_ONCE;
  for (const { lane, writes: part } of turns) {
    const starts = Array.from({ length: Math.ceil(part.length / lane.maxItems) }, (_, n) => n * lane.maxItems);
    await sideBySide(starts, atOnce, (from) =>
      sendChunk(context, channel, { laneId: lane.id, writes: part.slice(from, from + lane.maxItems) }, signal),
    );
  }
}

/** Looks at the platform, and plans again with what it shows. */
async function readAndPlan(
  context: WorkerContext,
  channel: OpenChannel,
  candidates: readonly PushCandidate[],
  signal: AbortSignal,
): Promise<Planned[]> {
  if (candidates.length === 0) return [];
  const told = (await lookAt(context, channel, candidates, signal)).map(tellUnknown);
  await resolveUnknown(
    context.db,
    told.flatMap(({ candidate, wasUnknown }) =>
      wasUnknown ? [{ listingId: candidate.listingId, ...candidate.sync }] : [],
    ),
  );
  const now = context.now();
  return told.map(({ candidate, seen }) => ({
    candidate,
    plan: planPush(candidate.target, candidate.sync, protectionOf(channel), { read: seen, now }),
  }));
}

/** The read tells whether a write whose answer never came did apply; planning goes on from there. */
function tellUnknown({ candidate, seen }: Seen) {
  if (candidate.unknown === null) return { candidate, seen, wasUnknown: false };
  const sync = syncAfterUnknown(candidate.target, candidate.sync, candidate.unknown, seen);
  return { candidate: { ...candidate, sync, unknown: null }, seen, wasUnknown: true };
}

const observedCommand = (
  context: WorkerContext,
  channelId: string,
  listing: number,
  seenSold: number | null,
): NewCommand => ({
  body: { kind: 'observed', listing, seenSold, until: seenSold === null ? null : context.now() + context.inFlightMs },
  actor: 'push',
  occurredAt: context.now(),
  channelId,
  inboxId: null,
});

/** Writes down what needs no sending: what the platform shows already, and reads that no order explains. */
async function keepPlans(context: WorkerContext, channel: OpenChannel, planned: readonly Planned[]): Promise<void> {
  const shown = planned.flatMap(({ candidate, plan }): Acknowledged[] =>
    plan.kind === 'acknowledged'
      ? [
          {
            ...plan,
            listingId: candidate.listingId,
            version: candidate.version,
            quantity: candidate.target.quantity,
            readDueAt: null,
            writtenAt: null,
          },
        ]
      : [],
  );
  const seen = planned.flatMap(({ candidate, plan }) => {
    if (plan.kind === 'unexplained') return [observedCommand(context, channel.id, candidate.listingId, plan.seenSold)];
    return plan.kind === 'write' && plan.forgetSeen
      ? [observedCommand(context, channel.id, candidate.listingId, null)]
      : [];
  });
  const unexplained = planned.flatMap(({ candidate, plan }) =>
    plan.kind === 'unexplained' ? [candidate.listingId] : [],
  );
  if (shown.length + seen.length === 0) return;
  await context.db.transaction(async (tx) => {
    await acknowledge(tx, shown);
    await addCommands(tx, seen);
    // The decision that follows makes a new version, which is due by itself; until then this listing waits.
    await delayListings(
      tx,
      unexplained.map((listingId) => ({
        listingId,
        readDueAt: context.now() + 1000,
        blockedUntil: context.now() + 50,
        reason: 'units were sold there whose orders have not come yet',
        fix: 'nothing: allot fetches the orders and decides again',
        backOffS: null,
      })),
    );
    if (unexplained.length > 0) await ringBells(tx, [{ topic: 'poll', key: channel.id }]);
  });
  context.decideSoon();
}

type Chunk = { readonly laneId: string; readonly writes: readonly Write[] };

/** Sends a chunk. One that its connector refuses to put into bytes is found by halving, and put off alone. */
async function sendChunk(
  context: WorkerContext,
  channel: OpenChannel,
  chunk: Chunk,
  signal: AbortSignal,
): Promise<void> {
  const { laneId, writes } = chunk;
  try {
    const attempt = await openChunk(context, channel, chunk);
    if (attempt !== null) await sendAttempt(context, channel, attempt, signal);
  } catch (error) {
    const [first] = writes;
    if (!(error instanceof Rejected) || first === undefined) throw error;
    if (writes.length === 1) return putOffRefused(context, [{ candidate: first.candidate, refusal: error }]);
    const middle = Math.ceil(writes.length / 2);
    await sendChunk(context, channel, { laneId, writes: writes.slice(0, middle) }, signal);
    await sendChunk(context, channel, { laneId, writes: writes.slice(middle) }, signal);
  }
}

/** Opens an attempt with what is still ready: input may have come since the round began. */
async function openChunk(context: WorkerContext, channel: OpenChannel, { laneId, writes }: Chunk) {
  const idempotencyKey = randomUUID();
  const head = { channelId: channel.id, lane: laneId, owner: context.owner, leaseMs: LEASE_MS, idempotencyKey };
  return context.db.transaction(async (tx) => {
    const candidates = writes.map(({ candidate }) => candidate);
    const ready = new Set(await readyNow(context, tx, candidates));
    const items = writes.filter(({ candidate }) => ready.has(candidate)).map(plannedItem);
    if (items.length === 0) return null;
    const isNumbered = channel.capabilities.writeProtection.includes('sequence');
    const stamp = isNumbered ? await stampNumbers(tx, channel.id, context.now()) : undefined;
    return openAttempt(tx, head, items, (stayed) => prepareItems(channel, writes, stayed, { idempotencyKey, stamp }));
  });
}

const plannedItem = ({ candidate, plan }: Write): PlannedItem => ({
  listingId: candidate.listingId,
  version: candidate.version,
  quantity: candidate.target.quantity,
  wireQuantity: plan.wireQuantity,
  compareWith: plan.compareWith,
  soldBaseline: plan.soldBaseline,
});

function prepareItems(
  channel: OpenChannel,
  writes: readonly Write[],
  stayed: readonly AttemptItem[],
  mark: { readonly idempotencyKey: string; readonly stamp: Stamp | undefined },
): string {
  const keys = new Map(writes.map(({ candidate }) => [candidate.listingId, candidate.key]));
  const items = stayed.map(({ listingId, version, wireQuantity, compareWith }) => {
    const listing = keys.get(listingId);
    assert(listing !== undefined, `attempt holds listing ${listingId}, which was not planned`);
    return { listing, version, wireQuantity, compareWith };
  });
  return channel.connection.prepare(items, mark.idempotencyKey, mark.stamp).wire;
}
