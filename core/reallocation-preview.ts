/**
 * What a reallocation would do, before anybody does it: who gains, who is harmed, and by how much.
 *
 * Guarantees: pure; every figure is what `decide` itself answers, once without the move and once with it, on the same state. Lines
 * that wait are compared by what they would get of the next units to come, as many as all of them lack.
 */
import { freeOf, openBooks, poolsFor } from './books.ts';
import type { Command, CommandBody, ReallocateCommand } from './command.ts';
import { decide } from './decide.ts';
import { promisableTo } from './draw.ts';
import type { Instant, LocationId, OrderId, PoolId, ProgramId, Sku, StockMaster } from './model.ts';
import type { Pools } from './pools.ts';
import { type Change, dateChangesOf } from './reallocation-dates.ts';
import { harmOf, type ReallocationPreview } from './reallocation-harm.ts';
import { applyFacts } from './replay.ts';
import type { Outcome, ShortLine, State } from './state.ts';

export type { Change, ReallocationPreview };

export type Refusal = Extract<Outcome, { kind: 'parked' }>;

type Case = { readonly state: State; readonly next: State };

const commandOf = (id: number, body: CommandBody, now: Instant): Command => ({
  id,
  occurredAt: now,
  recordedAt: now,
  actor: 'preview',
  body,
});

/** Where the next units come in: a place that sells, the donor's before the receiver's. */
function nextPlace(state: State, pools: readonly PoolId[]): { id: LocationId; master: StockMaster } | undefined {
  const places = pools.flatMap((pool) => state.policy.programs.find(({ id }) => id === pool)?.locations ?? []);
  const selling = state.locations.filter(({ sells }) => sells);
  return places.flatMap((id) => selling.filter((place) => place.id === id))[0] ?? selling[0];
}

function play(state: State, body: CommandBody, next: CommandBody | null, now: Instant): Case | Refusal {
  const facts = decide(state, [commandOf(1, body, now)], now);
  const refused = facts.outcomes.find((outcome) => outcome.kind === 'parked');
  if (refused !== undefined) return refused;
  const after = applyFacts(state, facts);
  if (next === null) return { state: after, next: after };
  return { state: after, next: applyFacts(after, decide(after, [commandOf(2, next, now)], now)) };
}

/** The pools of an item as `decide` sees them. */
export function poolsIn(state: State, sku: Sku, now: Instant): Pools {
  const books = openBooks(state, now);
  const item = books.items.get(sku);
  return item === undefined ? { free: 0, own: [], placed: [], shared: 0 } : poolsFor(books, item);
}

type Figures = { readonly units: number; readonly left: number; readonly promise: number };

function figuresOf(
  state: State,
  sku: string,
  now: Instant,
): { readonly shared: number; readonly of: Map<ProgramId, Figures> } {
  const books = openBooks(state, now);
  const item = books.items.get(sku);
  if (item === undefined) return { shared: 0, of: new Map() };
  const free = freeOf(books, item);
  const pools = poolsFor(books, item, free);
  const ids = [...new Set([...books.programs.keys(), ...pools.own.map(({ program }) => program)])].sort();
  const of = ids.map((id): [ProgramId, Figures] => {
    const { units, remaining: left } = pools.own.find(({ program }) => program === id) ?? { units: 0, remaining: 0 };
    const known = books.programs.get(id);
    const promise = known === undefined ? { own: 0, shared: 0 } : promisableTo(known, pools, free);
    return [id, { units, left, promise: promise.own + promise.shared }];
  });
  return { shared: pools.shared, of: new Map(of) };
}

const NONE: Figures = { units: 0, left: 0, promise: 0 };

function programsOf(
  before: Case,
  after: Case,
  sku: string,
  now: Instant,
): Pick<ReallocationPreview, 'shared' | 'programs'> {
  const [was, is] = [figuresOf(before.state, sku, now), figuresOf(after.state, sku, now)];
  const programs = [...was.of].map(([program, one]) => {
    const other = is.of.get(program) ?? NONE;
    const change = (key: keyof Figures): Change => ({ before: one[key], after: other[key] });
    return { program, units: change('units'), left: change('left'), promise: change('promise') };
  });
  return { shared: { before: was.shared, after: is.shared }, programs };
}

