/** Alerts in the order in which somebody should look, one alert with its trail, and what people do with them. */
import { Rejected } from '#core/errors.ts';
import { type AlertFilter, listAlerts, readAlert } from '#db/alert-list.ts';
import { ackAlert, resolveAlert, snoozeAlert, takeAlert } from '#db/alerts.ts';
import { alertActions, alertLine, alertState, nextStepOf, severityOf, touchesOf } from '../alert-words.ts';
import { ago, moment, pairs, table } from '../format.ts';
import { type Html, html, nothing } from '../html.ts';
import type { Action, Asked, Page } from '../parts.ts';

const ROWS = 60;
const HOUR_MS = 3_600_000;

const VIEWS = {
  open: { says: 'Open', filter: {} },
  new: { says: 'Nobody looked yet', filter: { state: 'open' } },
  acknowledged: { says: 'Acknowledged', filter: { state: 'acknowledged' } },
  snoozed: { says: 'Snoozed', filter: { state: 'snoozed' } },
  proving: { says: 'Waiting for proof', filter: { state: 'proving' } },
  closed: { says: 'Closed', filter: { state: 'closed' } },
} as const satisfies Readonly<Record<string, { says: string; filter: AlertFilter }>>;

type ViewName = keyof typeof VIEWS;
const isView = (text: string): text is ViewName => Object.hasOwn(VIEWS, text);

async function showAlerts(asked: Asked) {
  const wanted = asked.query.get('show') ?? 'open';
  const view = isView(wanted) ? wanted : 'open';
  const alerts = await listAlerts(asked.db, VIEWS[view].filter, ROWS);
  const tab = ([name, { says }]: [string, { says: string }]): Html =>
    html`<li><a href="/console/alerts?show=${name}" aria-current="${String(name === view)}">${says}</a></li>`;
  const body = html`<ul class="filters">${Object.entries(VIEWS).map(tab)}</ul>
${alerts.length === 0 ? html`<p class="empty">None.</p>` : alerts.map((alert) => alertLine(alert, asked))}
${alerts.length === ROWS ? html`<p class="quiet">The first ${ROWS}; <code class="command">allot alerts</code> tells more.</p>` : nothing}`;
  return { title: 'Alerts', body, live: ['alerts'] as const };
}

async function showAlert(asked: Asked) {
  const id = Number(asked.query.get('id'));
  const whole = Number.isSafeInteger(id) ? await readAlert(asked.db, id) : null;
  if (whole === null)
    return { title: 'No such alert', body: html`<p><a href="/console/alerts">All alerts</a></p>`, status: 404 };
  const { alert, trail, messages } = whole;
  const { at } = asked;
  const body = html`<p>${severityOf(alert)} ${alertState(alert)}</p>${pairs([
    ['Touches', touchesOf(alert)],
    ['Cause', alert.cause],
    ['Next', nextStepOf(alert.nextStep)],
    ['Channel', alert.channel],
    ['Owner', alert.owner],
    [
      'By',
      alert.deadline === null
        ? null
        : html`${moment(alert.deadline, at)}${alert.isPromised ? ', promised to customers' : null}`,
    ],
    ['First seen', html`${moment(alert.firstSeenAt, at)} UTC, ${ago(alert.firstSeenAt, at)}`],
    ['Last seen', html`${ago(alert.lastSeenAt, at)}, ${alert.count} times in all`],
    ['Came back', alert.reopened === 0 ? null : `${alert.reopened} times`],
    ['Proof', alert.proof],
    ['Code', html`<code>${alert.code}</code>`],
  ])}${alertActions(alert, asked)}
<h2>Trail</h2>${table({
    caption: 'What became of it',
    columns: [{ title: 'When' }, { title: 'What' }, { title: 'Who' }, { title: 'More' }],
    rows: trail.map((event) => [moment(event.at, at), event.kind, event.actor, event.detail]),
    empty: 'Nothing yet.',
  })}<h2>Messages</h2>${table({
    caption: 'Who was told',
    columns: [
      { title: 'To' },
      { title: 'About' },
      { title: 'State' },
      { title: 'Tries', isNumber: true },
      { title: 'When' },
      { title: 'Last error' },
    ],
    rows: messages.map((one) => [
      one.destination,
      one.about,
      one.state,
      one.attempts,
      moment(one.finishedAt ?? one.createdAt, at),
      one.lastError,
    ]),
    empty: 'Nobody was told by message.',
  })}`;
  return { title: alert.title, body, live: ['alerts'] as const };
}

const step: Action = {
  path: '/alert-step',
  need: 'operator',
  async act(asked, form) {
    const id = Number(form.get('id'));
    const { db, at, visitor } = asked;
    const one = { id: Number.isSafeInteger(id) ? id : 0, by: visitor.actor };
    const to = `/console/alert?id=${one.id}`;
    switch (form.get('step') ?? '') {
      case 'ack':
        await ackAlert(db, one);
        return { to, notice: 'Acknowledged: people know that you have seen it.' };
      case 'take':
        await takeAlert(db, { ...one, owner: visitor.name });
        return { to, notice: 'It is yours now.' };
      case 'resolve':
        await resolveAlert(db, one);
        return { to, notice: 'Noted. The next reading closes it, or opens it again.' };
      case 'snooze': {
        const hours = Number(form.get('for'));
        if (!Number.isInteger(hours) || hours < 1 || hours > 168)
          throw new Rejected('it can be silent for 1 to 168 hours', {
            field: 'for',
            value: form.get('for'),
            fix: `allot alerts snooze ${one.id} --until 4h`,
          });
        await snoozeAlert(db, { ...one, until: at + hours * HOUR_MS });
        return { to, notice: `Silent for ${hours === 1 ? 'an hour' : `${hours} hours`}, or until it gets worse.` };
      }
      default:
        throw new Rejected('nothing of that kind can be done with an alert', {
          field: 'step',
          value: form.get('step'),
          fix: 'allot alerts --help',
        });
    }
  },
};

export const alertPages: readonly Page[] = [
  { path: '/alerts', show: showAlerts },
  { path: '/alert', show: showAlert },
];
export const alertForms: readonly Action[] = [step];
