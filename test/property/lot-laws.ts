/**
 * Laws of lots: who may draw which, and which of them first; that lots are a refinement of what there is, and change nothing where no
 * life and no expiry is in play.
 */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { Command, CommandBody } from '#core/command.ts';
import type { Instant, Lot, Program } from '#core/model.ts';
import type { Facts, ItemState, LotBalance, PromiseEntry, State } from '#core/state.ts';
import { commandsOf, opening, splitAt, type World } from '../support/arbitraries.ts';
import { command, NOW } from '../support/factory.ts';
import { LOT_WORLD, TOLD_WITH_LOTS } from '../support/lot-brand.ts';
import { take, takeAll } from '../support/memory-store.ts';
import type { Core } from './core-under-test.ts';

const DAY_MS = 86_400_000;
const LATER = NOW + 60 * 60_000;
const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);

const opened = (core: Core, brand: State): State =>
  take(core.decide, brand, { commands: opening.map((body, index) => command(1000 + index, body)), now: NOW }).state;

/** One command at a time, with the state before and after it. */
function walk(
  core: Core,
  brand: State,
  commands: readonly Command[],
  see: (step: {
    readonly before: State;
    readonly after: State;
    readonly facts: Facts;
    readonly body: CommandBody;
  }) => void,
): void {
  let before = opened(core, brand);
  for (const each of commands) {
    const { state: after, facts } = take(core.decide, before, { commands: [each], now: LATER });
    see({ before, after, facts, body: each.body });
    before = after;
  }
}

const lotOf = (state: State, sku: string, code: string): Lot | undefined =>
  state.items.find((item) => item.sku === sku)?.lots?.lots.find((lot) => lot.code === code);

/** By hand: how long it lives on, in days with their fractions. */
const livesFor = ({ expiresAt }: Lot, now: Instant): number =>
  expiresAt === null ? Number.POSITIVE_INFINITY : (expiresAt - now) / DAY_MS;

const isFit = (lot: Lot | undefined, { minimumLifeDays = 0 }: Program, now: Instant): boolean =>
  lot === undefined ? minimumLifeDays === 0 : livesFor(lot, now) > 0 && livesFor(lot, now) >= minimumLifeDays;

/** Units that were nobody's and are somebody's now; what was held already changes its owner alone. */
const isDraw = ({ kind, delta, held, hold }: PromiseEntry): boolean =>
  (kind === 'allocate' && hold === null && delta > 0) || (kind === 'hold' && held > 0);

/** Whoever draws gets nothing that is expired, too old for it, or (where it asks for a life) of unknown age. */
export const noLotTooOld = (core: Core, world: World = LOT_WORLD) =>
  fc.property(world.brand, commandsOf(world.body), (brand, commands) => {
    walk(core, brand, commands, ({ after, facts }) => {
      for (const entry of facts.promises.filter(isDraw)) {
        const program = brand.policy.programs.find(({ id }) => id === entry.program);
        const lot = entry.lot === undefined ? undefined : lotOf(after, entry.sku, entry.lot);
        if (entry.lot !== undefined && lot === undefined)
          throw new Error(`lot ${entry.lot} of ${entry.sku} is not known`);
        const hasLots = after.items.find(({ sku }) => sku === entry.sku)?.lots !== undefined;
        if (program === undefined || !hasLots) continue;
        if (!isFit(lot, program, LATER)) throw new Error(`${program.id} drew ${entry.lot ?? 'units of no lot'}`);
      }
    });
  });

const isBefore = (a: Lot, b: Lot): boolean => {
  const [x, y] = [a.expiresAt ?? Infinity, b.expiresAt ?? Infinity];
  if (x !== y) return x < y;
  return a.receivedAt === b.receivedAt ? a.code < b.code : a.receivedAt < b.receivedAt;
};

/** Free units by lot as a command's draws find them: goods that came are there, goods that leave are still. */
function freeBefore(item: ItemState, facts: Facts, place: string): Map<string, number> {
  const free = new Map<string, number>();
  const add = (lot: string | undefined, units: number): void => {
    if (lot !== undefined) free.set(lot, (free.get(lot) ?? 0) + units);
  };
  for (const row of item.lots?.balances ?? [])
    if (row.location === place && row.disposition === 'sellable') add(row.lot, row.quantity - row.allocated - row.held);
  for (const { sku, location, disposition, lot, delta } of facts.stock)
    if (sku === item.sku && location === place && disposition === 'sellable') add(lot, delta);
  return free;
}

type FefoStep = { readonly item: ItemState; readonly after: State; readonly facts: Facts; readonly place: string };

/** Plays the draws of a command at one place, in their order. */
function checkFefo({ item, after, facts, place }: FefoStep): void {
  const free = freeBefore(item, facts, place);
  const programs = new Map(after.policy.programs.map((program) => [program.id, program]));
  for (const entry of facts.promises) {
    if (entry.sku !== item.sku || entry.location !== place || entry.lot === undefined) continue;
    const drawn = lotOf(after, item.sku, entry.lot);
    const program = programs.get(entry.program);
    if (isDraw(entry) && drawn !== undefined && program !== undefined) {
      const left = [...free].filter(([, units]) => units > 0).flatMap(([code]) => lotOf(after, item.sku, code) ?? []);
      const missed = left.find((other) => isBefore(other, drawn) && isFit(other, program, LATER));
      if (missed !== undefined)
        throw new Error(`${program.id} drew ${drawn.code} while ${missed.code} was free at ${place}`);
    }
    free.set(entry.lot, (free.get(entry.lot) ?? 0) - entry.delta - entry.held);
  }
}

