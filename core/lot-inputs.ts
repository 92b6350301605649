/** What lots keep from a program's number, and the sentence that tells it: a strict program is never starved in silence. Pure. */
import { DAY_MS, type FreeLots, hasLife, usableAt } from './lots.ts';
import type { Instant, LocationId, LotCode, Program } from './model.ts';

export type Unusable = {
  /** Null: units without a lot. */
  readonly lot: LotCode | null;
  readonly location: LocationId;
  readonly units: number;
  readonly expiresAt: Instant | null;
  readonly why: 'expired' | 'tooSoon' | 'unknown';
};

export type LotInputs = {
  /** Days that the program's customers ask for; 0: any that is not expired. */
  readonly minimumLifeDays: number;
  /** Free units at its places that it may not be promised. */
  readonly unusable: number;
  /** Of what they are, the first of them. */
  readonly because: readonly Unusable[];
  /** What it may take of them beyond its own pool, since the rest is protected; absent where that keeps nothing from it. */
  readonly room?: number;
};

const TOLD_MAX = 10;

/** Null where lots keep nothing from it. */
export function lotInputsOf(
  program: Program,
  places: readonly LocationId[],
  free: FreeLots,
  { room, open }: { readonly room: number; readonly open: number },
): LotInputs | null {
  const { minimumLifeDays = 0 } = program;
  let [unusable, usable] = [0, 0];
  const because: Unusable[] = [];
  for (const location of places) {
    const place = free.places.get(location);
    if (place === undefined) continue;
    const may = usableAt(free, location, program);
    usable += may;
    unusable += place.expired.reduce((sum, { units }) => sum + units, place.net) - may;
    for (const { lot, units } of place.expired)
      because.push({ lot: lot.code, location, units, expiresAt: lot.expiresAt, why: 'expired' });
    for (const { lot, units } of place.lots)
      if (units > 0 && !hasLife(lot, minimumLifeDays, free.now))
        because.push({ lot: lot.code, location, units, expiresAt: lot.expiresAt, why: 'tooSoon' });
    if (minimumLifeDays > 0 && place.unlotted > 0)
      because.push({ lot: null, location, units: place.unlotted, expiresAt: null, why: 'unknown' });
  }
  const isHeldBack = room < Math.min(Math.max(0, usable), open);
  if (unusable <= 0 && !isHeldBack) return null;
  const told = { minimumLifeDays, unusable, because: because.slice(0, TOLD_MAX) };
  return isHeldBack ? { ...told, room } : told;
}

const dayOf = (at: Instant): string => new Date(at).toISOString().slice(0, 10);

const lotWords = ({ lot, location, units, expiresAt }: Unusable, places: number): string =>
  `lot ${lot}${expiresAt === null ? '' : `, ${dayOf(expiresAt)}`}: ${units}${places > 1 ? ` at ${location}` : ''}`;

const sumOf = (rows: readonly Unusable[]): number => rows.reduce((sum, { units }) => sum + units, 0);

/** `free`: units at the program's places before lots are looked at. */
export function sayLots(program: string, free: number, inputs: LotInputs, places: number): string {
  const { minimumLifeDays, because, room } = inputs;
  const rows = (why: Unusable['why']): Unusable[] => because.filter((each) => each.why === why);
  const listed = (some: readonly Unusable[]): string => some.map((each) => lotWords(each, places)).join('; ');
  const [expired, tooSoon, unknown] = [rows('expired'), rows('tooSoon'), rows('unknown')];
  const parts = [
    ...(expired.length === 0 ? [] : [`${sumOf(expired)} of them expired (${listed(expired)})`]),
    ...(tooSoon.length === 0
      ? []
      : [
          `${sumOf(tooSoon)} of them expire too soon for the ${minimumLifeDays} days that ${program} asks for (${listed(tooSoon)})`,
        ]),
    ...(unknown.length === 0 ? [] : [`${sumOf(unknown)} of them have no lot, so nobody knows how long they live`]),
    ...(room === undefined ? [] : [`of the others ${room} are protected for nobody`]),
  ];
  return `${free} free, ${parts.join(', ')}`;
}

/** Whole days that are left; below 0 once it is expired, null where it never expires. */
export const daysLeft = (expiresAt: Instant | null, now: Instant): number | null =>
  expiresAt === null ? null : Math.floor((expiresAt - now) / DAY_MS);
