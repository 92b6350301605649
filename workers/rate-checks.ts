/**
 * How many orders of a channel are cancelled and shipped late, against what the channel allows: the platform's own limits
 * (`Capabilities.orderLimits`), or those of the configuration file. Of several windows the one is told that is nearest to its limit, or
 * furthest beyond it. A rate is of all orders placed in the window that the seller ships, also those that are not to be shipped yet.
 *
 * A few days are counted anew at each look, those counted longest ago first, so that every day of the window is counted once an hour.
 */
import type { OrderLimit, OrderLimits } from '#connectors/connector.ts';
import type { ChannelId } from '#core/model.ts';
import { type NewAlert, tellStanding } from '#db/alerts.ts';
import {
  countDay,
  daysToCount,
  type NamedOrder,
  type OrderTotals,
  purgeOrderDays,
  readLateOpen,
  readOrderTotals,
} from '#db/order-days.ts';
import { takeTurn } from '#db/turns.ts';
import type { AlertSettings } from './alert-settings.ts';
import type { TouchedOrder } from './alert-words.ts';
import type { WorkerContext } from './context.ts';

const DAY_MS = 86_400_000;
const COUNTED_EVERY_MS = 3_600_000;
const DAYS_PER_LOOK = 5;
/** What was shipped in time may be told to us a little later. */
const LATE_GRACE_MS = 30 * 60_000;
const WARN_AT = 0.8;
/** One order alone says nothing of a rate. */
const BAD_LEAST = 2;
const NAMED_MAX = 20;

type Watched = { readonly channel: ChannelId; readonly limits: OrderLimits };

function watchedChannels({ channels }: WorkerContext, rates: AlertSettings['rates']): Watched[] {
  return [...channels.values()].flatMap(({ id, capabilities }) => {
    const own = rates.get(id);
    const limits = {
      cancelled: own?.cancelled ?? capabilities.orderLimits?.cancelled,
      late: own?.late ?? capabilities.orderLimits?.late,
    };
    return limits.cancelled === undefined && limits.late === undefined ? [] : [{ channel: id, limits }];
  });
}

const windowOf = ({ limits: { cancelled = [], late = [] } }: Watched): number =>
  Math.max(0, ...[...cancelled, ...late].map(({ days }) => days));

type Rate = { readonly bad: number; readonly of: number; readonly limit: OrderLimit };

const percentOf = ({ bad, of }: Rate): number => (of === 0 ? 0 : (100 * bad) / of);

const nearnessOf = (rate: Rate): number => percentOf(rate) / rate.limit.percent;

/** The rate of the window that is nearest to its limit; null where a window was not counted whole yet. */
async function worstRate(
  limits: readonly OrderLimit[],
  badOf: (totals: OrderTotals) => number,
  read: (days: number) => Promise<OrderTotals | null>,
): Promise<Rate | null> {
  const rates: Rate[] = [];
  for (const limit of limits) {
    const totals = await read(limit.days);
    if (totals === null) return null;
    rates.push({ bad: badOf(totals), of: totals.orders, limit });
  }
  return rates.reduce<Rate | null>((worst, one) => (worst && nearnessOf(worst) >= nearnessOf(one) ? worst : one), null);
}

const isTold = (rate: Rate): boolean => rate.bad >= BAD_LEAST && percentOf(rate) >= WARN_AT * rate.limit.percent;

const sayPercent = (percent: number): string => `${Math.round(percent * 100) / 100} %`;

/** The alert's part that both rates share. */
function rateAlert(
  { channel }: Watched,
  rate: Rate,
  words: { readonly code: 'cancel-rate' | 'late-shipment-rate'; readonly were: string },
): Omit<NewAlert, 'nextStep'> {
  const { bad, of, limit } = rate;
  const isOver = percentOf(rate) >= limit.percent;
  const share = sayPercent(percentOf(rate));
  return {
    fingerprint: `${words.code} ${channel}`,
    code: words.code,
    severity: isOver ? 'critical' : 'warning',
    title: `${channel}: ${share} of its orders ${words.were}, ${isOver ? 'above' : 'close to'} its limit of ${limit.percent} %`,
    channelId: channel,
    touches: { bad, of, percent: share, limit: `${limit.percent} % over ${limit.days} days` },
    cause: `${bad} of ${of} orders placed in the last ${limit.days} days ${words.were}`,
    size: bad,
  };
}

function cancelAlert(watched: Watched, rate: Rate): NewAlert[] {
  if (!isTold(rate)) return [];
  const words = { code: 'cancel-rate', were: 'were cancelled' } as const;
  return [{ ...rateAlert(watched, rate, words), nextStep: 'allot alerts --code oversold' }];
}

function lateAlert(
  context: WorkerContext,
  watched: Watched,
  { rate, open }: { readonly rate: Rate; readonly open: readonly NamedOrder[] },
): NewAlert[] {
  if (!isTold(rate)) return [];
  const words = { code: 'late-shipment-rate', were: 'were late' } as const;
  const alert = rateAlert(watched, rate, words);
  const link = context.channels.get(watched.channel)?.connection.orderLink;
  const orders = open.map(
    ({ orderRef, displayRef, dueAt }): TouchedOrder => ({
      order: displayRef,
      channel: watched.channel,
      units: 0,
      shipBy: dueAt,
      link: link?.(orderRef) ?? null,
    }),
  );
  const [first] = open;
  const nextStep =
    first === undefined
      ? `nothing is late and open: the rate falls as its days pass; longer handling times at ${watched.channel} keep it low`
      : `ship ${first.displayRef} first: allot explain --order ${watched.channel}/${first.orderRef}`;
  return [{ ...alert, touches: { ...alert.touches, orders }, nextStep }];
}

/** Counts some days anew, and tells the rates of channels whose window is counted whole. */
export async function checkRates(context: WorkerContext, rates: AlertSettings['rates']): Promise<void> {
  const { db } = context;
  const now = context.now();
  const watched = watchedChannels(context, rates);
  const windows = watched.map((one) => ({ channel: one.channel, days: windowOf(one) }));
  const days = await daysToCount(db, windows, { now, staleBefore: now - COUNTED_EVERY_MS, limit: DAYS_PER_LOOK });
  for (const day of days) await countDay(db, day, now, LATE_GRACE_MS);
  if (await takeTurn(db, 'order days', now, DAY_MS)) await purgeOrderDays(db);
  const alerts: NewAlert[] = [];
  let isWhole = true;
  for (const one of watched) {
    const { cancelled = [], late = [] } = one.limits;
    const read = (window: number) => readOrderTotals(db, one.channel, window, now);
    const byCancelled = await worstRate(cancelled, (totals) => totals.cancelled, read);
    const byLate = await worstRate(late, (totals) => totals.late, read);
    isWhole &&= (cancelled.length === 0 || byCancelled !== null) && (late.length === 0 || byLate !== null);
    if (byCancelled !== null) alerts.push(...cancelAlert(one, byCancelled));
    if (byLate === null) continue;
    const open = await readLateOpen(db, one.channel, now - byLate.limit.days * DAY_MS, NAMED_MAX);
    alerts.push(...lateAlert(context, one, { rate: byLate, open }));
  }
  const proof = 'the days were counted again: the rate is below 80 % of the limit';
  await db.transaction((tx) =>
    tellStanding(tx, { codes: ['cancel-rate', 'late-shipment-rate'], alerts, openMax: 100, proof, isWhole }),
  );
}
