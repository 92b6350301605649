/**
 * From a target to the number on the wire: quantity basis, what the platform should show by itself, sales in flight, compare.
 *
 * A platform with basis `sellable` lowers its own number when it sells, before we hear of it. Let S be the units it has sold in
 * all. At an acknowledged write of q with S = b (`soldBaseline`) it shows `q - (S - b)`; so a read r tells `S = b + q - r`, and
 * `S - ownSold` units are sold there whose orders we do not hold yet. A compare-and-set that succeeds proves the S it assumed.
 *
 * | situation                              | plan                                                              |
 * | never acknowledged, nothing read       | read                                                              |
 * | read shows unseen sales                | unexplained: store them (ObservedCommand), fetch orders, no write |
 * | compare, a read shows fewer sales      | the same, and a wait: perhaps cancelled there (RISE_WAIT_MS)      |
 * | platform already shows the number      | acknowledged, without a write (its own order's decrement)         |
 * | compare-and-set                        | write, comparing with what it must show; a stale compare -> read  |
 * | no protection, lower                   | write at once                                                     |
 * | no protection, higher                  | read, then write; then read again (verify)                        |
 * | no protection, a read is wanted, and our last write may not show yet | wait until it does                  |
 *
 * Guarantees: an unseen order's decrement is never overwritten where the platform compares; an increase is never blind; the number
 * from before our own write is never taken for sales, for an edit, or for a write that was lost.
 */
import type { Instant, QuantityBasis } from './model.ts';

export type WireTarget = {
  readonly quantity: number;
  readonly ownSold: number;
  readonly ownOpen: number;
  readonly inFlight: number;
  readonly seenSold: number | null;
  readonly seenUntil: Instant | null;
};

export type SyncState = {
  /** Sellable quantity of the last acknowledged version; null before the first. */
  readonly ackedQuantity: number | null;
  readonly ackedWire: number | null;
  readonly soldBaseline: number | null;
};

export type Protection = { readonly basis: QuantityBasis; readonly compares: boolean };

/** A read taken after the target was loaded: only then do its unseen sales stand against that target's orders. */
export type FreshRead = { readonly sellable: number; readonly shown: number };

export type WirePlan =
  | { readonly kind: 'read'; readonly why: string }
  | { readonly kind: 'wait'; readonly until: Instant }
  /** After a look: sales, or our write whose answer never came. Nothing is written before the next look. */
  | { readonly kind: 'doubt'; readonly since: Instant; readonly until: Instant }
  | {
      readonly kind: 'acknowledged';
      readonly wireQuantity: number;
      readonly soldBaseline: number;
      /** As of a write. */
      readonly forgetSeen?: true;
    }
  | { readonly kind: 'unexplained'; readonly seenSold: number }
  | {
      readonly kind: 'write';
      readonly wireQuantity: number;
      readonly compareWith: number | null;
      readonly soldBaseline: number;
      /** The read was not explained by any order in time: it is taken for a manual edit, and forgotten. */
      readonly forgetSeen: boolean;
    };

/** The one place where the platform's basis is applied. */
export const wireQuantity = (basis: QuantityBasis, target: WireTarget): number =>
  basis === 'sellable' ? target.quantity : target.quantity + target.ownOpen;

/**
 * Units the platform has sold, or seems to have, as its number stands: an unexplained read keeps its number low also after the
 * target has stopped believing in the sales behind it.
 */
const soldByNumber = (target: WireTarget): number => Math.max(target.ownSold + target.inFlight, target.seenSold ?? 0);

const isForgotten = (target: WireTarget, now: Instant): boolean =>
  target.seenSold !== null && target.seenSold > target.ownSold && target.seenUntil !== null && target.seenUntil <= now;

/** What a `sellable` platform should show now; null when it was never told. */
export function expectedShown(target: WireTarget, sync: SyncState): number | null {
  if (sync.ackedQuantity === null || sync.soldBaseline === null) return null;
  return sync.ackedQuantity - (soldByNumber(target) - sync.soldBaseline);
}

/**
 * Whether a number that the platform told by itself is the one it should show: then it is no news. Never taken for a read, since it
 * may be older than what we know.
 */
export const isExpected = (basis: QuantityBasis, target: WireTarget, sync: SyncState, shown: number): boolean =>
  shown === (basis === 'sellable' ? expectedShown(target, sync) : sync.ackedWire);

