/**
 * Drift: a listing shows another number than it should, with nothing on its way. Why, and who wins.
 *
 * | cause        | told by                                                        | what becomes of it                           |
 * |--------------|----------------------------------------------------------------|----------------------------------------------|
 * | missing      | the platform does not know the listing                         | alert; looked at again                       |
 * | untracked    | the platform counts no stock for it                            | alert; looked at again                       |
 * | notBuyable   | it is archived, inactive, closed                               | alert; looked at again                       |
 * | clock        | the read is dated after now, or before a write that it follows | alert; lowered at most, never raised         |
 * | lateOrder    | fewer than it should, and the time for orders is not over; or  | orders are fetched; believed meanwhile       |
 * |              | more, by no more than its own open units (a cancellation) or   |                                              |
 * |              | what was sold since a write that compares nothing              |                                              |
 * | unit         | exactly a pack more, or a pack less, than it should            | our number is written; alert                 |
 * | mapping      | the platform calls it by the SKU of another item               | our number is written; alert                 |
 * | lostPush     | the number of an earlier write of ours                         | our number is written                        |
 * | secondWriter | somebody has overwritten us again and again                    | never raised until a person resumes it       |
 * | ownStock     | another channel of the item is or was just lowered too, and no | never raised until the item is counted       |
 * |              | order came; or more is promised than there is                  |                                              |
 * | manualEdit   | nothing of all that                                            | by who wins on the channel, up and down      |
 *
 * The first that fits, in the order of `CAUSES`. Who wins: `allot` writes its number; `platform` takes the difference into stock,
 * where the number that follows is the one shown; `ask` writes nothing until a person says.
 *
 * Guarantees: pure; only `manualEdit` is ever won by the platform; what a sale, a cancellation or our own write explains is never
 * counted as an overwrite.
 */
import { Defect } from './errors.ts';
import type { ChannelId, DriftRule, Instant, Sku } from './model.ts';
import { type PublishInputs, publish } from './publish.ts';
import {
  expectedShown,
  type FreshRead,
  type Protection,
  type SyncState,
  soldByRead,
  type WireTarget,
  wireQuantity,
} from './wire.ts';

export const CAUSES = [
  'missing',
  'untracked',
  'notBuyable',
  'clock',
  'lateOrder',
  'unit',
  'mapping',
  'lostPush',
  'secondWriter',
  'ownStock',
  'manualEdit',
] as const;
export type DriftCause = (typeof CAUSES)[number];

/** What is done: orders fetched, our number written, the platform's taken, or nothing until something else happens. */
export type DriftRemedy = 'fetch' | 'write' | 'adopt' | 'stop' | 'wait';

