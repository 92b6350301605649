/** Who may draw how much of an item: its pools, and those of one place beside them. */
import type { PoolsExplanation, ProgramPool } from '#db/explain-pools.ts';
import { stackedBar } from '../charts.ts';
import { exactly, number, table } from '../format.ts';
import { type Html, html, nothing, type Shown } from '../html.ts';

const poolRows = (pool: ProgramPool): Shown[][] => [
  [
    pool.program,
    pool.priority,
    pool.drawOrder,
    pool.units,
    pool.consumed,
    pool.remaining,
    pool.promise.own + pool.promise.shared,
    pool.rule ?? html`<span class="quiet">no pool of its own</span>`,
  ],
  ...(pool.places ?? []).map(({ location, units, consumed, remaining, rule, protects }): Shown[] => [
    html`${pool.program} <span class="quiet">at ${location}</span>`,
    '',
    html`<span class="quiet">at ${location} alone</span>`,
    units,
    consumed,
    remaining,
    html`<span class="quiet">in the row above</span>`,
    html`${rule}${protects === 'core' ? null : html` <span class="quiet">(${protects})</span>`}`,
  ]),
];

/** Left of own pools, of places, and what is shared. */
function partsOf(pools: PoolsExplanation): { readonly label: string; readonly units: number }[] {
  const own = pools.pools.flatMap(({ program, remaining, places = [] }) => [
    { label: program, units: remaining },
    ...places.map((place) => ({ label: `${program} at ${place.location}`, units: place.remaining })),
  ]);
  return [...own.filter(({ units }) => units > 0), { label: 'shared', units: Math.max(0, pools.shared) }];
}

export function poolSection(pools: PoolsExplanation | null): Html {
  if (pools === null) return html`<p class="empty">No policy is in force yet.</p>`;
  const places = pools.places.map(
    ({ location, sellable, allocated, held }) =>
      html`<li><strong>${location}</strong> ${number(sellable)} sellable, ${number(allocated)} allocated, ${number(held)} held</li>`,
  );
  return html`${stackedBar(`${pools.free} free units by pool`, partsOf(pools))}${table({
    caption: 'Pools: who may draw how much',
    columns: [
      { title: 'Program' },
      { title: 'Priority', isNumber: true },
      { title: 'Draws' },
      { title: 'Protected', isNumber: true, says: 'units that only this program may draw' },
      { title: 'Drawn', isNumber: true, says: 'of its own pool since it was filled' },
      { title: 'Left', isNumber: true },
      { title: 'Could be promised', isNumber: true, says: 'own and shared' },
      { title: 'Rule' },
    ],
    rows: pools.pools.flatMap(poolRows),
    empty: nothing,
  })}<p class="quiet">Policy ${pools.policyVersion}; ${number(pools.shared)} shared of ${number(pools.free)} free.${pools.nextChangeAt === null ? '' : ` Time alone changes this at ${exactly(pools.nextChangeAt)}.`}</p>
${places.length < 2 ? nothing : html`<ul class="plain">${places}</ul>`}`;
}
