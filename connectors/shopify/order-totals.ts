/**
 * One order line's totals from what Shopify tells of it, the same from a webhook's payload and from GraphQL.
 *
 * Shopify keeps `quantity` (ordered), `current` (less all that was refunded or removed) and `open` (still to be fulfilled), the
 * fulfilments, and the refunds by restock type. A unit that left `current` was either never shipped (cancelled) or came back:
 *
 * | restock type             | the unit was                                                      |
 * | none (an edit), cancel   | not shipped: cancelled                                            |
 * | return                   | shipped, and is back: returned                                    |
 * | no_restock, legacy_restock | either; `open` tells how many of them were not shipped          |
 *
 * Guarantees: shipped + cancelled <= ordered. Refuses what no order can be (Rejected with the path of the field).
 */
import { Rejected } from '#core/errors.ts';

export type LineFacts = {
  readonly ordered: number;
  readonly current: number;
  /** Still to be fulfilled; null where Shopify does not say. */
  readonly open: number | null;
  readonly shipped: number;
  readonly returned: number;
  /** Refunded without a word on whether they had been shipped. */
  readonly unclear: number;
  readonly isOrderCancelled: boolean;
};

export type LineTotals = {
  readonly ordered: number;
  readonly cancelled: number;
  readonly shipped: number;
  readonly returned: number;
};

/** `path` names the line in the document, `fields` Shopify's own words for the two totals that can contradict `ordered`. */
export type LinePlace = {
  readonly path: string;
  readonly fields: { readonly current: string; readonly shipped: string };
};

const FIX =
  'read the order in the Shopify admin; allot takes its next state by itself, or drop this one with allot parked drop';

function refuseAbove(limit: number, value: number, field: string): void {
  if (value <= limit) return;
  throw new Rejected(`${field} is ${value}, but only ${limit} were ordered`, { field, value, fix: FIX });
}

function cancelledOf(facts: LineFacts, shipped: number): number {
  const unshipped = facts.ordered - shipped;
  if (facts.isOrderCancelled) return unshipped;
  const most = Math.max(0, facts.ordered - facts.current - facts.returned);
  if (facts.unclear === 0 || facts.open === null) return Math.min(most, unshipped);
  const least = Math.max(0, most - facts.unclear);
  return Math.min(unshipped, Math.max(least, Math.min(most, unshipped - facts.open)));
}

export function lineTotals(facts: LineFacts, place: LinePlace): LineTotals {
  refuseAbove(facts.ordered, facts.current, `${place.path}.${place.fields.current}`);
  refuseAbove(facts.ordered, facts.shipped, `${place.path}.${place.fields.shipped}`);
  const { ordered, shipped, returned } = facts;
  return { ordered, cancelled: cancelledOf(facts, shipped), shipped, returned };
}
