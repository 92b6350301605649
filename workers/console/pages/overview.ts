/** The first page: channels with their freshness, what waits and how long, drift, and the alerts that ask for somebody. */
import { type AlertCounts, countAlerts } from '#db/alert-counts.ts';
import { listAlerts } from '#db/alert-list.ts';
import {
  type ChannelOverview,
  LOOKED_MAX,
  readChannelOverviews,
  readWaitingWork,
  readWorkers,
  type WaitingWork,
} from '#db/overview.ts';
import { type ChannelLatency, readLatency } from '#db/sales-measures.ts';
import { type LatencyHour, readLatencyHours } from '#db/sync-latency.ts';
import { sayMode } from '../../gate-words.ts';
import { alertLine } from '../alert-words.ts';
import { channelActions, channelLink } from '../channel-forms.ts';
import { stateOf } from '../channel-state.ts';
import { alignSeries, bars, lineChart } from '../charts.ts';
import { ago, count, duration, exactly, figure, number, state, type Tone, table } from '../format.ts';
import { type Html, html, nothing, type Shown } from '../html.ts';
import type { Asked, Page } from '../parts.ts';

const ALERTS_SHOWN = 8;
const LATENCY_MS = 24 * 3_600_000;

type Tile = {
  readonly name: string;
  readonly value: string;
  readonly more: string | Html;
  readonly tone: Tone;
  readonly to: string;
};

const tile = ({ name, value, more, tone, to }: Tile): Html =>
  html`<li class="tile ${tone}"><span class="name">${name}</span><span class="value"><a href="${to}">${value}</a></span><span class="more">${more}</span></li>`;

const sayOldest = (at: number | null, now: number, none: string): string =>
  at === null ? none : `oldest ${duration(now - at)}`;

const QUEUE_OLD_MS = 60_000;

function tiles(work: WaitingWork, channels: readonly ChannelOverview[], alerts: AlertCounts, now: number): Html {
  const bad = alerts.grave;
  const oldest = [work.inboxOldestAt, work.commandsOldestAt].filter((at) => at !== null);
  const queueAge = oldest.length === 0 ? null : now - Math.min(...oldest);
  const looked = channels.filter(({ drifting }) => drifting !== null);
  const drifting = looked.reduce((sum, one) => sum + (one.drifting ?? 0), 0);
  // What nobody looked at is not well, only unknown.
  const lookedTone: Tone = looked.length === 0 ? 'idle' : 'good';
  const driftTone: Tone = drifting > 0 ? 'warn' : lookedTone;
  const alertTone: Tone = bad > 0 ? 'bad' : 'warn';
  const rows: Tile[] = [
    {
      name: 'Open alerts',
      value: count(alerts.open),
      more: bad === 0 ? 'none critical' : `${bad} critical or error`,
      tone: alerts.open === 0 ? 'good' : alertTone,
      to: '/console/alerts',
    },
    {
      name: 'Queue age',
      value: queueAge === null ? '0' : duration(queueAge),
      more: `${count(work.inbox)} in the inbox, ${count(work.commands)} to decide`,
      tone: queueAge !== null && queueAge > QUEUE_OLD_MS ? 'warn' : 'good',
      to: '/console/queues',
    },
    {
      name: 'Drift',
      value: looked.length === 0 ? '?' : atLeast(drifting, drifting),
      more: looked.length === 0 ? 'nobody looked yet' : 'listings show another number',
      tone: driftTone,
      to: '/console/reconcile',
    },
    {
      name: 'Short',
      value: number(work.shortUnits),
      more: `units in ${count(work.shortages)} shortages; ${sayOldest(work.shortOldestAt, now, 'none')}`,
      tone: work.shortages > 0 ? 'warn' : 'good',
      to: '/console/shortages',
    },
    {
      name: 'Parked',
      value: count(work.parked),
      more: sayOldest(work.parkedOldestAt, now, 'nothing waits for a person'),
      tone: work.parked > 0 ? 'warn' : 'good',
      to: '/console/parked',
    },
    {
      name: 'To approve',
      value: count(work.reallocations + work.proposals),
      more: `${work.reallocations} reallocations, ${work.proposals} policies`,
      tone: work.reallocations + work.proposals > 0 ? 'busy' : 'good',
      to: '/console/reallocations',
    },
  ];
  return html`<ul class="tiles">${rows.map(tile)}</ul>`;
}

function freshness(channel: ChannelOverview, asked: Asked): Html {
  return html`${ago(channel.polledAt, asked.at, 'not yet')} <span class="quiet">of ${duration(asked.paceOf(channel.id).pollMs)}</span>`;
}

/** Where as many were found as are looked at, there may be more. */
const atLeast = (value: number, all: number): string => (all >= LOOKED_MAX ? `${number(value)}+` : number(value));

