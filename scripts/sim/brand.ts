/** The brand that the simulator runs: a dozen items, three channels with different write protection, a pool for the retailer. */
import type { ChannelRule, Component, Instant, LatencyBuffer, Policy } from '#core/model.ts';
import type { Protection } from '#core/wire.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export const START: Instant = Date.UTC(2026, 2, 1);
export const LOCATION = 'main';
/** Within this every listing that can be read is looked at; a few of them at each tick. */
export const LIGHT_SCAN_MS = 2 * MINUTE_MS;
export const LIGHT_TICK_MS = 10_000;
/** Alerts that may stay open once nothing is wrong. */
export const QUIET_ALERTS = 0;

/**
 * `compares`: refuses a write whose compare is stale, tells orders and levels by webhook. `late`: takes any write and shows it after
 * a while. `documents`: cannot be read; takes numbers in sequence by document and acknowledges them later, brings orders by document.
 */
export type PlatformKind = 'compares' | 'late' | 'documents';

export type SimChannel = {
  readonly id: string;
  readonly kind: PlatformKind;
  readonly program: string;
  /** Its part of all demand. */
  readonly weight: number;
  readonly protection: Protection;
  /** How long a write may take to show. */
  readonly settleMs: number;
  readonly pollMs: number;
};

export const CHANNELS: readonly [SimChannel, SimChannel, SimChannel] = [
  {
    id: 'shop:main',
    kind: 'compares',
    program: 'dtc',
    weight: 0.5,
    protection: { basis: 'sellable', compares: true },
    settleMs: 0,
    pollMs: MINUTE_MS,
  },
  {
    id: 'market:main',
    kind: 'late',
    program: 'marketplace',
    weight: 0.38,
    protection: { basis: 'sellable', compares: false },
    settleMs: 20_000,
    pollMs: MINUTE_MS,
  },
  {
    id: 'retail:main',
    kind: 'documents',
    program: 'wholesale',
    weight: 0.12,
    protection: { basis: 'sellable', compares: false },
    settleMs: 0,
    pollMs: 10 * MINUTE_MS,
  },
];

const ON_HAND_EVERY = 4;

/** On some days the marketplace is one that subtracts its own open orders from the number on hand that it wants to be told. */
export const channelOn = (channel: SimChannel, seed: number): SimChannel =>
  channel.kind === 'late' && seed % ON_HAND_EVERY === 0
    ? { ...channel, protection: { basis: 'onHandLessOwnOpen', compares: false } }
    : channel;

const ITEMS = 12;
/** Items that have stock. */
export const STOCKED: readonly string[] = Array.from({ length: ITEMS }, (_, index) => `SKU-${index + 1}`);
/** Sets of two of them, listed everywhere, wanted on some days. */
export const KIT = 'KIT-1';
export const KIT_PARTS: readonly Component[] = [
  { sku: 'SKU-5', quantity: 1 },
  { sku: 'SKU-7', quantity: 2 },
];
export const SKUS: readonly string[] = [...STOCKED, KIT];
const KIT_FAMILY: readonly string[] = [KIT, ...KIT_PARTS.map(({ sku }) => sku)];
/** Items whose numbers move together: a kit, and what it is made of. */
export const familyOf = (sku: string): readonly string[] => (KIT_FAMILY.includes(sku) ? KIT_FAMILY : [sku]);
/** What one of it takes from stock. */
export const partsOf = (sku: string): readonly Component[] => (sku === KIT ? KIT_PARTS : [{ sku, quantity: 1 }]);

const KIT_DAY_EVERY = 3;
export const isKitDay = (seed: number): boolean => seed % KIT_DAY_EVERY === 0;
/** Of the marketplace, in packs. */
const PACKED = new Map([
  ['SKU-4', 2],
  ['SKU-9', 3],
]);
export const packOf = (channel: string, sku: string): number =>
  channel === 'market:main' ? (PACKED.get(sku) ?? 1) : 1;

export const listingIdOf = (channel: string, sku: string): number =>
  SKUS.indexOf(sku) * CHANNELS.length + CHANNELS.findIndex(({ id }) => id === channel) + 1;

/** What the retailer's program keeps of each item, for the day. */
const POOL_UNITS = 10;

const PRIORITIES: Readonly<Record<string, number>> = { wholesale: 1, dtc: 2, marketplace: 3 };

/** What is kept back on the channels that share stock: units, or what keeps the chance of overselling within the latency at a target. */
export type Keep =
  | { readonly kind: 'units'; readonly units: number }
  | { readonly kind: 'target'; readonly oversellPercent: number };

export const NOTHING_KEPT: Keep = { kind: 'units', units: 0 };
const LATENCY_BOUNDS: Omit<LatencyBuffer, 'oversellPercent'> = { atLeast: 0, atMost: 25 };

const keepRule = (keep: Keep): Pick<ChannelRule, 'buffer' | 'latencyBuffer'> =>
  keep.kind === 'units'
    ? { buffer: keep.units }
    : { buffer: 0, latencyBuffer: { ...LATENCY_BOUNDS, oversellPercent: keep.oversellPercent } };

const ruleOf = ({ id, program }: SimChannel, keep: Keep): ChannelRule => ({
  channel: id,
  program,
  sku: '*',
  sharePercent: 100,
  safetyStock: 0,
  // The retailer sells from a pool that nobody else draws from.
  ...keepRule(program === 'wholesale' ? NOTHING_KEPT : keep),
  hideAtOrBelow: null,
  cap: null,
});

export const policyWith = (keep: Keep): Policy => ({
  version: 1,
  programs: CHANNELS.map(({ program }) => ({
    id: program,
    priority: PRIORITIES[program] ?? 9,
    drawOrder: program === 'wholesale' ? 'ownOnly' : 'ownThenShared',
    locations: [LOCATION],
  })),
  pools: [{ program: 'wholesale', sku: '*', units: POOL_UNITS, refill: 'never' }],
  channels: CHANNELS.map((channel) => ruleOf(channel, keep)),
  inFlightMs: 10 * MINUTE_MS,
});
