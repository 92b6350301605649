/**
 * Reallocations: protected units of an item that go from one pool to another for a time, and come back by themselves.
 *
 * Guarantees: the donor keeps what its program has drawn, and whoever is neither donor nor receiver keeps what it has; a move beyond
 * that is refused with the largest number possible. At its end the units that the receiver has not drawn are the donor's again; those
 * it has drawn count as drawn from the donor's pool, so that nobody else pays for them. What a pool has itself received by a move is
 * never moved on, so that moves may end in any order.
 */
import { type Books, type ItemBook, poolsFor, postPromise, touch } from './books.ts';
import type { Command, EndReallocationCommand, ReallocateCommand } from './command.ts';
import { drawnOf } from './drawn.ts';
import { assert } from './errors.ts';
import { EMERGENCY, type LocationId, type Move, type PoolId } from './model.ts';
import { receivedUnits } from './moves.ts';
import type { Pools } from './pools.ts';
import { CommandRefused } from './refusal.ts';
import { itemFor } from './stock.ts';

const nameOf = (pool: PoolId): string => (pool === 'shared' ? 'the shared pool' : `the pool of ${pool}`);

/** Units that a pool protects and has there; of `shared`, those that nobody protects. */
export const leftIn = (pools: Pools, pool: PoolId): number =>
  pool === 'shared' ? pools.shared : (pools.own.find((share) => share.program === pool)?.remaining ?? 0);

/** Units of a pool, drawn or not; of `shared`, those that nobody protects. */
export const unitsOf = (pools: Pools, pool: PoolId): number =>
  pool === 'shared' ? pools.shared : (pools.own.find((share) => share.program === pool)?.units ?? 0);

/** Units that a pool may give: those it has, without what it received itself. */
export const givableFrom = (pools: Pools, moves: readonly Move[], pool: PoolId): number =>
  Math.max(0, leftIn(pools, pool) - receivedUnits(moves, pool));

/** Units of a pool that its program has not drawn, there or not. A program that the policy no longer knows has what it received. */
function undrawnOf(item: ItemBook, pools: Pools, pool: PoolId): number {
  if (pool === 'shared') return pools.shared;
  const share = pools.own.find(({ program }) => program === pool);
  const units = share?.units ?? receivedUnits(item.moves, pool);
  return Math.max(0, units - drawnOf(item.drawn, pool).consumed);
}

/** A kit has no stock, so nothing of it is protected. */
function checkStocked(item: ItemBook): void {
  if (item.components === null) return;
  const parts = item.components.map(({ sku }) => sku).join(', ');
  throw new CommandRefused('is-a-kit', `${item.sku} is a kit and has no pool of its own`, {
    field: 'sku',
    fix: `move units of its components: ${parts}`,
  });
}

/** A receiver that has drawn more than it is protected would swallow units without gaining them. */
function checkReceiver(pools: Pools, { sku, to }: ReallocateCommand): void {
  const share = pools.own.find(({ program }) => program === to);
  if (share === undefined || share.consumed <= share.units) return;
  const { units, consumed } = share;
  throw new CommandRefused(
    'receiver-overdrawn',
    `${to} has drawn ${consumed} units of ${sku} from a pool that protects ${units} by now, so it would not gain what it is given`,
    { field: 'to', fix: 'give them to shared, or raise its pool in the configuration file' },
  );
}

function checkMove(books: Books, pools: Pools, command: Command, body: ReallocateCommand): void {
  const ruled = pools.own.map(({ program }) => program);
  const known = [...new Set([...books.programs.keys(), ...ruled, EMERGENCY])].sort().concat('shared');
  for (const field of ['from', 'to'] as const) {
    if (known.includes(body[field])) continue;
    const [program, place] = body[field].split('@');
    if (place !== undefined) {
      throw new CommandRefused(
        'pool-of-a-place',
        `the pool of ${program} at ${place} is not moved: moves are of units of the item`,
        {
          field,
          fix: 'change its units in the configuration file, or name a program, or shared, without a place',
        },
      );
    }
    throw new CommandRefused('unknown-pool', `no program is called ${body[field]}, so it has no pool`, {
      field,
      fix: `the pools are ${known.join(', ')}`,
    });
  }
  if (body.from === body.to) {
    throw new CommandRefused('same-pool', `${nameOf(body.to)} has the units already`, {
      field: 'to',
      fix: `name another pool: ${known.filter((pool) => pool !== body.from).join(', ')}`,
    });
  }
  checkReceiver(pools, body);
  if (!Number.isSafeInteger(body.units) || body.units < 1 || body.units > 1_000_000_000) {
    throw new CommandRefused('impossible-quantity', `units is ${body.units}`, {
      field: 'units',
      fix: 'give a whole number from 1 to 1,000,000,000',
    });
  }
  if (body.until > command.recordedAt) return;
  throw new CommandRefused('end-has-passed', `its end ${new Date(body.until).toISOString()} has passed`, {
    field: 'until',
    fix: 'propose it again with a moment to come',
  });
}

/** Nobody but donor and receiver loses; and what goes to the shared pool arrives there, not in protections that were cut. */
function isBetweenTwo(before: Pools, after: Pools, { from, to, units }: Move): boolean {
  if (to === 'shared' && after.shared < before.shared + units) return false;
  return before.own.every(
    ({ program, remaining }) => program === from || program === to || leftIn(after, program) >= remaining,
  );
}

