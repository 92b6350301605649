/**
 * Bugs planted on purpose: each breaks the core in a way that tools of this trade did break, and the laws must notice.
 *
 * Where a bug sits inside the core, a module is mocked behind a switch; else a function is wrapped. The seed is fixed, so that a bug
 * is not missed on one day in a thousand; that the unbroken core passes the same runs is asserted beside it.
 */
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type * as BooksModule from '#core/books.ts';
import type { ItemBook } from '#core/books.ts';
import type * as MovesModule from '#core/moves.ts';
import type * as OrderStateModule from '#core/order-state.ts';
import type * as PoolsModule from '#core/pools.ts';
import type { State } from '#core/state.ts';
import { atpIsSuffixMinimum, lateSupplyCountsForNothing } from './atp-laws.ts';
import { deficitIsTold, promiseNeverExceedsStock } from './books-laws.ts';
import { CORE, type Core } from './core-under-test.ts';
import { countRuleHolds } from './count-laws.ts';
import { isDeterministic } from './decide-laws.ts';
import { conversionMovesNothing, endedHoldsLeaveNoTrace, heldIsASum } from './hold-laws.ts';
import { arrivalOrderIsForgotten } from './order-laws.ts';
import { cutSumsExactly, protectionHolds, shortsAreServedInTurn } from './pool-laws.ts';
import { rulesNeverRaise } from './publish-laws.ts';
import { bystandersKeepTheirs } from './reallocation-laws.ts';
import { neverMoreThanThereIs, protectionOutranksRuns } from './reconfirm-laws.ts';
import { fairSharesSumAndGrow, splitKnowsNoOrder } from './scarcity-laws.ts';
import { ownWriteIsNoSale, unseenSaleIsNeverUndone } from './wire-laws.ts';

type Planted =
  | 'nothing'
  | 'shared takes all'
  | 'cut again'
  | 'same number twice'
  | 'late movement counts'
  | 'pool stays drawn'
  | 'last arrival wins'
  | 'move makes units';

const soil = vi.hoisted((): { planted: Planted } => ({ planted: 'nothing' }));

vi.mock('#core/pools.ts', async (importActual) => {
  const actual = await importActual<typeof PoolsModule>();
  const poolsOf: typeof actual.poolsOf = (...given) => {
    const pools = actual.poolsOf(...given);
    if (soil.planted === 'shared takes all') return { ...pools, shared: pools.free };
    if (soil.planted !== 'cut again') return pools;
    const cut = actual.cutInProportion(
      pools.free,
      pools.own.map((share) => Math.max(0, share.units - share.consumed)),
    );
    const own = pools.own.map((share, index) => ({ ...share, remaining: cut[index] ?? 0 }));
    return { ...pools, own, shared: pools.free - cut.reduce((a, b) => a + b, 0) };
  };
  return { ...actual, poolsOf };
});

vi.mock('#core/books.ts', async (importActual) => {
  const actual = await importActual<typeof BooksModule>();
  const asFound = new WeakMap<ItemBook, { commandId: number; allocatedAt: Map<string, number> }>();
  /** Every line of a command sees what was free when the command began. */
  const allocateUnits: typeof actual.allocateUnits = (item, books, command, ask) => {
    if (soil.planted !== 'same number twice') return actual.allocateUnits(item, books, command, ask);
    const before = asFound.get(item);
    const found =
      before?.commandId === command.id ? before : { commandId: command.id, allocatedAt: new Map(item.allocatedAt) };
    asFound.set(item, found);
    const stands = new Map(item.allocatedAt);
    for (const [place, units] of found.allocatedAt) item.allocatedAt.set(place, units);
    for (const place of stands.keys()) if (!found.allocatedAt.has(place)) item.allocatedAt.delete(place);
    const drawn = actual.allocateUnits(item, books, command, ask);
    for (const [place, units] of stands) item.allocatedAt.set(place, units);
    for (const part of drawn) item.allocatedAt.set(part.location, (stands.get(part.location) ?? 0) + part.quantity);
    return drawn;
  };
  const postMovement: typeof actual.postMovement = (item, books, entry) =>
    (soil.planted === 'late movement counts' ? actual.postStock : actual.postMovement)(item, books, entry);
  const postPromise: typeof actual.postPromise = (item, books, entry) =>
    actual.postPromise(
      item,
      books,
      soil.planted === 'pool stays drawn' && entry.kind === 'unhold' ? { ...entry, consumed: 0 } : entry,
    );
  return { ...actual, allocateUnits, postMovement, postPromise };
});

