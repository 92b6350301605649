/** The oracle, and what it calls a refusal without need. */
import { describe, expect, it } from 'vitest';
import type { LogEntry } from '#connectors/sandbox/control.ts';
import { type OracleBrand, openOracle } from '#scripts/demo/oracle.ts';
import type { PlatformEvent } from '#scripts/demo/platform-log.ts';
import { findUndersold, type StockMove } from '#scripts/demo/undersold.ts';
import { channelRule, policy, pool, program } from '#test/support/factory.ts';

const BRAND: OracleBrand = {
  policy: policy({
    programs: [program('wholesale', { priority: 1 }), program('dtc', { priority: 2 })],
    pools: [pool('wholesale', 4, { refill: 'receipt' })],
    channels: [channelRule('shop:a', 'dtc'), channelRule('edi:b', 'wholesale')],
  }),
  channels: [
    { id: 'shop:a', program: 'dtc' },
    { id: 'edi:b', program: 'wholesale' },
  ],
  skus: ['MUG'],
};
const receive = (quantity: number) =>
  ({ kind: 'receive', sku: 'MUG', location: 'main', quantity, disposition: 'sellable' }) as const;
const mugs = (quantity: number) => [{ sku: 'MUG', quantity }];

describe('the oracle', () => {
  it('publishes what policy allows, and follows sales, cancels, shipments and receipts at once', () => {
    const oracle = openOracle(BRAND);
    const shown = () => [oracle.published('shop:a', 'MUG'), oracle.published('edi:b', 'MUG')];
    expect(shown()).toEqual([0, 0]);
    oracle.move(receive(10), 1);
    expect(shown()).toEqual([6, 10]);
    oracle.place('shop:a', 'o1', mugs(5), 2);
    expect(shown()).toEqual([1, 5]);
    oracle.cancel('shop:a', 'o1', mugs(2), 3);
    expect(shown()).toEqual([3, 7]);
    oracle.ship('shop:a', 'o1', mugs(3), 4);
    expect(shown()).toEqual([3, 7]);
    oracle.place('edi:b', 'p1', mugs(6), 5);
    expect(shown()).toEqual([1, 1]);
    oracle.move(receive(20), 6);
    expect(shown()).toEqual([17, 21]);
  });

  it('lets an oversold line wait, and fills it when goods come', () => {
    const oracle = openOracle(BRAND);
    oracle.move(receive(5), 1);
    oracle.place('edi:b', 'p1', mugs(5), 2);
    oracle.place('shop:a', 'o1', mugs(3), 3);
    oracle.move(receive(10), 4);
    expect(oracle.published('edi:b', 'MUG')).toBe(7);
  });

  it('says so when its core refuses what happened', () => {
    const oracle = openOracle(BRAND);
    const lost = {
      kind: 'adjust',
      sku: 'MUG',
      location: 'main',
      disposition: 'sellable',
      delta: -1,
      reason: 'lost',
    } as const;
    expect(() => oracle.move(lost, 1)).toThrow(/parked adjust/);
    expect(() => oracle.cancel('shop:a', 'gone', mugs(1), 1)).toThrow(/does not know/);
  });
});

describe('refusals without need', () => {
  const placement = (at: number, quantity: number, shown: number, accepted: boolean): PlatformEvent => {
    const lines = [{ sku: 'MUG', quantity, accepted, shown }];
    const entry: Extract<LogEntry, { kind: 'placement' }> = {
      n: at,
      at,
      kind: 'placement',
      orderRef: accepted ? `o${at}` : null,
      lines,
    };
    return { channel: 'shop:a', entry };
  };
  const moves: StockMove[] = [{ at: 10, body: receive(10) }];

  it('are lines that the oracle would have covered at that moment', () => {
    const events = [placement(5, 3, 0, false), placement(20, 3, 0, false), placement(30, 7, 2, false)];
    expect(findUndersold(BRAND, events, moves)).toEqual({
      units: 3,
      lines: [{ channel: 'shop:a', sku: 'MUG', quantity: 3, shown: 0, could: 6 }],
    });
  });

  it('are units that an answer refused too, as far as they could be promised when the order was placed', () => {
    const lines = [{ sku: 'MUG', quantity: 12, accepted: true, shown: 2 }];
    const answered = (accepted: number, refused: number): PlatformEvent[] => [
      { channel: 'edi:b', entry: { n: 1, at: 20, kind: 'placement', orderRef: 'p1', lines } },
      {
        channel: 'edi:b',
        entry: {
          n: 2,
          at: 25,
          kind: 'answer',
          orderRef: 'p1',
          lines: [{ sku: 'MUG', accepted, backOrdered: 0, refused }],
        },
      },
    ];
    expect(findUndersold(BRAND, answered(10, 2), moves)).toEqual({ units: 0, lines: [] });
    expect(findUndersold(BRAND, answered(7, 5), moves)).toEqual({
      units: 3,
      lines: [{ channel: 'edi:b', sku: 'MUG', quantity: 3, shown: 2, could: 10 }],
    });
    // What was refused is free again: 10 of which 7 are promised.
    const later = findUndersold(BRAND, [...answered(7, 5), { ...placement(30, 3, 0, false), channel: 'edi:b' }], moves);
    expect(later.units).toBe(6);
  });

  it('take happenings in order of time, whatever the order they are given in', () => {
    const events = [placement(40, 3, 0, false), placement(20, 5, 6, true)];
    expect(findUndersold(BRAND, events, moves).units).toBe(0);
  });

  it('follow cancels and shipments of the platform', () => {
    const line = { sku: 'MUG', quantity: 5 };
    const events: PlatformEvent[] = [
      placement(20, 5, 6, true),
      { channel: 'shop:a', entry: { n: 2, at: 25, kind: 'cancel', orderRef: 'o20', lines: [line] } },
      placement(30, 6, 1, false),
    ];
    expect(findUndersold(BRAND, events, moves).units).toBe(6);
  });
});
