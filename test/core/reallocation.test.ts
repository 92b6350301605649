/** Reallocations by example: what moves, what is refused with which number, what comes back. */
import { describe, expect, it } from 'vitest';
import { explain } from '#core/publish.ts';
import { DAY_MS, GUARD_DEFAULTS, guardsOf, judgeMove } from '#core/reallocation-guards.ts';
import type { Facts, State } from '#core/state.ts';
import { NOW } from '../support/factory.ts';
import { brand, END, end, move, order, run } from '../support/reallocation.ts';

const refusal = (facts: Facts) => {
  const [outcome] = facts.outcomes;
  return outcome?.kind === 'parked' ? outcome : null;
};
const shown = (state: State) =>
  Object.fromEntries(state.items.flatMap((each) => each.listings.map((l) => [l.channel, l.target?.quantity ?? null])));
const consumed = (state: State) =>
  Object.fromEntries(
    (state.items[0]?.drawn ?? []).filter((row) => row.consumed !== 0).map((row) => [row.program, row.consumed]),
  );
describe('a move', () => {
  // The story of the mission: 2,400 on hand, a retailer's PO of 1,800, and marketing that wants 900 for a flash sale.
  const story = brand({ retail: 1800 }, 2400);

  it('lifts one pool by what it takes from another, and every number follows', () => {
    const { state } = run(story, { kind: 'review', sku: 'TEA' });
    expect(shown(state)).toEqual({ 'shop:flash': 600, 'shop:retail': 2400, 'shop:web': 600 });
    const moved = run(state, move(1, 'retail', 'flash', 300));
    expect(shown(moved.state)).toEqual({ 'shop:flash': 900, 'shop:retail': 2100, 'shop:web': 600 });
    expect(moved.facts.moves).toMatchObject([
      { id: 1, kind: 'applied', before: { from: 1800, to: 0 }, after: { from: 1500, to: 300 } },
    ]);
  });

  it('is refused beyond what the donor has, with the largest number possible', () => {
    const { state } = run(story, order('retail', 1700));
    const { facts } = run(state, move(1, 'retail', 'flash', 300));
    expect(refusal(facts)).toMatchObject({
      code: 'beyond-pool',
      field: 'units',
      reason: 'the pool of retail has 100 units of TEA to give (1800 protected, 1700 drawn, 100 left), not 300',
      fix: 'move at most 100',
    });
    expect(run(state, move(1, 'retail', 'flash', 100)).facts.outcomes).toMatchObject([{ kind: 'applied' }]);
    expect(refusal(run(story, move(1, 'shared', 'flash', 601)).facts)?.fix).toBe('move at most 600');
  });

  it('takes from nobody else where protections are cut, and goes as far as that allows', () => {
    // Four units for protections of one, one and seven: three moved from web to retail would round flash down to none.
    const cut = brand({ flash: 1, retail: 1, web: 7 }, 4);
    const { facts } = run(cut, move(1, 'web', 'retail', 3));
    expect(refusal(facts)).toMatchObject({
      reason: expect.stringContaining('would move others too'),
      fix: 'move at most 2',
    });
    expect(run(cut, move(1, 'web', 'retail', 2)).facts.outcomes).toMatchObject([{ kind: 'applied' }]);
    const tight = brand({ flash: 1, retail: 3, web: 3 }, 3);
    expect(refusal(run(tight, move(1, 'web', 'retail', 1)).facts)?.fix).toMatch(/^receive stock/);
  });

  it('serves lines of the receiver that wait, at once', () => {
    const { state } = run(story, order('flash', 700));
    expect(state.orders[0]?.lines[0]?.short).toBe(100);
    const moved = run(state, move(1, 'retail', 'flash', 100));
    expect(moved.state.orders[0]?.lines[0]?.short).toBe(0);
  });

  it.each([
    [move(1, 'retail', 'retail', 1), 'same-pool', 'to'],
    [move(1, 'retail', 'nobody', 1), 'unknown-pool', 'to'],
    [move(1, 'nobody', 'retail', 1), 'unknown-pool', 'from'],
    [move(1, 'retail', 'flash', 0), 'impossible-quantity', 'units'],
    [{ ...move(1, 'retail', 'flash', 1), until: NOW }, 'end-has-passed', 'until'],
  ])('%j is refused as %s', (body, code, field) => {
    expect(refusal(run(story, body).facts)).toMatchObject({ code, field });
  });

  it('changes nothing a second time', () => {
    const { state } = run(story, move(1, 'retail', 'flash', 300));
    expect(run(state, move(1, 'retail', 'flash', 300)).facts).toMatchObject({
      moves: [],
      outcomes: [{ kind: 'unchanged' }],
    });
  });

  it('is told in the step of the pool', () => {
    const { facts } = run(story, move(7, 'retail', 'flash', 300));
    const flash = facts.targets.find(({ inputs }) => inputs.program === 'flash');
    expect(flash?.inputs.own).toMatchObject({ units: 300, remaining: 300 });
    const steps = flash === undefined ? [] : explain(flash.inputs).steps;
    expect(steps.find(({ id }) => id === 'drawOrder')?.says).toContain(
      '; reallocation 7 moved 300 from retail to flash until 2026-03-08T00:00:00.000Z',
    );
  });
});

