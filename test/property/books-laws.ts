/**
 * Laws of the books under any sequence of commands: I1, I2, I4, and that a promise never exceeds what is there. Checked after
 * every batch against the sums of the entries, by the in-memory twin of the database.
 */

import * as fc from 'fast-check';
import { closedUnits } from '#core/answers.ts';
import type { Command } from '#core/command.ts';
import { rowKey } from '#core/drawn.ts';
import type { Facts, ItemState, State } from '#core/state.ts';
import { commandsOf, opening, PLAIN, splitAt, type World } from '../support/arbitraries.ts';
import { command, NOW } from '../support/factory.ts';
import { allocatedOf, take } from '../support/memory-store.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const LATER = NOW + 60 * 60_000;

const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);

export const sellableAt = (item: ItemState, place: string): number =>
  item.balances.find((row) => row.location === place && row.disposition === 'sellable')?.quantity ?? 0;

export const promisedAt = (item: ItemState, place: string): number =>
  sumOf(item.promises.filter((row) => row.location === place).map((row) => row.allocated + row.held));

const openingCommands: readonly Command[] = opening.map((body, index) => command(1000 + index, body));

/** Opens the brand, decides batch after batch, and shows each step. */
function walk(
  core: Core,
  brand: State,
  batches: readonly (readonly Command[])[],
  see: (state: State, facts: Facts) => void,
): void {
  let state = brand;
  for (const commands of [openingCommands, ...batches]) {
    const step = take(core.decide, state, { commands, now: LATER });
    state = step.state;
    see(state, step.facts);
  }
}

const batchesOf = (world: World) =>
  fc
    .tuple(commandsOf(world.body), fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }))
    .map(([commands, cuts]) => splitAt(commands, cuts));

/** I1. */
export const deficitIsTold = (core: Core, world: World = PLAIN) =>
  fc.property(world.brand, batchesOf(world), (brand, batches) => {
    const told = new Map<string, number>();
    walk(core, brand, batches, (state, facts) => {
      for (const { sku, location, quantity } of facts.deficits) told.set(`${sku} ${location}`, quantity);
      for (const item of state.items) {
        for (const { id } of state.locations) {
          const missing = Math.max(0, promisedAt(item, id) - sellableAt(item, id));
          expect(told.get(`${item.sku} ${id}`) ?? 0, `deficit of ${item.sku} at ${id}`).toBe(missing);
        }
      }
    });
  });

/** I2, both ledgers: what the core reckoned with, what the lines hold and what the entries sum to are one number. */
export const balancesAreSums = (core: Core, world: World = PLAIN) =>
  fc.property(world.brand, batchesOf(world), (brand, batches) => {
    walk(core, brand, batches, (state, facts) => {
      for (const target of facts.targets) {
        const item = state.items.find((each) => each.sku === (target.inputs.kit?.limitedBy ?? target.sku));
        for (const place of target.inputs.places) {
          expect(place.sellable).toBe(item === undefined ? 0 : sellableAt(item, place.location));
          expect(place.allocated + place.held).toBe(item === undefined ? 0 : promisedAt(item, place.location));
        }
        const drawn = item?.drawn.find((row) => rowKey(row) === target.inputs.program)?.consumed ?? 0;
        if (target.inputs.own.rule !== undefined) expect(target.inputs.own.consumed).toBe(drawn);
        expect(drawn).toBeGreaterThanOrEqual(0);
      }
      for (const item of state.items) {
        const held = state.orders.flatMap((order) =>
          order.lines.flatMap((line) => line.allocations.filter((part) => (part.sku ?? line.sku) === item.sku)),
        );
        for (const { location, program, pool, allocated } of item.promises) {
          const byLines = held.filter(
            (part) => part.location === location && part.program === program && part.pool === pool,
          );
          expect(sumOf(byLines.map((part) => part.quantity)), `lines at ${location} of ${program} ${pool}`).toBe(
            allocated,
          );
        }
        expect(sumOf(held.map((part) => part.quantity))).toBe(sumOf(item.promises.map((row) => row.allocated)));
      }
    });
  });