/** Units the platform has sold in all, by a read of it. */
export function soldByRead(target: WireTarget, sync: SyncState, read: FreshRead): number {
  if (sync.ackedQuantity === null || sync.soldBaseline === null) return target.ownSold;
  return sync.soldBaseline + sync.ackedQuantity - read.sellable;
}

/** How long a sale may be taken for a write of ours whose answer never came, and how often that is looked at. */
export const DOUBT_MS = 10_000;
export const DOUBT_LOOK_MS = 2000;

export type Unanswered = {
  /** The state before the write, and the one that it would have made. */
  readonly sync: SyncState;
  readonly sent: SyncState;
  /** Since when looks leave it in doubt; null before the first that does. */
  readonly doubtedAt: Instant | null;
};

export type ToldByRead =
  | { readonly kind: 'told'; readonly sync: SyncState }
  | Extract<WirePlan, { readonly kind: 'doubt' }>;

/**
 * From what state to read the platform after a write whose answer never came: the state before it, or the state it would have made,
 * whichever leaves less of the read unexplained; of two that leave as much, the one that shows less. Without this a lowering
 * that did arrive looks like unseen sales, and holds as many units back again until `seenUntil`.
 *
 * Sales whose orders have not come yet look the same. Where the platform compares, they must not be written over: there the
 * story with fewer sales is believed once it has stood for `DOUBT_MS`, and refuted when it tells fewer sales than our orders do.
 */
export function readUnanswered(
  target: WireTarget,
  { sync, sent, doubtedAt }: Unanswered,
  protection: Protection,
  { read, now }: { readonly read: FreshRead; readonly now: Instant },
): ToldByRead {
  const gapOf = (story: SyncState): number => soldByRead(target, story, read) - target.ownSold - target.inFlight;
  const [before, after] = [gapOf(sync), gapOf(sent)];
  if (before === after) return { kind: 'told', sync };
  const [fewer, more] = before < after ? [sync, sent] : [sent, sync];
  const [least, most] = [Math.min(before, after), Math.max(before, after)];
  const isProtected = protection.compares && protection.basis === 'sellable' && sync.ackedQuantity !== null;
  if (!isProtected) return { kind: 'told', sync: Math.abs(least) < Math.abs(most) ? fewer : more };
  if (least < 0) return { kind: 'told', sync: more };
  const since = doubtedAt ?? now;
  if (now < since + DOUBT_MS) return { kind: 'doubt', since, until: now + DOUBT_LOOK_MS };
  return { kind: 'told', sync: fewer };
}

function planOnHand(target: WireTarget, sync: SyncState, protection: Protection, read: FreshRead | null): WirePlan {
  const wire = wireQuantity(protection.basis, target);
  const shown = read?.shown ?? sync.ackedWire;
  const soldBaseline = target.ownSold;
  if (shown === null) return { kind: 'read', why: 'nothing is known of the platform yet' };
  if (shown === wire) return { kind: 'acknowledged', wireQuantity: wire, soldBaseline };
  if (read === null && wire > shown && !protection.compares)
    return { kind: 'read', why: 'an increase needs a fresh read' };
  return {
    kind: 'write',
    wireQuantity: wire,
    compareWith: protection.compares ? shown : null,
    soldBaseline,
    forgetSeen: false,
  };
}

/** How long a number above what our orders tell is taken for a cancellation that we have not heard of. */
export const RISE_WAIT_MS = 60_000;
/** A rise that was seen longer ago is another one. */
const RISE_KNOWN_MS = 5 * RISE_WAIT_MS;

/**
 * Fewer sales there than our orders tell, by no more than what is open of them: perhaps cancelled there and put back on sale. To write our
 * number over it would undo that, and the number would be thought to have risen by itself when we hear. A number that has to fall anyway
 * does not wait; nor does one without a compare, where our own write may have shown late over a sale.
 */
function waitForCancellation(target: WireTarget, expected: number, soldThere: number, now: Instant): WirePlan | null {
  const missing = target.ownSold - soldThere;
  if (missing <= 0 || missing > target.ownOpen || target.quantity < expected) return null;
  const until = target.seenSold !== null && target.seenSold < target.ownSold ? target.seenUntil : null;
  if (until === null || until < now - RISE_KNOWN_MS) return { kind: 'unexplained', seenSold: soldThere };
  return until > now ? { kind: 'wait', until } : null;
}

