/**
 * Carries a round's plans out: writes down what needs no sending, and sends the rest in batches of a lane, lowering numbers first.
 *
 * Guarantees: an attempt holds only newest versions whose items no undecided input touches; an item that its connector refuses to put
 * into bytes is put off alone; a document that has to hold every listing goes out whole or not at all.
 */
import { randomUUID } from 'node:crypto';
import type { Stamp } from '#connectors/connector.ts';
import { assert, Rejected } from '#core/errors.ts';
import { RISE_WAIT_MS, type WirePlan } from '#core/wire.ts';
import { type AttemptItem, openAttempt, type PlannedItem } from '#db/attempts.ts';
import { addCommands, type NewCommand } from '#db/commands.ts';
import { type Delay, delayListings } from '#db/delays.ts';
import { stampNumbers } from '#db/documents.ts';
import { ringBells } from '#db/outbox.ts';
import { readInFlightMs } from '#db/policy-history.ts';
import { type Acknowledged, acknowledge, noteDoubt, type PushCandidate } from '#db/push.ts';
import type { OpenChannel, WorkerContext } from './context.ts';
import { putOffRefused } from './look.ts';
import { pause } from './pause.ts';
import { LEASE_MS, type Settled, sendAttempt } from './settle.ts';
import { sideBySide } from './side-by-side.ts';
import type { Patience } from './undecided.ts';

/** A channel waits for its platform: batches of one turn are under way side by side. */
const CHUNKS_AT_ONCE = 4;
const INCOMPLETE_WAIT_MS = 20;

/** What a run of push rounds is carried out with. */
export type Round = {
  readonly context: WorkerContext;
  readonly channel: OpenChannel;
  readonly patience: Patience;
  readonly signal: AbortSignal;
};

export type Planned = { readonly candidate: PushCandidate; readonly plan: WirePlan };
type Write = { readonly candidate: PushCandidate; readonly plan: Extract<WirePlan, { kind: 'write' }> };

/** Keeps what needs no sending, and sends the rest: lowering numbers first, on the fastest lane. */
export async function carryOut(round: Round, planned: readonly Planned[]): Promise<void> {
  const { channel } = round;
  await keepPlans(round, planned);
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
      sendChunk(round, { laneId: lane.id, writes: part.slice(from, from + lane.maxItems) }),
    );
  }
}

/** `isRise`: fewer sales than our orders tell, perhaps cancelled there. */
type Seen = { readonly listing: number; readonly seenSold: number | null; readonly isRise?: boolean };

/** `seenSold` counts for as long as the policy in force says: it may have changed since this process began. */
const observedCommand = (
  context: WorkerContext,
  channelId: string,
  { listing, seenSold, isRise }: Seen,
  inFlightMs: number,
): NewCommand => ({
  body: {
    kind: 'observed',
    listing,
    seenSold,
    until: seenSold === null ? null : context.now() + (isRise === true ? RISE_WAIT_MS : inFlightMs),
  },
  actor: 'push',
  occurredAt: context.now(),
  channelId,
  inboxId: null,
});

/** Writes down what needs no sending: what the platform shows already, and reads that no order explains. */
async function keepPlans(round: Round, planned: readonly Planned[]): Promise<void> {
  const { context, channel } = round;
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
  const seen = planned.flatMap(({ candidate, plan }): Seen[] => {
    const listing = candidate.listingId;
    if (plan.kind === 'unexplained')
      return [{ listing, seenSold: plan.seenSold, isRise: plan.seenSold < candidate.target.ownSold }];
    return plan.kind === 'acknowledged' && plan.forgetSeen === true ? [{ listing, seenSold: null }] : [];
  });
  const unexplained = planned.flatMap(({ candidate, plan }) =>
    plan.kind === 'unexplained' ? [candidate.listingId] : [],
  );
  await waitAfterLook(round, planned);
  if (shown.length + seen.length === 0) return;
  await context.db.transaction(async (tx) => {
    await acknowledge(tx, shown);
    if (seen.length > 0) {
      const inFlightMs = await readInFlightMs(tx);
      await addCommands(
        tx,
        seen.map((one) => observedCommand(context, channel.id, one, inFlightMs)),
      );
    }
    // The decision that follows makes a new version, which is due by itself; until then this listing waits.
    await delayListings(
      tx,
      context.now(),
      unexplained.map((listingId) => ({
        listingId,
        readDueAt: context.now() + 1000,
        blockedUntil: context.now() + 50,
        reason: 'units were sold there whose orders have not come yet',
        fix: 'nothing: allot fetches the orders and decides again',
        backOff: null,
      })),
    );
    if (unexplained.length > 0) await ringBells(tx, [{ topic: 'poll', key: channel.id }]);
  });
  context.decideSoon();
}

