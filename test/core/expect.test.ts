import { describe, expect, it } from 'vitest';
import { DAY_MS } from '#core/atp.ts';
import type { CommandBody } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { State } from '#core/state.ts';
import { command, commands, expectDemand, expectSupply, NOW, receive, stateOf } from '../support/factory.ts';
import { take } from '../support/memory-store.ts';

const DUE = NOW + 9 * DAY_MS;
const run = (state: State, ...bodies: readonly CommandBody[]) =>
  take(decide, state, { commands: commands(...bodies), now: NOW });
const outcomeOf = (state: State, body: CommandBody) => decide(state, [command(1, body)], NOW).outcomes[0];

describe('what is expected', () => {
  it('the newest word on a ref stands, and what was received of it stays received', () => {
    const { state } = run(
      stateOf(),
      expectSupply('PO', 10, DUE),
      { ...receive(4), supply: 'PO' },
      expectSupply('PO', 12, DUE + DAY_MS, { location: 'main', supplyKind: 'production' }),
    );
    expect(state.items[0]?.supply).toEqual([
      {
        ref: 'PO',
        location: 'main',
        kind: 'production',
        quantity: 12,
        received: 4,
        dueAt: DUE + DAY_MS,
        state: 'open',
        isLate: false,
      },
    ]);
  });
  it('the same word again changes nothing', () => {
    const { state } = run(stateOf(), expectSupply('PO', 10, DUE), expectDemand('B', 5, DUE));
    expect(outcomeOf(state, expectSupply('PO', 10, DUE))).toMatchObject({ kind: 'unchanged' });
    expect(outcomeOf(state, expectDemand('B', 5, DUE))).toMatchObject({ kind: 'unchanged' });
  });
  it('more may come than was expected; and of a closed one that is opened anew', () => {
    const { state } = run(stateOf(), expectSupply('PO', 10, DUE), { ...receive(13), supply: 'PO' });
    expect(state.items[0]?.supply).toMatchObject([{ received: 13, isLate: false }]);
    expect(state.items[0]?.balances).toMatchObject([{ quantity: 23 }]);
    expect(run(state, expectSupply('PO', 20, DUE)).state.items[0]?.supply).toMatchObject([
      { quantity: 20, received: 13 },
    ]);
  });
  it('supply that is due already is late at once', () => {
    const { facts } = run(stateOf(), expectSupply('PO', 10, NOW - DAY_MS));
    expect(facts.supply).toMatchObject([{ row: { isLate: true } }]);
  });
  it('a row beyond the horizon comes into sight by a review', () => {
    const due = NOW + 200 * DAY_MS;
    expect(run(stateOf(), expectDemand('B', 5, due)).facts.reviews).toEqual([
      { sku: 'TEA', nextReviewAt: due - 180 * DAY_MS },
    ]);
  });
});

describe('what cannot be', () => {
  const known = run(
    stateOf(),
    expectSupply('PO', 10, DUE),
    expectSupply('GONE', 1, DUE),
    expectSupply('GONE', 1, DUE, { state: 'cancelled' }),
  ).state;
  it.each<[string, CommandBody, string, string]>([
    ['an unknown item', { ...expectSupply('PO', 1, DUE), sku: 'tea' }, 'unknown-sku', 'sku'],
    ['an unknown place', expectSupply('PO', 1, DUE, { location: 'moon' }), 'unknown-location', 'location'],
    ['no units', expectSupply('PO', 0, DUE), 'impossible-quantity', 'quantity'],
    ['no name', expectSupply(' ', 1, DUE), 'impossible-ref', 'ref'],
    ['a year with a slip of the pen', expectSupply('PO', 1, Date.UTC(2206, 1)), 'impossible-date', 'dueAt'],
    ['no date', expectDemand('B', 1, Number.NaN), 'impossible-date', 'dueAt'],
    ['an unknown program', expectDemand('B', 1, DUE, { program: 'dtcc' }), 'unknown-program', 'program'],
    ['a cancellation of nothing', expectDemand('B', 1, DUE, { state: 'cancelled' }), 'unknown-demand', 'ref'],
    ['a receipt of what is not expected', { ...receive(1), supply: 'PO-9' }, 'unknown-supply', 'supply'],
    ['a receipt of what was cancelled', { ...receive(1), supply: 'GONE' }, 'unknown-supply', 'supply'],
  ])('%s is parked with its field, and leaves nothing', (_, body, code, field) => {
    const facts = decide(known, [command(9, body)], NOW);
    expect(facts.outcomes).toMatchObject([{ kind: 'parked', code, field, fix: expect.stringMatching(/\S/) }]);
    expect(facts).toMatchObject({ supply: [], demand: [], stock: [], targets: [], reviews: [] });
  });
  it('a receipt names what is expected', () => {
    expect(outcomeOf(known, { ...receive(1), supply: 'PO-9' })).toMatchObject({ fix: expect.stringContaining('PO') });
  });
});
