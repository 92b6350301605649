/**
 * Alerts that nothing else raises, because nothing fails: what stands in the tables is looked at once a minute, by one process.
 *
 * | looked at                                         | alert              |
 * | order lines and places whose units are not there  | oversold           |
 * | listings that should show units and do not        | phantom-stock-out  |
 * | listings whose rules keep all units back          | held-back          |
 * | channels that were not read for long              | channel-silent     |
 * | input that lies parked                            | input-parked       |
 * | late supplies that are said to be mended          | supply-late        |
 * | days by which programs are to be reviewed         | program-review-due (program-reviews.ts) |
 * | orders cancelled and late (rate-checks.ts)        | cancel-rate, late-shipment-rate |
 *
 * Guarantees: set-based and bounded; each look opens, changes and closes its alerts in one transaction, by what stands then; one that
 * fails stops no other.
 */
import type { Instant } from '#core/model.ts';
import { explain, type StepId } from '#core/publish.ts';
import { measureReach, staleReaches } from '#db/alert-list.ts';
import { cutSkuUnits, type NewAlert, tellStanding } from '#db/alerts.ts';
import { refsToProve, tellLateRefs } from '#db/dated-facts.ts';
import { type HeldBackRow, type PhantomGroup, readHeldBack, readPhantoms } from '#db/listing-checks.ts';
import { type OversoldItem, readOversold } from '#db/oversold.ts';
import { readParkedGroups, readSilentChannels } from '#db/standing.ts';
import { takeTurn } from '#db/turns.ts';
import type { Intervals } from '#db/unfinished.ts';
import type { AlertSettings } from './alert-settings.ts';
import { quoted, type TouchedOrder } from './alert-words.ts';
import type { WorkerContext } from './context.ts';
import { checkProgramReviews } from './program-reviews.ts';
import { checkRates } from './rate-checks.ts';

export type CheckSettings = { readonly intervals: Intervals; readonly rates: AlertSettings['rates'] };

const EVERY_MS = 60_000;
const HELD_BACK_EVERY_MS = 10 * 60_000;
const GRACE_MS = 10 * 60_000;
const PARKED_GRACE_MS = 2 * 60_000;
const SILENT_LEAST_MS = 30 * 60_000;
/** A channel may miss so many of its readings. */
const SILENT_INTERVALS = 6;
const REACH_EVERY_MS = 10 * 60_000;
const REACHES_PER_LOOK = 20;
const OPEN_MAX = 100;
const HELD_BACK_MAX = 2000;
const NAMED_MAX = 20;

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

type Linker = Pick<WorkerContext, 'channels'>;

export const linkOf = ({ channels }: Linker, channel: string, orderRef: string): string | null =>
  channels.get(channel)?.connection.orderLink?.(orderRef) ?? null;

const KEPT_BY = "completeness, a limit or others' protection; allot explain --order ID tells why";

/** Orders that wait for units which are there: nothing is oversold, and they ship only once a person has looked. */
function keptAlert(context: Linker, { sku, orders }: OversoldItem): NewAlert {
  const units = sumOf(orders.map((order) => order.units));
  const [first] = orders;
  const deadline = first?.shipBy ?? null;
  return {
    fingerprint: `oversold ${sku}`,
    code: 'oversold',
    severity: 'warning',
    title: `${sku}: ${plural(orders.length, 'order waits', 'orders wait')} for ${plural(units, 'unit')} though goods are there`,
    channelId: null,
    touches: { skus: [sku], units, orderCount: orders.length, orders: namedOrders(context, orders), waiting: units },
    cause: KEPT_BY,
    nextStep: first === undefined ? `allot explain ${quoted(sku)}` : `allot explain --order ${quoted(first.id)}`,
    size: units,
    skuUnits: [{ sku, units }],
    ...(deadline === null ? {} : { deadline }),
  };
}

const namedOrders = (context: Linker, orders: OversoldItem['orders']): TouchedOrder[] =>
  orders.slice(0, NAMED_MAX).map(
    ({ displayRef, channel, orderRef, units: short, shipBy }): TouchedOrder => ({
      order: displayRef,
      channel,
      units: short,
      shipBy,
      link: linkOf(context, channel, orderRef),
    }),
  );

