/** The turns of a re-confirmation, played on books that nobody keeps: who is served before whom, and from what. See reconfirm.ts. */
import { type Books, freeOf, type ItemBook, poolsFor, postPromise } from './books.ts';
import type { Command, ReconfirmCommand, Strategy } from './command.ts';
import { placesOfLine } from './completeness.ts';
import { allocateUnits, mergeAllocations, takeUnits } from './line-units.ts';
import { lackingLots } from './lot-book.ts';
import { mayUse, ofLot, totalAt } from './lot-goods.ts';
import type { Allocation } from './model.ts';
import type { Claim } from './reconfirm-claims.ts';
import { splitScarce } from './scarcity.ts';

/** What the turns of a strategy serve a line up to. */
type UpTo = 'wanted' | 'before';
const TURNS: readonly { readonly strategy: Strategy; readonly upTo: UpTo }[] = [
  { strategy: 'win', upTo: 'wanted' },
  { strategy: 'gain', upTo: 'before' },
  { strategy: 'improve', upTo: 'before' },
  { strategy: 'gain', upTo: 'wanted' },
  { strategy: 'improve', upTo: 'wanted' },
  { strategy: 'redistribute', upTo: 'wanted' },
  { strategy: 'fill', upTo: 'before' },
];

/** A claim on its way through the run. */
export type Standing = Claim & {
  allocations: readonly Allocation[];
  /** The sum of its allocations. */
  units: number;
  /** Units that nobody whose turn comes later may take. */
  secured: number;
};

export type Run = {
  readonly books: Books;
  readonly item: ItemBook;
  readonly command: Command;
  readonly body: ReconfirmCommand;
  /** First served first; and the other way round. */
  readonly standings: readonly Standing[];
  readonly lastFirst: readonly Standing[];
};

const ownerOf = ({ head }: Claim) => ({ orderId: head.id, lineRef: head.line.lineRef });

/** Takes units of one part off a line, back to where they came from. */
function release(run: Run, from: Standing, part: Allocation, units: number): void {
  takeUnits(run.item, run.books, run.command, { ...ownerOf(from), kind: 'release', units, allocations: [part] });
  keepLess(from, part, units);
}

function keepLess(from: Standing, part: Allocation, units: number): void {
  from.allocations = from.allocations
    .map((one) => (one === part ? { ...part, quantity: part.quantity - units } : one))
    .filter(({ quantity }) => quantity > 0);
  from.units -= units;
}

function keepMore(to: Standing, parts: readonly Allocation[]): void {
  if (parts.length === 0) return;
  to.allocations = mergeAllocations([...to.allocations, ...parts]);
  to.units += parts.reduce((sum, part) => sum + part.quantity, 0);
}

/** Units of lots that a line may not have any more, and those that their lot lacks, the last served first. */
function clearLots(run: Run): void {
  const { books, item, lastFirst } = run;
  if (item.lots === null) return;
  for (const standing of lastFirst) {
    const program = books.programs.get(standing.head.program);
    if (program === undefined) continue;
    for (const part of standing.allocations) {
      if (!mayUse(item, program, part.lot, books.now)) release(run, standing, part, part.quantity);
    }
  }
  for (const location of books.places.selling) {
    const total = totalAt(books, item, { location, disposition: 'sellable' });
    for (const { lot, units } of lackingLots(item.lots, location, total)) {
      takeFrom(run, units, (part) => part.location === location && part.lot === lot);
    }
  }
}

/** Takes missing units from lines, the last served first. */
function takeFrom(run: Run, units: number, isMeant: (part: Allocation) => boolean): void {
  let missing = units;
  for (const standing of run.lastFirst) {
    for (const part of standing.allocations.filter(isMeant).toReversed()) {
      if (missing <= 0) return;
      const some = Math.min(missing, part.quantity);
      release(run, standing, part, some);
      missing -= some;
    }
  }
}

/** A place that has less than it promised takes the rest from its lines, the last served first. */
export function clearDeficits(run: Run): void {
  clearLots(run);
  freeOf(run.books, run.item).forEach((free, location) => {
    takeFrom(run, -free, (part) => part.location === location);
  });
}

