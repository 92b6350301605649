/**
 * Settle: sends an attempt's bytes and writes what came of each item.
 *
 * | outcome            | the listing                                                                |
 * | applied, unchanged | acknowledged; read again after settling where the platform does not compare |
 * | stale              | looked at, then planned anew                                               |
 * | unknown            | looked at after settling: it may have been applied; put off where nothing can be read |
 * | rejected           | put off by its schedule, with an alert; parked when that is spent          |
 * | deferred           | put off until the platform's word                                          |
 * | accepted           | waits for its ticket; no other write meanwhile                             |
 * | sent               | waits for its receipt (receipts.ts); newer numbers may go out meanwhile    |
 * | notSent            | put off: nothing reached the platform                                      |
 * Waits and how often are core/retry.ts; what is spent is parked (db/delays.ts).
 */
import type { PushOutcome } from '#connectors/connector.ts';
import { Credential, Defect, Rejected, Resting, Throttled, Transient } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import { type RetryClass, SCHEDULES } from '#core/retry.ts';
import { cutSkuUnits, raiseAlert } from '#db/alerts.ts';
import { type Attempt, type AttemptItem, finishItems, holdFence, keepReceiptName, keepTicket } from '#db/attempts.ts';
import { unitsRefused } from '#db/catalogue.ts';
import type { Queries } from '#db/client.ts';
import { setMode } from '#db/configuration.ts';
import { type Delay, delayListings } from '#db/delays.ts';
import { noteError, noteOk, noteThrottled } from '#db/health.ts';
import { type Acknowledged, acknowledge, noteSent, noteUnknown, type Sent } from '#db/push.ts';
import type { OpenChannel, WorkerContext } from './context.ts';

/** `until`: not before; null: by the schedule. */
export type Settled = PushOutcome | { readonly kind: 'notSent'; readonly why: string; readonly until: Instant | null };

export const COLLECT_AFTER_MS = 100;
export const LEASE_MS = 30_000;
const SKUS_TOLD_MAX = 20;

/** Sends and settles; never throws for what the platform did, only for what the database did. */
export async function sendAttempt(
  context: WorkerContext,
  channel: OpenChannel,
  attempt: Attempt & { readonly wire: string },
  signal: AbortSignal,
): Promise<readonly Settled[]> {
  const startedAt = context.now();
  const sending = () => send(context, channel, attempt, signal);
  const traced = { id: attempt.id, channel: channel.id, items: attempt.items.length };
  const outcomes = await (context.tracing?.attempt(traced, sending) ?? sending());
  await settle(context, channel, attempt, outcomes);
  for (const [kind, group] of Map.groupBy(outcomes, (outcome) => outcome.kind)) {
    context.tally.pushed(channel.id, kind, group.length, context.now() - startedAt);
  }
  return outcomes;
}

