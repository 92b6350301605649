/**
 * Lines that take no part of what they want, in a re-confirmation: whole sets of a kit, all from one place, an order whole or not at
 * all. See reconfirm.ts.
 *
 * What others take of such a line before its turn leaves it broken for that while: at its turn it is made whole again, or gives up.
 */
import { freeOf, type ItemBook } from './books.ts';
import { drawForLine, isAllOrNothing } from './completeness.ts';
import { allocatedUnits, allocateSets, bookOf, drawOrderOf, promiseAt, sourcesOf } from './kits.ts';
import { allocateUnits } from './line-units.ts';
import type { Allocation, LocationId, Program } from './model.ts';
import { openUnits } from './order-lines.ts';
import {
  attempt,
  drawFree,
  type Holder,
  keepMore,
  ownerOf,
  type Run,
  release,
  releaseAll,
  type Standing,
  supplyOfStanding,
  takeFromOthers,
} from './reconfirm-hands.ts';

export const takesWhole = ({ rule }: Standing): boolean => rule !== 'split';

/** The lines of the run that stand or fall with one: of an order that wants all or nothing those of the item, else itself. */
export const membersOf = (run: Run, standing: Standing): readonly Standing[] =>
  (isAllOrNothing(standing.rule) ? run.ofOrder.get(standing.head.id) : undefined) ?? [standing];

const besideOf = (run: Run, { rule, head }: Standing): readonly Holder[] =>
  isAllOrNothing(rule) ? (run.beside.get(head.id) ?? []) : [];

const itemOf = (run: Run, { head }: Holder): ItemBook => bookOf(run.books, head.line.sku ?? '');

const unitsIn = (parts: readonly Allocation[]): number => parts.reduce((sum, { quantity }) => sum + quantity, 0);

/** It holds all that is open, and of a kit every component of it. */
function isWhole({ head: { line }, allocations }: Holder): boolean {
  const open = openUnits(line);
  if (line.components === undefined) return unitsIn(allocations) >= open;
  return line.components.every(
    ({ sku, quantity }) => unitsIn(allocations.filter((part) => part.sku === sku)) >= open * quantity,
  );
}

const areWhole = (run: Run, standing: Standing): boolean =>
  membersOf(run, standing).every(isWhole) && besideOf(run, standing).every(isWhole);

/** Takes a kit's line back to whole sets; where sets may not be mixed, place by place. */
export function trimSets(run: Run, holder: Standing): void {
  const { components } = holder.head.line;
  if (components === undefined) return;
  const places = holder.rule === 'split' ? [null] : [...new Set(holder.allocations.map(({ location }) => location))];
  for (const place of places) {
    const held = holder.allocations.filter(({ location }) => place === null || location === place);
    const partsOf = (sku: string) => held.filter((part) => part.sku === sku);
    const sets = Math.min(...components.map(({ sku, quantity }) => Math.floor(unitsIn(partsOf(sku)) / quantity)));
    for (const { sku, quantity } of components) {
      let surplus = unitsIn(partsOf(sku)) - sets * quantity;
      for (const part of partsOf(sku).toReversed()) {
        const units = Math.min(surplus, part.quantity);
        if (units > 0) release(run, holder, part, units);
        surplus -= units;
      }
    }
  }
}

type Ask = { readonly sets: number; readonly places: readonly LocationId[]; readonly takes: boolean };

/** Units of the item: free ones, then where the ask `takes` those of others. Answers how many. */
function addUnits(run: Run, to: Standing, units: number, { places, takes }: Ask): number {
  const before = to.units;
  const lacks = () => ({ units: units - (to.units - before), places });
  drawFree(run, to, lacks());
  if (takes && lacks().units > 0) takeFromOthers(run, to, lacks());
  return to.units - before;
}

/** Units of a line, or sets of a kit with all that they take, put together over these places. */
function addSets(run: Run, to: Standing, program: Program, ask: Ask): void {
  const { components } = to.head.line;
  if (components === undefined) {
    addUnits(run, to, ask.sets, ask);
    return;
  }
  const others = components.filter(({ sku }) => sku !== run.item.sku);
  const most = Math.min(
    ask.sets,
    ...others.map(({ sku, quantity }) =>
      Math.floor(promiseAt(run.books, bookOf(run.books, sku), program, ask.places) / quantity),
    ),
  );
  if (most <= 0) return;
  let fewer = most;
  const whole = attempt(run, [run.item], () => {
    const units = addUnits(run, to, most * to.perSet, ask);
    fewer = Math.floor(units / to.perSet);
    return units === most * to.perSet ? true : null;
  });
  // A part of a set is no use: as many as there are whole.
  if (whole === null) addUnits(run, to, fewer * to.perSet, ask);
  for (const { sku, quantity } of others) {
    const source = bookOf(run.books, sku);
    const drawOrder = drawOrderOf(run.books, source, program);
    const wanted = fewer * quantity;
    const want = { ...ownerOf(to), program, wanted, places: ask.places, drawOrder };
    keepMore(
      run,
      to,
      allocateUnits(source, run.books, run.command, want).map((part) => ({ ...part, sku })),
    );
  }
}

