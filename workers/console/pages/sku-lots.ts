/** The lots of an item: where they lie, how long they live, what is promised of them, and who may still draw from them. */
import { hasLots, listLots } from '#db/lot-reports.ts';
import { readPolicy } from '#db/policy-current.ts';
import { sayDay, sayPrograms, type ToldLot, tellLots } from '../../lot-words.ts';
import { number, state, table } from '../format.ts';
import { type Html, html, nothing } from '../html.ts';
import type { Asked } from '../parts.ts';

const LOTS_SHOWN = 100;
const SOON_DAYS = 30;

function expiryOf({ lot, expiresAt, daysLeft }: ToldLot): Html {
  if (lot === null) return html`<span class="unknown">not known</span>`;
  if (expiresAt === null || daysLeft === null) return html`<span class="quiet">never</span>`;
  if (daysLeft < 0) return state('bad', `${sayDay(expiresAt)}, expired`);
  return daysLeft <= SOON_DAYS
    ? state('warn', `${sayDay(expiresAt)}, ${daysLeft} d`)
    : html`${sayDay(expiresAt)}, ${number(daysLeft)} d`;
}

/** Nothing where the item never had a lot. */
export async function lotSection({ db, at }: Asked, sku: string): Promise<Html> {
  if (!(await hasLots(db, sku))) return nothing;
  const [rows, policy] = await Promise.all([listLots(db, { sku }, LOTS_SHOWN), readPolicy(db)]);
  const lots = tellLots(rows, policy, at);
  return html`<h2>Lots</h2>${table({
    caption: 'Lots, those that expire first before the others',
    columns: [
      { title: 'Lot' },
      { title: 'Expires' },
      { title: 'Place' },
      { title: 'State' },
      { title: 'On hand', isNumber: true },
      { title: 'Allocated', isNumber: true },
      { title: 'Held', isNumber: true },
      { title: 'May have it', says: 'programs whose minimum life it still has' },
    ],
    rows: lots.map((one) => [
      one.lot ?? html`<span class="quiet">of no lot</span>`,
      expiryOf(one),
      one.location,
      one.disposition,
      number(one.onHand),
      number(one.allocated),
      number(one.held),
      one.disposition === 'sellable' ? sayPrograms(one, policy) : html`<span class="quiet">not sold</span>`,
    ]),
    empty: 'Nothing of any lot is there.',
  })}<p class="quiet">Who has units of a lot, and who was shipped some: <code class="command">allot lots show LOT --sku ${sku}</code></p>`;
}
