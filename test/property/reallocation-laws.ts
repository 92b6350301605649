/** Laws of reallocations: what moves is never lost or made, never taken from a bystander, and comes back. */
import * as fc from 'fast-check';
import { openBooks, poolsFor } from '#core/books.ts';
import type { Command } from '#core/command.ts';
import type { PoolId, PoolRule } from '#core/model.ts';
import { movedUnits } from '#core/moves.ts';
import type { Pools } from '#core/pools.ts';
import type { Facts, ItemState, State } from '#core/state.ts';
import { anyBody, brandArb, commandsOf, moveBody, opening, orderBody } from '../support/arbitraries.ts';
import { command, NOW } from '../support/factory.ts';
import { take } from '../support/memory-store.ts';
import { promisedAt, sellableAt } from './books-laws.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const LATER = NOW + 60 * 60_000;
const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);
const bodyArb = fc.oneof({ weight: 1, arbitrary: anyBody }, { weight: 1, arbitrary: moveBody });

function poolsIn(state: State, sku: string): Pools {
  const books = openBooks({ ...state, items: state.items.filter((each) => each.sku === sku), orders: [] }, LATER);
  const item = books.items.get(sku);
  if (item === undefined) throw new Error(`${sku} is not in the state`);
  return poolsFor(books, item);
}

const leftIn = (pools: Pools, pool: PoolId): number =>
  pool === 'shared' ? pools.shared : (pools.own.find(({ program }) => program === pool)?.remaining ?? 0);

/** A protection that neither time nor supply moves. */
const isFirm = (rule: PoolRule): boolean =>
  [rule.percent, rule.parts, rule.release, rule.activeFrom, rule.activeUntil].every((one) => one === undefined);

type Step = { readonly before: State; readonly state: State; readonly facts: Facts };

/** Opens the brand, decides one command after another, and shows each step. */
function walk(core: Core, brand: State, commands: readonly Command[], see: (step: Step) => void): void {
  let state = take(core.decide, brand, {
    commands: opening.map((body, index) => command(1000 + index, body)),
    now: NOW,
  }).state;
  for (const each of commands) {
    const step = take(core.decide, state, { commands: [each], now: LATER });
    see({ before: state, ...step });
    state = step.state;
  }
}

const freeOf = (state: State, item: ItemState): number =>
  sumOf(state.locations.map(({ id }) => sellableAt(item, id) - promisedAt(item, id)));

/** Own pools and the shared one are all that is free; and no move takes from a pool what its program has drawn. */
export const movesConserve = (core: Core) =>
  fc.property(brandArb, commandsOf(bodyArb), (brand, commands) => {
    walk(core, brand, commands, ({ state, facts }) => {
      const touched = new Set(facts.reviews.map(({ sku }) => sku));
      for (const item of state.items.filter(({ sku }) => touched.has(sku))) {
        const pools = poolsIn(state, item.sku);
        const kept = sumOf([...pools.own, ...pools.placed].map(({ remaining }) => remaining));
        expect(kept + pools.shared).toBe(Math.max(0, freeOf(state, item)));
        const unmoved = poolsIn({ ...state, items: [{ ...item, moves: [] }] }, item.sku);
        for (const { program, units, consumed, rule } of pools.own) {
          const own = unmoved.own.find((share) => share.program === program)?.units ?? 0;
          expect(units, `units of ${program}`).toBe(Math.max(0, own + movedUnits(item.moves, program)));
          if (isFirm(rule)) expect(consumed, `drawn by ${program}`).toBeLessThanOrEqual(units);
        }
      }
    });
  });

/** What a program drew of its own in the step, by filling lines that waited. */
const drawnBy = (facts: Facts, sku: string, program: string): number =>
  sumOf(
    facts.promises
      .filter((row) => row.sku === sku && row.program === program && row.pool === 'own' && row.kind === 'allocate')
      .map((row) => row.consumed),
  );

/** Moves that begin, orders that draw meanwhile, and moves that end: what chance alone seldom makes. */
const storyArb = fc
  .tuple(
    fc.array(moveBody, { minLength: 2, maxLength: 5 }),
    fc.array(orderBody, { minLength: 2, maxLength: 6 }),
    fc.array(moveBody, { minLength: 2, maxLength: 5 }),
  )
  .map(([begin, orders, end]) => [
    ...begin.filter(({ kind }) => kind === 'reallocate'),
    ...orders,
    ...end.filter(({ kind }) => kind === 'end-reallocation'),
  ])
  .map((bodies) => bodies.map((body, index) => command(index + 1, body)));

/** I5 across moves: a move lowers its donor alone, by what it says; its end lowers the receiver alone, where all protection is there. */
export const bystandersKeepTheirs = (core: Core) =>
  fc.property(brandArb, fc.oneof(commandsOf(bodyArb), storyArb), (brand, commands) => {
    walk(core, brand, commands, ({ before, state, facts }) => {
      for (const { kind, sku, from, to, units, returned, spent, before: was, after: is } of facts.moves) {
        const [old, now] = [poolsIn(before, sku), poolsIn(state, sku)];
        const isCut = [...old.own, ...old.placed].some((share) => share.remaining < share.units - share.consumed);
        const [giver, taker] = kind === 'applied' ? [from, to] : [to, from];
        expect(leftIn(old, giver)).toBe(kind === 'applied' ? was.from : was.to);
        if (kind === 'applied') expect(units).toBeLessThanOrEqual(was.from);
        else expect(returned + spent).toBe(units);
        for (const [pool, left] of [
          [from, is.from],
          [to, is.to],
        ] as const) {
          // What a line that waited drew of it is drawn after the move; a prioritised pool is open to others, too.
          const isOpen = now.own.some(({ program, rule }) => program === pool && rule.protects === 'prioritised');
          if (pool !== 'shared' && !isOpen)
            expect(leftIn(now, pool) + drawnBy(facts, sku, pool), `left in ${pool}`).toBe(left);
        }
        if (kind !== 'applied' && isCut) continue;
        for (const { program, remaining } of old.own) {
          if (program === giver) continue;
          const kept = leftIn(now, program) + drawnBy(facts, sku, program);
          expect(kept, `${program}, by a move from ${from} to ${to}`).toBeGreaterThanOrEqual(remaining);
        }
        if (isCut || !old.own.every(({ rule }) => isFirm(rule))) continue;
        const moved = kind === 'applied' ? units : returned;
        const [giverKey, takerKey] = kind === 'applied' ? (['from', 'to'] as const) : (['to', 'from'] as const);
        expect(was[giverKey] - is[giverKey], `given by ${giver}`).toBe(moved);
        expect(is[takerKey] - was[takerKey], `taken by ${taker}`).toBe(moved);
      }
    });
  });

