/** Laws of pools (I5), of the proportional cut, and of who is served when stock comes. */
import * as fc from 'fast-check';
import type { Command } from '#core/command.ts';
import { orderOf } from '#core/command.ts';
import { promisableTo } from '#core/draw.ts';
import { freeByLot, openLots } from '#core/lot-book.ts';
import { hasLife } from '#core/lots.ts';
import type { Policy, Program } from '#core/model.ts';
import { type FreeByLocation, type Pools, poolsOf } from '#core/pools.ts';
import type { Facts, ItemState, State } from '#core/state.ts';
import { commandsOf, emptyBrand, opening, PLAIN, policyArb, type World } from '../support/arbitraries.ts';
import { command, NOW, oneLineOrder, receive } from '../support/factory.ts';
import { allocatedOf, take, takeAll } from '../support/memory-store.ts';
import { promisedAt, sellableAt } from './books-laws.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const LATER = NOW + 60 * 60_000;
const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);

/** The pools of an item by the stored sums. */
function poolsNow(state: State, item: ItemState): { readonly pools: Pools; readonly free: FreeByLocation } {
  const places = state.locations.map((place) => {
    const total = { onHand: sellableAt(item, place.id), promised: promisedAt(item, place.id) };
    return { location: place.id, sells: place.sells, total };
  });
  const selling = places.filter(({ sells }) => sells);
  const book = openLots(item.lots);
  const free =
    book === null
      ? new Map(selling.map(({ location, total }) => [location, total.onHand - total.promised]))
      : freeByLot(book, selling, state.policy, LATER);
  return { pools: poolsOf(state.policy, item, free, LATER), free };
}

/** What each program could still draw of its own, by the stored sums. */
export function ownLeft(state: State, item: ItemState, program: Program): number {
  const { pools, free } = poolsNow(state, item);
  return promisableTo(program, pools, free).own;
}

/** Whose command it is: its order's program, or its hold's. */
function programBehind({ body }: Command, after: State): string | undefined {
  if (body.kind === 'hold') return body.program;
  if (body.kind === 'release-hold') {
    return after.items.flatMap((item) => item.holds).find((hold) => hold.id === body.hold)?.program;
  }
  const order = orderOf(body);
  return after.orders.find((stored) => stored.id === order)?.program;
}

/** A prioritised pool protects against nobody before its program. */
const isOpenTo = (actor: Program, owner: Program, policy: Policy): boolean =>
  owner.priority > actor.priority &&
  policy.pools.some((rule) => rule.program === owner.id && rule.protects === 'prioritised');

/** Whose command it is, and whose waiting lines were given something with it. */
export function drawersOf(facts: Facts, actor: Program, policy: Policy): Program[] {
  const drew = new Set(facts.promises.filter(({ kind }) => kind === 'allocate').map(({ program }) => program));
  return [actor, ...policy.programs.filter(({ id }) => id !== actor.id && drew.has(id))];
}

/** Whether one of those may draw what protects the owner. */
export const isOpenToAny = (facts: Facts, actor: Program, owner: Program, policy: Policy): boolean =>
  drawersOf(facts, actor, policy).some((drawer) => isOpenTo(drawer, owner, policy));

/** Goods that left beyond what was promised, or of another lot: nothing can protect against them. */
export const leftUnpromised = (facts: Facts): boolean => {
  const rows = [...facts.stock, ...facts.promises].filter((row) => row.kind === 'ship');
  return rows.some(({ sku, lot }) => {
    const unitsOf = (
      some: readonly { readonly sku: string; readonly lot?: string; readonly kind: string; readonly delta: number }[],
    ) => sumOf(some.filter((row) => row.kind === 'ship' && row.sku === sku && row.lot === lot).map((row) => row.delta));
    return unitsOf(facts.stock) < unitsOf(facts.promises);
  });
};

/** Units that came back to a program which may not have them any more: its protection counts again, and is cut with the others'. */
function gaveBackUnfit(facts: Facts, state: State): boolean {
  return facts.promises.some(({ kind, sku, lot: code, program }) => {
    const item = state.items.find((each) => each.sku === sku);
    if ((kind !== 'release' && kind !== 'unhold') || item?.lots === undefined) return false;
    const days = state.policy.programs.find(({ id }) => id === program)?.minimumLifeDays ?? 0;
    const lot = item.lots.lots.find((each) => each.code === code);
    return lot === undefined ? days > 0 : !hasLife(lot, days, LATER);
  });
}

/**
 * Units that came back to a place that lacked what its own pools protect: they are protected there again, and the giver's own pool has
 * them back too, so that the weakest of the others are cut (core/README.md, limits).
 */
export const gaveBackWhereCut = (facts: Facts, before: State): boolean =>
  facts.promises.some(({ kind, sku, location }) => {
    const item = before.items.find((each) => each.sku === sku);
    if ((kind !== 'release' && kind !== 'unhold') || item === undefined) return false;
    return poolsNow(before, item).pools.placed.some(
      (share) => share.location === location && share.remaining < share.units - share.consumed,
    );
  });

