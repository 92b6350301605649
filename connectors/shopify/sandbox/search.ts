/**
 * The part of Shopify's order search that documents of the connector use: terms joined by AND, each `field:value` with an optional
 * NOT before and a comparator in it. Anything else is refused, where Shopify would quietly find something else.
 */
import { type Order, openUnits } from './order-book.ts';

type Test = (order: Order) => boolean;

const TERM = /^(NOT )?(\w+):(>=|<=|>|<)?(.+)$/;

export const fulfilmentStatusOf = (order: Order): string => {
  if (!order.lines.some((line) => line.fulfilled > 0)) return 'UNFULFILLED';
  return order.lines.some((line) => openUnits(line) > 0) ? 'PARTIALLY_FULFILLED' : 'FULFILLED';
};

type Compare = (value: number, limit: number) => boolean;

const COMPARATORS: Readonly<Record<string, Compare>> = {
  '>=': (value, limit) => value >= limit,
  '<=': (value, limit) => value <= limit,
  '>': (value, limit) => value > limit,
  '<': (value, limit) => value < limit,
};

const isEqual: Compare = (value, limit) => value === limit;

function testOf(field: string, comparator: string, text: string): Test {
  const value = text.replace(/^'(.*)'$/, '$1');
  if (field === 'updated_at') {
    const limit = Date.parse(value);
    if (Number.isNaN(limit)) throw new Error(`order search: ${text} is no time`);
    const compare = COMPARATORS[comparator] ?? isEqual;
    return (order) => compare(order.updatedAt, limit);
  }
  if (field === 'status' && value === 'open') return (order) => order.cancelledAt === null;
  if (field === 'fulfillment_status' && value === 'fulfilled')
    return (order) => fulfilmentStatusOf(order) === 'FULFILLED';
  throw new Error(`order search: the sandbox does not know ${field}:${value}`);
}

export function parseSearch(query: string): Test {
  const tests = query.split(' AND ').map((term): Test => {
    const match = TERM.exec(term.trim());
    if (match === null) throw new Error(`order search: ${term} is no term`);
    const test = testOf(match[2] ?? '', match[3] ?? '', match[4] ?? '');
    return match[1] === undefined ? test : (order) => !test(order);
  });
  return (order) => tests.every((test) => test(order));
}
