/** Holds of a kit's components, and the orders of the kit that take sets out of them. */
import { describe, expect, it } from 'vitest';
import type { CommandBody, HoldCommand } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import { unitsOf } from '#core/hold-units.ts';
import type { Completeness } from '#core/model.ts';
import type { State } from '#core/state.ts';
import { command, item, listing, MINUTE_MS, NOW, oneLineOrder, policy, program, stateOf } from '../support/factory.ts';
import { take } from '../support/memory-store.ts';

const hold = (quantity: number, over: Partial<HoldCommand> = {}): HoldCommand => ({
  kind: 'hold',
  holdKind: 'subscription',
  sku: 'TEA',
  program: 'dtc',
  quantity,
  location: null,
  owner: 'ann',
  reason: 'renewals',
  expiresAt: NOW + 60 * MINUTE_MS,
  ref: null,
  ...over,
});

let lastId = 0;
/** Ids go on from call to call, so that a hold is called by the id that `run` gave its command. */
function run(state: State, bodies: readonly CommandBody[]) {
  const commands = bodies.map((body) => command(++lastId, body, { recordedAt: NOW, occurredAt: NOW }));
  return { ...take(decide, state, { commands, now: NOW }), ids: commands.map(({ id }) => id) };
}
const refusal = (state: State, body: CommandBody) => run(state, [body]).facts.outcomes[0];

describe('an order of a kit', () => {
  const components = [
    { sku: 'TEA', quantity: 2 },
    { sku: 'CUP', quantity: 1 },
  ];
  const kits = (completeness: Completeness) =>
    stateOf({
      policy: policy({ programs: [program('dtc', { locations: ['north', 'south'], completeness })] }),
      items: [
        item('BOX', {}, { components, listings: [listing(1, { sku: 'BOX' })] }),
        item('CUP', { north: 4, south: 4 }),
        item('TEA', { north: 8, south: 8 }),
      ],
    });
  const order = (ref: string, ordered: number, ids: readonly number[], rest: 'keep' | 'release' = 'keep') => ({
    ...oneLineOrder(ref, { ordered }, { origin: 'operator' }),
    holds: ids.map((id) => ({ hold: id, rest })),
  });
  const at = (location: string) => ({ location });
  const lineOf = (state: State) => state.orders[0]?.lines[0];
  const holds = (state: State) =>
    state.items.flatMap((each) => each.holds.map((one) => [one.sku, one.state, unitsOf(one)]));

  it('takes whole sets out of holds of its components, and leaves the rest held', () => {
    const { state, ids } = run(kits('split'), [hold(7, at('south')), hold(3, { sku: 'CUP', ...at('south') })]);
    const { state: after, facts } = run(state, [order('box', 2, ids)]);
    expect(lineOf(after)).toMatchObject({
      short: 0,
      components,
      allocations: [
        { sku: 'TEA', location: 'south', quantity: 4 },
        { sku: 'CUP', location: 'south', quantity: 2 },
      ],
    });
    expect(holds(after)).toEqual([
      ['CUP', 'held', 1],
      ['TEA', 'held', 3],
    ]);
    expect(facts.promises.map(({ sku, kind }) => `${sku} ${kind}`)).toEqual([
      'TEA unhold',
      'TEA allocate',
      'CUP unhold',
      'CUP allocate',
    ]);
    // Nothing that was held is free on the way, and what is let go is free after.
    const released = run(state, [order('box', 2, ids, 'release')]).state;
    expect(holds(released)).toEqual([
      ['CUP', 'converted', 0],
      ['TEA', 'converted', 0],
    ]);
  });

  it('puts a set together over places only where its program may', () => {
    const apart = [hold(2, at('north')), hold(1, { sku: 'CUP', ...at('south') })] as const;
    const { state, ids } = run(kits('split'), apart);
    expect(lineOf(run(state, [order('box', 1, ids)]).state)).toMatchObject({
      allocations: [
        { sku: 'TEA', location: 'north', quantity: 2 },
        { sku: 'CUP', location: 'south', quantity: 1 },
      ],
    });
    const one = run(kits('onePlace'), apart);
    expect(refusal(one.state, order('box', 1, one.ids))).toMatchObject({ code: 'hold-not-wanted' });
  });

  it('of a program whose lines come from one place takes the place that has most, and fills up there', () => {
    const { state, ids } = run(kits('onePlace'), [
      hold(2, at('north')),
      hold(1, { sku: 'CUP', ...at('north') }),
      hold(6, at('south')),
      hold(3, { sku: 'CUP', ...at('south') }),
    ]);
    expect(refusal(state, order('box', 4, ids))).toMatchObject({ code: 'hold-not-wanted', field: 'holds[0].hold' });
    expect(lineOf(run(state, [order('box', 4, ids.slice(2))]).state)).toMatchObject({
      short: 0,
      allocations: [
        { sku: 'TEA', location: 'south', quantity: 8 },
        { sku: 'CUP', location: 'south', quantity: 4 },
      ],
    });
  });

  it('refuses a hold of one component without the others, or of what it is not made of', () => {
    const { state, ids } = run(kits('split'), [hold(2)]);
    expect(refusal(state, order('box', 1, ids))).toMatchObject({
      code: 'hold-not-wanted',
      fix: expect.stringContaining('of a kit name a hold of every component'),
    });
    const other = { ...kits('split'), items: [...kits('split').items, item('POT', { north: 5 })] };
    const { state: held, ids: pots } = run(other, [hold(1, { sku: 'POT' })]);
    expect(refusal(held, order('box', 1, pots))).toMatchObject({ code: 'unknown-hold' });
  });
});
