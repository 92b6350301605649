/**
 * Lots: which of them a program may be promised, and which of those goes first.
 *
 * | a lot                                        | who may be promised it                                     |
 * | is expired                                   | nobody                                                     |
 * | lives on for so many days                    | programs that ask for no more (`minimumLifeDays`)          |
 * | never expires                                | everybody                                                  |
 * | is not known (units without a lot)           | programs that ask for none                                 |
 *
 * Drawn at a place, FEFO: what expires first goes first, then what was received first, then by code. Units without a lot go after all
 * that expires, but before lots that a program with a minimum life could still take: it can take nothing else.
 *
 * Guarantees: pure. Free units of a place are never more than what is there less what is promised, whichever lots lack units.
 */
import { assert } from './errors.ts';
import type { Allocation, Instant, LocationId, Lot, Policy, Program } from './model.ts';

export const DAY_MS = 86_400_000;

/** Lots that expire within so many days are told, where the policy does not say. */
export const EXPIRING_WITHIN_DAYS = 30;

/** Most days that a program may ask for. */
export const MINIMUM_LIFE_DAYS_MAX = 3650;

export const isExpired = ({ expiresAt }: Pick<Lot, 'expiresAt'>, now: Instant): boolean =>
  expiresAt !== null && expiresAt <= now;

/** Whether a lot lives on for so many days. */
export const hasLife = ({ expiresAt }: Pick<Lot, 'expiresAt'>, days: number, now: Instant): boolean =>
  expiresAt === null || (expiresAt > now && expiresAt - now >= days * DAY_MS);

/** First expired first out. */
export function byFefo(a: Lot, b: Lot): number {
  const expiry = (a.expiresAt ?? Number.MAX_SAFE_INTEGER) - (b.expiresAt ?? Number.MAX_SAFE_INTEGER);
  if (expiry !== 0) return expiry;
  if (a.receivedAt !== b.receivedAt) return a.receivedAt - b.receivedAt;
  return a.code < b.code ? -1 : Number(a.code > b.code);
}

const LIVES = new WeakMap<Policy, readonly number[]>();

/** The minimum lives that programs ask for, the longest first. */
export function livesOf(policy: Policy): readonly number[] {
  const known =
    LIVES.get(policy) ??
    [
      ...new Set(policy.programs.flatMap(({ minimumLifeDays = 0 }) => (minimumLifeDays > 0 ? [minimumLifeDays] : []))),
    ].sort((a, b) => b - a);
  LIVES.set(policy, known);
  return known;
}

/** Free units of a lot that is not expired, at one place. */
export type FreeLot = { readonly lot: Lot; readonly units: number };

export type PlaceLots = {
  /** What anybody may be promised at the place, expired units left out; below 0 where more is promised than there is. */
  readonly net: number;
  /** In the order in which they go. */
  readonly lots: readonly FreeLot[];
  /** Free units of lots that are expired: nobody's, and told. */
  readonly expired: readonly FreeLot[];
  /** Free units without a lot. */
  readonly unlotted: number;
};

/** The free units of an item by place and lot, as everybody's promise is made of them at a moment. */
export type FreeLots = {
  readonly now: Instant;
  /** As `livesOf` has them. */
  readonly lives: readonly number[];
  readonly places: ReadonlyMap<LocationId, PlaceLots>;
};

export type Life = Pick<Program, 'minimumLifeDays'>;

/** Free units of a place that a program may use. */
export function usableAt(free: FreeLots, location: LocationId, { minimumLifeDays = 0 }: Life): number {
  const place = free.places.get(location);
  if (place === undefined) return 0;
  let units = minimumLifeDays > 0 ? 0 : place.unlotted;
  for (const { lot, units: some } of place.lots) if (hasLife(lot, minimumLifeDays, free.now)) units += some;
  return Math.min(place.net, units);
}

export type LotPart = { readonly lot: Lot | null; units: number };

/** The units of a place that a program may use, in the order in which they go. */
export function queueAt(free: FreeLots, location: LocationId, { minimumLifeDays = 0 }: Life): LotPart[] {
  const place = free.places.get(location);
  if (place === undefined) return [];
  const lots = place.lots.filter(({ lot }) => hasLife(lot, minimumLifeDays, free.now));
  const parts = lots.map(({ lot, units }): LotPart => ({ lot, units }));
  if (minimumLifeDays > 0 || place.unlotted === 0) return parts;
  const shortest = free.lives.at(-1);
  const wanted = shortest === undefined ? -1 : lots.findIndex(({ lot }) => hasLife(lot, shortest, free.now));
  return parts.toSpliced(wanted < 0 ? parts.length : wanted, 0, { lot: null, units: place.unlotted });
}

/** What was drawn at places, lot by lot. */
export function drawLots(free: FreeLots, life: Life, drawn: readonly Allocation[]): Allocation[] {
  const queues = new Map<LocationId, LotPart[]>();
  return drawn.flatMap((part) => {
    const queue = queues.get(part.location) ?? queueAt(free, part.location, life);
    queues.set(part.location, queue);
    const parts: Allocation[] = [];
    let open = part.quantity;
    for (const next of queue) {
      const quantity = Math.min(open, next.units);
      if (quantity === 0) continue;
      open -= quantity;
      next.units -= quantity;
      parts.push({ ...part, quantity, ...(next.lot === null ? {} : { lot: next.lot.code }) });
    }
    assert(open === 0, `${open} units at ${part.location} were drawn of lots that their program may not use`);
    return parts;
  });
}

/** What is free once these units are promised. */
export function lessDrawn(free: FreeLots, { location, lot, quantity }: Allocation): FreeLots {
  const place = free.places.get(location);
  if (place === undefined) return free;
  const lots = place.lots.map((each) => (each.lot.code === lot ? { ...each, units: each.units - quantity } : each));
  const unlotted = place.unlotted - (lot === undefined ? quantity : 0);
  const after = { ...place, net: place.net - quantity, lots, unlotted };
  return { ...free, places: new Map(free.places).set(location, after) };
}

/** What is free once goods came that nobody knows the lot of: taken to be fresh, since they were not made to be refused. */
export function plusComing(free: FreeLots, location: LocationId, units: number): FreeLots {
  const place = free.places.get(location);
  if (place === undefined) return free;
  const fresh: FreeLot = { lot: { code: '', receivedAt: Number.MAX_SAFE_INTEGER, expiresAt: null }, units };
  const after = { ...place, net: place.net + units, lots: [...place.lots, fresh] };
  return { ...free, places: new Map(free.places).set(location, after) };
}

/** The moments at which lots of these expire, or fall below what a program asks for. */
export function lifeMoments(lots: Iterable<Lot>, lives: readonly number[], now: Instant): Instant[] {
  const moments: Instant[] = [];
  for (const { expiresAt } of lots) {
    if (expiresAt === null) continue;
    // With exactly the days that are asked for it may still be promised.
    for (const days of lives) moments.push(expiresAt - days * DAY_MS + 1);
    moments.push(expiresAt);
  }
  return moments.filter((at) => at > now);
}

/** The same units as they will be at a later moment: what has expired by then is nobody's. */
export function agedTo(free: FreeLots, at: Instant): FreeLots {
  const places = new Map<LocationId, PlaceLots>();
  for (const [location, place] of free.places) {
    const gone = place.lots.filter(({ lot }) => isExpired(lot, at));
    const lots = place.lots.filter((each) => !gone.includes(each));
    const net = gone.reduce((left, { units }) => left - units, place.net);
    places.set(location, { ...place, net, lots, expired: [...place.expired, ...gone] });
  }
  return { ...free, now: Math.max(free.now, at), places };
}
