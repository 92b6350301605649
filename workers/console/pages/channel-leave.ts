/** Leaving a channel, as `allot channels leave`: what it would do, its last numbers, and the button that does it. */
import { Rejected } from '#core/errors.ts';
import type { ChannelId } from '#core/model.ts';
import type { Database } from '#db/client.ts';
import { countUnderWay, type LastNumber, pageLastNumbers, readLeaving } from '#db/leave.ts';
import { callbackOf } from '../../callback.ts';
import { LAST_NUMBERS_HEAD, lastNumberLine } from '../../last-numbers-csv.ts';
import { type Leaving, leaveChannel, type Subscriptions } from '../../leave.ts';
import { channelLink } from '../channel-forms.ts';
import { ago, figure, pairs, plural, skuLink, table } from '../format.ts';
import { type Html, html, nothing } from '../html.ts';
import { csrfField, type PageBody } from '../layout.ts';
import type { Action, Asked, Page } from '../parts.ts';
import { unknownChannel } from './channel.ts';

const ROWS = 100;
const PART = 5_000;
/** Writes under way are waited for; a person waits with them. */
const LEAVE_LIMIT_MS = 60_000;

function lineOf({ channels, publicUrl, isReadOnly }: Asked, id: ChannelId): Leaving['line'] {
  const channel = channels.get(id);
  if (channel === undefined)
    return {
      channel: null,
      why: `${id} is not served by this daemon`,
      fix: `run it where ${id} is configured: allot channels leave ${id} --yes`,
    };
  return { channel, callbackUrl: publicUrl === null ? null : callbackOf(publicUrl, id), isReadOnly };
}

function sayLine(line: Leaving['line']): string {
  if (line.channel === null) return `cannot be ended from here: ${line.why}`;
  if (!line.channel.capabilities.subscriptions) return 'its platform has none';
  return `of ${line.callbackUrl ?? 'an address that is not known here (PUBLIC_URL)'} would be ended`;
}

const numberTable = (numbers: readonly LastNumber[], { at }: Asked): Html =>
  table({
    caption: 'Last numbers, in the order of the listings',
    columns: [
      { title: 'Listing' },
      { title: 'SKU' },
      { title: 'Sent last', isNumber: true },
      { title: 'Sent' },
      { title: 'Showed', isNumber: true },
      { title: 'Read' },
      { title: 'Should show', isNumber: true },
      { title: 'Under way' },
    ],
    rows: numbers.map((one) => [
      html`<span class="sku">${one.listingRef}</span>`,
      one.sku === null ? html`<span class="unknown">unmapped</span>` : skuLink(one.sku),
      figure(one.sent),
      ago(one.sentAt, at),
      figure(one.shows),
      ago(one.readAt, at),
      figure(one.shouldShow),
      one.isUnderWay ? 'yes' : '',
    ]),
    empty: 'No listing of it was ever mapped or written to.',
  });

const leaveForm = (id: ChannelId, asked: Asked): Html =>
  asked.may('approver')
    ? html`<form class="actions" action="/console/channel-leave" method="post">${csrfField(asked.csrf)}<input type="hidden" name="channel" value="${id}"><button class="danger" type="submit">Leave ${id}: write nothing to it any more</button></form>`
    : html`<p class="quiet">Leaving it needs the role approver.</p>`;

async function show(asked: Asked): Promise<PageBody> {
  const { db, query, at } = asked;
  const id = query.get('id') ?? '';
  const channel = await readLeaving(db, id);
  if (channel === undefined) return unknownChannel(id);
  const [ref, place] = [query.get('after'), query.get('place') ?? ''];
  const after = ref === null ? null : { listingRef: ref, locationRef: place };
  const [numbers, underWay] = await Promise.all([
    pageLastNumbers(db, id, { after, limit: ROWS + 1 }),
    countUnderWay(db, id),
  ]);
  const shown = numbers.slice(0, ROWS);
  const last = shown.at(-1);
  const name = encodeURIComponent(id);
  const isDone = channel.leftAt !== null && channel.mode === 'paused';
  const body = html`<p>${channelLink(id)}: ${
    isDone
      ? html`it was left ${ago(channel.leftAt, at)}. Its listings keep what they show; leaving it again ends what is left of its subscriptions.`
      : html`it is ${channel.mode}. Left, it is paused for good, and its listings keep the numbers they show.`
  }</p>${pairs([
    ['Under way', `${plural(underWay, 'write')}${underWay === 0 ? '' : ': waited for, up to half a minute'}`],
    ['Subscriptions', sayLine(lineOf(asked, id))],
    ['Untouched', 'stock, orders and promises; orders of it still come in'],
  ])}${leaveForm(id, asked)}
<h2>Last numbers</h2><p><a class="button" href="/console/channel-last-numbers?id=${name}">All of them as CSV</a></p>${numberTable(shown, asked)}
<p class="pages">${numbers.length <= ROWS || last === undefined ? nothing : html`<a class="button" href="/console/channel-leave?id=${name}&amp;after=${encodeURIComponent(last.listingRef)}&amp;place=${encodeURIComponent(last.locationRef)}">The next ${ROWS}</a>`}</p>`;
  return { title: `Leave ${id}`, body };
}

/** Part by part, so that a large shop costs no memory. */
async function* csvParts(db: Database, id: ChannelId): AsyncGenerator<string> {
  yield LAST_NUMBERS_HEAD;
  let after: LastNumber | null = null;
  do {
    const part: LastNumber[] = await pageLastNumbers(db, id, { after, limit: PART });
    if (part.length > 0) yield part.map(lastNumberLine).join('');
    after = part.length < PART ? null : (part.at(-1) ?? null);
  } while (after !== null);
}

async function download({ db, query }: Asked): ReturnType<Page['show']> {
  const id = query.get('id') ?? '';
  if ((await readLeaving(db, id)) === undefined) return unknownChannel(id);
  return { file: { name: `last-numbers-${id}.csv`, type: 'text/csv; charset=utf-8', parts: csvParts(db, id) } };
}

function saySubscriptions(subscriptions: Subscriptions): string {
  if (subscriptions.kind === 'failed') return `NOT ended: ${subscriptions.why}. ${subscriptions.fix}`;
  if (subscriptions.kind === 'none') return `none: ${subscriptions.why}`;
  return subscriptions.removed.length === 0 ? 'none were left' : `${subscriptions.removed.length} ended`;
}

const leave: Action = {
  path: '/channel-leave',
  need: 'approver',
  async act(asked, form) {
    const id = form.get('channel') ?? '';
    if ((await readLeaving(asked.db, id)) === undefined)
      throw new Rejected(`no channel is called "${id}"`, { field: 'channel', value: id, fix: 'allot channels list' });
    const { underWay, subscriptions } = await leaveChannel({
      db: asked.db,
      channelId: id,
      actor: asked.visitor.actor,
      signal: AbortSignal.timeout(LEAVE_LIMIT_MS),
      line: lineOf(asked, id),
    });
    const writes =
      underWay === 0
        ? 'Nothing is under way.'
        : `${plural(underWay, 'write')} under way still: their numbers may come yet; leave it again for the last ones.`;
    return {
      to: `/console/channel-leave?id=${encodeURIComponent(id)}`,
      notice: `${id} is left: allot writes nothing to it any more. ${writes} Subscriptions: ${saySubscriptions(subscriptions)}.`,
    };
  },
};

export const leavePages: readonly Page[] = [
  { path: '/channel-leave', show },
  { path: '/channel-last-numbers', show: download },
];
export const leaveForms: readonly Action[] = [leave];
