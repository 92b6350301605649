/**
 * The gate: what lets a channel from shadow to live by itself, and back. Pure: from what its scans have told, to what to do now.
 *
 * | the channel                     | what is told                                         | turn                              |
 * | shadow                          | `cleanDays` clean days in a row, up to yesterday     | opens: live at the first share    |
 * | shadow, not enough clean days   |                                                      | stays                             |
 * | shadow, fell back before        | whatever it is                                       | stays: only a person opens again  |
 * | live below its last share       | `stepDays` clean days since the last step            | widens to the next share          |
 * | live                            | DIVERGING_SCANS scans in a row agree too little      | falls back to shadow              |
 * | live below its last share       | the platform has not answered for OUTAGE_MS          | falls back to shadow              |
 * | live at its last share          | the platform does not answer                         | stays: the breaker's to tell      |
 * | paused                          | whatever it is                                       | stays                             |
 *
 * A day is clean when it was scanned, something was compared, and at least `agreement` percent of it agreed. A day that was not
 * scanned is not clean. Days are those of UTC, and whole: the day of a change never counts.
 * While only a part of its items is written to, whatever wrote before still does: falling back is safe. At the last share nobody else
 * writes, so that an outage never silences allot.
 */
import type { ChannelMode, GateRule, Instant } from './model.ts';

/** What a day's scans, or one scan, compared. */
export type Agreement = { readonly compared: number; readonly agreed: number };
export type GateDay = Agreement & { readonly day: string; readonly scans: number };

export type GateState = {
  readonly mode: ChannelMode;
  /** Percent of its items that are written to while it is live. */
  readonly share: number;
  /** When it got this mode and share. */
  readonly since: Instant;
  readonly fellBack: boolean;
  /** Scans in a row, up to now, that agreed too little. */
  readonly divergingScans: number;
  /** Since when the platform has not answered. */
  readonly silentSince: Instant | null;
};

export type GateTurn =
  | { readonly kind: 'stay'; readonly says: string }
  | { readonly kind: 'open' | 'widen'; readonly share: number; readonly says: string }
  | { readonly kind: 'fallBack'; readonly says: string };

/** One scan may meet a person's edit, which allot mends; the next one then agrees again. */
export const DIVERGING_SCANS = 2;
export const OUTAGE_MS = 3_600_000;
const DAY_MS = 86_400_000;

export const dayOf = (at: Instant): string => new Date(at).toISOString().slice(0, 10);

/** Percent; null where nothing was compared. */
export const agreementOf = ({ compared, agreed }: Agreement): number | null =>
  compared === 0 ? null : (agreed / compared) * 100;

export const isClean = (rule: Pick<GateRule, 'agreement'>, day: GateDay): boolean =>
  day.scans > 0 && (agreementOf(day) ?? -1) >= rule.agreement;

export const isDiverging = (rule: Pick<GateRule, 'fallBack'>, scan: Agreement): boolean =>
  (agreementOf(scan) ?? 100) < rule.fallBack;

/** Whole clean days in a row that end with yesterday and began after `since`. */
export function cleanDaysUpTo(
  rule: Pick<GateRule, 'agreement'>,
  days: readonly GateDay[],
  { since, now }: { readonly since: Instant; readonly now: Instant },
): number {
  const byDay = new Map(days.map((one) => [one.day, one]));
  let count = 0;
  for (let at = now - DAY_MS; dayOf(at) > dayOf(since); at -= DAY_MS) {
    const day = byDay.get(dayOf(at));
    if (day === undefined || !isClean(rule, day)) break;
    count += 1;
  }
  return count;
}

const LAST_SHARE = 100;

/** The share after this one; the last where there is none. */
export const nextShare = (rule: Pick<GateRule, 'ramp'>, share: number): number =>
  rule.ramp.find((step) => step > share) ?? LAST_SHARE;

export function turnGate(
  rule: GateRule,
  state: GateState,
  { days, now }: { readonly days: readonly GateDay[]; readonly now: Instant },
): GateTurn {
  if (state.mode === 'paused') return { kind: 'stay', says: 'it is paused' };
  const clean = cleanDaysUpTo(rule, days, { since: state.since, now });
  if (state.mode === 'shadow') return turnShadow(rule, state, clean);
  if (state.divergingScans >= DIVERGING_SCANS) {
    return { kind: 'fallBack', says: `${state.divergingScans} scans in a row agreed by less than ${rule.fallBack} %` };
  }
  if (state.share >= LAST_SHARE) return { kind: 'stay', says: 'all of it is live' };
  if (state.silentSince !== null && now - state.silentSince >= OUTAGE_MS)
    return {
      kind: 'fallBack',
      says: `the platform has not answered since ${new Date(state.silentSince).toISOString()}`,
    };
  const share = nextShare(rule, state.share);
  if (clean >= rule.stepDays)
    return { kind: 'widen', share, says: `${clean} clean day(s) at ${state.share} % of its items` };
  return { kind: 'stay', says: `${clean} of ${rule.stepDays} clean days at ${state.share} %, then ${share} %` };
}

function turnShadow(rule: GateRule, state: GateState, clean: number): GateTurn {
  if (state.fellBack) return { kind: 'stay', says: 'it fell back: a person lets it go live again' };
  if (clean < rule.cleanDays) return { kind: 'stay', says: `${clean} of ${rule.cleanDays} clean days in a row` };
  return {
    kind: 'open',
    share: nextShare(rule, 0),
    says: `${clean} clean day(s) in a row at ${rule.agreement} % or more`,
  };
}

/** How a listing that differs does: what a person looks for first. */
export const AGREEMENT_CAUSES = [
  'missing',
  'untracked',
  'notBuyable',
  'showsMore',
  'showsLess',
  'soldOutHere',
  'soldOutThere',
] as const;
export type AgreementCause = (typeof AGREEMENT_CAUSES)[number];

export type Compared = { readonly cause: AgreementCause | null; readonly units: number };

/** `should` and `shows` are sellable units of the listing; `units` is how far they are apart. */
export function compareShown(
  should: number,
  shows: { readonly sellable: number; readonly state: 'tracked' | 'untracked' | 'missing' | 'notBuyable' },
): Compared {
  if (shows.state !== 'tracked') return { cause: shows.state, units: should };
  const sellable = Math.max(0, shows.sellable);
  const units = Math.abs(sellable - should);
  if (units === 0) return { cause: null, units };
  if (should === 0) return { cause: 'soldOutHere', units };
  if (sellable === 0) return { cause: 'soldOutThere', units };
  return { cause: sellable > should ? 'showsMore' : 'showsLess', units };
}
