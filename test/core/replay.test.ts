/** Replay on the part of a state that a batch touches; that it rebuilds any state is a law (test/property/decide-laws.ts). */
import { describe, expect, it } from 'vitest';
import { decide } from '#core/decide.ts';
import { applyFacts } from '#core/replay.ts';
import { commands, NOW, oneLineOrder, receive, stateOf } from '../support/factory.ts';
import { loadFor } from '../support/memory-store.ts';

describe('replay', () => {
  it('keeps a line that waits when its order is not in the part at hand', () => {
    const [order, goods] = commands(oneLineOrder('A', { ordered: 15 }), receive(3));
    if (order === undefined || goods === undefined) throw new Error('two commands were made');
    const start = stateOf();
    const whole = applyFacts(start, decide(loadFor(start, [order]), [order], NOW));
    const part = loadFor(whole, [goods]);
    expect(part.orders).toEqual([]);
    const after = applyFacts(part, decide(part, [goods], NOW));
    expect(after.items[0]?.shorts.map(({ line }) => line.short)).toEqual([2]);
  });

  it('refuses facts of an order that nobody waits with', () => {
    const [order, goods] = commands(oneLineOrder('A', { ordered: 15 }), receive(3));
    if (order === undefined || goods === undefined) throw new Error('two commands were made');
    const start = stateOf();
    const short = applyFacts(start, decide(start, [order], NOW));
    const facts = decide(loadFor(short, [goods]), [goods], NOW);
    expect(facts.filledLines).toHaveLength(1);
    expect(() => applyFacts(start, facts)).toThrow(/does not wait/);
  });
});
