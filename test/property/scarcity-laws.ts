/** Laws of splitting a scarce stock: exact sums, bounds, no say for the order of the demands, and monotone where that is promised. */
import * as fc from 'fast-check';
import type { Demand } from '#core/scarcity.ts';
import type { Core } from './core-under-test.ts';
import { expect } from './expect.ts';

const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);

const amount = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 1_000_000 }));
const weight = fc.constantFrom(1, 1, 2, 3, 0.5, 2.5, 0.333333, 7);

const demandsArb = (over: { readonly hasWeights: boolean }): fc.Arbitrary<Demand[]> =>
  fc
    .array(
      fc.record({
        priority: fc.integer({ min: 1, max: 3 }),
        quantity: amount,
        minimum: fc.oneof(fc.constant(0), fc.constant(0), amount),
        weight: over.hasWeights ? weight : fc.constant(1),
      }),
      { minLength: 1, maxLength: 7 },
    )
    .map((rows) =>
      rows.map((row, index) => ({ ...row, id: `d${index}`, minimum: Math.min(row.minimum, row.quantity) })),
    );

/** Sum = min(stock, demand), 0 <= share <= demand, whole units. */
export const splitSumsExactly = (core: Core) =>
  fc.property(amount, demandsArb({ hasWeights: true }), (stock, demands) => {
    const shares = core.splitScarce(stock, demands);
    expect(sumOf(shares)).toBe(Math.min(stock, sumOf(demands.map(({ quantity }) => quantity))));
    shares.forEach((share, index) => {
      const most = demands[index]?.quantity ?? 0;
      expect(Number.isInteger(share) && share >= 0 && share <= most, `share ${index} is ${share} of ${most}`).toBe(
        true,
      );
    });
  });

const shuffled = <T>(rows: readonly T[], keys: readonly number[]): T[] =>
  rows
    .map((row, index) => ({ row, key: keys[index % keys.length] ?? 0, index }))
    .sort((a, b) => a.key - b.key || b.index - a.index)
    .map(({ row }) => row);

const keysArb = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 7, maxLength: 7 });

/** Packs and all-or-nothing included. */
export const splitKnowsNoOrder = (core: Core) =>
  fc.property(
    amount,
    demandsArb({ hasWeights: true }),
    fc.array(fc.record({ pack: fc.integer({ min: 1, max: 6 }), isAllOrNothing: fc.boolean() }), {
      minLength: 7,
      maxLength: 7,
    }),
    keysArb,
    (stock, plain, rules, keys) => {
      const demands = plain.map((demand, index) => ({ ...demand, ...rules[index] }));
      const byId = (rows: readonly Demand[]) =>
        Object.fromEntries(core.splitScarce(stock, rows).map((share, index) => [rows[index]?.id, share]));
      const shares = byId(demands);
      expect(byId(shuffled(demands, keys))).toEqual(shares);
      expect(sumOf(Object.values(shares))).toBeLessThanOrEqual(stock);
      for (const { id, quantity, pack, isAllOrNothing } of demands) {
        const share = shares[id] ?? 0;
        if (isAllOrNothing === true) expect([0, quantity], `share of ${id}`).toContain(share);
        expect(share % (pack ?? 1), `${id} in packs`).toBe(0);
      }
    },
  );

/** A lower tier is whole before a higher one has a unit; a minimum is kept as long as there is enough for the minimums. */
export const splitKeepsTiersAndMinimums = (core: Core) =>
  fc.property(amount, demandsArb({ hasWeights: true }), (stock, demands) => {
    const shares = core.splitScarce(stock, demands);
    let left = stock;
    for (const tier of [1, 2, 3]) {
      const rows = demands.flatMap((demand, index) =>
        demand.priority === tier ? [{ demand, share: shares[index] ?? 0 }] : [],
      );
      expect(sumOf(rows.map(({ share }) => share))).toBe(
        Math.min(left, sumOf(rows.map(({ demand }) => demand.quantity))),
      );
      if (sumOf(rows.map(({ demand }) => demand.minimum ?? 0)) <= left) {
        for (const { demand, share } of rows)
          expect(share, `share of ${demand.id}`).toBeGreaterThanOrEqual(demand.minimum ?? 0);
      }
      left -= sumOf(rows.map(({ share }) => share));
    }
  });

/** Max-min: whoever has less than it wants has no less, by weight and within a unit, than anybody of its tier who is above its minimum. */
export const splitIsMaxMin = (core: Core) =>
  fc.property(amount, demandsArb({ hasWeights: true }), (stock, demands) => {
    const rows = core.splitScarce(stock, demands).map((share, index) => ({ share, ...(demands[index] as Demand) }));
    for (const poor of rows.filter(({ share, quantity }) => share < quantity)) {
      for (const rich of rows) {
        if (rich.priority !== poor.priority || rich.share <= (rich.minimum ?? 0)) continue;
        const [low, high] = [(poor.share + 1) / (poor.weight ?? 1), (rich.share - 1) / (rich.weight ?? 1)];
        expect(high, `${rich.id} over ${poor.id}`).toBeLessThanOrEqual(low + 1e-9);
      }
    }
  });

/** One more unit lowers nobody where weights are equal; with weights the rounding may take one unit, and never more. */
export const splitIsMonotone = (core: Core) =>
  fc.property(
    amount,
    fc.boolean().chain((hasWeights) => fc.tuple(fc.constant(hasWeights), demandsArb({ hasWeights }))),
    (stock, [hasWeights, demands]) => {
      const [less, more] = [core.splitScarce(stock, demands), core.splitScarce(stock + 1, demands)];
      less.forEach((share, index) => {
        expect(more[index], `share ${index}`).toBeGreaterThanOrEqual(share - (hasWeights ? 1 : 0));
      });
    },
  );

const claimsArb = fc.array(fc.record({ quantity: amount, weight }), { minLength: 1, maxLength: 6 });

export const fairSharesSumAndGrow = (core: Core) =>
  fc.property(amount, claimsArb, (stock, claims) => {
    const shares = core.fairShares(stock, claims);
    expect(sumOf(shares)).toBe(Math.min(stock, sumOf(claims.map(({ quantity }) => quantity))));
    const more = core.fairShares(stock + 1, claims);
    shares.forEach((share, index) => {
      const most = claims[index]?.quantity ?? 0;
      expect(Number.isInteger(share) && share >= 0 && share <= most, `share ${index} is ${share} of ${most}`).toBe(
        true,
      );
      expect(more[index], `share ${index} of one unit more`).toBeGreaterThanOrEqual(share);
    });
  });

/** By hand: unit after unit to the greatest weight / (2 x units had + 1). */
export const fairSharesGoUnitByUnit = (core: Core) =>
  fc.property(
    fc.integer({ min: 0, max: 30 }),
    fc.array(fc.record({ quantity: fc.integer({ min: 0, max: 12 }), weight: fc.integer({ min: 1, max: 5 }) }), {
      minLength: 1,
      maxLength: 5,
    }),
    (stock, claims) => {
      const had = claims.map(() => 0);
      for (let unit = 0; unit < stock; unit++) {
        let next = -1;
        claims.forEach((claim, index) => {
          const turn = ({ weight: w }: { weight: number }, at: number) => w / (2 * (had[at] ?? 0) + 1);
          if ((had[index] ?? 0) >= claim.quantity) return;
          if (next < 0 || turn(claim, index) > turn(claims[next] ?? claim, next)) next = index;
        });
        if (next < 0) break;
        had[next] = (had[next] ?? 0) + 1;
      }
      expect(core.fairShares(stock, claims)).toEqual(had);
    },
  );