function channelTable(channels: readonly ChannelOverview[], asked: Asked): Html {
  const behind = channels.reduce((sum, one) => sum + one.behind, 0);
  const blocked = channels.reduce((sum, one) => sum + one.blocked, 0);
  const drifting = channels.reduce((sum, one) => sum + (one.drifting ?? 0), 0);
  return table({
    caption: 'Channels',
    columns: [
      { title: 'Channel' },
      { title: 'Mode' },
      { title: 'State', says: 'what the platform last answered, and whether it is on time' },
      { title: 'Orders read', says: 'how long ago its orders were asked for, of how often they are to be' },
      { title: 'Reconciled', says: 'the last whole look at the platform' },
      { title: 'Behind', isNumber: true, says: 'numbers that the platform has not acknowledged' },
      { title: 'Oldest', says: 'since when the oldest of them waits' },
      { title: 'In flight', isNumber: true, says: 'writes on their way' },
      { title: 'Drift', isNumber: true, says: 'listings that show another number than they should' },
      { title: 'Blocked', isNumber: true, says: 'listings whose number the platform refuses' },
      { title: 'Unmapped', isNumber: true, says: 'listings that are no item yet' },
      { title: 'Do' },
    ],
    rows: channels.map((channel) => {
      const { tone, says, why } = stateOf(channel, asked.paceOf(channel.id), asked.at);
      return [
        html`<strong>${channelLink(channel.id)}</strong><br><span class="quiet">${channel.program}</span>`,
        html`<span title="since ${exactly(channel.modeChangedAt)}, by ${channel.modeChangedBy}">${sayMode(channel)}</span>`,
        html`${state(tone, says, why)}${tone === 'bad' ? html`<br><span class="quiet">${why}</span>` : null}`,
        freshness(channel, asked),
        ago(channel.reconciledAt, asked.at),
        atLeast(channel.behind, behind),
        channel.behindSince === null ? html`<span class="quiet">none</span>` : ago(channel.behindSince, asked.at),
        count(channel.inFlight),
        html`<span title="${channel.driftCauses ?? ''}">${channel.drifting === null ? figure(null) : atLeast(channel.drifting, drifting)}</span>`,
        atLeast(channel.blocked, blocked),
        count(channel.unmapped),
        channelActions(channel, asked),
      ];
    }),
    empty: html`No channel yet: define one in allot.yaml and start the daemon.`,
  });
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** From the sale on its platform; where no other channel sells an item, nothing has to follow it. */
function latencyPicture(hours: readonly LatencyHour[], latencies: readonly ChannelLatency[]): Html {
  const now = latencies.filter(({ since }) => since === 'sold');
  if (now.length === 0) return html`<p class="empty">Not measured yet: no sale had to be told to another channel.</p>`;
  const series = [...new Set(hours.map(({ channel }) => channel))].sort().map((channel) => ({
    label: channel,
    points: hours
      .filter((row) => row.channel === channel)
      .map((row) => [row.at, Math.round(row.p95Ms / 100) / 10] as const),
  }));
  const chart = {
    id: 'latency',
    says: 'From a sale to its acknowledgement by the other channels: 95 % within so many seconds, by hour',
    unit: ' s',
    ...alignSeries(series),
  };
  return html`${lineChart(chart, 'latency-table')}${table({
    id: 'latency-table',
    caption: 'From a sale to its acknowledgement, over the hours that count',
    isCaptionHidden: false,
    columns: [
      { title: 'Channel' },
      { title: 'Numbers', isNumber: true },
      { title: 'Half within', isNumber: true },
      { title: '95 % within', isNumber: true },
      { title: '99 % within', isNumber: true },
    ],
    rows: now.map((one) => [
      one.channel,
      number(one.samples),
      seconds(one.p50Ms),
      seconds(one.p95Ms),
      seconds(one.p99Ms),
    ]),
    empty: nothing,
  })}`;
}

/** `manual 3, lateApply 1`, as reconcile writes it. */
function causesOf(channels: readonly ChannelOverview[]): { readonly label: string; readonly units: number }[] {
  const sums = new Map<string, number>();
  for (const { driftCauses } of channels)
    for (const [, cause = '', listings = '0'] of (driftCauses ?? '').matchAll(/([A-Za-z]+) (\d+)/g))
      sums.set(cause, (sums.get(cause) ?? 0) + Number(listings));
  return [...sums].map(([label, units]) => ({ label, units })).toSorted((a, b) => b.units - a.units);
}

export function driftPicture(channels: readonly ChannelOverview[]): Shown {
  const causes = causesOf(channels);
  if (causes.length > 0) return bars(causes);
  const unseen = channels.filter(({ reconciledAt }) => reconciledAt === null).map(({ id }) => id);
  return unseen.length === 0
    ? html`<p class="empty">The last look at every channel found no listing that shows another number.</p>`
    : html`<p class="empty">Nothing found; not looked at yet: ${unseen.join(', ')}.</p>`;
}

async function show(asked: Asked) {
  const { db, at } = asked;
  const [channels, work, workers, alerts, counts, hours, latencies] = await Promise.all([
    readChannelOverviews(db),
    readWaitingWork(db),
    readWorkers(db),
    listAlerts(db, {}, ALERTS_SHOWN),
    countAlerts(db),
    readLatencyHours(db, at - LATENCY_MS),
    readLatency(db),
  ]);
  const body = html`${workers.length === 0 ? html`<p class="notice warn">No worker was seen in the last minute: ${html`<code class="command">npm start</code>`}</p>` : null}
${tiles(work, channels, counts, at)}
<h2>Channels</h2>${channelTable(channels, asked)}
<div class="columns"><section><h2>Alerts</h2>${
    alerts.length === 0
      ? html`<p class="empty">None is open.</p>`
      : html`${alerts.map((alert) => alertLine(alert, asked))}${counts.open > ALERTS_SHOWN ? html`<p><a href="/console/alerts">All ${count(counts.open)}</a></p>` : null}`
  }</section>
<section><h2>Drift by cause</h2>${driftPicture(channels)}
<h2>Sync latency</h2>${latencyPicture(hours, latencies)}</section></div>`;
  return { title: 'Overview', body, live: ['stock', 'sync', 'alerts', 'channels', 'work'] as const };
}

export const overview: Page = { path: '/', show };
