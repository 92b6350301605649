/** Laws of ATP: what it may never do, whatever is expected, wanted and waited for. */
import * as fc from 'fast-check';
import { DAY_MS, type Outlook, type Projection } from '#core/atp.ts';
import { NOTHING_DRAWN } from '#core/drawn.ts';
import type { Backorder, DatedSupply, PoolRule, Program } from '#core/model.ts';
import { PLACES, policyArb } from '../support/arbitraries.ts';
import { demandRow, NOW, outlook, supplyRow } from '../support/factory.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const DAYS = 12;
const quantity = fc.integer({ min: 1, max: 9 });
const dueAt = fc.integer({ min: -2, max: DAYS }).map((day) => NOW + day * DAY_MS + DAY_MS / 2);
const place = fc.constantFrom<string>(...PLACES);
const programId = fc.constantFrom('dtc', 'wholesale', 'promo');

const supplyArb = fc.record({ quantity, dueAt, location: place, received: fc.constantFrom(0, 0, 2) });
const demandArb = fc.record({ quantity, dueAt, program: programId });
const waitingArb = fc.record({ program: programId, quantity });

/** An item with stock, dated rows and lines that wait; and one of the programs, whose eyes it is seen by. */
const seenArb: fc.Arbitrary<{ readonly seen: Outlook; readonly who: Program }> = fc
  .record({
    policy: policyArb,
    free: fc.tuple(fc.integer({ min: -3, max: 12 }), fc.integer({ min: 0, max: 12 })),
    consumed: fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 })),
    supply: fc.array(supplyArb, { maxLength: 4 }),
    demand: fc.array(demandArb, { maxLength: 4 }),
    waiting: fc.array(waitingArb, { maxLength: 2 }),
    index: fc.integer({ min: 0, max: 2 }),
    leadTimeDays: fc.constantFrom(0, 0, 2),
  })
  .map(({ policy, free, consumed, supply, demand, waiting, index, leadTimeDays }) => {
    const seen = outlook({
      policy,
      free: new Map(PLACES.map((each, i) => [each, free[i] ?? 0])),
      item: {
        sku: 'TEA',
        groups: [],
        drawn: policy.programs.map(({ id }, i) => ({
          ...NOTHING_DRAWN,
          program: id,
          consumed: consumed[i] ?? 0,
          taken: consumed[i] ?? 0,
        })),
      },
      supply: supply.map(({ quantity: units, ...over }, i) => supplyRow(`S${i}`, units, over)),
      demand: demand.map(({ quantity: units, ...over }, i) => demandRow(`D${i}`, units, over)),
      waiting: waiting.map((each, i) => ({ key: `W${i}`, ...each })),
    });
    const program = policy.programs[index];
    if (program === undefined) throw new Error('three programs were made');
    return { seen, who: { ...program, leadTimeDays } };
  });

const withoutRefills = (seen: Outlook): Outlook => {
  const pools = seen.policy.pools.map((rule) => ({ ...rule, refill: 'never' as const }));
  return { ...seen, policy: { ...seen.policy, pools } };
};

/** What a receipt's fill keeps was free before: what could be had if nothing were filled can be had. */
const floorOf = (core: Core, seen: Outlook, who: Program): number =>
  Math.min(...core.project(withoutRefills(seen), who, NOW).steps.map(({ balance }) => balance));

const everyDay = (core: Core, projection: Projection): number[] => core.atpByDay(projection, DAYS + 4);

/** Without dated rows and without anybody who waits, ATP of every day is what may be promised now. */
export const atpIsFreeWithoutDates = (core: Core) =>
  fc.property(seenArb, ({ seen, who }) => {
    const projection = core.project({ ...seen, supply: [], demand: [], waiting: [] }, who, NOW);
    const now = projection.own + projection.shared;
    expect(everyDay(core, projection)).toEqual(Array.from({ length: DAYS + 4 }, () => now));
  });

/** By the definition, slowly: the least of all balances that are in force at the end of the day or later, but for what fills keep. */
export const atpIsSuffixMinimum = (core: Core) =>
  fc.property(seenArb, ({ seen, who }) => {
    const projection = core.project(seen, who, NOW);
    const byDay = everyDay(core, projection);
    const floor = floorOf(core, seen, who);
    byDay.forEach((atp, day) => {
      const end = NOW + (day + 1) * DAY_MS - 1;
      const started = projection.steps.filter((step) => step.at <= end).length;
      const still = projection.steps.slice(Math.max(0, started - 1)).map((step) => step.balance);
      expect(atp, `day ${day}`).toBe(Math.max(floor, Math.min(...still)));
      if (day > 0) expect(atp, 'it never falls with the date').toBeGreaterThanOrEqual(byDay[day - 1] ?? 0);
    });
    // Who goes before a prioritised pool of a place may draw there what it protects: then it protects nothing elsewhere either.
    if (seen.policy.pools.some((rule) => rule.location !== undefined && rule.protects === 'prioritised')) return;
    const [first] = projection.steps;
    expect(first?.balance).toBeLessThanOrEqual(projection.own + projection.shared);
  });

const withoutOne = (rows: readonly DatedSupply[], at: number, units: number): DatedSupply[] =>
  rows.flatMap((row, index) => {
    if (index !== at) return [row];
    return row.quantity > units ? [{ ...row, quantity: row.quantity - units }] : [];
  });

