/**
 * Backorder tolerance: what a program may sell beyond stock, and which of its short lines that covers.
 *
 * | rule        | beyond stock                                                                                  |
 * | none        | nothing: a short line is a shortage                                                           |
 * | units N     | N, less what the program is short already                                                     |
 * | supply      | what dated supply adds to its ATP, after all who wait and all dated demand; a limit counts    |
 * |             | what the program is short already                                                             |
 *
 * Pure. Late supply counts for nothing (atp.ts).
 */
import { gainsBeyond, type Outlook, type Projection, project, type Served } from './atp.ts';
import type { Backorder, DatedSupply, Instant, Program, ProgramId } from './model.ts';

export type BackorderInputs = {
  readonly rule: 'units' | 'supply';
  /** Units of the rule, or its limit; null: no limit. */
  readonly limit: number | null;
  /** Units of the program that are short already. */
  readonly short: number;
  /** What the program may still sell beyond stock. */
  readonly beyond: number;
  /** What of it the channel shows: its share of stock and this together, less its share of stock. */
  readonly units: number;
  /** By when the goods must have come that all of it relies on; null where it relies on none. */
  readonly restockAt: Instant | null;
  readonly from: readonly { readonly ref: string; readonly quantity: number; readonly dueAt: Instant }[];
};

const sumOf = (rows: readonly { readonly quantity: number }[]): number =>
  rows.reduce((sum, row) => sum + row.quantity, 0);

const ruleOf = (program: Program): Backorder => program.backorder ?? 'none';

const limitOf = ({ supply }: { readonly supply: number | 'all' }): number | null => (supply === 'all' ? null : supply);

/** What a limit of sales against dated supply leaves. */
export type SupplyLimit = { readonly limit: number; readonly short: number; readonly left: number };

/** `short`: units of the program that are short already; they count. Null for a program without such a limit. */
export function supplyLimitOf(program: Program, short: number): SupplyLimit | null {
  const rule = ruleOf(program);
  if (rule === 'none' || 'units' in rule) return null;
  const limit = limitOf(rule);
  return limit === null ? null : { limit, short, left: Math.max(0, limit - short) };
}

/**
 * What a channel is shown by: units of its program that are short, what it could be promised of stock, its share. `isFair`: of the
 * shared pool its fair part alone is promised.
 */
export type Shown = {
  readonly short: number;
  readonly promise: number;
  readonly sharePercent: number;
  readonly isFair?: boolean;
};

/** A unit that comes is shown no less than when it was expected: the share is taken of both together. */
const sharedUnits = (beyond: number, { promise, sharePercent }: Shown): number =>
  Math.floor(((promise + beyond) * sharePercent) / 100) - Math.floor((promise * sharePercent) / 100);

/** What a program with a tolerance may sell beyond stock; null without one. `outlook` is asked for only where supply counts. */
export function backorderFor(
  program: Program,
  shown: Shown,
  outlook: () => Outlook,
  now: Instant,
): BackorderInputs | null {
  const rule = ruleOf(program);
  if (rule === 'none') return null;
  const { short } = shown;
  if ('units' in rule) {
    const beyond = Math.max(0, rule.units - short);
    const units = sharedUnits(beyond, shown);
    return { rule: 'units', limit: rule.units, short, beyond, units, restockAt: null, from: [] };
  }
  const limit = limitOf(rule);
  const projection = project(outlook(), program, now);
  // Shared units that other channels show are not this one's: what comes in their place adds to it.
  const gains = gainsBeyond(projection, shown.isFair === true ? shown.promise : projection.own + projection.shared);
  let open = supplyLimitOf(program, short)?.left ?? Number.POSITIVE_INFINITY;
  const from = gains.flatMap(({ supply, at, quantity: gain }) => {
    const quantity = Math.min(open, gain);
    open -= quantity;
    return quantity === 0 ? [] : [{ ref: supply.ref, quantity, dueAt: supply.dueAt, at }];
  });
  const beyond = sumOf(from);
  return {
    rule: 'supply',
    limit,
    short,
    beyond,
    units: sharedUnits(beyond, shown),
    restockAt: from.at(-1)?.at ?? null,
    from: from.map(({ ref, quantity, dueAt }) => ({ ref, quantity, dueAt })),
  };
}

const dayOf = (at: Instant): string => new Date(at).toISOString().slice(0, 10);

/** As the published number is explained by it. */
export function sayBackorder(backorder: BackorderInputs | undefined): string {
  if (backorder === undefined) return 'nothing is sold beyond stock';
  const { rule, limit, short, beyond, units, restockAt, from } = backorder;
  const share = units === beyond ? '' : `, ${units} by the share of the channel`;
  if (rule === 'units') return `${limit} may be sold beyond stock, ${short} are short already${share}`;
  const most = limit === null ? '' : `, at most ${limit} of it less ${short} that are short already`;
  if (restockAt === null) return `no dated supply that may be sold${most}`;
  const parts = from.map(({ ref, quantity, dueAt }) => `${quantity} of ${ref} due ${dayOf(dueAt)}`).join(', ');
  return `${beyond} may be sold against dated supply (${parts})${most}${share}; restock ${dayOf(restockAt)}`;
}

/** How much of a short line is a back-order, and from which supply it is expected; the rest is a shortage. */
export type Backordered = {
  readonly units: number;
  readonly expected: readonly { readonly ref: string; readonly quantity: number; readonly dueAt: Instant }[];
};

type FromSupply = Served & { readonly from: DatedSupply };

/**
 * The lines that wait, by key, as far as their program's tolerance reaches: who is served first is covered first. What is expected
 * is told of every line, covered or not.
 */
export function backordersOf(outlook: Outlook, projection: Projection): ReadonlyMap<string, Backordered> {
  const programs = new Map(outlook.policy.programs.map((program) => [program.id, program]));
  const used = new Map<ProgramId, number>();
  const found = new Map<string, Backordered>();
  for (const { key, program: id, quantity } of outlook.waiting) {
    const program = programs.get(id);
    const rule = program === undefined ? 'none' : ruleOf(program);
    const served = projection.served.filter((each): each is FromSupply => each.key === key && each.from !== null);
    const expected = served.map(({ from, quantity: units }) => ({ ref: from.ref, quantity: units, dueAt: from.dueAt }));
    const before = used.get(id) ?? 0;
    const units = Math.min(quantity, coveredBy(rule, before, sumOf(expected)));
    used.set(id, before + units);
    found.set(key, { units, expected });
  }
  return found;
}

function coveredBy(rule: Backorder, used: number, expected: number): number {
  if (rule === 'none') return 0;
  if ('units' in rule) return Math.max(0, rule.units - used);
  const limit = limitOf(rule);
  return limit === null ? expected : Math.min(expected, Math.max(0, limit - used));
}
