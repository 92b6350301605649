/** What a move brings to nobody: units that its receiver protects then and could not be promised, and why. Told, never refused. */
import { freeOf, openBooks } from '#core/books.ts';
import { usableAt } from '#core/lots.ts';
import type { Instant, LocationId, Program, Sku } from '#core/model.ts';
import type { Change } from '#core/reallocation-preview.ts';
import type { State } from '#core/state.ts';
import type { Reallocation } from '#db/reallocations.ts';

export type Stranded = {
  /** Of the units that move. */
  readonly units: number;
  /** Where the receiver draws. */
  readonly places: readonly LocationId[];
  readonly says: string;
};

/** Free units that lie where the program draws, and that its lots let it have. */
function freeAtPlaces(state: State, program: Program, sku: Sku, now: Instant): number {
  const books = openBooks(state, now);
  const item = books.items.get(sku);
  if (item === undefined) return 0;
  const free = freeOf(books, item);
  const { lots } = free;
  return program.locations.reduce((sum, place) => {
    const units = lots === undefined ? (free.get(place) ?? 0) : usableAt(lots, place, program);
    return sum + Math.max(0, units);
  }, 0);
}

/** Units of its pool that a program could not be promised. */
const beyondPromise = ({ left, promise }: Readonly<Record<'left' | 'promise', Change>>, when: keyof Change): number =>
  Math.max(0, left[when] - promise[when]);

/** By the preview of the request, and by where goods lie in `state`; null where the receiver could be promised all that moves, or is no program. */
export function strandedBy(
  { sku, to, units: moved, preview }: Pick<Reallocation, 'sku' | 'to' | 'units' | 'preview'>,
  state: State,
  now: Instant,
): Stranded | null {
  const program = state.policy.programs.find(({ id }) => id === to);
  const figures = preview.programs.find((one) => one.program === to);
  if (program === undefined || figures === undefined) return null;
  const units = Math.min(moved, beyondPromise(figures, 'after') - beyondPromise(figures, 'before'));
  if (units <= 0) return null;
  const { locations: places } = program;
  const there = freeAtPlaces(state, program, sku, now);
  const some = units === moved ? 'none' : `only ${moved - units}`;
  const why =
    there < figures.left.after
      ? `${there === 0 ? 'no unit it may have is' : `${there} that it may have are`} free where it draws (${places.join(', ')})`
      : 'its limit, or what others protect, leaves it no more';
  return { units, places, says: `${to} could be promised ${some} of the ${moved} units of ${sku}: ${why}` };
}
