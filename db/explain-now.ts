/**
 * Why listings of an item show their numbers by what stands at this moment: the item is decided in memory as a review would decide it,
 * and nothing of that is stored. A number that did not change keeps the inputs that it was first made of, which are of then.
 *
 * Guarantees: one snapshot, no lock, no write; by the function that decides.
 */
import { sql } from 'drizzle-orm';
import { decide } from '#core/decide.ts';
import type { Instant, Sku } from '#core/model.ts';
import type { State } from '#core/state.ts';
import type { Database, Queries } from './client.ts';
import { type ExplainChoice, explainListings, type ListingExplanation, type LiveNumbers } from './explain.ts';
import { readPolicy } from './policy-current.ts';
import { loadToPreview } from './state.ts';

export const explainListingsNow = (
  db: Database,
  choice: Omit<ExplainChoice, 'at' | 'live'>,
  now: Instant,
): Promise<ListingExplanation[]> =>
  db.transaction(
    async (tx) => {
      const live = await decideInMemory(tx, choice.sku, now);
      return explainListings(tx, live === null ? choice : { ...choice, live });
    },
    { isolation: 'repeatable read', readOnly: true },
  );

/** As if no number had been decided, so that each is told. */
const withoutTargets = (state: State): State => ({
  ...state,
  items: state.items.map((item) => ({
    ...item,
    listings: item.listings.map((listing) => ({ ...listing, target: null })),
  })),
});

/** Null where no policy is in force. */
async function decideInMemory(tx: Queries, sku: Sku, now: Instant): Promise<LiveNumbers | null> {
  const [hasPolicy] = await tx.rows(sql`select 1 from policy_current`);
  if (hasPolicy === undefined) return null;
  const policy = await readPolicy(tx);
  const state = withoutTargets(await loadToPreview(tx, [sku], policy));
  const review = { id: 1, actor: 'explain', occurredAt: now, recordedAt: now, body: { kind: 'review' as const, sku } };
  const { targets } = decide(state, [review], now);
  const byListing = new Map(targets.map(({ listing, quantity, inputs }) => [listing, { quantity, inputs }]));
  return { at: now, policyVersion: policy.version, byListing };
}
