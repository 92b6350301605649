/** One channel whole: its mode and share, its gate, its breaker, and how far its numbers agree with the platform's, day by day. */
import { restMs } from '#core/breaker.ts';
import { agreementOf, dayOf, isClean, nextShare } from '#core/gate.ts';
import type { Instant } from '#core/model.ts';
import { readBreaker, type StoredBreaker } from '#db/breakers.ts';
import { type AgreementDay, readAgreement, readGate, type StoredGate } from '#db/gates.ts';
import { type ChannelOverview, readChannelOverviews } from '#db/overview.ts';
import { lastWholeRun, readDifferences } from '#db/reconcile-runs.ts';
import {
  cleanDaysNow,
  GATE_DAYS_READ,
  sayCauses,
  sayGate,
  sayGateRule,
  sayMode,
  sayPercent,
} from '../../gate-words.ts';
import { firstShare, WHOLE_SHARE } from '../../go-live.ts';
import { lookForms, MODE_NEEDS, modeForm } from '../channel-forms.ts';
import { stateOf } from '../channel-state.ts';
import { alignSeries, lineChart } from '../charts.ts';
import { ago, command, duration, figure, number, pairs, plural, skuLink, state, table } from '../format.ts';
import { type Html, html, maybe, nothing } from '../html.ts';
import { csrfField, type PageBody } from '../layout.ts';
import type { Asked, Page } from '../parts.ts';

const DAYS_SHOWN = 30;
const LISTINGS_SHOWN = 50;

export const unknownChannel = (id: string): PageBody => ({
  title: 'No such channel',
  body: html`<p>No channel is called ${id}. <a href="/console">The overview</a> shows those there are; one more is a block in allot.yaml.</p>`,
  status: 404,
});

function sayBreaker(breaker: StoredBreaker, now: Instant): Html {
  if (breaker.state === 'closed')
    return breaker.failures === 0
      ? state('good', 'closed', 'the platform is called')
      : html`${state('warn', 'closed')} after ${plural(breaker.failures, 'failure')} in a row: ${breaker.lastError}`;
  return html`${state('bad', 'open')} since ${ago(breaker.openedAt, now)}; the platform is asked again in ${duration(restMs(breaker, now))}: ${breaker.lastError}`;
}

/** The steps of its gate to choose from; whoever names none gets the first. */
async function liveForm(asked: Asked, id: string, gate: StoredGate): Promise<Html> {
  const begin =
    gate.mode === 'live' ? nextShare(gate.rule ?? { ramp: [] }, gate.share) : await firstShare(asked.db, id);
  const steps = (gate.rule?.ramp ?? []).map((step) => `${step} %`).join(', ');
  return html`<details${maybe('class', gate.mode === 'live' ? '' : 'card')}><summary>${gate.mode === 'live' ? 'Change the share' : 'Go live'}</summary>
<p>${gate.mode === 'live' ? `It is live for ${gate.share} % of its items.` : 'Its numbers are sent to the platform from now on.'} The rest is as in shadow: computed, never sent. A share only adds items to those that are live.${steps === '' ? ' It has no gate: nothing widens the share by itself.' : ` Its gate has the steps ${steps}.`}</p>
<form class="row" action="/console/channel-mode" method="post">${csrfField(asked.csrf)}<input type="hidden" name="channel" value="${id}"><input type="hidden" name="mode" value="live">
<label>Percent of its items <input name="share" inputmode="decimal" value="${begin ?? WHOLE_SHARE}" required maxlength="6" size="6" pattern="\\d{1,3}([.]\\d{1,2})?"></label><button type="submit">Send its numbers</button></form></details>`;
}

async function actions(asked: Asked, channel: ChannelOverview, gate: StoredGate): Promise<Html> {
  const { id, mode, configured } = channel;
  const mayLive = configured && asked.may(MODE_NEEDS.live) && (mode !== 'live' || gate.share < WHOLE_SHARE);
  return html`<div class="actions">${mode !== 'paused' && asked.may(MODE_NEEDS.paused) ? modeForm(id, 'paused', 'Pause', asked) : null}${
    asked.may('operator') && configured ? lookForms(id, asked, true) : null
  }${mode !== 'shadow' && asked.may(MODE_NEEDS.shadow) ? modeForm(id, 'shadow', 'Back to shadow', asked) : null}<a href="/console/channel-leave?id=${encodeURIComponent(id)}">Leave it</a></div>
${mayLive ? await liveForm(asked, id, gate) : nothing}`;
}

function gateSection(gate: StoredGate, days: readonly AgreementDay[], now: Instant): Html {
  const { rule } = gate;
  if (rule === null)
    return html`<p class="empty">It has no gate: people let it go live, and back. To have one, write a ${command('gate')} block at the channel in allot.yaml.</p>`;
  const clean = cleanDaysNow(gate, days, now) ?? 0;
  const wanted = gate.mode === 'live' ? rule.stepDays : rule.cleanDays;
  return pairs([
    ['Rule', sayGateRule(rule)],
    ['Clean days in a row', gate.mode === 'paused' ? null : `${clean} of ${wanted}`],
    ['Share', gate.mode === 'live' ? `${gate.share} % of its items` : null],
    ['What it does next', sayGate(gate, days, now)],
  ]);
}

const dayAt = (day: string): Instant => Date.parse(`${day}T00:00:00Z`);

