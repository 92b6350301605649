/**
 * Levels that a platform told of by itself: what is news becomes due for a read.
 *
 * A number that the listing should show is no news: it is the echo of our own write, or of a sale that we hold. Anything else is read,
 * since what was told may be older than what we know; reconcile looks at all of it in any case.
 */
import type { Parsed } from '#connectors/connector.ts';
import { isExpected } from '#core/wire.ts';
import type { Queries } from '#db/client.ts';
import { askForReads, listingsByRef, type PushCandidate } from '#db/push.ts';
import type { WorkerContext } from './context.ts';

export type LevelsTold = Parsed['levels'];

/** A platform may name a listing by any id that its connector keeps in `data`. */
const namesOf = ({ key }: PushCandidate): readonly string[] =>
  [key.listingRef, ...Object.values(key.data)].map((ref) => `${ref} ${key.locationRef}`);

/** Asks for a read of each listing of which one of these says something new. */
export async function askForNews(
  context: WorkerContext,
  tx: Queries,
  channelId: string,
  levels: LevelsTold,
): Promise<void> {
  const basis = context.channels.get(channelId)?.capabilities.quantityBasis;
  if (levels.length === 0 || basis === undefined) return;
  const told = Map.groupBy(levels, ({ listingRef, locationRef }) => `${listingRef} ${locationRef}`);
  const isNews = (listing: PushCandidate): boolean =>
    namesOf(listing)
      .flatMap((name) => told.get(name) ?? [])
      .some(({ shown }) => shown === null || !isExpected(basis, listing.target, listing.sync, shown));
  const listings = await listingsByRef(tx, channelId, levels);
  await askForReads(
    tx,
    listings.filter(isNews).map(({ listingId }) => listingId),
    context.now(),
  );
}
