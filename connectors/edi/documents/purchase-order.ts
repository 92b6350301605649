/**
 * Purchase order: one 850 as the order that it states, by the partner's dialect.
 *
 * Guarantees: a line is understood whole or the order is Rejected with element, value and fix: unit unknown, quantity no count, stores
 * that do not add up, lines missing by the document's own total. Originals only: cancelling and replacing by 850 (BEG01 01, 05) wait
 * for changes (860) and are refused, never half applied. `version` 1 is the original; a change of sequence n will be n + 1.
 */
import { Rejected } from '#core/errors.ts';
import type { Instant } from '#core/model.ts';
import type { FillRule, Obligation, OrderLineState, OrderState } from '#core/order-state.ts';
import type { OrderAttributes } from '#core/rules.ts';
import type { Partner } from '../partner.ts';
import { elementOf, type Segment, type TransactionSet } from '../x12/read.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const UNITS_MAX = 1_000_000_000;

export type Line = { readonly head: Segment; readonly inner: readonly Segment[] };

function refuse(order: string, at: { field: string; value: string; why: string; fix: string }): Rejected {
  const { field, value, why, fix } = at;
  return new Rejected(`purchase order ${order}: ${field} ${why}`, { field, value, fix });
}

const ASK = 'ask the partner to send the order again, corrected';

/** A date element as midnight UTC. Its form was checked with the syntax; what still is none is refused. */
function readDate(text: string, order: string, field: string): Instant {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined)
    throw refuse(order, { field, value: text, why: 'is no date', fix: ASK });
  return Date.UTC(Number(year), Number(month) - 1, Number(day));
}

/** By PO1; what stands before the first is the heading. */
export function splitLines(segments: readonly Segment[]): { heading: Segment[]; lines: Line[]; total: Segment | null } {
  const heading: Segment[] = [];
  const lines: { head: Segment; inner: Segment[] }[] = [];
  let total: Segment | null = null;
  for (const segment of segments) {
    if (segment.tag === 'CTT') total = segment;
    else if (segment.tag === 'PO1') lines.push({ head: segment, inner: [] });
    else (lines.at(-1)?.inner ?? heading).push(segment);
  }
  return { heading, lines, total };
}

/** Pairs of qualifier and value from element 6 on, in any order. */
function idsOf(head: Segment): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  for (let n = 6; n <= head.elements.length; n += 2) {
    const [qualifier, value] = [elementOf(head, n), elementOf(head, n + 1)];
    if (qualifier !== '' && value !== '' && !ids.has(qualifier)) ids.set(qualifier, value);
  }
  return ids;
}

/** The partner's own number of the line, or its place where it has none. */
export const lineRefOf = ({ head }: Line, index: number): string => elementOf(head, 1) || String(index + 1);

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= UNITS_MAX;

/** How many listing units one unit of the line is. */
export function readFactor({ head, inner }: Line, partner: Partner, order: string): number {
  const unit = elementOf(head, 3);
  const factor = Object.hasOwn(partner.orders.units, unit) ? partner.orders.units[unit] : undefined;
  if (factor === undefined) {
    const known = Object.keys(partner.orders.units).join(', ');
    const fix = `put ${unit} into \`orders.units\` of the dialect, or have the partner order in ${known}`;
    throw refuse(order, { field: 'PO103', value: unit, why: `is a unit that the dialect does not know`, fix });
  }
  if (factor !== 'pack') return factor;
  const pack = elementOf(
    inner.find(({ tag }) => tag === 'PO4'),
    1,
  );
  if (!/^\d{1,6}$/.test(pack) || Number(pack) === 0)
    throw refuse(order, { field: 'PO401', value: pack, why: `must say how many are in a ${unit}`, fix: ASK });
  return Number(pack);
}

function checkStores({ head, inner }: Line, order: string): void {
  const stores = inner.filter(({ tag }) => tag === 'SDQ');
  if (stores.length === 0) return;
  const quantities = stores.flatMap(({ elements }) => elements.slice(2).filter((_, index) => index % 2 === 1));
  const sum = quantities.reduce((all, one) => all + Number(one === '' ? 0 : one), 0);
  if (sum === Number(elementOf(head, 2))) return;
  const why = `adds up to ${sum}, PO102 says ${elementOf(head, 2)}`;
  throw refuse(order, { field: 'SDQ', value: String(sum), why, fix: ASK });
}

function readLine(line: Line, at: { index: number; order: string; partner: Partner }): OrderLineState {
  const { index, order, partner } = at;
  const { head } = line;
  const quantity = elementOf(head, 2);
  const factor = readFactor(line, partner, order);
  const ordered = /^\d+(\.0*)?$/.test(quantity) ? Number(quantity) * factor : Number.NaN;
  if (!isCount(ordered))
    throw refuse(order, { field: 'PO102', value: quantity, why: 'must be a whole number of units', fix: ASK });
  checkStores(line, order);
  const ids = idsOf(head);
  const { listing, sku } = partner.orders;
  const listingRef = ids.get(listing);
  if (listingRef === undefined) {
    const fix = `ask the partner to name items by ${listing}, or change \`orders.listing\` of the dialect`;
    throw refuse(order, { field: 'PO106', value: [...ids.keys()].join(' '), why: `has no ${listing}`, fix });
  }
  const lineRef = lineRefOf(line, index);
  const skuHint = sku === undefined ? null : (ids.get(sku) ?? null);
  const unit = factor === 1 ? {} : { unit: factor };
  return { lineRef, listingRef, skuHint, ordered, cancelled: 0, shipped: 0, returned: 0, ...unit };
}

