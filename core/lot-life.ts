/**
 * Lots and pools: protections that programs with a minimum life can do something with, and room that others must leave them.
 *
 * Units that live long enough for a program are among those that do for every program that asks for less. So the protections of all
 * that ask for some days or more are cut to the units that live so long (the longest first), and whoever asks for some days takes of
 * those that live so long, beyond its own pool, only what nobody protects. What a protection cannot use is shared.
 *
 * Guarantees I5 at one place: what a program draws, as lots are drawn (lots.ts), never lowers what another has of its own. Pure.
 */
import { type FreeLots, type Life, usableAt } from './lots.ts';
import type { Policy, ProgramId } from './model.ts';
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