const essence = (state: State) =>
  state.items.map((item) => ({
    pools: poolsIn(state, item.sku),
    drawn: item.drawn.filter((row) => row.consumed + row.taken !== 0),
    moves: item.moves,
    shown: item.listings.map(({ id, target }) => [id, target?.quantity ?? null]),
  }));

/** Moves that end with nothing drawn meanwhile leave no trace, in whatever order they end. */
export const endsRestore = (core: Core) =>
  fc.property(
    brandArb,
    commandsOf(anyBody),
    fc.array(moveBody, { minLength: 1, maxLength: 6 }),
    fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
    (brand, commands, moves, order) => {
      let start = brand;
      walk(core, brand, commands, ({ state }) => {
        start = state;
      });
      const ends = start.items.flatMap(({ sku, moves: open }) =>
        open.map(({ id }) => ({ kind: 'end-reallocation' as const, sku, id, as: 'expired' as const })),
      );
      const reviews = start.items.map(({ sku }) => ({ kind: 'review' as const, sku }));
      const decide = (state: State, bodies: readonly Command['body'][]) =>
        take(core.decide, state, { commands: bodies.map((body, n) => command(5000 + n, body)), now: LATER });
      const clean = decide(start, [...ends, ...reviews]).state;
      const begun = decide(
        clean,
        moves.filter(({ kind }) => kind === 'reallocate'),
      );
      // A line that waited and was served keeps its units.
      fc.pre(begun.facts.promises.length === 0);
      const open = begun.state.items.flatMap(({ sku, moves: rows }) => rows.map(({ id }, n) => ({ sku, id, n })));
      const turns = open.toSorted((a, b) => (order[a.n] ?? 0) - (order[b.n] ?? 0));
      const ended = decide(
        begun.state,
        turns.map(({ sku, id }) => ({ kind: 'end-reallocation' as const, sku, id, as: 'expired' as const })),
      );
      expect(ended.facts.moves.every(({ kind, spent }) => kind === 'applied' || spent === 0)).toBe(true);
      expect(essence(ended.state)).toEqual(essence(clean));
    },
  );

/** A low pool is below its percent, no other is; and with the moves that mend it, nobody named in them is low. */
export const lowPoolsAreMended = (core: Core) =>
  fc.property(brandArb, commandsOf(bodyArb), (brand, commands) => {
    // A unit more may take one from a pool that is a part of what there is (core/README.md, limits).
    const hasGrowing = brand.policy.pools.some((rule) => rule.percent !== undefined || rule.parts !== undefined);
    walk(core, brand, commands, ({ state, facts }) => {
      for (const { sku } of facts.reviews) {
        const pools = poolsIn(state, sku);
        const low = facts.lowPools.filter((one) => one.sku === sku);
        const isLow = ({ units, remaining }: { readonly units: number; readonly remaining: number }): boolean =>
          remaining * 4 < units;
        expect(low.map(({ program, location }) => [program, location])).toEqual([
          ...pools.own.filter(isLow).map(({ program }) => [program, undefined]),
          ...pools.placed.filter(isLow).map(({ program, location }) => [program, location]),
        ]);
        for (const { program, location, missing, moves, liftedBy } of low) {
          // No move goes to a place: the units that lift it come there, and fewer do not.
          if (location !== undefined) {
            expect(moves).toEqual([]);
            const fewer = liftedBy === 'rule' ? 1000 : missing - 1;
            if (hasGrowing || fewer === 0) continue;
            const quantity = fewer;
            const body = { kind: 'receive' as const, sku, location, quantity, disposition: 'sellable' as const };
            const come = core.decide(state, [command(9000, body)], LATER);
            const isStill = come.lowPools.some((one) => one.program === program && one.location === location);
            expect(isStill || come.promises.length > 0, `${program} at ${location}, ${quantity} more`).toBe(true);
            continue;
          }
          expect(sumOf(moves.map(({ units }) => units))).toBeLessThanOrEqual(missing);
          const bodies = moves.map(({ from, units }, n) =>
            command(9000 + n, { kind: 'reallocate', id: 90 + n, sku, from, to: program, units, until: LATER + 1 }),
          );
          const isCut = [...pools.own, ...pools.placed].some((share) => share.remaining < share.units - share.consumed);
          if (isCut || bodies.length === 0) continue;
          const mended = core.decide(state, bodies, LATER);
          expect(mended.outcomes.map(({ kind }) => kind)).toEqual(bodies.map(() => 'applied'));
          if (sumOf(moves.map(({ units }) => units)) < missing || mended.promises.length > 0) continue;
          expect(
            mended.lowPools.filter(
              (one) =>
                one.location === undefined &&
                (one.program === program || moves.some(({ from }) => from === one.program)),
            ),
          ).toEqual([]);
        }
      }
    });
  });
