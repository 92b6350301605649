/**
 * Inventory advice: the 846 with absolute quantities, by the partner's dialect. Pure; its moment is handed in.
 *
 * Guarantees: every item is named by at least one identifier that the dialect asks for, else it is refused (an item that the partner
 * cannot tell is a number that it may put anywhere); BIA04 and BIA05 are `at` to the second: whoever sends keeps it rising.
 */
import { assert, Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { Partner } from '../partner.ts';
import { checkElements } from '../x12/syntax.ts';
import { dateAndTime, type SegmentText, writeSegment } from '../x12/write.ts';

export type AdviceItem = {
  readonly listingRef: string;
  /** Further identifiers by qualifier: `{ UP: '012345678905' }`. */
  readonly ids: Readonly<Record<string, string>>;
  /** In the dialect's unit, never below 0. */
  readonly quantity: number;
  /** By when the goods are there that it relies on beyond stock: told to a partner whose dialect has a code for it. */
  readonly restockAt?: Instant;
};

/** `reference` names this report to people: BIA03. */
export type AdviceHead = { readonly at: Instant; readonly reference: string };

function writeItem(item: AdviceItem, index: number, partner: Partner): SegmentText[] {
  const { inventory, orders } = partner;
  assert(inventory !== null, `${partner.name} takes no 846`);
  const { listingRef, ids, quantity, restockAt } = item;
  const isCount = Number.isSafeInteger(quantity) && quantity >= 0;
  assert(isCount, `the quantity of listing ${listingRef} must be a whole number from 0, not ${quantity}`);
  const pairs = inventory.identify.flatMap((qualifier) => {
    const value = qualifier === orders.listing ? listingRef : (ids[qualifier] ?? '');
    return value === '' ? [] : [qualifier, value];
  });
  if (pairs.length === 0)
    throw new Rejected(`listing ${listingRef}: none of ${inventory.identify.join(', ')} is known of it`, {
      field: 'LIN02',
      value: listingRef,
      fix: `map the listing with one of them in its data, or add ${orders.listing} to \`inventory.identify\` of the dialect`,
    });
  const reference: SegmentText[] = inventory.itemReference === undefined ? [] : [['REF', ...inventory.itemReference]];
  const { restockDate } = inventory;
  const restock: SegmentText[] =
    restockAt === undefined || restockDate === undefined ? [] : [['DTM', restockDate, dateAndTime(restockAt).date]];
  return [
    ['LIN', String(index + 1), ...pairs],
    ...reference,
    ['QTY', inventory.quantityQualifier, String(quantity), inventory.unit],
    ...restock,
  ];
}

/** Throws Rejected where X12, or this dialect, cannot carry the item: no identifier, one too long, or with a separator in it. */
export function checkItem(item: AdviceItem, partner: Partner): void {
  for (const segment of writeItem(item, 0, partner)) {
    writeSegment(segment, partner.separators);
    const [tag, ...elements] = segment;
    const [fault] = checkElements({ tag, elements, position: 1 });
    if (fault === undefined) continue;
    throw new Rejected(`listing ${item.listingRef}: ${fault.message}`, {
      field: fault.element ?? tag,
      value: elements.join(' '),
      fix: 'correct the identifiers of the listing, or take the qualifier out of `inventory.identify` of the dialect',
    });
  }
}

/** The segments between ST and SE. Throws Rejected for an item without identifier, Defect for what may never be sent. */
export function writeInventoryAdvice(items: readonly AdviceItem[], partner: Partner, head: AdviceHead): SegmentText[] {
  const { inventory } = partner;
  assert(inventory !== null, `${partner.name} takes no 846`);
  assert(items.length > 0, 'an 846 has at least one item');
  const { vendorReference, warehouse } = inventory;
  const { date, time } = dateAndTime(head.at);
  return [
    ['BIA', '00', inventory.reportType, head.reference, date, time],
    ...(vendorReference === undefined ? [] : [['REF', ...vendorReference] satisfies SegmentText]),
    ...(warehouse === undefined ? [] : [['N1', 'WH', warehouse.name, '92', warehouse.code] satisfies SegmentText]),
    ...items.flatMap((item, index) => writeItem(item, index, partner)),
    ['CTT', String(items.length)],
  ];
}
