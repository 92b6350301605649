/**
 * Available to promise (ATP), now and by date: what a program could be promised, projected over dated supply and dated demand.
 *
 * The stock is played forward: supply arrives at its place, demand becomes due, and whoever waits draws as an order would, through
 * pools and draw order, by program priority, then in turn. The balance of a program is what it could be promised then, less what it
 * waits for itself. ATP(d) is the lowest balance from d on: a unit promised for d must be missing at no later moment.
 *
 * Guarantees: pure; without dated rows ATP is what the program could be promised now; less supply never makes any ATP higher, where no
 * receipt fills a pool; ATP never falls with the date. Pools are those of the rules in force at the moment of the look, filled by each
 * receipt where their rule says so. Late supply is left out, and told. Demand whose moment passed counts as wanted now until it is met or cancelled.
 */
import { isLateAt, leftOf } from './dated.ts';
import { draw, promisableTo } from './draw.ts';
import { consumedBy, type DrawnRows, drawnAfter } from './drawn.ts';
import { addArrived, copyFree, takePromised, type WritableFree } from './lot-free.ts';
import type { DatedDemand, DatedSupply, Instant, Policy, Program, ProgramId } from './model.ts';
import {
  drawnOnceFilled,
  type FreeByLocation,
  filledByReceipt,
  hasFilledPools,
  type PooledItem,
  poolsOf,
  unfilledPools,
} from './pools.ts';

export const DAY_MS = 86_400_000;
/** Rows due later are out of sight. */
export const HORIZON_DAYS = 180;
const HORIZON_MS = HORIZON_DAYS * DAY_MS;

/** Units that somebody waits for already: short lines of orders. */
export type Waiting = {
  readonly key: string;
  readonly program: ProgramId;
  readonly quantity: number;
  /** Wanted as part of a kit, which is sold from stock alone: no limit of sales beyond stock counts it. */
  readonly isOfKit?: true;
};

/** What a projection is made of: one item as it stands. */
export type Outlook = {
  readonly policy: Policy;
  readonly item: PooledItem;
  readonly free: FreeByLocation;
  /** First come first; their programs' priority goes before that. */
  readonly waiting: readonly Waiting[];
  readonly supply: readonly DatedSupply[];
  readonly demand: readonly DatedDemand[];
};

/** The balance in force from `at` on; `from` is the supply that made it. */
export type BalanceStep = { readonly at: Instant; readonly balance: number; readonly from: DatedSupply | null };

/** Who waited, what they got, when, and from what: null is stock that is there. */
export type Served = {
  readonly key: string;
  readonly quantity: number;
  readonly from: DatedSupply | null;
  readonly at: Instant;
};

export type Projection = {
  /** What the draw order lets the program have now. */
  readonly own: number;
  readonly shared: number;
  readonly steps: readonly BalanceStep[];
  /** ATP is no less than this on any day. */
  readonly floor: number;
  /** Supply at the program's places that was due and has not come. */
  readonly late: readonly DatedSupply[];
  readonly served: readonly Served[];
};

type Dated = {
  readonly supply: ReadonlyMap<string, DatedSupply>;
  readonly demand: ReadonlyMap<string, DatedDemand>;
};

/** When dated rows will move numbers without an event: supply becomes late at its moment, and any row comes into sight. */
export function datedMoments(item: Dated, now: Instant): Instant[] {
  if (item.supply.size + item.demand.size === 0) return [];
  const supply = [...item.supply.values()].filter((row) => leftOf(row) > 0).map((row) => row.dueAt);
  const demand = [...item.demand.values()].filter((row) => row.state === 'open').map((row) => row.dueAt);
  return [...supply, ...[...supply, ...demand].map((at) => at - HORIZON_MS)].filter((at) => at > now);
}

type Moment = { readonly at: Instant; readonly supply: DatedSupply | null; readonly demand: DatedDemand | null };