vi.mock('#core/order-state.ts', async (importActual) => {
  const actual = await importActual<typeof OrderStateModule>();
  const joinOrder: typeof actual.joinOrder = (a, b) =>
    soil.planted === 'last arrival wins' ? actual.joinOrder(b, b) : actual.joinOrder(a, b);
  return { ...actual, joinOrder };
});

vi.mock('#core/moves.ts', async (importActual) => {
  const actual = await importActual<typeof MovesModule>();
  const movedUnits: typeof actual.movedUnits = (moves, pool) =>
    soil.planted === 'move makes units' ? actual.receivedUnits(moves, pool) : actual.movedUnits(moves, pool);
  return { ...actual, movedUnits };
});

/** The core, shown another state than there is. */
const seeing = (change: (state: State) => State): Core => ({
  ...CORE,
  decide: (state, commands, now) => CORE.decide(change(state), commands, now),
});

const withItems = (change: (item: State['items'][number]) => State['items'][number]): Core =>
  seeing((state) => ({ ...state, items: state.items.map(change) }));

const floorsAndLoses: Core = {
  ...CORE,
  cutInProportion: (total, wants) => {
    const sum = wants.reduce((a, b) => a + b, 0);
    return sum <= total ? [...wants] : wants.map((want) => Math.floor((total * want) / sum));
  },
};

const drawsAnew: Core = {
  ...CORE,
  decide: (state, commands, now) =>
    CORE.decide(
      state,
      commands.map((each) =>
        each.body.kind === 'order-state' ? { ...each, body: { ...each.body, holds: [] } } : each,
      ),
      now,
    ),
};

const ignoresUnseenSales: Core = {
  ...CORE,
  planPush: (target, sync, protection, at) => {
    const plan = CORE.planPush(target, sync, protection, at);
    if (plan.kind !== 'unexplained' || at.read === null) return plan;
    const { quantity, ownSold } = target;
    return {
      kind: 'write',
      wireQuantity: quantity,
      compareWith: at.read.sellable,
      soldBaseline: ownSold,
      forgetSeen: false,
    };
  },
};

const readsTooSoon: Core = {
  ...CORE,
  planPush: (target, sync, protection, at) => CORE.planPush(target, sync, protection, { ...at, settledAt: null }),
};

/** ATP as the balance of the day: what a later day lacks is sold today. */
const looksNoFurther: Core = {
  ...CORE,
  atpByDay: (projection, days) =>
    CORE.atpByDay(projection, days).map((_, day) => {
      const end = Math.floor((projection.steps[0]?.at ?? 0) / 86_400_000 + day + 1) * 86_400_000;
      return projection.steps.findLast((step) => step.at < end)?.balance ?? 0;
    }),
};

const trustsLateSupply: Core = {
  ...CORE,
  project: (outlook, program, now) => {
    const supply = outlook.supply.map((row) => ({ ...row, dueAt: Math.max(row.dueAt, now + 1) }));
    return CORE.project({ ...outlook, supply }, program, now);
  },
};

const writesOnItsInput: Core = {
  ...CORE,
  decide: (state, commands, now) => {
    for (const item of state.items) Object.assign(item, { moreShorts: item.shorts.length > 0 });
    return CORE.decide(state, commands, now);
  },
};

const forgetsWhatWasDrawn: Core = {
  ...CORE,
  decide: (state, commands, now) => {
    const facts = CORE.decide(state, commands, now);
    const promises = facts.promises.filter(({ kind }) => kind !== 'reallocate');
    return promises.length === facts.promises.length ? facts : { ...facts, promises, drawn: [] };
  },
};

type Bug = {
  readonly says: string;
  readonly law: (core: Core) => fc.IRawProperty<unknown>;
  readonly core?: Core;
  readonly planted?: Planted;
};

const sharesByRemainder: Core = {
  ...CORE,
  fairShares: (stock, claims) =>
    CORE.splitScarce(
      stock,
      claims.map((claim, index) => ({ ...claim, id: `${index}`, priority: 1 })),
    ),
};