function planWithRead(
  target: WireTarget,
  sync: SyncState,
  protection: Protection,
  { read, now }: { readonly read: FreshRead; readonly now: Instant },
): WirePlan {
  const soldBaseline = target.ownSold + target.inFlight;
  const seenSold = soldByRead(target, sync, read);
  const isExpired = isForgotten(target, now) && seenSold <= (target.seenSold ?? 0);
  if (seenSold > soldBaseline && !isExpired) return { kind: 'unexplained', seenSold };
  if (read.sellable === target.quantity) {
    const forgetSeen = isForgotten(target, now) ? { forgetSeen: true as const } : {};
    return { kind: 'acknowledged', wireQuantity: target.quantity, soldBaseline, ...forgetSeen };
  }
  const expected = expectedShown(target, sync);
  const rise = protection.compares && expected !== null ? waitForCancellation(target, expected, seenSold, now) : null;
  if (rise !== null) return rise;
  const compareWith = protection.compares ? read.sellable : null;
  const forgetSeen = isExpired || (target.seenSold !== null && target.seenSold < target.ownSold);
  return { kind: 'write', wireQuantity: target.quantity, compareWith, soldBaseline, forgetSeen };
}

function planNow(target: WireTarget, sync: SyncState, protection: Protection, { read, now }: PlanAt): WirePlan {
  if (protection.basis === 'onHandLessOwnOpen') return planOnHand(target, sync, protection, read);
  if (read !== null) return planWithRead(target, sync, protection, { read, now });
  const expected = expectedShown(target, sync);
  if (expected === null) return { kind: 'read', why: 'nothing is known of the platform yet' };
  if (expected < 0) return { kind: 'read', why: 'it should show less than 0' };
  const soldBaseline = target.ownSold + target.inFlight;
  const forgetSeen = isForgotten(target, now);
  const write = { kind: 'write', wireQuantity: target.quantity, soldBaseline, forgetSeen } as const;
  if (protection.compares) {
    if (expected === target.quantity) {
      return { kind: 'acknowledged', wireQuantity: target.quantity, soldBaseline: soldByNumber(target) };
    }
    return { ...write, compareWith: expected };
  }
  if (target.quantity < expected) return { ...write, compareWith: null };
  return { kind: 'read', why: 'the platform has no write protection: an increase, or no change, needs a fresh read' };
}

export type PlanAt = {
  /** Null when none was taken since the target was loaded. */
  readonly read: FreshRead | null;
  readonly now: Instant;
  /** Until then a read may still show the number from before our last accepted write. */
  readonly settledAt?: Instant | null;
  /** A look is asked for, whatever the plan would be without it. */
  readonly isReadAsked?: boolean;
};

export function planPush(target: WireTarget, sync: SyncState, protection: Protection, at: PlanAt): WirePlan {
  const plan = planNow(target, sync, protection, at);
  if (at.read !== null) return plan;
  const until = at.settledAt ?? at.now;
  // Where the platform compares, a read that is too old only fails the compare.
  const isSettling = !protection.compares && until > at.now;
  if (!isSettling) return at.isReadAsked === true ? { kind: 'read', why: 'asked for' } : plan;
  // What needs no read goes out: a lowering above all. An acknowledgement would forget the look that is asked for.
  const isBlind = plan.kind === 'write' || (plan.kind === 'acknowledged' && at.isReadAsked !== true);
  return isBlind ? plan : { kind: 'wait', until };
}

/**
 * For a platform that cannot be read: what it was told last is all that is known of it. Absolute and in sequence, so lower or higher
 * goes out at once; what it was told already goes again only after own sales, since whether it counts those itself nobody knows.
 */
export function planBlind(basis: QuantityBasis, target: WireTarget, sync: SyncState): WirePlan {
  const wire = wireQuantity(basis, target);
  const soldBaseline = target.ownSold;
  if (sync.ackedWire === wire && sync.soldBaseline === soldBaseline)
    return { kind: 'acknowledged', wireQuantity: wire, soldBaseline };
  return { kind: 'write', wireQuantity: wire, compareWith: null, soldBaseline, forgetSeen: false };
}
