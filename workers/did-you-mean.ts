/**
 * The nearest known word to a mistyped one, for messages. Counts inserted, dropped, changed and swapped letters; case costs nothing.
 * Guarantees that a word too far from all (more than a third of its letters) is answered with the known ones, never with a guess.
 */

/** Optimal string alignment distance. */
function countEdits(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const cost = from[row - 1] === to[column - 1] ? 0 : 1;
      const cells = [(last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + cost];
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (isSwap) cells.push((beforeLast[column - 2] ?? 0) + 1);
      current.push(Math.min(...cells));
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
}

/** Longer words than this are not typing mistakes, and comparing them costs their product. */
const LENGTH_MAX = 100;
const KNOWN_SHOWN_MAX = 15;

export function findNearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > LENGTH_MAX) return undefined;
  const limit = Math.max(1, Math.floor(word.length / 3));
  const ranked = known
    .map((candidate) => ({ candidate, edits: countEdits(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best !== undefined && best.edits <= limit ? best.candidate : undefined;
}

/** The end of a message: `Did you mean "buffer"?`, or what there is. */
export function suggest(word: string, known: readonly string[]): string {
  const nearest = findNearest(word, known);
  if (nearest !== undefined) return `Did you mean "${nearest}"?`;
  if (known.length === 0) return 'There is none yet: add it first.';
  const shown = known.slice(0, KNOWN_SHOWN_MAX).join(', ');
  return `There is: ${shown}${known.length > KNOWN_SHOWN_MAX ? ', ...' : ''}.`;
}
