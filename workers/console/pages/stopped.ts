/** Listings that allot raises no more: wars with a second writer, stock that seems wrong, numbers that a person is asked about. */
import { Rejected } from '#core/errors.ts';
import { listStopped, resumeListings, type StoppedListing } from '#db/drift.ts';
import { channelLink } from '../channel-forms.ts';
import { ago, figure, skuLink, state, table } from '../format.ts';
import { type Html, html } from '../html.ts';
import type { PageBody } from '../layout.ts';
import type { Action, Asked, Page } from '../parts.ts';
import { firstOf, overwritesOf, resumeForm, STOP_SAYS } from '../stop-words.ts';

const ROWS = 100;

const stoppedTable = (rows: readonly StoppedListing[], asked: Asked): Html =>
  table({
    caption: 'Stopped listings, the newest first',
    columns: [
      { title: 'Listing' },
      { title: 'Why' },
      { title: 'Do' },
      { title: 'Since' },
      { title: 'Should show', isNumber: true },
      { title: 'Shows', isNumber: true },
      { title: 'What was found' },
      { title: 'First' },
    ],
    rows: rows.map((one) => [
      html`${skuLink(one.sku)}<br><span class="sku">${one.listingRef}</span><br>${channelLink(one.channel)}`,
      state('bad', one.because, STOP_SAYS[one.because]),
      resumeForm(one, asked, false),
      ago(one.stoppedAt, asked.at),
      figure(one.should),
      figure(one.shows),
      overwritesOf(one, asked),
      firstOf(one),
    ]),
    empty: 'None is stopped: every listing is written to as its channel says.',
  });

async function show(asked: Asked): Promise<PageBody> {
  const rows = await listStopped(asked.db, { limit: ROWS });
  const body = html`<p class="quiet">allot does not fight over a number. A listing that somebody else writes to again and again, or whose number nothing explains, is never raised until a person says so, or a count; it is still lowered, so that nothing is sold that is not there. Where a person is asked, nothing is written at all.</p>
${stoppedTable(rows, asked)}${rows.length === ROWS ? html`<p class="quiet">The first ${ROWS}.</p>` : null}`;
  return { title: 'Stopped listings', body, live: ['sync', 'runs', 'trail'] };
}

const resume: Action = {
  path: '/listing-resume',
  need: 'operator',
  async act(asked, form) {
    const [channelId, listingRef, sku] = [form.get('channel') ?? '', form.get('ref') ?? '', form.get('sku')];
    if (channelId === '' || listingRef === '')
      throw new Rejected('the form names no listing', { field: 'ref', fix: 'open the page again' });
    const by = { actor: asked.visitor.actor, now: asked.at };
    const resumed = await asked.db.transaction((tx) => resumeListings(tx, { channelId, listingRef }, by));
    asked.wakeRelay();
    const what = `${channelId} ${listingRef}`;
    return {
      to: sku === null ? '/console/stopped' : `/console/sku?s=${encodeURIComponent(sku)}`,
      notice:
        resumed.length === 0
          ? `Nothing to resume: ${what} is not stopped.`
          : `${what} is written to again; it was stopped (${resumed.map(({ stopped }) => stopped).join(', ')}).`,
    };
  },
};

export const stoppedPage: Page = { path: '/stopped', show };
export const stoppedForms: readonly Action[] = [resume];
