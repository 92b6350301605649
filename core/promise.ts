/**
 * What a salesperson may say to a customer: how many by a date, when the whole, and from what. Reserves nothing.
 *
 * Guarantees: pure; never more than the program's ATP at that moment, so that nobody who waits, and no dated demand, lacks a unit for
 * it; what is told adds up, part by part, to the quantity.
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
import type { DatedSupply, Instant, LocationId, Program, SupplyKind } from './model.ts';

/** Where units come from: the program's own pool, what all share, or a dated supply. */
export type PromisePart =
  | { readonly kind: 'own' | 'shared'; readonly quantity: number }
  | {
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
  /** ATP by day (UTC), where it changes. */
  readonly atp: readonly { readonly fromAt: Instant; readonly quantity: number }[];
  /** Was due and has not come: nothing above counts on it. */
  readonly late: readonly DatedSupply[];
};

export type Question = { readonly asked: number; readonly by: Instant };

/** The first `quantity` units that a program can have by their sources. */
function partsOf(projection: Projection, program: Program, quantity: number): PromisePart[] {
  const stock = Math.min(quantity, Math.max(0, atpOf(projection)[0] ?? 0));
  const isSharedFirst = program.drawOrder === 'sharedThenOwn';
  const first = Math.min(stock, isSharedFirst ? projection.shared : projection.own);
  const kinds = isSharedFirst ? (['shared', 'own'] as const) : (['own', 'shared'] as const);
  const pools = [first, stock - first].map((units, turn) => ({ kind: kinds[turn] ?? 'shared', quantity: units }));
  let open = quantity - stock;
  const supplies = gainsBeyond(projection, 0).map(({ supply, quantity: gain }): PromisePart => {
    const part = Math.min(open, gain);
    open -= part;
    return { kind: supply.kind, quantity: part, ref: supply.ref, location: supply.location, dueAt: supply.dueAt };
  });
  const parts: readonly PromisePart[] = [...pools, ...supplies];
  return parts.filter((part) => part.quantity > 0);
}

function answerOf(asked: number, quantity: number): Promised['answer'] {
  if (quantity === asked) return 'yes';
  return quantity > 0 ? 'partly' : 'no';
}

/** `program` as the policy has it. Goods that are there count from its lead time on, as those that come do. */
export function promiseBy(outlook: Outlook, program: Program, { asked, by }: Question, now: Instant): Promised {
  const projection = project(outlook, program, now);
  const ready = now + leadMsOf(program);
  const [atp = 0] = by < ready ? [0] : atpAt(projection, [by]);
  const quantity = Math.min(asked, Math.max(0, atp));
  const index = atpOf(projection).findIndex((units) => units >= asked);
  const step = projection.steps[index];
  const whole = step === undefined ? null : { at: Math.max(ready, step.at), from: partsOf(projection, program, asked) };
  const days = atpByDay(projection, HORIZON_DAYS);
  const start = Math.floor(now / DAY_MS) * DAY_MS;
  return {
    answer: answerOf(asked, quantity),
    byDate: { quantity, from: partsOf(projection, program, quantity) },
    whole,
    atp: days.flatMap((units, day) =>
      day > 0 && days[day - 1] === units ? [] : [{ fromAt: start + day * DAY_MS, quantity: units }],
    ),
    late: projection.late,
  };
}
