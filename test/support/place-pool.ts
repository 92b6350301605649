/** Random pools of one place: units, or a part of what is there, protected there, beside the pools of the item. */
import * as fc from 'fast-check';
import type { PoolRule } from '#core/model.ts';
import { MINUTE_MS, NOW, pool } from './factory.ts';

export const placePoolArb = (
  programs: readonly string[],
  places: readonly string[],
  skus: readonly string[],
): fc.Arbitrary<PoolRule> =>
  fc
    .record({
      id: fc.constantFrom(...programs),
      location: fc.constantFrom(...places),
      units: fc.integer({ min: 0, max: 6 }),
      sku: fc.constantFrom('*', '*', ...skus),
      refill: fc.constantFrom('never' as const, 'receipt' as const),
      more: fc.constantFrom<Partial<PoolRule>>(
        {},
        {},
        { protects: 'prioritised' },
        { activeFrom: NOW + 30 * MINUTE_MS },
        { minimum: 2 },
        { maximum: 3 },
      ),
      part: fc.constantFrom<Partial<PoolRule>>({}, {}, { percent: 20 }, { percent: 50 }, { parts: 1 }, { parts: 3 }),
    })
    .map(({ id, units, more, part, ...over }) => {
      const { units: fixed = 0, ...rule } = pool(id, units, { ...over, ...more, ...part });
      return rule.percent === undefined && rule.parts === undefined ? { ...rule, units: fixed } : rule;
    });
