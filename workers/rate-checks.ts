/**
 * How many orders of a channel are cancelled and shipped late, against what the channel allows: the platform's own limits
 * (`Capabilities.orderLimits`), or those of the configuration file.
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

const windowOf = ({ limits }: Watched): number => Math.max(limits.cancelled?.days ?? 0, limits.late?.days ?? 0);

type Rate = { readonly bad: number; readonly of: number; readonly limit: OrderLimit };

const percentOf = ({ bad, of }: Rate): number => (of === 0 ? 0 : (100 * bad) / of);

const isTold = (rate: Rate): boolean => rate.bad >= BAD_LEAST && percentOf(rate) >= WARN_AT * rate.limit.percent;

const sayPercent = (percent: number): string => `${Math.round(percent * 100) / 100} %`;

/** The alert's part that both rates share. */
function rateAlert(
  { channel }: Watched,
  rate: Rate,
  words: { readonly code: 'cancel-rate' | 'late-shipment-rate'; readonly were: string; readonly which: string },
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
    cause: `${bad} of ${of} orders ${words.which} in the last ${limit.days} days ${words.were}`,
    size: bad,
  };
}

function cancelAlert(watched: Watched, totals: OrderTotals, limit: OrderLimit): NewAlert[] {
  const rate = { bad: totals.cancelled, of: totals.orders, limit };
  if (!isTold(rate)) return [];
  const words = { code: 'cancel-rate', were: 'were cancelled', which: 'placed' } as const;
  return [{ ...rateAlert(watched, rate, words), nextStep: 'allot alerts --code oversold' }];
}

function lateAlert(
  context: WorkerContext,
  watched: Watched,
  { totals, limit, open }: { totals: OrderTotals; limit: OrderLimit; open: readonly NamedOrder[] },
): NewAlert[] {
  const rate = { bad: totals.late, of: totals.due, limit };
  if (!isTold(rate)) return [];
  const words = { code: 'late-shipment-rate', were: 'were late', which: 'placed and to be shipped' } as const;
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
    const { cancelled, late } = one.limits;
    const totalsOf = (limit: OrderLimit | undefined) =>
      limit === undefined ? null : readOrderTotals(db, one.channel, limit.days, now);
    const [byCancelled, byLate] = [await totalsOf(cancelled), await totalsOf(late)];
    isWhole &&= (cancelled === undefined || byCancelled !== null) && (late === undefined || byLate !== null);
    if (byCancelled !== null && cancelled !== undefined) alerts.push(...cancelAlert(one, byCancelled, cancelled));
    if (byLate === null || late === undefined) continue;
    const open = await readLateOpen(db, one.channel, now - late.days * DAY_MS, NAMED_MAX);
    alerts.push(...lateAlert(context, one, { totals: byLate, limit: late, open }));
  }
  const proof = 'the days were counted again: the rate is below 80 % of the limit';
  await db.transaction((tx) =>
    tellStanding(tx, { codes: ['cancel-rate', 'late-shipment-rate'], alerts, openMax: 100, proof, isWhole }),
  );
}
