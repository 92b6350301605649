/**
 * Laws of holds: placed, converted, released, extended and ended in any order, among orders and goods that move. Each step names a
 * hold that is there, so that most of what is tried is taken.
 */
import * as fc from 'fast-check';
import type { Command, CommandBody, HoldCommand } from '#core/command.ts';
import { promisableTo } from '#core/draw.ts';
import { unitsOf } from '#core/hold-units.ts';
import type { Hold } from '#core/model.ts';
import { drawnOnceFilled, poolsOf, unfilledPools } from '#core/pools.ts';
import type { Facts, ItemState, State } from '#core/state.ts';
import { anyBody, brandArb, goodsBody, holdBody, opening } from '../support/arbitraries.ts';
import { command, MINUTE_MS, NOW, orderState } from '../support/factory.ts';
import { take } from '../support/memory-store.ts';
import { promisedAt, sellableAt } from './books-laws.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';
import { gaveBackWhereCut, isOpenToAny, leftUnpromised, ownLeft } from './pool-laws.ts';

const LATER = NOW + 60 * MINUTE_MS;
/** When every hold's time has come. */
const AFTER_ALL = NOW + 300 * MINUTE_MS;
const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);

type Change = 'convert' | 'release' | 'due' | 'extend' | 'resize';
type Move =
  | { readonly body: CommandBody }
  | { readonly change: Change; readonly pick: number; readonly units: number; readonly rest: 'keep' | 'release' };

const changeArb: fc.Arbitrary<Move> = fc.record({
  change: fc.constantFrom<Change>('convert', 'convert', 'release', 'due', 'extend', 'resize'),
  pick: fc.nat(),
  units: fc.integer({ min: 1, max: 7 }),
  rest: fc.constantFrom('keep' as const, 'release' as const),
});

const movesArb = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: holdBody.map((body): Move => ({ body })) },
    { weight: 4, arbitrary: changeArb },
    { weight: 2, arbitrary: anyBody.map((body): Move => ({ body })) },
    { weight: 1, arbitrary: goodsBody.map((body): Move => ({ body })) },
  ),
  { minLength: 2, maxLength: 14 },
);

const holdsOf = (state: State): Hold[] => state.items.flatMap((item) => item.holds);
const liveOf = (state: State): Hold[] => holdsOf(state).filter((hold) => hold.state === 'held');
const itemOf = (state: State, sku: string): ItemState => {
  const item = state.items.find((each) => each.sku === sku);
  if (item === undefined) throw new Error(`no item ${sku}`);
  return item;
};

/** An operator's order on the channel of the hold's program, for at least `units` of its item, in whole packs. */
function orderOn(state: State, hold: Hold, id: number, { units, rest }: { units: number; rest: 'keep' | 'release' }) {
  const channel = state.policy.channels.find(({ program }) => program === hold.program)?.channel ?? '';
  const listing = itemOf(state, hold.sku).listings.find((each) => each.channel === channel);
  const ordered = Math.ceil(units / (listing?.pack ?? 1));
  const line = { lineRef: '1', listingRef: listing?.listingRef ?? '', skuHint: null, ordered };
  const order = orderState(`h${id}`, [{ ...line, cancelled: 0, shipped: 0, returned: 0 }], { origin: 'operator' });
  return { kind: 'order-state' as const, channel, order, holds: [{ hold: hold.id, rest }] };
}

function bodyOf(state: State, id: number, move: Move): CommandBody | null {
  if ('body' in move) return move.body;
  const live = liveOf(state);
  const hold = live[move.pick % Math.max(1, live.length)];
  if (hold === undefined) return null;
  const { sku, program, kind: holdKind, owner, reason, expiresAt, location, ref } = hold;
  if (move.change === 'convert') return orderOn(state, hold, id, move);
  if (move.change === 'extend') {
    return { kind: 'extend-hold', sku, hold: hold.id, expiresAt: expiresAt + move.units * MINUTE_MS };
  }
  if (move.change === 'resize') {
    const asked = { holdKind, sku, program, owner, reason, expiresAt, location, ref };
    return ref === null ? null : { kind: 'hold', ...asked, quantity: move.units };
  }
  return { kind: 'release-hold', sku, hold: hold.id, reason: 'test', isDue: move.change === 'due' };
}

type Step = { readonly command: Command; readonly before: State; readonly after: State; readonly facts: Facts };

const opened = (core: Core, brand: State): State =>
  take(core.decide, brand, { commands: opening.map((body, index) => command(1000 + index, body)), now: LATER }).state;

/** Command by command; a due one happens when the hold's time has come. */
function walk(core: Core, brand: State, moves: readonly Move[], see: (step: Step) => void): State {
  let state = opened(core, brand);
  moves.forEach((move, index) => {
    const body = bodyOf(state, index + 1, move);
    if (body === null) return;
    const recordedAt = NOW + index * MINUTE_MS;
    const isDue = body.kind === 'release-hold' && body.isDue;
    const each = command(index + 1, body, { recordedAt, occurredAt: isDue ? AFTER_ALL : recordedAt });
    const { state: after, facts } = take(core.decide, state, { commands: [each], now: LATER });
    see({ command: each, before: state, after, facts });
    state = after;
  });
  return state;
}

