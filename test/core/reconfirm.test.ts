/** Re-confirmation: SAP's six strategies as a decision table (facts/peers 3 and 8), protection, places, and what is refused. */
import { describe, expect, it } from 'vitest';
import type { ReconfirmCommand, Strategy } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { Allocation, Policy } from '#core/model.ts';
import { OPEN_LINES_MAX } from '#core/reconfirm-claims.ts';
import { reconfirmReport } from '#core/reconfirm-report.ts';
import { applyFacts as replayFacts } from '#core/replay.ts';
import type { State, StoredOrder } from '#core/state.ts';
import {
  channelRule,
  command,
  item,
  listing,
  NOW,
  orderLine,
  orderState,
  policy,
  pool,
  program,
  stateOf,
} from '../support/factory.ts';
import { applyFacts, loadFor } from '../support/memory-store.ts';

type Row = {
  readonly order: string;
  readonly wants: number;
  readonly has: number | readonly Allocation[];
  readonly program?: string;
  readonly placedAt?: number;
  readonly pack?: number;
};

const shared = (programId: string, quantity: number, location = 'main'): Allocation => ({
  location,
  program: programId,
  pool: 'shared',
  quantity,
});
const own = (programId: string, quantity: number, location = 'main'): Allocation => ({
  location,
  program: programId,
  pool: 'own',
  quantity,
});
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

const TWO: Policy = policy({
  programs: [program('dtc', { priority: 1 }), program('b2b', { priority: 2 })],
  channels: [channelRule('shop:main', 'dtc'), channelRule('b2b:main', 'b2b')],
});

/** Books with these lines in them, and so many goods. */
function booksOf(onHand: Readonly<Record<string, number>>, rows: readonly Row[], rules: Policy = TWO): State {
  const orders = rows.map((row): StoredOrder => {
    const programId = row.program ?? 'dtc';
    const has = typeof row.has === 'number' ? [shared(programId, row.has)] : row.has;
    const allocations = has.filter(({ quantity }) => quantity > 0);
    const short = row.wants - sum(allocations.map(({ quantity }) => quantity));
    return {
      id: row.order,
      channel: programId === 'b2b' ? 'b2b:main' : 'shop:main',
      program: programId,
      placedAt: row.placedAt ?? NOW,
      state: orderState(row.order, []),
      answeredVersion: null,
      route: null,
      lines: [orderLine('1', row.wants, { allocations, short, pack: row.pack ?? 1 })],
    };
  });
  const parts = orders.flatMap((order) => order.lines.flatMap((line) => line.allocations));
  const promises = [
    ...Map.groupBy(parts, ({ location, program: by, pool: from }) => `${location} ${by} ${from}`).values(),
  ].map((group) => ({
    ...(group[0] as Allocation),
    allocated: sum(group.map(({ quantity }) => quantity)),
  }));
  const drawn = rules.programs.map(({ id }) => {
    const mine = parts.filter((part) => part.program === id);
    return {
      program: id,
      consumed: sum(mine.map((part) => (part.pool === 'own' ? part.quantity : 0))),
      taken: sum(mine.map((part) => part.quantity)),
      takenAtFill: 0,
      allTakenAtFill: 0,
    };
  });
  const shorts = orders.flatMap(({ lines, ...head }) =>
    lines.filter(({ short }) => short > 0).map((line) => ({ ...head, line })),
  );
  const tea = item('TEA', onHand, {
    listings: [listing(1), listing(2, { channel: 'b2b:main' })],
    promises: promises.map(({ location, program: by, pool: from, allocated }) => ({
      location,
      program: by,
      pool: from,
      allocated,
    })),
    drawn,
    shorts,
  });
  return { ...stateOf({ policy: rules, items: [tea] }), orders };
}

const runOf = (
  strategies: Readonly<Record<string, Strategy>>,
  over: Partial<ReconfirmCommand> = {},
): ReconfirmCommand => ({
  kind: 'reconfirm',
  sku: 'TEA',
  by: 'priority',
  segments: Object.entries(strategies).map(([id, strategy]) => ({ match: 'order', id, strategy })),
  others: 'redistribute',
  ...over,
});

function confirm(books: State, body: ReconfirmCommand) {
  const commands = [command(1, body)];
  const state = loadFor(books, commands);
  const facts = decide(state, commands, NOW);
  const report = facts.outcomes[0]?.kind === 'parked' ? null : reconfirmReport(state, body, facts, NOW);
  const lines = Object.fromEntries(report?.lines.map(({ orderId, after }) => [orderId, after]) ?? []);
  return { facts, report, lines, after: applyFacts(books, facts) };
}

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
    expect(after.items[0]?.promises).toEqual([{ location: 'main', program: 'dtc', pool: 'shared', allocated: 9 }]);
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

