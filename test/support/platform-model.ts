/**
 * A tiny platform per quantity basis, and the smallest push worker around `planPush`: what the platform shows, sells and is told,
 * against what allot knows of it. The platform sells by itself; its orders are heard of later, in any order. It may show what it
 * accepted only after a lag: what it sold in between is then overwritten.
 *
 * One step of the worker is one plan, so that anything may happen between a read and the write that follows it.
 */
import {
  type planPush as PlanPush,
  type Protection,
  readUnanswered,
  type SyncState,
  type WirePlan,
  type WireTarget,
} from '#core/wire.ts';

export const IN_FLIGHT_MS = 1000;

type PlatformOrder = { units: number; cancelled: boolean; shipped: boolean };
/** How the next write goes: `dropped` and `timedOut` both end without an answer, the second after it was applied. */
export type WriteFault = 'none' | 'dropped' | 'timedOut';

export type World = {
  now: number;
  readonly protection: Protection;
  /** Accepted, and not shown before their moment; each within `settleMs`. */
  readonly accepted: { readonly at: number; readonly wireQuantity: number }[];
  readonly settleMs: number;
  /** The platform: its number (`sellable`: what it shows; else what it was told), and its orders. */
  shown: number;
  readonly orders: PlatformOrder[];
  fault: WriteFault;
  /** Allot: units there are less what other channels sold, the orders it has heard of, and the unexplained read. */
  supply: number;
  readonly known: Map<number, PlatformOrder>;
  seenSold: number | null;
  seenUntil: number | null;
  /** The worker: what it holds in hand, what was acknowledged. */
  inHand: { target: WireTarget; read: { sellable: number; shown: number } | null; isReadAsked: boolean } | null;
  sync: SyncState;
  /** When the last write was accepted; until when a write without an answer keeps the worker from looking. */
  writtenAt: number | null;
  blockedUntil: number;
  /** Since when looks leave in doubt what became of it. */
  doubtedAt: number | null;
  /** The state that a write without an answer would have made. */
  unknown: SyncState | null;
  acked: string | null;
  isReadDue: boolean;
  readonly writes: {
    assumedSold: number;
    trulySold: number;
    forgetSeen: boolean;
    compared: boolean;
    /** An increase, while an earlier write did not show yet. */
    isRaiseInTheDark: boolean;
  }[];
};

export const openWorld = (protection: Protection, supply: number, settleMs = 0): World => ({
  now: 0,
  protection,
  accepted: [],
  settleMs,
  shown: 7,
  orders: [],
  fault: 'none',
  supply,
  known: new Map(),
  seenSold: null,
  seenUntil: null,
  inHand: null,
  sync: { ackedQuantity: null, ackedWire: null, soldBaseline: null },
  writtenAt: null,
  blockedUntil: 0,
  doubtedAt: null,
  unknown: null,
  acked: null,
  isReadDue: false,
  writes: [],
});

const unitsOf = (orders: Iterable<PlatformOrder>, isCounted: (order: PlatformOrder) => boolean): number =>
  [...orders].reduce((sum, order) => (isCounted(order) ? sum + order.units : sum), 0);

const isSold = (order: PlatformOrder): boolean => !order.cancelled;
const isOpen = (order: PlatformOrder): boolean => !order.cancelled && !order.shipped;

/** What a customer could buy on the platform now. */
export const sellableOf = (world: World): number =>
  world.protection.basis === 'sellable' ? world.shown : world.shown - unitsOf(world.orders, isOpen);

/** What allot wants shown, as core/decide.ts reckons it: free units less sales in flight. */
export function targetOf(world: World): WireTarget {
  const ownSold = unitsOf(world.known.values(), isSold);
  const isLive = world.seenSold !== null && world.seenUntil !== null && world.seenUntil > world.now;
  const inFlight = isLive ? Math.max(0, (world.seenSold ?? 0) - ownSold) : 0;
  return {
    quantity: Math.max(0, world.supply - ownSold - inFlight),
    ownSold,
    ownOpen: unitsOf(world.known.values(), isOpen),
    inFlight,
    seenSold: world.seenSold,
    seenUntil: world.seenUntil,
  };
}

