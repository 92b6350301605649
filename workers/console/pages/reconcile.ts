/** What reconcile found: each channel's last whole look at its platform, and what shows another number, by cause. */

import { listAlerts } from '#db/alert-list.ts';
import { readItemPage } from '#db/item-list.ts';
import { readChannelOverviews } from '#db/overview.ts';
import { alertLine } from '../alert-words.ts';
import { channelActions } from '../channel-forms.ts';
import { stateOf } from '../channel-state.ts';
import { ago, duration, figure, skuLink, state, table } from '../format.ts';
import { html } from '../html.ts';
import type { Asked, Page } from '../parts.ts';
import { driftPicture } from './overview.ts';

const ALERTS_SHOWN = 20;
const SKUS_SHOWN = 50;

async function show(asked: Asked) {
  const { db, at } = asked;
  const [channels, alerts, drifting] = await Promise.all([
    readChannelOverviews(db),
    listAlerts(db, { code: 'drift' }, ALERTS_SHOWN),
    readItemPage(db, { filter: 'drifting', after: '', limit: SKUS_SHOWN }),
  ]);
  const body = html`${table({
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
      const { tone, says, why } = stateOf(channel, pace, at);
      return [
        html`<strong>${channel.id}</strong>`,
        state(tone, says, why),
        ago(channel.reconciledAt, at),
        duration(pace.reconcileMs),
        figure(channel.drifting),
        channel.driftCauses,
        channelActions(channel, asked),
      ];
    }),
    empty: 'No channel yet.',
  })}<h2>Drift by cause</h2>${driftPicture(channels)}
<h2>Items that are looked at again</h2>${
    drifting.skus.length === 0
      ? html`<p class="empty">None.</p>`
      : html`<ul class="plain">${drifting.skus.map((sku) => html`<li>${skuLink(sku)}</li>`)}</ul>`
  }<h2>Alerts</h2>${alerts.length === 0 ? html`<p class="empty">None is open.</p>` : alerts.map((alert) => alertLine(alert, asked))}`;
  return { title: 'Reconcile', body, live: ['channels', 'alerts', 'sync'] as const };
}

export const reconcilePage: Page = { path: '/reconcile', show };
