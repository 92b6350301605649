/**
 * The morning digest: to each person at their hour of their day, once, also when there is nothing to say, since silence is not health.
 *
 * Guarantees: one per person and day of their time zone, however many processes run and however the clock is set back or forward that
 * day; one that was missed (nothing ran at its hour) comes late on the same day. Composed from one snapshot.
 */
import { ALERT_CODES } from '#core/alert-catalogue.ts';
import type { Instant } from '#core/model.ts';
import type { AlertRow } from '#db/alert-list.ts';
import type { Queries } from '#db/client.ts';
import {
  type ClosedAlert,
  claimDigest,
  lastDigestAt,
  readClosedSince,
  readStanding,
  readWatched,
  type WatchedChannel,
} from '#db/digests.ts';
import { addOwnMessage } from '#db/notifications.ts';
import type { Alerting, Person } from './alert-settings.ts';
import { ordersOf, quoted, sayDeadline, sayMoment, sayOrder, sayTouches } from './alert-words.ts';
import type { NotifyContext } from './notify.ts';
import type { DigestBody, DigestSection } from './notify-message.ts';

const DAY_MS = 86_400_000;
const LINES_MAX = 50;

type LocalTime = { readonly day: string; readonly minute: number };

/** What a clock on the wall shows there. */
export function localTimeOf(at: Instant, timeZone: string): LocalTime {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at);
  const of = (type: string): string => parts.find((part) => part.type === type)?.value ?? '0';
  return { day: `${of('year')}-${of('month')}-${of('day')}`, minute: Number(of('hour')) * 60 + Number(of('minute')) };
}

type Line = DigestSection['lines'][number];

const plural = (count: number, one: string): string => `${count} ${count === 1 ? one : `${one}s`}`;

/** What does not fit is counted. */
function cutLines(lines: readonly Line[]): readonly Line[] {
  if (lines.length <= LINES_MAX) return lines;
  return [...lines.slice(0, LINES_MAX), { text: `and ${lines.length - LINES_MAX} more: allot alerts`, link: null }];
}

const isForLater = ({ state, severity }: AlertRow): boolean => state === 'snoozed' || severity === 'info';
const isProving = ({ state, mending }: AlertRow): boolean => state === 'proving' || mending;

function actLine(alert: AlertRow, { timeZone }: Person, now: Instant): Line {
  const isOverdue = alert.deadline !== null && alert.deadline < now;
  const touches = sayTouches(alert);
  const parts = [
    `${isOverdue ? 'OVERDUE, ' : ''}${sayDeadline(alert, timeZone)}: [${alert.severity}] ${alert.title}`,
    ...(touches === '' ? [] : [`touches ${touches}`]),
    alert.owner === null ? 'nobody has it' : `${alert.owner} has it`,
    ...(alert.reopened > 0 ? ['came back'] : []),
    `next: ${alert.nextStep}`,
    `(allot alerts show ${alert.id})`,
  ];
  return { text: parts.join('; '), link: null };
}

const closedLine = (alert: ClosedAlert, { timeZone }: Person): Line => ({
  text: `${alert.title}; from ${sayMoment(alert.firstSeenAt, timeZone)} to ${sayMoment(alert.closedAt ?? alert.lastSeenAt, timeZone)}; proof: ${alert.proof ?? ''}`,
  link: null,
});

const provingLine = (alert: AlertRow, { timeZone }: Person): Line => ({
  text: `${alert.title}; ${alert.state === 'proving' ? `said to be mended by ${alert.stateBy.replace(/^operator:/, '')}, the next reading decides` : 'allot is mending it'}; since ${sayMoment(alert.firstSeenAt, timeZone)} (allot alerts show ${alert.id})`,
  link: null,
});

const laterLine = (alert: AlertRow, { timeZone }: Person): Line => ({
  text: `${alert.state === 'snoozed' && alert.snoozedUntil !== null ? `snoozed until ${sayMoment(alert.snoozedUntil, timeZone)}: ` : ''}${alert.title}; ${alert.nextStep}`,
  link: null,
});

