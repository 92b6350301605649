/** Reallocations as every page shows them. */
import type { Instant } from '#core/model.ts';
import type { Reallocation, ReallocationState } from '#db/reallocations.ts';
import { ago, moment, skuLink, state, type Tone, table } from './format.ts';
import { type Html, html } from './html.ts';

const TONES: Readonly<Record<ReallocationState, Tone>> = {
  proposed: 'warn',
  approved: 'busy',
  applied: 'good',
  returned: 'idle',
  expired: 'idle',
  rejected: 'idle',
  withdrawn: 'idle',
};

export const reallocationState = ({ state: is }: Pick<Reallocation, 'state'>): Html => state(TONES[is], is);

export const reallocationTable = (rows: readonly Reallocation[], now: Instant): Html =>
  table({
    caption: 'Reallocations',
    columns: [
      { title: 'Id' },
      { title: 'State' },
      { title: 'Item' },
      { title: 'Units', isNumber: true },
      { title: 'From' },
      { title: 'To' },
      { title: 'Until' },
      { title: 'Asked by' },
      { title: 'Reason' },
    ],
    rows: rows.map((row) => [
      html`<a href="/console/reallocation?id=${row.id}">${row.id}</a>`,
      reallocationState(row),
      skuLink(row.sku),
      row.units,
      row.from,
      row.to,
      moment(row.until, now),
      html`${row.proposer} <span class="quiet">${ago(row.proposedAt, now)}</span>`,
      row.reason,
    ]),
    empty: 'None.',
  });
