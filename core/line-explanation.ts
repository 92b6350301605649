/**
 * Why a line of an order may be given no more now: from the goods at its places, step by step, to what its program may take, and on to
 * what how whole it fills leaves of that.
 *
 * Guarantees: made by the functions that promise, nothing is reckoned a second time; the figures told give every step again; the state
 * is not changed. It looks at one order as if it were its turn: who goes before it is told with the item's shortages.
 */
import { type Books, type ItemBook, openBooks, orTakeBack } from './books.ts';
import type { Command } from './command.ts';
import { completenessOf, drawForLine, isAllOrNothing, placesOfLine } from './completeness.ts';
import { allocatedUnits, partsOf, setsAt, sourcesOf, withComposition } from './kits.ts';
import type { Backorder, Completeness, Instant, LocationId, Order, OrderLine, Program, Sku } from './model.ts';
import type { FillRule } from './order-state.ts';
import { type PromiseInputs, promiseSteps, type Step, type StepId } from './publish.ts';
import type { State } from './state.ts';
import { promiseInputsOf } from './targets.ts';

/** A line of an order that takes all or nothing: what it lacks still, and what of that it could have if all lines took their part. */
export type WholeLine = {
  readonly lineRef: string;
  readonly sku: Sku;
  readonly wanted: number;
  readonly couldTake: number;
  readonly lacks: number;
};

/** How whole a line fills, and what that asks for. Of a kit's line in sets. */
export type LineCompleteness =
  | { readonly rule: 'split' }
  | {
      readonly rule: 'onePlace';
      readonly wanted: number;
      /** Where it holds units: no other place counts. */
      readonly holdsAt: readonly LocationId[];
      readonly places: readonly { readonly location: LocationId; readonly couldTake: number }[];
    }
  | { readonly rule: 'shipComplete' | 'fillOrKill'; readonly wanted: number; readonly lines: readonly WholeLine[] };

export type LineStep = Omit<Step, 'id'> & { readonly id: StepId | 'completeness' };

/** Units of the item, or sets of a kit. */
export type LineExplained = {
  readonly policyVersion: number;
  /** What its program may take at its places is made of; of a kit the figures are those of the component that has the fewest sets. */
  readonly inputs: PromiseInputs;
  readonly completeness: LineCompleteness;
  /** What its program may sell beyond stock. */
  readonly tolerance: Backorder;
  readonly steps: readonly LineStep[];
  /** What the line could be given now, were it its turn. */
  readonly mayTake: number;
};

export type ExplainedOrder = Pick<Order, 'id' | 'program' | 'lines'> & { readonly fillRule?: FillRule };

type Claim = { readonly line: OrderLine; readonly item: ItemBook; readonly wanted: number };

function claimsOf(books: Books, lines: readonly OrderLine[]): Claim[] {
  return lines.flatMap((each) => {
    const item = each.sku === null ? undefined : books.items.get(each.sku);
    if (item === undefined) return [];
    const line = withComposition(each, item);
    return [{ line, item, wanted: line.short }];
  });
}

/** A draw that is taken back has no command: nothing of it is kept. */
const lookAt = (now: Instant): Command => ({
  id: 0,
  actor: 'explain',
  occurredAt: now,
  recordedAt: now,
  body: { kind: 'review', sku: '' },
});

/**
 * What each waiting line could have, one after the other, so that two lines of one item do not count on the same units; item by item,
 * as fill-shorts.ts takes the lines of an order: which goes first decides from which place each is filled.
 */