/** What makes a new version (core/decide.ts `targetOf`). */
const versionOf = ({ quantity, ownSold, ownOpen, inFlight }: WireTarget): string =>
  [quantity, ownSold, ownOpen, inFlight].join(' ');

export const isQuiet = (world: World): boolean =>
  world.inHand === null && !world.isReadDue && world.acked === versionOf(targetOf(world));

const observe = (world: World) => ({ sellable: sellableOf(world), shown: world.shown });

function acknowledge(world: World, target: WireTarget, plan: { wireQuantity: number; soldBaseline: number }): void {
  world.sync = { ackedQuantity: target.quantity, ackedWire: plan.wireQuantity, soldBaseline: plan.soldBaseline };
  world.acked = versionOf(target);
  world.inHand = null;
}

type Write = Extract<ReturnType<typeof PlanPush>, { kind: 'write' }>;

/** A platform with a lag shows each accepted number at three quarters of its time to settle, in order. */
const LAG = 0.75;

function accept(world: World, wireQuantity: number): void {
  if (world.settleMs === 0) world.shown = wireQuantity;
  else world.accepted.push({ at: world.now + world.settleMs * LAG, wireQuantity });
}

/** Time passes, and what was accepted shows. */
export function passTo(world: World, now: number): void {
  world.now = Math.max(world.now, now);
  for (let next = world.accepted[0]; next !== undefined && next.at <= world.now; next = world.accepted[0]) {
    world.shown = next.wireQuantity;
    world.accepted.shift();
  }
}

function write(world: World, target: WireTarget, plan: Write): void {
  const fault = world.fault;
  world.fault = 'none';
  const isStale = plan.compareWith !== null && plan.compareWith !== world.shown;
  const isIncrease = plan.wireQuantity > world.shown;
  if (!isStale && fault !== 'dropped') {
    world.writes.push({
      assumedSold: plan.soldBaseline,
      trulySold: unitsOf(world.orders, isSold),
      forgetSeen: plan.forgetSeen,
      compared: plan.compareWith !== null,
      isRaiseInTheDark: plan.wireQuantity > (world.sync.ackedWire ?? 0) && world.accepted.length > 0,
    });
    accept(world, plan.wireQuantity);
  }
  if (isStale || fault !== 'none') {
    // A dead connection hides a stale answer too.
    if (fault !== 'none')
      world.unknown = { ackedQuantity: target.quantity, ackedWire: plan.wireQuantity, soldBaseline: plan.soldBaseline };
    world.inHand = null;
    world.isReadDue = true;
    world.doubtedAt = null;
    world.blockedUntil = world.now + world.settleMs;
    return;
  }
  if (plan.forgetSeen) [world.seenSold, world.seenUntil] = [null, null];
  acknowledge(world, target, plan);
  world.writtenAt = world.now;
  // Nothing proves a write where the platform does not compare: look again.
  if ((isIncrease || world.settleMs > 0) && plan.compareWith === null) world.isReadDue = true;
}

type InHand = NonNullable<World['inHand']>;

/** A look tells first what became of a write without an answer. */
function planStep(world: World, { target, read, isReadAsked }: InHand, planPush: typeof PlanPush): WirePlan {
  const { now, protection } = world;
  if (read !== null && world.unknown !== null) {
    const unanswered = { sync: world.sync, sent: world.unknown, doubtedAt: world.doubtedAt };
    const told = readUnanswered(target, unanswered, protection, { read, now });
    if (told.kind === 'doubt') return told;
    [world.sync, world.unknown] = [told.sync, null];
  }
  const settledAt = world.writtenAt === null ? null : world.writtenAt + world.settleMs;
  return planPush(target, world.sync, protection, { read, now, settledAt, isReadAsked });
}

