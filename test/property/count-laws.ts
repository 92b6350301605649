/** The count rule: whatever order movements and counts arrive in, the balance is the last count and what moved after it. */
import * as fc from 'fast-check';
import type { Command, CommandBody } from '#core/command.ts';
import { command, item, listing, NOW, oneLineOrder, stateOf } from '../support/factory.ts';
import { take, takeAll } from '../support/memory-store.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

type Move = { readonly at: number; readonly units: number };

const at = fc.integer({ min: 0, max: 12 });

const storyArb = fc
  .record({
    moves: fc.array(fc.record({ at, units: fc.constantFrom(-3, -1, 2, 5) }), { maxLength: 6 }),
    counts: fc.uniqueArray(fc.record({ at, units: fc.integer({ min: 0, max: 9 }) }), {
      maxLength: 3,
      selector: (row) => row.at,
    }),
  })
  .chain(({ moves, counts }) => {
    const told = [
      ...moves.map((move, index) => ({ move, index, isCount: false })),
      ...counts.map((move, index) => ({ move, index, isCount: true })),
    ];
    return fc.record({
      moves: fc.constant(moves),
      counts: fc.constant(counts),
      arrival: fc.shuffledSubarray(told, { minLength: told.length }),
      isOneBatch: fc.boolean(),
    });
  });

/** Goods come by receipts and leave by orders that were shipped elsewhere: neither is refused for want of stock. */
function bodyOf(move: Move, index: number): CommandBody {
  if (move.units < 0) return oneLineOrder(`o${index}`, { ordered: -move.units, shipped: -move.units });
  return { kind: 'receive', sku: 'TEA', location: 'main', disposition: 'sellable', quantity: move.units };
}

const commandOf = (id: number, { move, index, isCount }: { move: Move; index: number; isCount: boolean }): Command => {
  const occurredAt = NOW + move.at;
  const body: CommandBody = isCount
    ? { kind: 'count', sku: 'TEA', location: 'main', disposition: 'sellable', quantity: move.units, asOf: occurredAt }
    : bodyOf(move, index);
  return command(id, body, { occurredAt, recordedAt: NOW + 100 + id });
};

export const countRuleHolds = (core: Core) =>
  fc.property(storyArb, ({ moves, counts, arrival, isOneBatch }) => {
    const commands = arrival.map((told, index) => commandOf(index + 1, told));
    const batches = isOneBatch ? [commands] : commands.map((each) => [each]);
    const brand = stateOf({ items: [item('TEA', {}, { listings: [listing(1)] })] });
    const state = takeAll(
      core.decide,
      brand,
      batches.map((part) => ({ commands: part, now: NOW + 200 })),
    );
    const last = [...counts].sort((a, b) => b.at - a.at)[0];
    const after = moves
      .filter((move) => last === undefined || move.at > last.at)
      .reduce((sum, move) => sum + move.units, 0);
    const balance = state.items[0]?.balances.find((row) => row.disposition === 'sellable')?.quantity ?? 0;
    expect(balance).toBe((last?.units ?? 0) + after);
  });

/** A compensation is written beside the late movement, never instead of it: the ledger tells what happened. */
export const everyMovementIsInTheLedger = (core: Core) =>
  fc.property(storyArb, ({ moves, arrival }) => {
    let state = stateOf({ items: [item('TEA', {}, { listings: [listing(1)] })] });
    const moved = { receive: 0, ship: 0 };
    for (const each of arrival.map((told, index) => commandOf(index + 1, told))) {
      const step = take(core.decide, state, { commands: [each], now: NOW + 200 });
      state = step.state;
      for (const row of step.facts.stock)
        if (row.kind === 'receive' || row.kind === 'ship') moved[row.kind] += row.delta;
      const absorbed = step.facts.stock.filter((row) => row.kind === 'absorb').reduce((sum, row) => sum + row.delta, 0);
      const all = step.facts.stock.filter((row) => row.kind !== 'count').reduce((sum, row) => sum + row.delta, 0);
      expect(absorbed === 0 || all === 0, 'a movement is absorbed whole or not at all').toBe(true);
    }
    const sum = (sign: number) =>
      moves.reduce((all, move) => (Math.sign(move.units) === sign ? all + move.units : all), 0);
    expect(moved).toEqual({ receive: sum(1), ship: sum(-1) });
  });