/** Of the item, and of the kits that it is part of. */
function listingsOf(before: Case, after: Case): ReallocationPreview['listings'] {
  const shownIn = new Map(
    after.state.items.flatMap(({ listings }) => listings.map(({ id, target }) => [id, target?.quantity ?? 0])),
  );
  return before.state.items.flatMap(({ sku, listings }) =>
    listings.map(({ id, channel, listingRef, target }) => ({
      listing: id,
      sku,
      channel,
      listingRef,
      shown: { before: target?.quantity ?? 0, after: shownIn.get(id) ?? 0 },
    })),
  );
}

/** Lines that wait for the item, or for a kit that it is part of. */
const shortsIn = (state: State): readonly ShortLine[] => state.items.flatMap(({ shorts }) => shorts);

const lineKey = (id: OrderId, lineRef: string): string => `${id} ${lineRef}`;

const shortOf = (state: State): Map<string, number> =>
  new Map(shortsIn(state).map(({ id, line }) => [lineKey(id, line.lineRef), line.short]));

function waitingOf(before: Case, after: Case, dueOf: ReadonlyMap<OrderId, Instant>): ReallocationPreview['waiting'] {
  const [nextBefore, nextAfter] = [shortOf(before.next), shortOf(after.next)];
  return shortsIn(before.state).flatMap(({ id, channel, program, placedAt, line }) => {
    const key = lineKey(id, line.lineRef);
    // What the move itself fills at once counts as got.
    const gotOf = (left: ReadonlyMap<string, number>): number => line.short - (left.get(key) ?? 0);
    const gets = { before: gotOf(nextBefore), after: gotOf(nextAfter) };
    if (gets.before === gets.after) return [];
    const dueAt = dueOf.get(id) ?? null;
    return [{ orderId: id, lineRef: line.lineRef, channel, program, placedAt, dueAt, short: line.short, gets }];
  });
}

/** Units of the item that all who wait lack together. */
const lackedOf = (state: State, sku: Sku): number =>
  shortsIn(state).reduce((sum, { line }) => {
    const perUnit = line.sku === sku ? 1 : (line.components?.find((part) => part.sku === sku)?.quantity ?? 0);
    return sum + line.short * perUnit;
  }, 0);

/**
 * `state` must hold the item, and the kits that it is part of, with listings and short lines; it is not changed. `dueOf`: by when orders have to be shipped, where
 * that is known. Answers why, where the move is refused.
 */
export function previewReallocation(
  state: State,
  body: ReallocateCommand,
  now: Instant,
  dueOf: ReadonlyMap<OrderId, Instant> = new Map(),
): { readonly preview: ReallocationPreview } | { readonly refused: Refusal } {
  const { sku } = body;
  const place = nextPlace(state, [body.from, body.to]);
  const nextUnits = lackedOf(state, sku);
  const next: CommandBody | null =
    place === undefined || nextUnits === 0
      ? null
      : {
          kind: 'receive',
          sku,
          location: place.id,
          quantity: nextUnits,
          disposition: 'sellable',
          source: place.master,
        };
  const before = play(state, { kind: 'review', sku }, next, now);
  if ('reason' in before) return { refused: before };
  const after = play(state, body, next, now);
  if ('reason' in after) return { refused: after };
  const { shared, programs } = programsOf(before, after, sku, now);
  const promiseOf = new Map(programs.map(({ program, promise }) => [program, promise]));
  const sellers = new Set(state.items.flatMap((item) => item.listings.map(({ channel }) => channel)));
  const channels = state.channels
    .filter(({ id }) => sellers.has(id))
    .map(({ id, program }) => ({ channel: id, program, promise: promiseOf.get(program) ?? { before: 0, after: 0 } }));
  const figures = {
    shared,
    programs,
    channels,
    listings: listingsOf(before, after),
    waiting: waitingOf(before, after, dueOf),
    nextUnits,
    ...dateChangesOf(before.state, after.state, sku, now),
  };
  return { preview: { ...figures, harm: harmOf(figures, { now, until: body.until }) } };
}
