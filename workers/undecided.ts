/**
 * Numbers that input not decided yet may still change: they wait for it, but not for ever.
 *
 * | input that touches the item | the number                                                                      |
 * | none, or stuck              | goes out: what has lain undecided for INPUT_FRESH_MS holds up nobody any more   |
 * | fresh                       | waits, for as long as fresh input goes on coming, up to its patience             |
 *
 * Guarantees: how long a number has been behind for other reasons (a throttle, a partner's turn, a settling platform) uses up none of
 * its patience; nothing silences a number for good, neither a stuck intake nor a stream of orders that never ends.
 */
import type { Instant } from '#core/model.ts';
import type { Queries } from '#db/client.ts';
import { undecidedSkus } from '#db/commands.ts';
import { hasUnreadInput, type PushCandidate } from '#db/push.ts';

/** Far longer than deciding takes where anything works. */
const INPUT_FRESH_MS = 2000;
/** A decrease waits less: the number that stands is worse still. */
const LOWER_PATIENCE_MS = 1000;
const RAISE_PATIENCE_MS = 2000;

/** Of one run of push rounds. */
export type Patience = {
  /** Those that may go out now. */
  readonly ready: (tx: Queries, candidates: readonly PushCandidate[]) => Promise<readonly PushCandidate[]>;
  /** Whether all of them may go out together. */
  readonly areReady: (tx: Queries, candidates: readonly PushCandidate[]) => Promise<boolean>;
  /** These went out: what comes after them has its own patience. */
  readonly sent: (listingIds: readonly number[]) => void;
};

async function findTouched(tx: Queries, candidates: readonly PushCandidate[]): Promise<ReadonlySet<PushCandidate>> {
  if (candidates.length === 0) return new Set();
  if (await hasUnreadInput(tx, INPUT_FRESH_MS)) return new Set(candidates);
  const skus = await undecidedSkus(
    tx,
    candidates.map(({ sku }) => sku),
    INPUT_FRESH_MS,
  );
  return new Set(candidates.filter(({ sku }) => skus.has(sku)));
}

const isLowering = ({ target, sync }: PushCandidate): boolean => target.quantity < (sync.ackedQuantity ?? 0);

export function openPatience(now: () => Instant): Patience {
  const since = new Map<number, Instant>();
  let togetherSince: Instant | null = null;
  const isOver = (candidate: PushCandidate): boolean => {
    const from = since.get(candidate.listingId) ?? now();
    since.set(candidate.listingId, from);
    return now() - from >= (isLowering(candidate) ? LOWER_PATIENCE_MS : RAISE_PATIENCE_MS);
  };
  return {
    async ready(tx, candidates) {
      const touched = await findTouched(tx, candidates);
      for (const candidate of candidates) if (!touched.has(candidate)) since.delete(candidate.listingId);
      return candidates.filter((candidate) => !touched.has(candidate) || isOver(candidate));
    },
    async areReady(tx, candidates) {
      const isTouched = (await findTouched(tx, candidates)).size > 0;
      togetherSince = isTouched ? (togetherSince ?? now()) : null;
      return togetherSince === null || now() - togetherSince >= RAISE_PATIENCE_MS;
    },
    sent(listingIds) {
      for (const listingId of listingIds) since.delete(listingId);
      togetherSince = null;
    },
  };
}
