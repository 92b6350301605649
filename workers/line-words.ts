/** An order's line in words, as the command line and the console tell it: why it is given no more, and how it is picked. */

import type { LineExplained } from '#core/line-explanation.ts';
import type { Backorder, PickTags } from '#core/model.ts';
import type { ReconfirmCause } from '#db/reconfirm-cause.ts';

/** The steps that took something from what the line could be given, in one sentence. */
export function sayWhyNoMore(explained: LineExplained | null, program: string): string {
  if (explained === null) return `program ${program} is not in the policy: it draws nothing`;
  const { inputs, steps, mayTake } = explained;
  const sum = (pick: (place: (typeof inputs.places)[number]) => number): number =>
    inputs.places.reduce((units, place) => units + pick(place), 0);
  const of = inputs.kit === undefined ? '' : ` of ${inputs.kit.limitedBy}`;
  const goods =
    `${sum(({ sellable }) => sellable)}${of} sellable at its places, ${sum(({ allocated }) => allocated)} allocated to orders, ` +
    `${sum(({ held }) => held)} held`;
  const later = steps.slice(3).filter(({ id, change }) => change !== 0 || id === 'completeness');
  const given = mayTake > 0 ? `${mayTake} more, in its turn, with the next decision on the item` : 'no more now';
  return `${program} may give it ${given}: ${[goods, ...later.map(({ says }) => says)].join('; ')}`;
}

export function sayTolerance(tolerance: Backorder): string {
  if (tolerance === 'none') return 'its program sells nothing beyond stock';
  if ('units' in tolerance) return `its program sells at most ${tolerance.units} units beyond stock`;
  return `its program sells ${tolerance.supply === 'all' ? 'all' : `at most ${tolerance.supply} units`} of dated supply beyond stock`;
}

const TAGS: readonly (readonly [keyof PickTags, string])[] = [
  ['zone', 'zone'],
  ['stagingArea', 'staging area'],
  ['colour', 'colour'],
  ['label', 'label'],
];

/** How the warehouse marks what it picks for a program. */
export const sayPickTags = (tags: PickTags): string =>
  TAGS.flatMap(([key, name]) => (tags[key] === undefined ? [] : [`${name} ${tags[key]}`])).join(', ');

/** ` as lose (program dtc)`; nothing where no re-confirmation caused it. */
export const sayReconfirmCause = (cause: ReconfirmCause | null): string =>
  cause === null ? '' : ` as ${cause.strategy} (${cause.segment})`;