function picture(days: readonly AgreementDay[]): Html {
  const oldest = days.toReversed();
  const series = (['shadow', 'live'] as const).flatMap((mode) => {
    const points = oldest.flatMap((day): (readonly [Instant, number])[] => {
      const percent = day.mode === mode ? agreementOf(day) : null;
      return percent === null ? [] : [[dayAt(day.day), Math.floor(percent * 100) / 100]];
    });
    return points.length === 0 ? [] : [{ label: `agree in ${mode}`, points }];
  });
  const says = 'Part of its listings that agree with the platform, by day';
  return lineChart({ id: 'agreement', says, unit: ' %', ...alignSeries(series) }, 'agreement-table');
}

function cleanState(gate: StoredGate, day: AgreementDay, now: Instant): Html | null {
  if (gate.rule === null) return null;
  const is = isClean(gate.rule, day);
  // Whole days alone count.
  if (day.day === dayOf(now)) return state('idle', is ? 'clean so far' : 'not clean so far');
  return is ? state('good', 'clean') : state('warn', 'not clean');
}

const agreementTable = (gate: StoredGate, days: readonly AgreementDay[], now: Instant): Html =>
  table({
    id: 'agreement-table',
    caption: 'How far allot and the platform agree, by day (UTC)',
    columns: [
      { title: 'Day' },
      { title: 'Mode' },
      { title: 'Agree', isNumber: true },
      { title: 'Compared', isNumber: true },
      { title: 'Differing', isNumber: true },
      { title: 'Units apart', isNumber: true },
      { title: 'Moving', isNumber: true, says: 'changed a moment ago: not compared' },
      { title: 'Scans', isNumber: true },
      { title: 'By cause' },
      ...(gate.rule === null ? [] : [{ title: 'Gate' }]),
    ],
    rows: days.map((day) => [
      day.day,
      day.mode,
      sayPercent(agreementOf(day)),
      number(day.compared),
      number(day.compared - day.agreed),
      number(day.units),
      number(day.moving),
      number(day.scans),
      sayCauses(day.causes),
      ...(gate.rule === null ? [] : [cleanState(gate, day, now)]),
    ]),
    empty: 'Not scanned yet: the daemon compares when it reconciles the channel.',
  });

/** Of the last whole look: to compare all of a channel anew for a page would cost as much as a scan. */
async function differing({ db, at }: Asked, id: string): Promise<Html> {
  const run = await lastWholeRun(db, id);
  if (run === undefined) return html`<p class="empty">No whole look came to its end yet.</p>`;
  const rows = (await readDifferences(db, run.id)).slice(0, LISTINGS_SHOWN);
  return html`<p class="quiet"><a href="/console/reconcile-run?id=${run.id}">Run ${run.id}</a>, ${ago(run.finishedAt, at)}: ${number(run.differing)} of ${figure(run.compared)} listings differed. As they were read since: ${command(`allot channels show ${id}`)}</p>${table(
    {
      caption: 'Listings that differed at the last whole look, those furthest apart first',
      columns: [
        { title: 'SKU' },
        { title: 'Listing' },
        { title: 'Should show', isNumber: true },
        { title: 'Showed', isNumber: true },
        { title: 'Apart', isNumber: true },
        { title: 'Cause' },
        { title: 'Because' },
      ],
      rows: rows.map((one) => [
        one.sku === null ? html`<span class="unknown">unmapped</span>` : skuLink(one.sku),
        html`<span class="sku">${one.listingRef}</span>`,
        number(one.wants),
        number(one.shows),
        number(Math.abs(one.wants - one.shows)),
        one.cause,
        one.because.join('; '),
      ]),
      empty: run.differing === 0 ? 'None.' : 'What it found was kept for seven days.',
    },
  )}`;
}

async function show(asked: Asked): Promise<PageBody> {
  const { db, at } = asked;
  const id = asked.query.get('id') ?? '';
  const [gate, overviews] = await Promise.all([readGate(db, id), readChannelOverviews(db)]);
  const channel = overviews.find((one) => one.id === id);
  if (gate === undefined || channel === undefined) return unknownChannel(id);
  const [days, breaker, apart] = await Promise.all([
    readAgreement(db, id, GATE_DAYS_READ),
    readBreaker(db, id),
    differing(asked, id),
  ]);
  const { tone, says, why } = stateOf(channel, asked.paceOf(id), at);
  const shown = days.slice(0, DAYS_SHOWN);
  const body = html`${gate.fellBackWhy === null ? null : html`<p class="notice bad">It fell back to shadow: ${gate.fellBackWhy}. Stop whoever else writes there, or mend the mapping, then let it go live again: only a person does.</p>`}
${pairs([
  ['State', html`${state(tone, says)} <span class="quiet">${why}</span>`],
  [
    'Mode',
    html`${sayMode(channel)} <span class="quiet">since ${ago(channel.modeChangedAt, at)}, by ${channel.modeChangedBy}</span>`,
  ],
  ['Left', gate.leftAt === null ? null : ago(gate.leftAt, at)],
  ['Program', channel.program],
  ['Breaker', sayBreaker(breaker, at)],
  [
    'Reconciled',
    html`${ago(channel.reconciledAt, at)} <a href="/console/reconcile?channel=${encodeURIComponent(id)}">its runs</a>`,
  ],
])}
<h2>Gate</h2>${gateSection(gate, days, at)}
<h2>Agreement</h2>${picture(shown)}${agreementTable(gate, shown, at)}
<h2>What differs most</h2>${apart}`;
  return { title: id, body, live: ['channels', 'sync'], still: await actions(asked, channel, gate) };
}

export const channelPage: Page = { path: '/channel', show };