async function send(
  context: WorkerContext,
  channel: OpenChannel,
  attempt: Attempt & { readonly wire: string },
  signal: AbortSignal,
): Promise<readonly Settled[]> {
  const all = (outcome: Settled) => attempt.items.map(() => outcome);
  try {
    const outcomes = await channel.connection.send({ wire: attempt.wire }, attempt.items.length, signal);
    await noteOk(context.db, channel.id);
    return attempt.items.map(
      (_, index) => outcomes[index] ?? { kind: 'unknown', why: 'the connector gave no outcome' },
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    context.log.warn({ channel: channel.id, attempt: attempt.id, error: why }, 'push did not go through');
    if (error instanceof Throttled) {
      if (!(error instanceof Resting)) await noteThrottled(context.db, channel.id, error.retryAt, 'push');
      return all({ kind: 'notSent', why, until: error.retryAt });
    }
    await noteError(context.db, channel.id, why);
    if (error instanceof Credential) {
      await pauseForCredential(context, channel, why);
      return all({ kind: 'notSent', why, until: null });
    }
    if (error instanceof Transient) return all({ kind: 'notSent', why, until: null });
    if (error instanceof Rejected) return all({ kind: 'rejected', reason: why, fix: error.fix ?? 'see the reason' });
    // Uncertain, and whatever a connector throws against its contract: the bytes may have arrived.
    return all({ kind: 'unknown', why });
  }
}

export const credentialAlert = (channelId: string): string => `credential-refused ${channelId}`;

/** A revoked credential stops the whole channel at once, with one alert; its input goes on. */
export async function pauseForCredential(context: WorkerContext, channel: OpenChannel, why: string): Promise<void> {
  await setMode(context.db, [channel.id], 'paused', 'allot');
  await raiseAlert(context.db, {
    fingerprint: credentialAlert(channel.id),
    code: 'credential-refused',
    severity: 'critical',
    title: `${channel.id}: the platform refuses our credential; the channel is paused`,
    channelId: channel.id,
    touches: {},
    cause: why,
    nextStep: `renew the channel's secret, restart, then: allot channels live ${channel.id}`,
  });
}

type Settling = { readonly id: number; readonly fence: number; readonly items: readonly AttemptItem[] };

type Sorted = {
  acknowledged: Acknowledged[];
  delays: Delay[];
  sent: Sent[];
  receipt: string | null;
  ticket: { ticket: string } | null;
};

/** A day, as most partners promise. */
const RECEIPT_MS = 24 * 3_600_000;

type Wait = Omit<Delay, 'listingId'>;
const NO_WAIT: Wait = { readDueAt: null, blockedUntil: null, reason: null, fix: null, backOff: null };

/** How long a listing is put off for its outcome; null where it is not. */
function waitOf(context: WorkerContext, channel: OpenChannel, outcome: Settled): Wait | null {
  const now = context.now();
  const { observable, settleMs } = channel.capabilities;
  const backOff = (of: RetryClass) => ({ of, random: context.random() });
  switch (outcome.kind) {
    case 'stale': {
      const reason = 'the platform shows another number than we compared with';
      return { ...NO_WAIT, readDueAt: now, backOff: backOff('stale'), reason };
    }
    case 'unknown': {
      const wait = { ...NO_WAIT, backOff: backOff('uncertain'), reason: outcome.why };
      if (observable !== 'read') return { ...wait, fix: 'nothing: allot sends it again' };
      const settled = now + settleMs;
      return { ...wait, readDueAt: settled, blockedUntil: settled, fix: 'nothing: allot reads the platform' };
    }
    case 'rejected':
      return { ...NO_WAIT, backOff: backOff('rejected'), reason: outcome.reason, fix: outcome.fix };
    case 'deferred':
      return { ...NO_WAIT, blockedUntil: outcome.until, reason: outcome.why };
    case 'notSent':
      return outcome.until === null
        ? { ...NO_WAIT, backOff: backOff('transient'), reason: outcome.why }
        : { ...NO_WAIT, blockedUntil: outcome.until, reason: outcome.why };
    case 'applied':
    case 'unchanged':
    case 'accepted':
    case 'sent':
      return null;
    default:
      throw new Defect(`no such outcome: ${JSON.stringify(outcome satisfies never)}`);
  }
}

function sort(
  context: WorkerContext,
  channel: OpenChannel,
  items: readonly AttemptItem[],
  outcomes: readonly Settled[],
): Sorted {
  const now = context.now();
  const { writeProtection, observable, settleMs, documents } = channel.capabilities;
  const isProven = writeProtection.includes('compareAndSet') || observable !== 'read';
  const sorted: Sorted = { acknowledged: [], delays: [], sent: [], receipt: null, ticket: null };
  items.forEach((item, index) => {
    const outcome = outcomes[index] ?? { kind: 'unknown', why: 'no outcome' };
    const wait = waitOf(context, channel, outcome);
    if (wait !== null) sorted.delays.push({ listingId: item.listingId, ...wait });
    if (outcome.kind === 'applied' || outcome.kind === 'unchanged') {
      sorted.acknowledged.push({ ...item, readDueAt: isProven ? null : now + settleMs, writtenAt: now });
    }
    if (outcome.kind === 'accepted') sorted.ticket = { ticket: outcome.ticket };
    if (outcome.kind === 'sent') {
      sorted.sent.push({ ...item, resendAt: now + (documents?.receiptMs ?? RECEIPT_MS) });
      sorted.receipt = outcome.receipt;
    }
  });
  return sorted;
}

const unknownItems = (items: readonly AttemptItem[], outcomes: readonly Settled[]) =>
  items.flatMap((item, index) =>
    outcomes[index]?.kind === 'unknown'
      ? [
          {
            listingId: item.listingId,
            ackedQuantity: item.quantity,
            ackedWire: item.wireQuantity,
            soldBaseline: item.soldBaseline,
          },
        ]
      : [],
  );

const detailOf = (outcome: Settled): string | null => {
  if (outcome.kind === 'rejected') return outcome.reason;
  if (outcome.kind === 'unknown' || outcome.kind === 'deferred' || outcome.kind === 'notSent') return outcome.why;
  return null;
};

/** Writes the outcomes under the attempt's fence; a lost fence means that somebody else reads the platform for these items. */
export async function settle(
  context: WorkerContext,
  channel: OpenChannel,
  attempt: Settling,
  outcomes: readonly Settled[],
): Promise<void> {
  const sorted = sort(context, channel, attempt.items, outcomes);
  const finished = attempt.items.flatMap((item, index) => {
    const outcome = outcomes[index];
    if (outcome === undefined || outcome.kind === 'accepted') return [];
    return [{ position: item.position, outcome: outcome.kind, detail: detailOf(outcome)?.slice(0, 500) ?? null }];
  });
  await context.db.transaction(async (tx) => {
    if (!(await holdFence(tx, attempt.id, attempt.fence))) return;
    await acknowledge(tx, sorted.acknowledged);
    await delayListings(tx, context.now(), sorted.delays);
    if (channel.capabilities.observable === 'read') await noteUnknown(tx, unknownItems(attempt.items, outcomes));
    await noteSent(tx, sorted.sent);
    if (sorted.receipt !== null) await keepReceiptName(tx, attempt.id, sorted.receipt);
    await finishItems(tx, attempt.id, finished);
    if (sorted.ticket !== null)
      await keepTicket(tx, attempt.id, sorted.ticket.ticket, context.now() + COLLECT_AFTER_MS);
    await alertRejected(tx, channel, attempt.items, outcomes);
  });
  if (sorted.ticket !== null) context.ringLater({ topic: 'collect', key: channel.id }, COLLECT_AFTER_MS);
  ringForDelays(context, channel, sorted.delays);
}

function ringForDelays(context: WorkerContext, channel: OpenChannel, delays: readonly Delay[]): void {
  const waits = delays.map((delay) =>
    delay.backOff === null
      ? Math.max(delay.blockedUntil ?? 0, delay.readDueAt ?? 0) - context.now()
      : SCHEDULES[delay.backOff.of].firstMs,
  );
  if (waits.length > 0) context.ringLater({ topic: 'push', key: channel.id }, Math.max(1, Math.min(...waits)));
}

export async function alertRejected(
  tx: Queries,
  channel: Pick<OpenChannel, 'id'>,
  items: readonly Pick<AttemptItem, 'listingId'>[],
  outcomes: readonly Settled[],
): Promise<void> {
  const reasons = new Map<string, { fix: string; listings: number[] }>();
  outcomes.forEach((outcome, index) => {
    const listingId = items[index]?.listingId;
    if (outcome.kind !== 'rejected' || listingId === undefined) return;
    const group = reasons.get(outcome.reason) ?? { fix: outcome.fix, listings: [] };
    group.listings.push(listingId);
    reasons.set(outcome.reason, group);
  });
  for (const [reason, group] of reasons) {
    const { units, skuUnits } = await unitsRefused(tx, group.listings);
    await raiseAlert(tx, {
      fingerprint: `push-rejected ${channel.id} ${reason.slice(0, 120)}`,
      code: 'push-rejected',
      severity: 'error',
      title: `${channel.id}: the platform refuses ${group.listings.length} listing(s)`,
      channelId: channel.id,
      touches: { listings: group.listings.length, skus: skuUnits.map(({ sku }) => sku).slice(0, SKUS_TOLD_MAX) },
      skuUnits: cutSkuUnits(skuUnits, units),
      cause: reason,
      nextStep: group.fix,
    });
  }
}

export const settleUnknown = (
  context: WorkerContext,
  channel: OpenChannel,
  attempt: Settling,
  why: string,
): Promise<void> =>
  settle(
    context,
    channel,
    attempt,
    attempt.items.map(() => ({ kind: 'unknown', why })),
  );
