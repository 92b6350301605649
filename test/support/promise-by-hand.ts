/** What a program may take, step by step by hand: from the inputs that are told, and the result of the step before. */
import type { LineCompleteness, LineExplained } from '#core/line-explanation.ts';
import type { PromiseInputs, StepId } from '#core/publish.ts';

const sumOf = (rows: readonly number[]): number => rows.reduce((a, b) => a + b, 0);

export type PromiseStepId = Extract<
  StepId,
  'supply' | 'committed' | 'held' | 'life' | 'protected' | 'drawOrder' | 'kit'
>;

export const PROMISE_BY_HAND: Readonly<Record<PromiseStepId, (inputs: PromiseInputs, last: number) => number>> = {
  supply: ({ places }) => sumOf(places.map((place) => place.sellable)),
  committed: ({ places }, last) => last - sumOf(places.map((place) => place.allocated)),
  held: ({ places }, last) => last - sumOf(places.map((place) => place.held)),
  life: ({ lots }, last) => last - (lots?.unusable ?? 0),
  protected: ({ free, protectedForOthers, places, ownAt }, last) =>
    Math.max(
      0,
      Math.min(
        last - sumOf(places.map((place) => place.protectedForOthers ?? 0)),
        free - protectedForOthers - (ownAt?.elsewhere ?? 0),
      ),
    ),
  drawOrder: ({ drawOrder, own, ownAt, lots }, last) => {
    const mine = own.remaining + sumOf((ownAt?.places ?? []).map((one) => one.remaining));
    return Math.min(drawOrder === 'ownOnly' ? mine : last, last, own.limitLeft ?? last, mine + (lots?.room ?? last));
  },
  kit: ({ kit }, last) => {
    if (kit === undefined) return last;
    const least = kit.components.reduce((sets, part) => Math.min(sets, Math.trunc(part.promise / part.quantity)), 1e9);
    return kit.places === null ? least : Math.min(least, sumOf(kit.places.map((place) => place.sets)));
  },
};

/** What a line could be given, by hand from what its explanation tells. */
export function lineByHand({ inputs, steps, completeness }: LineExplained): number {
  let last = 0;
  for (const { id } of steps)
    last = id === 'completeness' ? wholeByHand(completeness, last) : promiseByHand(id, inputs, last);
  return last;
}

function promiseByHand(id: StepId, inputs: PromiseInputs, last: number): number {
  if (id in PROMISE_BY_HAND) return PROMISE_BY_HAND[id as PromiseStepId](inputs, last);
  throw new Error(`${id} is no step of a promise`);
}

function wholeByHand(told: LineCompleteness, last: number): number {
  if (told.rule === 'split') return last;
  if (told.rule !== 'onePlace') return told.lines.some(({ wanted, couldTake }) => couldTake < wanted) ? 0 : last;
  const fits = told.places.filter(
    ({ location, couldTake }) =>
      told.holdsAt.every((at) => at === location) && Math.min(last, couldTake) >= told.wanted,
  );
  return Math.max(0, ...fits.map(({ couldTake }) => Math.min(last, couldTake)));
}
