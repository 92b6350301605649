/** Units of the item of a re-confirmation on their way between its lines: given back, drawn, handed from one to another. See reconfirm.ts. */
import { type Books, type ItemBook, orTakeBack, poolsFor, postPromise } from './books.ts';
import type { Command, ReconfirmCommand } from './command.ts';
import { isAllOrNothing, placesOfLine } from './completeness.ts';
import { bookOf, drawOrderOf } from './kits.ts';
import { allocateUnits, mergeAllocations, takeUnits } from './line-units.ts';
import { mayUse, ofLot } from './lot-goods.ts';
import type { Allocation, LocationId } from './model.ts';
import { type Claim, unitsOf } from './reconfirm-claims.ts';
import type { ShortLine } from './state.ts';

/** A line on its way through the run. */
export type Holder = {
  readonly key: string;
  readonly head: ShortLine;
  /** Of a kit all that its sets take. */
  allocations: readonly Allocation[];
  /** Of these, units of the run's item. */
  units: number;
  /** Units that nobody whose turn comes later may take. */
  secured: number;
};

/** A claim on its way. */
export type Standing = Claim & Holder;

export type Run = {
  /** Nobody keeps them: copies of all items. */
  readonly books: Books;
  readonly item: ItemBook;
  readonly command: Command;
  readonly body: ReconfirmCommand;
  /** First served first; and the other way round. */
  readonly standings: readonly Standing[];
  readonly lastFirst: readonly Standing[];
  /** By order: its lines of the run; and its lines of other items that stand or fall with them. */
  readonly ofOrder: ReadonlyMap<string, readonly Standing[]>;
  readonly beside: ReadonlyMap<string, readonly Holder[]>;
  /** What lines held before each change: an attempt that fails goes back over it. */
  readonly changes: { readonly holder: Holder; readonly allocations: readonly Allocation[]; readonly units: number }[];
};

export const ownerOf = ({ head }: Holder) => ({ orderId: head.id, lineRef: head.line.lineRef });

/** Whether a part that a line holds is of the run's item. */
export const isOfItem = (run: Run, { head }: Holder, part: Allocation): boolean =>
  (part.sku ?? head.line.sku) === run.item.sku;

function keep(run: Run, holder: Holder, allocations: readonly Allocation[]): void {
  run.changes.push({ holder, allocations: holder.allocations, units: holder.units });
  holder.allocations = allocations;
  holder.units = unitsOf({ sku: holder.head.line.sku, allocations }, run.item.sku);
}

function keepLess(run: Run, from: Holder, part: Allocation, units: number): void {
  const left = from.allocations.map((one) => (one === part ? { ...part, quantity: part.quantity - units } : one));
  keep(
    run,
    from,
    left.filter(({ quantity }) => quantity > 0),
  );
}

export function keepMore(run: Run, to: Holder, parts: readonly Allocation[]): void {
  if (parts.length > 0) keep(run, to, mergeAllocations([...to.allocations, ...parts]));
}

/** Takes units of one part off a line, back to where they came from. */
export function release(run: Run, from: Holder, part: Allocation, units: number): void {
  const goods = bookOf(run.books, part.sku ?? from.head.line.sku ?? '');
  takeUnits(goods, run.books, run.command, { ...ownerOf(from), kind: 'release', units, allocations: [part] });
  keepLess(run, from, part, units);
}

export function releaseAll(run: Run, from: Holder): void {
  for (const part of from.allocations) release(run, from, part, part.quantity);
}

/** Where a line may draw. */
export function supplyOfStanding(run: Run, { head }: Holder): readonly LocationId[] {
  const program = run.books.programs.get(head.program);
  const own = head.line.sku === null ? undefined : run.books.items.get(head.line.sku);
  return program === undefined || own === undefined ? [] : placesOfLine(run.books, program, head.line, own);
}

type Ask = { readonly units: number; readonly places: readonly LocationId[] };

