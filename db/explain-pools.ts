/**
 * Who may draw how much of an item, now or at a past moment; of a kit, how many sets, out of the pools of its components.
 *
 * Guarantees: made from the ledgers alone, summed up to the moment, under the policy that was in force then; so the present is told by
 * the same way as the past. Groups of an item, what a kit is made of, and which places sell, are those of today: they have no history.
 */
import { type Books, freeOf, type ItemBook, openBooks, poolsFor } from '#core/books.ts';
import { promisableTo, protectedFrom } from '#core/draw.ts';
import { drawnOf } from '#core/drawn.ts';
import { rowAt } from '#core/item-book.ts';
import { bookOf, kitInputs } from '#core/kits.ts';
import type {
  Completeness,
  Component,
  Instant,
  LocationId,
  Move,
  Policy,
  Program,
  ProgramId,
  Sku,
} from '#core/model.ts';
import type { PlaceShare, Protection } from '#core/place-pools.ts';
import { nextPoolChange } from '#core/pool-units.ts';
import { sayPoolRule } from '#core/pool-words.ts';
import type { Pools } from '#core/pools.ts';
import { type KitInputs, setsOf } from '#core/publish.ts';
import type { Queries } from './client.ts';
import { readStateAt } from './past-state.ts';

export type PlacePool = Pick<PlaceShare, 'location' | 'units' | 'consumed' | 'remaining'> & {
  readonly rule: string;
  readonly protects: 'core' | 'prioritised';
};

export type ProgramPool = {
  readonly program: ProgramId;
  readonly drawOrder: string;
  /** Null of a pool of nobody's, which takes no turn. */
  readonly priority: number | null;
  /** The rule in words; null where the program protects and limits nothing. */
  readonly rule: string | null;
  readonly protects: 'core' | 'prioritised' | null;
  readonly units: number;
  readonly consumed: number;
  readonly remaining: number;
  /** Of any pool, over all time. */
  readonly taken: number;
  readonly limitLeft: number | null;
  /** What it could be given at the moment. */
  readonly promise: { readonly own: number; readonly shared: number };
  /** Of others, and closed to it. */
  readonly closedTo: readonly Protection[];
  /** Its pools of one place, beside the one above; absent without any. */
  readonly places?: readonly PlacePool[];
};

export type PoolsExplanation = {
  readonly sku: Sku;
  readonly at: Instant;
  readonly policyVersion: number;
  readonly places: readonly {
    readonly location: LocationId;
    readonly sellable: number;
    readonly allocated: number;
    readonly held: number;
  }[];
  readonly free: number;
  readonly shared: number;
  readonly pools: readonly ProgramPool[];
  readonly moves: readonly Move[];
  /** When time alone changes them next. */
  readonly nextChangeAt: Instant | null;
};

/** Sets of a kit that a program may take, and what they are made of. */
export type ProgramSets = KitInputs & {
  readonly program: ProgramId;
  readonly priority: number;
  readonly completeness: Completeness;
  readonly sets: number;
};

/** A kit has no pools of its own: a program takes sets out of those of its components. */
export type KitPoolsExplanation = Pick<PoolsExplanation, 'sku' | 'at' | 'policyVersion'> & {
  readonly components: readonly Component[];
  readonly programs: readonly ProgramSets[];
  /** Of each component. */
  readonly pools: readonly PoolsExplanation[];
};

export const isOfKit = (known: PoolsExplanation | KitPoolsExplanation): known is KitPoolsExplanation =>
  'components' in known;

function placesOf(program: ProgramId, pools: Pools): Pick<ProgramPool, 'places'> {
  const places = pools.placed
    .filter((share) => share.program === program)
    .map((share): PlacePool => {
      const { location, units, consumed, remaining, rule } = share;
      return { location, units, consumed, remaining, rule: sayPoolRule(share), protects: rule.protects ?? 'core' };
    });
  return places.length === 0 ? {} : { places };
}

/** Pools of nobody's (the emergency pool) belong to no program. */
const nobodysPools = (policy: Policy, pools: Pools): ProgramPool[] =>
  pools.own
    .filter(({ program }) => !policy.programs.some(({ id }) => id === program))
    .map((share): ProgramPool => {
      const { program, units, consumed, remaining, limitLeft } = share;
      const nothing = { drawOrder: 'none', priority: null, taken: 0, promise: { own: 0, shared: 0 }, closedTo: [] };
      return {
        ...nothing,
        program,
        rule: sayPoolRule(share),
        protects: 'core',
        units,
        consumed,
        remaining,
        limitLeft,
      };
    });

const byPriority = (policy: Policy): Program[] =>
  [...policy.programs].sort((a, b) => a.priority - b.priority || (a.id < b.id ? -1 : 1));

function poolsIn(books: Books, item: ItemBook, at: Instant): PoolsExplanation {
  const { policy } = books;
  const free = freeOf(books, item);
  const pools = poolsFor(books, item, free);
  const own = new Map(pools.own.map((share) => [share.program, share]));
  const told = byPriority(policy).map((program): ProgramPool => {
    const share = own.get(program.id);
    return {
      program: program.id,
      drawOrder: program.drawOrder,
      priority: program.priority,
      rule: share === undefined ? null : sayPoolRule(share),
      protects: share === undefined ? null : (share.rule.protects ?? 'core'),
      units: share?.units ?? 0,
      consumed: share?.consumed ?? 0,
      remaining: share?.remaining ?? 0,
      taken: drawnOf(item.drawn, program.id).taken,
      limitLeft: share?.limitLeft ?? null,
      promise: promisableTo(program, pools, free),
      closedTo: protectedFrom(program, pools),
      ...placesOf(program.id, pools),
    };
  });
  return {
    sku: item.sku,
    at,
    policyVersion: policy.version,
    places: books.places.selling.map((location) => ({ ...rowAt(books.places, item.places, location) })),
    free: pools.free,
    shared: pools.shared,
    pools: [...told, ...nobodysPools(policy, pools)],
    moves: item.moves,
    nextChangeAt: nextPoolChange(policy, item, pools, at),
  };
}

/** Null where the item is not known, or no policy was in force yet. */
export async function explainPools(
  db: Queries,
  sku: Sku,
  at: Instant,
): Promise<PoolsExplanation | KitPoolsExplanation | null> {
  const state = await readStateAt(db, [sku], at);
  if (state === null) return null;
  const books = openBooks(state, at);
  const item = books.items.get(sku);
  if (item === undefined) return null;
  const { components } = item;
  if (components === null) return poolsIn(books, item, at);
  const programs = byPriority(books.policy).map((program): ProgramSets => {
    const { id, priority, completeness = 'split', locations } = program;
    const inputs = kitInputs(books, components, program, locations);
    return { program: id, priority, completeness, sets: setsOf(inputs), ...inputs };
  });
  const pools = components.map((part) => poolsIn(books, bookOf(books, part.sku), at));
  return { sku, at, policyVersion: books.policy.version, components, programs, pools };
}

/** What a program may take now: units, or sets of a kit; null where the policy does not know it. */
export function mayTake(
  known: PoolsExplanation | KitPoolsExplanation | null,
  program: ProgramId | null,
): number | null {
  if (known === null) return null;
  if (isOfKit(known)) return known.programs.find((one) => one.program === program)?.sets ?? null;
  const pool = known.pools.find((one) => one.program === program);
  return pool === undefined ? null : pool.promise.own + pool.promise.shared;
}