/** In order of time; at one moment goods come in before they are asked for. */
function momentsOf({ supply, demand }: Outlook, now: Instant, leadMs: number): Moment[] {
  const isInSight = ({ dueAt }: { readonly dueAt: Instant }): boolean => dueAt <= now + HORIZON_MS;
  const coming = supply.filter((row) => leftOf(row) > 0 && row.dueAt > now && isInSight(row));
  const wanted = demand.filter((row) => row.state === 'open' && isInSight(row));
  const moments: Moment[] = [
    ...coming.map((row) => ({ at: row.dueAt + leadMs, supply: row, demand: null })),
    ...wanted.map((row) => ({ at: Math.max(now, row.dueAt), supply: null, demand: row })),
  ];
  const refOf = ({ supply: row, demand: other }: Moment): string => row?.ref ?? other?.ref ?? '';
  const rankOf = (moment: Moment): number => (moment.supply === null ? 1 : 0);
  return moments.sort(
    (a, b) => a.at - b.at || rankOf(a) - rankOf(b) || (refOf(a) < refOf(b) ? -1 : Number(refOf(a) > refOf(b))),
  );
}

type Queued = { readonly key: string; readonly program: Program; quantity: number };

/** The stock on its way through time. */
class Stock {
  readonly #outlook: Outlook;
  readonly #free: WritableFree;
  #drawn: DrawnRows;
  readonly #now: Instant;
  readonly #queue: Queued[] = [];
  readonly #viewer: ProgramId;
  readonly served: Served[] = [];

  constructor(outlook: Outlook, viewer: ProgramId, now: Instant) {
    this.#outlook = outlook;
    this.#viewer = viewer;
    this.#free = copyFree(outlook.free);
    const { policy, item } = outlook;
    // As a decision would: a pool that counts from a fill and has seen none begins with what is there now.
    this.#drawn = hasFilledPools(policy) ? drawnOnceFilled(item, unfilledPools(policy, item, now)) : item.drawn;
    this.#now = now;
  }

  /**
   * A program that is gone draws nothing, and its lines wait outside of every projection. The one that looks is taken to draw its own
   * pool first: with shared first, what is left to it would hang on how its deliveries are cut, and less could leave it more.
   */
  join({ key, program: id, quantity }: Waiting): void {
    const program = this.#outlook.policy.programs.find((each) => each.id === id);
    if (program === undefined || quantity <= 0) return;
    const isOwnFirst = id === this.#viewer && program.drawOrder === 'sharedThenOwn';
    const drawing: Program = isOwnFirst ? { ...program, drawOrder: 'ownThenShared' } : program;
    this.#queue.push({ key, program: drawing, quantity });
    this.#queue.sort((a, b) => a.program.priority - b.program.priority);
  }

