/**
 * A day as it comes from outside, recorded from a seed before anything is played: who wants what, when news of it travels, what the
 * warehouse says, and which faults happen. Nothing in it depends on a connector, so that two are judged on the very same day.
 */
import type { CommandBody } from '#core/command.ts';
import type { Instant } from '#core/model.ts';
import {
  CHANNELS,
  DAY_MS,
  HOUR_MS,
  isKitDay,
  KIT,
  KIT_PARTS,
  LOCATION,
  MINUTE_MS,
  partsOf,
  START,
  STOCKED,
} from './brand.ts';
import { type Random, randomOf } from './random.ts';

/** When copies of a notice arrive after it happened: none when it is lost, two when it is delivered twice. */
export type News = readonly number[];

export type Arrival = {
  readonly at: Instant;
  readonly ref: string;
  readonly channel: string;
  readonly sku: string;
  /** Of the listing. */
  readonly units: number;
  readonly news: News;
  readonly cancelAt: Instant | null;
  readonly cancelNews: News;
  /** Of what was not cancelled, and has units by then. */
  readonly shipAt: Instant | null;
  readonly shipNews: News;
};

/** What the warehouse says: true for the judge at once, heard by a connector after `delayMs`. */
export type StockNews = { readonly at: Instant; readonly body: CommandBody; readonly delayMs: number };

export type ListingFault = { readonly channel: string; readonly sku: string; readonly at: Instant };

/**
 * What goes wrong on a platform. `edit` adds to the number there; `lowered` sets it to one number on every platform that can be read,
 * as people do who see an empty shelf; `writer` sets it again and again; the others last until `until`.
 */
export type Fault =
  | { readonly kind: 'outage'; readonly channel: string; readonly at: Instant; readonly until: Instant }
  | (ListingFault & { readonly kind: 'edit'; readonly by: number })
  | (ListingFault & { readonly kind: 'lowered'; readonly counted: number; readonly countAt: Instant })
  | (ListingFault & {
      readonly kind: 'writer';
      readonly until: Instant;
      readonly everyMs: number;
      readonly number: number;
    })
  | (ListingFault & { readonly kind: 'unit' })
  | (ListingFault & { readonly kind: 'mapping'; readonly until: Instant; readonly named: string })
  | (ListingFault & { readonly kind: 'clock'; readonly until: Instant; readonly aheadMs: number })
  | (ListingFault & { readonly kind: 'lost' })
  | (ListingFault & {
      readonly kind: 'state';
      readonly until: Instant;
      readonly state: 'untracked' | 'missing' | 'notBuyable';
    });

export type Traffic = {
  readonly seed: number;
  readonly hasKits: boolean;
  readonly arrivals: readonly Arrival[];
  readonly stock: readonly StockNews[];
  readonly faults: readonly Fault[];
  readonly demandUnits: number;
};

export const ORDERS = 500;
/** Nothing goes wrong from here on, and nobody buys: what is then not as it should be stays so. */
export const QUIET_FROM: Instant = START + DAY_MS;
export const END: Instant = QUIET_FROM + 3 * HOUR_MS;

const LOST = 0.03;
const LATE = 0.04;
const TWICE = 0.03;

function newsOf(random: Random): News {
  if (random.chance(LOST)) return [];
  const first = random.chance(LATE) ? random.about(4 * MINUTE_MS) : random.about(6000);
  return random.chance(TWICE) ? [first, first + random.about(20_000)] : [first];
}

/** Few at night, most in the evening. */
const HOURS = [1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 5, 6, 5, 5, 5, 5, 6, 8, 9, 9, 7, 4, 2];

const momentOf = (random: Random): Instant => START + random.weighted(HOURS) * HOUR_MS + random.whole(0, HOUR_MS - 1);

const AS_KIT = 0.4;

/** Many want a component as a set. */
function withKits(seed: number, stream: string, arrivals: readonly Sold[]): readonly Sold[] {
  const random = randomOf(seed, `${stream} kits`);
  return arrivals.map((sold) => {
    const isKit = random.chance(AS_KIT) && KIT_PARTS.some(({ sku }) => sku === sold.sku);
    return isKit ? { ...sold, sku: KIT } : sold;
  });
}

const SHIPPED = 0.7;

type Sold = Omit<Arrival, 'shipAt' | 'shipNews'>;

function withShipments(seed: number, stream: string, arrivals: readonly Sold[]): Arrival[] {
  const random = randomOf(seed, `${stream} shipments`);
  return arrivals.map((sold) => {
    const isShipped = random.chance(SHIPPED);
    const shipAt = sold.at + random.about(3 * HOUR_MS);
    const isInTime = sold.cancelAt === null && shipAt < QUIET_FROM;
    return { ...sold, shipAt: isShipped && isInTime ? shipAt : null, shipNews: newsOf(random) };
  });
}

