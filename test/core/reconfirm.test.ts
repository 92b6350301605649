/** Re-confirmation: SAP's six strategies as a decision table (facts/peers 3 and 8), and the books after a run. */
import { describe, expect, it } from 'vitest';
import type { ReconfirmCommand, Strategy } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import { applyFacts as replayFacts } from '#core/replay.ts';
import { command, NOW } from '../support/factory.ts';
import { applyFacts, loadFor } from '../support/memory-store.ts';
import { booksOf, confirm, type Row, runOf, TWO } from '../support/open-lines.ts';

/** `s` is the line under test and came later than its rival `r`; each wants 10 and has 6. */
const rivals = (onHand: number) =>
  booksOf({ main: onHand }, [
    { order: 's', wants: 10, has: 6, placedAt: NOW + 1 },
    { order: 'r', wants: 10, has: 6 },
  ]);

describe('the six strategies of SAP aATP', () => {
  it.each<{ strategy: Strategy; plenty: number; asPromised: number; scarce: number; exception: boolean }>([
    // Twelve are promised: 20 are there, 12, 4. Its rival redistributes, and came first.
    { strategy: 'win', plenty: 10, asPromised: 10, scarce: 4, exception: true },
    { strategy: 'gain', plenty: 10, asPromised: 10, scarce: 4, exception: true },
    { strategy: 'improve', plenty: 10, asPromised: 10, scarce: 4, exception: false },
    { strategy: 'redistribute', plenty: 10, asPromised: 2, scarce: 0, exception: false },
    { strategy: 'fill', plenty: 6, asPromised: 2, scarce: 0, exception: false },
    { strategy: 'lose', plenty: 0, asPromised: 0, scarce: 0, exception: false },
  ])('$strategy against redistribute', ({ strategy, plenty, asPromised, scarce, exception }) => {
    const rest = (there: number, mine: number) => Math.min(10, there - mine);
    for (const [there, mine] of [
      [20, plenty],
      [12, asPromised],
      [4, scarce],
    ] as const) {
      const { lines, report } = confirm(rivals(there), runOf({ s: strategy }));
      expect(lines, `${there} there`).toEqual({ s: mine, r: rest(there, mine) });
      expect(report?.deficitAfter).toBe(0);
      expect(report?.lines.find(({ orderId }) => orderId === 's')?.exception !== null).toBe(there === 4 && exception);
    }
  });

  it.each<{ first: Strategy; second: Strategy; there: number; expected: [number, number] }>([
    // Each strategy against the one that is served after it: both want 10 and have 6, the second came first.
    { first: 'win', second: 'gain', there: 16, expected: [10, 6] },
    { first: 'win', second: 'gain', there: 13, expected: [10, 3] },
    { first: 'gain', second: 'improve', there: 14, expected: [8, 6] },
    { first: 'gain', second: 'improve', there: 9, expected: [6, 3] },
    { first: 'improve', second: 'redistribute', there: 14, expected: [10, 4] },
    { first: 'redistribute', second: 'fill', there: 14, expected: [10, 4] },
    { first: 'redistribute', second: 'fill', there: 20, expected: [10, 6] },
    { first: 'fill', second: 'lose', there: 14, expected: [6, 0] },
    { first: 'fill', second: 'lose', there: 4, expected: [4, 0] },
  ])('$first is served before $second with $there there', ({ first, second, there, expected }) => {
    const { lines } = confirm(rivals(there), runOf({ s: first, r: second }));
    expect([lines.s, lines.r]).toEqual(expected);
  });

  it('tells in its report who gains, who loses, and whose word could not be kept', () => {
    const { report } = confirm(rivals(9), runOf({ s: 'win', r: 'gain' }));
    expect(report).toMatchObject({
      sku: 'TEA',
      there: 9,
      promisedBefore: 12,
      promisedAfter: 9,
      deficitBefore: 3,
      deficitAfter: 0,
      gained: 3,
      lost: 6,
      lines: [
        {
          orderId: 's',
          strategy: 'win',
          segment: 'order s',
          wanted: 10,
          before: 6,
          after: 9,
          change: 3,
          exception: 'must be served fully and lacks 1',
        },
        { orderId: 'r', strategy: 'gain', before: 6, after: 0, change: -6, exception: 'must keep 6 and has 0' },
      ],
      segments: [
        { segment: 'order s', strategy: 'win', lines: 1, wanted: 10, before: 6, after: 9, gained: 3, lost: 0 },
        { segment: 'order r', strategy: 'gain', gained: 0, lost: 6 },
      ],
    });
  });
});

