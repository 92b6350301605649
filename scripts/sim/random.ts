/** Chance from a seed: the same seed gives the same day on every machine. A stream is made per use, so that one more draw moves no other. */
export type Random = {
  /** From 0 to below 1. */
  readonly next: () => number;
  /** A whole number from `min` to `max`, both included. */
  readonly whole: (min: number, max: number) => number;
  readonly chance: (probability: number) => boolean;
  /** Long-tailed around `middle`: half of all draws are below it. */
  readonly about: (middle: number) => number;
  readonly pick: <T>(list: readonly [T, ...T[]]) => T;
  /** By weight. */
  readonly weighted: (weights: readonly number[]) => number;
};

/** FNV-1a: names of streams are spread over all seeds. */
function hash(text: string): number {
  let value = 0x811c_9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x0100_0193);
  return value >>> 0;
}

/** Mulberry32. */
export function randomOf(seed: number, stream: string): Random {
  let state = hash(`${seed} ${stream}`);
  const next = (): number => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    whole,
    chance: (probability) => next() < probability,
    about: (middle) => middle * Math.exp((next() + next() + next() - 1.5) * 1.4),
    pick: (list) => list[whole(0, list.length - 1)] ?? list[0],
    weighted(weights) {
      let left = next() * weights.reduce((sum, weight) => sum + weight, 0);
      const found = weights.findIndex((weight) => {
        left -= weight;
        return left < 0;
      });
      return found === -1 ? weights.length - 1 : found;
    },
  };
}
