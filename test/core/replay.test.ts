/** Replay against its twin in test/support, which is written the slow and plain way; and on the part of a state that a batch touches. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '#core/decide.ts';
import { applyFacts } from '#core/replay.ts';
import type { ShortLine, State } from '#core/state.ts';
import { anyBody, brandArb, commandsOf, opening, RUNS } from '../support/arbitraries.ts';
import { command, commands, NOW, oneLineOrder, receive, stateOf } from '../support/factory.ts';
import { deepFreeze, loadFor, applyFacts as writePlainly } from '../support/memory-store.ts';

const LATER = NOW + 60 * 60_000;

const nameOf = ({ id, line }: ShortLine): string => `${id} ${line.lineRef}`;
const inOneForm = (state: State): State => ({
  ...state,
  items: state.items.map((item) => ({
    ...item,
    shorts: item.shorts.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
    shortOf: item.shortOf.toSorted((a, b) => (a.program < b.program ? -1 : 1)),
  })),
});

describe('replay', () => {
  it('ends in the state that the plain twin ends in, whatever was decided', () => {
    fc.assert(
      fc.property(brandArb, commandsOf(anyBody), commandsOf(anyBody), (brand, first, second) => {
        let [ours, plain] = [brand, brand];
        const batches = [opening.map((body, index) => command(5000 + index, body)), first, second];
        for (const batch of batches) {
          const facts = decide(loadFor(plain, batch), batch, LATER);
          ours = applyFacts(deepFreeze(ours), deepFreeze(facts));
          plain = writePlainly(plain, facts);
        }
        expect(inOneForm(ours)).toEqual(inOneForm(plain));
      }),
      { numRuns: Math.ceil(RUNS / 4) },
    );
  });

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