/** One plan of the worker and what follows from it; nothing when there is nothing to do. Answers until when it has to wait. */
export function pushStep(world: World, planPush: typeof PlanPush): number | null {
  if (world.blockedUntil > world.now) return world.blockedUntil;
  if (world.inHand === null) {
    if (isQuiet(world)) return null;
    world.inHand = { target: targetOf(world), read: null, isReadAsked: world.isReadDue };
    return null;
  }
  const { target, read, isReadAsked } = world.inHand;
  const plan = planStep(world, world.inHand, planPush);
  switch (plan.kind) {
    case 'wait':
      // After a look: it is taken again.
      if (read !== null) world.isReadDue = true;
      world.inHand = null;
      return plan.until;
    case 'doubt':
      [world.doubtedAt, world.isReadDue, world.inHand, world.blockedUntil] = [plan.since, true, null, plan.until];
      return plan.until;
    case 'read':
      world.inHand = { target, read: observe(world), isReadAsked };
      world.isReadDue = false;
      break;
    case 'unexplained':
      [world.seenSold, world.seenUntil] = [plan.seenSold, world.now + IN_FLIGHT_MS];
      if (plan.seenSold < target.ownSold) world.isReadDue = true;
      world.inHand = null;
      break;
    case 'acknowledged':
      acknowledge(world, target, plan);
      break;
    case 'write':
      write(world, target, plan);
  }
  return null;
}

/** Pushes until nothing is left to do; throws when it would go on for ever. */
export function drain(world: World, planPush: typeof PlanPush, stepsMax = 48): void {
  for (let steps = 0; steps < stepsMax; steps++) {
    if (isQuiet(world)) return;
    const until = pushStep(world, planPush);
    if (until !== null) passTo(world, until);
  }
  throw new Error(
    `the push loop does not end: ${JSON.stringify({ ...world, known: [...world.known], writes: world.writes.length })}`,
  );
}

export type WorldEvent =
  | { readonly kind: 'sell' | 'restock' | 'otherSale' | 'edit'; readonly units: number }
  | { readonly kind: 'cancel' | 'ship' | 'learn'; readonly which: number }
  | { readonly kind: 'push' | 'reconcile' | 'tick' }
  | { readonly kind: 'fault'; readonly fault: WriteFault };

/** What allot has not heard of yet: orders whose state differs from the one it holds. */
const unheard = (world: World): number[] =>
  world.orders.flatMap((order, id) => (JSON.stringify(world.known.get(id)) === JSON.stringify(order) ? [] : [id]));

function learn(world: World, id: number): void {
  const order = world.orders[id];
  if (order !== undefined) world.known.set(id, { ...order });
}

export const learnAll = (world: World): void => {
  for (const id of unheard(world)) learn(world, id);
};

function sell(world: World, units: number): void {
  if (units > sellableOf(world)) return;
  world.orders.push({ units, cancelled: false, shipped: false });
  if (world.protection.basis === 'sellable') world.shown -= units;
}

function cancel(world: World, which: number): void {
  const open = world.orders.filter(isOpen);
  const order = open[which % Math.max(1, open.length)];
  if (order === undefined) return;
  order.cancelled = true;
  if (world.protection.basis === 'sellable') world.shown += order.units;
}

export function happen(world: World, event: WorldEvent, planPush: typeof PlanPush): void {
  switch (event.kind) {
    case 'sell':
      sell(world, event.units);
      return;
    case 'cancel':
      cancel(world, event.which);
      return;
    case 'ship': {
      const open = world.orders.filter(isOpen);
      const order = open[event.which % Math.max(1, open.length)];
      if (order !== undefined) order.shipped = true;
      return;
    }
    case 'learn': {
      const ids = unheard(world);
      learn(world, ids[event.which % Math.max(1, ids.length)] ?? -1);
      return;
    }
    case 'edit':
      world.shown = event.units;
      return;
    case 'restock':
      world.supply += event.units;
      return;
    case 'otherSale':
      world.supply -= Math.min(event.units, targetOf(world).quantity);
      return;
    case 'reconcile':
      world.isReadDue = true;
      return;
    case 'tick':
      passTo(world, world.now + IN_FLIGHT_MS / 3);
      return;
    case 'fault':
      world.fault = event.fault;
      return;
    case 'push':
      pushStep(world, planPush);
  }
}
