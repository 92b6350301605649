/** Runs of reconcile as every page shows them. */
import type { Instant } from '#core/model.ts';
import { BY_TIMER, type ReconcileRun } from '#db/reconcile-runs.ts';
import { sayCauses } from '../gate-words.ts';
import { channelLink } from './channel-forms.ts';
import { ago, duration, figure, number, skuLink, state, table } from './format.ts';
import { type Html, html } from './html.ts';

export const runMode = ({ mode, isDryRun, sku }: ReconcileRun): Html =>
  html`${mode === 'item' && sku !== null ? html`item ${skuLink(sku)}` : mode}${isDryRun ? ', dry run' : null}`;

export function runState({ state: is, error, differing }: ReconcileRun): Html {
  if (is === 'asked') return state('busy', 'asked for', 'it begins as soon as its platform may be called');
  if (is === 'running') return state('busy', 'running');
  if (is === 'failed') return state('bad', 'failed', error ?? '');
  return differing > 0 ? state('warn', 'done, some differ') : state('good', 'done');
}

export const sayActor = (actor: string): string => (actor === BY_TIMER ? 'allot, by its timer' : actor);

export const tookOf = ({ startedAt, finishedAt }: ReconcileRun, now: Instant): Html | null => {
  if (startedAt === null) return null;
  return finishedAt === null
    ? html`<span class="quiet">for</span> ${duration(now - startedAt)}`
    : html`${duration(finishedAt - startedAt)}`;
};

export const runTable = (runs: readonly ReconcileRun[], now: Instant): Html =>
  table({
    caption: 'Runs, the newest first',
    columns: [
      { title: 'Run' },
      { title: 'Channel' },
      { title: 'Mode', says: 'full: all that the platform shows; light: some listings of it' },
      { title: 'State' },
      { title: 'Started' },
      { title: 'Took' },
      { title: 'Compared', isNumber: true },
      { title: 'Differing', isNumber: true },
      { title: 'By cause' },
      { title: 'Healed', isNumber: true, says: 'had drifted, and shows what it should by this read' },
      { title: 'Alerted', isNumber: true },
      { title: 'Open', isNumber: true, says: 'listings of the channel that drift still, after it' },
      { title: 'By' },
    ],
    rows: runs.map((run) => [
      html`<a href="/console/reconcile-run?id=${run.id}">${run.id}</a>`,
      channelLink(run.channel),
      runMode(run),
      runState(run),
      ago(run.startedAt ?? run.askedAt, now),
      tookOf(run, now),
      figure(run.compared),
      number(run.differing),
      sayCauses(run.causes),
      number(run.healed),
      number(run.alerted),
      figure(run.openAfter),
      sayActor(run.actor),
    ]),
    empty: 'No run yet: the daemon looks at each channel by its interval, and whenever somebody asks.',
  });