/**
 * A pool that is a part of the supply grows with it, for others too, and one that a receipt fills keeps more then: there more supply may
 * show a program less. What a pool of a place still protects hangs on where those who came before were served from: with less supply, at other places.
 */
const withSteadyPools = (seen: Outlook): Outlook => {
  const isSteady = ({ units, location }: PoolRule) => units !== undefined && location === undefined;
  return withoutRefills({ ...seen, policy: { ...seen.policy, pools: seen.policy.pools.filter(isSteady) } });
};

/** Supply that shrinks, or does not come, raises no ATP of any program on any day. */
export const lessSupplyNeverRaisesAtp = (core: Core) =>
  fc.property(
    seenArb.filter(({ seen }) => seen.supply.length > 0),
    fc.nat(),
    quantity,
    ({ seen: any, who }, index, units) => {
      const seen = withSteadyPools(any);
      const more = everyDay(core, core.project(seen, who, NOW));
      const supply = withoutOne(seen.supply, index % seen.supply.length, units);
      const less = everyDay(core, core.project({ ...seen, supply }, who, NOW));
      for (const [day, atp] of less.entries()) expect(atp, `day ${day}`).toBeLessThanOrEqual(more[day] ?? 0);
    },
  );

/** Late supply might as well not be there. */
export const lateSupplyCountsForNothing = (core: Core) =>
  fc.property(seenArb, ({ seen, who }) => {
    const projection = core.project(seen, who, NOW);
    const onTime = seen.supply.filter((row) => row.dueAt > NOW);
    expect(everyDay(core, projection)).toEqual(everyDay(core, core.project({ ...seen, supply: onTime }, who, NOW)));
    const late = seen.supply.filter((row) => row.dueAt <= NOW && row.quantity > row.received);
    expect(projection.late).toEqual(late);
  });

/** A promise is never more than ATP at its date, its parts sum to it, and the whole comes when it is said to come. */
export const promiseAddsUp = (core: Core) =>
  fc.property(seenArb, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: DAYS }), (given, asked, day) => {
    const { seen, who } = given;
    const by = NOW + day * DAY_MS;
    const told = core.promiseBy([{ outlook: seen, each: 1 }], who, { asked, by }, NOW);
    const projection = core.project(seen, who, NOW);
    const [atp = 0] = core.atpAt(projection, [by]);
    expect(told.byDate.quantity).toBeLessThanOrEqual(Math.max(0, atp));
    const sum = (parts: readonly { readonly quantity: number }[]) => parts.reduce((all, { quantity: n }) => all + n, 0);
    expect(sum(told.byDate.from)).toBe(told.byDate.quantity);
    for (const part of told.byDate.from) if ('dueAt' in part) expect(part.dueAt).toBeLessThanOrEqual(by);
    if (told.whole === null) {
      if (told.cappedBy.length === 0) expect(core.atpAt(projection, [NOW + 999 * DAY_MS])[0]).toBeLessThan(asked);
      return;
    }
    expect(sum(told.whole.from)).toBe(asked);
    const { at } = told.whole;
    expect(core.promiseBy([{ outlook: seen, each: 1 }], who, { asked, by: at }, NOW).answer).toBe('yes');
    if (at > NOW)
      expect(core.promiseBy([{ outlook: seen, each: 1 }], who, { asked, by: at - 1 }, NOW).answer).not.toBe('yes');
  });

const most = fc.record({
  asked: fc.integer({ min: 1, max: 20 }),
  day: fc.integer({ min: 0, max: DAYS }),
  limit: fc.integer({ min: 0, max: 12 }),
});

/**
 * Of dated supply nobody is promised more than the program's limit, less what it is short already; up to there the limit changes
 * nothing, and where it does, it is told. Without a limit the answer is by ATP.
 */
export const promiseKeepsLimit = (core: Core) =>
  fc.property(seenArb, most, ({ seen, who }, { asked, day, limit }) => {
    const by = NOW + day * DAY_MS;
    const ask = (backorder: Backorder) =>
      core.promiseBy([{ outlook: seen, each: 1 }], { ...who, backorder }, { asked, by }, NOW);
    const open = ask('none');
    expect(open.cappedBy).toEqual([]);
    expect(ask({ supply: 'all' })).toEqual(open);
    expect(ask({ units: 3 })).toEqual(open);
    const floor = floorOf(core, seen, who);
    const balances = core.project(seen, who, NOW).steps.map(({ balance }) => Math.max(floor, balance));
    const short = seen.waiting.reduce((sum, row) => (row.program === who.id ? sum + row.quantity : sum), 0);
    const left = Math.max(0, limit - short);
    const ceiling = Math.max(0, Math.min(...balances)) + left;
    const told = ask({ supply: limit });
    expect(told.byDate.quantity).toBe(Math.min(open.byDate.quantity, ceiling));
    const coming = told.byDate.from.reduce((sum, part) => ('dueAt' in part ? sum + part.quantity : sum), 0);
    expect(coming).toBeLessThanOrEqual(left);
    expect(told.whole).toEqual(asked > ceiling ? null : open.whole);
    const isCapped = ceiling < Math.min(asked, balances.at(-1) ?? 0);
    expect(told.cappedBy).toEqual(isCapped ? [{ sku: 'TEA', limit, short, left }] : []);
    expect(told.atp).toEqual(open.atp);
  });
