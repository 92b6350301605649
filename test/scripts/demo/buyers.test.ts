/** What the demo remembers of its buyers: credits find their orders, and the shelf's free units follow. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type Buyers, openBuyers, totalsOf } from '#scripts/demo/buyers.ts';
import type { StreamCredit, StreamOrder } from '#scripts/demo/stream.ts';

const order = (ref: string, at: number, customer: string | null = 'ann'): StreamOrder => ({
  kind: 'order',
  at,
  ref,
  channel: 'shopify:main',
  customer,
  lines: [],
});
const credit = (units: number, customer: string | null = 'ann', sku = 'MUG'): StreamCredit => ({
  kind: 'credit',
  at: 99,
  ref: 'C1',
  customer,
  sku,
  units,
});

describe('buyers', () => {
  let buyers: Buyers;
  beforeEach(() => {
    buyers = openBuyers(new Map([['MUG', 20]]));
  });
  const buy = (ref: string, at: number, units: number, customer: string | null = 'ann') =>
    buyers.buy(order(ref, at, customer), ref, [{ sku: 'MUG', units }]);

  it('match a credit with the newest lines first', () => {
    const [old, young] = [buy('o1', 1, 5), buy('o2', 2, 3)];
    expect(buyers.match(credit(4)).map(({ order: of, kind, units }) => [of.id, kind, units])).toEqual([
      [young.id, 'cancel', 3],
      [old.id, 'cancel', 1],
    ]);
    expect(buyers.unmatched).toEqual({ credits: 0, units: 0 });
  });

  it('cancel what has not left, and give back what has', () => {
    const bought = buy('o1', 1, 5);
    buyers.ship(bought, 'MUG', 3);
    const matches = buyers.match(credit(4));
    expect(matches.map(({ kind, units }) => [kind, units])).toEqual([
      ['cancel', 2],
      ['return', 2],
    ]);
    for (const match of matches) {
      if (match.kind === 'cancel') buyers.cancel(match);
      else buyers.giveBack(match);
    }
    expect(totalsOf(bought)).toEqual({ id: 'shopify:main/o1', ordered: 5, cancelled: 2, shipped: 3 });
    expect(buyers.match(credit(9)).map(({ kind, units }) => [kind, units])).toEqual([['return', 1]]);
  });

  it('leave unmatched what fits nobody, and never guess for a guest', () => {
    buy('o1', 1, 5, null);
    expect(buyers.match(credit(2, null))).toEqual([]);
    expect(buyers.match(credit(3, 'bob'))).toEqual([]);
    expect(buyers.unmatched).toEqual({ credits: 2, units: 5 });
  });

  it('of a retailer cannot cancel, and give back only what has left', () => {
    const bought = buyers.buy({ ...order('p1', 1), channel: 'edi:department-store' }, 'p1', [{ sku: 'MUG', units: 5 }]);
    expect(buyers.match(credit(2))).toEqual([]);
    buyers.ship(bought, 'MUG', 3);
    expect(buyers.match(credit(4)).map(({ kind, units }) => [kind, units])).toEqual([['return', 3]]);
    expect(buyers.unmatched).toEqual({ credits: 2, units: 3 });
  });

  it('want no more of an order what the answer to it refused', () => {
    const bought = buyers.buy({ ...order('p1', 1), channel: 'edi:department-store' }, 'p1', [{ sku: 'MUG', units: 5 }]);
    buyers.refuse(bought.id, 'MUG', 2);
    expect(buyers.free.get('MUG')).toBe(17);
    expect(totalsOf(bought)).toEqual({ id: bought.id, ordered: 5, cancelled: 2, shipped: 0 });
    buyers.ship(bought, 'MUG', 3);
    expect(buyers.openSince(100)).toEqual([]);
    expect(() => buyers.refuse(bought.id, 'MUG', 1)).toThrow('refuses MUG');
  });

  it('keep the free units: sold, cancelled, moved', () => {
    const bought = buy('o1', 1, 5);
    expect(buyers.free.get('MUG')).toBe(15);
    for (const match of buyers.match(credit(2))) buyers.cancel(match);
    buyers.move('MUG', -1);
    expect(buyers.free.get('MUG')).toBe(16);
    buyers.ship(bought, 'MUG', 3);
    expect(buyers.free.get('MUG')).toBe(16);
  });

  it('know which orders have units that did not leave', () => {
    const [first, second] = [buy('o1', 1, 5), buy('o2', 50, 3)];
    expect(buyers.openSince(10)).toEqual([first]);
    buyers.ship(first, 'MUG', 5);
    expect(buyers.openSince(100)).toEqual([second]);
  });
});
