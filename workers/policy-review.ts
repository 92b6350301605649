/**
 * Items that time or a new policy moves are decided again, in bounded batches: first those whose numbers fall, then the rest.
 *
 * Which numbers fall is found by deciding in memory under the policy in force and writing nothing of it. It costs a second decision,
 * and it holds for whoever applied the policy: a command with its preview, or a daemon that started with a new file and shows nobody
 * anything. Guarantees: bounded work per call; safe with any number of callers at once.
 */
import { decide } from '#core/decide.ts';
import type { Instant, Sku } from '#core/model.ts';
import type { State } from '#core/state.ts';
import type { Database } from '#db/client.ts';
import { loadPolicy } from '#db/policy-current.ts';
import { countReviewsLeft, type ReviewsLeft, readUnsorted, reviewDue, writeTurns } from '#db/reviews.ts';
import { loadToPreview } from '#db/state.ts';
import { decidePending } from './allocate.ts';
import { pause } from './pause.ts';

const BATCH_MAX = 500;
const SORTED_MAX = 5000;
const REVIEWS_MAX = 2000;
const POLL_MS = 50;

/** Review commands as a sweep would write them; their ids are nobody's. */
export const reviewsOf = (skus: readonly Sku[], now: Instant) =>
  skus.map((sku, index) => ({
    id: index + 1,
    actor: 'preview',
    occurredAt: now,
    recordedAt: now,
    body: { kind: 'review' as const, sku },
  }));

/**
 * Of these items, those whose review would lower any listing: their own, or one of a kit that is decided again with them. `state` may
 * hold more: all that their decisions reach.
 */
function fallingOf(state: State, skus: readonly Sku[], now: Instant): Set<Sku> {
  const facts = decide(state, reviewsOf(skus, now), now);
  const quantityOf = new Map(
    state.items.flatMap(({ listings }) => listings).map(({ id, target }) => [id, target?.quantity ?? 0]),
  );
  const fallen = facts.targets.filter(({ listing, quantity }) => quantity < (quantityOf.get(listing) ?? 0));
  const componentsOf = new Map(
    state.items.map(({ sku, components }) => [sku, components?.map((part) => part.sku) ?? []]),
  );
  const asked = new Set(skus);
  return new Set(fallen.flatMap(({ sku }) => (asked.has(sku) ? [sku] : (componentsOf.get(sku) ?? []))));
}

/** Answers how many were sorted. */
async function sortBatch(db: Database, now: Instant): Promise<number> {
  return db.transaction(async (tx) => {
    const skus = await readUnsorted(tx, now, BATCH_MAX);
    if (skus.length === 0) return 0;
    // Held until the commit: a newer policy marks its items anew after it.
    const policy = await loadPolicy(tx);
    const falling = fallingOf(await loadToPreview(tx, skus, policy), skus, now);
    await writeTurns(
      tx,
      skus.filter((sku) => falling.has(sku)),
      skus.filter((sku) => !falling.has(sku)),
    );
    return skus.length;
  });
}

/** One turn: sorts what a new policy marked, and hands due items to a decision, those that fall first. */
export async function reviewItems(db: Database, now: Instant): Promise<void> {
  for (let sorted = 0; sorted < SORTED_MAX; ) {
    const count = await sortBatch(db, now);
    sorted += count;
    // Less than a batch is the last one; what is being decided at this moment stays unsorted, and would be met again and again.
    if (count < BATCH_MAX) break;
  }
  const first = await reviewDue(db, now, REVIEWS_MAX);
  // So that items which are due by time, always some, never keep the others from their turn.
  if (first < REVIEWS_MAX) await reviewDue(db, now, REVIEWS_MAX - first);
}

export type ReviewOptions = {
  readonly now: () => Instant;
  readonly signal: AbortSignal;
  readonly onProgress: (left: ReviewsLeft) => void;
};

/** Reviews and decides until nothing is left, beside whatever daemon does the same. */
export async function finishReviews(db: Database, { now, signal, onProgress }: ReviewOptions): Promise<void> {
  while (!signal.aborted) {
    await reviewItems(db, now());
    const { decided } = await decidePending(db, { now, signal });
    const left = await countReviewsLeft(db, now());
    onProgress(left);
    if (left.items + left.commands === 0) return;
    if (decided === 0) await pause(POLL_MS, signal);
  }
}
