/** Who may draw how much of an item: its pools, and those of one place beside them; of a kit, how many sets and by which component. */
import { isOfKit, type KitPoolsExplanation, type PoolsExplanation, type ProgramPool } from '#db/explain-pools.ts';
import { stackedBar } from '../charts.ts';
import { exactly, number, skuLink, table } from '../format.ts';
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

const kitSection = ({ components, programs, policyVersion }: KitPoolsExplanation): Html =>
  html`<p>A kit has no pools of its own: its sets are drawn from those of ${components.map(({ sku, quantity }) => html`${quantity} × ${skuLink(sku)} `)}</p>${table(
    {
      caption: 'Sets that each program could be promised',
      columns: [
        { title: 'Program' },
        { title: 'Priority', isNumber: true },
        { title: 'Could be promised', isNumber: true, says: 'whole sets' },
        { title: 'Limited by' },
        { title: 'Of each component' },
      ],
      rows: programs.map(({ program, priority, sets, limitedBy, components: parts, places }) => [
        program,
        priority,
        sets,
        skuLink(limitedBy),
        html`${parts.map(({ sku, promise }) => `${sku} ${number(promise)}`).join(', ')}${places === null ? null : html` <span class="quiet">whole at one place: ${places.map(({ location, sets: whole }) => `${location} ${number(whole)}`).join(', ')}</span>`}`,
      ]),
      empty: nothing,
    },
  )}<p class="quiet">Policy ${policyVersion}.</p>`;

export function poolSection(pools: PoolsExplanation | KitPoolsExplanation | null): Html {
  if (pools === null) return html`<p class="empty">No policy is in force yet.</p>`;
  if (isOfKit(pools)) return kitSection(pools);
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