/** FEFO: at a place nobody draws a lot while an earlier one, that it might have as well, is free there. */
export const earlierLotsGoFirst = (core: Core, world: World = LOT_WORLD) =>
  fc.property(world.brand, commandsOf(world.body), (brand, commands) => {
    walk(core, brand, commands, ({ before, after, facts, body }) => {
      // What changes hands in a re-confirmation was drawn before; goods that leave with a shipment are booked after its draws.
      if (body.kind === 'reconfirm' || facts.stock.some(({ kind }) => kind === 'ship')) return;
      for (const item of before.items)
        for (const { id: place } of after.locations) checkFefo({ item, after, facts, place });
    });
  });

type At = Pick<LotBalance, 'lot' | 'location'>;

/** I2 for lots: rows are the sums of the entries, of what order lines and holds have, and with the rest what there is. */
export const lotsAreSums = (core: Core, world: World = LOT_WORLD) =>
  fc.property(
    world.brand,
    commandsOf(world.body),
    fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    (brand, commands, cuts) => {
      let state = opened(core, brand);
      const entries: Facts['stock'][number][] = [];
      for (const part of splitAt(commands, cuts)) {
        const step = take(core.decide, state, { commands: part, now: LATER });
        state = step.state;
        entries.push(...step.facts.stock);
        for (const item of state.items) expectSums(state, item, entries);
      }
    },
  );

function expectSums(state: State, item: ItemState, entries: readonly Facts['stock'][number][]): void {
  const parts = state.orders.flatMap((order) =>
    order.lines.flatMap((line) => line.allocations.filter((part) => (part.sku ?? line.sku) === item.sku)),
  );
  const held = item.holds.flatMap((hold) => hold.parts);
  const of = <T extends { readonly lot?: string; readonly location: string }>(rows: readonly T[], at: At): T[] =>
    rows.filter(({ lot, location }) => lot === at.lot && location === at.location);
  for (const row of item.lots?.balances ?? []) {
    const moved = of(entries, row).filter(
      ({ sku, disposition }) => sku === item.sku && disposition === row.disposition,
    );
    const isSellable = row.disposition === 'sellable';
    expect([row.quantity, row.allocated, row.held], `${row.lot} at ${row.location}, ${row.disposition}`).toEqual([
      sumOf(moved.map(({ delta }) => delta)),
      isSellable ? sumOf(of(parts, row).map(({ quantity }) => quantity)) : 0,
      isSellable ? sumOf(of(held, row).map(({ quantity }) => quantity)) : 0,
    ]);
    if (row.quantity + row.allocated + row.held !== 0)
      expect(item.lots?.lots.map(({ code }) => code)).toContain(row.lot);
  }
  for (const { lot } of [...parts, ...held])
    if (lot !== undefined) expect(item.lots?.balances.map((row) => row.lot)).toContain(lot);
}

function withoutLots(body: CommandBody): CommandBody {
  if (body.kind !== 'receive') return body;
  const { lot: _lot, expiresAt: _expiresAt, ...rest } = body;
  return rest;
}

const placesOf = (rows: readonly { location: string; program: string; pool: string; quantity: number }[]): unknown => {
  const sums = new Map<string, number>();
  for (const { location, program, pool, quantity } of rows) {
    const key = `${location} ${program} ${pool}`;
    sums.set(key, (sums.get(key) ?? 0) + quantity);
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
};

/** Everything that is not a lot. */
const withoutLotRows = (state: State): unknown => ({
  items: state.items.map((item) => ({
    balances: item.balances,
    promises: item.promises,
    drawn: item.drawn,
    numbers: item.listings.map(({ target }) => target?.quantity ?? null),
    holds: item.holds.map((hold) => ({ ...hold, parts: placesOf(hold.parts) })),
  })),
  lines: state.orders.map((order) => order.lines.map((line) => ({ ...line, allocations: placesOf(line.allocations) }))),
});

/** Where nobody asks for a life and nothing expires, lots change no number, no promise and no place. */
export const lotsAloneChangeNothing = (core: Core) =>
  fc.property(TOLD_WITH_LOTS.brand, commandsOf(TOLD_WITH_LOTS.body), (brand, commands) => {
    const start = opened(core, brand);
    const tell = (told: readonly Command[]): State =>
      takeAll(
        core.decide,
        start,
        told.map((each) => ({ commands: [each], now: LATER })),
      );
    const plain = commands.map((each) => ({ ...each, body: withoutLots(each.body) }));
    expect(withoutLotRows(tell(commands))).toEqual(withoutLotRows(tell(plain)));
  });

/** Two programs that share one place can be promised together no more than what lives long enough for both, and is not expired. */
export const sumsOfPromisesFit = (core: Core, world: World = LOT_WORLD) =>
  fc.property(world.brand, commandsOf(world.body), (brand, commands) => {
    walk(core, brand, commands, ({ after, facts }) => {
      for (const { sku, inputs } of facts.targets) {
        const item = after.items.find((each) => each.sku === sku);
        const program = after.policy.programs.find(({ id }) => id === inputs.program);
        if (item?.lots === undefined || program === undefined || inputs.kit !== undefined) continue;
        const free = item.lots.balances
          .filter((row) => row.disposition === 'sellable' && program.locations.includes(row.location))
          .filter((row) => isFit(lotOf(after, sku, row.lot), program, LATER))
          .map((row) => Math.max(0, row.quantity - row.allocated - row.held));
        if (program.minimumLifeDays === undefined) continue;
        expect(inputs.fromOwn + inputs.fromShared, `${program.id} of ${sku}`).toBeLessThanOrEqual(sumOf(free));
      }
    });
  });
