/** One run of reconcile: who started it, what it looked at, and what it found to differ, as it was then. */
import {
  DIFFERENCES_MAX,
  type ReconcileRun,
  type RunDifference,
  readDifferences,
  readRun,
} from '#db/reconcile-runs.ts';
import { quoted } from '../../alert-words.ts';
import { MENDS, REMEDY_SAYS } from '../../compare.ts';
import { sayCauses } from '../../gate-words.ts';
import { channelLink, lookForms } from '../channel-forms.ts';
import { bars } from '../charts.ts';
import { ago, exactly, figure, number, pairs, skuLink, table } from '../format.ts';
import { type Html, html } from '../html.ts';
import type { PageBody } from '../layout.ts';
import type { Asked, Page } from '../parts.ts';
import { runMode, runState, sayActor, tookOf } from '../run-words.ts';

const differenceTable = (found: readonly RunDifference[], { channel, isDryRun }: ReconcileRun): Html =>
  table({
    caption: 'What differed',
    columns: [
      { title: 'Listing' },
      { title: 'SKU' },
      { title: 'Cause' },
      { title: 'Shows', isNumber: true },
      { title: 'Should show', isNumber: true },
      { title: 'Because' },
      { title: isDryRun ? 'Would be' : 'Then' },
      { title: 'What mends it' },
    ],
    rows: found.map((one) => [
      html`<span class="sku">${one.listingRef}</span>`,
      one.sku === null ? html`<span class="unknown">unmapped</span>` : skuLink(one.sku),
      one.cause,
      number(one.shows),
      number(one.wants),
      one.because.join('; '),
      REMEDY_SAYS[one.remedy],
      MENDS[one.cause](channel, quoted(one.listingRef), quoted(one.sku ?? 'SKU')),
    ]),
    empty: 'Its differences were kept for seven days.',
  });

function findings(run: ReconcileRun, differences: readonly RunDifference[]): Html {
  if (run.state === 'asked')
    return html`<p class="notice">It waits for its turn: a daemon with the role reconcile takes it, as soon as the platform of ${run.channel} may be called.</p>`;
  if (run.differing === 0)
    return run.compared === null && run.state === 'done'
      ? html`<p class="empty">This platform cannot be read; its receipts tell what it took.</p>`
      : html`<p class="empty">Nothing differed${run.state === 'running' ? ' so far' : ''}.</p>`;
  const causes = Object.entries(run.causes).map(([label, units]) => ({ label, units }));
  return html`${bars(causes.toSorted((a, b) => b.units - a.units))}${differenceTable(differences, run)}${
    run.differing > DIFFERENCES_MAX
      ? html`<p class="quiet">The first ${DIFFERENCES_MAX} of ${number(run.differing)}.</p>`
      : null
  }`;
}

async function show(asked: Asked): Promise<PageBody> {
  const { db, at } = asked;
  const id = Number(asked.query.get('id'));
  const run = Number.isSafeInteger(id) ? await readRun(db, id) : undefined;
  if (run === undefined)
    return {
      title: 'No such run',
      body: html`<p>No run has this number, or it is older than is kept. <a href="/console/reconcile">The runs there are</a></p>`,
      status: 404,
    };
  const differences = await readDifferences(db, id);
  const body = html`${run.state === 'failed' ? html`<p class="notice bad">It did not come to its end: ${run.error}. ${run.isDryRun ? 'Ask for another one.' : 'allot looks again by itself.'}</p>` : null}${
    run.isDryRun && run.state === 'done' && run.differing > 0
      ? html`<p class="notice">A dry run: nothing was changed. A reconcile mends what is allot's to mend.</p>`
      : null
  }${pairs([
    ['Channel', channelLink(run.channel)],
    ['State', runState(run)],
    ['Mode', runMode(run)],
    ['Started by', sayActor(run.actor)],
    ['Asked', run.startedAt === null || run.startedAt - run.askedAt > 1000 ? exactly(run.askedAt) : null],
    [
      'Started',
      run.startedAt === null
        ? null
        : html`${exactly(run.startedAt)} <span class="quiet">${ago(run.startedAt, at)}</span>`,
    ],
    ['Took', tookOf(run, at)],
    ['Last heard of', run.state === 'running' ? ago(run.movedAt, at) : null],
    ['Compared', figure(run.compared)],
    ['Differing', html`${number(run.differing)} <span class="quiet">${sayCauses(run.causes)}</span>`],
    ['Healed', run.isDryRun ? null : number(run.healed)],
    ['Alerted', run.isDryRun ? null : number(run.alerted)],
    ['Open after it', run.isDryRun ? null : figure(run.openAfter)],
  ])}<h2>What differed</h2>${findings(run, differences)}`;
  const still = asked.may('operator') ? html`<div class="actions">${lookForms(run.channel, asked, true)}</div>` : null;
  return { title: `Run ${run.id}`, body, live: ['runs'], still };
}

export const reconcileRunPage: Page = { path: '/reconcile-run', show };
