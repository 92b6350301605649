/** Laws of a line's explanation: it recomputes from what it tells, and says of a line that waits that nothing could be given to it. */
import * as fc from 'fast-check';
import { commandsOf, opening, PLAIN, type World } from '../support/arbitraries.ts';
import { command, NOW } from '../support/factory.ts';
import { KIT_WORLD } from '../support/kit-brand.ts';
import { LOT_WORLD } from '../support/lot-brand.ts';
import { takeAll } from '../support/memory-store.ts';
import { PLACED } from '../support/place-brand.ts';
import { lineByHand } from '../support/promise-by-hand.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const WORLDS: readonly World[] = [PLAIN, KIT_WORLD, LOT_WORLD, PLACED];
const storyArb = fc.oneof(...WORLDS.map(({ brand, body }) => fc.tuple(brand, commandsOf(body))));

const LATER = NOW + 60 * 60_000;

export const everyLineExplainsItself = (core: Core) =>
  fc.property(storyArb, ([brand, commands]) => {
    const start = [...opening.map((body, index) => command(1000 + index, body)), ...commands];
    const stood = takeAll(
      core.decide,
      brand,
      start.map((each) => ({ commands: [each], now: LATER })),
    );
    // Looked at once more at that moment, whatever waits has what it may be given.
    const reviews = stood.items.map(({ sku }, index) => command(2000 + index, { kind: 'review' as const, sku }));
    const state = takeAll(core.decide, stood, [{ commands: reviews, now: LATER }]);
    for (const order of state.orders) {
      const told = core.explainLines(state, order, LATER);
      for (const { lineRef, short } of order.lines) {
        const line = told?.get(lineRef);
        if (line === undefined) continue;
        expect(lineByHand(line), `${order.id} line ${lineRef} by hand`).toBe(line.mayTake);
        if (short > 0) expect(line.mayTake, `${order.id} line ${lineRef} waits`).toBe(0);
      }
    }
  });
