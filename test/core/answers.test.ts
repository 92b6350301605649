import { describe, expect, it } from 'vitest';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { FillRule, OrderState } from '#core/order-state.ts';
import type { State } from '#core/state.ts';
import { commands, item, lineState, listing, NOW, orderState, receive, stateOf } from '../support/factory.ts';
import { take } from '../support/memory-store.ts';

const OWED = [{ kind: 'accept' as const, dueAt: NOW + 3_600_000 }];

const run = (state: State, ...bodies: readonly CommandBody[]) =>
  take(decide, state, { commands: commands(...bodies), now: NOW });

const asked = (lines: OrderState['lines'], over: Partial<OrderState> = {}): CommandBody => ({
  kind: 'order-state',
  channel: 'shop:main',
  order: orderState('1', lines, { obligations: OWED, ...over }),
});

const linesOf = (state: State) => state.orders[0]?.lines ?? [];

/** 10 TEA are there. */
const tea = (ordered: number, fillRule?: FillRule, over: Partial<OrderState['lines'][number]> = {}): CommandBody =>
  asked([lineState('a', { ordered, ...over })], fillRule === undefined ? {} : { fillRule });

describe('an order that has to be answered', () => {
  it('is promised what is allocated; the balance is refused, and wanted no more', () => {
    const { state, facts } = run(stateOf(), tea(13));
    expect(linesOf(state)).toMatchObject([
      { answer: { accepted: 10, backOrdered: 0, refused: 3 }, short: 0, allocations: [{ quantity: 10 }] },
    ]);
    expect(state.orders[0]?.answeredVersion).toBe(1);
    expect(facts.targets).toMatchObject([{ quantity: 0, ownSold: 10, ownOpen: 10 }]);
  });
  it('keeps its answer: what is received later is not promised to what was refused', () => {
    const { state } = run(stateOf(), tea(13), receive(5));
    expect(linesOf(state)).toMatchObject([{ answer: { accepted: 10, refused: 3 }, allocations: [{ quantity: 10 }] }]);
  });
  it('waits for the balance where the rule says back-order', () => {
    const placed = run(stateOf(), tea(13, 'backOrder'));
    expect(linesOf(placed.state)).toMatchObject([{ answer: { accepted: 10, backOrdered: 3, refused: 0 }, short: 3 }]);
    const { state } = run(placed.state, receive(5));
    expect(linesOf(state)).toMatchObject([{ short: 0, allocations: [{ quantity: 13 }] }]);
  });
  it('is all or nothing where the rule says ship complete', () => {
    expect(linesOf(run(stateOf(), tea(10, 'shipComplete')).state)).toMatchObject([{ answer: { accepted: 10 } }]);
    const items = ['TEA', 'CUP'].map((sku, n) => item(sku, { main: 10 }, { listings: [listing(n + 1, { sku })] }));
    const lines = [lineState('a', { ordered: 4 }), lineState('b', { ordered: 11, listingRef: 'ref-2' })];
    const { state, facts } = run(stateOf({ items }), asked(lines, { fillRule: 'shipComplete' }));
    expect(linesOf(state)).toMatchObject([
      { answer: { accepted: 0, refused: 4 }, allocations: [], short: 0 },
      { answer: { accepted: 0, refused: 11 }, allocations: [], short: 0 },
    ]);
    expect(facts.targets.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ['CUP', 10],
      ['TEA', 10],
    ]);
  });
  it('is promised whole cases: what does not fill one is free again', () => {
    const { state, facts } = run(stateOf(), tea(12, 'cancelBalance', { unit: 6 }));
    expect(linesOf(state)).toMatchObject([{ answer: { accepted: 6, refused: 6 }, allocations: [{ quantity: 6 }] }]);
    expect(facts.targets).toMatchObject([{ quantity: 4, ownSold: 6 }]);
  });
  it('counts what has left as accepted, and nobody else’s promise goes with what it refuses', () => {
    const waiting: CommandBody = {
      kind: 'order-state',
      channel: 'shop:main',
      order: orderState('0', [lineState('a', { ordered: 12 })]),
    };
    const { state } = run(stateOf(), waiting, tea(6, 'shipComplete', { shipped: 2 }));
    expect(state.orders.find(({ id }) => id.endsWith('/1'))?.lines).toMatchObject([
      { answer: { accepted: 2, refused: 4 }, shipped: 2, short: 0, allocations: [] },
    ]);
  });
  it('hears no second answer to the same state, and none that nobody asked for', () => {
    const placed = run(stateOf(), tea(13));
    expect(run(placed.state, tea(13)).facts.outcomes).toEqual([{ commandId: 1, kind: 'unchanged' }]);
    const quiet = run(stateOf(), asked([lineState('a', { ordered: 13 })], { obligations: [] }));
    expect(quiet.state.orders[0]).toMatchObject({ answeredVersion: null, lines: [{ answer: null, short: 3 }] });
    const byPhone = run(stateOf(), asked([lineState('a', { ordered: 13 })], { origin: 'operator' }));
    expect(byPhone.state.orders[0]).toMatchObject({ answeredVersion: null });
  });
  it('answers a line that a later state adds, and leaves the others as they were told', () => {
    const placed = run(stateOf(), tea(4));
    const more = asked([lineState('a', { ordered: 4 }), lineState('b', { ordered: 8 })], { version: 2 });
    const { state } = run(placed.state, more);
    expect(state.orders[0]?.answeredVersion).toBe(2);
    expect(linesOf(state)).toMatchObject([
      { answer: { accepted: 4, refused: 0 } },
      { answer: { accepted: 6, refused: 2 } },
    ]);
  });
});