function drawFree(run: Run, to: Standing, wanted: number): void {
  const program = run.books.programs.get(to.head.program);
  if (program === undefined) return;
  const places = placesOfLine(run.books, program, to.head.line, run.item);
  const ask = { ...ownerOf(to), program, wanted, places };
  keepMore(to, allocateUnits(run.item, run.books, run.command, ask));
}

type Hands = { readonly from: Standing; readonly to: Standing };

/** Hands units of one line to another: never through the pools, where they would protect somebody else first. */
function handOver(run: Run, { from, to }: Hands, part: Allocation, units: number): void {
  const isSame = part.program === to.head.program;
  const isGivenUp = part.pool !== 'shared' && !isSame;
  const taken: Allocation = {
    ...part,
    program: to.head.program,
    pool: isGivenUp ? 'shared' : part.pool,
    quantity: units,
  };
  const at = { location: part.location, occurredAt: run.command.occurredAt };
  const entry = { commandId: run.command.id, ...at, ...ofLot(part.lot) };
  const { program, pool } = part;
  postPromise(run.item, run.books, {
    ...entry,
    ...ownerOf(from),
    program,
    pool,
    kind: 'release',
    delta: -units,
    consumed: 0,
  });
  postPromise(run.item, run.books, {
    ...entry,
    ...ownerOf(to),
    program: taken.program,
    pool: taken.pool,
    kind: 'allocate',
    delta: units,
    consumed: 0,
  });
  keepLess(from, part, units);
  keepMore(to, [taken]);
}

/** Takes from those whose turn is still to come, the last of them first. */
function takeFromOthers(run: Run, to: Standing, wanted: number): void {
  const program = run.books.programs.get(to.head.program);
  if (program === undefined) return;
  // What changes hands inside a program is within its limit already.
  const share = poolsFor(run.books, run.item).own.find((one) => one.program === program.id);
  let limitLeft = share?.limitLeft ?? Number.MAX_SAFE_INTEGER;
  const places = placesOfLine(run.books, program, to.head.line, run.item);
  let open = wanted;
  for (const from of run.lastFirst) {
    if (open <= 0) return;
    let spare = from === to ? 0 : from.units - from.secured;
    if (spare <= 0) continue;
    for (const part of from.allocations.toReversed()) {
      if (spare <= 0 || open <= 0) break;
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

function serve(run: Run, standing: Standing, upTo: number): void {
  const lacks = () => upTo - standing.units;
  if (lacks() > 0) drawFree(run, standing, lacks());
  if (lacks() > 0) takeFromOthers(run, standing, lacks());
  standing.secured = Math.max(standing.secured, Math.min(upTo, standing.units));
}

/** What each of them may have where all share what is in reach: their own units, those of later turns, and free ones. */
function fairTargets(run: Run, members: readonly Standing[], upTo: (standing: Standing) => number): number[] {
  const mine = new Set(members);
  const free = poolsFor(run.books, run.item).free;
  const stock = run.standings.reduce((sum, one) => sum + (mine.has(one) ? one.units : one.units - one.secured), free);
  return splitScarce(
    stock,
    members.map((one) => {
      const program = run.books.programs.get(one.head.program);
      return {
        id: one.key,
        priority: program?.priority ?? Number.MAX_SAFE_INTEGER,
        quantity: upTo(one),
        minimum: one.secured,
        weight: program?.weight ?? 1,
        pack: one.head.line.pack,
      };
    }),
  );
}

export function runTurns(run: Run): void {
  for (const turn of TURNS) {
    const members = run.standings.filter(({ strategy }) => strategy === turn.strategy);
    const upTo = (standing: Standing): number => Math.min(standing.wanted, standing[turn.upTo]);
    if (run.body.by === 'fairShare') {
      const targets = fairTargets(run, members, upTo);
      members.forEach((standing, index) => {
        serve(run, standing, targets[index] ?? 0);
      });
    }
    // What places and pools kept from one is there for the next.
    for (const standing of members) serve(run, standing, upTo(standing));
  }
  for (const standing of run.standings) {
    if (standing.strategy === 'lose')
      for (const part of standing.allocations) release(run, standing, part, part.quantity);
  }
}