/** Orders are named with all that they wait for, and only where some of it is not there. */
export function oversoldAlert(context: Linker, item: OversoldItem): NewAlert {
  const { sku, orders: all, lacking, places } = item;
  if (lacking === 0 && places.length === 0) return keptAlert(context, item);
  const orders = lacking === 0 ? [] : all;
  const waiting = sumOf(all.map(({ units }) => units)) - lacking;
  const units = lacking + sumOf(places.map(({ units: short }) => short));
  const named = namedOrders(context, orders);
  const causes = [
    ...(lacking === 0
      ? []
      : [`${plural(orders.length, 'order waits', 'orders wait')} for ${plural(lacking, 'unit')} that nothing covers`]),
    ...places.map((place) => `${place.location} has ${place.units} fewer than are promised there`),
    ...(waiting === 0
      ? []
      : [`${waiting} more ${waiting === 1 ? 'waits' : 'wait'} though goods are there: ${KEPT_BY}`]),
  ];
  const first = orders[0]?.shipBy ?? null;
  return {
    fingerprint: `oversold ${sku}`,
    code: 'oversold',
    severity: 'critical',
    title: `${sku}: ${plural(units, 'unit')} promised to orders ${units === 1 ? 'is' : 'are'} not there`,
    channelId: null,
    touches: { skus: [sku], units, orderCount: orders.length, orders: named, ...(waiting === 0 ? {} : { waiting }) },
    cause: causes.join('; '),
    nextStep: `allot reconfirm ${quoted(sku)} --simulate`,
    size: units,
    skuUnits: [{ sku, units }],
    ...(first === null ? {} : { deadline: first }),
  };
}

async function checkOversold(context: WorkerContext): Promise<void> {
  const { items, isWhole } = await readOversold(context.db, context.now());
  const alerts = items.map((item) => oversoldAlert(context, item)).sort((a, b) => (b.size ?? 0) - (a.size ?? 0));
  const proof = 'every order line of the item is covered, and no place lacks promised units';
  await context.db.transaction((tx) =>
    tellStanding(tx, { codes: ['oversold'], alerts, openMax: OPEN_MAX, proof, isWhole }),
  );
}

const PHANTOM_WORDS: Readonly<Record<PhantomGroup['reason'], { says: string; fix: (sku: string) => string }>> = {
  untracked: { says: 'does not track stock of', fix: () => 'switch stock tracking on for the listing at the platform' },
  missing: { says: 'no longer has', fix: (sku) => `allot explain ${sku}; list it again at the platform, or unmap it` },
  notBuyable: {
    says: 'does not sell',
    fix: () => 'activate the listing at the platform: it is inactive or suppressed',
  },
  refused: { says: 'refuses the number of', fix: (sku) => `allot explain ${sku}` },
  showsNone: { says: 'shows 0 of', fix: (sku) => `allot explain ${sku}` },
};

export function phantomAlert(group: PhantomGroup): NewAlert {
  const { channel, reason, listings, units, skus, detail, skuUnits, baseUnits } = group;
  const words = PHANTOM_WORDS[reason];
  return {
    fingerprint: `phantom-stock-out ${channel} ${reason}`,
    code: 'phantom-stock-out',
    severity: 'error',
    title: `${channel}: the platform ${words.says} ${plural(listings, 'listing')} that should show ${plural(units, 'unit')}`,
    channelId: channel,
    touches: { skus, items: listings, listings, units },
    cause: `${reason}${detail === null ? '' : `: ${detail}`}`,
    nextStep: words.fix(quoted(skus[0] ?? '')),
    size: listings,
    skuUnits: cutSkuUnits(skuUnits, baseUnits),
    // It is read and written again by itself; the other reasons need a person.
    mending: reason === 'showsNone',
  };
}

