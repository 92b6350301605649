/** Golden vectors of splitting a scarce stock; each names where it was published. */
import { describe, expect, it } from 'vitest';
import { cutInProportion } from '#core/proportion.ts';
import { publish } from '#core/publish.ts';
import { type Demand, fairShares, largestRemainder, splitScarce } from '#core/scarcity.ts';
import { publishInputs } from '../support/factory.ts';

const demands = (...rows: readonly Partial<Demand>[]): Demand[] =>
  rows.map((row, index) => ({ id: `d${index}`, priority: 1, quantity: 0, ...row }));
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

describe('weighted max-min', () => {
  it('gives Keshav: capacity 10, demands 2, 2.6, 4, 5', () => {
    // Keshav, An Engineering Approach to Computer Networking, pp. 215-217 (ece.rutgers.edu/~marsic minmax-fairsh). In tenths.
    const rows = demands({ quantity: 20 }, { quantity: 26 }, { quantity: 40 }, { quantity: 50 });
    expect(splitScarce(100, rows)).toEqual([20, 26, 27, 27]);
    expect(
      fairShares(
        100,
        rows.map(({ quantity }) => ({ quantity, weight: 1 })),
      ),
    ).toEqual([20, 26, 27, 27]);
  });
  it('gives Keshav with weights: capacity 16, demands 4, 2, 10, 4, weights 2.5, 4, 0.5, 1', () => {
    const rows = demands(
      { quantity: 4, weight: 2.5 },
      { quantity: 2, weight: 4 },
      { quantity: 10, weight: 0.5 },
      { quantity: 4, weight: 1 },
    );
    expect(splitScarce(16, rows)).toEqual([4, 2, 6, 4]);
    expect(
      fairShares(
        16,
        rows.map(({ quantity, weight = 1 }) => ({ quantity, weight })),
      ),
    ).toEqual([4, 2, 6, 4]);
  });
});

describe('largest remainder', () => {
  it('gives the standard example of Hare', () => {
    expect(largestRemainder(10, [47000, 16000, 15900, 12000, 6000, 3100])).toEqual([5, 2, 1, 1, 1, 0]);
  });
  it('has the Alabama paradox, which is why nothing is ever added to an earlier answer', () => {
    // liquisearch, Largest remainder method: one seat more, and the fourth and fifth parties have less.
    const votes = [1500, 1500, 900, 500, 500, 200];
    expect(largestRemainder(25, votes)).toEqual([7, 7, 4, 3, 3, 1]);
    expect(largestRemainder(26, votes)).toEqual([8, 8, 5, 2, 2, 1]);
    // COMAP, For All Practical Purposes, 10th ed., 14.45.
    const states = [5576330, 1387342, 3334241, 7512860, 310968];
    expect(largestRemainder(89, states)).toEqual([27, 7, 16, 37, 2]);
    expect(largestRemainder(90, states)).toEqual([28, 7, 17, 37, 1]);
    expect(largestRemainder(91, states)).toEqual([28, 7, 17, 38, 1]);
  });
  it('does not show it where a divisor method is used', () => {
    const votes = [1500, 1500, 900, 500, 500, 200];
    const [less, more] = [cutInProportion(25, votes), cutInProportion(26, votes)];
    expect(more.filter((seats, index) => seats < (less[index] ?? 0))).toEqual([]);
  });
  it('gives Oracle order promising: a ratio of 3 : 1, a percentage', () => {
    // docs.oracle.com, Global Order Promising, allocation targets.
    expect(largestRemainder(2000, [3, 1])).toEqual([1500, 500]);
    expect(largestRemainder(1000, [20, 80])).toEqual([200, 800]);
  });
  it('gives nothing where nobody has a weight or there is nothing', () => {
    expect(largestRemainder(5, [0, 0])).toEqual([0, 0]);
    expect(largestRemainder(0, [1, 2])).toEqual([0, 0]);
    expect(largestRemainder(3, [])).toEqual([]);
  });
});

describe('proportional cut', () => {
  it('cuts Oracle targets that supply does not cover in proportion', () => {
    // docs.oracle.com, Global Order Promising: numbers are lowered proportionally when there is less than their sum.
    expect(cutInProportion(1600, [1500, 500])).toEqual([1200, 400]);
  });
});

