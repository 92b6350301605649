/**
 * Fair parts of the shared pool between listings that ask for them (`share: fair`): by program weight, each unit once, so that what
 * they show together is there. Without it every channel shows its part of all that it could be promised, and two may show one unit.
 *
 * Guarantees: the parts of an item sum to at most its shared pool, and the parts of listings that reach the same places alone to at
 * most what is free there. By divisors (`fairShares`): one more unit in the shared pool lowers no part. Units of own pools are not
 * split; a part smaller than a listing's pack is shown by nobody. Pure.
 */

import { type Promised, promisableTo } from './draw.ts';
import { lifeRoom } from './lot-life.ts';
import { usableAt } from './lots.ts';
import type { ListingId, LocationId, Program } from './model.ts';
import { keptAt } from './place-pools.ts';
import type { FreeByLocation, Pools } from './pools.ts';
import { fairShares } from './scarcity.ts';

export type FairPart = {
  /** Units of the shared pool that are this listing's. */
  readonly units: number;
  /** What was split, among how many listings, and by which weight of which sum. */
  readonly shared: number;
  readonly listings: number;
  readonly weight: number;
  readonly ofWeight: number;
};

export type FairClaim = {
  readonly listing: ListingId;
  readonly program: Program;
  readonly locations: readonly LocationId[];
};

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** What a listing may be promised where its part of the shared pool is counted: its own units come first, whatever the draw order. */
export const promiseBesideFair = (program: Program, pools: Pools, free: FreeByLocation): Promised =>
  promisableTo(program.drawOrder === 'ownOnly' ? program : { ...program, drawOrder: 'ownThenShared' }, pools, free);

type Row = { readonly weight: number; quantity: number };

type Reaching = Row & { readonly reach: ReadonlySet<LocationId>; readonly minimumLifeDays: number };

function cutTo(room: number, rows: readonly Row[]): void {
  const shares = fairShares(room, rows);
  rows.forEach((row, index) => {
    row.quantity = shares[index] ?? 0;
  });
}

type Life = { readonly days: number; readonly oldAt: (location: LocationId) => number; readonly room: number };

/** Units that live so long, and that nobody protects, are one room for all rows, wherever these reach: whatever a row wants beyond old units. */
function cutYoung(rows: readonly Reaching[], { days, oldAt, room }: Life): void {
  const wants = rows.map(({ weight, minimumLifeDays, reach, quantity }) => {
    const old = minimumLifeDays >= days ? 0 : sumOf([...reach].map(oldAt));
    return { weight, quantity: Math.max(0, quantity - old) };
  });
  const shares = fairShares(room, wants);
  rows.forEach((row, index) => {
    row.quantity -= (wants[index]?.quantity ?? 0) - (shares[index] ?? 0);
  });
}

export function fairParts(claims: readonly FairClaim[], pools: Pools, free: FreeByLocation): Map<ListingId, FairPart> {
  const rows = claims
    .toSorted((a, b) => a.listing - b.listing)
    .map(({ listing, program, locations }) => ({
      listing,
      reach: new Set(locations),
      weight: program.weight ?? 1,
      minimumLifeDays: program.minimumLifeDays ?? 0,
      quantity: Math.min(pools.shared, promiseBesideFair({ ...program, locations }, pools, free).shared),
    }));
  const { lots } = free;
  const all = [...pools.own, ...pools.placed];
  const unprotectedAt = (location: LocationId): number => (free.get(location) ?? 0) - keptAt(pools.placed, location);
  const lives = (lots?.lives ?? []).map((days) => {
    const kept = pools.placed.filter((share) => (share.minimumLifeDays ?? 0) >= days);
    const longAt = (location: LocationId): number =>
      lots === undefined ? 0 : usableAt(lots, location, { minimumLifeDays: days }) - keptAt(kept, location);
    const oldAt = (location: LocationId): number => Math.max(0, unprotectedAt(location) - longAt(location));
    return { days, longAt, oldAt, room: lots === undefined ? 0 : lifeRoom({ minimumLifeDays: days }, all, lots) };
  });
  const reaches = [...new Map(rows.map(({ reach }) => [[...reach].sort().join(' '), reach])).values()];
  for (const reach of reaches.sort((a, b) => a.size - b.size)) {
    const inside = rows.filter((row) => row.reach.isSubsetOf(reach));
    const over = (unitsAt: (location: LocationId) => number): number => sumOf([...reach].map(unitsAt));
    cutTo(Math.max(0, over(unprotectedAt)), inside);
    // Of lots, who asks for a longer life shares what lives so long alone; the others have what is older, and what is left of that.
    for (const { days, longAt, oldAt, room } of lives) {
      const asking = inside.filter(({ minimumLifeDays }) => minimumLifeDays >= days);
      cutTo(Math.max(0, Math.min(room, over(longAt))), asking);
      cutTo(over(oldAt) + room, inside);
    }
  }
  for (const { days, oldAt, room } of lives) cutYoung(rows, { days, oldAt, room });
  const units = fairShares(pools.shared, rows);
  const ofWeight = sumOf(rows.map(({ weight }) => weight));
  return new Map(
    rows.map(({ listing, weight }, index) => [
      listing,
      { units: units[index] ?? 0, shared: pools.shared, listings: rows.length, weight, ofWeight },
    ]),
  );
}