export function drawFree(run: Run, to: Standing, { units: wanted, places }: Ask): void {
  const program = run.books.programs.get(to.head.program);
  if (program === undefined || wanted <= 0) return;
  const isSet = to.head.line.components !== undefined;
  const order = isSet ? { drawOrder: drawOrderOf(run.books, run.item, program) } : {};
  const ask = { ...ownerOf(to), program, wanted, places, ...order };
  const drawn = allocateUnits(run.item, run.books, run.command, ask);
  keepMore(run, to, isSet ? drawn.map((part) => ({ ...part, sku: run.item.sku })) : drawn);
}

type Hands = { readonly from: Standing; readonly to: Standing };

/** Hands units of one line to another: never through the pools, where they would protect somebody else first. */
function handOver(run: Run, { from, to }: Hands, part: Allocation, units: number): void {
  const isGivenUp = part.pool !== 'shared' && part.program !== to.head.program;
  const { sku: _of, ...plain } = part;
  const taken: Allocation = {
    ...plain,
    program: to.head.program,
    pool: isGivenUp ? 'shared' : part.pool,
    quantity: units,
    ...(to.head.line.components === undefined ? {} : { sku: run.item.sku }),
  };
  const at = { location: part.location, occurredAt: run.command.occurredAt };
  const entry = { commandId: run.command.id, ...at, ...ofLot(part.lot), consumed: 0 };
  const { program, pool } = part;
  postPromise(run.item, run.books, { ...entry, ...ownerOf(from), program, pool, kind: 'release', delta: -units });
  const { program: by, pool: out } = taken;
  postPromise(run.item, run.books, {
    ...entry,
    ...ownerOf(to),
    program: by,
    pool: out,
    kind: 'allocate',
    delta: units,
  });
  keepLess(run, from, part, units);
  keepMore(run, to, [taken]);
}

/** Two lines of one order that wants all or nothing: they stand or fall together, and one has nothing of the other. */
const areOne = (from: Standing, to: Standing): boolean =>
  from === to || (from.head.id === to.head.id && isAllOrNothing(to.rule));

/** Takes from those whose turn is still to come, the last of them first. */
export function takeFromOthers(run: Run, to: Standing, { units: wanted, places }: Ask): void {
  const program = run.books.programs.get(to.head.program);
  if (program === undefined) return;
  // What changes hands inside a program is within its limit already.
  const share = poolsFor(run.books, run.item).own.find((one) => one.program === program.id);
  let limitLeft = share?.limitLeft ?? Number.MAX_SAFE_INTEGER;
  let open = wanted;
  for (const from of run.lastFirst) {
    if (open <= 0) return;
    let spare = areOne(from, to) ? 0 : from.units - from.secured;
    if (spare <= 0) continue;
    for (const part of from.allocations.toReversed()) {
      if (spare <= 0 || open <= 0) break;
      if (!isOfItem(run, from, part)) continue;
      const isSame = part.program === program.id;
      const isOpen = isSame
        ? program.drawOrder !== 'ownOnly' || part.pool !== 'shared'
        : program.drawOrder !== 'ownOnly';
      const isFree = isSame || part.pool === 'shared' || from.strategy === 'lose';
      if (!isOpen || !isFree || !places.includes(part.location)) continue;
      if (!mayUse(run.item, program, part.lot, run.books.now)) continue;
      const units = Math.min(open, spare, part.quantity, isSame ? open : limitLeft);
      if (units <= 0) continue;
      handOver(run, { from, to }, part, units);
      if (!isSame) limitLeft -= units;
      spare -= units;
      open -= units;
    }
  }
}

/** All or nothing: where `change` answers null, every line and every promise to these items is as it was before. It secures nothing. */
export function attempt<T>(run: Run, items: Iterable<ItemBook>, change: () => T | null): T | null {
  const from = run.changes.length;
  const made = orTakeBack(run.books, items, change);
  if (made !== null) return made;
  for (const { holder, allocations, units } of run.changes.splice(from).reverse()) {
    holder.allocations = allocations;
    holder.units = units;
  }
  return null;
}
