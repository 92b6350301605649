/**
 * The scripted restock rule, (R,S): every R days each SKU is ordered up to its level S, and the goods come L days later, at night.
 *
 * S comes from the stream's own demand: mean over R + L days, and `z` deviations on top. One `z` for all, chosen by playing the
 * stream through plain arithmetic (`playRoughly`), so that scarcity is left and yet most of what is offered can be sold.
 */
import { CHANNELS, channelNamed, type DemoChannel, PROTECTED } from './brand.ts';
import { dayOf, type StreamEvent, skusOf } from './stream.ts';

export const REVIEW_DAYS = 7;
export const LEAD_DAYS = 3;

export type Demand = {
  readonly mean: number;
  readonly deviation: number;
  /** Units a review period of the protected program alone. */
  readonly wholesale: number;
};

/** Calendar days from the first event to the last. */
export function countDays(events: readonly StreamEvent[]): number {
  let [first, last] = [Number.MAX_SAFE_INTEGER, 0];
  for (const { at } of events) {
    first = Math.min(first, dayOf(at));
    last = Math.max(last, dayOf(at));
  }
  return Math.max(1, last - first + 1);
}

/** Units of each SKU per calendar day of the stream. */
export function measureDemand(events: readonly StreamEvent[]): ReadonlyMap<string, Demand> {
  const dayCount = countDays(events);
  const daily = new Map<string, Map<number, number>>();
  const wholesale = new Map<string, number>();
  for (const event of events) {
    if (event.kind !== 'order') continue;
    const day = dayOf(event.at);
    for (const { sku, units } of event.lines) {
      const series = daily.get(sku) ?? new Map<number, number>();
      series.set(day, (series.get(day) ?? 0) + units);
      daily.set(sku, series);
      if (channelNamed(event.channel).program === PROTECTED) wholesale.set(sku, (wholesale.get(sku) ?? 0) + units);
    }
  }
  const demandOf = (series: ReadonlyMap<number, number>, sku: string): Demand => {
    const units = [...series.values()];
    const mean = units.reduce((a, b) => a + b, 0) / dayCount;
    const squares = units.reduce((sum, one) => sum + one * one, 0) / dayCount;
    const weekly = ((wholesale.get(sku) ?? 0) / dayCount) * REVIEW_DAYS;
    return { mean, deviation: Math.sqrt(Math.max(0, squares - mean * mean)), wholesale: weekly };
  };
  return new Map([...daily].map(([sku, series]) => [sku, demandOf(series, sku)]));
}

export type Levels = ReadonlyMap<string, number>;

/** For `days` of cover, and `z` deviations on top. */
export const levelsAt = (demand: ReadonlyMap<string, Demand>, z: number, days: number): Levels =>
  new Map(
    [...demand].map(([sku, { mean, deviation }]) => [
      sku,
      Math.max(1, Math.round(mean * days + z * deviation * Math.sqrt(days))),
    ]),
  );

export type Restock = {
  /** Call once a night, days in order; `free` is what could still be promised (negative: promised beyond it). Answers what arrives. */
  night(day: number, free: ReadonlyMap<string, number>): { readonly sku: string; readonly units: number }[];
};

/** The lead time is shorter than the review period: when it is reviewed, nothing is on its way. */
export function createRestock(levels: Levels): Restock {
  let due: { readonly day: number; readonly sku: string; readonly units: number }[] = [];
  let reviewAt: number | null = null;
  return {
    night(day, free) {
      const arrived = due.filter((delivery) => delivery.day <= day);
      due = due.filter((delivery) => delivery.day > day);
      reviewAt ??= day + REVIEW_DAYS;
      if (day < reviewAt) return arrived;
      reviewAt = day + REVIEW_DAYS;
      for (const [sku, level] of levels) {
        const units = level - (free.get(sku) ?? 0);
        if (units > 0) due.push({ day: day + LEAD_DAYS, sku, units });
      }
      return arrived;
    },
  };
}

export type PoolUnits = (sku: string) => number;
export type RoughRun = { readonly fill: number; readonly stockouts: number };

/** What the stream would sell at these levels, by plain arithmetic: no channel is ever late, nothing is cancelled. */
export function playRoughly(events: readonly StreamEvent[], levels: Levels, pool: PoolUnits): RoughRun {
  const free = new Map(levels);
  const drawn = new Map<string, number>();
  const empty = new Set<string>();
  const restock = createRestock(levels);
  let [offered, sold] = [0, 0];
  let today: number | null = null;
  const shownTo = ({ program, buffer }: DemoChannel, sku: string): number => {
    const kept = program === PROTECTED ? 0 : Math.max(0, pool(sku) - (drawn.get(sku) ?? 0));
    return Math.max(0, (free.get(sku) ?? 0) - kept - buffer);
  };
  for (const event of events) {
    if (event.kind !== 'order') continue;
    for (today ??= dayOf(event.at); today < dayOf(event.at); today += 1) {
      for (const { sku, units } of restock.night(today, free)) {
        free.set(sku, (free.get(sku) ?? 0) + units);
        drawn.delete(sku);
      }
    }
    const channel = channelNamed(event.channel);
    for (const { sku, units } of event.lines) {
      offered += units;
      if (shownTo(channel, sku) < units) continue;
      sold += units;
      free.set(sku, (free.get(sku) ?? 0) - units);
      if (channel.program === PROTECTED) drawn.set(sku, (drawn.get(sku) ?? 0) + units);
      if (CHANNELS.some((one) => shownTo(one, sku) === 0)) empty.add(sku);
    }
  }
  return { fill: offered === 0 ? 1 : sold / offered, stockouts: empty.size / Math.max(1, levels.size) };
}

const FILL_MIN = 0.9;
const STOCKOUTS_MIN = 0.1;
const Z_STEPS = 40;

/** The levels that keep farthest from both limits: sold too little, and never short of anything. */
export function chooseLevels(
  events: readonly StreamEvent[],
  demand: ReadonlyMap<string, Demand>,
  pool: PoolUnits,
): { readonly levels: Levels; readonly z: number; readonly rough: RoughRun } {
  // A stream that is shorter than the cover would never run out.
  const days = Math.min(REVIEW_DAYS + LEAD_DAYS, countDays(events));
  const candidates = Array.from({ length: Z_STEPS }, (_, step) => {
    const z = step / 4 - 1.5;
    const levels = levelsAt(demand, z, days);
    const rough = playRoughly(events, levels, pool);
    return { z, levels, rough, margin: Math.min(rough.fill - FILL_MIN, (rough.stockouts - STOCKOUTS_MIN) / 4) };
  });
  return candidates.reduce((best, one) => (one.margin > best.margin ? one : best));
}

const OWN_POOLS_MAX = 10;
const PROTECTED_SHARE = 0.3;

/** Units protected: a share of what it takes in a review period; the ten SKUs it takes most of have rules of their own. */
export function choosePools(
  events: readonly StreamEvent[],
  demand: ReadonlyMap<string, Demand>,
): {
  readonly every: number;
  readonly own: ReadonlyMap<string, number>;
} {
  const shares = skusOf(events).map((sku) => ({
    sku,
    units: Math.floor((demand.get(sku)?.wholesale ?? 0) * PROTECTED_SHARE),
  }));
  const own = shares
    .toSorted((a, b) => b.units - a.units)
    .slice(0, OWN_POOLS_MAX)
    .filter(({ units }) => units > 0);
  const every =
    shares.length === 0 ? 0 : Math.floor(shares.reduce((sum, { units }) => sum + units, 0) / shares.length / 2);
  return { every, own: new Map(own.map(({ sku, units }) => [sku, units])) };
}