/** The platform's side of the sum: own sales are what the orders say, line by line. */
export const ownSalesAreSums = (core: Core, world: World = PLAIN) =>
  fc.property(world.brand, batchesOf(world), (brand, batches) => {
    walk(core, brand, batches, (state) => {
      const lines = state.orders.flatMap((order) => order.lines);
      for (const listing of state.items.flatMap((item) => item.listings)) {
        const own = lines.filter((line) => line.listing === listing.id);
        expect(listing.ownSold).toBe(sumOf(own.map((line) => (line.ordered - closedUnits(line)) / line.pack)));
        expect(listing.ownOpen).toBe(
          sumOf(own.map((line) => Math.max(0, line.ordered - closedUnits(line) - line.reportedShipped) / line.pack)),
        );
      }
    });
  });

/** I4, and no line of an accepted state is lost. */
export const noLineVanishes = (core: Core, world: World = PLAIN) =>
  fc.property(world.brand, batchesOf(world), (brand, batches) => {
    const accepted = new Map<string, Set<string>>();
    const bodies = new Map(batches.flat().map((each) => [each.id, each.body]));
    walk(core, brand, batches, (state, facts) => {
      for (const outcome of facts.outcomes) {
        const body = bodies.get(outcome.commandId);
        if (outcome.kind === 'parked' || body?.kind !== 'order-state') continue;
        const id = `${body.channel}/${body.order.orderRef}`;
        const refs = accepted.get(id) ?? new Set<string>();
        for (const line of body.order.lines) refs.add(line.lineRef);
        accepted.set(id, refs);
      }
      for (const order of state.orders) {
        expect(order.lines.map((line) => line.lineRef)).toEqual([...(accepted.get(order.id) ?? [])].sort());
        for (const line of order.lines.filter((each) => each.sku !== null)) {
          const open = Math.max(0, line.ordered - closedUnits(line) - line.shipped);
          expect(allocatedOf(line) + line.short, `${order.id} line ${line.lineRef}`).toBe(open);
          expect(line.short, `${order.id} line ${line.lineRef} has more than it wants`).toBeGreaterThanOrEqual(0);
        }
      }
      expect([...accepted.keys()].sort()).toEqual(state.orders.map((order) => order.id).sort());
    });
  });

/** Only goods that leave or were miscounted make a deficit; a promise alone never does. One command at a time, so that the cause is plain. */
export const promiseNeverExceedsStock = (core: Core, world: World = PLAIN) =>
  fc.property(world.brand, commandsOf(world.body), (brand, commands) => {
    walk(
      core,
      brand,
      commands.map((each) => [each]),
      (state, facts) => {
        for (const entry of facts.promises) {
          // What was held already is promised no more by its conversion.
          if (entry.kind !== 'hold' && (entry.kind !== 'allocate' || entry.hold !== null)) continue;
          const item = state.items.find((each) => each.sku === entry.sku);
          if (item === undefined) continue;
          const here = <T extends { readonly sku: string; readonly location: string }>(rows: readonly T[]): T[] =>
            rows.filter((row) => row.sku === entry.sku && row.location === entry.location);
          const goods = sumOf(
            here(facts.stock)
              .filter((row) => row.disposition === 'sellable')
              .map((row) => row.delta),
          );
          const shipped = sumOf(
            here(facts.promises)
              .filter((row) => row.kind === 'ship')
              .map((row) => row.delta),
          );
          // More left than was promised from here: a platform's word on goods, which no promise can hinder.
          if (goods < shipped) continue;
          expect(promisedAt(item, entry.location), `promised at ${entry.location}`).toBeLessThanOrEqual(
            sellableAt(item, entry.location),
          );
        }
      },
    );
  });
