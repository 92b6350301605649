/** Whole units handed out in proportion: how pools that supply cannot cover are cut, and fair shares are split. Pure. */

/** A want at a rate, rounded half up: the units whose turn in `cutInProportion` comes at that rate or before. */
const unitsOf = (want: number, taken: number, rate: number, cap: number): number =>
  Math.max(0, Math.min(want, cap, Math.floor(want * rate + 0.5)) - taken);

const unitsAt = (rate: number, wants: readonly number[], taken: readonly number[], caps: readonly number[]): number[] =>
  wants.map((want, i) => unitsOf(want, taken[i] ?? 0, rate, caps[i] ?? want));

/** The sum of `unitsAt`, without the list: the hot part of a cut. */
function totalAt(rate: number, wants: readonly number[], taken: readonly number[], caps: readonly number[]): number {
  let total = 0;
  for (let i = 0; i < wants.length; i++) total += unitsOf(wants[i] ?? 0, taken[i] ?? 0, rate, caps[i] ?? wants[i] ?? 0);
  return total;
}

export function sumOf(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

/** Enough halvings that only units of equal turn are left to hand out one by one. */
const HALVINGS = 40;

/**
 * Hands out `total` whole units in proportion to `wants`, on top of what each has already `taken`, never above a want, nor above its
 * cap, which changes nobody's turn; answers the units on top. Unit after unit goes to the greatest want / (2 x units had + 1), ties by
 * position (Webster's divisors).
 *
 * Largest remainders would not do: there one more unit can lower a share (the Alabama paradox), and a share that is drawn down
 * would be filled again from the others'. Here no draw from one share moves another (I5).
 */
export function cutInProportion(
  total: number,
  wants: readonly number[],
  taken: readonly number[] = [],
  caps: readonly number[] = wants,
): number[] {
  const gaps = unitsAt(1, wants, taken, caps);
  if (sumOf(gaps) <= total) return gaps;
  if (total <= 0) return wants.map(() => 0);
  let [low, high] = [0, 1];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (totalAt(middle, wants, taken, caps) <= total) low = middle;
    else high = middle;
  }
  const shares = unitsAt(low, wants, taken, caps);
  const turnOf = (i: number): number =>
    (shares[i] ?? 0) < (gaps[i] ?? 0) ? (wants[i] ?? 0) / (2 * ((taken[i] ?? 0) + (shares[i] ?? 0)) + 1) : 0;
  for (let left = total - sumOf(shares); left > 0; left--) {
    let next = 0;
    for (let i = 1; i < wants.length; i++) if (turnOf(i) > turnOf(next)) next = i;
    shares[next] = (shares[next] ?? 0) + 1;
  }
  return shares;
}
