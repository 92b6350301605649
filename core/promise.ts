/**
 * What a salesperson may say to a customer: how many by a date, when the whole, and from what. Reserves nothing.
 *
 * Guarantees: pure; never more than the program's ATP at that moment, so that nobody who waits, and no dated demand, lacks a unit for
 * it; of dated supply no more than the program's backorder limit leaves; what is told adds up, part by part, to the quantity. Lots count as old as they will be at that moment. A kit is promised in whole sets: the least of what its components allow.
 */
import {
  atpAt,
  atpByDay,
  atpOf,
  DAY_MS,
  gainsBeyond,
  HORIZON_DAYS,
  leadMsOf,
  type Outlook,
  type Projection,
  project,
} from './atp.ts';
import { type SupplyLimit, supplyLimitOf } from './backorder.ts';
import { freeWith } from './lot-free.ts';
import { agedTo } from './lots.ts';
import type { DatedSupply, Instant, LocationId, Program, Sku, SupplyKind } from './model.ts';

/** Where units of an item come from: the program's own pool, what all share, or a dated supply. */
export type PromisePart =
  | { readonly sku: Sku; readonly kind: 'own' | 'shared'; readonly quantity: number }
  | {
      readonly sku: Sku;
      readonly kind: SupplyKind;
      readonly quantity: number;
      readonly ref: string;
      readonly location: LocationId;
      readonly dueAt: Instant;
    };

export type Promised = {
  readonly answer: 'yes' | 'partly' | 'no';
  readonly byDate: { readonly quantity: number; readonly from: readonly PromisePart[] };
  /** The first moment at which all can be had; null where none is in sight. */
  readonly whole: { readonly at: Instant; readonly from: readonly PromisePart[] } | null;
  /** The backorder limits that make the answer smaller: of the item, or of components of a kit. */
  readonly cappedBy: readonly (SupplyLimit & { readonly sku: Sku })[];
  /** ATP by day (UTC), where it changes. No backorder limit counts in it. */
  readonly atp: readonly { readonly fromAt: Instant; readonly quantity: number }[];
  /** Was due and has not come: nothing above counts on it. */
  readonly late: readonly (DatedSupply & { readonly sku: Sku })[];
};

export type Question = { readonly asked: number; readonly by: Instant };

/** What one unit that is asked for takes of an item. */
export type PromisedPart = { readonly outlook: Outlook; readonly each: number };

type Seen = {
  readonly sku: Sku;
  readonly each: number;
  readonly projection: Projection;
  readonly limit: SupplyLimit | null;
};

/** Units of an item that are there for a program, and stay so. */
const stockOf = (projection: Projection): number => Math.max(0, atpOf(projection)[0] ?? 0);

/** What of an item may be promised at most: stock, and what the limit leaves of what comes. */
const ceilingOf = ({ projection, limit }: Seen): number =>
  limit === null ? Number.POSITIVE_INFINITY : stockOf(projection) + limit.left;

/** The first `quantity` units of an item that a program can have, by their sources. */
function partsOf({ sku, projection }: Seen, program: Program, quantity: number): PromisePart[] {
  const stock = Math.min(quantity, stockOf(projection));
  const isSharedFirst = program.drawOrder === 'sharedThenOwn';
  const first = Math.min(stock, isSharedFirst ? projection.shared : projection.own);
  const kinds = isSharedFirst ? (['shared', 'own'] as const) : (['own', 'shared'] as const);
  const pools = [first, stock - first].map((units, turn) => ({ sku, kind: kinds[turn] ?? 'shared', quantity: units }));
  let open = quantity - stock;
  const supplies = gainsBeyond(projection, 0).map(({ supply, quantity: gain }): PromisePart => {
    const part = Math.min(open, gain);
    open -= part;
    const { kind, ref, location, dueAt } = supply;
    return { sku, kind, quantity: part, ref, location, dueAt };
  });
  const parts: readonly PromisePart[] = [...pools, ...supplies];
  return parts.filter((part) => part.quantity > 0);
}

/** Whole sets that all components together allow, at each of some moments; never below 0. */
function setsAt(seen: readonly Seen[], look: (projection: Projection) => readonly number[]): number[] {
  const sets = seen.map(({ projection, each }) => look(projection).map((atp) => Math.floor(Math.max(0, atp) / each)));
  return (sets[0] ?? []).map((_, index) => Math.min(...sets.map((row) => row[index] ?? 0)));
}

/** The same, of what may be promised. */
function cappedAt(seen: readonly Seen[], moments: readonly Instant[]): number[] {
  const most = Math.min(...seen.map((one) => Math.floor(ceilingOf(one) / one.each)));
  return setsAt(seen, (projection) => atpAt(projection, moments)).map((sets) => Math.min(sets, most));
}

/** Limits that stand between what is asked for and what will be there in the end. */
function cappersOf(seen: readonly Seen[], asked: number): Promised['cappedBy'] {
  const [inSight = 0] = setsAt(seen, (projection) => atpOf(projection).slice(-1));
  const reachable = Math.min(asked, inSight);
  return seen.flatMap((one) =>
    one.limit === null || Math.floor(ceilingOf(one) / one.each) >= reachable ? [] : [{ ...one.limit, sku: one.sku }],
  );
}

function answerOf(asked: number, quantity: number): Promised['answer'] {
  if (quantity === asked) return 'yes';
  return quantity > 0 ? 'partly' : 'no';
}

const shortOf = ({ waiting }: Outlook, { id }: Program): number =>
  waiting.reduce((sum, row) => (row.program === id && row.isOfKit !== true ? sum + row.quantity : sum), 0);

/**
 * `parts`: the item itself, or the components of a kit; `program` as the policy has it. Goods that are there count from its lead time
 * on, as those that come do.
 */
export function promiseBy(
  parts: readonly PromisedPart[],
  program: Program,
  { asked, by }: Question,
  now: Instant,
): Promised {
  const seen = parts.map(({ outlook: stands, each }) => {
    const { lots } = stands.free;
    const outlook = lots === undefined ? stands : { ...stands, free: freeWith(agedTo(lots, by)) };
    const short = shortOf(outlook, program);
    const projection = project(outlook, program, now);
    return { sku: outlook.item.sku, each, projection, limit: supplyLimitOf(program, short) };
  });
  const from = (units: number): PromisePart[] => seen.flatMap((part) => partsOf(part, program, units * part.each));
  const ready = now + leadMsOf(program);
  const [there = 0] = by < ready ? [0] : cappedAt(seen, [by]);
  const quantity = Math.min(asked, there);
  const moments = [...new Set(seen.flatMap(({ projection }) => projection.steps.map((step) => step.at)))];
  moments.sort((a, b) => a - b);
  const wholeAt = moments[cappedAt(seen, moments).findIndex((units) => units >= asked)];
  const days = setsAt(seen, (projection) => atpByDay(projection, HORIZON_DAYS));
  const start = Math.floor(now / DAY_MS) * DAY_MS;
  return {
    answer: answerOf(asked, quantity),
    byDate: { quantity, from: from(quantity) },
    whole: wholeAt === undefined ? null : { at: Math.max(ready, wholeAt), from: from(asked) },
    cappedBy: cappersOf(seen, asked),
    atp: days.flatMap((units, day) =>
      day > 0 && days[day - 1] === units ? [] : [{ fromAt: start + day * DAY_MS, quantity: units }],
    ),
    late: seen.flatMap(({ sku, projection }) => projection.late.map((row) => ({ ...row, sku }))),
  };
}
