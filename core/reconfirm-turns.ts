/** The turns of a re-confirmation, played on books that nobody keeps: who is served before whom, and from what. See reconfirm.ts. */
import { freeOf, poolsFor } from './books.ts';
import type { Strategy } from './command.ts';
import { lackingLots } from './lot-book.ts';
import { mayUse, totalAt } from './lot-goods.ts';
import type { Allocation } from './model.ts';
import {
  drawFree,
  isOfItem,
  type Run,
  release,
  type Standing,
  supplyOfStanding,
  takeFromOthers,
} from './reconfirm-hands.ts';
import { endWhole, fillWhole, giveUp, membersOf, serveSets, takesWhole } from './reconfirm-whole.ts';
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

/** Units of lots that a line may not have any more, and those that their lot lacks, the last served first. */
function clearLots(run: Run): void {
  const { books, item, lastFirst } = run;
  if (item.lots === null) return;
  for (const standing of lastFirst) {
    const program = books.programs.get(standing.head.program);
    if (program === undefined) continue;
    for (const part of standing.allocations) {
      if (isOfItem(run, standing, part) && !mayUse(item, program, part.lot, books.now))
        release(run, standing, part, part.quantity);
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
    for (const part of standing.allocations.toReversed()) {
      if (missing <= 0) return;
      if (!isOfItem(run, standing, part) || !isMeant(part)) continue;
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

function serve(run: Run, standing: Standing, upTo: number): void {
  if (standing.head.line.components === undefined) {
    const places = supplyOfStanding(run, standing);
    const lacks = () => ({ units: upTo - standing.units, places });
    if (lacks().units > 0) drawFree(run, standing, lacks());
    if (lacks().units > 0) takeFromOthers(run, standing, lacks());
  } else serveSets(run, standing, upTo);
  standing.secured = Math.max(standing.secured, Math.min(upTo, standing.units));
}

/** Claims that are served as one: the lines of an order that wants all or nothing, else one line. */
type Party = { readonly first: Standing; readonly members: readonly Standing[]; readonly wanted: number };

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Those of a strategy, first served first, with the units that a turn serves each up to; who had no whole keeps no part of one. */
function partiesOf(run: Run, { strategy, upTo }: (typeof TURNS)[number]): Party[] {
  const seen = new Set<Standing>();
  return run.standings.flatMap((first) => {
    if (first.strategy !== strategy || seen.has(first)) return [];
    const members = membersOf(run, first);
    for (const each of members) seen.add(each);
    const wanted = sumOf(members.map((each) => Math.min(each.wanted, each[upTo])));
    const isPart = takesWhole(first) && wanted < sumOf(members.map((each) => each.wanted));
    return [{ first, members, wanted: isPart ? 0 : wanted }];
  });
}

/** What each of them may have where all share what is in reach: their own units, those of later turns, and free ones. */
function fairTargets(run: Run, parties: readonly Party[]): number[] {
  const mine = new Set(parties.flatMap(({ members }) => members));
  const free = poolsFor(run.books, run.item).free;
  const stock = run.standings.reduce((sum, one) => sum + (mine.has(one) ? one.units : one.units - one.secured), free);
  return splitScarce(
    stock,
    parties.map(({ first, members, wanted }) => {
      const program = run.books.programs.get(first.head.program);
      return {
        id: first.key,
        priority: program?.priority ?? Number.MAX_SAFE_INTEGER,
        quantity: wanted,
        minimum: sumOf(members.map(({ secured }) => secured)),
        weight: program?.weight ?? 1,
        // All or nothing is one pack: to refuse them one by one, as `isAllOrNothing` does, takes too long for thousands.
        pack: takesWhole(first) ? Math.max(1, wanted) : first.head.line.pack * first.perSet,
      };
    }),
  );
}

export function runTurns(run: Run): void {
  for (const turn of TURNS) {
    const parties = partiesOf(run, turn);
    if (run.body.by === 'fairShare') {
      const targets = fairTargets(run, parties);
      parties.forEach(({ first, wanted }, index) => {
        const target = targets[index] ?? 0;
        if (!takesWhole(first)) serve(run, first, target);
        else if (wanted > 0 && target === wanted) fillWhole(run, first);
      });
    }
    // What places and pools kept from one is there for the next.
    for (const { first, wanted } of parties) {
      if (!takesWhole(first)) serve(run, first, wanted);
      else if (wanted > 0 && !fillWhole(run, first)) giveUp(run, first);
    }
  }
  for (const standing of run.standings) if (standing.strategy === 'lose') giveUp(run, standing);
  endWhole(run);
}
