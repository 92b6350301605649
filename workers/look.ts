/**
 * Looks at listings on their platform, and puts off those that cannot be written to now.
 *
 * Guarantees: one listing that its connector refuses (mapped from a file under a reference that discovery never saw, say) is put off
 * alone, with the connector's reason and fix; it never silences the others of its channel. Absent and untracked are not zero.
 */
import type { Observation } from '#connectors/connector.ts';
import { assert, Rejected, Resting, Throttled, Transient } from '#core/errors.ts';
import { delayListings } from '#db/delays.ts';
import { noteThrottled } from '#db/health.ts';
import { type PushCandidate, saveObserved } from '#db/push.ts';
import type { LookContext, OpenChannel, WorkerContext } from './context.ts';

export type Seen = { readonly candidate: PushCandidate; readonly seen: Observation };
type Refused = { readonly candidate: PushCandidate; readonly refusal: Rejected };
type Look = { readonly pairs: readonly Seen[]; readonly refused: readonly Refused[] };
/** `ended`: what kept us from reading further. */
type Walk = Look & { readonly ended: 'throttled' | 'failed' | null };

const PUT_OFF_MS = 10 * 60_000;

/**
 * Answers the listings that are there and tracked; what was seen of the others is kept, and they are looked at again later. What the
 * platform did not let us read is not answered: it stays due.
 */
export async function lookAt(
  context: WorkerContext,
  channel: OpenChannel,
  candidates: readonly PushCandidate[],
  signal: AbortSignal,
): Promise<readonly Seen[]> {
  const { pairs, refused } = await observeInParts(context, channel, candidates, signal);
  await saveObserved(
    context.db,
    pairs.map(({ candidate, seen }) => ({ listingId: candidate.listingId, ...seen })),
  );
  await putOff(context, { pairs: pairs.filter(({ seen }) => seen.state !== 'tracked'), refused });
  return pairs.filter(({ seen }) => seen.state === 'tracked');
}

/** What these show, whatever state they are in; those that the connector refuses to read are left out. Keeps and puts off nothing. */
export const observeNow = (
  context: LookContext,
  channel: OpenChannel,
  candidates: readonly PushCandidate[],
  signal: AbortSignal,
): Promise<Omit<Walk, 'refused'>> => observeInParts(context, channel, candidates, signal);

/** As many at a time as one call reads: what was read before the platform says "slow down" is kept, so that a walk ends. */
async function observeInParts(
  context: LookContext,
  channel: OpenChannel,
  candidates: readonly PushCandidate[],
  signal: AbortSignal,
): Promise<Walk> {
  const size = channel.capabilities.observeMax ?? Math.max(1, candidates.length);
  const looks: Look[] = [];
  let ended: Walk['ended'] = null;
  for (let from = 0; from < candidates.length; from += size) {
    try {
      looks.push(await observe(channel, candidates.slice(from, from + size), signal));
    } catch (error) {
      ended = error instanceof Throttled ? 'throttled' : 'failed';
      if (error instanceof Resting) break;
      if (error instanceof Throttled) await noteThrottled(context.db, channel.id, error.retryAt, 'look');
      // Of another fault the next look tells, when there is nothing to be kept.
      else if (!(error instanceof Transient) || looks.length === 0) throw error;
      break;
    }
  }
  return { pairs: looks.flatMap(({ pairs }) => pairs), refused: looks.flatMap(({ refused }) => refused), ended };
}

/** A refusal names no key, so the one that it is about is found by halving. */
async function observe(channel: OpenChannel, candidates: readonly PushCandidate[], signal: AbortSignal): Promise<Look> {
  try {
    const observations = await channel.connection.observe(
      candidates.map((candidate) => candidate.key),
      signal,
    );
    const pairs = candidates.map((candidate, index) => {
      const seen = observations[index];
      const says = `${channel.id}: observe answered ${observations.length} of ${candidates.length} listings`;
      assert(seen !== undefined, says);
      return { candidate, seen };
    });
    return { pairs, refused: [] };
  } catch (error) {
    const [first] = candidates;
    if (!(error instanceof Rejected) || first === undefined) throw error;
    if (candidates.length === 1) return { pairs: [], refused: [{ candidate: first, refusal: error }] };
    const middle = Math.ceil(candidates.length / 2);
    const before = await observe(channel, candidates.slice(0, middle), signal);
    const after = await observe(channel, candidates.slice(middle), signal);
    return { pairs: [...before.pairs, ...after.pairs], refused: [...before.refused, ...after.refused] };
  }
}

async function putOff(context: WorkerContext, { pairs, refused }: Look): Promise<void> {
  const at = context.now() + PUT_OFF_MS;
  await delayListings(context.db, context.now(), [
    ...pairs.map(({ candidate, seen }) => ({
      listingId: candidate.listingId,
      readDueAt: at,
      blockedUntil: at,
      reason: `the platform says this listing is ${seen.state}`,
      fix: 'mend the listing on the platform (stocked at the location, tracked, active); allot looks again by itself',
      backOff: null,
    })),
    ...refused.map(({ candidate, refusal }) => ({
      listingId: candidate.listingId,
      readDueAt: null,
      blockedUntil: null,
      reason: refusal.message,
      fix: refusal.fix ?? 'unmap it, and map the one that discovery found: allot listings list --unmapped',
      // Soon at first: a file may have named what the first discovery is about to find.
      backOff: { of: 'mapping' as const, random: context.random() },
    })),
  ]);
}

/** Those that the connector refuses to read, or to write. */
export const putOffRefused = (context: WorkerContext, refused: readonly Refused[]): Promise<void> =>
  putOff(context, { pairs: [], refused });