describe('inside a strategy', () => {
  const rows: Row[] = [
    { order: 'late', wants: 5, has: 5, placedAt: NOW + 9 },
    { order: 'early', wants: 5, has: 2, placedAt: NOW },
    { order: 'b2b', wants: 5, has: 5, program: 'b2b', placedAt: NOW - 9 },
  ];
  it('serves by program priority, then who came first', () => {
    expect(confirm(booksOf({ main: 8 }, rows), runOf({})).lines).toEqual({ early: 5, late: 3, b2b: 0 });
  });
  it('serves by value at risk where the run says so', () => {
    const segments: ReconfirmCommand['segments'] = [
      { match: 'program', id: 'b2b', margin: 2, chargeback: 6 },
      { match: 'channel', id: 'shop:main', margin: 7 },
    ];
    const { lines, report } = confirm(booksOf({ main: 8 }, rows), runOf({}, { by: 'valueAtRisk', segments }));
    expect(lines).toEqual({ b2b: 5, early: 3, late: 0 });
    expect(report?.lines.map(({ valueAtRisk }) => valueAtRisk)).toEqual([0, 14, 35]);
  });
  it('shares fairly where the run says so, by program weight', () => {
    const equal = { ...TWO, programs: TWO.programs.map((each) => ({ ...each, priority: 1 })) };
    const books = booksOf({ main: 8 }, rows, equal);
    expect(confirm(books, runOf({}, { by: 'fairShare' })).lines).toEqual({ b2b: 3, early: 3, late: 2 });
    const heavy = {
      ...equal,
      programs: equal.programs.map((each) => (each.id === 'b2b' ? { ...each, weight: 6 } : each)),
    };
    expect(confirm(booksOf({ main: 8 }, rows, heavy), runOf({}, { by: 'fairShare' })).lines).toEqual({
      b2b: 5,
      early: 2,
      late: 1,
    });
  });
  it('keeps whole packs in a fair share, and hands on what packs leave', () => {
    const packs: Row[] = [
      { order: 'a', wants: 12, has: 12, pack: 6 },
      { order: 'b', wants: 12, has: 0, pack: 6 },
    ];
    expect(confirm(booksOf({ main: 12 }, packs), runOf({}, { by: 'fairShare' })).lines).toEqual({ a: 6, b: 6 });
  });
  it('takes the nearest segment: order before channel before program', () => {
    const segments: ReconfirmCommand['segments'] = [
      { match: 'program', id: 'dtc', strategy: 'lose' },
      { match: 'channel', id: 'shop:main', strategy: 'fill' },
      { match: 'order', id: 'late', strategy: 'win' },
    ];
    const { report } = confirm(booksOf({ main: 20 }, rows), runOf({}, { segments, others: 'gain' }));
    expect(report?.lines.map(({ orderId, strategy, segment }) => [orderId, strategy, segment])).toEqual([
      ['late', 'win', 'order late'],
      ['b2b', 'gain', 'others'],
      ['early', 'fill', 'channel shop:main'],
    ]);
  });
});

describe('the books after a run', () => {
  it('balance: releases and allocations are entries of the command, shorts are told, the deficit is gone', () => {
    const { facts, after } = confirm(rivals(9), runOf({ s: 'win' }));
    expect(facts.promises).toMatchObject([
      { orderId: 'r', kind: 'release', delta: -6, commandId: 1 },
      { orderId: 's', kind: 'allocate', delta: 3, commandId: 1 },
    ]);
    expect(facts.deficits).toEqual([{ sku: 'TEA', location: 'main', quantity: 0 }]);
    expect(after.items[0]?.promises).toMatchObject([
      { location: 'main', program: 'dtc', pool: 'shared', allocated: 9 },
    ]);
    expect(after.items[0]?.shorts.map(({ id, line }) => [id, line.short])).toEqual([
      ['s', 1],
      ['r', 10],
    ]);
    expect(facts.outcomes).toEqual([{ commandId: 1, kind: 'applied' }]);
  });
  it('are the same by replay', () => {
    const books = rivals(9);
    const commands = [command(1, runOf({ s: 'win' }))];
    const part = loadFor(books, commands);
    const facts = decide(part, commands, NOW);
    const [replayed] = replayFacts(part, facts).items;
    const [plain] = applyFacts(books, facts).items;
    expect(replayed?.promises).toEqual(plain?.promises);
    expect(replayed?.shorts.map(({ id, line }) => [id, line.short]).sort()).toEqual([
      ['r', 10],
      ['s', 1],
    ]);
    expect(replayed?.openLines).toBeUndefined();
  });
  it('are untouched where there is enough and nobody waits', () => {
    const { facts } = confirm(booksOf({ main: 20 }, [{ order: 'a', wants: 5, has: 5 }]), runOf({}));
    expect(facts).toMatchObject({ promises: [], filledLines: [], targets: [], outcomes: [{ kind: 'unchanged' }] });
  });
  it('fill nobody by themselves: who gave up has nothing, though units are free', () => {
    const { lines, after, facts } = confirm(rivals(20), runOf({ s: 'lose' }));
    expect(lines).toEqual({ r: 10, s: 0 });
    expect(after.orders.find(({ id }) => id === 's')?.lines[0]).toMatchObject({ allocations: [], short: 10 });
    expect(facts.targets.map(({ quantity }) => quantity)).toEqual([10, 10]);
  });
  it('move no unit that need not move', () => {
    const books = booksOf({ main: 9 }, [
      { order: 'a', wants: 5, has: 5, placedAt: NOW },
      { order: 'b', wants: 5, has: 5, placedAt: NOW + 1 },
    ]);
    expect(confirm(books, runOf({})).facts.promises).toMatchObject([{ orderId: 'b', delta: -1 }]);
  });
});