/** Why a listing is stopped: what ends it is a person's word, or for `ownStock` a count too. */
export const STOP_REASONS = ['secondWriter', 'ownStock', 'ask'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** What a stopped listing is still written: lower numbers, since too high a one sells what is not there; where a person is asked, nothing. Both are what can be bought: a number on the wire may hold own open orders. */
export const mayWriteStopped = (stopped: StopReason, wanted: number, sellable: number | null): boolean =>
  stopped !== 'ask' && sellable !== null && wanted < sellable;

/** Another number was found where ours had been. Not sure: a write of ours that was lost would look the same. */
export type Overwrite = {
  readonly at: Instant;
  readonly ours: number;
  readonly theirs: number;
  readonly isSure: boolean;
};

/**
 * Another listing of the same item: units that its number is lower than its orders explain, as it was last believed, or was within
 * LOWERED_TOO_MS when we wrote ours over it. One that could not be reached is found lower long after the others.
 */
export type OtherListing = { readonly channel: ChannelId; readonly unexplained: number };

export type DriftEvidence = {
  readonly target: WireTarget;
  readonly sync: SyncState;
  readonly protection: Protection;
  readonly observed: FreshRead & {
    readonly state: 'tracked' | 'untracked' | 'missing' | 'notBuyable';
    readonly asOf: Instant;
  };
  readonly now: Instant;
  /** When the platform last accepted a write of ours, and when it was last known to show the acknowledged number. */
  readonly writtenAt: Instant | null;
  readonly ackedAt: Instant | null;
  /** Numbers on the wire that we wrote before the last one, newest first; not those that a read alone acknowledged. */
  readonly writtenBefore: readonly number[];
  readonly pack: number;
  readonly sku: Sku;
  /** The item that the platform's own name for the listing is the SKU of, where that is one of ours. */
  readonly namedSku: Sku | null;
  readonly others: readonly OtherListing[];
  /** Units of the item promised beyond what is there. */
  readonly deficit: number;
  readonly countedAt: Instant | null;
  /** When a person, or a count, last said that our number is to be written: counts until it was. */
  readonly resumedAt: Instant | null;
  /** Of this listing, oldest first. */
  readonly overwrites: readonly Overwrite[];
  readonly wins: DriftRule;
  /** What the target was made of; null where nobody kept it. */
  readonly inputs: PublishInputs | null;
};

export type Drift = {
  readonly cause: DriftCause;
  readonly direction: 'up' | 'down' | null;
  readonly remedy: DriftRemedy;
  readonly stops: StopReason | null;
  /** To be kept, so that a war is known by the ones before it; null where our number was not overwritten. */
  readonly overwrite: Overwrite | null;
  /** For a person, one fact each. */
  readonly because: readonly string[];
};

/** Clocks of platforms differ by seconds; by more, what they date cannot be put in order. */
export const CLOCK_TOLERANCE_MS = 120_000;
/** So many overwrites of a listing within the window are a war: sure ones, or ones with the same number. */
export const WAR_OVERWRITES = 3;
export const WAR_WINDOW_MS = 6 * 3_600_000;
export const LOWERED_TOO_MS = 3_600_000;

/** Units that a listing was lowered by, by sure overwrites that no count of the item has answered since. */
export const loweredLately = (
  overwrites: readonly Overwrite[],
  { now, countedAt }: { readonly now: Instant; readonly countedAt: Instant | null },
): number =>
  overwrites
    .filter(({ at, isSure }) => isSure && at > now - LOWERED_TOO_MS && at > (countedAt ?? 0))
    .reduce((most, { ours, theirs }) => Math.max(most, ours - theirs), 0);

const ALLOT_WINS: DriftRule = { up: 'allot', down: 'allot' };

/** Who wins on a channel, by the policy in force. */
export const driftRuleFor = (
  rules: readonly (DriftRule & { readonly channel: ChannelId })[] | undefined,
  channel: ChannelId,
): DriftRule => rules?.find((rule) => rule.channel === channel) ?? ALLOT_WINS;

/** What a buyer should be able to buy, by the last acknowledged write and the orders that we hold; null before the first. */
function shouldSell({ target, sync, protection }: Pick<DriftEvidence, 'target' | 'sync' | 'protection'>) {
  // A belief in sales that is over does not count: what it kept low was no sale.
  if (protection.basis === 'sellable') return expectedShown({ ...target, seenSold: null }, sync);
  return sync.ackedWire === null ? null : sync.ackedWire - target.ownOpen;
}

/** Whether a read shows neither what the last write left there nor that less the sales we hold: somebody else wrote, or will be heard of. */
export const isContested = (target: WireTarget, sync: SyncState, protection: Protection, read: FreshRead): boolean => {
  const should = shouldSell({ target, sync, protection });
  return should !== null && read.sellable !== should;
};

type Told = Pick<Drift, 'cause' | 'because'>;

/** Of numbers as small as a pack it may be chance. */
const isPackOff = (shown: number, wanted: number, pack: number): boolean =>
  pack > 1 && Math.max(shown, wanted) > 3 * pack && (shown === wanted * pack || shown * pack === wanted);

function tellClock({ observed: { asOf }, now, writtenAt }: DriftEvidence): Told | null {
  const ahead = asOf - now;
  if (ahead > CLOCK_TOLERANCE_MS)
    return { cause: 'clock', because: [`the read is dated ${Math.round(ahead / 1000)} s after now`] };
  const behind = (writtenAt ?? asOf) - asOf;
  if (behind <= CLOCK_TOLERANCE_MS) return null;
  const says = `the read is dated ${Math.round(behind / 1000)} s before our last write, which was accepted before it`;
  return { cause: 'clock', because: [says] };
}

/** Units that the read is below (sales) or above (cancellations) what orders explain, while these may still come. */
function tellLateOrder({ target, sync, protection, observed, now }: DriftEvidence): Told | null {
  if (protection.basis === 'onHandLessOwnOpen' || sync.soldBaseline === null) return null;
  const sold = soldByRead(target, sync, observed);
  const unexplained = sold - target.ownSold - target.inFlight;
  const isOver = target.seenUntil !== null && target.seenUntil <= now;
  if (unexplained > 0) {
    if (isOver && (target.seenSold ?? 0) >= sold) return null;
    return { cause: 'lateOrder', because: [`${unexplained} unit(s) fewer than our orders explain`] };
  }
  // Without a compare a write of ours may have landed over sales: then it shows what we wrote, shipped since or not.
  const overSales = protection.compares ? 0 : target.ownSold - sync.soldBaseline;
  const most = Math.max(target.ownOpen, overSales);
  if (unexplained === 0 || -unexplained > most || (protection.compares && isOver)) return null;
  const why = protection.compares
    ? `of ${target.ownOpen} in its own open orders: perhaps cancelled there`
    : `of ${most} that its own orders are about: perhaps cancelled there, or sold while a write of ours was not shown yet`;
  return { cause: 'lateOrder', because: [`${-unexplained} unit(s) more, ${why}`] };
}

/** The number that a write of ours before the last one left, less what was sold since: the last one never arrived. */
function tellLostPush({ target, sync, protection, observed, writtenBefore }: DriftEvidence): Told | null {
  const shown = protection.basis === 'sellable' ? observed.sellable : observed.shown;
  const sold = Math.max(0, target.ownSold - (sync.soldBaseline ?? target.ownSold));
  if (!writtenBefore.some((written) => shown === written || shown === written - sold)) return null;
  return { cause: 'lostPush', because: [`it shows ${shown}: our own number of an earlier write`] };
}

/** The overwrites of a war, oldest first; null while it is none. */
function tellWar(overwrites: readonly Overwrite[], now: Instant): Told | null {
  const recent = overwrites.filter(({ at }) => at > now - WAR_WINDOW_MS);
  const last = recent.at(-1);
  const sure = recent.filter(({ isSure }) => isSure);
  const same = recent.filter(({ theirs }) => theirs === last?.theirs);
  const war = [sure, same].find((list) => list.length >= WAR_OVERWRITES && list.at(-1) === last);
  if (war === undefined) return null;
  const list = war.slice(-WAR_OVERWRITES).map(({ theirs, ours }) => `${theirs} over ${ours}`);
  return { cause: 'secondWriter', because: [`overwritten ${war.length} times, last ${list.join(', ')}`] };
}

const sayCount = (countedAt: Instant | null): string =>
  countedAt === null ? 'it was never counted' : `last counted ${new Date(countedAt).toISOString().slice(0, 10)}`;

function tellOwnStock(evidence: DriftEvidence, direction: 'up' | 'down'): Told | null {
  const { others, deficit, countedAt } = evidence;
  if (direction !== 'down') return null;
  const first = others.find(({ unexplained }) => unexplained > 0);
  if (first !== undefined) {
    const says = `${first.channel} was lowered too, by ${first.unexplained}, and no order explains it`;
    return { cause: 'ownStock', because: [says, sayCount(countedAt)] };
  }
  if (deficit === 0) return null;
  return { cause: 'ownStock', because: [`${deficit} unit(s) are promised beyond what is there`, sayCount(countedAt)] };
}

/** Causes by which somebody else did write. */
const SURE_OVERWRITES: ReadonlySet<DriftCause> = new Set<DriftCause>(['unit', 'mapping', 'ownStock', 'manualEdit']);

function tellMisread(evidence: DriftEvidence, wanted: number): Told | null {
  const { observed, pack, sku, namedSku } = evidence;
  if (isPackOff(observed.sellable, wanted, pack)) {
    return { cause: 'unit', because: [`it shows ${observed.sellable} for ${wanted}, in packs of ${pack}`] };
  }
  if (namedSku === null || namedSku === sku) return null;
  return { cause: 'mapping', because: [`the platform calls it ${namedSku}; it stands for ${sku}`] };
}

function tellCause(evidence: DriftEvidence, direction: 'up' | 'down', wanted: number): Told & Pick<Drift, 'overwrite'> {
  const { observed, now } = evidence;
  const clock = tellClock(evidence);
  if (clock !== null) return { ...clock, overwrite: null };
  const late = tellLateOrder(evidence);
  // Nothing else is concluded for as long as orders may come.
  if (late !== null) return { ...late, overwrite: null };
  const told = tellMisread(evidence, wanted) ??
    tellLostPush(evidence) ??
    tellOwnStock(evidence, direction) ?? {
      cause: 'manualEdit' as const,
      because: [`it shows ${observed.sellable}, and ${wanted} was left there`],
    };
  // Without a compare, our own late write over a cancellation leaves as much behind.
  const isBlurred = !evidence.protection.compares && Math.abs(observed.sellable - wanted) <= evidence.target.ownOpen;
  const isSure = SURE_OVERWRITES.has(told.cause) && !isBlurred;
  // Nobody wrote where our own last number still stands; and one that was seen before is no second one until we wrote again.
  const before = evidence.overwrites.at(-1);
  const isNew = observed.sellable !== wanted && (before === undefined || (evidence.ackedAt ?? 0) > before.at);
  const overwrite = isNew ? { at: now, ours: wanted, theirs: observed.sellable, isSure } : null;
  const all = overwrite === null ? evidence.overwrites : [...evidence.overwrites, overwrite];
  const war = told.cause === 'ownStock' ? null : tellWar(all, now);
  return { ...(war ?? told), overwrite };
}

/** Whether stock changed by the difference makes the number that is shown: a share, a cap or a kit may not. */
function canAdopt({ target, observed, pack, inputs }: DriftEvidence): boolean {
  if (inputs === null || inputs.kit !== undefined || inputs.fairShare !== undefined) return false;
  const delta = (observed.sellable - target.quantity) * pack;
  return publish({ ...inputs, fromShared: inputs.fromShared + delta }) === observed.sellable;
}

function remedyOf(
  evidence: DriftEvidence,
  cause: DriftCause,
  direction: 'up' | 'down',
): Pick<Drift, 'remedy' | 'stops'> {
  switch (cause) {
    case 'missing':
    case 'untracked':
    case 'notBuyable':
      return { remedy: 'wait', stops: null };
    case 'clock':
      // To lower is safe whenever the read was taken.
      return { remedy: direction === 'up' ? 'write' : 'wait', stops: null };
    case 'lateOrder':
      // Without a compare nothing is waited for (wire.ts).
      return { remedy: direction === 'up' && !evidence.protection.compares ? 'write' : 'fetch', stops: null };
    case 'unit':
    case 'mapping':
    case 'lostPush':
      return { remedy: 'write', stops: null };
    case 'secondWriter':
    case 'ownStock':
      // Too high a number sells what is not there: a war goes on in that direction, at the pace of looks.
      return { remedy: evidence.observed.sellable > evidence.target.quantity ? 'write' : 'stop', stops: cause };
    case 'manualEdit': {
      const winner = evidence.wins[direction];
      if (winner === 'allot') return { remedy: 'write', stops: null };
      if (winner === 'platform' && canAdopt(evidence)) return { remedy: 'adopt', stops: null };
      return { remedy: 'stop', stops: 'ask' };
    }
    default:
      throw new Defect(`no such cause: ${String(cause satisfies never)}`);
  }
}

/** Null where it shows what it should. Asked only where nothing is on its way to the platform. */
export function judgeDrift(evidence: DriftEvidence): Drift | null {
  const { target, protection, observed } = evidence;
  const none = { direction: null, remedy: 'wait', stops: null, overwrite: null } as const;
  if (observed.state !== 'tracked')
    return { ...none, cause: observed.state, because: [`the platform says that it is ${observed.state}`] };
  const wire = wireQuantity(protection.basis, target);
  if ((protection.basis === 'sellable' ? observed.sellable : observed.shown) === wire) return null;
  const should = shouldSell(evidence) ?? target.quantity;
  const direction = observed.sellable > (observed.sellable === should ? target.quantity : should) ? 'up' : 'down';
  const told = tellCause(evidence, direction, should);
  const remedy = remedyOf(evidence, told.cause, direction);
  const isAsTold = evidence.resumedAt !== null && evidence.resumedAt > (evidence.ackedAt ?? 0);
  if (isAsTold && remedy.stops !== null) return { ...told, direction, remedy: 'write', stops: null };
  return { ...told, direction, ...remedy };
}

/** What a read proves, in words: that the listing shows what it should; null when it does not. Drift and its alert end by this alone. */
export function provesHealed(
  target: WireTarget,
  { basis }: Protection,
  observed: DriftEvidence['observed'],
): string | null {
  const wire = wireQuantity(basis, target);
  const shown = basis === 'sellable' ? observed.sellable : observed.shown;
  if (observed.state !== 'tracked' || shown !== wire) return null;
  return `read at ${new Date(observed.asOf).toISOString()}: it shows ${shown}, as it should`;
}

/** Causes that a person has to know of although allot goes on; the others are told when they last. */
export const NEEDS_PERSON: ReadonlySet<DriftCause> = new Set<DriftCause>([
  'missing',
  'untracked',
  'notBuyable',
  'clock',
  'unit',
  'mapping',
  'secondWriter',
  'ownStock',
]);

/**
 * How much a look at a listing is worth: it grows with age, faster for what sells and for what is at stake (units by what they are worth); once a listing was not looked at for a whole period it
 * goes before all that were.
 */
export function lookValue(ageMs: number, ownSold: number, periodMs: number, stake = 0): number {
  const worth = ageMs * (1 + Math.log1p(Math.max(0, ownSold))) * (1 + Math.log1p(Math.max(0, stake)));
  return ageMs >= periodMs ? worth + Number.MAX_SAFE_INTEGER / 2 : worth;
}
