/**
 * Who may draw how much of an item, now or at a past moment; of a kit, how many sets, out of the pools of its components.
 *
 * Guarantees: made from the ledgers alone, summed up to the moment, under the policy that was in force then; so the present is told by
 * the same way as the past. Groups of an item, what a kit is made of, and which places sell, are those of today: they have no history.
 */
import { sql } from 'drizzle-orm';
import { type Drawn, type DrawnRows, drawnOf, filled, withDrawn } from '#core/drawn.ts';
import { kitInputsBy } from '#core/kits.ts';
import { freeByLot, openLots } from '#core/lot-book.ts';
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
import {
  type FreeByLocation,
  type PooledItem,
  type Pools,
  poolsOf,
  promisableTo,
  protectedFrom,
  unfilledPools,
} from '#core/pools.ts';
import { type KitInputs, setsOf } from '#core/publish.ts';
import type { ItemLots } from '#core/state.ts';
import type { Queries } from './client.ts';
import { list } from './list.ts';
import { readLotsAt } from './lots.ts';
import { readComponents } from './reach.ts';

export type PlacePool = Pick<PlaceShare, 'location' | 'units' | 'consumed' | 'remaining'> & {
  readonly rule: string;
  readonly protects: 'core' | 'prioritised';
};

export type ProgramPool = {
  readonly program: ProgramId;
  readonly drawOrder: string;
  readonly priority: number;
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

type Place = PoolsExplanation['places'][number];

const upTo = (at: Instant) => sql`to_timestamp(${at} / 1000.0)`;

const readPlaces = (db: Queries, sku: Sku, at: Instant): Promise<Place[]> =>
  db.rows<Place>(sql`
    select l.id as location, coalesce(s.sellable, 0)::int as sellable, coalesce(p.allocated, 0)::int as allocated, coalesce(p.held, 0)::int as held
    from location l
      left join (select location, sum(delta) as sellable from stock_entry e join batch b on b.id = e.batch_id
        where e.sku = ${sku} and e.disposition = 'sellable' and b.decided_at <= ${upTo(at)} group by location) s on s.location = l.id
      left join (select location, sum(delta) as allocated, sum(held) as held from promise_entry e join batch b on b.id = e.batch_id
        where e.sku = ${sku} and b.decided_at <= ${upTo(at)} group by location) p on p.location = l.id
    where l.sells order by l.id collate "C"`);

type DrawnRow = Drawn & { readonly program: ProgramId; readonly location: LocationId | null };

/**
 * A refill keeps what was taken by then, of its program and of all: entries are numbered in the order of their item. A pool of one
 * place has a row of its own for what is drawn of it.
 */
const readDrawn = (db: Queries, sku: Sku, at: Instant): Promise<DrawnRow[]> =>
  db.rows<DrawnRow>(sql`
    with entry as materialized (
        select e.id, e.program, e.location, e.pool, case when e.pool = 'place' then '' else e.kind end as kind, e.consumed,
          e.held + case when e.kind in ('allocate', 'release') then e.delta else 0 end as taken
        from promise_entry e join batch b on b.id = e.batch_id where e.sku = ${sku} and b.decided_at <= ${upTo(at)}),
      fill as (select program, max(id) as id from entry where kind = 'refill' group by program)
    select e.program, null as location, sum(case when e.pool = 'place' then 0 else e.consumed end)::int as consumed,
      sum(e.taken)::int as taken,
      coalesce(sum(e.taken) filter (where e.id < f.id), 0)::int as "takenAtFill",
      coalesce((select sum(a.taken) from entry a where a.id < f.id), 0)::int as "allTakenAtFill", f.id is not null as "isFilled"
    from entry e left join fill f on f.program = e.program group by e.program, f.id
    union all
    select e.program, e.location, sum(e.consumed)::int, 0, 0, 0, false from entry e where e.pool = 'place' group by e.program, e.location
    order by program, location nulls first`);

const readMoves = (db: Queries, sku: Sku, at: Instant): Promise<Move[]> =>
  db.rows<Move>(sql`
    select id, from_pool as "from", to_pool as "to", units, until from reallocation
    where sku = ${sku} and applied_at <= ${upTo(at)} and (closed_at is null or closed_at > ${upTo(at)}) order by id`);

const readPolicy = async (db: Queries, at: Instant): Promise<Policy | null> => {
  const [row] = await db.rows<{ version: number; body: Omit<Policy, 'version'> }>(sql`
    select version, body from policy where created_at <= ${upTo(at)} order by version desc limit 1`);
  return row === undefined ? null : { ...row.body, version: row.version };
};

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
      const { program, priority, units, consumed, remaining, limitLeft } = share;
      const nothing = { drawOrder: 'none', taken: 0, promise: { own: 0, shared: 0 }, closedTo: [] };
      return {
        ...nothing,
        program,
        priority,
        rule: sayPoolRule(share),
        protects: 'core',
        units,
        consumed,
        remaining,
        limitLeft,
      };
    });