const BUGS: readonly Bug[] = [
  {
    says: 'a naive read-then-write that does not see what is allocated',
    law: promiseNeverExceedsStock,
    core: withItems((item) => ({ ...item, promises: [] })),
  },
  {
    says: 'a deficit reckoned without what is allocated',
    law: deficitIsTold,
    core: withItems((item) => ({ ...item, promises: [] })),
  },
  {
    says: 'two lines of one item checked against the same number',
    law: promiseNeverExceedsStock,
    planted: 'same number twice',
  },
  { says: 'each share floored and the rest lost', law: cutSumsExactly, core: floorsAndLoses },
  {
    says: 'a scarce split whose ties go to who stands first',
    law: splitKnowsNoOrder,
    core: {
      ...CORE,
      splitScarce: (stock, demands) =>
        CORE.splitScarce(
          stock,
          demands.map((each, index) => ({ ...each, id: `${index}` })),
        ),
    },
  },
  { says: 'fair shares by largest remainders', law: fairSharesSumAndGrow, core: sharesByRemainder },
  {
    says: 'a run that sees no open line but those that wait',
    law: neverMoreThanThereIs,
    core: withItems((item) => (item.openLines === undefined ? item : { ...item, openLines: item.shorts })),
  },
  { says: 'a run whose winners reach for what is protected', law: protectionOutranksRuns, planted: 'shared takes all' },
  { says: 'a pool consumed by another program', law: protectionHolds, planted: 'shared takes all' },
  { says: 'a drawn pool cut again from what is left to the others', law: protectionHolds, planted: 'cut again' },
  {
    says: 'a hold that does not see what others hold',
    law: heldIsASum,
    core: withItems((item) => ({ ...item, promises: item.promises.map((row) => ({ ...row, held: 0 })) })),
  },
  { says: 'an order that draws anew beside its hold', law: conversionMovesNothing, core: drawsAnew },
  { says: 'an ended hold whose pool stays drawn', law: endedHoldsLeaveNoTrace, planted: 'pool stays drawn' },
  {
    says: 'a count that overwrites later movements',
    law: countRuleHolds,
    core: withItems((item) => ({ ...item, recentEntries: [] })),
  },
  { says: 'a movement from before the count that counts again', law: countRuleHolds, planted: 'late movement counts' },
  { says: 'the order state that arrived last wins', law: arrivalOrderIsForgotten, planted: 'last arrival wins' },
  {
    says: 'the last to come served first',
    law: shortsAreServedInTurn,
    core: withItems((item) => ({
      ...item,
      shorts: item.shorts.map((short) => ({ ...short, placedAt: -short.placedAt })),
    })),
  },
  { says: 'a push that ignores unseen sales', law: unseenSaleIsNeverUndone, core: ignoresUnseenSales },
  { says: 'a read that is too soon after a write', law: ownWriteIsNoSale, core: readsTooSoon },
  {
    says: 'a published number below 0',
    law: rulesNeverRaise,
    core: { ...CORE, publish: (inputs) => CORE.publish(inputs) - inputs.buffer },
  },
  { says: 'a move that gives without taking', law: bystandersKeepTheirs, planted: 'move makes units' },
  { says: 'a return that forgets what was drawn meanwhile', law: bystandersKeepTheirs, core: forgetsWhatWasDrawn },
  { says: 'an ATP that looks no further than its day', law: atpIsSuffixMinimum, core: looksNoFurther },
  { says: 'supply that still counts after its moment passed', law: lateSupplyCountsForNothing, core: trustsLateSupply },
  { says: 'a decision that writes on its input', law: isDeterministic, core: writesOnItsInput },
];

const SEED = 20_260_301;
const PLANTED_RUNS = 1000;

describe('planted bugs', () => {
  afterEach(() => {
    soil.planted = 'nothing';
  });

  it.each(BUGS)('$says is caught', async ({ law, core = CORE, planted = 'nothing' }) => {
    soil.planted = planted;
    const details = await fc.check(law(core), { numRuns: PLANTED_RUNS, seed: SEED, endOnFailure: true });
    expect(details.failed).toBe(true);
    soil.planted = 'nothing';
    const sound = await fc.check(law(CORE), { numRuns: details.numRuns, seed: SEED });
    expect(sound.failed, 'the unbroken core passes the same runs').toBe(false);
  });
});