describe('the end of a move', () => {
  const start = brand({ flash: 5, retail: 20 }, 25);

  it('brings back what was before, byte for byte, where nothing was drawn', () => {
    const before = run(start, { kind: 'review', sku: 'TEA' }).state;
    const after = run(before, move(1, 'retail', 'flash', 8), end(1)).state;
    const essence = (state: State) => [shown(state), consumed(state), state.items[0]?.moves];
    expect(essence(after)).toEqual(essence(before));
  });

  it('returns what the receiver has not drawn, and counts the rest as drawn from the donor', () => {
    const { state } = run(start, move(1, 'retail', 'flash', 8), order('flash', 9));
    expect(consumed(state)).toEqual({ flash: 9 });
    const { state: after, facts } = run(state, end(1));
    expect(facts.moves).toMatchObject([
      { kind: 'expired', returned: 4, spent: 4, before: { from: 12, to: 4 }, after: { from: 16, to: 0 } },
    ]);
    expect(consumed(after)).toEqual({ flash: 5, retail: 4 });
    expect(after.items[0]?.moves).toEqual([]);
    expect(facts.promises.map(({ kind, delta, consumed: drawn }) => [kind, delta, drawn])).toEqual([
      ['reallocate', 0, 4],
      ['reallocate', 0, -4],
    ]);
  });

  it('is nothing where the move is not in force', () => {
    expect(run(start, end(1)).facts).toMatchObject({ moves: [], outcomes: [{ kind: 'unchanged' }] });
  });

  it('returns from the shared pool what nobody took', () => {
    const { state } = run(start, move(1, 'retail', 'shared', 10), order('web', 6));
    expect(run(state, end(1)).facts.moves).toMatchObject([{ returned: 4, spent: 6 }]);
  });

  it('may come in any order: what a pool received is never moved on', () => {
    const { state } = run(start, move(1, 'retail', 'flash', 8));
    expect(refusal(run(state, move(2, 'flash', 'web', 6)).facts)).toMatchObject({
      reason: expect.stringContaining('8 received by reallocations'),
      fix: 'move at most 5',
    });
    const both = run(state, move(2, 'flash', 'web', 5)).state;
    const essence = (each: State) => [shown(each), consumed(each)];
    expect(essence(run(both, end(1), end(2)).state)).toEqual(essence(run(both, end(2), end(1)).state));
    expect(consumed(run(both, end(1), end(2)).state)).toEqual({});
  });
});

