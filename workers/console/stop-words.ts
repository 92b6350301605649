/** Listings that are stopped, on every page: why, what to do first, and the button that writes our number again. */
import type { StopReason } from '#core/drift.ts';
import type { StoppedListing } from '#db/drift.ts';
import { ago, command } from './format.ts';
import { type Html, html, type Shown } from './html.ts';
import { csrfField } from './layout.ts';
import type { Asked } from './parts.ts';

export const STOP_SAYS: Readonly<Record<StopReason, string>> = {
  secondWriter: 'a war with a second writer: its number was overwritten again and again; allot only lowers it',
  ownStock: 'own stock seems wrong: its orders do not explain what is missing; allot only lowers it',
  ask: 'somebody changed its number there, and the policy says to ask whose counts; allot writes nothing to it',
};

/** What is to be done before it goes on. */
export function firstOf({ because, sku }: Pick<StoppedListing, 'because' | 'sku'>): Html {
  if (because === 'secondWriter') return html`Switch the other program off, then resume.`;
  if (because === 'ownStock')
    return html`Count the item: ${command(`allot count ${sku} QUANTITY --location PLACE --as-of now`)} A count lets it go on by itself.`;
  return html`Resume to write the number of allot; or count the item to what is there.`;
}

export const overwritesOf = ({ overwrites, evidence }: StoppedListing, { at }: Asked): Shown =>
  overwrites.length === 0
    ? evidence.join('; ')
    : html`${overwrites.map(({ at: when, ours, theirs }) => html`${theirs} over ${ours} <span class="quiet">${ago(when, at)}</span><br>`)}`;

/** `isOfItem`: the form goes back to the item's page. */
export const resumeForm = (one: StoppedListing, asked: Asked, isOfItem: boolean): Shown =>
  asked.may('operator')
    ? html`<form class="inline" action="/console/listing-resume" method="post">${csrfField(asked.csrf)}<input type="hidden" name="channel" value="${one.channel}"><input type="hidden" name="ref" value="${one.listingRef}">${isOfItem ? html`<input type="hidden" name="sku" value="${one.sku}">` : null}
<button type="submit" title="allot writes its number to it again">Resume<span class="hidden"> ${one.channel} ${one.listingRef}</span></button></form>`
    : html`<span class="quiet">needs the role operator</span>`;
