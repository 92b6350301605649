/**
 * Judges what reads showed of listings: why it differs from what should be shown, and who wins (core/drift.ts).
 *
 * Guarantees: reads the database, writes nothing; costs nothing where everything shows what it should.
 */
import type { Observation } from '#connectors/connector.ts';
import { type Drift, driftRuleFor, judgeDrift } from '#core/drift.ts';
import { readDriftHistory } from '#db/drift.ts';
import { readDriftRules } from '#db/policy-history.ts';
import type { PushCandidate } from '#db/push.ts';
import { type LookContext, type OpenChannel, protectionOf } from './context.ts';

export type Looked = { readonly candidate: PushCandidate; readonly seen: Observation };
export type Judged = Looked & { readonly drift: Drift; readonly pack: number; readonly location: string | null };

/** Those that drift. Nothing may be on its way to them. */
export async function judgeLooked(
  context: LookContext,
  channel: OpenChannel,
  looked: readonly Looked[],
): Promise<Judged[]> {
  if (looked.length === 0) return [];
  const histories = await readDriftHistory(
    context.db,
    looked.map(({ candidate }) => candidate.listingId),
    context.now(),
  );
  const wins = driftRuleFor(await readDriftRules(context.db), channel.id);
  const byListing = new Map(histories.map((history) => [history.listingId, history]));
  return looked.flatMap(({ candidate, seen }): Judged[] => {
    const history = byListing.get(candidate.listingId);
    if (history === undefined) return [];
    const { target, sync, writtenAt, sku } = candidate;
    const protection = protectionOf(channel);
    const drift = judgeDrift({
      ...history,
      target,
      sync,
      writtenAt,
      sku,
      protection,
      observed: seen,
      now: context.now(),
      wins,
    });
    const location = history.inputs?.places[0]?.location ?? null;
    return drift === null ? [] : [{ candidate, seen, drift, pack: history.pack, location }];
  });
}