const keyOf = (part: { location: string; program: string; pool: string }): string =>
  `${part.location} ${part.program} ${part.pool}`;

function addUp(parts: readonly { location: string; program: string; pool: string; quantity: number }[]) {
  const sums: Record<string, number> = {};
  for (const part of parts) sums[keyOf(part)] = (sums[keyOf(part)] ?? 0) + part.quantity;
  return sums;
}

/** I1, I2: what is held is the sum of its entries, hold by hold and place by place, and no hold takes what is not there. */
export const heldIsASum = (core: Core) =>
  fc.property(brandArb, movesArb, (brand, moves) => {
    const byHold = new Map<number, number>();
    walk(core, brand, moves, ({ after, facts }) => {
      for (const entry of facts.promises) {
        if (entry.hold !== null) byHold.set(entry.hold, (byHold.get(entry.hold) ?? 0) + entry.held);
        else expect(entry.held).toBe(0);
        if (entry.kind !== 'hold') continue;
        const item = itemOf(after, entry.sku);
        expect(promisedAt(item, entry.location)).toBeLessThanOrEqual(sellableAt(item, entry.location));
      }
      for (const hold of holdsOf(after)) {
        expect(unitsOf(hold), `entries of hold ${hold.id}`).toBe(byHold.get(hold.id));
        expect(unitsOf(hold) > 0, `hold ${hold.id} is ${hold.state}`).toBe(hold.state === 'held');
        expect(unitsOf(hold)).toBeLessThanOrEqual(hold.quantity);
      }
      for (const item of after.items) {
        const held = item.promises.filter((row) => row.held !== 0).map((row) => ({ ...row, quantity: row.held }));
        expect(addUp(held)).toEqual(addUp(item.holds.flatMap((hold) => hold.parts)));
      }
    });
  });

const holdIn = (body: CommandBody, id: number): number | undefined => {
  if (body.kind === 'order-state') return body.holds?.[0]?.hold;
  return body.kind === 'release-hold' ? body.hold : id;
};

/** A hold, its conversion and its end leave to every other program what it had of its own, less what its own lines drew. */
export const holdTakesNobodysOwn = (core: Core) =>
  fc.property(brandArb, movesArb, (brand, moves) => {
    walk(core, brand, moves, ({ command: { body, id }, before, after, facts }) => {
      const hold = holdsOf(after).find((each) => each.id === holdIn(body, id));
      if (hold === undefined || leftUnpromised(facts) || gaveBackWhereCut(facts, before)) return;
      if (facts.outcomes.some(({ kind }) => kind !== 'applied')) return;
      const actor = brand.policy.programs.find((each) => each.id === hold.program);
      for (const program of brand.policy.programs.filter((each) => each.id !== hold.program)) {
        if (actor === undefined || isOpenToAny(facts, actor, program, brand.policy)) continue;
        const measured = { ...program, drawOrder: 'ownThenShared' as const };
        const drew = facts.promises.filter((row) => row.kind === 'allocate' && row.program === program.id);
        // Under a limit, what its lines drew of the shared pool leaves it less to draw of its own.
        const isLimited = brand.policy.pools.some((rule) => rule.program === program.id && rule.limit !== undefined);
        const taken = sumOf(drew.map((row) => (isLimited ? row.delta : row.consumed)));
        const left = ownLeft(after, itemOf(after, hold.sku), measured) + taken;
        expect(left, `own units of ${program.id}`).toBeGreaterThanOrEqual(
          ownLeft(before, itemOf(before, hold.sku), measured),
        );
      }
    });
  });

/** A line that a run told to lose waits beside free units: the next command that touches its item serves it. */
const isNoRun = (move: Move): boolean => !('body' in move && move.body.kind === 'reconfirm');

