/** What a listing is exposed to: other listings' sales, its channel's time, and whether that makes another buffer. */
import { describe, expect, it } from 'vitest';
import { type ListingSales, type Measures, measureExposure } from '#core/exposure.ts';
import { LATENCY_UNMEASURED_MS } from '#core/latency-buffer.ts';
import type { ChannelRule, Policy } from '#core/model.ts';
import { SLOW_MS } from '#core/sales-measures.ts';

const HOUR_MS = 3_600_000;
const rule = (channel: string, asks: boolean): ChannelRule => ({
  channel,
  program: channel,
  sku: '*',
  sharePercent: 100,
  safetyStock: 0,
  buffer: 0,
  ...(asks ? { latencyBuffer: { oversellPercent: 1, atLeast: 0, atMost: 50 } } : {}),
  hideAtOrBelow: null,
  cap: null,
});
const policy: Policy = {
  version: 1,
  programs: ['shop', 'market', 'retail'].map((id) => ({
    id,
    priority: 1,
    drawOrder: id === 'retail' ? 'ownOnly' : 'ownThenShared',
    locations: ['main'],
  })),
  pools: [],
  channels: [rule('shop', true), rule('market', false), rule('retail', false)],
  inFlightMs: 0,
};
/** So many an hour, one by one, for days. */
const sales = (channel: string, sku: string, perHour: number): ListingSales => {
  const units = (perHour * SLOW_MS) / HOUR_MS;
  return { sku, channel, listingRef: sku, at: 0, fastUnits: 0, fastSquares: 0, slowUnits: units, slowSquares: units };
};
const measures = (rows: readonly ListingSales[], over: Partial<Measures> = {}): Measures => ({
  policy,
  latency: new Map(),
  parts: new Map(),
  sales: Map.groupBy(rows, ({ sku }) => sku),
  now: 0,
  ...over,
});
const listing = { sku: 'TEA', channel: 'shop', listingRef: 'TEA', groups: [], exposure: null };

describe('what a listing is exposed to', () => {
  it('is nothing where no rule asks for it', () => {
    expect(measureExposure({ ...listing, channel: 'market' }, measures([sales('shop', 'TEA', 10)]))).toBeNull();
  });

  it('is what others sell that may be its units: not its own, and not those of a closed pool', () => {
    const rows = [sales('shop', 'TEA', 100), sales('market', 'TEA', 12), sales('retail', 'TEA', 1000)];
    expect(measureExposure(listing, measures(rows))).toEqual({
      exposure: { unitsPerHour: 12, unitsPerOrder: 1, latencyMs: LATENCY_UNMEASURED_MS, samples: null },
      isMaterial: true,
    });
  });

  it('counts with the time of its channel once enough sales were measured', () => {
    const figures = { samples: 20, p50Ms: 1, p95Ms: 2, p99Ms: 30_000 };
    const timeOf = (samples: number) =>
      measureExposure(listing, measures([], { latency: new Map([['shop', { ...figures, samples }]]) }))?.exposure
        .latencyMs;
    expect([timeOf(20), timeOf(19)]).toEqual([30_000, LATENCY_UNMEASURED_MS]);
  });

  it('of a kit is that of the component which asks for most', () => {
    const parts = [
      { sku: 'TIN', quantity: 1 },
      { sku: 'CUP', quantity: 4 },
    ];
    const rows = [sales('market', 'TIN', 1), sales('market', 'CUP', 60)];
    const kit = measureExposure({ ...listing, sku: 'SET' }, measures(rows, { parts: new Map([['SET', parts]]) }));
    expect(kit?.exposure).toMatchObject({ unitsPerHour: 60, component: { sku: 'CUP', quantity: 4 } });
  });

  it('is kept as it was while it makes the same buffer', () => {
    const first = measureExposure(listing, measures([sales('market', 'TEA', 12)]))?.exposure ?? null;
    expect(measureExposure({ ...listing, exposure: first }, measures([sales('market', 'TEA', 11)]))).toBeNull();
    expect(measureExposure({ ...listing, exposure: first }, measures([sales('market', 'TEA', 60)]))?.isMaterial).toBe(
      true,
    );
  });
});