async function checkPhantoms(context: WorkerContext): Promise<void> {
  const alerts = (await readPhantoms(context.db, context.now(), GRACE_MS)).map(phantomAlert);
  const proof = 'the platform was read again: every such listing shows units, or should show none';
  await context.db.transaction((tx) =>
    tellStanding(tx, { codes: ['phantom-stock-out'], alerts, openMax: OPEN_MAX, proof }),
  );
}

/** Steps that lower a number because somebody wrote a rule; sales and promises are no rules. */
const RULE_STEPS: ReadonlySet<StepId> = new Set([
  'protected',
  'drawOrder',
  'fairShare',
  'share',
  'safetyStock',
  'buffer',
  'hideAtOrBelow',
  'cap',
  'pack',
]);

/** The step that leaves nothing, when it is a rule; null when there was nothing before the rules. */
export function heldBackBy({ inputs }: HeldBackRow): { readonly step: StepId; readonly units: number } | null {
  let before = 0;
  for (const { id, result } of explain(inputs).steps) {
    if (result <= 0) return before > 0 && RULE_STEPS.has(id) ? { step: id, units: before } : null;
    before = result;
  }
  return null;
}

async function checkHeldBack(context: WorkerContext): Promise<void> {
  if (!(await takeTurn(context.db, 'held back', context.now(), HELD_BACK_EVERY_MS))) return;
  const rows = await readHeldBack(context.db, HELD_BACK_MAX);
  const held = rows.flatMap((row) => {
    const by = heldBackBy(row);
    return by === null ? [] : [{ ...by, channel: row.channel, sku: row.sku }];
  });
  const groups = Map.groupBy(held, ({ channel, step }) => `${channel} ${step}`);
  const alerts = [...groups].map(([key, group]): NewAlert => {
    const [{ channel, step, sku } = { channel: '', step: 'share', sku: '' }] = group;
    const units = sumOf(group.map((one) => one.units));
    return {
      fingerprint: `held-back ${key}`,
      code: 'held-back',
      severity: 'info',
      title: `${channel}: ${plural(group.length, 'listing shows', 'listings show')} 0 because of ${step}, with ${plural(units, 'unit')} there`,
      channelId: channel,
      touches: {
        skus: group.slice(0, NAMED_MAX).map((one) => one.sku),
        items: group.length,
        listings: group.length,
        units,
      },
      cause: `${step}: the rules of the channel keep back all that it could be promised`,
      nextStep: `allot explain ${quoted(sku)} --channel ${channel}`,
      size: group.length,
      skuUnits: cutSkuUnits(
        group.toSorted((a, b) => b.units - a.units).map((one) => ({ sku: one.sku, units: one.units })),
        units,
      ),
    };
  });
  const proof = 'the targets were read again: no listing of the channel is kept at 0 by this rule';
  await context.db.transaction((tx) =>
    tellStanding(tx, { codes: ['held-back'], alerts, openMax: OPEN_MAX, proof, isWhole: rows.length < HELD_BACK_MAX }),
  );
}

async function checkSilence(context: WorkerContext, { intervals }: CheckSettings, startedAt: number): Promise<void> {
  const limits = [...context.channels.values()].map(({ id, capabilities }) => {
    const own = intervals.channels?.find((one) => one.id === id) ?? intervals;
    const limitOf = (ms: number): number => Math.max(SILENT_LEAST_MS, SILENT_INTERVALS * ms);
    return {
      channel: id,
      reconcileMs: limitOf(own.reconcileMs),
      pollMs: capabilities.orderPolling ? limitOf(own.pollMs) : null,
    };
  });
  const now = context.now();
  const silent = await readSilentChannels(context.db, limits, now);
  // What was not read while no daemon ran is read now.
  const isFresh = now - startedAt < SILENT_LEAST_MS;
  const alerts = silent.map(
    ({ channel, readAt, polledAt, lastError }): NewAlert => ({
      fingerprint: `channel-silent ${channel}`,
      code: 'channel-silent',
      severity: 'error',
      title: `${channel}: not read whole ${readAt === null ? 'ever' : `since ${new Date(readAt).toISOString()}`}${polledAt === null ? '' : `, orders since ${new Date(polledAt).toISOString()}`}`,
      channelId: channel,
      touches: { channel },
      cause: lastError ?? 'no error is known: see that a daemon runs with the roles reconcile and intake',
      nextStep: 'allot status',
      size: 1,
    }),
  );
  const proof = 'the channel was read whole, and its orders were fetched, since';
  await context.db.transaction((tx) =>
    tellStanding(tx, { codes: ['channel-silent'], alerts, openMax: isFresh ? 0 : OPEN_MAX, proof }),
  );
}

