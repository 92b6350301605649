/** Alerts as every page shows them: title, since when, what to do. */
import type { Instant } from '#core/model.ts';
import type { AlertRow } from '#db/alert-list.ts';
import { ago, command, state, type Tone } from './format.ts';
import { type Html, html } from './html.ts';

const TONES: Readonly<Record<AlertRow['severity'], Tone>> = { critical: 'bad', error: 'bad', warning: 'warn', info: 'busy' };

export const severityOf = ({ severity }: Pick<AlertRow, 'severity'>): Html => state(TONES[severity], severity);

/** The next step is a command, or a sentence. */
export const nextStepOf = (nextStep: string): Html => (nextStep.startsWith('allot ') ? command(nextStep) : html`${nextStep}`);

export const alertLine = (alert: AlertRow, now: Instant): Html =>
  html`<article class="card alert ${alert.severity}"><h3>${severityOf(alert)} <a href="/console/alert?id=${alert.id}">${alert.title}</a></h3>
<p class="quiet">since ${ago(alert.firstSeenAt, now)}${alert.count > 1 ? html`, seen ${alert.count} times` : null}${alert.state === 'open' ? null : html`, ${alert.state}`}${alert.owner === null ? null : html`, with ${alert.owner}`}</p>
<p>Next: ${nextStepOf(alert.nextStep)}</p></article>`;
