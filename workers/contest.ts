/**
 * Somebody else's number is judged before ours is written over it.
 *
 * | remedy       | the listing                                                                              |
 * | write, fetch | goes on as planned: the plan has waited for orders as long as it may                     |
 * | adopt        | stock is adjusted by the difference; the number that follows is the one that is shown    |
 * | stop, wait   | not written; a stopped one is due again when it has to fall, or when somebody resumes it |
 *
 * Costs a query only where a read shows what neither our write nor a sale left there.
 */
import type { Observation } from '#connectors/connector.ts';
import { isContested, mayWriteStopped } from '#core/drift.ts';
import type { WirePlan } from '#core/wire.ts';
import { addCommands, type NewCommand } from '#db/commands.ts';
import { delayListings } from '#db/delays.ts';
import { keepDrift } from '#db/drift.ts';
import type { PushCandidate } from '#db/push.ts';
import type { Planned } from './carry-out.ts';
import { type OpenChannel, protectionOf, type WorkerContext } from './context.ts';
import { type Judged, judgeLooked } from './judge-drift.ts';

type Seen = { readonly candidate: PushCandidate; readonly seen: Observation; readonly plan: WirePlan };

const WAIT_MS = 60_000;

/** The plans that may be carried out. */
export async function settleContested(
  context: WorkerContext,
  channel: OpenChannel,
  planned: readonly Seen[],
): Promise<Planned[]> {
  const protection = protectionOf(channel);
  const contested = planned.filter(
    ({ candidate: { target, sync }, seen, plan }) =>
      plan.kind === 'write' && isContested(target, sync, protection, seen),
  );
  const judged = await judgeLooked(context, channel, contested);
  if (judged.length > 0) await keep(context, channel, judged);
  const held = new Set(judged.filter(({ drift }) => isHeld(drift.remedy)).map(({ candidate }) => candidate.listingId));
  const stopped = planned.filter(({ candidate, seen, plan }) => isRaiseOfStopped(candidate, seen, plan));
  const left = new Set(stopped.map(({ candidate }) => candidate.listingId));
  await delayListings(
    context.db,
    context.now(),
    [...left].map((listingId) => delayOf(context, listingId)),
  );
  return planned.filter(({ candidate: { listingId } }) => !held.has(listingId) && !left.has(listingId));
}

const isHeld = (remedy: Judged['drift']['remedy']): boolean => remedy !== 'write' && remedy !== 'fetch';

const isRaiseOfStopped = ({ stopped, target }: PushCandidate, seen: Observation, plan: WirePlan): boolean =>
  stopped !== null && plan.kind === 'write' && !mayWriteStopped(stopped, target.quantity, seen.sellable);

const delayOf = (context: WorkerContext, listingId: number) => ({
  listingId,
  readDueAt: null,
  blockedUntil: context.now() + WAIT_MS,
  reason: 'somebody else writes this listing, or is asked about it',
  fix: 'allot status tells why; then: allot listings resume CHANNEL REF',
  backOff: null,
});

async function keep(context: WorkerContext, channel: OpenChannel, judged: readonly Judged[]): Promise<void> {
  const now = context.now();
  const adopted = judged.flatMap((one) => adoptCommand(one, channel, now));
  await context.db.transaction(async (tx) => {
    await keepDrift(tx, judged.map(keptOf), now);
    await addCommands(tx, adopted);
    const waiting = judged.filter(({ drift }) => drift.remedy === 'adopt' || drift.remedy === 'wait');
    await delayListings(
      tx,
      now,
      waiting.map(({ candidate, drift }) => ({
        ...delayOf(context, candidate.listingId),
        readDueAt: now + (drift.remedy === 'adopt' ? 1000 : WAIT_MS),
        blockedUntil: now + (drift.remedy === 'adopt' ? 500 : WAIT_MS),
        reason: drift.because.join('; '),
        fix: 'nothing: allot looks again',
      })),
    );
  });
  if (adopted.length > 0) context.decideSoon();
}

export const keptOf = ({ candidate, seen, drift }: Judged) => ({
  listingId: candidate.listingId,
  drift,
  shows: seen.sellable,
  wants: candidate.target.quantity,
});

/** The platform wins: what it shows beyond what it should is there, what it shows less is not. */
function adoptCommand(
  { candidate, seen, drift, pack, location }: Judged,
  channel: OpenChannel,
  now: number,
): NewCommand[] {
  if (drift.remedy !== 'adopt' || location === null) return [];
  const delta = (seen.sellable - candidate.target.quantity) * pack;
  const reason = `${channel.id} shows ${seen.sellable} for ${candidate.target.quantity}, and wins`;
  const body = { kind: 'adjust', sku: candidate.sku, location, disposition: 'sellable', delta, reason } as const;
  return [{ body, actor: `drift:${channel.id}`, occurredAt: now, channelId: null, inboxId: null }];
}