describe('guards', () => {
  const asked = { id: 7, sku: 'TEA', from: 'retail', units: 20, until: END };
  const donor = { units: 100, movedToday: 0, lastMovedAt: null };

  it('have the written defaults', () => {
    // facts/planning section 4: 20 % a move, 50 % a day, an hour between, an alert below 25 %.
    expect(guardsOf({})).toEqual({
      approveAbove: 100,
      perMovePercent: 20,
      perDayPercent: 50,
      cooldownMs: 3_600_000,
      maxDays: 30,
      lowPoolPercent: 25,
    });
    expect(guardsOf({ reallocation: { maxDays: 3 } })).toEqual({ ...GUARD_DEFAULTS, maxDays: 3 });
  });

  it('let one person move up to each limit, and not one unit more', () => {
    expect(judgeMove(asked, GUARD_DEFAULTS, donor, NOW)).toEqual({ refused: [], waits: null, approval: [] });
    expect(judgeMove({ ...asked, units: 21 }, GUARD_DEFAULTS, donor, NOW).approval).toEqual([
      {
        guard: 'perMovePercent',
        limit: 20,
        value: 21,
        says: '21 units are above 20 % of the pool of retail (20 of 100) in one move',
        fix: 'move at most 20, or let a second person: allot reallocate approve 7',
      },
    ]);
    const rich = { ...donor, units: 10_000 };
    expect(judgeMove({ ...asked, units: 100 }, GUARD_DEFAULTS, rich, NOW).approval).toEqual([]);
    expect(judgeMove({ ...asked, units: 101 }, GUARD_DEFAULTS, rich, NOW).approval.map(({ guard }) => guard)).toEqual([
      'approveAbove',
    ]);
  });

  it('count many small moves of a day as one, of the pool as it was', () => {
    const today = { units: 60, movedToday: 40, lastMovedAt: null };
    expect(judgeMove({ ...asked, units: 10 }, GUARD_DEFAULTS, today, NOW).approval).toEqual([]);
    expect(judgeMove({ ...asked, units: 11 }, GUARD_DEFAULTS, today, NOW).approval).toMatchObject([
      {
        guard: 'perDayPercent',
        limit: 50,
        value: 51,
        fix: 'move at most 10, or let a second person: allot reallocate approve 7',
      },
    ]);
  });

  it('make the next move of a donor wait, approved or not', () => {
    const moved = { ...donor, lastMovedAt: NOW - 3_599_999 };
    expect(judgeMove(asked, GUARD_DEFAULTS, moved, NOW).waits).toMatchObject({
      guard: 'cooldown',
      limit: '2026-03-01T00:00:00.001Z',
    });
    expect(judgeMove(asked, GUARD_DEFAULTS, moved, NOW + 1).waits).toBeNull();
  });

  it('refuse an end that has passed or is too far', () => {
    const judge = (until: number) =>
      judgeMove({ ...asked, until }, GUARD_DEFAULTS, donor, NOW).refused.map(({ guard }) => guard);
    expect([judge(NOW), judge(NOW + 30 * DAY_MS), judge(NOW + 30 * DAY_MS + 1)]).toEqual([['until'], [], ['maxDays']]);
  });
});

describe('low pools', () => {
  it('are told below a quarter of their protection, with the largest safe donors first', () => {
    const { facts } = run(brand({ flash: 40, retail: 20, web: 12 }, 72), order('flash', 31));
    // 9 of 40 are left: one unit lifts it to a quarter of 41, two to a quarter of 42.
    expect(facts.lowPools).toEqual([
      { sku: 'TEA', program: 'flash', units: 40, remaining: 9, missing: 2, moves: [{ from: 'retail', units: 2 }] },
    ]);
    expect(run(brand({ flash: 40, retail: 20, web: 12 }, 72), order('flash', 30)).facts.lowPools).toEqual([]);
  });

  it('name no donor for so much that it would be low itself', () => {
    const { facts } = run(brand({ flash: 100, retail: 20, web: 12 }, 132), order('flash', 98));
    expect(facts.lowPools).toMatchObject([
      {
        missing: 31,
        moves: [
          { from: 'retail', units: 15 },
          { from: 'web', units: 9 },
        ],
      },
    ]);
  });

  it('name shared units first where there are most of them', () => {
    const { facts } = run(brand({ flash: 100, retail: 20 }, 160), order('flash', 98));
    expect(facts.lowPools[0]?.moves).toEqual([{ from: 'shared', units: 31 }]);
  });
});