function wholeLines(books: Books, order: ExplainedOrder, claims: readonly Claim[]): WholeLine[] {
  const turns = new Map([...books.items.values()].map((item, turn) => [item, turn]));
  const turnOf = ({ item }: Claim): number => turns.get(item) ?? 0;
  const waiting = claims.filter(({ wanted }) => wanted > 0).toSorted((a, b) => turnOf(a) - turnOf(b));
  let told: WholeLine[] = [];
  orTakeBack(
    books,
    waiting.flatMap(({ line, item }) => sourcesOf(books, line, item)),
    () => {
      told = waiting.map(({ line, item, wanted }) => {
        const drawn = drawForLine(books, lookAt(books.now), { order, line, item, wanted, rule: 'shipComplete' });
        const couldTake = allocatedUnits({ ...line, allocations: drawn });
        return { lineRef: line.lineRef, sku: item.sku, wanted, couldTake, lacks: wanted - couldTake };
      });
      return null;
    },
  );
  return told;
}

function completenessFor(
  books: Books,
  { line, item, wanted }: Claim,
  program: Program,
  { rule, whole }: { readonly rule: Completeness; readonly whole: readonly WholeLine[] },
): LineCompleteness {
  if (rule === 'split') return { rule };
  if (rule !== 'onePlace') return { rule, wanted, lines: whole };
  const places = placesOfLine(books, program, line, item).map((location) => ({
    location,
    couldTake: setsAt(books, partsOf(line, item), program, [location]),
  }));
  return { rule, wanted, holdsAt: [...new Set(line.allocations.map(({ location }) => location))], places };
}

/** What is left of what the program may take; null where it asks for nothing. */
function completenessStep(told: LineCompleteness, before: number): LineStep | null {
  if (told.rule === 'split' || told.wanted === 0) return null;
  const step = (result: number, says: string): LineStep => ({
    id: 'completeness',
    change: result - before,
    result,
    says,
  });
  if (told.rule === 'onePlace') {
    const { holdsAt, places, wanted } = told;
    const most = places
      .filter(({ location }) => holdsAt.every((at) => at === location))
      .reduce((units, { couldTake }) => Math.max(units, couldTake), 0);
    const units = Math.min(before, most);
    const where = places.map(({ location, couldTake }) => `${location} ${couldTake}`).join(', ');
    const held = holdsAt.length === 0 ? '' : `; it holds units at ${holdsAt.join(', ')}`;
    return step(
      units >= wanted ? units : 0,
      `onePlace: all ${wanted} that it wants come from one place, or none (${where})${held}`,
    );
  }
  const lacking = told.lines.filter(({ lacks }) => lacks > 0);
  const lacks = lacking.map(
    ({ lineRef, sku, lacks: units, wanted }) => `line ${lineRef} (${sku}) lacks ${units} of ${wanted}`,
  );
  return step(
    lacking.length === 0 ? before : 0,
    `${told.rule}: the order takes all that its lines want, or nothing; ${lacks.join(', ') || 'all of it is there'}`,
  );
}

/**
 * The lines of one order, by reference; those that name no item of the state are not among them. Null: the program is not in the
 * policy, and draws nothing.
 */
export function explainLines(
  state: State,
  order: ExplainedOrder,
  now: Instant,
): ReadonlyMap<string, LineExplained> | null {
  const books = openBooks(state, now);
  const known = books.programs.get(order.program);
  if (known === undefined) return null;
  const rule = completenessOf(known, order.fillRule);
  const program: Program = { ...known, completeness: rule };
  const claims = claimsOf(books, order.lines);
  const whole = isAllOrNothing(rule) ? wholeLines(books, order, claims) : [];
  const told = claims.map((claim): [string, LineExplained] => {
    const { line, item } = claim;
    const from = placesOfLine(books, program, line, item);
    const inputs = promiseInputsOf(books, item.sku, program, { from, components: line.components });
    const completeness = completenessFor(books, claim, program, { rule, whole });
    const promise: readonly LineStep[] = promiseSteps(inputs);
    const last = completenessStep(completeness, promise.at(-1)?.result ?? 0);
    const steps = last === null ? promise : [...promise, last];
    const { policy } = books;
    return [
      line.lineRef,
      {
        policyVersion: policy.version,
        inputs,
        completeness,
        tolerance: known.backorder ?? 'none',
        steps,
        mayTake: steps.at(-1)?.result ?? 0,
      },
    ];
  });
  return new Map(told);
}
