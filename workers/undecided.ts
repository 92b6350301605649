/** Numbers that input not decided yet may still change: they wait for it, but not for ever. */
import type { Queries } from '#db/client.ts';
import { undecidedSkus } from '#db/commands.ts';
import { hasUnreadInput, type PushCandidate } from '#db/push.ts';
import type { WorkerContext } from './context.ts';

/** A number waits so long for input that is not decided yet, then goes out all the same. */
const LOWER_PATIENCE_MS = 150;
export const RAISE_PATIENCE_MS = 2000;

/**
 * What input not decided yet cannot change: a number must not be too high for an order that was already here. A decrease waits
 * for it briefly, since the number that stands is worse still; whatever waits too long goes out, so that nothing can silence it.
 */
export async function readyNow(
  context: Pick<WorkerContext, 'now'>,
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