describe('percents', () => {
  it.each([
    { of: 1, percent: 90, shown: 0 },
    { of: 2, percent: 40, shown: 0 },
    { of: 3, percent: 50, shown: 1 },
    { of: 1000, percent: 20, shown: 200 },
  ])('round down as Sellbrite and Sellercloud do: $percent % of $of is $shown', ({ of, percent, shown }) => {
    expect(publish(publishInputs(of, { sharePercent: percent }))).toBe(shown);
  });
});

describe('splitScarce', () => {
  it('serves a lower tier whole before a higher one sees a unit', () => {
    expect(splitScarce(12, demands({ quantity: 9, priority: 2 }, { quantity: 10, priority: 1 }))).toEqual([2, 10]);
  });
  it('keeps minimums, in order where there is too little for them', () => {
    const rows = demands({ quantity: 10 }, { quantity: 10, minimum: 6 }, { quantity: 10, minimum: 3 });
    expect(splitScarce(10, rows)).toEqual([1, 6, 3]);
    expect(splitScarce(8, rows)).toEqual([0, 6, 2]);
    expect(splitScarce(24, rows)).toEqual([8, 8, 8]);
  });
  it('breaks ties by id, never by position', () => {
    const rows: Demand[] = [
      { id: 'b', priority: 1, quantity: 5 },
      { id: 'a', priority: 1, quantity: 5 },
    ];
    expect(splitScarce(5, rows)).toEqual([2, 3]);
  });
  it('reads exact ties as ties: thirds are no noise of floating point', () => {
    // A third each, beside one and a third: equal remainders, so the first id has the unit.
    expect(splitScarce(2, demands({ quantity: 9 }, { quantity: 9, weight: 4 }, { quantity: 9 }))).toEqual([1, 1, 0]);
  });
  it('hands out whole packs, and what packs leave goes to whom it fits', () => {
    expect(splitScarce(20, demands({ quantity: 24, pack: 6 }, { quantity: 24, pack: 6 }))).toEqual([12, 6]);
    expect(splitScarce(20, demands({ quantity: 24, pack: 6 }, { quantity: 5 }, { quantity: 12, pack: 12 }))).toEqual([
      12, 5, 0,
    ]);
    expect(splitScarce(20, demands({ quantity: 15, pack: 6 }))).toEqual([12]);
  });
  it('serves all or nothing, refusing whoever lacks most', () => {
    const whole = { isAllOrNothing: true };
    expect(splitScarce(10, demands({ quantity: 8, ...whole }, { quantity: 9, ...whole }, { quantity: 3 }))).toEqual([
      0, 0, 3,
    ]);
    expect(splitScarce(10, demands({ quantity: 6, ...whole }, { quantity: 6, ...whole }))).toEqual([6, 0]);
    expect(splitScarce(10, demands({ quantity: 7, ...whole }, { quantity: 3 }))).toEqual([7, 3]);
    // Refused in the split, served from what the others left.
    const refused = demands(
      { quantity: 5, weight: 10, ...whole },
      { quantity: 3, weight: 0.1, ...whole },
      { quantity: 3, weight: 10 },
    );
    expect(splitScarce(7, refused)).toEqual([0, 3, 3]);
  });
  it('gives nothing of nothing', () => {
    expect(splitScarce(-3, demands({ quantity: 4 }))).toEqual([0]);
    expect(splitScarce(3, [])).toEqual([]);
  });
  it('refuses what is no demand', () => {
    expect(() => splitScarce(3, demands({ quantity: 1.5 }))).toThrow(/whole units/);
    expect(() => splitScarce(3, demands({ quantity: 1, weight: 0 }))).toThrow(/weight/);
    expect(() => splitScarce(3, demands({ quantity: 1, weight: Number.NaN }))).toThrow(/weight/);
  });
  it('stays exact for the quantities of a large brand', () => {
    const rows = demands(
      { quantity: 1e9, weight: 1 },
      { quantity: 1e9, weight: 0.333333 },
      { quantity: 1e9, weight: 7 },
    );
    expect(sum(splitScarce(999_999_999, rows))).toBe(999_999_999);
  });
});
