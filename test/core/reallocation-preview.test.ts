/** What the preview of a move tells: promises, numbers, lines that wait, and dates. */
import { describe, expect, it } from 'vitest';
import type { ReallocateCommand } from '#core/command.ts';
import { DAY_MS } from '#core/reallocation-guards.ts';
import { previewReallocation } from '#core/reallocation-preview.ts';
import type { State } from '#core/state.ts';
import { expectDemand, expectSupply, item, listing, NOW, receive, stateOf } from '../support/factory.ts';
import { brand, move, order, run } from '../support/reallocation.ts';

describe('the preview', () => {
  it('tells who loses what: promises, numbers, and lines that wait longer', () => {
    const { state } = run(brand({ retail: 20 }, 20), order('web', 6), receive(4));
    const asked = previewReallocation(state, move(1, 'retail', 'flash', 5), NOW);
    if (!('preview' in asked)) throw new Error(asked.refused.reason);
    const { preview } = asked;
    expect(preview.programs.find((one) => one.program === 'retail')).toEqual({
      program: 'retail',
      units: { before: 20, after: 15 },
      left: { before: 20, after: 15 },
      promise: { before: 20, after: 15 },
    });
    expect(preview.listings.find((one) => one.channel === 'shop:flash')?.shown).toEqual({ before: 0, after: 5 });
    expect(preview.channels).toContainEqual({
      channel: 'shop:retail',
      program: 'retail',
      promise: { before: 20, after: 15 },
    });
    expect(preview.harm).toEqual([
      'retail keeps 15 of 20 protected units, and could be promised 15 instead of 20',
      'shop:retail shows 15 instead of 20 of ref-2',
    ]);
  });

  it('tells lines that would get less of the next units', () => {
    // Retail ships from the north, where nothing is; its own units lie in the south until a transfer or a receipt.
    const own = brand({ retail: 10 }, 10);
    const programs = own.policy.programs.map((each) =>
      each.id === 'retail' ? { ...each, locations: ['north'], drawOrder: 'ownOnly' as const } : each,
    );
    const north = stateOf({ policy: { ...own.policy, programs }, items: own.items });
    const { state } = run(north, order('retail', 4));
    const due = new Map([['shop:retail/o-retail', NOW + 2 * DAY_MS]]);
    const asked = previewReallocation(state, move(1, 'retail', 'web', 8), NOW, due);
    expect('preview' in asked ? asked.preview.waiting : asked.refused).toMatchObject([
      { orderId: 'shop:retail/o-retail', program: 'retail', short: 4, gets: { before: 4, after: 2 } },
    ]);
    expect('preview' in asked ? asked.preview.harm : []).toContain(
      'order shop:retail/o-retail line 1, placed 2026-03-01, due 2026-03-03 and 4 short on 2026-03-01, gets 2 instead of 4 of the next 4 units',
    );
  });

  describe('of dates', () => {
    const due = NOW + 2 * DAY_MS;
    const previewOf = (state: State, body: ReallocateCommand) => {
      const asked = previewReallocation(state, body, NOW);
      if (!('preview' in asked)) throw new Error(asked.refused.reason);
      return asked.preview;
    };
    const blanket = (units: number, over: Partial<ReallocateCommand> = {}) => ({
      // Retail owns 4,673 of 6,000; whatever else it may have of what all share is flash's by another pool.
      state: run(
        brand({ retail: 4673, flash: 1327 }, 6000),
        expectDemand('BL-1', 4500, due, { program: 'retail' }),
        expectSupply('PO-1', 1000, NOW + 10 * DAY_MS),
      ).state,
      body: { ...move(1, 'retail', 'flash', units), ...over },
    });

    it('tells dated demand that would lack units on its day, and what ATP loses on which days', () => {
      const { state, body } = blanket(300, { until: due + 1 });
      const preview = previewOf(state, body);
      expect(preview.demands).toEqual([
        { ref: 'BL-1', program: 'retail', quantity: 4500, dueAt: due, gets: { before: 4500, after: 4373 } },
      ]);
      expect(preview.atp.find(({ program: id }) => id === 'retail')?.days).toEqual([
        { fromAt: NOW, atp: { before: 173, after: 0 } },
        { fromAt: NOW + 10 * DAY_MS, atp: { before: 1173, after: 873 } },
      ]);
      expect(preview.harm).toContain(
        'demand BL-1 of retail, 4500 due 2026-03-03, would lack 127 on that date because of the move',
      );
      expect(preview.harm).toContain('ATP of retail falls from 173 to 0 on 2026-03-01, from 1173 to 873 on 2026-03-11');
    });

    it('tells nothing of a demand that has all of it still', () => {
      const { state, body } = blanket(173);
      const preview = previewOf(state, body);
      expect(preview.demands).toEqual([]);
      expect(preview.harm.join()).not.toContain('BL-1');
    });

    it('tells what lacks in all where it lacked before, and that units may be back by then', () => {
      const { state, body } = blanket(300, { until: due });
      const more = run(state, expectDemand('BL-1', 4700, due, { program: 'retail' })).state;
      expect(previewOf(more, body).harm).toContain(
        'demand BL-1 of retail, 4700 due 2026-03-03, would lack 300 on that date because of the move, 327 in all, unless they are back by then',
      );
    });

    it('counts what comes after its day for nothing, and demand whose day has passed as wanted now', () => {
      const { state, body } = blanket(300);
      const past = run(state, expectDemand('BL-1', 4500, NOW - DAY_MS, { program: 'retail' })).state;
      const preview = previewOf(past, body);
      expect(preview.demands).toMatchObject([{ gets: { before: 4500, after: 4373 } }]);
      expect(preview.harm).toContain(
        'demand BL-1 of retail, 4500 due 2026-02-28, would lack 127 now because of the move',
      );
    });

    it('tells no dates of an item that has none', () => {
      const preview = previewOf(brand({ retail: 20 }, 20), move(1, 'retail', 'flash', 5));
      expect(preview).toMatchObject({ demands: [], atp: [] });
    });

    it('tells at most three days of a program, and how many more there are', () => {
      const weeks = [5, 6, 7, 8].map((day) => expectSupply(`PO-${day}`, 10, NOW + day * DAY_MS));
      const { state } = run(brand({ retail: 20 }, 20), ...weeks);
      expect(previewOf(state, move(1, 'retail', 'flash', 5)).harm).toContain(
        'ATP of retail falls from 30 to 25 on 2026-03-06, from 40 to 35 on 2026-03-07, from 50 to 45 on 2026-03-08, and 1 more later',
      );
    });
  });

  it('says nothing of protected units where there are none', () => {
    const { harm } = (() => {
      const asked = previewReallocation(brand({ retail: 5 }, 20), move(1, 'shared', 'retail', 4), NOW);
      if (!('preview' in asked)) throw new Error(asked.refused.reason);
      return asked.preview;
    })();
    expect(harm).toContain('web could be promised 11 instead of 15');
    expect(harm.join()).not.toContain('0 of 0');
  });

  it('tells the numbers of kits that hold the item; a kit itself has no pool', () => {
    const plain = brand({ retail: 12 }, 20);
    const sets = listing(9, { channel: 'shop:web', sku: 'SET' });
    const set = item('SET', {}, { components: [{ sku: 'TEA', quantity: 3 }], listings: [sets] });
    const state = stateOf({ policy: plain.policy, items: [...plain.items, set] });
    const asked = previewReallocation(state, move(1, 'shared', 'retail', 4), NOW);
    expect(
      'preview' in asked ? asked.preview.listings.filter((one) => one.sku === 'SET') : asked.refused,
    ).toMatchObject([{ channel: 'shop:web', shown: { before: 2, after: 1 } }]);
    const refused = previewReallocation(state, { ...move(1, 'shared', 'retail', 1), sku: 'SET' }, NOW);
    expect(refused).toMatchObject({ refused: { code: 'is-a-kit', fix: 'move units of its components: TEA' } });
  });

  it('answers why a move cannot be', () => {
    const asked = previewReallocation(brand({ retail: 2 }, 2), move(1, 'retail', 'flash', 5), NOW);
    expect(asked).toMatchObject({ refused: { code: 'beyond-pool', fix: 'move at most 2' } });
  });
});
