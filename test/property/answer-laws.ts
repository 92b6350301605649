/** Laws of answers to orders: given once, never more than is there, adding up, and keeping the books right. */
import * as fc from 'fast-check';
import { closedUnits } from '#core/answers.ts';
import type { CommandBody } from '#core/command.ts';
import type { OrderLine } from '#core/model.ts';
import type { State } from '#core/state.ts';
import { commandsOf, opening, PLAIN, type World } from '../support/arbitraries.ts';
import { command, NOW } from '../support/factory.ts';
import { allocatedOf, take } from '../support/memory-store.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const LATER = NOW + 60 * 60_000;
const RULES = ['cancelBalance', 'backOrder', 'shipComplete'] as const;

/** Orders of every channel ask for an answer, by all rules, some of their lines in cases. */
const askingBody = (any: fc.Arbitrary<CommandBody>): fc.Arbitrary<CommandBody> =>
  fc.tuple(any, fc.constantFrom(...RULES, undefined), fc.constantFrom(1, 1, 2, 3)).map(([body, rule, unit]) => {
    if (body.kind !== 'order-state') return body;
    const lines = body.order.lines.map((line) => (unit === 1 ? line : { ...line, unit }));
    const obligations = [{ kind: 'accept' as const, dueAt: LATER }];
    return { ...body, order: { ...body.order, ...(rule === undefined ? {} : { fillRule: rule }), obligations, lines } };
  });

const keyOf = (orderId: string, line: OrderLine): string => `${orderId} ${line.lineRef}`;
const answersOf = (state: State) =>
  new Map(state.orders.flatMap((order) => order.lines.map((line) => [keyOf(order.id, line), line.answer] as const)));

function expectNewAnswer(line: OrderLine): void {
  const { answer } = line;
  if (answer === null) return;
  expect(answer.accepted + answer.backOrdered + answer.refused).toBe(line.ordered - line.cancelled);
  expect(Math.min(answer.accepted, answer.backOrdered, answer.refused)).toBeGreaterThanOrEqual(0);
  expect(answer.accepted).toBeLessThanOrEqual(line.shipped + allocatedOf(line));
  expect(answer.accepted).toBeGreaterThanOrEqual(Math.min(line.shipped, line.ordered - line.cancelled));
}

export const answersHold = (core: Core, world: World = PLAIN) =>
  fc.property(world.brand, commandsOf(askingBody(world.body)), (brand, given) => {
    const first = opening.map((body, index) => command(1000 + index, body));
    let state = take(core.decide, brand, { commands: first, now: NOW }).state;
    for (const each of given) {
      const before = answersOf(state);
      state = take(core.decide, state, { commands: [each], now: LATER }).state;
      for (const order of state.orders) {
        for (const line of order.lines) {
          const told = before.get(keyOf(order.id, line)) ?? null;
          if (told === null) expectNewAnswer(line);
          else expect(line.answer).toEqual(told);
          if (line.sku === null) continue;
          expect(allocatedOf(line) + line.short).toBe(Math.max(0, line.ordered - closedUnits(line) - line.shipped));
        }
      }
    }
  });