function watchedLines(
  channels: readonly WatchedChannel[],
  standing: readonly AlertRow[],
  { timeZone }: Person,
): Line[] {
  const open = new Set(standing.map(({ code }) => code));
  const quiet = ALERT_CODES.filter((code) => !open.has(code));
  const silent = channels
    .filter(({ openAlerts, readAt }) => openAlerts === 0 && readAt !== null)
    .map(({ channel, mode, listings, readAt, polledAt, orders }) => ({
      text: `${channel} (${mode}): ${plural(listings, 'listing')}, read whole ${readAt === null ? 'never' : sayMoment(readAt, timeZone)}${polledAt === null ? '' : `, orders fetched ${sayMoment(polledAt, timeZone)}`}, ${plural(orders, 'order')} since the last digest, nothing to tell`,
      link: null,
    }));
  return [
    ...silent,
    {
      text: `${quiet.length} of ${ALERT_CODES.length} kinds of trouble were looked for and none stands: ${quiet.join(', ')}`,
      link: null,
    },
  ];
}

const skusOf = ({ touches }: Pick<AlertRow, 'touches'>): string =>
  Array.isArray(touches.skus) ? touches.skus.join(', ') : '';

/** An alert names some orders; the rest is counted. */
function moreOrders({ touches }: AlertRow): Line[] {
  const more = typeof touches.orderCount === 'number' ? touches.orderCount - ordersOf(touches).length : 0;
  const sku = skusOf({ touches });
  return more > 0 ? [{ text: `and ${more} more of ${sku}: allot explain ${quoted(sku)} --shortages`, link: null }] : [];
}

function oversoldLines(standing: readonly AlertRow[], { timeZone }: Person): Line[] {
  return standing
    .filter(({ code }) => code === 'oversold')
    .flatMap((alert) => [
      ...ordersOf(alert.touches).map((order) => ({
        text: `${sayOrder({ ...order, link: null }, timeZone)} of ${skusOf(alert)}`,
        link: order.link,
      })),
      ...moreOrders(alert),
    ]);
}

const section = (title: string, none: string, lines: readonly Line[]): DigestSection => ({
  title,
  none,
  lines: cutLines(lines),
});

/** What one person reads of one day. */
export async function composeDigest(tx: Queries, person: Person, day: string, now: Instant): Promise<DigestBody> {
  const since = (await lastDigestAt(tx, person.id, day)) ?? now - DAY_MS;
  const standing = await readStanding(tx);
  const closed = await readClosedSince(tx, since);
  const channels = await readWatched(tx, since);
  const act = standing.filter((alert) => !isForLater(alert) && !isProving(alert));
  const proving = standing.filter((alert) => !isForLater(alert) && isProving(alert));
  const later = standing.filter(isForLater);
  const [byItself, byPeople] = [closed.filter((one) => one.isByItself), closed.filter((one) => !one.isByItself)];
  const headline =
    act.length === 0
      ? `allot, ${day}: nothing must be done; ${plural(byItself.length, 'alert')} fixed itself, ${proving.length} still proving`
      : `allot, ${day}: ${plural(act.length, 'alert')} must be acted on, ${byItself.length} fixed itself, ${proving.length} still proving`;
  return {
    type: 'digest',
    headline,
    person: person.id,
    day,
    sections: [
      section(
        'Must act',
        'Nothing.',
        act.map((alert) => actLine(alert, person, now)),
      ),
      section('Oversold orders', 'None.', oversoldLines(standing, person)),
      section(
        'Still proving',
        'Nothing.',
        proving.map((alert) => provingLine(alert, person)),
      ),
      section(
        'Fixed itself',
        'Nothing had to.',
        byItself.map((alert) => closedLine(alert, person)),
      ),
      section(
        'Closed after somebody worked on it',
        'Nothing.',
        byPeople.map((alert) => closedLine(alert, person)),
      ),
      section(
        'Snoozed, and to know',
        'Nothing.',
        later.map((alert) => laterLine(alert, person)),
      ),
      section('Watched and silent', 'No channel is configured.', watchedLines(channels, standing, person)),
    ],
  };
}

/** Writes the digests whose hour has come. Answers how many. */
export async function writeDigests({ db, now }: NotifyContext, { people }: Pick<Alerting, 'people'>): Promise<number> {
  const moment = now();
  let written = 0;
  for (const person of people) {
    const { day, minute } = localTimeOf(moment, person.timeZone);
    if (minute < person.digestMinute) continue;
    const isMine = await db.transaction(
      async (tx) => {
        if (!(await claimDigest(tx, person.id, day, moment))) return false;
        const body = await composeDigest(tx, person, day, moment);
        for (const destination of person.to)
          await addOwnMessage(tx, { destination, topic: `digest ${person.id} ${day}`, body }, moment);
        return true;
      },
      { isolation: 'repeatable read' },
    );
    if (isMine) written += 1;
  }
  return written;
}