describe('protection', () => {
  const guarded: Policy = { ...TWO, pools: [pool('b2b', 10)] };

  it("keeps other programs' protected units out of reach, of a winner too", () => {
    const books = booksOf({ main: 10 }, [{ order: 'w', wants: 5, has: 0 }], guarded);
    expect(confirm(books, runOf({ w: 'win' })).lines).toEqual({ w: 0 });
  });
  it('leaves what a line drew from its own pool with its program', () => {
    const books = booksOf(
      { main: 6 },
      [
        { order: 'w', wants: 5, has: 0 },
        { order: 'b', wants: 6, has: [own('b2b', 6)], program: 'b2b' },
      ],
      guarded,
    );
    expect(confirm(books, runOf({ w: 'win' })).lines).toEqual({ w: 0, b: 6 });
  });
  it('is given up by lose, and by lose alone', () => {
    const books = booksOf(
      { main: 6 },
      [
        { order: 'w', wants: 5, has: 0 },
        { order: 'b', wants: 6, has: [own('b2b', 6)], program: 'b2b' },
      ],
      guarded,
    );
    const { lines, facts, after } = confirm(books, runOf({ w: 'win', b: 'lose' }));
    expect(lines).toEqual({ w: 5, b: 0 });
    // Five went with their protection; the one that nobody wanted went back to its pool.
    expect(facts.promises).toMatchObject([
      { orderId: 'b', kind: 'release', pool: 'own', delta: -6, consumed: -1 },
      { orderId: 'w', kind: 'allocate', pool: 'shared', delta: 5, consumed: 0 },
    ]);
    expect(after.items[0]?.drawn.find(({ program: id }) => id === 'b2b')?.consumed).toBe(5);
  });
  it('that nobody has drawn yet takes nothing from a line: units go from hand to hand', () => {
    const books = booksOf(
      { main: 6 },
      [
        { order: 'w', wants: 4, has: 0, placedAt: NOW + 1 },
        { order: 'r', wants: 6, has: 6 },
      ],
      guarded,
    );
    expect(confirm(books, runOf({ w: 'win' })).lines).toEqual({ w: 4, r: 2 });
  });
  it('holds for a program that draws its own alone: it takes nothing shared', () => {
    const rules = {
      ...guarded,
      programs: guarded.programs.map((each) => (each.id === 'b2b' ? { ...each, drawOrder: 'ownOnly' as const } : each)),
    };
    const books = booksOf(
      { main: 6 },
      [
        { order: 'b', wants: 4, has: 0, program: 'b2b' },
        { order: 'r', wants: 6, has: 6 },
      ],
      rules,
    );
    expect(confirm(books, runOf({ b: 'win' })).lines).toEqual({ b: 0, r: 6 });
  });
  it("keeps a program's limit: what it takes from others counts", () => {
    const rules = { ...TWO, pools: [pool('b2b', 0, { limit: 3 })] };
    const books = booksOf(
      { main: 6 },
      [
        { order: 'b', wants: 5, has: 0, program: 'b2b' },
        { order: 'r', wants: 6, has: 6 },
      ],
      rules,
    );
    expect(confirm(books, runOf({ b: 'win' })).lines).toEqual({ b: 3, r: 3 });
  });
});

describe('places', () => {
  const rules: Policy = {
    ...TWO,
    programs: [
      program('dtc', { priority: 1, locations: ['north', 'south'] }),
      program('b2b', { priority: 2, locations: ['south'] }),
    ],
  };
  it('that lack units give way to others that have them', () => {
    const books = booksOf({ north: 2, south: 5 }, [{ order: 'a', wants: 6, has: [shared('dtc', 6, 'north')] }], rules);
    const { facts, lines } = confirm(books, runOf({}));
    expect(lines).toEqual({ a: 6 });
    expect(facts.promises).toMatchObject([
      { location: 'north', delta: -4 },
      { location: 'south', delta: 4 },
    ]);
    expect(facts.deficits.every(({ quantity }) => quantity === 0)).toBe(true);
  });
  it('serve those alone whose program may use them', () => {
    const books = booksOf(
      { north: 6, south: 0 },
      [
        { order: 'b', wants: 4, has: 0, program: 'b2b' },
        { order: 'a', wants: 6, has: [shared('dtc', 6, 'north')] },
      ],
      rules,
    );
    expect(confirm(books, runOf({ b: 'win', a: 'fill' })).lines).toEqual({ b: 0, a: 6 });
  });
  it('keep what is held: no line has it', () => {
    const held = booksOf({ north: 6, south: 0 }, [{ order: 'a', wants: 6, has: [shared('dtc', 6, 'north')] }], rules);
    const books = {
      ...held,
      items: held.items.map((each) => ({ ...each, held: [{ location: 'north', quantity: 4 }] })),
    };
    expect(confirm(books, runOf({ a: 'win' })).lines).toEqual({ a: 2 });
  });
});

describe('a run that cannot be taken', () => {
  it.each<[Partial<ReconfirmCommand>, string]>([
    [{ sku: 'CUP' }, 'unknown-sku'],
    [{ segments: [{ match: 'program', id: 'nobody', strategy: 'win' }] }, 'unknown-program'],
    [{ segments: [{ match: 'channel', id: 'shop:none', strategy: 'win' }] }, 'unknown-channel'],
    [
      {
        segments: [
          { match: 'order', id: 'a' },
          { match: 'order', id: 'a', strategy: 'win' },
        ],
      },
      'segment-twice',
    ],
    [{ segments: [{ match: 'program', id: 'dtc', margin: -1 }] }, 'impossible-value'],
    [{ segments: [{ match: 'program', id: 'dtc', chargeback: Number.NaN }] }, 'impossible-value'],
    [{ others: 'flee' as Strategy }, 'unknown-strategy'],
    [{ by: 'size' as 'priority' }, 'unknown-order'],
  ])('%j is parked as %s, and moves nothing', (over, code) => {
    const { facts } = confirm(rivals(4), runOf({}, over));
    expect(facts.outcomes).toMatchObject([{ kind: 'parked', code, fix: expect.any(String) }]);
    expect(facts.promises).toEqual([]);
  });
  it('of more lines than one batch confirms is parked', () => {
    const rows = Array.from(
      { length: OPEN_LINES_MAX + 1 },
      (_, index): Row => ({ order: `o${index}`, wants: 1, has: 0 }),
    );
    expect(confirm(booksOf({ main: 0 }, rows), runOf({})).facts.outcomes).toMatchObject([{ code: 'too-many-lines' }]);
  });
});