/** I5: a command of one program's order or hold leaves to every other program what it had of its own, less what its own lines drew. */
export const protectionHolds = (core: Core, world: World = PLAIN) =>
  fc.property(world.brand, commandsOf(world.body), (brand, commands) => {
    // One draw order that prefers the other's units to its own would hide what is left; the programs' own is what is measured.
    const programs = brand.policy.programs.map((each) => ({ ...each, drawOrder: 'ownThenShared' as const }));
    let state = take(core.decide, brand, {
      commands: opening.map((body, index) => command(1000 + index, body)),
      now: NOW,
    }).state;
    for (const each of commands) {
      const step = take(core.decide, state, { commands: [each], now: LATER });
      const by = programBehind(each, step.state);
      const actor = programs.find(({ id }) => id === by);
      for (const program of actor === undefined ||
      leftUnpromised(step.facts) ||
      gaveBackUnfit(step.facts, step.state) ||
      gaveBackWhereCut(step.facts, state)
        ? []
        : programs.filter((other) => other.id !== by && !isOpenToAny(step.facts, actor, other, brand.policy))) {
        for (const item of state.items) {
          const after = step.state.items.find(({ sku }) => sku === item.sku);
          // Under a limit, what its lines drew of the shared pool leaves it less to draw of its own.
          const isLimited = brand.policy.pools.some((rule) => rule.program === program.id && rule.limit !== undefined);
          const drawn = sumOf(
            step.facts.promises
              .filter((row) => row.sku === item.sku && row.kind === 'allocate' && row.program === program.id)
              .map((row) => (isLimited ? row.delta : row.consumed)),
          );
          expect(
            (after === undefined ? 0 : ownLeft(step.state, after, program)) + drawn,
            `own units of ${program.id}`,
          ).toBeGreaterThanOrEqual(ownLeft(state, item, program));
        }
      }
      state = step.state;
    }
  });

const amount = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 1_000_000 }));

export const cutSumsExactly = (core: Core) =>
  fc.property(
    amount,
    fc.array(fc.record({ want: amount, taken: fc.oneof(fc.constant(0), amount) }), { minLength: 1, maxLength: 6 }),
    (total, rows) => {
      const wants = rows.map((row) => row.want);
      const taken = rows.map((row) => row.taken);
      const gaps = rows.map((row) => Math.max(0, row.want - row.taken));
      const shares = core.cutInProportion(total, wants, taken);
      expect(sumOf(shares)).toBe(Math.min(total, sumOf(gaps)));
      shares.forEach((share, index) => {
        expect(Number.isInteger(share) && share >= 0 && share <= (gaps[index] ?? 0), `share ${index} is ${share}`).toBe(
          true,
        );
      });
      const more = core.cutInProportion(total + 1, wants, taken);
      expect(
        more.filter((share, index) => share < (shares[index] ?? 0)),
        'one more unit lowers nobody',
      ).toEqual([]);
    },
  );

/** Drawing from one share moves no other, whatever the rounding. */
export const drawMovesNoOtherShare = (core: Core) =>
  fc.property(
    fc.integer({ min: 1, max: 40 }),
    fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 2, maxLength: 5 }),
    fc.nat(),
    fc.nat(),
    (total, wants, who, howMuch) => {
      const before = core.cutInProportion(total, wants);
      const index = who % wants.length;
      const drawn = howMuch % ((before[index] ?? 0) + 1);
      const after = core.cutInProportion(
        total - drawn,
        wants,
        wants.map((_, i) => (i === index ? drawn : 0)),
      );
      expect(after).toEqual(before.map((share, i) => (i === index ? share - drawn : share)));
    },
  );

const waitingArb = fc.array(
  fc.record({
    channel: fc.constantFrom('shop:main', 'market:eu'),
    ordered: fc.integer({ min: 1, max: 4 }),
    placedAt: fc.integer({ min: 0, max: 3 }),
  }),
  { minLength: 2, maxLength: 8 },
);

/** Who waits is served by priority, then by who came first, then by id; never the later before the earlier, whatever else is in the batch. */
export const shortsAreServedInTurn = (core: Core) =>
  fc.property(
    policyArb,
    waitingArb,
    fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
    fc.boolean(),
    (rules, waiting, receipts, isOneBatch) => {
      const programs = rules.programs.map((each) => ({ ...each, drawOrder: 'ownThenShared' as const }));
      const brand = emptyBrand({ ...rules, programs, pools: [] });
      const orders = waiting.map(
        ({ channel, ordered, placedAt }, index): Command =>
          command(
            index + 1,
            oneLineOrder(
              `o${index}`,
              { ordered, listingRef: channel === 'shop:main' ? 'ref-1' : 'ref-2' },
              { channel, placedAt: NOW + placedAt },
            ),
          ),
      );
      const goods = receipts.map((quantity, index) => command(100 + index, receive(quantity, { location: 'north' })));
      // A newcomer in the batch of the goods must not pass those who wait.
      const newcomer = command(200, oneLineOrder('z', { ordered: 3, listingRef: 'ref-1' }, { placedAt: NOW + 9 }));
      const all = [...goods, newcomer];
      const short = takeAll(core.decide, brand, [{ commands: orders, now: NOW }]);
      const state = takeAll(
        core.decide,
        short,
        (isOneBatch ? [all] : all.map((each) => [each])).map((part) => ({ commands: part, now: NOW })),
      );
      const priority = new Map(programs.map((each) => [each.id, each.priority]));
      const turn = state.orders
        .filter((order) => order.id !== 'shop:main/z')
        .sort(
          (a, b) =>
            (priority.get(a.program) ?? 0) - (priority.get(b.program) ?? 0) ||
            a.placedAt - b.placedAt ||
            (a.id < b.id ? -1 : 1),
        );
      let left = sumOf(receipts);
      for (const order of [...turn, ...state.orders.filter((each) => each.id === 'shop:main/z')]) {
        const [line] = order.lines;
        const wanted = line === undefined ? 0 : line.ordered;
        const got = Math.min(wanted, left);
        left -= got;
        expect(line === undefined ? 0 : allocatedOf(line), `${order.id} of ${wanted}`).toBe(got);
      }
    },
  );
