/** The live table and the progress line, as text. */
import { describe, expect, it } from 'vitest';
import { CHANNELS } from '#scripts/demo/brand.ts';
import { drawTable, sayProgress } from '#scripts/demo/screen.ts';

const figures = (sku: string) => ({
  sku,
  onHand: 12,
  allocated: 3,
  held: 0,
  atp: 9,
  short: 0,
  channels: {
    'shopify:main': { shouldShow: 9, sent: 9, shows: 8 },
    'amazon:uk': { shouldShow: null, sent: null, shows: null },
  },
});
const level = (sku: string, sellable: number) => ({
  sku,
  listingRef: '1',
  locationRef: 'L1',
  tracked: true,
  shown: sellable,
  reserved: 0,
  sellable,
});

describe('the live table', () => {
  const levels = new Map([['shopify:main', [level('MUG', 7)]]]);

  it('shows what each channel should show beside what its platform shows', () => {
    const [head, row] = drawTable([figures('MUG')], levels, { columns: 200, rows: 10 });
    const [first, ...others] = CHANNELS.map(({ id }) => id);
    expect(first).toBe('shopify:main');
    expect(head?.split(/\s{2,}/)).toEqual(['SKU', 'on hand', 'allocated', 'ATP', first, ...others]);
    expect(row?.split(/\s{2,}/)).toEqual(['MUG', '12', '3', '9', '9 / 7', ...others.map(() => '- / -')]);
  });

  it('is cut to the terminal', () => {
    const lines = drawTable(['MUG', 'TIN', 'BAG'].map(figures), levels, { columns: 12, rows: 3 });
    expect(lines).toHaveLength(3);
    expect(Math.max(...lines.map((line) => line.length))).toBe(12);
  });
});

describe('progress', () => {
  it('says day, orders, rate and time left where it is known', () => {
    const progress = { day: '2011-01-05', done: 40, total: 100, ordersPerSecond: 20.04, leftS: 3.2, outstanding: 2 };
    expect(sayProgress(progress)).toBe('2011-01-05  40 of 100 orders, 20.0 a second, 3 s left, 2 outstanding');
    expect(sayProgress({ ...progress, leftS: null })).not.toContain('left,');
  });
});