const setsLacking = ({ units, perSet }: Standing, upTo: number): number => Math.floor((upTo - units) / perSet);

/** Whole sets of a kit up to so many units of the item; free ones lie together as far as they can. */
export function serveSets(run: Run, to: Standing, upTo: number): void {
  trimSets(run, to);
  const program = run.books.programs.get(to.head.program);
  const parts = to.head.line.components;
  if (program === undefined || parts === undefined) return;
  const places = supplyOfStanding(run, to);
  const lacking = () => setsLacking(to, upTo);
  if (lacking() > 0) {
    const isMixed = to.rule === 'split';
    const ask = { ...ownerOf(to), program, parts, places, wanted: lacking(), isMixed };
    keepMore(run, to, allocateSets(run.books, run.command, ask));
  }
  for (const where of to.rule === 'split' ? [places] : places.map((place) => [place]))
    if (lacking() > 0) addSets(run, to, program, { sets: lacking(), places: where, takes: true });
}

/** All of a line from one place: the one where it is, then by preference; of what is free before what others have. */
function fillAtOnePlace(run: Run, to: Standing, program: Program): boolean {
  const supply = supplyOfStanding(run, to);
  const held = supply.filter((place) => to.allocations.some(({ location }) => location === place));
  const places = [...new Set([...held, ...supply])];
  const sources = sourcesOf(run.books, to.head.line, itemOf(run, to));
  return [false, true].some((takes) =>
    places.some((place) => {
      const filled = attempt(run, sources, () => {
        for (const part of to.allocations) if (part.location !== place) release(run, to, part, part.quantity);
        trimSets(run, to);
        addSets(run, to, program, { sets: setsLacking(to, to.wanted), places: [place], takes });
        return isWhole(to) ? true : null;
      });
      return filled === true;
    }),
  );
}

function fillStanding(run: Run, to: Standing): boolean {
  const program = run.books.programs.get(to.head.program);
  if (isWhole(to)) return true;
  if (program === undefined) return false;
  if (to.rule === 'onePlace') return fillAtOnePlace(run, to, program);
  if (to.head.line.components !== undefined) serveSets(run, to, to.wanted);
  else addSets(run, to, program, { sets: to.wanted - to.units, places: supplyOfStanding(run, to), takes: true });
  return isWhole(to);
}

/** A line of another item takes free units alone. */
function fillBeside(run: Run, to: Holder, rule: Standing['rule']): boolean {
  if (isWhole(to)) return true;
  const line = { ...to.head.line, allocations: to.allocations };
  const wanted = openUnits(line) - allocatedUnits(line);
  const ask = { order: to.head, line, item: itemOf(run, to), wanted, rule };
  keepMore(run, to, drawForLine(run.books, run.command, ask));
  return isWhole(to);
}

/** At most so many units of the item can be had: what is free anywhere, and what nobody has secured. */
function unitsInReach(run: Run): number {
  let units = 0;
  freeOf(run.books, run.item).forEach((free) => {
    units += Math.max(0, free);
  });
  for (const standing of run.standings) units += standing.units - standing.secured;
  return units;
}

const wantedBy = (members: readonly Standing[]): number => members.reduce((sum, each) => sum + each.wanted, 0);

/** Makes whole what stands or falls with a line, and secures it; false, and nothing has moved, where there is not enough. */
export function fillWhole(run: Run, standing: Standing): boolean {
  const members = membersOf(run, standing);
  const beside = besideOf(run, standing);
  if (!areWhole(run, standing)) {
    // What cannot be had at all is not tried: thousands may wait for all of what is not there.
    if (unitsInReach(run) < wantedBy(members)) return false;
    const sources = [...members, ...beside].flatMap(({ head }) =>
      sourcesOf(run.books, head.line, bookOf(run.books, head.line.sku ?? '')),
    );
    const filled = attempt(run, [run.item, ...sources], () =>
      members.every((each) => fillStanding(run, each)) && beside.every((each) => fillBeside(run, each, standing.rule))
        ? true
        : null,
    );
    if (filled === null) return false;
  }
  for (const each of members) each.secured = each.units;
  return true;
}

/** What stands or falls with a line has nothing any more. */
export function giveUp(run: Run, standing: Standing): void {
  for (const each of [...membersOf(run, standing), ...besideOf(run, standing)]) releaseAll(run, each);
}

/** Nothing is left broken: who was not made whole in any turn gives up. */
export function endWhole(run: Run): void {
  for (const standing of run.standings) {
    if (!takesWhole(standing)) trimSets(run, standing);
    else if (!areWhole(run, standing)) giveUp(run, standing);
  }
}