/** As X12 has it: decimal points are not looked at, and of a sum that is too long the leading digits are left out. */
const HASH_DIGITS = 10;
const hashTotal = (quantities: readonly string[]): number =>
  quantities.reduce((all, quantity) => all + Number(quantity.replace('.', '')), 0) % 10 ** HASH_DIGITS;

function checkTotals(total: Segment | null, lines: readonly Line[], order: string): void {
  if (total === null) return;
  const [count, hash] = [elementOf(total, 1), elementOf(total, 2)];
  if (Number(count) !== lines.length)
    throw refuse(order, { field: 'CTT01', value: count, why: `lines are told, ${lines.length} are there`, fix: ASK });
  const quantities = lines.map(({ head }) => elementOf(head, 2));
  const sum = quantities.reduce((all, quantity) => all + Number(quantity), 0);
  if (hash !== '' && Number(hash) !== sum && Number(hash) !== hashTotal(quantities))
    throw refuse(order, { field: 'CTT02', value: hash, why: `is told as the sum of PO102, which is ${sum}`, fix: ASK });
}

function checkLineRefs(lines: readonly OrderLineState[], order: string): void {
  const seen = new Set<string>();
  for (const { lineRef } of lines) {
    if (seen.has(lineRef))
      throw refuse(order, { field: 'PO101', value: lineRef, why: 'is the number of two lines', fix: ASK });
    seen.add(lineRef);
  }
}

/** N104 of a party (N101): the code that partner and supplier know it by; '' where it is told by name alone. */
const partyCode = (heading: readonly Segment[], role: 'BY' | 'ST'): string =>
  elementOf(
    heading.find((segment) => segment.tag === 'N1' && elementOf(segment, 1) === role),
    4,
  );

/**
 * What a route may ask for: the partner by its interchange id, the kind of order (BEG02: SA stand-alone, DS drop ship, RL release), the
 * buying company (N1*BY: a banner of the group) and the ship-to (N1*ST: a store or distribution centre), by their codes. No name is read.
 */
function readAttributes(heading: readonly Segment[], partner: Partner): OrderAttributes {
  const [orderType, company, customer] = [
    elementOf(
      heading.find(({ tag }) => tag === 'BEG'),
      2,
    ),
    partyCode(heading, 'BY'),
    partyCode(heading, 'ST'),
  ];
  return {
    partner: partner.partner.id,
    ...(orderType === '' ? {} : { orderType }),
    ...(company === '' ? {} : { company }),
    ...(customer === '' ? {} : { customer }),
  };
}

function readLocation(heading: readonly Segment[], partner: Partner, order: string): string | null {
  const { shipTo } = partner.orders;
  if (Object.keys(shipTo).length === 0) return null;
  const code = partyCode(heading, 'ST');
  const location = Object.hasOwn(shipTo, code) ? shipTo[code] : undefined;
  if (location !== undefined) return location;
  const fix = `put it into \`orders.shipTo\` of the dialect`;
  throw refuse(order, { field: 'N104', value: code, why: 'is a ship-to that the dialect does not know', fix });
}

/** CSH01. Others (P4: do not ship early) say nothing of what is missing. */
const FILL_RULES: Readonly<Record<string, FillRule>> = {
  N: 'cancelBalance',
  SP: 'cancelBalance',
  SC: 'shipComplete',
  BK: 'backOrder',
  Y: 'backOrder',
};

function readFillRule(heading: readonly Segment[], partner: Partner): FillRule {
  const told = heading.flatMap((segment): FillRule[] => {
    const code = segment.tag === 'CSH' ? elementOf(segment, 1) : '';
    const rule = Object.hasOwn(FILL_RULES, code) ? FILL_RULES[code] : undefined;
    return rule === undefined ? [] : [rule];
  });
  return told[0] ?? partner.orders.fillRule;
}

function readObligations(heading: readonly Segment[], partner: Partner, at: { placedAt: Instant; order: string }) {
  const obligations: Obligation[] = [];
  const { orderAnswerHours } = partner.answers;
  if (orderAnswerHours !== null) obligations.push({ kind: 'accept', dueAt: at.placedAt + orderAnswerHours * HOUR_MS });
  for (const code of partner.orders.shipBy) {
    const found = heading.find((segment) => segment.tag === 'DTM' && elementOf(segment, 1) === code);
    if (found === undefined) continue;
    // By the end of that day.
    obligations.push({ kind: 'ship', dueAt: readDate(elementOf(found, 2), at.order, 'DTM02') + DAY_MS });
    break;
  }
  return obligations;
}

/** Of a set whose syntax has no fault. `receivedAt` is when the answer's time begins. Throws Rejected. */
export function readPurchaseOrder(set: TransactionSet, partner: Partner, receivedAt: Instant): OrderState {
  const { heading, lines, total } = splitLines(set.segments);
  const begin = heading.find(({ tag }) => tag === 'BEG');
  const [purpose, order] = [elementOf(begin, 1), elementOf(begin, 3)];
  if (purpose !== '00') {
    const fix = 'take it over by hand: only original orders (BEG01 00) are read';
    throw refuse(order, { field: 'BEG01', value: purpose, why: 'is no original order', fix });
  }
  const placedAt = readDate(elementOf(begin, 5), order, 'BEG05');
  const read = lines.map((line, index) => readLine(line, { index, order, partner }));
  checkTotals(total, lines, order);
  checkLineRefs(read, order);
  return {
    orderRef: order,
    displayRef: order,
    version: 1,
    placedAt,
    modifiedAt: placedAt,
    fulfilledBy: 'seller',
    locationRef: readLocation(heading, partner, order),
    attributes: readAttributes(heading, partner),
    obligations: readObligations(heading, partner, { placedAt: receivedAt, order }),
    ...(partner.answers.orderAnswerHours === null ? {} : { fillRule: readFillRule(heading, partner) }),
    lines: read,
  };
}
