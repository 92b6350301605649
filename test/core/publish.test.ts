import { describe, expect, it } from 'vitest';
import { explain, publish } from '#core/publish.ts';
import { publishInputs } from '../support/factory.ts';

describe('publish', () => {
  it.each([
    // HotWax, Shipwave: buffer, then floor (facts/peers section 8).
    { promise: 20, rules: { buffer: 5, hideAtOrBelow: 3 }, quantity: 15 },
    { promise: 7, rules: { buffer: 5, hideAtOrBelow: 3 }, quantity: 0 },
    // HotWax Online ATP: 100 - 5 x 4 - 10 - 50, and 100 - 2 x 4 - 5.
    { promise: 50, rules: { safetyStock: 20, buffer: 10 }, quantity: 20 },
    { promise: 100, rules: { safetyStock: 8, buffer: 5 }, quantity: 87 },
    // Sellbrite and Sellercloud: percents round down.
    { promise: 1, rules: { sharePercent: 90 }, quantity: 0 },
    { promise: 2, rules: { sharePercent: 40 }, quantity: 0 },
    { promise: 3, rules: { sharePercent: 50 }, quantity: 1 },
    { promise: 9, rules: { hideAtOrBelow: 9 }, quantity: 0 },
    { promise: 10, rules: { hideAtOrBelow: 9 }, quantity: 10 },
    { promise: 50, rules: { cap: 12 }, quantity: 12 },
    { promise: 17, rules: { pack: 6 }, quantity: 2 },
    { promise: 17, rules: { pack: 6, cap: 11 }, quantity: 1 },
    { promise: 10, rules: { inFlight: 4 }, quantity: 6 },
    { promise: 3, rules: { buffer: 9 }, quantity: 0 },
    { promise: 3, rules: { sharePercent: 0 }, quantity: 0 },
  ])('$promise under $rules shows $quantity', ({ promise, rules, quantity }) => {
    expect(publish(publishInputs(promise, rules))).toBe(quantity);
    expect(explain(publishInputs(promise, rules)).quantity).toBe(quantity);
  });
});

describe('explain', () => {
  const inputs = publishInputs(0, {
    places: [
      { location: 'north', sellable: 30, allocated: 6, held: 2 },
      { location: 'south', sellable: 10, allocated: 0, held: 0 },
    ],
    free: 32,
    own: { units: 10, consumed: 4, remaining: 6 },
    protectedForOthers: 5,
    fromOwn: 6,
    fromShared: 21,
    sharePercent: 50,
    safetyStock: 1,
    buffer: 2,
    inFlight: 3,
    cap: 6,
    pack: 2,
  });

  it('tells every step in DESIGN order with the number after it', () => {
    expect(explain(inputs).steps.map((step) => [step.id, step.result])).toEqual([
      ['supply', 40],
      ['committed', 34],
      ['held', 32],
      ['protected', 27],
      ['drawOrder', 27],
      ['share', 13],
      ['safetyStock', 12],
      ['buffer', 10],
      ['inFlight', 7],
      ['backorder', 7],
      ['hideAtOrBelow', 7],
      ['cap', 6],
      ['pack', 3],
      ['floor', 3],
    ]);
  });
  it('names places, pools and the unit in words', () => {
    const { steps, unit, quantity } = explain(inputs);
    expect({ unit, quantity }).toEqual({ unit: 'packs of 2', quantity: 3 });
    expect(steps[0]?.says).toContain('north 30, south 10');
    expect(steps[4]?.says).toContain(
      '6 from its own pool (10 protected, 4 drawn, 6 left) and 21 shared, by ownThenShared',
    );
  });
  it('says so when a program has no place at all', () => {
    const { steps, quantity } = explain(publishInputs(0, { places: [] }));
    expect(quantity).toBe(0);
    expect(steps[0]?.says).toContain('no place');
  });
});
