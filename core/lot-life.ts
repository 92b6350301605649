/**
 * Lots and pools: protections that programs with a minimum life can do something with, and room that others must leave them.
 *
 * Units that live long enough for a program are among those that do for every program that asks for less. So the protections of all
 * that ask for some days or more are cut to the units that live so long (the longest first), and whoever asks for some days takes of
 * those that live so long, beyond its own pool, only what nobody protects. What a protection cannot use is shared.
 *
 * Guarantees I5: what a program draws, as lots are drawn (lots.ts), never lowers what another has of its own, as long as the places
 * that it draws at have units which are not protected for a longer life. Pure.
 */
import { type FreeLots, hasLife, type Life, type LotPart, queueAt, usableAt } from './lots.ts';
import type { LocationId, Policy, ProgramId } from './model.ts';
import type { FreeAt } from './place-pools.ts';
import { rulesOf } from './rules.ts';

/** What is looked at of a program's pool. */
type Share = {
  readonly program: ProgramId;
  readonly remaining: number;
  readonly minimumLifeDays?: number;
  readonly isCutByLife?: true;
};

/** Free units, over all places, that a program with this life may use. */
export function usableUnits(free: FreeLots, life: Life): number {
  let units = 0;
  for (const location of free.places.keys()) units += usableAt(free, location, life);
  return Math.max(0, units);
}

/**
 * `cut` cuts what shares have left to a total, whoever's turn it is being the same in every cut: so this is the greedy choice of a
 * laminar matroid, and what one of them draws leaves to the others what they had.
 */
export function cutByLife<S extends Share>(
  policy: Policy,
  { total, shares, at }: { readonly total: number; readonly shares: readonly S[]; readonly at: FreeAt },
  free: FreeLots,
  cut: (total: number, shares: readonly S[], at: FreeAt) => readonly S[],
): readonly S[] {
  const { programs } = rulesOf(policy);
  let capped: readonly S[] = shares.map((share) => {
    const days = programs.get(share.program)?.minimumLifeDays;
    return days === undefined ? share : { ...share, minimumLifeDays: days };
  });
  for (const days of free.lives) {
    const members = capped.filter(({ minimumLifeDays = 0 }) => minimumLifeDays >= days);
    if (members.length === 0) continue;
    const life = { minimumLifeDays: days };
    const reduced = cut(usableUnits(free, life), members, { get: (location) => usableAt(free, location, life) });
    capped = capped.map((share) => {
      const cutShare = reduced[members.indexOf(share)];
      if (cutShare === undefined || cutShare.remaining === share.remaining) return share;
      return { ...cutShare, isCutByLife: true as const };
    });
  }
  return cut(total, capped, at);
}

/** Units that a program may take of lots that live as long as it asks for, without what these shares protect of them. */
export function lifeRoom({ minimumLifeDays = 0 }: Life, shares: readonly Share[], free: FreeLots): number {
  let room = Number.MAX_SAFE_INTEGER;
  for (const days of free.lives) {
    if (days > minimumLifeDays) continue;
    let units = usableUnits(free, { minimumLifeDays: days });
    for (const { remaining, minimumLifeDays: asked = 0 } of shares) if (asked >= days) units -= remaining;
    room = Math.min(room, Math.max(0, units));
  }
  return room;
}

/** Units that live on for so many days: how many may go before what is protected of them is touched. */
type Room = { readonly days: number; left: number };

/** What is left at a place while units go from it, as lots go. */
type Leaving = { readonly queue: LotPart[]; net: number; readonly young: number[] };

function leavingAt(free: FreeLots, location: LocationId, life: Life, rooms: readonly Room[]): Leaving {
  const place = free.places.get(location);
  const young = rooms.map(({ days }) =>
    (place?.lots ?? []).reduce((units, each) => units + (hasLife(each.lot, days, free.now) ? each.units : 0), 0),
  );
  return { queue: queueAt(free, location, life), net: Math.max(0, place?.net ?? 0), young };
}

/** Takes up to `most` units; `isBound`: as far as the rooms allow. Answers how many. */
function leave(from: Leaving, { rooms, now, most, isBound }: LeaveAsk): number {
  let open = most;
  for (const part of from.queue) {
    const isYoung = rooms.map(({ days }) => part.lot !== null && hasLife(part.lot, days, now));
    // A place that lacks promised units has fewer than its lots say: what goes of the old ones may then count as young.
    const old = isYoung.map((is, at) => (is ? 0 : Math.max(0, from.net - (from.young[at] ?? 0))));
    const bounds = isBound ? rooms.map(({ left }, at) => left + (old[at] ?? 0)) : [];
    const quantity = Math.min(open, part.units, from.net, ...bounds);
    rooms.forEach((room, at) => {
      room.left = Math.max(0, room.left - Math.max(0, quantity - (old[at] ?? 0)));
      if (isYoung[at]) from.young[at] = (from.young[at] ?? 0) - quantity;
    });
    from.net -= quantity;
    part.units -= quantity;
    open -= quantity;
    if (part.units > 0) break;
  }
  return most - open;
}

type LeaveAsk = {
  readonly rooms: readonly Room[];
  readonly now: FreeLots['now'];
  readonly most: number;
  readonly isBound: boolean;
};

/** Of a place: units that may go, and units that the same draw has taken there already. */
export type PlaceTurn = { readonly location: LocationId; readonly open: number; readonly gone: number };

/**
 * For each place, in its turn: units that may go, as lots go, without any that these shares protect for a longer life than the program
 * asks for. Null where they protect none. What a place gives lowers what the later ones may give.
 */
export function sparedAt(
  life: Life,
  shares: readonly Share[],
  free: FreeLots,
  turns: readonly PlaceTurn[],
): readonly number[] | null {
  const { minimumLifeDays = 0 } = life;
  const rooms = free.lives.flatMap((days): Room[] => {
    const asking = days > minimumLifeDays ? shares.filter(({ minimumLifeDays: asked = 0 }) => asked >= days) : [];
    const kept = asking.reduce((units, { remaining }) => units + remaining, 0);
    return kept === 0 ? [] : [{ days, left: Math.max(0, usableUnits(free, { minimumLifeDays: days }) - kept) }];
  });
  if (rooms.length === 0) return null;
  const { now } = free;
  const places = turns.map((turn) => ({ turn, from: leavingAt(free, turn.location, life, rooms) }));
  for (const { turn, from } of places) leave(from, { rooms, now, most: turn.gone, isBound: false });
  return places.map(({ turn, from }) => leave(from, { rooms, now, most: turn.open, isBound: true }));
}