/** The same units: nothing is freed in between, so no channel's number moves when an order wants no more than the hold has. */
export const conversionMovesNothing = (core: Core) =>
  fc.property(brandArb, movesArb, (brand, moves) => {
    walk(core, brand, moves.filter(isNoRun), ({ command: { body }, before, after, facts }) => {
      const use = body.kind === 'order-state' ? body.holds?.[0] : undefined;
      if (use === undefined || facts.outcomes.some(({ kind }) => kind !== 'applied')) return;
      const entries = facts.promises.filter((row) => row.hold === use.hold);
      const parts = (kind: 'allocate' | 'unhold') => entries.filter((row) => row.kind === kind);
      const gained = parts('allocate').map((row) => ({ ...row, quantity: row.delta }));
      const hold = holdsOf(before).find((each) => each.id === use.hold);
      const now = holdsOf(after).find((each) => each.id === use.hold);
      if (hold === undefined || now === undefined) throw new Error('an applied order used a hold that is not there');
      if (use.rest === 'keep' || now.state === 'held') {
        const lost = parts('unhold').map((row) => ({ ...row, quantity: -row.held }));
        expect(addUp(gained)).toEqual(addUp(lost));
        expect(sumOf(entries.map((row) => row.consumed)), 'drawn of the own pool').toBe(0);
        expect(sumOf(gained.map((row) => row.quantity)) + unitsOf(now)).toBe(unitsOf(hold));
      }
      const made = after.orders.find(({ id }) => id.endsWith(`/${orderRefOf(body)}`));
      // An order that was there before may have units of its own; one of ours is new, and of one line.
      if (made === undefined || !orderRefOf(body).startsWith('h')) return;
      const wanted = sumOf(made.lines.map((line) => line.ordered));
      expect(sumOf(gained.map((row) => row.quantity))).toBe(Math.min(wanted, unitsOf(hold)));
      if (use.rest === 'keep' && wanted <= unitsOf(hold)) {
        expect(facts.promises.filter((row) => row.hold === null)).toEqual([]);
        const shown = (state: State) => state.items.flatMap((item) => item.listings.map((l) => l.target?.quantity));
        expect(shown(after)).toEqual(shown(before));
      }
    });
  });

const orderRefOf = (body: CommandBody): string => (body.kind === 'order-state' ? body.order.orderRef : '');

/** Exactly what its program can be promised, at the places asked for, can be held: one more is refused with that number. */
export const holdIsAllOrNothing = (core: Core) =>
  fc.property(brandArb, movesArb, holdBody, (brand, moves, asked) => {
    const state = walk(core, brand, moves, () => undefined);
    const item = itemOf(state, asked.sku);
    const program = brand.policy.programs.find(({ id }) => id === asked.program);
    if (program === undefined) throw new Error('a hold of no program');
    const free = new Map(state.locations.map(({ id }) => [id, sellableAt(item, id) - promisedAt(item, id)]));
    const locations = asked.location === null ? program.locations : [asked.location];
    // Pools that have seen no fill begin with what is there, as in every decision.
    const drawn = drawnOnceFilled(item, unfilledPools(state.policy, item, NOW));
    const may = promisableTo({ ...program, locations }, poolsOf(state.policy, { ...item, drawn }, free, NOW), free);
    const can = may.own + may.shared;
    const hold = (quantity: number): HoldCommand => ({ ...asked, quantity, ref: 'new', expiresAt: LATER });
    const outcome = (quantity: number) =>
      take(core.decide, state, { commands: [command(99, hold(quantity), { recordedAt: NOW })], now: NOW }).facts;
    const refused = outcome(can + 1);
    expect(refused.outcomes).toMatchObject([{ kind: 'parked', code: 'hold-too-many', field: 'quantity' }]);
    const [parked] = refused.outcomes;
    expect(parked?.kind === 'parked' ? parked.reason : '').toContain(`can be promised ${can} of`);
    expect(refused.holds).toEqual([]);
    if (can === 0) return;
    expect(outcome(can)).toMatchObject({ outcomes: [{ kind: 'applied' }], holds: [{ quantity: can, state: 'held' }] });
  });

const onlyHolds = fc.array(
  fc.oneof(
    holdBody.map((body): Move => ({ body })),
    changeArb.map((move): Move => ('change' in move && move.change === 'convert' ? { ...move, change: 'due' } : move)),
  ),
  { minLength: 1, maxLength: 12 },
);

/** Once all have ended, the books and every channel's number are as if no hold had ever been. */
export const endedHoldsLeaveNoTrace = (core: Core) =>
  fc.property(brandArb, onlyHolds, fc.array(fc.nat(), { minLength: 12, maxLength: 12 }), (brand, moves, turns) => {
    const start = opened(core, brand);
    let state = walk(core, brand, moves, () => undefined);
    for (let left = liveOf(state), turn = 0; left.length > 0; left = liveOf(state), turn += 1) {
      const hold = left[(turns[turn] ?? 0) % left.length];
      if (hold === undefined) break;
      const body = {
        kind: 'release-hold' as const,
        sku: hold.sku,
        hold: hold.id,
        reason: 'test',
        isDue: turn % 2 === 0,
      };
      const commands = [command(500 + turn, body, { occurredAt: AFTER_ALL, recordedAt: AFTER_ALL })];
      const step = take(core.decide, state, { commands, now: LATER });
      expect(step.facts.outcomes).toMatchObject([{ kind: 'applied' }]);
      state = step.state;
    }
    for (const [index, item] of state.items.entries()) {
      expect(item.promises.filter((row) => row.held !== 0 || row.allocated !== 0)).toEqual([]);
      expect(item.drawn.filter((row) => row.consumed !== 0 || row.taken !== 0)).toEqual([]);
      const shown = (each: ItemState | undefined) => each?.listings.map((listing) => listing.target?.quantity);
      expect(shown(item)).toEqual(shown(start.items[index]));
    }
  });
