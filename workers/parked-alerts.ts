/**
 * Parked input as alerts: one per cause and channel, with how much, how old and whose; closed when none of it is left.
 *
 * Guarantees: told again when it grows, ages by a step, or changes hands, not at every look; severe once it is a day old.
 */
import type { Instant } from '#core/model.ts';
import { closeAlert, type NewAlert, openFingerprints, raiseAlerts } from '#db/alerts.ts';
import type { Database } from '#db/client.ts';
import { type ParkedCause, parkedByCause } from '#db/parked.ts';

const CODE = 'parked-input';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const AGES: readonly (readonly [number, string])[] = [
  [7 * DAY_MS, 'a week'],
  [DAY_MS, 'a day'],
  [HOUR_MS, 'an hour'],
];

/** In steps, so that an alert is not changed at every look. */
const ageOf = (at: Instant, now: Instant): string | null => AGES.find(([ms]) => now - at >= ms)?.[1] ?? null;

/** What a cause means, and the command that mends it. */
const CAUSES: Readonly<Record<string, { readonly says: string; readonly next?: (channel: string) => string }>> = {
  'unmapped-listing': {
    says: 'orders name a listing that is mapped to nothing',
    next: (channel) => `allot listings list --unmapped --channel ${channel}`,
  },
  'unknown-sku': { says: 'commands name a SKU that is no item', next: () => 'allot import items FILE' },
  'behind-parked': { says: 'commands wait behind a parked one of their order' },
  'unreadable-input': { says: 'events cannot be read' },
  'document-refused': { says: 'documents of the partner cannot be taken, in whole or in part' },
  'document-unsent': { says: 'documents of ours cannot be put out' },
  'platform-fails': { says: 'the platform does not give orders that it told of' },
  'unknown-channel': { says: 'input of a channel that is not configured', next: () => 'allot config check' },
  'push-rejected': { says: 'the platform refuses the numbers of listings again and again' },
  'push-unanswered': { says: 'the platform never answers the numbers of listings' },
  'push-stale': { says: 'listings change there before each write of ours: somebody else writes them' },
  'listing-refused': {
    says: 'listings are mapped under references that their connector refuses',
    next: (channel) => `allot listings list --channel ${channel}`,
  },
};

const fingerprintOf = ({ code, channel }: Pick<ParkedCause, 'code' | 'channel'>): string =>
  `parked ${channel ?? 'operator'} ${code}`;

export function parkedAlert(cause: ParkedCause, now: Instant): NewAlert {
  const { code, channel, inputs, orders, unowned, oldestAt } = cause;
  const age = ageOf(oldestAt, now);
  const known = CAUSES[code];
  const scope = channel === null ? '' : ` --channel ${channel}`;
  return {
    fingerprint: fingerprintOf(cause),
    code: CODE,
    severity: now - oldestAt >= DAY_MS ? 'error' : 'warning',
    title: `${channel ?? 'operator'}: ${inputs} parked (${code})${age === null ? '' : `, the oldest for more than ${age}`}`,
    channelId: channel,
    touches: { inputs, orders, unowned, ...(age === null ? {} : { age }) },
    cause: `${known?.says ?? 'commands that cannot be taken'}; the oldest since ${new Date(oldestAt).toISOString()}${unowned === 0 ? '' : `, ${unowned} of them nobody's`}`,
    nextStep: known?.next?.(channel ?? '') ?? `allot parked list --code ${code}${scope}`,
  };
}

/** Harmless however often it runs. */
export async function tellParked(db: Database, now: Instant): Promise<void> {
  const causes = await parkedByCause(db);
  const open = await openFingerprints(db, CODE);
  const told = new Set(causes.map(fingerprintOf));
  await raiseAlerts(
    db,
    causes.map((cause) => parkedAlert(cause, now)),
  );
  for (const fingerprint of open)
    if (!told.has(fingerprint)) await closeAlert(db, fingerprint, 'nothing is parked for this cause any more');
}