export function arrivalsOf(seed: number, hasKits: boolean, stream = 'demand'): Arrival[] {
  const random = randomOf(seed, stream);
  const popularity = STOCKED.map((_, index) => 1 / (index + 1.5));
  const make = (at: Instant, channel: string, sku: string, number: number): Sold => ({
    at,
    ref: `R${number}`,
    channel,
    sku,
    units: 1 + (random.chance(0.25) ? 1 : 0) + (random.chance(0.08) ? random.whole(1, 3) : 0),
    news: newsOf(random),
    cancelAt: random.chance(0.04) ? Math.min(QUIET_FROM, at + random.about(40 * MINUTE_MS)) : null,
    cancelNews: newsOf(random),
  });
  const skuAt = (index: number): string => STOCKED[index] ?? STOCKED[0] ?? '';
  const channelIds = CHANNELS.map(({ id }) => id);
  const weights = CHANNELS.map(({ weight }) => weight);
  const arrivals: Sold[] = [];
  // A drop, a mail, a price that somebody found: dozens within minutes, mostly on one channel.
  const [rushes, first] = [random.whole(4, 6), random.whole(0, STOCKED.length - 1)];
  for (let rush = 0; rush < rushes; rush += 1) {
    const [start, sku] = [momentOf(random), skuAt((first + 5 * rush) % STOCKED.length)];
    const home = random.chance(0.6) ? 0 : 1;
    const [size, length] = [random.whole(25, 60), random.whole(2, 6) * MINUTE_MS];
    for (let one = 0; one < size; one += 1) {
      const at = start + Math.floor(random.next() * length);
      const channel = channelIds[random.chance(0.99) ? home : random.weighted(weights)] ?? '';
      arrivals.push(make(at, channel, sku, arrivals.length));
    }
  }
  while (arrivals.length < ORDERS) {
    const channel = channelIds[random.weighted(weights)] ?? '';
    arrivals.push(make(momentOf(random), channel, skuAt(random.weighted(popularity)), arrivals.length));
  }
  return withShipments(seed, stream, hasKits ? withKits(seed, stream, arrivals) : arrivals).sort((a, b) => a.at - b.at);
}

const receive = (sku: string, quantity: number): CommandBody => ({
  kind: 'receive',
  sku,
  location: LOCATION,
  quantity,
  disposition: 'sellable',
});

/** Less than is wanted, so that most items run out once or more. */
function stockOf(seed: number, arrivals: readonly Arrival[]): StockNews[] {
  const random = randomOf(seed, 'stock');
  return STOCKED.flatMap((sku) => {
    const taken = (one: Arrival): number => partsOf(one.sku).find((part) => part.sku === sku)?.quantity ?? 0;
    const wanted = arrivals.reduce((sum, one) => sum + one.units * taken(one), 0);
    const opening = { at: START, body: receive(sku, Math.max(12, Math.round(wanted * 0.5))), delayMs: 0 };
    const later = Array.from({ length: random.whole(1, 3) }, () => ({
      at: momentOf(random),
      body: receive(sku, Math.max(2, Math.round(wanted * (0.1 + random.next() * 0.25)))),
      delayMs: random.about(2 * MINUTE_MS),
    }));
    return [opening, ...later];
  });
}

function faultsOf(seed: number): Fault[] {
  const random = randomOf(seed, 'faults');
  const readable = CHANNELS.filter(({ kind }) => kind !== 'documents').map(({ id }) => id);
  const some = (mean: number): number => Math.floor(mean + random.next());
  const faults: Fault[] = [];
  const add = (mean: number, make: (at: ListingFault) => Fault): void => {
    for (let left = some(mean); left > 0; left -= 1) {
      const at = START + HOUR_MS + Math.floor(random.next() * (DAY_MS - 6 * HOUR_MS));
      faults.push(make({ channel: readable[random.whole(0, 1)] ?? '', sku: STOCKED[random.whole(0, 11)] ?? '', at }));
    }
  };
  add(1.5, ({ channel, at }) => ({ kind: 'outage', channel, at, until: at + random.about(10 * MINUTE_MS) }));
  add(2, (at) => ({ ...at, kind: 'edit', by: random.whole(3, 12) * (random.chance(0.5) ? 1 : -1) }));
  add(0.4, (at) => ({
    ...at,
    sku: random.pick(['SKU-1', 'SKU-2', 'SKU-3', 'SKU-5', 'SKU-6', 'SKU-8']),
    kind: 'writer',
    until: at.at + 3 * HOUR_MS,
    everyMs: random.about(15 * MINUTE_MS),
    number: random.whole(4, 15),
  }));
  add(0.5, (at) => ({ ...at, kind: 'lowered', counted: random.whole(1, 4), countAt: at.at + 45 * MINUTE_MS }));
  add(0.5, (at) => ({ ...at, channel: 'market:main', sku: random.pick(['SKU-4', 'SKU-9']), kind: 'unit' }));
  add(0.5, (at) => ({ ...at, kind: 'mapping', until: at.at + HOUR_MS, named: random.pick(['SKU-1', 'SKU-7']) }));
  add(0.5, (at) => ({ ...at, kind: 'clock', until: at.at + 30 * MINUTE_MS, aheadMs: random.whole(5, 90) * MINUTE_MS }));
  add(1, (at) => ({ ...at, kind: 'lost' }));
  add(0.7, (at) => ({
    ...at,
    kind: 'state',
    until: at.at + random.about(30 * MINUTE_MS),
    state: random.pick(['untracked', 'missing', 'notBuyable']),
  }));
  return faults.sort((a, b) => a.at - b.at);
}

/** `kits`: on some days many want sets. */
export function recordTraffic(seed: number, { kits = false }: { readonly kits?: boolean } = {}): Traffic {
  const hasKits = kits && isKitDay(seed);
  const arrivals = arrivalsOf(seed, hasKits);
  return {
    seed,
    hasKits,
    arrivals,
    stock: stockOf(seed, arrivals),
    faults: faultsOf(seed),
    demandUnits: arrivals.reduce((sum, { units }) => sum + units, 0),
  };
}