function freeAt(places: readonly Place[], lots: ItemLots | undefined, policy: Policy, at: Instant): FreeByLocation {
  const totals = places.map(({ location, sellable, allocated, held }) => ({
    location,
    total: { onHand: sellable, promised: allocated + held },
  }));
  const book = openLots(lots);
  return book === null
    ? new Map(totals.map(({ location, total }) => [location, total.onHand - total.promised]))
    : freeByLot(book, totals, policy, at);
}

/** An item as its pools stood at a moment. */
type Standing = {
  readonly policy: Policy;
  readonly item: PooledItem & { readonly moves: readonly Move[] };
  readonly places: readonly Place[];
  readonly free: FreeByLocation;
  readonly pools: Pools;
};

async function readStanding(
  db: Queries,
  policy: Policy,
  { sku, groups }: { readonly sku: Sku; readonly groups: readonly string[] },
  at: Instant,
): Promise<Standing> {
  const [places, drawnRows, moves, lots] = await Promise.all([
    readPlaces(db, sku, at),
    readDrawn(db, sku, at),
    readMoves(db, sku, at),
    readLotsAt(db, sku, at),
  ]);
  const before = drawnRows.map(({ location, ...row }) => (location === null ? row : { ...row, location }));
  // As the next decision on the item will see it: a pool that was never filled begins with what is there.
  let drawn: DrawnRows = before;
  for (const program of unfilledPools(policy, { sku, groups, drawn }, at))
    drawn = withDrawn(drawn, filled(before, program));
  const item = { sku, groups, drawn, moves };
  const free = freeAt(places, lots, policy, at);
  return { policy, item, places, free, pools: poolsOf(policy, item, free, at) };
}

const byPriority = (policy: Policy): Program[] =>
  [...policy.programs].sort((a, b) => a.priority - b.priority || (a.id < b.id ? -1 : 1));

function poolsIn({ policy, item, places, free, pools }: Standing, at: Instant): PoolsExplanation {
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
    places,
    free: pools.free,
    shared: pools.shared,
    pools: [...told, ...nobodysPools(policy, pools)],
    moves: item.moves,
    nextChangeAt: nextPoolChange(policy, item, pools, at),
  };
}

/** As a number of the kit is made: from the same promises, by the same rule of what makes a set. */
function setsFor(program: Program, components: readonly Component[], parts: ReadonlyMap<Sku, Standing>): ProgramSets {
  const inputs = kitInputsBy(
    (sku, locations) => {
      const part = parts.get(sku);
      if (part === undefined) return 0;
      const { own, shared } = promisableTo({ ...program, locations }, part.pools, part.free);
      return own + shared;
    },
    components,
    program.completeness,
    program.locations,
  );
  const { id, priority, completeness = 'split' } = program;
  return { program: id, priority, completeness, sets: setsOf(inputs), ...inputs };
}

type Known = { readonly sku: Sku; readonly groups: readonly string[] };

/** Null where the item is not known, or no policy was in force yet. */
export async function explainPools(
  db: Queries,
  sku: Sku,
  at: Instant,
): Promise<PoolsExplanation | KitPoolsExplanation | null> {
  const [policy, kits] = await Promise.all([readPolicy(db, at), readComponents(db, [sku])]);
  const components = kits.get(sku) ?? null;
  const skus = components === null ? [sku] : components.map((part) => part.sku);
  const known = await db.rows<Known>(sql`select sku, groups from item where sku = any(${list(skus)})`);
  if (policy === null || known.length < skus.length) return null;
  const standings = await Promise.all(known.map((one) => readStanding(db, policy, one, at)));
  const parts = new Map(standings.map((standing) => [standing.item.sku, standing]));
  const told = (one: Sku): PoolsExplanation[] => {
    const standing = parts.get(one);
    return standing === undefined ? [] : [poolsIn(standing, at)];
  };
  if (components === null) return told(sku)[0] ?? null;
  return {
    sku,
    at,
    policyVersion: policy.version,
    components,
    programs: byPriority(policy).map((program) => setsFor(program, components, parts)),
    pools: skus.flatMap(told),
  };
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
