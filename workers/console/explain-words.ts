/** Why a listing shows its number, as a page shows it: the three figures, each step with what it did, and what holds it up. */
import type { Instant } from '#core/model.ts';
import type { ListingExplanation } from '#db/explain.ts';
import { ago, exactly, figure, moment, signed, state, table } from './format.ts';
import { attribute, type Html, html, nothing } from './html.ts';
import { STOP_SAYS } from './stop-words.ts';

/** Red only where a person has to act. */
export function listingState(one: ListingExplanation, now: Instant): Html {
  if (one.quantity === null) return state('idle', 'no number yet', one.why ?? '');
  if (one.stopped !== null) return state('bad', 'stopped', STOP_SAYS[one.stopped.because]);
  if (one.blocked !== null) return state('bad', 'refused', one.blocked.reason ?? '');
  if (one.mode !== 'live') return state('idle', one.mode, 'nothing is sent');
  if (one.inFlightVersion !== null) return state('busy', 'sending');
  if (one.acknowledged === null || one.acknowledged.version < (one.targetVersion ?? 0))
    return state('busy', 'to be sent');
  if (one.observed === null) return state('good', 'sent', 'acknowledged; the platform was not read since');
  if (one.observed.state !== 'tracked') return state('warn', one.observed.state, 'as the platform was last read');
  if (one.observed.sellable === one.quantity) return state('good', 'shows it', `read ${exactly(one.observed.at)}`);
  const isOlder = one.observed.at < one.acknowledged.at;
  return isOlder
    ? state('good', 'sent', 'acknowledged after the last read')
    : state(
        'warn',
        'drift',
        `read ${exactly(one.observed.at)}; ${now > one.observed.at ? 'looked at again with the next reconcile' : ''}`,
      );
}

type Step = ListingExplanation['steps'][number];

const stepTable = (caption: string, told: readonly Step[]): Html =>
  table({
    caption,
    columns: [{ title: 'Step' }, { title: 'Change', isNumber: true }, { title: 'Leaves', isNumber: true }],
    rows: told.map(({ says, change, result }) => [
      says,
      change === 0 ? html`<span class="quiet">0</span>` : signed(change),
      result,
    ]),
    empty: 'None.',
  });

/** What made the number, then its sum; the rules that changed nothing are a click away. */
function steps(one: ListingExplanation): Html {
  if (one.quantity === null) return html`<p class="empty">${one.why}</p>`;
  const name = `${one.channel} ${one.listing.listingRef}`;
  const moving = one.steps.filter(({ change }, index) => change !== 0 || index === 0);
  const still = one.steps.filter((step) => !moving.includes(step));
  return html`${stepTable(`Steps to the number of ${name}`, moving)}<p class="sum">So ${name} should show <strong class="big">${one.quantity}</strong> ${one.unit}.</p>
${still.length === 0 ? nothing : html`<details><summary>${still.length} rules that changed nothing</summary>${stepTable(`Rules that changed nothing for ${name}`, still)}</details>`}`;
}

/** The whole of it; open where there are few. */
export function explanation(one: ListingExplanation, now: Instant, isOpen: boolean): Html {
  const { listing } = one;
  const pack = listing.pack === 1 ? '' : ` in packs of ${listing.pack}`;
  return html`<details class="card why"${attribute('open', isOpen)}><summary><strong>Why does ${one.channel} show ${figure(one.quantity)}?</strong> <span class="quiet">${listing.listingRef}${pack}</span> ${listingState(one, now)}</summary>
<div id="why-${listing.id}" tabindex="-1">${steps(one)}</div>
<p class="quiet">${one.decidedAt === null ? null : html`Version ${one.targetVersion}, decided ${ago(one.decidedAt, now)} under policy ${one.stored?.policyVersion}. `}${
    one.explainedAt === null
      ? null
      : html`The steps are by what stands now, under policy ${one.inputs?.policyVersion}. `
  }${
    one.acknowledged === null
      ? null
      : html`Sent: ${one.acknowledged.quantity}, acknowledged ${ago(one.acknowledged.at, now)}. `
  }${one.observed === null ? null : html`Shows: ${one.observed.sellable}, read ${ago(one.observed.at, now)}.`}</p>
${one.why === null || one.quantity === null ? nothing : html`<p class="notice">${one.why}</p>`}
${one.blocked === null ? nothing : html`<p class="notice bad">The platform refuses it until ${moment(one.blocked.until, now)}: ${one.blocked.reason}. ${one.blocked.fix}</p>`}
${one.reallocations.map(
  (cause) =>
    html`<p>Reallocation <a href="/console/reallocation?id=${cause.id}">${cause.id}</a> counts in it: ${cause.reason} (${cause.proposer}${cause.approver === null ? null : html`, approved by ${cause.approver}`}, until ${moment(cause.until, now)}).</p>`,
)}</details>`;
}
