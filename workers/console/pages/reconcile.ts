/** What reconcile found: each channel's last whole look, what shows another number by cause, and the runs with who started them. */

import { listAlerts } from '#db/alert-list.ts';
import { countStopped } from '#db/drift.ts';
import { readItemPage } from '#db/item-list.ts';
import { type ChannelOverview, readChannelOverviews } from '#db/overview.ts';
import { listRuns, type ReconcileRun } from '#db/reconcile-runs.ts';
import { COUNT_MAX } from '#db/status.ts';
import { alertLine } from '../alert-words.ts';
import { channelActions, channelLink } from '../channel-forms.ts';
import { stateOf } from '../channel-state.ts';
import { ago, count, duration, figure, skuLink, state, table } from '../format.ts';
import { type Html, html, nothing } from '../html.ts';
import type { PageBody } from '../layout.ts';
import type { Asked, Page } from '../parts.ts';
import { runTable } from '../run-words.ts';
import { driftPicture } from './overview.ts';

const ALERTS_SHOWN = 20;
const SKUS_SHOWN = 50;
const RUNS_SHOWN = 30;

const channelTable = (channels: readonly ChannelOverview[], asked: Asked): Html =>
  table({
    caption: 'The last look at each channel',
    columns: [
      { title: 'Channel' },
      { title: 'State' },
      { title: 'Last whole look' },
      { title: 'Wanted every' },
      { title: 'Drift', isNumber: true },
      { title: 'By cause' },
      { title: 'Do' },
    ],
    rows: channels.map((channel) => {
      const pace = asked.paceOf(channel.id);
      const { tone, says, why } = stateOf(channel, pace, asked.at);
      return [
        channelLink(channel.id),
        state(tone, says, why),
        ago(channel.reconciledAt, asked.at),
        duration(pace.reconcileMs),
        figure(channel.drifting),
        channel.driftCauses,
        channelActions(channel, asked, true),
      ];
    }),
    empty: 'No channel yet.',
  });

type Choice = { readonly channel: string | null; readonly withLight: boolean };

function pathOf({ channel, withLight }: Choice, before?: number): string {
  const query = new URLSearchParams({
    ...(channel === null ? {} : { channel }),
    ...(withLight ? { runs: 'all' } : {}),
    ...(before === undefined ? {} : { before: String(before) }),
  });
  return query.size === 0 ? '/console/reconcile' : `/console/reconcile?${query.toString()}`;
}

function runSection(
  runs: readonly ReconcileRun[],
  choice: Choice,
  channels: readonly ChannelOverview[],
  { at }: Asked,
): Html {
  const link = (to: Choice, says: string, is: boolean) =>
    html`<li><a href="${pathOf(to)}" aria-current="${String(is)}">${says}</a></li>`;
  const last = runs.length === RUNS_SHOWN ? runs.at(-1) : undefined;
  return html`<ul class="filters">${link({ ...choice, withLight: false }, 'Whole looks', !choice.withLight)}${link({ ...choice, withLight: true }, 'Light scans too', choice.withLight)}</ul>
<ul class="filters">${link({ ...choice, channel: null }, 'Every channel', choice.channel === null)}${channels.map(({ id }) => link({ ...choice, channel: id }, id, choice.channel === id))}</ul>
${runTable(runs, at)}<p class="pages">${last === undefined ? nothing : html`<a class="button" href="${pathOf(choice, last.id)}">The next ${RUNS_SHOWN}</a>`}</p>
<p class="quiet">Light scans are kept for two days, the others for thirty, what they found for seven.</p>`;
}

function takeBefore(text: string | null): number | undefined {
  const id = Number(text ?? Number.NaN);
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

async function show(asked: Asked): Promise<PageBody> {
  const { db, query } = asked;
  const choice: Choice = { channel: query.get('channel'), withLight: query.get('runs') === 'all' };
  const before = takeBefore(query.get('before'));
  const runs = await listRuns(db, {
    withLight: choice.withLight,
    limit: RUNS_SHOWN,
    ...(choice.channel === null ? {} : { channel: choice.channel }),
    ...(before === undefined ? {} : { before }),
  });
  const [channels, alerts, drifting, stopped] = await Promise.all([
    readChannelOverviews(db),
    listAlerts(db, { code: 'drift' }, ALERTS_SHOWN),
    readItemPage(db, { filter: 'drifting', after: '', limit: SKUS_SHOWN }),
    countStopped(db, COUNT_MAX),
  ]);
  const body = html`${channelTable(channels, asked)}<h2>Drift by cause</h2>${driftPicture(channels)}
<p>${stopped === 0 ? html`<a href="/console/stopped">No listing is stopped.</a>` : html`${state('bad', `${count(stopped)} stopped`)} <a href="/console/stopped">Listings that are not raised until a person says so</a>`}</p>
<h2>Runs</h2>${runSection(runs, choice, channels, asked)}
<h2>Items that are looked at again</h2>${
    drifting.skus.length === 0
      ? html`<p class="empty">None.</p>`
      : html`<ul class="plain">${drifting.skus.map((sku) => html`<li>${skuLink(sku)}</li>`)}</ul>`
  }<h2>Alerts</h2>${alerts.length === 0 ? html`<p class="empty">None is open.</p>` : alerts.map((alert) => alertLine(alert, asked))}`;
  return { title: 'Reconcile', body, live: ['channels', 'alerts', 'sync', 'runs'] };
}

export const reconcilePage: Page = { path: '/reconcile', show };
