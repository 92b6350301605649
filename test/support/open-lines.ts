/** Books of one item with open lines in them, as a re-confirmation meets them, and the run over them. */
import type { ReconfirmCommand, Strategy } from '#core/command.ts';
import { decide } from '#core/decide.ts';
import type { Allocation, Policy } from '#core/model.ts';
import { reconfirmReport } from '#core/reconfirm-report.ts';
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
  program,
  stateOf,
} from './factory.ts';
import { applyFacts, loadFor } from './memory-store.ts';

export type Row = {
  readonly order: string;
  readonly wants: number;
  readonly has: number | readonly Allocation[];
  readonly program?: string;
  readonly placedAt?: number;
  readonly pack?: number;
};

export const shared = (programId: string, quantity: number, location = 'main'): Allocation => ({
  location,
  program: programId,
  pool: 'shared',
  quantity,
});
export const own = (programId: string, quantity: number, location = 'main'): Allocation => ({
  location,
  program: programId,
  pool: 'own',
  quantity,
});
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

export const TWO: Policy = policy({
  programs: [program('dtc', { priority: 1 }), program('b2b', { priority: 2 })],
  channels: [channelRule('shop:main', 'dtc'), channelRule('b2b:main', 'b2b')],
});

/** Books with these lines in them, and so many goods. */
export function booksOf(onHand: Readonly<Record<string, number>>, rows: readonly Row[], rules: Policy = TWO): State {
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
      isFilled: false,
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
      held: 0,
    })),
    drawn,
    shorts,
  });
  return { ...stateOf({ policy: rules, items: [tea] }), orders };
}

export const runOf = (
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

export function confirm(books: State, body: ReconfirmCommand) {
  const commands = [command(1, body)];
  const state = loadFor(books, commands);
  const facts = decide(state, commands, NOW);
  const report = facts.outcomes[0]?.kind === 'parked' ? null : reconfirmReport(state, body, facts, NOW);
  const lines = Object.fromEntries(report?.lines.map(({ orderId, after }) => [orderId, after]) ?? []);
  return { facts, report, lines, after: applyFacts(books, facts) };
}