const AGES: readonly (readonly [number, string])[] = [
  [7 * 86_400_000, 'a week'],
  [86_400_000, 'a day'],
  [3_600_000, 'an hour'],
];

/** In steps, so that an alert is not changed at every look. */
const parkedAge = (at: Instant, now: Instant): string | null => AGES.find(([ms]) => now - at >= ms)?.[1] ?? null;

async function checkParked(context: WorkerContext): Promise<void> {
  const groups = await readParkedGroups(context.db, context.now() - PARKED_GRACE_MS, OPEN_MAX);
  const alerts = groups.map(({ channel, code, inputs, orders, reason, oldestAt, unowned, isMore }): NewAlert => {
    const where = channel === null ? '' : ` --channel ${channel}`;
    const count = `${plural(inputs, 'input')}${isMore ? ' or more' : ''}`;
    const age = parkedAge(oldestAt, context.now());
    const what = code.startsWith('push-') || code === 'document-unsent' ? 'sent' : 'taken';
    return {
      fingerprint: `input-parked ${channel ?? '-'} ${code}`,
      code: 'input-parked',
      severity: 'error',
      title: `${channel ?? 'allot'}: ${count} could not be ${what} (${code})${age === null ? '' : `, the oldest for more than ${age}`}`,
      channelId: channel,
      touches: { inputs, unowned, ...(orders === 0 ? {} : { orderCount: orders }), ...(age === null ? {} : { age }) },
      cause: reason.slice(0, 500),
      nextStep: `allot parked list --code ${code}${where}`,
      size: inputs,
    };
  });
  const proof = 'nothing lies parked of this channel and cause';
  const isWhole = groups.length < OPEN_MAX;
  await context.db.transaction((tx) =>
    tellStanding(tx, { codes: ['input-parked'], alerts, openMax: OPEN_MAX, proof, isWhole }),
  );
}

/** Late supplies are told by the batch that makes them late: said to be mended, they are read again here. */
async function proveLateSupplies({ db }: WorkerContext): Promise<void> {
  await db.transaction(async (tx) => tellLateRefs(tx, await refsToProve(tx)));
}

/** What an alert touches changes while it stands. */
async function measureAgain({ db, now }: WorkerContext): Promise<void> {
  await measureReach(db, await staleReaches(db, now() - REACH_EVERY_MS, REACHES_PER_LOOK), now());
}

/** One look at everything that is due; `startedAt` is when this process began to look. */
export async function checkAlerts(context: WorkerContext, settings: CheckSettings, startedAt: number): Promise<void> {
  if (!(await takeTurn(context.db, 'alert checks', context.now(), EVERY_MS))) return;
  const looks: readonly (readonly [string, () => Promise<void>])[] = [
    ['oversold orders', () => checkOversold(context)],
    ['phantom stock-outs', () => checkPhantoms(context)],
    ['listings held back', () => checkHeldBack(context)],
    ['silent channels', () => checkSilence(context, settings, startedAt)],
    ['parked input', () => checkParked(context)],
    ['rates of orders', () => checkRates(context, settings.rates)],
    ['programs to be reviewed', () => checkProgramReviews(context.db, context.now())],
    ['late supplies', () => proveLateSupplies(context)],
    ['open orders that alerts touch', () => measureAgain(context)],
  ];
  for (const [what, look] of looks) {
    try {
      await look();
    } catch (error) {
      context.log.warn(
        { what, error: error instanceof Error ? error.message : String(error) },
        'a look for alerts failed, and is taken again in a minute',
      );
    }
  }
}
