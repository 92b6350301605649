/** Alerts as every page shows them: title, since when, who has it, what to do, and the buttons. */
import type { Severity } from '#core/alert-catalogue.ts';
import type { Instant } from '#core/model.ts';
import type { AlertRow } from '#db/alert-list.ts';
import type { AlertState } from '#db/alerts.ts';
import { sayWorth } from '../alert-words.ts';
import { ago, command, moment, state, type Tone } from './format.ts';
import { type Html, html, nothing, type Shown } from './html.ts';
import { csrfField } from './layout.ts';
import type { Asked } from './parts.ts';

const TONES: Readonly<Record<Severity, Tone>> = { critical: 'bad', error: 'bad', warning: 'warn', info: 'busy' };

const STATE_TONES: Readonly<Record<AlertState, Tone>> = {
  open: 'warn',
  acknowledged: 'busy',
  snoozed: 'idle',
  proving: 'busy',
  closed: 'good',
};

const STATE_SAYS: Readonly<Record<AlertState, string>> = {
  open: 'open',
  acknowledged: 'acknowledged',
  snoozed: 'snoozed',
  proving: 'said to be mended, waits for proof',
  closed: 'closed with proof',
};

export const severityOf = ({ severity }: Pick<AlertRow, 'severity'>): Html => state(TONES[severity], severity);

export const alertState = ({ state: is, mending }: Pick<AlertRow, 'state' | 'mending'>): Html =>
  html`${state(STATE_TONES[is], STATE_SAYS[is])}${mending && is !== 'closed' ? html` ${state('busy', 'allot is mending it')}` : null}`;

/** The next step is a command, or a sentence. */
export const nextStepOf = (nextStep: string): Html =>
  nextStep.startsWith('allot ') ? command(nextStep) : html`${nextStep}`;

/** Numbers as they are; what is named, up to a few. */
const NAMED_MAX = 8;
const WORTH_FIELDS = new Set(['money', 'unitsCounted', 'unitsWithoutValue', 'unitsNotCounted']);
export function touchesOf(alert: AlertRow): Html {
  const parts: Shown[] = Object.entries(alert.touches).flatMap(([name, value]) => {
    if (WORTH_FIELDS.has(name)) return [];
    if (typeof value !== 'object') return [html`${name} <strong>${value}</strong>`];
    const texts = value.filter((one) => typeof one === 'string');
    if (texts.length === 0) return [];
    const shown = texts.slice(0, NAMED_MAX);
    const named =
      name === 'skus'
        ? shown.map((sku) => html`<a class="sku" href="/console/sku?s=${encodeURIComponent(sku)}">${sku}</a> `)
        : [shown.join(', ')];
    return [html`${name} ${named}${texts.length > NAMED_MAX ? html`and ${texts.length - NAMED_MAX} more` : null}`];
  });
  parts.push(...sayWorth(alert.touches).map((worth) => html`<strong>${worth}</strong>`));
  const { reach } = alert;
  if (reach !== null)
    parts.push(html`open orders <strong>${reach.orders}</strong>, units wanted <strong>${reach.units}</strong>`);
  return parts.length === 0
    ? html`<span class="quiet">nothing is counted</span>`
    : html`${parts.map((part, index) => (index === 0 ? part : html`, ${part}`))}`;
}

const button = (alert: AlertRow, step: string, says: string, { csrf }: Asked): Html =>
  html`<form class="inline" action="/console/alert-step" method="post">${csrfField(csrf)}<input type="hidden" name="id" value="${alert.id}"><input type="hidden" name="step" value="${step}"><button class="plain" type="submit">${says}<span class="hidden">: ${alert.title}</span></button></form>`;

export function alertActions(alert: AlertRow, asked: Asked): Html {
  if (alert.state === 'closed' || !asked.may('operator')) return nothing;
  return html`<div class="actions">${alert.state === 'open' || alert.state === 'snoozed' ? button(alert, 'ack', 'Acknowledge', asked) : null}${
    alert.owner === asked.visitor.name ? null : button(alert, 'take', 'Take', asked)
  }${alert.state === 'proving' ? null : button(alert, 'resolve', 'It is mended', asked)}
<form class="inline" action="/console/alert-step" method="post">${csrfField(asked.csrf)}<input type="hidden" name="id" value="${alert.id}"><input type="hidden" name="step" value="snooze"><label class="hidden" for="until-${alert.id}">Silent for</label><select name="for" id="until-${alert.id}"><option value="1">1 hour</option><option value="4">4 hours</option><option value="24">a day</option><option value="168">a week</option></select><button class="plain" type="submit">Snooze<span class="hidden">: ${alert.title}</span></button></form></div>`;
}

const ownerOf = (alert: AlertRow): Html =>
  alert.owner === null ? nothing : html`, with <strong>${alert.owner}</strong>`;

export function alertLine(alert: AlertRow, asked: Asked): Html {
  const now: Instant = asked.at;
  return html`<article class="card alert ${alert.severity}"><h3>${severityOf(alert)} <a href="/console/alert?id=${alert.id}">${alert.title}</a></h3>
<p class="quiet">${alertState(alert)} since ${ago(alert.firstSeenAt, now)}${alert.count > 1 ? html`, seen ${alert.count} times` : null}${alert.reopened > 0 ? html`, <strong>came back</strong> ${alert.reopened === 1 ? 'once' : `${alert.reopened} times`}` : null}${ownerOf(alert)}${
    alert.deadline === null
      ? null
      : html`, to be done by ${moment(alert.deadline, now)}${alert.isPromised ? ' (promised)' : null}`
  }${alert.snoozedUntil === null ? null : html`, silent until ${moment(alert.snoozedUntil, now)} or until it gets worse`}</p>
<p>Touches: ${touchesOf(alert)}</p><p>Next: ${nextStepOf(alert.nextStep)}</p>${alertActions(alert, asked)}</article>`;
}