/** More tries than rounding can need: a cut moves the others by single units. */
const TRIES_MAX = 200;

/** The largest move up to its units that touches its two pools alone: where protections are cut, rounding may move the others. */
function largestMove(books: Books, item: ItemBook, before: Pools, move: Move): number {
  const most = Math.min(move.units, givableFrom(before, item.moves, move.from));
  for (let units = most; units > Math.max(0, most - TRIES_MAX); units--) {
    const tried = { ...move, units };
    const after = poolsFor(books, { ...item, moves: [...item.moves, tried] });
    if (isBetweenTwo(before, after, tried)) return units;
  }
  return 0;
}

function refuseBeyond(item: ItemBook, pools: Pools, body: ReallocateCommand, largest: number): never {
  const { sku, from, to, units } = body;
  const givable = givableFrom(pools, item.moves, from);
  const share = pools.own.find(({ program }) => program === from);
  const received = receivedUnits(item.moves, from);
  const figures = [
    ...(share === undefined ? [] : [`${share.units} protected, ${share.consumed} drawn, ${share.remaining} left`]),
    ...(received > 0 ? [`${received} received by reallocations`] : []),
    ...pools.placed
      .filter(({ program }) => program === from)
      .map(({ location, remaining }) => `its ${remaining} at ${location} stay there: a pool of one place is not moved`),
  ];
  const told = figures.length === 0 ? '' : ` (${figures.join(', ')})`;
  const why =
    units > givable
      ? `${nameOf(from)} has ${givable} units of ${sku} to give${told}, not ${units}`
      : `protections of ${sku} exceed what is there, and ${units} units from ${nameOf(from)} to ${nameOf(to)} would move others too`;
  const fix = largest > 0 ? `move at most ${largest}` : 'receive stock, or take the units from another pool';
  throw new CommandRefused('beyond-pool', why, { field: 'units', fix });
}

export function applyReallocate(books: Books, command: Command, body: ReallocateCommand): boolean {
  const item = itemFor(books, body.sku);
  const { id, from, to, units, until } = body;
  if (item.moves.some((move) => move.id === id)) return false;
  checkStocked(item);
  const before = poolsFor(books, item);
  checkMove(books, before, command, body);
  const move: Move = { id, from, to, units, until };
  const largest = largestMove(books, item, before, move);
  if (largest < units) refuseBeyond(item, before, body, largest);
  item.moves = [...item.moves, move];
  keepMove(books, item, { command, kind: 'applied', move, before, returned: 0, spent: 0 });
  return true;
}

type Kept = {
  readonly command: Command;
  readonly kind: 'applied' | 'returned' | 'expired';
  readonly move: Move;
  readonly before: Pools;
  readonly returned: number;
  readonly spent: number;
};

function keepMove(books: Books, item: ItemBook, { command, kind, move, before, returned, spent }: Kept): void {
  const after = poolsFor(books, item);
  const leftOf = (pools: Pools) => ({ from: leftIn(pools, move.from), to: leftIn(pools, move.to) });
  const figures = { returned, spent, before: leftOf(before), after: leftOf(after) };
  books.moves.push({ ...move, commandId: command.id, sku: item.sku, kind, ...figures });
  touch(books, item, command.id);
}

/** Where an entry stands that moves no goods: each entry names a place. */
function placeOf(books: Books, pool: PoolId): LocationId {
  const place = books.programs.get(pool)?.locations[0] ?? [...books.masterOf.keys()][0];
  assert(place !== undefined, `no place is known, so ${nameOf(pool)} cannot be booked`);
  return place;
}

/** Counts units as drawn from a pool, or no longer so. */
function countDrawn(books: Books, item: ItemBook, command: Command, drawn: { pool: PoolId; units: number }): void {
  if (drawn.pool === 'shared' || drawn.units === 0) return;
  postPromise(item, books, {
    commandId: command.id,
    location: placeOf(books, drawn.pool),
    program: drawn.pool,
    pool: 'own',
    kind: 'reallocate',
    delta: 0,
    consumed: drawn.units,
    orderId: null,
    lineRef: null,
    occurredAt: command.occurredAt,
  });
}

export function applyEndReallocation(books: Books, command: Command, body: EndReallocationCommand): boolean {
  const item = itemFor(books, body.sku);
  const move = item.moves.find(({ id }) => id === body.id);
  if (move === undefined) return false;
  const before = poolsFor(books, item);
  const returned = Math.min(move.units, undrawnOf(item, before, move.to));
  const spent = move.units - returned;
  item.moves = item.moves.filter((one) => one !== move);
  countDrawn(books, item, command, { pool: move.from, units: spent });
  // A policy may have lowered the receiver's own rule meanwhile: never less than nothing is drawn.
  const drawn = move.to === 'shared' ? 0 : Math.max(0, drawnOf(item.drawn, move.to).consumed);
  countDrawn(books, item, command, { pool: move.to, units: -Math.min(spent, drawn) });
  keepMove(books, item, { command, kind: body.as, move, before, returned, spent });
  return true;
}