/** A look from which nothing can be concluded yet is taken again when its wait is over. */
async function waitAfterLook({ context, channel }: Round, planned: readonly Planned[]): Promise<void> {
  const now = context.now();
  const delays = planned.flatMap(({ candidate: { listingId }, plan }): Delay[] => {
    if (plan.kind === 'wait') {
      const reason = 'it shows more than our orders explain, perhaps by a cancellation whose news is on its way';
      return [{ ...LOOK_AGAIN, listingId, readDueAt: plan.until, blockedUntil: now, reason }];
    }
    if (plan.kind !== 'doubt') return [];
    const reason =
      'it shows what a write without an answer would have made, or what sales have whose orders are on their way';
    return [{ ...LOOK_AGAIN, listingId, readDueAt: plan.until, blockedUntil: plan.until, reason }];
  });
  await delayListings(context.db, now, delays);
  const doubted = planned.flatMap(({ candidate, plan }) => (plan.kind === 'doubt' ? [candidate.listingId] : []));
  if (doubted.length === 0) return;
  await context.db.transaction(async (tx) => {
    await noteDoubt(tx, doubted, now);
    await ringBells(tx, [{ topic: 'poll', key: channel.id }]);
  });
  context.wakeRelay();
}

const LOOK_AGAIN = { fix: 'nothing: allot fetches the orders and looks again', backOff: null } as const;

type Chunk = { readonly laneId: string; readonly writes: readonly Write[] };

/** Sends a chunk. One that its connector refuses to put into bytes is found by halving, and put off alone. */
async function sendChunk(round: Round, chunk: Chunk): Promise<void> {
  const { context, channel, patience, signal } = round;
  const { laneId, writes } = chunk;
  try {
    const attempt = await openChunk(round, chunk);
    if (attempt === null) return;
    patience.sent(attempt.items.map(({ listingId }) => listingId));
    const outcomes = await sendAttempt(context, channel, attempt, signal);
    await forgetSeen(round, writes, { attempt, outcomes });
  } catch (error) {
    if (error instanceof Incomplete) return pause(INCOMPLETE_WAIT_MS, signal);
    const [first] = writes;
    if (!(error instanceof Rejected) || first === undefined) throw error;
    if (writes.length === 1) return putOffRefused(context, [{ candidate: first.candidate, refusal: error }]);
    const middle = Math.ceil(writes.length / 2);
    await sendChunk(round, { laneId, writes: writes.slice(0, middle) });
    await sendChunk(round, { laneId, writes: writes.slice(middle) });
  }
}

/** What was not sold after all is forgotten once our number is out there, and not before: until then it keeps the number low. */
async function forgetSeen(
  { context, channel }: Round,
  writes: readonly Write[],
  {
    attempt,
    outcomes,
  }: { readonly attempt: { readonly items: readonly AttemptItem[] }; readonly outcomes: readonly Settled[] },
): Promise<void> {
  const forgetting = new Set(writes.flatMap(({ candidate, plan }) => (plan.forgetSeen ? [candidate.listingId] : [])));
  if (forgetting.size === 0) return;
  const written = attempt.items.filter(({ listingId }, index) => {
    const kind = outcomes[index]?.kind;
    return forgetting.has(listingId) && (kind === 'applied' || kind === 'unchanged' || kind === 'accepted');
  });
  const commands = written.map(({ listingId }) =>
    observedCommand(context, channel.id, { listing: listingId, seenSold: null }, 0),
  );
  await context.db.transaction((tx) => addCommands(tx, commands));
  context.decideSoon();
}

/** A document that has to hold every listing would lack some: it is written anew from the newest targets. */
class Incomplete extends Error {}

/** Opens an attempt with what is still ready: input may have come since the round began. */
async function openChunk({ context, channel, patience }: Round, { laneId, writes }: Chunk) {
  const idempotencyKey = randomUUID();
  const head = { channelId: channel.id, lane: laneId, owner: context.owner, leaseMs: LEASE_MS, idempotencyKey };
  const { documents, writeProtection } = channel.capabilities;
  const isWhole = documents?.scope === 'all';
  return context.db.transaction(async (tx) => {
    const candidates = writes.map(({ candidate }) => candidate);
    const ready = new Set(isWhole ? candidates : await patience.ready(tx, candidates));
    const items = writes.filter(({ candidate }) => ready.has(candidate)).map(plannedItem);
    if (items.length === 0) return null;
    const stamp = writeProtection.includes('sequence') ? await stampNumbers(tx, channel.id, context.now()) : undefined;
    return openAttempt(tx, head, items, (stayed) => {
      if (isWhole && stayed.length < writes.length) throw new Incomplete('a number changed meanwhile');
      return prepareItems(channel, writes, stayed, { idempotencyKey, stamp });
    });
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
  const candidates = new Map(writes.map(({ candidate }) => [candidate.listingId, candidate]));
  const items = stayed.map(({ listingId, version, wireQuantity, compareWith }) => {
    const candidate = candidates.get(listingId);
    assert(candidate !== undefined, `attempt holds listing ${listingId}, which was not planned`);
    const { key: listing, restockAt } = candidate;
    return { listing, version, wireQuantity, compareWith, ...(restockAt === null ? {} : { restockAt }) };
  });
  return channel.connection.prepare(items, mark.idempotencyKey, mark.stamp).wire;
}
