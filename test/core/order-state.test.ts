import { describe, expect, it } from 'vitest';
import { joinOrder, settleLine } from '#core/order-state.ts';
import { lineState, NOW, orderState } from '../support/factory.ts';

const at = (version: number, totals: Parameters<typeof lineState>[1] = {}) =>
  orderState('1', [lineState('a', totals)], { version, modifiedAt: NOW + version });

const settled = (order: ReturnType<typeof joinOrder>) => order.lines.map((line) => settleLine(order, line));

describe('joinOrder', () => {
  it('follows the newest version in what was ordered and cancelled, whichever comes first', () => {
    const [older, newer] = [at(1, { ordered: 5, cancelled: 0 }), at(2, { ordered: 3, cancelled: 1 })];
    for (const joined of [joinOrder(older, newer), joinOrder(newer, older)]) {
      expect(joined).toMatchObject({ version: 2, lines: [{ ordered: 3, cancelled: 1 }] });
    }
  });
  it('never takes back what shipped or was returned', () => {
    const joined = joinOrder(
      at(1, { ordered: 5, shipped: 4, returned: 2 }),
      at(2, { ordered: 5, shipped: 1, returned: 0 }),
    );
    expect(joined.lines[0]).toMatchObject({ shipped: 4, returned: 2 });
  });
  it('takes the greater totals of two states with one version', () => {
    const joined = joinOrder(at(1, { ordered: 5, cancelled: 0 }), at(1, { ordered: 4, cancelled: 2 }));
    expect(joined.lines[0]).toMatchObject({ ordered: 5, cancelled: 2 });
  });
  it('counts a line that the newest state no longer names as cancelled, less what shipped', () => {
    const gone = orderState('1', [lineState('b')], { version: 2 });
    const joined = joinOrder(at(1, { ordered: 5, shipped: 2 }), gone);
    expect(settled(joined)).toMatchObject([{ lineRef: 'a', ordered: 5, cancelled: 3, shipped: 2 }, { lineRef: 'b' }]);
  });
  it('brings a line back that a later state names again', () => {
    const gone = orderState('1', [], { version: 2 });
    const back = at(3, { ordered: 5 });
    for (const joined of [joinOrder(joinOrder(at(1), gone), back), joinOrder(gone, joinOrder(back, at(1)))]) {
      expect(settled(joined)).toMatchObject([{ ordered: 5, cancelled: 0 }]);
    }
  });
  it('follows the newest version in who cancelled, and one of two with one version, whichever comes first', () => {
    const [open, gone] = [
      at(1, { ordered: 5 }),
      { ...at(2, { ordered: 5, cancelled: 5 }), cancelledBy: 'buyer' as const },
    ];
    for (const joined of [joinOrder(open, gone), joinOrder(gone, open)]) expect(joined.cancelledBy).toBe('buyer');
    const tie = { ...at(1, { ordered: 5 }), cancelledBy: 'buyer' as const };
    expect(joinOrder(open, tie)).toEqual(joinOrder(tie, open));
    expect(joinOrder(gone, at(3, { ordered: 5 })).cancelledBy).toBeUndefined();
  });
  it('does not let a cancellation eat what left', () => {
    const joined = joinOrder(at(1, { ordered: 5, shipped: 5 }), at(2, { ordered: 5, cancelled: 5 }));
    expect(settled(joined)).toMatchObject([{ cancelled: 0, shipped: 5 }]);
  });
  it('remembers shipments also where a third state comes between (associative)', () => {
    const [a, b, c] = [at(2, { ordered: 5, cancelled: 5 }), at(1, { ordered: 5, shipped: 5 }), at(2, { ordered: 8 })];
    expect(joinOrder(joinOrder(a, b), c)).toEqual(joinOrder(a, joinOrder(b, c)));
  });
  it('keeps the first moment of placing and the last of change', () => {
    const joined = joinOrder(
      orderState('1', [], { placedAt: 5, modifiedAt: 5 }),
      orderState('1', [], { placedAt: 3, modifiedAt: 9 }),
    );
    expect(joined).toMatchObject({ placedAt: 3, modifiedAt: 9 });
  });
  it("stays an operator's only while nobody but operators tell of it", () => {
    const [byPhone, byPlatform] = [{ ...at(1), origin: 'operator' as const }, at(2)];
    expect(joinOrder(byPhone, byPhone).origin).toBe('operator');
    for (const joined of [joinOrder(byPhone, byPlatform), joinOrder(byPlatform, byPhone)]) {
      expect(joined.origin).toBeUndefined();
      expect(joinOrder(joined, byPhone)).toEqual(joined);
    }
  });
  it('equals as text what jsonb gives back of it', () => {
    const byPhone = { ...at(1), origin: 'operator' as const };
    const rare = {
      ...byPhone,
      cancelledBy: 'buyer' as const,
      fillRule: 'backOrder' as const,
      attributes: { tags: ['b2b'] },
    };
    const joined = joinOrder(rare, rare);
    const byJsonb = (_key: string, value: unknown): unknown =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1)))
        : value;
    expect(JSON.stringify(joined, byJsonb)).toBe(JSON.stringify(joined));
  });
});
