/** Alerts in words, the same in messages, digests and on the command line. */
import type { Instant, Sku } from '#core/model.ts';
import { type Money, sayMoney } from '#core/money.ts';
import { type AlertRow, REACH_MAX } from '#db/alert-list.ts';
import type { Touches } from '#db/alerts.ts';

/** A SKU in a command line that is to be copied. */
export const quoted = (sku: Sku): string => (/^[\w.-]+$/.test(sku) ? sku : `"${sku.replaceAll(/(["\\$`])/g, '\\$1')}"`);

const count = (number: number, one: string, many = `${one}s`): string =>
  `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`;

/** `touches` fields that count something, and what to call it. */
const COUNTS: readonly (readonly [field: string, one: string, many?: string])[] = [
  ['units', 'unit'],
  ['listings', 'listing'],
  ['inputs', 'input'],
  ['documents', 'document'],
  ['answers', 'answer'],
  ['quantities', 'document with numbers', 'documents with numbers'],
];
const NAMED_MAX = 5;

/** An order that an alert names; `link` is the platform's own page of it. */
export type TouchedOrder = {
  readonly order: string;
  readonly channel: string;
  readonly units: number;
  readonly shipBy: Instant | null;
  readonly link: string | null;
};

const isOrder = (value: unknown): value is TouchedOrder =>
  typeof value === 'object' && value !== null && 'order' in value && 'units' in value;

export const ordersOf = (touches: Touches): readonly TouchedOrder[] => {
  const { orders } = touches;
  return Array.isArray(orders) ? (orders as readonly unknown[]).filter(isOrder) : [];
};

const namesOf = (value: Touches[string] | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

const isMoney = (value: unknown): value is Money =>
  typeof value === 'object' && value !== null && 'currency' in value && 'amount' in value;

const numberOf = (value: Touches[string] | undefined): number => (typeof value === 'number' ? value : 0);

/** What its counted units are worth, currency by currency, and what that leaves out; nothing where it counts no unit. */
export function sayWorth(touches: Touches): string[] {
  const { units, money } = touches;
  const [counted, unknown, beyond] = ['unitsCounted', 'unitsWithoutValue', 'unitsNotCounted'].map((name) =>
    numberOf(touches[name]),
  ) as [number, number, number];
  if (counted === 0) return [];
  const amounts = Array.isArray(money) ? (money as readonly unknown[]).filter(isMoney).map(sayMoney) : [];
  const left = [
    ...(unknown === 0 ? [] : [`for ${unknown.toLocaleString('en-US')} of ${count(counted, 'unit')} no value is known`]),
    ...(beyond === 0 ? [] : [`${count(beyond, 'further unit')} not reckoned`]),
  ];
  if (amounts.length === 0) return [left.join('; ')];
  const notes = [...(counted === units || unknown > 0 ? [] : [count(counted, 'unit')]), ...left].join('; ');
  return [`worth ${amounts.join(' and ')}${notes === '' ? '' : ` (${notes})`}`];
}

/** What it touches: items, units, listings, open orders, money; empty when nothing of it is known. */
export function sayTouches({ touches, reach }: Pick<AlertRow, 'touches' | 'reach'>): string {
  const skus = namesOf(touches.skus);
  const items = typeof touches.items === 'number' ? touches.items : skus.length;
  const named = skus.slice(0, NAMED_MAX).join(', ');
  const parts = [
    ...(typeof touches.sku === 'string' ? [touches.sku] : []),
    ...(items > 0
      ? [items > NAMED_MAX || items > skus.length ? `${count(items, 'item')} (${named}, ...)` : named]
      : []),
    ...COUNTS.flatMap(([field, one, many]) => {
      const value = touches[field];
      return typeof value === 'number' && value > 0 ? [count(value, one, many)] : [];
    }),
    ...(namesOf(touches.orders).length === 0 ? [] : [`orders ${namesOf(touches.orders).join(', ')}`]),
    ...(typeof touches.program === 'string' && typeof touches.owner === 'string'
      ? [`program ${touches.program} (owner: ${touches.owner})`]
      : []),
    ...(reach === null || reach.orders === 0
      ? []
      : [
          `${reach.orders >= REACH_MAX ? `${REACH_MAX.toLocaleString('en-US')}+ open orders` : count(reach.orders, 'open order')} with ${count(reach.units, 'unit')}`,
        ]),
    ...sayWorth(touches),
  ];
  return parts.join(', ');
}

const minuteText = (at: Instant, timeZone: string): string =>
  new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
    .format(at)
    .replace(', ', ' ');

/** `2026-12-01 08:30 Europe/Berlin`. */
export const sayMoment = (at: Instant, timeZone = 'UTC'): string => `${minuteText(at, timeZone)} ${timeZone}`;

export function sayDeadline(
  { deadline, isPromised }: Pick<AlertRow, 'deadline' | 'isPromised'>,
  timeZone?: string,
): string {
  if (deadline === null) return 'no deadline';
  return `${isPromised ? 'promised by' : 'act by'} ${sayMoment(deadline, timeZone)}`;
}

export function sayOrder({ order, channel, units, shipBy, link }: TouchedOrder, timeZone?: string): string {
  const due = shipBy === null ? '' : `, ship by ${sayMoment(shipBy, timeZone)}`;
  return `${order} on ${channel}: ${units > 0 ? `${count(units, 'unit')} short` : 'still to ship'}${due}${link === null ? '' : ` ${link}`}`;
}

/** State with who and until when. */
export function sayState(alert: Pick<AlertRow, 'state' | 'snoozedUntil' | 'reopened' | 'mending'>): string {
  const cameBack = alert.state === 'open' && alert.reopened > 0 ? ', came back' : '';
  if (alert.state === 'snoozed' && alert.snoozedUntil !== null) return `snoozed until ${sayMoment(alert.snoozedUntil)}`;
  return `${alert.state}${alert.mending && alert.state !== 'closed' ? ', allot is mending it' : ''}${cameBack}`;
}