  /** Goods that come where nobody sells from change nothing; `fills`: pools that a receipt fills anew are, as it will. */
  arrive(supply: DatedSupply, fills: boolean): void {
    const { location } = supply;
    addArrived(this.#free, location, leftOf(supply));
    if (!fills) return;
    const { policy } = this.#outlook;
    const item = { ...this.#outlook.item, drawn: this.#drawn };
    this.#drawn = drawnOnceFilled(item, filledByReceipt(policy, item, location, this.#now));
  }

  serve(from: DatedSupply | null, at: Instant): void {
    for (const waiting of this.#queue) {
      if (waiting.quantity === 0) continue;
      for (const part of draw(waiting.program, waiting.quantity, this.#pools(), this.#free)) {
        takePromised(this.#free, part);
        const drawing = { ...part, kind: 'allocate' as const, delta: part.quantity, consumed: consumedBy(part) };
        this.#drawn = drawnAfter(this.#drawn, drawing);
        waiting.quantity -= part.quantity;
        this.served.push({ key: waiting.key, quantity: part.quantity, from, at });
      }
    }
  }

  promisable(program: Program): { own: number; shared: number } {
    return promisableTo(program, this.#pools(), this.#free);
  }

  balanceOf(program: Program): number {
    const { own, shared } = this.promisable(program);
    return this.#queue.reduce((sum, row) => (row.program.id === program.id ? sum - row.quantity : sum), own + shared);
  }

  #pools() {
    const { policy, item } = this.#outlook;
    return poolsOf(policy, { ...item, drawn: this.#drawn }, this.#free, this.#now);
  }
}

/** How a balance goes; `fills`: pools that a receipt fills anew are with each arrival. */
function play(outlook: Outlook, program: Program, now: Instant, fills: boolean) {
  const stock = new Stock(outlook, program.id, now);
  const { own, shared } = stock.promisable(program);
  for (const each of outlook.waiting) stock.join(each);
  stock.serve(null, now);
  let last = stock.balanceOf(program);
  const steps: BalanceStep[] = [{ at: now, balance: last, from: null }];
  // Who goes before a prioritised pool of a place leaves it nothing to protect elsewhere. That demand frees units is no promise to build on.
  let freed = 0;
  for (const { at, supply, demand } of momentsOf(outlook, now, leadMsOf(program))) {
    if (supply !== null) stock.arrive(supply, fills);
    if (demand !== null) stock.join({ ...demand, key: demandKey(demand) });
    stock.serve(supply, at);
    const balance = stock.balanceOf(program) - freed;
    if (supply === null) freed += Math.max(0, balance - last);
    last = supply === null ? Math.min(last, balance) : balance;
    steps.push({ at, balance: last, from: supply });
  }
  return { own, shared, steps, served: stock.served };
}

const lowestOf = (steps: readonly BalanceStep[]): number =>
  steps.reduce((lowest, { balance }) => Math.min(lowest, balance), Number.POSITIVE_INFINITY);

/**
 * The balance of a program over time. Its places and draw order are those given, which may be narrower than the policy's. What a pool
 * keeps once it is filled anew was free before: who is promised it now has it already, so that it lowers no ATP below what it is
 * without the fill (`floor`).
 */
export function project(outlook: Outlook, program: Program, now: Instant): Projection {
  const fills = outlook.supply.length > 0 && outlook.policy.pools.some(({ refill }) => refill === 'receipt');
  const played = play(outlook, program, now, fills);
  const floor = fills ? lowestOf(play(outlook, program, now, false).steps) : Number.NEGATIVE_INFINITY;
  const late = outlook.supply.filter((row) => isLateAt(row, now) && program.locations.includes(row.location));
  return { ...played, floor, late };
}

export const leadMsOf = (program: Program): number => (program.leadTimeDays ?? 0) * DAY_MS;

/** How a dated demand is named among those served. */
export const demandKey = ({ ref }: DatedDemand): string => `demand ${ref}`;

/** ATP from each step on: the lowest balance that is still to come. */
export function atpOf({ steps, floor }: Pick<Projection, 'steps' | 'floor'>): number[] {
  const lowest = steps.map((step) => Math.max(floor, step.balance));
  for (let i = lowest.length - 2; i >= 0; i--) lowest[i] = Math.min(lowest[i] ?? 0, lowest[i + 1] ?? 0);
  return lowest;
}

/** ATP at each of some moments: the lowest balance from what is in force then on. */
export function atpAt(projection: Projection, moments: readonly Instant[]): number[] {
  const atp = atpOf(projection);
  return moments.map(
    (at) =>
      atp[
        Math.max(
          0,
          projection.steps.findLastIndex((step) => step.at <= at),
        )
      ] ?? 0,
  );
}

/** ATP of each day, the first being the day (UTC) of the projection: what comes and goes on a day is netted by its end. */
export function atpByDay(projection: Projection, days: number): number[] {
  const start = Math.floor((projection.steps[0]?.at ?? 0) / DAY_MS) * DAY_MS;
  return atpAt(
    projection,
    Array.from({ length: days }, (_, day) => start + (day + 1) * DAY_MS - 1),
  );
}

/** What a supply adds to what may be promised beyond `base` units, in order of time; the sum is the last ATP less `base`. */
export function gainsBeyond(
  projection: Projection,
  base: number,
): { readonly supply: DatedSupply; readonly at: Instant; readonly quantity: number }[] {
  const atp = atpOf(projection);
  let reached = Math.max(base, atp[0] ?? 0);
  return projection.steps.flatMap(({ at, from: supply }, index) => {
    const quantity = (atp[index] ?? 0) - reached;
    if (supply === null || quantity <= 0) return [];
    reached += quantity;
    return [{ supply, at, quantity }];
  });
}
