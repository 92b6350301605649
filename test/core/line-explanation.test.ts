/** Why a line may be given no more: every step by hand, and the last what a decision gives. */
import { describe, expect, it } from 'vitest';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import { explainLines, type LineExplained } from '#core/line-explanation.ts';
import type { Policy } from '#core/model.ts';
import type { State } from '#core/state.ts';
import {
  commands,
  item,
  lineState,
  listing,
  NOW,
  orderState,
  policy,
  pool,
  program,
  stateOf,
} from '../support/factory.ts';
import { take } from '../support/memory-store.ts';
import { lineByHand } from '../support/promise-by-hand.ts';

const run = (state: State, ...bodies: readonly CommandBody[]) =>
  take(decide, state, { commands: commands(...bodies), now: NOW }).state;

const order = (ref: string, tea: number, cup?: number): CommandBody => ({
  kind: 'order-state',
  channel: 'shop:main',
  order: orderState(ref, [
    lineState('1', { ordered: tea }),
    ...(cup === undefined ? [] : [lineState('2', { ordered: cup, listingRef: 'ref-2' })]),
  ]),
});

const brand = (over: Partial<Policy>, tea: Readonly<Record<string, number>> = { main: 100 }): State =>
  stateOf({
    policy: policy(over),
    items: [
      item('TEA', tea, { listings: [listing(1)] }),
      item('CUP', { main: 4 }, { listings: [listing(2, { sku: 'CUP' })] }),
    ],
  });

function explained(state: State, id = 'shop:main/1'): readonly LineExplained[] {
  const found = state.orders.find((each) => each.id === id);
  if (found === undefined) throw new Error(`no order ${id}`);
  const told = explainLines(state, found, NOW);
  const lines = found.lines.flatMap((line) => told?.get(line.lineRef) ?? []);
  // What is told is all that it takes.
  for (const line of lines) expect(lineByHand(JSON.parse(JSON.stringify(line)))).toBe(line.mayTake);
  return lines;
}

describe('why a line may be given no more', () => {
  it('names who keeps the free units, and by which rule', () => {
    const pools = [pool('emergency', 5, { because: 'for the warranty desk' })];
    const state = run(brand({ pools }), order('1', 95), order('2', 10));
    const [line] = explained(state, 'shop:main/2');
    expect(line).toMatchObject({ mayTake: 0, completeness: { rule: 'split' }, tolerance: 'none', policyVersion: 1 });
    expect(line?.steps.map(({ id, result }) => [id, result])).toEqual([
      ['supply', 100],
      ['committed', 5],
      ['held', 5],
      ['protected', 0],
      ['drawOrder', 0],
    ]);
    expect(line?.inputs.protectedBy).toEqual([
      { program: 'emergency', units: 5, rule: 'rule for all items, for the warranty desk' },
    ]);
    expect(line?.steps[3]?.says).toContain('emergency 5: rule for all items, for the warranty desk');
  });

  it('tells its own pool, its draw order and what its limit leaves', () => {
    const programs = [program('dtc', { drawOrder: 'ownOnly' })];
    const own = explained(run(brand({ programs, pools: [pool('dtc', 8)] }), order('1', 12)));
    expect(own[0]).toMatchObject({ mayTake: 0, inputs: { own: { units: 8, consumed: 8, remaining: 0 } } });
    const limit = explained(run(brand({ pools: [pool('dtc', 0, { limit: 7 })] }), order('1', 12)));
    expect(limit[0]).toMatchObject({ mayTake: 0, inputs: { own: { limitLeft: 0 } } });
    expect(limit[0]?.steps.at(-1)?.says).toContain('its limit leaves 0');
  });

  it('tells which lines an order that ships complete lacks', () => {
    const programs = [program('dtc', { completeness: 'shipComplete' })];
    const [tea, cup] = explained(run(brand({ programs }), order('1', 60, 6)));
    const lines = [
      { lineRef: '1', sku: 'TEA', wanted: 60, couldTake: 60, lacks: 0 },
      { lineRef: '2', sku: 'CUP', wanted: 6, couldTake: 4, lacks: 2 },
    ];
    expect([tea?.mayTake, cup?.mayTake]).toEqual([0, 0]);
    expect(tea?.completeness).toEqual({ rule: 'shipComplete', wanted: 60, lines });
    expect(tea?.steps.slice(-2).map(({ result }) => result)).toEqual([100, 0]);
    expect(tea?.steps.at(-1)?.says).toContain('line 2 (CUP) lacks 2 of 6');
  });

  it('does not count two lines of one item on the same units', () => {
    const programs = [program('dtc', { completeness: 'shipComplete' })];
    const twice: CommandBody = {
      kind: 'order-state',
      channel: 'shop:main',
      order: orderState('1', [lineState('1', { ordered: 60 }), lineState('2', { ordered: 60 })]),
    };
    const [, second] = explained(run(brand({ programs }), twice));
    expect(second?.completeness).toMatchObject({ lines: [{ lacks: 0 }, { couldTake: 40, lacks: 20 }] });
  });

  it('takes the lines item by item, as a decision does, whichever line the order names first', () => {
    const programs = [program('dtc', { completeness: 'shipComplete' })];
    const turned: CommandBody = {
      kind: 'order-state',
      channel: 'shop:main',
      order: orderState('1', [lineState('1', { ordered: 6, listingRef: 'ref-2' }), lineState('2', { ordered: 60 })]),
    };
    const [cup] = explained(run(brand({ programs }), turned));
    expect(cup?.completeness).toMatchObject({ lines: [{ sku: 'TEA' }, { sku: 'CUP', lacks: 2 }] });
  });

  it('tells what each place could give, of which one has to have all', () => {
    const programs = [program('dtc', { completeness: 'onePlace', locations: ['north', 'south'] })];
    const [line] = explained(run(brand({ programs }, { north: 7, south: 9 }), order('1', 12)));
    expect(line).toMatchObject({
      mayTake: 0,
      completeness: {
        rule: 'onePlace',
        wanted: 12,
        holdsAt: [],
        places: [
          { location: 'north', couldTake: 7 },
          { location: 'south', couldTake: 9 },
        ],
      },
    });
    expect(line?.steps.at(-2)?.result).toBe(16);
  });

  it('leaves the state as it was, and has no answer for a program that is gone', () => {
    const state = run(brand({ programs: [program('dtc', { completeness: 'fillOrKill' })] }), order('1', 6, 5));
    const before = JSON.stringify(state);
    explained(state);
    expect(JSON.stringify(state)).toBe(before);
    const [found] = state.orders;
    if (found === undefined) throw new Error('no order');
    expect(explainLines(state, { ...found, program: 'gone' }, NOW)).toBeNull();
  });

  it('agrees with what the next order is given', () => {
    const pools = [pool('emergency', 5), pool('dtc', 10), pool('b2b', 20)];
    const programs = [program('dtc'), program('b2b', { priority: 2 })];
    const state = run(brand({ programs, pools }), order('1', 50));
    const [line] = explained(state);
    const next = run(state, order('2', 100));
    const given = next.orders.find(({ id }) => id === 'shop:main/2')?.lines[0]?.allocations;
    expect(given?.reduce((units, { quantity }) => units + quantity, 0)).toBe(line?.mayTake);
    expect(line?.mayTake).toBe(25);
  });
});
